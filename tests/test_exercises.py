"""The teeth of the exercises: right answers pass, however they are written, and each mistake gets its own hint."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

from mmgen_course.exercises import Exercise, Misconception, all_exercises, lessons, mark
from mmgen_course.exercises.compare import difference
from mmgen_course.exercises.exercise import cases, compared
from mmgen_course.exercises.run_answer import run_answer
from mmgen_course.exercises.timeout import OutOfTime, at_most

ROOT = Path(__file__).parents[1]
EXERCISES = all_exercises()
SEEDS = range(100)
ANEW = 3
PATIENCE = 60.0  # seconds that a right answer may take on a busy machine: a hang is ended, slowness no fault


# right answers that are written differently from the references, a file each under the exercise's own name
ALTERNATIVES = Path(__file__).parent / "alternatives"


def alternative(name):
    path = ALTERNATIVES / file_of(EXERCISES[name])
    spec = spec_from_file_location(f"alternative_{name}", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def file_of(exercise):
    return f"lesson_{exercise.lesson[:2]}/{exercise.name}.py"


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*.py") if path.name != "__init__.py"}


def test_every_exercise_stands_in_a_file_of_its_name_and_so_does_its_alternative():
    expected = {file_of(exercise) for exercise in EXERCISES.values()}
    references, alternatives = files_in(Path(lessons.__file__).parent), files_in(ALTERNATIVES)
    assert references - expected == set(), "these are no exercise's name"
    assert expected - references == set(), "two files hold an exercise of one name, or a name is not its file's"
    assert expected - alternatives == set(), "tests/alternatives lacks these"
    assert alternatives - expected == set(), "tests/alternatives has these left over"


def test_every_exercise_has_three_misconceptions_with_hints_of_their_own():
    for exercise in EXERCISES.values():
        assert len(exercise.misconceptions) >= 3
        assert len({mistake.hint for mistake in exercise.misconceptions}) == len(exercise.misconceptions)
        assert exercise.points > 0
        assert exercise.minutes > 0


@pytest.mark.parametrize("lesson", sorted({exercise.lesson for exercise in EXERCISES.values()}))
def test_a_lesson_says_what_each_exercise_and_all_of_them_are_worth(lesson):
    section = (ROOT / f"notebooks/source/{lesson}.py").read_text().partition("# ## Exercises")[2]
    here = [exercise for exercise in EXERCISES.values() if exercise.lesson == lesson]
    said = re.findall(r"^# (\d) points?, (\d+) minutes, difficulty (\d) of 3\.$", section, flags=re.MULTILINE)
    assert said == [(str(one.points), str(one.minutes), str(one.difficulty)) for one in here]
    asked = re.findall(r'tags=\["exercise"\]\n(?:def|class) (\w+)', section)
    assert asked == [one.name for one in here]
    numbers = re.findall(r"^# ### (\d+)\. ", section.partition("# ## ")[0], flags=re.MULTILINE)
    assert numbers == [str(one.number) for one in here] == [str(n) for n in range(1, len(here) + 1)]
    total = (
        f"{sum(one.points for one in here)} points, {sum(one.minutes for one in here)} minutes; your progress is kept."
    )
    assert total in section.replace("\n# ", " ")


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_is_right_for_100_of_100_seeds(name):
    exercise = EXERCISES[name]
    assert all(mark(exercise, exercise.reference, seed, PATIENCE).points == exercise.points for seed in SEEDS)


@pytest.mark.parametrize("name", EXERCISES)
def test_another_way_to_write_it_gets_all_points(name):
    exercise = EXERCISES[name]
    verdicts = [mark(exercise, alternative(name), seed, PATIENCE) for seed in range(10)]
    assert all(verdict.points == exercise.points for verdict in verdicts), verdicts[0].reason


def verdicts_on_mistakes(exercise, seed):
    """Each mistake with its verdict. As known answers, reference and mistakes are asked once for all that follow.

    As a learner's answer a mistake is asked anew for the first `ANEW` seeds: one that draws by itself gives another.
    """
    drawn, known = cases(exercise, seed), {}

    def ask_once(way, function, case):
        key = function, next(n for n, one in enumerate(drawn) if one is case)
        if key not in known:
            known[key] = run_answer(way, function, case)
        return known[key]

    for mistake in exercise.misconceptions:
        ask = run_answer if seed < ANEW else ask_once
        seen = [ask(exercise.way, mistake.wrong, case) for case in drawn]
        yield mistake, compared(exercise, drawn, seen, ask_once)


@pytest.mark.parametrize("name", EXERCISES)
def test_each_mistake_earns_nothing_and_gets_its_own_hint(name):
    for seed in range(20):
        for mistake, verdict in verdicts_on_mistakes(EXERCISES[name], seed):
            assert (mistake.name, verdict.state, verdict.points) == (mistake.name, "wrong", 0)
            assert verdict.misconception is mistake, (
                mistake.name,
                verdict.misconception and verdict.misconception.name,
            )
            assert verdict.reason


@pytest.mark.parametrize("name", EXERCISES)
def test_mark_says_of_a_mistake_what_the_comparison_says(name):
    exercise = EXERCISES[name]
    for mistake, verdict in verdicts_on_mistakes(exercise, seed=0):
        marked = mark(exercise, mistake.wrong, seconds=PATIENCE)
        assert (marked.state, marked.misconception, marked.reason) == ("wrong", mistake, verdict.reason)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_stub_and_a_remembered_answer_earn_nothing(name):
    exercise = EXERCISES[name]

    def stub(*arguments):
        raise NotImplementedError("write this")

    assert mark(exercise, stub).state == "not done"
    remembered = run_answer(exercise.way, exercise.reference, cases(exercise, seed=0)[0]).value
    assert mark(exercise, lambda *arguments: remembered).points == 0


# ---- whatever a learner may return or do

TWICE = Exercise(
    "twice",
    "08_vae",
    2,
    1,
    1,
    "2 x",
    lambda g: (torch.rand(2, 3, generator=g),),
    lambda x: 2 * x,
    (Misconception("squared", lambda x: x * x, "squared"),),
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda x: None, "expected a tensor of shape (2, 3); got None: is there a `return`?"),
        (lambda x: (2 * x).T, "expected the shape (2, 3); got (3, 2)"),
        (lambda x: (2 * x).long(), "expected the type torch.float32; got torch.int64"),
        (lambda x: (2 * x).tolist(), "expected a tensor of shape (2, 3); got list"),
        (lambda x: (2 * x).to("meta"), "expected a tensor on cpu; got one on meta"),
        (lambda x: 2 * x + 1, "6 of 6 numbers differ; the first at (0, 0), expected"),
        (lambda x: x.mul_(2), "changed its argument number 1 in place"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_in_a_sentence(answer, reason):
    verdict = mark(TWICE, answer)
    assert verdict.points == 0
    assert reason in verdict.reason


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: (2 * x).double(),
        lambda x: (2 * x).T.contiguous().T,
        lambda x: 2 * x.requires_grad_(),
        lambda x: torch.nn.Parameter(2 * x),
        lambda x: 2 * x * (1 + 1e-6),
    ],
)
def test_rounding_type_layout_and_gradients_do_not_matter(answer):
    assert mark(TWICE, answer).state == "right"


def test_an_error_is_told_in_one_line_and_not_raised():
    verdict = mark(TWICE, lambda x: x @ x)
    assert verdict.state == "error"
    assert verdict.reason.startswith("RuntimeError: ")


def test_a_loop_without_end_is_ended_even_if_it_catches_every_exception():
    def forever(x):
        while True:
            try:
                x = x + 1
            except Exception:
                continue

    verdict = mark(TWICE, forever, seconds=0.2)
    assert (verdict.state, verdict.points) == ("timeout", 0)


def endless():
    while True:
        pass


def test_an_import_is_never_cut_off_in_the_middle(tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.5)\nwhole = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def late(x):
        import slow_module

        assert slow_module.whole
        while True:
            pass

    assert mark(TWICE, late, seconds=0.2).state == "timeout"
    assert sys.modules["slow_module"].whole


def test_the_clock_is_stopped_after_the_block():
    with at_most(0.2):
        pass
    with pytest.raises(OutOfTime), at_most(0.2):
        endless()


@pytest.mark.parametrize(
    ("expected", "got", "reason"),
    [
        (1.0, torch.tensor(1.0), ""),
        (1.0, torch.ones(1), "expected a number; got a tensor of shape (1,)"),
        (1.0, True, "expected a number; got True"),
        (True, 1, "expected True or False; got 1"),
        ("red", "blue", "expected 'red'; got 'blue'"),
        ((1, 2), (1, 2, 3), "expected 2 parts; got 3"),
        ((1, (2, 3)), (1, (2, 4)), "part 2: part 2: expected 3; got 4"),
        (float("nan"), float("nan"), ""),
        (1.0, float("nan"), "expected 1; got nan"),
        (torch.tensor(2.0), torch.tensor(3.0), "expected 2; got 3"),
    ],
)
def test_two_values_are_compared_by_kind_before_number(expected, got, reason):
    assert difference(expected, got) == reason
