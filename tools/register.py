"""Brings what is made from the register of lessons up to date: README's table, and book/minutes.md.

    python -m tools.register
    mmgen lessons --json | python -m tools.register --measured

The second writes what lessons cost into notebooks/lessons.toml first. Run it on a machine that does nothing else.
"""

import argparse
import json
import os
import platform
import re
import sys
import tomllib
from typing import Any

from mmgen_course.data.atomic import replacing
from mmgen_course.notebooks.register import REGISTER, LessonEntry, read_register
from mmgen_course.notebooks.run import ROOT
from tools.data_files import write_between

README = ROOT / "README.md"
PAGE = ROOT / "book" / "minutes.md"
MEASURED = ("seconds", "cpu_seconds", "peak_mb")
HEAD = """\
<!-- Made by tools/register.py from notebooks/lessons.toml (`make notebooks`); do not edit. -->

# Minutes and memory

What a run of each lesson from top to bottom costs, measured by `mmgen lessons` on a machine with {cores} cores
({system}, Python {python}), without a GPU. Memory is the largest that the kernel held. `mmgen lessons` cuts the
training of lesson 10 to seconds; in JupyterLab it takes five minutes more.

"""


def readme_lines(entries: list[LessonEntry], machine: dict[str, Any]) -> list[str]:
    """Return README's table of the lessons that are there, and what they cost, as lines of Markdown."""
    there = [entry for entry in entries if not entry.to_come]
    reading = _range([entry.reading for entry in there])
    seconds = _range([entry.seconds for entry in there if entry.seconds is not None])
    cost = f"A lesson takes {reading} minutes to read and {seconds} seconds to run on {machine['cores']} cores"
    return [
        "| lesson | what you do |",
        "|---|---|",
        *(f"| [{one.number} {one.title}](notebooks/{one.name}.ipynb) | {one.does} |" for one in there),
        "",
        f"{cost} ([measured](book/minutes.md)).",
    ]


def _range(values: list[int]) -> str:
    """Of numbers, in words.

    Example:
        >>> _range([25, 80, 40]), _range([25])
        ('25 to 80', '25')
    """
    return " to ".join(str(value) for value in sorted({min(values), max(values)}))


def minutes_page(entries: list[LessonEntry], machine: dict[str, Any]) -> str:
    """Return the Markdown page of what the lessons cost; a dash stands where nothing was measured."""
    there = [entry for entry in entries if not entry.to_come]
    columns: dict[str, list[int | None]] = {
        "minutes to read": [entry.reading for entry in there],
        "seconds to run": [entry.seconds for entry in there],
        "CPU seconds": [entry.cpu_seconds for entry in there],
        "peak memory in MB": [entry.peak_mb for entry in there],
    }
    columns = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    page = HEAD.format(**machine) + f"| lesson | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}\n"
    for entry, *costs in zip(there, *columns.values(), strict=True):
        cells = [str(cost) if cost is not None else "-" for cost in costs]
        page += f"| [{entry.number} {entry.title}](../notebooks/{entry.name}.ipynb) | {' | '.join(cells)} |\n"
    totals = []
    for name, values in columns.items():
        known = [value for value in values if value is not None]
        totals.append(str(max(known) if "memory" in name else sum(known)))
    return page + f"| all, one after the other | {' | '.join(totals)} |\n"


def measured(register: str, costs: list[dict[str, Any]], machine: dict[str, Any]) -> str:
    """Return the text of the register with what `mmgen lessons --json` measured on this machine.

    Raises:
        ValueError: a lesson did not run to its end or is not in the register, or this is another machine than the
            one that measured the others, and not all lessons were measured.
    """
    if failed := [cost["lesson"] for cost in costs if cost.get("error")]:
        raise ValueError(f"did not run to the end: {', '.join(failed)}")
    known = tomllib.loads(register)
    names = [one["name"] for one in known["lesson"] if not one.get("to_come")]
    by_name = {cost["lesson"]: cost for cost in costs}
    if unknown := by_name.keys() - set(names):
        raise ValueError(f"not in the register: {', '.join(sorted(unknown))}")
    if machine != known["machine"] and (left := [name for name in names if name not in by_name]):
        raise ValueError(f"another machine measured {', '.join(left)}; measure all lessons on this one")
    head, *lessons = re.split(r"^(?=\[\[lesson\]\])", register, flags=re.MULTILINE)
    for key, value in machine.items():
        head = re.sub(rf"^{key} = .*$", f"{key} = {json.dumps(value)}", head, flags=re.MULTILINE)
    return head + "".join(_with_costs(lesson, by_name) for lesson in lessons)


def _with_costs(lesson: str, by_name: dict[str, dict[str, Any]]) -> str:
    cost = by_name.get(re.search(r'^name = "(\w+)"$', lesson, re.MULTILINE)[1])  # type: ignore[index]  # all have one
    if cost is None:
        return lesson
    body = re.sub(rf"^(?:{'|'.join(MEASURED)}) = .*\n", "", lesson, flags=re.MULTILINE)
    written = [f"{key} = {cost[key]:.0f}\n" for key in MEASURED if cost.get(key) is not None]
    return body.rstrip("\n") + "\n" + "".join(written) + "\n" * (len(body) - len(body.rstrip("\n")) - 1)


def this_machine() -> dict[str, Any]:
    """Return what a measurement depends on, as the register keeps it."""
    return {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}


def main(arguments: list[str] | None = None) -> None:
    """Bring README and the page of minutes up to date; exit 1 with the reason where that fails."""
    parser = argparse.ArgumentParser(description="Make README's table and book/minutes.md from notebooks/lessons.toml.")
    help_text = "first write what `mmgen lessons --json` measured, from standard input, into the register"
    parser.add_argument("--measured", action="store_true", help=help_text)
    options = parser.parse_args(arguments)
    try:
        if options.measured:
            text = measured(REGISTER.read_text(encoding="utf-8"), json.load(sys.stdin), this_machine())
            with replacing(REGISTER) as file:
                file.write_text(text, encoding="utf-8", newline="\n")
        entries = read_register()
        machine = tomllib.loads(REGISTER.read_text(encoding="utf-8"))["machine"]
        write_between(README, "register.py", readme_lines(entries, machine))
        with replacing(PAGE) as file:
            file.write_text(minutes_page(entries, machine), encoding="utf-8", newline="\n")
    except ValueError as error:
        sys.exit(f"register: {error}")


if __name__ == "__main__":
    main()
