"""`check` shows a verdict as text and as HTML, keeps the progress, and raises under nbgrader alone."""

import json

import pytest
import torch

from mmgen_course import check as module
from mmgen_course.check import Shown, check, kept
from mmgen_course.exercises import all_exercises, judge

RIGHT = all_exercises()["antithetic_draws"].reference


def named(name, body):
    def answer(*arguments):
        return body(*arguments)

    answer.__name__ = name
    return answer


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_PROGRESS", str(tmp_path / "folder" / "progress.json"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return tmp_path / "folder" / "progress.json"


@pytest.fixture
def shown(monkeypatch):
    seen: list[Shown] = []
    monkeypatch.setattr(module, "display", seen.append)
    return seen


def test_a_right_answer_is_shown_counted_and_kept(progress, shown):
    check(named("antithetic_draws", RIGHT))
    assert repr(shown[0]).splitlines() == [
        "antithetic_draws: right, 2 of 2 points",
        "lesson 08: 1 of 4 exercises, 2 of 12 points",
    ]
    assert json.loads(progress.read_text()) == {"antithetic_draws": 2}


def test_without_a_file_the_progress_lasts_as_long_as_the_kernel(shown, monkeypatch):
    monkeypatch.setenv("MMGEN_PROGRESS", "")
    monkeypatch.setattr(module, "in_memory", {})
    for name in ("antithetic_draws", "iwae_bound"):
        check(named(name, all_exercises()[name].reference))
    assert shown[-1].progress == "lesson 08: 2 of 4 exercises, 5 of 12 points"


def test_points_once_earned_are_not_lost(progress, shown):
    check(named("antithetic_draws", RIGHT))
    check(named("antithetic_draws", lambda mu, logvar, noise: mu))
    assert json.loads(progress.read_text()) == {"antithetic_draws": 2}


def test_a_wrong_answer_is_told_what_was_asked_what_came_and_the_hint(progress, shown):
    check(named("antithetic_draws", lambda mu, logvar, noise: RIGHT(mu, 2 * logvar, noise)))
    lines = shown[0].lines()
    assert lines[0] == "antithetic_draws: not yet, 0 of 2 points"
    assert lines[1].startswith("Asked for: two draws from N(mu, sigma^2)")
    assert "numbers differ" in lines[2]
    assert lines[3].startswith("Hint: exp(log sigma^2) is the variance")


def test_what_a_learner_wrote_cannot_write_html(progress):
    exercise = all_exercises()["antithetic_draws"]

    def bad(mu, logvar, noise):
        raise RuntimeError("<script>alert(1)</script>")

    html = Shown(judge(exercise, bad), "")._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_under_nbgrader_a_wrong_answer_raises_and_a_right_one_does_not(progress, shown, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    check(named("antithetic_draws", RIGHT))
    with pytest.raises(AssertionError, match="not yet"):
        check(named("antithetic_draws", lambda mu, logvar, noise: torch.zeros_like(mu)))


def test_a_function_of_another_name_is_refused(progress):
    with pytest.raises(ValueError, match="no exercise is called 'other'; there are: kl_between"):
        check(named("other", RIGHT))


@pytest.mark.parametrize("text", ["", "[1]", "{broken", '{"antithetic_draws": "many", "unknown": 3}'])
def test_a_broken_progress_file_counts_as_none(tmp_path, text):
    path = tmp_path / "progress.json"
    path.write_text(text)
    assert kept(path) == {}
