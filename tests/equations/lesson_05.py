"""Checks of the equations of lesson 05_attention."""

import math
from itertools import permutations

import torch
from ledger import close, equation
from torch import nn
from torch.nn import functional as F

from mmgen_course.fusion import attention, position_code
from mmgen_course.fusion.grounding import log_truth


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _softmax(s, dim=-1):
    return s.exp() / s.exp().sum(dim, keepdim=True)


@equation(
    "eq:soft-lookup",
    fingerprint="c44dc7e4",
    how="the point at which values with these masses balance, and their hull, which it must not leave",
    formula=lambda a, v: (sum(a[j] * v[j] for j in range(len(a))), (a >= 0).all() and math.isclose(a.sum(), 1)),
    mutants={
        "plain mean": lambda a, v: (v.mean(0), (a >= 0).all() and math.isclose(a.sum(), 1)),
        "the value of the largest weight": lambda a, v: (v[a.argmax()], (a >= 0).all() and math.isclose(a.sum(), 1)),
        "divided by S": lambda a, v: (a @ v / len(a), (a >= 0).all() and math.isclose(a.sum(), 1)),
        "weights of any sign": lambda a, v: (a @ v, math.isclose(a.sum(), 1)),
        "weights of any sum": lambda a, v: (a @ v, (a >= 0).all()),
    },
)
def soft_lookup(formula):
    v = normal(5, 3)
    mass = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.0], dtype=torch.float64)
    o, holds = formula(mass / 14, v)
    close((mass[:, None] * (v - o)).sum(0), torch.zeros(3))  # no lever turns about the centre of mass
    assert holds
    assert not formula(mass, v)[1]
    assert not formula(torch.tensor([1.5, -0.5, 0, 0, 0]).double(), v)[1]


@equation(
    "eq:softmax",
    fingerprint="2fcf4902",
    how="torch, and the only positive weights whose logarithms differ as the scores do and which sum to 1",
    formula=lambda s: torch.stack([s_j.exp() / sum(s_k.exp() for s_k in s) for s_j in s]),
    mutants={
        "scores divided by their sum": lambda s: s / s.sum(),
        "sum lost": lambda s: s.exp(),
        "sign lost": lambda s: (-s).exp() / (-s).exp().sum(),
        "own term left out of the sum": lambda s: s.exp() / (s.exp().sum() - s.exp()),
        "squares for exponentials": lambda s: s**2 / (s**2).sum(),
    },
)
def softmax(formula):
    for seed in range(3):
        s = 3 * normal(6, seed=seed)
        a = formula(s)
        close(a, F.softmax(s, dim=0))
        close(a.sum(), 1)
        close(a.log() - a.log()[0], s - s[0])


@equation(
    "eq:softmax-shift",
    fingerprint="21a1c64d",
    how="torch's softmax of shifted scores, for shifts of both signs; three sides",
    formula=lambda s, c, softmax: (softmax(s + c), c.exp() * s.exp() / (c.exp() * s.exp()).sum(), softmax(s)),
    mutants={
        "a factor for a shift": lambda s, c, softmax: (softmax(s * c), s.exp() / s.exp().sum(), softmax(s)),
        "shift not cancelled": lambda s, c, softmax: (
            softmax(s + c),
            c.exp() * s.exp() / s.exp().sum(),
            softmax(s),
        ),
        "the scores' shift is the weights'": lambda s, c, softmax: (softmax(s + c), softmax(s) + c, softmax(s)),
        "only one score shifted": lambda s, c, softmax: (
            softmax(s + c * (torch.arange(len(s)) == 0)),
            s.exp() / s.exp().sum(),
            softmax(s),
        ),
    },
)
def softmax_shift(formula):
    s = normal(5)
    for c in (-7.0, 0.5, 30.0):
        for side in formula(s, torch.tensor(c, dtype=torch.float64), lambda s: F.softmax(s, dim=0)):
            close(side, F.softmax(s, dim=0))


@equation(
    "eq:temperature",
    fingerprint="e7550ce3",
    how="the weights of largest entropy among those with the same mean score (Boltzmann): no neighbour has more",
    formula=lambda s, tau: (_softmax(s / tau), ((s[:, None] - s) / tau).exp()),
    mutants={
        "times for divided by": lambda s, tau: (_softmax(s * tau), ((s[:, None] - s) * tau).exp()),
        "divided after the softmax": lambda s, tau: (_softmax(s) / tau, ((s[:, None] - s) / tau).exp()),
        "ratio upside down": lambda s, tau: (_softmax(s / tau), ((s - s[:, None]) / tau).exp()),
        "ratio without tau": lambda s, tau: (_softmax(s / tau), (s[:, None] - s).exp()),
        "squared temperature": lambda s, tau: (_softmax(s / tau**2), ((s[:, None] - s) / tau**2).exp()),
    },
)
def temperature(formula):
    s = normal(5)
    for tau in (0.5, 2.0, 1e4):
        a, ratio = formula(s, tau)
        close(ratio, a[:, None] / a)
        close(a.sum(), 1)
        # free energy: a minimises -s.a - tau H(a), whose minimum is -tau log sum exp(s / tau)
        close(-(s @ a) + tau * (a * a.log()).sum(), -tau * torch.logsumexp(s / tau, 0), 1e-7)


@equation(
    "eq:softmax-jacobian",
    fingerprint="5b5f6ac6",
    how="central finite differences, entry by entry",
    formula=lambda a: (
        torch.stack([torch.stack([a[i] * (float(i == j) - a[j]) for j in range(len(a))]) for i in range(len(a))]),
        torch.diag(a) - torch.outer(a, a),
    ),
    mutants={
        "diagonal alone, as for a sigmoid": lambda a: (torch.diag(a * (1 - a)), torch.diag(a) - torch.diag(a**2)),
        "sign of the outer product": lambda a: (torch.diag(a) + torch.outer(a, a), torch.diag(a) + torch.outer(a, a)),
        "identity for diag(a)": lambda a: (
            torch.eye(len(a)) - torch.outer(a, a),
            torch.eye(len(a)) - torch.outer(a, a),
        ),
        "the gradient of the log": lambda a: (torch.eye(len(a)) - a, torch.eye(len(a)) - a),
    },
)
def softmax_jacobian(formula):
    s, h = normal(4), 1e-6
    columns = [(F.softmax(s + step, 0) - F.softmax(s - step, 0)) / (2 * h) for step in h * torch.eye(4).double()]
    for side in formula(F.softmax(s, 0)):
        close(side, torch.stack(columns, dim=1), 1e-8)


@equation(
    "eq:dot-variance",
    fingerprint="25e65dc7",
    how="exact: all vectors whose components are plus or minus sigma, equally likely; and normal ones by Monte Carlo",
    formula=lambda d, sigma_q, sigma_k: d * sigma_q**2 * sigma_k**2,
    mutants={
        "sigma for sigma^2": lambda d, sigma_q, sigma_k: d * sigma_q * sigma_k,
        "sigma^2 of one of the two": lambda d, sigma_q, sigma_k: d * sigma_q**2,
        "the standard deviation": lambda d, sigma_q, sigma_k: d**0.5 * sigma_q * sigma_k,
        "d squared, as if the terms moved together": lambda d, sigma_q, sigma_k: d**2 * sigma_q**2 * sigma_k**2,
        "variances added, not multiplied": lambda d, sigma_q, sigma_k: d * (sigma_q**2 + sigma_k**2),
    },
)
def dot_variance(formula):
    for d in (1, 2, 3):
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * d).double().reshape(-1, d)
        dot = (3.0 * signs) @ (0.5 * signs).T
        close(formula(d, 3.0, 0.5), dot.var(correction=0))
    q, k = 2 * normal(20_000, 8, seed=1), 3 * normal(20_000, 8, seed=2)
    dot = (q * k).sum(1)
    error = dot.square().std() / len(dot) ** 0.5
    assert abs(dot.var() - formula(8, 2.0, 3.0)) < 5 * error


@equation(
    "eq:scaled-score",
    fingerprint="3f2a5dba",
    how="exact: all vectors whose components are plus or minus sigma",
    formula=lambda q, k, sigma_q, sigma_k: (q @ k.T / q.shape[1] ** 0.5, sigma_q**2 * sigma_k**2),
    mutants={
        "divided by d": lambda q, k, sigma_q, sigma_k: (q @ k.T / q.shape[1], sigma_q**2 * sigma_k**2),
        "not divided": lambda q, k, sigma_q, sigma_k: (q @ k.T, sigma_q**2 * sigma_k**2),
        "times the root": lambda q, k, sigma_q, sigma_k: (q @ k.T * q.shape[1] ** 0.5, sigma_q**2 * sigma_k**2),
        "sigma for sigma^2": lambda q, k, sigma_q, sigma_k: (q @ k.T / q.shape[1] ** 0.5, sigma_q * sigma_k),
        "always 1": lambda q, k, sigma_q, sigma_k: (q @ k.T / q.shape[1] ** 0.5, 1.0),
    },
)
def scaled_score(formula):
    for d in (2, 3):
        signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * d).double()
        s, variance = formula(3 * signs, 0.5 * signs, 3.0, 0.5)
        close(s.var(correction=0), variance)
        close(s[0, 0], d**0.5 * 1.5)  # equal signs: d terms of 1.5


def _attention(q, k, v, dim=1):
    weights = _softmax(q @ k.T / q.shape[1] ** 0.5, dim)
    return weights, weights @ v


@equation(
    "eq:attention",
    fingerprint="1b68795a",
    how="torch's fused attention; the weights by giving it one-hot values",
    formula=_attention,
    mutants={
        "normalised over the queries (the article)": lambda q, k, v: _attention(q, k, v, dim=0),
        "normalised over all pairs": lambda q, k, v: _attention(q, k, v, dim=(0, 1)),
        "scale lost": lambda q, k, v: (_softmax(q @ k.T), _softmax(q @ k.T) @ v),
        "divided by d": lambda q, k, v: (_softmax(q @ k.T / q.shape[1]), _softmax(q @ k.T / q.shape[1]) @ v),
        "no values: the weights are the output": lambda q, k, v: (_attention(q, k, v)[0],) * 2,
        "keys for values": lambda q, k, v: (_attention(q, k, v)[0], _attention(q, k, v)[0] @ k),
    },
)
def attention_(formula):
    q, k, v = normal(3, 4, seed=1), normal(5, 4, seed=2), normal(5, 4, seed=3)
    A, output = formula(q, k, v)
    close(output, F.scaled_dot_product_attention(q[None], k[None], v[None])[0])
    close(A, F.scaled_dot_product_attention(q[None], k[None], torch.eye(5).double()[None])[0])


def _masked(s, m):
    return m * s.exp() / (m * s.exp()).sum(1, keepdim=True)


MASK = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1]]).double()


@equation(
    "eq:masked-attention",
    fingerprint="4ef14a1c",
    how="each query alone, among the keys that it may see and no others",
    formula=_masked,
    mutants={
        "zero after the softmax": lambda s, m: m * _softmax(s),
        "a score of zero": lambda s, m: _softmax(m * s),
        "mask upside down": lambda s, m: _masked(s, 1 - m),
        "mask in the sum alone": lambda s, m: s.exp() / (m * s.exp()).sum(1, keepdim=True),
        "summed over the queries": lambda s, m: m * s.exp() / (m * s.exp()).sum(0, keepdim=True),
    },
)
def masked_attention(formula):
    s = normal(3, 4)
    A = formula(s, MASK)
    for row, scores, may in zip(A, s, MASK.bool(), strict=True):
        close(row[may], F.softmax(scores[may], dim=0))
        close(row[~may], torch.zeros(int((~may).sum())))


@equation(
    "eq:masked-too-late",
    fingerprint="605ac370",
    how="1 less the weight that torch's softmax gives to the forbidden keys; both sides, and the bound",
    formula=lambda s, m: (
        (m * _softmax(s)).sum(1),
        (m * s.exp()).sum(1) / s.exp().sum(1),
        lambda total: (total <= 1 + 1e-12).all(),
    ),
    mutants={
        "equal to 1": lambda s, m: (
            (m * _softmax(s)).sum(1),
            torch.ones(len(s)),
            lambda total: (total <= 1 + 1e-12).all(),
        ),
        "the share of allowed keys": lambda s, m: (
            (m * _softmax(s)).sum(1),
            m.mean(1),
            lambda total: (total <= 1 + 1e-12).all(),
        ),
        "less than 1 always": lambda s, m: (
            (m * _softmax(s)).sum(1),
            (m * s.exp()).sum(1) / s.exp().sum(1),
            lambda total: (total < 1 - 1e-12).all(),
        ),
        "at least 1": lambda s, m: (
            (m * _softmax(s)).sum(1),
            (m * s.exp()).sum(1) / s.exp().sum(1),
            lambda total: (total >= 1 - 1e-12).all(),
        ),
        "the forbidden share": lambda s, m: (
            ((1 - m) * _softmax(s)).sum(1),
            ((1 - m) * s.exp()).sum(1) / s.exp().sum(1),
            lambda total: (total <= 1).all(),
        ),
    },
)
def masked_too_late(formula):
    s = normal(3, 4)
    left, right, bound = formula(s, MASK)
    expected = 1 - F.softmax(s, dim=1).masked_fill(MASK.bool(), 0).sum(1)
    close(left, expected)
    close(right, expected)
    assert bound(expected)


def _heads(x, c, w_q, w_k, w_v, w_o, attend=lambda q, k, v: F.scaled_dot_product_attention(q, k, v)):
    """The matrices of the heads are (n, D, D/n)."""
    heads = [attend(x @ w_q[h], c @ w_k[h], c @ w_v[h]) for h in range(len(w_q))]
    return torch.cat(heads, dim=1) @ w_o


@equation(
    "eq:heads",
    fingerprint="2b21616e",
    how="torch.nn.MultiheadAttention with these matrices",
    formula=_heads,
    mutants={
        "heads summed, not set side by side": lambda x, c, w_q, w_k, w_v, w_o: _heads(
            x, c, w_q, w_k, w_v, torch.stack([w_o.unflatten(0, (len(w_q), -1)).mean(0)] * len(w_q)).flatten(0, 1)
        ),
        "last matrix lost": lambda x, c, w_q, w_k, w_v, w_o: _heads(x, c, w_q, w_k, w_v, torch.eye(len(w_o)).double()),
        "values of x": lambda x, c, w_q, w_k, w_v, w_o: _heads(x, x, w_q, w_k, w_v, w_o),
        "scaled by D, not by D / n": lambda x, c, w_q, w_k, w_v, w_o: _heads(
            x, c, w_q / len(w_q) ** 0.5, w_k, w_v, w_o
        ),
        "one head for all": lambda x, c, w_q, w_k, w_v, w_o: _heads(
            x, c, *(torch.cat([*w], dim=1)[None] for w in (w_q, w_k, w_v)), w_o
        ),
        "keys and values exchanged": lambda x, c, w_q, w_k, w_v, w_o: _heads(x, c, w_q, w_v, w_k, w_o),
    },
)
def heads(formula):
    n, D = 2, 6
    w_q, w_k, w_v = (normal(n, D, D // n, seed=seed) for seed in (1, 2, 3))
    w_o, x, c = normal(D, D, seed=4), normal(4, D, seed=5), normal(5, D, seed=6)
    theirs = nn.MultiheadAttention(D, n, bias=False, batch_first=True).double()
    theirs.in_proj_weight.data = torch.cat([torch.cat([*w], dim=1).T for w in (w_q, w_k, w_v)])
    theirs.out_proj.weight.data = w_o.T
    close(formula(x, c, w_q, w_k, w_v, w_o), theirs(x[None], c[None], c[None])[0][0].detach())


@equation(
    "eq:permutation",
    fingerprint="e400c1d1",
    how="the package's attention, for every order of three queries and of four keys; both sides",
    formula=lambda P, R, Q, K, V, attend: (attend(P @ Q, R @ K, R @ V), P @ attend(Q, K, V)),
    mutants={
        "keys moved without their values": lambda P, R, Q, K, V, attend: (
            attend(P @ Q, R @ K, V),
            P @ attend(Q, K, V),
        ),
        "outputs stay where they are": lambda P, R, Q, K, V, attend: (attend(P @ Q, R @ K, R @ V), attend(Q, K, V)),
        "outputs move back": lambda P, R, Q, K, V, attend: (attend(P @ Q, R @ K, R @ V), P.T @ attend(Q, K, V)),
        "values move, keys do not": lambda P, R, Q, K, V, attend: (attend(P @ Q, K, R @ V), P @ attend(Q, K, V)),
    },
)
def permutation(formula):
    Q, K, V = normal(3, 2, seed=1), normal(4, 2, seed=2), normal(4, 2, seed=3)
    for p in permutations(range(3)):
        for r in permutations(range(4)):
            P, R = torch.eye(3).double()[list(p)], torch.eye(4).double()[list(r)]
            left, right = formula(P, R, Q, K, V, lambda *qkv: attention(*qkv)[0])
            close(left, right)


def _code(t, d, omega):
    return torch.tensor([f(omega(i) * t) for f in (math.sin, math.cos) for i in range(d // 2)], dtype=torch.float64)


@equation(
    "eq:position-code",
    fingerprint="ae10896c",
    how="a clock with d / 2 hands that turns step by step, each by its own rotation matrix",
    formula=lambda t, d: _code(t, d, lambda i: 10_000 ** (-2 * i / d)),
    mutants={
        "one frequency for all": lambda t, d: _code(t, d, lambda i: 1.0),
        "exponent i / d": lambda t, d: _code(t, d, lambda i: 10_000 ** (-i / d)),
        "waves grow shorter": lambda t, d: _code(t, d, lambda i: 10_000 ** (2 * i / d)),
        "cosines first": lambda t, d: _code(t, d, lambda i: 10_000 ** (-2 * i / d)).roll(d // 2),
        "frequency 2 pi": lambda t, d: _code(t, d, lambda i: 2 * math.pi * 10_000 ** (-2 * i / d)),
    },
)
def position_code_(formula):
    d = 6
    angle = torch.tensor([1.0, 10_000 ** (-1 / 3), 10_000 ** (-2 / 3)], dtype=torch.float64)
    sines, cosines = torch.zeros(3).double(), torch.ones(3).double()
    for t in range(20):
        close(formula(t, d), torch.cat([sines, cosines]), 1e-7)
        close(formula(t, d), position_code(torch.tensor(float(t)).double(), d))
        sines, cosines = (
            sines * angle.cos() + cosines * angle.sin(),
            cosines * angle.cos() - sines * angle.sin(),
        )


@equation(
    "eq:position-distance",
    fingerprint="b4411064",
    how="dot products of codes, component by component",
    formula=lambda t, u, omega: sum(math.cos(w * (t - u)) for w in omega),
    mutants={
        "plus for minus": lambda t, u, omega: sum(math.cos(w * (t + u)) for w in omega),
        "sine for cosine": lambda t, u, omega: sum(math.sin(w * (t - u)) for w in omega),
        "mean for sum": lambda t, u, omega: sum(math.cos(w * (t - u)) for w in omega) / len(omega),
        "distance squared": lambda t, u, omega: sum(math.cos(w * (t - u) ** 2) for w in omega),
        "twice the sum": lambda t, u, omega: 2 * sum(math.cos(w * (t - u)) for w in omega),
    },
)
def position_distance(formula):
    d = 8
    omega = [10_000 ** (-2 * i / d) for i in range(d // 2)]
    for t, u in ((0, 0), (3, 1), (1, 3), (40, 2)):
        p_t, p_u = (position_code(torch.tensor(float(x)).double(), d).tolist() for x in (t, u))
        close(formula(t, u, omega), sum(a * b for a, b in zip(p_t, p_u, strict=True)))


@equation(
    "eq:attention-memory",
    fingerprint="16fcbed0",
    how="bytes that the weights of the package's attention occupy",
    formula=lambda N, n, L, S: 4 * N * n * L * S,
    mutants={
        "L + S for L S": lambda N, n, L, S: 4 * N * n * (L + S),
        "heads share the weights": lambda N, n, L, S: 4 * N * L * S,
        "numbers for bytes": lambda N, n, L, S: N * n * L * S,
        "square of the queries": lambda N, n, L, S: 4 * N * n * L * L,
    },
)
def attention_memory(formula):
    for N, n, L, S in ((1, 1, 5, 5), (2, 3, 4, 7), (3, 2, 9, 1)):
        _, weights = attention(torch.ones(N, n, L, 2), torch.ones(N, n, S, 2), torch.ones(N, n, S, 3))
        assert formula(N, n, L, S) == weights.untyped_storage().nbytes()


def _online(m, ell, o, s, v, new=max, old=lambda m, m_new: math.exp(m - m_new), add=True):
    m_new = new(m, s)
    return m_new, old(m, m_new) * ell + math.exp(s - m_new), old(m, m_new) * o + math.exp(s - m_new) * (v if add else 1)


@equation(
    "eq:online-softmax",
    fingerprint="fc496b69",
    how="torch's softmax over all keys at once; sums of scores that are far above and below zero stay finite",
    formula=_online,
    mutants={
        "old sums not brought to the new shift": lambda *now: _online(
            *now, old=lambda m, m_new: 1.0 if m > -math.inf else 0.0
        ),
        "shifted the wrong way": lambda *now: _online(
            *now, old=lambda m, m_new: math.exp(min(m_new - m, 700.0)) if m > -math.inf else 0.0
        ),
        "minimum for maximum": lambda *now: _online(*now, new=lambda m, s: s if m == -math.inf else min(m, s)),
        "value lost": lambda *now: _online(*now, add=False),
        "no shift at all": lambda m, ell, o, s, v: (0.0, ell + math.exp(s), o + math.exp(s) * v),
    },
)
def online_softmax(formula):
    for scores in ([1.0, -2.0, 3.0, 0.5], [0.0, 800.0, 799.0, -5.0], [5.0, 4.0, 3.0, 2.0]):
        values = normal(4, seed=len(scores)).tolist()
        m, ell, o = -math.inf, 0.0, 0.0
        try:
            for s, v in zip(scores, values, strict=True):
                m, ell, o = formula(m, ell, o, s, v)
        except OverflowError:
            raise AssertionError("a number became too large") from None
        s, v = (torch.tensor(numbers, dtype=torch.float64) for numbers in (scores, values))
        close(o / ell, F.softmax(s, dim=0) @ v)
        close(ell, (s - s.max()).exp().sum())


def _word_truth(q, k, b, attend=lambda s: F.softmax(s, dim=0)):
    s = k @ q / len(q) ** 0.5
    a = attend(s)
    return q @ (a @ k) / len(q) ** 0.5 + b, sum(a[j] * s[j] for j in range(len(s))) + b


@equation(
    "eq:word-truth",
    fingerprint="b247281c",
    how="both sides, and the derivative of log sum exp(c s_j) by c at 1, in finite differences",
    formula=_word_truth,
    mutants={
        "largest score for their mean": lambda q, k, b: (
            _word_truth(q, k, b)[0],
            (k @ q / len(q) ** 0.5).max() + b,
        ),
        "all regions alike": lambda q, k, b: _word_truth(q, k, b, lambda s: torch.full_like(s, 1 / len(s))),
        "scale lost": lambda q, k, b: (_word_truth(q, k, 0)[0] * len(q) ** 0.5 + b, _word_truth(q, k, b)[1]),
        "b lost": lambda q, k, b: _word_truth(q, k, 0),
        "log of the sum for the mean": lambda q, k, b: (torch.logsumexp(k @ q / len(q) ** 0.5, 0) + b,) * 2,
    },
)
def word_truth(formula):
    q, k, b, h = normal(4, seed=1), normal(6, 4, seed=2), 0.7, 1e-6
    s = torch.einsum("d,jd->j", q, k) / 2
    slope = (torch.logsumexp((1 + h) * s, 0) - torch.logsumexp((1 - h) * s, 0)) / (2 * h)
    for side in formula(q, k, b):
        close(side, slope + b, 1e-7)


@equation(
    "eq:noisy-and",
    fingerprint="62ac2dc0",
    how="the package in logarithms, and the chance that none of T unequal coins shows tails, all outcomes listed",
    formula=lambda z: (math.prod(1 / (1 + math.exp(-x)) for x in z), [1 / (1 + math.exp(-x)) for x in z]),
    mutants={
        "sigma of the sum": lambda z: (1 / (1 + math.exp(-sum(z))), [1 / (1 + math.exp(-x)) for x in z]),
        "sum for product": lambda z: (sum(1 / (1 + math.exp(-x)) for x in z), [1 / (1 + math.exp(-x)) for x in z]),
        "mean for product": lambda z: (
            sum(1 / (1 + math.exp(-x)) for x in z) / len(z),
            [1 / (1 + math.exp(-x)) for x in z],
        ),
        "sign in sigma": lambda z: (math.prod(1 / (1 + math.exp(x)) for x in z), [1 / (1 + math.exp(x)) for x in z]),
        "any word for every word": lambda z: (
            1 - math.prod(1 - 1 / (1 + math.exp(-x)) for x in z),
            [1 / (1 + math.exp(-x)) for x in z],
        ),
    },
)
def noisy_and(formula):
    z = [2.0, -0.5, 0.25]
    p, single = formula(z)
    close(single, torch.tensor(z).double().sigmoid())
    outcomes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 3)
    chance = [math.prod(s if x else 1 - s for s, x in zip(single, row, strict=True)) for row in outcomes.tolist()]
    close(p, sum(c for c, row in zip(chance, outcomes, strict=True) if row.all()))
    close(p, log_truth(torch.tensor([z]).double(), torch.ones(1, 3, dtype=torch.bool)).exp()[0])


@equation(
    "eq:pointing",
    fingerprint="9c2789a4",
    how="exact binomial: the interval of p-hat holds p for at least 93 of 100 samples, and not for more than 97",
    formula=lambda hits, n: (hits / n, 2 * (hits / n * (1 - hits / n) / n) ** 0.5),
    mutants={
        "root lost": lambda hits, n: (hits / n, 2 * hits / n * (1 - hits / n) / n),
        "n lost": lambda hits, n: (hits / n, 2 * (hits / n * (1 - hits / n)) ** 0.5),
        "one standard error": lambda hits, n: (hits / n, (hits / n * (1 - hits / n) / n) ** 0.5),
        "p for p (1 - p)": lambda hits, n: (hits / n, 2 * (hits / n / n) ** 0.5),
        "the share of misses": lambda hits, n: (1 - hits / n, 2 * (hits / n * (1 - hits / n) / n) ** 0.5),
    },
)
def pointing(formula):
    n, p = 400, 0.8
    log_chance = [
        math.lgamma(n + 1) - math.lgamma(h + 1) - math.lgamma(n - h + 1) + h * math.log(p) + (n - h) * math.log(1 - p)
        for h in range(n + 1)
    ]
    held = 0.0
    for hits in range(1, n):
        middle, half = formula(hits, n)
        held += math.exp(log_chance[hits]) * (abs(middle - p) <= half)
    assert 0.93 < held < 0.97


@equation(
    "eq:nadaraya-watson",
    fingerprint="7cf1181c",
    how="the mean of y given x under a sum of Gaussians about the examples, by quadrature over y",
    formula=lambda q, k, y, tau: F.softmax(-(q - k).square().sum(-1) / (2 * tau**2), dim=0) @ y,
    mutants={
        "distance not squared": lambda q, k, y, tau: F.softmax(-(q - k).norm(dim=-1) / (2 * tau**2), dim=0) @ y,
        "tau for tau^2": lambda q, k, y, tau: F.softmax(-(q - k).square().sum(-1) / (2 * tau), dim=0) @ y,
        "2 lost": lambda q, k, y, tau: F.softmax(-(q - k).square().sum(-1) / tau**2, dim=0) @ y,
        "sign lost: the farthest count": lambda q, k, y, tau: (
            F.softmax((q - k).square().sum(-1) / (2 * tau**2), dim=0) @ y
        ),
        "not divided": lambda q, k, y, tau: (-(q - k).square().sum(-1) / (2 * tau**2)).exp() @ y,
    },
)
def nadaraya_watson(formula):
    k, y, q, tau = normal(6, 2, seed=1), normal(6, seed=2), normal(2, seed=3), 0.7
    grid = torch.linspace(-12, 12, 4801).double()
    bumps = torch.exp(-((grid[:, None] - y) ** 2) / (2 * tau**2))  # (grid, 6)
    near = math.prod(torch.exp(-((q[i] - k[:, i]) ** 2) / (2 * tau**2)) for i in range(2))
    joint = bumps @ near  # the density at (q, y), but for a factor
    close(formula(q, k, y, tau), (grid * joint).sum() / joint.sum(), 1e-7)


@equation(
    "eq:kernel-attention",
    fingerprint="6750d140",
    how="component by component; and torch's attention among keys of equal length, with the scale 1 / tau^2",
    formula=lambda q, k, tau: (q @ k.T / tau**2, k.square().sum(1) / (2 * tau**2), q.square().sum() / (2 * tau**2)),
    mutants={
        "2 lost in the product": lambda q, k, tau: (
            q @ k.T / (2 * tau**2),
            k.square().sum(1) / (2 * tau**2),
            q.square().sum() / (2 * tau**2),
        ),
        "norms not squared": lambda q, k, tau: (
            q @ k.T / tau**2,
            k.norm(dim=1) / (2 * tau**2),
            q.norm() / (2 * tau**2),
        ),
        "norm of the key lost": lambda q, k, tau: (q @ k.T / tau**2, 0 * k[:, 0], q.square().sum() / (2 * tau**2)),
        "tau for tau^2": lambda q, k, tau: (
            q @ k.T / tau,
            k.square().sum(1) / (2 * tau),
            q.square().sum() / (2 * tau),
        ),
    },
)
def kernel_attention(formula):
    q, k, tau = normal(3, seed=1), normal(5, 3, seed=2), 0.7
    product, of_key, of_query = formula(q, k, tau)
    close(
        product - of_key - of_query,
        [-sum((a - b) ** 2 for a, b in zip(q, row, strict=True)) / (2 * tau**2) for row in k],
    )
    k = F.normalize(k, dim=1)
    weights = F.softmax(formula(q, k, tau)[0], dim=0)
    close(weights, F.softmax(-(q - k).square().sum(1) / (2 * tau**2), dim=0))
