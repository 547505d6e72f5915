"""Exercises: a cell with its solution goes in, the learner's cell comes out, and what it asks for.

In a code cell tagged `exercise`, a solution is one or more whole statements of a function's body:

    def double(x):
        # BEGIN SOLUTION
        return 2 * x
        # END SOLUTION

The solutions notebook keeps the markers: nbgrader cuts its own assignment out of it by them.

Fails closed: a marker that is misspelt, misplaced, unclosed or in an untagged cell raises LessonError.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

from tools.lessons.source import Cell, Lesson

MARKER = re.compile(r"( *)# (BEGIN|END) SOLUTION")
TRIVIAL = 16  # characters; shorter lines, as `return total / n`, stand in any lesson and give nothing away


@dataclass(frozen=True)
class Region:
    """A solution from row `begin` to row `end` of a cell (the two markers), in the body of `function`."""

    begin: int
    end: int
    indent: str
    function: str


def check_markers(cell: Cell) -> None:
    """Raise LessonError unless each marker, and all that looks like one, stands exactly where it belongs."""
    rows = cell.text.split("\n")
    for row, line in enumerate(rows):
        if MARKER.fullmatch(line) and not cell.is_exercise:
            raise cell.error('solution marker outside a code cell with tags=["exercise"]; add the tag', row)
        if not MARKER.fullmatch(line) and _looks_like_marker(line, is_code=cell.kind == "code"):
            advice = "write '# BEGIN SOLUTION' or '# END SOLUTION', alone on its line, or reword"
            raise cell.error(f"{line.strip()!r} looks like a solution marker; {advice}", row)
    if cell.is_exercise and cell.kind != "code":
        raise cell.error("only a code cell can be an exercise; remove the tag")
    if cell.is_exercise and not list(_regions(cell)):
        raise cell.error("an exercise without a solution; add the two markers or remove the tag")


def _looks_like_marker(line: str, is_code: bool) -> bool:
    """Tell whether a comment, or a short line of Markdown, reads like a mistyped marker."""
    text = line.partition("#")[2] if is_code else line
    words = re.findall("[a-z]+", text.lower())
    if not is_code and len(words) > 4 and not re.search(r"(BEGIN|END)\W*SOLUTION", text):
        return False  # a sentence about solutions
    alone = is_code and len(words) == 1 and _is_like(words[0], ["solution"])
    glued = any(get_close_matches(word, ["beginsolution", "endsolution"], cutoff=0.9) for word in words)
    pairs = pairwise(words)
    verbs = ["begin", "end", "start", "stop"]
    return alone or glued or any(_is_like(a, verbs) and _is_like(b, ["solution"]) for a, b in pairs)


def _is_like(word: str, wanted: list[str]) -> bool:
    common = {"and", "resolution"}  # words that are near to a wanted one, but no typing error
    return word not in common and bool(get_close_matches(word, wanted, cutoff=0.65))


def _regions(cell: Cell) -> Iterator[Region]:
    """Yield the solutions of an exercise cell in their order."""
    try:
        tree = ast.parse(cell.text)
    except SyntaxError as error:
        raise cell.error(f"an exercise must be plain Python: {error.msg}", (error.lineno or 1) - 1) from None
    begin = None
    for row, line in enumerate(cell.text.split("\n")):
        marker = MARKER.fullmatch(line)
        if not marker:
            continue
        if marker[2] == "BEGIN" and begin is not None:
            raise cell.error("BEGIN inside a solution; end the one above first", row)
        if marker[2] == "END" and begin is None:
            raise cell.error("END without BEGIN; add '# BEGIN SOLUTION' above the solution", row)
        if begin is not None:
            yield _region(cell, tree, begin, row)
        begin = row if marker[2] == "BEGIN" else None
    if begin is not None:
        raise cell.error("this solution never ends; add '# END SOLUTION' below it", begin)


def _region(cell: Cell, tree: ast.Module, begin: int, end: int) -> Region:
    """Return the region between markers at rows `begin` and `end`; raise unless it is whole statements."""
    lines = cell.text.split("\n")
    code = {row for row in range(begin + 1, end) if re.match(r"\s*[^\s#]", lines[row])}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        spans = [_rows(statement) for statement in function.body]
        solved = [span for span in spans if begin < span.start and span.stop <= end]
        if solved and code <= {row for span in solved for row in span}:
            indent = " " * function.body[0].col_offset
            for row in (begin, end):
                if lines[row] != indent + lines[row].strip():
                    advice = f"indent it by {len(indent)} spaces, as the body of {function.name}"
                    raise cell.error(f"marker indented differently; {advice}", row)
            return Region(begin, end, indent, function.name)
    raise cell.error("a solution is one or more whole statements of a function's body; move the markers", begin)


def _rows(statement: ast.stmt) -> range:
    """Return the rows of a statement, its decorators included; ast counts lines from 1, rows begin at 0."""
    first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", []))])
    return range(first - 1, statement.end_lineno or first)


def learner_text(cell: Cell) -> str:
    """Return the text of the cell with each solution replaced by a NotImplementedError."""
    if not cell.is_exercise:
        return cell.text
    lines = cell.text.split("\n")
    for region in reversed(list(_regions(cell))):
        stub = f'{region.indent}raise NotImplementedError("your turn: {region.function}")'
        lines[region.begin : region.end + 1] = [stub]
    return "\n".join(lines)


def answer_name(cell: Cell) -> str:
    """Return the name of the function or class that an exercise cell asks for; raise LessonError unless it is one."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    asked = [node for node in ast.parse(cell.text).body if isinstance(node, kinds)]
    begins = [region.begin for region in _regions(cell)]
    names = [node.name for node in asked if any(row in _rows(node) for row in begins)]
    if len(names) != 1:
        raise cell.error(f"one exercise a cell; this one holds {', '.join(names) or 'none by a name'}: split it")
    return names[0]


def solution_lines(lessons: list[Lesson]) -> dict[str, str]:
    """Map each solution line that is not trivial, its spaces collapsed, to its place in the sources."""
    found = {}
    for cell in (cell for lesson in lessons for cell in lesson.cells if cell.is_exercise):
        lines = cell.text.split("\n")
        for region in _regions(cell):
            for row in range(region.begin + 1, region.end):
                found[" ".join(lines[row].split())] = f"{cell.path}:{cell.line + row}"
    return {line: place for line, place in found.items() if len(line) > TRIVIAL}
