"""Checks of the equations of lesson 03_cnn_features."""

# ruff: noqa: E741 - l is the lesson's letter for a column and for a layer

from functools import cache
from itertools import combinations, product
from math import ceil, comb, cos, exp, floor, log, pi, prod, sin, sqrt

import numpy as np
import scipy.optimize
import scipy.signal
import scipy.stats
import torch
from ledger import close, equation, uniform
from torch import nn
from torch.nn import functional as F

from mmgen_course.train import warmup_cosine


def _map(x, w, at, size=None):
    """A map (n, n) of sums over the kernel: `at(x, i, u, j, v)` is what weight (u, v) meets at place (i, j)."""
    k = len(w)
    n = size or len(x) - k + 1
    return torch.stack(
        [
            torch.stack([sum(w[u, v] * at(x, i, u, j, v) for u in range(k) for v in range(k)) for j in range(n)])
            for i in range(n)
        ]
    )


@equation(
    "eq:correlation",
    fingerprint="b08e3daa",
    how="scipy.signal.correlate2d, where the kernel lies wholly inside",
    formula=lambda x, w: _map(x, w, lambda x, i, u, j, v: x[i + u, j + v]),
    mutants={
        "kernel turned round": lambda x, w: _map(x, w.flip(0, 1), lambda x, i, u, j, v: x[i + u, j + v]),
        "rows and columns of the kernel exchanged": lambda x, w: _map(x, w.T, lambda x, i, u, j, v: x[i + u, j + v]),
        "mean for sum": lambda x, w: _map(x, w / w.numel(), lambda x, i, u, j, v: x[i + u, j + v]),
        "kernel does not move": lambda x, w: _map(x, w, lambda x, i, u, j, v: x[u, v]),
        "product of matrices": lambda x, w: torch.stack(
            [torch.stack([(w @ x[i : i + 3, j : j + 3]).sum() for j in range(4)]) for i in range(4)]
        ),
    },
)
def correlation(formula):
    x, w = uniform(6, 6), uniform(3, 3, seed=1)
    close(formula(x, w), scipy.signal.correlate2d(x.numpy(), w.numpy(), mode="valid"))


@equation(
    "eq:convolution",
    fingerprint="cb09cc74",
    how="scipy.signal.convolve2d where the kernel lies inside, and the product of two Fourier transforms",
    formula=lambda x, w: _map(x, w, lambda x, i, u, j, v: x[i + 2 - u, j + 2 - v]),  # from i = j = k - 1 = 2 on
    mutants={
        "cross-correlation": lambda x, w: _map(x, w, lambda x, i, u, j, v: x[i + u, j + v]),
        "turned in one direction only": lambda x, w: _map(x, w, lambda x, i, u, j, v: x[i + 2 - u, j + v]),
        "rows and columns of the kernel exchanged": lambda x, w: _map(
            x, w.T, lambda x, i, u, j, v: x[i + 2 - u, j + 2 - v]
        ),
        "kernel turned once more": lambda x, w: _map(x, w.flip(0, 1), lambda x, i, u, j, v: x[i + 2 - u, j + 2 - v]),
    },
)
def convolution(formula):
    x, w = uniform(6, 6), uniform(3, 3, seed=1)
    close(formula(x, w), scipy.signal.convolve2d(x.numpy(), w.numpy(), mode="valid"))
    spectrum = torch.fft.rfft2(x, (8, 8)) * torch.fft.rfft2(w, (8, 8))  # 8 is long enough that nothing wraps round
    close(formula(x, w), torch.fft.irfft2(spectrum, (8, 8))[2:6, 2:6])


def _matrix(w, size, entry):
    k, n = len(w), size - len(w) + 1
    W = [[entry(w, k, i, j, h, l) for h in range(size) for l in range(size)] for i in range(n) for j in range(n)]
    return torch.tensor(W, dtype=torch.float64)


@equation(
    "eq:unrolled",
    fingerprint="2f121e40",
    how="the matrix of derivatives of torch.nn.functional.conv2d, from autograd",
    formula=lambda w, size: _matrix(
        w, size, lambda w, k, i, j, h, l: w[h - i, l - j] if 0 <= h - i < k and 0 <= l - j < k else 0
    ),
    mutants={
        "transposed": lambda w, size: _matrix(
            w, size, lambda w, k, i, j, h, l: w[l - j, h - i] if 0 <= h - i < k and 0 <= l - j < k else 0
        ),
        "kernel turned round": lambda w, size: _matrix(
            w, size, lambda w, k, i, j, h, l: w.flip(0, 1)[h - i, l - j] if 0 <= h - i < k and 0 <= l - j < k else 0
        ),
        "around the edge": lambda w, size: _matrix(
            w, size, lambda w, k, i, j, h, l: w[(h - i) % k, (l - j) % k] if abs(h - i) < k and abs(l - j) < k else 0
        ),
        "same in every row": lambda w, size: _matrix(
            w, size, lambda w, k, i, j, h, l: w[h, l] if h < k and l < k else 0
        ),
        "last weight left out": lambda w, size: _matrix(
            w, size, lambda w, k, i, j, h, l: w[h - i, l - j] if 0 <= h - i < k - 1 and 0 <= l - j < k - 1 else 0
        ),
    },
)
def unrolled(formula):
    w = uniform(3, 3, seed=1)
    derivatives = torch.autograd.functional.jacobian(lambda x: F.conv2d(x[None], w[None, None])[0], uniform(1, 5, 5))
    close(formula(w, 5), derivatives.reshape(9, 25))


@equation(
    "eq:layer",
    fingerprint="7a4ab9c8",
    how="torch.nn.Conv2d and ReLU; W column by column from its answers to single pixels",
    formula=lambda f, W, x, b: f(W @ x + b),
    mutants={
        "bias after f": lambda f, W, x, b: f(W @ x) + b,
        "bias lost": lambda f, W, x, b: f(W @ x),
        "f lost": lambda f, W, x, b: W @ x + b,
        "f of x first": lambda f, W, x, b: W @ f(x) + b,
        "bias multiplied, too": lambda f, W, x, b: f(W @ (x + x.new_full(x.shape, b[0]))),
    },
)
def layer(formula):
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, 3, stride=2, padding=1).double()
    x = uniform(2, 5, 4) - 0.5
    with torch.no_grad():
        b = conv(torch.zeros(1, 2, 5, 4, dtype=torch.float64)).flatten()
        W = torch.stack([conv(pixel.reshape(1, 2, 5, 4)).flatten() - b for pixel in torch.eye(40).double()], dim=1)
        close(formula(torch.relu, W, x.flatten(), b), conv(x[None]).relu().flatten())


@equation(
    "eq:conv-gradient",
    fingerprint="c8c50009",
    how="central differences of L, weight by weight and pixel by pixel",
    formula=lambda W, g, x, w: (W.T @ g.flatten(), _map(x, g, lambda x, u, i, v, j: x[i + u, j + v])),
    mutants={
        "W for its transpose": lambda W, g, x, w: (
            (W @ x.flatten()).repeat(4)[: x.numel()],
            _map(x, g, lambda x, u, i, v, j: x[i + u, j + v]),
        ),
        "mean over places": lambda W, g, x, w: (
            W.T @ g.flatten(),
            _map(x, g / g.numel(), lambda x, u, i, v, j: x[i + u, j + v]),
        ),
        "picture read backwards": lambda W, g, x, w: (
            W.T @ g.flatten(),
            _map(x.flip(0, 1), g, lambda x, u, i, v, j: x[i + u, j + v]),
        ),
        "one place only": lambda W, g, x, w: (W.T @ g.flatten(), g[0, 0] * x[:3, :3]),
        "kernel turned round in the first": lambda W, g, x, w: (
            F.conv_transpose2d(g[None, None], w.flip(0, 1)[None, None]).flatten(),
            _map(x, g, lambda x, u, i, v, j: x[i + u, j + v]),
        ),
    },
)
def conv_gradient(formula):
    x, w, g = uniform(5, 5), uniform(3, 3, seed=1), uniform(3, 3, seed=2) - 0.5
    W = _matrix(w, 5, lambda w, k, i, j, h, l: w[h - i, l - j] if 0 <= h - i < k and 0 <= l - j < k else 0)

    def slopes(of, loss, step=1e-5):
        nudges = torch.eye(of.numel()).double().reshape(-1, *of.shape) * step
        return torch.stack([(loss(of + nudge) - loss(of - nudge)) / (2 * step) for nudge in nudges])

    def loss(x, w):
        return (g * F.conv2d(x[None, None], w[None, None])[0, 0]).sum()

    to_pixels, to_weights = formula(W, g, x, w)
    close(to_pixels, slopes(x, lambda x: loss(x, w)), tolerance=1e-7)
    close(to_weights, slopes(w, lambda w: loss(x, w)).reshape(3, 3), tolerance=1e-7)


def _conv(x, w, b, s, p, d, row=lambda s, i, d, u, p: s * i + d * u - p, bias=lambda b, k: b[k]):
    """The sums, with 0 for a pixel that does not exist; `row` says which pixel weight u of place i meets."""
    size = [(n + 2 * p - d * (w.shape[2] - 1) - 1) // s + 1 for n in x.shape[1:]]
    y = torch.zeros(len(w), *size, dtype=torch.float64)
    for k, i, j in np.ndindex(*y.shape):
        y[k, i, j] = bias(b, k)
        for c, u, v in np.ndindex(*w.shape[1:]):
            h, l = row(s, i, d, u, p), row(s, j, d, v, p)
            if 0 <= h < x.shape[1] and 0 <= l < x.shape[2]:
                y[k, i, j] += w[k, c, u, v] * x[c, h, l]
    return y


@equation(
    "eq:conv",
    fingerprint="e59f54bb",
    how="torch.nn.functional.conv2d for several strides, paddings and dilations",
    formula=_conv,
    mutants={
        "padding the other way": lambda *options: _conv(*options, row=lambda s, i, d, u, p: s * i + d * u + p),
        "stride and dilation exchanged": lambda *options: _conv(*options, row=lambda s, i, d, u, p: d * i + s * u - p),
        "kernel turned round": lambda x, w, *options: _conv(x, w.flip(2, 3), *options),
        "padding scaled by the stride": lambda *options: _conv(*options, row=lambda s, i, d, u, p: s * (i - p) + d * u),
        "bias for every channel below": lambda x, *options: _conv(x, *options, bias=lambda b, k: len(x) * b[k]),
        "bias lost": lambda *options: _conv(*options, bias=lambda b, k: 0),
    },
)
def conv(formula):
    x, w, b = uniform(2, 6, 5), uniform(3, 2, 2, 2, seed=1), uniform(3, seed=2)
    for s, p, d in ((1, 0, 1), (2, 1, 1), (1, 1, 2), (3, 2, 2)):
        close(formula(x, w, b, s, p, d), F.conv2d(x[None], w, b, s, p, d)[0])


@equation(
    "eq:output-size",
    fingerprint="954fd27e",
    how="places counted one by one, until the last pixel of the window is outside",
    formula=lambda n, k, s, p, d: floor((n + 2 * p - d * (k - 1) - 1) / s) + 1,
    mutants={
        "padding on one side": lambda n, k, s, p, d: floor((n + p - d * (k - 1) - 1) / s) + 1,
        "dilation times k": lambda n, k, s, p, d: floor((n + 2 * p - d * k) / s) + 1,
        "rounded up": lambda n, k, s, p, d: ceil((n + 2 * p - d * (k - 1) - 1) / s) + 1,
        "1 lost at the end": lambda n, k, s, p, d: floor((n + 2 * p - d * (k - 1) - 1) / s),
        "size over stride": lambda n, k, s, p, d: ceil(n / s),
    },
)
def output_size(formula):
    for n, k, s, p, d in product((7, 8, 12), (1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
        start, places = -p, 0
        while start + d * (k - 1) < n + p:
            start, places = start + s, places + 1
        assert formula(n, k, s, p, d) == places


@equation(
    "eq:shift",
    fingerprint="ed28d10b",
    how="a picture without borders, given as a function; both maps summed at many places",
    formula=lambda x, y, s, a, b: (lambda h, l: x(h - s * a, l - s * b), lambda i, j: y(i - a, j - b)),
    mutants={
        "picture moved by a, not s a": lambda x, y, s, a, b: (
            lambda h, l: x(h - a, l - b),
            lambda i, j: y(i - a, j - b),
        ),
        "map moved as far as the picture": lambda x, y, s, a, b: (
            lambda h, l: x(h - s * a, l - s * b),
            lambda i, j: y(i - s * a, j - s * b),
        ),
        "map moved back": lambda x, y, s, a, b: (
            lambda h, l: x(h - s * a, l - s * b),
            lambda i, j: y(i + a, j + b),
        ),
        "rows and columns exchanged": lambda x, y, s, a, b: (
            lambda h, l: x(h - s * a, l - s * b),
            lambda i, j: y(i - b, j - a),
        ),
        "the map stays (invariance)": lambda x, y, s, a, b: (lambda h, l: x(h - s * a, l - s * b), y),
    },
)
def shift(formula):
    w = uniform(3, 3)

    def map_of(x, s):
        return lambda i, j: sum(w[u, v] * x(s * i + u - 1, s * j + v - 1) for u in range(3) for v in range(3))

    def x(h, l):
        return sin(1.3 * h + 0.7 * l) + cos(0.2 * h * l)

    for s, a, b in ((2, 1, -2), (3, 2, 1), (1, 0, 4)):
        moved, predicted = formula(x, map_of(x, s), s, a, b)
        for i, j in product(range(-2, 3), repeat=2):
            close(map_of(moved, s)(i, j), predicted(i, j))


def _field(layers, size, jump):
    r, j = 1, 1
    for k, s, d in layers:
        r, j = size(r, k, d, j, s), jump(j, s)
    return r, j


@equation(
    "eq:receptive-field",
    fingerprint="5249f39c",
    how="gradients of convolutions with positive weights: which pixels two neighbouring units depend on",
    formula=lambda layers: _field(layers, lambda r, k, d, j, s: r + (k - 1) * d * j, lambda j, s: j * s),
    mutants={
        "k for k - 1": lambda layers: _field(layers, lambda r, k, d, j, s: r + k * d * j, lambda j, s: j * s),
        "dilation lost": lambda layers: _field(layers, lambda r, k, d, j, s: r + (k - 1) * j, lambda j, s: j * s),
        "jump lost": lambda layers: _field(layers, lambda r, k, d, j, s: r + (k - 1) * d, lambda j, s: j * s),
        "jump after the layer": lambda layers: _field(
            layers, lambda r, k, d, j, s: r + (k - 1) * d * j * s, lambda j, s: j * s
        ),
        "strides added": lambda layers: _field(
            layers, lambda r, k, d, j, s: r + (k - 1) * d * j, lambda j, s: j + s - 1
        ),
        "fields multiplied": lambda layers: _field(layers, lambda r, k, d, j, s: r * k, lambda j, s: j * s),
    },
)
def receptive_field(formula):
    for layers in ([(3, 1, 1)] * 3, [(3, 2, 1), (3, 2, 1), (2, 1, 3)], [(5, 3, 1), (1, 2, 1), (3, 1, 2)]):
        x = torch.ones(1, 1, 90, dtype=torch.float64, requires_grad=True)
        y = x
        for k, s, d in layers:
            y = F.conv1d(y, torch.ones(1, 1, k).double(), stride=s, dilation=d)
        spans = []
        for unit in (2, 3):
            (gradient,) = torch.autograd.grad(y[0, 0, unit], x, retain_graph=True)
            seen = gradient[0, 0].nonzero().flatten()
            spans.append((seen.min().item(), seen.max().item()))
        (first, last), (following, _) = spans
        assert formula(layers) == (last - first + 1, following - first)


def _spread(layers, term):
    total, j = 0.0, 1
    for k, s, d in layers:
        total, j = total + term(k, d, j), j * s
    return total


@equation(
    "eq:effective-field",
    fingerprint="b33de9ab",
    how="ways from a unit down to each pixel counted by autograd; the variance of their places",
    formula=lambda layers: _spread(layers, lambda k, d, j: (k**2 - 1) / 12 * d**2 * j**2),
    mutants={
        "variance of a continuous box": lambda layers: _spread(layers, lambda k, d, j: k**2 / 12 * d**2 * j**2),
        "dilation not squared": lambda layers: _spread(layers, lambda k, d, j: (k**2 - 1) / 12 * d * j**2),
        "jump lost": lambda layers: _spread(layers, lambda k, d, j: (k**2 - 1) / 12 * d**2),
        "k - 1 squared": lambda layers: _spread(layers, lambda k, d, j: (k - 1) ** 2 / 12 * d**2 * j**2),
        "widths for variances": lambda layers: _spread(layers, lambda k, d, j: sqrt((k**2 - 1) / 12) * d * j) ** 2,
    },
)
def effective_field(formula):
    for layers in ([(3, 1, 1)] * 4, [(3, 2, 1), (5, 1, 2), (2, 3, 1), (3, 1, 1)]):
        x = torch.ones(1, 1, 99, dtype=torch.float64, requires_grad=True)
        y = x
        for k, s, d in layers:
            y = F.conv1d(y, torch.ones(1, 1, k).double(), stride=s, dilation=d)
        (ways,) = torch.autograd.grad(y[0, 0, 1], x)
        share, place = ways[0, 0] / ways.sum(), torch.arange(99).double()
        close(formula(layers), share @ place**2 - (share @ place) ** 2)


@equation(
    "eq:max-pool",
    fingerprint="5556b8e0",
    how="torch.nn.functional.max_pool2d, blocks that touch and blocks that overlap",
    formula=lambda x, k, s: torch.stack(
        [
            torch.stack([x[:, s * i : s * i + k, s * j : s * j + k].amax((1, 2)) for j in range((8 - k) // s + 1)], -1)
            for i in range((8 - k) // s + 1)
        ],
        -2,
    ),
    mutants={
        "mean for maximum": lambda x, k, s: F.avg_pool2d(x, k, s),
        "largest size, whatever the sign": lambda x, k, s: F.max_pool2d(x.abs(), k, s),
        "k for s": lambda x, k, s: F.pad(F.max_pool2d(x, k, k), (0, 9, 0, 9))[
            :, : (8 - k) // s + 1, : (8 - k) // s + 1
        ],
        "one row of the block": lambda x, k, s: F.max_pool2d(x, (1, k), s)[:, : (8 - k) // s + 1, : (8 - k) // s + 1],
        "over channels, too": lambda x, k, s: F.max_pool2d(x, k, s).amax(0, keepdim=True).expand(3, -1, -1),
    },
)
def max_pool(formula):
    x = uniform(3, 8, 8) - 1.2  # almost all below zero
    for k, s in ((2, 2), (3, 2), (3, 1)):
        close(formula(x, k, s), F.max_pool2d(x, k, s))


@equation(
    "eq:global-mean",
    fingerprint="02fc65e3",
    how="torch.nn.AdaptiveAvgPool2d, and Python's sum over lists",
    formula=lambda y: y.sum((1, 2)) / (y.shape[1] * y.shape[2]),
    mutants={
        "sum for mean": lambda y: y.sum((1, 2)),
        "divided by H": lambda y: y.sum((1, 2)) / y.shape[1],
        "divided by H + W": lambda y: y.sum((1, 2)) / (y.shape[1] + y.shape[2]),
        "maximum": lambda y: y.amax((1, 2)),
        "over channels, too": lambda y: y.mean().expand(len(y)),
    },
)
def global_mean(formula):
    y = uniform(3, 4, 6)
    close(formula(y), nn.AdaptiveAvgPool2d(1)(y).flatten())
    close(formula(y), [sum(sum(row) for row in plane) / 24 for plane in y.tolist()])


@equation(
    "eq:cross-entropy",
    fingerprint="405240dd",
    how="torch.nn.functional.cross_entropy; ln K where all logits are equal",
    formula=lambda z, t: -sum(log(exp(z_n[t_n]) / sum(map(exp, z_n))) for z_n, t_n in zip(z, t, strict=True)) / len(z),
    mutants={
        "sign lost": lambda z, t: (
            sum(log(exp(z_n[t_n]) / sum(map(exp, z_n))) for z_n, t_n in zip(z, t, strict=True)) / len(z)
        ),
        "sum for mean": lambda z, t: (
            -sum(log(exp(z_n[t_n]) / sum(map(exp, z_n))) for z_n, t_n in zip(z, t, strict=True))
        ),
        "logarithm to base 2": lambda z, t: (
            -sum(log(exp(z_n[t_n]) / sum(map(exp, z_n)), 2) for z_n, t_n in zip(z, t, strict=True)) / len(z)
        ),
        "logits without exponentials": lambda z, t: (
            -sum(log(z_n[t_n] / sum(z_n)) for z_n, t_n in zip(z, t, strict=True)) / len(z)
        ),
        "normalised over the pictures": lambda z, t: (
            -sum(log(exp(z_n[t_n]) / sum(exp(other[t_n]) for other in z)) for z_n, t_n in zip(z, t, strict=True))
            / len(z)
        ),
        "probability for its logarithm": lambda z, t: (
            -sum(exp(z_n[t_n]) / sum(map(exp, z_n)) for z_n, t_n in zip(z, t, strict=True)) / len(z)
        ),
    },
)
def cross_entropy(formula):
    z, t = (3 * uniform(5, 4)).tolist(), [0, 3, 1, 1, 2]
    close(formula(z, t), F.cross_entropy(torch.tensor(z, dtype=torch.float64), torch.tensor(t)))
    close(formula([[0.7] * 6] * 5, t), log(6))


def _schedule(t, T, rise, fall, r=lambda T: max(1, floor(T / 10))):
    return rise(t, r(T)) if t < r(T) else fall((t - r(T)) / (T - r(T)))


@equation(
    "eq:learning-rate",
    fingerprint="48cf97a7",
    how="what the training loop of the package takes; torch's LinearLR followed by CosineAnnealingLR",
    formula=lambda eta, t, T: eta * _schedule(t, T, lambda t, r: (t + 1) / r, lambda u: (1 + cos(pi * u)) / 2),
    mutants={
        "begins with 0": lambda eta, t, T: eta * _schedule(t, T, lambda t, r: t / r, lambda u: (1 + cos(pi * u)) / 2),
        "falls along a line": lambda eta, t, T: eta * _schedule(t, T, lambda t, r: (t + 1) / r, lambda u: 1 - u),
        "a whole wave": lambda eta, t, T: (
            eta * _schedule(t, T, lambda t, r: (t + 1) / r, lambda u: (1 + cos(2 * pi * u)) / 2)
        ),
        "minus for plus": lambda eta, t, T: (
            eta * _schedule(t, T, lambda t, r: (t + 1) / r, lambda u: (1 - cos(pi * u)) / 2)
        ),
        "one half lost": lambda eta, t, T: eta * _schedule(t, T, lambda t, r: (t + 1) / r, lambda u: 1 + cos(pi * u)),
        "no rise": lambda eta, t, T: eta * (1 + cos(pi * t / T)) / 2,
    },
)
def learning_rate(formula):
    for T in (5, 30, 57):
        close([formula(1, t, T) for t in range(T)], [warmup_cosine(t, T) for t in range(T)])
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.4)
    up = torch.optim.lr_scheduler.LinearLR(optimiser, 1 / 4, 1, total_iters=3)  # 1/4 to 1 in the steps 0 to 3
    down = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=36)
    both = torch.optim.lr_scheduler.SequentialLR(optimiser, [up, down], milestones=[4])
    for t in range(40):
        close(formula(0.4, t, 40), optimiser.param_groups[0]["lr"])
        optimiser.step()
        both.step()


def _planes(x, of):
    return of(x, (0, 2, 3))[:, None, None]


@equation(
    "eq:batch-norm",
    fingerprint="98f29809",
    how="torch.nn.functional.batch_norm in training mode, with a large epsilon",
    formula=lambda x, gamma, beta, eps: (
        gamma[:, None, None]
        * (x - _planes(x, torch.mean))
        / (x.var((0, 2, 3), correction=0)[:, None, None] + eps) ** 0.5
        + beta[:, None, None]
    ),
    mutants={
        "variance for deviation": lambda x, gamma, beta, eps: (
            gamma[:, None, None] * (x - _planes(x, torch.mean)) / (x.var((0, 2, 3), correction=0)[:, None, None] + eps)
            + beta[:, None, None]
        ),
        "epsilon beside the root": lambda x, gamma, beta, eps: (
            gamma[:, None, None]
            * (x - _planes(x, torch.mean))
            / (x.var((0, 2, 3), correction=0)[:, None, None] ** 0.5 + eps)
            + beta[:, None, None]
        ),
        "unbiased variance": lambda x, gamma, beta, eps: (
            gamma[:, None, None] * (x - _planes(x, torch.mean)) / (x.var((0, 2, 3))[:, None, None] + eps) ** 0.5
            + beta[:, None, None]
        ),
        "each picture by itself": lambda x, gamma, beta, eps: F.instance_norm(x, weight=gamma, bias=beta, eps=eps),
        "over channels": lambda x, gamma, beta, eps: F.group_norm(x, 1, gamma, beta, eps),
        "beta scaled, too": lambda x, gamma, beta, eps: (
            gamma[:, None, None]
            * (
                (x - _planes(x, torch.mean)) / (x.var((0, 2, 3), correction=0)[:, None, None] + eps) ** 0.5
                + beta[:, None, None]
            )
        ),
    },
)
def batch_norm(formula):
    x, gamma, beta = uniform(4, 3, 2, 5), 1 + uniform(3, seed=1), uniform(3, seed=2)
    close(formula(x, gamma, beta, 0.1), F.batch_norm(x, None, None, gamma, beta, training=True, eps=0.1))


@equation(
    "eq:running",
    fingerprint="7e5c0e36",
    how="the buffers of torch.nn.BatchNorm2d after three batches",
    formula=lambda mean, v, mu, sigma2, m, M: ((1 - m) * mean + m * mu, (1 - m) * v + m * M / (M - 1) * sigma2),
    mutants={
        "shares exchanged": lambda mean, v, mu, sigma2, m, M: (
            m * mean + (1 - m) * mu,
            m * v + (1 - m) * M / (M - 1) * sigma2,
        ),
        "biased variance": lambda mean, v, mu, sigma2, m, M: ((1 - m) * mean + m * mu, (1 - m) * v + m * sigma2),
        "corrected the wrong way": lambda mean, v, mu, sigma2, m, M: (
            (1 - m) * mean + m * mu,
            (1 - m) * v + m * (M - 1) / M * sigma2,
        ),
        "the last batch only": lambda mean, v, mu, sigma2, m, M: (mu, M / (M - 1) * sigma2),
        "deviation for variance": lambda mean, v, mu, sigma2, m, M: (
            (1 - m) * mean + m * mu,
            (1 - m) * v + m * (M / (M - 1) * sigma2) ** 0.5,
        ),
        "old value not reduced": lambda mean, v, mu, sigma2, m, M: (mean + m * mu, v + m * M / (M - 1) * sigma2),
    },
)
def running(formula):
    norm = nn.BatchNorm2d(3, momentum=0.3).double()
    mean, v = torch.zeros(3).double(), torch.ones(3).double()
    for seed in range(3):
        x = 2 * uniform(2, 3, 2, 2, seed=seed)
        norm(x)
        mu = x.mean((0, 2, 3))
        mean, v = formula(mean, v, mu, (x - mu[:, None, None]).square().mean((0, 2, 3)), 0.3, 8)
    close(mean, norm.running_mean)
    close(v, norm.running_var)


@equation(
    "eq:scale-free",
    fingerprint="cd673d56",
    how="torch.nn.functional.batch_norm of values scaled and shifted, with a tiny epsilon",
    formula=lambda a, c, bn: (lambda x: bn(a * x + c), bn),
    mutants={
        "the scale comes through": lambda a, c, bn: (lambda x: bn(a * x + c), lambda x: a * bn(x)),
        "the shift comes through": lambda a, c, bn: (lambda x: bn(a * x + c), lambda x: bn(x) + c),
        "both come through": lambda a, c, bn: (lambda x: bn(a * x + c), lambda x: a * bn(x) + c),
        "for a square, too": lambda a, c, bn: (lambda x: bn(a * x**2 + c), bn),
        "for a negative scale, too": lambda a, c, bn: (lambda x: bn(-a * x + c), bn),
    },
)
def scale_free(formula):
    x = uniform(4, 3, 2, 5)
    for a, c in ((7, 5), (0.1, -3)):
        left, right = formula(a, c, lambda x: F.batch_norm(x, None, None, training=True, eps=1e-15))
        close(left(x), right(x))


def _tower(shortcut):
    """Three layers, their matrices of derivatives, the gradient at the top and, from autograd, at the bottom."""
    weights = 2 * uniform(3, 4, 4) - 1
    x = uniform(4, seed=1).requires_grad_()
    y, J = x, []
    for weight in weights:
        z = torch.tanh(weight @ y)
        J.append(torch.diag(1 - z.detach() ** 2) @ weight)
        y = z + y if shortcut else z
    g = uniform(4, seed=2)
    return J, g, torch.autograd.grad(y @ g, x)[0]


@equation(
    "eq:plain-gradient",
    fingerprint="ab7eb7ed",
    how="autograd through three layers; their derivatives by hand",
    formula=lambda J, g: J[0].T @ J[1].T @ J[2].T @ g,
    mutants={
        "order turned round": lambda J, g: J[2].T @ J[1].T @ J[0].T @ g,
        "transposition lost": lambda J, g: J[0] @ J[1] @ J[2] @ g,
        "sum for product": lambda J, g: (J[0] + J[1] + J[2]).T @ g,
        "bottom layer left out": lambda J, g: J[1].T @ J[2].T @ g,
        "whole product transposed twice": lambda J, g: J[2] @ J[1] @ J[0] @ g,
    },
)
def plain_gradient(formula):
    J, g, at_bottom = _tower(shortcut=False)
    close(formula(J, g), at_bottom)


@equation(
    "eq:residual",
    fingerprint="581096d8",
    how="exact model: with F_l(x) = h f(x) it is Euler's method, which follows dx/dt = -x to exp(-1)",
    formula=lambda x, f: x + f(x),
    mutants={
        "shortcut lost": lambda x, f: f(x),
        "minus for plus": lambda x, f: x - f(x),
        "product": lambda x, f: x * f(x),
        "layer of the sum": lambda x, f: f(x + x),
        "mean of the two": lambda x, f: (x + f(x)) / 2,
    },
)
def residual(formula):
    x, D = 1.0, 2000
    for _ in range(D):
        x = formula(x, lambda x: -x / D)
    close(x, exp(-1), tolerance=1e-3)


@equation(
    "eq:residual-gradient",
    fingerprint="41f38fc1",
    how="autograd through three layers with shortcuts, for the product and for the sum over all choices of layers",
    formula=lambda J, g: (
        (torch.eye(4) + J[0]).T @ (torch.eye(4) + J[1]).T @ (torch.eye(4) + J[2]).T @ g,
        sum(_chain([J[l] for l in layers], g) for n in range(4) for layers in combinations(range(3), n)),
    ),
    mutants={
        "identity lost": lambda J, g: (J[0].T @ J[1].T @ J[2].T @ g, _chain(J, g)),
        "first order only": lambda J, g: (
            (torch.eye(4) + J[0]).T @ (torch.eye(4) + J[1]).T @ (torch.eye(4) + J[2]).T @ g,
            g + sum(one.T @ g for one in J),
        ),
        "order turned round": lambda J, g: (
            (torch.eye(4) + J[2]).T @ (torch.eye(4) + J[1]).T @ (torch.eye(4) + J[0]).T @ g,
            sum(_chain([J[l] for l in layers], g) for n in range(4) for layers in combinations(range(3), n)),
        ),
        "identity once, at the end": lambda J, g: (
            g + _chain(J, g),
            sum(_chain([J[l] for l in layers], g) for n in range(4) for layers in combinations(range(3), n)),
        ),
        "pairs counted twice": lambda J, g: (
            (torch.eye(4) + J[0]).T @ (torch.eye(4) + J[1]).T @ (torch.eye(4) + J[2]).T @ g,
            sum(
                comb(n, 2) // 1 * _chain([J[l] for l in layers], g) if n > 1 else _chain([J[l] for l in layers], 2 * g)
                for n in range(4)
                for layers in combinations(range(3), n)
            ),
        ),
    },
)
def residual_gradient(formula):
    J, g, at_bottom = _tower(shortcut=True)
    for side in formula(J, g):
        close(side, at_bottom)


def _chain(J, g):
    for one in reversed(J):
        g = one.T @ g
    return g


@equation(
    "eq:zero-errors",
    fingerprint="e78b47fc",
    how="scipy.stats.beta, the exact interval of Clopper and Pearson; the approximations within 1 % for n = 1000",
    formula=lambda alpha, n: (1 - alpha ** (1 / n), -log(alpha) / n, 3 / n),
    mutants={
        "alpha for 1 - alpha": lambda alpha, n: (1 - (1 - alpha) ** (1 / n), -log(1 - alpha) / n, 3 / n),
        "n for 1 / n": lambda alpha, n: (1 - alpha**n, -log(alpha) / n, 3 / n),
        "sign lost": lambda alpha, n: (1 - alpha ** (1 / n), log(alpha) / n, 3 / n),
        "logarithm to base 10": lambda alpha, n: (1 - alpha ** (1 / n), -log(alpha, 10) / n, 3 / n),
        "one for three": lambda alpha, n: (1 - alpha ** (1 / n), -log(alpha) / n, 1 / n),
        "two sides": lambda alpha, n: (1 - (alpha / 2) ** (1 / n), -log(alpha / 2) / n, 3 / n),
    },
)
def zero_errors(formula):
    exact, by_logarithm, three = formula(0.05, 1000)
    close(exact, scipy.stats.beta.ppf(1 - 0.05, 1, 1000))  # no error seen: Beta(1, n)
    close(by_logarithm / exact, 1, tolerance=0.01)
    close(three / exact, 1, tolerance=0.01)
    close(formula(0.2, 40)[0], scipy.stats.beta.ppf(0.8, 1, 40))


def _ends(p, n, z, middle, root, scale):
    return [(middle(p, n, z) + sign * z * sqrt(root(p, n, z))) / scale(n, z) for sign in (-1, 1)]


@equation(
    "eq:wilson",
    fingerprint="bb68ccd6",
    how="the two solutions of (p^ - p)^2 = z^2 p (1 - p) / n found by bisection, and scipy.stats.binomtest",
    formula=lambda p, n, z: _ends(
        p,
        n,
        z,
        lambda p, n, z: p + z**2 / (2 * n),
        lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n**2),
        lambda n, z: 1 + z**2 / n,
    ),
    mutants={
        "the textbook's interval": lambda p, n, z: _ends(
            p, n, z, lambda p, n, z: p, lambda p, n, z: p * (1 - p) / n, lambda n, z: 1
        ),
        "not divided": lambda p, n, z: _ends(
            p,
            n,
            z,
            lambda p, n, z: p + z**2 / (2 * n),
            lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n**2),
            lambda n, z: 1,
        ),
        "n for n squared": lambda p, n, z: _ends(
            p,
            n,
            z,
            lambda p, n, z: p + z**2 / (2 * n),
            lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n),
            lambda n, z: 1 + z**2 / n,
        ),
        "middle not moved": lambda p, n, z: _ends(
            p,
            n,
            z,
            lambda p, n, z: p,
            lambda p, n, z: p * (1 - p) / n + z**2 / (4 * n**2),
            lambda n, z: 1 + z**2 / n,
        ),
        "z not squared": lambda p, n, z: _ends(
            p,
            n,
            z,
            lambda p, n, z: p + z / (2 * n),
            lambda p, n, z: p * (1 - p) / n + z / (4 * n**2),
            lambda n, z: 1 + z / n,
        ),
    },
)
def wilson(formula):
    z = 1.96
    for errors, n in ((3, 50), (20, 40), (49, 50)):
        p = errors / n

        def excess(q, p=p, n=n):
            return (p - q) ** 2 - z**2 * q * (1 - q) / n

        close(formula(p, n, z), [scipy.optimize.brentq(excess, 0, p), scipy.optimize.brentq(excess, p, 1)])
    exact_z = scipy.stats.norm.ppf(0.975)
    interval = scipy.stats.binomtest(0, 30).proportion_ci(0.95, method="wilson")
    close(formula(0, 30, exact_z), [interval.low, interval.high])


@equation(
    "eq:classifier-error",
    fingerprint="75cb6898",
    how="all answers on six pictures, right and wrong in every way: the bound holds, and is reached",
    formula=lambda m_hat, m, epsilon: (abs(m_hat - m) <= epsilon, abs(m_hat - m) == epsilon),
    mutants={
        "equality": lambda m_hat, m, epsilon: (abs(m_hat - m) == epsilon, abs(m_hat - m) == epsilon),
        "sizes exchanged": lambda m_hat, m, epsilon: (abs(m_hat - m) >= epsilon, abs(m_hat - m) == epsilon),
        "the classifier only overrates": lambda m_hat, m, epsilon: (0 <= m_hat - m <= epsilon, m_hat - m == epsilon),
        "half of it": lambda m_hat, m, epsilon: (2 * abs(m_hat - m) <= epsilon, 2 * abs(m_hat - m) == epsilon),
        "twice as loose": lambda m_hat, m, epsilon: (
            abs(m_hat - m) <= 2 * epsilon,
            epsilon > 0 and abs(m_hat - m) == 2 * epsilon,
        ),
    },
)
def classifier_error(formula):
    tight = False
    for truth, verdict in product(product((0, 1), repeat=6), repeat=2):
        wrong = sum(t != v for t, v in zip(truth, verdict, strict=True))
        holds, reached = formula(sum(verdict), sum(truth), wrong)  # numbers of pictures, not shares: exact
        assert holds
        tight = tight or (reached and wrong > 2)
    assert tight


@cache
def _resnet():
    """The last layer of a ResNet-18 with random weights, and what goes in and comes out of it for a random picture."""
    from torchvision.models import resnet18
    from torchvision.models.feature_extraction import create_feature_extractor

    torch.manual_seed(0)
    network = resnet18().double().eval()
    nn.init.uniform_(network.fc.bias, -1, 1)
    with torch.no_grad():
        return network.fc, create_feature_extractor(network, ["flatten", "fc"])(uniform(1, 3, 32, 32))


@equation(
    "eq:classifier",
    fingerprint="ba76c393",
    how="torchvision's ResNet-18 with random weights: its output, and its layer before the last",
    formula=lambda V, h, c: (V @ h + c, V.shape),
    mutants={
        "bias lost": lambda V, h, c: (V @ h, V.shape),
        "softmax taken": lambda V, h, c: ((V @ h + c).softmax(0), V.shape),
        "a ReLU behind it": lambda V, h, c: ((V @ h + c).relu(), V.shape),
        "features normalised first": lambda V, h, c: (V @ F.normalize(h, dim=0) + c, V.shape),
        "sizes exchanged": lambda V, h, c: (V @ h + c, V.T.shape),
    },
)
def classifier(formula):
    last, out = _resnet()
    with torch.no_grad():
        z, shape = formula(last.weight, out["flatten"][0], last.bias)
    close(z, out["fc"][0])
    assert prod(shape) == 512_000
    assert tuple(shape) == (1000, 512)
