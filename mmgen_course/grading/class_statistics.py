"""Statistics of a class's results: points, what each exercise came to, the mistakes made most often, remarks.

`report` shows them.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import mean, median
from typing import Any

from mmgen_course.exercises import all_exercises
from mmgen_course.exercises.feedback.render import HEADINGS
from mmgen_course.grading.bubblewrap import PACKAGE
from mmgen_course.grading.results import Outcome

WORDS = HEADINGS | {
    "limit": "✗ needed too much memory, or too many processes",
    "protocol": "✗ gave no answer that can be read",
    "not graded": "○ not graded yet",
}
# the colour of a state; every other one is "stopped": the code did not get as far as an answer
GROUPS = {"right": "right", "wrong": "other", "not done": "todo", "not graded": "nothing"}
UNTOLD = {"state": "not graded", "points": 0, "of": 0, "reason": "", "mistake": None, "hint": ""}
MOST_BARS = 25
MOST_NAMES = 5


def exercise_names(outcomes: Sequence[Outcome]) -> list[str]:
    """The exercises that these results are about, in the order of the course."""
    found = {name for outcome in outcomes for name in outcome["exercises"]}
    return [name for name in all_exercises() if name in found] + sorted(found - all_exercises().keys())


def remarks(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """What to know beside each result: other notebooks of the student for this lesson, and the same file of another."""
    theirs, same = defaultdict(list), defaultdict(list)
    for outcome in outcomes:
        theirs[outcome["student"], outcome["lesson"]].append(outcome["file"])
        same[outcome["sha256"]].append(outcome["student"])
    files = [theirs[outcome["student"], outcome["lesson"]] if outcome["lesson"] else [] for outcome in outcomes]
    owners = [same[outcome["sha256"]] if outcome["sha256"] else [] for outcome in outcomes]
    return [list(_remarks(*each)) for each in zip(outcomes, files, owners, strict=True)]


def _remarks(outcome: Outcome, files: list[str], owners: list[str]) -> Iterator[str]:
    if len(files) > 1:
        yield f"{len(files)} notebooks of this student for this lesson: {_some(files)}"
    if others := sorted(set(owners) - {outcome["student"]}):
        states = {result["state"] for result in outcome["exercises"].values()}
        empty = ", with nothing done in it" if states == {"not done"} else ""
        yield f"the same file as {_some(others)}, byte for byte{empty}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(name[:100] for name in names[:MOST_NAMES]) + more


def mistakes_made(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The wrong answers of a class by exercise and mistake, those of the most students first.

    Returns:
        For each its "exercise", "lesson", "mistake" (None: not a known one) and "hint"; "places", the places in
        `outcomes` of one notebook of each student who made it; "of", how many students handed that lesson in.
    """
    made: dict[tuple[str, str | None], dict[str, int]] = defaultdict(dict)
    classes = defaultdict(set)
    for place, outcome in enumerate(outcomes):
        classes[outcome["lesson"]].add(outcome["student"])
        for name, result in outcome["exercises"].items():
            if result["state"] == "wrong":
                made[name, result["mistake"]].setdefault(outcome["student"], place)
    found, names = [], exercise_names(outcomes)
    ranked = sorted(made.items(), key=lambda item: (-len(item[1]), names.index(item[0][0]), item[0][1] or ""))
    for (name, mistake), places in ranked:
        one = outcomes[next(iter(places.values()))]
        about = {"exercise": name, "lesson": one["lesson"], "mistake": mistake, "hint": one["exercises"][name]["hint"]}
        found.append({**about, "places": list(places.values()), "of": len(classes[one["lesson"]])})
    return found


def lesson_numbers(lesson: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What became of the notebooks of one lesson: points, and each exercise."""
    theirs = [outcome for outcome in outcomes if outcome["lesson"] == lesson]
    graded = [outcome for outcome in theirs if outcome["state"] == "graded"]
    points, of = [outcome["points"] for outcome in graded], max((outcome["of"] for outcome in graded), default=0)
    title, sections = headings(lesson)
    exercises = {
        name: {"section": sections.get(name, ""), "asks": asks(name), **exercise_numbers(name, theirs)}
        for name in exercise_names(theirs)
    }
    about = {"title": title, "graded": len(graded), "of": of, "bars": list(histogram(points, of))}
    return {**about, "mean": mean(points or [0]), "median": median(points or [0]), "exercises": exercises}


def histogram(points: list[int], of: int) -> Iterator[tuple[str, int]]:
    """How many notebooks have how many of the points: a label and a number for each bar.

    Example:
        >>> list(histogram([0, 2, 2], of=2))
        [('0', 1), ('1', 0), ('2', 2)]
    """
    width = -(-(of + 1) // MOST_BARS)
    for low in range(0, of + 1, width):
        high = min(low + width - 1, of)
        yield (str(low) if low == high else f"{low}-{high}"), sum(low <= value <= high for value in points)


def exercise_numbers(name: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What became of one exercise in these notebooks.

    Returns:
        "bars": for each kind of answer its "group" (a colour), "label" and "number", and where it begins and how long
        it is in a bar of all of them ("start", "width", in percent); "total"; "unseen", the known mistakes of nobody.
    """
    results = [outcome["exercises"].get(name, UNTOLD) for outcome in outcomes]
    found = Counter((result["state"], result["mistake"]) for result in results)
    order = list(WORDS)
    bars, before = [], 0.0
    # known mistakes before unknown ones, the frequent ones first
    for (state, mistake), number in sorted(found.items(), key=lambda b: (order.index(b[0][0]), not b[0][1], -b[1])):
        label = mistake or ("wrong in another way" if state == "wrong" else WORDS[state].lstrip("✓✗○ "))
        width = 100 * number / len(results)
        bars.append({"group": group(state, mistake), "label": label, "number": number, "start": before, "width": width})
        before += width
    known = all_exercises()[name].misconceptions if name in all_exercises() else ()
    unseen = [mistake.name for mistake in known if ("wrong", mistake.name) not in found]
    return {"bars": bars, "total": len(results), "unseen": unseen}


def group(state: str, mistake: str | None) -> str:
    """The colour of a verdict.

    Example:
        >>> group("wrong", "1/2 lost"), group("wrong", None), group("timeout", None)
        ('mistake', 'other', 'stopped')
    """
    return "mistake" if mistake else GROUPS.get(state, "stopped")


def asks(name: str) -> str:
    """What an exercise asks for; empty if there is no such exercise."""
    return all_exercises()[name].asks if name in all_exercises() else ""


@cache
def headings(lesson: str) -> tuple[str, dict[str, str]]:
    """The title of a lesson, and the heading above each function of its notebook; its name and none without notebook.

    Example:
        >>> headings("no_lesson")
        ('no_lesson', {})
    """
    path = PACKAGE.parent / "notebooks" / f"{lesson}.ipynb"
    if lesson not in {exercise.lesson for exercise in all_exercises().values()} or not path.is_file():
        return lesson, {}
    above, found = [lesson], dict[str, str]()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            above += re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
        else:
            found |= dict.fromkeys(re.findall(r"^(?:def|class) (\w+)", text, flags=re.MULTILINE), above[-1])
    return above[1], found
