"""What an exercise is, and how an answer is marked: a verdict with a reason on a learner's function.

Values alone are believed: inputs are drawn, the reference and the answer are run on them, and compared. A wrong answer
is compared with what each known mistake would have answered: if they agree, the mistake has a name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from mmgen_course.exercises.compare import difference, first_difference
from mmgen_course.exercises.messages import is_a_stub, message, own_line, place
from mmgen_course.exercises.run_answer import Observation, Way, run_answer
from mmgen_course.exercises.timeout import OutOfTime, at_most

Function = Callable[..., Any]
RunAnswer = Callable[[Way, Function, tuple[Any, ...]], Observation]
State = Literal["right", "wrong", "error", "timeout", "not done"]
CASES, SECONDS = 5, 1.5


@dataclass(frozen=True)
class Misconception:
    """A mistake that people make: what it would answer, and what helps somebody who made it.

    Attributes:
        name: in a few words; the class report ranks mistakes by it.
        wrong: the answer with this mistake in it: a function, or a class where one is asked for.
        hint: for the learner; it names the mistake, and not the solution.
    """

    name: str
    wrong: Function
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: a function to write, or a class.

    Attributes:
        name: of the learner's function or class.
        lesson: NN_name, the lesson that it stands in.
        points, minutes: what it is worth, and how long it takes.
        difficulty: 1 (read the formula), 2 (combine two) or 3 (think).
        asks: what the function returns, in a sentence.
        inputs: draws its arguments.
        reference: a right answer.
        misconceptions: at least three.
        tolerance: the largest relative and absolute difference that counts as rounding.
        way: what is compared (see `run_answer`): the value, also its gradient, a module, or a step of training.
        number: of the exercise in its lesson, from 1, as its heading there has it.
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
    way: Way = "value"
    number: int = 1


@dataclass(frozen=True)
class Verdict:
    """How an answer was marked.

    Attributes:
        exercise: which one.
        state: "right", "wrong", "error" (it raised), "timeout", or "not done" (the stub is still there).
        points: of the exercise's, all or none.
        reason: what was expected and what the answer gave, for the first case that differs; empty if all is right.
        misconception: the known mistake that answers as this answer does in every case, or None.
        expected, got: of the first case that differs; None if no values were compared.
        where: the part of them that differs, in words; empty for the whole.
        line: the learner's own line at which an error arose or time ran out; empty if there is none.
    """

    exercise: Exercise
    state: State
    points: int = 0
    reason: str = ""
    misconception: Misconception | None = None
    expected: Any = None
    got: Any = None
    where: str = ""
    line: str = ""


def mark(exercise: Exercise, answer: Function, seed: int = 0, seconds: float = SECONDS) -> Verdict:
    """Run an answer on `CASES` cases, and compare it with the reference; the whole takes at most `seconds`.

    Example:
        >>> twice = Exercise("twice", "01_images", 1, 1, 1, "2 x", lambda g: (torch.rand(3, generator=g),),
        ...                  lambda x: 2 * x, (Misconception("squared", lambda x: x**2, "That is x times x."),))
        >>> mark(twice, lambda x: x + x).state, mark(twice, lambda x: x * x).misconception.hint
        ('right', 'That is x times x.')
    """
    drawn = cases(exercise, seed)
    seen: list[Observation] = []
    try:
        with at_most(seconds):
            for case in drawn:
                seen.append(run_answer(exercise.way, answer, case))
                if seen[-1].changed:
                    break
    except OutOfTime as error:
        reason = f"no answer after {seconds:g} seconds: does a loop never end?"
        return Verdict(exercise, "timeout", reason=reason, line=own_line(error, answer))
    except KeyboardInterrupt:  # the learner's own wish
        raise
    except BaseException as error:  # whatever a learner's code raises, `exit()` too, is the learner's to read
        if isinstance(error, NotImplementedError) and is_a_stub(error):
            return Verdict(exercise, "not done", reason=message(error).partition(": ")[2] or "nothing written yet")
        return Verdict(exercise, "error", reason=message(error), line=own_line(error, answer))
    return compared(exercise, drawn, seen)


def cases(exercise: Exercise, seed: int) -> list[tuple[Any, ...]]:
    """The inputs of the `CASES` cases that a seed draws."""
    generator = torch.Generator().manual_seed(seed)
    return [exercise.inputs(generator) for _ in range(CASES)]


def compared(
    exercise: Exercise, drawn: list[tuple[Any, ...]], seen: list[Observation], run_answer: RunAnswer = run_answer
) -> Verdict:
    """The verdict on what was seen of an answer, up to the first case in which it changed an argument.

    Args:
        exercise: which one.
        drawn: its cases.
        seen: of the answer, a case each.
        run_answer: how the reference and the mistakes are run; who compares many answers may keep what these gave.
    """
    if changed := next((one.changed for one in seen if one.changed), None):
        reason = f"your function changed its argument number {changed} in place; leave arguments as they are"
        return Verdict(exercise, "wrong", reason=reason)
    for case, one in zip(drawn, seen, strict=True):
        expected = run_answer(exercise.way, exercise.reference, case).value
        if found := first_difference(expected, one.value, exercise.tolerance):
            where = place(exercise.way, found.path, case)
            reason = f"{where}: {found.sentence}" if where else found.sentence
            mistake = _recognised(exercise, drawn, seen, run_answer)
            return Verdict(exercise, "wrong", 0, reason, mistake, expected, one.value, where)
    return Verdict(exercise, "right", exercise.points)


def _recognised(
    exercise: Exercise, drawn: list[tuple[Any, ...]], seen: list[Observation], run_answer: RunAnswer
) -> Misconception | None:
    for mistake in exercise.misconceptions:
        pairs = list(zip(drawn, seen, strict=True))
        if all(
            not difference(run_answer(exercise.way, mistake.wrong, case).value, one.value, exercise.tolerance)
            for case, one in pairs
        ):
            return mistake
    return None
