"""A share corrected for the errors of a classifier: an exercise of lesson 09_evaluation."""

import torch

from mmgen_course.evaluate import Estimate, widened, wilson
from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.exercises.lessons.lesson_09 import between


def _judged(generator: torch.Generator) -> tuple[int, int, float, float]:
    """What a judge accepted of some pictures, most of them right, and the shares of its two errors."""
    n = int(torch.randint(25, 80, (), generator=generator))
    passes, rejects = between(0.02, 0.08, generator), between(0.1, 0.25, generator)
    if torch.rand((), generator=generator) < 0.5:
        passes, rejects = rejects, passes
    good = torch.rand((), generator=generator) < 0.9
    right = between(0.92, 1.0, generator) if good else between(0.3, 0.6, generator)
    return round(n * (right * (1 - rejects) + (1 - right) * passes)), n, passes, rejects


def _corrected(seen: float, passes: float, rejects: float) -> float:
    return (seen - passes) / (1 - passes - rejects)


def _behind(hits: int, n: int, passes: float, rejects: float) -> tuple[float, float, float]:
    value, low, high = (min(1.0, max(0.0, _corrected(seen, passes, rejects))) for seen in wilson(hits, n))
    return value, low, high


def _as_if_counted(hits: int, n: int, passes: float, rejects: float) -> Estimate:
    return wilson(n * _behind(hits, n, passes, rejects)[0], n)


def _subtracted(hits: int, n: int, passes: float, rejects: float) -> tuple[float, ...]:
    return tuple(min(1.0, max(0.0, seen - passes + rejects)) for seen in wilson(hits, n))


EXERCISE = Exercise(
    name="share_behind_the_judge",
    lesson="09_evaluation",
    number=2,
    points=3,
    minutes=12,
    difficulty=2,
    asks="the share m of right pictures, and the ends of its interval, a tuple of three numbers from 0 to 1, from hits "
    "of n that the judge accepted, the share `passes` of wrong pictures that it accepts and `rejects` of right ones "
    "that it does not",
    inputs=_judged,
    reference=_behind,
    misconceptions=(
        Misconception(
            "errors exchanged",
            lambda hits, n, passes, rejects: _behind(hits, n, rejects, passes),
            "You exchanged the two errors. Put m = 0 into q: what is accepted then is `passes`, all of it by mistake.",
        ),
        Misconception(
            "not kept within 0 and 1",
            lambda hits, n, passes, rejects: tuple(_corrected(q, passes, rejects) for q in wilson(hits, n)),
            "One of your shares lies outside 0 to 1. The judge's errors differ by chance in these n pictures, and the "
            "formula does not know that a share ends somewhere.",
        ),
        Misconception(
            "errors added and subtracted",
            _subtracted,
            "You took q - passes + rejects, as if every picture could fall to both errors. A wrong picture can only "
            "pass, a right one only be rejected: each error counts for its own share of the pictures.",
        ),
        Misconception(
            "ends of the judged share",
            lambda hits, n, passes, rejects: (_behind(hits, n, passes, rejects)[0], *wilson(hits, n)[1:]),
            "You corrected the share, but its interval is still that of what the judge accepts; the share may lie "
            "outside. Each end is a share that was judged, too.",
        ),
        Misconception(
            "corrected share taken for a count",
            _as_if_counted,
            "You corrected first, and took Wilson's interval as if n m right pictures had been counted. Counted "
            "were the judge's verdicts; the correction then stretches their uncertainty.",
        ),
        Misconception(
            "widened alone",
            lambda hits, n, passes, rejects: widened(wilson(hits, n), max(passes, rejects)),
            "You widened the interval by the larger error, as where only a bound of the errors is known. Here both are "
            "known, so the share itself can be put right.",
        ),
        Misconception(
            "stretched too little",
            lambda hits, n, passes, rejects: tuple(
                min(1.0, max(0.0, (q - passes) / (1 - rejects))) for q in wilson(hits, n)
            ),
            "You divided by what is accepted at m = 1. If all pictures are right, is your m then 1? The accepted share "
            "starts at `passes`, not at 0.",
        ),
        Misconception(
            "not stretched",
            lambda hits, n, passes, rejects: tuple(min(1.0, max(0.0, q - passes)) for q in wilson(hits, n)),
            "You subtracted what passes by mistake, and stopped. From m = 0 to m = 1 the accepted share does not run "
            "over a length of 1.",
        ),
    ),
)
