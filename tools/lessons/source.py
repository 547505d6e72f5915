"""A lesson's source file (py:percent) goes in; its cells come out, each with its place in that file."""

import re
import statistics
from dataclasses import dataclass
from pathlib import Path

import jupytext

MOST_LINES, MEDIAN_LINES = 25, 8  # a code cell has at most the first; a lesson's median is below the second


class LessonError(ValueError):
    """What is wrong in a lesson: file, line, problem, what to do."""


@dataclass(frozen=True)
class Cell:
    """One cell as its author wrote it; `line` is where its text begins in the source file."""

    path: Path
    line: int
    kind: str
    metadata: dict
    text: str

    @property
    def is_exercise(self) -> bool:
        """Whether the author tagged the cell as one that holds a solution."""
        return "exercise" in self.metadata.get("tags", [])

    def error(self, problem: str, row: int = 0) -> LessonError:
        """Return the error that puts `problem` at row `row` (from 0) of this cell."""
        return LessonError(f"{self.path}:{self.line + row}: {problem}")


@dataclass(frozen=True)
class Lesson:
    """One source file: `name` is NN_name, `number` is NN without its leading zero."""

    name: str
    number: int
    cells: list[Cell]

    @property
    def has_solutions(self) -> bool:
        """Whether a solutions notebook belongs to this lesson."""
        return any(cell.is_exercise for cell in self.cells)


def read_lesson(path: Path) -> Lesson:
    """Read `path`, named NN_name.py; raise LessonError where its cells are too long to be read with ease."""
    text = path.read_text(encoding="utf-8")
    starts = [row for row, line in enumerate(text.splitlines(), 1) if re.match(r"# %%( |$)", line)]
    notebook = jupytext.reads(text, fmt="py:percent")
    if len(starts) != len(notebook.cells):
        counts = f"{len(starts)} lines '# %%' but {len(notebook.cells)} cells"
        raise LessonError(f"{path}:1: {counts}; begin each cell, and nothing else, by such a line")
    cells = []
    for start, cell in zip(starts, notebook.cells, strict=True):
        quotes = cell.metadata.pop("cell_marker", None)  # Markdown in triple quotes begins one line later
        cell.metadata.pop("lines_to_next_cell", None)  # changes with the blank lines of the source
        cells.append(Cell(path, start + (2 if quotes else 1), cell.cell_type, cell.metadata, cell.source))
    _check_sizes(path, cells)
    return Lesson(path.stem, int(path.stem[:2]), cells)


def _check_sizes(path: Path, cells: list[Cell]) -> None:
    sizes = []
    for cell in cells:
        if cell.kind != "code":
            continue
        sizes.append(sum(bool(line.strip()) for line in cell.text.splitlines()))
        if sizes[-1] > MOST_LINES:
            raise cell.error(f"{sizes[-1]} lines in a code cell; split it, {MOST_LINES} are the most")
    if sizes and (median := statistics.median(sizes)) >= MEDIAN_LINES:
        raise LessonError(f"{path}:1: the median code cell has {median:g} lines; split until < {MEDIAN_LINES}")
