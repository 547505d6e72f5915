"""A pytest plugin for `-n`: what belongs together runs on one worker, and the heaviest of what is left starts next.

pytest-xdist starts a file of many tests before one of few, so that a notebook, a lesson in a browser or a class of
eight submissions began last, and one worker waited for it alone.
"""

from collections import Counter
from itertools import chain

import pytest
from xdist.scheduler import LoadScopeScheduling

# seconds, about, as `--durations=1` prints them below its list; what is not here takes less, or starts when it may
HEAVY = {
    "tests/book/test_access.py": 200,  # builds the book, first of all; who begins another of its files would wait
    "tests/test_contributing.py": 80,
    "tests/equations/test_ledger.py": 60,
    "tests/attacks": 60,
    "tests/test_exercises.py": 60,
    "tests/test_nbgrader.py": 50,
    "notebooks/10_text_to_image.ipynb": 40,
    "notebooks/solutions/10_text_to_image.ipynb": 40,
    "tests/browser/test_lessons_in_lab.py": 35,
    "tests/browser": 30,
    "tests/book": 30,
    "tests/test_walk.py": 30,
    "notebooks": 25,
    "notebooks/solutions": 25,
    "tests/test_build_lessons.py": 35,
    "tests/test_gan_recipes.py": 20,
    "tests/test_gate.py": 20,
    "tests/test_grading_report.py": 20,
    "tests/test_text_to_image.py": 20,
    "tests/test_text_to_image_benchmark.py": 20,
    "tests/test_vae_recipes.py": 20,
}
SHOWN = 10  # seconds from which a group is printed
LIGHT = 1


def group(test: str) -> str:
    """What runs in one go on one worker: all tests of one lesson in a browser, or of one file.

    Example:
        >>> group("tests/book/test_book.py::test_links")
        'tests/book/test_book.py'
        >>> group("tests/browser/test_lessons_in_lab.py::test_bars[01_images]")
        'tests/browser/test_lessons_in_lab.py[01_images]'
        >>> group("notebooks/01_images.ipynb::Cell 7")
        'notebooks/01_images.ipynb'
    """
    path, _, name = test.partition("::")
    if path == "tests/browser/test_lessons_in_lab.py":
        return path + name[name.find("[") :] if "[" in name else test
    return path


def weight(group: str) -> float:
    """The seconds of a group, or of the folder that it lies in."""
    names = [group, group.partition("[")[0], group.rpartition("/")[0]]
    return next((HEAVY[name] for name in names if name in HEAVY), LIGHT)


class HeavyFirst(LoadScopeScheduling):
    """Hands out groups of tests, the heaviest first."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)

    def _assign_work_unit(self, node: object) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=weight), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> HeavyFirst | None:
    """Take the place of `--dist loadgroup`."""
    return HeavyFirst(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With `--durations`, print what each group took and what is thought of it, for the list above."""
    if config.getoption("durations") is None:
        return
    took: Counter[str] = Counter()
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            took[group(report.nodeid)] += report.duration
    terminalreporter.section("seconds of each group of tests, and its weight")
    for name, seconds in took.most_common():
        if seconds >= SHOWN:
            terminalreporter.write_line(f"{seconds:6.0f} {weight(name):6.0f}  {name}")
