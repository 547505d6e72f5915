# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 5. Attention: which word looks where
#
# **You will be able to**
#
# - derive attention from a dictionary look-up, with the reason for each part: the softmax, the $\sqrt d$, the mask, the
#   heads, the position code;
# - find the four mistakes that do not crash: the wrong index, the wrong scale, a mask too late, no positions;
# - show which region of a picture each word looks at, and measure what such a map is worth.
#
# 55 minutes. You need lessons 2 to 4, and the variance of a sum.

# %% [markdown]
# ## Which of the two is yellow?

# %%
import math
from dataclasses import replace

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F

from mmgen_course import data, scenes, show, widgets
from mmgen_course.preprocess.image import to_tensor
from mmgen_course.preprocess.text import tokenize
from mmgen_course.recipes.grounding import load_grounding

look = load_grounding()  # a small network that ships with the course
caption = "a yellow cross left of a purple star"
pictures = scenes.render([scenes.parse(caption).complete()])
seen = look(pictures, [caption])
maps = rearrange(seen.weights[0], "t (row column) -> t row column", row=8)  # one map a word
words = caption.split()

# %%
alt = "A yellow cross left of a purple star, and four maps: yellow and cross are bright on the left, "
alt += "purple and star on the right."
with show.figure(alt, columns=5, height=1.8) as [first, *others]:
    show.picture(first, pictures[0], "picture")
    for axes, t in zip(others, (1, 2, 6, 7), strict=True):
        axes.imshow(maps[t], cmap="magma", vmin=0)
        axes.set(title=words[t], xticks=[], yticks=[])

# %% [markdown]
# Each map shows how much a word looks at each of the 8 times 8 regions of the picture. *Yellow* and *cross* look left,
# *purple* and *star* look right. The network that makes these maps was told, of many captions, which words are **true**
# of a picture and which are not. Nobody ever showed it where a cross is. Does it understand the caption? At the end of
# this lesson you will have measured what such a map proves, and what it does not.

# %%
left = maps[:, :, :4].sum((1, 2))  # what each word gives to the left half
print({words[t]: f"{left[t]:.0%} left" for t in (1, 2, 6, 7)})
assert min(left[1], left[2]) > 0.85
assert max(left[6], left[7]) < 0.2

# %% [markdown]
# A picture has 64 regions, a caption has any number of words, and which region matters depends on the word. So we need
# an operation that takes a word and picks what it needs out of a set of any size. It is called **attention**. Most of
# the large models of today, for text, images or both, are built from it.

# %% [markdown]
# ## A dictionary that gives soft answers
#
# Python's dictionary compares a **query** with its **keys** and returns the **value** of the key that is equal.

# %%
values = {"red": (0.88, 0.10, 0.12), "blue": (0.12, 0.25, 0.90)}
print(values["red"])
print("scarlet" in values)

# %% [markdown]
# *Scarlet* is not there, although *red* is close. And nothing can be learned here: an answer that jumps from one value
# to the next has no derivative. So let every value answer, each with a weight that tells how well its key fits:
#
# $$ o = \sum_{j=1}^{S} a_j\, v_j, \qquad a_j \ge 0, \qquad \sum_{j=1}^{S} a_j = 1 \label{eq:soft-lookup} $$
#
# Here $v_1, \dots, v_S$ are the values, and the answer $o$ is their weighted mean. The word vectors of lesson 4 make
# good keys. Ask eight colour words for their colour by a word that none of them is, *crimson*. How we get from dot
# products to weights is the next section.

# %%
from mmgen_course.features.glove import load_scene_vectors

vectors = load_scene_vectors()
k = torch.stack([vectors[word] for word in scenes.COLOURS])  # keys (8, 50)
v = torch.tensor([scenes.RGB[word] for word in scenes.COLOURS])  # values (8, 3)
s = k @ vectors["crimson"]  # scores (8,)
a = s.exp() / s.exp().sum()
o = a @ v  # (eq:soft-lookup)
print({word: round(x, 2) for word, x in zip(scenes.COLOURS, a.tolist(), strict=True) if x > 0.005})
print("colour of 'crimson':", [round(x, 2) for x in o.tolist()], "- red is", scenes.RGB["red"])
assert a.argmax() == scenes.COLOURS.index("red")
assert torch.allclose(o, v[0], atol=0.05)

# %% [markdown]
# The dictionary answered a word that it does not hold. This is all that attention does. The rest of the lesson asks how
# to choose the weights, and what can go wrong.

# %% [markdown]
# ## From scores to weights: the softmax
#
# Scores $s_j$ may be any numbers. Weights must be positive and sum to one. The exponential makes them positive, the
# division makes the sum right:
#
# $$ a_j = \mathrm{softmax}(s)_j = \frac{e^{s_j}}{\sum_{k=1}^{S} e^{s_k}} \label{eq:softmax} $$


# %%
def softmax(s):
    e = s.exp()
    return e / e.sum(-1, keepdim=True)


s = torch.tensor([2.0, 1.0, -1.0])
a = softmax(s)
print(a)
assert torch.allclose(a.sum(), torch.tensor(1.0))

# %% [markdown]
# Only differences of scores matter. Add the same $c$ to all of them, and $e^c$ cancels:
#
# $$ \mathrm{softmax}(s + c)_j = \frac{e^{c}\, e^{s_j}}{\sum_k e^{c}\, e^{s_k}} = \mathrm{softmax}(s)_j
#    \label{eq:softmax-shift} $$
#
# That is more than a curiosity. $e^{100}$ does not fit into a `float32`, and infinity by infinity is not a number. By
# (eq:softmax-shift) we may subtract the largest score first; then no exponent is positive.

# %%
big = s + 100
print("as it stands:", softmax(big), " largest subtracted:", softmax(big - big.max()))
assert softmax(big).isnan().all()
assert torch.allclose(softmax(big - big.max()), a)

# %% [markdown]
# How sharp is the choice? Divide the scores by a **temperature** $\tau > 0$:
#
# $$ a_j(\tau) = \mathrm{softmax}(s / \tau)_j, \qquad
#    \frac{a_i(\tau)}{a_j(\tau)} = e^{(s_i - s_j)/\tau} \label{eq:temperature} $$
#
# The ratio of two weights says it all. As $\tau \to 0$ the largest score takes everything: Python's dictionary. As
# $\tau \to \infty$ all ratios become one: the plain mean of lesson 2.

# %%
tau = torch.logspace(-1.5, 2, 80)
a = softmax((s - s.max()) / tau[:, None])  # (80, 3), (eq:temperature)
with show.figure("Three weights against temperature: one of them is 1 at the left, all are a third at the right.") as [
    axes
]:
    for j in range(3):
        axes.semilogx(tau, a[:, j], label=f"score {s[j]:.0f}")
    axes.set(xlabel="temperature", ylabel="weight", ylim=(-0.03, 1.03))
    axes.legend()

# %%
print("hot:", [round(x, 2) for x in a[-1].tolist()], " cold:", [round(x, 2) for x in a[0].tolist()])
assert torch.allclose(a[-1], torch.tensor(1 / 3), atol=0.02)
assert torch.allclose(a[0], torch.tensor([1.0, 0, 0]), atol=1e-4)
assert torch.allclose((a[:, 0] / a[:, 1]), (1 / tau).exp(), rtol=1e-3)

# %% [markdown]
# ### Its derivative
#
# Attention learns through the softmax, so we need its derivative. Take the logarithm of (eq:softmax): $\log a_i = s_i -
# \log \sum_k e^{s_k}$. Differentiate by $s_j$. The first term gives 1 if $i = j$, the second gives $e^{s_j} / \sum_k
# e^{s_k} = a_j$. On the left stands $\frac{1}{a_i} \frac{\partial a_i}{\partial s_j}$. So
#
# $$ \frac{\partial a_i}{\partial s_j} = a_i \left( [i = j] - a_j \right), \qquad
#    J = \mathrm{diag}(a) - a\, a^{\top} \label{eq:softmax-jacobian} $$
#
# where $[i = j]$ is one if $i = j$ and zero otherwise. Run (eq:softmax-jacobian) against automatic differentiation:

# %%
a = softmax(s)
J = torch.diag(a) - torch.outer(a, a)  # (eq:softmax-jacobian)
J_auto = torch.autograd.functional.jacobian(softmax, s)
print(J)
assert torch.allclose(J, J_auto, atol=1e-6)
assert torch.allclose(J.sum(1), torch.zeros(3), atol=1e-6)

# %% [markdown]
# Each row sums to zero: a shift of all scores changes nothing, as (eq:softmax-shift) said. Off the diagonal all entries
# are negative, for a key can only win what others lose. And look at the size: if one weight is 1 and the rest are 0,
# every entry of $J$ is **zero**. A softmax that is sure of itself passes no gradient on. Keep that in mind.

# %%
for temperature in (1, 0.1, 0.01):
    a = (s / temperature).softmax(0)
    J = torch.diag(a) - torch.outer(a, a)
    print(f"temperature {temperature:4}: largest weight {a.max():.4f}, largest entry of J {J.abs().max():.6f}")
assert J.abs().max() < 1e-6

# %% [markdown]
# ## Why the scores are divided by the root of d
#
# The simplest score of query $q$ and key $k$ is their dot product. How large is it? Suppose that all $d$ components are
# independent with mean zero, those of $q$ with variance $\sigma_q^2$, those of $k$ with $\sigma_k^2$. One product has
# mean $\mathbb{E}[q_i]\, \mathbb{E}[k_i] = 0$ and variance $\mathbb{E}[q_i^2 k_i^2] = \mathbb{E}[q_i^2]\,
# \mathbb{E}[k_i^2] = \sigma_q^2 \sigma_k^2$. Variances of independent terms add up:
#
# $$ \mathrm{Var}(q \cdot k) = \sum_{i=1}^{d} \mathrm{Var}(q_i k_i) = d\, \sigma_q^2\, \sigma_k^2
#    \label{eq:dot-variance} $$
#
# With the same $\sigma$ for both that is $d\, \sigma^4$. It is easy to write $d\, \sigma^2$ here, one $\sigma$ for each
# factor, or to confuse a variance with a standard deviation. At $\sigma = 1$ **all of these agree**, so nobody notices.
# Measure at $\sigma = 2$:

# %%
generator = torch.Generator().manual_seed(0)
n, d, sigma = 100_000, 16, 2.0
dot = (sigma * torch.randn(n, d, generator=generator) * sigma * torch.randn(n, d, generator=generator)).sum(1)
measured, error = dot.var().item(), (dot.square().var() / n).sqrt().item()
formulas = {"dσ⁴": d * sigma**4, "dσ²": d * sigma**2, "dσ": d * sigma}
print(f"measured {measured:.0f} ± {2 * error:.0f};", formulas)
assert abs(measured - d * sigma**4) < 4 * error < 0.1 * d * sigma**4

# %% [markdown]
# So the typical size of a score grows like $\sqrt{d}$, its standard deviation. Divide it away:
#
# $$ s = \frac{q \cdot k}{\sqrt{d}}, \qquad \mathrm{Var}(s) = \sigma_q^2\, \sigma_k^2 \label{eq:scaled-score} $$
#
# which is 1 for components of variance 1, whatever $d$ is. Without the division a larger $d$ is a lower temperature,
# and we know what that does to $J$. Measure both, for queries among $S = 64$ keys: the largest weight, and the sum of
# the diagonal of $J$, which is $\sum_j a_j (1 - a_j)$.


# %%
def saturation(d, scale):
    q, k = (torch.randn(200, rows, d, generator=generator) for rows in (1, 64))
    a = (q @ k.mT * scale).softmax(-1)  # (200, 1, 64)
    return a.amax(-1).mean().item(), (a * (1 - a)).sum(-1).mean().item()


dims = [4, 16, 64, 256, 1024]
table = {name: [saturation(d, d**power) for d in dims] for name, power in {"q·k": 0, "q·k / √d": -0.5}.items()}
for name, row in table.items():
    print(f"{name:9}", "  ".join(f"d={d}: {weight:.1f}" for d, (weight, _) in zip(dims, row, strict=True)))

# %%
alt = "Left: without the root the largest weight rises to nearly one with d, with it it stays low. "
alt += "Right: without the root the gradient falls towards zero, with it it stays near one."
with show.figure(alt, columns=2) as (left_axes, right_axes):
    for name, row in table.items():
        left_axes.semilogx(dims, [weight for weight, _ in row], "o-", label=name)
        right_axes.semilogx(dims, [trace for _, trace in row], "o-", label=name)
    left_axes.set(xlabel="d", ylabel="largest of 64 weights", ylim=(0, 1.03))
    right_axes.set(xlabel="d", ylabel="sum of the diagonal of J", ylim=(0, 1.03))
    left_axes.legend()

# %%
(sharp, flat), (mild, steep) = table["q·k"][-1], table["q·k / √d"][-1]
print(f"d = 1024: largest weight {sharp:.1f} against {mild:.1f}; gradient {flat:.1f} against {steep:.1f}")
assert sharp > 0.9 > 0.2 > mild
assert flat < 0.15 < 0.9 < steep

# %% [markdown]
# At the start of training a network of size $d = 1024$ without the root chooses one key at random, is sure of it, and
# gets hardly any gradient to change its mind. With the root it starts undecided and can learn. The division does not
# forbid sharp weights: queries and keys can grow.

# %% [markdown]
# ## All queries at once, and which index is summed
#
# Write the $L$ queries as rows of $Q$ $(L, d)$, the $S$ keys as rows of $K$ $(S, d)$, the values as rows of $V$ $(S,
# e)$. Then all scores are one matrix product, and so are all outputs:
#
# $$ A_{ij} = \frac{\exp(q_i \cdot k_j / \sqrt{d})}{\sum_{m=1}^{S} \exp(q_i \cdot k_m / \sqrt{d})}, \qquad
#    O = A\, V \label{eq:attention} $$
#
# $A$ is $(L, S)$: a row for each query, a column for each key. $O$ is $(L, e)$: **one output for each query**, however
# many keys there are.


# %%
def attention(Q, K, V):
    scores = Q @ K.mT / math.sqrt(Q.shape[-1])  # (L, S)
    A = scores.softmax(-1)  # over the keys
    return A @ V, A


L, S, d, e = 3, 5, 4, 2
Q, K, V = (torch.randn(shape, generator=generator) for shape in [(L, d), (S, d), (S, e)])
output, A = attention(Q, K, V)
by_hand = sum(A[1, j] * V[j] for j in range(S))  # (eq:soft-lookup) for the query with i = 1
print(tuple(output.shape), tuple(A.shape), "rows sum to", [round(x, 2) for x in A.sum(1).tolist()])
assert torch.allclose(output[1], by_hand, atol=1e-6)

# %% [markdown]
# **The sum runs over the keys.** It sounds obvious. Yet the article that this course grew from writes $A$ as $N \times
# M$ and sums over $k = 1, \dots, N$, that is over the **rows**, while it normalises the entry $A_{ij}$. In code it is
# the difference between `softmax(-1)` and `softmax(0)`. Both run. Both give positive numbers. Is the second one a
# weighted mean?

# %%
scores = Q @ K.mT / math.sqrt(d)
A_wrong = scores.softmax(0)  # over the queries
print("sums over the keys:", [round(x, 2) for x in A_wrong.sum(1).tolist()])
assert not torch.allclose(A_wrong.sum(1), torch.ones(L), atol=0.1)
assert torch.allclose(A_wrong.sum(0), torch.ones(S))

# %% [markdown]
# Now keys hand out weights to queries. Two things break. The rows do not sum to one, so the output is no mean of
# values. And the output of one query depends on **which other queries happen to be there**. Ask the first query alone:

# %%
alone = scores[:1].softmax(0) @ V
together = (A_wrong @ V)[:1]
print("asked alone, every weight is 1:", scores[:1].softmax(0).tolist()[0])
assert torch.allclose(alone[0], V.sum(0))
assert not torch.allclose(alone, together, atol=0.1)
assert torch.allclose(attention(Q[:1], K, V)[0], output[:1], atol=1e-6)

# %% [markdown]
# A word that is asked alone gets the sum of all values, whatever it asked. The last line checks that right attention
# does not care who else asks.
#
# The article stops at $A$, as if the weights were the output. They are not. $A$ says **where** each query looked, and
# has as many columns as there are keys. $O = AV$ says **what** it found there. Change the values, and $A$ does not even
# notice:

# %%
other, A_other = attention(Q, K, 10 * V + 1)
print("weights changed:", not torch.equal(A, A_other), "- output changed:", not torch.allclose(output, other))
assert torch.equal(A, A_other)
assert torch.allclose(other, 10 * output + 1, atol=1e-5)

# %% [markdown]
# ## Masks
#
# Lesson 2 ended with a rule: whatever sums over positions takes the mask. Attention sums over keys. With $m_{ij} = 1$
# where query $i$ may see key $j$ and 0 elsewhere,
#
# $$ A_{ij} = \frac{m_{ij} \exp(s_{ij})}{\sum_{k} m_{ik} \exp(s_{ik})} \label{eq:masked-attention} $$
#
# Since $e^{-\infty} = 0$, the usual way is to put $-\infty$ in place of the forbidden scores, **before** the softmax.
# Two masks come up everywhere. The padding mask hides the filling behind a short caption. The **causal** mask lets
# position $i$ see only $j \le i$, so that a model can be trained to guess the next word without seeing it.

# %%
seen_before = torch.ones(6, 6, dtype=torch.bool).tril()  # causal
padding = (torch.arange(6) < 4).expand(6, 6)  # a caption of 4 words in a batch of length 6
scores = torch.randn(6, 6, generator=generator)
masked = {
    name: scores.masked_fill(~mask, -math.inf).softmax(-1)  # (eq:masked-attention)
    for name, mask in {"no mask": torch.ones(6, 6) > 0, "padding": padding, "causal": seen_before}.items()
}

# %%
alt = (
    "Three 6 by 6 matrices of weights: full, with two dark columns at the right, and with a dark upper right triangle."
)
with show.figure(alt, columns=3, height=2.5) as grid:
    for axes, (name, A) in zip(grid, masked.items(), strict=True):
        axes.imshow(A, cmap="magma", vmin=0, vmax=1)
        axes.set(title=name, xlabel="key", xticks=[], yticks=[])
    grid[0].set_ylabel("query")

# %%
for A in masked.values():
    assert torch.allclose(A.sum(1), torch.ones(6))
print("first row of the causal one:", masked["causal"][0].tolist())
assert masked["causal"][0].tolist() == [1, 0, 0, 0, 0, 0]

# %% [markdown]
# Three shortcuts look right and are not.
#
# **Zero after the softmax.** The forbidden keys have already taken their share of the sum. What is left of row $i$ adds
# up to
#
# $$ \sum_{j} m_{ij}\, \mathrm{softmax}(s_i)_j = \frac{\sum_j m_{ij}\, e^{s_{ij}}}{\sum_j e^{s_{ij}}} \le 1
#    \label{eq:masked-too-late} $$
#
# **A score of zero** for the forbidden. Zero is a score like any other, and $e^0 = 1$.
#
# **A large negative number**, such as $-10^9$. It works, until everything is forbidden: then all scores are equal
# again.

# %%
mask = padding.clone()
mask[0] = False  # the first query may see nothing
too_late = scores.softmax(-1) * mask
zero_score = scores.masked_fill(~mask, 0).softmax(-1)
large_negative = scores.masked_fill(~mask, -1e9).softmax(-1)
print("rows sum to", [round(x, 2) for x in too_late.sum(1).tolist()])
print("weight on forbidden keys:", [round(x, 2) for x in (zero_score * ~mask).sum(1).tolist()])
print("large negative, first row:", [round(x, 2) for x in large_negative[0].tolist()])
assert too_late[1:].sum(1).max() < 0.97
assert (zero_score * ~mask).sum(1).min() > 0.1
assert torch.allclose(large_negative[0], torch.tensor(1 / 6))

# %% [markdown]
# And $-\infty$ itself? A row without any allowed key is $0/0$, and the NaN spreads to everything that it touches, in
# the forward pass and in the gradients. It happens: an empty caption in a batch is enough. So it needs a
# **definition**. In this course a query that may see nothing gets weights 0, output 0 and gradients 0. PyTorch's fused
# attention does the same, its older module does not:

# %%
nothing = scores.masked_fill(~mask, -math.inf).softmax(-1)[0]
x = torch.randn(1, 6, 8, generator=generator)
fused = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)[0, 0]
module = nn.MultiheadAttention(8, 1, batch_first=True)(x, x, x, attn_mask=~mask)[0][0, 0]
print("softmax NaN:", bool(nothing.isnan().all()), "- fused: all", fused.unique().tolist())
print("nn.MultiheadAttention NaN:", bool(module.isnan().all()), "(and there True means forbidden)")
assert nothing.isnan().all()
assert (fused == 0).all()
assert module.isnan().all()

# %% [markdown]
# ## Heads
#
# One softmax gives one mean. But *above*, in *a circle above a square*, has two objects to look at. If it gives each
# half of its weight, it learns the mean of both: a circle here and a square there looks the same as a square here and a
# circle there. So let several attentions look side by side, each through its own matrices. With queries from $X$ and
# keys and values from $C$,
#
# $$ H_h = \mathrm{attention}(X W^Q_h,\; C W^K_h,\; C W^V_h), \qquad
#    Y = [H_1, \dots, H_n]\, W^O \label{eq:heads} $$
#
# Each **head** works in $d/n$ dimensions, so that more heads do not mean more weights. If $C = X$ it is
# **self-attention**: words look at words. If $C$ is another modality it is **cross-attention**: words look at regions.
# The matrices make it learnable: they choose what to ask, what to offer, and what to hand over.

# %%
n, D = 4, 32
W_q, W_k, W_v, W_o = (torch.randn(D, D, generator=generator) / D**0.5 for _ in range(4))
X, C = torch.randn(7, D, generator=generator), torch.randn(64, D, generator=generator)  # 7 words, 64 regions


def split(Z):  # columns of Z to heads
    return rearrange(Z, "length (n d) -> n length d", n=n)


H, A = attention(split(X @ W_q), split(C @ W_k), split(C @ W_v))  # (n, 7, D/n), (n, 7, 64)
Y = rearrange(H, "n length d -> length (n d)") @ W_o  # (eq:heads)
print("weights of each head:", tuple(A.shape), " output:", tuple(Y.shape))

# %% [markdown]
# The reference is PyTorch's own module with our weights in it. (It keeps them transposed.)

# %%
reference = nn.MultiheadAttention(D, n, bias=False, batch_first=True)
reference.in_proj_weight.data = torch.cat([W_q.T, W_k.T, W_v.T])
reference.out_proj.weight.data = W_o.T
expected, weights = reference(X[None], C[None], C[None], average_attn_weights=False)
print(f"largest difference {(Y - expected[0]).abs().max():.4f}")
assert torch.allclose(Y, expected[0], atol=1e-5)
assert torch.allclose(A, weights[0], atol=1e-6)

# %% [markdown]
# ## Attention has no order
#
# Shuffle the keys together with their values. The sums in (eq:attention) have the same terms in another order, so
# nothing changes. Shuffle the queries, and the outputs are shuffled alike. With permutation matrices $P$ and $R$:
#
# $$ \mathrm{attention}(P Q,\; R K,\; R V) = P\; \mathrm{attention}(Q, K, V) \label{eq:permutation} $$

# %%
Q, K, V = (torch.randn(shape, generator=generator) for shape in [(3, 4), (5, 4), (5, 2)])
P, R = torch.eye(3)[[2, 0, 1]], torch.eye(5)[[4, 2, 0, 1, 3]]
assert torch.allclose(attention(P @ Q, R @ K, R @ V)[0], P @ attention(Q, K, V)[0], atol=1e-6)
print("(eq:permutation) holds")

# %% [markdown]
# For a *set* of regions that is what we want. For a sentence it is a disaster. Let the words of two captions look at
# each other:

# %%
two = ["red circle above blue square", "blue square above red circle"]
X1, X2 = (torch.stack([vectors[word] for word in text.split()]) for text in two)
mean1, mean2 = (attention(X, X, X)[0].mean(0) for X in (X1, X2))
print(f"largest difference between the two captions: {(mean1 - mean2).abs().max():.6f}")
assert torch.allclose(mean1, mean2, atol=1e-5)

# %% [markdown]
# Attention alone is again a bag of words, (eq:bag) of lesson 2. Every *red* gets the same output, wherever it stands.
# The cure is to say where: add to each word a vector that depends on its position $t$. A number would do in principle,
# but large numbers drown the word. So use waves. With frequencies $\omega_i = 10000^{-2i/d}$,
#
# $$ p(t) = (\sin \omega_0 t, \dots, \sin \omega_{d/2-1} t,\; \cos \omega_0 t, \dots, \cos \omega_{d/2-1} t)
#    \label{eq:position-code} $$
#
# Fast waves tell neighbours apart, slow ones tell beginning from end. And because $\sin x \sin y + \cos x \cos y =
# \cos(x - y)$, the dot product of two codes knows nothing but their distance:
#
# $$ p(t) \cdot p(u) = \sum_{i=0}^{d/2-1} \cos\left( \omega_i (t - u) \right) \label{eq:position-distance} $$

# %%
d = 64
t = torch.arange(50.0)
omega = 10_000 ** (-2 * torch.arange(d // 2) / d)
p = torch.cat([(t[:, None] * omega).sin(), (t[:, None] * omega).cos()], 1)  # (50, 64), (eq:position-code)
distance = t[:, None] - t
assert torch.allclose(p @ p.T, (distance[..., None] * omega).cos().sum(-1), atol=1e-4)  # (eq:position-distance)

# %%
alt = "Left: the codes of 50 positions, waves that are short at the left of each half. "
alt += "Right: their dot products, a bright diagonal that fades with distance."
with show.figure(alt, columns=2) as (left_axes, right_axes):
    left_axes.imshow(p, cmap="RdBu", aspect="auto")
    left_axes.set(xlabel="component", ylabel="position", title="p(t)")
    right_axes.imshow(p @ p.T, cmap="magma")
    right_axes.set(xlabel="position", title="p(t) · p(u)")

# %%
with_code = [attention(*[X + p[:5, :50]] * 3)[0].mean(0) for X in (X1, X2)]
difference = (with_code[0] - with_code[1]).abs().max().item()
print(f"difference between the two captions, with positions: {difference:.2f}")
assert difference > 0.03

# %% [markdown]
# Regions get a code, too, of row and column. Otherwise *left of* would have nothing to go by.

# %% [markdown]
# ## What it costs
#
# Each query meets each key. For $N$ samples with $n$ heads, kept as numbers of 4 bytes, the weights alone need
#
# $$ \text{bytes} = 4\, N\, n\, L\, S \label{eq:attention-memory} $$
#
# Our words and regions are nothing. But let the pixels of a picture look at each other, $L = S = \text{side}^2$:

# %%
for side in (8, 32, 64, 256):
    size = 4 * (side**2) ** 2  # (eq:attention-memory), one picture, one head
    print(f"{side:3} x {side:3}: {side**2:6,} tokens, {size / 2**20:10,.2f} MiB")
assert size / 2**30 == 16

# %% [markdown]
# A picture of 256 by 256 needs 16 GiB for one head. Nobody needs to keep these weights, though. We want $O$, and it can
# be computed while the keys pass by, one after the other. Keep the largest score so far $m$, the sum $\ell$ of $e^{s -
# m}$, and the weighted sum $o$ of the values. When a new key with score $s$ and value $v$ arrives,
#
# $$ m' = \max(m, s), \qquad \ell' = e^{m - m'} \ell + e^{s - m'}, \qquad o' = e^{m - m'} o + e^{s - m'} v
#    \label{eq:online-softmax} $$
#
# and at the end the output is $o / \ell$. By (eq:softmax-shift) it does not matter that $m$ changed on the way: the old
# sums are brought to the new shift.

# %%
q = Q[0]
m, ell, o = torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(2)
for k, v in zip(K, V, strict=True):
    s = q @ k / math.sqrt(4)
    m_new = torch.maximum(m, s)
    ell, o, m = (m - m_new).exp() * ell + (s - m_new).exp(), (m - m_new).exp() * o + (s - m_new).exp() * v, m_new
print("kept in memory: 4 numbers, for any number of keys;", [round(x, 3) for x in (o / ell).tolist()])
assert torch.allclose(o / ell, attention(q[None], K, V)[0][0], atol=1e-6)

# %% [markdown]
# With blocks of keys in place of single ones, this is *FlashAttention* (Dao et al., below). PyTorch's
# `F.scaled_dot_product_attention` works that way. It returns no weights: that is the price. Time it against ours (your
# numbers differ).

# %% tags=["nbval-ignore-output"]
import time

for length in (64, 256, 1024):
    x = torch.randn(1, 4, length, 32, generator=generator)
    seconds = {}
    for function in (attention, F.scaled_dot_product_attention):
        function(x, x, x)
        start = time.perf_counter()
        for _ in range(5):
            function(x, x, x)
        seconds[function.__name__] = (time.perf_counter() - start) / 5
    print(length, {name: f"{1e3 * value:.2f} ms" for name, value in seconds.items()})

# %%
x = torch.randn(1, 4, 1024, 32, generator=generator)
assert torch.allclose(attention(x, x, x)[0], F.scaled_dot_product_attention(x, x, x), atol=1e-5)
print(f"weights that ours holds at length 1,024: {4 * 4 * 1024**2 / 2**20:.0f} MiB; (eq:attention-memory)")

# %% [markdown]
# Both need four times as long for twice the length. The fused one needs memory for the output only.

# %% [markdown]
# ## The same from the package
#
# **From here on we import it.** `mmgen_course.fusion` holds attention with masks, heads, and position codes. Do they
# agree with what we wrote?

# %%
from mmgen_course.fusion import MultiHeadAttention, causal_mask, position_code
from mmgen_course.fusion import attention as attend

for ours, theirs in zip(attention(Q, K, V), attend(Q, K, V), strict=True):
    assert torch.allclose(ours, theirs)
assert torch.equal(causal_mask(6), seen_before)
assert torch.allclose(attend(scores, scores, scores, causal_mask(6))[0][0], scores[0])  # the first sees itself alone
assert torch.allclose(position_code(t, 64), p, atol=1e-5)
heads = MultiHeadAttention(D, context_dim=D, heads=n)
for name, matrix in {"to_q": W_q, "to_k": W_k, "to_v": W_v, "out": W_o}.items():
    heads.load_state_dict({f"{name}.weight": matrix.T, f"{name}.bias": torch.zeros(D)}, strict=False)
assert torch.allclose(heads(X, C)[0], Y, atol=1e-5)
print("the lesson and the package agree")

# %% [markdown]
# A query that may see nothing gets zeros there, and zero gradients. And a mask that is no mask is refused:

# %%
x = torch.randn(6, 8, generator=generator, requires_grad=True)
output, weights = attend(x, x, x, mask)
output.sum().backward()
print(output[0].tolist(), bool(x.grad.isfinite().all()))
try:
    attend(x, x, x, mask.float())
except ValueError as error:
    print(error)
assert (output[0] == 0).all()
assert x.grad.isfinite().all()

# %% [markdown]
# ## Words look at regions
#
# Now the network of the first picture. All of its parts are on the table:
#
# - **Words** are the vectors of lesson 4 with a code of their place in the sentence. Two rounds of self-attention give
#   *yellow* the chance to find out that it belongs to *cross*. Then each word asks: a query $q_t$.
# - **Regions** are the 8 by 8 places of lesson 3's classifier with a code of row and column. Each offers a key $k_j$.
#   Here the key is the value, too.
# - The word finds $o_t = \sum_j a_{tj} k_j$, and is scored by how well that fits what it asked for:
#
# $$ z_t = \frac{q_t \cdot o_t}{\sqrt d} + b_t = \sum_{j} a_{tj}\, s_{tj} + b_t \label{eq:word-truth} $$
#
# So $z_t$ is the mean of the word's scores, weighted by its attention, and a number $b_t$ of the word itself (*a* and
# *of* are always true). A caption is true if each of its words is. If the words are taken as independent,
#
# $$ P(\text{true}) = \prod_{t=1}^{T} \sigma(z_t), \qquad \sigma(z) = \frac{1}{1 + e^{-z}} \label{eq:noisy-and} $$
#
# It was trained on true captions, and on false ones in the same words but for a few: *blue* for *red*, *left* for
# *right*. It was told which words are false. It was **not** told where anything is.

# %%
captions = [
    "a yellow cross left of a purple star",
    "a green cross left of a purple star",
    "a yellow cross left of a small purple star",
    "a yellow cross left of a purple star on a dark background",
]
seen = look(pictures.expand(4, -1, -1, -1), captions)
for text, z, mask in zip(captions, seen.truth, seen.mask, strict=True):
    doubted = [word for word, z_t in zip(text.split(), z[mask].tolist(), strict=True) if z_t < 0]
    verdict = "true" if z[mask].sigmoid().prod() > 0.5 else f"false: {', '.join(doubted)}"  # (eq:noisy-and)
    print(f"{text:58} {verdict}")

# %% [markdown]
# The doubted word stands behind each false caption. How often is it right? Take a true and a false caption of pairs
# whose **compositions were held out** from training, then of new pairs in words that no training caption used, such as
# *mauve*. Chance is one half.

# %%
from mmgen_course.recipes.grounding import accuracy

pairs = [scene for scene in scenes.splits()["held_out_compositions"] if scene.relation][:500]
others = [scene for scene in scenes.splits()["held_out_synonyms"] if scene.relation]
right = {"held-out compositions": accuracy(look, pairs), "unseen words": accuracy(look, others, scenes.HELD_OUT_WORDS)}
print({name: f"{share:.1f} classified rightly" for name, share in right.items()})
assert all(0.8 < share < 0.9 for share in right.values())

# %% [markdown]
# ### Does it look at the right object?
#
# Single pictures prove nothing: choose the right one, and any network looks clever. So measure on the pairs with
# held-out compositions. For each word that names something that only one of the two objects has, ask where its largest
# weight is. Two objects share a picture in halves, so a blind guess is right in one of two cases. This test is known as
# the *pointing game*. For $n$ words with regions $r_i$ and halves $B_i$, the share of hits and its interval (two
# standard errors) are
#
# $$ \hat p \pm 2 \sqrt{\hat p\, (1 - \hat p) / n}, \qquad \hat p = \frac{1}{n} \sum_{i=1}^{n} [\,r_i \in B_i\,]
#    \label{eq:pointing} $$

# %%
HALVES = {
    "left": lambda r, c: c < 4,
    "right": lambda r, c: c >= 4,
    "top": lambda r, c: r < 4,
    "bottom": lambda r, c: r >= 4,
}
row, column = torch.arange(64) // 8, torch.arange(64) % 8
texts = [scenes.caption(scene, words=scenes.BASE_WORDS) for scene in pairs]  # the plainest wording
drawn = scenes.render(pairs)
seen = look(drawn, texts)

# %%
hit = {"shape": [], "colour": [], "size": [], "style": []}
inside = {name: [] for name in hit}
named = []  # (picture, word, name) of each word that is asked
for i, (scene, text) in enumerate(zip(pairs, texts, strict=True)):
    for name in hit:
        values = [getattr(thing, name) for thing in scene.objects]
        for thing, value in zip(scene.objects, values, strict=True):
            if values[0] != values[1]:
                weights = seen.weights[i, text.split().index(value)]
                in_half = HALVES[thing.position](row, column)
                inside[name].append(weights[in_half].sum().item())
                hit[name].append(bool(in_half[weights.argmax()]))
                named.append((i, text.split().index(value), name))

# %%
alt = "Four pairs of bars, one for each attribute, all far above the line of chance at one half."
with show.figure(alt, height=2.6) as [axes]:
    for offset, (label, found) in zip(
        (-0.2, 0.2), {"largest weight": hit, "share of the weight": inside}.items(), strict=True
    ):
        p = [sum(found[name]) / len(found[name]) for name in found]
        error = [2 * (q * (1 - q) / len(found[name])) ** 0.5 for q, name in zip(p, found, strict=True)]  # (eq:pointing)
        axes.bar([x + offset for x in range(4)], p, 0.38, yerr=error if found is hit else None, label=label)
    axes.axhline(0.5, color="black", linestyle=":")
    axes.set(xticks=range(4), xticklabels=list(hit), ylabel="in the half of its object", ylim=(0, 1.25))
    axes.legend(loc="upper right", ncols=2)

# %%
for name, hits in hit.items():
    p = sum(hits) / len(hits)
    print(f"{name:7} {len(hits):5,} words, hits {p:.0%} ± {2 * (p * (1 - p) / len(hits)) ** 0.5:.0%}")
    assert p > 0.8

# %% [markdown]
# Nearly every word looks at its object, in combinations that training never showed. Shapes are the hardest: a single
# region sees only a part of one. It would be easy to stop here, and to write that the network *understands* which
# object is meant.
#
# ### Whose colour is it?
#
# A word could reach these numbers in two ways. It could find its object and look whether that is yellow. Or it could
# simply look for something yellow. On true captions the two look the same. So lie to it, by **exchanging** the colours
# of the two objects: *a purple cross left of a yellow star*. All words can still be found in the picture. Only whose
# they are is wrong. How often does the true caption get the higher probability (eq:noisy-and)? Chance is one half. Ask
# in four wordings, each time about the same pictures.

# %%
differ = [scene for scene in pairs if len({thing.colour for thing in scene.objects}) == 2]
differ = [scene for scene in differ if scene.objects[0].shape != scene.objects[1].shape]
exchanged = []
for scene in differ:
    first, second = scene.objects
    swapped = replace(first, colour=second.colour), replace(second, colour=first.colour)
    exchanged.append(scenes.Scene(swapped, scene.background))
WORDINGS = {
    "full": ("", scenes.words.EVERYTHING),
    "full, but not who is where": ("", ("colour", "size", "style", "background")),
    "short": ("", ("colour", "position")),
    "short, after 'there is'": ("there is ", ("colour", "position")),
}

# %%
shown = scenes.render(differ)
preferred, points = {}, {}
for wording, (opening, naming) in WORDINGS.items():
    true, lie = (
        [opening + scenes.caption(scene, naming=naming, words=scenes.BASE_WORDS) for scene in told]
        for told in (differ, exchanged)
    )
    print(f"{wording:26} {true[0]}")
    seen_true = look(shown, true)
    preferred[wording] = (seen_true.probability > look(shown, lie).probability).float().mean().item()
    points[wording] = [
        bool(HALVES[thing.position](row, column)[weights[text.split().index(thing.colour)].argmax()])
        for scene, text, weights in zip(differ, true, seen_true.weights, strict=True)
        for thing in scene.objects
    ]

# %%
alt = (
    "Bars for four wordings. Colour words that point at their object: near one for all. True caption preferred: above "
)
alt += "0.8 for the full wording and the short one after there is, one half for the other two."
with show.figure(alt, height=2.8) as [axes]:
    place = torch.arange(4)
    axes.barh(
        place - 0.2, [sum(hits) / len(hits) for hits in points.values()], 0.38, label="colour word points at its object"
    )
    axes.barh(place + 0.2, list(preferred.values()), 0.38, label="true caption preferred to the exchanged one")
    axes.axvline(0.5, ymax=0.8, color="black", linestyle=":")
    axes.set(yticks=place, yticklabels=list(WORDINGS), xlim=(0, 1.03), ylim=(3.6, -1.4))
    axes.legend(loc="upper left", fontsize=8, ncols=2)

# %%
print({wording: f"{share:.1f}" for wording, share in preferred.items()})
full, no_place, short, opened = preferred.values()
assert len(scenes.words.OPENINGS) == 4  # all equally likely; the first is empty
assert min(full, opened) > 0.8
assert max(no_place, short) < 0.6
assert min(sum(hits) / len(hits) for hits in points.values()) > 0.95

# %% [markdown]
# The maps are excellent in all four. Yet the network knows whose colour it is only in two.
#
# - Full captions: it notices the exchange nearly always. But leave out *who is where*, and it does hardly better than a
#   coin. So it has not learned to bind *yellow* to *cross*: that would need no places. It has learned to bind *yellow*
#   to a **place**: what is named first and stands *left of* something must be yellow on the left.
# - The short caption fails, too, until two words without any meaning are put in front. They change nothing but the
#   **positions** of the others. In training three of four captions open with such words, so the second object came
#   later. The network has learned where in a sentence it is usually named, not how to find it.
#
# Neither can be seen in the maps. Both follow from the training data: nothing there made the better rule necessary.
# Large models of images and text mix up whose attribute it is, too (Yuksekgonul et al., below). Lesson 6 comes back to
# it.
#
# ### Is the map an explanation?
#
# It is tempting to say "the network called the caption true *because* it looked there". A map is a number of the
# network, not a reason. Test it: hide from each word the regions with the largest weights (the mask of
# (eq:masked-attention)), and see whether the word's truth falls. Compare with hiding as many regions at random.


# %%
def hidden(k, by):
    worst = by.argsort(dim=-1, descending=True)[..., :k]
    visible = torch.ones_like(by, dtype=torch.bool).scatter(-1, worst, False)
    truth = look(drawn, texts, visible).truth
    kept = [truth[i, t] > 0 for i, t, _ in named if seen.truth[i, t] > 0]  # of the words that it believed
    return 1 - torch.stack(kept).float().mean().item()


generator = torch.Generator().manual_seed(1)
at_random = torch.rand(seen.weights.shape, generator=generator)
counts = [1, 2, 4, 8, 16]
turned = {
    "largest weights": [hidden(k, seen.weights) for k in counts],
    "random": [hidden(k, at_random) for k in counts],
}

# %%
alt = "Share of words that are no longer believed against regions hidden: it rises steeply for the largest weights, "
alt += "and stays near zero for random regions."
with show.figure(alt, height=2.5) as [axes]:
    for name, shares in turned.items():
        axes.plot(counts, shares, "o-", label=f"hidden: {name}")
    axes.set(xlabel="regions hidden, of 64", ylabel="words no longer believed", ylim=(-0.03, 1.03), xticks=counts)
    axes.legend()

# %%
one, many = turned["largest weights"][0], turned["largest weights"][-1]
print(f"hidden: the largest {one:.0%}, the 16 largest {many:.0%}, 16 at random {turned['random'][-1]:.0%}")
assert one < 0.3
assert many > 0.6
assert turned["random"][-1] < 0.15

# %% [markdown]
# Hide the one region with the largest weight, and most words do not change their minds: its neighbours show the same
# object. Hide the sixteen largest, and most do; sixteen at random hardly matter. So this network does use what it looks
# at. That is not always so. Jain and Wallace (below) found text classifiers whose attention could be replaced by quite
# another one without changing the answer. In ours a word's truth **is** the mean of the scores that direct its
# attention, (eq:word-truth), so the two cannot part. And still the map did not show what the network had failed to
# learn. It took a question to find out.

# %% [markdown]
# ## Look for yourself
#
# Type what the picture shows, and a caption that may or may not be true of it. Each small picture is lit where one word
# looks; a word with a question mark is not believed. Change a colour, exchange the two colours, try synonyms such as
# *lemon* and *mauve*, then a word that nobody knows.


# %%
def where_words_look(picture, caption):
    scenes.parse(caption)  # says clearly what it cannot read
    drawn = scenes.render([scenes.parse(picture).complete()])
    seen = look(drawn, [caption])
    words = tokenize(caption)
    maps = rearrange(seen.weights[0], "t (row column) -> t 1 row column", row=8)
    light = F.interpolate(maps / maps.amax((2, 3), keepdim=True), size=32, mode="bilinear")  # (T, 1, 32, 32)
    lit = (drawn + 1) * (0.15 + 0.85 * light) - 1
    titles = [word if z > 0 else f"{word} ?" for word, z in zip(words, seen.truth[0].tolist(), strict=True)]
    said = f"{caption}: true with probability {seen.probability[0]:.0%}"
    return show.gallery(torch.cat([drawn, lit]), ["picture", *titles], columns=7), said


widgets.explorer(
    where_words_look,
    picture=widgets.text("Picture", "a yellow cross left of a purple star"),
    caption=widgets.text("Caption", "a green cross left of a purple star"),
)

# %% [markdown]
# ## On real data
#
# Attention needs no training if the keys are examples with known answers. Take scikit-learn's handwritten digits: 900
# images are the **keys**, their labels are the **values**, a new image is the **query**. In 1964, Nadaraya and Watson
# proposed this mean for regression, with weights that fall with the distance:
#
# $$ \hat y(q) = \sum_{j} \frac{\exp\left(-\lVert q - k_j \rVert^2 / 2 \tau^2\right)}
#                               {\sum_{m} \exp\left(-\lVert q - k_m \rVert^2 / 2 \tau^2\right)}\; y_j
#    \label{eq:nadaraya-watson} $$
#
# It is a softmax over keys, applied to values. You have met it before: (eq:vote) in lesson 0. Is it dot-product
# attention? Multiply the square out:
#
# $$ -\frac{\lVert q - k_j \rVert^2}{2\tau^2}
#     = \frac{q \cdot k_j}{\tau^2} - \frac{\lVert k_j \rVert^2}{2 \tau^2} - \frac{\lVert q \rVert^2}{2 \tau^2}
#    \label{eq:kernel-attention} $$
#
# The last term is the same for all keys, so by (eq:softmax-shift) it drops out. The first is a dot product, with
# $\tau^2$ where $\sqrt d$ was. The second stays: a distance punishes **long** keys, a dot product does not. If all keys
# have the same length, the two are the same. Do they here?

# %%
samples = data.digits()
images = torch.stack([to_tensor(sample.image)[0].flatten() for sample in samples])  # (1797, 64)
names = list(dict.fromkeys(sample.caption.split()[-1] for sample in samples))
labels = torch.tensor([names.index(sample.caption.split()[-1]) for sample in samples])
keys, answers = images[:900], F.one_hot(labels[:900], 10).float()
choose, test = slice(900, 1200), slice(1200, None)  # the first to choose tau, the second to measure


def read(queries, tau, punish_length=True):
    scores = queries @ keys.T / tau**2  # (eq:kernel-attention)
    if punish_length:
        scores = scores - keys.square().sum(1) / (2 * tau**2)
    return scores.softmax(1) @ answers  # (N, 10), (eq:nadaraya-watson)


# %%
direct = (-(torch.cdist(images[test], keys) ** 2) / (2 * 0.4**2)).softmax(1) @ answers
assert torch.allclose(read(images[test], 0.4), direct, atol=1e-3)
taus = torch.logspace(-1, 0.8, 25).tolist()


def judge(p, truth):  # share read correctly, and mean surprise at the truth in nats
    return (p.argmax(1) == truth).float().mean().item(), -p.gather(1, truth[:, None]).clamp(1e-6).log().mean().item()


curve = {punish: [judge(read(images[choose], tau, punish), labels[choose]) for tau in taus] for punish in (True, False)}

# %%
alt = "Left: share of digits read correctly against tau. The distance is near 0.97 for small tau, then falls; "
alt += (
    "the dot product is near 0.7, rises to 0.9, and falls. Right: surprise, a valley that is deeper for the distance."
)
with show.figure(alt, columns=2) as (left_axes, right_axes):
    for punish, name in ((True, "distance"), (False, "dot product")):
        left_axes.semilogx(taus, [share for share, _ in curve[punish]], label=name)
        right_axes.semilogx(taus, [surprise for _, surprise in curve[punish]], label=name)
    left_axes.set(xlabel="τ", ylabel="read correctly", ylim=(0, 1.03))
    right_axes.set(xlabel="τ", ylabel="surprise (nats)", ylim=(0, 3))
    left_axes.legend()

# %%
best = taus[min(range(len(taus)), key=lambda i: curve[True][i][1])]
share, surprise = judge(read(images[test], best), labels[test])
_, hard_surprise = judge(read(images[test], 0.1), labels[test])
dot_share, _ = judge(read(images[test], best, punish_length=False), labels[test])
print(f"tau {best:.1f}: {share:.0%} read correctly, surprise {surprise:.1f}; at tau 0.1 surprise {hard_surprise:.1f}")
print(f"dot product without the lengths: {dot_share:.0%}")
assert 0.2 < best < 0.5
assert share > 0.95 > 0.8 > dot_share
assert surprise < 0.25 < 2 * surprise < hard_surprise
assert max(share for share, _ in curve[False]) < 0.93 < 0.95 < max(share for share, _ in curve[True])

# %% [markdown]
# No training at all, and more than 95 of 100 digits are read. Three things to take from it.
#
# **The temperature is a real choice.** For a small $\tau$ a single key decides. As many digits are read, but the
# answers are all sure of themselves, also the wrong ones, and the surprise is high. For a large $\tau$ everybody votes.
#
# **A dot product is no distance.** The long keys, digits with much ink, draw attention from everybody, and no $\tau$
# makes up for it. This is one reason why attention in networks looks through learned matrices, and why inputs are
# normalised first.
#
# **Values need not be labels.** Let the values be the *images*: then attention is a memory that completes what it is
# shown. Cover the lower half of the digits and ask with the upper half alone.

# %%
upper = torch.arange(64) < 32
queries = images[test][:8].clone()
weights = (-(torch.cdist(queries[:, upper], keys[:, upper]) ** 2) / (2 * 0.3**2)).softmax(1)
recalled = weights @ keys
covered = torch.where(upper, queries, torch.tensor(0.5))
shown = torch.cat([images[test][:8], covered, recalled]).reshape(-1, 1, 8, 8)
show.images(shown * 2 - 1, columns=8, alt="Eight digits; the same with the lower half grey; and recalled in full.")

# %%
queries = images[test]
weights = (-(torch.cdist(queries[:, upper], keys[:, upper]) ** 2) / (2 * 0.3**2)).softmax(1)
error = (weights @ keys - queries)[:, ~upper].square().mean().sqrt().item()
blind = (keys.mean(0) - queries)[:, ~upper].square().mean().sqrt().item()
print(f"error of the lower half: {error:.2f} by attention, {blind:.2f} by the mean of all digits")
assert error < 0.8 * blind

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what came and what was
# expected; where it knows the mistake, it names it. 12 points, 50 minutes; your progress is kept. Each answer stands
# alone: it may use what this lesson imported (`math`, `torch`, `nn`, `F`, `rearrange`), not its other functions.
#
# ### 1. How cold
#
# 2 points, 8 minutes, difficulty 1 of 3.
#
# The $d$ components of a query are independent, with mean 0 and standard deviation $\sigma_q$,
# those of a key likewise with $\sigma_k$. Key A has a dot product with the query that lies one standard deviation (of
# such dot products) above that of key B. By which number must all dot products be divided, so that A gets `ratio` times
# the weight of B? For $d = 16$, $\sigma_q = 2$ and $\sigma_k = 1$ the standard deviation is about

# %%
from mmgen_course.check import check

generator = torch.Generator().manual_seed(7)
dots = (2 * torch.randn(100_000, 16, generator=generator) * torch.randn(100_000, 16, generator=generator)).sum(1)
print(f"{dots.std():.1f}")
for divisor in (2, 4, 8, 16):
    a, b = (torch.tensor([8.0, 0.0]) / divisor).softmax(0).tolist()
    print(f"divided by {divisor:2}: A gets {a / b:.2f} times the weight of B")
assert abs(dots.std() - 8) < 0.1


# %% tags=["exercise"]
def dot_temperature(d, deviation_q, deviation_k, ratio):
    """d components with standard deviations deviation_q, deviation_k; a ratio of weights above 1 -> a number."""
    # BEGIN SOLUTION
    # (eq:dot-variance): Var(q . k) = d sigma_q^2 sigma_k^2, so one standard deviation is sqrt(d) sigma_q sigma_k. By
    # (eq:temperature) a difference s of dot products makes the ratio e^(s / tau): solve it for tau. Ratio e gives the
    # deviation itself, and with both sigma 1 that is the sqrt(d) of attention.
    # The commonest mistake takes d sigma_q sigma_k for the variance; with both sigma 1 it stays unseen.
    return math.sqrt(d) * deviation_q * deviation_k / math.log(ratio)
    # END SOLUTION


# %%
check(dot_temperature)

# %% [markdown]
# ### 2. A short memory
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# Long texts cost $L \cdot S$. A *sliding window* makes that cheaper: each position sees itself
# and the `window - 1` positions before it, nothing else. Captions of a batch are filled up to $T$ places, and filling
# is never seen. You get the scores; the answer is the weights, with zeros where a position sees nothing. A caption of
# 4 words in 7 places, with window 3 and all scores equal:

# %%
sees = {0: [0], 1: [0, 1], 2: [0, 1, 2], 3: [1, 2, 3], 4: [2, 3], 5: [3], 6: []}  # 4, 5 and 6 are filling
for i, keys in sees.items():
    print(i, [f"{1 / len(keys):.2f}" if j in keys else "0" for j in range(7)])


# %% tags=["exercise"]
def window_weights(scores, lengths, window):
    """Scores (N, T, T): query, key. Lengths (N,), whole numbers from 0 to T. Window >= 1 -> weights (N, T, T)."""
    # BEGIN SOLUTION
    # Query i and key j: i - j is how far back the key lies. Three conditions, one mask; then the mask before the
    # softmax, (eq:masked-attention). Rows that see nothing are 0/0: defined as zeros. They occur in an empty caption,
    # and behind a short one as soon as the window has left its last word.
    # -1e9 in place of -inf hides that hole: such rows get equal weights, and the filling gets a vote.
    place = torch.arange(scores.shape[-1])
    back = place[:, None] - place  # (T, T)
    visible = (back >= 0) & (back < window) & (place < lengths[:, None, None])  # (N, T, T)
    weights = scores.masked_fill(~visible, -math.inf).softmax(dim=-1)
    return weights.masked_fill(~visible, 0)
    # END SOLUTION


# %%
check(window_weights)

# %% [markdown]
# ### 3. A caption as one vector, by heads
#
# 4 points, 18 minutes, difficulty 3 of 3.
#
# A mean over words gives *a* as much as *yellow*. Let attention choose: each of $n$ heads has one
# query of its own, which is learned. Keys are `to_k(words)`, values `to_v(words)`, both with $D$ columns. Head 0 works
# in the first $D/n$ columns of both, head 1 in the next, and so on; each is an attention by itself, (eq:attention), in
# its own dimension. Their outputs stand side by side in this order, and an empty caption gets zeros. Write `forward`,
# and leave the parameters as they are. By hand, for two words of four columns, two heads, and layers that change
# nothing:

# %%
two_words = torch.tensor([[1.0, 0, 0, 2], [0, 1, 3, 0]])
two_queries = [torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.0])]
for number, (q, columns) in enumerate(zip(two_queries, ([0, 1], [2, 3]), strict=True)):
    part = two_words[:, columns]  # what this head sees of both words
    a = (part @ q / math.sqrt(2)).softmax(0)
    print(f"head {number}: weights {[round(x, 2) for x in a.tolist()]}", [round(x, 2) for x in (a @ part).tolist()])


# %% tags=["exercise"]
class HeadPool(nn.Module):
    """Captions to vectors: parameters `queries` (heads, D / heads), `to_k` and `to_v` (D to D)."""

    def __init__(self, dim, heads):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(heads, dim // heads))
        self.to_k, self.to_v = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, words, mask):
        """Words (N, T, D), mask (N, T), True for a word -> (N, D)."""
        # BEGIN SOLUTION
        # First split the columns, then exchange axes: .reshape(N, heads, T, d) alone cuts memory into pieces that mix
        # words. The root is that of the d terms of one head's dot product: with the root of all D the softmax
        # is too flat, which nothing reports. Filling goes before the softmax, and comes out as exact zeros;
        # a caption without words would be NaN, and its NaN would reach every weight in the backward pass.
        heads, d = self.queries.shape
        k, v = (rearrange(x, "n t (h d) -> n h t d", h=heads) for x in (self.to_k(words), self.to_v(words)))
        scores = (k * self.queries[:, None]).sum(-1) / math.sqrt(d)  # (N, heads, T)
        scores = scores.masked_fill(~mask[:, None], -1e9)  # finite, so that an empty caption has a gradient
        weights = scores.softmax(-1) * mask[:, None]
        return rearrange(weights[:, :, None] @ v, "n h 1 d -> n (h d)")
        # END SOLUTION


# %%
check(HeadPool)

# %% [markdown]
# ### 4. Two halves of the keys
#
# 3 points, 12 minutes, difficulty 3 of 3.
#
# Keys that do not fit into one machine's memory are shared between two. Each machine answers for
# its block of keys alone: the output $O$, and $\lambda = \log \sum_j e^{s_j}$ over its scores. What would one machine
# with all keys have answered? Return its output and its $\lambda$, so that a third block can follow. Mind that
# $\lambda$ may be 100. A query that saw nothing of a block comes with output 0 and $\lambda = -\infty$; if it saw
# nothing of either, so does your answer. One query, two keys in the first block and one in the second:

# %%
s, v = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([10.0, 20.0, 60.0])
for name, block in {"first": slice(0, 2), "second": slice(2, 3), "together": slice(0, 3)}.items():
    print(f"{name:8} output {s[block].softmax(0) @ v[block]:.2f}, lambda {s[block].exp().sum().log():.2f}")


# %% tags=["exercise"]
def merge_attention(output1, lambda1, output2, lambda2):
    """Outputs (L, e) and lambdas (L,) of two blocks of keys -> (output (L, e), lambda (L,)) of both together."""
    # BEGIN SOLUTION
    # O = sum_j e^(s_j) v_j / e^lambda. Multiply each output by its e^lambda, add, divide by the sum: a mean with
    # weights e^lambda1 and e^lambda2. Their share depends on lambda1 - lambda2 alone, (eq:softmax-shift): a sigmoid,
    # and no exponential overflows. A plain mean counts a block in which nothing fits as much as the other.
    # -inf - (-inf) is NaN: there both outputs are 0, and any finite share will do.
    share = (lambda1 - lambda2).sigmoid().nan_to_num(0.5)[:, None]
    return share * output1 + (1 - share) * output2, torch.logaddexp(lambda1, lambda2)
    # END SOLUTION


# %%
check(merge_attention)

# %% [markdown]
# ## What to remember
#
# - Attention is a dictionary with soft answers: a softmax over keys, a mean of values. One output for each query.
# - The sum runs over the **keys**. Divide by $\sqrt d$, because $\mathrm{Var}(q \cdot k) = d\, \sigma_q^2 \sigma_k^2$.
# - Mask before the softmax, and define what a query without keys gets: zeros.
# - Without positions attention sees a set. Its weights cost memory $L \cdot S$, its output does not.
# - A map of attention tells where a network looked, not what it understood. Words that point at their objects may still
#   not know whose colour they name. Ask with captions that differ in nothing else.

# %% [markdown]
# ## Three questions
#
# **1.** Queries and keys have $d = 64$ components of standard deviation 2. You divide the dot products by $\sqrt d =
# 8$. What is the standard deviation of the scores, and what should you divide by to get 1?
#
# <details><summary>Answer</summary>
#
# By (eq:scaled-score) the variance is $\sigma_q^2 \sigma_k^2 = 4 \cdot 4 = 16$, the standard deviation 4. Divide by
# $\sigma_q \sigma_k \sqrt d = 32$. Dividing by $\sigma \sqrt d = 16$ leaves 2.
#
# </details>
#
# **2.** A colleague trains a model for translation and forgets the causal mask. The training loss is excellent, the
# translations are nonsense. Why?
#
# <details><summary>Answer</summary>
#
# In training each position could look at the word that it had to guess, and copy it. At use the word is not there yet.
#
# </details>
#
# **3.** To teach the network better whose colour it is, you make the false captions harder: a wrong colour is always
# the colour of the *other* object. Where may *yellow* learn to look now?
#
# <details><summary>Answer</summary>
#
# At the other object. If that one is yellow, the word is probably a lie, because in true captions the two objects
# seldom share a colour. So it need not look at its own object at all. The cure is balance: let both objects share a
# colour as often in true captions as in false ones.
#
# </details>

# %% [markdown]
# ## References
#
# - D. Bahdanau, K. Cho, Y. Bengio, *Neural Machine Translation by Jointly Learning to Align and Translate*, ICLR 2015.
# - K. Xu et al., *Show, Attend and Tell: Neural Image Caption Generation with Visual Attention*, ICML 2015.
# - A. Vaswani et al., *Attention Is All You Need*, NIPS 2017.
# - T. Dao, D. Y. Fu, S. Ermon, A. Rudra, C. Ré, *FlashAttention: Fast and Memory-Efficient Exact Attention with
#   IO-Awareness*, NeurIPS 2022; before it M. Milakov, N. Gimelshein, *Online normalizer calculation for softmax*, 2018.
# - S. Jain, B. C. Wallace, *Attention is not Explanation*, NAACL 2019.
# - J. Zhang, Z. Lin, J. Brandt, X. Shen, S. Sclaroff, *Top-down Neural Attention by Excitation Backprop*, ECCV 2016:
#   the pointing game.
# - M. Yuksekgonul, F. Bianchi, P. Kalluri, D. Jurafsky, J. Zou, *When and Why Vision-Language Models Behave like
#   Bags-of-Words, and What to Do About It?*, ICLR 2023.
# - E. A. Nadaraya, *On Estimating Regression*, Theory of Probability and Its Applications 9(1), 1964; G. S. Watson,
#   *Smooth Regression Analysis*, Sankhyā A 26(4), 1964.
#
# Next: **6. A shared space**, where whole pictures and whole captions become points that can be compared.
