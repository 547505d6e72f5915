"""`make budget`: what was written down is read again, the last figure counts, and what went over is named."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from mmgen_course.exercises import Exercise, Misconception
from mmgen_course.exercises.exercise import CASES
from tools import budget
from tools.budget import BUDGETS, Spent, clocked, read, spent, table


def test_the_last_figure_of_each_thing_counts_in_the_order_of_the_budgets(tmp_path):
    file = tmp_path / "build" / "budget.jsonl"
    assert read(file) == []
    for kind, what, seconds in (("ledger", "eq:b", 3), ("lesson", "01_images", 4), ("ledger", "eq:b", 0.5)):
        spent(kind, what, seconds, file)
    spent("ledger", "eq:a", 0.25, file)
    assert [(row.kind, row.what, row.cpu_seconds) for row in read(file)] == [
        ("lesson", "01_images", 4),
        ("ledger", "eq:a", 0.25),
        ("ledger", "eq:b", 0.5),
    ]
    assert all(json.loads(line)["when"].endswith("+00:00") for line in file.read_text().splitlines())
    with pytest.raises(ValueError, match="lesson, solutions, ledger, exercise, explorer expected; got 'lessons'"):
        spent("lessons", "01_images", 1, file)


def test_each_line_that_is_written_at_once_by_two_processes_is_whole(tmp_path):
    file = tmp_path / "budget.jsonl"
    code = (
        f"import sys; sys.path.insert(0, {str(budget.ROOT)!r}); from pathlib import Path; from tools import budget;"
        f"[budget.spent('ledger', f'{{sys.argv[1]}}-{{n}}', n, Path({str(file)!r})) for n in range(200)]"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    assert {row.what: row.cpu_seconds for row in read(file)} == {f"{name}-{n}": n for name in "ab" for n in range(200)}


def row(kind, what, seconds, day=1):
    return Spent(kind, what, seconds, f"2026-01-0{day}T03:04:05+00:00")


def test_what_went_over_is_named_and_what_nobody_measured_is_said():
    rows = [row("ledger", "eq:a", 0.5, day=2), row("ledger", "eq:b", 1.01), row("exercise", "kl_between", 2.0)]
    said = table(rows)
    assert "OVER ledger eq:b: 1.01 of 1 s" in said
    assert said.count("OVER") == 1  # a budget may be spent to its last second
    (ledger,) = [line for line in said.splitlines() if line.startswith("ledger ")]
    assert ledger.split() == ["ledger", "1.0", "2", "1.51", "1.01", "2026-01-01", "03:04", "eq:b"]
    assert [kind for kind in BUDGETS if f"({kind}); " in said] == ["lesson", "solutions", "explorer"]
    assert table([row("lesson", "01_images", 60)]).endswith("\nnothing is over its budget")


def test_the_columns_stand_below_one_another():
    head, *lines = table([row(kind, "x", 1) for kind in BUDGETS]).splitlines()[: 1 + len(BUDGETS)]
    assert {line.index("2026") for line in lines} == {head.index("oldest")}
    assert {len(line.rstrip()) - 1 for line in lines} == {head.index("the most")}


def test_the_clock_counts_this_process_and_its_children_and_no_waiting(tmp_path, monkeypatch):
    # user, system, user and system of children, and the clock on the wall
    ticks = iter([(1.0, 2.0, 3.0, 4.0, 100.0), (1.5, 2.25, 3.125, 4.0625, 900.0)])
    monkeypatch.setattr(budget.os, "times", lambda: next(ticks))
    file = tmp_path / "budget.jsonl"
    with clocked("ledger", "eq:a", file):
        pass
    (row,) = read(file)
    assert row.cpu_seconds == pytest.approx(0.5 + 0.25 + 0.125 + 0.0625, abs=1e-3)


def test_each_equation_has_its_figure(tmp_path, monkeypatch):
    asked = []
    entries = [SimpleNamespace(label=f"eq:{name}", formula=name, check=asked.append) for name in "ab"]
    monkeypatch.setattr("ledger.read_ledger", lambda folder: entries)
    budget.measure_ledger(tmp_path / "file")
    assert asked == ["a", "a", "b", "b"]
    assert [(row.kind, row.what) for row in read(tmp_path / "file")] == [("ledger", "eq:a"), ("ledger", "eq:b")]


def test_each_exercise_has_the_figure_of_its_slowest_verdict(tmp_path, monkeypatch):
    now = [0.0]

    def asked(x, seconds=0.0):
        now[0] += seconds
        return x + seconds

    slow = Misconception("slow", lambda x: asked(x, 0.25), "")
    exercise = Exercise("same", "08_vae", 1, 1, 1, "", lambda g: (torch.rand(3, generator=g),), asked, (slow,))
    monkeypatch.setattr("mmgen_course.exercises.all_exercises", lambda: {"same": exercise})
    monkeypatch.setattr(budget.time, "process_time", lambda: now[0])
    budget.measure_exercises(tmp_path / "file")
    ((kind, what, seconds),) = [(row.kind, row.what, row.cpu_seconds) for row in read(tmp_path / "file")]
    assert (kind, what) == ("exercise", "same")
    assert seconds >= CASES * 0.25
