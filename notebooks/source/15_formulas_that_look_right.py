# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 15. Formulas that look right
#
# **You will be able to**
#
# - find the point where a wrong formula and the right one agree, and know why the mistake survives there;
# - refute a formula with one number: from a loop, an integral, a simulation or a finite difference;
# - recognise fifteen wrong formulas and ten wrong lines of code that stand in published material.
#
# 40 minutes. You need lessons 3, 5, 7 and 8.

# %% [markdown]
# ## Three formulas, two of them wrong
#
# How far is a Gaussian cloud from the standard normal distribution? Three programs print three answers. All three are
# zero at the same place, rise on both sides, and train.

# %% tags=["museum"]
import math
import warnings
from collections import namedtuple
from inspect import signature

import ipywidgets
import torch
import torchvision
from matplotlib.figure import Figure
from torch import nn
from torch.nn import functional as F

from mmgen_course import fusion, show, widgets
from mmgen_course.data.digit_tensors import digit_images
from mmgen_course.generators import gan, vae
from mmgen_course.generators.vae_nets import load_digits_vae

# %%
widths = torch.linspace(0.2, 2, 181).double()
first = (widths**2 - 2 * widths.log() - 1) / 2
second = (widths - widths.log() - 1) / 2
third = widths**2 - 2 * widths.log() - 1
alt = (
    "Three bowls over sigma from 0.2 to 2. All touch zero at sigma 1; one is flatter, one steeper than the middle one."
)
with show.figure(alt) as [axes]:
    for curve, name in ((first, "first"), (second, "second"), (third, "third")):
        axes.plot(widths, curve, label=name)
    axes.set(xlabel="σ of the cloud, mean 0", ylabel="nats", ylim=(0, 2.5))
    axes.legend()

# %%
lowest = [widths[curve.argmin()].item() for curve in (first, second, third)]
print("all three are smallest at σ =", [round(x, 2) for x in lowest])
print("at σ = 0.5 they say", [round(curve[30].item(), 2) for curve in (first, second, third)], "nats")
assert all(abs(x - 1) < 1e-6 for x in lowest)
assert abs(widths[30] - 0.5) < 1e-9

# %% [markdown]
# A training that minimises any of them pulls $\sigma$ to 1. No test of the form "does the loss fall?" tells them apart.
# One number does. This lesson is a museum of such formulas. They come from a published article on multimodal
# generation, and from well-known public code and teaching material.
#
# ## How to visit
#
# A wrong formula stands in a quotation marked ✗, in our words. **Guess before you run**: put your number in place of
# `None`. Then a program that knows neither formula measures, the right formula follows, and one line says how the
# mistake survives.
#
# A formula is refuted like any other claim: find a case so small that the answer can be had in another way. Then
# look for the cases where wrong and right agree. They are the reason why nobody noticed.

# %% tags=["museum"]
Exhibit = namedtuple("Exhibit", "wrong right equation mutant")
EXHIBITS = {}  # by name; equation and mutant are names in the course's ledger of equations

# %%
guess, scores = {}, {}


def unveil(name, wrong, right):
    scores[name] = (float(wrong), float(right))
    yours = "" if guess.get(name) is None else f", your guess {guess[name]}"
    print(f"{name}: as printed {wrong:.3f}, measured {right:.3f}{yours}")


# %% [markdown]
# Behind the scenes each wrong formula is also a **mutant** in the course's tests: a test checks that the function on
# this page and the mutant give the same numbers, and that the check of the right formula rejects it.

# %% [markdown]
# ## Hall 1: convolution
#
# ### 1. The kernel multiplies the picture
#
# > ✗ $y = f(W x + b)$, where $W$ is the convolution **kernel**.
#
# Take one window of a picture and a kernel of the same size; the kernel finds vertical edges. What does the layer
# answer? **Guess:** is the sum of the matrix product $w x$ the same number?

# %%
kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).double()
window = torch.tensor([[0.0, 0, 1], [0, 0, 1], [1, 1, 1]]).double()
guess["kernel times picture"] = None  # what the layer answers


# %% tags=["museum"]
def windows(x, w, meet):
    places = [len(x) - len(w) + 1] * 2
    found = [meet(w, x[i : i + len(w), j : j + len(w)]) for i in range(places[0]) for j in range(places[1])]
    return torch.stack(found).reshape(places)


EXHIBITS["kernel times picture"] = Exhibit(
    wrong=lambda x, w: windows(x, w, lambda w, part: (w @ part).sum()),
    right=lambda x, w: windows(x, w, lambda w, part: (w * part).sum()),
    equation="eq:correlation",
    mutant="product of matrices",
)

# %%
measured = F.conv2d(window[None, None], kernel[None, None])[0, 0]
unveil("kernel times picture", EXHIBITS["kernel times picture"].wrong(window, kernel).sum(), measured.sum())
assert torch.equal(EXHIBITS["kernel times picture"].right(window, kernel), measured)

# %% [markdown]
# Right: weights meet pixels one by one, and everything is added. For a kernel of $k$ times $k$,
#
# $$ y_{i,j} = \sum_{u=0}^{k-1} \sum_{v=0}^{k-1} \left( w \odot x_{i:i+k,\,j:j+k} \right)_{u,v}
#    \label{eq:museum-window} $$
#
# There *is* a matrix for which $y = f(Wx + b)$ holds, with $x$ the picture as one long vector. It is the **unrolled**
# kernel, mostly zeros:

# %%
shape = (1, 1, 5, 5)
big = torch.stack([F.conv2d(pixel.reshape(shape), kernel[None, None]).flatten() for pixel in torch.eye(25).double()], 1)
alt = "A matrix of 9 rows and 25 columns, mostly grey; the kernel's weights repeat along diagonals."
with show.figure(alt, columns=2, height=2.2) as [left, right]:
    left.imshow(kernel, cmap="RdBu", vmin=-2, vmax=2)
    left.set(title="the kernel w: 3 × 3", xticks=[], yticks=[])
    right.imshow(big, cmap="RdBu", vmin=-2, vmax=2)
    right.set(title="the matrix W of a 5 × 5 picture", xticks=[], yticks=[])

# %%
print(f"kernel {tuple(kernel.shape)}, matrix {tuple(big.shape)}, {(big == 0).double().mean():.0%} of it zero")
assert big.shape == (9, 25)

# %% [markdown]
# **How it survives:** the formula is never run. The library computes (eq:museum-window), and the formula in the text is
# read as a slogan. Derived in lesson 3.
#
# ### 2. "Convolution"
#
# > ✗ A convolutional layer turns the kernel round, as the convolution of signal processing does.
#
# Here is a real digit, and the kernel from above. **Guess:** where the turned kernel answers most, what does the layer
# answer? A few, zero, or minus a few?

# %%
digit = digit_images()[1][0, 0].double()
guess["turned kernel"] = None  # what the layer answers where the turned kernel is largest

# %% tags=["museum"]
EXHIBITS["turned kernel"] = Exhibit(
    wrong=lambda x, w: windows(x, w.flip(0, 1), lambda w, part: (w * part).sum()),
    right=EXHIBITS["kernel times picture"].right,
    equation="eq:correlation",
    mutant="kernel turned round",
)

# %%
turned, answered = EXHIBITS["turned kernel"].wrong(digit, kernel), F.conv2d(digit[None, None], kernel[None, None])[0, 0]
alt = "A digit; the map of the layer; the map of the turned kernel, red and blue exchanged."
with show.figure(alt, columns=3, height=2.2) as panels:
    show.picture(panels[0], 2 * digit[None] - 1, "a digit")
    for axes, values, title in zip(panels[1:], (answered, turned), ("the layer", "✗ turned"), strict=True):
        axes.imshow(values, cmap="RdBu", vmin=-4, vmax=4)
        axes.set(title=title, xticks=[], yticks=[])

# %%
at = turned.flatten().argmax()
unveil("turned kernel", turned.flatten()[at], answered.flatten()[at])
assert torch.allclose(turned, -answered)
mirror = kernel.abs()  # unchanged by the turn
assert torch.equal(*(EXHIBITS["turned kernel"][i](digit, mirror) for i in (0, 1)))

# %% [markdown]
# Every edge has the wrong sign. The layer computes a **cross-correlation**, (eq:museum-window).
#
# **How it survives:** kernels are learned, and a layer that turned them would learn the turned ones. It matters when a
# kernel is written by hand or copied from a book. A kernel that is its own turn agrees. Lesson 3.

# %% [markdown]
# ## Hall 2: attention
#
# ### 3. The sum over the wrong index
#
# > ✗ $A_{ij} = \exp(s_{ij}) / \sum_{k=1}^{N} \exp(s_{kj})$, with $A$ of size $N \times M$, $N$ the length of the
# > sequence and $M$ the "number of features".
#
# Three queries look at five keys. **Guess:** how much weight does the first query give away in all?

# %%
g = torch.Generator().manual_seed(3)
q, k, v = (torch.randn(n, 4, generator=g, dtype=torch.float64) for n in (3, 5, 5))
guess["sum over queries"] = None  # the weights of the first query, summed


# %% tags=["museum"]
def weigh(scores, dim=1):
    return scores.exp() / scores.exp().sum(dim, keepdim=True)


def right_attention(q, k, v):
    weights = weigh(q @ k.T / math.sqrt(q.shape[1]))
    return weights, weights @ v


# %% tags=["museum"]
def over_queries(q, k, v):
    weights = weigh(q @ k.T / math.sqrt(q.shape[1]), dim=0)
    return weights, weights @ v


EXHIBITS["sum over queries"] = Exhibit(
    over_queries, right_attention, "eq:attention", "normalised over the queries (the article)"
)

# %%
by_torch = F.scaled_dot_product_attention(q[None], k[None], torch.eye(5).double()[None])[0]  # one-hot values: A itself
A = over_queries(q, k, v)[0]
alt = "Two tables of weights, 3 by 5: on the left the rows sum to 1, on the right the columns do."
with show.figure(alt, columns=2, height=1.9) as panels:
    for axes, weights, title in zip(panels, (by_torch, A), ("right", "✗ as printed"), strict=True):
        axes.imshow(weights, cmap="magma", vmin=0, vmax=1)
        axes.set(title=title, xticks=[], xlabel="keys", yticks=range(3))
        axes.set_yticklabels([f"query sum {row.sum():.2f}" for row in weights])

# %%
unveil("sum over queries", A[0].sum(), by_torch[0].sum())
assert torch.allclose(A.sum(0), torch.ones(5).double())
assert abs(A.sum() - 5) < 1e-9

# %% [markdown]
# As printed, each **key** hands out one unit, and the five keys together give five units to three queries. An average
# of values needs weights that sum to 1 **over the keys**.
#
# $$ o_i = \frac{\sum_{j} e^{q_i \cdot k_j / \sqrt{d}}\; v_j}{\sum_{j} e^{q_i \cdot k_j / \sqrt{d}}}
#    \label{eq:museum-attention} $$
#
# **How it survives:** in a self-attention of $N$ tokens the matrix is square and nothing crashes; the next layer
# rescales. If all scores are equal both give $1/N$. Lesson 5.
#
# ### 4. No scale
#
# > ✗ $A = \mathrm{softmax}(Q K^{\mathsf T})$
#
# Let queries and keys be normal numbers, $d = 64$, ten keys. **Guess** the mean largest weight, with the scale.

# %%
guess["no scale"] = None

# %% tags=["museum"]
EXHIBITS["no scale"] = Exhibit(
    lambda q, k, v: (weigh(q @ k.T), weigh(q @ k.T) @ v), right_attention, "eq:attention", "scale lost"
)

# %%
g = torch.Generator().manual_seed(0)
many_q, many_k = (torch.randn(n, 64, generator=g, dtype=torch.float64) for n in (2000, 10))
eye = torch.eye(10).double()
kept = F.scaled_dot_product_attention(many_q[None], many_k[None], eye[None])[0].amax(1).mean()
lost = EXHIBITS["no scale"].wrong(many_q, many_k, eye)[0].amax(1).mean()
unveil("no scale", lost, kept)
assert lost > 0.8
assert kept < 0.45

# %% [markdown]
# Without $1/\sqrt d$ nearly all weight lies on one key from the start. The softmax is saturated, its gradient small.
#
# **How it survives:** the matrices that make queries and keys can learn to be $\sqrt[4]{d}$ times smaller. At $d = 1$
# nothing is lost. Lesson 5.
#
# ### 5. No values
#
# > ✗ "The output of attention is the matrix of weights $A$."
#
# **Guess:** how many numbers has one token of the output, with five keys and values of four numbers?

# %%
guess["no values"] = None

# %% tags=["museum"]
EXHIBITS["no values"] = Exhibit(
    lambda q, k, v: (right_attention(q, k, v)[0],) * 2,
    right_attention,
    "eq:attention",
    "no values: the weights are the output",
)

# %%
output = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
unveil("no values", EXHIBITS["no values"].wrong(q, k, v)[1].shape[1], output.shape[1])
assert torch.allclose(right_attention(q, k, v)[1], output)

# %% [markdown]
# The weights only say where to look; (eq:museum-attention) says what is seen there. **How it survives:** maps of
# weights make good pictures, and an output of five numbers fits a layer that was made for five. Lesson 5.
#
# ### 6. $\sigma$ for $\sigma^2$
#
# > ✗ $\mathrm{Var}(q \cdot k) = d\, \sigma_q\, \sigma_k$
#
# **Guess** the variance for $d = 16$, $\sigma_q = \sigma_k = 3$.

# %%
guess["variance of a dot product"] = None

# %% tags=["museum"]
EXHIBITS["variance of a dot product"] = Exhibit(
    lambda d, sigma_q, sigma_k: d * sigma_q * sigma_k,
    lambda d, sigma_q, sigma_k: d * sigma_q**2 * sigma_k**2,
    "eq:dot-variance",
    "sigma for sigma^2",
)

# %%
a, b = (3 * torch.randn(200_000, 16, generator=g, dtype=torch.float64) for _ in range(2))
variance = (a * b).sum(1).var()
unveil("variance of a dot product", EXHIBITS["variance of a dot product"].wrong(16, 3, 3), variance)
assert abs(variance / EXHIBITS["variance of a dot product"].right(16, 3, 3) - 1) < 0.02

# %% [markdown]
# Units tell at once: if $q$ is in metres, so is $\sigma_q$, and a variance is in metres **squared**.
#
# $$ \mathrm{sd}(q \cdot k) = \sqrt{d}\; \sigma_q\, \sigma_k \label{eq:museum-dot} $$
#
# **How it survives:** everyone sets $\sigma_q = \sigma_k = 1$, and there both are $d$. Lesson 5.

# %% [markdown]
# ## Hall 3: the GAN
#
# ### 7. A picture equal to a number
#
# > ✗ $G(z) = \min_G \max_D\; \mathbb{E}[\log D(x)] + \mathbb{E}[\log(1 - D(G(z)))]$
#
# Take a world of two pictures. The real one is the first with probability 0.7; the generator can only choose its own
# probability $\theta$. **Guess:** which $\theta$ comes out of the game?

# %%
guess["G(z) = min max"] = None

# %% tags=["museum"]
EXHIBITS["G(z) = min max"] = Exhibit(
    lambda thetas, table: table.amax((1, 2)).min(),  # the value of the game
    lambda thetas, table: thetas[table.amax((1, 2)).argmin()],  # who attains it
    "eq:museum-argmin",
    "the value for the argument (the article)",
)

# %%
levels, thetas = torch.linspace(0.01, 0.99, 99).double(), torch.linspace(0, 1, 21).double()
log, log_1m = levels.log(), (1 - levels).log()
table = torch.stack(  # V for every theta, every D(first), every D(second)
    [(0.7 * log + t * log_1m)[:, None] + (0.3 * log + (1 - t) * log_1m) for t in thetas.tolist()]
)

# %%
best_d = [(0.7 / (0.7 + t), 0.3 / (1.3 - t)) for t in thetas.tolist()]  # lesson 7's best discriminator
criterion = [
    0.7 * math.log(c) + t * math.log(1 - c) + 0.3 * math.log(e) + (1 - t) * math.log(1 - e)
    for (c, e), t in zip(best_d[1:-1], thetas[1:-1].tolist(), strict=True)
]
played = thetas[1:-1][torch.tensor(criterion).argmin()]
unveil("G(z) = min max", EXHIBITS["G(z) = min max"].wrong(thetas, table), played)
assert abs(min(criterion) + math.log(4)) < 1e-9
assert EXHIBITS["G(z) = min max"].right(thetas, table) == played

# %% [markdown]
# The formula puts a picture (a vector of pixels) on the left and the value of a game (a number, $-\log 4$) on the
# right. What is meant is *who* plays best:
#
# $$ G^{*} = \operatorname*{arg\,min}_{G}\; \max_{D}\; V(D, G) \label{eq:museum-argmin} $$
#
# **How it survives:** nobody computes the left side; the training loop plays the game. Lesson 7.
#
# ### 8. Where the loss saturates
#
# > ✗ "$\log(1 - D(G(z)))$ saturates when $D(G(z))$ is near 1."
#
# The discriminator is $D = \sigma(l)$ of a logit $l$. **Guess** the slope of the loss in $l$ at $D(G(z)) = 0.99$.

# %%
guess["saturates near 1"] = None

# %% tags=["museum"]
EXHIBITS["saturates near 1"] = Exhibit(
    lambda s: (-(1 - torch.sigmoid(s)), -torch.sigmoid(s)),  # slopes claimed for log(1 - D) and for -log D
    lambda s: (-torch.sigmoid(s), -(1 - torch.sigmoid(s))),
    "eq:loss-gradients",
    "under each other's name",
)


# %%
def slope_of(loss, D, h=1e-5):  # central difference in the logit
    logit = math.log(D / (1 - D))
    low, high = (torch.tensor([logit + step], dtype=torch.float64).sigmoid() for step in (-h, h))
    return (loss(high) - loss(low)) / (2 * h)


logit = torch.tensor(0.99, dtype=torch.float64).logit()
measured = slope_of(lambda D: (1 - D).log().mean(), 0.99)
unveil("saturates near 1", EXHIBITS["saturates near 1"].wrong(logit)[0], measured)
assert torch.isclose(measured, EXHIBITS["saturates near 1"].right(logit)[0], atol=1e-6)

# %% [markdown]
# $$ \frac{d}{dl}\, \log(1 - D) = -D, \qquad D = \frac{1}{1 + e^{-l}} \label{eq:museum-slope} $$
#
# It is steep near 1 and flat near **0**, where the generator is bad, and that is the trouble: it learns least when it
# has most to learn. **How it survives:** the sentence is followed by the right remedy, and at $D = 1/2$, where the game
# should end, both are equal. Lesson 7.
#
# ### 9. The loss that nobody uses
#
# > ✗ "The generator minimises $\mathbb{E}_z \log(1 - D(G(z)))$", with no other loss in sight.
#
# **Guess:** the discriminator is 99 % sure that a sample is fake. How strong is the pull on its logit in practice?

# %%
guess["loss in practice"] = None

# %% tags=["museum"]
EXHIBITS["loss in practice"] = Exhibit(
    lambda D: (1 - D).log().mean(), lambda D: -D.log().mean(), "eq:museum-practice", "the second term of V"
)

# %%
printed, used = (slope_of(EXHIBITS["loss in practice"][i], 0.01) for i in (0, 1))
unveil("loss in practice", -printed, -used)
assert used / printed > 90
levels_d = torch.linspace(0.005, 0.995, 199)
alt = "Pull on the logit over D: one line rises from 0 to 1, the other falls from 1 to 0; they cross at one half."
with show.figure(alt) as [axes]:
    axes.plot(levels_d, levels_d, label="log(1 − D): the minimax loss")
    axes.plot(levels_d, 1 - levels_d, label="−log D: the loss in practice")
    axes.plot(0.5, 0.5, "o", color="black")
    axes.set(xlabel="D(G(z))", ylabel="pull on the logit")
    axes.legend()

# %% [markdown]
# $$ L_G = -\mathbb{E}_{z}\, \log D(G(z)) \label{eq:museum-practice} $$
#
# This is the **non-saturating** loss, proposed in the same paper as the game. At the beginning, when $D(G(z))$ is
# nearly 0, it pulls about a hundred times harder. **How it survives:** the game is the theory, and the code of every
# library trains on (eq:museum-practice). Lesson 7.

# %% [markdown]
# ## Hall 4: the VAE
#
# ### 10. An equality that is a bound
#
# > ✗ $\log p(x) = \mathbb{E}_q[\log p(x \mid z)] - \mathrm{KL}(q(z \mid x) \,\Vert\, p(z))$
#
# Smallest case: $z \sim \mathcal{N}(0, 1)$, $x = z + $ noise of variance 1. So $x \sim \mathcal{N}(0, 2)$. We see
# $x = 2$, and an encoder answers $q = \mathcal{N}(1, 0.2^2)$. **Guess** $\log p(x)$; the right side is below it.

# %%
guess["equality for a bound"] = None

# %% tags=["museum"]
EXHIBITS["equality for a bound"] = Exhibit(
    lambda bound, q, posterior, prior, divergence: bound,
    lambda bound, q, posterior, prior, divergence: bound + divergence(q, posterior),
    "eq:elbo-gap",
    "gap forgotten: always an equality (the article)",
)

# %%
z = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
dz = 24 / 24_000


def bell(x, mean, sd):
    return torch.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))


def bound_of(sd):  # the right side, by quadrature
    q = bell(z, 1, sd)
    log_ratio = -((z - 1) ** 2) / (2 * sd**2) - math.log(sd) + z**2 / 2  # log q - log p(z)
    return ((-((2 - z) ** 2) / 2 - math.log(2 * math.pi) / 2 - log_ratio) * q).sum() * dz


# %%
log_p = ((bell(2 - z, 0, 1) * bell(z, 0, 1)).sum() * dz).log()  # the integral, not the bound
unveil("equality for a bound", EXHIBITS["equality for a bound"].wrong(bound_of(0.2), *[None] * 4), log_p)
best = math.sqrt(0.5)  # the posterior is N(x / 2, 1 / 2)
gap = math.log(best / 0.2) + (0.2 / best) ** 2 / 2 - 0.5  # KL of two Gaussians with one mean
assert torch.isclose(log_p, bound_of(0.2) + gap)
assert torch.isclose(log_p, bound_of(best))

# %%
sds = torch.linspace(0.1, 1.6, 76).tolist()
alt = "A dotted level line, and a curve under it that touches it at one point."
with show.figure(alt) as [axes]:
    axes.axhline(log_p, color="C2", linestyle=":", label="log p(x)")
    axes.plot(sds, [bound_of(sd) for sd in sds], label="✗ the right side as printed")
    axes.plot(best, log_p, "o", color="black", label="q is the posterior")
    axes.set(xlabel="σ of the encoder's cloud", ylabel="nats")
    axes.legend()

# %% [markdown]
# $$ \log p(x) - \mathrm{ELBO}(q) = \mathrm{KL}\big( q(z \mid x) \,\Vert\, p(z \mid x) \big) \ge 0
#    \label{eq:museum-gap} $$
#
# **How it survives:** training maximises the right side, and where $q$ is the posterior the two agree. It harms whoever
# reports the ELBO as a likelihood. Lesson 8.
#
# ### 11. "KL is the difference of two entropies"
#
# > ✗ $\mathrm{KL}(q \,\Vert\, p) = \mathrm{H}(p) - \mathrm{H}(q)$
#
# **Guess** it for two clouds of the same width 1, their centres 2 apart.

# %%
guess["entropy difference"] = None

# %% tags=["museum"]
EXHIBITS["entropy difference"] = Exhibit(
    lambda q, p, mean: -mean(p, p.log()) + mean(q, q.log()),
    lambda q, p, mean: mean(q, q.log() - p.log()),
    "eq:kl-entropies",
    "entropy difference (the article)",
)


# %%
def integrate(q, values):
    return (q * values).sum() * dz


inner = z.abs() < 9  # where neither density is rounded to zero
q_cloud, p_cloud = bell(z, 2, 1)[inner], bell(z, 0, 1)[inner]
drawn = 2 + torch.randn(200_000, generator=g, dtype=torch.float64)
by_draws = (bell(drawn, 2, 1).log() - bell(drawn, 0, 1).log()).mean()
unveil("entropy difference", EXHIBITS["entropy difference"].wrong(q_cloud, p_cloud, integrate).abs(), by_draws)
assert abs(EXHIBITS["entropy difference"].right(q_cloud, p_cloud, integrate) - 2) < 1e-6
assert abs(by_draws - 2) < 0.02

# %% [markdown]
# $$ \mathrm{KL}(q \,\Vert\, p) = \mathbb{E}_{q}\left[ \log q - \log p \right] \label{eq:museum-divergence} $$
#
# It needs the **cross**-entropy: both logarithms averaged under $q$. Entropies do not know where a cloud lies.
# **How it survives:** for a standard normal $p$ the two agree wherever $\mu^2 + \sigma^2 = 1$. A trained VAE comes
# close to that on average; the section on real data shows how close. Lesson 8.
#
# ### 12. $\log \sigma$ taken for $\log \sigma^2$
#
# > ✗ A network returns $\ell = \log \sigma$; the program computes $\frac12 (\mu^2 + e^{\ell} - \ell - 1)$.
#
# The cloud is $\mu = 0.3$, $\log \sigma = -0.7$. **Guess** its KL, and the three of the next section as well: the right
# formula with $\frac12$ lost, with its sign lost, and the KL of eight such clouds averaged rather than summed.

# %%
mu, log_sigma = torch.tensor([[0.3], [-0.7]], dtype=torch.float64)
guess["log sigma for log sigma^2"] = None
guess["half lost"] = None
guess["sign lost"] = None
guess["mean over latent variables"] = None


# %% tags=["museum"]
def right_kl(mu, log_sigma):
    return (mu**2 + log_sigma.exp() ** 2 - 2 * log_sigma - 1).sum() / 2


def kl_exhibit(wrong, mutant):
    return Exhibit(wrong, right_kl, "eq:gaussian-kl", mutant)


# %% tags=["museum"]
EXHIBITS["log sigma for log sigma^2"] = kl_exhibit(
    lambda mu, log_sigma: (mu**2 + log_sigma.exp() - log_sigma - 1).sum() / 2,
    "log sigma taken for log sigma^2 throughout",
)

# %%
sd = math.exp(-0.7)
density = bell(z, 0.3, sd)
log_ratio = -((z - 0.3) ** 2) / (2 * sd**2) + 0.7 + z**2 / 2  # log q - log p
true_kl = (density * log_ratio).sum() * dz
unveil("log sigma for log sigma^2", EXHIBITS["log sigma for log sigma^2"].wrong(mu, log_sigma), true_kl)
assert torch.isclose(true_kl, right_kl(mu, log_sigma))
assert round(true_kl.item(), 3) == 0.368

# %%
half_mended = (mu**2 + log_sigma.exp() ** 2 - log_sigma - 1).item() / 2  # sigma^2 right, only the logarithm wrong
print(f"with the logarithm alone wrong: {half_mended:.3f} nats")
assert round(half_mended, 3) == 0.018

# %% [markdown]
# $$ \mathrm{KL} = \tfrac12 \left( \mu^2 + e^{\ell} - \ell - 1 \right), \qquad \ell = \log \sigma^2 = 2 \log \sigma
#    \label{eq:museum-kl} $$
#
# **How it survives:** nothing in the network says what $\ell$ is. If the draw uses $e^{\ell / 2}$ as well, $\ell$
# simply *is* $\log \sigma^2$. The error needs two places that disagree, often two files. Both agree at
# $\sigma = 1$, where clouds start. Lesson 8.
#
# ### 13. A lost $\frac12$, 14. a lost sign, 15. a mean for a sum
#
# > ✗ $\mathrm{KL} = \sum_j (\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1)$
#
# > ✗ $\mathrm{KL} = \frac12 \sum_j (1 + \log \sigma_j^2 - \mu_j^2 - \sigma_j^2)$, added to the loss
#
# > ✗ `kl.mean()` over the $d$ latent variables, weighed against a **summed** reconstruction

# %% tags=["museum"]
EXHIBITS["half lost"] = kl_exhibit(lambda mu, log_sigma: 2 * right_kl(mu, log_sigma), "1/2 lost")
EXHIBITS["sign lost"] = kl_exhibit(
    lambda mu, log_sigma: (1 + 2 * log_sigma - mu**2 - log_sigma.exp() ** 2).sum() / 2, "sign: the negative KL"
)
EXHIBITS["mean over latent variables"] = kl_exhibit(
    lambda mu, log_sigma: right_kl(mu, log_sigma) / len(mu), "mean over the latent variables"
)

# %%
for name in ("half lost", "sign lost"):
    unveil(name, EXHIBITS[name].wrong(mu, log_sigma), true_kl)
eight = EXHIBITS["mean over latent variables"].wrong(mu.expand(8), log_sigma.expand(8))
unveil("mean over latent variables", eight, 8 * true_kl)  # independent clouds: KLs add
assert scores["sign lost"][0] < 0

# %% [markdown] A KL below zero is impossible; test for it. For pictures of $D$ pixels and $d$ latent variables the loss
# of one picture is two **sums**:
#
# $$ L = -\sum_{i=1}^{D} \log p(x_i \mid z) + \sum_{j=1}^{d} \mathrm{KL}_j \label{eq:museum-loss} $$
#
# **How they survive:** a lost $\frac12$ is a beta-VAE with $\beta = 2$; a mean is one with $\beta = 1/d$. Both train,
# and pictures look fine or even sharper. Only the number called "ELBO" is no bound any more. With the sign lost the
# loss *pays* for clouds far from the prior: reconstructions look good, samples do not. What does each
# minimise? Let a decoder $x = z + $ noise of variance 1 look for the best cloud, in closed form:

# %%
s = torch.linspace(0.2, 3, 2801).double()
prices = {"right": 1, "half lost": 2, "mean of 8": 1 / 8, "sign lost": -1}
chosen = {}
for name, beta in prices.items():  # reconstruction error s^2 / 2 and the price of a cloud of width s, mean 0
    loss = s**2 / 2 + beta * (s**2 - 2 * s.log() - 1) / 2
    chosen[name] = s[loss.argmin()].item()
    print(f"{name:10} chooses σ = {chosen[name]:.2f}")
assert abs(chosen["right"] - math.sqrt(0.5)) < 1e-3  # the posterior's
assert chosen["sign lost"] == s[0]  # the smallest that was offered: there is no minimum

# %% [markdown]
# The right loss finds the posterior's width $\sqrt{1/2}$; the others choose another one, and a lost sign wants a cloud
# of no width at all.

# %% [markdown]
# ## Hall 5: code that never ran
#
# Errors of code are kinder: most of them crash. Those that do not are the ones to fear. Before each cell say: **crash,
# or silence?**


# %%
def attempt(what, run):
    try:
        print(f"{what}: no error, {run()}")
    except Exception as error:
        print(f"{what}: {type(error).__name__}: {error}")


# %% [markdown]
# **Names.** The article imports a module and a model; the second never existed, nor did a function `get_word_vec` in
# torchtext. It also uses `torchtext` and `models` without importing them.

# %%
attempt("torchtext.legacy", lambda: __import__("torchtext.legacy"))
attempt("models.dcgan", lambda: torchvision.models.dcgan)
attempt("not imported", lambda: eval("models.resnet18()", {}))  # a fresh notebook, where nothing has been imported
attempt("get_word_vec", lambda: __import__("torchtext").data.utils.get_word_vec)

# %% [markdown]
# **A keyword of yesterday.** `resnet18(pretrained=True)` was replaced by `weights=`. The signature has lost it; a
# wrapper still catches it, with a warning. (We ask with `False`: nothing is to be downloaded.)

# %%
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    network = torchvision.models.resnet18(pretrained=False).eval()
print("parameters:", *signature(torchvision.models.resnet18).parameters)
print(told[0].message)
assert "pretrained" not in signature(torchvision.models.resnet18).parameters

# %% [markdown]
# **Logits for features.** The loop collects `resnet(image)`. *Crash or silence?* Silence: a vector comes out, and it is
# the wrong one. The last layer answers one of 1,000 questions, "is it this class?".

# %%
pixels = torch.zeros(1, 3, 64, 64)
with torch.no_grad():
    logits = network(pixels)
    network.fc = nn.Identity()  # without its class head
    features = network(pixels)
print(f"with the class head {tuple(logits.shape)}, without {tuple(features.shape)}")
assert logits.shape == (1, 1000)
assert features.shape == (1, 512)

# %% [markdown]
# **A list, and a view.** `image_features` is a list that was appended to; and three channels do not fit into one.

# %%
image_features = [features]
attempt("image_features.size", lambda: image_features.size(0))
print("stacked first:", tuple(torch.cat(image_features).shape))
attempt("view(1, 256, 256)", lambda: torch.zeros(3, 256, 256).view(1, 256, 256))
tall = torch.arange(3 * 4 * 4).view(3, 4, 4)
assert torch.equal(tall.view(-1, 4, 4)[:1], tall[:1])  # the first channel alone: green and blue are lost

# %% [markdown]
# **Never normalised.** The network was trained on pixels minus a mean, divided by a deviation. *Crash or silence?*
# Silence again, and other numbers go in:

# %%
grey = torch.full((3,), 0.45)
mean, sd_pixels = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])  # of ImageNet
print("a grey pixel as the article feeds it", [round(x, 2) for x in grey.tolist()], end=", ")
print("as the network knows it", [round(x, 2) for x in ((grey - mean) / sd_pixels).tolist()])
assert ((grey - mean) / sd_pixels).abs().max() < 0.25

# %% [markdown]
# **Noise of 1 by 4.** The generator is given spatial noise of height 1 and width 4. **Guess** the shape of the picture
# after one transposed convolution to start and four that double.
#
# $$ n_{\text{out}} = (n - 1)\, s - 2 p + k \label{eq:museum-transposed} $$


# %%
def stack_of(channels=8):
    layers = [nn.ConvTranspose2d(1, channels, 4, 1, 0), nn.ReLU()]  # kernel, stride, padding
    for i in range(4):
        layers += [nn.ConvTranspose2d(channels, 3 if i == 3 else channels, 4, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers[:-1], nn.Tanh())


def size_after(n):
    n = (n - 1) * 1 - 2 * 0 + 4  # (eq:museum-transposed)
    for _ in range(4):
        n = (n - 1) * 2 - 2 * 1 + 4
    return n


# %%
torch.manual_seed(0)
upsample = stack_of()
with torch.no_grad():
    flat, square = upsample(torch.randn(1, 1, 1, 4)), upsample(torch.randn(1, 1, 1, 1))
alt = "Two checker patterns: one is nearly twice as wide as high, one is square."
with show.figure(alt, columns=2, height=2) as panels:
    for axes, image, name in zip(panels, (flat, square), ("✗ noise of 1 × 4", "noise of 1 × 1"), strict=True):
        show.picture(
            axes,
            ((image - image.mean((2, 3), keepdim=True)) / image.std((2, 3), keepdim=True))[0].clamp(-2, 2) / 2,
            f"{name}: {tuple(image.shape[2:])}",
        )

# %%
print("from 1 × 4:", tuple(flat.shape[2:]), "from 1 × 1:", tuple(square.shape[2:]))
assert flat.shape[2:] == (size_after(1), size_after(4)) == (64, 112)
assert square.shape[2] == square.shape[3]

# %% [markdown]
# Height and width go through the same formula, so unequal stays unequal. The four numbers belong into the **channels**
# of a noise of 1 by 1. The article's two silent errors (logits, normalisation) would have been the expensive ones.

# %% [markdown]
# ## From here on we import it
#
# **From here on we import it.** The right formulas of this page are those of the package, of course from other files:

# %%
package_kl = vae.gaussian_kl(mu[None], 2 * log_sigma[None])  # it takes log sigma^2, and says so
assert torch.isclose(package_kl, right_kl(mu, log_sigma)).all()
assert torch.allclose(fusion.attention(q, k, v)[0], right_attention(q, k, v)[1])
logits = torch.linspace(-4, 4, 9).double()
assert torch.isclose(gan.non_saturating_loss(logits), EXHIBITS["loss in practice"].right(logits.sigmoid()))
assert torch.isclose(gan.saturating_loss(logits), EXHIBITS["loss in practice"].wrong(logits.sigmoid()))
print(f"KL {package_kl.item():.3f} nats from the package, too")

# %% [markdown]
# ## The scoreboard
#
# The whole museum on one wall: how far is each wrong number from the right one?

# %%
error = {name: abs(wrong - right) / abs(right) for name, (wrong, right) in scores.items()}
order = sorted(error, key=error.get)
alt = "Fifteen horizontal bars of relative errors on a logarithmic axis, the wrong and the right number beside each."
with show.figure(alt, height=4.6) as [axes]:
    axes.barh(order, [100 * error[name] for name in order], color="C4")
    for i, name in enumerate(order):
        wrong, right = scores[name]
        axes.text(100 * error[name] * 1.08, i, f"✗ {wrong:.2f}   ✓ {right:.2f}", va="center", size=8)
    axes.set(xscale="log", xlim=(10, 4000), xlabel="relative error, %")
    axes.set_xticks([10, 100, 1000], ["10", "100", "1000"])

# %%
guessed = {name: value for name, value in guess.items() if value is not None}
nearer = sum(abs(value - scores[name][1]) < abs(value - scores[name][0]) for name, value in guessed.items())
median = error[order[7]]
print(f"{len(scores)} exhibits; smallest relative error {min(error.values()):.0%}, median {median:.0%}")
print(f"{nearer} of your {len(guessed)} guesses were nearer to the right number")
assert len(scores) == len(EXHIBITS) == 15
assert min(error.values()) > 0.2

# %% [markdown]
# None of these is a rounding matter. Yet each can be trained, printed or taught for years, because people look where
# wrong and right agree.

# %% [markdown]
# ## See them part
#
# Choose an exhibit and move the slider. The black dot is where the two agree: find out what is special there.


# %%
def kl_at(sigma, log_of=2.0, power=2.0, mu=0.0):
    return (mu**2 + sigma**power - log_of * sigma.log() - 1) / 2


def bound_at(sd):  # the ELBO of exhibit 10 in closed form
    return log_p + (math.sqrt(2) * sd).log() - sd**2 + 0.5


ones, sig = torch.ones(200).double(), torch.linspace(0.1, 2, 200).double()
CURVES = {  # name -> parameter, its values, wrong, right, where they agree
    "log sigma for log sigma^2": ("σ", sig, kl_at(sig, 1, 1), kl_at(sig), 1),
    "half lost": ("σ", sig, 2 * kl_at(sig), kl_at(sig), 1),
    "sign lost": ("σ", sig, -kl_at(sig), kl_at(sig), 1),
    "entropy difference": ("σ, with μ = 0.6", sig, -sig.log(), kl_at(sig, mu=0.6), 0.8),
    "equality for a bound": ("σ of the encoder", sig, bound_at(sig), log_p * ones, math.sqrt(0.5)),
    "variance of a dot product": ("σ of both, d = 16", sig, 16 * sig**2, 16 * sig**4, 1),
}

# %%
half, wide = torch.linspace(0.005, 0.995, 200).double(), torch.arange(1, 33).double()
CURVES["saturates near 1"] = ("D(G(z))", half, -(1 - half), -half, 0.5)
CURVES["loss in practice"] = ("D(G(z)), pull on the logit", half, half, 1 - half, 0.5)
CURVES["mean over latent variables"] = ("latent variables d", wide, true_kl + 0 * wide, true_kl * wide, 1)
CURVES["no scale"] = ("d, spread of a score", wide, wide.sqrt(), 0 * wide + 1, 1)
lean = torch.linspace(-1, 1, 201).double()
symmetric = torch.tensor([[0.0, 0, 0], [1, 2, 1], [0, 0, 0]]).double()
pairs = [[EXHIBITS["turned kernel"][i](window, symmetric + a * kernel).sum() for a in lean] for i in (0, 1)]
CURVES["turned kernel"] = ("asymmetry of the kernel", lean, *(torch.stack(values) for values in pairs), 0)


# %%
def part(exhibit, percent):
    label, at, wrong, right, same = CURVES[exhibit]
    i = round(percent / 100 * (len(at) - 1))
    meets = right[(at - same).abs().argmin()]
    figure = Figure(figsize=(6.4, 3), layout="compressed")
    axes = figure.subplots()
    axes.plot(at, right, color="C2", label="right")
    axes.plot(at, wrong, color="C4", linestyle="--", label="✗ wrong")
    axes.plot(same, meets, "o", color="black", label="they agree")
    axes.plot([at[i]] * 2, [wrong[i], right[i]], "-", color="grey", linewidth=3)
    axes.set(xlabel=label, title=exhibit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure, f"{label} = {at[i]:.2f}: wrong {wrong[i]:.3f}, right {right[i]:.3f}; they agree at {same:.2f}"


for _, at, wrong, right, same in CURVES.values():
    i = (at - same).abs().argmin()
    assert abs(wrong[i] - right[i]) < 0.05 * (1 + right.abs().max())

# %%
widgets.explorer(
    part,
    exhibit=ipywidgets.Dropdown(options=list(CURVES), description="exhibit"),
    percent=ipywidgets.IntSlider(20, 0, 100, description="parameter", continuous_update=False),
)

# %% [markdown]
# ## On real data
#
# Does it matter beyond small cases? The course's VAE of real handwritten digits has 16 latent variables. Its encoder
# answers for 297 digits of writers that it never saw. What do these digits cost, in nats, by each formula?

# %%
network = load_digits_vae("weights/digits-vae-wide.safetensors", latents=16)
_, digits = digit_images()
with torch.no_grad():
    clouds = network.encode(digits)
means, logs = clouds.mu.double(), clouds.logvar.double() / 2  # log sigma

# %%
names = ["log sigma for log sigma^2", "half lost", "sign lost", "mean over latent variables"]
cost = {"right": torch.stack([right_kl(m, s) for m, s in zip(means, logs, strict=True)])}
for name in names:
    cost[name] = torch.stack([EXHIBITS[name].wrong(m, s) for m, s in zip(means, logs, strict=True)])
cost["entropy difference"] = -logs.sum(1)  # H(p) - H(q) of Gaussians

# %%
noise = torch.randn(200, *means.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
draws = means + logs.exp() * noise
by_draws = ((draws**2 - noise**2) / 2 - logs).sum(2).mean()  # log q - log p at draws: no formula for the KL
print(f"KL by 200 draws a digit: {by_draws:.1f} nats; by the right formula {cost['right'].mean():.1f}")
assert abs(by_draws / cost["right"].mean() - 1) < 0.01

# %%
alt = "Six horizontal bars of nats per digit: the right one and the entropy difference are close, the others far off."
with show.figure(alt, height=2.8) as [axes]:
    averages = [values.mean().item() for values in cost.values()]
    axes.barh(list(cost), averages, color=["C2"] + ["C4"] * 5)
    axes.axvline(averages[0], color="C2", linestyle=":")
    axes.invert_yaxis()
    axes.set(xlabel="nats per digit")

# %%
for name, values in cost.items():
    print(f"{name:26} {values.mean():6.1f} nats per digit")
single = (cost["entropy difference"] - cost["right"]).abs().mean()
energy = (means**2 + (2 * logs).exp()).mean()
print(f"mean of μ² + σ²: {energy:.2f}; the entropy difference is off by {single:.1f} nats for a single digit")
assert abs(energy - 1) < 0.15
assert abs(cost["entropy difference"].mean() / cost["right"].mean() - 1) < 0.15
assert single > 1

# %% [markdown]
# The "entropy difference" comes out nearly right on average. Is it right, then? No: for single digits it is off by
# more than a nat. A trained VAE has pushed its clouds so that all together they look like the prior, and so the mean of
# $\mu^2 + \sigma^2$ is close to 1. That is exactly the agreement point of exhibit 11. The training itself hides the
# error. The others are off by nats for every digit.

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what came and what was
# expected; where it knows the mistake, it names it. 12 points, 45 minutes; your progress is kept.
#
# ### 1. Who plays best?
#
# 2 points, 8 minutes, difficulty 1 of 3.
#
# (eq:museum-argmin) for a world so small that the game is a table: the generator chooses a row,
# the discriminator sees which one, and chooses a column. The entry is $V$, which the discriminator wants large.

# %%
from mmgen_course.check import check

payoffs = [[3, 1], [2, 5]]
print("what each row costs the generator:", [max(row) for row in payoffs])

# %% [markdown]
# So the generator plays row 0, and the answer to it is column 0: $V = 3$. (If the discriminator had to choose first, it
# would choose column 0, too, but the generator would answer with row 1, and $V = 2$.) You may rely on `torch`.


# %% tags=["exercise"]
def min_max_players(table):
    """V for each row of the generator and each column of the discriminator (m, n) -> (row, column), two ints."""
    # BEGIN SOLUTION
    # Outside stands who moves first. The inner maximum is taken for every row, over columns (axis 1); only then the
    # row is chosen, and the column that answers *this* row. The commonest mistakes: to return the value, as the formula
    # of exhibit 7 does, and to let the two choose without seeing each other.
    row = table.amax(dim=1).argmin().item()
    return row, table[row].argmax().item()
    # END SOLUTION


# %%
check(min_max_players)

# %% [markdown]
# ### 2. Away from zero
#
# 3 points, 10 minutes, difficulty 2 of 3.
#
# Exhibit 6 fell at $\sigma \ne 1$. Its remedy (eq:museum-dot) has an agreement point as well: it
# took the means of $q$ and $k$ for 0. After a layer with a bias they are not. What is the variance of the attention
# score $q \cdot k / \sqrt d$ then? By draws, for $d = 2$:

# %%
mean_q, sd_q = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.0])
mean_k, sd_k = torch.tensor([3.0, 0.0]), torch.tensor([2.0, 1.0])
normal = torch.randn(2, 400_000, 2, generator=torch.Generator().manual_seed(0))
drawn_scores = ((mean_q + sd_q * normal[0]) * (mean_k + sd_k * normal[1])).sum(1) / 2**0.5
print(f"variance of {len(drawn_scores):,} scores: {drawn_scores.var():.1f}; with all means 0 it would be 1")
assert abs(drawn_scores.var() - 6.125) < 0.1

# %% [markdown]
# All $2d$ components are independent; each has a mean and a standard deviation of its own. (Here the exact answer is
# 6.125.) You may rely on `torch`.


# %% tags=["exercise"]
def score_variance(mean_q, sd_q, mean_k, sd_k):
    """Four tensors (d,) -> the variance of q . k / sqrt(d), a number."""
    # BEGIN SOLUTION
    # Var(q k) = E[q^2] E[k^2] - (E[q] E[k])^2 for one component: write each E[q^2] as sd^2 + mean^2, and three terms
    # stay. Variances of independent components add, and 1/sqrt(d) counts squared. The commonest mistake is the formula
    # that was derived for means of 0. Test it with sd_k = 0: a constant k still passes on what q does.
    terms = (sd_q * sd_k) ** 2 + (mean_q * sd_k) ** 2 + (mean_k * sd_q) ** 2
    return terms.sum() / len(terms)
    # END SOLUTION


# %%
check(score_variance)

# %% [markdown]
# ### 3. Which noise made this picture?
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# (eq:museum-transposed) the other way round. A picture of a given size is wanted from a stack of
# transposed convolutions; which size must the noise have? Two layers, kernel, stride and padding $(4, 1, 0)$ and then
# $(4, 2, 1)$:

# %%
stack = nn.Sequential(nn.ConvTranspose1d(1, 1, 4, 1, 0), nn.ConvTranspose1d(1, 1, 4, 2, 1))
print({n: stack(torch.zeros(1, 1, n)).shape[2] for n in range(1, 6)})

# %% [markdown]
# So 12 pixels want a noise of size 3. No noise gives 11; and 6 would want a noise of size 0, which is none. You need no
# library; layers come in the order in which a noise meets them.


# %% tags=["exercise"]
def noise_sizes(sizes, layers):
    """Sizes of pictures, and (kernel, stride, padding) of each layer -> a list, for each size an int, or None."""
    # BEGIN SOLUTION
    # Solved for n the formula is n = (n_out + 2 p - k) / s + 1, and the last layer is undone first. Where the division
    # leaves a rest there is no such noise. The commonest mistake is `//` without a look at the rest: it always
    # answers, and the picture comes out some pixels smaller than it was ordered.
    found = []
    for size in sizes:
        for kernel, stride, padding in reversed(layers):
            steps, rest = divmod(size + 2 * padding - kernel, stride)
            size = steps + 1
            if rest or size < 1:
                size = None
                break
        found.append(size)
    return found
    # END SOLUTION


# %%
check(noise_sizes)

# %% [markdown]
# ### 4. Mend a program
#
# 4 points, 15 minutes, difficulty 3 of 3.
#
# The loss of a VAE for pictures whose pixels are 0 or 1. It runs, and no shape is wrong; but five
# mistakes are in it, each of a kind that hangs in hall 4.


# %%
def printed_loss(x, logits, mu, log_sigma):
    error = F.binary_cross_entropy_with_logits(logits, x)
    kl = (1 + log_sigma - mu**2 - log_sigma.exp()).mean()
    return error + kl


x, logits = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)  # one picture of two pixels, two coins
print(f"as printed {printed_loss(x, logits, torch.ones(1, 1), torch.zeros(1, 1)):.3f} nats")
print(f"by hand {2 * math.log(2) + 0.5:.3f} nats")

# %% [markdown]
# By hand: two coins at $\log 2$ each, and the KL of $\mathcal{N}(1, 1)$, which is $\frac12$. Write it as it should be:
# minus the ELBO, for a prior $\mathcal{N}(0, I)$; for each picture (eq:museum-loss), and then the mean over pictures.
# You may rely on `torch` and `F`.


# %% tags=["exercise"]
def mended_loss(x, logits, mu, log_sigma):
    """Pixels and logits (n, pixels), means and log sigma of the clouds (n, d) -> nats per image, a number."""
    # BEGIN SOLUTION
    # The five: pixels averaged for summed, a lost 1/2, a lost sign, log sigma for log sigma^2 (in two places), a mean
    # over latent variables. With both means left in, the terms are too small by the factors 1/pixels and 1/d: a beta of
    # pixels / d that nobody chose. Compare each term with a sum by hand, not the total; and a case in which mu = 0 and
    # sigma = 1 shows none of the four mistakes in the KL.
    errors = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    prices = (mu**2 + (2 * log_sigma).exp() - 2 * log_sigma - 1).sum(dim=1) / 2
    return (errors + prices).mean()
    # END SOLUTION


# %%
check(mended_loss)

# %% [markdown]
# ## What to remember
#
# - "It trains" refutes nothing: many wrong losses have the right minimum, or a plausible one.
# - One small case with an answer from elsewhere refutes: a loop, an integral, a finite difference, draws.
# - Test away from 0, 1 and squares: at $\sigma = 1$, $d = 1$, $D = \frac12$, or $N = M$, mistakes hide.
# - Check types before numbers: a picture is no number, a variance has squared units, a KL is never negative.
# - Code that crashes is cheap. Logits for features and missing normalisation are silent.

# %% [markdown]
# ## Three questions
#
# 1. Someone tests the formula $\mathrm{Var}(q \cdot k) = d\, \sigma_q \sigma_k$ by simulation with standard normal
#    vectors of many lengths $d$. It passes every time. What should the test have done?
#
#    <details><summary>Answer</summary>
#
#    Vary $\sigma$. At $\sigma_q = \sigma_k = 1$ the wrong and the right formula are the same, whatever $d$ is. A test
#    must move every argument of the formula away from the values at which mutants agree.
#
#    </details>
#
# 2. Two VAEs of the same architecture are compared by "ELBO". One program averages the KL over 16 latent variables, and
#    its ELBO is higher. What do you conclude?
#
#    <details><summary>Answer</summary>
#
#    Nothing. Its KL is counted at a sixteenth, so its number is no bound on $\log p(x)$ and larger by construction.
#    Compute both models' KL as a sum, with one and the same program, and compare again.
#
#    </details>
#
# 3. A program computes $\sigma = e^{\ell}$ for its draws, and its KL with $\ell$ as $\log \sigma^2$. Which clouds does
#    it call free of cost, and is that wrong?
#
#    <details><summary>Answer</summary>
#
#    Those with $\mu = 0$ and $\ell = 0$, so $\sigma = 1$: the right ones. The minimum is right, the price of every
#    other cloud is not. So the clouds are still pulled towards the prior, at wrong rates.
#
#    </details>

# %% [markdown]
# ## References
#
# - I. Goodfellow et al., *Generative Adversarial Nets*, NIPS 2014: the game, and the non-saturating loss beside it.
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014: the bound; appendix B has the Gaussian KL.
# - A. Vaswani et al., *Attention Is All You Need*, NIPS 2017: the scale, and the reason for it in a footnote.
# - V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning*, 2016: transposed convolutions, too.
# - I. Higgins et al., *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, ICLR 2017.
