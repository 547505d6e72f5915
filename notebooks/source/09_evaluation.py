# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 9. Evaluation: what a number says about a generator
#
# **You will be able to**
#
# - derive the usual metrics of generated pictures as estimators, each with its bias and its interval;
# - cheat each of them, live, and name the one that catches the cheat;
# - tell a generator that has learned from one that has memorised its training pictures.
#
# 65 minutes. You need lessons 3 and 6, variance and covariance, eigenvalues.

# %% [markdown]
# ## Which generator is better?
#
# Two generators were given the same 240 captions. Each caption names a shape, a colour and a background, and leaves
# size, style and place to the generator. We know what a good generator would draw: scenes that fit, all equally often.

# %%
import math
from dataclasses import replace

import ipywidgets
import scipy.linalg
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch.nn import functional as F

from mmgen_course import data, evaluate, scenes, show, widgets
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.classifier import loss as reading_loss
from mmgen_course.preprocess.image import to_tensor

# %%
generator = torch.Generator().manual_seed(0)
fitting = {}  # caption -> the scenes that it fits
for scene in scenes.splits()["train"]:
    if len(scene.objects) == 1:
        caption = scenes.caption(scene, naming=("shape", "colour", "background"))
        fitting.setdefault(caption, []).append(scene)


# %%
def any_captions(n):
    texts = list(fitting)
    return [texts[i] for i in torch.randint(len(texts), (n,), generator=generator)]


def choose(captions):
    """For each caption one of the scenes that it fits."""
    return [fitting[text][torch.randint(len(fitting[text]), (), generator=generator)] for text in captions]


def honest(captions):
    return scenes.render(choose(captions), generator=generator)  # with strays: no two pictures are equal


# %%
real, captions = honest(any_captions(960)), any_captions(240)
asked = choose(captions)
good = scenes.render(asked, generator=generator)

# %% [markdown]
# Generator A draws honestly, then adds noise. Generator B begins with noise, and in 20 steps changes its pixels so that
# the scene classifier of lesson 3 (`recogniser`) is pleased: its features shall be those of a good picture, its answer
# what was asked. You met this trick in lesson 3: B makes adversarial examples.

# %%
classifier = load_classifier().requires_grad_(False)


def nonsense(wish, asked, steps=20):
    wanted = classifier.trunk(wish)
    pixels = (0.3 * torch.randn(wish.shape, generator=generator)).requires_grad_()
    optimiser = torch.optim.Adam([pixels], lr=0.06, betas=(0.9, 0.9))
    for _ in range(steps):
        x = pixels.clamp(-1, 1)
        apart = (classifier.trunk(x) - wanted).square().sum(1).mean()
        optimiser.zero_grad()
        (10 * apart + reading_loss(classifier(x), *scenes.encode(asked))).backward()
        optimiser.step()
    return pixels.detach().clamp(-1, 1)


# %%
a = (good + 0.2 * torch.randn(good.shape, generator=generator)).clamp(-1, 1)
b = nonsense(good, asked)

# %%
alt = "Above, eight pictures of single shapes under fine noise; all are easy to read. Below, eight squares of coloured "
alt += "noise; nothing can be seen in any of them."
show.images(torch.cat([a[::30], b[::30]]), alt=alt, columns=8)

# %%
real_features = evaluate.classifier_features(real)
for name, pictures in {"A": a, "B": b}.items():
    features = evaluate.classifier_features(pictures)
    match = evaluate.caption_match(pictures, captions).share.value
    print(f"{name}: FID {evaluate.fid(real_features, features).value:.1f}, caption match {match:.2f}")
fids = [evaluate.fid(real_features, evaluate.classifier_features(x)).value for x in (a, b)]
assert fids[0] > 0.5 > 1.4 * fids[1]
assert evaluate.caption_match(b, captions).share.value > 0.98

# %% [markdown]
# FID is the metric that most papers on generated pictures report; smaller is better. By FID generator B wins, and the
# classifier finds no fault in it either. Nobody who looks would agree. So what does such a number say, when can it be
# trusted, and what must stand beside it? To find out we need generators whose truth is *known*. Our world has a
# renderer: we can build as many as we like, with any fault.

# %% [markdown]
# ## A metric is an estimator
#
# A generator has a true quality $\theta$: the share of all pictures it will ever make that are right, or the distance
# of its distribution from the real one. We see $n$ pictures and compute $\hat\theta$. With other pictures it would come
# out otherwise. How far off is it? Write $\hat\theta - \theta$ as $(\hat\theta - \mathrm{E}[\hat\theta]) +
# (\mathrm{E}[\hat\theta] - \theta)$, square, and take the mean; the mixed term has mean zero:
#
# $$ \mathrm{E}\left[ (\hat\theta - \theta)^2 \right]
#    = \left( \mathrm{E}[\hat\theta] - \theta \right)^2 + \mathrm{Var}(\hat\theta) \label{eq:estimator-error} $$
#
# The first term is the square of the **bias**. It is there in every repetition, and no error bar from repetitions shows
# it. The second is the **variance**. Watch both: a generator that takes the wrong colour for exactly one picture in
# five, measured by the share that is right, and an honest generator, measured by FID. The truth is 0.8 and 0. Repeat
# each 200 times, with 100 pictures.

# %%
pool = evaluate.classifier_features(honest(any_captions(3200)))  # 3,200 honest pictures


def draw(n, of=pool):
    return of[torch.randint(len(of), (n,), generator=generator)]


# %%
shares = (torch.rand(200, 100, generator=generator) > 0.2).double().mean(1)
fids = torch.tensor(
    [evaluate.fid_compute(*(evaluate.fid_update(None, draw(100)) for _ in range(2))) for _ in range(200)]
)

# %%
alt = "Two histograms. Shares right: a bell about the true 0.8. FID of two honest samples: a hill near 0.08 with "
alt += "a tail to the right, all of it away from the true 0."
with show.figure(alt, columns=2, height=2.4) as (left, right):
    left.hist(shares, bins=11, range=(0.635, 0.965))  # three counts a bar
    left.axvline(0.8, color="black", linestyle=":")
    left.set(xlabel="share right (dotted: truth)", yticks=[])
    right.hist(fids, bins=24, range=(0, 0.24))
    right.axvline(0, color="black", linestyle=":")
    right.set(xlabel="FID of two honest samples", yticks=[])

# %%
for name, values, truth in (("share", shares, 0.8), ("FID", fids, 0.0)):
    bias, variance = values.mean() - truth, values.var(correction=0)
    assert torch.isclose((values - truth).square().mean(), bias**2 + variance)  # (eq:estimator-error)
    print(f"{name}: bias {abs(bias):.2f}, standard deviation {variance.sqrt():.2f}")
assert abs(shares.mean() - 0.8) < 0.01 < 0.03 < shares.std()
print(f"the smallest FID of 200: {fids.min():.2f}")
assert fids.min() > 0.02

# %% [markdown]
# The share is right on average; it only strays. FID is wrong on average: its truth is zero, and not one of 200 samples
# came near. A mean of many repetitions cures the first, and never the second.

# %% [markdown]
# ## Does the picture show what was said?
#
# The **caption match** is the share $m$ of pictures that show what their captions say. A person could count it. We let
# the classifier read each picture, and ask whether what it read fits the caption. But the classifier errs, so the share
# $q$ that it accepts is not $m$. If a share $\varepsilon$ of its answers is wrong, then $|q - m| \le \varepsilon$,
# (eq:classifier-error), whichever way it errs. We see $n$ of its answers. Lesson 3's Wilson interval $[L, U]$ of these
# holds $q$ with 95 % confidence; so
#
# $$ \left[\, \max(0,\, L - \varepsilon),\ \min(1,\, U + \varepsilon) \,\right] \label{eq:match-interval} $$
#
# holds $m$. Does it? Add up the chances of all counts for which it does, with a classifier that errs as badly as it
# may.

# %%
from mmgen_course.evaluate import wilson


def holds(m, q, n, epsilon):
    """The probability that the interval holds m, if each picture is accepted with probability q."""
    total = 0.0
    chances = torch.distributions.Binomial(n, torch.tensor(q).double()).log_prob(torch.arange(n + 1).double()).exp()
    for hits, chance in enumerate(chances.tolist()):
        _, low, high = wilson(hits, n)
        total += chance * (max(0, low - epsilon) <= m <= min(1, high + epsilon))  # (eq:match-interval)
    return total


# %%
sizes = [100, 300, 1000, 3000]
without, with_it = ([holds(0.8, 0.83, n, epsilon) for n in sizes] for epsilon in (0.0, 0.03))

# %%
alt = "How often the interval holds the truth, against n. With the classifier's error always above 0.95; without "
alt += "it the share falls from 0.9 to nearly nothing."
with show.figure(alt, height=2.4) as [axes]:
    axes.semilogx(sizes, with_it, "o-", label="with the classifier's error")
    axes.semilogx(sizes, without, "o-", label="without")
    axes.axhline(0.95, color="grey", linestyle=":")
    axes.set(xlabel="pictures", ylabel="holds the truth", ylim=(-0.03, 1.05), xticks=sizes, xticklabels=sizes)
    axes.minorticks_off()
    axes.legend(loc="center left")

# %%
print(f"3,000 pictures: without {without[-1]:.2f}, with {with_it[-1]:.2f}")
assert min(with_it) > 0.95
assert without[-1] < 0.1

# %% [markdown]
# More pictures make the interval without the classifier's error *worse*: it closes in on the wrong number. Our
# classifier misread 2 of 20,000 scenes. Wilson's upper end of that is its $\varepsilon$. On the generator whose truth
# is 0.8:


# %%
def next_colour(scene):
    thing = scene.objects[0]
    other = scenes.COLOURS[(scenes.COLOURS.index(thing.colour) + 1) % len(scenes.COLOURS)]
    return replace(scene, objects=(replace(thing, colour=other),))


mistaken = [next_colour(scene) if i % 5 == 0 else scene for i, scene in enumerate(choose(captions))]
match = evaluate.caption_match(scenes.render(mistaken, generator=generator), captions)

# %%
print("everything:", match.share)
print({name: str(share) for name, share in match.attributes.items()})
print(f"the classifier's error is reckoned as {evaluate.CLASSIFIER_ERROR:.5f}")
assert match.share.low < 0.8 < match.share.high
assert match.attributes["colour"].value == match.share.value < match.attributes["shape"].value == 1

# %% [markdown]
# The interval holds 0.8, and the attributes say where the fault is. Captions are read by the parser of lesson 0, so
# *crimson* counts as red, and what a caption leaves unsaid is free.
#
# There is a catch. The classifier was measured on clean pictures, and $\varepsilon$ holds for pictures like these. Of
# generator B's noise it accepted nearly all: there each answer is wrong. So look at the pictures. If they are unlike
# what the classifier knows, let a person look through a hundred of them: that gives an $\varepsilon$ for *these*
# pictures.
#
# ## FID: the distance of two clouds
#
# Caption match says nothing of beauty, or of variety. For these one compares the whole cloud of generated pictures with
# the cloud of real ones. How far is one cloud from another? Think of one as a heap of sand and of the other as a hole.
# Carry each grain $X$ to a place $Y$, and pay the square of the way. For numbers,
#
# $$ \mathrm{E}[(X - Y)^2] = (\mu_1 - \mu_2)^2 + \sigma_1^2 + \sigma_2^2 - 2\, \mathrm{Cov}(X, Y)
#    \label{eq:transport-cost} $$
#
# with $\mu$ and $\sigma$ for means and standard deviations. Only the covariance depends on who goes where, and it is at
# most $\sigma_1 \sigma_2$. Two Gaussians reach that, by $Y = \mu_2 + \frac{\sigma_2}{\sigma_1} (X - \mu_1)$: carry the
# sand in its order. So the least cost is
#
# $$ d^2 = (\mu_1 - \mu_2)^2 + (\sigma_1 - \sigma_2)^2 \label{eq:frechet-line} $$

# %%
x, y = torch.randn(2, 200_000, generator=generator, dtype=torch.float64)
y = 3 + 2 * y
by_chance, in_order = (x - y).square().mean(), (x.sort().values - y.sort().values).square().mean()
cov = ((x - x.mean()) * (y - y.mean())).mean()
by_parts = (x.mean() - y.mean()) ** 2 + x.var() + y.var() - 2 * cov
assert torch.isclose(by_chance, by_parts, rtol=1e-4)  # (eq:transport-cost)
print(f"carried at random {by_chance:.1f}, in order {in_order:.1f}, by the formula {(0 - 3) ** 2 + (1 - 2) ** 2}")
assert abs(in_order - 10) < 0.1  # (eq:frechet-line)

# %% [markdown]
# In $d$ dimensions a Gaussian has a covariance matrix $S$. If $S_1$ and $S_2$ have the same axes, with variances
# $\lambda_i$ and $\kappa_i$ along them, each axis is carried by itself, and the spread costs
#
# $$ \mathrm{tr}\left( S_1 + S_2 - 2\, (S_1 S_2)^{1/2} \right)
#    = \sum_i \left( \sqrt{\lambda_i} - \sqrt{\kappa_i} \right)^2 \label{eq:frechet-commuting} $$
#
# because then $S_1 S_2$ has the eigenvalues $\lambda_i \kappa_i$. The left side holds for any axes (Dowson and Landau),
# and with the means it is the **Fréchet distance** of two Gaussians:
#
# $$ d^2 = \lVert \mu_1 - \mu_2 \rVert^2
#    + \mathrm{tr}\left( S_1 + S_2 - 2\, (S_1 S_2)^{1/2} \right) \label{eq:frechet} $$
#
# The root is the *matrix* root, $R R = S_1 S_2$, not that of each entry. Its trace needs no such matrix. The
# eigenvalues of a root are the roots of the eigenvalues; and with any $L$ for which $L L^{\mathsf T} = S$, the matrix
# $S_1 S_2 = L_1 L_1^{\mathsf T} L_2 L_2^{\mathsf T}$ has the same eigenvalues as $(L_1^{\mathsf T} L_2)^{\mathsf T}
# (L_1^{\mathsf T} L_2)$, whose roots are singular values $\varsigma_i$:
#
# $$ \mathrm{tr}\, (S_1 S_2)^{1/2} = \sum_i \sqrt{\lambda_i(S_1 S_2)}
#    = \sum_i \varsigma_i\left( L_1^{\mathsf T} L_2 \right), \qquad S_1 = L_1 L_1^{\mathsf T},\
#    S_2 = L_2 L_2^{\mathsf T} \label{eq:root-trace} $$


# %%
def factor(S):
    values, vectors = torch.linalg.eigh(S)
    return vectors * values.clamp(min=0).sqrt()  # L


def frechet(mu1, S1, mu2, S2):
    root = torch.linalg.svdvals(factor(S1).T @ factor(S2)).sum()  # (eq:root-trace)
    return ((mu1 - mu2).square().sum() + S1.trace() + S2.trace() - 2 * root).item()  # (eq:frechet)


# %%
axes3 = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64)).Q
lam, kap = torch.tensor([[1.0, 4, 0.25], [9, 1, 2]], dtype=torch.float64)
S1, S2, mu = axes3 * lam @ axes3.T, axes3 * kap @ axes3.T, torch.tensor([1.0, 2, 2], dtype=torch.float64)
known = 9 + ((lam.sqrt() - kap.sqrt()) ** 2).sum().item()  # (eq:frechet-commuting), and a step of length 3
by_scipy = 9 + torch.trace(S1 + S2 - 2 * torch.tensor(scipy.linalg.sqrtm((S1 @ S2).numpy()).real)).item()
print(f"ours {frechet(0 * mu, S1, mu, S2):.4f}, known {known:.4f}, with SciPy's matrix root {by_scipy:.4f}")
assert abs(frechet(0 * mu, S1, mu, S2) - known) < 1e-9
assert abs(known - by_scipy) < 1e-6

# %% [markdown]
# **FID** is this distance between the features of real and of generated pictures, as if both were Gaussian. The
# features of the original are 2,048 numbers of a network trained on photographs, Inception-v3. Ours are the 48 of our
# classifier's trunk. (Why singular values? With fewer pictures than features a covariance is singular, and rounding
# makes some eigenvalues of $S_1 S_2$ negative or complex. Singular values are real and at least zero, always.)

# %% [markdown]
# ### A stream of pictures
#
# Fifty thousand pictures are made in batches. Only $n$, the mean $\mu$ and the matrix $M$, the sum of $(x - \mu)(x -
# \mu)^{\mathsf T}$, need be kept. Two batches $A$ and $B$, with $\delta = \mu_B - \mu_A$ and $n = n_A + n_B$, make
#
# $$ \mu = \mu_A + \frac{n_B}{n}\, \delta, \qquad
#    M = M_A + M_B + \frac{n_A n_B}{n}\, \delta\, \delta^{\mathsf T}, \qquad S = \frac{M}{n - 1}
#    \label{eq:merge-moments} $$
#
# The third term of $M$ is what the distance of the two means adds. The short cut that everybody thinks of first,
# $\mathrm{E}[x^2] - \mu^2$, subtracts two large numbers, and in float32 nothing is left of their difference:

# %%
from mmgen_course.evaluate import fid_compute, fid_update

shifted = draw(1000) + 1000  # features far away from zero
exact = shifted.double().var(0)
short_cut = shifted.square().mean(0) - shifted.mean(0) ** 2
moments = None
for batch in shifted.split(37):
    moments = fid_update(moments, batch)  # (eq:merge-moments), in float64

# %%
off = ((short_cut - exact).abs() / exact).median()
print(f"short cut: half of the variances are off by more than 50%: {off > 0.5}")
assert off > 0.5
assert torch.allclose(moments.covariance, torch.cov(shifted.double().T), rtol=1e-8, atol=1e-10)

# %% [markdown]
# ### Its bias
#
# Why was FID of two honest samples never zero? The means of two samples differ by chance, and a square has no sign to
# cancel: $\mathrm{E} \lVert \hat\mu_1 - \hat\mu_2 \rVert^2 = (\frac1n + \frac1m)\, \mathrm{tr}\, S$. The covariances
# differ, too. A small difference $\Delta$, in the axes of $S$, costs $\frac12 \sum_{i,j} \Delta_{ij}^2 / (\lambda_i +
# \lambda_j)$ (expand the root to second order), and for Gaussian samples $\mathrm{E}[\Delta_{ij}^2] = (\frac1n +
# \frac1m)\, \lambda_i \lambda_j$, twice that for $i = j$. Together
#
# $$ \mathrm{E}[\mathrm{FID}] \approx \left( \frac{1}{n} + \frac{1}{m} \right)
#    \left( \frac{5}{4} \sum_i \lambda_i + \frac{1}{2} \sum_{i,j} \frac{\lambda_i \lambda_j}{\lambda_i + \lambda_j}
#    \right) \label{eq:fid-bias} $$
#
# It falls like $1/n$. With all $\lambda_i = 1$ the double sum gives $d^2 / 4$: the bias grows with the *square* of the
# number of features.


# %%
def bias(lam, n, m):
    pairs = lam[:, None] * lam / (lam[:, None] + lam)
    return ((1 / n + 1 / m) * (1.25 * lam.sum() + 0.5 * pairs.sum())).item()  # (eq:fid-bias)


def fid_of(x, y):
    return fid_compute(fid_update(None, x), fid_update(None, y))


# %%
lam = torch.linalg.eigvalsh(torch.cov(pool.double().T)).clamp(min=1e-12)
sizes = [100, 200, 400, 800, 1600]
measured = [sum(fid_of(draw(n), draw(n)) for _ in range(60)) / 60 for n in sizes]
predicted = [bias(lam, n, n) for n in sizes]
slope = math.log(measured[-1] / measured[0]) / math.log(sizes[-1] / sizes[0])

# %%
alt = "FID of two honest samples against n, both axes logarithmic; the points lie on the predicted line of slope -1."
with show.figure(alt, height=2.4) as [axes]:
    axes.loglog(sizes, predicted, "-", color="grey", label="predicted for Gaussians")
    axes.loglog(sizes, measured, "o", label="measured")
    axes.minorticks_off()
    axes.set(xlabel="n", ylabel="FID, truth 0", xticks=sizes, xticklabels=sizes)
    axes.set_yticks([0.01, 0.03, 0.1], ["0.01", "0.03", "0.1"])
    axes.legend()

# %%
ratios = [m / p for m, p in zip(measured, predicted, strict=True)]
print(f"slope {slope:.1f}; measured / predicted between {min(ratios):.1f} and {max(ratios):.1f}")
assert -1.1 < slope < -0.9
grown = bias(torch.ones(2048), 1000, 1000) / bias(torch.ones(48), 1000, 1000)
print(f"2,048 features for 48, all of variance 1: {2048 / 48:.0f} times the features, {grown:,.0f} times the bias")

# %% [markdown]
# So FIDs at different $n$ cannot be compared. Here is the first cheat of this lesson: choose $n$. The blurred generator
# with 1,600 pictures beats the honest one with 30:

# %%
blur = torch.ones(3, 1, 3, 3) / 9  # the mean of each pixel and its eight neighbours


def blurred(pictures):
    return F.conv2d(F.pad(pictures, (1, 1, 1, 1), mode="replicate"), blur, groups=3)


# %%
blurred_pool = evaluate.classifier_features(blurred(honest(any_captions(1600))))
blurred_large, honest_small = fid_of(pool[:1600], blurred_pool), fid_of(pool[:1600], pool[1600:1630])
print(f"blurred, n = 1,600: {blurred_large:.2f}; honest, n = 30: {honest_small:.2f}")
assert blurred_large < honest_small

# %% [markdown]
# The cure follows from (eq:fid-bias): draw a line over $1/n$ and read off where it ends, at infinitely many pictures
# (Chong and Forsyth). A line needs two points. Take all pictures, $T$, and all without one of $G$ groups, in turns:
# $T_g$, with mean $\bar T$, at $n (G - 1) / G$ pictures. The line through these two ends at $T_\infty$, and the spread
# of the $T_g$ gives its standard error $s$ as well. This is the **jackknife**:
#
# $$ T_\infty = G\, T - (G - 1)\, \bar T, \qquad
#    s^2 = \frac{G - 1}{G} \sum_{g=1}^{G} \left( T_g - \bar T \right)^2 \label{eq:jackknife} $$
#
# Does the interval $T_\infty \pm t s$ hold the truth? ($t$ is Student's, 2.1 for 20 groups.) For two Gaussians whose
# distance we know, again and again:

# %%
held, plain = [], []
for seed in range(60):
    x, y = torch.randn(2, 300, 4, generator=torch.Generator().manual_seed(seed))
    distance = evaluate.fid(x, 1.5 * y + torch.tensor([0.5, 0, 0, 0]))  # truth: 0.5^2 + 4 (1.5 - 1)^2
    held.append(distance.low < 1.25 < distance.high)
    plain.append([distance.value - 1.25, distance.corrected - 1.25])

# %%
of_value, of_corrected = torch.tensor(plain).mean(0).tolist()
print(f"held the truth: {sum(held)} of 60; bias {of_value:.1f}, corrected {abs(of_corrected):.1f}")
print("honest generator:", evaluate.fid(pool[:960], pool[960:1200]))
assert sum(held) > 52
assert abs(of_corrected) < 0.05 < 0.1 < of_value

# %% [markdown]
# The published number need not even lie in its own interval. Report the corrected one, with its ends.
#
# ### What FID cannot see
#
# A metric sees of a picture what its features hold, nothing else. In ours, lesson 3 found hardly a channel that stands
# for a shape. Here is a generator that draws a circle whenever a star is asked for:


# %%
def no_star(scene):
    thing = scene.objects[0]
    return replace(scene, objects=(replace(thing, shape="circle"),)) if thing.shape == "star" else scene


many = any_captions(960)
starless = scenes.render([no_star(scene) for scene in choose(many)], generator=generator)
share = evaluate.caption_match(starless, many).share
distance = evaluate.fid(real_features, evaluate.classifier_features(starless))

# %%
print("caption match", share)
print("FID", distance)
assert 0.15 < 1 - share.value < 0.2
assert distance.low < 0.01

# %% [markdown]
# Nearly one picture in five is wrong, and FID hardly moves: to these features a circle and a star are nearly the same.
# Whoever reports a FID must say: of which features, with how many pictures, against which real ones.

# %% [markdown]
# ## KID: a distance without bias
#
# Compare *all* pairs instead. A **kernel** $k(x, y)$ says how alike two pictures are. If both clouds are the same, a
# real and a generated picture are on average as alike as two real ones. The **maximum mean discrepancy** is what is
# left over, with $x, x'$ real, $y, y'$ generated, all drawn independently:
#
# $$ \mathrm{MMD}^2 = \mathrm{E}\, k(x, x') + \mathrm{E}\, k(y, y') - 2\, \mathrm{E}\, k(x, y) \label{eq:mmd} $$
#
# If $k(x, y) = \phi(x) \cdot \phi(y)$ for some features $\phi$, this is $\lVert \mathrm{E}\, \phi(x) - \mathrm{E}\,
# \phi(y) \rVert^2$, a squared distance of means. KID takes
#
# $$ k(x, y) = \left( \frac{x \cdot y}{d} + 1 \right)^3 \label{eq:kid-kernel} $$
#
# Multiply out the cube: its terms are products of up to three components of $x$ with the same of $y$. So $\phi$ lists
# all products, and
#
# $$ \mathrm{MMD}^2 = \sum_{j=1}^{3} \binom{3}{j}\, d^{-j}
#    \left\lVert \mathrm{E}\, x^{\otimes j} - \mathrm{E}\, y^{\otimes j} \right\rVert^2 \label{eq:kid-moments} $$
#
# where $x^{\otimes j}$ holds all products of $j$ components. KID compares means, second moments and third moments. FID
# knows only the first two.


# %%
def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3  # (eq:kid-kernel)


x, y = draw(50).double(), blurred_pool[:50].double()
by_pairs = kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()  # (eq:mmd) of these 50 points
gaps = [
    torch.einsum(rule, *[z] * j) / 50
    for j, rule in ((1, "na->a"), (2, "na,nb->ab"), (3, "na,nb,nc->abc"))
    for z in (x, y)
]
by_moments = sum(math.comb(3, j) / 48**j * (gaps[2 * j - 2] - gaps[2 * j - 1]).square().sum() for j in (1, 2, 3))
print("both ways agree:", torch.allclose(by_pairs, by_moments))
assert torch.allclose(by_pairs, by_moments)  # (eq:kid-moments)

# %% [markdown]
# Now estimate it from samples. In the mean over all pairs of the same sample, $n$ pairs are a picture with *itself*,
# and nothing is as alike as that. Keeping them adds on average
#
# $$ \frac{1}{n}\, \mathrm{E}[k(x, x) - k(x, x')] + \frac{1}{m}\, \mathrm{E}[k(y, y) - k(y, y')]
#    \label{eq:mmd-diagonal} $$
#
# a bias like that of FID. Leave them out. Each remaining pair is independent, so each term has the right mean, whatever
# $n$ (Gretton et al.):
#
# $$ \widehat{\mathrm{MMD}}^2 = \frac{1}{n (n - 1)} \sum_{i \ne j} k(x_i, x_j)
#    + \frac{1}{m (m - 1)} \sum_{i \ne j} k(y_i, y_j) - \frac{2}{n m} \sum_{i, j} k(x_i, y_j)
#    \label{eq:mmd-unbiased} $$


# %%
def mmd2(x, y, keep=False):
    same = 0.0
    for z in (x, y):
        table, n = kernel(z, z), len(z)
        same += table.mean() if keep else (table.sum() - table.diagonal().sum()) / (n * (n - 1))  # (eq:mmd-unbiased)
    return (same - 2 * kernel(x, y).mean()).item()


# %%
sizes, small = [10, 20, 50, 100, 200], {}
for n in sizes:
    pairs = [(draw(n).double(), draw(n).double()) for _ in range(60)]
    small[n] = torch.tensor([[mmd2(x, y), mmd2(x, y, keep=True)] for x, y in pairs])
wide = pool[:1000].double()
own, others = (wide.square().sum(1) / 48 + 1).pow(3).mean(), kernel(wide, pool[1000:2000].double()).mean()

# %%
alt = (
    "The kernel distance lies at 0 for every n, its spread shrinking; with the diagonal kept it falls from above 0.03."
)
with show.figure(alt, height=2.5) as [axes]:
    for column, name in enumerate(("KID", "diagonal kept")):
        means, spread = (torch.stack([f(small[n][:, column], 0) for n in sizes]) for f in (torch.mean, torch.std))
        axes.errorbar([n * (1 + 0.06 * column) for n in sizes], means, spread, fmt="o-", capsize=3, label=name)
    axes.axhline(0, color="black", linestyle=":")
    axes.set(xscale="log", xlabel="n", ylabel="truth 0", xticks=sizes, xticklabels=sizes)
    axes.minorticks_off()
    axes.legend()

# %%
kid_10, kept_10 = small[10].T
below = torch.cat([small[n][:, 0] < 0 for n in sizes]).double().mean()
print(f"n = 10: KID {kid_10.mean():.3f}, give or take {kid_10.std() / 60**0.5:.3f}; below zero: {below:.1f} of all")
print(f"diagonal kept: {kept_10.mean():.2f}, predicted {2 * (own - others) / 10:.2f}")
assert abs(kid_10.mean()) < 3 * kid_10.std() / 60**0.5
assert abs(kept_10.mean() - 2 * (own - others) / 10) < 4 * kept_10.std() / 60**0.5  # (eq:mmd-diagonal)
assert 0.4 < below < 0.8

# %% [markdown]
# Ten pictures are enough for the right mean, though not for a small spread (the bars are one standard deviation). A
# *squared* distance below zero is no mistake: an estimate that is right on average must sometimes fall below a truth of
# zero. Whoever clamps it at zero puts the bias back.
#
# For the interval cut both samples into $B$ blocks, take the distance $T_b$ of each pair of blocks, and treat them as
# what they are, $B$ independent numbers:
#
# $$ \bar T \pm t\, \frac{s}{\sqrt B}, \qquad
#    s^2 = \frac{1}{B - 1} \sum_{b=1}^{B} \left( T_b - \bar T \right)^2 \label{eq:block-error} $$
#
# (Some libraries give the standard deviation $s$ of *one* block, which is no error of the mean.) The jackknife,
# (eq:jackknife), uses the pairs across blocks, too.

# %%
dealt = [evaluate.deal(x[:1200].double(), 12, seed) for seed, x in enumerate((pool, blurred_pool))]  # shuffled first
blocks = torch.tensor([mmd2(x, y) for x, y in zip(*dealt, strict=True)])
half = 2.201 * blocks.std() / 12**0.5  # (eq:block-error), t of 11 degrees of freedom
by_blocks, by_all = (f(pool[:1200], blurred_pool[:1200], 12) for f in (evaluate.kid_blocks, evaluate.kid))
print(f"blurred, in thousandths: by blocks {1000 * blocks.mean():.1f} ± {1000 * half:.1f}, all pairs", end=" ")
print(f"{1000 * by_all.value:.1f} ± {500 * (by_all.high - by_all.low):.1f}")
assert abs(by_blocks.high - (blocks.mean() + half)) < 1e-5
assert by_all.low > 0  # told apart from honest

# %% [markdown]
# ## Two numbers for two faults
#
# FID and KID mix two faults: bad pictures, and missing ones. To part them, surround each real point $x_i$ by a ball
# that reaches to its $k$-th nearest other real point, $r_k(x_i)$ away. The balls together are where real pictures
# live. **Precision** is the share of the $M$ generated points in there, **recall** the share of the $N$ real points in
# the balls of the generated ones:
#
# $$ \text{precision} = \frac{1}{M} \sum_{j=1}^{M} \left[ \exists\, i:\ \lVert y_j - x_i \rVert \le r_k(x_i) \right],
#    \qquad
#    \text{recall} = \frac{1}{N} \sum_{i=1}^{N} \left[ \exists\, j:\ \lVert x_i - y_j \rVert \le r_k(y_j) \right]
#    \label{eq:precision-recall} $$
#
# (Kynkäänniemi et al.; a bracket is 1 if what it says is true, else 0.) In two dimensions one can see them work, and
# fail.


# %%
def reach(x, k):
    return torch.cdist(x, x).sort(dim=1).values[:, k]  # column 0 is the point itself


def precision_recall(x, y, k=3):
    apart = torch.cdist(x, y)  # (N, M)
    precision = (apart <= reach(x, k)[:, None]).any(0).double().mean().item()
    recall = (apart <= reach(y, k)).any(1).double().mean().item()
    return precision, recall  # (eq:precision-recall)


# %%
angle = 2 * math.pi * torch.rand(60, generator=generator, dtype=torch.float64)
ring = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(60, 2, generator=generator, dtype=torch.float64)
centre = 0.15 * torch.randn(40, 2, generator=generator, dtype=torch.float64)  # in the hole, where nothing is real
outlier = torch.tensor([[0.1, -0.1]], dtype=torch.float64)
cases = {"no outlier": ring, "one real outlier": torch.cat([ring, outlier])}
found = {name: precision_recall(x, centre) for name, x in cases.items()}

# %%
alt = "Two drawings of a ring of real points with their balls, and generated points in the hole. Left, no ball reaches "
alt += "the hole. Right, one real outlier in the hole has a ball that fills it."
with show.figure(alt, columns=2, height=3.2) as grid:
    for axes, (name, x) in zip(grid, cases.items(), strict=True):
        for point, r in zip(x.tolist(), reach(x, 3).tolist(), strict=True):
            axes.add_patch(Circle(point, r, alpha=0.06, linewidth=0))
        axes.plot(*x.T, "o", ms=3, zorder=3, label="real")
        axes.plot(*centre.T, "s", ms=3, label="generated")
        axes.set(title=f"{name}: precision {found[name][0]:.2f}", aspect=1, xlim=(-1.6, 1.6), ylim=(-1.6, 1.6))
        axes.set_axis_off()
    grid[0].legend(loc="upper left", fontsize=8)

# %%
print({name: f"precision {p:.2f}, recall {r:.2f}" for name, (p, r) in found.items()})
assert found["no outlier"][0] == 0
assert found["one real outlier"][0] == 1

# %% [markdown]
# One point, and the hole is full. An outlier has far neighbours, so it makes itself a large ball. And recall measures
# by the *generated* balls: a generator can make itself large balls at will. Two other numbers use the real balls alone,
# and count how many are hit (Naeem et al.):
#
# $$ \text{density} = \frac{1}{k M} \sum_{j=1}^{M} \sum_{i=1}^{N}
#    \left[ \lVert y_j - x_i \rVert \le r_k(x_i) \right],
#    \qquad
#    \text{coverage} = \frac{1}{N} \sum_{i=1}^{N}
#    \left[ \exists\, j:\ \lVert y_j - x_i \rVert \le r_k(x_i) \right]
#    \label{eq:density-coverage} $$
#
# These have a truth that can be computed. If nothing differs, the $N - 1 + M$ points around $x_i$ come in random order.
# $x_i$ is not covered if its $k$ nearest are all real. The first is with probability $\frac{N - 1}{N + M - 1}$, the
# next with $\frac{N - 2}{N + M - 2}$, and so on:
#
# $$ \mathrm{E}[\text{coverage}] = 1 - \prod_{j=1}^{k} \frac{N - j}{N + M - j} \approx 1 - 2^{-k}
#    \label{eq:expected-coverage} $$
#
# the last for $N = M$, both large. In the same way the expected density is 1.


# %%
def density_coverage(x, y, k=5):
    inside = torch.cdist(x, y) <= reach(x, k)[:, None]
    return inside.sum().item() / (k * len(y)), inside.any(1).double().mean().item()  # (eq:density-coverage)


both = torch.tensor([density_coverage(draw(300), draw(300)) for _ in range(20)])
expected = evaluate.expected_coverage(300, 300, k=5)  # (eq:expected-coverage)

# %%
print(f"honest: density {both[:, 0].mean():.2f}, coverage {both[:, 1].mean():.2f}, expected {expected:.2f}")
print({name: f"density {density_coverage(x, centre)[0]:.2f}" for name, x in cases.items()})
assert abs(both[:, 0].mean() - 1) < 0.03
assert abs(both[:, 1].mean() - expected) < 0.01
assert density_coverage(cases["one real outlier"], centre)[0] < 0.3

# %% [markdown]
# The outlier's ball is one of many now, and the density of the points in the hole stays low. Coverage depends on $N$,
# $M$ and $k$, so compare it with (eq:expected-coverage), not with 1.
#
# ## Does a caption find its pictures?
#
# Everything since the caption match has ignored the captions. Lesson 6 has a space where a picture lies near its
# sentence. Ask with a caption: of all generated pictures, are the nearest ones those that were made for it? If $R_q$
# pictures were made for caption $q$, **R-precision** is the share of these among the $R_q$ nearest. With $s_{q(i)}$ for
# the $i$-th best score of a right picture, and a tie counted against it,
#
# $$ \text{R-precision} = \frac{1}{Q} \sum_{q=1}^{Q} \frac{1}{R_q} \sum_{i=1}^{R_q}
#    \left[\, i + \left| \{ j \text{ wrong}:\ s_{qj} \ge s_{q(i)} \} \right| \le R_q \,\right] \label{eq:r-precision} $$
#
# With one right picture it is recall at 1, (eq:recall-at-k). Ties matter: a generator whose pictures are all equal
# would score 1 if they were counted in its favour.

# %%
from mmgen_course.features.encoders import region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.fusion import cosine_similarity
from mmgen_course.fusion.shared_space import load_shared_space

space, vectors = load_shared_space().requires_grad_(False), load_scene_vectors()


def similarity(captions, pictures):
    seen = space.image(region_features(pictures, classifier.trunk))
    return cosine_similarity(space.text(*word_features(captions, vectors)), seen)


# %%
def r_precision(s, right):
    total = 0.0
    for scores, own in zip(s, right, strict=True):
        best, wrong, R = scores[own].sort(descending=True).values, scores[~own], int(own.sum())
        total += sum(i + int((wrong >= score).sum()) <= R for i, score in enumerate(best, 1)) / R
    return total / len(s)  # (eq:r-precision)


texts = list(dict.fromkeys(captions))  # each once
right = torch.tensor([[text == other for other in captions] for text in texts])  # (Q, 240)
found = similarity(texts, good)
full = [scenes.caption(scene) for scene in asked]
at_1 = evaluate.share(evaluate.ranks(similarity(full, good)) == 1)

# %%
print(f"honest generator: R-precision {r_precision(found, right):.1f}", end="; ")
print(f"all pictures equal: {r_precision(0 * found, right):.1f}")
print("full captions: recall at 1", at_1)
assert 0.3 < r_precision(found, right) < 0.6
assert r_precision(0 * found, right) == 0
assert at_1.low > 0.8

# %% [markdown]
# The *honest* generator reaches about one half: for such short captions the space is no good guide. With full captions
# it is. So the ceiling of this metric is not 1; it is what real pictures get. Measure that first, for every metric.
#
# ## How many pictures does a caption have?
#
# A generator may know one picture for each caption and draw it again and again. **Diversity** is the distance of two
# pictures of one caption, mean over the pairs, then over the captions:
#
# $$ \text{diversity} = \frac{1}{C} \sum_{c=1}^{C} \frac{1}{n_c (n_c - 1)} \sum_{i \ne j}
#    \lVert f_{ci} - f_{cj} \rVert \label{eq:diversity} $$
#
# Captions are independent, so their spread gives the interval, by (eq:block-error). More is not better: compare with
# what real pictures of the same captions have.


# %%
def diversity(features):
    groups = [features[own].double() for own in right if own.sum() > 1]
    spreads = [torch.cdist(f, f).sum() / (len(f) * (len(f) - 1)) for f in groups]
    return torch.stack(spreads).mean().item()  # (eq:diversity)


single = scenes.render([fitting[text][0] for text in captions])  # always the same scene, and no strays
print(f"one picture for each caption: {diversity(evaluate.classifier_features(single)):.2f}; honest:", end=" ")
print(evaluate.diversity(evaluate.classifier_features(good), captions))
assert diversity(evaluate.classifier_features(single)) < 1e-3
assert evaluate.diversity(evaluate.classifier_features(good), captions).low > 0.5

# %% [markdown]
# ## Learned, or memorised?
#
# The best pictures of all are the training pictures. A generator that keeps them in a drawer, and hands out one that
# fits the caption, has learned nothing: that is **memorisation**. Let $a_i$ be the distance from generated picture $i$
# to its nearest training picture, $b_j$ that of picture $j$, which is as real but was kept back from training. An
# honest generator's $a$ and $b$ come from the same source; a thief's $a$ are smaller. Count the pairs in which they
# are:
#
# $$ U = \sum_{i, j} \left( [a_i < b_j] + \tfrac{1}{2} [a_i = b_j] \right), \qquad
#    z = \frac{U - n m / 2}{\sqrt{n m\, (n + m + 1) / 12}} \label{eq:mann-whitney} $$
#
# This is the test of Mann and Whitney, used so by Meehan et al. against what they call data-copying. If there is no
# difference, each split of the $n + m$ distances in $a$ and $b$ is equally likely. Then $U$ has the mean $nm/2$ and the
# variance below the root, and $z$ is nearly normal. The drawer holds 960 training pictures, twelve for each of the 80
# captions.

# %%
drawer = honest(list(fitting) * 12)
kept_back = honest(captions)
copies = {text: range(i, 960, 80) for i, text in enumerate(fitting)}  # where a caption's pictures lie in the drawer
stolen = torch.tensor([copies[text][torch.randint(12, (), generator=generator)] for text in captions])


def small_pixels(pictures):
    return evaluate.coarse_pixels(pictures, side=8).double()  # 8 x 8 pixels, 192 numbers


def distances(pictures):
    return torch.cdist(small_pixels(pictures), small_pixels(drawer)).min(1).values


# %%
def mann_whitney(a, b):
    n, m = len(a), len(b)
    U = ((a[:, None] < b).double() + (a[:, None] == b).double() / 2).sum().item()
    return (U - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)  # (eq:mann-whitney)


z = {
    name: mann_whitney(distances(x), distances(kept_back))
    for name, x in {"honest": good, "thief": drawer[stolen]}.items()
}
some = torch.where((torch.arange(240) % 5 == 0)[:, None, None, None], drawer[stolen], good)
z["one copy in five"] = mann_whitney(distances(some), distances(kept_back))

# %%
print({name: f"z {abs(value):.0f}" for name, value in z.items()})
assert abs(z["honest"]) < 3 < z["one copy in five"] < z["thief"]

# %% [markdown]
# Look at the pairs, too. Below each picture stands its nearest training picture.

# %%
three_each = torch.cat([good[:81:27], drawer[stolen][:81:27]])
of_which = torch.cdist(small_pixels(three_each), small_pixels(drawer)).argmin(1)
alt = "Six pictures, and below each the nearest training picture. The three of the honest generator are near theirs; "
alt += "the three of the thief are equal to them."
show.images(
    torch.cat([three_each, drawer[of_which]]), [*["honest"] * 3, *["thief"] * 3, *["nearest"] * 6], columns=6, alt=alt
)

# %%
apart = (three_each - drawer[of_which]).abs().amax((1, 2, 3))
print("largest difference of a pixel:", [f"{x:.1f}" for x in apart.tolist()])
assert (apart[3:] == 0).all()
assert (apart[:3] > 0.2).all()

# %% [markdown]
# **From here on we import it.** `mmgen_course.evaluate` holds all of these, each with its interval. First, that they
# agree with what we wrote.

# %%
from mmgen_course.evaluate import Estimate, caption_match, classifier_features, coarse_pixels, fid, kid, memorisation

x, y = pool[:300], blurred_pool[:200]
moments = [each for z in (x.double(), y.double()) for each in (z.mean(0), torch.cov(z.T))]
ours = [frechet(*moments), mmd2(x.double(), y.double()), *precision_recall(x, y), *density_coverage(x, y)]
theirs = [fid(x, y), kid(x, y), *evaluate.precision_recall(x, y), *evaluate.density_coverage(x, y)]
assert torch.allclose(torch.tensor(ours), torch.tensor([float(each) for each in theirs]), atol=1e-5)

# %%
assert math.isclose(evaluate.r_precision(found, right).value, r_precision(found, right))
assert math.isclose(
    evaluate.diversity(classifier_features(good), captions).value, diversity(classifier_features(good)), rel_tol=1e-4
)
test = memorisation(*(small_pixels(pictures) for pictures in (good, drawer, kept_back)))
assert math.isclose(test.z, z["honest"], abs_tol=1e-6)
print("the lesson and the package agree; honest generator:", test.closer)

# %% [markdown]
# ## How each is gamed
#
# As soon as a number is a target, somebody finds the cheapest way to it. Here are the cheats, all for the same 240
# captions. New ones are the **wild** generator, which has one picture for each caption, but adds noise of a different,
# often huge, strength to every second one; the **deaf** one, which draws perfect scenes without reading the caption;
# and the **thief with a mirror**, which turns each stolen picture left to right: still true of its caption, which says
# nothing of the place.

# %%
strength = torch.logspace(-1.5, 0.3, 240)[torch.randperm(240, generator=generator)][:, None, None, None]
strength[::2] = 0
candidates = {
    "honest": good,
    "wrong colours": scenes.render(mistaken, generator=generator),
    "no stars": scenes.render([no_star(scene) for scene in asked], generator=generator),
    "blurred": blurred(good),
    "noisy": a,
    "one picture": single,
    "wild": (single + strength * torch.randn(single.shape, generator=generator)).clamp(-1, 1),
    "deaf": honest(any_captions(240)),
    "thief": drawer[stolen],
    "thief, mirror": drawer[stolen].flip(-1),
    "nonsense": b,
}

# %%
real_coarse = coarse_pixels(real)
in_drawer, outside = small_pixels(drawer), small_pixels(kept_back)
with_mirror = torch.cat([in_drawer, small_pixels(drawer.flip(-1))])


def score(pictures):
    f, small = classifier_features(pictures), small_pixels(pictures)
    among, covered = evaluate.precision_recall(real_features, f), evaluate.density_coverage(real_features, f)
    return {
        "caption match": caption_match(pictures, captions).share,
        "R-precision": evaluate.r_precision(similarity(texts, pictures), right),
        "FID": fid(real_features, f).estimate,
        "FID of pixels": fid(real_coarse, coarse_pixels(pictures)).estimate,
        "KID x 100": Estimate(*(100 * number for number in kid(real_features, f))),
        "precision": among.precision,
        "recall": among.recall,
        "coverage": covered.coverage,
        "diversity": evaluate.diversity(f, captions),
        "memorised": memorisation(small, in_drawer, outside).closer,
        "memorised, mirrored": memorisation(small, with_mirror, outside).closer,
    }


# %% [markdown]
# *FID of pixels* is a second FID that uses no network: each picture shrunk to 4 by 4 pixels, 48 numbers. A cheat is
# **caught** by a metric if its interval lies entirely on the bad side of the honest generator's.

# %%
scores = {name: score(pictures) for name, pictures in candidates.items()}
MORE_IS_WORSE = {"FID", "FID of pixels", "KID x 100", "memorised", "memorised, mirrored"}


def caught(name, metric):
    found, fair = scores[name][metric], scores["honest"][metric]
    return found.low > fair.high if metric in MORE_IS_WORSE else found.high < fair.low


# %%
from matplotlib.colors import ListedColormap

CAUGHT = ListedColormap(["#F4F4F4", show.PALETTE[1]])
alt = "A table of eleven generators by eleven metrics; orange cells are caught. The honest row has none, every other "
alt += "row at least one. The thief is caught by memorisation alone, the deaf one by the two that read captions."
metrics = list(scores["honest"])
table = torch.tensor([[float(caught(name, metric)) for metric in metrics] for name in candidates])
with show.figure(alt, width=8.6, height=4.2) as [axes]:
    axes.imshow(table, cmap=CAUGHT, vmin=0, vmax=1, aspect="auto")
    for i, name in enumerate(candidates):
        for j, metric in enumerate(metrics):
            axes.text(j, i, f"{round(scores[name][metric].value, 2) + 0.0:.2f}", ha="center", va="center", size=8)
    axes.set_xticks(range(len(metrics)), [metric.replace(" ", "\n", 1) for metric in metrics], size=8)
    axes.set_yticks(range(len(candidates)), list(candidates), size=8)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)

# %%
by = {name: [metric for metric in metrics if caught(name, metric)] for name in candidates}
print({name: len(found) for name, found in by.items()})
assert not by.pop("honest")
assert all(by.values())  # every cheat is caught by something
print("only by one:", {name: found[0] for name, found in by.items() if len(found) == 1})

# %%
for metric in metrics:  # and every metric lets some cheat pass
    assert any(metric not in found for found in by.values())
assert "recall" in by["one picture"]
assert scores["wild"]["recall"].value > scores["one picture"]["recall"].value + 0.1
assert abs(scores["wild"]["coverage"].value - scores["one picture"]["coverage"].value) < 0.05
assert scores["wild"]["diversity"].low > scores["honest"]["diversity"].high
assert max(scores, key=lambda name: scores[name]["diversity"].value) == "deaf"
assert not {*by["wrong colours"], *by["no stars"], *by["deaf"]} - {"caption match", "R-precision"}
assert set(by["blurred"]) == {"recall", "coverage"}
assert set(by["noisy"]) == {"FID", "KID x 100", "precision", "recall", "coverage"}
assert set(by["thief"]) == {"memorised", "memorised, mirrored"}
assert "memorised" in by["one picture"]
assert "memorised" not in by["thief, mirror"]
assert "memorised, mirrored" in by["thief, mirror"]
assert "caption match" not in by["nonsense"]
assert scores["nonsense"]["FID"].high < scores["noisy"]["FID"].low
assert scores["nonsense"]["FID of pixels"].low > 100 * abs(scores["honest"]["FID of pixels"].value)

# %% [markdown]
# Read it row by row.
#
# - **Wrong colours, no stars.** Only metrics that read captions notice. To all others the pictures are real ones.
# - **Blurred.** The classifier reads on undisturbed; recall and coverage fall. FID is too large, but with 240 pictures
#   its interval is wide; above, 1,600 were enough.
# - **Noisy.** Five metrics notice. The classifier's caption match is not one of them.
# - **One picture.** The cheapest way to a perfect caption match and a high precision. Recall, coverage and diversity
#   fall. The memorisation test gives a false alarm: a picture without strays lies in the middle of all its relatives,
#   near to each of them. Near is not memorised: look.
# - **Wild.** The large balls of its noise *raise the recall*, and diversity goes from nothing to above the honest one.
#   Coverage, which has no generated balls, stays where it was.
# - **Deaf.** Every metric that sees pictures alone finds it perfect, and its diversity is the highest of all. A
#   conditional generator must be asked about its condition.
# - **Thief.** Only the memorisation test speaks. The mirror silences it, until mirrored training pictures are counted
#   as training pictures.
# - **Nonsense.** Caption match 1.00, and a FID below that of the noisy pictures. It was made with the classifier's
#   gradient, so nothing that rests on the classifier can be trusted. A number without any network catches it by a
#   factor of hundreds.
#
# Every cheat is caught, and no metric catches all. So the rules: report several, of different kinds; never train on the
# one that you report; keep one secret from the generator; and show pictures that were not picked.

# %% [markdown]
# ## A generator that learned
#
# Now the question that all this is for. The GAN of lesson 7 and the VAE of lesson 8 draw with the very same network,
# trained in two ways. Both were trained on captions that name everything, so they are asked with such captions: 240
# scenes like those in training, and 240 compositions that training never showed. The renderer plays the honest
# generator. There is no drawer to steal from: training drew new pictures at every step.
#
# A knob comes with every generator that is fed noise: multiply the noise by some number, its **temperature**. Below 1
# the noise stays near the middle, where the network has seen most. Does it help the VAE?

# %%
from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators.gan_nets import load_scene_gan
from mmgen_course.generators.vae_nets import load_scene_vae

pairs = SingleObjectScenes(torch.Generator().manual_seed(9))
gan, vae = (network.requires_grad_(False) for network in (load_scene_gan(), load_scene_vae()))
assert type(gan) is type(vae.decode)


def from_noise(decode, size, temperature=1.0):
    """A generator: a batch of captions -> pictures."""

    def draw(batch):
        noise = temperature * torch.randn(len(batch.captions), size, generator=pairs.generator)
        return decode(noise, caption_conditions(batch.captions)).clamp(-1, 1)

    return draw


# %%
draws = {
    "renderer": lambda batch: scenes.render(batch.scenes, generator=pairs.generator),
    "GAN": from_noise(gan, gan.latents),
    "VAE": from_noise(vae.decode, vae.latents),
    "VAE, noise x 0.05": from_noise(vae.decode, vae.latents, temperature=0.05),
}
seen, unseen, reference = pairs.draw(240), pairs.draw(240, "held_out_compositions"), pairs.draw(960).images
drawn = {name: draw(seen) for name, draw in draws.items()}

# %%
alt = "Rows of eight pictures of the same captions: by the renderer, the GAN, and the VAE with full and small noise. "
alt += "All show the same shapes, at nearly the same places."
with show.figure(alt, rows=len(drawn), height=0.9 * len(drawn)) as rows:
    for axes, (name, pictures) in zip(rows, drawn.items(), strict=True):
        show.picture(axes, show.tile(pictures[:8], 8), name)

# %%
reference_features = classifier_features(reference)


def report(name):
    f = classifier_features(drawn[name])
    both = torch.cat([drawn[name], draws[name](seen)])  # the same captions once more
    among = evaluate.precision_recall(reference_features, f)
    return {
        "caption match": caption_match(drawn[name], seen.captions).share,
        "new compositions": caption_match(draws[name](unseen), unseen.captions).share,
        "recall at 1": evaluate.share(evaluate.ranks(similarity(seen.captions, drawn[name])) == 1),
        "FID": fid(reference_features, f).estimate,
        "FID of pixels": fid(coarse_pixels(reference), coarse_pixels(drawn[name])).estimate,
        "precision": among.precision,
        "recall": among.recall,
        "coverage": evaluate.density_coverage(reference_features, f).coverage,
        "diversity": evaluate.diversity(classifier_features(both), seen.captions * 2),
        "of pixels": evaluate.diversity(coarse_pixels(both), seen.captions * 2),
    }


# %%
board = {name: report(name) for name in draws}
for metric in board["renderer"]:
    print(f"{metric:17}", " | ".join(f"{name} {round(board[name][metric].value, 2) + 0.0:.2f}" for name in board))

# %%
fair, by_gan, by_vae, small_noise = board.values()
same = ("recall at 1", "FID", "FID of pixels", "precision", "recall", "coverage")
for candidate in (by_gan, by_vae, small_noise):
    assert candidate["caption match"].low > 0.9
    assert candidate["new compositions"].low > 0.85
    assert all(
        candidate[metric].high > fair[metric].low and candidate[metric].low < fair[metric].high for metric in same
    )
for metric in ("diversity", "of pixels"):
    assert small_noise[metric].high < 0.1 * by_vae[metric].low
    assert by_gan[metric].high < by_vae[metric].low < by_vae[metric].high < fair[metric].low
assert by_gan["of pixels"].value < 0.5 * by_vae["of pixels"].value
assert by_gan["diversity"].value > 0.75 * by_vae["diversity"].value
assert by_gan["precision"].value < by_vae["precision"].value - 0.1
assert by_gan["precision"].high > by_vae["precision"].low

# %% [markdown]
# By most rows one could not tell the two from the renderer, also where they have to compose. The fault of both is
# diversity: less than real pictures of one caption have. Here they part. In 4 by 4 pixels, which show where the object
# is, how large and in what tint, two pictures of the GAN for one caption differ less than half as much as two of the
# VAE: it nearly ignores its noise, as lesson 7 saw. In the classifier's features it is almost as diverse as the VAE. So
# what its noise still changes is fine detail, and not of the best kind: its precision is the lowest of the four, though
# the intervals overlap. Had we reported the diversity of features alone, the GAN would have passed for nearly as
# varied.
#
# With a twentieth of the noise nearly every number of the VAE stays where it was. One tells what happened: the
# diversity is all but gone. It is the *one picture* generator of our list, made from a good generator by one factor,
# and most tables would not show it. Whoever quotes a caption match owes the reader the temperature that it was measured
# at.

# %% [markdown]
# ## Cheat yourself
#
# Choose a generator, the share of the pictures that it contributes (the others are honest), and how many there are.
# Orange is what an honest generator with as many pictures would not get. How small a share of each stays hidden? Make
# $n$ small: which metrics go blind first?

# %%
order = torch.randperm(240, generator=generator)
kept = {name: (classifier_features(x), small_pixels(x), coarse_pixels(x)) for name, x in candidates.items()}
asked_for = [scenes.parse(text) for text in captions]
shown = {
    name: torch.tensor([text.hold_for(scene) for text, scene in zip(asked_for, classifier.read(x), strict=True)])
    for name, x in candidates.items()
}


# %%
def measure(chosen, candidate, fault):
    f, small, coarse = (
        torch.where(fault[:, None], x[chosen], y[chosen]) for x, y in zip(kept[candidate], kept["honest"], strict=True)
    )
    match = evaluate.share(torch.where(fault, shown[candidate][chosen], shown["honest"][chosen]))
    return {
        "caption match": evaluate.widened(match, evaluate.CLASSIFIER_ERROR),
        "FID": fid(real_features, f, 10).estimate,
        "FID of pixels": fid(real_coarse, coarse, 10).estimate,
        "KID x 100": Estimate(*(100 * number for number in kid(real_features, f, 10))),
        **evaluate.precision_recall(real_features, f)._asdict(),
        "coverage": evaluate.density_coverage(real_features, f).coverage,
        "diversity": evaluate.diversity(f, [captions[i] for i in chosen.tolist()]),
        "memorised": memorisation(small, in_drawer, outside).closer,
    }


# %%
def table_of(axes, found, fair):
    axes.set(xlim=(0, 1), ylim=(len(found), -0.5))
    axes.set_axis_off()
    worse = []
    for row, (name, estimate) in enumerate(found.items()):
        low, high = fair[name].low, fair[name].high
        bad = estimate.low > high if name in MORE_IS_WORSE else estimate.high < low
        worse += [name] * bad
        box = {"facecolor": show.PALETTE[1] if bad else "#F4F4F4", "edgecolor": "none"}
        axes.text(0, row, name)
        text = f"{estimate.value:.2f}   [{estimate.low:.2f}, {estimate.high:.2f}]"
        axes.text(0.4, row, text, bbox=box)
    return worse


# %%
def cheat(candidate, percent, n):
    chosen = order[:n]
    fault = torch.arange(n) < n * percent / 100
    found, fair = (measure(chosen, name, fault) for name in (candidate, "honest"))
    figure = Figure(figsize=(7, 2.9), layout="constrained")
    left, right_axes = figure.subplots(1, 2, width_ratios=(1, 1.35))
    mixed = torch.where(fault[:, None, None, None], candidates[candidate][chosen], candidates["honest"][chosen])
    some = torch.linspace(0, n - 1, 16).round().long()
    show.picture(left, show.tile(mixed[some], 4), f"{percent} % {candidate}, n = {n}")
    worse = table_of(right_axes, found, fair)
    return figure, f"{percent} % of {n} pictures by '{candidate}', caught by: {', '.join(worse) or 'nothing'}"


widgets.explorer(
    cheat,
    candidate=ipywidgets.Dropdown(options=list(candidates), value="one picture", description="Generator"),
    percent=ipywidgets.IntSlider(50, 0, 100, 10, description="Percent"),
    n=ipywidgets.IntSlider(240, 40, 240, 20, description="Pictures"),
)

# %% [markdown]
# ## On real data
#
# Scikit-learn's 1,797 handwritten digits, 8 by 8, with their 64 pixels as features. One half plays the real pictures.
# Against it stand the other half, and changes of that: no eights, noise, blurred, moved by one pixel.

# %%
digits = torch.stack([to_tensor(sample.image)[:1] for sample in data.digits()]) * 2 - 1  # (1797, 1, 8, 8) in [-1, 1]
names = [sample.caption.split()[-1] for sample in data.digits()]
generator = torch.Generator().manual_seed(0)
mixed = torch.randperm(len(digits), generator=generator)
first, second = digits[mixed[:898]], digits[mixed[898:1796]]
is_eight = torch.tensor([names[i] == "eight" for i in mixed[898:1796].tolist()])

# %%
others = {
    "other half": second,
    "no eights": second[~is_eight],
    "noise": (second + 0.2 * torch.randn(second.shape, generator=generator)).clamp(-1, 1),
    "blurred": F.conv2d(F.pad(second, (1, 1, 1, 1), mode="replicate"), blur[:1]),
    "moved": F.pad(second, (1, 0, 0, 0), value=-1)[..., :8],
}
pixels = {name: x.flatten(1) for name, x in others.items()}
found = {
    name: (fid(first.flatten(1), x), kid(first.flatten(1), x), *evaluate.precision_recall(first.flatten(1), x))
    for name, x in pixels.items()
}

# %%
alt = "Left, seven digits of each of five kinds. Right, corrected FID with intervals: other half, no eights and noise "
alt += "near 0, blurred about 11, moved about 20."
with show.figure(alt, columns=2, height=3) as (left, right_axes):
    rows = torch.cat([x[:7] for x in others.values()])
    show.picture(left, show.tile(rows, 7))
    for row, (distance, *_) in enumerate(found.values()):
        right_axes.errorbar(
            distance.corrected,
            row,
            xerr=[[distance.corrected - distance.low], [distance.high - distance.corrected]],
            fmt="o",
            capsize=3,
        )
    right_axes.set(yticks=range(5), yticklabels=list(found), ylim=(4.5, -0.5), xlabel="FID of pixels, corrected")

# %%
for name, (distance, by_kernel, precision, recall) in found.items():
    print(f"{name:10} FID {distance.value:4.1f}, corrected {abs(distance.corrected):4.1f}", end="; ")
    print(f"KID sees it: {by_kernel.low > 0}; precision {precision.value:.2f}, recall {recall.value:.2f}")
half, eights = found["other half"], found["no eights"]
assert half[0].low < 0 < half[0].high < half[0].value
assert eights[0].low < half[0].high  # not told apart
assert eights[3].high > half[3].low  # nor by recall
assert found["noise"][0].low > 0
assert found["noise"][3].value > half[3].low  # recall stays
assert found["noise"][2].high < half[2].value  # precision falls

# %%
eight_in_first = torch.tensor([names[i] == "eight" for i in mixed[:898].tolist()])
real_eights = first[eight_in_first].flatten(1)
for name in ("other half", "no eights"):
    inside = (torch.cdist(real_eights, pixels[name]) <= reach(pixels[name], 3)).any(1)  # recall of the eights alone
    print(f"{len(real_eights)} real eights, recalled by '{name}':", evaluate.share(inside))
assert evaluate.share(inside).high < 0.5

# %% [markdown]
# What do 1,797 digits tell, and what not?
#
# - **The interval of the other half holds zero, and its published value does not lie in it.** A generator that comes
#   out there is as good as real.
# - **A missing tenth goes unseen.** Without any eights, FID, KID and recall cannot be told from those of the other
#   half. Ask about the eights alone, and it is plain: most of them lie in nobody's balls. Whoever suspects a fault
#   should ask about it, and not wait for a mean over everything.
# - **Noise does not hurt recall.** Its balls are large: the wild generator, on real data. Precision falls.
# - **A pixel's move is the largest fault of all.** Nobody who looks would mind it. The number speaks of the features as
#   much as of the pictures.

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what it got and what was
# expected; where it knows the mistake, it names it. 12 points, 50 minutes; your progress is kept. You may rely on
# `math`, `torch` and `wilson`.
#
# ### 1. What would it be with as many pictures?
#
# 2 points, 8 minutes, difficulty 1 of 3.
#
# A paper reports FID from 5,000 pictures, and you can afford a few hundred. By (eq:fid-bias) your
# FIDs at several sizes $n$ lie near a line over $1/n$, give or take chance. Draw the line of least squares through all
# of them, and read it at the paper's size. Through two points a line can be drawn by hand: FID 8 at $n = 100$ and 5 at
# $n = 200$.

# %%
from mmgen_course.check import check

steepness = (8 - 5) / (1 / 100 - 1 / 200)
end_of_line = 5 - steepness / 200
print(f"true distance {end_of_line:.1f}; with 600 pictures {end_of_line + steepness / 600:.1f}")


# %% tags=["exercise"]
def fid_at_size(sizes, values, size):
    """A list of numbers of pictures, a list of the FIDs measured with them, another number -> the FID to expect."""
    # BEGIN SOLUTION
    # The bias falls like 1/n, so over 1/n the values lie on a line: its end at 0 is the true distance, its slope is the
    # bias. A line over n would fall for ever, also below zero. And the whole FID does not scale with 1/n: the true
    # distance stays.
    over = torch.tensor([[1.0, 1 / n] for n in sizes], dtype=torch.float64)
    measured_values = torch.tensor(values, dtype=torch.float64)[:, None]
    end, steepness = torch.linalg.lstsq(over, measured_values).solution[:, 0].tolist()
    return end + steepness / size
    # END SOLUTION


# %%
check(fid_at_size)

# %% [markdown]
# ### 2. Behind the classifier's errors
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# (eq:match-interval) supposes nothing but a bound of the classifier's errors. Had a person gone through many of its
# answers, you would know more: of *wrong* pictures it lets a share `passes` pass, its false positive rate, and of
# *right* ones it turns down a share `rejects`, its false negative rate. Then the share $q$ that it accepts can be
# turned back into the share $m$ that is right. For 900 right pictures and 100 wrong ones it accepts

# %%
passes, rejects = 0.05, 0.2
accepted = 900 - 900 * rejects + 100 * passes
print(f"{accepted:.0f} of 1,000, though 900 are right")

# %% [markdown]
# and from 725 of 1,000 your function shall come back to 0.9. Do the same for both ends of the interval of $q$, which
# `wilson(hits, n)` gives as (share, low, high). A share lies between 0 and 1: what comes out below or above is 0 or 1.
# (`passes` and `rejects` are taken as known exactly.)


# %% tags=["exercise"]
def corrected_share(hits, n, passes, rejects):
    """The classifier accepted hits of n pictures -> (m, low, high), three numbers from 0 to 1."""
    # BEGIN SOLUTION
    # q = m (1 - rejects) + (1 - m) passes is a line in m, from `passes` at m = 0 to 1 - rejects at m = 1. Solve it for
    # m. The interval goes through the same line, end by end, and grows by 1 / (1 - passes - rejects): answers with
    # errors tell less. Wilson's interval about the corrected share would hide that, and be too narrow.
    # This is the estimator of Rogan and Gladen (1978), who counted the sick by a test that errs.
    shares = [(q - passes) / (1 - passes - rejects) for q in wilson(hits, n)]
    return tuple(min(1.0, max(0.0, m)) for m in shares)
    # END SOLUTION


# %%
check(corrected_share)

# %% [markdown]
# ### 3. The energy distance
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# A distance needs no kernel. With $\lVert x - y \rVert$, which says how *unlike* two points are,
# the **energy distance** of two clouds is $2\, \mathrm{E} \lVert x - y \rVert - \mathrm{E} \lVert x - x' \rVert -
# \mathrm{E} \lVert y - y' \rVert$, zero for equal clouds alone (Székely and Rizzo, *Energy Statistics*, 2013). Estimate
# it without bias, as (eq:mmd-unbiased) does for a kernel. For the numbers 0 and 2, and 1 and 5:

# %%
across = [abs(one - other) for one in (0, 2) for other in (1, 5)]
print(f"across {across}, mean {sum(across) / 4}; within {abs(0 - 2)} and {abs(1 - 5)}")
print("energy distance:", 2 * sum(across) / 4 - abs(0 - 2) - abs(1 - 5))

# %% [markdown]
# (SciPy's `energy_distance` takes plain numbers only, pairs each with itself, too, and takes a root: it has a bias.)


# %% tags=["exercise"]
def energy_distance(x, y):
    """Samples (n, d) and (m, d), n and m at least 2 -> the unbiased estimate, a number."""
    # BEGIN SOLUTION
    # The diagonal of a table of distances is 0, so the sum over all of it is the sum over i != j: only the divisor must
    # know that there are n (n - 1) of these. Dividing by n^2, as .mean() does, makes the inner distances too small and
    # two equal clouds seem apart. The result may be below zero, and stays so. It is (eq:mmd-unbiased) with -|x - y| in
    # the place of the kernel.
    across = torch.cdist(x, y).mean()
    inner = [torch.cdist(z, z).sum() / (len(z) * (len(z) - 1)) for z in (x, y)]
    return 2 * across - inner[0] - inner[1]
    # END SOLUTION


# %%
check(energy_distance)

# %% [markdown]
# ### 4. Which kinds are missing?
#
# 4 points, 18 minutes, difficulty 3 of 3.
#
# Above, eights were missing and no mean over everything noticed. So ask about each kind: the
# **coverage of a kind** is the share of *its* real points whose ball holds at least one generated point. A ball reaches
# to the $k$-th nearest *other* real point, of whatever kind, its border included, as in (eq:density-coverage). In one
# dimension with $k = 1$, two generated points, and two kinds:

# %%
places = {"cat": [0, 1, 8], "dog": [3, 14]}
everywhere = [place for kind in places.values() for place in kind]
for kind, own in places.items():
    for place in own:
        reaches = min(abs(place - other) for other in everywhere if other != place)
        holds = [made for made in (1.5, 17) if abs(made - place) <= reaches]
        print(f"{kind} at {place}: ball from {place - reaches} to {place + reaches}, holds {holds or 'nothing'}")

# %% [markdown]
# The coverage of cats is 1/3, of dogs 1. Kinds come as numbers from 0; each occurs at least once.


# %% tags=["exercise"]
def coverage_of_kinds(real, kinds, generated, k):
    """Real points (N, d), the number of the kind of each (N,), generated points (M, d) -> coverage (kinds,)."""
    # BEGIN SOLUTION
    # The balls are those of coverage: all real points are neighbours, whatever their kind, and column 0 of the sorted
    # distances is the point itself. Only the last mean is taken for each kind. Its divisor is the number of real points
    # of the kind; with N there, a rare kind would look forgotten however well it is covered.
    radius = torch.cdist(real, real).sort(dim=1).values[:, k]
    hit = (torch.cdist(real, generated) <= radius[:, None]).any(dim=1).double()
    return torch.stack([hit[kinds == kind].mean() for kind in range(int(kinds.max()) + 1)])
    # END SOLUTION


# %%
check(coverage_of_kinds)

# %% [markdown]
# ## What to remember
#
# - A metric is an estimator. Ask for its bias, its variance, its interval; and what a real set of the same size gets.
# - The classifier's error widens the interval of the caption match, and no number of pictures narrows it again.
# - FID compares two Gaussians in a space of features. Its bias falls like $1/n$ and grows like $d^2$: same $n$, or
#   extrapolate. KID compares three moments, has no bias, and may be negative.
# - Precision: are the pictures real ones? Recall, coverage: are all real ones there? Outliers make large balls, and
#   noise raises recall.
# - Metrics of pictures alone do not hear the caption, and metrics of quality do not see a thief.
# - Any single number can be gamed. Report several, of different kinds, one of them without the network that was used in
#   training; and look at pictures that nobody picked.

# %% [markdown]
# ## Three questions
#
# **1.** A paper reports FID 8.1 from 50,000 pictures, another FID 7.9 from 5,000 pictures, with the same features and
# real pictures. Which generator is better?
#
# <details><summary>Answer</summary>
#
# The second, as far as these numbers go. The bias is positive and falls like $1/n$, so the number from 5,000 pictures
# is the one that is too large by more, and still it is smaller. With the values exchanged nothing could be said. An
# interval would still be welcome.
#
# </details>
#
# **2.** A classifier accepts 930 of 1,000 pictures. At most 2 % of its answers are wrong. What can you say of the share
# that matches? You may use that Wilson's interval for 930 of 1,000 is $[0.912, 0.944]$.
#
# <details><summary>Answer</summary>
#
# By (eq:match-interval) it lies between 0.892 and 0.964. A million pictures would narrow it to no less than $\hat m \pm
# 0.02$.
#
# </details>
#
# **3.** Your generator has a precision of 0.95, a recall of 0.9, a caption match of 1.00 and a FID as low as that of
# real pictures. What do you check before you open the champagne?
#
# <details><summary>Answer</summary>
#
# Whether it has memorised its training pictures: a thief has all of these. Compare its distances to the training
# pictures with those of pictures that were kept back, count mirrored and shifted training pictures as training
# pictures, and look at the nearest pairs. Then, whether any of the metrics was used in training: nonsense can have
# them, too.
#
# </details>

# %%
assert [round(end, 3) for end in wilson(930, 1000)[1:]] == [0.912, 0.944]  # for the second question

# %% [markdown]
# ## References
#
# - E. B. Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, Journal of the American
#   Statistical Association 22(158), 1927.
# - D. C. Dowson, B. V. Landau, *The Fréchet Distance between Multivariate Normal Distributions*, Journal of
#   Multivariate Analysis 12(3), 1982.
# - M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, *GANs Trained by a Two Time-Scale Update Rule
#   Converge to a Local Nash Equilibrium*, NIPS 2017: FID.
# - T. F. Chan, G. H. Golub, R. J. LeVeque, *Updating Formulae and a Pairwise Algorithm for Computing Sample Variances*,
#   1979.
# - M. J. Chong, D. Forsyth, *Effectively Unbiased FID and Inception Score and Where to Find Them*, CVPR 2020.
# - M. Bińkowski, D. J. Sutherland, M. Arbel, A. Gretton, *Demystifying MMD GANs*, ICLR 2018: KID; A. Gretton, K. M.
#   Borgwardt, M. J. Rasch, B. Schölkopf, A. Smola, *A Kernel Two-Sample Test*, JMLR 13, 2012.
# - T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, *Improved Precision and Recall Metric for Assessing
#   Generative Models*, NeurIPS 2019.
# - M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo, *Reliable Fidelity and Diversity Metrics for Generative Models*, ICML
#   2020: density and coverage.
# - T. Xu et al., *AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative Adversarial Networks*,
#   CVPR 2018: R-precision.
# - C. Meehan, K. Chaudhuri, S. Dasgupta, *A Non-Parametric Test to Detect Data-Copying in Generative Models*, AISTATS
#   2020. H. B. Mann, D. R. Whitney, *On a Test of Whether one of Two Random Variables is Stochastically Larger than the
#   Other*, Annals of Mathematical Statistics 18(1), 1947.
#
# Next: **10. Text to image**, the whole chain, from a sentence to a picture.
