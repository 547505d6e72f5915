r"""Lesson sources and the equation ledger (tests/equations) go in; book/equations.md comes out.

    python -m tools.lessons.ledger

An equation's LaTeX stands in its lesson alone. What its check was written for, the check says by a fingerprint of that
LaTeX: when the lesson changes, the two differ until somebody has looked at the check and pasted the new fingerprint.

The checks are read here, not run. A formula stands inline in a table, so what Markdown would take for its own is
written in another way: a | would end the cell, and a code host reads a backslash before punctuation, as in \, or \\,
before it sees the mathematics.
"""

import ast
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.lessons.equations import EQUATION, LABEL, number_equations
from tools.lessons.source import Lesson, read_lesson

ROOT = Path(__file__).resolve().parents[2]
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


@dataclass(frozen=True)
class Displayed:
    """An equation as a lesson shows it: `number` is L.k, `latex` comes without its label."""

    number: str
    latex: str

    @property
    def file(self) -> str:
        """Name of the file that must hold the check."""
        return f"lesson_{int(self.number.split('.')[0]):02d}"

    @property
    def fingerprint(self) -> str:
        """Eight letters and digits that are others when the formula is another; spaces and newlines are no formula.

        Example:
            >>> Displayed("0.1", "y = 2 x").fingerprint, Displayed("0.1", "y = 3 x").fingerprint
            ('1d9545fd', '0b110b7a')
        """
        return hashlib.sha256(self.latex.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Entry:
    """What the ledger says of an equation: the formula it is of, what checks it, and which mutants the check catches.

    Attributes:
        label: eq:name.
        fingerprint: of the LaTeX that the check was written for.
        how: what the formula is compared with.
        mutants: their names.
        file: name of the file that holds the check, such as lesson_00.
    """

    label: str
    fingerprint: str
    how: str
    mutants: Collection[str]
    file: str


def read_entries(folder: Path) -> list[Entry]:
    """Read, without running them, the entries of every lesson_*.py of `folder`, in the order in which they stand."""
    return [entry for path in sorted(folder.glob("lesson_*.py")) for entry in _entries(path)]


def _entries(path: Path) -> Iterator[Entry]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for call in node.decorator_list if isinstance(node, ast.FunctionDef) else []:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "equation":
                try:
                    given = {str(keyword.arg): keyword.value for keyword in call.keywords}
                    fingerprint, how = ast.literal_eval(given["fingerprint"]), ast.literal_eval(given["how"])
                    mutants = [ast.literal_eval(name) for name in given["mutants"].keys]  # type: ignore[attr-defined]
                    yield Entry(ast.literal_eval(call.args[0]), fingerprint, how, mutants, path.stem)
                except (AttributeError, IndexError, KeyError, ValueError):
                    advice = '@equation("eq:name", fingerprint="", how="...", formula=..., mutants={"name": ...})'
                    raise ValueError(f"{path.name}:{call.lineno}: write {advice}, in plain strings") from None


def read_lessons() -> list[Lesson]:
    """Read all lesson sources, in their order."""
    return [read_lesson(path) for path in sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))]


def displayed_equations(lessons: list[Lesson]) -> dict[str, Displayed]:
    """Map each label to its equation, in the order of the course."""
    cells = [cell for lesson in lessons for cell in lesson.cells if cell.kind == "markdown"]
    formulas = [one_line(LABEL.sub("", latex)) for cell in cells for latex in EQUATION.findall(cell.text)]
    numbers = number_equations(lessons)  # in the same order
    return {label: Displayed(numbers[label], latex) for label, latex in zip(numbers, formulas, strict=True)}


def one_line(text: str) -> str:
    """Return `text` with each run of spaces and newlines made one space."""
    return " ".join(text.split())


def faults(ledger: Sequence[Entry], displayed: dict[str, Displayed]) -> list[str]:
    """List everything that is wrong with the ledger before any check is run."""
    times = Counter(entry.label for entry in ledger)
    wrong = [f"{label} has {n} checks; keep one" for label, n in times.items() if n > 1]
    missing = [(label, shown) for label, shown in displayed.items() if label not in times]
    wrong += [f"{label} ({shown.number}) has no check; write one in {shown.file}.py" for label, shown in missing]
    return wrong + [fault for entry in ledger for fault in _faults_of(entry, displayed.get(entry.label))]


def _faults_of(entry: Entry, shown: Displayed | None) -> list[str]:
    wrong = []
    if shown is None:
        wrong.append(f"{entry.label} is checked in {entry.file}.py, but no lesson displays it")
    elif shown.file != entry.file:
        wrong.append(f"{entry.label} ({shown.number}) is checked in {entry.file}.py; move it to {shown.file}.py")
    elif shown.fingerprint != entry.fingerprint:
        advice = f'look whether its check in {entry.file}.py is of this, then write fingerprint="{shown.fingerprint}"'
        wrong.append(f"{entry.label} ({shown.number}) reads {shown.latex}; {advice} there")
    if len({one_line(name).casefold() for name in entry.mutants}) < max(2, len(entry.mutants)):
        wrong.append(f"{entry.label} needs at least two mutants, each with a name of its own")
    return wrong


def inline(latex: str) -> str:
    r"""Return a displayed formula as inline mathematics that survives in a Markdown table.

    Example:
        >>> print(inline(r"\left| x \right| \, = \!\max(x, -x)"))
        $\left\vert x \right\vert = \max(x, -x)$
    """
    pattern = "|".join(re.escape(written) for written in PLAIN)
    return f"${' '.join(re.sub(pattern, lambda found: PLAIN[found[0]], latex).split())}$"


def table(lessons: list[Lesson], ledger: Sequence[Entry]) -> str:
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


def _row(shown: Displayed, entry: Entry) -> str:
    texts = [MARKS.sub(r"\\\g<0>", text) for text in (entry.how, "; ".join(entry.mutants))]
    return f"| {' | '.join([shown.number, inline(shown.latex), *texts])} |\n"


def _title(lesson: Lesson) -> str:
    first = next(cell for cell in lesson.cells if cell.kind == "markdown")
    return first.text.splitlines()[0].removeprefix("# ")


def main() -> None:
    """Write the page."""
    try:
        page = table(read_lessons(), read_entries(LEDGER))
    except ValueError as error:
        sys.exit(f"tools.lessons.ledger: {error}")
    BOOK.parent.mkdir(exist_ok=True)
    BOOK.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
