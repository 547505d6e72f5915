# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 7. Two networks at odds: the GAN
#
# **You will be able to**
#
# - derive what a GAN's discriminator learns, what its generator minimises, and where the gradient of each loss
#   vanishes;
# - recognise the two classic failures, a generator that cannot learn and a generator that draws one thing, and measure
#   what each of the well-known cures is worth;
# - train a network that draws what a caption says, and say how often it does.
#
# 65 minutes. You need lessons 3, 4 and 6, the derivative of a logarithm, and the mean of a function of a random number.

# %% [markdown]
# ## Draw this sentence

# %%
import math

import torch
from torch import nn
from torch.nn import functional as F

from mmgen_course import data, scenes, show, widgets
from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators.gan_nets import load_scene_gan

# %%
captions = [
    "a large flat orange circle in the centre on a light background",
    "a large outlined red star at the top left on a dark background",
    "a large outlined pink triangle at the bottom right on a light background",
    "a large dotted green cross at the top right on a dark background",
]

# %%
generator = torch.Generator().manual_seed(5)
pairs, G_scene = SingleObjectScenes(generator), load_scene_gan()  # a network that ships with the course
with torch.no_grad():
    c = caption_conditions(captions)  # (4, 50): the mean of each caption's word vectors
    drawn = G_scene(torch.randn(4, 12, generator=generator), c)  # (4, 3, 32, 32)

# %%
show.images(
    drawn,
    captions,
    alt="An orange disc, the outline of a red star, the outline of a pink triangle, a dotted green cross.",
)

# %%
read = load_classifier().read(drawn)  # the classifier of lesson 3
told = [scenes.parse(caption).complete() for caption in captions]
print("as told:", sum(a == b for a, b in zip(read, told, strict=True)), "of", len(told))
assert sum(a == b for a, b in zip(read, told, strict=True)) >= 3

# %% [markdown]
# No orange circle, no red star, no pink triangle and no green cross was in the training of this network, which saw
# 2,280 other scenes. And nobody told it which pixels to draw. Its only teacher was another network, which learned at
# the same time to tell real pictures from drawn ones. How can that work, and when does it not?

# %%
assert len(pairs.scenes["train"]) == 2280
assert not {(scene.objects[0].shape, scene.objects[0].colour) for scene in told} & {
    (scene.objects[0].shape, scene.objects[0].colour) for scene in pairs.scenes["train"]
}

# %% [markdown]
# ## Why not simply compare with the right picture?
#
# Take the digits of scikit-learn and ask for *a handwritten three*. There are many right answers. Suppose that a
# network gives the picture $y$, and we punish the squared distance to a real three $x$, drawn at random from the
# distribution $p$ of all threes. Set the derivative to zero, $\mathbb{E}[2(y - x)] = 0$, and find the best answer:
#
# $$ \operatorname*{arg\,min}_{y}\; \mathbb{E}_{x \sim p}\, \lVert y - x \rVert^2 = \mathbb{E}_{x \sim p}[x]
#    \label{eq:mean-picture} $$

# %%
from mmgen_course.data.digit_tensors import labelled_digits

digits, labels, _, _ = labelled_digits()  # (1500, 1, 8, 8) in [-1, 1], and what they show
threes = digits[labels == 3]
y = threes.mean(0)  # (eq:mean-picture)

# %%
show.images(
    torch.cat([threes[:5], y[None]]),
    ["real"] * 5 + ["best answer"],
    alt="Five sharp handwritten threes, and their mean, which is blurred.",
    columns=6,
)

# %%
to_mean = (threes - y).flatten(1).norm(dim=1)
apart = torch.cdist(threes.flatten(1), threes.flatten(1))
print(f"a three is {to_mean.mean():.1f} from the mean, and {apart[apart > 0].mean():.1f} from another three")
assert to_mean.mean() < 0.8 * apart[apart > 0].mean()

# %% [markdown]
# The mean of all threes is nearer to a three than another real three is, and still it is the one picture here that
# nobody wrote. The distance asks *which three did you mean?* We want to ask *could this be a three at all?* No formula
# for that is known. So let a network learn it.
#
# ## The game
#
# A **generator** $G$ turns noise $z$ into a sample $G(z)$, like a forger who paints. A **discriminator** $D$ looks at a
# sample and says with which probability it is real, $0 < D(x) < 1$, like a detective. $p$ is the distribution of real
# samples, and $q$ that of $G(z)$. The detective's success is the **value** of the game:
#
# $$ V(D, G) = \mathbb{E}_{x \sim p}\left[ \log D(x) \right]
#    + \mathbb{E}_{z \sim \mathcal{N}(0, I)}\left[ \log \left( 1 - D(G(z)) \right) \right] \label{eq:value-function} $$
#
# It is zero for a detective who is always right and always sure, and negative for all others. You know it already: it
# is minus the cross-entropy of lesson 3, for the question *real or generated?* The detective wants it large, the forger
# wants it small, and knows that the detective will do his best:
#
# $$ \min_G \max_D\; V(D, G) \label{eq:minimax} $$
#
# Neither may change the other's network. So (eq:minimax) is no minimisation but a **game**, and its value is one
# number. (The article that this course is built from writes "$G(z) = \min_G \max_D \dots$". But $G(z)$ is a sample and
# not a number, and $G$ is what the minimum is taken **over**.)
#
# One detail before we go on. $D$ is a sigmoid of a network's output $l$, the **logit**. Then
#
# $$ D(x) = \sigma(l(x)) = \frac{1}{1 + e^{-l(x)}}, \qquad \log D = -\log(1 + e^{-l}), \qquad
#    \log(1 - D) = -\log(1 + e^{l}) \label{eq:logit} $$
#
# Computed from $D$, both logarithms fail as soon as the detective is sure. Computed from $l$, they do not:


# %%
def value(real, fake):  # of logits
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()  # (eq:value-function) through (eq:logit)


# %%
sure, guess = torch.tensor(20.0), torch.tensor(0.0)  # logits
print(f"log(1 - D) from D: {(1 - sure.sigmoid()).log()}, from l: {F.logsigmoid(-sure):.0f}")
print(
    f"value for one who is sure and right {abs(value(sure, -sure)):.1f}, for one who guesses {value(guess, guess):.2f}"
)
assert (1 - sure.sigmoid()).log().isinf()
assert abs(value(guess, guess) + math.log(4)) < 1e-6

# %% [markdown]
# ## The best discriminator
#
# Hold the generator still. Both means in (eq:value-function) are integrals, over the densities $p(x)$ and $q(x)$:
#
# $$ V = \int \left( p(x) \log D(x) + q(x) \log\left( 1 - D(x) \right) \right) dx \label{eq:value-integral} $$
#
# $D(x)$ may be chosen for each $x$ apart, so make the bracket large at each $x$. Its derivative by $D$ is
# $\frac{p}{D} - \frac{q}{1 - D}$. Its second derivative, $-\frac{p}{D^2} - \frac{q}{(1 - D)^2}$, is negative. So there
# is one maximum, where $p (1 - D) = q D$:
#
# $$ D^*(x) = \frac{p(x)}{p(x) + q(x)} \label{eq:optimal-discriminator} $$
#
# Solve $\sigma(l) = p / (p + q)$ for the logit: $e^{-l} = q / p$, and so
#
# $$ l^*(x) = \log p(x) - \log q(x) \label{eq:optimal-logit} $$
#
# This is worth a pause. A classifier that was only ever told *real* or *generated* has to learn the **ratio of two
# densities**, and neither of them was given to it. Does a trained network do that? Choose two densities that we know:

# %%
at = torch.linspace(-4, 4, 401, dtype=torch.float64)[:, None]
heights = torch.distributions.Normal(torch.tensor([-1.5, 1.5]).double(), torch.tensor([0.5, 0.7]).double())
broad = torch.distributions.Normal(torch.tensor(0.0).double(), 1.3)
p, q = heights.log_prob(at).exp().mean(1), broad.log_prob(at[:, 0]).exp()  # (401,) each
D_star = p / (p + q)  # (eq:optimal-discriminator)
assert torch.allclose((p.log() - q.log()).sigmoid(), D_star)  # (eq:optimal-logit)


# %% [markdown]
# The discriminator sees samples only: `fit` is the training loop of lesson 3, where each `Player` moves one network. It
# maximises $V$, so it minimises $-V$.

# %%
from mmgen_course.generators.ring_gan import plane_net
from mmgen_course.train import Player, fit, seeded

# %%
generator = torch.Generator().manual_seed(0)


def real_line(n):
    which = torch.randint(2, (n,), generator=generator)
    noise = torch.randn(n, generator=generator, dtype=torch.float64)
    return (heights.mean[which] + heights.stddev[which] * noise)[:, None]


def fake_line(n):
    return 1.3 * torch.randn(n, 1, generator=generator, dtype=torch.float64)


# %%
D = seeded(lambda: plane_net(1, 1), 0)  # a small network in double precision


def loss_of_D():
    return -value(D(real_line(512)), D(fake_line(512)))


# %%
adam = torch.optim.Adam(D.parameters(), lr=3e-3)
losses = [step["discriminator"] for step in fit([Player("discriminator", D, loss_of_D, adam)], steps=800)]
with torch.no_grad():
    D_trained = D(at)[:, 0].sigmoid()

# %%
alt = "Left: p has two hills, q is one broad hill. Right: p / (p + q), high at the hills of p, and the trained "
alt += "discriminator, which lies on it but for the far ends."
with show.figure(alt, columns=2) as (left, right):
    left.plot(at, p, label="real, p")
    left.plot(at, q, label="generated, q")
    left.set(xlabel="x", ylabel="density", ylim=(0, 0.52))
    left.legend(loc="upper left", fontsize=8)
    right.plot(at, D_star, label="p / (p + q)")
    right.plot(at, D_trained, "--", label="trained D")
    right.set(xlabel="x", ylabel="probability of real", ylim=(0, 1.1))
    right.legend(loc="upper left", fontsize=8)

# %%
m = (p + q) / 2
difference = ((D_trained - D_star).abs() * m).sum() / m.sum()
print(f"mean difference, where samples are: {difference:.2f}")
assert difference < 0.05

# %% [markdown]
# It met a density ratio that it was never shown. Where no samples fall, at the far ends, it says whatever it likes.
#
# ## What the generator is asked to minimise
#
# Put $D^*$ into the value. With $m = \frac12 (p + q)$, $D^* = \frac{p}{2m}$ and $1 - D^* = \frac{q}{2m}$:
#
# $$ \mathrm{JS}(p \,\|\, q) = \tfrac12 \mathrm{KL}(p \,\|\, m) + \tfrac12 \mathrm{KL}(q \,\|\, m), \qquad
#    m = \tfrac12 (p + q), \qquad \mathrm{KL}(p \,\|\, q) = \int p(x) \log \frac{p(x)}{q(x)}\, dx
#    \label{eq:jensen-shannon} $$
#
# is the **Jensen-Shannon divergence**, and the two factors $\frac12$ inside the logarithms give $2 \log \frac12$:
#
# $$ C(G) = \max_D V(D, G) = -\log 4 + 2\, \mathrm{JS}(p \,\|\, q) \label{eq:generator-criterion} $$
#
# A KL divergence is never negative, and zero for equal densities alone. So $C(G) = -\log 4 \approx -1.39$ if and only
# if $p = q$: a perfect forger leaves the detective with $D = \frac12$ everywhere. Check it by adding up thin slices:


# %%
def KL(p, q, dx):
    return (p * (p / q).log()).sum() * dx


def C(p, q, dx):
    m = (p + q) / 2
    return -math.log(4) + KL(p, m, dx) + KL(q, m, dx)  # (eq:generator-criterion)


# %%
dx = (at[1] - at[0]).item()
best = (p * D_star.log() + q * (1 - D_star).log()).sum() * dx  # (eq:value-integral) at the best D
met = (p * D_trained.log() + q * (1 - D_trained).log()).sum() * dx
print(f"-log 4 {-math.log(4):.2f}; C(G) {C(p, q, dx):.2f}; value of p / (p + q) {best:.2f}; of the trained D {met:.2f}")
assert abs(best - C(p, q, dx)) < 1e-2
assert -math.log(4) < met < best
assert abs(C(p, p, dx) + math.log(4)) < 1e-2

# %% [markdown]
# The trained network comes close to the maximum and cannot pass it.
#
# ## When the two never meet
#
# Now a warning. Let the real samples lie on a vertical line at 0, and the generated ones on a parallel line at
# $\theta$, each spread evenly over $0 \le y \le 1$ (this example is from Arjovsky et al., below). Wherever there is $p$
# there is no $q$, so $m = p/2$ on one line and $q/2$ on the other, both logarithms are $\log 2$, and
#
# $$ \mathrm{JS}(p_0 \,\|\, p_\theta) = \begin{cases} \log 2 & \theta \ne 0 \\ 0 & \theta = 0 \end{cases} \qquad
#    W_1(p_0, p_\theta) = |\theta| \label{eq:parallel-lines} $$
#
# The JS divergence does not know how far apart the lines are. It has no slope, so it cannot tell the generator where to
# go. $W_1$, the **Wasserstein distance**, can. It is the least work that carries $p$ to $q$, mass times way. Its second
# form (Kantorovich and Rubinstein) is the largest difference of means that a function $f$ can show whose slope is
# nowhere above 1:
#
# $$ W_1(p, q) = \min_{\pi} \mathbb{E}_{(x, y) \sim \pi}\, \lVert x - y \rVert
#    = \max_{\lVert f \rVert_L \le 1} \left( \mathbb{E}_{x \sim p}\, f(x) - \mathbb{E}_{y \sim q}\, f(y) \right)
#    \label{eq:wasserstein} $$
#
# Here $\pi$ runs over all ways to pair the samples, and $f$ over all functions with $|f(x) - f(y)| \le \lVert x - y
# \rVert$. Measure both on 200 points a line: JS by counting in cells of width 0.1, $W_1$ by SciPy's best pairing.

# %%
from scipy.optimize import linear_sum_assignment

from mmgen_course.generators.gan import js_divergence


def line_at(theta, n=200):
    return torch.stack([torch.full((n,), theta), torch.rand(n, generator=generator)], dim=1)


# %%
def js_counted(x, y):
    shares = [
        torch.histogramdd(part, bins=[61, 1], range=[-3.05, 3.05, 0, 1]).hist.flatten() / len(x) for part in (x, y)
    ]
    return js_divergence(*shares).item()


# %%
def w1(x, y):
    cost = torch.cdist(x, y)
    return cost[linear_sum_assignment(cost.numpy())].mean().item()


# %%
thetas = [i / 4 for i in range(-8, 9)]
zero = line_at(0.0)
js, distance = ([measure(zero, line_at(theta)) for theta in thetas] for measure in (js_counted, w1))
alt = "Against the place of the second line from -2 to 2: JS is flat at 0.69 and falls to 0 at 0 alone; W1 is a V."
with show.figure(alt) as [axes]:
    axes.plot(thetas, js, "o", label="Jensen-Shannon divergence")
    axes.plot(thetas, distance, "s-", label="Wasserstein distance")
    axes.set(xlabel="θ", ylabel="distance of the two lines")
    axes.legend(loc="lower right", fontsize=8)

# %%
three = (0, 4, 7)  # at a distance of 2, 1 and 1/4
print("JS", [round(js[i], 2) for i in three], " W1", [round(distance[i], 1) for i in three])
assert all(abs(a - math.log(2)) < 0.01 for a, theta in zip(js, thetas, strict=True) if theta)
assert js[8] < 0.01
assert all(abs(w - abs(theta)) < 0.05 for w, theta in zip(distance, thetas, strict=True))

# %% [markdown]
# This is no freak. Pictures fill a tiny part of the space of all pixels. At the start of a training the generated ones
# lie somewhere else, and *somewhere else* is all that a perfect detective reports. Let a discriminator learn the two
# lines at $\theta = 1$ for longer and longer, and look at the slope that the generator's loss $\log(1 - D)$ has at the
# generated points:

# %%
D = seeded(lambda: plane_net(2, 1), 1)
adam = torch.optim.Adam(D.parameters(), lr=3e-3)


def loss_of_D():
    return -value(D(line_at(0.0, 64).double()), D(line_at(1.0, 64).double()))


def slope_of(loss):
    x = line_at(1.0).double().requires_grad_()
    return torch.autograd.grad(loss(D(x)) * len(x), x)[0].norm(dim=1).mean().item()


# %%
slopes, steps = [], 0
for more in (10, 90, 900):
    steps += more
    list(fit([Player("discriminator", D, loss_of_D, adam)], more))
    slopes.append(
        (slope_of(lambda fake: F.logsigmoid(-fake).mean()), slope_of(lambda fake: -F.logsigmoid(fake).mean()))
    )
    print(f"after {steps:4} steps: slope of log(1 - D) {slopes[-1][0]:.0e}, of -log D {slopes[-1][1]:.0f}")
assert slopes[0][0] > 30 * slopes[1][0] > 300 * slopes[2][0]
assert slopes[2][1] > 1

# %% [markdown]
# The better the teacher, the less the pupil hears. The last column shows a loss that does not suffer from it. It is the
# next topic.
#
# ## Which end saturates?
#
# The generator's share of the value is $\log(1 - D(G(z)))$. Differentiate by the logit, with $\sigma' = \sigma (1 -
# \sigma)$, and do the same for $-\log D(G(z))$, which also falls when the detective is fooled:
#
# $$ \frac{d}{dl} \log\left( 1 - \sigma(l) \right) = -\sigma(l), \qquad
#    \frac{d}{dl} \left( -\log \sigma(l) \right) = -\left( 1 - \sigma(l) \right) \label{eq:loss-gradients} $$
#
# Both push $l$ up. The first with the strength $D$, the second with the strength $1 - D$. In many tutorials you read
# that the original loss saturates once the discriminator takes the samples for real, $D(G(z))$ near 1. Test it:

# %%
D_values = torch.tensor([0.001, 0.5, 0.999], dtype=torch.float64)
logits = D_values.logit().requires_grad_()
slope = {}
for name, loss in (("log(1 - D)", F.logsigmoid(-logits)), ("-log D", -F.logsigmoid(logits))):
    (slope[name],) = torch.autograd.grad(loss.sum(), logits)
    print(f"{name:10}", {f"D = {d}": round(s, 3) for d, s in zip(D_values.tolist(), slope[name].tolist(), strict=True)})
assert torch.allclose(slope["-log D"], -(1 - D_values))  # (eq:loss-gradients)
assert round((slope["-log D"] / slope["log(1 - D)"])[0].item()) == 999

# %%
logits = torch.linspace(-6, 6, 121)
alt = "Size of the gradient against the logit: for log(1 - D) it rises from 0 at the left, where the detective is sure "
alt += "of a fake, to 1 at the right; for -log D it is the mirror image."
with show.figure(alt) as [axes]:
    axes.plot(logits, logits.sigmoid(), label="log(1 - D): saturating")
    axes.plot(logits, 1 - logits.sigmoid(), label="-log D: non-saturating")
    axes.axvspan(-6, -3, color="0.9")
    axes.text(-4.5, 0.5, "training\nbegins here", ha="center", va="center")
    axes.set(xlabel="logit of a generated sample", ylabel="size of the gradient")
    axes.legend(loc="center right", fontsize=8)

# %% [markdown]
# The sentence is the wrong way round. $\log(1 - D)$ saturates near $D(G(z)) = \mathbf{0}$: where the forger is bad and
# the detective knows it. That is where every training begins, and at $D = 0.001$ the gradient of $-\log D$ is 999 times
# as large. Near 1 it is steep, when there is little left to learn.
#
# What does the other loss minimise? Let $q_\theta$ depend on a parameter, and hold $D^*$ still while the generator
# takes its step, as in a training. Then (Arjovsky and Bottou, below)
#
# $$ \nabla_\theta\, \mathbb{E}_z \log\left( 1 - D^*(G_\theta(z)) \right)
#    = \nabla_\theta\; 2\, \mathrm{JS}(p \,\|\, q_\theta), \qquad
#    \nabla_\theta\, \mathbb{E}_z \left[ -\log D^*(G_\theta(z)) \right]
#    = \nabla_\theta \left( \mathrm{KL}(q_\theta \,\|\, p) - 2\, \mathrm{JS}(p \,\|\, q_\theta) \right)
#    \label{eq:two-divergences} $$
#
# The first: at its maximum over $D$ the value has no slope in $D$, so moving $D^*$ along with $\theta$ would change
# nothing. The second: by (eq:optimal-logit), $-\log D^* = \log \frac{q}{p} - \log(1 - D^*)$ at each point, and the mean
# of $\log \frac{q}{p}$ under $q$ is $\mathrm{KL}(q \,\|\, p)$.

# %% [markdown]
# Take $p = \mathcal{N}(0, 1)$ and the simplest generator there is, $G_\theta(z) = \theta + z$. Then
# $l^*(x) = \theta^2/2 - \theta x$, and the gradients of both losses are integrals that can be added up.

# %%
z = torch.special.ndtri((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000)  # evenly spread over N(0, 1)


def pulls(theta):  # towards the real samples: -sigma(l) or -(1 - sigma(l)), times dl/dx = -theta
    D = (theta**2 / 2 - theta * (theta + z)).sigmoid()  # at the generated samples
    return (theta * D).mean().item(), (theta * (1 - D)).mean().item()


def two_JS(theta):
    wide = torch.linspace(-10, 16, 4001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(torch.tensor(mean).double(), 1).log_prob(wide).exp() for mean in (0.0, theta))
    return C(p, q, 0.0065) + math.log(4)


# %%
for theta in (0.0, 2.0, 6.0):
    print(f"θ = {theta:.0f}: pull of log(1 - D*) {pulls(theta)[0]:.2f}, of -log D* {pulls(theta)[1]:.2f}")
assert abs((two_JS(2.01) - two_JS(1.99)) / 0.02 - pulls(2.0)[0]) < 0.01  # (eq:two-divergences)
assert abs(sum(pulls(2.0)) - 2.0) < 1e-3  # KL(q||p) is θ²/2: its slope is θ
assert pulls(6.0)[0] < 0.03 < 5.9 < pulls(6.0)[1]
assert pulls(0.0) == (0, 0)  # both rest where q = p

# %% [markdown]
# Both losses rest at the same place, $q = p$. Far away, one is silent and the other shouts. So far $D$ was perfect. Now
# both learn: a small network is the discriminator, and $\theta$ starts at 6.


# %%
class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(6.0, dtype=torch.float64))

    def forward(self, z):
        return self.theta + z


# %%
def noise(n=128):
    return torch.randn(n, 1, generator=generator, dtype=torch.float64)


def saturating_loss(fake):
    return F.logsigmoid(-fake).mean()


def non_saturating_loss(fake):
    return -F.logsigmoid(fake).mean()


# %%
def path_of_theta(loss, steps=400):
    generator.manual_seed(1)
    G, D = Shift(), seeded(lambda: plane_net(1, 1), 0)
    adams = [torch.optim.Adam(D.parameters(), lr=5e-3), torch.optim.SGD(G.parameters(), lr=0.05)]
    players = [
        Player("discriminator", D, lambda: -value(D(noise()), D(G(noise()))), adams[0], times=5),
        Player("generator", G, lambda: loss(D(G(noise()))), adams[1]),
    ]
    return [G.theta.item() for _ in fit(players, steps)]


# %%
paths = {"log(1 - D)": path_of_theta(saturating_loss), "-log D": path_of_theta(non_saturating_loss)}

# %%
alt = "Theta against steps: with -log D it falls from 6 to 0 within two hundred steps and stays; with log(1 - D) it "
alt += "hardly moves."
with show.figure(alt) as [axes]:
    for name, path in paths.items():
        axes.plot(path, label=name)
    axes.axhline(0, color="black", linestyle=":")
    axes.set(xlabel="step", ylabel="θ")
    axes.legend(fontsize=8)

# %%
print({name: f"θ {path[99]:.0f} after 100 steps, {path[-1]:.0f} after 400" for name, path in paths.items()})
assert abs(paths["-log D"][-1]) < 0.5
assert paths["log(1 - D)"][99] > 4

# %% [markdown]
# From here on the generator minimises $-\log D(G(z))$, as nearly everybody's does. Note what (eq:two-divergences) says
# about it: $\mathrm{KL}(q \,\|\, p)$ is large where $q$ has samples and $p$ has none. It is **not** large where $p$ has
# samples that $q$ never makes. A forger who paints one motif only, but that one well, is hardly punished.
#
# ## One good answer is enough
#
# Hold the discriminator still this time. What is the generator's best reply? It may put all its samples wherever it
# likes, and a mean is at least its smallest value:
#
# $$ \min_{q}\; \mathbb{E}_{x \sim q} \left[ -\log D(x) \right] = -\log \max_x D(x) \label{eq:best-response} $$
#
# reached by a $q$ that has a **single point**, the one that $D$ likes best. To see it, take eight Gaussians on a ring:
# data in the plane with eight **modes**. Train both networks in turns for a while, then the generator alone. (The
# discriminator is kept smooth by R1, which comes below; a rough one has several peaks, and the points part among them.)

# %%
from mmgen_course.generators.ring_gan import GAMES, centres, draw, ring, ring_gan

game = ring_gan(GAMES["non-saturating + R1"], seed=2)
list(fit(game.players, 200))
before = draw(game.generator, 500)
list(fit(game.players[1:], 600))  # the discriminator stands still
after = draw(game.generator, 500)

# %%
real = ring(500, generator)
alt = "Three scatter plots: real points in eight clusters on a ring; generated ones, spread over the clusters and "
alt += "between them; after the generator went on alone, all in one place."
with show.figure(alt, columns=3, height=2.6) as grid:
    for axes, points, title in zip(grid, (real, before, after), ("real", "in turns", "then G alone"), strict=True):
        axes.plot(*points.T, ".", markersize=3)
        axes.set(title=title, xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])

# %%
spread = before.std(0).norm().item(), after.std(0).norm().item()
print(f"spread of the generated points: {spread[0]:.1f} in turns, {spread[1]:.1f} after G went on alone")
assert spread[1] < 0.5 * spread[0]

# %% [markdown]
# This is **mode collapse**, and it is no accident: it is the right answer to the wrong question. Only the
# discriminator's next move makes that point unattractive. So the two must take turns. Count what is found: mode $k$
# with the centre $\mu_k$ counts if at least a share $\tau = 0.02$ of the $n$ samples lies within three standard
# deviations,
#
# $$ \text{modes} = \sum_{k=1}^{8} \left[\; \frac{1}{n} \sum_{i=1}^{n}
#    \left[\, \lVert x_i - \mu_k \rVert < 3 \sigma \,\right] \ge \tau \;\right] \label{eq:modes} $$
#
# and the **quality** is the share of samples that lie near any mode.


# %%
def modes_and_quality(x, sigma=0.1, tau=0.02):
    near = (x[:, None] - centres()).norm(dim=2) < 3 * sigma  # (n, 8)
    return int((near.double().mean(0) >= tau).sum()), near.any(1).double().mean().item()  # (eq:modes)


# %%
for name, points in {"real": real, "in turns": before, "then G alone": after}.items():
    found, quality = modes_and_quality(points)
    print(f"{name:13} {found} modes, quality {quality:.1f}")
assert modes_and_quality(real)[0] == 8
assert modes_and_quality(after)[0] <= 1 < modes_and_quality(before)[0]

# %% [markdown]
# ## Four cures, a few lines each
#
# All of them keep the discriminator from becoming too steep, or too sure.
#
# **WGAN-GP.** Take the second form of (eq:wasserstein) at its word. A *critic* $f$ without a sigmoid plays
#
# $$ L_f = \mathbb{E}_z\, f(G(z)) - \mathbb{E}_{x \sim p}\, f(x), \qquad
#    L_G = -\mathbb{E}_z\, f(G(z)) \label{eq:wgan-loss} $$
#
# and its slope is held near 1 by a penalty, at random points between a real and a generated sample:
#
# $$ \lambda\, \mathbb{E}_{\hat x} \left( \lVert \nabla_{\hat x} f(\hat x) \rVert - 1 \right)^2, \qquad
#    \hat x = \epsilon\, x + (1 - \epsilon)\, G(z), \qquad \epsilon \sim U(0, 1) \label{eq:gradient-penalty} $$
#
# The norm, not its square, is compared with 1. A slope of 3 costs $(3 - 1)^2 = 4$; with the square it would be
# $(9 - 1)^2 = 64$.


# %%
def gradient_norms(f, x):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)  # can be differentiated again
    return slope.norm(dim=1)


def gradient_penalty(f, x, fake, epsilon):
    x_hat = epsilon * x + (1 - epsilon) * fake
    return (gradient_norms(f, x_hat) - 1).square().mean()  # (eq:gradient-penalty) without lambda


# %%
epsilon = torch.rand(500, 1, generator=generator, dtype=torch.float64)
critics = {0: lambda x: 0 * x[:, 0], 1: lambda x: x[:, 0], 3: lambda x: 3 * x[:, 0]}
costs = {slope: gradient_penalty(critic, real, after, epsilon).item() for slope, critic in critics.items()}
print("slope of the critic: its cost", costs)
assert costs == {0: 1, 1: 0, 3: 4}

# %% [markdown]
# **Spectral normalisation.** A layer $h \mapsto W h$ stretches by at most its largest singular value
#
# $$ \sigma(W) = \max_{h \ne 0} \frac{\lVert W h \rVert}{\lVert h \rVert} \label{eq:spectral-norm} $$
#
# Divide each $W$ by its $\sigma(W)$, and no layer stretches; with activations that do not stretch either, the slope of
# the whole network is at most 1. The singular value comes from **power iteration**. Repeat
#
# $$ u \leftarrow \frac{W v}{\lVert W v \rVert}, \qquad
#    v \leftarrow \frac{W^{\top} u}{\lVert W^{\top} u \rVert}, \qquad \sigma(W) \approx u^{\top} W v
#    \label{eq:power-iteration} $$
#
# Each round multiplies the share of the largest singular direction by the most. In a training one round a step is
# enough, because $W$ changes slowly and $u, v$ are kept; PyTorch has it as `parametrizations.spectral_norm`. The root
# of the sum of all squares, the Frobenius norm, is **not** it.


# %%
def power_iteration(W, v, rounds):
    for _ in range(rounds):
        u = F.normalize(W @ v, dim=0)  # (eq:power-iteration)
        v = F.normalize(W.T @ u, dim=0)
    return u @ W @ v


# %%
W = torch.randn(30, 20, generator=generator, dtype=torch.float64)
v = torch.randn(20, generator=generator, dtype=torch.float64)
true = torch.linalg.svdvals(W)[0]
print({rounds: round((power_iteration(W, v, rounds) / true).item(), 3) for rounds in (1, 5, 50)}, "of the true one")
print(f"the Frobenius norm is {W.norm() / true:.1f} times as large")
assert torch.allclose(power_iteration(W, v, 500), true)
assert W.norm() > 2 * true

# %% [markdown]
# **R1.** Where the real samples are, a discriminator that can no longer tell is flat. So punish it for slopes there:
#
# $$ \frac{\gamma}{2}\, \mathbb{E}_{x \sim p}\, \lVert \nabla_x\, l(x) \rVert^2 \label{eq:r1} $$
#
# Here it **is** the squared norm, the target is 0, not 1, and only real samples count.
#
# **Hinge.** Do not ask to be ever more sure. Whoever is beyond a margin of 1 on the right side is left alone:
#
# $$ L_D = \mathbb{E}_{x \sim p} \max\left( 0,\, 1 - l(x) \right) + \mathbb{E}_z \max\left( 0,\, 1 + l(G(z)) \right),
#    \qquad L_G = -\mathbb{E}_z\, l(G(z)) \label{eq:hinge} $$


# %%
def r1(logit, x):
    return gradient_norms(logit, x).square().mean() / 2  # (eq:r1) without gamma


def hinge_loss(real, fake):
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()  # (eq:hinge)


# %%
print("R1 of slope 3:", r1(lambda x: 3 * x[:, 0], real).item())
hinge = hinge_loss(torch.tensor([2.0, 0.0]), torch.tensor([-3.0])).item()
print("hinge, logits of real 2 and 0, of generated -3:", hinge)
assert r1(lambda x: 3 * x[:, 0], real) == 4.5
assert hinge == 0.5

# %% [markdown]
# ### What are they worth?
#
# Curves from one lucky run prove nothing. So: seven games on the ring, the same networks, rates and batches, **4,800
# updates** of networks in each run, in three balances of turns, five seeds each. `benchmarks/gan.py` takes some minutes
# for it; its table ships. Each run is measured five times in its second half, and the bars are the mean over seeds
# with two standard errors.

# %%
import csv

from mmgen_course.generators.ring_gan import TURNS

with data.shipped("results/gan.csv").open(encoding="utf-8") as stream:
    rows = list(csv.DictReader(stream))


# %%
def mean_and_error(column, game, turns):
    values = torch.tensor([float(row[column]) for row in rows if (row["game"], row["turns"]) == (game, turns)])
    return values.mean().item(), 2 * values.std().item() / len(values) ** 0.5


# %%
alt = "Bars of modes for seven games in three balances. One to one: nearly all find seven or eight. Five to one: many "
alt += "find most. One to five: nearly none finds two."
with show.figure(alt, columns=2, height=3.6) as grid:
    for axes, column, label in zip(grid, ("modes", "quality"), ("modes found, of 8", "quality"), strict=True):
        for offset, turns in zip((-0.27, 0, 0.27), TURNS, strict=True):
            means, errors = zip(*[mean_and_error(column, game, turns) for game in GAMES], strict=True)
            axes.barh([y + offset for y in range(7)], means, 0.25, xerr=errors, label=f"D to G: {turns}")
        axes.set(yticks=range(7), yticklabels=list(GAMES) if axes is grid[0] else [], xlabel=label)
        axes.invert_yaxis()
    grid[0].set_xticks(range(0, 9, 2))
    bars = grid[0].get_legend_handles_labels()
    grid[0].figure.legend(*bars, loc="outside upper center", ncols=3, fontsize=8, frameon=False)

# %%
for game in GAMES:
    said = [f"{turns}: {m:.1f} ± {e:.1f}" for turns in TURNS for m, e in [mean_and_error("modes", game, turns)]]
    print(f"{game:20}", "; ".join(said), f"; {mean_and_error('seconds', game, '1 to 1')[0]:.0f} s")

# %%
modes = {(game, turns): mean_and_error("modes", game, turns)[0] for game in GAMES for turns in TURNS}
assert min(modes[game, "1 to 1"] for game in GAMES if game != "hinge + SN") > 7.5 > 2 > modes["hinge + SN", "1 to 1"]
assert max(modes["non-saturating", "5 to 1"], modes["hinge", "5 to 1"]) < 7.2
assert (
    min(modes[game, "5 to 1"] for game in ("saturating", "non-saturating + R1", "non-saturating + SN", "WGAN-GP")) > 7.5
)
assert max(modes[game, "1 to 5"] for game in GAMES) < 1.5

# %% [markdown]
# Read it in this order.
#
# - **In equal turns** most games find everything, the plain old ones among them. The penalties cost time and, here,
#   quality.
# - **A strong discriminator** (5 to 1) is where the cures pay. The plain non-saturating game and the hinge lose modes;
#   with R1, spectral norm or WGAN-GP hardly one is lost. The saturating loss keeps them, too: it follows JS, not
#   $\mathrm{KL}(q \,\|\, p)$, and on this ring real and generated points overlap early, so that it does not starve.
# - **A hasty generator** (1 to 5) collapses under every rule. No loss replaces a balance.
# - **Hinge and spectral norm** together fail in equal turns. A slope of at most 1 cannot climb from $-1$ to $1$ between
#   a mode and a point 0.3 beside it. Pictures have many pixels to climb in: there the same pair will do.
#
# A large study of GANs came to a like end (Lucic et al., below). Beware of papers that show one curve for each loss.

# %%
plain, cured = ("saturating", "non-saturating", "hinge"), ("non-saturating + R1", "non-saturating + SN", "WGAN-GP")
quality, seconds = (
    {game: mean_and_error(column, game, "1 to 1")[0] for game in GAMES} for column in ("quality", "seconds")
)
assert min(quality[game] for game in plain) > max(quality[game] for game in cured)
assert max(seconds[game] for game in plain) < min(seconds[game] for game in cured)
worst, best = min(quality[game] for game in plain), max(quality[game] for game in cured)
print(f"quality in equal turns: the plain games {worst:.2f} and more, those with a penalty {best:.2f} and less")

# %% [markdown]
# ## The same from the package
#
# **From here on we import it.** `mmgen_course.generators.gan` holds every loss and penalty above, in logits, as means
# over the batch, in nats where logarithms are taken. Do they agree with what we wrote?

# %%
from mmgen_course.generators import gan
from mmgen_course.generators.ring_gan import coverage

a, b = torch.randn(2, 50, generator=generator, dtype=torch.float64)  # logits of real and generated
assert torch.allclose(gan.discriminator_loss(a, b), -value(a, b))
assert torch.allclose(gan.saturating_loss(b), saturating_loss(b))
assert torch.allclose(gan.non_saturating_loss(b), non_saturating_loss(b))
assert torch.allclose(gan.hinge_discriminator_loss(a, b), hinge_loss(a, b))

# %%
net = seeded(lambda: plane_net(2, 1), 3)


def f(x):
    return net(x)[:, 0]


# %%
x_hat = epsilon * real + (1 - epsilon) * after
assert torch.allclose(gan.gradient_penalty(f, x_hat), gradient_penalty(f, real, after, epsilon))
assert torch.allclose(gan.r1_penalty(f, real), r1(f, real))
assert torch.allclose(gan.spectral_norm(W, 500), true)
assert coverage(before) == modes_and_quality(before)
print("the lesson and the package agree")

# %% [markdown]
# ## Watch the two play
#
# Four trainings on the ring are played and filmed: in equal turns, with five steps of the generator for each one of the
# discriminator (*1 to 5*), and two cures.


# %%
def film(game, turns, steps, every):
    """Play, and keep the generated points and the discriminator's logits on a grid, every so many steps."""
    networks, frames = ring_gan(GAMES[game], 0, turns), []
    for step, _ in enumerate(fit(networks.players, steps), start=1):
        if step % every == 0:
            with torch.no_grad():
                frames.append((step, draw(networks.generator, 400), networks.discriminator(plane)))
    return frames


# %%
side = torch.linspace(-3, 3, 41, dtype=torch.float64)
plane = torch.cartesian_prod(side, side)  # (1681, 2)
films = {
    "1 to 1": film("non-saturating", (1, 1), 1200, 80),
    "1 to 5": film("non-saturating", (1, 5), 300, 20),
    "hinge": film("hinge", (1, 1), 900, 60),
    "WGAN-GP": film("WGAN-GP", (1, 1), 900, 60),
}

# %%
found = {name: [modes_and_quality(points)[0] for _, points, _ in frames[7:]] for name, frames in films.items()}
modes = {name: sum(counts) / len(counts) for name, counts in found.items()}
print("modes in the second half:", {name: f"{modes[name]:.0f}" for name in ("1 to 1", "1 to 5")})
assert modes["1 to 1"] > 6
assert modes["1 to 5"] < 2

# %% [markdown]
# Move through a training. The colour is the discriminator's opinion: violet where it believes *real*, orange where it
# believes *generated*, white where it cannot tell. Look at the first steps, at how gently the critic of WGAN-GP slopes,
# and at the chase of *1 to 5*: the points run about in a clump, and wherever it goes, the discriminator arrives a
# little later and drives it on. The film of WGAN-GP ends before its points have found the modes: it learns slowly, and
# the table above trained it longer.

# %%
import matplotlib as mpl
from matplotlib.figure import Figure


def play_back(game, frame):
    step, points, logits = films[game][min(frame, len(films[game])) - 1]
    found, quality = modes_and_quality(points)
    with mpl.rc_context(show.STYLE):
        drawing = Figure(figsize=(5, 4.2), layout="compressed")
        axes = drawing.subplots()
        surface = (logits - (logits.median() if game == "WGAN-GP" else 0)).sigmoid().reshape(41, 41).T
        axes.contourf(side, side, surface, levels=20, cmap="PuOr", vmin=-0.1, vmax=1.1)
        axes.plot(*real.T, ".", markersize=3, color="black", label="real")
        axes.plot(*points.T, ".", markersize=4, color="#009E73", label="generated")
        axes.legend(loc="upper left", fontsize=8, frameon=True)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[], title=f"{game}, step {step}")
    return drawing, f"{game}, step {step}: {found} of 8 modes, {quality:.0%} of the points near one."


# %%
import ipywidgets

widgets.explorer(
    play_back,
    game=ipywidgets.Dropdown(options=list(films), description="Game"),
    frame=ipywidgets.IntSlider(10, 1, 15, description="Frame"),
)

# %% [markdown]
# ## A condition
#
# Back to captions. Now each sample is a pair: a picture $x$ and the condition $c$, the vector of its caption. The
# generator draws $x = G(z, c)$ for a caption of the training, and the discriminator gives a logit for each **pair**. By
# (eq:optimal-logit) its best logit is the log ratio of two joint densities, and each splits in two:
#
# $$ l^*(x, c) = \log \frac{p(x, c)}{q(x, c)}
#    = \log \frac{p(c \mid x)}{q(c \mid x)} + \log \frac{p(x)}{q(x)} \label{eq:conditional-logit} $$
#
# The second term asks: is this a real picture? The first: does this caption belong to this picture? If the logarithm of
# $p(c \mid x)$ is linear in $c$, up to what depends on $x$ or on $c$ alone, as it is for a softmax over words or for a
# Gaussian of fixed width, then the first term is a dot product of $c$ with features of $x$. So build the discriminator
# like that (Miyato and Koyama, below):
#
# $$ l(x, c) = c^{\top} V\, \varphi(x) + \psi(\varphi(x)) \label{eq:projection} $$
#
# A network $\varphi$ sees the picture, a matrix $V$ brings the caption to its features, and a linear $\psi$ looks at
# the picture without the caption. Check it where we know all densities: let $c$ given $x$ be normal around $A x$ for
# real pairs and around $B x$ for generated ones. Multiply the squares out, and what is left with $c$ in it is $c^\top
# (A - B)\, x$.

# %%
A, B = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64)
x, c = (torch.randn(100, d, generator=generator, dtype=torch.float64) for d in (2, 3))
normal = torch.distributions.Normal(torch.tensor(0.0).double(), 1.0)
exact = (normal.log_prob(c - x @ A.T) - normal.log_prob(c - x @ B.T)).sum(1)  # p(x) = q(x): the second term is 0

# %%
psi = ((x @ B.T).square() - (x @ A.T).square()).sum(1) / 2
projected = (c @ (A - B) * x).sum(1) + psi  # (eq:projection) with V = A - B
print(f"largest difference {(projected - exact).abs().max():.6f}")
assert torch.allclose(projected, exact)

# %% [markdown]
# ### Wrong captions as lies
#
# There is a trap. At the beginning every generated picture is ugly. To tell them from real ones, $\psi$ is enough. The
# discriminator does not read the captions, and so nobody teaches the generator to. The cure is a third kind of pair: a
# **real picture with a wrong caption** $\tilde c$, which only a reader can find out (Reed et al., below). Real pairs
# have one side of the hinge, the two kinds of lies share the other:
#
# $$ L_D = \mathbb{E}_{(x, c) \sim p} \max\left( 0,\, 1 - l(x, c) \right)
#    + \tfrac12 \mathbb{E}_{x, \tilde c} \max\left( 0,\, 1 + l(x, \tilde c) \right)
#    + \tfrac12 \mathbb{E}_{z, c} \max\left( 0,\, 1 + l(G(z, c), c) \right) \label{eq:matching-loss} $$
#
# Test it on the ring, where the caption is the number of the mode. The generated points are ugly: twice too far out.
# The discriminator trains with and without wrong captions, and then we ask: does it prefer the right caption?


# %%
class Pairs(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(plane_net(2, 32), nn.LeakyReLU(0.2))
        self.psi, self.V = (nn.Linear(32, out, bias=out == 1, dtype=torch.float64) for out in (1, 8))

    def forward(self, x, c):
        phi = self.phi(x)
        return (self.V(phi) * F.one_hot(c, 8)).sum(1) + self.psi(phi)[:, 0]  # (eq:projection)


# %%
def named_ring(n):
    c = torch.randint(8, (n,), generator=generator)
    return centres()[c] + 0.1 * torch.randn(n, 2, generator=generator, dtype=torch.float64), c


# %%
def reads(wrong_captions):
    generator.manual_seed(2)
    D = seeded(Pairs, 0)

    def loss_of_D():
        x, c = named_ring(64)
        real, fake, wrong = D(x, c), D(2 * x, c), D(x, (c + 1 + torch.arange(64) % 7) % 8)
        if wrong_captions:
            return gan.matching_discriminator_loss(real, wrong, fake)  # (eq:matching-loss)
        return gan.hinge_discriminator_loss(real, fake)

    list(fit([Player("discriminator", D, loss_of_D, torch.optim.Adam(D.parameters(), lr=1e-2))], 200))
    x, c = named_ring(1000)
    with torch.no_grad():
        share = torch.stack([D(x, c) > D(x, (c + k) % 8) for k in range(1, 8)]).double().mean().item()
        return share, (D(x, c) > D(2 * x, c)).double().mean().item()


# %%
with_wrong, without = reads(True), reads(False)
print(f"right caption preferred: {without[0]:.1f} without wrong captions, {with_wrong[0]:.1f} with them")
print(f"real preferred to ugly: {without[1]:.1f} and {with_wrong[1]:.1f}")
assert without[0] < 0.7 < 0.95 < with_wrong[0]
assert min(without[1], with_wrong[1]) > 0.95

# %% [markdown]
# Without wrong captions it is no better than a coin at reading, and perfect at its job. What do they cost? Repeat the
# derivation of (eq:optimal-discriminator) for the logarithmic loss with three kinds of pairs. Wrong captions are drawn
# apart from the picture, with the density $p(x)\, p(c)$:
#
# $$ D^*(x, c) = \frac{p(x, c)}{p(x, c) + \frac12 p(x)\, p(c) + \frac12 q(x, c)} \label{eq:matching-optimum} $$
#
# Even for a perfect generator, $q = p$, this is not the same everywhere. It is higher where $p(x \mid c) / p(x) = p(c
# \mid x) / p(c)$ is: for pictures that leave no doubt about their caption. So the generator is drawn a little towards
# **typical** pictures. Run it for a world of two captions and three pictures, of which the middle one is ambiguous:

# %%
joint = torch.tensor([[0.30, 0.00], [0.20, 0.20], [0.00, 0.30]])  # p(x, c)
mixed = joint.sum(1, keepdim=True) * joint.sum(0)  # p(x) p(c)
D_best = joint / (joint + mixed / 2 + joint / 2)  # (eq:matching-optimum) at q = p
print(
    "D* for the first caption, at its clear picture and at the ambiguous one:",
    [round(d, 2) for d in D_best[:2, 0].tolist()],
)
assert D_best[0, 0] > 0.55 > D_best[1, 0]

# %% [markdown]
# ### The network that drew the first picture
#
# `mmgen train scene-gan` trains it in a quarter of an hour on one thread. You know its parts:
#
# - **Data**: scenes of one object, drawn anew for each batch with small random strays; captions in ever new words; the
#   condition is the mean of a caption's word vectors (lesson 4). Compositions such as *red star* are held out.
# - **Generator**: convolutions from 4x4 up to 32x32, scaled and shifted by noise and condition (FiLM, lesson 6). They
#   say *where* each of four colours goes, and a small layer *which* colours these are. Lesson 8 trains the very same
#   network in another way.
# - **Discriminator**: strided convolutions with spectral norms, (eq:projection), the hinge. It subtracts what stands at
#   the border, so that an object looks the same on light and dark, and sums half of its features over all places, since
#   a star is a star wherever it stands. A factor of 1.5 behind each layer gives back some of the slope that the norms
#   took, and $V$ and $\psi$ are free.
# - **Lies**: three of four wrong captions differ in a single attribute, *a large star* for *a small star*: those are
#   the ones that must be read closely.
# - **Average**: the generator of the last step is as restless as you saw in the explorer. So a copy follows it slowly,
#
# $$ \bar\theta \leftarrow \beta\, \bar\theta + (1 - \beta)\, \theta \label{eq:gan-average} $$
#
# with $\beta = 0.998$, and only the copy ships. How restless is that one? Let a weight be a new random number
# at each step:

# %%
from mmgen_course.recipes.scene_gan import DECAY

average, kept = 0.0, []
for theta_now in torch.randn(50_000, generator=generator).tolist():
    average = DECAY * average + (1 - DECAY) * theta_now  # (eq:gan-average)
    kept.append(average)
print(f"β = {DECAY}: standard deviation 1 before, {torch.tensor(kept[2000:]).std():.2f} after")
assert torch.tensor(kept[2000:]).std() < 0.05

# %% [markdown]
# How often does it draw what the caption says? Let the classifier of lesson 3 read 600 pictures of each split. A
# picture counts if shape, colour, size, strokes, place **and** background are as the caption says. The interval is
# Wilson's, (eq:wilson).

# %%
from mmgen_course.evaluate import share
from mmgen_course.features.classifier import accuracy

generator.manual_seed(4)
shares = {}
for split in ("train", "held_out_compositions"):
    batch = SingleObjectScenes(generator).draw(600, split)
    with torch.no_grad():
        drawn = G_scene(torch.randn(600, 12, generator=generator), caption_conditions(batch.captions))
    shares[split] = accuracy(batch.scenes, load_classifier().read(drawn))

# %%
held_out = [a == b for a, b in zip(load_classifier().read(drawn), batch.scenes, strict=True)]
for split, found in shares.items():
    print(f"{split:22}", {name: f"{value:.2f}" for name, value in found.items()})
print("the last one with its interval:", share(torch.tensor(held_out)))
assert shares["train"]["scene"] > 0.99
assert share(torch.tensor(held_out)).low > 0.95
assert min(shares["held_out_compositions"], key=shares["held_out_compositions"].get) in ("scene", "style")

# %% [markdown]
# Captions of seen compositions come out right nearly always, and so do more than 19 of 20 of the held-out ones. What
# fails? The last batch was of these:

# %%
from mmgen_course.scenes.splits import HELD_OUT_STYLES

wrong = [scene for met, scene in zip(held_out, batch.scenes, strict=True) if not met]
new_strokes = [(scene.objects[0].shape, scene.objects[0].style) in HELD_OUT_STYLES for scene in wrong]
print(f"of the wrong pictures, {sum(new_strokes) / len(wrong):.0%} have a held-out combination of shape and strokes")
assert sum(new_strokes) > 0.7 * len(wrong)

# %% [markdown]
# *Striped stars*, *dotted squares* and *outlined triangles* are what training never showed. A colour is mixed apart
# from the shape, so a new pairing of those costs nothing. Strokes are drawn by the same convolutions as the outline.
#
# A warning. The classifier was trained on pictures like these. A generator may please it and not you; lesson 9
# measures that.
#
# The same caption with eight noises shows what is left for $z$ to decide: all that the caption does not say, such as
# the exact place, size and tint.

# %%
generator.manual_seed(6)
one = caption_conditions(["a large striped purple diamond in the centre on a light background"]).expand(8, -1)
with torch.no_grad():
    eight = G_scene(torch.randn(8, 12, generator=generator), one)
show.images(eight, alt="Eight purple striped diamonds that hardly differ.", columns=8)

# %%
among = torch.pdist(eight.flatten(1)).mean().item()
real_scene = scenes.parse("a large striped purple diamond in the centre on a light background").complete()
real_eight = scenes.render([real_scene] * 8, generator=generator)
print(f"mean distance of two: {among:.1f} generated, {torch.pdist(real_eight.flatten(1)).mean():.1f} real")
assert among < 0.6 * torch.pdist(real_eight.flatten(1)).mean()

# %% [markdown]
# Right, but hardly different: the generator has learned to ignore most of its noise. For one caption that is a mode
# collapse, in a network that passes every test of captions. By (eq:best-response) one typical picture a caption is a
# good reply, and by (eq:matching-optimum) wrong captions even reward it. Always look at several samples of one
# condition.
#
# ## On real data
#
# The first GAN that drew pictures reliably was the **DCGAN** (Radford et al., below). Its rules: convolutions instead
# of pooling, both ways; batch normalisation in the generator; ReLU there, leaky ReLU in the discriminator; tanh at the
# end. `DigitGenerator` follows them for scikit-learn's handwritten digits at their own 8x8. A label joins the noise,
# the discriminator is (eq:projection) with a one-hot $c$; spectral norm, hinge and a little R1 keep the peace.
#
# Train it a little, in front of your eyes. Each row shows the labels 0 to 9.

# %% tags=["nbval-ignore-output"]
from mmgen_course.generators.gan_nets import load_digits_gan
from mmgen_course.recipes.digits_gan import players
from mmgen_course.train import Run

players_of_digits, _ = players(Run(seed=1))
ten = torch.arange(20) % 10
fixed = torch.randn(20, 16, generator=torch.Generator().manual_seed(0))


# %% tags=["nbval-ignore-output"]
def look():
    G_digits = players_of_digits[1].model
    with torch.no_grad():
        return show.tile(G_digits(fixed, ten).expand(-1, 3, -1, -1), columns=10)


history = widgets.watch(fit(players_of_digits, 80), total=80, draw=look, every=20)

# %%
assert len(history) == 80
assert all(math.isfinite(step["discriminator"]) for step in history)
print(f"trained for {len(history)} steps")

# %% [markdown]
# The recipe takes 3,000 steps, a few minutes at most. Its generator ships. Ten of its digits, and below each the
# **nearest real digit** that it was trained on, by
#
# $$ d(x) = \min_{j} \lVert x - x_j \rVert \label{eq:nearest-digit} $$
#
# If it had learned the training set by heart, the two rows would be the same.

# %%
G_digit = load_digits_gan()
generator.manual_seed(8)
with torch.no_grad():
    made = G_digit(torch.randn(500, 16, generator=generator), torch.arange(500) % 10)
apart = torch.cdist(made.flatten(1), digits.flatten(1)) / 2  # in grey levels from 0 to 1
distance, nearest = apart.min(1)  # (eq:nearest-digit)

# %%
show.images(
    torch.cat([made[:10], digits[nearest[:10]]]),
    [*map(str, range(10)), *[f"{d:.1f}" for d in distance[:10].tolist()]],
    alt="Ten generated digits, 0 to 9, and below each the real one that is nearest: alike, but no copies.",
    columns=10,
)

# %%
_, _, tests, truth = labelled_digits()
of_tests = (torch.cdist(tests.flatten(1), digits.flatten(1)) / 2).min(1).values
print(f"median distance to the nearest: generated {distance.median():.1f}, real test digits {of_tests.median():.1f}")
assert distance.min() > 0.3

# %%
from sklearn.svm import SVC

reader = SVC(gamma=0.02, C=10).fit(digits.flatten(1).numpy(), labels.numpy())
as_told = (reader.predict(made.flatten(1).numpy()) == torch.arange(500).numpy() % 10).mean()
within = [torch.pdist(part.flatten(1)).mean() / 2 for part in (made[7::10], digits[labels == 7])]
as_written = (reader.predict(tests.flatten(1).numpy()) == truth.numpy()).mean()
print(f"read as told: {as_told:.0%}; real test digits read as written: {as_written:.0%}")
print(f"mean distance of two sevens: generated {within[0]:.1f}, real {within[1]:.1f}")
assert as_told > 0.97 > as_written
assert within[0] < within[1]

# %% [markdown]
# No copies: each differs from its nearest real digit in strokes that you can see. But they are nearer to the training
# set than real digits by other writers are, and two sevens of the generator are more alike than two real ones. A reader
# trained on real digits reads nearly all of them as told, more than of the real test digits. That is no triumph. It is
# what (eq:two-divergences) promised: the generator keeps to typical digits and leaves out the odd ones. Quality is easy
# to see in samples; what is missing is not. Lesson 9 measures it.

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what it got and what was
# expected; where it knows the mistake, it names it. 12 points, 57 minutes; your progress is kept. You may rely on
# `math`, `torch` and `F`.
#
# ### 1. Three distances from one discriminator
#
# 2 points, 10 minutes, difficulty 1 of 3.
#
# A discriminator that has learned all there is to learn is a measuring device. Its logits,
# (eq:optimal-logit), at real samples and at generated ones are enough to estimate $\mathrm{KL}(p \,\|\, q)$,
# $\mathrm{KL}(q \,\|\, p)$ and $\mathrm{JS}(p \,\|\, q)$, and nobody need know a density. Take a world with two kinds
# of samples: of the real ones 80 % are of the first kind, of the generated ones 40 %. By the definitions,

# %%
from mmgen_course.check import check


def kl_by_definition(p, q):  # the chance of each kind
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


kinds_of_real, kinds_of_fake, between = (0.8, 0.2), (0.4, 0.6), (0.6, 0.4)
by_hand = [kl_by_definition(kinds_of_real, kinds_of_fake), kl_by_definition(kinds_of_fake, kinds_of_real)]
by_hand.append((kl_by_definition(kinds_of_real, between) + kl_by_definition(kinds_of_fake, between)) / 2)
print("KL(p || q) {:.4f}, KL(q || p) {:.4f}, JS {:.4f}".format(*by_hand))

# %% [markdown]
# The best logit is $\log 2$ at the first kind and $-\log 3$ at the second. From five real samples (four of the first
# kind) and five generated ones (two of it) your function shall find these same three numbers. Some discriminators
# are very sure, with logits of 60 and more.


# %% tags=["exercise"]
def divergences_from_logits(real, fake):
    """The best discriminator's logits, (n,) at real and (m,) at generated samples -> KL(p || q), KL(q || p), JS."""
    # BEGIN SOLUTION
    # The logit is log p - log q. Its mean over real samples is KL(p || q), and minus its mean over generated ones is
    # KL(q || p): each KL is an expectation over the samples of its first argument. The value is -log 4 + 2 JS, which
    # gives the third number. Through D instead of the logit it breaks with the first that is sure: D = 1 in a
    # float, and the logarithm of 1 - D is minus infinity.
    jensen_shannon = (F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean() + math.log(4)) / 2
    return real.mean(), -fake.mean(), jensen_shannon
    # END SOLUTION


# %%
check(divergences_from_logits)

# %% [markdown]
# ### 2. Every other caption is a lie, nearly
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# Why draw one wrong caption for each picture? A batch of $n$ real pictures with their captions
# makes $n^2$ pairs. `logits[i, j]` is the discriminator's logit for picture $i$ with the caption of picture $j$, and
# `captions[i]` the number of a caption. A pair is **right** if both have the same number, and two pictures of a batch
# may have the same. The loss is (eq:matching-loss) with logarithms in place of the hinge: the mean of $-\log D$ over
# all right pairs, half of the mean of $-\log(1 - D)$ over all wrong pairs, and half of its mean over generated pictures
# with their own captions, whose logits are `fake`. Three pictures, of which two have the same caption:

# %%
numbers = [7, 7, 2]
for of_picture in numbers:
    print(["right" if said == of_picture else "wrong" for said in numbers])
undecided = math.log(2)  # -log D, and -log(1 - D), at D = 1/2
print(f"if all logits are 0: {undecided + undecided / 2 + undecided / 2:.4f}")


# %% tags=["exercise"]
def all_pairs_loss(logits, fake, captions):
    """Logits (n, n) of real pictures with captions, (m,) of generated ones, numbers (n,) of captions -> a number."""
    # BEGIN SOLUTION
    # Which pairs are right is asked of the captions, not of the diagonal: a discriminator that is punished for
    # believing "a red star" of another red star unlearns to read. Choose the logits first, then take each mean over
    # what was chosen: multiplying by a mask leaves zeros in the mean, and a logit that is set to 0 costs log 2.
    # -log sigma(l) is softplus(-l), and -log(1 - sigma(l)) is softplus(l).
    right = captions[:, None] == captions  # (n, n)
    lies = F.softplus(logits[~right]).mean() + F.softplus(fake).mean()
    return F.softplus(-logits[right]).mean() + lies / 2
    # END SOLUTION


# %%
check(all_pairs_loss)

# %% [markdown]
# ### 3. Steep is forbidden, flat is not
#
# 3 points, 15 minutes, difficulty 3 of 3.
#
# (eq:gradient-penalty) punishes slopes below 1, too, though (eq:wasserstein) allows them. Punish
# only what is forbidden: a slope $s$ costs $\max(0, s - 1)^2$, mean over the points $\hat x$ (Petzka et al., *On the
# Regularization of Wasserstein GANs*, ICLR 2018). The critic is $f(x) = v^\top \tanh(W x)$. One like it, at three
# points, its slope measured by differences:


# %%
def narrow_critic(at):  # W = 2, v = 1.5, and x has one number
    return 1.5 * math.tanh(2 * at)


for place in (0.0, 0.5, 2.0):
    steep = (narrow_critic(place + 1e-4) - narrow_critic(place - 1e-4)) / 2e-4
    print(f"slope {steep:.2f} costs {max(0, steep - 1) ** 2:.2f}, two-sided {(steep - 1) ** 2:.2f}")

# %% [markdown]
# The penalty is there to move $W$ and $v$. It must not move the samples, because behind `fake` stands the generator. So
# `check` looks at the gradients of your answer as well, by each argument: `W` is number 1, `epsilon` number 5. Those of
# `real`, `fake` and `epsilon` have to be zero.


# %% tags=["exercise"]
def one_sided_penalty(W, v, real, fake, epsilon):
    """W (h, d), v (h,), real and fake (n, d), epsilon (n, 1) -> a number, the mean over n points between real and fake.

    The points are epsilon real + (1 - epsilon) fake; only W and v get a gradient.
    """
    # BEGIN SOLUTION
    # The points are cut off from where they came from, then they are the ones to differentiate by. create_graph keeps
    # the gradient's own graph; without it the penalty has the right value and teaches nothing, which no curve of a loss
    # would show. The sum over the batch gives each sample its own gradient; the mean would make every slope n times
    # too small.
    x = (epsilon * real + (1 - epsilon) * fake).detach().requires_grad_()
    scores = torch.tanh(x @ W.T) @ v  # (n,)
    (slopes,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
    return F.relu(slopes.norm(dim=1) - 1).square().mean()
    # END SOLUTION


# %%
check(one_sided_penalty)

# %% [markdown]
# ### 4. One round
#
# 4 points, 20 minutes, difficulty 3 of 3.
#
# Now without `fit`: play one round yourself. The discriminator, `D`, takes two steps that
# lower $-V$, (eq:value-function), the first with the real samples `x[0]` and the noise `z[0]`, the second with `x[1]`
# and `z[1]`. Then the generator takes one step that lowers $-\log D(G(z))$, with the noise `z[2]`. A step is
# $w \leftarrow w - \text{rate} \cdot \nabla_w$, as of `torch.optim.SGD`. All losses are means over the batch. Each
# player moves its own network. Return the generator's loss before its step, and leave no gradient behind: call
# `zero_grad` of both networks at the end. By hand, for a generator that always makes $\theta$, a discriminator with the
# logit $w x$, real samples that are all 0, and a rate of 1:


# %%
def sigma(logit):
    return 1 / (1 + math.exp(-logit))


theta, w = 2.0, 0.0
for _ in range(2):
    w -= theta * sigma(w * theta)  # the slope of -V by w; the real samples at 0 add nothing to it
    print(f"discriminator: w = {w:.3f}")
print(f"generator's loss {-math.log(sigma(w * theta)):.3f}")
theta -= -(1 - sigma(w * theta)) * w  # (eq:loss-gradients), times the slope w of the logit
print(f"generator: theta = {theta:.3f}, nearer to 0")


# %% tags=["exercise"]
def one_round(G, D, x, z, rate):
    """G and D: networks, samples (n, 2) out of noise (n, 2), logits (n, 1) out of samples.

    x (2, n, 2), z (3, n, 2) -> the generator's loss, a number; both networks have moved, and hold no gradient.
    """
    # BEGIN SOLUTION
    # detach keeps D's loss out of the generator; what it left there would be added to the generator's own
    # gradient, and pull it towards being found out. backward() adds to what is there, so each step begins with zeros.
    # In the generator's turn the gradient passes through D and fills its .grad; D does not step, and
    # the last lines take that away before it spoils the next round.
    of_G, of_D = (torch.optim.SGD(network.parameters(), lr=rate) for network in (G, D))
    for k in range(2):
        of_D.zero_grad()
        made = G(z[k]).detach()
        (F.softplus(-D(x[k])).mean() + F.softplus(D(made)).mean()).backward()
        of_D.step()
    loss = F.softplus(-D(G(z[2]))).mean()
    loss.backward()
    of_G.step()
    for network in (G, D):
        network.zero_grad()
    return loss.item()
    # END SOLUTION


# %%
check(one_round)

# %% [markdown]
# ## What to remember
#
# - A GAN is a game. $V(D, G)$ is a number, the generator is what it is minimised over, and each player moves its own
#   network only.
# - The best discriminator is $p / (p + q)$: a classifier of samples learns a ratio of densities. With it the generator
#   minimises $-\log 4 + 2\, \mathrm{JS}(p \,\|\, q)$, which has no slope where the two do not meet.
# - $\log(1 - D)$ saturates near $D(G(z)) = 0$, where training begins; $-\log D$ has the same fixed point and does not.
# - The best reply to a discriminator that stands still is a single point. Modes are kept by the balance of the two.
# - Compare cures at equal budget with several seeds, or do not compare them.
# - A conditional discriminator needs wrong captions among its lies, or it need not read.

# %% [markdown]
# ## Three questions
#
# **1.** Your discriminator says $D = \frac12$ for every picture, real or generated. What is the value of the game? Is
# the generator perfect?
#
# <details><summary>Answer</summary>
#
# $V = 2 \log \frac12 = -\log 4$. That is $C(G)$ of a perfect generator, but only if this $D$ is the best one. A
# discriminator that has learned nothing says $\frac12$, too. Train it further with the generator held still: if $V$
# rises, the generator was not perfect.
#
# </details>
#
# **2.** A colleague's generator does not learn at all. Its loss is $\log(1 - D(G(z)))$, and $D(G(z)) = 10^{-6}$. He
# plans to improve the discriminator first. What do you say?
#
# <details><summary>Answer</summary>
#
# The gradient by the logit is $-\sigma(l) = -10^{-6}$, by (eq:loss-gradients). A better discriminator makes it smaller
# still. With $-\log D$ the same logit gives $-(1 - 10^{-6})$, a million times as much.
#
# </details>
#
# **3.** Somebody penalises $(\lVert \nabla f \rVert^2 - 1)^2$ instead of (eq:gradient-penalty). Both are zero at slope
# 1. What changes?
#
# <details><summary>Answer</summary>
#
# Factor it: $(s^2 - 1)^2 = (s - 1)^2 (s + 1)^2$. Steep critics are punished far more, 64 instead of 4 at $s = 3$. And
# at $s = 0$ its derivative by $s$, $4 s (s^2 - 1)$, is zero: a flat critic is never pulled up, where $2 (s - 1) = -2$
# pulls.
#
# </details>

# %%
s = torch.tensor([0.0, 3.0], requires_grad=True)
(slope_squared,) = torch.autograd.grad((s**2 - 1).square().sum(), s)
print(
    "squared norm: cost at slope 3", (s[1] ** 2 - 1).square().item(), "- pull at slope 0", abs(slope_squared[0].item())
)
assert (s[1] ** 2 - 1).square() == 64
assert slope_squared[0] == 0

# %% [markdown]
# ## References
#
# - I. Goodfellow et al., *Generative Adversarial Nets*, NIPS 2014: the game, (eq:optimal-discriminator),
#   (eq:generator-criterion), and both losses.
# - A. Radford, L. Metz, S. Chintala, *Unsupervised Representation Learning with Deep Convolutional Generative
#   Adversarial Networks*, ICLR 2016.
# - S. Reed et al., *Generative Adversarial Text to Image Synthesis*, ICML 2016: wrong captions as lies.
# - M. Arjovsky, L. Bottou, *Towards Principled Methods for Training Generative Adversarial Networks*, ICLR 2017:
#   (eq:two-divergences).
# - M. Arjovsky, S. Chintala, L. Bottou, *Wasserstein Generative Adversarial Networks*, ICML 2017: the parallel lines.
# - I. Gulrajani et al., *Improved Training of Wasserstein GANs*, NIPS 2017: the gradient penalty.
# - T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, *Spectral Normalization for Generative Adversarial Networks*, ICLR
#   2018.
# - T. Miyato, M. Koyama, *cGANs with Projection Discriminator*, ICLR 2018.
# - L. Mescheder, A. Geiger, S. Nowozin, *Which Training Methods for GANs do actually Converge?*, ICML 2018: R1.
# - H. Petzka, A. Fischer, D. Lukovnikov, *On the Regularization of Wasserstein GANs*, ICLR 2018: the one-sided penalty.
# - M. Lucic et al., *Are GANs Created Equal? A Large-Scale Study*, NeurIPS 2018: equal budgets, many seeds.
# - Y. Yazıcı et al., *The Unusual Effectiveness of Averaging in GAN Training*, ICLR 2019.
#
# Next: **8. The VAE**, which has no opponent: it maximises a bound on the likelihood.
