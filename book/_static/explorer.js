// An explorer without a kernel: its controls choose among pictures that were drawn when the book was built.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const explorer of document.querySelectorAll("figure.explorer")) {
    const { folder, frames } = JSON.parse(explorer.dataset.frames);
    const controls = [...explorer.querySelectorAll("select, input")];
    const [picture, status] = [explorer.querySelector("img"), explorer.querySelector("[role=status]")];
    const place = (control) => {
      if (control.type === "checkbox") return Number(control.checked);
      return control.type === "range" ? Number(control.value) : control.selectedIndex;
    };
    const value = (control) => {
      if (control.type === "checkbox") return control.checked ? "on" : "off";
      return control.type === "range" ? JSON.parse(control.dataset.values)[control.value] : control.value;
    };
    const show = () => {
      for (const control of controls.filter((each) => each.type === "range")) {
        control.setAttribute("aria-valuetext", value(control));
        control.parentElement.querySelector("output").textContent = value(control);
      }
      const [file, said] = frames[controls.map(place).join("-")];
      status.textContent = said;
      status.classList.toggle("refused", file === null);
      if (file === null) return; // the last picture stays, as in JupyterLab
      picture.src = `${folder}/${file}`;
      const set = controls.map((control) => `${control.parentElement.querySelector("span").textContent} ${value(control)}`);
      picture.alt = `${set.join(", ")}: ${said}`; // one sentence may fit two pictures
    };
    controls.forEach((control) => control.addEventListener("input", show));
    show(); // a browser may keep what was chosen before a page was loaded again
  }
});
