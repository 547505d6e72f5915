"""A pytest plugin: nbval executes each committed notebook once, and on this execution everything of it is compared.

nbval itself compares the texts that each cell gives; it skips pictures, metadata and widgets, and knows no source. So
every message that it has from the kernel also goes to nbclient, which makes of them the executed notebook that
`make notebooks` would write. When the last cell has run, one more test compares this notebook with the committed one.
The kernel of a lesson then lives on until the next notebook: JupyterLab's tests look at what it has made (`executed`).

The package is imported in functions: pytest's options, which check the shapes in its signatures, come after plugins.
"""

import copy
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from kernels import end_servers, manager
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete
from nbformat import NotebookNode
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

if TYPE_CHECKING:
    from tools.lessons.build import Course

OFFLINE = Path(__file__).resolve().parents[1] / "offline"
# strings hash by the seed, and a set of them has its order by their hashes: lessons are built with 0, and a learner has
# a new one each time, so that no lesson may depend on it
SEEDS = {"learner": "0", "solutions": "1"}
PATIENCE = 300  # seconds for one message of a living kernel, on the busiest machine
REACH_OUT = "__import__('socket').create_connection(('192.0.2.1', 80), 1)"  # an address that is nobody's (RFC 5737)
STALE = "run `make notebooks`"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Put a Notebook in the place of nbval's collector where a file is made from a source."""
    collected = yield
    if not source_of(file_path).is_file():
        return collected
    return [Notebook.from_parent(parent, path=file_path) if isinstance(c, IPyNbFile) else c for c in collected]


def is_solved(path: Path) -> bool:
    return path.parent.name == "solutions"


def source_of(path: Path) -> Path:
    """The source of a notebook; solutions lie one folder deeper."""
    folder = path.parent.parent if is_solved(path) else path.parent
    return folder / "source" / f"{path.stem}.py"


@cache
def course_in(folder: Path) -> "Course":
    from tools.lessons.build import read_course

    return read_course(folder)


class Kernel(RunningKernel):
    """nbval's kernel, started with what `mmgen_course.notebooks.run.execute` starts one with."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        from mmgen_course.notebooks.run import ENVIRONMENT, KERNEL_ARGUMENTS

        self.request = ""  # the id of the last one to run a cell
        self.km = manager(name)
        self.km.start_kernel(
            cwd=str(folder),
            env=os.environ | ENVIRONMENT | environment,
            extra_arguments=[*KERNEL_ARGUMENTS, "--HistoryManager.hist_file=:memory:"],
        )
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.wait_for_ready(PATIENCE)
        self._ensure_iopub_up()

    def cpu_seconds(self) -> float:
        """That it has computed so far, and that the imports would have taken it which it found done."""
        import psutil

        from mmgen_course.notebooks.run import cpu_seconds_of

        provisioner = self.km.provisioner
        return cpu_seconds_of(psutil.Process(provisioner.pid)) + provisioner.server.cpu_seconds

    def says(self, expression: str) -> str:
        """What the kernel makes of an expression, or its error."""
        request = self.kc.execute("", silent=True, user_expressions={"asked": expression})
        while (reply := self.get_message("shell", PATIENCE))["parent_header"].get("msg_id") != request:
            pass
        asked = reply["content"]["user_expressions"]["asked"]
        return asked["evalue"] if asked["status"] == "error" else asked["data"]["text/plain"]

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        # nbval keeps no history, and so no numbers beside the cells
        self.request = self.kc.execute(cell_input, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)
        return self.request

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait as nbval does, but for the start as patiently as for all else, and for a dead kernel not at all."""
        deadline = time.monotonic() + max(timeout or 0, PATIENCE)
        while True:
            try:
                return super().await_reply(msg_id, timeout=5)
            except Empty:
                if not self.is_alive():
                    raise RuntimeError("the kernel died (out of memory?)") from None
                if time.monotonic() > deadline:
                    raise


def environment_of(path: Path) -> dict[str, str]:
    """What the kernel of a notebook gets on top of what every kernel gets."""
    return {"PYTHONPATH": str(OFFLINE), "PYTHONHASHSEED": SEEDS["solutions" if is_solved(path) else "learner"]}


LIVING: dict[Path, "Record"] = {}  # the last notebook, if all its cells have run


@contextmanager
def executed(path: Path) -> Iterator[tuple[NotebookNode, Kernel]]:
    """A lesson's notebook with its outputs, and the living kernel that gave them: nbval's, if it has just run it."""
    record = LIVING.pop(path, None)
    with ExitStack() as stack:
        if record is None:
            kernel = Kernel("python3", path.parent, environment_of(path))
            stack.callback(kernel.stop)
            record = Record(path, kernel)
            record.run()
        else:
            stack.callback(record.kernel.stop)
        yield record.shown(), record.kernel


def end_the_living() -> None:
    while LIVING:
        LIVING.popitem()[1].kernel.stop()


def pytest_sessionfinish() -> None:
    end_the_living()
    end_servers()


class Notebook(IPyNbFile):
    """A committed notebook: a test for each cell, which is nbval's, and one for the whole."""

    def collect(self) -> Iterator[pytest.Item]:
        for cell in super().collect():
            yield Cell.from_parent(self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=cell.options)
        yield Whole.from_parent(self, name="Whole")

    def setup(self) -> None:
        end_the_living()
        self.kernel = Kernel(self.nb.metadata.kernelspec.name, self.path.parent, environment_of(self.path))
        self.setup_sanitize_files()
        self.record = Record(self.path, self.kernel)

    def teardown(self) -> None:
        if self.kernel and self.kernel.is_alive() and not is_solved(self.path):
            LIVING[self.path] = self.record
        else:
            super().teardown()

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> dict:
        message = super().get_kernel_message(timeout, stream)
        self.record.take(message)
        return message


class Cell(IPyNbCell):
    """One code cell: nbval runs it and compares its texts."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_timeout = PATIENCE

    def runtest(self) -> None:
        self.parent.record.begin(self.cell.id)
        super().runtest()

    def sanitize(self, s: object) -> object:
        """Leave a picture inside a text to the test of the whole, as nbval does with one that stands alone."""
        from likeness import without_pictures

        return without_pictures(super().sanitize(s)) if isinstance(s, str) else s


class Whole(pytest.Item):
    """Sources, ids, tags, numbers, outputs, pictures, alt texts, widgets, metadata: all that a notebook holds."""

    def runtest(self) -> None:
        path = self.parent.path
        committed = nbformat.read(path, as_version=4)
        committed.metadata.get("mmgen", {}).pop("made", None)  # the hashes by which the build knows whether to execute
        compare(self.parent.record.settled(), committed)
        assert self.parent.kernel.says(REACH_OUT) == "blocked: lessons run offline"
        self.write_down_the_cost()

    def write_down_the_cost(self) -> None:
        """For `make budget`: what this one execution of the gate took."""
        from mmgen_course.notebooks.run import ROOT
        from tools.budget import spent

        if not self.path.is_relative_to(ROOT / "notebooks"):
            return  # a notebook of a test of this file
        spent("solutions" if is_solved(self.path) else "lesson", self.path.stem, self.parent.kernel.cpu_seconds())

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        known = excinfo.errisinstance((AssertionError, ValueError))
        return f"{self.parent.path.name}: {excinfo.value}" if known else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.nodeid


class Record:
    """What a build would have written, from the source of a notebook and the messages of the kernel that runs it."""

    def __init__(self, path: Path, kernel: Kernel) -> None:
        from tools.lessons.build import learner_notebook, solution_notebook

        self.solved, self.kernel = is_solved(path), kernel
        self.course = course_in(source_of(path).parent)
        (self.lesson,) = (lesson for lesson in self.course.lessons if lesson.name == path.stem)
        notebook = (solution_notebook if self.solved else learner_notebook)(self.lesson, self.course)
        self.client = NotebookClient(notebook, store_widget_state=True, record_timing=False)
        self.client.kc = kernel.kc
        self.places = {cell.id: place for place, cell in enumerate(notebook.cells)}
        self.place: int | None = None

    @property
    def notebook(self) -> NotebookNode:
        return self.client.nb

    def begin(self, cell_id: str) -> None:
        """What the kernel says from now on belongs to this cell, if the source knows it; if not, `compare` tells."""
        self.place = self.places.get(cell_id)
        self.client.clear_before_next_output = False

    def take(self, message: dict) -> None:
        if self.place is not None and message["parent_header"].get("msg_id") == self.kernel.request:
            with suppress(CellExecutionComplete):
                self.client.process_message(message, self.notebook.cells[self.place], self.place)

    def run(self) -> None:
        """Run all code cells."""
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                self.begin(cell.id)
                request, idle = self.kernel.execute_cell_input(cell.source), False
                while not idle:
                    message = self.kernel.get_message("iopub", PATIENCE)
                    self.take(message)
                    idle = message["content"].get("execution_state") == "idle"
                    idle = idle and message["parent_header"].get("msg_id") == request

    def shown(self) -> NotebookNode:
        """The notebook as the kernel has left it, with the names that it knows its widgets by."""
        self.client.set_widgets_metadata()
        return copy.deepcopy(self.notebook)

    def settled(self) -> NotebookNode:
        """The notebook as it would have been written, and read again; LessonError if it would not have been."""
        from tools.lessons.build import check_leaks
        from tools.lessons.outputs import settle, to_bytes

        written = settle(self.shown(), self.lesson)
        if not self.solved:
            check_leaks(written, self.lesson, self.course)
        return nbformat.reads(to_bytes(written).decode(), as_version=4)


def compare(rebuilt: NotebookNode, committed: NotebookNode) -> None:
    """Raise AssertionError, naming the cell, where the two differ in anything but the rounding of pictures."""
    from likeness import same

    if [c.source for c in rebuilt.cells] != [c.source for c in committed.cells]:
        raise AssertionError(f"{STALE}: another source")
    for new, old in zip(rebuilt.cells, committed.cells, strict=True):
        if not same(new, old):
            raise AssertionError(f"{STALE}: {new.id} gives another output")
    if not same(rebuilt, committed):
        raise AssertionError(f"{STALE}: the metadata differ")
