"""A class is graded once, whatever interrupts it: results are whole, found again by their keys, never a false zero."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
from corpus import contained, honest_cells, notebook_of
from distributed import LocalCluster

from mmgen_course.grading import bubblewrap, grade, run
from mmgen_course.grading.cluster import grade_with_dask
from mmgen_course.grading.results import WRITTEN, Results, key_of
from mmgen_course.grading.run import NotContained, ensure_contained, grade_all
from mmgen_course.grading.sandbox import Infrastructure, Sandbox
from mmgen_course.grading.submissions import collect, submission


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A class of eight: seven right, one wrong."""
    folder = tmp_path_factory.mktemp("class")
    for i in range(8):
        cells = [f"number = {i}", *honest_cells().values()]
        if i == 5:
            cells[2] = "def kl_between(*a): return 0.0"
        (folder / f"student{i}.ipynb").write_bytes(notebook_of(cells))
    return folder


def scores(outcomes):
    return {outcome["student"]: (outcome["state"], outcome["points"], outcome["of"]) for outcome in outcomes}


EXPECTED = {f"student{i}": ("graded", 8 if i == 5 else 12, 12) for i in range(8)}


@pytest.fixture(scope="module")
def graded(school, tmp_path_factory):
    """The class graded by two sandboxes: where, what came of it, and the processes that are left of it."""
    folder = tmp_path_factory.mktemp("graded")
    before = set(psutil.Process().children(recursive=True))
    outcomes = list(grade_all(collect(school), Results(folder), jobs=2))
    return folder, outcomes, set(psutil.Process().children(recursive=True)) - before


@contained
def test_a_class_is_graded_and_a_second_run_finds_all_results(school, graded, monkeypatch):
    folder, outcomes, _ = graded
    assert scores(outcomes) == EXPECTED
    assert scores(Results(folder).all()) == EXPECTED
    monkeypatch.setattr(run, "outcome_of", None)  # nothing is asked again
    assert scores(grade_all(collect(school), Results(folder), jobs=2)) == EXPECTED


@contained
def test_no_process_outlives_the_grading(graded):
    assert graded[2] == set()


COMMAND = "import sys; from mmgen_course.cli import main; sys.argv[0] = 'mmgen'; main()"


@contained
def test_a_killed_run_goes_on_where_it_was_and_loses_and_doubles_nothing(school, tmp_path):
    command = [sys.executable, "-c", COMMAND, "grade", str(school), "--out", str(tmp_path), "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "results").glob("*.json"))) < 3 and process.poll() is None:
        time.sleep(0.02)
    inside = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list((tmp_path / "results").glob("*.json")))
    assert 3 <= done < 8
    assert not psutil.wait_procs(inside, timeout=300)[1]  # bubblewrap ends with whoever started it
    finished = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout)["graded"] == 8
    assert scores(Results(tmp_path).all()) == EXPECTED
    assert len(list((tmp_path / "results").iterdir())) == 8


def test_a_half_written_or_failed_result_is_not_taken_for_done(tmp_path):
    results = Results(tmp_path)
    whole = dict.fromkeys(WRITTEN, "") | {"state": "graded"}
    results.write(whole | {"key": "a"})
    results.write(whole | {"key": "b", "state": "not graded"})
    results.path("c").write_text('{"key": "c", "sta')
    results.write({"key": "e", "state": "graded"})
    assert results.done("a") == whole | {"key": "a"}
    assert [results.done(key) for key in "bcde"] == [None] * 4


def test_what_a_killed_run_was_writing_is_cleaned_up_and_the_secret_stays(tmp_path):
    first = Results(tmp_path)
    (first.folder / "x.json.123.partial").write_text("{")
    second = Results(tmp_path)
    assert second.secret == first.secret
    assert len(second.secret) == 32
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
    assert list(second.folder.iterdir()) == []


def test_the_key_is_another_for_another_student_file_or_content():
    made = [
        submission(file, notebook_of([text]))
        for file, text in (("a.ipynb", "x"), ("b.ipynb", "x"), ("a/1.ipynb", "x"), ("a.ipynb", "y"))
    ]
    keys = {key_of(one) for one in made}
    keys |= {key_of(made[0], contained=False), key_of(made[0], seconds=99.0), key_of(made[0], lesson="08_vae")}
    assert len(keys) == 7


# ---- our own faults


def test_a_fault_of_ours_is_tried_again_and_then_not_graded_and_never_a_zero(monkeypatch):
    tries = []

    class Broken(Sandbox):
        def start(self):
            tries.append(1)
            raise Infrastructure("no more processes")

    outcome = grade.grade(Broken(), submission("a.ipynb", notebook_of(list(honest_cells().values()))), b"")
    assert outcome["state"] == "not graded"
    assert outcome["reason"] == "no more processes"
    assert {result["state"] for result in outcome["exercises"].values()} == {"not graded"}
    assert len(tries) == grade.TRIES * 4


@contained
def test_a_sandbox_that_dies_in_the_middle_is_started_anew():
    sandbox = Sandbox()
    sandbox.start()
    os.kill(sandbox.process.pid, signal.SIGKILL)
    sandbox.process.wait()
    outcome = grade.grade(sandbox, submission("a.ipynb", notebook_of(list(honest_cells().values()))), b"")
    sandbox.close()
    assert (outcome["state"], outcome["points"]) == ("graded", 12)


# ---- what may be called contained


@contained
def test_every_attempt_to_escape_is_held_here():
    assert set(ensure_contained().values()) == {""}


@contained
def test_holes_in_the_sandbox_are_found_by_their_escape_tests(monkeypatch):
    arguments = list(bubblewrap._arguments())
    hidden = arguments.index(str(bubblewrap.PACKAGE / "exercises" / "lessons"))
    unmasked = arguments[: hidden - 1] + arguments[hidden + 3 :]  # the right answers can be read
    monkeypatch.setattr(bubblewrap, "_arguments", lambda: ["--ro-bind", "/etc", "/etc", *unmasked, "--share-net"])
    with pytest.raises(NotContained) as refused:
        ensure_contained()
    for name in ("files", "network", "answers"):
        assert f"escape test '{name}' reached" in str(refused.value)
    assert "escape test 'environment'" not in str(refused.value)


@contained
def test_missing_isolation_of_one_learner_is_found_by_its_escape_tests(tmp_path, monkeypatch):
    # a copy of the package in which one learner keeps capabilities, may call anything, and leaves processes behind
    copy = tmp_path / "mmgen_course"
    subprocess.run(["cp", "-r", str(bubblewrap.PACKAGE), str(copy)], check=True)
    module = copy / "grading" / "untrusted" / "isolation.py"
    text = module.read_text()
    for step in ("_drop_capabilities()", "_forbid_calls()"):
        assert f"    {step}\n" in text
        text = text.replace(f"    {step}\n", "")
    module.write_text(text)
    for name in ("bubblewrap", "escape_tests", "sandbox"):
        monkeypatch.setattr(f"mmgen_course.grading.{name}.PACKAGE", copy)
    with pytest.raises(NotContained) as refused:
        ensure_contained()
    for name in ("namespaces", "calls"):
        assert f"escape test '{name}' reached" in str(refused.value)


@contained
def test_a_course_in_the_home_folder_is_contained_and_what_lies_beside_it_is_not_seen(tmp_path, monkeypatch):
    copy = tmp_path / "course" / "mmgen_course"
    copy.parent.mkdir()
    subprocess.run(["cp", "-r", str(bubblewrap.PACKAGE), str(copy)], check=True)
    (tmp_path / "diary").write_text("mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("bubblewrap", "escape_tests", "sandbox"):
        monkeypatch.setattr(f"mmgen_course.grading.{name}.PACKAGE", copy)
    assert ensure_contained()
    arguments, diary = list(bubblewrap._arguments()), str(tmp_path / "diary")
    monkeypatch.setattr(bubblewrap, "_arguments", lambda: ["--ro-bind", diary, diary, *arguments])
    with pytest.raises(NotContained, match=r"escape test 'files' reached .*diary"):
        ensure_contained()


def test_without_bubblewrap_the_reason_and_the_remedy_are_said(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(NotContained, match="bubblewrap is not installed: `apt install bubblewrap`"):
        ensure_contained()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotContained, match="bubblewrap needs Linux"):
        ensure_contained()


def test_a_bubblewrap_that_does_not_work_is_not_contained(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotContained, match=r"cannot start a sandbox here: No permissions to create new namespace; are"):
        ensure_contained()


def test_uncontained_grading_gives_the_same_scores_and_carries_the_mark(school, tmp_path):
    outcomes = list(grade_all(collect(school), Results(tmp_path), jobs=1, contained=False))
    assert scores(outcomes) == EXPECTED
    assert {outcome["isolation"] for outcome in outcomes} == {"uncontained"}


@contained
def test_a_stub_is_not_done_and_what_pytorch_has_not_implemented_is_an_error(tmp_path):
    stub = "def kl_between(*given):\n    raise NotImplementedError('your turn: kl_between')"
    of_pytorch = "import torch\n\ndef kl_between(*given):\n    return torch.zeros((), device='meta').tolist()"
    for name, answer in {"stub": stub, "meta": of_pytorch}.items():
        (tmp_path / f"{name}.ipynb").write_bytes(notebook_of([answer]))
    outcomes = grade_all(collect(tmp_path), Results(tmp_path / "out"), jobs=1)
    said = {o["student"]: o["exercises"]["kl_between"] for o in outcomes}
    assert (said["stub"]["state"], said["meta"]["state"]) == ("not done", "error")
    assert "device='meta'" in said["meta"]["reason"]


# ---- Dask


@contained
def test_a_dask_worker_that_is_killed_costs_no_result(school, tmp_path):
    results = Results(tmp_path)
    # every task may be lost once with the worker that is killed
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        outcomes = []
        for outcome in grade_with_dask(cluster.scheduler_address, collect(school), results):
            if not outcomes:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
            outcomes.append(outcome)
    assert scores(outcomes) == scores(results.all()) == EXPECTED
    assert len(outcomes) == len(EXPECTED)  # none twice


def test_a_scheduler_that_is_not_there_is_an_error_in_a_sentence(school, tmp_path, monkeypatch):
    monkeypatch.setattr("mmgen_course.grading.cluster.PATIENCE", 0.2)
    with pytest.raises(OSError, match="Timed out"):
        list(grade_with_dask("tcp://127.0.0.1:9", collect(school), Results(tmp_path)))


def test_an_exercise_is_not_punished_for_what_an_answer_before_it_left_running():
    asked = []

    class Leaky:
        """Ends at the second question, as one whose threads are found a moment later."""

        def __init__(self):
            self.questions = 0

        def tell(self, cells, end):
            pass

        def ask(self, question, end):
            self.questions += 1
            asked.append((id(self), question["ask"]))
            if self.questions > 1:
                raise EOFError
            return {"id": question["id"], "state": "error", "reason": "its own", "notes": []}

        def end(self, patience=0.0):
            return {"ended": "processes", "status": 64}

    class Box:
        @contextmanager
        def worker(self, seconds, imports=()):
            yield Leaky()

    outcome = grade.grade(Box(), submission("a.ipynb", notebook_of(list(honest_cells().values()))), b"")
    assert {one["state"] for one in outcome["exercises"].values()} == {"error"}
    assert {one["reason"] for one in outcome["exercises"].values()} == {"its own"}
    assert len(asked) == 7  # each but the first twice


class Told:
    """A worker that answers what it is told: a function of the question."""

    def __init__(self, answer):
        self.answer = answer

    def tell(self, cells, end):
        pass

    def ask(self, question, end):
        return self.answer(question)

    def end(self, patience=0.0):
        return {"ended": "exit", "status": 0}

    @contextmanager
    def worker(self, seconds, imports=()):
        yield self

    def close(self):
        pass


HONEST = notebook_of(list(honest_cells().values()))


def test_an_answer_that_does_not_say_what_it_changed_is_wrong_and_no_fault_of_ours():
    told = Told(lambda question: {"id": question["id"], "state": "answered", "value": 0.0, "notes": []})
    outcome = grade.grade(told, submission("a.ipynb", HONEST), b"")
    assert outcome["state"] == "graded"
    assert {one["state"] for one in outcome["exercises"].values()} == {"wrong"}


def test_an_answer_that_cannot_be_compared_is_named_and_no_fault_of_ours(monkeypatch):
    def refuse(*arguments):
        raise RecursionError

    monkeypatch.setattr(grade, "compared", refuse)
    told = Told(
        lambda question: {"id": question["id"], "state": "answered", "value": 0.0, "changed": None, "notes": []}
    )
    outcome = grade.grade(told, submission("a.ipynb", HONEST), b"")
    assert outcome["state"] == "graded"
    reasons = {(one["state"], one["reason"]) for one in outcome["exercises"].values()}
    assert reasons == {("protocol", "what arrived cannot be compared: RecursionError")}


def test_a_time_out_is_asked_once_more_after_the_others():
    asked = []

    def late_once(question):
        asked.append(question["ask"])
        if asked.count("kl_between") == 1 and question["ask"] == "kl_between":
            raise TimeoutError
        if question["ask"] == "iwae_bound":
            raise TimeoutError
        return {"id": question["id"], "state": "error", "reason": "its own", "notes": []}

    outcome = grade.grade(Told(late_once), submission("a.ipynb", HONEST), b"")
    states = {name: one["state"] for name, one in outcome["exercises"].items()}
    assert states["kl_between"] == "error"
    assert states["iwae_bound"] == "timeout"
    assert asked.count("kl_between") == 2
    assert asked[-1] == "iwae_bound"
    assert asked.index("elbo_per_image") < len(asked) - 1 - asked[::-1].index("kl_between")
