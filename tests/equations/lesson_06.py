"""Checks of the equations of lesson 06_shared_space."""

from itertools import product
from math import cos, exp, hypot, log, prod, sqrt

import torch
from ledger import close, equation, uniform

from mmgen_course.fusion import MultiHeadAttention, contrastive_loss, cosine_similarity, modality_gap


def derivative(value, x, step=1e-5):
    """Of a number by each entry of x, by central differences."""
    slope = torch.zeros_like(x)
    for i in range(x.numel()):
        move = torch.zeros_like(x).flatten()
        move[i] = step
        move = move.reshape(x.shape)
        slope.view(-1)[i] = (value(x + move) - value(x - move)) / (2 * step)
    return slope


def mean_loss(s, tau):
    """The loss of both directions: every question asked and answered by itself."""
    N, total = len(s), 0.0
    for i in range(N):
        row, column = s[i].tolist(), s[:, i].tolist()
        for answers in (row, column):
            total += log(sum(exp((other - row[i]) / tau) for other in answers))
    return total / (2 * N)


@equation(
    "eq:shared-cosine",
    fingerprint="db58cabe",
    how="the angle between two vectors of the plane, and the law of cosines in 4 dimensions",
    formula=lambda f, g: (f / f.norm()) @ (g / g.norm()),
    mutants={
        "not brought to length 1": lambda f, g: f @ g,
        "one side only": lambda f, g: (f / f.norm()) @ g,
        "squared lengths": lambda f, g: f @ g / (f.square().sum() * g.square().sum()),
        "root of the lengths": lambda f, g: f @ g / (f.norm() * g.norm()).sqrt(),
        "divided by the sum of the entries": lambda f, g: (f / f.sum()) @ (g / g.sum()),
    },
)
def shared_cosine(formula):
    for a, b in ((0.3, 2.0), (1.0, 1.0), (2.5, 0.1)):
        f, g = (torch.tensor([cos(angle), (1 - cos(angle) ** 2) ** 0.5]).double() for angle in (a, b))
        close(formula(3 * f, 0.2 * g), cos(a - b), tolerance=1e-6)
    f, g = uniform(4) - 0.5, uniform(4, seed=1) - 0.5
    a, b, c = f.norm(), g.norm(), torch.dist(f, g)
    close(formula(f, g), (a**2 + b**2 - c**2) / (2 * a * b))


@equation(
    "eq:info-nce",
    fingerprint="ea8db759",
    how="each question's softmax by a loop; torch's cross-entropy with class i for row i",
    formula=lambda s, tau: (
        -1 / len(s) * sum(((s[i, i] / tau).exp() / (s[i] / tau).exp().sum()).log() for i in range(len(s)))
    ),
    mutants={
        "temperature multiplied": lambda s, tau: -(s * tau).log_softmax(1).diagonal().mean(),
        "positive missing below": lambda s, tau: (
            -torch.stack(
                [s[i, i] / tau - (s[i] / tau)[torch.arange(len(s)) != i].logsumexp(0) for i in range(len(s))]
            ).mean()
        ),
        "softmax over images": lambda s, tau: -(s / tau).log_softmax(0).diagonal().mean(),
        "sum for mean": lambda s, tau: -(s / tau).log_softmax(1).diagonal().sum(),
        "logarithm lost": lambda s, tau: -(s / tau).softmax(1).diagonal().mean(),
        "temperature above only": lambda s, tau: -(s.diagonal() / tau - s.logsumexp(1)).mean(),
    },
)
def info_nce(formula):
    for N, tau in ((2, 1.0), (5, 0.3), (4, 0.07)):
        s = 2 * uniform(N, N, seed=N) - 1
        close(formula(s, tau), torch.nn.functional.cross_entropy(s / tau, torch.arange(N)))
        by_hand = [log(sum(exp((s_ij - s[i, i].item()) / tau) for s_ij in s[i].tolist())) for i in range(N)]
        close(formula(s, tau), sum(by_hand) / N)


def _direction(s, tau):
    return -(s / tau).log_softmax(1).diagonal().mean()


@equation(
    "eq:clip-loss",
    fingerprint="c3a2302f",
    how="2N questions, asked and answered one by one; the package",
    formula=lambda s, tau: 1 / 2 * (_direction(s, tau) + _direction(s.T, tau)),
    mutants={
        "one direction only": lambda s, tau: _direction(s, tau),
        "the same direction twice": lambda s, tau: 1 / 2 * (_direction(s, tau) + _direction(s, tau)),
        "1/2 lost": lambda s, tau: _direction(s, tau) + _direction(s.T, tau),
        "one softmax over all N x N": lambda s, tau: -(s / tau).flatten().log_softmax(0)[:: len(s) + 1].mean(),
    },
)
def clip_loss(formula):
    for N, tau in ((2, 1.0), (5, 0.3)):
        s = 2 * uniform(N, N, seed=N) - 1
        close(formula(s, tau), mean_loss(s, tau))
        close(formula(s, tau), contrastive_loss(s, tau))


def _gradient(s, tau):
    p, q, one = (s / tau).softmax(1), (s / tau).softmax(0), torch.eye(len(s)).double()
    return (p + q - 2 * one) / (2 * len(s) * tau)


@equation(
    "eq:clip-gradient",
    fingerprint="1d13f3b5",
    how="central differences of the 2N questions, each of the N x N similarities moved alone",
    formula=lambda p, q, N, tau: (p + q - 2 * torch.eye(N).double()) / (2 * N * tau),
    mutants={
        "temperature multiplied": lambda p, q, N, tau: (p + q - 2 * torch.eye(N)) * tau / (2 * N),
        "temperature lost": lambda p, q, N, tau: (p + q - 2 * torch.eye(N)) / (2 * N),
        "one positive for two": lambda p, q, N, tau: (p + q - torch.eye(N)) / (2 * N * tau),
        "uphill": lambda p, q, N, tau: (2 * torch.eye(N) - p - q) / (2 * N * tau),
        "captions' question lost": lambda p, q, N, tau: (p - torch.eye(N)) / (N * tau),
        "mean over N, not 2N": lambda p, q, N, tau: (p + q - 2 * torch.eye(N)) / (N * tau),
        "q transposed": lambda p, q, N, tau: (p + q.T - 2 * torch.eye(N)) / (2 * N * tau),
    },
)
def clip_gradient(formula):
    for N, tau in ((2, 1.0), (4, 0.3)):
        s = 2 * uniform(N, N, seed=N) - 1
        p, q = (s / tau).softmax(1), (s / tau).softmax(0)
        close(formula(p, q, N, tau), derivative(lambda s, tau=tau: mean_loss(s, tau), s), tolerance=1e-7)


@equation(
    "eq:clip-feature-gradient",
    fingerprint="7c2e2570",
    how="central differences of the loss by each entry of the features",
    formula=lambda f_i, u_i, slope, v: (
        (torch.eye(len(u_i)).double() - torch.outer(u_i, u_i))
        @ sum(slope[j] * v[j] for j in range(len(v)))
        / f_i.norm()
    ),
    mutants={
        "as if lengths were fixed": lambda f_i, u_i, slope, v: slope @ v / f_i.norm(),
        "length of f lost": lambda f_i, u_i, slope, v: (
            (torch.eye(len(u_i)) - torch.outer(u_i, u_i)).double() @ (slope @ v)
        ),
        "length for 1 over length": lambda f_i, u_i, slope, v: (
            (torch.eye(len(u_i)) - torch.outer(u_i, u_i)).double() @ (slope @ v) * f_i.norm()
        ),
        "f for u": lambda f_i, u_i, slope, v: (
            (torch.eye(len(u_i)) - torch.outer(f_i, f_i)).double() @ (slope @ v) / f_i.norm()
        ),
        "part along u kept": lambda f_i, u_i, slope, v: torch.outer(u_i, u_i) @ (slope @ v) / f_i.norm(),
        "plus for minus": lambda f_i, u_i, slope, v: (
            (torch.eye(len(u_i)) + torch.outer(u_i, u_i)).double() @ (slope @ v) / f_i.norm()
        ),
    },
)
def clip_feature_gradient(formula):
    f, g, tau = 2 * uniform(4, 3) - 1, 2 * uniform(4, 3, seed=1) - 1, 0.4
    slopes = derivative(lambda f: mean_loss(cosine_similarity(f, g), tau), f)
    s, v = cosine_similarity(f, g), g / g.norm(dim=1, keepdim=True)
    for i in range(4):
        close(formula(f[i], f[i] / f[i].norm(), _gradient(s, tau)[i], v), slopes[i], tolerance=1e-6)


@equation(
    "eq:temperature-gradient",
    fingerprint="89568632",
    how="central differences of the loss by the temperature",
    formula=lambda slope, s, tau: -1 / tau * (slope * s).sum(),
    mutants={
        "sign lost": lambda slope, s, tau: 1 / tau * (slope * s).sum(),
        "1 over tau squared": lambda slope, s, tau: -1 / tau**2 * (slope * s).sum(),
        "1 over tau lost": lambda slope, s, tau: -(slope * s).sum(),
        "mean for sum": lambda slope, s, tau: -1 / tau * (slope * s).mean(),
        "positives only": lambda slope, s, tau: -1 / tau * (slope * s).diagonal().sum(),
    },
)
def temperature_gradient(formula):
    s = 2 * uniform(4, 4) - 1
    for tau in (0.2, 0.9):
        close(formula(_gradient(s, tau), s, tau), (mean_loss(s, tau + 1e-5) - mean_loss(s, tau - 1e-5)) / 2e-5, 1e-6)


# ---- the bound: an exact model. A joint table of a few symbols, N candidates, positive at place J; all cases listed

TABLE = torch.tensor([[0.30, 0.05, 0.05], [0.02, 0.25, 0.03], [0.05, 0.05, 0.20]], dtype=torch.double)


def _cases(joint, N):
    """Yield x, the list y, the place J and the probability of every case."""
    p_y = joint.sum(0)
    for x, J in product(range(len(joint)), range(N)):
        for y in product(range(len(p_y)), repeat=N):
            others = [p_y[y[j]].item() for j in range(N) if j != J]
            yield x, y, J, joint[x, y[J]].item() * prod(others) / N


def _entropy(cases):
    """H in nats of the distribution over the keys of (key, probability)."""
    total = {}
    for key, p in cases:
        total[key] = total.get(key, 0.0) + p
    return -sum(p * log(p) for p in total.values())


def _information(cases, a, b):
    """I(a; b) in nats, a and b as functions of a case: H(a) + H(b) - H(a, b)."""
    h = [_entropy((key(*case[:3]), case[3]) for case in cases) for key in (a, b, lambda *case: (a(*case), b(*case)))]
    return h[0] + h[1] - h[2]


def _place(x, y, J):
    return J


def _all_seen(x, y, J):
    return x, y


def _left(x, y, J):
    return x


def _candidates(x, y, J):
    return y


def _pair_information(joint):
    return (joint * (joint / torch.outer(joint.sum(1), joint.sum(0))).log()).sum().item()


def _game_loss(joint, N, scores):
    """The expected loss of a guesser who has a score for each (x, y)."""
    total = 0.0
    for x, y, J, p in _cases(joint, N):
        total += p * (log(sum(exp(scores[x][y_j]) for y_j in y)) - scores[x][y[J]])
    return total


@equation(
    "eq:ideal-score",
    fingerprint="8869a4c0",
    how="a joint table of nine entries, all cases of three candidates listed, probabilities by Bayes' rule",
    formula=lambda p_xy, p_x, p_y, x, y: _softmax([log(p_xy[x, k] / (p_x[x] * p_y[k])) for k in y]),
    mutants={
        "p(y|x) alone": lambda p_xy, p_x, p_y, x, y: _softmax([log(p_xy[x, k] / p_x[x]) for k in y]),
        "logarithm lost": lambda p_xy, p_x, p_y, x, y: _softmax([p_xy[x, k] / (p_x[x] * p_y[k]) for k in y]),
        "quotient upside down": lambda p_xy, p_x, p_y, x, y: _softmax(
            [-log(p_xy[x, k] / (p_x[x] * p_y[k])) for k in y]
        ),
        "p(y) multiplied": lambda p_xy, p_x, p_y, x, y: _softmax([log(p_xy[x, k] / p_x[x] * p_y[k]) for k in y]),
    },
)
def ideal_score(formula):
    seen = {}
    for x, y, J, p in _cases(TABLE, 3):
        seen.setdefault((x, y), [0.0] * 3)[J] += p
    for (x, y), ps in seen.items():
        close(formula(TABLE, TABLE.sum(1), TABLE.sum(0), x, y), [p / sum(ps) for p in ps])


def _softmax(scores):
    return torch.tensor([float(s) for s in scores], dtype=torch.double).softmax(0)


@equation(
    "eq:guessing",
    fingerprint="58f6b3d3",
    how="all cases of two and of three candidates: the loss of the ideal score, and of 20 random ones",
    formula=lambda N, I_J: log(N) - I_J,
    mutants={
        "information added": lambda N, I_J: log(N) + I_J,
        "logarithm lost": lambda N, I_J: N - I_J,
        "log(N - 1)": lambda N, I_J: log(N - 1) - I_J,
        "in bits": lambda N, I_J: (log(N) - I_J) / log(2),
        "information lost": lambda N, I_J: log(N),
        "sign of log N": lambda N, I_J: -log(N) - I_J,
    },
)
def guessing(formula):
    p_x, p_y = TABLE.sum(1), TABLE.sum(0)
    for N in (2, 3):
        cases = list(_cases(TABLE, N))
        bound = formula(N, _information(cases, _place, _all_seen))
        ideal = (TABLE / torch.outer(p_x, p_y)).log().tolist()
        close(_game_loss(TABLE, N, ideal), bound)
        for seed in range(10):
            assert _game_loss(TABLE, N, (4 * uniform(3, 3, seed=seed)).tolist()) >= bound


@equation(
    "eq:list-information",
    fingerprint="3f4c7a6b",
    how="all cases of one, two and three candidates listed; each information from three entropies",
    formula=lambda I_pair, I_list: I_pair - I_list,
    mutants={
        "the list's share lost": lambda I_pair, I_list: I_pair,
        "plus for minus": lambda I_pair, I_list: I_pair + I_list,
        "the list's share alone": lambda I_pair, I_list: I_list,
        "sign": lambda I_pair, I_list: I_list - I_pair,
    },
)
def list_information(formula):
    for N in (1, 2, 3):
        cases = list(_cases(TABLE, N))
        close(
            formula(_pair_information(TABLE), _information(cases, _left, _candidates)),
            _information(cases, _place, _all_seen),
        )


@equation(
    "eq:info-nce-bound",
    fingerprint="8ac04359",
    how="every N to 300 of a table of four entries, by the binomial distribution; it must hold, and be reached",
    formula=lambda N, L: log(N) - L,
    mutants={
        "sign of log N": lambda N, L: -log(N) - L,
        "loss added": lambda N, L: log(N) + L,
        "in bits": lambda N, L: (log(N) - L) / log(2),
        "log 2N": lambda N, L: log(2 * N) - L,
        "log N lost": lambda N, L: -L,
        "N for log N": lambda N, L: N - L,
    },
)
def info_nce_bound(formula):
    joint = torch.tensor([[0.4, 0.1], [0.05, 0.45]], dtype=torch.double)
    p_x, p_y = joint.sum(1), joint.sum(0)
    known = _pair_information(joint)
    ideal = (joint / torch.outer(p_x, p_y)).log()
    for N in (1, 2, 3, 10, 300):
        for scores in (ideal, 2 * uniform(2, 2, seed=1), 2 * uniform(2, 2, seed=2)):
            assert formula(N, _two_symbols(joint, N, scores)) <= known + 1e-12
    # the ideal score loses the list's information only, which falls as 1/N
    reached = [formula(N, _two_symbols(joint, N, ideal)) for N in (1, 10, 300)]
    assert abs(reached[0]) < 1e-12
    assert reached[0] < reached[1] < reached[2]
    assert known - reached[2] < 2 / 300


def _two_symbols(joint, N, scores):
    """The expected loss with k of the N - 1 negatives being symbol 1: k is binomial."""
    k = torch.arange(N).double()
    p_1 = joint.sum(0)[1].item()
    ways = torch.distributions.Binomial(N - 1, torch.tensor(p_1).double()).log_prob(k).exp() if N > 1 else torch.ones(1)
    total = 0.0
    for x, y in product(range(2), repeat=2):
        e = scores[x].exp()
        others = k * e[1] + (N - 1 - k) * e[0]
        total += joint[x, y] * (ways.double() @ ((e[y] + others).log() - scores[x, y]))
    return total.item()


@equation(
    "eq:gaussian-information",
    fingerprint="cccca268",
    how="quadrature of p log(p(y|x) / p(y)) over the plane for d = 1; entropies from determinants for d = 3",
    formula=lambda d, rho: -d / 2 * log(1 - rho**2),
    mutants={
        "1/2 lost": lambda d, rho: -d * log(1 - rho**2),
        "rho for its square": lambda d, rho: -d / 2 * log(1 - abs(rho)),
        "sign": lambda d, rho: d / 2 * log(1 - rho**2),
        "d lost": lambda d, rho: -1 / 2 * log(1 - rho**2),
        "square root": lambda d, rho: -d / 2 * log(sqrt(1 - rho**2)),
    },
)
def gaussian_information(formula):
    t = torch.linspace(-9, 9, 361).double()
    for rho in (-0.5, 0.8):
        x, y = torch.meshgrid(t, t, indexing="ij")
        ratio = -0.5 * log(1 - rho**2) - (y - rho * x) ** 2 / (2 * (1 - rho**2)) + y**2 / 2
        p = (-((y - rho * x) ** 2) / (2 * (1 - rho**2)) - x**2 / 2).exp()
        close(formula(1, rho), (p / p.sum() * ratio).sum(), tolerance=1e-6)
        one = torch.eye(3).double()
        both = torch.cat([torch.cat([one, rho * one], 1), torch.cat([rho * one, one], 1)])
        close(formula(3, rho), -0.5 * torch.logdet(both))  # log-determinants of x and of y are 0


# ---- measures


@equation(
    "eq:recall-at-k",
    fingerprint="28559202",
    how="lists sorted with the positive last among equals; numbers with many ties",
    formula=lambda s, k: (((s >= s.diagonal()[:, None]).sum(1) - 1) < k).double().mean(),
    mutants={
        "ties for the model": lambda s, k: ((s > s.diagonal()[:, None]).sum(1) < k).double().mean(),
        "positive counted against itself": lambda s, k: ((s >= s.diagonal()[:, None]).sum(1) < k).double().mean(),
        "at most k before it": lambda s, k: (((s >= s.diagonal()[:, None]).sum(1) - 1) <= k).double().mean(),
        "images for captions": lambda s, k: (((s >= s.diagonal()).sum(0) - 1) < k).double().mean(),
        "sum for mean": lambda s, k: (((s >= s.diagonal()[:, None]).sum(1) - 1) < k).double().sum(),
    },
)
def recall(formula):
    for seed, k in product(range(3), (1, 2, 4)):
        s = (uniform(6, 6, seed=seed) * 4).floor()
        found = 0
        for i in range(6):
            in_order = sorted(range(6), key=lambda j: (-s[i, j].item(), j == i))
            found += i in in_order[:k]
        close(formula(s, k), found / 6)


@equation(
    "eq:modality-gap",
    fingerprint="f157c258",
    how="plain Python, component by component; and Delta squared from mean cosines within and across the clouds",
    formula=lambda u, v: (u.mean(0) - v.mean(0)).norm(),
    mutants={
        "mean of the distances": lambda u, v: torch.cdist(u, v).mean(),
        "mean distance of pairs": lambda u, v: (u - v).norm(dim=1).mean(),
        "squared": lambda u, v: (u.mean(0) - v.mean(0)).square().sum(),
        "1/N lost": lambda u, v: (u.sum(0) - v.sum(0)).norm(),
        "means brought to length 1": lambda u, v: (u.mean(0) / u.mean(0).norm() - v.mean(0) / v.mean(0).norm()).norm(),
    },
)
def gap(formula):
    f, g = uniform(5, 3) - 0.2, uniform(5, 3, seed=1) - 0.7
    u, v = f / f.norm(dim=1, keepdim=True), g / g.norm(dim=1, keepdim=True)
    sides = [[sum(column) / 5 for column in zip(*rows, strict=True)] for rows in (u.tolist(), v.tolist())]
    close(formula(u, v), hypot(*(a - b for a, b in zip(*sides, strict=True))))
    close(formula(u, v) ** 2, (u @ u.T).mean() + (v @ v.T).mean() - 2 * (u @ v.T).mean())
    close(formula(u, v), modality_gap(f, g))


# ---- four ways to join


@equation(
    "eq:concat-fusion",
    fingerprint="ff325d98",
    how="component by component; both sides, and the difference of two regions, which does not know of t",
    formula=lambda W, h_r, t, b: (W @ torch.cat([h_r, t]) + b, W[:, : len(h_r)] @ h_r + (W[:, len(h_r) :] @ t + b)),
    mutants={
        "text first": lambda W, h_r, t, b: (W @ torch.cat([t, h_r]) + b, W[:, : len(t)] @ t + W[:, len(t) :] @ h_r + b),
        "text multiplied": lambda W, h_r, t, b: (
            W @ torch.cat([h_r, t]) + b,
            (W[:, : len(h_r)] @ h_r) * (W[:, len(h_r) :] @ t) + b,
        ),
        "bias twice": lambda W, h_r, t, b: (W @ torch.cat([h_r, t]) + 2 * b, W[:, :2] @ h_r + b + (W[:, 2:] @ t + b)),
        "text lost": lambda W, h_r, t, b: (W[:, : len(h_r)] @ h_r + b,) * 2,
    },
)
def concat_fusion(formula):
    W, t, b = uniform(4, 5), uniform(3, seed=2), uniform(4, seed=3)
    for r in range(2):
        h_r = uniform(2, seed=4 + r)
        both = [*h_r.tolist(), *t.tolist()]
        for side in formula(W, h_r, t, b):
            close(
                side,
                [
                    sum(w * x for w, x in zip(row, both, strict=True)) + b_c.item()
                    for row, b_c in zip(W.tolist(), b, strict=True)
                ],
            )


@equation(
    "eq:film-fusion",
    fingerprint="c17b744f",
    how="torch's diagonal matrix times W, and derivatives by h and by t",
    formula=lambda gamma, beta, W, h_r: gamma * (W @ h_r) + beta,
    mutants={
        "gamma added": lambda gamma, beta, W, h_r: gamma + W @ h_r + beta,
        "gamma and beta exchanged": lambda gamma, beta, W, h_r: beta * (W @ h_r) + gamma,
        "beta scaled, too": lambda gamma, beta, W, h_r: gamma * (W @ h_r + beta),
        "one gamma for all channels": lambda gamma, beta, W, h_r: gamma.mean() * (W @ h_r) + beta,
        "dot product for channels": lambda gamma, beta, W, h_r: gamma @ (W @ h_r) + beta,
        "1 + gamma": lambda gamma, beta, W, h_r: (1 + gamma) * (W @ h_r) + beta,
    },
)
def film_fusion(formula):
    W, h_r, gamma, beta = uniform(4, 3), uniform(3, seed=1), uniform(4, seed=2) - 0.5, uniform(4, seed=3)
    close(formula(gamma, beta, W, h_r), torch.diag(gamma) @ W @ h_r + beta)
    by_h = derivative(lambda h: formula(gamma, beta, W, h).sum(), h_r)
    close(by_h, [(gamma * W[:, c]).sum() for c in range(3)], tolerance=1e-6)


@equation(
    "eq:convolution-fusion",
    fingerprint="d23265ed",
    how="torch's convolution with one group a channel; a kernel of one 1 moves the map by a place",
    formula=lambda K, W, h, b, p: (
        sum(K[:, u, v] * (W @ h(p[0] + u - 1, p[1] + v - 1)) for u, v in product(range(3), repeat=2)) + b
    ),
    mutants={
        "kernel flipped": lambda K, W, h, b, p: (
            sum(K[:, u, v] * (W @ h(p[0] - u + 1, p[1] - v + 1)) for u, v in product(range(3), repeat=2)) + b
        ),
        "rows and columns exchanged": lambda K, W, h, b, p: (
            sum(K[:, v, u] * (W @ h(p[0] + u - 1, p[1] + v - 1)) for u, v in product(range(3), repeat=2)) + b
        ),
        "one kernel for all channels": lambda K, W, h, b, p: (
            sum(K[:, u, v].mean() * (W @ h(p[0] + u - 1, p[1] + v - 1)) for u, v in product(range(3), repeat=2)) + b
        ),
        "middle only": lambda K, W, h, b, p: K[:, 1, 1] * (W @ h(*p)) + b,
        "from 0 to 2": lambda K, W, h, b, p: (
            sum(K[:, u, v] * (W @ h(p[0] + u, p[1] + v)) for u, v in product(range(3), repeat=2)) + b
        ),
    },
)
def convolution_fusion(formula):
    K, W, b, maps = uniform(2, 3, 3), uniform(2, 3, seed=1), uniform(2, seed=2), uniform(3, 4, 5, seed=3)
    mixed = torch.einsum("dc,chw->dhw", W, maps)
    wanted = torch.nn.functional.conv2d(mixed[None], K[:, None], b, padding=1, groups=2)[0]

    def h(row, column):
        inside = 0 <= row < 4 and 0 <= column < 5
        return maps[:, row, column] if inside else torch.zeros(3).double()

    for p in product(range(4), range(5)):
        close(formula(K, W, h, b, p), wanted[:, p[0], p[1]])


@equation(
    "eq:cross-fusion",
    fingerprint="c51a0a39",
    how="the package's attention with one head, weights made the identity",
    formula=lambda Wh, q, k, v: Wh + (q @ k.T / sqrt(q.shape[1])).softmax(1) @ v,
    mutants={
        "sum over regions": lambda Wh, q, k, v: Wh + (q @ k.T / sqrt(q.shape[1])).softmax(0) @ v,
        "scale lost": lambda Wh, q, k, v: Wh + (q @ k.T).softmax(1) @ v,
        "d for its root": lambda Wh, q, k, v: Wh + (q @ k.T / q.shape[1]).softmax(1) @ v,
        "image lost": lambda Wh, q, k, v: (q @ k.T / sqrt(q.shape[1])).softmax(1) @ v,
        "keys for values": lambda Wh, q, k, v: Wh + (q @ k.T / sqrt(q.shape[1])).softmax(1) @ k,
    },
)
def cross_fusion(formula):
    Wh, words = uniform(5, 4), 3 * uniform(3, 4, seed=1)
    ask = MultiHeadAttention(4, 4, heads=1).double()
    with torch.no_grad():
        for layer in (ask.to_q, ask.to_k, ask.to_v, ask.out):
            layer.weight.copy_(torch.eye(4) if layer is not ask.to_v else 2 * torch.eye(4))
            layer.bias.zero_()
        told, _ = ask(Wh, words)
    close(formula(Wh, Wh, words, 2 * words), Wh + told)


@equation(
    "eq:text-share",
    fingerprint="5ee16443",
    how="variance explained by the image subtracted (law of total variance); 0 for a blind output, 1 for text alone",
    formula=lambda true, false: ((true - false) ** 2 / 4).mean() / torch.cat([true, false]).var(unbiased=False),
    mutants={
        "4 lost": lambda true, false: (true - false).square().mean() / torch.cat([true, false]).var(unbiased=False),
        "2 for 4": lambda true, false: ((true - false) ** 2 / 2).mean() / torch.cat([true, false]).var(unbiased=False),
        "square of the mean": lambda true, false: (
            (true - false).mean() ** 2 / 4 / torch.cat([true, false]).var(unbiased=False)
        ),
        "share of the image": lambda true, false: (
            1 - ((true - false) ** 2 / 4).mean() / torch.cat([true, false]).var(unbiased=False)
        ),
        "root lost": lambda true, false: (
            ((true - false).abs() / 2).mean() / torch.cat([true, false]).var(unbiased=False).sqrt()
        ),
    },
)
def text_share(formula):
    true, false = 3 * uniform(50), uniform(50, seed=1)
    z = torch.stack([true, false])
    close(formula(true, false), 1 - z.mean(0).var(unbiased=False) / z.var(unbiased=False))
    close(formula(true, true), 0)
    close(formula(torch.full((9,), 2.0), torch.full((9,), -1.0)), 1)
