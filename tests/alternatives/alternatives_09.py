"""Right answers to the exercises of lesson 9, written differently from the references."""

import itertools
import math

import torch
from scipy.optimize import brentq
from scipy.stats import binomtest


def by_normal_equations(sizes, values, size):
    count = len(sizes)
    mean_x, mean_y = sum(1 / n for n in sizes) / count, sum(values) / count
    slope = sum((1 / n - mean_x) * (v - mean_y) for n, v in zip(sizes, values, strict=True))
    slope /= sum((1 / n - mean_x) ** 2 for n in sizes)
    return mean_y + slope * (1 / size - mean_x)


def share_by_search(hits, n, passes, rejects):
    """Look for the share of right pictures at which the judge would accept as many."""
    ends = binomtest(hits, n).proportion_ci(method="wilson")

    def share_of(accepted):
        def too_many(share):
            return share * (1 - rejects) + (1 - share) * passes - accepted

        if too_many(0) > 0 or too_many(1) < 0:
            return 0.0 if too_many(0) > 0 else 1.0
        return brentq(too_many, 0, 1)

    return tuple(map(share_of, (hits / n, ends.low, ends.high)))


def slow_energy(x, y):
    x, y = x.double().tolist(), y.double().tolist()
    between = [math.dist(a, b) for a in x for b in y]
    within = [[math.dist(a, b) for a, b in itertools.combinations(z, 2)] for z in (x, y)]
    return 2 * sum(between) / len(between) - sum(sum(part) / len(part) for part in within)


def slow_coverage(real, kinds, generated, k):
    points, hits = real.double().tolist(), {}
    for i, (point, kind) in enumerate(zip(points, kinds.tolist(), strict=True)):
        others = sorted(math.dist(point, other) for j, other in enumerate(points) if j != i)
        nearest = min(math.dist(point, made) for made in generated.double().tolist())
        hits.setdefault(kind, []).append(nearest <= others[k - 1])
    return torch.tensor([sum(hits[kind]) / len(hits[kind]) for kind in sorted(hits)], dtype=torch.double)


ALTERNATIVES = {
    "fid_at_size": by_normal_equations,
    "share_behind_the_judge": share_by_search,
    "energy_distance": slow_energy,
    "coverage_of_kinds": slow_coverage,
}
