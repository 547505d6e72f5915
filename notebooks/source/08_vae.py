# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 8. VAE: a code that can be drawn from
#
# **You will be able to**
#
# - derive the bound that a variational autoencoder is trained on in two ways, and say exactly how far it is from the
#   likelihood;
# - write its loss with nothing left out and every average in its place, and know each common mistake by what it does;
# - measure whether a model uses its latent space, draw what a caption asks for, and do arithmetic with attributes.
#
# 70 minutes. You need lessons 1 to 4, the density of a Gaussian, and expectations.

# %% [markdown]
# ## A point that nobody encoded
#
# An **autoencoder** is two networks. The encoder turns a picture into a few numbers, its **code** or **latent point**;
# the decoder turns the code back into the picture. Two of them ship with the course. Both have seen 1,500 handwritten
# digits of 64 pixels, both write a digit as 16 numbers, and both give it back well. Now skip the encoder. Draw 16
# numbers from a standard normal distribution, and decode.

# %%
import csv
import math
from collections import defaultdict
from dataclasses import replace

import ipywidgets
import torch
from matplotlib.patches import Circle, Ellipse
from matplotlib.patheffects import withStroke
from torch import nn

from mmgen_course import data, scenes, show, widgets
from mmgen_course.data.digit_tensors import digit_images
from mmgen_course.generators.vae_nets import load_digits_vae, load_scene_vae
from mmgen_course.recipes import scene_vae

# %%
train_digits, test_digits = digit_images()  # (1500, 1, 8, 8) and (297, 1, 8, 8), in [0, 1]
plain = load_digits_vae("weights/digits-autoencoder.safetensors", latents=16)
wide = load_digits_vae("weights/digits-vae-wide.safetensors", latents=16)
z = torch.randn(500, 16, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    from_plain, from_vae = plain.decode(z), wide.decode(z)

# %%
alt = "Two rows of twelve pictures: grey fog above, blurred but readable digits below."
show.images(torch.cat([from_plain[:12], from_vae[:12]]) * 2 - 1, columns=12, alt=alt)


# %%
def to_nearest(images):  # distance to the most similar digit of the training
    return torch.cdist(images.flatten(1), train_digits.flatten(1)).amin(1).mean().item()


fog, drawn, real = (to_nearest(images) for images in (from_plain, from_vae, test_digits))
print(f"distance to the nearest digit: autoencoder {fog:.1f}, VAE {drawn:.1f}, a real digit {real:.1f}")
assert fog > 1.8 * drawn
assert drawn < 1.15 * real

# %% [markdown]
# The same points, two decoders of the same size. The first gives fog. The second, a **variational autoencoder** (VAE),
# gives things that look like digits, about as near to known digits as new real digits are. Nobody told the autoencoder
# to keep its codes so that they can be drawn. What does a VAE do about it, and what does it cost?
#
# ## A cloud for each picture
#
# A plain autoencoder may put its codes anywhere, and it has no reason to fill the gaps between them. Its decoder has
# never seen what lies there. Two changes make a VAE:
#
# - The encoder answers with a **cloud** instead of a point: a normal distribution, with a mean $\mu$ and a standard
#   deviation $\sigma$ for each of the 16 numbers, the **latent variables**. Papers call it the **approximate
#   posterior**, $q(z \mid x)$; we derive why. The decoder gets a random point of the cloud, so points nearby must give
#   nearly the same picture.
# - Clouds cost something. The further a cloud is from the standard normal distribution, the more it must pay. So the
#   clouds move together around zero, and leave few gaps.
#
# A third network that ships has only two latent variables, so its clouds can be drawn.

# %%
plane = load_digits_vae()
labels = [sample.caption.split()[-1] for sample in data.digits()][len(train_digits) :]
names = list(data.real.DIGITS)
with torch.no_grad():
    q_plane = plane.encode(test_digits)
widths = (q_plane.logvar / 2).exp()  # the standard deviations

# %%
TEN = [*show.PALETTE, "grey", "tan"]  # a colour for each digit
HALO = [withStroke(linewidth=3, foreground="white")]
alt = "Small ellipses in ten colours, grouped by digit, in and around a circle of radius 2."
with show.figure(alt, width=5.4, height=4.6) as [axes]:
    for (x, y), (a, b), word in zip(q_plane.mu.tolist(), widths.tolist(), labels, strict=True):
        kind = names.index(word)
        axes.add_patch(Ellipse((x, y), 2 * a, 2 * b, alpha=0.5, color=TEN[kind]))
    for kind, word in enumerate(names):
        middle = q_plane.mu[[label == word for label in labels]].median(0).values.tolist()
        axes.text(*middle, str(kind), size=15, weight="bold", ha="center", va="center", path_effects=HALO)
    axes.add_patch(Circle((0, 0), 2, fill=False, linestyle=":"))
    axes.set(xlim=(-3.4, 4), ylim=(-3.1, 3.1), aspect=1, xlabel="first latent variable", ylabel="second")

# %%
spread = q_plane.mu.std(0)
print(f"clouds: width {widths.mean():.1f}; all centres together: width {spread[0]:.1f} and {spread[1]:.1f}")
assert widths.mean() < 0.25
assert ((spread > 0.7) & (spread < 1.5)).all()
assert round(1 - math.exp(-(2**2) / 2), 2) == 0.86  # of a standard normal distribution, within radius 2 in the plane

# %% [markdown]
# Each ellipse is the cloud of one test digit, one standard deviation wide; each colour is a digit. Nobody told the
# network which digit is which. Together the clouds fill about what a standard normal distribution fills (the dotted
# circle holds 86 % of it). So a random point most likely lies in somebody's cloud.
#
# That is the idea. Now we derive it, because the details matter: half a dozen slightly wrong versions of the loss are
# in use, they all train, and none of them says that it is wrong.
#
# ## The model, and an integral that nobody can do
#
# Forget the encoder for now. The decoder alone defines a distribution of pictures $x$: draw a latent point $z$, then a
# picture around what the decoder makes of it. The probability density of $x$ is
#
# $$ p(x) = \int p(x \mid z)\, p(z)\, dz, \qquad p(z) = \mathcal{N}(z;\, 0, I) \label{eq:latent-model} $$
#
# $p(z)$ is called the **prior**, $p(x)$ the **evidence** or likelihood. We would like the decoder to make the pictures
# of the training likely: to maximise the mean of $\log p(x)$. But the integral runs over all 16 latent variables. Can
# we not estimate it with random points of the prior? For one digit, ten times, with 1,000 points each:

# %%
from mmgen_course.generators.vae import gaussian_log_likelihood

# %%
x = test_digits[:1]
estimates = []
for seed in range(10):
    z = torch.randn(1000, 16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        log_p = gaussian_log_likelihood(x.expand(1000, 1, 8, 8), wide.decode(z), wide.sigma.item())
    estimates.append((log_p.logsumexp(0) - math.log(1000)).item())  # log of the mean of p(x|z), (eq:latent-model)
print("ten estimates of log p(x):", sorted(round(value) for value in estimates))
assert max(estimates) - min(estimates) > 30

# %% [markdown]
# Ten answers, more than 30 nats apart: a factor of more than $e^{30}$, ten million million. Nearly all points decode to
# another digit, and count for nothing; the estimate hangs on the one that happened to come nearest. We need points that
# have to do with $x$. That is what an encoder is for.
#
# ## The bound, first way
#
# Let $q(z \mid x)$ be any distribution that we can draw from, such as a cloud of the encoder. Multiply and divide by it
# under the integral of (eq:latent-model); then the integral is an expectation under $q$. The logarithm is concave: the
# logarithm of a mean is at least the mean of the logarithms. This is **Jensen's inequality**, and it gives
#
# $$ \log p(x) = \log \mathbb{E}_{q}\!\left[ \frac{p(x, z)}{q(z \mid x)} \right]
#    \ge \mathbb{E}_{q}\!\left[ \log \frac{p(x, z)}{q(z \mid x)} \right] \label{eq:jensen-bound} $$
#
# The right side is the **evidence lower bound**, the ELBO. Write $p(x, z) = p(x \mid z)\, p(z)$, and the logarithm
# falls into two parts:
#
# $$ \mathrm{ELBO}(q) = \mathbb{E}_{q}[\log p(x \mid z)]
#    - \mathrm{KL}\big(q(z \mid x) \,\Vert\, p(z)\big) \label{eq:elbo} $$
#
# The first is the **reconstruction**: how likely is $x$ at the points of its own cloud? The second is the price of the
# cloud: the **Kullback-Leibler divergence** $\mathrm{KL}(q \Vert p) = \mathbb{E}_q[\log q - \log p]$ from $q$ to the
# prior. We can run all of it where $z$ is one number, on a fine grid: the decoder is $1.5 z + 0.2$, with noise of
# standard deviation $0.5$, and we observe $x = 2$.

# %%
grid = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
step = (grid[1] - grid[0]).item()


def log_density(z, mean, sigma):
    return -(((z - mean) / sigma) ** 2) / 2 - math.log(sigma) - math.log(2 * math.pi) / 2


def expect(log_q, values):  # E_q[values], by adding up
    return (log_q.exp() * values).sum().item() * step


# %%
log_prior = log_density(grid, 0.0, 1.0)
log_fit = log_density(torch.tensor(2.0, dtype=torch.float64), 1.5 * grid + 0.2, 0.5)
log_evidence = math.log(expect(log_prior, log_fit.exp()))  # (eq:latent-model)
print(f"log p(x) = {log_evidence:.4f}")

# %%
table = {}
for mean, sigma in [(0.0, 1.0), (0.5, 0.5), (1.0, 0.2), (1.08, 0.3162)]:
    log_q = log_density(grid, mean, sigma)
    jensen = expect(log_q, log_fit + log_prior - log_q)  # (eq:jensen-bound)
    kl = expect(log_q, log_q - log_prior)
    table[mean, sigma] = elbo = expect(log_q, log_fit) - kl  # (eq:elbo)
    print(f"q = N({mean}, {sigma}²): ELBO {elbo:8.4f}, price {kl:.4f}")
    assert math.isclose(jensen, elbo, abs_tol=1e-9)
    assert elbo <= log_evidence

# %% [markdown]
# Always below, and the last $q$ seems to touch: $-2.0251$ to four digits. How did we find it, and what decides how far
# below the others are? Jensen does not say. The second way does.
#
# ## The bound, second way: what is missing
#
# By the definition of a conditional density, $p(x) = p(x, z) / p(z \mid x)$ **for every** $z$. Take the logarithm, add
# and subtract $\log q(z \mid x)$:
#
# $\log p(x) = \log \frac{p(x, z)}{q(z \mid x)} + \log \frac{q(z \mid x)}{p(z \mid x)}$.
#
# The left side does not depend on $z$, so its mean under $q$ is itself. The means of the two on the right are known:
#
# $$ \log p(x) = \mathrm{ELBO}(q)
#    + \mathrm{KL}\big(q(z \mid x) \,\Vert\, p(z \mid x)\big) \label{eq:elbo-gap} $$
#
# This is an equation, not a bound. What is missing is the divergence from $q$ to the **posterior** $p(z \mid x)$: to
# what a perfect encoder would answer. The encoder's $q$ is an **approximate posterior**. A KL is never negative, so the
# ELBO is a bound; the KL is zero only for $q = p(z \mid x)$, so that is where it touches.

# %%
log_posterior = log_fit + log_prior - log_evidence
for (mean, sigma), elbo in table.items():
    log_q = log_density(grid, mean, sigma)
    gap = expect(log_q, log_q - log_posterior)
    print(f"q = N({mean}, {sigma}²): missing {log_evidence - elbo:.4f}, KL(q || p(z|x)) {gap:.4f}")
    assert math.isclose(log_evidence - elbo, gap, abs_tol=1e-9)

# %% [markdown]
# The two columns are equal to nine digits.
#
# The article that this course grew from writes $\log p(x) = \mathbb{E}[\log p(x \mid z)] - \mathrm{KL}$, as an
# equation. By (eq:elbo-gap) that holds for one $q$ in the world, the true posterior. For every other it says that the
# gap is zero. It also calls the KL "the difference of the entropies". It is the difference of a **cross-entropy** and
# an entropy:
#
# $$ \mathrm{KL}(q \,\Vert\, p) = \mathrm{H}(q, p) - \mathrm{H}(q), \qquad
#    \mathrm{H}(q, p) = -\mathbb{E}_{q}[\log p], \quad \mathrm{H}(q) = -\mathbb{E}_{q}[\log q]
#    \label{eq:kl-entropies} $$
#
# The entropies of $p$ and $q$ alone do not know where the two lie. A cloud that is as wide as the prior, but far off:

# %%
log_q = log_density(grid, 3.0, 1.0)
kl = expect(log_q, log_q - log_prior)
H_q, H_p, H_qp = -expect(log_q, log_q), -expect(log_prior, log_prior), -expect(log_q, log_prior)
print(f"KL {kl:.2f} = H(q, p) {H_qp:.2f} - H(q) {H_q:.2f}; difference of entropies {abs(H_p - H_q):.2f}")
assert math.isclose(kl, H_qp - H_q, abs_tol=1e-9)  # (eq:kl-entropies)
assert abs(H_p - H_q) < 1e-9 < 4 < kl

# %% [markdown]
# ## A model whose every number is known
#
# Was that luck of one dimension? There is a model with as many dimensions as we like where nothing is estimated. Let
# the decoder be linear, $x = W z + b + \sigma \varepsilon$ with standard normal $\varepsilon$. A sum of Gaussians is
# Gaussian; its mean is $b$, and its covariance is that of $W z$ plus that of the noise:
#
# $$ p(x) = \mathcal{N}\big(x;\; b,\; W W^{\mathsf T} + \sigma^2 I\big) \label{eq:linear-evidence} $$
#
# For the posterior, collect what stands in the exponent of $p(x \mid z)\, p(z)$: half of $-\lVert x - W z - b
# \rVert^2 / \sigma^2 - \lVert z \rVert^2$. It is quadratic in $z$, so the posterior is Gaussian. Its inverse covariance
# is what multiplies $z z^{\mathsf T}$, namely $I + W^{\mathsf T} W / \sigma^2$, and its mean is where the derivative
# vanishes:
#
# $$ p(z \mid x) = \mathcal{N}(z;\; m, S), \qquad
#    S = \Big(I + \frac{W^{\mathsf T} W}{\sigma^2}\Big)^{-1}, \qquad
#    m = S\, \frac{W^{\mathsf T} (x - b)}{\sigma^2} \label{eq:linear-posterior} $$

# %%
generator = torch.Generator().manual_seed(4)
W = torch.tensor([[1.5, 0.5], [0.3, 1.2], [-0.8, 0.4]], dtype=torch.float64)  # two latent variables, three of data
b, sigma = torch.tensor([0.2, -0.1, 0.0], dtype=torch.float64), 0.6
x = W @ torch.randn(2, generator=generator).double() + b + sigma * torch.randn(3, generator=generator).double()
identity = torch.eye(3, dtype=torch.float64)


# %%
def log_normal(x, mean, covariance):
    apart = x - mean
    spread = apart @ torch.linalg.solve(covariance, apart)
    return -(spread + covariance.logdet() + len(x) * math.log(2 * math.pi)) / 2


# %%
log_evidence = log_normal(x, b, W @ W.T + sigma**2 * identity)  # (eq:linear-evidence)
S = torch.linalg.inv(identity[:2, :2] + W.T @ W / sigma**2)
m = S @ W.T @ (x - b) / sigma**2  # (eq:linear-posterior)
z = torch.tensor([0.3, -0.5], dtype=torch.float64)  # any point will do
log_joint = log_normal(z, 0 * z, identity[:2, :2]) + log_normal(x, W @ z + b, sigma**2 * identity)
assert torch.isclose(log_joint, log_evidence + log_normal(z, m, S))  # p(z) p(x|z) = p(x) p(z|x)
print(f"log p(x) = {log_evidence:.4f}; posterior mean {[round(value, 2) for value in m.tolist()]}")

# %% [markdown]
# And the ELBO of any Gaussian $q = \mathcal{N}(\mu, C)$? The mean of a square is the square of the mean plus the
# variance. So the mean of $\lVert x - W z - b \rVert^2$ is the square at $z = \mu$ plus the trace of the covariance of
# $W z$:
#
# $$ \mathrm{ELBO} = \log \mathcal{N}(x;\, W \mu + b,\, \sigma^2 I)
#    - \frac{\mathrm{tr}(W C W^{\mathsf T})}{2 \sigma^2}
#    - \mathrm{KL}\big(\mathcal{N}(\mu, C) \,\Vert\, \mathcal{N}(0, I)\big) \label{eq:linear-elbo} $$


# %%
def kl_normal(mean, covariance, other_mean, other_covariance):
    apart, precision = other_mean - mean, torch.linalg.inv(other_covariance)
    inside = (precision @ covariance).trace() - len(mean) + apart @ precision @ apart
    return (inside + other_covariance.logdet() - covariance.logdet()) / 2


# %%
def linear_elbo(mu, C):  # (eq:linear-elbo)
    fit = log_normal(x, W @ mu + b, sigma**2 * identity) - (W @ C @ W.T).trace() / (2 * sigma**2)
    return fit - kl_normal(mu, C, 0 * mu, identity[:2, :2])


# %%
worst = 0.0
for _ in range(100):  # any q at all
    mu, root = (torch.randn(shape, generator=generator).double() for shape in (2, (2, 2)))
    C = root @ root.T + 0.01 * identity[:2, :2]
    gap = log_evidence - linear_elbo(mu, C)
    worst = max(worst, abs(gap - kl_normal(mu, C, m, S)).item() / gap.item())
print(f"100 different q: gap and KL(q || p(z|x)) agree to 12 digits: {worst < 1e-12}")
assert worst < 1e-12

# %% [markdown]
# To machine precision, for any $q$. Now look at the bound as $q$ changes: on the left its mean slides through the
# posterior's, on the right its covariance $s^2 S$ grows from a point to something vague.

# %%
shifts, scales = torch.linspace(-1.5, 1.5, 61).double(), torch.logspace(-1, 0.6, 61).double()
curves = {
    "mean, away from the posterior's": (shifts, [linear_elbo(m + shift, S).item() for shift in shifts]),
    "s, width relative to the posterior's": (scales, [linear_elbo(m, scale**2 * S).item() for scale in scales]),
}

# %%
alt = "Two curves that touch a horizontal line at one point each: a parabola, and a hump with a steep and a slow side."
with show.figure(alt, columns=2, height=2.7) as panels:
    for axes, (name, (at, bounds)) in zip(panels, curves.items(), strict=True):
        axes.axhline(log_evidence, color="C4", label="log p(x)")
        axes.plot(at, bounds, label="ELBO")
        axes.fill_between(at, bounds, log_evidence.item(), alpha=0.15, label="KL(q || p(z|x))")
        axes.set(xlabel=name, ylim=(log_evidence - 6, log_evidence + 0.6))
    panels[1].set_xscale("log")
    panels[1].legend(loc="lower center")
    panels[0].set_ylabel("nats")

# %%
half, double = (log_evidence - linear_elbo(m, s**2 * S) for s in (0.5, 2.0))
print(f"q half as wide: {half:.2f} nats are missing; twice as wide: {double:.2f}")
assert abs(linear_elbo(m, S) - log_evidence) < 1e-12
assert math.isclose(half.item(), 0.25 - 1 - math.log(0.25), abs_tol=1e-9)
assert math.isclose(double.item(), 4 - 1 - math.log(4), abs_tol=1e-9)
assert double > 2 * half

# %% [markdown]
# Too wide costs more than too narrow. So where the encoder's clouds have the wrong shape, training prefers narrow ones:
# the bound likes a $q$ that is too sure.
#
# ## The price of a cloud
#
# For a cloud with independent numbers the second term of (eq:elbo) needs no random points. Per latent variable, by
# definition, it is the mean under $q$ of $\log q - \log p$, and in both logarithms $\log \sqrt{2 \pi}$ cancels:
#
# $\mathbb{E}_q\big[ -\tfrac12 \log \sigma^2 - \tfrac{1}{2 \sigma^2} (z - \mu)^2 + \tfrac12 z^2 \big]
#   = -\tfrac12 \log \sigma^2 - \tfrac12 + \tfrac12 (\mu^2 + \sigma^2)$,
#
# because $\mathbb{E}_q[(z - \mu)^2] = \sigma^2$ and $\mathbb{E}_q[z^2] = \mu^2 + \sigma^2$. Sum over the numbers:
#
# $$ \mathrm{KL}\big(\mathcal{N}(\mu, \mathrm{diag}(\sigma^2)) \,\Vert\, \mathcal{N}(0, I)\big)
#    = \frac12 \sum_{j=1}^{d} \left( \mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1 \right) \label{eq:gaussian-kl} $$
#
# Run it at $\mu = 0.3$ and $\log \sigma = -0.7$, against its definition with a million random points, and next to the
# versions that people write:

# %%
mu, log_sigma = torch.tensor(0.3).double(), torch.tensor(-0.7).double()
sigma_q = log_sigma.exp()
kl = (mu**2 + sigma_q**2 - 2 * log_sigma - 1) / 2  # (eq:gaussian-kl)
z = mu + sigma_q * torch.randn(1_000_000, generator=generator).double()
terms = log_density(z, 0.3, sigma_q.item()) - log_density(z, 0.0, 1.0)
error = terms.std() / 1000

# %%
wrong = {
    "log σ where log σ² belongs": (mu**2 + sigma_q**2 - log_sigma - 1) / 2,
    "log σ taken for log σ² everywhere": (mu**2 + log_sigma.exp() - log_sigma - 1) / 2,
    "without the 1/2": mu**2 + sigma_q**2 - 2 * log_sigma - 1,
    "KL(p || q)": (2 * log_sigma + (1 + mu**2) / sigma_q**2 - 1) / 2,
}
print(f"right {kl:.3f}; a million points {terms.mean():.3f} ± {2 * error:.3f}")
print(", ".join(f"{name} {value:.3f}" for name, value in wrong.items()))
assert abs(terms.mean() - kl) < 4 * error < 0.005
assert f"{kl:.3f}" == "0.368"

# %%
log_sigmas = torch.linspace(-1.5, 0.7, 200)
at_zero = {  # all with mu = 0
    "right": (log_sigmas.mul(2).exp() - 2 * log_sigmas - 1) / 2,
    "log σ for log σ²": (log_sigmas.mul(2).exp() - log_sigmas - 1) / 2,
    "without the 1/2": log_sigmas.mul(2).exp() - 2 * log_sigmas - 1,
}

# %%
alt = "Three curves against sigma: the right one and twice it touch zero at one; the third goes below zero."
with show.figure(alt, height=2.8) as [axes]:
    axes.axhline(0, color="black", linewidth=0.5)
    for name, values in at_zero.items():
        axes.semilogx(log_sigmas.exp(), values, label=name)
    axes.minorticks_off()
    axes.set(xlabel="σ", ylabel="nats, at μ = 0", ylim=(-0.3, 2), xticks=[0.3, 0.5, 1, 2], xticklabels=[0.3, 0.5, 1, 2])
    axes.legend(ncols=2)

# %%
lowest = {name: (values.min().item(), log_sigmas.exp()[values.argmin()].item()) for name, values in at_zero.items()}
print({name: f"lowest {value:.2f} at σ = {at:.2f}" for name, (value, at) in lowest.items()})
assert abs(lowest["right"][0]) < 1e-3
assert math.isclose(lowest["log σ for log σ²"][1], 0.5**0.5, abs_tol=0.01)
assert lowest["log σ for log σ²"][0] < -0.05

# %% [markdown]
# This is how to catch them: **a KL is never negative, and it is zero exactly where $q$ is the prior.** With $\log
# \sigma$ for $\log \sigma^2$ the cheapest cloud has $\sigma = \sqrt{1/2}$, and costs less than nothing; such a model
# trains, and its samples come from a prior that its decoder has never met. Without the $\frac12$ the minimum is right
# and the price is double: that is a VAE with the KL weighted by 2, below.
#
# ## A gradient through a random draw
#
# The price has a formula. The reconstruction $\mathbb{E}_q[\log p(x \mid z)]$ has none when the decoder is a network:
# we draw a point and decode it. But we need its derivative by $\mu$ and $\sigma$, and these two only say **where the
# point is drawn**. How does one differentiate that?
#
# **The score function.** Write $f(z)$ for what is averaged. Under the integral only $q_\theta$ depends on the
# parameters $\theta$, and $\nabla q_\theta = q_\theta \nabla \log q_\theta$. This makes the gradient an expectation
# under $q$ again. Any constant $b$, a **baseline**, may be subtracted: $\mathbb{E}_q[\nabla \log q_\theta] = \int
# \nabla q_\theta = \nabla 1 = 0$.
#
# $$ \nabla_{\theta}\, \mathbb{E}_{q_\theta}[f(z)]
#    = \mathbb{E}_{q_\theta}\big[ (f(z) - b)\, \nabla_{\theta} \log q_\theta(z) \big] \label{eq:score-gradient} $$
#
# It needs no derivative of $f$ at all (in reinforcement learning, where $f$ is a reward, it is called REINFORCE).
#
# **The reparameterisation.** Draw noise that depends on nothing, and make the point from it:
#
# $$ z = \mu + \sigma \odot \varepsilon, \qquad \varepsilon \sim \mathcal{N}(0, I), \qquad \sigma = e^{\ell / 2}
#    \label{eq:reparameterise} $$
#
# where $\odot$ multiplies number by number, and $\ell = \log \sigma^2$ is what the encoder answers, so that $\sigma$ is
# positive whatever it says. Now the expectation is over $\varepsilon$, the parameters stand inside $f$, and the chain
# rule does the rest:
#
# $$ \frac{\partial}{\partial \mu}\, \mathbb{E}_{q}[f(z)] = \mathbb{E}_{\varepsilon}[f'(z)], \qquad
#    \frac{\partial}{\partial \sigma}\, \mathbb{E}_{q}[f(z)] = \mathbb{E}_{\varepsilon}[\varepsilon\, f'(z)]
#    \label{eq:pathwise-gradient} $$
#
# Both are right on average. Run them for $f(z) = -\frac12 \lVert z - a \rVert^2$, a Gaussian decoder that does nothing,
# with $\sigma = 1$ and $\mu$ one unit away from $a$ in the first of $d$ latent variables. The true derivative by
# $\mu_1$ is $-1$.


# %%
def estimates(d, n=200_000):
    eps = torch.randn(n, d, generator=generator)
    away = eps + torch.eye(d)[0]  # z - a, with z = mu + eps
    f = -away.square().sum(1) / 2
    return {
        "score function": f * eps[:, 0],  # the derivative of log q by mu is z - mu = eps
        "with baseline": (f + (d + 1) / 2) * eps[:, 0],  # b is the mean of f
        "reparameterised": -away[:, 0],
    }


# %%
for name, values in estimates(d=8).items():
    mean, error = values.mean().item(), values.std().item() / 200_000**0.5
    print(f"{name:15}: mean {mean:.2f} ± {2 * error:.2f}, variance of one estimate {values.var():.0f}")
    assert abs(mean + 1) < 4 * error

# %% [markdown]
# All agree on the mean. They do not agree on how far a single estimate is off, and in training we have a single one.
# For this $f$ the variances are polynomials. Reparameterised, the estimate is $-1 - \varepsilon_1$. With the score
# function it is $f \varepsilon_1$, where $-2 f = 1 + 2 \varepsilon_1 + \varepsilon_1^2 + R$, and $R$ is a sum of $d -
# 1$ squares with mean $d - 1$ and variance $2 (d - 1)$; multiply out with $\mathbb{E}[\varepsilon^2] = 1$,
# $\mathbb{E}[\varepsilon^4] = 3$, $\mathbb{E}[\varepsilon^6] = 15$:
#
# $$ \mathrm{Var}_{\text{pathwise}} = 1, \qquad \mathrm{Var}_{\text{score}} = \frac{d^2 + 8 d + 21}{4}, \qquad
#    \mathrm{Var}_{\text{score, baseline}} = \frac{d + 8}{2} \label{eq:gradient-variances} $$

# %%
formulas = {
    "score function": lambda d: (d**2 + 8 * d + 21) / 4,
    "with baseline": lambda d: (d + 8) / 2,
    "reparameterised": lambda d: d**0.0,
}
dims = [1, 2, 4, 8, 16, 32, 64]
measured = [{name: values.var().item() for name, values in estimates(d).items()} for d in dims]

# %%
alt = "Variance against d on logarithmic scales: one line is flat at one, two rise, with slopes one and two at the end."
with show.figure(alt, height=2.8) as [axes]:
    for name, formula in formulas.items():
        [line] = axes.loglog(dims, [formula(d) for d in dims], label=name)
        axes.plot(dims, [row[name] for row in measured], "o", color=line.get_color())
    axes.set(xlabel="latent variables d", ylabel="variance", xticks=dims, xticklabels=dims)
    axes.minorticks_off()
    axes.legend()

# %%
ratios = {name: formulas[name](64) / formulas["reparameterised"](64) for name in formulas}
print("variance at d = 64, relative to the reparameterised:", {name: round(ratio) for name, ratio in ratios.items()})
assert all(
    abs(row[name] / formulas[name](d) - 1) < 0.1 for d, row in zip(dims, measured, strict=True) for name in formulas
)
assert ratios["score function"] > 1000 > ratios["with baseline"] > 30

# %% [markdown]
# With 64 latent variables the plain score function needs over a thousand draws for what one reparameterised draw tells.
# A baseline helps a lot, and the ratio still grows with $d$: a single number $f$ must tell each latent variable how it
# did. A derivative tells each one separately. The score function has its place where $z$ is a choice (a word, a move),
# for there $f$ has no derivative.
#
# One mistake again looks harmless: $\mu + e^{\ell} \varepsilon$. That draws with standard deviation $\sigma^2$, while
# the price is paid for $\sigma$.

# %%
ell, eps = torch.tensor(-2.0), torch.randn(100_000, generator=generator)
for name, z in {"right": (ell / 2).exp() * eps, "exp(log σ²) ε": ell.exp() * eps}.items():
    print(f"{name:13}: variance {z.var():.3f}, paid for {ell.exp():.3f}")
assert abs(((ell / 2).exp() * eps).var() / ell.exp() - 1) < 0.02
assert (ell.exp() * eps).var() < 0.2 * ell.exp()

# %% [markdown]
# ## How likely is a picture?
#
# The reconstruction is a log-likelihood: a **sum over the $D$ pixels of a picture**, then a mean over pictures. Its
# unit is the nat per image. For pixels that are 0 or 1 the decoder gives the probability $\pi_i$ of a one:
#
# $$ \log p(x \mid z) = \sum_{i=1}^{D} \big( x_i \log \pi_i + (1 - x_i) \log (1 - \pi_i) \big)
#    \label{eq:bernoulli-likelihood} $$
#
# For grey or coloured pixels it gives means $\hat x_i$, and a standard deviation $\sigma$, of the **pixels**, not that
# of the clouds:
#
# $$ \log p(x \mid z) = -\frac12 \sum_{i=1}^{D} \left( \frac{(x_i - \hat x_i)^2}{\sigma^2}
#    + \log \sigma^2 + \log 2 \pi \right) \label{eq:gaussian-likelihood} $$
#
# Libraries call minus the first "binary cross-entropy". The "squared error" is the second for one fixed $\sigma$,
# without its constant. Which $\sigma$? It is the exchange rate between pixels and nats:

# %%
with torch.no_grad():
    copies = plane.decode(q_plane.mu)
squared = (test_digits - copies).square().sum((1, 2, 3)).mean().item()
for sigma_x in (1.0, 0.5, 0.2, 0.1):
    print(f"σ = {sigma_x}: a squared error of {squared:.1f} costs {squared / (2 * sigma_x**2):6.1f} nats")
bits, pi = (test_digits > 0.5).float(), copies.clamp(0.01, 0.99)  # as if the greys were probabilities
cross_entropy = nn.functional.binary_cross_entropy(pi, bits, reduction="sum")  # not the mean over pixels
assert torch.isclose((bits * pi.log() + (1 - bits) * (1 - pi).log()).sum(), -cross_entropy)  # (eq:bernoulli-likelihood)
print(f"the clouds cost {(q_plane.mu.square() + q_plane.logvar.exp() - q_plane.logvar - 1).sum(1).mean() / 2:.1f} nats")

# %% [markdown]
# With $\sigma = 1$ a whole digit is worth about one nat: nobody pays five nats for a cloud to say which digit it is.
# So $\sigma$ must be right. It can be: differentiate (eq:gaussian-likelihood) by $\sigma^2$, set the result to zero,
#
# $$ \hat\sigma^2 = \frac{1}{D} \sum_{i=1}^{D} (x_i - \hat x_i)^2 \label{eq:best-sigma} $$
#
# the mean squared error of a pixel (over all pictures, if they share one $\sigma$). Or make $\log \sigma$ one more
# parameter, and let it learn. The digits' VAE did so:

# %%
variances = torch.linspace(0.05, 0.5, 451) ** 2
likelihood = -(squared / variances + 64 * variances.log() + 64 * math.log(2 * math.pi)) / 2
best = variances[likelihood.argmax()].sqrt().item()
print(f"likeliest σ on a grid {best:.3f}, root of (eq:best-sigma) {(squared / 64) ** 0.5:.3f}", end=", ")
print(f"learned by the network on its training digits {plane.sigma.item():.3f}")
assert math.isclose(best, (squared / 64) ** 0.5, abs_tol=1e-3)
assert 0.1 < plane.sigma < best

# %% [markdown]
# ### Averages, and where they go wrong
#
# Libraries average by default. What if the reconstruction is averaged over the $D$ pixels, as `mse_loss` and
# `binary_cross_entropy` do, while the price is a sum?
#
# $$ \frac{1}{D} \sum_{i=1}^{D} \log p(x_i \mid z) - \mathrm{KL}
#    = \frac{1}{D} \Big( \sum_{i=1}^{D} \log p(x_i \mid z) - D \cdot \mathrm{KL} \Big) \label{eq:pixel-mean} $$
#
# A common factor changes no minimum. So this is the right loss with a price $D$ times too high, and $D$ is 3,072 for a
# colour picture of 32 by 32. The other way round, a price that is averaged over latent variables is $d$ times too low.
# Nothing crashes.

# %%
pixels, kl = -(test_digits[0] - copies[0]).square().double(), torch.tensor(5.0).double()
assert torch.isclose(pixels.mean() - kl, (pixels.sum() - 64 * kl) / 64)  # (eq:pixel-mean), D = 64
print("numbers in a colour picture:", 3 * 32 * 32)
assert (3072 / 2) / 64 == 24  # for the first question at the end
assert round(24**0.5, 1) == 4.9

# %% [markdown]
# ## From scratch
#
# A whole VAE: two small networks, a draw, a loss. Everything that was derived stands in the loss.


# %%
class SmallVAE(nn.Module):
    def __init__(self, latents=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 2 * latents))
        self.decoder = nn.Sequential(nn.Linear(latents, 128), nn.SiLU(), nn.Linear(128, 64), nn.Sigmoid())
        self.log_sigma = nn.Parameter(torch.tensor(-1.0))  # of the pixels

    def forward(self, x):
        mu, ell = self.encoder(x).chunk(2, dim=1)  # ell is the log of the variance
        z = mu + (ell / 2).exp() * torch.randn_like(mu)  # (eq:reparameterise)
        squared = (x.flatten(1) - self.decoder(z)) ** 2
        variance = (2 * self.log_sigma).exp()
        pixels = -(squared / variance + variance.log() + math.log(2 * math.pi)) / 2  # (eq:gaussian-likelihood)
        kl = (mu**2 + ell.exp() - ell - 1).sum(1) / 2  # (eq:gaussian-kl), summed over latent variables
        return pixels, kl


# %%
from mmgen_course.train import Player, fit, seeded, warmup_cosine


def playing(vae, averaged):
    def loss():
        images = train_digits[torch.randint(len(train_digits), (100,))]
        pixels, kl = vae(images)
        reconstruction = pixels.mean(1) if averaged else pixels.sum(1)  # wrong, right
        return (kl - reconstruction).mean()  # minus the ELBO, mean over images

    return Player(
        "averaged" if averaged else "summed", vae, loss, torch.optim.Adam(vae.parameters(), lr=3e-3), warmup_cosine
    )


# %% [markdown]
# Two of them, first weights alike, play in one training: one with the pixels summed, one with the pixels averaged. The
# picture shows what each decoder makes of the same sixteen points of the prior: summed in the first row, averaged in
# the second.

# %%
right, wrong = (seeded(SmallVAE, 0) for _ in range(2))
points = torch.randn(16, 8, generator=torch.Generator().manual_seed(1))
players = [playing(right, averaged=False), playing(wrong, averaged=True)]


# %% tags=["nbval-ignore-output"]
def look():
    rows = torch.cat([vae.decoder(points).reshape(16, 1, 8, 8) for vae in (right, wrong)])
    return show.tile(rows.expand(32, 3, 8, 8) * 2 - 1, columns=16)


torch.manual_seed(0)
losses = widgets.watch(fit(players, steps=1000), total=1000, draw=look, every=100)

# %%
with torch.no_grad():
    price = {name: vae(test_digits)[1].mean().item() for name, vae in {"summed": right, "averaged": wrong}.items()}
print("the averaged one spends less than 0.1 nats on a digit, the summed one more than 8")
assert losses[-1]["summed"] < losses[0]["summed"]
assert price["averaged"] < 0.1
assert price["summed"] > 8

# %% [markdown]
# The second row is sixteen times the same smear, the mean of all digits. Its encoder answers $\mu = 0$ and $\sigma = 1$
# whatever it sees: it pays nothing and says nothing, and the decoder has learned not to listen. This is **posterior
# collapse**. It is no accident of training but the minimum of the loss that was asked for.

# %% [markdown]
# ## Rate and distortion
#
# What if the price is weighted on purpose? A **beta-VAE** minimises
#
# $$ \mathcal{L}_\beta = \underbrace{-\mathbb{E}_{q}[\log p(x \mid z)]}_{\text{distortion}}
#    + \beta \underbrace{\mathrm{KL}\big(q(z \mid x) \,\Vert\, p(z)\big)}_{\text{rate}} \label{eq:beta-vae} $$
#
# With $\beta = 1$ this is minus the ELBO; with a larger one still a bound, but a looser one. The names come from
# coding: the rate is what a picture's code costs, in nats, and the distortion what is still wrong after it.
#
# `benchmarks/vae.py` trained the digits' VAE, with 16 latent variables and $\sigma = 0.1$, for six values of $\beta$
# and three seeds each, and also with pixels averaged. Measured on test digits:

# %%
with data.shipped("results/vae.csv").open(encoding="utf-8") as stream:
    rows = list(csv.DictReader(stream))
found = defaultdict(list)
for row in rows:
    found[row["objective"]].append([float(row[name]) for name in ("rate", "distortion", "error", "active")])
mean = {name: torch.tensor(values).mean(0).tolist() for name, values in found.items()}
spread = {
    name: (torch.tensor(values).amax(0) - torch.tensor(values).amin(0)).tolist() for name, values in found.items()
}
betas = [name for name in mean if name.startswith("beta")]

# %%
alt = (
    "Distortion falls steeply with the rate, then flattens; averaged pixels lie at rate zero, free bits near the curve."
)
with show.figure(alt, height=3) as [axes]:
    axes.plot([mean[name][0] for name in betas], [mean[name][1] for name in betas], "o-")
    for name in betas:
        place = (-40, -12) if name == "beta 10" else (6, 4)
        axes.annotate(f"β = {name.split()[1]}", mean[name][:2], place, textcoords="offset points")
    for name, colour in (("mean over pixels", "C4"), ("mean over pixels, free bits", "C2")):
        axes.plot(*mean[name][:2], "s", color=colour, markersize=5, label=name)
    axes.set(xlabel="rate (nats per image)", ylabel="distortion (nats per image)", xlim=(-2, 56))
    axes.legend()

# %%
for name, (rate, distortion, error, active) in mean.items():
    print(f"{name:28} rate {rate:5.1f}, ELBO {-distortion - rate:7.1f}, pixel error {error:.2f}, active {active:4.1f}")
rates = [mean[name][0] for name in betas]
assert rates == sorted(rates, reverse=True)
assert max(betas, key=lambda name: -mean[name][0] - mean[name][1]) == "beta 1"
assert mean["mean over pixels"][0] < 0.01
assert max(width[0] for width in spread.values()) < 1  # seeds hardly matter
first_nat, last_nat = (
    (mean[a][1] - mean[b][1]) / (mean[b][0] - mean[a][0])
    for a, b in (("mean over pixels", "beta 30"), ("beta 0.3", "beta 0.1"))
)
print(f"a nat of rate saves {first_nat:.0f} nats of distortion at first, {last_nat:.1f} at the end")
assert first_nat > 40 > 0.3 > last_nat > 0

# %% [markdown]
# The three seeds of each agree. A digit's first nats save most, and the last ones hardly anything: on these test digits
# the curve is flat at the end. $\beta = 1$ has the best ELBO, as it should; averaged pixels sit at rate zero.
#
# By (eq:gaussian-likelihood) $\beta$ and $\sigma^2$ are one knob: multiply $\sigma^2$ by $\beta$, and the squared error
# is divided by it. So a "beta-VAE with mean squared error" is often just a VAE with another $\sigma$.
#
# ### Counting what is used
#
# A latent variable is **active** if its mean moves with the picture:
#
# $$ A_j = \mathrm{Var}_{x}\big( \mathbb{E}_{q(z \mid x)}[z_j] \big) > 0.01 \label{eq:active-units} $$
#
# Look at the mean, not at $z$: a dead number is pure noise of variance 1. For the network that made the opening
# pictures, the price of each number:

# %%
with torch.no_grad():
    q_wide = wide.encode(test_digits)
prices = ((q_wide.mu**2 + q_wide.logvar.exp() - q_wide.logvar - 1) / 2).mean(0)  # (eq:gaussian-kl), each number

# %%
order = prices.argsort(descending=True)
active = q_wide.mu.var(0, correction=0) > 0.01  # (eq:active-units)
with show.figure(
    "Sixteen bars: nine between one and three nats, two small ones, and five next to nothing.", height=2.2
) as [axes]:
    axes.bar(range(16), prices[order], color=["C0" if on else "C4" for on in active[order]])
    axes.set(xlabel="latent variable, the dearest first", ylabel="KL (nats)", xticks=range(16))

# %%
dear = (prices > 0.1).sum()
print(f"{active.sum()} of 16 are active, {dear} cost more than 0.1 nats, all together cost {prices.sum():.1f}")
print(f"variance of the dead ones' means {q_wide.mu.var(0)[~active].max():.4f}, of their noise", end=" ")
print(f"{q_wide.logvar.exp().mean(0)[~active].min():.1f}")
assert active.sum() == 15
assert prices[~active].max() < 0.05

# %% [markdown]
# ### Free bits
#
# Collapse is a trap also for the right loss. Early in training the decoder cannot use the code yet, so the code is not
# worth its price; the encoder shuts it, and then the decoder can never learn. Decoders that can do without a code, such
# as those that write text word by word, fall into it often. **Free bits** take the price off below a floor of $\lambda$
# nats a number, on average over the $n$ pictures of a batch:
#
# $$ \mathrm{KL}_{\text{free}} = \sum_{j=1}^{d} \max\Big( \lambda,\;
#    \frac{1}{n} \sum_{i=1}^{n} \mathrm{KL}_{ij} \Big) \label{eq:free-bits} $$
#
# Below the floor the gradient is zero: there is nothing to gain by shutting a number. With averaged pixels, and
# $\lambda = 0.5$ for each of 16 numbers, all of them stay alive, and they use about what they get for nothing:

# %%
name = "mean over pixels, free bits"
rate, _, error, active_count = mean[name]
print(f"free bits: rate {rate:.1f} nats (16 · 0.5 = 8 are free), {active_count:.0f} active, pixel error {error:.2f}")
print(f"without: rate {mean['mean over pixels'][0]:.1f}, {mean['mean over pixels'][3]:.0f} active, error", end=" ")
print(f"{mean['mean over pixels'][2]:.2f}")
assert 6 < rate < 8.5
assert active_count == 16
assert error < 0.7 * mean["mean over pixels"][2]

# %% [markdown]
# ## A tighter bound
#
# Jensen's inequality loses less when the thing inside varies less. So average $K$ points *before* the logarithm:
#
# $$ \mathcal{L}_K = \mathbb{E}_{z_1, \dots, z_K \sim q}\Big[ \log \frac{1}{K} \sum_{k=1}^{K}
#    \frac{p(x, z_k)}{q(z_k \mid x)} \Big], \qquad
#    \mathrm{ELBO} = \mathcal{L}_1 \le \mathcal{L}_K \le \mathcal{L}_{K+1} \le \log p(x) \label{eq:iwae} $$
#
# This is the bound of the importance-weighted autoencoder (IWAE). It cannot fall with $K$: a mean of $K + 1$ numbers is
# the mean of the means that leave one of them out, and Jensen's inequality does the rest. As $K$ grows, the mean under
# the logarithm tends to $p(x)$, whatever $q$ is. On the linear model, with a $q$ that is off:

# %%
q_mean, q_sigma = m + 0.4, 0.8 * S.diagonal().sqrt()


# %%
def log_weights(n):  # log p(x, z) - log q(z) at n points
    z = q_mean + q_sigma * torch.randn(n, 2, generator=generator).double()
    fit = -((x - z @ W.T - b) ** 2).sum(1) / (2 * sigma**2) - 3 * math.log(sigma * math.sqrt(2 * math.pi))
    log_q = -(((z - q_mean) / q_sigma) ** 2) / 2 - q_sigma.log()
    return fit + (-(z**2) / 2).sum(1) - log_q.sum(1)  # the constants of p(z) and q cancel


# %%
weights = log_weights(2**20)
bounds = {}
for K in (1, 4, 16, 64, 256, 1024):
    groups = weights.reshape(-1, K)
    bounds[K] = (groups.logsumexp(1) - math.log(K)).mean().item()  # (eq:iwae)
mean_outside = weights.mean().item()  # "average K of them": the ELBO again, for any K

# %%
exact_elbo = linear_elbo(q_mean, torch.diag(q_sigma**2)).item()
print({K: round(bound, 2) for K, bound in bounds.items()}, f"log p(x) = {log_evidence:.2f}")
values = list(bounds.values())
assert values == sorted(values)
assert values[-1] < log_evidence + 0.01
assert abs(values[0] - exact_elbo) < 0.01
assert abs(values[-1] - log_evidence) < 0.1 < abs(exact_elbo - log_evidence)
assert math.isclose(mean_outside, values[0], abs_tol=1e-9)

# %% [markdown]
# With the mean outside the logarithm, the last line says, $K$ draws give the ELBO again, only less noisy.
#
# **From here on we import it.** `mmgen_course.generators.vae` holds the terms, each in nats per image, and
# `linear_gaussian` the exact model. They agree with what we wrote:

# %%
from mmgen_course.generators import vae
from mmgen_course.generators.linear_gaussian import LinearGaussian, Normal

# %%
model = LinearGaussian(W, b, sigma)
assert torch.isclose(model.log_marginal(x[None])[0], log_evidence)
assert torch.allclose(model.posterior(x[None]).mean[0], m)
assert torch.isclose(model.elbo(x[None], Normal(m[None], S))[0], linear_elbo(m, S))
assert torch.isclose(vae.iwae(weights.reshape(-1, 16).T), torch.tensor(bounds[16]).double())

# %%
with torch.no_grad():
    pixels, kl = right(test_digits)
    terms = vae.elbo(pixels.sum(1), *right.encoder(test_digits).chunk(2, dim=1))
assert torch.isclose(terms.elbo, (pixels.sum(1) - kl).mean(), rtol=1e-4)
print(*terms._fields)

# %% [markdown]
# ## Walk through the plane
#
# What does the decoder make of every point of the plane? Here it is on a grid from -2.6 to 2.6:

# %%
sides = torch.linspace(-2.6, 2.6, 14)
lattice = torch.stack(torch.meshgrid(sides, -sides, indexing="xy"), dim=-1).reshape(-1, 2)
with torch.no_grad():
    decoded = plane.decode(lattice) * 2 - 1
alt = "A grid of digits: each digit has its region, and at the borders one turns into the next."
with show.figure(alt, width=5, height=5) as [axes]:
    show.picture(axes, show.tile(decoded, columns=14))

# %%
step_right = (decoded.reshape(14, 14, 64)[:, 1:] - decoded.reshape(14, 14, 64)[:, :-1]).norm(dim=-1)
pairs_apart = torch.cdist(test_digits.flatten(1), test_digits.flatten(1)).mean() * 2  # in [-1, 1], too
print(
    f"one step to the right changes a picture by {step_right.mean():.1f}, two real digits differ by {pairs_apart:.1f}"
)
assert step_right.mean() < 0.4 * pairs_apart

# %% [markdown]
# Now move yourself. Two sliders move the ring over the map of the test digits; on the right is what the decoder makes
# of its middle. Walk from a zero to a six. What lies between? Go out to a corner where no digit is. Find a place where
# a small step changes the digit, and one where it changes only the slant.

# %%
from collections import Counter

from matplotlib.figure import Figure

# %%
kinds = [names.index(word) for word in labels]


def walk(first, second):
    z = torch.tensor([[first, second]])
    with torch.no_grad():
        image = plane.decode(z)[0] * 2 - 1
    figure = Figure(figsize=(7, 3.6), layout="compressed")
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    left.scatter(*q_plane.mu.T, c=[TEN[kind] for kind in kinds], s=12)
    for kind in range(10):
        middle = q_plane.mu[[k == kind for k in kinds]].median(0).values.tolist()
        left.text(*middle, str(kind), size=12, weight="bold", ha="center", va="center", path_effects=HALO)
    left.plot(first, second, "o", markersize=18, markerfacecolor="none", markeredgecolor="black", markeredgewidth=3)
    left.set(xlim=(-3.7, 4.1), ylim=(-3.7, 3.7), aspect=1, xlabel="first latent variable", ylabel="second")
    left.spines[["top", "right"]].set_visible(False)
    show.picture(right, image)
    nearest = (q_plane.mu - z).square().sum(1).argsort()[:20].tolist()
    [(word, times)] = Counter(labels[i] for i in nearest).most_common(1)
    return figure, f"z = ({first:.1f}, {second:.1f}): {times} of the 20 nearest test digits are called {word}"


# %%
slider = {"min": -3.2, "max": 3.2, "step": 0.1, "layout": {"width": "95%", "max_width": "600px"}}
widgets.explorer(
    walk,
    first=ipywidgets.FloatSlider(1.0, description="first", **slider),
    second=ipywidgets.FloatSlider(-0.5, description="second", **slider),
)

# %% [markdown]
# ## A caption for the decoder
#
# So far we get *some* digit. To ask for something, give a **condition** $c$ to both networks. Everything that was
# derived holds for each $c$ by itself; the prior of $z$ stays what it was:
#
# $$ \log p(x \mid c) \ge \mathbb{E}_{q(z \mid x, c)}[\log p(x \mid z, c)]
#    - \mathrm{KL}\big(q(z \mid x, c) \,\Vert\, p(z)\big) \label{eq:conditional-elbo} $$
#
# This is a **conditional VAE**. In ours $x$ is a scene of one object, 32 by 32, drawn with random strays: it may be
# shifted, scaled and shaded a little. The condition is the mean of the word vectors (lesson 4) of a caption that names
# everything but the strays. So the loss itself says how to share the work: what the caption tells is free, what $z$
# tells must be paid. $z$ should hold the strays and nothing else.
#
# Does training find that? Not by itself. The encoder learns faster than the decoder learns to read, so $z$ tells colour
# and shape, too, and then nothing is left to learn from the caption. The recipe (`mmgen train scene-vae`) therefore has
# two acts. In the first $z$ is drawn from the prior, whatever the picture: the decoder must read. In the second the
# encoder may speak. `benchmarks/vae.py` trained it for 1,200 steps with and without a first act, and let the classifier
# of lesson 3 read drawings for captions that training never showed, with $z$ from the prior:

# %%
with data.shipped("results/vae_acts.csv").open(encoding="utf-8") as stream:
    acts = list(csv.DictReader(stream))
for row in acts:
    kind = "two acts" if float(row["first act"]) else "one act "
    print(f"{kind}: as the caption says {float(row['scene']):4.0%}, colour {float(row['colour']):4.0%}", end=", ")
    print(f"shape {float(row['shape']):4.0%}; z tells {float(row['rate']):.0f} nats")
one, two = ([float(row["scene"]) for row in acts if (float(row["first act"]) > 0) == first] for first in (False, True))
assert max(one) < 0.5 * min(two)

# %% [markdown]
# The network that ships has had 6,000 steps. Ask it for combinations of shape, colour and style that no training
# picture had:

# %%
from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.features.encoders import caption_conditions

drawer = load_scene_vae()
world = SingleObjectScenes(torch.Generator().manual_seed(5))
wishes = [
    "a large striped red star in the centre on a dark background",
    "a small flat orange circle in the top left on a light background",
    "a large dotted purple square in the bottom right on a light background",
    "a small outlined blue cross in the centre on a dark background",
    "a large outlined pink triangle in the bottom left on a dark background",
    "a small flat yellow diamond in the top right on a dark background",
    "a large striped cyan circle in the top right on a light background",
    "a small striped green cross in the centre on a light background",
]
z = torch.randn(8, drawer.latents, generator=torch.Generator().manual_seed(1))
drawings = scene_vae.draw_all(drawer, z, caption_conditions(wishes))

# %%
alt = (
    "Eight drawings, sharp, each of what its caption says: a large striped red star, a small orange circle, and so on."
)
show.images(drawings, wishes, columns=4, alt=alt)

# %%
from mmgen_course.features.classifier import accuracy, load_classifier
from mmgen_course.scenes.splits import is_held_out

classifier = load_classifier()
read = classifier.read(drawings)
print(
    "read as asked:", sum(scene == scenes.parse(wish).scene() for scene, wish in zip(read, wishes, strict=True)), "of 8"
)
assert all(is_held_out(scenes.parse(wish).scene()) for wish in wishes)  # training has none of them

# %% [markdown]
# And over a thousand captions of such unseen compositions, in all the wordings that the course has, each drawn once:

# %%
unseen, seen = world.draw(1000, "held_out_compositions"), world.draw(1000, "train")
z = torch.randn(1000, drawer.latents, generator=torch.Generator().manual_seed(6))
known = scene_vae.captions_met(drawer, seen, z)
met = scene_vae.captions_met(drawer, unseen, z)
print("drawn as the caption says:", {name: f"{share:.0%}" for name, share in met.items()})
print(f"for compositions of the training, in everything: {known['scene']:.0%}")
assert met["scene"] > 0.95
assert known["scene"] > 0.98
assert met["style"] == min(share for name, share in met.items() if name != "scene")

# %% [markdown]
# The classifier of lesson 3 reads all six attributes as the caption says in more than 19 of 20 drawings. What fails
# is the style, where training never showed it on that shape. VAEs have a name for blurred pictures. These are sharp,
# for three reasons: what varies is said by the caption or fits into $z$; the $\sigma$ of the pixels was learned, and is
# small; and we show the mean $\hat x$, not $\hat x$ with the noise of (eq:gaussian-likelihood) added, which no one
# wants to see.

# %%
print(f"σ of the pixels: {drawer.sigma:.2f} in a range of 2")
with torch.no_grad():
    conditions = caption_conditions(unseen.captions)
    q = drawer.encode(unseen.images, conditions)
said = vae.gaussian_kl(*q)
named = 6 * 8 * 2 * 4 * 5 * 2  # shapes, colours, sizes, styles, places, backgrounds
print(f"z tells {said:.0f} nats of a picture; its caption names one of {named} scenes, {math.log(named):.1f} nats")
assert drawer.sigma < 0.1

# %% [markdown]
# What does $z$ hold? Keep a caption and draw eight points $z$. Then the test: take the $z$ of **another** picture. If
# it holds only strays, the caption's attributes must come out all the same.

# %%
one = scene_vae.draw_all(drawer, z[:8], conditions[:1].expand(8, -1))
show.images(one, columns=8, alt="The same object eight times; place, size and shade differ a little.")

# %%
foreign = scene_vae.draw_all(drawer, q.mu.roll(1, dims=0), conditions)
swapped = accuracy(unseen.scenes, classifier.read(foreign))
print("with the z of another picture:", {name: f"{share:.0%}" for name, share in swapped.items()})
assert abs(swapped["scene"] - met["scene"]) < 0.04

# %% [markdown]
# About as many are right as with a $z$ from the prior. So $z$ holds strays, and nothing that the caption says. Make
# this test of every conditional VAE: a model that ignores its captions may give perfect copies, and fails here.
#
# ## Between two pictures, and arithmetic
#
# Is a latent space good for anything but storage? Take two digits and walk from one to the other in a straight line: of
# pixels, and of latent points, $z_t = (1 - t)\, z_0 + t\, z_1$.

# %%
with torch.no_grad():
    codes = {"VAE": wide.encode(test_digits).mu, "autoencoder": plain.encode(test_digits).mu}
    ways = []
    for first, last in ((0, 3), (5, 12)):
        ways += [vae.between(test_digits[first], test_digits[last], steps=8)]
        ways += [wide.decode(vae.between(codes["VAE"][first], codes["VAE"][last], steps=8))]

# %%
alt = "Two walks, a one to a six and a one to a four: above as a cross-fade, below as digits that change their strokes."
show.images(torch.cat(ways) * 2 - 1, columns=8, alt=alt)

# %%
order = torch.randperm(len(test_digits), generator=torch.Generator().manual_seed(0))
halfway = {"pixels": (test_digits + test_digits[order]) / 2}
with torch.no_grad():
    for name, network in {"VAE": wide, "autoencoder": plain}.items():
        halfway[name] = network.decode((codes[name] + codes[name][order]) / 2)

# %%
distances = {name: to_nearest(images) for name, images in halfway.items()}
print("halfway, distance to the nearest digit:", {name: round(value, 1) for name, value in distances.items()}, end=" ")
print(f"a real digit: {real:.1f}")
assert distances["VAE"] < distances["autoencoder"] < distances["pixels"]
assert distances["VAE"] < 1.1 * real

# %% [markdown]
# In each pair the first row fades one digit out and the other in; halfway there are two ghosts. The second row bends
# strokes. Halfway points of the VAE are as near to known digits as new real ones are; those of pixels are not, and the
# plain autoencoder lies between.

# %% [markdown]
# ### Adding an attribute
#
# If latent points behave like vectors, then "larger" may be a direction. Take the mean code of all pictures that have
# an attribute, minus the mean of those that have another, and add it:
#
# $$ v_a = \frac{1}{|\mathcal{D}_{a}|} \sum_{x \in \mathcal{D}_{a}} \mu(x)
#    - \frac{1}{|\mathcal{D}_{\bar a}|} \sum_{x \in \mathcal{D}_{\bar a}} \mu(x), \qquad z' = z + v_a
#    \label{eq:attribute-vector} $$
#
# All else is spread alike in both sets, and cancels. The scenes' VAE from above cannot be asked: its captions name
# every attribute. A second one (`mmgen train scene-vae-brief`) got captions that leave out size and style, so these two
# must be in $z$. Learn the directions from 1,000 pictures, and change 1,000 others:

# %%
changer = load_scene_vae("weights/scene-vae-brief.safetensors")


def encoded(n):
    batch = world.draw(n)
    condition = scene_vae.brief(batch, world.generator)
    with torch.no_grad():
        return batch, condition, changer.encode(batch.images, condition).mu


(learned, _, codes), (fresh, condition, points) = encoded(1000), encoded(1000)


# %%
def having(batch, name, kind):
    return torch.tensor([getattr(scene.objects[0], name) == kind for scene in batch.scenes])


def change(name, old, new):
    there, here = having(learned, name, new), having(fresh, name, old)
    v = codes[there].mean(0) - codes[having(learned, name, old)].mean(0)  # (eq:attribute-vector)
    after = scene_vae.draw_all(changer, points[here] + v, condition[here])
    before = [scene for scene, chosen in zip(fresh.scenes, here, strict=True) if chosen]
    wanted = [replace(scene, objects=(replace(scene.objects[0], **{name: new}),)) for scene in before]
    return fresh.images[here], after, accuracy(wanted, classifier.read(after))


# %%
changes = [("size", *sizes) for sizes in (("small", "large"), ("large", "small"))]
changes += [("style", "flat", new) for new in ("striped", "outlined")]
results = {what: change(*what) for what in changes}
for (name, old, new), (_, _, met) in results.items():
    others = min(share for kind, share in met.items() if kind not in (name, "scene"))
    said = f"{met[name]:.0%} changed, each other kept in {others:.0%}, all as wanted {met['scene']:.0%}"
    print(f"{old:7} -> {new:7}: {said}")

# %%
rows = [pictures[:6] for what in (changes[0], changes[2]) for pictures in results[what][:2]]
alt = "Six small objects become large, six flat ones striped, some badly; shape, colour, place and background stay."
show.images(torch.cat(rows), columns=6, alt=alt)
grown, striped, outlined = (results[changes[k]][2] for k in (0, 2, 3))
assert grown["size"] > 0.95
assert 0.6 < grown["style"] < 0.95
assert 0.65 < striped["style"] < 0.78
assert outlined["style"] < 0.1

# %% [markdown]
# Size is a direction: one vector makes nearly every small object large, whatever its shape and place. Shape, colour,
# place and background stay because the caption holds them, which is no merit of the arithmetic. Style stays less well,
# since it lives in $z$, too. And **style is no direction**. Plain objects get stripes in about seven of ten cases, and
# an outline hardly ever. One vector for all can move a number up or down; four patterns are four regions, and the
# difference of their means does not carry one region onto the other. When you read that a latent space "knows"
# smiles or glasses, ask in which share of pictures, and what else changed.

# %% [markdown]
# ## On real data
#
# The handwritten digits are real, and two latent variables are few enough to do what (eq:latent-model) asks: add up
# $p(x \mid z)\, p(z)$ over a fine grid of the plane. So for this network we know $\log p(x)$, and can say what the
# bound hides, for digits of the training and for digits of other writers.

# %%
side = torch.linspace(-4.5, 4.5, 181)
grid_z = torch.cartesian_prod(side, side)
with torch.no_grad():
    grid_mean, sigma_x = plane.decode(grid_z), plane.sigma.item()


# %%
def exact(images):  # log p(x) of each image, by quadrature
    squared = torch.cdist(images.flatten(1), grid_mean.flatten(1)) ** 2
    fit = -(squared / sigma_x**2 + 64 * math.log(2 * math.pi * sigma_x**2)) / 2
    return torch.logsumexp(fit + vae.log_normal(grid_z), dim=1) + 2 * math.log(side[1] - side[0])


# %%
@torch.no_grad()
def bound(images, K):
    q = plane.encode(images)
    z = vae.reparameterise(*q, torch.randn(K, len(images), 2, generator=torch.Generator().manual_seed(1)))
    means = plane.decode(z.flatten(0, 1)).unflatten(0, (K, -1))
    fit = vae.gaussian_log_likelihood(images.expand_as(means), means, sigma_x)
    return vae.iwae(fit + vae.log_normal(z) - vae.log_normal(z, *q)).item()


# %%
sets = {"training": train_digits[:297], "new writers": test_digits}
counts = [1, 2, 5, 10, 20, 50, 100, 200]
alt = "Two curves that rise with K towards their lines: a short way for training digits, a long one for new writers."
with show.figure(alt, height=2.8) as [axes]:
    for (name, images), colour in zip(sets.items(), ("C0", "C1"), strict=True):
        axes.semilogx(
            counts, [bound(images, K) for K in counts], "o-", color=colour, label=f"$\\mathcal{{L}}_K$, {name}"
        )
        axes.axhline(exact(images).mean(), color=colour, linestyle=":", label=f"log p(x), {name}")
    axes.set(xlabel="K", ylabel="nats per image", xticks=counts, xticklabels=counts)
    axes.minorticks_off()
    axes.legend(ncols=2, fontsize=8)

# %%
gaps = {}
for name, images in sets.items():
    log_p, elbo_value = exact(images).mean().item(), bound(images, 1)
    gaps[name] = log_p - elbo_value
    print(f"{name:12}: log p(x) {log_p:.1f}, ELBO {elbo_value:.1f}, missing {gaps[name]:.1f} nats", end="; ")
    print(f"L_200 {bound(images, 200):.1f}")
    assert elbo_value < bound(images, 20) < bound(images, 200) < log_p
assert gaps["new writers"] > 3 * gaps["training"]

# %% [markdown]
# Two things that the ELBO alone would never tell:
#
# - On digits of the training the bound hides little. On new writers it hides several times as much: a good part of what
#   looks like a worse model is a worse **encoder**. By (eq:elbo-gap) the gap is the encoder's alone. Some of it is
#   there for everybody, because a posterior is no ellipse along the axes. The rest is called the **amortisation gap**:
#   one network answers for all pictures, where each might be searched for, and it was not trained on these.
# - $\mathcal{L}_{200}$ is better by nats and still short of $\log p(x)$. Papers that report "the log-likelihood" of a
#   VAE report such an $\mathcal{L}_K$; compare only equal $K$.
#
# (These are log **densities** of 64 greys between 0 and 1, so they may be positive.)

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what came and what was
# expected; where it knows the mistake, it names it. 12 points, 43 minutes; your progress is kept. You may rely on
# `math` and `torch`.
#
# ### 1. Between two Gaussians
#
# 4 points, 15 minutes, difficulty 3 of 3.
#
# The prior need not be $\mathcal{N}(0, I)$: a conditional prior has a mean and a variance of its
# own, which a network makes of the caption. What is the KL then? For one latent variable, by quadrature, it is

# %%
from mmgen_course.check import check


def kl_by_quadrature(mu, sigma, prior_mu, prior_sigma):
    z = torch.linspace(-20, 20, 40_001).double()
    q, p = (torch.distributions.Normal(m, s) for m, s in ((mu, sigma), (prior_mu, prior_sigma)))
    q_z = q.log_prob(z)
    return ((q_z.exp() * (q_z - p.log_prob(z))).sum() * (z[1] - z[0])).item()


print(f"{kl_by_quadrature(0.3, 0.5, 0.0, 1.0):.4f} {kl_by_quadrature(0.3, 0.5, 1.0, 2.0):.4f} nats")


# %% tags=["exercise"]
def kl_between(mu, logvar, prior_mu, prior_logvar):
    """All (n, d), logvar the log of sigma^2 -> KL(q || p), a number: sum over d, mean over n."""
    # BEGIN SOLUTION
    moved = (mu - prior_mu) ** 2 / prior_logvar.exp()
    terms = prior_logvar - logvar + (logvar - prior_logvar).exp() + moved - 1
    return terms.sum(dim=1).mean() / 2
    # END SOLUTION


# %%
check(kl_between)

# %% [markdown]
# ### 2. Two draws that lean to opposite sides
#
# 2 points, 8 minutes, difficulty 1 of 3.
#
# A gradient from one draw is noisy. Cheap help: draw twice, with the noise and with minus the
# noise (*antithetic* draws); what is linear in the noise cancels in their mean. With $\mu = 1$, $\sigma = 2$ and noise
# 0.5 the two are 2 and 0, and their mean is $\mu$.

# %%
assert (1 + 2 * 0.5, 1 - 2 * 0.5) == (2, 0)


# %% tags=["exercise"]
def antithetic_draws(mu, logvar, noise):
    """All (n, d), logvar the log of sigma^2, noise from N(0, I) -> (2, n, d): with noise, with minus noise."""
    # BEGIN SOLUTION
    step = (logvar / 2).exp() * noise
    return torch.stack([mu + step, mu - step])
    # END SOLUTION


# %%
check(antithetic_draws)

# %% [markdown]
# ### 3. Nats per image
#
# 3 points, 10 minutes, difficulty 2 of 3.
#
# Put the two terms together. One picture of two pixels with $\log p = -1$ and $-2$, and two
# latent variables with KL 0.5 and 0.25, has an ELBO of $-3.75$; the ELBO of several pictures is the mean of theirs.

# %%
assert -1 - 2 - (0.5 + 0.25) == -3.75


# %% tags=["exercise"]
def elbo_per_image(pixels, terms):
    """log p of each pixel (n, pixels), the KL of each latent variable (n, d) -> a number."""
    # BEGIN SOLUTION
    return (pixels.sum(dim=1) - terms.sum(dim=1)).mean()
    # END SOLUTION


# %%
check(elbo_per_image)

# %% [markdown]
# ### 4. Many draws
#
# 3 points, 10 minutes, difficulty 2 of 3.
#
# Is one more draw worth its price? Estimate all of $\mathcal{L}_1, \dots, \mathcal{L}_K$,
# (eq:iwae), from the same draws: $\mathcal{L}_k$ from the first $k$ of each picture, then the mean over pictures. One
# picture, with a weight of $e$ at its first draw and of $e^3$ at its second, gives $\log e = 1$ and $\log \frac12 (e +
# e^3) = 2.43$. Mind that the log p of a picture may be $-900$.

# %%
print(f"{math.log((math.e + math.e**3) / 2):.2f}; exp(-900) in a float: {torch.tensor(-900.0).exp().item()}")


# %% tags=["exercise"]
def iwae_bound(log_joint, log_q):
    """log p(x, z) and log q(z|x) of K draws for n pictures, (K, n) -> (K,): L_1, ..., L_K, means over pictures."""
    # BEGIN SOLUTION
    log_w = log_joint - log_q
    first = range(1, len(log_w) + 1)
    return torch.stack([(log_w[:k].logsumexp(dim=0) - math.log(k)).mean() for k in first])
    # END SOLUTION


# %%
check(iwae_bound)

# %% [markdown]
# ## What to remember
#
# - $\log p(x) = \mathrm{ELBO}(q) + \mathrm{KL}(q(z \mid x) \Vert p(z \mid x))$: an equation. The ELBO alone is a bound.
# - $\mathrm{ELBO} = \mathbb{E}_q[\log p(x \mid z)] - \mathrm{KL}(q \Vert p)$. Sum both over everything that belongs to
#   one picture, then average over pictures: nats per image. Averaging over pixels is a beta-VAE with $\beta = D$, and
#   it collapses.
# - $\frac12 \sum (\mu^2 + \sigma^2 - \log \sigma^2 - 1)$, and $\sigma = e^{\ell / 2}$. A KL below zero is a bug.
# - A reparameterised gradient has a variance that does not grow with the number of latent variables; the score
#   function's does, also with a baseline.
# - $\sigma$ of the pixels is the exchange rate between error and nats, and does what $\beta$ does. Learn it.
# - Measure use: rate, distortion, active numbers; and draw $z$ from the prior to see who reads the caption.

# %% [markdown]
# ## Three questions
#
# **1.** Your VAE's loss is `mse_loss(copy, x) + kl`, with `kl = -0.5 * (1 + s - mu**2 - s.exp()).mean()`, for pictures
# of 3,072 numbers and 64 latent variables; `s` is $\log \sigma^2$. Which $\beta$ do you train with, if $\sigma = 1$ was
# meant for the pixels?
#
# <details><summary>Answer</summary>
#
# The first term is the squared error divided by 3,072; right would be half the squared error. So it is too small by a
# factor of $2 / 3072 = 1 / 1536$. The KL is a mean over 64 latent variables, too small by 64. Relative to the
# reconstruction the KL counts $1536 / 64 = 24$ times: $\beta = 24$ for $\sigma = 1$, or $\beta = 1$ for $\sigma =
# \sqrt{24} \approx 4.9$, more than the range of the pixels. Expect collapse.
#
# </details>
#
# **2.** A friend reports that the ELBO of a model rose from -95 to -90, and concludes that $\log p(x)$ rose by 5. What
# else could have happened?
#
# <details><summary>Answer</summary>
#
# By (eq:elbo-gap) the encoder may have come nearer to the posterior while $p(x)$ stayed, or even fell. To tell the two
# apart, compare $\mathcal{L}_K$ with large $K$.
#
# </details>
#
# **3.** A conditional VAE gives perfect copies of its training pictures, but drawings from the prior ignore the
# caption. Its KL is 60 nats. What went wrong, and which test of this lesson shows it?
#
# <details><summary>Answer</summary>
#
# The encoder tells in $z$ what the caption says, too; the decoder listens to $z$. Decode a caption with the $z$ of
# another picture: the attributes come out as in that picture. Remedies: let the decoder learn to read before the
# encoder may speak, or weigh the KL more.
#
# </details>

# %% [markdown]
# ## References
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014; D. J. Rezende, S. Mohamed, D. Wierstra,
#   *Stochastic Backpropagation and Approximate Inference in Deep Generative Models*, ICML 2014.
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning*, Machine
#   Learning 8, 1992.
# - M. E. Tipping, C. M. Bishop, *Probabilistic Principal Component Analysis*, Journal of the Royal Statistical Society
#   B 61(3), 1999: the linear-Gaussian model.
# - Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR 2016.
# - I. Higgins et al., *beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework*, ICLR 2017.
# - A. A. Alemi et al., *Fixing a Broken ELBO*, ICML 2018: rate and distortion.
# - S. R. Bowman et al., *Generating Sentences from a Continuous Space*, CoNLL 2016: collapse; D. P. Kingma et al.,
#   *Improved Variational Inference with Inverse Autoregressive Flow*, NIPS 2016: free bits.
# - K. Sohn, H. Lee, X. Yan, *Learning Structured Output Representation using Deep Conditional Generative Models*, NIPS
#   2015.
# - O. Rybkin, K. Daniilidis, S. Levine, *Simple and Effective VAE Training with Calibrated Decoders*, ICML 2021: the
#   learned sigma.
# - C. Cremer, X. Li, D. Duvenaud, *Inference Suboptimality in Variational Autoencoders*, ICML 2018: the amortisation
#   gap.
#
# Next: **9. Evaluation**, where pictures become numbers that can be trusted, or not.
