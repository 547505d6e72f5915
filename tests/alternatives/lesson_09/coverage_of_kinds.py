"""Point by point, with sorted distances."""

import math

import torch


def coverage_of_kinds(real, kinds, generated, k):
    points, hits = real.double().tolist(), {}
    for i, (point, kind) in enumerate(zip(points, kinds.tolist(), strict=True)):
        others = sorted(math.dist(point, other) for j, other in enumerate(points) if j != i)
        nearest = min(math.dist(point, made) for made in generated.double().tolist())
        hits.setdefault(kind, []).append(nearest <= others[k - 1])
    return torch.tensor([sum(hits[kind]) / len(hits[kind]) for kind in sorted(hits)], dtype=torch.double)
