"""The exercises of lesson 09_evaluation about estimates: FID at another size, and a judge that errs."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from mmgen_course.evaluate import Estimate, widened, wilson
from mmgen_course.exercises.exercise import Exercise, Misconception

LESSON = "09_evaluation"


def _between(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * torch.rand((), generator=generator).item()


def _measured(generator: torch.Generator) -> tuple[list[int], list[float], int]:
    """FIDs at 4 to 6 sizes, in no order, that stray about a line over 1 / n; and another size."""
    count = int(torch.randint(4, 7, (), generator=generator))
    sizes = [int(n) for n in torch.randperm(40, generator=generator)[:count] * 50 + 100]
    limit, slope = _between(2.0, 5.0, generator), _between(300.0, 900.0, generator)
    values = [limit + slope / n + _between(-0.3, 0.3, generator) for n in sizes]
    return sizes, values, int(torch.randint(3000, 9000, (), generator=generator))


def _at(sizes: list[int], values: list[float], size: int, of: Callable[..., np.ndarray] = np.reciprocal) -> float:
    """The least squares line of the values over a function of the sizes, at that of another size."""
    known, wanted = of(np.array(sizes, dtype=float)), of(np.array([size], dtype=float))
    return float(np.polyval(np.polyfit(known, values, deg=1), wanted)[0])


def _from_largest(sizes: list[int], values: list[float], size: int) -> tuple[int, float]:
    return max(zip(sizes, values, strict=True))


def _through_origin(sizes: list[int], values: list[float]) -> float:
    """The slope of the least squares line over 1 / n that ends at 0."""
    return sum(v / n for n, v in zip(sizes, values, strict=True)) / sum(1 / n**2 for n in sizes)


def _through_two(sizes: list[int], values: list[float], size: int) -> float:
    ordered = sorted(zip(sizes, values, strict=True))
    (n, small), (m, large) = ordered[0], ordered[-1]
    return _at([n, m], [small, large], size)


FID_AT = Exercise(
    name="fid_at_size",
    lesson=LESSON,
    points=2,
    minutes=8,
    difficulty=1,
    asks="the FID to expect from another number of pictures: the least squares line through the measured values over "
    "1/n, at 1/size; from a list of sizes, a list of values, and a size",
    inputs=_measured,
    reference=_at,
    misconceptions=(
        Misconception(
            "line over n",
            partial(_at, of=lambda n: n),
            "Your line runs over n, and falls for ever, below zero at last. The bias falls like 1/n, so over 1/n the "
            "values lie on a line.",
        ),
        Misconception(
            "line over log n",
            partial(_at, of=np.log),
            "Your line runs over log n. A bias of 1/n is straight with slope -1 if *both* axes are logarithmic and the "
            "true distance is zero; here it is not.",
        ),
        Misconception(
            "evaluated at n",
            lambda sizes, values, size: float(np.polyval(np.polyfit([1 / n for n in sizes], values, 1), size)),
            "Your line runs over 1/n, but you asked it at n. What does it run over at this size?",
        ),
        Misconception(
            "at infinity",
            lambda sizes, values, size: _at(sizes, values, 10**15),
            "This is the FID of infinitely many pictures, where the line ends. Asked for is a finite number, which has "
            "some bias left.",
        ),
        Misconception(
            "whole FID taken for bias",
            lambda sizes, values, size: _from_largest(sizes, values, size)[1] * max(sizes) / size,
            "You scaled the whole FID with 1/n. Only the bias falls; the true distance stays, however many "
            "pictures there are.",
        ),
        Misconception(
            "nothing corrected",
            lambda sizes, values, size: _from_largest(sizes, values, size)[1],
            "This is the value of the largest sample, as it was measured. With more pictures its bias would fall.",
        ),
        Misconception(
            "line through the origin",
            lambda sizes, values, size: _through_origin(sizes, values) / size,
            "Your line over 1/n goes through 0, so the FID of infinitely many pictures would be 0 for any generator. "
            "Let the points say where it ends.",
        ),
        Misconception(
            "two of the points",
            _through_two,
            "Your line goes through two of the points alone, and what strays in these two strays in your answer. Let "
            "all of them draw it.",
        ),
    ),
)


def _judged(generator: torch.Generator) -> tuple[int, int, float, float]:
    """What a judge accepted of some pictures, most of them right, and the shares of its two errors."""
    n = int(torch.randint(25, 80, (), generator=generator))
    passes, rejects = _between(0.02, 0.08, generator), _between(0.1, 0.25, generator)
    if torch.rand((), generator=generator) < 0.5:
        passes, rejects = rejects, passes
    good = torch.rand((), generator=generator) < 0.9
    right = _between(0.92, 1.0, generator) if good else _between(0.3, 0.6, generator)
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


BEHIND = Exercise(
    name="share_behind_the_judge",
    lesson=LESSON,
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

EXERCISES = (FID_AT, BEHIND)
