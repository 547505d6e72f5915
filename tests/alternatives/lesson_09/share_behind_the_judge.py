"""A search for the share that would be accepted as often."""

from scipy.optimize import brentq
from scipy.stats import binomtest


def share_behind_the_judge(hits, n, passes, rejects):
    """Look for the share of right pictures at which the judge would accept as many."""
    ends = binomtest(hits, n).proportion_ci(method="wilson")

    def share_of(accepted):
        def too_many(share):
            return share * (1 - rejects) + (1 - share) * passes - accepted

        if too_many(0) > 0 or too_many(1) < 0:
            return 0.0 if too_many(0) > 0 else 1.0
        return brentq(too_many, 0, 1)

    return tuple(map(share_of, (hits / n, ends.low, ends.high)))
