"""Checks of the equations of lesson 07_gan."""

import math

import torch
from ledger import close, equation, uniform
from scipy.optimize import linprog, minimize_scalar
from torch.nn import functional as F

from mmgen_course.generators import gan
from mmgen_course.generators.ring_gan import coverage

LOG_4 = math.log(4)
GRID = torch.linspace(-12, 14, 20_001, dtype=torch.float64)
STEP = (GRID[1] - GRID[0]).item()


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bell(x, mean=0.0, std=1.0):
    return (-((x - mean) ** 2) / (2 * std**2)).exp() / (std * math.sqrt(2 * math.pi))


def integral(values):
    return torch.trapezoid(values, dx=STEP)


def kl(p, q):
    return integral(torch.xlogy(p, p) - torch.xlogy(p, q))


def simplex(n, seed):
    weights = uniform(n, seed=seed) + 0.1
    return weights / weights.sum()


@equation(
    "eq:mean-picture",
    fingerprint="390329f6",
    how="gradient descent on the mean squared distance to 40 points, from far away",
    formula=lambda x: x.mean(0),
    mutants={
        "median": lambda x: x.median(0).values,
        "one of the points": lambda x: x[torch.cdist(x.mean(0)[None], x).argmin()],
        "sum for mean": lambda x: x.sum(0),
        "normalised mean": lambda x: F.normalize(x.mean(0), dim=0),
    },
)
def mean_picture(formula):
    x = normal(40, 3).exp()
    y = torch.full((3,), 5.0, dtype=torch.float64, requires_grad=True)
    for _ in range(200):
        (slope,) = torch.autograd.grad((y - x).square().sum(1).mean(), y)
        y = (y - 0.1 * slope).detach().requires_grad_()
    close(formula(x), y.detach())


def _value(d, real, fake):
    return d(real).log().mean() + (1 - d(fake)).log().mean()


@equation(
    "eq:value-function",
    fingerprint="f0a0a515",
    how="minus twice the cross-entropy (torch) of the labels real and generated; -log 4 at D = 1/2; the package",
    formula=_value,
    mutants={
        "roles of real and generated swapped": lambda d, real, fake: _value(d, fake, real),
        "sign of the second term": lambda d, real, fake: d(real).log().mean() - (1 - d(fake)).log().mean(),
        "log D in place of log(1 - D)": lambda d, real, fake: d(real).log().mean() + d(fake).log().mean(),
        "logarithm of the mean": lambda d, real, fake: d(real).mean().log() + (1 - d(fake).mean()).log(),
        "no logarithms": lambda d, real, fake: d(real).mean() + (1 - d(fake)).mean(),
        "mean over both": lambda d, real, fake: _value(d, real, fake) / 2,
    },
)
def value_function(formula):
    def d(x):
        return torch.sigmoid(2 * x - 1)

    real, fake = 1 + normal(50), normal(50, seed=1)
    labels = torch.cat([torch.ones(50), torch.zeros(50)]).double()
    close(formula(d, real, fake), -2 * F.binary_cross_entropy(d(torch.cat([real, fake])), labels))
    close(formula(lambda x: torch.full_like(x, 0.5), real, fake), -LOG_4)
    close(gan.value(2 * real - 1, 2 * fake - 1), formula(d, real, fake))


LEVELS = torch.linspace(0.02, 0.98, 49, dtype=torch.float64)


def _table_value(p, theta):
    """V for a world of two points: p and q = (theta, 1 - theta), D on a grid of pairs: (49, 49)."""
    q = torch.stack([theta, 1 - theta])
    at = [p[i] * LEVELS.log() + q[i] * (1 - LEVELS).log() for i in (0, 1)]
    return at[0][:, None] + at[1]


@equation(
    "eq:minimax",
    fingerprint="d1a589c5",
    how="all games on a world of two points, listed: the generator's best q must be p, and the value -log 4",
    formula=lambda table: table.amax((1, 2)).min(0),
    mutants={
        "min and max swapped": lambda table: table.amin((1, 2)).max(0),
        "both maximise": lambda table: table.amax((1, 2)).max(0),
        "both minimise": lambda table: table.amin((1, 2)).min(0),
        "the discriminator minimises, the generator too, one after the other": lambda table: (
            table.amin(2).amin(1).min(0)
        ),
    },
)
def minimax(formula):
    p = torch.tensor([0.7, 0.3], dtype=torch.float64)
    thetas = torch.linspace(0, 1, 101, dtype=torch.float64)
    value, best = formula(torch.stack([_table_value(p, theta) for theta in thetas]))
    close(thetas[best], 0.7)
    close(value, -LOG_4, 1e-4)


@equation(
    "eq:logit",
    fingerprint="8ca48eb9",
    how="the odds D / (1 - D), whose logarithm must be s; and exp of the logarithms, which must sum to 1",
    formula=lambda s: (1 / (1 + (-s).exp()), -torch.log1p((-s).exp()), -torch.log1p(s.exp())),
    mutants={
        "signs of the exponents swapped": lambda s: (
            1 / (1 + s.exp()),
            -torch.log1p(s.exp()),
            -torch.log1p((-s).exp()),
        ),
        "the same logarithm twice": lambda s: (
            1 / (1 + (-s).exp()),
            -torch.log1p((-s).exp()),
            -torch.log1p((-s).exp()),
        ),
        "minus lost": lambda s: (1 / (1 + (-s).exp()), torch.log1p((-s).exp()), torch.log1p(s.exp())),
        "tanh for sigma": lambda s: (s.tanh(), s.tanh().log(), (1 - s.tanh()).log()),
    },
)
def logit(formula):
    s = torch.linspace(-8, 8, 33, dtype=torch.float64)
    d, log_d, log_rest = formula(s)
    close((d / (1 - d)).log(), s)
    close(log_d.exp(), d)
    close(log_rest.exp(), 1 - d)


@equation(
    "eq:value-integral",
    fingerprint="e8f60369",
    how="the definition, by Monte Carlo through a generator, G(z) = 1 + z / 2, within four standard errors",
    formula=lambda p, q, d: integral(p * d.log() + q * (1 - d).log()),
    mutants={
        "densities swapped": lambda p, q, d: integral(q * d.log() + p * (1 - d).log()),
        "density of the noise for q": lambda p, q, d: integral(p * d.log() + bell(GRID) * (1 - d).log()),
        "the same density twice": lambda p, q, d: integral(p * d.log() + p * (1 - d).log()),
        "sign of the second term": lambda p, q, d: integral(p * d.log() - q * (1 - d).log()),
    },
)
def value_integral(formula):
    def d(x):
        return torch.sigmoid(0.5 - x)

    real, fake = d(normal(100_000) * 1.5 - 1).log(), (1 - d(1 + normal(100_000, seed=1) / 2)).log()
    error = ((real.var() + fake.var()) / 100_000).sqrt()
    got = formula(bell(GRID, -1, 1.5), bell(GRID, 1, 0.5), d(GRID))
    assert abs(got - real.mean() - fake.mean()) < 4 * error < 0.02


@equation(
    "eq:optimal-discriminator",
    fingerprint="c4a8213e",
    how="numerical search (Brent) for the largest p log D + q log(1 - D), for each of 30 pairs of densities",
    formula=lambda p, q: p / (p + q),
    mutants={
        "q on top": lambda p, q: q / (p + q),
        "p / q": lambda p, q: p / q,
        "logit without the sigmoid": lambda p, q: p.log() - q.log(),
        "squares": lambda p, q: p**2 / (p**2 + q**2),
        "one half everywhere": lambda p, q: torch.full_like(p, 0.5),
    },
)
def optimal_discriminator(formula):
    p, q = uniform(30) * 3 + 0.01, uniform(30, seed=1) * 3 + 0.01

    def best(a, b):
        loss = lambda d: -a * math.log(d) - b * math.log(1 - d)  # noqa: E731
        return minimize_scalar(loss, bounds=(1e-9, 1 - 1e-9), method="bounded").x

    close(formula(p, q), torch.tensor([best(a, b) for a, b in zip(p.tolist(), q.tolist(), strict=True)]), 1e-4)
    close(gan.optimal_discriminator(p, q), formula(p, q))


@equation(
    "eq:optimal-logit",
    fingerprint="cba327d4",
    how="Newton's method on the derivative by the logit of the value at one point; never through D",
    formula=lambda log_p, log_q: log_p - log_q,
    mutants={
        "sign": lambda log_p, log_q: log_q - log_p,
        "log of the sum in place of log q": lambda log_p, log_q: log_p - torch.logaddexp(log_p, log_q),
        "ratio of the logarithms": lambda log_p, log_q: log_p / log_q,
        "half of it": lambda log_p, log_q: (log_p - log_q) / 2,
    },
)
def optimal_logit(formula):
    log_p, log_q = normal(20), normal(20, seed=1)
    p, q, s = log_p.exp(), log_q.exp(), torch.zeros(20, dtype=torch.float64)
    for _ in range(60):  # p log sigma(s) + q log sigma(-s): slope p sigma(-s) - q sigma(s)
        slope = p * torch.sigmoid(-s) - q * torch.sigmoid(s)
        s = s + slope / ((p + q) * torch.sigmoid(s) * torch.sigmoid(-s)) * 0.5
    close(formula(log_p, log_q), s, 1e-7)


def _js(p, q, half=0.5):
    m = (p + q) / 2
    return half * kl(p, m) + half * kl(q, m)


@equation(
    "eq:jensen-shannon",
    fingerprint="98004548",
    how="entropy of the mixture minus mean entropy; log 2 for densities that are far apart",
    formula=_js,
    mutants={
        "halves lost": lambda p, q: _js(p, q, half=1),
        "m not halved": lambda p, q: (kl(p, p + q) + kl(q, p + q)) / 2,
        "m in front": lambda p, q: (kl((p + q) / 2, p) + kl((p + q) / 2, q)) / 2,
        "symmetric KL": lambda p, q: (kl(p, q) + kl(q, p)) / 2,
        "one KL alone": lambda p, q: kl(p, (p + q) / 2),
    },
)
def jensen_shannon(formula):
    def entropy(p):
        return -integral(torch.xlogy(p, p))

    p, q = bell(GRID, 0, 1), bell(GRID, 1, 0.6)
    close(formula(p, q), entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2)
    close(formula(bell(GRID, -8, 0.3), bell(GRID, 8, 0.3)), math.log(2), 1e-7)
    discrete = simplex(5, 0), simplex(5, 1)
    m = (discrete[0] + discrete[1]) / 2
    spelled = sum((x * (x / m).log()).sum() for x in discrete) / 2
    close(gan.js_divergence(*discrete), spelled)


@equation(
    "eq:generator-criterion",
    fingerprint="bb7394a5",
    how="the value of the best D by quadrature on Gaussians, and no D of 200 random ones is better; -log 4 at p = q",
    formula=lambda js: -LOG_4 + 2 * js,
    mutants={
        "-log 2": lambda js: -math.log(2) + 2 * js,
        "2 lost": lambda js: -LOG_4 + js,
        "sign of log 4": lambda js: LOG_4 + 2 * js,
        "sign of JS": lambda js: -LOG_4 - 2 * js,
        "constant lost": lambda js: 2 * js,
    },
)
def generator_criterion(formula):
    for mean, std in ((0.0, 1.0), (1.0, 1.0), (2.0, 0.5)):
        p, q = bell(GRID), bell(GRID, mean, std)
        near = p + q > 1e-200
        d = torch.where(near, p / (p + q).clamp(1e-300), 0.5).clamp(1e-15, 1 - 1e-15)
        best = integral(p * d.log() + q * (1 - d).log())
        close(formula(_js(p, q)), best, 1e-6)
        for seed in range(200):
            a, b = normal(2, seed=seed)
            other = torch.sigmoid(a * GRID + b).clamp(1e-15, 1 - 1e-15)
            assert integral(p * other.log() + q * (1 - other).log()) <= formula(_js(p, q)) + 1e-6
    close(formula(0.0), torch.log(torch.tensor(0.25, dtype=torch.float64)))


def _distance(x, y):
    """W1 between as many points in the plane: the cheapest assignment, as a linear program."""
    n = len(x)
    cost = torch.cdist(x, y).flatten()
    rows = torch.eye(n).repeat_interleave(n, 1)  # each x is sent away once
    columns = torch.eye(n).repeat(1, n)
    once = torch.cat([rows, columns])[:-1]  # the last one follows from the others
    plan = linprog(cost.numpy(), A_eq=once.numpy(), b_eq=[1 / n] * (2 * n - 1))
    return plan.fun


@equation(
    "eq:parallel-lines",
    fingerprint="2d7b4f6e",
    how="JS of 12 points on each line as distributions over places; W1 as a linear program over all transports",
    formula=lambda theta: (math.log(2) if theta else 0.0, abs(theta)),
    mutants={
        "log 4": lambda theta: (LOG_4 if theta else 0.0, abs(theta)),
        "JS falls with the distance": lambda theta: (min(abs(theta), math.log(2)), abs(theta)),
        "W1 squared": lambda theta: (math.log(2) if theta else 0.0, theta**2),
        "W1 with a sign": lambda theta: (math.log(2) if theta else 0.0, theta),
        "JS is infinite, as KL is": lambda theta: (math.inf if theta else 0.0, abs(theta)),
    },
)
def parallel_lines(formula):
    y = uniform(12)
    for theta in (-2.0, -0.3, 0.0, 0.01, 3.0):
        p0, p1 = torch.stack([0 * y, y], 1), torch.stack([0 * y + theta, y.flip(0)], 1)
        places = torch.cat([p0, p1]).unique(dim=0)
        masses = [(places[:, None] == points).all(2).double().mean(1) for points in (p0, p1)]
        js, w1 = formula(theta)
        close(js, gan.js_divergence(*masses))
        close(w1, _distance(p0, p1), 1e-7)


def _dual(x, y, limit=1.0):
    """The largest E f(x) - E f(y) over f whose slope is at most `limit` between any two of the points."""
    points = torch.cat([x, y])
    n = len(points)
    i, j = (torch.ones(n, n) - torch.eye(n)).nonzero(as_tuple=True)
    slopes = torch.zeros(len(i), n)
    slopes[range(len(i)), i], slopes[range(len(i)), j] = 1, -1
    gain = torch.cat([torch.full((len(x),), 1 / len(x)), torch.full((len(y),), -1 / len(y))])
    bound = limit * (points[i] - points[j]).norm(dim=1)
    bounds = [(0, 0)] + [(None, None)] * (n - 1)
    return -linprog(-gain.numpy(), A_ub=slopes.numpy(), b_ub=bound.numpy(), bounds=bounds).fun


@equation(
    "eq:wasserstein",
    fingerprint="43b5435c",
    how="two linear programs in the plane, one over transports and one over functions; and sorting, on a line",
    formula=lambda x, y: (_distance(x, y), _dual(x, y)),
    mutants={
        "slopes of at most 2": lambda x, y: (_distance(x, y), _dual(x, y, limit=2)),
        "any pairing": lambda x, y: ((x - y).norm(dim=1).mean(), _dual(x, y)),
        "distance of the means": lambda x, y: ((x.mean(0) - y.mean(0)).norm(), _dual(x, y)),
        "all pairs": lambda x, y: (torch.cdist(x, y).mean(), _dual(x, y)),
        "squared distance": lambda x, y: (((x[:, 0].sort().values - y[:, 0].sort().values) ** 2).mean(), _dual(x, y)),
    },
)
def wasserstein(formula):
    x, y = normal(7, 2), normal(7, 2, seed=1) * 2
    transport, function = formula(x, y)
    close(transport, function, 1e-6)
    line = torch.stack([x[:, 0], 0 * x[:, 0]], 1), torch.stack([y[:, 0], 0 * y[:, 0]], 1)
    for side in formula(*line):
        close(side, (x[:, 0].sort().values - y[:, 0].sort().values).abs().mean(), 1e-6)


@equation(
    "eq:loss-gradients",
    fingerprint="7fd56dfc",
    how="central finite differences of the two losses of the package, each under its own name",
    formula=lambda s: (-torch.sigmoid(s), -(1 - torch.sigmoid(s))),
    mutants={
        "under each other's name": lambda s: (-(1 - torch.sigmoid(s)), -torch.sigmoid(s)),
        "by D, not by l": lambda s: (-1 / (1 - torch.sigmoid(s)), -1 / torch.sigmoid(s)),
        "signs": lambda s: (torch.sigmoid(s), 1 - torch.sigmoid(s)),
        "sigma's own derivative": lambda s: (-torch.sigmoid(s) * torch.sigmoid(-s),) * 2,
    },
)
def loss_gradients(formula):
    s, h = torch.linspace(-6, 6, 25, dtype=torch.float64), 1e-6
    for side, loss in zip(formula(s), (gan.saturating_loss, gan.non_saturating_loss), strict=True):
        slope = torch.stack([(loss(one + h) - loss(one - h)) / (2 * h) for one in s])
        close(side, slope, 1e-8)


def _divergences(theta):
    p, q = bell(GRID), bell(GRID, theta)
    return kl(q, p), _js(p, q), kl(p, q)


def _slope(of, theta, h=1e-4):
    return (of(*_divergences(theta + h)) - of(*_divergences(theta - h))) / (2 * h)


@equation(
    "eq:two-divergences",
    fingerprint="6542b86b",
    how="right sides by quadrature and finite differences; left sides by autograd through samples, with D* held still",
    formula=lambda theta: (
        _slope(lambda reverse, js, forward: 2 * js, theta),
        _slope(lambda reverse, js, forward: reverse - 2 * js, theta),
    ),
    mutants={
        "2 lost": lambda theta: (
            _slope(lambda reverse, js, forward: js, theta),
            _slope(lambda reverse, js, forward: reverse - js, theta),
        ),
        "sign of JS": lambda theta: (
            _slope(lambda reverse, js, forward: 2 * js, theta),
            _slope(lambda reverse, js, forward: reverse + 2 * js, theta),
        ),
        "KL alone": lambda theta: (
            _slope(lambda reverse, js, forward: 2 * js, theta),
            _slope(lambda reverse, js, forward: reverse, theta),
        ),
        "under each other's name": lambda theta: (
            _slope(lambda reverse, js, forward: reverse - 2 * js, theta),
            _slope(lambda reverse, js, forward: 2 * js, theta),
        ),
    },
)
def two_divergences(formula):
    # p = N(0, 1), G(z) = theta + z; the optimal logit theta0^2 / 2 - theta0 x stands still. z at 4,001 quantiles
    z = torch.special.ndtri((torch.arange(4001, dtype=torch.float64) + 0.5) / 4001)
    for theta0 in (0.5, 1.5, 3.0):
        theta = torch.tensor(theta0, dtype=torch.float64, requires_grad=True)
        s = theta0**2 / 2 - theta0 * (theta + z)
        for side, loss in zip(formula(theta0), (gan.saturating_loss, gan.non_saturating_loss), strict=True):
            (slope,) = torch.autograd.grad(loss(s), theta, retain_graph=True)
            close(side, slope, 2e-3)


@equation(
    "eq:best-response",
    fingerprint="31fb673b",
    how="linear program over all distributions q on 15 points",
    formula=lambda d: -d.max().log(),
    mutants={
        "the smallest D": lambda d: -d.min().log(),
        "the mean, as if q were spread out": lambda d: -d.log().mean(),
        "sign": lambda d: d.max().log(),
        "log(1 - max D)": lambda d: (1 - d.max()).log(),
    },
)
def best_response(formula):
    for seed in range(3):
        d = uniform(15, seed=seed) * 0.9 + 0.05
        close(formula(d), linprog(-d.log().numpy(), A_eq=[[1] * 15], b_eq=[1]).fun, 1e-7)


def _modes(x, centres, sigma, least, radius=3.0, power=1):
    near = (x[:, None] - centres).norm(dim=2) ** power < radius * sigma
    return (near.double().mean(0) >= least).sum()


@equation(
    "eq:modes",
    fingerprint="df6ebff7",
    how="points placed by hand: some modes full, one below the share, one missed by 3.5 sigma; the package; slow loops",
    formula=_modes,
    mutants={
        "one point is enough": lambda x, centres, sigma, least: _modes(x, centres, sigma, 1 / len(x)),
        "share of the hits in place of all points": lambda x, centres, sigma, least: sum(
            ((x - c).norm(dim=1) < 3 * sigma).sum() > 0 for c in centres
        ),
        "4 sigma": lambda x, centres, sigma, least: _modes(x, centres, sigma, least, radius=4.0),
        "squared distance against 3 sigma": lambda x, centres, sigma, least: _modes(x, centres, sigma, least, power=2),
        "share over all modes": lambda x, centres, sigma, least: _modes(x, centres, sigma, least / len(centres)),
    },
)
def modes(formula):
    from mmgen_course.generators.ring_gan import LEAST, SIGMA, centres

    mu = centres(8)
    counts = [300, 200, 100, 350, 5, 0, 0, 45]  # the fifth is below 2 %, the last is 3.5 sigma off
    off = torch.tensor([[3.5 * SIGMA, 0.0]], dtype=torch.float64)
    x = torch.cat([mu[k].expand(n, 2) + (off if k == 7 else 0 * off) for k, n in enumerate(counts)])
    close(formula(x, mu, SIGMA, LEAST), 4)
    assert coverage(x).modes == 4
    x = mu[:2].repeat(30, 1) + 0.1 * normal(60, 2)
    near = [sum(math.dist(point, centre) < 3 * SIGMA for point in x.tolist()) for centre in mu.tolist()]
    close(formula(x, mu, SIGMA, LEAST), sum(n / 60 >= LEAST for n in near))


@equation(
    "eq:wgan-loss",
    fingerprint="5522223c",
    how="on a line with f the best critic: the critic's loss is -W1, and moving all samples to the data lowers L_G",
    formula=lambda real, fake: (fake.mean() - real.mean(), -fake.mean()),
    mutants={
        "sign of the critic's": lambda real, fake: (real.mean() - fake.mean(), -fake.mean()),
        "sign of the generator's": lambda real, fake: (fake.mean() - real.mean(), fake.mean()),
        "logarithms": lambda real, fake: (-gan.value(real, fake), gan.non_saturating_loss(fake)),
        "sum for mean": lambda real, fake: (fake.sum() - real.sum(), -fake.sum()),
    },
)
def wgan_loss(formula):
    x, y = 3 + uniform(9), uniform(9, seed=1)  # the data lies to the right: f(x) = x is the best critic
    w1 = (x.sort().values - y.sort().values).abs().mean()
    critic, generator = formula(x, y)
    close(critic, -w1)
    close(formula(x, y + 0.5)[1], generator - 0.5)  # nearer by 1/2 is better by 1/2
    close((gan.wasserstein_discriminator_loss(x, y), gan.wasserstein_generator_loss(y)), (critic, generator))


def _norms(f, x):
    """Norms of gradients by central differences, one coordinate after the other."""
    h = 1e-6
    steps = h * torch.eye(x.shape[1], dtype=torch.float64)
    return torch.stack([(f(x + step) - f(x - step)) / (2 * h) for step in steps], 1).norm(dim=1)


def _critic(x):
    return (x**2).sum(1) / 2 + x[:, 0]  # gradient x + (1, 0)


def _true_norms(x):
    return ((x[:, 0] + 1) ** 2 + x[:, 1] ** 2).sqrt()


@equation(
    "eq:gradient-penalty",
    fingerprint="fc5118db",
    how="the package against gradients by finite differences at the points between; 4 for a slope of 3, at all epsilon",
    formula=lambda scale, norms, x, fake, epsilon: (
        scale * (norms(epsilon * x + (1 - epsilon) * fake) - 1).square().mean()
    ),
    mutants={
        "on the squared norm": lambda scale, norms, x, fake, epsilon: (
            scale * (norms(epsilon * x + (1 - epsilon) * fake) ** 2 - 1).square().mean()
        ),
        "one-sided": lambda scale, norms, x, fake, epsilon: (
            scale * (norms(epsilon * x + (1 - epsilon) * fake) - 1).clamp(0).square().mean()
        ),
        "at real points": lambda scale, norms, x, fake, epsilon: scale * (norms(x) - 1).square().mean(),
        "weight lost": lambda scale, norms, x, fake, epsilon: (
            (norms(epsilon * x + (1 - epsilon) * fake) - 1).square().mean()
        ),
        "target 0": lambda scale, norms, x, fake, epsilon: (
            scale * norms(epsilon * x + (1 - epsilon) * fake).square().mean()
        ),
        "square of the mean": lambda scale, norms, x, fake, epsilon: (
            scale * (norms(epsilon * x + (1 - epsilon) * fake).mean() - 1) ** 2
        ),
    },
)
def gradient_penalty(formula):
    x, fake = normal(30, 2), 2 * normal(30, 2, seed=1)
    hat = gan.interpolates(x, fake, torch.Generator().manual_seed(5))
    epsilon = ((hat - fake) / (x - fake))[:, :1]  # what the package drew
    assert ((epsilon > 0) & (epsilon < 1)).all()
    close(formula(10, _true_norms, x, fake, epsilon), 10 * (_norms(_critic, hat) - 1).square().mean(), 1e-6)
    close(formula(10, _true_norms, x, fake, epsilon), 10 * gan.gradient_penalty(_critic, hat))
    close(formula(1, lambda x: torch.zeros(len(x)), x, fake, epsilon), 1)
    close(formula(1, lambda x: torch.full((len(x),), 3.0), x, fake, epsilon), 4)


@equation(
    "eq:spectral-norm",
    fingerprint="2766fac2",
    how="root of the largest eigenvalue of the Gram matrix; no one of 2,000 random directions is stretched more",
    formula=lambda w: torch.linalg.svdvals(w)[0],
    mutants={
        "Frobenius norm": lambda w: w.norm(),
        "largest entry": lambda w: w.abs().max(),
        "smallest singular value": lambda w: torch.linalg.svdvals(w)[-1],
        "squared": lambda w: torch.linalg.svdvals(w)[0] ** 2,
        "largest row": lambda w: w.norm(dim=1).max(),
    },
)
def spectral_norm(formula):
    for seed in range(3):
        w = normal(5, 3, seed=seed)
        close(formula(w), torch.linalg.eigvalsh(w.T @ w)[-1].sqrt())
        stretched = (w @ F.normalize(normal(3, 2000, seed=9), dim=0)).norm(dim=0)
        assert 0.99 * formula(w) < stretched.max() <= formula(w)


def _power(w, v, steps, divide=True, transpose=True):
    for _ in range(steps):
        u = w @ v
        u = u / u.norm() if divide else u
        v = (w.T if transpose else w) @ u
        v = v / v.norm() if divide else v
    return u @ w @ v


@equation(
    "eq:power-iteration",
    fingerprint="c8f76db2",
    how="torch's singular values; and the error must fall by the square of the second over the first, at every step",
    formula=_power,
    mutants={
        "not brought to length 1": lambda w, v, steps: _power(w, v, steps, divide=False),
        "without the transpose": lambda w, v, steps: _power(w, v, steps, transpose=False),
        "no iteration": lambda w, v, steps: _power(w, v, 1),
        "square root": lambda w, v, steps: _power(w, v, steps).sqrt(),
        "length of W v / v, for v not converged": lambda w, v, steps: (w @ v).norm() / v.norm(),
    },
)
def power_iteration(formula):
    for seed in range(3):
        w = normal(6, 6, seed=seed)
        first, second = torch.linalg.svdvals(w)[:2]
        start = F.normalize(normal(6, seed=9), dim=0)
        few, more = (first - formula(w, start, steps) for steps in (20, 30))
        assert more <= few * (second / first) ** 39 + 1e-12  # 4 a step, for 10 steps
        close(formula(w, start, 500), first, 1e-7)
        close(gan.spectral_norm(w, 500), first, 1e-7)


@equation(
    "eq:r1",
    fingerprint="ddac7bdc",
    how="finite differences at the real points, and the package; one weight, pulled back to 0: it decays at rate gamma",
    formula=lambda gamma, norms, real, fake: gamma / 2 * norms(real).square().mean(),
    mutants={
        "1/2 lost": lambda gamma, norms, real, fake: gamma * norms(real).square().mean(),
        "at generated points (R2)": lambda gamma, norms, real, fake: gamma / 2 * norms(fake).square().mean(),
        "norm, not its square": lambda gamma, norms, real, fake: gamma / 2 * norms(real).mean(),
        "target 1, as in WGAN-GP": lambda gamma, norms, real, fake: gamma / 2 * (norms(real) - 1).square().mean(),
        "square of the mean": lambda gamma, norms, real, fake: gamma / 2 * norms(real).mean() ** 2,
    },
)
def r1(formula):
    real, fake = normal(30, 2), 3 * normal(30, 2, seed=1)
    close(formula(4, _true_norms, real, fake), 2 * _norms(_critic, real).square().mean(), 1e-6)
    close(formula(4, _true_norms, real, fake), 4 * gan.r1_penalty(_critic, real))
    # s(x) = w x: the norm is |w|, so that the gradient of the penalty by w is gamma w
    w = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    (pull,) = torch.autograd.grad(formula(4, lambda x: w.abs().expand(len(x)), real, fake), w)
    close(pull, 4 * 0.7)


def _hinge(real, fake, margin=1.0, sign=1.0):
    zero = torch.zeros((), dtype=real.dtype)
    of_D = torch.maximum(zero, margin - real).mean() + torch.maximum(zero, margin + sign * fake).mean()
    return of_D, -fake.mean()


@equation(
    "eq:hinge",
    fingerprint="d648c1c8",
    how="values counted by hand, loops in Python; its best logit for two densities is the sign of p - q",
    formula=_hinge,
    mutants={
        "margin of the wrong sign": lambda real, fake: _hinge(real, fake, margin=-1.0),
        "wrong side for generated samples": lambda real, fake: _hinge(real, fake, sign=-1.0),
        "no margin": lambda real, fake: _hinge(real, fake, margin=0.0),
        "generator's sign": lambda real, fake: (_hinge(real, fake)[0], fake.mean()),
        "the generator has a hinge, too": lambda real, fake: (_hinge(real, fake)[0], (1 - fake).clamp(0).mean()),
    },
)
def hinge(formula):
    real, fake = torch.tensor([2.0, 0.5, -1.0]).double(), torch.tensor([-3.0, 0.0, 2.0, -0.5]).double()
    close(formula(real, fake), ((0 + 0.5 + 2) / 3 + (0 + 1 + 3 + 0.5) / 4, 1.5 / 4))
    close((gan.hinge_discriminator_loss(real, fake), gan.hinge_generator_loss(fake)), formula(real, fake))
    levels = torch.linspace(-3, 3, 121, dtype=torch.float64)
    for p, q in ((0.7, 0.2), (0.1, 0.6)):  # at one point with densities p and q
        cost = [p * formula(s, torch.tensor(-9.0))[0] + q * formula(torch.tensor(9.0), s)[0] for s in levels]
        close(levels[torch.stack(cost).argmin()], math.copysign(1, p - q), 1e-6)


def _table(seed):
    joint = uniform(4, 3, seed=seed) + 0.05
    return joint / joint.sum()  # p(x, c) of 4 pictures and 3 captions


@equation(
    "eq:conditional-logit",
    fingerprint="f185b06b",
    how="tables of 4 pictures and 3 captions: the logit that gradient ascent on V finds",
    formula=lambda p, q: (
        (p / p.sum(1, keepdim=True) / (q / q.sum(1, keepdim=True))).log()
        + (p.sum(1, keepdim=True) / q.sum(1, keepdim=True)).log()
    ),
    mutants={
        "p(x|c) for p(c|x)": lambda p, q: (
            (p / p.sum(0) / (q / q.sum(0))).log() + (p.sum(1, keepdim=True) / q.sum(1, keepdim=True)).log()
        ),
        "second term lost": lambda p, q: (p / p.sum(1, keepdim=True) / (q / q.sum(1, keepdim=True))).log(),
        "p(c) for p(x)": lambda p, q: (
            (p / p.sum(1, keepdim=True) / (q / q.sum(1, keepdim=True))).log() + (p.sum(0) / q.sum(0)).log()
        ),
        "upside down": lambda p, q: (q / p).log(),
    },
)
def conditional_logit(formula):
    p, q = _table(0), _table(1)
    s = torch.zeros(4, 3, dtype=torch.float64)
    for _ in range(4000):
        s = s + 4 * (p * torch.sigmoid(-s) - q * torch.sigmoid(s))
    close(formula(p, q), s, 1e-6)


@equation(
    "eq:projection",
    fingerprint="6d41d664",
    how="two Gaussian worlds whose captions name the mean: the exact log ratio is of this form, with these V and psi",
    formula=lambda c, v, phi, psi: (c @ v * phi).sum(1) + psi,
    mutants={
        "projection lost": lambda c, v, phi, psi: psi,
        "psi lost": lambda c, v, phi, psi: (c @ v * phi).sum(1),
        "V lost": lambda c, v, phi, psi: (c[:, : phi.shape[1]] * phi).sum(1) + psi,
        "sum for product": lambda c, v, phi, psi: (c @ v + phi).sum(1) + psi,
        "sign": lambda c, v, phi, psi: psi - (c @ v * phi).sum(1),
    },
)
def projection(formula):
    # p(c|x) and q(c|x) are normal with means A x and B x and variance 1, and p(x), q(x) normal with variance 1 and 4
    a, b, x, c = normal(3, 2), normal(3, 2, seed=1), normal(20, 2, seed=2), normal(20, 3, seed=3)

    def log_density(x, std=1.0):
        return torch.distributions.Normal(0.0, std).log_prob(x).sum(1)

    exact = log_density(c - x @ a.T) + log_density(x) - log_density(c - x @ b.T) - log_density(x, 2.0)
    psi = ((x @ b.T).square() - (x @ a.T).square()).sum(1) / 2 + log_density(x) - log_density(x, 2.0)
    close(formula(c, a - b, x, psi), exact, 1e-6)


def _matching(real, mismatched, fake, half=0.5, side=1.0):
    zero = torch.zeros((), dtype=real.dtype)
    lies = torch.maximum(zero, 1 + side * mismatched).mean() + torch.maximum(zero, 1 + fake).mean()
    return torch.maximum(zero, 1 - real).mean() + half * lies


@equation(
    "eq:matching-loss",
    fingerprint="151e4dbb",
    how="the package, and a classifier's hinge over labels 1 and -1, where a lie weighs half as much as a true pair",
    formula=_matching,
    mutants={
        "mismatched captions counted as real": lambda real, mismatched, fake: _matching(
            real, mismatched, fake, side=-1.0
        ),
        "mismatched captions left out": lambda real, mismatched, fake: _matching(
            real, mismatched - math.inf, fake, half=0.5
        ),
        "halves lost": lambda real, mismatched, fake: _matching(real, mismatched, fake, half=1.0),
        "generated pictures counted as real": lambda real, mismatched, fake: _matching(real, mismatched, 2 - fake),
    },
)
def matching_loss(formula):
    real, mismatched, fake = normal(8), normal(8, seed=1) + 0.5, normal(8, seed=2) - 0.5
    scores, labels = torch.cat([real, mismatched, fake]).tolist(), [1] * 8 + [-1] * 16
    weights = [1 / 8] * 8 + [1 / 16] * 16
    by_labels = sum(w * max(0, 1 - y * s) for w, y, s in zip(weights, labels, scores, strict=True))
    close(formula(real, mismatched, fake), by_labels)
    close(gan.matching_discriminator_loss(real, mismatched, fake), formula(real, mismatched, fake))


@equation(
    "eq:matching-optimum",
    fingerprint="ee2688ce",
    how="tables of 4 pictures and 3 captions: gradient ascent on the logarithmic loss with mismatched captions",
    formula=lambda p, q: p / (p + p.sum(1, keepdim=True) * p.sum(0) / 2 + q / 2),
    mutants={
        "mismatched captions lost": lambda p, q: p / (p + q / 2),
        "halves lost": lambda p, q: p / (p + p.sum(1, keepdim=True) * p.sum(0) + q),
        "mismatched captions counted as real": lambda p, q: (
            (p + p.sum(1, keepdim=True) * p.sum(0) / 2) / (p + p.sum(1, keepdim=True) * p.sum(0) / 2 + q / 2)
        ),
        "marginals of q": lambda p, q: p / (p + q.sum(1, keepdim=True) * q.sum(0) / 2 + q / 2),
        "p(x) alone": lambda p, q: p / (p + p.sum(1, keepdim=True) / 2 + q / 2),
    },
)
def matching_optimum(formula):
    p, q = _table(0), _table(1)
    # a mismatched caption is that of another pair: draw x and c apart
    mismatched = torch.einsum("xd,yc->xc", p, p)
    s = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    for _ in range(3000):
        gain = (p * F.logsigmoid(s) + (mismatched + q) / 2 * F.logsigmoid(-s)).sum()
        s = (s + 4 * torch.autograd.grad(gain, s)[0]).detach().requires_grad_()
    close(formula(p, q), torch.sigmoid(s).detach(), 1e-6)


@equation(
    "eq:gan-average",
    fingerprint="142104fa",
    how="PyTorch's averaged model behind mmgen_course.train.ema, over 30 steps of a weight that jumps about",
    formula=lambda average, theta, beta: beta * average + (1 - beta) * theta,
    mutants={
        "weights swapped": lambda average, theta, beta: (1 - beta) * average + beta * theta,
        "do not sum to 1": lambda average, theta, beta: beta * average + theta,
        "plain mean": lambda average, theta, beta: (average + theta) / 2,
        "the weight itself": lambda average, theta, beta: theta,
    },
)
def gan_average(formula):
    from mmgen_course.train import ema

    model = torch.nn.Linear(1, 1, bias=False).double()
    average, ours = ema(model, decay=0.9), None
    for value in normal(30).tolist():
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
        ours = value if ours is None else formula(ours, value, 0.9)
    close(ours, average.module.weight.item(), 1e-7)


@equation(
    "eq:nearest-digit",
    fingerprint="730648c8",
    how="scikit-learn's nearest neighbour",
    formula=lambda x, real: (x[:, None] - real).norm(dim=2).min(1).values,
    mutants={
        "mean": lambda x, real: (x[:, None] - real).norm(dim=2).mean(1),
        "squared": lambda x, real: (x[:, None] - real).square().sum(2).min(1).values,
        "largest": lambda x, real: (x[:, None] - real).norm(dim=2).max(1).values,
        "over x, not over j": lambda x, real: (x[:, None] - real).norm(dim=2).min(0).values[: len(x)],
    },
)
def nearest_digit(formula):
    from sklearn.neighbors import NearestNeighbors

    x, real = uniform(6, 8), uniform(40, 8, seed=1)
    expected = NearestNeighbors(n_neighbors=1).fit(real.numpy()).kneighbors(x.numpy())[0][:, 0]
    close(formula(x, real), expected, 1e-7)
