r"""Displayed equations: `$$ ... \label{eq:name} $$` goes in, the equation with its number comes out.

The k-th displayed equation of lesson L is L.k in Jupyter, on a code host and in the book alike; any lesson may
refer to it by `(eq:name)`, in its Markdown or in its code.
"""

import re
from difflib import get_close_matches

from tools.lessons.source import Cell, Lesson

EQUATION = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
LABEL = re.compile(r"\\label\{(eq:[a-z0-9-]+)\}")
REFERENCE = re.compile(r"\((eq:[^)\s]*)\)")


def number_equations(lessons: list[Lesson]) -> dict[str, str]:
    """Map each label to its number L.k, in the order of the course."""
    numbers: dict[str, str] = {}
    for lesson in lessons:
        k = 0
        for cell in lesson.cells:
            for label in labels(cell):
                k += 1
                if label in numbers:
                    raise cell.error(f"{label} already labels equation {numbers[label]}; choose another name")
                numbers[label] = f"{lesson.number}.{k}"
    return numbers


def labels(cell: Cell) -> list[str]:
    """Return the labels of a cell's displayed equations; raise LessonError if one is missing or misplaced."""
    if cell.kind != "markdown":
        return []
    if cell.text.count("$$") % 2:
        raise cell.error("a displayed equation is not closed; add the missing $$")
    if re.search(r"\\\[|\\begin\{(equation|align|gather|multline)\*?\}", cell.text):
        raise cell.error(r"display an equation by $$ ... \label{eq:name} $$, with aligned inside where needed")
    found = []
    for equation in EQUATION.finditer(cell.text):
        row = cell.text.count("\n", 0, equation.start())
        names = LABEL.findall(equation[1])
        if len(names) != 1:
            raise cell.error(rf"give a displayed equation one \label{{eq:name}}, not {len(names)}", row)
        before = equation[1].partition(r"\label")[0]
        if before.count(r"\begin") != before.count(r"\end"):
            raise cell.error(r"put \label after the last \end{...}: a number cannot stand inside", row)
        found += names
    if cell.text.count(r"\label") != len(found):
        raise cell.error(r"a \label outside $$ ... $$, or not of the form \label{eq:lower-case-name}")
    return found


def numbered(cell: Cell, text: str, numbers: dict[str, str]) -> str:
    """Return `text`, made from `cell`, with numbers in place of its labels and references."""

    def number(reference: re.Match[str]) -> str:
        if reference[1] not in numbers:
            near = get_close_matches(reference[1], numbers) or sorted(numbers)
            raise cell.error(f"{reference[0]} refers to no equation; labels are {', '.join(near) or 'none'}")
        return f"({numbers[reference[1]]})"

    text = REFERENCE.sub(number, text)
    if cell.kind == "markdown":
        text = LABEL.sub(lambda label: rf"\tag{{{numbers[label[1]]}}}", text)
        if stray := re.search(r"\beq:\S*", text):
            raise cell.error(f"{stray[0]!r} is no reference; write (eq:name)")
    return text
