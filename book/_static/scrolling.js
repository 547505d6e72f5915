// What scrolls sideways is a stop of the Tab key, so that the arrow keys can scroll it; what does not scroll is none.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const watched = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const wide = ".bd-article :is(pre, table, .math, .cell_output, .cell_output div)";
  for (const element of document.querySelectorAll(wide)) {
    if (getComputedStyle(element).overflowX === "auto") watched.observe(element);
  }
});
