"""What `mmgen lessons --json` measured goes in; book/minutes.md comes out.

    mmgen lessons --json | python tools/book_minutes.py

Run it on a machine that does nothing else.
"""

import json
import os
import platform
import sys

from mmgen_course.notebooks.run import ROOT

PAGE = ROOT / "book" / "minutes.md"
HEAD = """\
<!-- Made by tools/book_minutes.py (`mmgen lessons --json | python tools/book_minutes.py`); do not edit. -->

# Minutes and memory

What a run of each lesson from top to bottom costs, measured by `mmgen lessons` on a machine with {cores} cores
({system}, Python {python}), without a GPU. Memory is the largest that the kernel held. `mmgen lessons` cuts the
training of lesson 10 to seconds; in JupyterLab it takes five minutes more.

| lesson | seconds to run | peak memory in MB |
| --- | ---: | ---: |
"""


def minutes_page(lessons: list[dict]) -> str:
    """Return the Markdown page of the lessons' `lesson`, `seconds` and `peak_mb`; raise ValueError at a failed run."""
    if failed := [one["lesson"] for one in lessons if one.get("error")]:
        raise ValueError(f"did not run to the end: {', '.join(failed)}")
    page = HEAD.format(cores=os.cpu_count(), system=platform.system(), python=platform.python_version())
    for one in lessons:
        name = one["lesson"]
        page += f"| [{name}](../notebooks/{name}.ipynb) | {one['seconds']:.0f} | {one['peak_mb']:.0f} |\n"
    seconds, peak = sum(one["seconds"] for one in lessons), max(one["peak_mb"] for one in lessons)
    return page + f"| all, one after the other | {seconds:.0f} | {peak:.0f} |\n"


def main() -> None:
    """Write the page."""
    try:
        page = minutes_page(json.load(sys.stdin))
    except ValueError as error:
        sys.exit(f"book_minutes: {error}")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
