"""Lessons: what `execute` reports, that nothing gets out of an offline kernel, and each lesson against its source."""

import base64
import copy
import io
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode, v4
from PIL import Image

from mmgen_course.notebooks.register import lesson_names
from mmgen_course.notebooks.run import ROOT, execute, lesson_paths
from tools.lessons.build import build, read_course

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
    assert 0.3 < first.seconds < 60
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


# ---- each lesson


def same(rebuilt: object, committed: object) -> bool:
    """Compare two JSON trees exactly, but pictures as pictures: other processors round differently."""
    if rebuilt == committed:
        return True
    if isinstance(rebuilt, dict) and isinstance(committed, dict):
        return rebuilt.keys() == committed.keys() and all(same(rebuilt[key], committed[key]) for key in rebuilt)
    if isinstance(rebuilt, list) and isinstance(committed, list):
        return len(rebuilt) == len(committed) and all(map(same, rebuilt, committed))
    return is_png(rebuilt) and is_png(committed) and alike(pixels(rebuilt), pixels(committed))


def is_png(node: object) -> bool:
    return isinstance(node, str) and node.startswith(base64.b64encode(b"\x89PNG\r\n\x1a").decode()[:8])


def pixels(payload: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(payload))).convert("RGBA"), dtype=float) / 255


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).mean() < 1 / 255)


def png(width: int, grey: int) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 8), (grey, grey, grey)).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode()


def test_only_pictures_may_differ_and_they_by_less_than_a_grey_level():
    assert same({"a": [png(8, 100), "x"]}, {"a": [png(8, 101), "x"]})
    for other in ([png(8, 102), "x"], [png(9, 100), "x"], [png(8, 100), "y"], [png(8, 100)], ["x", "x"]):
        assert not same({"a": [png(8, 100), "x"]}, {"a": other})
    assert not same({"a": 1}, {"a": 1, "b": 1})


def test_every_lesson_of_the_register_has_a_source_and_a_notebook_and_no_other_has():
    assert [path.stem for path in sorted(SOURCES.glob("*.py"))] == NAMES
    assert lesson_paths() == sorted((ROOT / "notebooks").glob("*.ipynb"))
    with_exercises = [lesson.name for lesson in read_course(SOURCES).lessons if lesson.has_solutions]
    assert sorted(path.stem for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb")) == with_exercises


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_what_its_source_gives_offline_in_a_minute(name, tmp_path, offline):
    course = read_course(SOURCES)
    (lesson,) = (lesson for lesson in course.lessons if lesson.name == name)
    for run in build(lesson, course, tmp_path):
        assert run.seconds < 60
    assert offline.read_text().count("ipykernel_launcher") == 1 + lesson.has_solutions
    for rebuilt in tmp_path.rglob("*.ipynb"):
        committed = ROOT / "notebooks" / rebuilt.relative_to(tmp_path)
        left, right = (nbformat.read(path, as_version=4) for path in (rebuilt, committed))
        assert [c.source for c in left.cells] == [c.source for c in right.cells], "run `make notebooks`"
        for new, old in zip(left.cells, right.cells, strict=True):
            assert same(new, old), f"run `make notebooks`: {new.id} gives another output"
        assert same(left, right), "run `make notebooks`: the metadata differ"
