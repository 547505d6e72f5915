# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 4. GloVe: what a word means, by the company it keeps
#
# **You will be able to**
#
# - count how often words meet, and derive from the counts what a vector of numbers for each word should satisfy;
# - train such vectors, check them on a case where the answer is known, and find neighbours and analogies with them;
# - read a file of word vectors, and say what a mean of vectors forgets.
#
# 50 minutes. You need lesson 2, logarithms, and the gradient of a sum of squares.

# %% [markdown]
# ## A word that nobody explained
#
# Lesson 2 ended with words that no training caption uses. For the network each of them was the same `<unk>`. Below are
# six sentences that hold one of these words. It is blanked out. What does it mean?

# %%
import re
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import redirect_stderr
from importlib import resources
from io import StringIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from matplotlib.figure import Figure
from torch.nn.functional import normalize
from torchtext.vocab import Vectors

from mmgen_course import data, scenes, show, widgets
from mmgen_course.scenes.corpus import ALL_WORDS, sentences

# %%
corpus = sentences(torch.Generator().manual_seed(0))
about = [" ".join(sentence) for sentence in corpus if "crimson" in sentence]
for sentence in [*about[:2], *about[-8:-4]]:
    print(sentence.replace("crimson", "______"))
assert len(about) > 1000

# %% [markdown]
# You did not need a dictionary. Captions put the word where other colours stand, and cherries and bricks tell which
# colour it is. A reader who has never met the word knows it now. Can a program do that, by reading alone?

# %% [markdown]
# ## The company of a word
#
# The text above is this lesson's **corpus**: captions of the training scenes, and simple prose about things of the
# world. The captions here use all three words for a value, such as *red*, *scarlet* and *crimson*. The captions that
# models train on never use the third.

# %%
n_words = sum(len(sentence) for sentence in corpus)
print(f"{len(corpus):,} sentences, {n_words:,} words")
print(" / ".join(" ".join(corpus[i]) for i in (14_300, 20_000, 30_000, 40_000)))
assert 44_000 < len(corpus) < 45_000

# %% [markdown]
# Take three words, and count the sentences in which each meets some others.

# %%
company = ["cherry", "brick", "sky", "sea", "paint", "never"]
meets = {w: [sum(w in s and k in s for s in corpus) for k in company] for w in ("red", "crimson", "blue")}

# %%
alt = "Bars: red and crimson meet cherry and brick often, blue meets sky and sea; paint and never go with all three."
with show.figure(alt, height=2.4) as [axes]:
    for i, (word, counts) in enumerate(meets.items()):
        colour = ["#d62728", "#8c1a2b", "#1f4fe0"][i]
        axes.bar([k + 0.27 * (i - 1) for k in range(len(company))], counts, width=0.25, label=word, color=colour)
    axes.set(xticks=range(len(company)), xticklabels=company, ylabel="sentences", ylim=(0, 155))
    axes.legend(ncols=3, loc="upper center")

# %%
for word, counts in meets.items():
    print(f"{word:8}", dict(zip(company, counts, strict=True)))
assert min(meets["red"][:2]) > 10 * max(meets["blue"][:2])

# %% [markdown]
# *Red* and *crimson* keep the same company. *Blue* shares some of it: paint can have any colour. What tells *red* from
# *blue* is the few words that go with one of them far more often than with the other. GloVe, for "global vectors",
# turns this remark into vectors.

# %% [markdown]
# ## Step 1: count
#
# Words that stand side by side have more to do with each other than words that stand far apart. So a pair at distance
# $k$ adds $1/k$, up to a **window** of $L$ words, within one sentence. With $s_1, \dots, s_T$ the words of a sentence
# $s$, the count of the words $i$ and $j$ is
#
# $$ X_{ij} = \sum_{s} \sum_{t=1}^{T} \sum_{\substack{u \ne t \\ |t-u| \le L}}
#    \frac{\mathbb{1}[s_t = i]\, \mathbb{1}[s_u = j]}{|t - u|} \label{eq:cooccurrence} $$
#
# Run (eq:cooccurrence). For each word the loop goes back over the words before it, and counts each pair both ways.


# %%
def count(corpus, window):
    X = defaultdict(float)
    for sentence in corpus:
        for t, word in enumerate(sentence):
            for u in range(max(0, t - window), t):
                X[sentence[u], word] += 1 / (t - u)
                X[word, sentence[u]] += 1 / (t - u)
    return X


print(dict(count([["a", "red", "circle"]], window=15)))

# %%
WINDOW = 15
counted = count(corpus, WINDOW)
frequency = Counter(word for sentence in corpus for word in sentence)
words = sorted(frequency, key=lambda word: (-frequency[word], word))
row = {word: i for i, word in enumerate(words)}

# %%
X = torch.zeros(len(words), len(words), dtype=torch.float64)
for (i, j), value in counted.items():
    X[row[i], row[j]] = value
print(f"{len(words)} words, {len(counted):,} pairs that meet, of {X.numel():,}")
assert torch.allclose(X, X.T)
assert len(words) > 200

# %%
down = ["red", "crimson", "blue", "cobalt", "circle", "disc", "star"]
across = ["cherry", "brick", "sky", "sea", "coin", "wheel", "firework", "the", "circle", "striped"]
piece = X[[row[w] for w in down]][:, [row[k] for k in across]]

# %%
alt = "A table of counts: red and crimson have nearly equal rows, blue and cobalt too, circle and disc too."
with show.figure(alt, height=3) as [axes]:
    axes.imshow((1 + piece).log(), cmap="Blues", aspect="auto")
    for i, j in np.ndindex(*piece.shape):
        shade = "white" if piece[i, j] > 40 else "black"
        axes.text(j, i, f"{piece[i, j]:.0f}", ha="center", va="center", color=shade, size=9)
    axes.set_xticks(range(len(across)), across, rotation=30)
    axes.set_yticks(range(len(down)), down)

# %% [markdown]
# This is a piece of $X$. Read it by rows: synonyms have nearly the same row. A row is already a vector for a word, but
# a long one, with one number for each other word. For a language of
# 400,000 words it would have 400,000 numbers, nearly all of them zero.

# %%
rows = normalize((1 + X).log(), dim=1)
for a, b in (("red", "crimson"), ("red", "blue"), ("red", "circle")):
    print(f"{a}, {b}: cosine of the rows {(rows[row[a]] @ rows[row[b]]).item():.2f}")
assert (rows[row["red"]] @ rows[row["crimson"]]).item() > 0.97

# %% [markdown]
# ## Step 2: compare by ratios
#
# How often a word $i$ is met with $k$ depends on how frequent both are. Divide the first out: of all that $i$ meets,
#
# $$ P_{ik} = \frac{X_{ik}}{X_i}, \qquad X_i = \sum_{k} X_{ik} \label{eq:cooccurrence-probability} $$
#
# is the share of $k$, a probability. To compare two words $i$ and $j$, look at the **ratio** $P_{ik} / P_{jk}$. Run
# (eq:cooccurrence-probability).

# %%
P = X / X.sum(1, keepdim=True)
probes = ["cherry", "brick", "paint", "never", "the", "circle", "sea"]
ratio = {
    (i, j): torch.stack([P[row[i], row[k]] / P[row[j], row[k]] for k in probes])
    for i, j in (("red", "blue"), ("red", "crimson"))
}

# %%
for (i, j), values in ratio.items():
    print(f"P({i}, k) / P({j}, k):", "  ".join(f"{k} {v:.2f}" for k, v in zip(probes, values.tolist(), strict=True)))
assert ratio["red", "blue"][:2].min() > 20
assert ratio["red", "blue"][-1] < 1 / 20

# %%
alt = "Ratios on a logarithmic axis: red to blue is far above one for cherry and brick and far below for sea."
with show.figure(alt, height=2.6) as [axes]:
    places = torch.arange(len(probes))
    for shift, ((i, j), values) in zip((-0.18, 0.18), ratio.items(), strict=True):
        axes.barh(places + shift, values.log2(), height=0.34, label=f"{i} : {j}")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(yticks=places, yticklabels=probes, xlabel="log₂ of the ratio", xlim=(-8.5, 7.5))
    axes.invert_yaxis()
    axes.legend(loc="lower right")

# %% [markdown]
# Three kinds of words $k$ show. A ratio far above 1 speaks for *red*, far below 1 for *blue*. Near 1, the word $k$ says
# nothing about which of the two it was: *paint*, *never*, *the*, and also *circle*. Between *red* and *crimson* every
# word that both meet often has a ratio near 1. So the ratios hold what tells words apart, and the noise of common words
# cancels in them.

# %% [markdown]
# ## Step 3: what should a vector satisfy?
#
# We look for a vector $w_i$ of $d$ numbers for each word, and a second one, $\tilde w_k$, for a word in the role of the
# neighbour. From the vectors alone a function $F$ should give the ratio. Two words are compared, so let $F$ see their
# difference, and let it meet $k$ in a dot product:
#
# $$ F\big( (w_i - w_j)^\top \tilde w_k \big) = \frac{P_{ik}}{P_{jk}} \label{eq:ratio-model} $$
#
# Which $F$? On the left stands a difference, $a - b$ with $a = w_i^\top \tilde w_k$ and $b = w_j^\top \tilde w_k$. On
# the right stands a quotient. This fits for all vectors if $F$ turns differences into quotients, and the continuous
# functions that do are the exponentials:
#
# $$ F(a - b) = \frac{F(a)}{F(b)} \quad \text{for all } a, b
#    \qquad \Longleftrightarrow \qquad F(a) = e^{c\,a} \label{eq:exponential} $$
#
# (Put $a = b$: $F(0) = 1$. Then differentiate by $a$ at $a = b$: $F'(b) / F(b) = F'(0) = c$, whose solution is the
# exponential.) The factor $c$ only changes the length of the vectors. Take $c = 1$. Run (eq:exponential) on candidates:

# %%
a, b = torch.randn(2, 1000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
candidates = {
    "exp(a)": torch.exp,
    "exp(a / 2)": lambda a: torch.exp(a / 2),
    "1 + a²": lambda a: 1 + a**2,
    "log(1 + exp(a))": torch.nn.functional.softplus,
    "1 / (1 + exp(-a))": torch.sigmoid,
}

# %%
for name, F in candidates.items():
    error = (F(a - b) - F(a) / F(b)).abs().max().item()
    print(f"F(a) = {name:18} differences become quotients: {error < 1e-9}")
    assert (error < 1e-9) == name.startswith("exp")

# %% [markdown]
# With $F = \exp$, (eq:ratio-model) holds if $e^{w_i^\top \tilde w_k}$ is the probability itself. Take the logarithm:
#
# $$ w_i^\top \tilde w_k = \log P_{ik} = \log X_{ik} - \log X_i \label{eq:log-probability} $$
#
# One thing is odd. $X$ is symmetric: which of two words is "the neighbour" is our choice. But the right side is not,
# because of $\log X_i$. It does not depend on $k$, though. So it can be a number that belongs to the word $i$, a
# **bias** $b_i$ that is learned like the vectors. Give one to $k$, too, and the two roles are equal:
#
# $$ w_i^\top \tilde w_k + b_i + \tilde b_k = \log X_{ik} \label{eq:log-count} $$
#
# Do the biases spoil the ratio? Divide (eq:log-count) for $i$ by that for $j$: the bias of $k$ cancels, and the others
# make one factor that is the same for every $k$. So the ratios come out right up to a constant for each pair of words,
# and how they *differ between* probes, which is what tells words apart, comes out exactly. Run it with
# vectors that satisfy (eq:log-count) by construction: $w_i$ the $i$-th row of $\log X$, $\tilde w_k$ the $k$-th unit
# vector, and any biases subtracted.

# %%
some = [row[w] for w in ("red", "blue", "crimson", "circle", "the", "a", "is")]
log_X = (X[some][:, some] + 1).log()  # + 1 so that no count is zero
b_i, b_k = torch.randn(2, len(some), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
w, w_k = log_X - rearrange(b_i, "i -> i 1") - b_k, torch.eye(len(some), dtype=torch.float64)

# %%
predicted = ((w[0] - w[1]) @ w_k.T).exp()  # (eq:ratio-model) with F = exp, i = red, j = blue
wanted = (log_X[0] - log_X[1]).exp()
factor = wanted / predicted
print("ratio of counts / ratio from the vectors, for each k:", [f"{value:.4f}" for value in factor.tolist()])
assert torch.allclose(factor, (b_i[0] - b_i[1]).exp())

# %% [markdown]
# With as many dimensions as words, there are always such vectors. The interesting case is $d$ far below $V$. Then
# (eq:log-count) cannot hold for all pairs, and we have to say which pairs matter most.

# %% [markdown]
# ## Step 4: which counts to trust
#
# Where $X_{ij} = 0$ the logarithm does not exist: leave these pairs out. Where $X_{ij}$ is small, it is mostly chance.
# How much? Split the corpus in two halves, count in both, and see how far $\log X$ differs.

# %%
halves = [count(corpus[start::2], WINDOW) for start in (0, 1)]
both = [pair for pair in halves[0].keys() & halves[1].keys() if pair[0] <= pair[1]]
first, second = (torch.tensor([half[pair] for pair in sorted(both)]).double() for half in halves)
size, difference = (first + second) / 2, (first / second).log()

# %%
edges = [0.3, 1, 3, 10, 30, 100, 300, 1000, 10_000]
spread = torch.stack([difference[(size >= low) & (size < high)].std() / 2**0.5 for low, high in pairwise(edges)])

# %% [markdown]
# A plain choice is a weight that rises with the count, and stops rising at $x_{\max}$, so that *the* does not drown the
# rest. Pennington, Socher and Manning take
#
# $$ f(x) = \begin{cases} (x / x_{\max})^{\alpha} & \text{if } x < x_{\max} \\
#                         1 & \text{otherwise} \end{cases} \label{eq:glove-weight} $$
#
# with $\alpha = 3/4$ and $x_{\max} = 100$, found by trial. Run (eq:glove-weight):


# %%
def f(x, x_max, alpha=0.75):
    return torch.where(x < x_max, (x / x_max) ** alpha, torch.ones_like(x))


# %%
alt = "Left: the error of log X falls from 0.6 at a count of 1 to 0.03 at 1000. Right: the weight rises to 1 at 100."
with show.figure(alt, columns=2, height=2.5) as (left, right):
    middle = [(low * high) ** 0.5 for low, high in pairwise(edges)]
    left.loglog(middle, spread, "o-")
    left.set(xlabel="count X", ylabel="standard error of log X", ylim=(0.01, 1))
    x = torch.linspace(0, 200, 201)
    right.plot(x, f(x, x_max=100))
    right.set(xlabel="count x", ylabel="weight f(x)", ylim=(0, 1.1))

# %%
print(f"standard error of log X: {spread[0]:.1f} for counts below 1, {spread[5]:.2f} for 100 to 300")
weights = f(torch.tensor([1.0, 10, 100, 1000]), x_max=100)
print("weights of the counts 1, 10, 100, 1000:", [round(v, 2) for v in weights.tolist()])
assert 0.5 < spread[0] < 0.8
assert spread[5] < 0.1

# %% [markdown]
# A count below 1 is off by a factor of two, up or down; one above 100 by a few per cent. So weighting is not taste: the
# method of least squares asks for weights that fall as the noise rises. ($\alpha = 1$ would be right for counts whose
# variance is their mean. The paper found 3/4 to work a little better.)

# %% [markdown]
# ## Step 5: least squares
#
# Let all pairs with $X_{ij} > 0$ satisfy (eq:log-count) as well as they can:
#
# $$ J = \sum_{X_{ij} > 0} f(X_{ij})\, e_{ij}^2, \qquad
#    e_{ij} = w_i^\top \tilde w_j + b_i + \tilde b_j - \log X_{ij} \label{eq:glove-objective} $$
#
# This is the whole objective of GloVe. Its gradient needs the chain rule once. To get rid of a 2, take $J / 2$:
#
# $$ \frac{\partial}{\partial w_i} \frac{J}{2} = \sum_{j} f(X_{ij})\, e_{ij}\, \tilde w_j, \qquad
#    \frac{\partial}{\partial b_i} \frac{J}{2} = \sum_{j} f(X_{ij})\, e_{ij} \label{eq:glove-gradient} $$
#
# and the same with the roles exchanged for $\tilde w_j$ and $\tilde b_j$. Run both, for all pairs at once:


# %%
def loss_and_gradients(X, x_max, w, v, b, c):  # v and c are the neighbour's: w~ and b~
    e = w @ v.T + rearrange(b, "i -> i 1") + c - X.clamp(min=1e-9).log()
    e = torch.where(X > 0, e, 0)
    G = f(X, x_max) * e  # (V, V)
    return (G * e).sum(), (G @ v, G.T @ w, G.sum(1), G.sum(0))


# %%
def start(V, d, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = [(V, d), (V, d), (V,), (V,)]
    return [(torch.rand(size, generator=generator, dtype=torch.float64) - 0.5) / (d + 1) for size in sizes]


# %%
parameters = [p.requires_grad_() for p in start(len(words), 50)]
J, by_hand = loss_and_gradients(X, 100, *parameters)
by_autograd = torch.autograd.grad(J / 2, parameters)
worst = max((g - h).abs().max().item() for g, h in zip(by_hand, by_autograd, strict=True))
print(f"J before training: {J:,.0f}; gradients by hand and by autograd agree: {worst < 1e-8}")
assert worst < 1e-8

# %% [markdown]
# ## Step 6: steps of the right size
#
# *The* takes part in thousands of counts, *keel* in a few. With one learning rate for all, either *the* overshoots or
# *keel* hardly moves. **AdaGrad** gives each single number its own rate, which shrinks with the gradients that this
# number has already seen. With $g_t$ the gradient at step $t$ and $\eta$ the learning rate,
#
# $$ \theta_{t+1} = \theta_t - \frac{\eta\, g_t}{\sqrt{1 + \sum_{\tau \le t} (\eta\, g_\tau)^2}} \label{eq:adagrad} $$
#
# While gradients are small, this is plain gradient descent with the rate $\eta$. And no step is longer than 1, however
# large the gradient. Run (eq:adagrad):


# %%
def adagrad_step(theta, gradient, squares, rate):
    squares += (rate * gradient) ** 2
    theta -= rate * gradient / (1 + squares).sqrt()


# %%
theta, squares = torch.zeros(3), torch.zeros(3)
for _ in range(4):
    adagrad_step(theta, torch.tensor([0.1, 100, 10_000]), squares, rate=0.05)
    print([round(value, 3) for value in theta.tolist()])
assert theta[1:].min() > -3

# %% [markdown]
# Three numbers, whose gradients differ by a factor of 100,000. The first creeps, as it should. The other two move
# almost alike, and slower with every step. (Stanford's program takes one pair a step, and adds the square *after* the
# step. With thousands of pairs in one step, as here, that would be a mistake: the first step of the third number would
# have the length $\eta g = 500$.)

# %% [markdown]
# ## From scratch: train it, where the answer is known
#
# Before the corpus, take a text so small that everything can be checked: its first 40 captions. With $d = V$ dimensions
# there is an exact solution, as you saw. Does training find one? And what is left over with fewer dimensions?

# %%
few = count(corpus[:40], WINDOW)
few_words = sorted({i for i, _ in few})
Y = torch.tensor([[few.get((i, j), 0.0) for j in few_words] for i in few_words], dtype=torch.float64)
met = Y > 0
print(f"{len(few_words)} words, {len(few):,} pairs that meet")


# %%
def train(X, d, steps, x_max, rate):
    parameters = start(len(X), d)
    squares = [torch.zeros_like(p) for p in parameters]
    losses = []
    for _ in range(steps):
        J, gradients = loss_and_gradients(X, x_max, *parameters)
        for theta, gradient, square in zip(parameters, gradients, squares, strict=True):
            adagrad_step(theta, gradient, square, rate)
        losses.append(J.item())
    return parameters, losses


# %%
dims = [1, 4, 16, len(few_words)]
runs = {d: train(Y, d, steps=4000, x_max=10, rate=1.0) for d in dims}

# %%
w, v, b, c = runs[len(few_words)][0]
predicted = (w @ v.T + rearrange(b, "i -> i 1") + c)[met]
alt = "Left: the loss ends at 174 for one dimension and below 0.001 for 74. Right: predictions lie on the diagonal."
with show.figure(alt, columns=2, height=2.8) as (left, right):
    for d, (_, losses) in runs.items():
        left.loglog(range(1, 4001), losses, label=f"d = {d}")
    left.set(xlabel="step", ylabel="J", ylim=(1e-4, None))
    left.legend(fontsize=8, loc="lower left")
    right.plot([-3, 5], [-3, 5], color="grey", linewidth=0.8)
    right.plot(Y[met].log(), predicted, ".", markersize=3)
    right.set(xlabel="log X", ylabel="w·w̃ + b + b̃", aspect=1, title=f"d = {len(few_words)}")

# %%
error = (predicted - Y[met].log()).abs().max().item()
for d, (_, losses) in runs.items():
    print(f"d = {d:2}: J = {losses[0]:.0f} before, {losses[-1]:.0f} after")
print(f"d = {len(few_words)}: J < 0.001: {losses[-1] < 0.001}; worst log count off by less than 0.05: {error < 0.05}")
assert losses[-1] < 0.001
assert error < 0.05

# %% [markdown]
# (The bump at the beginning: at first all pairs push together, and too far, until AdaGrad has shortened the steps.)
#
# With as many dimensions as words, the loss goes to zero, and $w_i^\top \tilde w_j + b_i + \tilde b_j$ **equals** $\log
# X_{ij}$ for every pair. So gradient, steps and objective are right. With 16 dimensions almost nothing is left over,
# with one a quarter. Fewer dimensions force words with similar rows to share: that is where generalisation comes from.
#
# Now the corpus, with 50 dimensions. As the vector of a word take $w_i + \tilde w_i$: $X$ is symmetric, so both learn
# the same thing from different random numbers, and the sum has less chance in it.

# %% tags=["nbval-ignore-output"]
started = time.perf_counter()
(w, v, b, c), losses = train(X, d=50, steps=1500, x_max=100, rate=0.5)
print(f"J: {losses[0]:,.0f} -> {losses[-1]:,.0f} in {time.perf_counter() - started:.1f} s")

# %%
mine = normalize(w + v, dim=1)
for word in ("crimson", "disc", "tiny"):
    best = (mine @ mine[row[word]]).topk(3).indices.tolist()
    print(f"{word:8} nearest:", *sorted(words[i] for i in best if words[i] != word))
    assert {words[i] for i in best} == set(*(group for group in ALL_WORDS.values() if word in group))

# %% [markdown]
# *Crimson* lies beside *red* and *scarlet*, though no caption that a model trains on will ever hold it.

# %% [markdown]
# **From here on we import it.** `features.glove` counts sparsely, and takes pairs in batches. It does what you just
# wrote: the same counts, and if a batch holds all pairs, the same steps.

# %%
from mmgen_course.features.glove import (
    GloVe,
    WordVectors,
    cooccurrences,
    fit,
    load_scene_vectors,
    open_vectors,
    read_vectors,
    train_glove,
    write_vectors,
)

# %%
their_words, counts = cooccurrences(corpus, WINDOW)
assert their_words == words
assert torch.allclose(counts.to_dense(), X)

# %%
model = GloVe(len(few_words), dim=4, generator=torch.Generator())
theirs = (model.vector, model.context_vector, model.bias, model.context_bias)
for parameter, value in zip(theirs, start(len(few_words), 4), strict=True):
    parameter.data = value.clone()

# %%
their_losses = list(fit(model, Y.to_sparse(), epochs=20, learning_rate=1.0, x_max=10, batch_size=10_000))
my_losses = runs[4][1][:20]
equal = all(abs(len(few) * a - b) < 1e-3 * b for a, b in zip(their_losses, my_losses, strict=True))
print("counts equal; the losses of 20 steps equal:", equal)
assert equal

# %% [markdown]
# The vectors of this course were made by `mmgen train words`: this corpus, $d = 50$, a hundred times through all pairs.
# They ship as a text file in the format of the Stanford program. Every later lesson loads them like this:

# %%
vectors = load_scene_vectors()
beginning = " ".join(f"{value:.2f}" for value in vectors["red"][:6])
print(f"{len(vectors)} words, {vectors.matrix.shape[1]} numbers each; red = {beginning} ...")
assert set(vectors.words) == set(words)

# %% [markdown]
# ## What the vectors know
#
# **Neighbours.** The similarity of two vectors is the cosine of the angle between them. For each of the sixteen words
# that no training caption uses: is its nearest word one that means the same?

# %%
unseen = {ALL_WORDS[value][2]: ALL_WORDS[value][:2] for value in scenes.words.SYNONYMS}
nearest = {word: vectors.nearest(word, n=3) for word in unseen}
right = [word for word, found in nearest.items() if found[0][0] in unseen[word]]
print(f"{len(right)} of {len(unseen)}, for example disc: {[word for word, _ in nearest['disc']]}")
for word in unseen.keys() - set(right):
    print(f"not {word}: {[f'{near} {cosine:.2f}' for near, cosine in nearest[word]]}")
assert len(right) == 15
assert [word for value in scenes.SHAPES for word in ALL_WORDS[value] if word[0] in "aeiou"] == ["asterisk"]

# %% [markdown]
# One is missing, and for a reason. *Asterisk* is the only noun for a shape that begins with a vowel, so it meets *an*
# where all others meet *a*, and among the words after *an* is *outlined*. The vectors do not know meaning, they know
# company, and grammar is part of it.
#
# For a model that reads captions it matters more that *crimson* is closer to *red* than to any other **colour**. By how
# much?


# %%
def lead(word, own, others):
    cosine = {k: (normalize(vectors[word], dim=0) @ normalize(vectors[k], dim=0)).item() for k in (own, *others)}
    return cosine[own], max(cosine[k] for k in others)


# %%
kinds = {value: values for values in scenes.ATTRIBUTES.values() for value in values}
pairs = {word: lead(word, own[0], set(kinds[own[0]]) - {own[0]}) for word, own in unseen.items()}

# %%
alt = "For each of sixteen words two dots: the cosine with its own value, above 0.65, and the best other one, far left."
with show.figure(alt, height=3.6) as [axes]:
    for y, (own, other) in enumerate(pairs.values()):
        axes.plot([other, own], [y, y], color="lightgrey", zorder=0)
    axes.scatter([own for own, _ in pairs.values()], range(16), label="own value")
    axes.scatter([other for _, other in pairs.values()], range(16), label="nearest other value", marker="s")
    axes.set(yticks=range(16), yticklabels=pairs, xlabel="cosine", xlim=(-0.4, 1.05), ylim=(15.6, -0.6))
    axes.legend(loc="upper left", fontsize=9)

# %%
margins = {word: own - other for word, (own, other) in pairs.items()}
print(f"all {len(margins)} are nearest to their own value; least lead {min(margins.values()):.2f}")
assert min(margins.values()) > 0.4

# %% [markdown]
# **Analogies.** If *large* − *small* is a direction of its own, then *tiny* plus this direction should be a large word
# again. `analogy` brings the vectors to length 1, adds, and looks for the nearest word that is not in the question.

# %%
questions = {
    ("small", "large", "tiny"): {"huge", "big", "large"},
    ("red", "cherry", "yellow"): {"sun", "banana", "butter", "canary"},
    ("circle", "coin", "star"): {"starfish", "badge", "snowflake", "firework"},
    ("light", "snow", "dark"): {"night", "cave", "coal"},
    ("top", "bottom", "upper"): {"lower"},
    ("left", "right", "above"): {"below", "under"},
}

# %%
for (a, b, c), fitting in questions.items():
    answer = vectors.analogy(a, b, c)[0][0]
    print(f"{a} : {b} = {c} : {answer:10}", "fits" if answer in fitting else f"no: one of {sorted(fitting)}")
assert [vectors.analogy(*q)[0][0] in fitting for q, fitting in questions.items()] == [True] * 5 + [False]

# %% [markdown]
# Five fit, the last does not, and cannot be expected to. *Left* and *right* differ by things such as *west* and *east*,
# *above* and *below* by *moon* and *cave*. Nothing in this text says that these are the same kind of difference. An
# analogy works where the pairs really share company, not because vectors reason. And remember the rule that the words
# of the question are left out. Without it:

# %%
taken = []
for question in questions:
    a, b, c = (normalize(vectors[word], dim=0) for word in question)
    best = vectors.nearest(b - a + c, n=1)[0][0]
    taken += [best] if best in question else []
print(f"{len(taken)} of {len(questions)} answers would be a word of the question: {taken}")
assert taken == ["large", "above"]

# %% [markdown]
# **A picture.** Fifty dimensions do not fit on paper. Take the two directions in which the vectors of the colour words
# differ most, their first two **principal components**, and drop the rest. The same for the shapes.


# %%
def plane(names):
    centred = torch.stack([vectors[name] for name in names]).double()
    centred = centred - centred.mean(0)
    _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()  # one of two, the same everywhere
    return centred @ (signs * directions)[:2].T, (sizes[:2].square().sum() / sizes.square().sum()).item()


# %%
groups = [[word for value in values for word in ALL_WORDS[value]] for values in (scenes.COLOURS, scenes.SHAPES)]
kept = [plane(names)[1] for names in groups]

# %%
alt = "Two maps of words. Left: the three words for each colour lie together. Right: the same for shapes."
with show.figure(alt, columns=2, height=4) as grid:
    for axes, names, values in zip(grid, groups, (scenes.COLOURS, scenes.SHAPES), strict=True):
        points, _ = plane(names)
        style = {"textcoords": "offset points", "va": "center", "size": 9}
        colours = [scenes.RGB.get(value, "grey") for value in values for _ in range(3)]
        axes.scatter(*points.T, c=colours, s=30)
        for value, three in zip(values, rearrange(points, "(value k) xy -> value k xy", k=3), strict=True):
            axes.annotate(value, three.mean(0), (12, 0), **style)
        axes.set(xticks=[], yticks=[])
    axes.annotate("asterisk", points[names.index("asterisk")], (12, 0), **style)

# %%
print(f"share of the variance that the pictures keep: colours {kept[0]:.0%}, shapes {kept[1]:.0%}")
assert 0.25 < min(kept) < max(kept) < 0.5

# %% [markdown]
# Each dot is a word, and a label names the value that three words stand for. They lie on a heap, but for *asterisk*.
# Which heaps lie side by side means little here: the pictures show less than half of what is there.
#
# **Unknown words** are reported. `vectors[word]` refuses and offers similar words; `lookup` takes many words, marks the
# unknown ones, fills their rows with NaN, and counts them. A row of zeros would look like a vector, and spoil every
# mean that it enters.

# %%
try:
    vectors["crimsen"]
except KeyError as error:
    print(error.args[0])

# %%
found, known = vectors.lookup(["a", "crimson", "zebra", "beside", "a", "unicorn"])
print(known.tolist(), dict(vectors.unknown))
assert found[~known].isnan().all()

# %% [markdown]
# **What a mean forgets.** The simplest vector of a sentence is the mean of those of its words. Lesson 2 showed that a
# mean does not know the order. Better vectors do not help:

# %%
one, other = "a red circle above a blue square", "a blue square above a red circle"
mean = {text: torch.stack([vectors[word] for word in text.split()]).double().mean(0) for text in (one, other)}
difference = (mean[one] - mean[other]).abs().max().item()

# %%
pictures = scenes.render([scenes.parse(text).complete() for text in (one, other)], size=96)
show.images(pictures, [one, other], columns=3, alt="Two different scenes: in the second, the objects changed places.")

# %%
of_pictures = (pictures[0] - pictures[1]).abs().max().item()
print(f"greatest difference of the means {difference:.1f}, of the pictures {of_pictures:.1f}")
assert difference < 1e-12

# %% [markdown]
# The two means are identical, the two pictures are not. A model that is given only this mean cannot draw both. How
# many captions are in danger? Write one caption for each training scene with two objects, change the places of
# the objects, write the caption again, and compare the means.

# %%
duos = [scene for scene in scenes.splits()["train"] if scene.relation][:2000]
swapped = [scenes.Scene.pair(scene.objects[1], scene.relation, scene.objects[0], scene.background) for scene in duos]

# %%
bags = [[sorted(scenes.caption(scene).split()) for scene in some] for some in (duos, swapped)]
same_bag = sum(a == b for a, b in zip(*bags, strict=True))
different = sum(a != b for a, b in zip(duos, swapped, strict=True))
print(f"{len(duos):,} scenes: {different:,} change with the places, {same_bag:,} captions keep their mean")
assert same_bag == len(duos)

# %% [markdown]
# All of them. This is why the next lesson does not average: **attention** keeps one vector for each word.

# %% [markdown]
# ## Do sums with words
#
# Type a word of the corpus and see its nearest words. Then try a sum: `large - small + tiny`, `cherry - red + blue`,
# `left + dark`. Which sums give what you expect? Which word that you know does the corpus not know?


# %%
def neighbours_of(text):
    terms = re.findall(r"([+-]?)\s*([a-z]+)", text.lower())
    unknown = [word for _, word in terms if word not in vectors]
    if unknown or not terms:
        raise ValueError(f"no vector for {unknown or 'nothing'}; try one of: {', '.join(vectors.words[40:60])}")
    total = sum((-1 if sign == "-" else 1) * normalize(vectors[word], dim=0) for sign, word in terms)
    asked = {word for _, word in terms}
    best = [(word, cosine) for word, cosine in vectors.nearest(total, n=10 + len(asked)) if word not in asked][:10]
    figure = Figure(figsize=(6, 3), layout="compressed")
    axes = figure.add_subplot(xlim=(0, 1), xlabel="cosine")
    bars = axes.barh([word for word, _ in best], [cosine for _, cosine in best], color=show.PALETTE[0])
    axes.bar_label(bars, [f"{cosine:.2f}" for _, cosine in best], padding=3)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, f"nearest to {text}: {', '.join(word for word, _ in best[:3])}"


widgets.explorer(neighbours_of, text=widgets.text("Word or sum", "large - small + tiny"))

# %% [markdown]
# ## On real data
#
# **Real vectors.** Stanford offers vectors of 400,000 words, trained on six billion words of Wikipedia and news. They
# are 862 MB to download, so this lesson does without, and uses them if `mmgen data fetch glove-6b` has brought them.

# %%
real = data.cache_folder() / "glove-6b" / "glove.6B.100d.txt"
if real.exists():
    large = read_vectors(real)
    for word in ("red", "circle", "crimson"):
        print(word, [near for near, _ in large.nearest(word, n=5)])
else:
    print("GloVe 6B is not on this machine; what follows does not need it")

# %% [markdown]
# How is such a file read? Each line is a word and its numbers. That sounds simple, until you meet the files: words with
# spaces in them, a byte order mark, a header, repeated words, lines cut off at the end of a broken download.
# `read_vectors` either reads them rightly or says which line is wrong. Some faults:

# %%
folder = Path(tempfile.mkdtemp())
faults = {
    "a word with spaces": b"red 1 2\nat name@domain.com 3 4\n",
    "a repeated word": b"red 1 2\nred 3 4\n",
    "too few numbers": b"red 1 2\nblue 3\n",
    "not a number": b"red 1 2\nblue 3 x\n",
    "an infinite number": b"red 1 2\nblue 3 1e400\n",
    "cut in a number": b"red 1 2\nblue 3 4.",
}

# %%
for name, content in faults.items():
    (folder / "words.txt").write_bytes(content)
    try:
        result = read_vectors(folder / "words.txt")
        print(f"{name}: {result.words}, {result.duplicates} repeated")
    except ValueError as error:
        print(f"{name}: {str(error).removeprefix(str(folder))[1:]}")

# %% [markdown]
# And fast, because a reader that takes a minute is a reader that people avoid. Here are 20,000 words, read by torchtext
# and by the course; `benchmarks/glove.py` does it with 400,000. Kept as safetensors, they open without being read: the
# rows stay in the file until they are used.

# %% tags=["nbval-ignore-output"]
file = folder / "random.txt"
numbers = torch.randn(20_000, 100, generator=torch.Generator().manual_seed(0))
write_vectors(file, WordVectors([f"word{i}" for i in range(20_000)], numbers))
clock = [time.perf_counter()]
with redirect_stderr(StringIO()):  # torchtext draws a bar of its own
    by_torchtext = Vectors(file.name, cache=file.parent)
clock.append(time.perf_counter())
result = read_vectors(file)
clock.append(time.perf_counter())
result.save(folder / "random.safetensors")
clock.append(time.perf_counter())
opened = open_vectors(folder / "random.safetensors")
clock.append(time.perf_counter())
for name, (begin, end) in zip(("torchtext", "read_vectors", "save", "open_vectors"), pairwise(clock), strict=True):
    print(f"{name:13}{end - begin:7.3f} s")

# %%
same = torch.equal(result.matrix, by_torchtext.vectors) and torch.equal(result.matrix, opened.matrix)
print("all three give the same words and numbers:", same)
assert same
assert result.words == by_torchtext.itos == opened.words

# %% [markdown]
# **Real text.** How much text does it take? Use the prose of lesson 2, the descriptions of scikit-learn's data sets,
# paragraph by paragraph.

# %%
files = sorted(resources.files("sklearn.datasets.descr").iterdir(), key=lambda file: file.name)
documents = [file.read_text(encoding="utf-8") for file in files if file.name.endswith(".rst")]

# %%
paragraphs = [re.findall("[a-z]+", part.lower()) for text in documents for part in re.split(r"\n\s*\n", text)]
often = {word for word, n in Counter(word for part in paragraphs for word in part).items() if n >= 5}
prose = [[word for word in part if word in often] for part in paragraphs]

# %%
prose_words, prose_counts = cooccurrences(prose, window=10)
values = prose_counts.values()
n_prose = sum(map(len, prose))
print(f"{n_prose:,} words, {len(prose_words)} different ones, each of which occurs five times or more")
print(f"pairs that meet: {len(values) / len(prose_words) ** 2:.0%}; their median count: {values.median():.1f}")
assert values.median() < 1
assert n_words > 100 * n_prose

# %% [markdown]
# By the curve above, a count below 1 is off by a factor of two. Such counts are most of what we have. What do vectors
# know that were learned from them? If they know the language, and not only this sample of it, then two halves of the
# text must teach the same. Train on every second paragraph, train on the others, and ask how many of a word's five
# nearest words both agree on. The same with the corpus of scenes.


# %%
def agreement(text, names, **options):
    halves = [train_glove(text[start::2], **options) for start in (0, 1)]
    shared = [word for word in halves[0].words if word in halves[1]]
    halves = [WordVectors(shared, torch.stack([half[word] for word in shared])) for half in halves]
    names = [word for word in names if word in shared]
    found = [[{near for near, _ in half.nearest(word, n=5)} for word in names] for half in halves]
    return sum(len(a & b) for a, b in zip(*found, strict=True)) / (5 * len(names))


# %%
value_words = [word for group in ALL_WORDS.values() for word in group]
agreed = agreement(prose, prose_words, dim=20, window=10, x_max=10, epochs=30)
print(f"prose:  both halves agree on less than a fifth of the neighbours: {agreed < 0.2}")
assert agreed < 0.2

# %%
agreed = agreement(corpus, value_words, dim=50, epochs=60)
print(f"scenes: both halves agree on more than three fifths: {agreed > 0.6}")
assert agreed > 0.6

# %% [markdown]
# The text of scenes is a hundred times longer, for as many words, and says little that is new. Real prose is the other
# way round. What it repeats, though, can be learned even here. One document holds a table of tumours, where *radius*,
# *perimeter* and *area* stand in the same places. To see it without any training, compare rows of counts, each count
# divided by what chance would give, $\log \frac{X_{ij} \sum_{kl} X_{kl}}{X_i X_j}$, negative values set to zero. This
# is **pointwise mutual information**, a close relative of (eq:log-count).

# %%
Z = prose_counts.to_dense()
information = (Z * Z.sum() / Z.sum(0) / Z.sum(1, keepdim=True)).log().clamp(min=0)

# %%
by_counts = WordVectors(prose_words, information.float())
for word in ("radius", "data"):
    print(word, [f"{near} {cosine:.2f}" for near, cosine in by_counts.nearest(word, n=3)])
assert {near for near, _ in by_counts.nearest("radius", n=2)} == {"area", "perimeter"}

# %% [markdown]
# *Radius* has found its place. *Data*, which occurs in every document, has not: its nearest words are not near.

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what came and what was
# expected; where it knows the mistake, it names it. 13 points, 52 minutes; your progress is kept.
#
# ### 1. Who meets whom, in a batch
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# The counts (eq:cooccurrence) again, but of a batch as models get it: rows of ids of the same
# length. Id 0 is padding, at the end of a row. Id 1 is `<unk>`, an unknown word: it keeps its place in the sentence,
# but nothing is counted for it. Use `torch` alone, or plain loops. For *a zebra circle a* the distance of *a* and
# *circle* stays 2 on the left side, and the two *a* meet at distance 3, once seen from each. By `count` from above,
# without what holds *unk*:

# %%
from mmgen_course.check import check

by_hand = count([["a", "unk", "circle", "a"]], window=3)
print({pair: round(value, 2) for pair, value in by_hand.items() if "unk" not in pair})
assert by_hand["a", "circle"] == 1 / 2 + 1
assert by_hand["a", "a"] == 2 / 3


# %% tags=["exercise"]
def meetings(ids, n_words, window):
    """Ids (n, t), whole numbers below n_words, 0 padding, 1 unknown -> X (n_words, n_words), floating."""
    # BEGIN SOLUTION
    # Shift the batch by k against itself: each row stays with itself, so that sentences do not meet. An unknown word
    # takes part in no pair, but is not taken out either: that would bring its neighbours together. `accumulate` is
    # needed, since X[i, j] += 1/k would count a pair that stands in the batch twice only once.
    X = torch.zeros(n_words, n_words)
    for k in range(1, min(window, ids.shape[1] - 1) + 1):
        i, j = ids[:, :-k], ids[:, k:]
        real = (i > 1) & (j > 1)
        X.index_put_((i[real], j[real]), torch.tensor(1 / k), accumulate=True)
    return X + X.T
    # END SOLUTION


# %%
check(meetings)

# %% [markdown]
# ### 2. The whole ratio
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# Vectors and biases that satisfy (eq:log-count) give $P_{ik} / P_{jk}$ up to a factor, the text
# says. But they know more: for all $k$ together they know $X_i$ as well. Find the ratio itself, for all $k$. `v` and
# `c` are $\tilde w$ and $\tilde b$. With two words, and $\log X$ as below, for $i = 0$ and $j = 1$:

# %%
two = torch.tensor([[0.0, 1.0], [2.0, 1.5]]).exp()  # X of two words i (rows) and two neighbours k (columns)
first_share, second_share = (two[i, 0].item() / (two[i, 0] + two[i, 1]).item() for i in (0, 1))
print(f"P_00 = {first_share:.3f}, P_10 = {second_share:.3f}, ratio {first_share / second_share:.3f}")


# %% tags=["exercise"]
def ratio_from_vectors(w, v, b, c, i, j):
    """Vectors w, v (V, d), biases b, c (V,), two integers i, j -> P_ik / P_jk for all k, (V,)."""
    # BEGIN SOLUTION
    # P_ik = X_ik / sum_k X_ik is a softmax over k of log X_ik. b_i is the same for a whole row and cancels; c does not:
    # it weighs the terms of the sum. exp((w_i - w_j) . v_k) alone has the right differences between probes, and a
    # wrong factor, for all k the same. The difference of logarithms comes first: no exponential overflows.
    i_row, j_row = (torch.log_softmax(v @ w[word] + c, dim=0) for word in (i, j))
    return (i_row - j_row).exp()
    # END SOLUTION


# %%
check(ratio_from_vectors)

# %% [markdown]
# ### 3. One step, pair by pair
#
# 3 points, 10 minutes, difficulty 1 of 3.
#
# Stanford's program takes one pair a step. Take the step of $n$ pairs at once that share no word
# and so do not disturb each other: plain descent on $J / 2$ by (eq:glove-gradient), $\theta - \eta g$,
# without AdaGrad. Each pair has its own `w`, `v` (a row each), `b`, `c` and count `x`. With $d = 1$, $w = 2$, $v = 1$,
# $b = c = 0$, $x = x_{\max} = 1$ the error is $e = 2$ and $f = 1$. So with the rate 0.1:

# %%
e = 2 * 1 + 0 + 0 - np.log(1)
print(f"w {2 - 0.1 * e * 1:.1f}, v {1 - 0.1 * e * 2:.1f}, b {0 - 0.1 * e:.1f}, c {0 - 0.1 * e:.1f}")


# %% tags=["exercise"]
def pair_step(w, v, b, c, x, x_max, rate):
    """w, v (n, d), b, c, x (n,), of n pairs; alpha = 3/4 -> the new (w, v, b, c), a tuple; the old ones stay."""
    # BEGIN SOLUTION
    # All four gradients belong to the point where the step begins. Written as w = w - ...; v = v - ... * w the second
    # line would use the new w: a bug in many programs, invisible in the loss as long as steps are small. And w -= ...
    # would change the caller's tensor.
    error = (w * v).sum(dim=1) + b + c - x.log()
    push = rate * (x / x_max).clamp(max=1) ** 0.75 * error
    return w - push[:, None] * v, v - push[:, None] * w, b - push, c - push
    # END SOLUTION


# %%
check(pair_step)

# %% [markdown]
# ### 4. A word that comes late
#
# 4 points, 18 minutes, difficulty 3 of 3.
#
# Training is over when a new word turns up, with its counts `x` of meetings with all $V$ known
# words, zero with some. The known ones stay as they are: `v` and `c` are $\tilde w$ and $\tilde b$. Which $w$ and $b$
# make its part of (eq:glove-objective) least? No steps are needed: $e$ is linear in $w$ and $b$, so this is a problem
# of **weighted least squares**. `torch.linalg.lstsq(A, y).solution` minimises $\|A \theta - y\|^2$, `y` a matrix of
# one column; a NaN or an infinity in them makes it stop with an "internal error". Mind the zeros: the weight of a zero
# is 0, but that does not save its logarithm. With one unknown, two equations $\theta = 1$ and $\theta = 4$, and weights
# 1 and 2:

# %%
thetas = torch.linspace(0, 5, 5001)
J_of_theta = 1 * (thetas - 1) ** 2 + 2 * (thetas - 4) ** 2
print(f"least at theta = {thetas[J_of_theta.argmin()]:.3f}, the mean with the weights 1 and 2")
print("0 times the logarithm of 0:", 0 * torch.tensor(0.0).log().item())
assert round(thetas[J_of_theta.argmin()].item(), 3) == 3


# %% tags=["exercise"]
def late_word(v, c, x, x_max):
    """v (V, d), c (V,), counts x (V,) >= 0 of the new word; alpha = 3/4 -> a tuple: w (d,), and b, a number."""
    # BEGIN SOLUTION
    # A column of ones carries b. Each equation is multiplied by the *root* of its weight, because least squares
    # squares it; multiplied by f itself it would count f^2 times. Pairs that never met have no equation: no log(1 + x)
    # and no tiny number in the place of 0. In the example the two rows would be 1 and sqrt(2).
    met = x > 0
    root = (x[met] / x_max).clamp(max=1)[:, None] ** 0.375
    A = torch.cat([v[met], torch.ones(int(met.sum()), 1)], dim=1)
    theta = torch.linalg.lstsq(root * A, root * (x[met].log() - c[met])[:, None]).solution[:, 0]
    return theta[:-1], theta[-1]
    # END SOLUTION


# %%
check(late_word)

# %% [markdown]
# ## What to remember
#
# - Words are told apart by ratios: what goes with one of them far more often than with the other.
# - GloVe fits $w_i^\top \tilde w_j + b_i + \tilde b_j$ to $\log X_{ij}$, where a pair counts the more, the more often
#   it was seen. With enough dimensions the fit is exact. With fewer, words with similar company share their vectors.
# - Vectors know company, not meaning. Synonyms and words that merely follow *an* look alike to them.
# - The text decides. The same method knows synonyms after 400,000 words about scenes, and little after 3,000 of prose.
# - A mean of word vectors, however good, forgets the order. Unknown words must be reported, never be zeros.

# %% [markdown]
# ## Three questions
#
# **1.** Double every $w_i$ and halve every $\tilde w_j$. What happens to $J$, and what to the nearest words by the
# cosine of $w_i$? And if $w_i$ is replaced by $A w_i$ and $\tilde w_j$ by $A^{-\top} \tilde w_j$?
#
# <details><summary>Answer</summary>
#
# $J$ stays in both cases, because $(A w_i)^\top A^{-\top} \tilde w_j = w_i^\top \tilde w_j$. Doubling leaves the
# cosines of $w$ alone, but a general $A$ changes them. So the objective does not determine the neighbours. That they
# are good all the same is due to the training, which begins with small random vectors and treats all directions alike.
#
# </details>
#
# **2.** In real text *small* and *large* are often nearest neighbours. Why? And what keeps them apart here?
#
# <details><summary>Answer</summary>
#
# Opposites stand in the same places: *a small house*, *a large house*. Only words that go with one of them, and seldom
# with the other, pull them apart. Our prose has such words for every value, *ant* and *seed* against *whale* and
# *mountain*. In captions alone *small* and *large* could hardly be told apart.
#
# </details>
#
# **3.** What would change if pairs with $X_{ij} = 0$ took part, with $\log(1 + X_{ij})$ for the logarithm and $f = 1$?
#
# <details><summary>Answer</summary>
#
# All $V^2$ pairs would have to be visited, instead of those that meet, 160 billion for 400,000 words. And most of the
# loss would come from zeros, most of which mean nothing but that the text was too short.
#
# </details>

# %% [markdown]
# ## References
#
# - J. Pennington, R. Socher, C. D. Manning, *GloVe: Global Vectors for Word Representation*, EMNLP 2014. The program:
#   `stanfordnlp/GloVe` on GitHub; its weight, window, starting values and file format are those of this lesson.
# - J. R. Firth, *A Synopsis of Linguistic Theory, 1930-1955*, in Studies in Linguistic Analysis, 1957: "You shall know
#   a word by the company it keeps."
# - J. Duchi, E. Hazan, Y. Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*, JMLR
#   12, 2011: AdaGrad.
# - O. Levy, Y. Goldberg, *Linguistic Regularities in Sparse and Explicit Word Representations*, CoNLL 2014: what
#   analogies by sums measure.
# - O. Levy, Y. Goldberg, *Neural Word Embedding as Implicit Matrix Factorization*, NIPS 2014: vectors and pointwise
#   mutual information.
#
# Next: **5. Attention**, where each word keeps its own vector and decides where to look.
