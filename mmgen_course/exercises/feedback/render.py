"""Renders a verdict for a person to read, as HTML for a notebook and as plain text.

In both stand the same sentences and the same tables; pictures are of HTML alone. No information is in a colour alone.
"""

import base64
from html import escape
from io import BytesIO
from itertools import zip_longest

import PIL.Image
from einops import rearrange
from torch import Tensor

from mmgen_course.exercises import Verdict
from mmgen_course.exercises.feedback.evidence import Table, evidence
from mmgen_course.exercises.feedback.pictures import Picture

MARK = "≠"  # at a cell that is not as expected
HEADINGS = {
    "right": "✓ right",
    "wrong": "✗ not yet",
    "error": "✗ stopped with an error",
    "timeout": "✗ took too long",
    "not done": "○ not done yet",
}
# white on these, and these on white, have a contrast of at least 5 to 1
COLOURS = {"right": "#007A5E", "not done": "#5A5A5A"}
WRONG = "#B3261E"
# JupyterLab's colours where it shows the verdict; elsewhere what the page has
SHADE = "var(--jp-layout-color2, rgba(127, 127, 127, 0.15))"
LINE = "var(--jp-border-color1, #8a8a8a)"
PARAGRAPH = "margin: 4px 0; max-width: 760px; overflow-wrap: anywhere"
CELL = "padding: 2px 8px; text-align: right; border: 1px solid transparent; white-space: nowrap"


class Feedback:
    """A verdict, and how far the lesson is, as text and as HTML.

    Example:
        >>> from mmgen_course.exercises import all_exercises, mark
        >>> exercise = all_exercises()["elbo_per_image"]
        >>> Feedback(mark(exercise, lambda pixels, terms: pixels[0, 0])).head
        'elbo_per_image: ✗ not yet, 0 of 3 points'
    """

    def __init__(self, verdict: Verdict, progress: str = "") -> None:
        self.verdict, self.progress = verdict, progress
        self.evidence = evidence(verdict.expected, verdict.got, verdict.exercise.tolerance)
        self.head = f"{verdict.exercise.name}: {HEADINGS[verdict.state]}, "
        self.head += f"{verdict.points} of {verdict.exercise.points} points"

    def sentences(self) -> list[tuple[str, str]]:
        """What was asked, what the answer gave, what helps: each with the words that it begins with."""
        verdict = self.verdict
        found = [] if verdict.state == "right" else [("Asked for", _ended(verdict.exercise.asks))]
        if verdict.reason and verdict.state != "not done":
            compared = verdict.state == "wrong" and not (verdict.expected is None and verdict.got is None)
            found.append(("What differs" if compared else "What happened", _ended(verdict.reason)))
        if verdict.line:
            found.append(("Where", verdict.line))
        if verdict.misconception:
            found.append(("A known mistake", f"This is what “{verdict.misconception.name}” gives."))
            found.append(("Hint", verdict.misconception.hint))
        return found

    def __repr__(self) -> str:
        """Plain text, for a terminal or a screen reader."""
        lines = [self.head, *(f"{start}: {rest}" for start, rest in self.sentences())]
        tables = [text_of(part) if isinstance(part, Table) else part.text for part in self.evidence]
        return "\n".join([*lines, *filter(None, tables), *([self.progress] if self.progress else [])])

    def _repr_html_(self) -> str:
        colour = COLOURS.get(self.verdict.state, WRONG)
        badge = f"background: {colour}; color: #FFFFFF; padding: 1px 8px; border-radius: 3px; display: inline-block"
        points = self.head.rpartition(", ")[2]
        head = (
            f"<strong>{escape(self.verdict.exercise.name)}</strong> "
            f"<strong style='{badge}'>{HEADINGS[self.verdict.state]}</strong> {points}"
        )
        sentences = [f"<strong>{start}:</strong> {escape(rest)}" for start, rest in self.sentences()]
        lines = "".join(f"<p style='{PARAGRAPH}'>{line}</p>" for line in [head, *sentences])
        parts = "".join(html_of(part) for part in self.evidence)
        side = f"<div style='display: flex; flex-wrap: wrap; gap: 4px 24px; margin: 6px 0'>{parts}</div>"
        progress = f"<p style='margin: 6px 0 0'>{escape(self.progress)}</p>" if self.progress else ""
        return (
            f"<div style='border-left: 5px solid {colour}; padding: 4px 12px; line-height: 1.4'>"
            f"<div role='status'>{lines}</div>{side if parts else ''}{progress}</div>"
        )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."


def text_of(table: Table) -> str:
    """A table as aligned lines of text.

    Example:
        >>> print(text_of(Table("The parts", ("expected", "got"), (("mean", (("1", False), ("2.5", True))),))))
        The parts:
              expected    got
        mean         1  ≠ 2.5
    """
    rows = [(name, *(f"{MARK} {text}" if differs else text for text, differs in cells)) for name, cells in table.rows]
    lines = [("", *table.columns), *rows]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    first = widths.pop(0)
    aligned = [
        "  ".join([name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for name, *cells in lines
    ]
    return "\n".join([f"{table.caption}:", *aligned])


def html_of(part: Table | Picture) -> str:
    """A table or a picture as HTML.

    Example:
        >>> html_of(Table("The parts", ("got",), (("<mean>", (("2.5", True),)),))).count("&lt;mean&gt;")
        1
    """
    return _picture(part) if isinstance(part, Picture) else _table(part)


def _table(table: Table) -> str:
    bold = f"{CELL}; font-weight: bold"
    columns = "".join(f"<th scope='col' style='{bold}'>{escape(name)}</th>" for name in table.columns)
    head = f"<tr style='background: none'><td style='{CELL}'></td>{columns}</tr>"
    body = "".join(
        f"<tr style='background: none'><th scope='row' style='{bold}'>{escape(name)}</th>"
        + "".join(map(_cell, cells))
        + "</tr>"
        for name, cells in table.rows
    )
    caption = f"<caption style='caption-side: top; text-align: left; color: inherit'>{escape(table.caption)}</caption>"
    style = "border-collapse: collapse; margin: 0; color: inherit; font-variant-numeric: tabular-nums"
    return f"<div style='overflow-x: auto'><table style='{style}'>{caption}{head}{body}</table></div>"


def _cell(cell: tuple[str, bool]) -> str:
    text, differs = cell
    if not differs:
        return f"<td style='{CELL}'>{escape(text)}</td>"
    style = f"{CELL}; border: 1px solid {LINE}; background: {SHADE}; font-weight: bold"
    return f"<td style='{style}'>{MARK} {escape(text)}</td>"


def _picture(picture: Picture) -> str:
    source = base64.b64encode(_png(picture.pixels)).decode()
    image = (
        f"<img src='data:image/png;base64,{source}' alt='{escape(picture.alt)}' "
        f"style='display: block; margin: 0; border: 1px solid {LINE}'>"
    )
    caption = f"<figcaption style='max-width: 150px'>{escape(picture.caption)}</figcaption>"
    return f"<figure style='margin: 0'>{image}{caption}</figure>"


def _png(pixels: Tensor) -> bytes:
    file = BytesIO()
    image = rearrange(pixels, "c h w -> h w c") if pixels.ndim == 3 else pixels
    PIL.Image.fromarray(image.cpu().numpy()).save(file, format="PNG")
    return file.getvalue()
