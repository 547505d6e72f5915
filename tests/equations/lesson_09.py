"""Checks of the equations of lesson 09_evaluation."""

import math
from functools import cache
from itertools import combinations, pairwise, permutations, product

import scipy.linalg
import scipy.stats
import torch
from ledger import close, equation, uniform
from sklearn.neighbors import NearestNeighbors


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(d, seed):
    x = normal(2 * d, d, seed=seed)
    return x.T @ x / d


def root(matrix):
    return torch.tensor(scipy.linalg.sqrtm(matrix.numpy()).real)


@equation(
    "eq:estimator-error",
    fingerprint="775acbb1",
    how="all 216 throws of three dice, the largest of them as an estimate of 6",
    formula=lambda mean, theta, variance: (mean - theta) ** 2 + variance,
    mutants={
        "bias not squared": lambda mean, theta, variance: abs(mean - theta) + variance,
        "standard deviation for variance": lambda mean, theta, variance: (mean - theta) ** 2 + variance**0.5,
        "bias forgotten": lambda mean, theta, variance: variance,
        "variance forgotten": lambda mean, theta, variance: (mean - theta) ** 2,
        "subtracted": lambda mean, theta, variance: (mean - theta) ** 2 - variance,
    },
)
def estimator_error(formula):
    largest = torch.tensor([max(dice) for dice in product(range(1, 7), repeat=3)]).double()
    error = sum((value - 6) ** 2 for value in largest.tolist()) / 216
    close(formula(largest.mean(), 6, largest.var(correction=0)), error)


@cache
def _wilson(hits, n):
    ends = scipy.stats.binomtest(hits, n).proportion_ci(method="wilson")
    return ends.low, ends.high


def _wald(hits, n):
    p = hits / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def _match_interval(hits, n, epsilon, ends=_wilson, below=1, above=1, cut=True):
    low, high = ends(hits, n)
    low, high = low - below * epsilon, high + above * epsilon
    return (max(0, low), min(1, high)) if cut else (low, high)


@equation(
    "eq:match-interval",
    fingerprint="502df797",
    how="exact binomial: it holds the true share for 93 of 100 samples or more, whichever way the classifier errs",
    formula=_match_interval,
    mutants={
        "without the classifier's error": lambda hits, n, epsilon: _match_interval(hits, n, 0),
        "Wald's ends for Wilson's": lambda hits, n, epsilon: _match_interval(hits, n, epsilon, _wald),
        "the classifier errs only upwards": lambda hits, n, epsilon: _match_interval(hits, n, epsilon, above=0),
        "the classifier errs only downwards": lambda hits, n, epsilon: _match_interval(hits, n, epsilon, below=0),
        "divided by the root of n": lambda hits, n, epsilon: _match_interval(hits, n, epsilon / math.sqrt(n)),
        "beyond 0 and 1": lambda hits, n, epsilon: _match_interval(hits, n, epsilon, cut=False),
    },
)
def match_interval(formula):
    cases = [(0.7, 400, 0.05, 1), (0.7, 400, 0.05, -1), (0.995, 50, 0.0, 1), (0.9, 2000, 0.02, -1)]
    for m, n, epsilon, way in cases:
        intervals = [formula(hits, n, epsilon) for hits in range(n + 1)]
        assert all(0 <= low <= high <= 1 for low, high in intervals)
        chance = scipy.stats.binom(n, m + way * epsilon).pmf(range(n + 1))
        held = sum(p for p, (low, high) in zip(chance, intervals, strict=True) if low <= m <= high)
        assert held > 0.93, (m, n, epsilon, held)
        low, high = formula(round(m * n), n, epsilon)
        assert high - low < 2 * epsilon + 4.5 * math.sqrt(0.25 / n)  # and it is not wide without need


def _merged(a, b, cross=lambda na, nb, n: na * nb / n, weight=lambda na, nb, n: nb / n, outer=torch.outer, lost=1):
    (na, mu_a, m_a), (nb, mu_b, m_b) = a, b
    n, delta = na + nb, mu_b - mu_a
    scatter = m_a + m_b + cross(na, nb, n) * outer(delta, delta)
    return mu_a + weight(na, nb, n) * delta, scatter / (n - lost)


@equation(
    "eq:merge-moments",
    fingerprint="e947a62f",
    how="torch.cov of all rows at once; and S of all samples of three, drawn from four values, has their mean variance",
    formula=_merged,
    mutants={
        "divided by n": lambda a, b: _merged(a, b, lost=0),
        "the cross term forgotten": lambda a, b: _merged(a, b, lambda na, nb, n: 0.0),
        "the cross term not divided": lambda a, b: _merged(a, b, lambda na, nb, n: na * nb),
        "weights exchanged": lambda a, b: _merged(a, b, weight=lambda na, nb, n: na / n),
        "means averaged": lambda a, b: _merged(a, b, weight=lambda na, nb, n: 0.5),
        "only the variances": lambda a, b: _merged(a, b, outer=lambda x, y: torch.diag(x * y)),
    },
)
def merge_moments(formula):
    def moments(x):
        centred = x - x.mean(0)
        return len(x), x.mean(0), centred.T @ centred

    x = normal(9, 3) + torch.tensor([5.0, 0.0, -1.0])
    for cut in (2, 6):
        mu, cov = formula(moments(x[:cut]), moments(x[cut:] + 2))
        together = torch.cat([x[:cut], x[cut:] + 2])
        close(mu, together.mean(0))
        close(cov, torch.cov(together.T))
    values = torch.tensor([0.0, 1.0, 3.0, 7.0]).double()
    samples = [torch.stack(sample)[:, None] for sample in product(values, repeat=3)]
    close(sum(formula(moments(s[:1]), moments(s[1:]))[1] for s in samples) / 64, values.var(correction=0)[None, None])


@equation(
    "eq:transport-cost",
    fingerprint="73d52111",
    how="a table of the probabilities of all pairs, summed",
    formula=lambda m1, m2, s1, s2, cov: (m1 - m2) ** 2 + s1**2 + s2**2 - 2 * cov,
    mutants={
        "2 lost": lambda m1, m2, s1, s2, cov: (m1 - m2) ** 2 + s1**2 + s2**2 - cov,
        "sign": lambda m1, m2, s1, s2, cov: (m1 - m2) ** 2 + s1**2 + s2**2 + 2 * cov,
        "means not squared": lambda m1, m2, s1, s2, cov: abs(m1 - m2) + s1**2 + s2**2 - 2 * cov,
        "means forgotten": lambda m1, m2, s1, s2, cov: s1**2 + s2**2 - 2 * cov,
        "deviations not squared": lambda m1, m2, s1, s2, cov: (m1 - m2) ** 2 + s1 + s2 - 2 * cov,
    },
)
def transport_cost(formula):
    p = uniform(3, 4, seed=1)
    p, x, y = p / p.sum(), torch.tensor([0.0, 1.0, 4.0]).double(), torch.tensor([-1.0, 0.0, 2.0, 9.0]).double()
    m1, m2 = p.sum(1) @ x, p.sum(0) @ y
    s1, s2 = (p.sum(1) @ (x - m1) ** 2).sqrt(), (p.sum(0) @ (y - m2) ** 2).sqrt()
    close(formula(m1, m2, s1, s2, (x - m1) @ p @ (y - m2)), (p * (x[:, None] - y) ** 2).sum())


@equation(
    "eq:frechet-line",
    fingerprint="c8a75f9b",
    how="quadrature over both quantile functions: the pairing in order is the cheapest one",
    formula=lambda m1, s1, m2, s2: (m1 - m2) ** 2 + (s1 - s2) ** 2,
    mutants={
        "means not squared": lambda m1, s1, m2, s2: abs(m1 - m2) + (s1 - s2) ** 2,
        "variances for deviations": lambda m1, s1, m2, s2: (m1 - m2) ** 2 + (s1**2 - s2**2) ** 2,
        "difference of the variances": lambda m1, s1, m2, s2: (m1 - m2) ** 2 + abs(s1**2 - s2**2),
        "independent pairs": lambda m1, s1, m2, s2: (m1 - m2) ** 2 + s1**2 + s2**2,
        "root of it": lambda m1, s1, m2, s2: math.sqrt((m1 - m2) ** 2 + (s1 - s2) ** 2),
    },
)
def frechet_line(formula):
    u = (torch.arange(200_000).double() + 0.5) / 200_000
    z = math.sqrt(2) * torch.erfinv(2 * u - 1)
    for m1, s1, m2, s2 in ((0.0, 1.0, 3.0, 2.0), (-1.0, 0.5, 0.2, 0.7)):
        close(formula(m1, s1, m2, s2), ((m1 + s1 * z - m2 - s2 * z) ** 2).mean(), 1e-4)


@equation(
    "eq:frechet",
    fingerprint="758dcf73",
    how="mean squared step of the linear map A with A S1 A = S2, A symmetric, which carries one Gaussian to the other",
    formula=lambda m1, s1, m2, s2: (m1 - m2).square().sum() + torch.trace(s1 + s2 - 2 * root(s1 @ s2)),
    mutants={
        "square root of the sum": lambda m1, s1, m2, s2: (
            (m1 - m2).square().sum() + torch.trace(s1 + s2 - 2 * root(s1 + s2))
        ),
        "2 lost": lambda m1, s1, m2, s2: (m1 - m2).square().sum() + torch.trace(s1 + s2 - root(s1 @ s2)),
        "means not squared": lambda m1, s1, m2, s2: (m1 - m2).norm() + torch.trace(s1 + s2 - 2 * root(s1 @ s2)),
        "root lost": lambda m1, s1, m2, s2: (m1 - m2).square().sum() + torch.trace(s1 + s2 - 2 * s1 @ s2),
        "root of each entry": lambda m1, s1, m2, s2: (
            (m1 - m2).square().sum() + torch.trace(s1 + s2 - 2 * (s1 @ s2).abs().sqrt())
        ),
        "root of the traces": lambda m1, s1, m2, s2: (
            (m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * (s1.trace() * s2.trace()).sqrt()
        ),
    },
)
def frechet(formula):
    for d in (1, 3):
        m1, m2, s1, s2 = normal(d, seed=1), 2 * normal(d, seed=2), covariance(d, 3), covariance(d, 4)
        half = root(s1)
        inverse = torch.linalg.inv(half)
        A = inverse @ root(half @ s2 @ half) @ inverse
        close(A @ s1 @ A, s2)
        step = torch.eye(d).double() - A  # E |x - (m2 + A (x - m1))|^2
        close(formula(m1, s1, m2, s2), ((m1 - m2) ** 2).sum() + torch.trace(step @ s1 @ step.T), 1e-8)


@equation(
    "eq:frechet-commuting",
    fingerprint="c7a9cac7",
    how="scipy's matrix root of two covariances with common axes, turned in space",
    formula=lambda lam, kap: ((lam.sqrt() - kap.sqrt()) ** 2).sum(),
    mutants={
        "roots lost": lambda lam, kap: ((lam - kap) ** 2).sum(),
        "square lost": lambda lam, kap: (lam.sqrt() - kap.sqrt()).abs().sum(),
        "root of the difference": lambda lam, kap: (lam - kap).abs().sum(),
        "axes paired by size": lambda lam, kap: ((lam.sort()[0].sqrt() - kap.sort()[0].sqrt()) ** 2).sum(),
        "of the sums": lambda lam, kap: (lam.sum().sqrt() - kap.sum().sqrt()) ** 2,
    },
)
def frechet_commuting(formula):
    axes = torch.linalg.qr(normal(3, 3)).Q
    lam, kap = torch.tensor([1.0, 4.0, 0.25]).double(), torch.tensor([9.0, 1.0, 2.0]).double()
    s1, s2 = axes * lam @ axes.T, axes * kap @ axes.T
    close(formula(lam, kap), torch.trace(s1 + s2 - 2 * root(s1 @ s2)), 1e-8)


def _eigen(s1, s2):
    return torch.linalg.eigvals(s1 @ s2).real.clamp(min=0)


@equation(
    "eq:root-trace",
    fingerprint="56e32a21",
    how="trace of scipy's matrix root; L from Cholesky, and from the centred rows of a singular covariance",
    formula=lambda s1, s2, l1, l2: (_eigen(s1, s2).sqrt().sum(), torch.linalg.svdvals(l1.T @ l2).sum()),
    mutants={
        "eigenvalues without root": lambda s1, s2, l1, l2: (
            _eigen(s1, s2).sum(),
            torch.linalg.svdvals(l1.T @ l2).sum(),
        ),
        "root of the sum": lambda s1, s2, l1, l2: (
            _eigen(s1, s2).sum().sqrt(),
            torch.linalg.svdvals(l1.T @ l2).sum(),
        ),
        "not transposed": lambda s1, s2, l1, l2: (
            _eigen(s1, s2).sqrt().sum(),
            torch.linalg.svdvals(l1[:, :3] @ l2[:, :3]).sum(),
        ),
        "singular values of the product": lambda s1, s2, l1, l2: (
            _eigen(s1, s2).sqrt().sum(),
            torch.linalg.svdvals(s1 @ s2).sqrt().sum(),
        ),
        "the largest alone": lambda s1, s2, l1, l2: (
            _eigen(s1, s2).max().sqrt(),
            torch.linalg.svdvals(l1.T @ l2).max(),
        ),
    },
)
def root_trace(formula):
    s1, s2 = covariance(3, 1), covariance(3, 2)
    for side in formula(s1, s2, torch.linalg.cholesky(s1), torch.linalg.cholesky(s2)):
        close(side, root(s1 @ s2).trace(), 1e-8)
    rows = [x - x.mean(0) for x in (normal(3, 3, seed=3), normal(3, 3, seed=4))]  # three rows: rank 2 in 3 dimensions
    l1, l2 = (x.T / math.sqrt(2) for x in rows)
    by_eigenvalues, by_singular = formula(l1 @ l1.T, l2 @ l2.T, l1, l2)
    close(by_eigenvalues, by_singular, 1e-6)
    half = [v * w.clamp(min=0).sqrt() @ v.T for w, v in (torch.linalg.eigh(x @ x.T) for x in (l1, l2))]
    close(by_singular, torch.linalg.matrix_norm(half[0] @ half[1], "nuc"), 1e-6)


def _fid_bias(lam, n, m, of_mean=1.0, of_pairs=0.5, both=True):
    pairs = (lam[:, None] * lam / (lam[:, None] + lam)).sum()
    return (1 / n + 1 / m if both else 1 / n) * (of_mean * lam.sum() + lam.sum() / 4 + of_pairs * pairs)


@equation(
    "eq:fid-bias",
    fingerprint="a1c95277",
    how="Monte Carlo: two samples of one Gaussian, four thousand times, within four standard errors and 2 percent",
    formula=_fid_bias,
    mutants={
        "one sample only": lambda lam, n, m: _fid_bias(lam, n, m, both=False),
        "covariances cost nothing": lambda lam, n, m: (1 / n + 1 / m) * lam.sum(),
        "means cost nothing": lambda lam, n, m: _fid_bias(lam, n, m, of_mean=0.0),
        "1/2 lost": lambda lam, n, m: _fid_bias(lam, n, m, of_pairs=1.0),
        "d^2 / 4 whatever the variances": lambda lam, n, m: (1 / n + 1 / m) * (1.25 * lam.sum() + len(lam) ** 2 / 4),
        "like 1 / root n": lambda lam, n, m: _fid_bias(lam, n, m) * math.sqrt(n),
    },
)
def fid_bias(formula):
    lam, n, m, times = torch.tensor([4.0, 3.0, 0.09]).double(), 200, 400, 4000
    means = [normal(times, 3, seed=k) * (lam / size).sqrt() for k, size in ((1, n), (2, m))]
    factors = [_wishart_factor(times, size, seed=k) * lam.sqrt() for k, size in ((3, n), (4, m))]
    traces = sum(factor.square().sum((1, 2)) for factor in factors)
    cross = torch.linalg.svdvals(factors[0] @ factors[1].mT).sum(1)
    fids = (means[0] - means[1]).square().sum(1) + traces - 2 * cross
    error = fids.std() / math.sqrt(times)
    expected = formula(lam, n, m)
    assert abs(fids.mean() - expected) < 4 * error + 0.02 * expected, (fids.mean(), expected, error)


def _wishart_factor(times, n, seed):
    """Upper triangular R with R^T R the covariance of n standard normal rows (Bartlett)."""
    generator = torch.Generator().manual_seed(seed)
    upper = torch.randn(times, 3, 3, generator=generator, dtype=torch.float64).triu(1)
    freedom = torch.tensor([n - 1.0, n - 2.0, n - 3.0]).double().expand(times, 3)
    chi2 = 2 * torch._standard_gamma(freedom / 2, generator=generator)
    return (upper + torch.diag_embed(chi2.sqrt())) / math.sqrt(n - 1)


def _jackknife(T, T_g, G, factor=lambda G: (G - 1) / G, whole=lambda G: G, rest=lambda G: G - 1):
    mean = T_g.mean()
    return whole(G) * T - rest(G) * mean, factor(G) * (T_g - mean).square().sum()


@equation(
    "eq:jackknife",
    fingerprint="d0360954",
    how="T = a + c / n ends at a; the square of a mean loses just its bias; a mean gets its textbook error",
    formula=_jackknife,
    mutants={
        "weights exchanged": lambda T, T_g, G: _jackknife(T, T_g, G, whole=lambda G: G - 1, rest=lambda G: G - 2),
        "mean of the parts": lambda T, T_g, G: _jackknife(T, T_g, G, whole=lambda G: 0, rest=lambda G: -1),
        "sign of the correction": lambda T, T_g, G: _jackknife(T, T_g, G, whole=lambda G: 2 - G, rest=lambda G: 1 - G),
        "as if the parts were independent": lambda T, T_g, G: _jackknife(T, T_g, G, lambda G: 1 / (G - 1) / G),
        "factor lost": lambda T, T_g, G: _jackknife(T, T_g, G, lambda G: 1),
    },
)
def jackknife(formula):
    close(formula(2 + 3 / 40, torch.full((8,), 2 + 3 / 35, dtype=torch.float64), 8)[0], 2)
    x = normal(6, seed=5)
    without = torch.stack([torch.cat([x[:g], x[g + 1 :]]).mean() for g in range(6)])
    close(formula(x.mean() ** 2, without**2, 6)[0], x.mean() ** 2 - x.var() / 6)
    close(formula(x.mean(), without, 6), (x.mean(), x.var() / 6))


def _expectations(p, q, table):
    """E k(x, x'), E k(y, y'), E k(x, y) and E k(x, x), for points with probabilities p and q."""
    return p @ table @ p, q @ table @ q, p @ table @ q, p @ table.diagonal()


@equation(
    "eq:mmd",
    fingerprint="08bfe203",
    how="squared distance of the mean features (1, x, x^2, sin x) of two distributions over five points",
    formula=lambda xx, yy, xy: xx + yy - 2 * xy,
    mutants={
        "2 lost": lambda xx, yy, xy: xx + yy - xy,
        "sign": lambda xx, yy, xy: xx + yy + 2 * xy,
        "root": lambda xx, yy, xy: (xx + yy - 2 * xy).abs().sqrt(),
        "one of the two": lambda xx, yy, xy: 2 * xx - 2 * xy,
        "halved": lambda xx, yy, xy: (xx + yy) / 2 - xy,
    },
)
def mmd(formula):
    x = torch.tensor([-1.0, 0.0, 0.5, 2.0, 3.0]).double()
    phi = torch.stack([torch.ones(5), x, x**2, x.sin()], dim=1)
    p, q = uniform(5, seed=1), uniform(5, seed=2)
    p, q = p / p.sum(), q / q.sum()
    xx, yy, xy, _ = _expectations(p, q, phi @ phi.T)
    close(formula(xx, yy, xy), (p @ phi - q @ phi).square().sum())


@equation(
    "eq:kid-kernel",
    fingerprint="0d431c80",
    how="dot product of all products of three of the d + 1 numbers (1, x / root d)",
    formula=lambda x, y: (x @ y / len(x) + 1) ** 3,
    mutants={
        "not divided by d": lambda x, y: (x @ y + 1) ** 3,
        "divided by root d": lambda x, y: (x @ y / len(x) ** 0.5 + 1) ** 3,
        "1 lost": lambda x, y: (x @ y / len(x)) ** 3,
        "square for cube": lambda x, y: (x @ y / len(x) + 1) ** 2,
        "d on all of it": lambda x, y: ((x @ y + 1) / len(x)) ** 3,
    },
)
def kid_kernel(formula):
    def phi(x):
        numbers = [1.0, *(value / len(x) ** 0.5 for value in x.tolist())]
        return [a * b * c for a, b, c in product(numbers, repeat=3)]

    for d in (1, 2, 4):
        x, y = normal(d, seed=d), normal(d, seed=d + 9)
        close(formula(x, y), sum(a * b for a, b in zip(phi(x), phi(y), strict=True)))


def _tensor_means(x, power):
    """E of all products of `power` components."""
    letters = "abc"[:power]
    return torch.einsum(f"{','.join(f'n{one}' for one in letters)}->{letters}", *[x] * power) / len(x)


def _kid_moments(x, y, times=(3, 3, 1), power=lambda d, j: d**-j, norm=lambda t: t.square().sum()):
    d = x.shape[1]
    gaps = [norm(_tensor_means(x, j) - _tensor_means(y, j)) for j in (1, 2, 3)]
    return sum(c * power(d, j) * gap for j, c, gap in zip((1, 2, 3), times, gaps, strict=True))


@equation(
    "eq:kid-moments",
    fingerprint="d83d201a",
    how="means of the kernel over all pairs of two small sets of points",
    formula=_kid_moments,
    mutants={
        "without how often": lambda x, y: _kid_moments(x, y, times=(1, 1, 1)),
        "d once": lambda x, y: _kid_moments(x, y, power=lambda d, j: 1 / d),
        "third moment forgotten": lambda x, y: _kid_moments(x, y, times=(3, 3, 0)),
        "not squared": lambda x, y: _kid_moments(x, y, norm=lambda t: t.square().sum().sqrt()),
        "means alone": lambda x, y: _kid_moments(x, y, times=(3, 0, 0)),
    },
)
def kid_moments(formula):
    x, y = normal(5, 2, seed=1), normal(4, 2, seed=2) + 0.5

    def k(a, b):
        return ((a @ b.T / 2 + 1) ** 3).mean()

    close(formula(x, y), k(x, x) + k(y, y) - 2 * k(x, y))


def _unbiased(xx, yy, xy, own=False, pairs=lambda n: n * (n - 1), two=2, cross_own=True):
    def same(table):
        return (table.sum() - (0 if own else table.diagonal().sum())) / pairs(len(table))

    cross = xy.mean() if cross_own else (xy.sum() - xy.diagonal().sum()) / xy.numel()
    return same(xx) + same(yy) - two * cross


@equation(
    "eq:mmd-unbiased",
    fingerprint="1abc951e",
    how="its mean over all samples of three and two points from two distributions over three points is the true one",
    formula=_unbiased,
    mutants={
        "diagonal kept": lambda xx, yy, xy: _unbiased(xx, yy, xy, own=True, pairs=lambda n: n * n),
        "diagonal kept, divided by n (n - 1)": lambda xx, yy, xy: _unbiased(xx, yy, xy, own=True),
        "diagonal left out, divided by n^2": lambda xx, yy, xy: _unbiased(xx, yy, xy, pairs=lambda n: n * n),
        "2 lost": lambda xx, yy, xy: _unbiased(xx, yy, xy, two=1),
        "diagonal of the cross term left out": lambda xx, yy, xy: _unbiased(xx, yy, xy, cross_own=False),
    },
)
def mmd_unbiased(formula):
    table, p, q, average = _three_points()
    xx, yy, xy, _ = _expectations(p, q, table)
    close(average(formula), xx + yy - 2 * xy)


def _three_points():
    points = torch.tensor([[0.0], [1.0], [3.0]]).double()
    table = (points @ points.T + 1) ** 3
    p, q = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], dtype=torch.float64)

    def average(formula):
        total = 0.0
        for i, j in product(product(range(3), repeat=3), product(range(3), repeat=2)):
            chance = p[list(i)].prod() * q[list(j)].prod()
            total += chance * formula(table[i, :][:, i], table[j, :][:, j], table[i, :][:, j])
        return total

    return table, p, q, average


@equation(
    "eq:mmd-diagonal",
    fingerprint="5c8a670f",
    how="mean of the estimate that keeps its diagonals, over all samples of three and two points, less the true one",
    formula=lambda own_x, xx, n, own_y, yy, m: (own_x - xx) / n + (own_y - yy) / m,
    mutants={
        "only the diagonal": lambda own_x, xx, n, own_y, yy, m: own_x / n + own_y / m,
        "divided by n - 1": lambda own_x, xx, n, own_y, yy, m: (own_x - xx) / (n - 1) + (own_y - yy) / (m - 1),
        "divided by n^2": lambda own_x, xx, n, own_y, yy, m: (own_x - xx) / n**2 + (own_y - yy) / m**2,
        "sign": lambda own_x, xx, n, own_y, yy, m: (xx - own_x) / n + (yy - own_y) / m,
        "real pictures alone": lambda own_x, xx, n, own_y, yy, m: (own_x - xx) / n,
    },
)
def mmd_diagonal(formula):
    table, p, q, average = _three_points()
    xx, yy, xy, own_x = _expectations(p, q, table)
    kept = average(lambda a, b, c: a.mean() + b.mean() - 2 * c.mean())
    close(formula(own_x, xx, 3, q @ table.diagonal(), yy, 2), kept - (xx + yy - 2 * xy))


def _block_error(T, t, error=lambda s, B: s / math.sqrt(B), correction=1):
    half = t * error(T.std(correction=correction), len(T))
    return T.mean() - half, T.mean() + half


@equation(
    "eq:block-error",
    fingerprint="83b63e25",
    how="scipy's interval of a mean, with Student's t",
    formula=_block_error,
    mutants={
        "spread of one block": lambda T, t: _block_error(T, t, lambda s, B: s),
        "divided by B": lambda T, t: _block_error(T, t, lambda s, B: s / B),
        "divided by B in s": lambda T, t: _block_error(T, t, correction=0),
        "variance for deviation": lambda T, t: _block_error(T, t, lambda s, B: s**2 / math.sqrt(B)),
        "1.96 for t": lambda T, t: _block_error(T, 1.96),
    },
)
def block_error(formula):
    T = normal(5, seed=3)
    expected = scipy.stats.t.interval(0.95, 4, T.mean().item(), scipy.stats.sem(T))
    close(formula(T, scipy.stats.t.ppf(0.975, 4)), list(expected))


def _apart(x, y):
    return (x[:, None] - y).norm(dim=-1)


def _radius(x, k, own=0):
    return _apart(x, x).sort(dim=1).values[:, k - own]


def _share_inside(y, x, k, own=0, count=lambda inside: inside.any(dim=1)):
    return count(_apart(y, x) <= _radius(x, k, own)).double().mean()


@equation(
    "eq:precision-recall",
    fingerprint="8785ff22",
    how="loops over points, and scikit-learn's search for neighbours",
    formula=lambda x, y, k: (_share_inside(y, x, k), _share_inside(x, y, k)),
    mutants={
        "exchanged": lambda x, y, k: (_share_inside(x, y, k), _share_inside(y, x, k)),
        "a point is its own neighbour": lambda x, y, k: (_share_inside(y, x, k, own=1), _share_inside(x, y, k, own=1)),
        "in every ball": lambda x, y, k: tuple(
            _share_inside(a, b, k, count=lambda inside: inside.all(dim=1)) for a, b in ((y, x), (x, y))
        ),
        "the point's own ball": lambda x, y, k: (
            (_apart(y, x) <= _radius(y, k)[:, None]).any(dim=1).double().mean(),
            (_apart(x, y) <= _radius(x, k)[:, None]).any(dim=1).double().mean(),
        ),
        "balls hit for points inside": lambda x, y, k: (
            _share_inside(y, x, k, count=lambda inside: inside.any(dim=0)),
            _share_inside(x, y, k, count=lambda inside: inside.any(dim=0)),
        ),
    },
)
def precision_recall(formula):
    x, y = normal(12, 2, seed=1), 1.4 * normal(9, 2, seed=2) + 0.7
    for k in (1, 3):
        expected = []
        for points, balls in ((y, x), (x, y)):
            reach = NearestNeighbors(n_neighbors=k + 1).fit(balls).kneighbors(balls)[0][:, k]
            inside = [
                any(math.dist(point, ball) <= r for ball, r in zip(balls.tolist(), reach, strict=True))
                for point in points.tolist()
            ]
            expected.append(sum(inside) / len(inside))
        close(formula(x, y, k), expected)


def _density(x, y, k, inside=None):
    inside = _apart(y, x) <= _radius(x, k) if inside is None else inside  # (M, N)
    return inside.double().sum() / (k * len(y)), inside.any(dim=0).double().mean()


@equation(
    "eq:density-coverage",
    fingerprint="feeebbf7",
    how="loops over points, and scikit-learn's search for neighbours",
    formula=_density,
    mutants={
        "not divided by k": lambda x, y, k: (k * _density(x, y, k)[0], _density(x, y, k)[1]),
        "divided by N": lambda x, y, k: (_density(x, y, k)[0] * len(y) / len(x), _density(x, y, k)[1]),
        "covered by generated balls": lambda x, y, k: (_density(x, y, k)[0], _share_inside(x, y, k)),
        "precision for coverage": lambda x, y, k: (_density(x, y, k)[0], _share_inside(y, x, k)),
        "a point is its own neighbour": lambda x, y, k: _density(x, y, k, _apart(y, x) <= _radius(x, k, own=1)),
    },
)
def density_coverage(formula):
    x, y = normal(12, 2, seed=1), 0.8 * normal(9, 2, seed=2) + 0.3
    for k in (1, 3):
        reach = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]
        hits = [sum(math.dist(a, b) <= r for a in y.tolist()) for b, r in zip(x.tolist(), reach, strict=True)]
        close(formula(x, y, k), [sum(hits) / (k * 9), sum(hit > 0 for hit in hits) / 12])


def _expected_coverage(N, M, k, first=1, others=lambda N, M, j: N + M - j):
    return 1 - math.prod((N - j) / others(N, M, j) for j in range(first, k + first))


@equation(
    "eq:expected-coverage",
    fingerprint="1ba88b1f",
    how="orders of the others around a point, counted: those in which none of the k first is generated",
    formula=lambda N, M, k: (_expected_coverage(N, M, k), 1 - 2**-k),
    mutants={
        "a point is its own neighbour": lambda N, M, k: (_expected_coverage(N, M, k, first=0), 1 - 2**-k),
        "the first alone": lambda N, M, k: (M / (N + M - 1), 1 - 2**-k),
        "drawn with repetition": lambda N, M, k: (
            _expected_coverage(N, M, k, others=lambda N, M, j: N + M),
            1 - 2**-k,
        ),
        "not covered": lambda N, M, k: (1 - _expected_coverage(N, M, k), 2**-k),
        "1 / k for 2^-k": lambda N, M, k: (_expected_coverage(N, M, k), 1 - 1 / k),
    },
)
def expected_coverage(formula):
    for N, M, k in ((5, 4, 2), (6, 3, 3), (4, 5, 1)):
        orders = list(combinations(range(N + M - 1), M))  # where the generated ones stand, nearest first
        covered = sum(any(place < k for place in order) for order in orders) / len(orders)
        close(formula(N, M, k)[0], covered)
    close(*formula(10**9, 10**9, 5), 1e-6)


def _r_precision(s, right, before=lambda other, own: other >= own, size=lambda own: int(own.sum())):
    shares = []
    for scores, own in zip(s, right, strict=True):
        R = size(own)
        wrong = scores[~own]
        best = sorted(scores[own].tolist(), reverse=True)
        places = [i + 1 + int(before(wrong, score).sum()) for i, score in enumerate(best)]
        shares.append(sum(place <= R for place in places) / R)
    return sum(shares) / len(shares)


@equation(
    "eq:r-precision",
    fingerprint="5a63c1f8",
    how="the worst of all orders that agree with the scores, its first R counted",
    formula=_r_precision,
    mutants={
        "ties count for it": lambda s, right: _r_precision(s, right, before=lambda other, own: other > own),
        "ties count half": lambda s, right: (
            (_r_precision(s, right) + _r_precision(s, right, before=lambda other, own: other > own)) / 2
        ),
        "the first alone": lambda s, right: _r_precision(s, right, size=lambda own: 1),
        "of all candidates": lambda s, right: _r_precision(s, right) * right.sum(1).double().mean() / right.shape[1],
        "least similar first": lambda s, right: _r_precision(-s, right),
    },
)
def r_precision(formula):
    s = torch.tensor([[0.9, 0.5, 0.5, 0.1], [0.3, 0.3, 0.3, 0.8], [0.7, 0.2, 0.6, 0.1]])
    right = torch.tensor([[True, True, False, False], [True, False, False, False], [True, False, True, True]])
    worst = []
    for scores, own in zip(s.tolist(), right.tolist(), strict=True):
        R = sum(own)
        orders = [o for o in permutations(range(4)) if all(scores[a] >= scores[b] for a, b in pairwise(o))]
        worst.append(min(sum(own[i] for i in order[:R]) / R for order in orders))
    close(formula(s, right), sum(worst) / 3)


def _diversity(f, pairs=lambda n: n * (n - 1), size=lambda gap: gap.norm(dim=-1)):
    return torch.stack([size(x[:, None] - x).sum() / pairs(len(x)) for x in f]).mean()


@equation(
    "eq:diversity",
    fingerprint="041a2e59",
    how="its mean over all samples of two or three of four points is the mean distance of two independent draws",
    formula=_diversity,
    mutants={
        "divided by n^2": lambda f: _diversity(f, pairs=lambda n: n * n),
        "pairs counted once": lambda f: _diversity(f) / 2,
        "squared": lambda f: _diversity(f, size=lambda gap: gap.square().sum(-1)),
        "distance from the mean": lambda f: torch.stack([(x - x.mean(0)).norm(dim=-1).mean() for x in f]).mean(),
        "across captions": lambda f: _diversity([torch.cat(list(f))]),
    },
)
def diversity(formula):
    first, second = normal(4, 2, seed=1), normal(4, 2, seed=2) + 5
    expected = torch.stack([torch.cdist(x, x).mean() for x in (first, second)]).mean()  # independent draws may be equal
    for n in (2, 3):
        samples = list(product(range(4), repeat=n))
        of_all = [formula([first[list(i)], second[list(i)]]) for i in samples]
        close(torch.stack(of_all).mean(), expected)


def _mann_whitney(a, b, half=0.5, middle=2, spread=lambda n, m: n * m * (n + m + 1) / 12, way=1):
    u = sum((x < y) + half * (x == y) for x in a for y in b)
    return u, way * (u - len(a) * len(b) / middle) / math.sqrt(spread(len(a), len(b)))


@equation(
    "eq:mann-whitney",
    fingerprint="38a7ddae",
    how="all ways to split seven numbers in three and four: mean 0, variance 1; scipy's U, with a tie",
    formula=_mann_whitney,
    mutants={
        "ties count in full": lambda a, b: _mann_whitney(a, b, half=1),
        "ties forgotten": lambda a, b: _mann_whitney(a, b, half=0),
        "n m for its half": lambda a, b: _mann_whitney(a, b, middle=1),
        "n + m in the variance": lambda a, b: _mann_whitney(a, b, spread=lambda n, m: n * m * (n + m) / 12),
        "6 for 12": lambda a, b: _mann_whitney(a, b, spread=lambda n, m: n * m * (n + m + 1) / 6),
        "sign": lambda a, b: _mann_whitney(a, b, way=-1),
    },
)
def mann_whitney(formula):
    numbers = [0.3, 1.0, 1.5, 2.0, 3.1, 4.0, 7.0]
    splits = [
        ([numbers[i] for i in c], [x for i, x in enumerate(numbers) if i not in c]) for c in combinations(range(7), 3)
    ]
    z = torch.tensor([formula(a, b)[1] for a, b in splits], dtype=torch.float64)
    close((z.mean(), z.var(correction=0)), (0, 1))
    a, b = [1.0, 2.0, 5.0], [2.0, 3.0, 4.0, 6.0]
    close(formula(a, b)[0], scipy.stats.mannwhitneyu(b, a).statistic)
    assert formula([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])[1] > 1.9
