"""`mmgen`: exit codes, tables, JSON and one-line errors, in this process and in a real one."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import nbformat
import psutil
import pytest
import torch
from nbformat import v4
from typer.testing import CliRunner

from mmgen_course import lessons
from mmgen_course.cli import app
from mmgen_course.data import registry

MMGEN = Path(sys.executable).with_name("mmgen")


def mmgen(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """The root of a course of two lessons, the second of which fails."""
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name, source in {"00_welcome": "print('hello')", "01_images": "[][0]"}.items():
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source, id="a")])
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    return tmp_path


# ---- lessons


def test_lessons_prints_a_table_exits_1_for_a_failed_lesson_and_changes_no_notebook(course):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    result = mmgen("lessons")
    assert result.exit_code == 1
    lines = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    (welcome,) = (line for line in lines if line[:1] == ["00_welcome"])
    assert welcome[1].startswith("0:")
    assert 20 < int(welcome[2]) < 1000
    assert welcome[3] == "ok"
    assert "IndexError" in result.stdout
    assert before == {path: path.read_bytes() for path in course.rglob("*.*")}


def test_lessons_by_name_as_json(course):
    result = mmgen("lessons", "00_welcome", "--json")
    assert result.exit_code == 0
    (cost,) = json.loads(result.stdout)
    assert cost.keys() == {"lesson", "seconds", "peak_mb", "error"}
    assert (cost["lesson"], cost["error"]) == ("00_welcome", None)
    failed = mmgen("lessons", "01_images", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)[0]["error"] == "01_images, cell 0: IndexError: list index out of range"


def test_a_lesson_that_does_not_exist_is_wrong_usage(course):
    result = mmgen("lessons", "99_end")
    assert result.exit_code == 2
    assert "no lesson 99_end" in result.stderr


def test_a_course_without_notebooks_says_how_to_build_them(tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    for command in ("lessons", "lab"):
        result = mmgen(command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "`make notebooks` builds" in result.stderr


# ---- doctor


def test_doctor_says_what_is_here_and_is_content():
    result = mmgen("doctor", "--json")
    findings = {finding.pop("check"): finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert list(findings) == [
        *["python", "torch", "torchvision", "device", "cores", "torch threads", "free memory", "shipped data"]
    ]
    assert findings["torch"] == {"found": torch.__version__, "state": "good", "advice": ""}
    assert findings["shipped data"]["state"] == "good"
    assert all(bool(finding["advice"]) == (finding["state"] != "good") for finding in findings.values())


def test_doctor_advises_fewer_threads_where_torch_has_more_than_there_are_free_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(2 * (os.cpu_count() or 1))
    try:
        output = " ".join(mmgen("doctor").stdout.replace("│", " ").split())
    finally:
        torch.set_num_threads(before)
    assert "slow" in output
    assert "OMP_NUM_THREADS" in output


# ---- data


@pytest.fixture
def damaged(tmp_path, monkeypatch) -> Path:
    """Shipped data of which one file has changed since its hash was taken."""
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    (tmp_path / "registry.txt").write_text(f"cat.png {hashlib.sha256(b'a cat').hexdigest()}\n")
    (tmp_path / "cat.png").write_bytes(b"a dog")
    return tmp_path


def test_changed_data_fail_verify_and_doctor(damaged):
    result = mmgen("data", "verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "cat.png" in result.stderr
    result = mmgen("doctor", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)[-1]["state"] == "bad"
    (damaged / "cat.png").write_bytes(b"a cat")
    assert mmgen("data", "verify").exit_code == 0


def test_missing_data_are_one_line_on_stderr(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    result = mmgen("data", "verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "registry.txt" in result.stderr


def test_data_list_names_every_data_set():
    result = mmgen("data", "list")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("scenes", "digits", "glove-6b"))


def test_fetch_of_a_name_that_does_not_exist_is_wrong_usage():
    result = mmgen("data", "fetch", "imagenet")
    assert result.exit_code == 2
    assert "no data set imagenet" in result.stderr


def test_fetch_of_what_ships_already_says_so_in_one_line():
    result = mmgen("data", "fetch", "digits")
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "need no download" in result.stderr


# ---- a real process


def test_offline_fetch_fails_in_one_line(tmp_path):
    offline = {"PYTHONPATH": str(Path(__file__).parent / "offline"), "MMGEN_DATA": str(tmp_path)}
    process = subprocess.run(
        [MMGEN, "data", "fetch", "fashion-mnist"], env=os.environ | offline, capture_output=True, text=True
    )
    assert (process.returncode, process.stdout) == (1, "")
    assert [line[:7] for line in process.stderr.splitlines() if "mmgen" in line] == ["mmgen: "]


def test_wrong_usage_of_the_installed_command_exits_2():
    process = subprocess.run([MMGEN, "lesons"], capture_output=True, text=True)
    assert process.returncode == 2
    assert "No such command 'lesons'" in process.stderr


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from mmgen_course.cli import app; from typer.testing import CliRunner;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print(sorted({'torch', 'nbclient', 'nbformat', 'matplotlib', 'pooch'} & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "[]\n"


def test_lab_serves_the_course_and_passes_options_on(course):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = (
        "import os; from pathlib import Path; from mmgen_course import cli, lessons;"
        "lessons.ROOT = Path(os.environ['COURSE']); cli.main()"
    )
    options = ["--no-browser", "--port", str(port), "--allow-root", "--IdentityProvider.token=t"]
    environment = os.environ | {"HOME": str(course / "home"), "COURSE": str(course)}
    server = subprocess.Popen([sys.executable, "-c", code, "lab", *options], env=environment)
    try:
        listing = json.loads(patiently(f"http://127.0.0.1:{port}/api/contents?token=t", server))
        assert sorted(entry["name"] for entry in listing["content"]) == ["00_welcome.ipynb", "01_images.ipynb"]
    finally:
        command = psutil.Process(server.pid).cmdline()
        server.terminate()
        server.wait(timeout=60)
    assert command[1:4] == ["-m", "jupyterlab", str(course / "notebooks" / "00_welcome.ipynb")]


def patiently(url: str, server: subprocess.Popen, seconds: int = 120) -> bytes:
    """Ask until the server answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(url, timeout=5) as answer:
                return answer.read()
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} gave no answer; exit code {server.poll()}")
