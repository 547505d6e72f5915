r"""Lesson sources and the equation ledger (tests/equations) go in; book/equations.md comes out.

    python -m tools.lessons.ledger

A formula stands inline in a table, so what Markdown would take for its own is written in another way: a | would end
the cell, and a code host reads a backslash before punctuation, as in \, or \\, before it sees the mathematics.
"""

import re
import sys
from pathlib import Path

from mmgen_course.notebooks.run import ROOT
from tools.lessons.source import Lesson, read_lesson

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "equations"))

from ledger import Displayed, Equation, displayed_equations, faults, read_ledger

LEDGER = ROOT / "tests" / "equations"
BOOK = ROOT / "book" / "equations.md"
# the longer comes first: in `\\|` there is a line break before the bar
PLAIN = {r"\\": r"\cr ", r"\|": r"\Vert ", r"\{": r"\lbrace ", r"\}": r"\rbrace "}
PLAIN |= {r"\,": " ", r"\:": " ", r"\;": " ", r"\!": "", "|": r"\vert ", "<": r"\lt ", ">": r"\gt "}
MARKS = re.compile(r"[\\`*_$<>|\[\]]")  # what Markdown would not show as it stands

HEAD = """\
<!-- Made by tools/lessons/ledger.py from notebooks/source and tests/equations; edit those. -->

# The equations and their checks

Each displayed equation of the lessons is checked by a program that compares it with something written in another way. \
The same check must also reject **mutants**, the equation with a mistake that people really make, or it proves little. \
So far {equations} equations hold, and {mutants} mutants of them were caught.
"""

COLUMNS = """\
| no. | equation | checked by | mutants caught |
| --- | --- | --- | --- |
"""


def read_lessons() -> list[Lesson]:
    """Read all lesson sources, in their order."""
    return [read_lesson(path) for path in sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))]


def inline(latex: str) -> str:
    r"""Return a displayed formula as inline mathematics that survives in a Markdown table.

    Example:
        >>> print(inline(r"\left| x \right| \, = \!\max(x, -x)"))
        $\left\vert x \right\vert = \max(x, -x)$
    """
    pattern = "|".join(re.escape(written) for written in PLAIN)
    return f"${' '.join(re.sub(pattern, lambda found: PLAIN[found[0]], latex).split())}$"


def table(lessons: list[Lesson], ledger: list[Equation]) -> str:
    """Return the Markdown page; raise ValueError if the ledger and the lessons do not belong together."""
    displayed = displayed_equations(lessons)
    if wrong := faults(ledger, displayed):
        raise ValueError("; ".join(wrong))
    checks = {entry.label: entry for entry in ledger}
    page = HEAD.format(equations=len(ledger), mutants=sum(len(entry.mutants) for entry in ledger))
    for lesson in lessons:
        rows = [
            _row(shown, checks[label])
            for label, shown in displayed.items()
            if shown.number.split(".")[0] == str(lesson.number)
        ]
        if rows:
            page += f"\n## {_title(lesson)}\n\n{COLUMNS}"
            page += "".join(rows)
    return page


def _row(shown: Displayed, entry: Equation) -> str:
    texts = [MARKS.sub(r"\\\g<0>", text) for text in (entry.how, "; ".join(entry.mutants))]
    return f"| {' | '.join([shown.number, inline(shown.latex), *texts])} |\n"


def _title(lesson: Lesson) -> str:
    first = next(cell for cell in lesson.cells if cell.kind == "markdown")
    return first.text.splitlines()[0].removeprefix("# ")


def main() -> None:
    """Write the page."""
    try:
        page = table(read_lessons(), read_ledger(LEDGER))
    except ValueError as error:
        sys.exit(f"tools.lessons.ledger: {error}")
    BOOK.parent.mkdir(exist_ok=True)
    BOOK.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
