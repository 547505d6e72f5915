"""`check` shows a verdict, keeps the progress, ends in time, and raises under nbgrader alone."""

import functools
import gc
import json
import signal
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from mmgen_course import check as module
from mmgen_course.check import check
from mmgen_course.exercises import Exercise, Misconception, all_exercises, mark
from mmgen_course.exercises import exercise as engine
from mmgen_course.exercises import progress as kept
from mmgen_course.exercises.feedback import Feedback
from mmgen_course.exercises.run_answer import Net
from mmgen_course.exercises.timeout import OutOfTime, at_most

EXERCISES = all_exercises()
RIGHT = EXERCISES["antithetic_draws"].reference


def named(name, body):
    def answer(*arguments):
        return body(*arguments)

    answer.__name__ = name
    return answer


@pytest.fixture(autouse=True)
def progress(tmp_path, monkeypatch):
    monkeypatch.setenv("MMGEN_PROGRESS", str(tmp_path / "folder" / "progress.json"))
    monkeypatch.setattr(kept, "in_memory", {})
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return tmp_path / "folder" / "progress.json"


@pytest.fixture
def shown(monkeypatch):
    seen: list[Feedback] = []
    monkeypatch.setattr(module, "display", seen.append)
    return seen


# ---- which exercise


def test_a_right_answer_is_shown_counted_and_kept(progress, shown):
    check(named("antithetic_draws", RIGHT))
    assert repr(shown[0]).splitlines() == [
        "antithetic_draws: ✓ right, 2 of 2 points",
        "lesson 08: 1 of 4 exercises, 2 of 12 points",
    ]
    assert json.loads(progress.read_text()) == {"antithetic_draws": 2}


def test_a_wrong_answer_is_told_what_was_asked_what_differs_which_mistake_it_is_and_a_hint(shown):
    check(named("antithetic_draws", lambda mu, logvar, noise: RIGHT(mu, 2 * logvar, noise)))
    said = dict(shown[0].sentences())
    assert shown[0].head == "antithetic_draws: ✗ not yet, 0 of 2 points"
    assert said["Asked for"].startswith("two draws from N(mu, sigma^2)")
    assert said["What differs"].startswith("48 of 48 numbers differ; the first at (0, 0, 0), expected ")
    assert said["A known mistake"] == "This is what “variance for standard deviation” gives."
    assert said["Hint"].startswith("exp(log sigma^2) is the variance")
    lines = repr(shown[0]).splitlines()
    assert lines[-1] == "lesson 08: 0 of 4 exercises, 0 of 12 points"
    assert [line.partition(":")[0] for line in lines[1:5]] == list(said)


def test_an_answer_that_has_its_name_from_the_notebook_alone_is_found(shown, monkeypatch):
    # as where a learner writes `antithetic_draws = lambda ...` or takes a partial
    for answer in (lambda mu, logvar, noise: RIGHT(mu, logvar, noise), functools.partial(RIGHT)):
        notebook = SimpleNamespace(user_ns={"RIGHT": RIGHT, "antithetic_draws": answer})
        monkeypatch.setattr(module, "get_ipython", lambda notebook=notebook: notebook)
        check(answer)
    assert [one.verdict.state for one in shown] == ["right", "right"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (named("other", RIGHT), "no exercise is called 'other'; there are: .*kl_between"),
        (named("antithetic_draw", RIGHT), "no exercise is called 'antithetic_draw'; did you mean antithetic_draws?"),
        (torch.zeros(2), r"check takes the function itself, as in check\(\w+\); got a tensor of shape \(2,\)"),
        (None, "check takes the function itself"),
        (functools.partial(RIGHT), "no exercise is called None"),
    ],
)
def test_what_is_no_exercise_is_refused_with_the_likely_name(answer, said):
    with pytest.raises(ValueError, match=said):
        check(answer)


def test_under_nbgrader_a_wrong_answer_raises_and_a_right_one_does_not(shown, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    check(named("antithetic_draws", RIGHT))
    with pytest.raises(AssertionError, match="not yet") as raised:
        check(named("antithetic_draws", lambda mu, logvar, noise: torch.zeros_like(mu)))
    printed = []
    shell = InteractiveShell.instance()
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, value, lines: printed.extend(lines))
    shell.showtraceback((raised.type, raised.value, raised.tb))
    assert printed == str(raised.value).splitlines()  # and no line of this package above it


def test_a_class_is_checked_too(shown, monkeypatch):
    class Scale(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = torch.nn.Parameter(torch.zeros(3))

        def forward(self, x):
            return x * self.factor

    def drawn(generator):
        return (), {"factor": torch.rand(3, generator=generator)}, (torch.rand(2, 3, generator=generator),)

    exercise = Exercise("Scale", "08_vae", 1, 1, 1, "x times factor", drawn, Scale, (), way="module")
    monkeypatch.setattr(module, "all_exercises", lambda: {"Scale": exercise})
    check(Scale)
    assert shown[0].verdict.state == "right"
    check(type("Scale", (Scale,), {"forward": lambda self, x: x * self.factor**2}))
    assert "output of your module" in shown[1].verdict.reason


# ---- in time


@pytest.fixture(scope="module")
def after_the_first_step():
    """torch imports for seconds at its first step of training; in a lesson that asks for a step that is long past."""
    for exercise in (EXERCISES["one_round"], STEP):
        mark(exercise, EXERCISES["one_round"].reference, seconds=30.0)


def endless(*arguments):
    while True:
        pass


STEP = Exercise("s", "08_vae", 1, 1, 1, "", lambda g: (Net.drawn((2, 1), g), torch.rand(3, 2)), endless, (), way="step")
SLOPE = Exercise("s", "08_vae", 1, 1, 1, "", lambda g: (torch.rand(3, 2),), endless, (), way="gradient")
CLASS = Exercise("s", "08_vae", 1, 1, 1, "", lambda g: ((), {}, ()), endless, (), way="module")


@pytest.mark.parametrize("exercise", [EXERCISES["kl_between"], STEP, SLOPE, CLASS], ids=lambda e: e.way)
def test_a_loop_that_never_ends_is_ended_by_one_limit_below_two_seconds_and_is_shown(
    exercise, after_the_first_step, monkeypatch
):
    limits = []
    monkeypatch.setattr(engine, "at_most", lambda seconds: limits.append(seconds) or at_most(seconds))
    verdict = mark(exercise, endless)
    assert limits == [engine.SECONDS]
    assert engine.SECONDS < 2
    assert verdict.state == "timeout"
    assert verdict.line in ("line 2 of your function: while True:", "line 3 of your function: pass")


def test_a_loop_that_catches_everything_ends_too():
    def work(x):
        for _ in range(1000):
            x = x + 1
        return x

    def stubborn(*arguments):
        x = 0.0
        while True:
            try:
                x = work(x)
            except:  # noqa: E722 - as learners write it
                continue

    assert mark(EXERCISES["kl_between"], stubborn, seconds=0.3).state == "timeout"


def test_no_alarm_rings_after_the_block_and_the_old_one_is_back():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda kind, frame: rung.append(kind))
    gc.collect()
    gc.disable()  # Python swallows an error in a finaliser, and what other tests left is not the business of this one
    try:
        for _ in range(300):
            with pytest.raises(OutOfTime), at_most(0.001):
                endless()
        for _ in range(2000):  # the alarm comes about when the block ends
            try:
                with at_most(2e-6):
                    pass
            except OutOfTime:
                pass
        time.sleep(0.01)
        assert rung == []
        signal.raise_signal(signal.SIGALRM)
        assert rung == [signal.SIGALRM]
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)


def test_the_limit_holds_in_another_thread_as_on_windows():
    states = []

    def work():
        states.append(mark(EXERCISES["kl_between"], endless, seconds=0.2).state)
        states.append(mark(EXERCISES["kl_between"], EXERCISES["kl_between"].reference, seconds=60.0).state)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(300)
    assert states == ["timeout", "right"]


def test_the_learner_can_interrupt_a_check(shown, ctrl_c):
    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        check(named("kl_between", interrupted))
    assert not shown


def test_exit_in_an_answer_ends_the_answer_alone(shown):
    check(named("kl_between", lambda *arguments: exit(3)))
    assert shown[0].verdict.reason == "SystemExit: 3"


# ---- errors, in the learner's own words


def helper(x):
    return x @ torch.zeros(99)


def with_a_helper(mu, logvar, prior_mu, prior_logvar):
    """Its docstring is its line 2."""
    x = mu + 1
    return helper(x)


def test_an_error_names_the_learners_own_line_even_in_a_helper():
    verdict = mark(EXERCISES["kl_between"], with_a_helper)
    assert verdict.reason.startswith("RuntimeError: ")
    assert verdict.line == "line 2 of helper: return x @ torch.zeros(99)"
    assert "Where: line 2 of helper" in repr(Feedback(verdict))


def test_an_error_within_a_library_names_the_line_that_called_it():
    def calls(mu, *others):
        return torch.nn.functional.cross_entropy(mu, "no labels")

    line = mark(EXERCISES["kl_between"], calls).line
    assert line == 'line 2 of your function: return torch.nn.functional.cross_entropy(mu, "no labels")'


def test_what_pytorch_has_not_implemented_is_an_error_and_a_stub_is_not():
    def meta(mu, *others):
        return mu.to("meta").sum().tolist()

    def missing(mu, *others):
        return torch.nn.Module()(mu)  # says with NotImplementedError that there is no forward

    def stub(*arguments):
        raise NotImplementedError

    states = [mark(EXERCISES["kl_between"], answer).state for answer in (meta, missing, stub)]
    assert states == ["error", "error", "not done"]


def test_a_long_message_is_cut_and_one_that_cannot_be_read_does_not_matter():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    def long(*arguments):
        raise ValueError("x " * 1_000_000)

    def odd(*arguments):
        raise Odd

    assert len(mark(EXERCISES["kl_between"], long).reason) <= 300
    assert mark(EXERCISES["kl_between"], odd).reason == "Odd: its message cannot be read"


def test_a_mistake_of_ours_is_not_the_learners():
    exercise = Exercise("s", "08_vae", 1, 1, 1, "", lambda g: (1,), lambda x: {1, 2}, (Misconception("", len, ""),))
    with pytest.raises(TypeError, match="a reference gave set"):
        mark(exercise, lambda x: x)
