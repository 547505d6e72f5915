"""Writes what a class's results come to: a gradebook, a report for the instructor, a page of feedback for each student.

Any text in a result may be a student's: none becomes a formula of the gradebook, or an element of a page.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any
from unicodedata import normalize

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mmgen_course.data.atomic import replacing
from mmgen_course.grading import class_statistics
from mmgen_course.grading.results import Outcome
from mmgen_course.grading.submissions import readable

MADE = "<!DOCTYPE html><!-- made by mmgen grade -->"
# where a spreadsheet may begin a formula: at the start of a cell, and after what it may take for a separator
FORMULA = re.compile(r"(?:^|(?<=;))(?=[\s\"]*[=+\-@＝＋－＠]|[\t\r\n])")
PRINTED = re.compile(r"\b(?:tensor|array)\([^)]*\)?|[-+]?\d*\.\d{3,}(?:e[-+]?\d+)?")
LONGEST_CELL = 32_000  # characters; a spreadsheet holds 32,767


def write_reports(outcomes: Sequence[Outcome], out: Path) -> None:
    """Write `gradebook.csv`, `report.html` and the pages of `feedback/`, each file whole or not at all.

    Afterwards `feedback/` holds a page for each result, and none that an earlier grading made.

    Args:
        outcomes: one a notebook, as `run.outcome_of` returns them.
        out: the folder; it is made if it is not there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_reports([], Path(folder))
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['feedback', 'gradebook.csv', 'report.html']
    """
    folder = out / "feedback"
    folder.mkdir(parents=True, exist_ok=True)
    pages = _pages()
    names, clean = page_names(outcomes), [_readable(outcome) for outcome in outcomes]
    handed_in = Counter((outcome["student"], outcome["lesson"]) for outcome in clean)
    for name, outcome in zip(names, clean, strict=True):
        number = handed_in[outcome["student"], outcome["lesson"]]
        _write(folder / name, pages.get_template("feedback.html").render(_feedback(outcome, number)))
    for path in set(folder.iterdir()) - {folder / name for name in names}:
        if path.suffix == ".partial" or _is_ours(path):
            path.unlink()
    _write(out / "gradebook.csv", gradebook(outcomes))
    _write(out / "report.html", pages.get_template("report.html").render(_report(clean, names)))


@cache
def _pages() -> Environment:
    folder = FileSystemLoader(Path(__file__).parent / "templates")
    # autoescape: whatever stands in a result is text
    pages = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.globals["made"] = MADE
    return pages


def _write(path: Path, text: str) -> None:
    content = text.encode()
    if path.is_symlink() or not path.is_file() or path.read_bytes() != content:
        with replacing(path) as partial:
            partial.write_bytes(content)


def _is_ours(path: Path) -> bool:
    if path.suffix != ".html" or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MADE)) == MADE.encode()


def _readable(value: Any) -> Any:
    """A result whose every text can be written, and holds nothing that a page would obey."""
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {readable(name): _readable(part) for name, part in value.items()}
    return [_readable(part) for part in value] if isinstance(value, list) else value


def page_names(outcomes: Sequence[Outcome]) -> list[str]:
    """A file name for the feedback on each result: letters, digits and dashes, no two alike, no device of Windows.

    Example:
        >>> page_names([{"student": "Zoë/../con", "lesson": "08_vae", "key": "0123456789"}])
        ['zoe-con-08-vae-01234567.html']
    """
    names: dict[str, None] = {}
    for outcome in outcomes:
        letters = normalize("NFKD", outcome["student"]).encode("ascii", "ignore").decode()[:60]  # one may become 18
        words = "-".join(re.findall("[a-z0-9]+", f"{letters} {outcome['lesson']}".lower()))
        key = outcome["key"]
        ends = chain([key[:8], key], (f"{key}-{number}" for number in count(2)))
        names[next(name for end in ends if (name := f"{words or 'student'}-{end}.html") not in names)] = None
    return list(names)


def gradebook(outcomes: Sequence[Outcome]) -> str:
    """The gradebook as CSV: a row a notebook, a column an exercise; what is not graded is an empty cell, and no 0.

    It begins with a byte order mark, without which Excel does not read it as UTF-8. A text that a spreadsheet would
    take for a formula gets an apostrophe.
    """
    texts = {name: [_cell(outcome[name]) for outcome in outcomes] for name in ("student", "lesson", "file", "state")}
    totals = {name: [o[name] if o["state"] == "graded" else None for o in outcomes] for name in ("points", "of")}
    names = class_statistics.exercise_names(outcomes)
    exercises = {_cell(name): [_points(outcome, name) for outcome in outcomes] for name in names}
    both = zip(outcomes, class_statistics.remarks(outcomes), strict=True)
    notes = {"note": [_cell("; ".join(_notes(outcome, remarks))) for outcome, remarks in both]}
    kinds = dict.fromkeys({**texts, **notes}, pl.String) | dict.fromkeys({**totals, **exercises}, pl.Int64)
    frame = pl.DataFrame({**texts, **totals, **exercises, **notes}, schema_overrides=kinds)
    return frame.write_csv(include_bom=True, quote_style="non_numeric", line_terminator="\r\n")


def _cell(text: str) -> str:
    return readable(FORMULA.sub("'", text))[:LONGEST_CELL]


def _points(outcome: Outcome, name: str) -> int | None:
    result = outcome["exercises"].get(name, class_statistics.UNTOLD)
    return None if result["state"] == "not graded" else result["points"]


def _notes(outcome: Outcome, remarks: list[str]) -> list[str]:
    mark = ["UNCONTAINED"] if outcome["isolation"] == "uncontained" else []
    reason = [outcome["reason"]] if outcome["reason"] else []
    return [*mark, *reason, *remarks, *outcome["notes"]]


def _report(outcomes: Sequence[Outcome], names: list[str]) -> dict[str, Any]:
    """What the page for the instructor shows."""
    each = zip(outcomes, names, class_statistics.remarks(outcomes), strict=True)
    lessons = sorted({outcome["lesson"] for outcome in outcomes} - {""})
    made = class_statistics.mistakes_made(outcomes)
    return {
        "rows": [{**outcome, "page": name, "remarks": remarks} for outcome, name, remarks in each],
        "lessons": {lesson: class_statistics.lesson_numbers(lesson, outcomes) for lesson in lessons},
        "known": [mistake for mistake in made if mistake["mistake"]],
        "unknown": [mistake for mistake in made if not mistake["mistake"]],
        "states": Counter(outcome["state"] for outcome in outcomes),
        "students": len({outcome["student"] for outcome in outcomes}),
        "uncontained": sum(outcome["isolation"] == "uncontained" for outcome in outcomes),
    }


def _feedback(outcome: Outcome, handed_in: int) -> dict[str, Any]:
    """What the page for one student shows; `handed_in`: how many notebooks came of this student for this lesson."""
    exercises = [
        {"group": class_statistics.group(result["state"], result["mistake"]), "lines": list(_lines(name, result))}
        for name, result in outcome["exercises"].items()
    ]
    notes = [without_values(note) for note in outcome["notes"]]
    title = class_statistics.headings(outcome["lesson"])[0]
    return {**outcome, "title": title, "exercises": exercises, "notes": notes, "handed_in": handed_in}


def _lines(name: str, result: dict[str, Any]) -> Iterator[str]:
    """A verdict in the words of `check`."""
    state, asks, reason = result["state"], class_statistics.asks(name), result["reason"]
    points = "" if state == "not graded" else f", {result['points']} of {result['of']} points"
    yield f"{name}: {class_statistics.WORDS[state]}{points}"
    if state != "right" and asks:
        yield f"Asked for: {_ended(asks)}"
    if reason not in ("", f"your turn: {name}", "nothing written yet") and state != "not graded":
        compared = state == "wrong" and not reason.startswith("your function changed its argument")
        sentence = without_values(reason) if state in ("error", "not done") else reason
        yield f"{'What differs' if compared else 'What happened'}: {_ended(sentence)}"
    if result["mistake"]:
        yield f"A known mistake: This is what “{result['mistake']}” gives."
        yield f"Hint: {result['hint']}"


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."


def without_values(text: str) -> str:
    """A sentence of a learner's code without the tensors and long decimals in it, which may be the hidden inputs.

    Whoever smuggles them past this gains nothing: for another file other inputs are drawn.

    Example:
        >>> without_values("ValueError: tensor([[0.1234, 1.]]) has the shape (1, 2); got 0.53519e-02")
        'ValueError: … has the shape (1, 2); got …'
    """
    return PRINTED.sub("…", text)
