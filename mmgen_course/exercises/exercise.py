"""What an exercise is, and how an answer is judged: a learner's function goes in, a verdict with a reason comes out.

The judge believes values alone. It draws inputs, asks the reference and the learner, and compares. A wrong answer is
compared with what each known mistake would have answered: if they agree, the mistake has a name.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from mmgen_course.exercises.compare import difference
from mmgen_course.exercises.limits import OutOfTime, at_most

Function = Callable[..., Any]
State = Literal["right", "wrong", "error", "timeout", "undone"]
CASES, SECONDS = 5, 1.5


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: what it would answer, and what helps somebody who made it.

    Attributes:
        name: in a few words; the class report ranks mistakes by it.
        wrong: the answer with this mistake in it.
        hint: for the learner; it names the mistake, and not the solution.
    """

    name: str
    wrong: Function
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: a function to write.

    Attributes:
        name: of the learner's function.
        lesson: NN_name, the lesson that it stands in.
        points, minutes: what it is worth, and how long it takes.
        difficulty: 1 (read the formula), 2 (combine two) or 3 (think).
        asks: what the function returns, in a sentence.
        inputs: draws its arguments.
        reference: a right answer.
        misconceptions: at least three.
        tolerance: the largest relative and absolute difference that counts as rounding.
    """

    name: str
    lesson: str
    points: int
    minutes: int
    difficulty: Literal[1, 2, 3]
    asks: str
    inputs: Callable[[torch.Generator], tuple[Any, ...]]
    reference: Function
    misconceptions: tuple[Misconception, ...]
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Verdict:
    """What came of judging an answer.

    Attributes:
        exercise: which one.
        state: "right", "wrong", "error" (it raised), "timeout", or "undone" (the stub is still there).
        points: of the exercise's, all or none.
        reason: what was expected and what came, for the first case that differs; empty if all is right.
        misconception: the known mistake that answers as this answer does in every case, or None.
    """

    exercise: Exercise
    state: State
    points: int = 0
    reason: str = ""
    misconception: Misconception | None = None


def judge(exercise: Exercise, answer: Function, seed: int = 0, seconds: float = SECONDS) -> Verdict:
    """Ask an answer `CASES` times, and compare it with the reference; the whole takes at most `seconds`.

    Example:
        >>> twice = Exercise("twice", "01_images", 1, 1, 1, "2 x", lambda g: (torch.rand(3, generator=g),),
        ...                  lambda x: 2 * x, (Misconception("squared", lambda x: x**2, "That is x times x."),))
        >>> judge(twice, lambda x: x + x).state, judge(twice, lambda x: x * x).misconception.hint
        ('right', 'That is x times x.')
    """
    generator = torch.Generator().manual_seed(seed)
    cases = [exercise.inputs(generator) for _ in range(CASES)]
    answers = []
    try:
        with at_most(seconds):
            for case in cases:
                given = deepcopy(case)
                answers.append(answer(*given))
                if changed := _first_changed(case, given):
                    reason = (
                        f"your function changed its argument number {changed} in place; leave arguments as they are"
                    )
                    return Verdict(exercise, "wrong", reason=reason)
    except NotImplementedError as error:
        return Verdict(exercise, "undone", reason=str(error) or "nothing written yet")
    except OutOfTime:
        return Verdict(exercise, "timeout", reason=f"no answer after {seconds:g} seconds: does a loop never end?")
    except Exception as error:  # whatever a learner's code raises is the learner's to read
        return Verdict(exercise, "error", reason=f"{type(error).__name__}: {error}")
    return _compared(exercise, cases, answers)


def _compared(exercise: Exercise, cases: list[tuple[Any, ...]], answers: list[Any]) -> Verdict:
    for case, came in zip(cases, answers, strict=True):
        if reason := difference(exercise.reference(*deepcopy(case)), came, exercise.tolerance):
            mistake = _recognised(exercise, cases, answers)
            return Verdict(exercise, "wrong", 0, reason, mistake)
    return Verdict(exercise, "right", exercise.points)


def _recognised(exercise: Exercise, cases: list[tuple[Any, ...]], answers: list[Any]) -> Misconception | None:
    for mistake in exercise.misconceptions:
        pairs = zip(cases, answers, strict=True)
        if not any(difference(mistake.wrong(*deepcopy(case)), came, exercise.tolerance) for case, came in pairs):
            return mistake
    return None


def _first_changed(before: tuple[Any, ...], after: tuple[Any, ...]) -> int | None:
    """The number, from 1, of the first argument that is not what it was."""
    for number, (was, now) in enumerate(zip(before, after, strict=True), 1):
        same = torch.equal(was, now) if isinstance(was, Tensor) and isinstance(now, Tensor) else was == now
        if not same:
            return number
    return None
