"""`mmgen`: exit codes, tables, JSON, examples and errors in a line or two, in this process and in a real one."""

import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from urllib.request import urlopen

import nbformat
import psutil
import pytest
import torch
import typer
from nbformat import v4
from typer.testing import CliRunner

from mmgen_course import data, doctor
from mmgen_course.cli import app
from mmgen_course.cli.app import minutes
from mmgen_course.data import registry
from mmgen_course.data.sources import Remote, Source
from mmgen_course.grading import sandbox
from mmgen_course.notebooks.register import REGISTER
from mmgen_course.notebooks.run import NotebookRun
from mmgen_course.recipes import RECIPES

MMGEN = Path(sys.executable).with_name("mmgen")


def mmgen(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """The root of a course of two lessons, the second of which fails."""
    monkeypatch.setattr("mmgen_course.notebooks.run.ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    register = ""
    for name, source in {"00_welcome": "print('hello')", "01_images": "[][0]"}.items():
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source, id="a")])
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
        register += f'[[lesson]]\nname = "{name}"\ntitle = "t"\nstage = "s"\nlabel = "l"\ndoes = "d"\nreading = 1\n'
    (tmp_path / "notebooks" / "lessons.toml").write_text(register)
    return tmp_path


# ---- lessons


def test_lessons_prints_a_table_exits_1_for_a_failed_lesson_and_changes_no_notebook(course):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    result = mmgen("lessons")
    assert result.exit_code == 1
    lines = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    (welcome,) = (line for line in lines if line[:1] == ["00_welcome"])
    assert welcome[1].startswith("0:")
    assert float(welcome[2]) > 0
    assert 20 < int(welcome[3]) < 1000
    assert welcome[4] == "ok"
    assert "IndexError" in result.stdout
    assert before == {path: path.read_bytes() for path in course.rglob("*.*")}


def test_lessons_by_name_as_json(course):
    result = mmgen("lessons", "00_welcome", "--json")
    assert result.exit_code == 0
    (cost,) = json.loads(result.stdout)
    assert cost.keys() == {"lesson", "seconds", "cpu_seconds", "peak_mb", "error"}
    assert (cost["lesson"], cost["error"]) == ("00_welcome", None)
    failed = mmgen("lessons", "01_images", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)[0]["error"] == "01_images, cell 0: IndexError: list index out of range"


def test_each_cost_of_a_lesson_stands_under_its_own_name(course, monkeypatch):
    run = NotebookRun(v4.new_notebook(), seconds=1.5, cpu_seconds=2.5, peak_mb=3.5, error=None)
    monkeypatch.setattr("mmgen_course.notebooks.run.execute", lambda *arguments: run)
    (cost,) = json.loads(mmgen("lessons", "00_welcome", "--json").stdout)
    assert cost == {"lesson": "00_welcome", "seconds": 1.5, "cpu_seconds": 2.5, "peak_mb": 3.5, "error": None}


def test_a_lesson_that_does_not_exist_is_wrong_usage(course):
    result = mmgen("lessons", "99_end")
    assert result.exit_code == 2
    assert "no lesson 99_end" in result.stderr


@pytest.mark.parametrize("command", ["lessons", "lab"])
def test_without_notebooks_a_clone_says_how_to_build_them_and_an_installed_package_that_it_has_none(
    command, tmp_path, monkeypatch
):
    monkeypatch.setattr("mmgen_course.notebooks.run.ROOT", tmp_path)
    result = mmgen(command)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "not in the installed package: run this in a git clone" in result.stderr
    (tmp_path / "notebooks").mkdir()
    shutil.copy(REGISTER, tmp_path / "notebooks")
    result = mmgen(command)
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert "`make notebooks` builds" in result.stderr


# ---- help


def commands(command=None, path=("mmgen",)):
    """Every command that does something, and the words that call it."""
    command = command or typer.main.get_command(app)
    inner = getattr(command, "commands", {})
    for name, other in inner.items():
        yield from commands(other, (*path, name))
    if not inner:
        yield pytest.param(path, command, id=" ".join(path[1:]))


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_the_help_of_each_command_has_an_example_that_its_parser_takes(path, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("submitted").mkdir()  # grade wants it to exist
    shown = mmgen(*path[1:], "--help")
    assert shown.exit_code == 0
    (example,) = [line.strip() for line in shown.stdout.splitlines() if line.strip().startswith("Example: ")]
    words = shlex.split(example.removeprefix("Example: "))
    assert tuple(words[: len(path)]) == path
    command.make_context(" ".join(path), words[len(path) :])  # raises what it cannot read


JSON = {"lessons", "progress", "doctor", "data list", "data fetch", "data verify", "grade", "sample", "train"}


@pytest.mark.parametrize(("path", "command"), list(commands()))
def test_each_command_but_lab_has_json_for_a_program(path, command):
    has = any("--json" in option.opts for option in command.params)
    assert has == (" ".join(path[1:]) in JSON) == (path[1] != "lab")


@pytest.mark.parametrize(
    ("line", "wrong", "where"),
    [
        ("lesons", "mmgen: No such command 'lesons'.", "`mmgen --help`"),
        ("sample", "mmgen sample: Missing argument", "`mmgen sample --help`"),
        ("data fetch imagenet", "mmgen data fetch: Invalid value: no data set imagenet", "`mmgen data fetch --help`"),
        ("train recogniser --steps x", "mmgen train: Invalid value for '--steps'", "`mmgen train --help`"),
        ("grade nowhere --out there", "mmgen grade: Invalid value for", "`mmgen grade --help`"),
        ("doctor --jsn", "mmgen doctor: No such option: --jsn", "`mmgen doctor --help`"),
    ],
)
def test_wrong_usage_is_told_in_two_lines_what_is_wrong_and_where_the_right_one_stands(line, wrong, where):
    result = CliRunner().invoke(app, line.split(), prog_name="mmgen")
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert first.startswith(wrong)
    assert second.startswith(where)


def test_mmgen_alone_shows_its_commands_and_exits_2():
    result = mmgen()
    assert result.exit_code == 2
    assert all(name in result.output for name in ("lab", "doctor", "sample", "grade"))


def test_minutes_of_119_7_seconds_are_two():
    assert [minutes(seconds) for seconds in (119.7, 119.4, 59.5, 0.2, 3600)] == [
        "2:00",
        "1:59",
        "1:00",
        "0:00",
        "60:00",
    ]


# ---- doctor


def test_doctor_says_what_is_here_and_is_content():
    result = mmgen("doctor", "--json")
    findings = {finding.pop("check"): finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 0
    lessons_need = ["python", "torch", "torchvision", "device", "cores", "torch threads", "free memory", "shipped data"]
    assert list(findings) == [
        *lessons_need,
        *["disk, course", "disk, downloads", "network", "bubblewrap", "chromium", "npm"],
    ]
    torchs = {"needed_for": "every lesson", "found": torch.__version__, "state": "good", "advice": ""}
    assert findings["torch"] == torchs
    assert findings["shipped data"]["state"] == "good"
    assert all(finding["needed_for"] for finding in findings.values())
    assert all(bool(finding["advice"]) == (finding["state"] != "good") for finding in findings.values())
    assert all(findings[name]["state"] != "absent" for name in lessons_need)


def test_doctor_advises_fewer_threads_where_torch_has_more_than_there_are_free_cores():
    before = torch.get_num_threads()
    torch.set_num_threads(2 * (os.cpu_count() or 1))
    try:
        result = mmgen("doctor")
    finally:
        torch.set_num_threads(before)
    output = " ".join(result.stdout.replace("│", " ").split())
    assert "slow" in output
    assert result.exit_code == 0  # slow is not broken
    assert "torch threads: close what else is running, or set OMP_NUM_THREADS=" in output


def found(check: str) -> doctor.Finding:
    (finding,) = (finding for finding in doctor.examine() if finding.check == check)
    return finding


def test_what_no_lesson_needs_may_be_absent_and_the_doctor_is_content(monkeypatch):
    monkeypatch.setattr(sandbox, "why_not_contained", lambda: "bubblewrap is not installed: `apt install bubblewrap`")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "_ask", lambda url, answered: None)
    result = mmgen("doctor", "--json")
    findings = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert result.exit_code == 0
    states = {name: findings[name]["state"] for name in ("network", "bubblewrap", "chromium", "npm")}
    assert set(states.values()) == {"absent"}
    assert findings["bubblewrap"]["advice"] == "bubblewrap is not installed: `apt install bubblewrap`"
    assert "offline is fine" in findings["network"]["advice"]
    assert "no answer from github.com, huggingface.co" in findings["network"]["advice"]


def test_the_doctor_asks_the_servers_of_the_data_and_names_the_one_that_does_not_answer(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://localhost:{closed.getsockname()[1]}/file"
    with answering() as somebody:
        sources = {
            name: Source(name, "MIT", (Remote("file", (url,), size=1, sha256=""),))
            for name, url in {"here": somebody, "gone": nobody}.items()
        }
        monkeypatch.setattr(doctor, "SOURCES", {"here": sources["here"]})
        assert found("network").state == "good"
        monkeypatch.setattr(doctor, "SOURCES", sources)
        finding = found("network")
    assert (finding.found, finding.state) == ("1 of 2 servers of data answer", "absent")
    assert finding.advice.endswith("no answer from localhost")


@contextmanager
def answering() -> Iterator[str]:
    """The address of a server that answers anything with 404: it is there."""
    server = HTTPServer(("127.0.0.1", 0), type("Quiet", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None}))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/file"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_doctor_says_where_the_disk_is_too_full_for_what(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_DATA", str(tmp_path / "not" / "there" / "yet"))
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or SimpleNamespace(free=1.0e9))
    assert found("disk, course").state == "good"
    assert (found("disk, downloads").state, found("disk, downloads").found) == ("absent", "1.0 GB free")
    assert "MMGEN_DATA" in found("disk, downloads").advice
    assert set(asked) == {registry.ROOT, tmp_path}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0.1e9))
    assert found("disk, course").state == "slow"


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
    (shipped,) = (finding for finding in json.loads(result.stdout) if finding["check"] == "shipped data")
    assert shipped["state"] == "bad"
    (damaged / "cat.png").write_bytes(b"a cat")
    assert mmgen("data", "verify").exit_code == 0


def test_verify_tells_a_program_every_problem_and_a_person_the_first(damaged):
    (damaged / "dog.png").write_bytes(b"nobody vouches for it")
    result = mmgen("data", "verify", "--json")
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert [problem.split(":")[0].rsplit("/")[-1] for problem in problems] == ["cat.png", "dog.png"]
    result = mmgen("data", "verify")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "(and 1 more" in result.stderr
    (damaged / "cat.png").write_bytes(b"a cat")
    (damaged / "dog.png").unlink()
    result = mmgen("data", "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"problems": []})


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


def test_lists_as_json_hold_what_the_course_knows():
    listed = json.loads(mmgen("data", "list", "--json").stdout)
    assert {row["name"]: row["about"] for row in listed} == data.datasets()
    listed = json.loads(mmgen("train", "list", "--json").stdout)
    assert [(row["name"], row["steps"]) for row in listed] == [(r.name, r.steps) for r in RECIPES.values()]


def test_fetch_as_json_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "fetch", lambda name: tmp_path / name)
    result = mmgen("data", "fetch", "cifar-10", "--json")
    assert json.loads(result.stdout) == {"name": "cifar-10", "folder": str(tmp_path / "cifar-10")}
    assert mmgen("data", "fetch", "cifar-10").stdout == f"{tmp_path / 'cifar-10'}\n"


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
    code = (
        "import os; from pathlib import Path; from mmgen_course import cli; from mmgen_course.notebooks import run;"
        "run.ROOT = Path(os.environ['COURSE']); cli.main()"
    )
    options = ["--no-browser", "--port=0", "--allow-root", "--IdentityProvider.token=t"]
    environment = os.environ | {"HOME": str(course / "home"), "JUPYTER_RUNTIME_DIR": str(course / "home")}
    environment["COURSE"] = str(course)
    server = subprocess.Popen([sys.executable, "-c", code, "lab", *options], env=environment)
    try:
        listing = json.loads(patiently(course / "home", server))
        assert sorted(entry["name"] for entry in listing["content"]) == [
            "00_welcome.ipynb",
            "01_images.ipynb",
            "lessons.toml",
        ]
    finally:
        command = psutil.Process(server.pid).cmdline()
        server.terminate()
        server.wait(timeout=300)
    assert command[1:4] == ["-m", "jupyterlab", str(course / "notebooks" / "00_welcome.ipynb")]


def patiently(home: Path, server: subprocess.Popen, seconds: int = 300) -> bytes:
    """Ask the server below `home` what it serves until it answers, at the address that it has written down."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            (file,) = home.rglob("jpserver-*.json")
            with urlopen(json.loads(file.read_text())["url"] + "api/contents?token=t", timeout=60) as answer:
                return answer.read()
        except (OSError, ValueError):  # not there, half written, or not ready
            time.sleep(0.2)
    raise TimeoutError(f"no answer; exit code {server.poll()}")
