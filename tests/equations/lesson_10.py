"""Checks of the equations of lesson 10_text_to_image."""

import math
from itertools import product

import torch
from ledger import close, equation
from torch import Tensor
from torch.nn import functional as F

from mmgen_course.scenes import (
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    SIZES,
    STYLES,
    Constraints,
    Scene,
    SceneObject,
    complete,
    parse,
)
from mmgen_course.scenes.world import ALONE


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _ask(q: Tensor, k: Tensor, v: Tensor, over: int = 1, scale: float | None = None) -> Tensor:
    """Regions (R, d) ask words (T, d) with values (T, e)."""
    scores = q @ k.mT / (math.sqrt(q.shape[1]) if scale is None else scale)
    return scores.softmax(over) @ v


@equation(
    "eq:regions-ask",
    fingerprint="10b35f3b",
    how="PyTorch's scaled_dot_product_attention, and a loop over regions and words; a region that one word alone "
    "answers gets its value",
    formula=_ask,
    mutants={
        "summed over the regions": lambda q, k, v: _ask(q, k, v, over=0),
        "no square root": lambda q, k, v: _ask(q, k, v, scale=q.shape[1]),
        "no scale": lambda q, k, v: _ask(q, k, v, scale=1.0),
        "keys for values": lambda q, k, v: _ask(q, k, k),
        "words ask regions": lambda q, k, v: _ask(k, q, q),
        "exponential lost": lambda q, k, v: (q @ k.mT) @ v / (q @ k.mT).sum(1, keepdim=True),
    },
)
def regions_ask(formula):
    q, k, v = normal(6, 4, seed=1), normal(5, 4, seed=2), normal(5, 4, seed=3)
    got = formula(q, k, v)
    close(got, F.scaled_dot_product_attention(q, k, v), 1e-10)
    for r in range(6):
        weights = [math.exp(sum(float(q[r, i] * k[t, i]) for i in range(4)) / 2) for t in range(5)]
        by_hand = sum(w * v[t] for t, w in enumerate(weights)) / sum(weights)
        close(got[r], by_hand, 1e-10)
    close(formula(q, k[:1], v[:1]), v[:1].expand(6, 4), 1e-10)


def _painted(scores: Tensor, colours: Tensor) -> Tensor:
    """Scores (P, K) and colours (K, 3) -> pixels (P, 3)."""
    return scores.softmax(1) @ colours


@equation(
    "eq:palette",
    fingerprint="6a4865ba",
    how="a loop over pixels and colours; a pixel lies within the range of the colours, does not change when all of its "
    "scores rise alike, and takes the one colour whose score is far above the others",
    formula=_painted,
    mutants={
        "softmax over the pixels": lambda s, c: s.softmax(0) @ c,
        "a sigmoid for each colour": lambda s, c: s.sigmoid() @ c,
        "scores for shares": lambda s, c: s @ c,
        "the likeliest colour alone": lambda s, c: c[s.argmax(1)],
        "exponential lost": lambda s, c: (s / s.sum(1, keepdim=True)) @ c,
    },
)
def painted(formula):
    scores, colours = normal(7, 6, seed=4), normal(6, 3, seed=5).tanh()
    got = formula(scores, colours)
    for p in range(7):
        total = sum(math.exp(s) for s in scores[p].tolist())
        for rgb in range(3):
            close(got[p, rgb], sum(math.exp(scores[p, k]) / total * colours[k, rgb] for k in range(6)), 1e-10)
    assert (got <= colours.amax(0) + 1e-9).all()
    close(formula(scores + 3, colours), got, 1e-10)
    close(formula(50 * F.one_hot(torch.tensor([2]), 6).double(), colours)[0], colours[2], 1e-10)


def _line(m: int, n: int = 16) -> tuple[Tensor, Tensor]:
    """Scores s_k(u) of two colours at the places u of n * m pixels: linear, the edge at u = n / 2 + 0.3."""
    u = (torch.arange(n * m, dtype=torch.float64) + 0.5) / m
    return u, torch.stack([u - n / 2 - 0.3, -(u - n / 2 - 0.3)], dim=1)


@equation(
    "eq:enlarged",
    fingerprint="93b3cae7",
    how="an edge between two colours, whose scores are linear in the place: enlarged m times, the step from pixel to "
    "pixel at the edge is as large as it was, and the edge stays in its place",
    formula=lambda m, s, c: (m * s).softmax(1) @ c,
    mutants={
        "scores not made steeper": lambda m, s, c: s.softmax(1) @ c,
        "scores made flatter": lambda m, s, c: (s / m).softmax(1) @ c,
        "the square of m": lambda m, s, c: (m**2 * s).softmax(1) @ c,
        "colours made stronger": lambda m, s, c: m * s.softmax(1) @ c,
        "softmax over the pixels": lambda m, s, c: (m * s).softmax(0) @ c,
    },
)
def enlarged(formula):
    colours = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    for m in (2, 4, 8):
        u, scores = _line(m)
        x = formula(m, scores, colours)[:, 0]
        # pixels to either side of the edge, at a distance of d pixels: tanh(m * d / m) whatever m is
        close(x, torch.tanh(m * (u - 8.3)), 1e-9)
        crossing = u[(x > 0).nonzero()[0, 0]]
        assert abs(crossing - 8.3) <= 1 / m


def _mixture(given: dict[Scene, float], draws: dict[Scene, float]) -> float:
    return sum(given[f] * draws[f] for f in given)


@equation(
    "eq:completion",
    fingerprint="d9b737ce",
    how="the scenes that 'a small striped red star in the centre' and 'a red star' fit, listed: the share of right "
    "pictures of a generator that errs in small ones, by the sum, against 400 draws of `complete` (4 standard errors)",
    formula=_mixture,
    mutants={
        "not weighed by p(f|c)": lambda given, draws: sum(draws[f] for f in given),
        "the likeliest completion alone": lambda given, draws: draws[max(given, key=lambda f: given[f])],
        "product for sum": lambda given, draws: math.prod(given[f] * draws[f] for f in given),
        "squared weights": lambda given, draws: sum(given[f] ** 2 * draws[f] for f in given),
    },
)
def completion(formula):
    generator = torch.Generator().manual_seed(0)
    for text in ("a small striped red star in the centre", "a red star"):
        said = parse(text)
        fits = _every_scene(said)
        given = {scene: 1 / len(fits) for scene in fits}
        # what is drawn: a generator that gets the size wrong in one of ten small scenes
        shows = {scene: 0.9 if scene.objects[0].size == "small" else 1.0 for scene in fits}
        draws = 400
        scenes = [parse(complete(text, generator)).scene() for _ in range(draws)]
        share = sum(shows[scene] for scene in scenes) / draws
        error = 4 * 0.05 / math.sqrt(draws) + 1e-9
        assert abs(formula(given, shows) - share) < error


def _every_scene(said: Constraints) -> list[Scene]:
    every = product(SHAPES, COLOURS, SIZES, STYLES, ALONE, BACKGROUNDS)
    scenes = [Scene((SceneObject(*look),), ground) for *look, ground in every]
    return [scene for scene in scenes if said.hold_for(scene)]


@equation(
    "eq:noise-temperature",
    fingerprint="1f7e3e9a",
    how="100,000 numbers: the standard deviation is tau, and the density that of a normal one with variance tau "
    "squared (4 standard errors); tau = 0 gives one point",
    formula=lambda tau, noise: tau * noise,
    mutants={
        "variance for standard deviation": lambda tau, noise: math.sqrt(tau) * noise,
        "tau squared": lambda tau, noise: tau**2 * noise,
        "clipped at tau": lambda tau, noise: noise.clamp(-tau, tau),
        "added": lambda tau, noise: noise + tau,
        "divided": lambda tau, noise: noise / max(tau, 1e-9),
    },
)
def temperature(formula):
    noise = normal(100_000)
    for tau in (0.05, 0.5, 2.0):
        z = formula(tau, noise)
        close(z.std(), tau, 4 * tau / math.sqrt(2 * len(noise)))
        close((z.abs() < tau).double().mean(), math.erf(1 / math.sqrt(2)), 4 * math.sqrt(0.22 / len(noise)))
    assert not formula(0.0, noise).any()
