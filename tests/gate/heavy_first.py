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
    "tests/book/test_access.py": 300,  # builds the book, first of all; who begins another of its files would wait
    "tests/test_nbgrader.py": 110,
    "tests/test_grading_run.py": 110,
    "tests/test_contributing.py": 100,
    "notebooks/09_evaluation.ipynb": 90,
    "notebooks/03_cnn_features.ipynb": 80,
    "notebooks/07_gan.ipynb": 80,
    "notebooks/08_vae.ipynb": 80,
    "notebooks/10_text_to_image.ipynb": 80,
    "notebooks/06_shared_space.ipynb": 60,
    "notebooks": 45,
    "notebooks/solutions/09_evaluation.ipynb": 60,
    "notebooks/solutions/03_cnn_features.ipynb": 50,
    "notebooks/solutions/07_gan.ipynb": 50,
    "notebooks/solutions/08_vae.ipynb": 40,
    "notebooks/solutions/10_text_to_image.ipynb": 40,
    "notebooks/solutions": 25,
    "tests/test_exercises.py": 70,
    "tests/attacks": 60,
    "tests/browser": 35,
    "tests/book": 30,
    "tests/test_build_lessons.py": 25,
    "tests/test_cli.py": 25,
    "tests/test_cli_grade.py": 25,
    "tests/test_gan_recipes.py": 60,
    "tests/test_gate.py": 25,
    "tests/test_grounding.py": 25,
    "tests/test_skips.py": 30,
    "tests/test_train_parallel.py": 25,
    "tests/equations/test_ledger.py": 20,
    "tests/test_corpus.py": 20,
    "tests/test_kills.py": 20,
    "tests/test_walk.py": 20,
    "tests/test_gan.py": 20,
    "tests/test_scenes_draw.py": 20,
    "tests/test_recipes.py": 20,
    "tests/test_project.py": 20,
    "tests/test_preprocess_image.py": 20,
    "tests/test_wheel.py": 20,
}
IN_LAB = "tests/browser/test_lessons_in_lab.py"
SHOWN = 10  # seconds from which a group is printed
LIGHT = 1


def group(test: str) -> str:
    """What runs in one go on one worker: all tests of one lesson, or of one file.

    Example:
        >>> group("tests/book/test_book.py::test_links")
        'tests/book/test_book.py'
        >>> group("tests/browser/test_lessons_in_lab.py::test_bars[01_images]")
        'notebooks/01_images.ipynb'
        >>> group("notebooks/01_images.ipynb::Cell 7")
        'notebooks/01_images.ipynb'
    """
    path, _, name = test.partition("::")
    if path == IN_LAB and "[" in name:
        return f"notebooks/{name[name.find('[') + 1 : -1]}.ipynb"  # the page shows the kernel in which nbval has run it
    return path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let JupyterLab show a lesson after nbval has run it."""
    items.sort(key=lambda item: item.nodeid.startswith(IN_LAB))


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
