"""The kernel distance of features (N, d) of real and of generated pictures (KID), without bias.

Derived in lesson 09_evaluation. M. Bińkowski et al., "Demystifying MMD GANs", ICLR 2018, arXiv 1801.01401.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.evaluate.intervals import GROUPS, Estimate, deal, jackknife, mean


def polynomial_kernel(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    """k(x, y) = (x . y / d + 1)^3 of each row of x with each of y: it compares the first three moments.

    Raises:
        ValueError: other numbers of features in x and y, or features that are no floats.

    Source: Bińkowski et al. 2018.

    Example:
        >>> polynomial_kernel(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        tensor([[8., 1.]])
    """
    if x.shape[1:] != y.shape[1:] or not (x.is_floating_point() and y.is_floating_point()):
        got = f"{tuple(x.shape)} of {x.dtype} and {tuple(y.shape)} of {y.dtype}"
        raise ValueError(f"expected floats, as many features in both; got {got}")
    return (x @ y.mT / x.shape[1] + 1) ** 3


def mmd2(xx: Float[Tensor, "n n"], yy: Float[Tensor, "m m"], xy: Float[Tensor, "n m"]) -> float:
    """The squared maximum mean discrepancy of two samples, from the kernel of all pairs; without bias, so it may be
    negative.

    No row is paired with itself: the diagonals of the first two are left out.

    Raises:
        ValueError: fewer than two rows of either, or tables that do not belong together.

    Source: A. Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, equation 3.

    Example:
        >>> x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [1.0]])
        >>> mmd2(x @ x.T, y @ y.T, x @ y.T)  # of two equal sets, by the kernel k(x, y) = x y
        -0.5
    """
    n, m = xy.shape
    if min(n, m) < 2 or (xx.shape, yy.shape) != ((n, n), (m, m)):
        shapes = [tuple(table.shape) for table in (xx, yy, xy)]
        raise ValueError(f"expected tables (N, N), (M, M) and (N, M) with N, M >= 2; got {shapes}")
    same = [(table.sum() - table.diagonal().sum()) / (len(table) * (len(table) - 1)) for table in (xx, yy)]
    return (same[0] + same[1] - 2 * xy.mean()).item()


def kid(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], groups: int = GROUPS) -> Estimate:
    """The kernel distance of two sets of features, over all pairs; with Inception-v3's features it is called KID.

    It has no bias at any size, and is below 0 more often than not where there is no difference. The interval leaves
    out each of G groups of rows in turn, dealt at random but always alike.

    Args:
        a: features of N real pictures.
        b: features of M generated ones. The two are exchangeable.
        groups: G.

    Raises:
        ValueError: fewer than two rows a group, other numbers of features in a and b, or features that are not finite.

    Source: Bińkowski et al. 2018; the interval is a jackknife.

    Example:
        >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
        >>> distance = kid(x[:250], x[250:] + 1)
        >>> 0 < distance.low < distance.value < distance.high
        True
    """
    x, y = _deal(a, groups, 0), _deal(b, groups, 1)
    xx, yy, xy = _sums(x, x), _sums(y, y), _sums(x, y)
    for table, rows in ((xx, x), (yy, y)):
        table.diagonal().sub_(torch.stack([_own(part) for part in rows]))  # no row is paired with itself
    whole = _from_sums(xx.sum(), yy.sum(), xy.sum(), len(a), len(b))
    without = [
        _from_sums(_rest(xx, g), _rest(yy, g), _rest(xy, g), len(a) - len(x[g]), len(b) - len(y[g]))
        for g in range(groups)
    ]
    return Estimate(whole, *jackknife(whole, without)[1:])


def kid_blocks(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], blocks: int = 10) -> Estimate:
    """The mean of the kernel distances of B pairs of blocks, dealt at random, with the interval of a mean of B numbers.

    Without bias, and cheaper than `kid`, but it wastes the pairs from different blocks and strays more.

    Raises:
        ValueError: as for `kid`.

    Source: W. Zaremba, A. Gretton, M. Blaschko, "B-test: A Non-parametric, Low Variance Kernel Two-sample Test",
    NIPS 2013.

    Example:
        >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
        >>> distance = kid_blocks(x[:250], x[250:])
        >>> distance.low < 0 < distance.high
        True
    """
    pairs = zip(_deal(a, blocks, 0), _deal(b, blocks, 1), strict=True)
    return mean(
        torch.tensor(
            [mmd2(polynomial_kernel(x, x), polynomial_kernel(y, y), polynomial_kernel(x, y)) for x, y in pairs],
            dtype=torch.float64,
        )
    )


def _deal(rows: Tensor, groups: int, seed: int) -> list[Tensor]:
    if not rows.isfinite().all():
        raise ValueError("expected finite features; some are NaN or infinite")
    return deal(rows.double(), groups, seed)


def _sums(x: list[Tensor], y: list[Tensor]) -> Tensor:
    """The kernel summed over all pairs of each two groups, (G, G): groups keep the memory small."""
    return torch.stack([torch.stack([polynomial_kernel(one, other).sum() for other in y]) for one in x])


def _own(rows: Tensor) -> Tensor:
    """The sum of k(x, x)."""
    return ((rows.square().sum(dim=1) / rows.shape[1] + 1) ** 3).sum()


def _rest(table: Tensor, g: int) -> Tensor:
    """The sum of a table without row and column g."""
    return table.sum() - table[g].sum() - table[:, g].sum() + table[g, g]


def _from_sums(xx: Tensor, yy: Tensor, xy: Tensor, n: int, m: int) -> float:
    return (xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)).item()
