"""`mmgen grade` grades a folder, tells where the report lies, and refuses in one sentence that says what to do."""

import json
import os
import sys
from contextlib import contextmanager

import pytest
import torch
from corpus import contained, honest_cells, notebook_of
from typer.testing import CliRunner

from mmgen_course.cli import app
from mmgen_course.grading import grade
from mmgen_course.grading.results import WRITTEN
from mmgen_course.grading.submissions import submission


@pytest.fixture
def school(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "alice.ipynb").write_bytes(notebook_of(list(honest_cells().values())))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["grade", *map(str, arguments)])


@contained
def test_a_class_is_graded_reported_and_written_into_the_gradebook(school, tmp_path):
    out = tmp_path / "out"
    database = f"sqlite:///{tmp_path / 'gradebook.db'}"
    done = run(school, "--out", out, "--jobs", 1, "--gradebook", database, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said == {"submissions": 1, "graded": 1, "report": str(out / "report.html")}
    assert "contained: 14 escape tests passed" in done.stderr
    names = {path.name for path in out.iterdir()}
    assert names == {"feedback", "gradebook.csv", "lock", "report.html", "results", "secret"}
    assert (tmp_path / "gradebook.db").exists()


def test_without_a_sandbox_nothing_is_graded_unless_it_is_typed(school, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    refused = run(school, "--out", tmp_path / "out")
    assert refused.exit_code == 1
    assert (
        "the students' code cannot be contained: bubblewrap is not installed: `apt install bubblewrap`"
        in refused.stderr
    )
    assert not (tmp_path / "out").exists()
    done = run(school, "--out", tmp_path / "out", "--jobs", 1, "--allow-uncontained")
    assert done.exit_code == 0
    assert "UNCONTAINED" in done.stderr
    (result,) = (tmp_path / "out" / "results").iterdir()
    assert json.loads(result.read_text())["isolation"] == "uncontained"


def test_a_system_without_forks_is_told_what_to_use(school, tmp_path, monkeypatch):
    monkeypatch.delattr(os, "fork")
    refused = run(school, "--out", tmp_path / "out", "--allow-uncontained")
    assert refused.exit_code == 1
    assert "on Windows use WSL2" in refused.stderr


def test_without_the_package_of_dask_the_command_says_how_to_get_it(school, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused = run(school, "--out", tmp_path / "out", "--dask", "tcp://127.0.0.1:9")
    assert refused.exit_code == 1
    assert "pip install 'mmgen-course[dask]'" in " ".join(refused.stderr.split())


@pytest.mark.parametrize("what", ["nothing.zip", "--lesson 99_none"])
def test_wrong_usage_is_told_apart_from_a_failed_job(school, tmp_path, what):
    arguments = [school, *what.split()] if what.startswith("--") else [tmp_path / what]
    refused = run(*arguments, "--out", tmp_path / "out")
    assert refused.exit_code == 2


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "class.rar").write_bytes(b"Rar!")
    refused = run(tmp_path / "class.rar", "--out", tmp_path / "out", "--allow-uncontained")
    assert refused.exit_code == 1
    assert "is no folder, zip or tar; expected one with a notebook per student" in " ".join(refused.stderr.split())


def test_two_gradings_do_not_write_to_one_folder(school, tmp_path):
    from filelock import FileLock

    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / "lock"):
        refused = run(school, "--out", tmp_path / "out", "--allow-uncontained")
    assert refused.exit_code == 1
    assert "another grading writes to" in refused.stderr


def test_where_something_is_not_graded_the_command_fails_and_says_how_many(school, tmp_path, monkeypatch):
    def lost(submissions, *rest):
        for one in submissions:
            yield dict.fromkeys(WRITTEN, "") | {
                "student": one.student,
                "file": one.file,
                "lesson": one.lesson,
                "sha256": one.sha256,
                "state": "not graded",
                "reason": "the sandbox did not start",
                "points": 0,
                "of": 0,
                "exercises": {},
                "notes": [],
            }

    monkeypatch.setattr("mmgen_course.grading.run.grade_all", lost)
    done = run(school, "--out", tmp_path / "out", "--allow-uncontained", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {
        "submissions": 1,
        "not graded": 1,
        "report": str(tmp_path / "out" / "report.html"),
    }


def test_the_inputs_of_two_notebooks_differ_and_those_of_one_are_the_same_again():
    drawn = []

    class Asked:
        def ask(self, question, end):
            drawn[-1].append(torch.cat([part.flatten().double() for part in question["case"]]))
            return {"id": question["id"], "state": "answered", "value": 0.0, "changed": None, "notes": []}

        def tell(self, cells, end):
            pass

        def end(self, patience=0.0):
            return {"ended": "exit", "status": 0}

        @contextmanager
        def worker(self, seconds, imports=()):
            drawn.append([])
            yield self

    honest = list(honest_cells().values())
    for cells in (honest, honest, [*honest, "x = 1"]):
        grade.grade(Asked(), submission("a.ipynb", notebook_of(cells)), b"secret")
    first, again, other = drawn
    assert all(map(torch.equal, first, again))
    assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in zip(first, other, strict=True))
