"""Checks of the equations of lesson 00_welcome."""

from collections import Counter
from functools import cache
from itertools import product
from math import prod

import torch
from ledger import close, equation, uniform
from torch.distributions import MultivariateNormal

from mmgen_course import scenes


@equation(
    "eq:signed-distance",
    fingerprint="8c2bdc26",
    how="distance to the nearest of 4,000 points on the circle; inside where these wind around the point",
    formula=lambda x, y, r: (x**2 + y**2).sqrt() - r,
    mutants={
        "positive inside": lambda x, y, r: r - (x**2 + y**2).sqrt(),
        "square root lost": lambda x, y, r: x**2 + y**2 - r,
        "diameter for radius": lambda x, y, r: (x**2 + y**2).sqrt() - 2 * r,
        "city-block distance": lambda x, y, r: x.abs() + y.abs() - r,
        "radius lost": lambda x, y, r: (x**2 + y**2).sqrt(),
    },
)
def signed_distance(formula):
    for r in (0.5, 1.5):
        angle = torch.linspace(0, 2 * torch.pi, 4001, dtype=torch.float64)
        edge = torch.polar(torch.full_like(angle, r), angle)
        x, y = 4 * uniform(2, 100) - 2
        to_edge = edge - torch.complex(x, y)[:, None]  # (100, 4001)
        turned = (to_edge[:, 1:] / to_edge[:, :-1]).angle().sum(1)  # 2 pi inside, 0 outside
        sign = torch.where(turned > torch.pi, -1, 1)
        close(formula(x, y, r), sign * to_edge.abs().amin(1), tolerance=0.002)


@cache
def _inside():
    """Width of a pixel, distance of an edge from its centre, share of 200 x 200 points inside; upright and level."""
    found = []
    for w in (0.25, 2):
        points = ((torch.arange(200) + 0.5) / 200 - 0.5) * w  # of the pixel, along one side
        across, along = torch.meshgrid(points, points, indexing="ij")
        for d in torch.linspace(-1.5, 1.5, 31).tolist():
            # the signed distance of each point
            found.append((w, d, [(d + from_centre < 0).double().mean() for from_centre in (across, along)]))
    return found


@equation(
    "eq:coverage",
    fingerprint="e300e7af",
    how="quadrature: share of the points of a pixel that lie inside an upright or level edge",
    formula=lambda d, w: min(1, max(0, 1 / 2 - d / w)),
    mutants={
        "sign of d lost": lambda d, w: min(1, max(0, 1 / 2 + d / w)),
        "min and max swapped": lambda d, w: max(1, min(0, 1 / 2 - d / w)),
        "1/2 lost": lambda d, w: min(1, max(0, -d / w)),
        "edge two pixels wide": lambda d, w: min(1, max(0, 1 / 2 - d / (2 * w))),
        "pixel width lost": lambda d, w: min(1, max(0, 1 / 2 - d)),
        "not clipped": lambda d, w: 1 / 2 - d / w,
    },
)
def coverage(formula):
    for w, d, shares in _inside():
        for share in shares:
            close(formula(d, w), share, tolerance=0.01)


@equation(
    "eq:caption-match",
    fingerprint="f840cc09",
    how="pairs of caption and scene made to fit or not: the share is known",
    formula=lambda s, t, satisfies: sum(satisfies(s[i], t[i]) for i in range(len(s))) / len(s),
    mutants={
        "sum for mean": lambda s, t, satisfies: sum(map(satisfies, s, t)),
        "share of the misses": lambda s, t, satisfies: 1 - sum(map(satisfies, s, t)) / len(s),
        "divided by n - 1": lambda s, t, satisfies: sum(map(satisfies, s, t)) / (len(s) - 1),
        "all held against the first caption": lambda s, t, satisfies: sum(satisfies(a, t[0]) for a in s) / len(s),
        "captions off by one": lambda s, t, satisfies: sum(satisfies(s[i], t[i - 1]) for i in range(len(s))) / len(s),
    },
)
def caption_match(formula):
    fits = {
        "a red star": ["a small red star", "a red striped star in the middle"],
        "a circle above a square": ["a red circle above a blue square"],
        "a diamond on a dark background": ["a large pink diamond on a dark background"],
    }
    fails = {"a red star": ["a red cross"], "a circle above a square": ["a square above a circle"]}
    pairs = [(t, s) for of in (fits, fails) for t, drawn in of.items() for s in drawn]
    generator = torch.Generator().manual_seed(0)
    drawn = [scenes.parse(s).complete(generator) for _, s in pairs]
    captions = [t for t, _ in pairs]
    close(formula(drawn, captions, lambda s, t: scenes.parse(t).hold_for(s)), 4 / 6)


@equation(
    "eq:chance",
    fingerprint="7dd84395",
    how="every combination of attributes listed, those that fit counted, for each choice of what is fixed",
    formula=lambda k: prod(1 / k_j for k_j in k),
    mutants={
        "sum for product": lambda k: sum(1 / k_j for k_j in k),
        "one over the sum": lambda k: 1 / sum(k),
        "1/k lost": lambda k: prod(k),
        "first attribute left out": lambda k: prod(1 / k_j for k_j in k[1:]),
    },
)
def chance(formula):
    attributes = [scenes.SHAPES, scenes.COLOURS, scenes.SIZES, scenes.STYLES, scenes.BACKGROUNDS]
    looks = list(product(*attributes))
    wanted = looks[100]
    for fixed in product([True, False], repeat=len(attributes)):
        match = [all(a == b or not f for a, b, f in zip(look, wanted, fixed, strict=True)) for look in looks]
        k = [len(values) for values, f in zip(attributes, fixed, strict=True) if f]
        close(formula(k), sum(match) / len(looks))


def _vote_by(weight):
    """A vote in which an example at distance d has weight(d, sigma)."""

    def vote(y, a, x, y_i, sigma):
        weights = weight((a - x).norm(dim=1), sigma)
        return weights[y_i == y].sum() / weights.sum()

    return vote


@equation(
    "eq:vote",
    fingerprint="819d2ad1",
    how="exact model: Bayes' rule with Gaussian densities, each example equally likely beforehand",
    formula=lambda y, a, x, y_i, sigma: (
        torch.exp(-(a - x[y_i == y]).norm(dim=1).square() / (2 * sigma**2)).sum()
        / torch.exp(-(a - x).norm(dim=1).square() / (2 * sigma**2)).sum()
    ),
    mutants={
        "sigma for sigma squared": _vote_by(lambda d, sigma: torch.exp(-d.square() / (2 * sigma))),
        "1/2 lost": _vote_by(lambda d, sigma: torch.exp(-d.square() / sigma**2)),
        "distance not squared": _vote_by(lambda d, sigma: torch.exp(-d / (2 * sigma**2))),
        "minus lost": _vote_by(lambda d, sigma: torch.exp(d.square() / (2 * sigma**2))),
        "not divided by all weights": lambda y, a, x, y_i, sigma: torch.exp(
            -(a - x[y_i == y]).norm(dim=1).square() / (2 * sigma**2)
        ).sum(),
        "mean over a digit's examples for sum": lambda y, a, x, y_i, sigma: (
            torch.exp(-(a - x[y_i == y]).norm(dim=1).square() / (2 * sigma**2)).mean()
            / torch.exp(-(a - x).norm(dim=1).square() / (2 * sigma**2)).mean()
        ),
    },
)
def vote(formula):
    x, a, sigma = 2 * uniform(7, 3), 2 * uniform(3, seed=1), 0.7
    y_i = torch.tensor([0, 0, 1, 2, 2, 2, 2])
    joint = Counter()  # p(y, a) of each digit y
    for y, x_i in zip(y_i.tolist(), x, strict=True):
        density = MultivariateNormal(x_i, sigma**2 * torch.eye(3).double()).log_prob(a).exp()
        joint[y] += density.item() / len(x)
    for y in range(3):
        close(formula(y, a, x, y_i, sigma), joint[y] / joint.total())


@equation(
    "eq:fusion",
    fingerprint="8eb94147",
    how="exact model: a random joint table of y, a and b, where a and b are independent given y",
    formula=lambda y_a, y_b, y: (1 / (y_a * y_b / y).sum()) * (y_a * y_b / y),
    mutants={
        "prior counted twice": lambda y_a, y_b, y: (y_a * y_b) / (y_a * y_b).sum(),
        "prior multiplied in": lambda y_a, y_b, y: (y_a * y_b * y) / (y_a * y_b * y).sum(),
        "mean for product": lambda y_a, y_b, y: (y_a + y_b) / 2,
        "1/Z lost": lambda y_a, y_b, y: y_a * y_b / y,
        "b ignored": lambda y_a, y_b, y: y_a,
    },
)
def fusion(formula):
    y, a_y, b_y = uniform(4), uniform(4, 3, seed=1), uniform(4, 2, seed=2)
    y, a_y, b_y = y / y.sum(), a_y / a_y.sum(1, keepdim=True), b_y / b_y.sum(1, keepdim=True)
    table = y[:, None, None] * a_y[:, :, None] * b_y[:, None, :]  # p(y, a, b), (4, 3, 2)
    for a, b in product(range(3), range(2)):
        y_a = table[:, a].sum(1) / table[:, a].sum()
        y_b = table[:, :, b].sum(1) / table[:, :, b].sum()
        close(formula(y_a, y_b, table.sum((1, 2))), table[:, a, b] / table[:, a, b].sum())
