"""Checks of the equations of lesson 04_glove_features."""

from collections import Counter
from itertools import product
from math import exp, log, log10, sqrt

import torch
from ledger import close, equation, uniform
from scipy.integrate import quad

TEXTS = [text.split() for text in ("a red star", "a red star above a red cross", "the cross is red and red", "a")]


def _counts(n=5, seed=0):
    """Return whole counts X (n, n), not symmetric, none of them zero."""
    return (uniform(n, n, seed=seed) * 20).floor() + 1


@equation(
    "eq:cooccurrence",
    fingerprint="a34d79ea",
    how="pairs at each distance found by shifting the sentence against itself, and counted both ways round",
    formula=lambda S, L, i, j: sum(
        (s[t] == i) * (s[u] == j) / abs(t - u)
        for s in S
        for t in range(len(s))
        for u in range(len(s))
        if u != t and abs(t - u) <= L
    ),
    mutants={
        "distance not weighed": lambda S, L, i, j: sum(
            (s[t] == i) * (s[u] == j)
            for s in S
            for t in range(len(s))
            for u in range(len(s))
            if u != t and abs(t - u) <= L
        ),
        "right neighbours only": lambda S, L, i, j: sum(
            (s[t] == i) * (s[u] == j) / (u - t)
            for s in S
            for t in range(len(s))
            for u in range(t + 1, min(t + L + 1, len(s)))
        ),
        "window one short": lambda S, L, i, j: sum(
            (s[t] == i) * (s[u] == j) / abs(t - u)
            for s in S
            for t in range(len(s))
            for u in range(len(s))
            if 0 < abs(t - u) < L
        ),
        "square of the distance": lambda S, L, i, j: sum(
            (s[t] == i) * (s[u] == j) / (t - u) ** 2
            for s in S
            for t in range(len(s))
            for u in range(len(s))
            if 0 < abs(t - u) <= L
        ),
        "across the ends of sentences": lambda S, L, i, j: sum(
            (s[t] == i) * (s[u] == j) / abs(t - u)
            for s in [[word for text in S for word in text]]
            for t in range(len(s))
            for u in range(len(s))
            if 0 < abs(t - u) <= L
        ),
    },
)
def cooccurrence(formula):
    words = sorted({word for text in TEXTS for word in text})
    for L in (1, 2, 9):
        at_distance = {k: Counter(pair for s in TEXTS for pair in zip(s, s[k:], strict=False)) for k in range(1, L + 1)}
        for i, j in product(words, repeat=2):
            expected = sum((found[i, j] + found[j, i]) / k for k, found in at_distance.items())
            close(formula(TEXTS, L, i, j), expected)


@equation(
    "eq:cooccurrence-probability",
    fingerprint="5231a891",
    how="every meeting written down as a pair, and the pairs that begin with i counted",
    formula=lambda X, i, k: X[i, k] / sum(X[i, m] for m in range(len(X))),
    mutants={
        "all that k meets": lambda X, i, k: X[i, k] / X[:, k].sum(),
        "share of all pairs": lambda X, i, k: X[i, k] / X.sum(),
        "indices exchanged": lambda X, i, k: X[k, i] / X[i].sum(),
        "divided by both": lambda X, i, k: X[i, k] / (X[i].sum() * X[:, k].sum()),
        "the others for all": lambda X, i, k: X[i, k] / (X[i].sum() - X[i, k]),
    },
)
def cooccurrence_probability(formula):
    X = _counts()
    meetings = [(i, k) for i, k in product(range(5), repeat=2) for _ in range(int(X[i, k]))]
    for i, k in product(range(5), repeat=2):
        of_i = [second for first, second in meetings if first == i]
        close(formula(X, i, k), of_i.count(k) / len(of_i))


def _exact_model():
    """Yield vectors w, w~ from a singular value decomposition of log P, and P and X themselves."""
    X = _counts(seed=1)
    P = X / X.sum(1, keepdim=True)
    U, sizes, V = torch.linalg.svd(P.log())
    return U * sizes, V.T, P, X


@equation(
    "eq:ratio-model",
    fingerprint="4eb8408d",
    how="F = exp and vectors from a singular value decomposition of log P, where it must hold for all i, j, k",
    formula=lambda F, w, v, P, i, j, k: (F((w[i] - w[j]) @ v[k]), P[i, k] / P[j, k]),
    mutants={
        "ratio upside down": lambda F, w, v, P, i, j, k: (F((w[i] - w[j]) @ v[k]), P[j, k] / P[i, k]),
        "sum for difference": lambda F, w, v, P, i, j, k: (F((w[i] + w[j]) @ v[k]), P[i, k] / P[j, k]),
        "difference of probabilities": lambda F, w, v, P, i, j, k: (F((w[i] - w[j]) @ v[k]), P[i, k] - P[j, k]),
        "one kind of vectors": lambda F, w, v, P, i, j, k: (F((w[i] - w[j]) @ w[k]), P[i, k] / P[j, k]),
        "probe in the wrong place": lambda F, w, v, P, i, j, k: (F((w[i] - w[j]) @ v[k]), P[k, i] / P[k, j]),
    },
)
def ratio_model(formula):
    w, v, P, _ = _exact_model()
    for i, j, k in product(range(5), repeat=3):
        left, right = formula(torch.exp, w, v, P, i, j, k)
        close(left, P[i, k] / P[j, k])
        close(right, left)


@equation(
    "eq:exponential",
    fingerprint="160c4309",
    how="F from F(0) = 1 and F' = c F, by small steps of a power series; and 1 + a², a logistic curve, which must fail",
    formula=lambda F, c, a, b: (F(a - b), F(a) / F(b), exp(c * a)),
    mutants={
        "sum for difference": lambda F, c, a, b: (F(a + b), F(a) / F(b), exp(c * a)),
        "product for quotient": lambda F, c, a, b: (F(a - b), F(a) * F(b), exp(c * a)),
        "quotient upside down": lambda F, c, a, b: (F(a - b), F(b) / F(a), exp(c * a)),
        "base 2": lambda F, c, a, b: (F(a - b), F(a) / F(b), 2 ** (c * a)),
        "its beginning only": lambda F, c, a, b: (F(a - b), F(a) / F(b), 1 + c * a),
        "c outside": lambda F, c, a, b: (F(a - b), F(a) / F(b), c * exp(a)),
    },
)
def exponential(formula):
    c, steps = 0.7, 64

    def F(a):
        h = c * a / steps
        return (1 + h + h**2 / 2 + h**3 / 6 + h**4 / 24 + h**5 / 120) ** steps

    for a, b in product((-1.0, 0.0, 0.4, 2.0), repeat=2):
        difference, quotient, closed = formula(F, c, a, b)
        close(difference, F(a - b))
        close(quotient, difference)
        close(closed, F(a))
    for other in (lambda a: 1 + a**2, lambda a: 1 / (1 + exp(-a))):
        difference, quotient, _ = formula(other, c, 2.0, 0.4)
        assert abs(difference - quotient) > 0.1


@equation(
    "eq:log-probability",
    fingerprint="74394eed",
    how="vectors from a singular value decomposition of the logarithm of shares that were counted one by one",
    formula=lambda w, v, P, X, i, k: (w[i] @ v[k], log(P[i, k]), log(X[i, k]) - log(X[i].sum())),
    mutants={
        "plus for minus": lambda w, v, P, X, i, k: (w[i] @ v[k], log(P[i, k]), log(X[i, k]) + log(X[i].sum())),
        "the neighbour's sum": lambda w, v, P, X, i, k: (w[i] @ v[k], log(P[i, k]), log(X[i, k]) - log(X[:, k].sum())),
        "logarithm of the sum lost": lambda w, v, P, X, i, k: (w[i] @ v[k], log(P[i, k]), log(X[i, k]) - X[i].sum()),
        "base 10": lambda w, v, P, X, i, k: (w[i] @ v[k], log10(P[i, k]), log10(X[i, k]) - log10(X[i].sum())),
        "indices exchanged": lambda w, v, P, X, i, k: (w[k] @ v[i], log(P[i, k]), log(X[i, k]) - log(X[i].sum())),
    },
)
def log_probability(formula):
    w, v, P, X = _exact_model()
    for i, k in product(range(5), repeat=2):
        for side in formula(w, v, P, X, i, k):
            close(side, P[i, k].log())


@equation(
    "eq:log-count",
    fingerprint="5acd2faf",
    how="counts made by multiplying a factor for i, one for k, and one exponential for each dimension",
    formula=lambda w_i, v_k, b_i, c_k: sum(w_i * v_k) + b_i + c_k,
    mutants={
        "bias of the neighbour lost": lambda w_i, v_k, b_i, c_k: sum(w_i * v_k) + b_i,
        "bias subtracted": lambda w_i, v_k, b_i, c_k: sum(w_i * v_k) - b_i + c_k,
        "biases multiplied": lambda w_i, v_k, b_i, c_k: sum(w_i * v_k) + b_i * c_k,
        "mean for dot product": lambda w_i, v_k, b_i, c_k: sum(w_i * v_k) / len(w_i) + b_i + c_k,
        "logarithm lost": lambda w_i, v_k, b_i, c_k: exp(sum(w_i * v_k) + b_i + c_k),
    },
)
def log_count(formula):
    w, v = uniform(4, 3) - 0.5, uniform(4, 3, seed=1) - 0.5
    of_i, of_k = uniform(4, seed=2) + 0.1, uniform(4, seed=3) + 2
    for i, k in product(range(4), repeat=2):
        X = of_i[i] * of_k[k]
        for dimension in range(3):
            X = X * exp(w[i, dimension] * v[k, dimension])
        close(formula(w[i], v[k], of_i[i].log(), of_k[k].log()), X.log())


@equation(
    "eq:glove-weight",
    fingerprint="8a8d2e22",
    how="the integral of its slope, alpha x^(alpha - 1) / x_max^alpha below x_max and 0 above",
    formula=lambda x, x_max, alpha: (x / x_max) ** alpha if x < x_max else 1,
    mutants={
        "never stops rising": lambda x, x_max, alpha: (x / x_max) ** alpha,
        "straight line": lambda x, x_max, alpha: x / x_max if x < x_max else 1,
        "power of x alone": lambda x, x_max, alpha: x**alpha / x_max if x < x_max else 1,
        "rare pairs weigh most": lambda x, x_max, alpha: (x_max / x) ** alpha if 0 < x < x_max else 1,
        "frequent pairs dropped": lambda x, x_max, alpha: (x / x_max) ** alpha if x < x_max else 0,
    },
)
def glove_weight(formula):
    for x_max, alpha in ((100, 0.75), (10, 0.5), (3, 2)):
        for x in (0, x_max / 7, x_max / 2, x_max, 5 * x_max):
            # the root of the integrand's place, so that it stays finite at 0
            area = quad(lambda r, a=alpha, m=x_max: 2 * r * a * (r * r) ** (a - 1) / m**a, 0, sqrt(min(x, x_max)))[0]
            close(formula(x, x_max, alpha), area, tolerance=1e-6)


def _objective_case():
    """Return counts X, some of them zero, a weight f, and the parameters w, w~, b, b~ of a model."""
    X = _counts(4, seed=4) * (uniform(4, 4, seed=5) > 0.3)
    return (
        X,
        lambda x: x / (3 + x),
        uniform(4, 2, seed=6),
        uniform(4, 2, seed=7),
        uniform(4, seed=8),
        uniform(4, seed=9),
    )


def _loss(X, f, w, v, b, c):
    """Return the objective by loops over plain numbers."""
    total = 0.0
    for i, row in enumerate(X.tolist()):
        for j, x in enumerate(row):
            if x > 0:
                dot = sum(p * q for p, q in zip(w[i].tolist(), v[j].tolist(), strict=True))
                total += f(x) * (dot + b[i].item() + c[j].item() - log(x)) ** 2
    return total


def _errors(X, w, v, b, c):
    e = w @ v.T + b[:, None] + c - X.clamp(min=1).log()
    return torch.where(X > 0, e, 0)


@equation(
    "eq:glove-objective",
    fingerprint="3872a089",
    how="loops over plain numbers, on counts of which some are zero",
    formula=lambda X, f, w, v, b, c: (f(X) * _errors(X, w, v, b, c) ** 2)[X > 0].sum(),
    mutants={
        "weight lost": lambda X, f, w, v, b, c: (_errors(X, w, v, b, c) ** 2)[X > 0].sum(),
        "square lost": lambda X, f, w, v, b, c: (f(X) * _errors(X, w, v, b, c))[X > 0].sum(),
        "weight inside the square": lambda X, f, w, v, b, c: ((f(X) * _errors(X, w, v, b, c)) ** 2)[X > 0].sum(),
        "zeros as log 1, weight 1": lambda X, f, w, v, b, c: (
            (f(X) * _errors(X, w, v, b, c) ** 2).sum() + ((w @ v.T + b[:, None] + c) ** 2)[X == 0].sum()
        ),
        "bias of the neighbour lost": lambda X, f, w, v, b, c: (f(X) * _errors(X, w, v, b, 0 * c) ** 2)[X > 0].sum(),
        "mean for sum": lambda X, f, w, v, b, c: (f(X) * _errors(X, w, v, b, c) ** 2)[X > 0].mean(),
        "half of it": lambda X, f, w, v, b, c: (f(X) * _errors(X, w, v, b, c) ** 2)[X > 0].sum() / 2,
    },
)
def glove_objective(formula):
    case = _objective_case()
    close(formula(*case), _loss(*case))


@equation(
    "eq:glove-gradient",
    fingerprint="8562f562",
    how="finite differences of half the objective, which is computed by loops",
    formula=lambda f_i, e_i, v, w_i: (sum(f * e * v_j for f, e, v_j in zip(f_i, e_i, v, strict=True)), sum(f_i * e_i)),
    mutants={
        "the 2 kept": lambda f_i, e_i, v, w_i: (2 * (f_i * e_i) @ v, 2 * sum(f_i * e_i)),
        "weight lost": lambda f_i, e_i, v, w_i: (e_i @ v, sum(e_i)),
        "weight in the vectors only": lambda f_i, e_i, v, w_i: ((f_i * e_i) @ v, sum(e_i)),
        "own vector for the neighbour's": lambda f_i, e_i, v, w_i: (sum(f_i * e_i) * w_i, sum(f_i * e_i)),
        "sign": lambda f_i, e_i, v, w_i: (-(f_i * e_i) @ v, -sum(f_i * e_i)),
        "error squared": lambda f_i, e_i, v, w_i: ((f_i * e_i**2) @ v, sum(f_i * e_i**2)),
        "mean for sum": lambda f_i, e_i, v, w_i: ((f_i * e_i) @ v / len(v), sum(f_i * e_i) / len(v)),
    },
)
def glove_gradient(formula):
    X, f, w, v, b, c = _objective_case()
    h = 1e-5
    for i in range(4):
        of_w, of_b = formula(f(X[i]), _errors(X, w, v, b, c)[i], v, w[i])
        for k in range(2):
            step = torch.zeros_like(w)
            step[i, k] = h
            slope = (_loss(X, f, w + step, v, b, c) - _loss(X, f, w - step, v, b, c)) / (2 * h)
            close(of_w[k], slope / 2, tolerance=1e-6)
        step = torch.zeros_like(b)
        step[i] = h
        slope = (_loss(X, f, w, v, b + step, c) - _loss(X, f, w, v, b - step, c)) / (2 * h)
        close(of_b, slope / 2, tolerance=1e-6)


@equation(
    "eq:adagrad",
    fingerprint="737712dd",
    how="constant gradients, where the sum is t (eta g)²; and a running sum kept beside changing gradients",
    formula=lambda theta, eta, g: theta - eta * g[-1] / sqrt(1 + sum((eta * g_tau) ** 2 for g_tau in g)),
    mutants={
        "this gradient left out": lambda theta, eta, g: (
            theta - eta * g[-1] / sqrt(1 + sum((eta * g_tau) ** 2 for g_tau in g[:-1]))
        ),
        "1 lost": lambda theta, eta, g: theta - eta * g[-1] / sqrt(sum((eta * g_tau) ** 2 for g_tau in g)),
        "root lost": lambda theta, eta, g: theta - eta * g[-1] / (1 + sum((eta * g_tau) ** 2 for g_tau in g)),
        "rate outside the sum": lambda theta, eta, g: theta - eta * g[-1] / sqrt(1 + sum(g_tau**2 for g_tau in g)),
        "uphill": lambda theta, eta, g: theta + eta * g[-1] / sqrt(1 + sum((eta * g_tau) ** 2 for g_tau in g)),
        "mean of the squares": lambda theta, eta, g: (
            theta - eta * g[-1] / sqrt(1 + sum((eta * g_tau) ** 2 for g_tau in g) / len(g))
        ),
    },
)
def adagrad(formula):
    for eta, g in ((0.05, 10.0), (0.5, -0.1)):
        theta = 1.0
        for t in range(1, 6):
            theta = formula(theta, eta, [g] * t)
        close(theta, 1 - sum(eta * g / sqrt(1 + t * eta**2 * g**2) for t in range(1, 6)))
    gradients = (uniform(6, seed=3) * 40 - 20).tolist()
    theta, expected, seen = 0.0, 0.0, 1.0
    for t, g in enumerate(gradients, 1):
        theta = formula(theta, 0.1, gradients[:t])
        seen += (0.1 * g) * (0.1 * g)
        expected -= 0.1 * g / seen**0.5
        close(theta, expected)
