"""Lessons: what `execute` reports, that nothing gets out of an offline kernel, and each lesson against its source."""

import copy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode, v4
from validation import STALE, course_in, source_of

from mmgen_course.notebooks.register import lesson_names
from mmgen_course.notebooks.run import ROOT, execute, lesson_paths
from tools.lessons.build import learner_notebook, solution_notebook

SOURCES = ROOT / "notebooks" / "source"
NAMES = lesson_names()


def notebook_of(*sources: str) -> NotebookNode:
    return v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])


# ---- execute


@pytest.mark.parametrize(
    ("source", "timeout", "error"),
    [
        ("raise ValueError('no red [here]\\nat all')", 60, "02_text, cell 1: ValueError: no red [here]"),
        ("import time; time.sleep(60)", 1, "02_text, cell 1: took longer than 1 s"),
        ("import os; os._exit(1)", 60, "02_text, cell 1: the kernel died (out of memory?)"),
    ],
)
def test_what_goes_wrong_in_a_cell_is_told_and_not_raised(source, timeout, error):
    notebook = notebook_of("print(1)", source, "print(3)")
    before = copy.deepcopy(notebook)
    run = execute(notebook, "02_text", timeout)
    assert run.error == error
    assert run.notebook.cells[0].outputs[0].text == "1\n"
    assert run.notebook.cells[2].outputs == []
    assert notebook == before


def test_a_run_holds_outputs_time_and_the_memory_that_was_needed():
    needs_300_mb = "import time\nblock = b'x' * 300_000_000\ntime.sleep(0.3)\ndel block\nlen(str(hash('x')))"
    first, second = (execute(notebook_of("hash('x')", needs_300_mb)) for _ in range(2))
    assert first.error is None
    assert 300 < first.peak_mb < 600
    assert first.seconds > 0.3
    # strings hash alike on each kernel, so sets of strings have one order
    assert first.notebook.cells[0].outputs == second.notebook.cells[0].outputs


# ---- offline


@pytest.fixture
def offline(monkeypatch, tmp_path) -> Path:
    """Block the sockets of every Python started from here; each logs its command line in this file."""
    log = tmp_path / "offline.log"
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "offline"))
    monkeypatch.setenv("OFFLINE_LOG", str(log))
    return log


# 192.0.2.1 belongs to documentation: no machine ever answers there
AWAY = {
    "address": "away = socket.socket(); away.settimeout(1); away.connect(('192.0.2.1', 80))",
    "address, by code": "socket.socket().connect_ex(('192.0.2.1', 80))",
    "address, 6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "name": "socket.getaddrinfo('example.org', 80)",
    "web page": "import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)",
}


@pytest.mark.parametrize("attempt", AWAY.values(), ids=AWAY.keys())
def test_offline_no_other_machine_can_be_reached(offline, attempt):
    process = subprocess.run([sys.executable, "-c", f"import socket; {attempt}"], capture_output=True, text=True)
    assert "blocked: lessons run offline" in process.stderr


def test_offline_this_machine_can_be_reached(offline):
    code = (
        "import socket; server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1];"
        "socket.create_connection(('127.0.0.1', port)); socket.create_connection(('localhost', port))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_offline_holds_in_the_kernel_of_a_lesson(offline):
    run = execute(notebook_of("import socket", AWAY["address"]), "00_welcome")
    assert run.error == "00_welcome, cell 1: OSError: blocked: lessons run offline"
    assert "ipykernel_launcher" in offline.read_text()


# ---- each lesson: nbval executes it and compares it as a whole, see tests/gate/validation.py


def test_every_lesson_of_the_register_has_a_source_and_a_notebook_and_no_other_has():
    assert [path.stem for path in sorted(SOURCES.glob("*.py"))] == NAMES
    assert [path.stem for path in lesson_paths()] == NAMES
    with_exercises = [lesson.name for lesson in course_in(SOURCES).lessons if lesson.has_solutions]
    solutions = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
    assert [path.stem for path in solutions] == with_exercises
    assert all(source_of(path).is_file() for path in [*lesson_paths(), *solutions])  # each is compared as a whole


@pytest.mark.parametrize("name", NAMES)
def test_a_committed_notebook_was_written_from_the_source_as_it_is(name):
    course = course_in(SOURCES)
    (lesson,) = (lesson for lesson in course.lessons if lesson.name == name)
    pairs = {f"{name}.ipynb": learner_notebook(lesson, course)}
    if lesson.has_solutions:
        pairs[f"solutions/{name}.ipynb"] = solution_notebook(lesson, course)
    for path, written in pairs.items():
        committed = nbformat.read(ROOT / "notebooks" / path, as_version=4)
        assert [before_a_run(cell) for cell in written.cells] == [before_a_run(cell) for cell in committed.cells], STALE
        assert written.metadata.mmgen == committed.metadata.mmgen, STALE


def before_a_run(cell: NotebookNode) -> tuple:
    """What a cell is before it is run; the run adds the alt text of its pictures for the book."""
    metadata = {key: value for key, value in cell.metadata.items() if key != "mystnb"}
    return cell.id, cell.cell_type, cell.source, metadata
