"""Math.dist over every pair."""

import itertools
import math


def energy_distance(x, y):
    x, y = x.double().tolist(), y.double().tolist()
    between = [math.dist(a, b) for a in x for b in y]
    within = [[math.dist(a, b) for a, b in itertools.combinations(z, 2)] for z in (x, y)]
    return 2 * sum(between) / len(between) - sum(sum(part) / len(part) for part in within)
