"""Points are kept for every notebook, never lost and never overwritten unread; `mmgen progress` prints them."""

import json
import subprocess
import sys

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from mmgen_course.cli import app
from mmgen_course.exercises import all_exercises, progress
from mmgen_course.exercises.progress import Unreadable, earned, lessons, record, whole

EXERCISES = all_exercises()
WORTH = EXERCISES["antithetic_draws"].points


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_PROGRESS", str(tmp_path / "folder" / "progress.json"))
    monkeypatch.setattr(progress, "in_memory", {})
    return tmp_path / "folder" / "progress.json"


@pytest.fixture
def written(file):
    def write(text):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    return write


def mmgen(*arguments):
    return CliRunner().invoke(app, ["progress", *arguments])


# ---- the file


def test_the_best_points_are_kept_and_nothing_is_written_for_none(file):
    assert record("antithetic_draws", 0) == ({}, "")
    assert not file.parent.exists()
    assert record("antithetic_draws", WORTH) == ({"antithetic_draws": WORTH}, "")
    assert record("antithetic_draws", 0) == ({"antithetic_draws": WORTH}, "")
    assert json.loads(file.read_text()) == {"antithetic_draws": WORTH}


def test_without_a_file_the_points_last_as_long_as_the_kernel(monkeypatch):
    monkeypatch.setenv("MMGEN_PROGRESS", "")
    record("antithetic_draws", WORTH)
    assert record("antithetic_draws", 0) == ({"antithetic_draws": WORTH}, "")
    assert earned() == {"antithetic_draws": WORTH}


def test_what_an_older_edition_kept_stays_in_the_file_and_is_not_counted(file, written):
    old = {"an_old_exercise": 7, "kl_between": "many", "iwae_bound": 10**9, "elbo_per_image": True}
    written(json.dumps(old))
    points, trouble = record("antithetic_draws", WORTH)
    assert points == {"antithetic_draws": WORTH, "iwae_bound": EXERCISES["iwae_bound"].points}
    assert trouble == ""
    assert json.loads(file.read_text()) == old | {"antithetic_draws": WORTH}


@pytest.mark.parametrize("text", ["", "[1]", "{broken", "\x00", "[" * 100_000])
def test_a_file_that_cannot_be_read_is_put_aside_with_a_sentence(file, written, text):
    for number in ("", "2"):
        written(text)
        with pytest.raises(Unreadable):
            earned()
        points, trouble = record("antithetic_draws", WORTH)
        assert points == earned() == {"antithetic_draws": WORTH}
        aside = file.with_name(f"progress.json.broken{number}")
        assert str(aside) in trouble
        assert aside.read_text() == text


def test_where_nothing_can_be_written_the_points_count_and_a_sentence_says_so(tmp_path, monkeypatch):
    (tmp_path / "no folder").write_text("")
    monkeypatch.setenv("MMGEN_PROGRESS", str(tmp_path / "no folder" / "progress.json"))
    points, trouble = record("antithetic_draws", WORTH)
    assert points == {"antithetic_draws": WORTH}
    assert trouble.startswith("Your progress cannot be kept in ")


def test_a_lock_that_is_never_given_back_is_waited_for_and_then_said(file, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.1)
    file.parent.mkdir()
    with FileLock(file.with_name("progress.json.lock")):
        points, trouble = record("antithetic_draws", WORTH)
    assert points == {"antithetic_draws": WORTH}
    assert "progress.json.lock" in trouble
    assert not file.exists()


def test_notebooks_that_run_at_once_lose_no_points_of_each_other(file):
    # two processes that earn a hundred points of different exercises at the same time
    code = (
        "import sys; from mmgen_course.exercises import progress; from mmgen_course.exercises import all_exercises;"
        "progress._counted = lambda kept: {k: v for k, v in kept.items()};"
        "print('ready', flush=True); input();"
        "[progress.record(f'{sys.argv[1]}-{n}', 1) for n in range(50)]"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", code, str(n)], **pipes) for n in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=300)
        assert process.returncode == 0
    assert len(json.loads(file.read_text())) == 100


# ---- how far


def test_lessons_add_up_to_the_whole():
    points = {"antithetic_draws": WORTH}
    parts = lessons(points)
    total = whole(points)
    assert [part.name for part in parts] == sorted({exercise.lesson for exercise in EXERCISES.values()})
    for field in ("exercises", "done", "points", "earned", "minutes_left"):
        assert getattr(total, field) == sum(getattr(part, field) for part in parts)
    assert total.exercises == len(EXERCISES)
    assert total.minutes_left == sum(e.minutes for e in EXERCISES.values()) - EXERCISES["antithetic_draws"].minutes
    assert str(parts[-1]).startswith(f"lesson {parts[-1].name[:2]}: ")


def test_progress_prints_a_row_for_each_lesson_and_where_the_file_is(file):
    record("antithetic_draws", WORTH)
    result = mmgen()
    assert result.exit_code == 0
    rows = {cells[0]: cells[1:] for line in result.stdout.splitlines() if len(cells := line.replace("│", " ").split())}
    lesson = next(part for part in lessons(earned()) if part.name == "08_vae")
    assert rows["08_vae"][:6] == f"1 of {lesson.exercises} {WORTH} of {lesson.points}".split()
    assert rows["08_vae"][6].startswith("█")
    assert rows["08_vae"][7] == str(lesson.minutes_left)
    assert rows["all"][0] == "1"
    assert f"kept in {file}" in " ".join(result.stdout.split())


def test_a_bar_is_full_only_where_nothing_is_missing():
    from mmgen_course.cli.course import _bar

    def lesson(earned):
        return progress.Lesson("08_vae", 100, 0, 100, earned, 0)

    assert [_bar(lesson(earned)).count("█") + _bar(lesson(earned)).count("#") for earned in (0, 9, 10, 99, 100)] == [
        *[0, 0, 1, 9, 10]
    ]


def test_progress_as_json(file):
    record("antithetic_draws", WORTH)
    found = json.loads(mmgen("--json").stdout)
    assert found["file"] == str(file)
    assert found["all"]["earned"] == WORTH
    (lesson,) = (part for part in found["lessons"] if part["name"] == "08_vae")
    assert lesson.keys() == {"name", "exercises", "done", "points", "earned", "minutes_left"}
    assert lesson["done"] == 1


def test_progress_without_a_file_says_where_it_will_be(file, monkeypatch):
    assert f"nothing yet: check(...) in a lesson will keep it in {file}" in " ".join(mmgen().stdout.split())
    assert not file.exists()
    monkeypatch.setenv("MMGEN_PROGRESS", "")
    assert "no file keeps your points" in mmgen().stdout
    assert json.loads(mmgen("--json").stdout)["file"] is None


def test_progress_of_a_broken_file_fails_in_a_line_and_leaves_it(file, written):
    written("{broken")
    result = mmgen()
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert f"{file} is not JSON" in result.stderr
    assert file.read_text() == "{broken"
