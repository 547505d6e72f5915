"""Checks of the equations of lesson 01_images."""

from fractions import Fraction
from math import floor, pi, sin

import numpy as np
import scipy.fft
import sympy
import torch
from einops import rearrange
from ledger import close, equation, uniform
from torch.nn.functional import batch_norm, interpolate


@equation(
    "eq:to-tensor",
    fingerprint="73f57547",
    how="a slow loop over fractions",
    formula=lambda p: rearrange(p, "i j c -> c i j") / 255,
    mutants={
        "256 for 255": lambda p: rearrange(p, "i j c -> c i j") / 256,
        "axes reshaped, not moved": lambda p: p.reshape(3, *p.shape[:2]) / 255,
        "rows and columns exchanged": lambda p: rearrange(p, "i j c -> c j i") / 255,
        "axes not moved": lambda p: p / 255,
        "whole-number division": lambda p: rearrange(p, "i j c -> c i j") // 255,
    },
)
def to_tensor(formula):
    for height, width in ((2, 5), (4, 4)):
        p = (256 * uniform(height, width, 3)).byte()
        value = [
            [[float(Fraction(p[i, j, c].item(), 255)) for j in range(width)] for i in range(height)] for c in range(3)
        ]
        close(formula(p), value, tolerance=1e-7)


@equation(
    "eq:to-bytes",
    fingerprint="f18144d2",
    how="all 256 bytes there and back, and values between them against the nearest of the 256 levels",
    formula=lambda x: rearrange((255 * x).round(), "c i j -> i j c"),
    mutants={
        "cut off for round": lambda x: rearrange((255 * x).floor(), "c i j -> i j c"),
        "rounded up": lambda x: rearrange((255 * x).ceil(), "c i j -> i j c"),
        "256 for 255": lambda x: rearrange((256 * x).round(), "c i j -> i j c"),
        "rounded before the stretch": lambda x: rearrange(255 * x.round(), "c i j -> i j c"),
        "axes reshaped, not moved": lambda x: (255 * x).round().reshape(*x.shape[1:], 3),
    },
)
def to_bytes(formula):
    p = torch.arange(3 * 256).reshape(16, 16, 3) % 256
    close(formula(rearrange(p / 255, "i j c -> c i j")), p)
    x = uniform(3, 4, 5)
    nearest = (torch.arange(256) / 255 - x[..., None]).abs().argmin(dim=-1)
    close(formula(x), rearrange(nearest, "c i j -> i j c"))


@equation(
    "eq:normalise",
    fingerprint="0fb883ef",
    how="mean 0 and standard deviation 1 with a channel's own numbers; torch.nn.functional.batch_norm with others",
    formula=lambda x, mu, sigma: (x - mu) / sigma,
    mutants={
        "mean added": lambda x, mu, sigma: (x + mu) / sigma,
        "sigma squared for sigma": lambda x, mu, sigma: (x - mu) / sigma**2,
        "multiplied by sigma": lambda x, mu, sigma: (x - mu) * sigma,
        "divided before the mean is subtracted": lambda x, mu, sigma: x / sigma - mu,
        "mu and sigma exchanged": lambda x, mu, sigma: (x - sigma) / mu,
    },
)
def normalise(formula):
    x = uniform(3, 8, 8)
    z = formula(x, x.mean((1, 2), keepdim=True), x.std((1, 2), correction=0, keepdim=True))
    close(z.mean((1, 2)), [0, 0, 0])
    close(z.square().mean((1, 2)), [1, 1, 1])
    mu, sigma = uniform(3, seed=1), uniform(3, seed=2)
    close(formula(x, mu[:, None, None], sigma[:, None, None]), batch_norm(x[None], mu, sigma.square(), eps=0)[0])


@equation(
    "eq:denormalise",
    fingerprint="4120628d",
    how="sympy solves the normalised value for x",
    formula=lambda z, mu, sigma: sigma * z + mu,
    mutants={
        "mean subtracted": lambda z, mu, sigma: sigma * z - mu,
        "mean added before the stretch": lambda z, mu, sigma: sigma * (z + mu),
        "divided by sigma": lambda z, mu, sigma: z / sigma + mu,
        "sigma squared for sigma": lambda z, mu, sigma: sigma**2 * z + mu,
    },
)
def denormalise(formula):
    x, z, mu, sigma = sympy.symbols("x z mu sigma", positive=True)
    (solution,) = sympy.solve(sympy.Eq(z, (x - mu) / sigma), x)
    assert sympy.simplify(formula(z, mu, sigma) - solution) == 0


@equation(
    "eq:bowl",
    fingerprint="b40f5ff9",
    how="autograd: second derivatives of the mean loss over 50 random pixels",
    formula=lambda mu, sigma: [[mu**2 + sigma**2, mu], [mu, 1]],
    mutants={
        "sigma for sigma squared": lambda mu, sigma: [[mu**2 + sigma, mu], [mu, 1]],
        "variance for the mean of the square": lambda mu, sigma: [[sigma**2, mu], [mu, 1]],
        "mu squared subtracted": lambda mu, sigma: [[sigma**2 - mu**2, mu], [mu, 1]],
        "1/2 of the loss lost": lambda mu, sigma: [[2 * (mu**2 + sigma**2), 2 * mu], [2 * mu, 2]],
        "w and b exchanged": lambda mu, sigma: [[1, mu], [mu, mu**2 + sigma**2]],
    },
)
def bowl(formula):
    for scale in (1, 255):
        x, y = scale * uniform(50), uniform(50, seed=1)

        def loss(w, b, x=x, y=y):
            return ((w * x + b - y) ** 2 / 2).mean()

        H = torch.autograd.functional.hessian(loss, (torch.tensor(0.3).double(), torch.tensor(-0.2).double()))
        mu, sigma = x.mean().item(), x.std(correction=0).item()
        close(formula(mu, sigma), [[entry.item() for entry in row] for row in H])


@equation(
    "eq:valley",
    fingerprint="b8eb5315",
    how="the worst part left by one step on a random bowl, smallest over 4,001 step sizes",
    formula=lambda kappa: (kappa - 1) / (kappa + 1),
    mutants={
        "square root of kappa, as with momentum": lambda kappa: (kappa**0.5 - 1) / (kappa**0.5 + 1),
        "step of one over the largest eigenvalue": lambda kappa: 1 - 1 / kappa,
        "upside down": lambda kappa: (kappa + 1) / (kappa - 1),
        "squared, as for the loss": lambda kappa: ((kappa - 1) / (kappa + 1)) ** 2,
        "1/kappa for kappa": lambda kappa: (1 / kappa - 1) / (1 / kappa + 1),
    },
)
def valley(formula):
    axes = torch.linalg.qr(uniform(2, 2)).Q
    for kappa in (8.0, 2.0, 1.0):
        H = 3 * axes @ torch.tensor([[kappa, 0], [0, 1]]).double() @ axes.T
        sizes = torch.linspace(0, 2 / 3, 4001, dtype=torch.float64)  # of a step
        left = torch.linalg.matrix_norm(torch.eye(2) - sizes[:, None, None] * H, ord=2)
        close(formula(kappa), left.min(), tolerance=0.005)


@equation(
    "eq:twice",
    fingerprint="59172fd0",
    how="torch.nn.functional.batch_norm with mean 1/2 and variance 1/4, applied twice; both sides",
    formula=lambda z, x: ((z - 1 / 2) / (1 / 2), 4 * x - 3),
    mutants={
        "the second mean not stretched": lambda z, x: ((z - 1 / 2) / (1 / 2), 4 * x - 2),
        "normalised once": lambda z, x: ((z - 1 / 2) / (1 / 2), 2 * x - 1),
        "two offsets added up": lambda z, x: ((z - 1 / 2) / (1 / 2), 2 * x - 2),
        "multiplied by 1/2": lambda z, x: ((z - 1 / 2) * (1 / 2), 4 * x - 3),
    },
)
def twice(formula):
    x = uniform(3, 4, 4)
    half, quarter = torch.full((3,), 0.5).double(), torch.full((3,), 0.25).double()
    z = batch_norm(x[None], half, quarter, eps=0)
    z_again = batch_norm(z, half, quarter, eps=0)
    for side in formula(z[0], x):
        close(side, z_again[0])


@equation(
    "eq:centre",
    fingerprint="1a0f85b4",
    how="middle of the part of the old line that falls to new pixel i, by fractions; a ramp resized by torch",
    formula=lambda i, n, m: (i + 1 / 2) * n / m,
    mutants={
        "1/2 lost": lambda i, n, m: i * n / m,
        "1/2 of an old pixel": lambda i, n, m: i * n / m + 1 / 2,
        "corners aligned": lambda i, n, m: i * (n - 1) / (m - 1) + 1 / 2,
        "m/n for n/m": lambda i, n, m: (i + 1 / 2) * m / n,
        "counted from 1": lambda i, n, m: (i - 1 / 2) * n / m,
    },
)
def centre(formula):
    for n, m in ((20, 5), (7, 3), (3, 8)):
        for i in range(m):
            close(formula(i, n, m), float((Fraction(i * n, m) + Fraction((i + 1) * n, m)) / 2))
    ramp = torch.arange(20).double() + 0.5  # the place of each pixel is its value
    small = interpolate(ramp[None, None], size=5, mode="linear", align_corners=False)[0, 0]
    close([formula(i, 20, 5) for i in range(5)], small)


@equation(
    "eq:triangle",
    fingerprint="345582b7",
    how="overlap of two windows of width r, one about each centre, as a share of r",
    formula=lambda j, c_i, r: max(0, 1 - abs(j + 1 / 2 - c_i) / r),
    mutants={
        "1/2 lost": lambda j, c_i, r: max(0, 1 - abs(j - c_i) / r),
        "min for max": lambda j, c_i, r: min(0, 1 - abs(j + 1 / 2 - c_i) / r),
        "reach for half the reach": lambda j, c_i, r: max(0, 1 - 2 * abs(j + 1 / 2 - c_i) / r),
        "reach lost": lambda j, c_i, r: max(0, 1 - abs(j + 1 / 2 - c_i)),
        "absolute value lost": lambda j, c_i, r: max(0, 1 - (j + 1 / 2 - c_i) / r),
        "box for triangle": lambda j, c_i, r: float(abs(j + 1 / 2 - c_i) < r),
    },
)
def triangle(formula):
    for r in (1, 2.5, 4):
        for c_i in (2.0, 3.7, 10.5):
            for j in range(20):
                left, right = sorted((c_i, j + 0.5))  # one window ends at left + r/2, the other begins at right - r/2
                overlap = max(0, (left + r / 2) - (right - r / 2))
                close(formula(j, c_i, r), overlap / r)


def _triangles(n, m):
    """The weights of n old pixels in m new ones, with the reach that resizing libraries take."""
    r = max(1, n / m)
    return torch.tensor(
        [[max(0, 1 - abs(j + 0.5 - (i + 0.5) * n / m) / r) for j in range(n)] for i in range(m)], dtype=torch.float64
    )


@equation(
    "eq:resize-line",
    fingerprint="9aba8859",
    how="torch's antialiased resizing of a line, smaller, larger and of the same length",
    formula=lambda w, x: torch.einsum("ij,j->i", w / torch.einsum("ik->i", w)[:, None], x),
    mutants={
        "normaliser lost": lambda w, x: w @ x,
        "summed over new pixels, not old": lambda w, x: (w / w.sum(0, keepdim=True).clamp(min=1e-9)) @ x,
        "divided by the number of pixels": lambda w, x: (w / w.shape[1]) @ x,
        "divided by the largest weight": lambda w, x: (w / w.amax(1, keepdim=True)) @ x,
        "one normaliser for all": lambda w, x: (w / w.sum() * len(w)) @ x,
    },
)
def resize_line(formula):
    for n, m in ((20, 5), (17, 6), (5, 9), (6, 6)):
        x = uniform(n)
        resized = interpolate(x[None, None, None], size=(1, m), mode="bilinear", antialias=True)[0, 0, 0]
        close(formula(_triangles(n, m), x), resized, tolerance=1e-6)


@equation(
    "eq:resize-image",
    fingerprint="6d09aa02",
    how="a slow loop over four indices, square and not",
    formula=lambda A, X, B: A @ X @ B.T,
    mutants={
        "transpose lost": lambda A, X, B: A @ X @ B,
        "A and B exchanged": lambda A, X, B: B @ X @ A.T,
        "A transposed, not B": lambda A, X, B: A.T @ X @ B,
        "X transposed": lambda A, X, B: A @ X.T @ B.T,
        "rows only": lambda A, X, B: A @ X,
    },
)
def resize_image(formula):
    for h, H, w, W in ((4, 4, 4, 4), (2, 5, 3, 4)):
        A, X, B = uniform(h, H), uniform(H, W, seed=1), uniform(w, W, seed=2)
        Y = [
            [sum(A[a, i] * X[i, j] * B[b, j] for i in range(H) for j in range(W)).item() for b in range(w)]
            for a in range(h)
        ]
        close(formula(A, X, B), Y)


@equation(
    "eq:alias",
    fingerprint="b608f3d8",
    how="123 waves of 245 pixels, every fifth kept: the kept values, and the peak of their Fourier transform",
    formula=lambda f, s, i: (
        torch.cos(2 * pi * f * s * i),
        torch.cos(2 * pi * abs(f * s - round(f * s)) * i),
        abs(f * s - round(f * s)),
    ),
    mutants={
        "cut off for round": lambda f, s, i: (
            torch.cos(2 * pi * f * s * i),
            torch.cos(2 * pi * (f * s - floor(f * s)) * i),
            f * s - floor(f * s),
        ),
        "absolute value lost": lambda f, s, i: (
            torch.cos(2 * pi * f * s * i),
            torch.cos(2 * pi * (f * s - round(f * s)) * i),
            f * s - round(f * s),
        ),
        "step lost": lambda f, s, i: (
            torch.cos(2 * pi * f * i),
            torch.cos(2 * pi * abs(f - round(f)) * i),
            abs(f - round(f)),
        ),
        "2 pi lost": lambda f, s, i: (
            torch.cos(f * s * i),
            torch.cos(abs(f * s - round(f * s)) * i),
            abs(f * s - round(f * s)),
        ),
        "half turns dropped, not whole ones": lambda f, s, i: (
            torch.cos(2 * pi * f * s * i),
            torch.cos(2 * pi * abs(f * s - round(2 * f * s) / 2) * i),
            abs(f * s - round(2 * f * s) / 2),
        ),
    },
)
def alias(formula):
    n, s = 245, 5
    for periods in range(123):
        seen = torch.cos(2 * pi * periods / n * torch.arange(n).double())[::s]
        left, right, apparent = formula(periods / n, s, torch.arange(n // s).double())
        close(left, seen)
        close(right, seen)
        close(apparent, torch.fft.rfft(seen).abs().argmax() / len(seen), tolerance=1e-6)


@equation(
    "eq:nyquist",
    fingerprint="61488ec2",
    how="121 waves of 240 pixels shrunk to 48: both sides hold just where a Fourier transform finds f s again",
    formula=lambda f, s, n, m: (f * s <= Fraction(1, 2), f <= Fraction(m, 2 * n)),
    mutants={
        "1/2 lost on the right": lambda f, s, n, m: (f * s <= Fraction(1, 2), f <= Fraction(m, n)),
        "one period for one half": lambda f, s, n, m: (f * s <= 1, f <= Fraction(m, n)),
        "n and m exchanged": lambda f, s, n, m: (f * s <= Fraction(1, 2), f <= Fraction(n, 2 * m)),
        "at least for at most": lambda f, s, n, m: (f * s >= Fraction(1, 2), f >= Fraction(m, 2 * n)),
        "the limit itself left out": lambda f, s, n, m: (f * s < Fraction(1, 2), f < Fraction(m, 2 * n)),
    },
)
def nyquist(formula):
    n, m = 240, 48
    s = n // m
    for periods in range(n // 2 + 1):
        seen = torch.cos(2 * pi * periods / n * torch.arange(n).double())[::s]
        found = Fraction(torch.fft.rfft(seen).abs().argmax().item(), m)  # periods a new pixel
        f = Fraction(periods, n)
        kept = found == f * s
        assert formula(f, s, n, m) == (kept, kept)


@equation(
    "eq:strength",
    fingerprint="d7064d85",
    how="quadrature of the left side; both against the mean over a window of width r, taken twice",
    formula=lambda f, r, integral: (
        integral(lambda t: 1 / r * (1 - abs(t) / r) * torch.cos(2 * pi * f * t), -r, r),
        (sin(pi * f * r) / (pi * f * r)) ** 2,
    ),
    mutants={
        "square lost": lambda f, r, integral: (
            integral(lambda t: 1 / r * (1 - abs(t) / r) * torch.cos(2 * pi * f * t), -r, r),
            sin(pi * f * r) / (pi * f * r),
        ),
        "pi lost": lambda f, r, integral: (
            integral(lambda t: 1 / r * (1 - abs(t) / r) * torch.cos(2 * pi * f * t), -r, r),
            (sin(f * r) / (f * r)) ** 2,
        ),
        "2 pi for pi": lambda f, r, integral: (
            integral(lambda t: 1 / r * (1 - abs(t) / r) * torch.cos(2 * pi * f * t), -r, r),
            (sin(2 * pi * f * r) / (2 * pi * f * r)) ** 2,
        ),
        "area of the triangle not one": lambda f, r, integral: (
            integral(lambda t: (1 - abs(t) / r) * torch.cos(2 * pi * f * t), -r, r),
            (sin(pi * f * r) / (pi * f * r)) ** 2,
        ),
        "one side of the triangle": lambda f, r, integral: (
            integral(lambda t: 1 / r * (1 - abs(t) / r) * torch.cos(2 * pi * f * t), 0, r),
            (sin(pi * f * r) / (pi * f * r)) ** 2,
        ),
    },
)
def strength(formula):
    def integral(integrand, low, high):
        t = torch.linspace(low, high, 20_001, dtype=torch.float64)
        return torch.trapezoid(integrand(t), t)

    window = (torch.arange(500).double() + 0.5) / 500 - 0.5
    for f in (0.11, 0.5, 1.3):
        for r in (1, 2.5):
            places = r * (window[:, None] + window)  # (500, 500), a mean of means
            for side in formula(f, r, integral):
                close(side, torch.cos(2 * pi * f * places).mean(), tolerance=1e-4)


@equation(
    "eq:cosine",
    fingerprint="1ccda779",
    how="rows of length one at right angles; the discrete cosine transform of scipy",
    formula=lambda k, j, n: (2 / n) ** 0.5 * np.cos(pi * k / n * (j + 1 / 2)) if k else (1 / n) ** 0.5,
    mutants={
        "1/2 lost": lambda k, j, n: (2 / n) ** 0.5 * np.cos(pi * k / n * j) if k else (1 / n) ** 0.5,
        "row 0 as the others": lambda k, j, n: (2 / n) ** 0.5 * np.cos(pi * k / n * (j + 1 / 2)),
        "2 pi for pi": lambda k, j, n: (2 / n) ** 0.5 * np.cos(2 * pi * k / n * (j + 1 / 2)) if k else (1 / n) ** 0.5,
        "square roots lost": lambda k, j, n: 2 / n * np.cos(pi * k / n * (j + 1 / 2)) if k else 1 / n,
        "sine for cosine": lambda k, j, n: (2 / n) ** 0.5 * np.sin(pi * k / n * (j + 1 / 2)) if k else (1 / n) ** 0.5,
    },
)
def cosine(formula):
    for n in (4, 7):
        C = np.array([[formula(k, j, n) for j in range(n)] for k in range(n)])
        close(C @ C.T, np.eye(n))
        close(C, scipy.fft.dct(np.eye(n), norm="ortho", axis=0))


@equation(
    "eq:aliasing-error",
    fingerprint="b2aed34c",
    how="scipy's cosine transform of the picture with its slow waves set to zero, then a slow loop",
    formula=lambda A, X, L: (A @ (X - L @ X @ L) @ A.T).square().mean().sqrt(),
    mutants={
        "root lost": lambda A, X, L: (A @ (X - L @ X @ L) @ A.T).square().mean(),
        "sum for mean": lambda A, X, L: (A @ (X - L @ X @ L) @ A.T).square().sum().sqrt(),
        "slow in one direction enough": lambda A, X, L: (A @ (X - L @ X) @ A.T).square().mean().sqrt(),
        "only what is fast in both": lambda A, X, L: (A @ (X - L @ X - X @ L + L @ X @ L) @ A.T).square().mean().sqrt(),
        "the part that stays": lambda A, X, L: (A @ L @ X @ L @ A.T).square().mean().sqrt(),
        "mean of absolute values": lambda A, X, L: (A @ (X - L @ X @ L) @ A.T).abs().mean(),
    },
)
def aliasing_error(formula):
    n, m = 12, 4
    A, X = uniform(m, n), uniform(n, n, seed=1)
    C = torch.from_numpy(scipy.fft.dct(np.eye(n), norm="ortho", axis=0))[:m]
    waves = scipy.fft.dctn(X.numpy(), norm="ortho")
    waves[:m, :m] = 0
    detail = scipy.fft.idctn(waves, norm="ortho")
    places = range(n)
    trace = [
        sum(A[a, i].item() * detail[i, j] * A[b, j].item() for i in places for j in places)
        for a in range(m)
        for b in range(m)
    ]
    close(formula(A, X, C.T @ C), np.linalg.norm(trace) / m)


@equation(
    "eq:crop",
    fingerprint="9d0b8a66",
    how="every crop of every thing in up to eight rows, counted",
    formula=lambda a, b, h, H: max(0, min(a, H - h) - max(0, b - h) + 1) / (H - h + 1),
    mutants={
        "off by one above": lambda a, b, h, H: max(0, min(a, H - h) - max(0, b - h)) / (H - h + 1),
        "off by one below": lambda a, b, h, H: max(0, min(a, H - h) - max(0, b - h) + 1) / (H - h),
        "min and max swapped": lambda a, b, h, H: max(0, max(a, H - h) - min(0, b - h) + 1) / (H - h + 1),
        "crops outside the picture": lambda a, b, h, H: max(0, a - (b - h) + 1) / (H - h + 1),
        "a negative count": lambda a, b, h, H: (min(a, H - h) - max(0, b - h) + 1) / (H - h + 1),
        "b, the row after, taken as the last": lambda a, b, h, H: (
            max(0, min(a, H - h) - max(0, b + 1 - h) + 1) / (H - h + 1)
        ),
    },
)
def crop(formula):
    for H in range(2, 9):
        for h in range(1, H + 1):
            for a in range(H):
                for b in range(a + 1, H + 1):
                    thing = set(range(a, b))
                    whole = [thing <= set(range(t, t + h)) for t in range(H - h + 1)]
                    close(formula(a, b, h, H), sum(whole) / len(whole))


@equation(
    "eq:flip",
    fingerprint="4aeb2768",
    how="a slow loop that reverses each row; its own inverse",
    formula=lambda x: x[:, :, [x.shape[2] - 1 - j for j in range(x.shape[2])]],
    mutants={
        "-j for W - 1 - j": lambda x: x[:, :, [-j for j in range(x.shape[2])]],
        "rows for columns": lambda x: x[:, [x.shape[1] - 1 - i for i in range(x.shape[1])], :],
        "turned by half": lambda x: x.flip((1, 2)),
        "channels, too": lambda x: x.flip((0, 2)),
        "nothing": lambda x: x,
    },
)
def flip(formula):
    x = uniform(3, 4, 5)
    close(formula(x), [[row[::-1] for row in plane] for plane in x.tolist()])
    close(formula(formula(x)), x)
