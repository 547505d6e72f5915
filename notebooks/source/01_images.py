# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 1. Images: from pixels to tensors
#
# **You will be able to**
#
# - turn a picture into a tensor that a network can use, and back again, byte for byte;
# - shrink a picture without inventing patterns, and measure those that a careless program invents;
# - say which changes of a picture make its caption false, and change both together.
#
# 35 minutes. You need lesson 0, mean and standard deviation, and the product of a matrix and a vector.

# %% [markdown]
# ## One picture, two small ones
#
# The picture on the left is a pattern of rings. The other two are the same picture at a fifth of its width: once
# only the middle pixel of each block of five by five is kept, once the block's mean. Look at the middle one.

# %%
import ipywidgets
import numpy as np
import torch
from einops import rearrange, reduce

from mmgen_course import data, scenes, show, widgets

n, s = 245, 5  # pixels in a line, pixels in a block
place = torch.arange(n) - 122  # 0 in the middle
plate = torch.cos(torch.pi * (place[None, :] ** 2 + place[:, None] ** 2) / 400)[None]  # (1, 245, 245) in [-1, 1]
every_fifth = plate[:, 2::s, 2::s]
blocks = reduce(plate, "c (h a) (w b) -> c h w", "mean", a=s, b=s)

# %%
alt = "One set of rings; nine sets of rings, all alike; one set of rings with weak traces of others around it."
with show.figure(alt, columns=3, height=2.6) as axes:
    for where, image, title in zip(axes, [plate, every_fifth, blocks], ["large", "middle pixel", "mean"], strict=True):
        show.picture(where, image, f"{title}, {image.shape[-1]} x {image.shape[-1]}")

# %% [markdown]
# The large picture has one centre, the small one nine. Eight of them were never drawn. They are no trick of the eye:
# move the small picture by 16 pixels, and it falls on itself, number for number. Nothing like it is true of the
# large one, moved by the same distance of 80 pixels.

# %%
shift = 16
small_step = (every_fifth[..., shift:] - every_fifth[..., :-shift]).abs().max()
large_step = (plate[..., s * shift :] - plate[..., : -s * shift]).abs().max()
print(f"largest change: small picture {small_step:.2f}, large picture {large_step:.2f}")
assert small_step < 1e-3
assert large_step > 1.5

# %% [markdown]
# A network that is trained on such pictures learns to draw rings that are not there. Where do they come from, how
# many are there in a real photograph, and what keeps them out? That is the middle of this lesson. Before and after
# it stand the steps that every image takes on its way into a network.

# %% [markdown]
# ## Three kinds of change
#
# All of these steps are simple functions of a grid of numbers, and there are only three kinds.
#
# | step | value of a pixel | place of a pixel | can be undone | caption stays true |
# |---|---|---|---|---|
# | to tensor, normalise | stretched | kept | yes | yes |
# | scale | mixed with its neighbours | moved | no | yes, unless things become too small |
# | crop | kept | moved, or lost | no | only if nothing that it names is cut off |
# | flip | kept | moved | yes | only if it says nothing of left and right |
#
# Books on image classification stop before the last column: a cat is a cat in any mirror. Here each image has a
# sentence, and the pair must stay true.

# %% [markdown]
# ## What the bytes mean
#
# An image file unpacks to a grid of pixels. A pixel holds three whole numbers from 0 to 255, so each fits in a byte:
# how much red, green and blue light. 0 is none and 255 the most that the screen can do.

# %%
samples = data.shipped_scenes()  # 320 pictures with captions
sample = samples[56]
pixels = torch.from_numpy(np.array(sample.image))
print(sample.caption)
print(tuple(pixels.shape), pixels.dtype, "from", pixels.min().item(), "to", pixels.max().item())
print("the pixel in row 32, column 12:", pixels[32, 12].tolist())

# %% [markdown]
# The steps between 0 and 255 are made for the eye, not for a light meter: 128 is far less than half of the light of
# 255. Almost every pipeline computes with these numbers all the same, and so does this course.
#
# ### Layout and scale
#
# The array is (height, width, channel), $p_{i,j,c}$ for row $i$ and column $j$. A network wants the channel first,
# because it treats an image as a stack of grey pictures, and it wants small real numbers:
#
# $$ x_{c,i,j} = \frac{p_{i,j,c}}{255} \label{eq:to-tensor} $$

# %%
x = rearrange(pixels, "h w c -> c h w") / 255  # (eq:to-tensor)
print(tuple(x.shape), x.dtype, f"from {x.min():.2f} to {x.max():.2f}")
assert x[2, 32, 12] == pixels[32, 12, 2] / 255

# %%
alt = "A scene in colour, and how much red, green and blue it holds, as three grey pictures."
with show.figure(alt, columns=4, height=2) as (left, *rest):
    show.picture(left, 2 * x - 1, "image")
    for where, plane, name in zip(rest, x, ["red, x[0]", "green, x[1]", "blue, x[2]"], strict=True):
        show.picture(where, 2 * plane[None] - 1, name)

# %% [markdown]
# The way back multiplies and rounds to the nearest whole number:
#
# $$ p_{i,j,c} = \operatorname{round}(255\, x_{c,i,j}) \label{eq:to-bytes} $$
#
# A float32 is exact to about seven digits, so $255\,x$ misses the whole number by far less than one half, and
# rounding gives exactly the byte that went in. There are only 256 cases: try all.

# %%
levels = torch.arange(256)
back = (255 * (levels / 255)).round()  # (eq:to-bytes)
print(f"{(back != levels).sum()} of 256 come back wrong")
assert torch.equal(back, levels.float())

# %% [markdown]
# ### The same shape is not the same picture
#
# There is a tempting short cut for the layout: `reshape`. It gives the right shape, raises no error, and deals the
# numbers out in a wrong order. Training goes on without complaint, on this:

# %%
scrambled = pixels.reshape(3, 64, 64) / 255
in_place = (scrambled == x).float().mean()
alt = "A circle and a diamond; beside it the same numbers reshaped: a weave of green dots."
with show.figure(alt, columns=2, width=4.5, height=2.4) as (left, right):
    show.picture(left, 2 * x - 1, "axes moved")
    show.picture(right, 2 * scrambled - 1, "reshaped")
print(f"same shape: {scrambled.shape == x.shape}; values in their place: {in_place:.0%}")
assert scrambled.shape == x.shape
assert in_place < 0.9

# %% [markdown]
# ## Normalise
#
# Subtract a mean $\mu$ and divide by a standard deviation $\sigma$, for each channel its own if need be:
#
# $$ z = \frac{x - \mu}{\sigma} \label{eq:normalise} $$
#
# $$ x = \sigma z + \mu \label{eq:denormalise} $$
#
# The course takes $\mu = \sigma = \tfrac{1}{2}$ for its own images, which takes $[0, 1]$ to $[-1, 1]$. Generators end
# in $\tanh$, which has values between $-1$ and $1$ (lesson 7). Real and generated images must have the same range, or
# the range alone gives away which is which.

# %%
z = (x - 0.5) / 0.5  # (eq:normalise)
again = 0.5 * z + 0.5  # (eq:denormalise)
print(f"z from {z.min():.2f} to {z.max():.2f}; tanh of -9 and 9: {np.tanh([-9, 9]).round(2)}")
assert torch.equal((255 * again).round(), (255 * x).round())  # the same bytes
assert -1 <= z.min() < z.max() <= 1

# %% [markdown]
# With other numbers for $\mu$ and $\sigma$ floats do not come back exactly, and then the rounding in (eq:to-bytes)
# matters. A plain conversion to bytes cuts off what stands behind the point, and $6.99999$ becomes 6. Try all bytes
# with the numbers that belong to the red of ImageNet (you meet them again below):

# %%
stretched = (levels / 255 - 0.485) / 0.229
again = 255 * (stretched * 0.229 + 0.485)
wrong = {"rounded": again.round() != levels, "cut off": again.byte() != levels}
print(f"off by less than 0.0001; wrong bytes: {', '.join(f'{way} {which.sum()}' for way, which in wrong.items())}")
assert (again - levels).abs().max() < 1e-4
assert not wrong["rounded"].any()
assert wrong["cut off"].sum() > 20

# %% [markdown]
# ### Why the mean should be near zero
#
# Take the smallest model there is, $\hat y = w x + b$, and the loss $\tfrac{1}{2}(\hat y - y)^2$, averaged over all
# pixels $x$ with mean $\mu$ and standard deviation $\sigma$. The loss is a bowl over the plane of $w$ and $b$. Its
# second derivatives are the means of $x^2$, of $x$ and of 1, and the mean of $x^2$ is $\mu^2 + \sigma^2$:
#
# $$ H = \begin{pmatrix} \mu^2 + \sigma^2 & \mu \\ \mu & 1 \end{pmatrix} \label{eq:bowl} $$
#
# Let $\kappa$ be its largest eigenvalue divided by its smallest: 1 for a round bowl, large for a narrow valley. Each
# step of gradient descent, with the best fixed step size, leaves of the error in $w$ and $b$ at worst the part
#
# $$ \rho = \frac{\kappa - 1}{\kappa + 1} \label{eq:valley} $$
#
# With $\mu = 0$ and $\sigma = 1$ the matrix is the identity, $\kappa$ is 1, and one step is enough. What are $\mu$ and
# $\sigma$ of all 320 pictures, as bytes, in $[0, 1]$ and in $[-1, 1]$?

# %%
values = torch.stack([torch.from_numpy(np.array(sample.image)) for sample in samples]).double()
ranges = {"bytes": values, "[0, 1]": values / 255, "[-1, 1]": values / 127.5 - 1}
kappa, bowls = {}, {}
for name, v in ranges.items():
    mu, sigma = v.mean(), v.std(correction=0)
    bowls[name] = torch.tensor([[mu**2 + sigma**2, mu], [mu, 1]], dtype=torch.float64)  # (eq:bowl)
    low, high = torch.linalg.eigvalsh(bowls[name])
    kappa[name] = (high / low).item()
    print(f"{name:8} mean {mu:6.2f}, standard deviation {sigma:6.2f}, kappa {kappa[name]:8.1f}")

# %% [markdown]
# How many steps until a thousandth of the error is left? Solve $\rho^t = 1/1000$ for $t$, then take the steps: one
# step multiplies the error by the matrix $I - \eta H$, and the best $\eta$ is 2 over the sum of the eigenvalues.

# %%
steps = {}
for name, H in bowls.items():
    rho = (kappa[name] - 1) / (kappa[name] + 1)  # (eq:valley)
    steps[name] = int(np.ceil(np.log(1 / 1000) / np.log(rho)))
    one_step = torch.eye(2) - 2 / H.trace() * H  # the trace is the sum of the eigenvalues
    left = torch.linalg.matrix_norm(torch.linalg.matrix_power(one_step, steps[name]), 2)
    print(f"{name:8} {steps[name]:8,} steps leave {left:.4f} of the error")
    assert 0.5e-4 < left <= 1.001e-3
assert steps["[-1, 1]"] < 10 < steps["[0, 1]"] < 100 < 100_000 < steps["bytes"]

# %% [markdown]
# Nobody trains so small a model. But a network begins with many such $w x + b$ side by side, and each has this valley.
# Better optimisers soften it; a mean near zero removes it.

# %% [markdown]
# ## A range that is guessed, a step that is done twice
#
# Shape and type do not tell whether values are in $[0, 1]$ or $[-1, 1]$. Normalise once more by mistake, and
#
# $$ z' = \frac{z - \frac{1}{2}}{\frac{1}{2}} = 4x - 3 \label{eq:twice} $$
#
# Every value below one half ends below $-1$, where no screen and no $\tanh$ reaches. The other well-known mistake is
# a helper that guesses: "if a value is above 1, these must be bytes". One value of 1.01, as a sharpening filter
# makes it, and the whole picture is divided by 255. Look at the colours.


# %%
def guess(image):
    return image / 255 if image.max() > 1 else image


twice = (z - 0.5) / 0.5
sharpened = x.clone()
sharpened[0, 0, 0] = 1.01
guessed = guess(sharpened)
alt = "A pink circle and an orange diamond; both in strong red tones on black; a black picture."
shown = torch.stack([z, twice.clamp(-1, 1), 2 * guessed - 1])
show.images(shown, ["right", "normalised twice", "guessed"], columns=3, alt=alt)

# %%
lost = (twice < -1).float().mean()
print(f"twice: from {twice.min():.2f}, and {lost:.0%} of the values are lost below -1")
print(f"guessed: the brightest value is now {guessed.max():.4f}")
assert torch.allclose(twice, 4 * x - 3, atol=1e-6)  # (eq:twice)
assert lost == (x < 0.5).float().mean()
assert guessed.max() < 0.004

# %% [markdown]
# The picture in the middle is not broken, and that is the trouble: it is a good picture of something else. Its caption
# says *orange* and *rose*. Which of the eight colours of this world is the nearest to each thing now?


# %%
def nearest_colour(colour):
    return min(scenes.RGB, key=lambda name: (torch.tensor(scenes.RGB[name]) - colour).square().sum())


after = (twice.clamp(-1, 1) + 1) / 2
for what, (row, column) in {"ball": (32, 16), "diamond": (32, 48)}.items():
    print(what, nearest_colour(x[:, row, column]), "->", nearest_colour(after[:, row, column]))
assert {"orange", "rose"} <= set(sample.caption.split())
assert [nearest_colour(after[:, 32, column]) for column in (16, 48)] == ["red", "red"]

# %% [markdown]
# The caption has become false, and nothing raised an error. The cure is a rule, not a cleverer guess: **the range
# changes in one place**, the functions say which range they take, and one that gets another says so. You will see the
# error message below.

# %% [markdown]
# ## Scale: a small matrix
#
# Take one line of $n$ pixels and make $m$ of them. Let a pixel be one unit wide, so that pixel $j$ has its centre at
# $j + \tfrac{1}{2}$. New pixel $i$ is $n/m$ old pixels wide, and its centre lies at
#
# $$ c_i = \left(i + \tfrac{1}{2}\right) \frac{n}{m} \label{eq:centre} $$
#
# Old pixels near it count much, those further off less, and beyond a **reach** $r$ they count nothing. A triangle says
# it:
#
# $$ w_{ij} = \max\!\left(0,\; 1 - \frac{\left| j + \frac{1}{2} - c_i \right|}{r} \right) \label{eq:triangle} $$
#
# The new value is the weighted mean. Divided by their sum, the weights are a matrix $A$ with rows that sum to one:
#
# $$ y_i = \sum_j A_{ij}\, x_j, \qquad A_{ij} = \frac{w_{ij}}{\sum_k w_{ik}} \label{eq:resize-line} $$


# %%
def weights(n, m, reach):
    centre = (torch.arange(m) + 0.5) * n / m  # (eq:centre)
    w = (1 - (torch.arange(n) + 0.5 - centre[:, None]).abs() / reach).clamp(min=0)  # (eq:triangle)
    return w / w.sum(dim=1, keepdim=True)  # (eq:resize-line)


narrow, wide = weights(20, 5, reach=1), weights(20, 5, reach=4)

# %% [markdown]
# With $r = 1$ a new pixel looks at its two neighbours and draws a straight line between them: *linear interpolation*.
# With $r = n/m$, the width of a new pixel, the triangles overlap. Each row below is a new pixel, each column an old
# one; the numbers are percent. Look at the empty columns.

# %%
alt = "Two matrices of 5 rows and 20 columns; the upper has two entries in each row, the lower a broad triangle."
with show.figure(alt, rows=2, height=3.6) as both:
    for axes, A, reach in zip(both, [narrow, wide], [1, 4], strict=True):
        axes.imshow(A, cmap="Blues", vmin=0, vmax=0.9, aspect="auto")
        for i, j in A.nonzero().tolist():
            axes.text(j, i, f"{100 * A[i, j]:.0f}", ha="center", va="center", size=9)
        axes.set(title=f"20 pixels to 5, reach {reach}", xticks=range(20), yticks=range(5), ylabel="new pixel")
    both[0].set_xticklabels([])
    both[1].set_xlabel("old pixel")

# %%
unseen = [(A == 0).all(dim=0).float().mean().item() for A in (narrow, wide)]
in_picture = 1 - (1 - unseen[0]) ** 2  # seen only where row and column are seen
print(f"old pixels that no new one looks at: {unseen[0]:.0%} and {unseen[1]:.0%} of a line")
print(f"with reach 1 in a picture, rows and columns together: {in_picture:.0%}")
assert torch.allclose(narrow.sum(1), torch.ones(5))
assert torch.allclose(wide.sum(1), torch.ones(5))
assert unseen == [0.5, 0]
assert in_picture == 0.75

# %% [markdown]
# Three of four pixels could be anything, and the small picture would be the same. For a whole picture $X$ the matrix
# acts on the columns and another one on the rows:
#
# $$ Y = A\, X\, B^{\mathsf T} \label{eq:resize-image} $$
#
# If a picture grows, $n/m < 1$, the reach stays 1: then there is always a neighbour to look at. So the rule is
# $r = \max(1, n/m)$, and it is called **anti-aliasing**. On the rings, reach 1 is just what made the nine centres:

# %%
m = n // s  # 49
A_narrow, A_wide = weights(n, m, reach=1), weights(n, m, reach=s)
without, with_aa = A_narrow @ plate @ A_narrow.T, A_wide @ plate @ A_wide.T  # (eq:resize-image)
print(f"reach 1 differs from 'the middle pixel' by {(without - every_fifth).abs().max():.4f}")
assert torch.allclose(without, every_fifth, atol=1e-4)

# %% [markdown]
# ## Aliasing: a fast wave poses as a slow one
#
# Take a wave with $f$ periods a pixel and look at every $s$-th pixel. From one look to the next it turns $f s$ times,
# and whole turns cannot be seen:
#
# $$ \cos(2\pi f s\, i) = \cos\!\left(2\pi\, f'\, i\right), \qquad f' = \left| f s - \operatorname{round}(f s) \right|
#    \label{eq:alias} $$
#
# because $i$ and $\operatorname{round}(fs)$ are whole numbers and the cosine does not mind the sign. The apparent
# frequency $f'$ is never above one half of a period a new pixel. With $s = n/m$, it is the true one only up to the
# **Nyquist limit**:
#
# $$ f s \le \frac{1}{2} \quad\Longleftrightarrow\quad f \le \frac{m}{2n} \label{eq:nyquist} $$
#
# Run it: waves of 0 to 122 periods in the line of 245 pixels, shrunk to 49 with reach 1. Which frequency does a
# Fourier transform find in the small line?

# %%
periods = torch.arange(123)
fs = periods / m  # periods a new pixel
wave = torch.cos(2 * torch.pi * periods[:, None] / n * (torch.arange(n) + 0.5))  # (123, 245)
found = torch.fft.rfft(wave @ A_narrow.T).abs().argmax(dim=1) / m
alias = (fs - fs.round()).abs()  # (eq:alias)
kept = fs <= 0.5  # (eq:nyquist)
print(f"{kept.sum()} of {len(fs)} waves keep their frequency; the fastest of them has {periods[kept].max()} periods")
assert torch.allclose(found, alias)
assert torch.equal(found == fs, kept)

# %% [markdown]
# Now the wider triangle. It cannot tell waves apart either, but it can weaken those that would pose as others *before*
# they are looked at. A triangle of reach $r$ and area one lets the wave $f$ pass with the strength
#
# $$ \int_{-r}^{r} \frac{1}{r}\left(1 - \frac{|t|}{r}\right) \cos(2\pi f t)\, \mathrm{d}t
#    = \left( \frac{\sin \pi f r}{\pi f r} \right)^{2} \label{eq:strength} $$
#
# which is 1 at $f = 0$, the limit of the right side. The matrix adds up pixels instead of integrating, so expect small
# differences. Left: the frequency that is seen.
# Right: how strong it is.

# %%
to_centre = torch.arange(n) + 0.5 - n / 2  # from the middle new pixel, number 24
turning = torch.cos(2 * torch.pi * periods[:, None] / n * to_centre)  # (123, 245)
strength = {"reach 1": turning @ A_narrow[24], "reach 5": turning @ A_wide[24]}
formula = torch.sinc(fs) ** 2  # (eq:strength) with r = s; sinc(u) is sin(pi u) / (pi u)
difference = (strength["reach 5"] - formula).abs().max()
print(f"sum and integral differ by {difference:.3f} at most")
assert difference < 0.03

# %%
alt = "Left, a zigzag: the seen frequency rises to one half, falls to 0, and so on. Right, strength: with reach 1 it "
alt += "stays 1; with reach 5 it falls from 1 to 0 at one period a new pixel, and stays small after that."
with show.figure(alt, columns=2, height=2.7) as (left, right):
    left.plot(fs, found, ".", markersize=4, label="found")
    left.plot(fs, alias, linewidth=1, label="(eq:alias)")
    left.set(xlabel="true frequency (periods a new pixel)", ylabel="seen frequency", ylim=(0, 0.75))
    left.legend(loc="upper right", ncols=2)
    for name, values in strength.items():
        right.plot(fs, values, ".", markersize=4, label=name)
    right.plot(fs, formula, "k", linewidth=1, label="(eq:strength)")
    right.set(xlabel="true frequency (periods a new pixel)", ylabel="strength", ylim=(0, 1.1))
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.93))
    for axes in (left, right):
        axes.axvline(0.5, color="grey", linestyle=":")

# %%
at_limit = torch.sinc(torch.tensor(0.5)) ** 2
beyond = strength["reach 5"][fs >= 1].max()
print(f"strength at the Nyquist limit {at_limit:.2f}, at one period a new pixel or more {beyond:.2f} at most")
assert 0.40 < at_limit < 0.41
assert beyond < 0.07

# %% [markdown]
# The dotted line is the Nyquist limit. The triangle is a compromise: it weakens fine detail that could have stayed,
# and lets through some that should not. The perfect cut needs negative weights, and with them values can leave the
# range of the picture; this mean, with weights that are never negative, cannot.
#
# ### The error as a number
#
# How much of a small picture is false? Write the line as a sum of waves. The discrete cosine transform does it with
#
# $$ C_{kj} = \sqrt{\tfrac{2}{n}}\; \cos\!\left( \frac{\pi k}{n} \left(j + \tfrac{1}{2}\right) \right),
#    \qquad C_{0j} = \sqrt{\tfrac{1}{n}} \label{eq:cosine} $$
#
# for $k = 1, \dots, n - 1$. The rows of $C$ have length one and stand at right angles to each other. Wave $k$ has
# $k/2n$ periods a pixel, so by (eq:nyquist) the small line can hold those up to $k = m$. That last one is zero at every
# new centre, as $\cos \pi(i + \tfrac{1}{2}) = 0$, so $k < m$ are left, and $L = C_m^{\mathsf T} C_m$, made of these $m$
# rows, keeps exactly that part. All else, $X - L X L$, should leave no trace in the small picture. What it does leave
# is the **aliasing error**, a root mean square over the pixels, here for a square picture (otherwise each direction has
# its own $A$ and $L$):
#
# $$ e = \sqrt{ \operatorname{mean}\left( \left( A\, (X - L X L)\, A^{\mathsf T} \right)^{2} \right) }
#    \label{eq:aliasing-error} $$

# %%
k, j = torch.arange(m)[:, None], torch.arange(n)
C = (2 / n) ** 0.5 * torch.cos(torch.pi * k / n * (j + 0.5))  # (eq:cosine), the first m rows
C[0] = (1 / n) ** 0.5
L = C.T @ C
assert torch.allclose(C @ C.T, torch.eye(m), atol=1e-4)

# %%
rings = (plate + 1) / 2  # in [0, 1], so that an error of 1 is the way from black to white
detail = rings - L @ rings @ L
false = [A @ detail @ A.T for A in (A_narrow, A_wide)]
errors = [part.square().mean().sqrt().item() for part in false]  # (eq:aliasing-error)
alt = "The rings, small, with one centre; what is false with reach 1: eight centres; with reach 5: nearly nothing."
shown = torch.stack([with_aa, 2 * false[0], 2 * false[1]]).clamp(-1, 1)
show.images(shown, ["small, reach 5", "false part, reach 1", "false part, reach 5"], columns=3, alt=alt)

# %%
print(f"aliasing error: reach 1 {errors[0]:.3f}, reach 5 {errors[1]:.3f}; {errors[0] / errors[1]:.0f} times less")
assert errors[0] > 0.3
assert errors[0] > 10 * errors[1]

# %% [markdown]
# There are the eight centres that nobody drew. At each of them the rings of the large picture are so fine that they
# turn exactly once, in a row, in a column or in both, from one look to the next.

# %% [markdown]
# ## Crop
#
# A crop keeps a window of $h$ rows out of $H$, from row $t$ on. In the middle, $t = (H - h)/2$; at random, every $t$
# from 0 to $H - h$ is equally likely, so that a network sees a thing at many places.
#
# Now the caption. A thing that fills the rows $a, \dots, b - 1$ stays whole if $t \le a$ and $b \le t + h$. Count the
# whole numbers $t$ between $\max(0, b - h)$ and $\min(a, H - h)$:
#
# $$ P(\text{rows stay whole}) = \frac{\max\bigl(0,\, \min(a, H - h) - \max(0, b - h) + 1\bigr)}{H - h + 1}
#    \label{eq:crop} $$
#
# The same holds for the columns; rows and columns are drawn apart, so multiply. Which rows does a circle at the top
# left fill, and how likely does it survive a crop of 48 pixels out of 64?

# %%
scene = scenes.parse("a large red circle in the top left").complete()
image = scenes.render([scene], size=64)[0]
thing = (image - image[:, -1:, -1:]).abs().amax(0) > 0.05  # (64, 64): differs from the ground
filled = thing.any(dim=1).nonzero().flatten()  # for the columns it is the same
a, b, h = filled[0].item(), filled[-1].item() + 1, 48
whole = max(0, min(a, 64 - h) - max(0, b - h) + 1) / (64 - h + 1)  # (eq:crop)
print(f"rows {a} to {b - 1}; stays whole in {whole:.2f} of all rows, {whole**2:.3f} with the columns")

# %%
generator = torch.Generator().manual_seed(0)
corners = torch.randint(64 - h + 1, (4000, 2), generator=generator)
survived = [thing[top : top + h, left : left + h].sum() == thing.sum() for top, left in corners.tolist()]
share = sum(survived) / len(survived)
print(f"counted in {len(corners):,} random crops: {share:.3f}")
assert torch.equal(thing, thing.T)
assert abs(share - whole**2) < 3 * (whole**2 * (1 - whole**2) / len(corners)) ** 0.5  # three standard errors

# %%
tops = [(0, 0), (2, 12), (16, 16)]
cut = torch.stack([image[:, top : top + h, left : left + h] for top, left in tops])
alt = "Three crops of one picture with a circle: whole at the top left, cut at its left side, cut on two sides."
show.images(cut, [f"row {top}, column {left}" for top, left in tops], columns=3, alt=alt)

# %% [markdown]
# So a random crop that looks harmless damages this circle in more than nine of ten cases, and the caption still says
# *a large red circle in the top left*. Spare few pixels, or caption what the crop shows.

# %%
print(f"damaged: {1 - share:.0%}")
assert 0.9 < 1 - share < 0.97

# %% [markdown]
# ## Flip
#
# The mirror image takes column $j$ from the other end of a row of $W$:
#
# $$ x'_{c,i,j} = x_{c,i,W-1-j} \label{eq:flip} $$
#
# Twice gives the picture again, because $W - 1 - (W - 1 - j) = j$: a flip is its own inverse. It doubles a data set for
# nothing, and nearly every pipeline for image classification does it, with a coin toss for each image.

# %%
caption = "a small red circle left of a large blue square"
image = scenes.render([scenes.parse(caption).complete()], size=96)[0]
backwards = torch.arange(95, -1, -1)
mirrored = image[:, :, backwards]  # (eq:flip)
assert torch.equal(mirrored[:, :, backwards], image)

# %% [markdown]
# With a caption it has a price. The sentence must be mirrored, too: exchange the words *left* and *right*.

# %%
other = {"left": "right", "right": "left"}


def mirror_caption(caption):
    return " ".join(other.get(word, word) for word in caption.split())


titles = [f"true: {caption}", f"FALSE: {caption}", f"true: {mirror_caption(caption)}"]
alt = "A circle left of a square; mirrored, with the old caption, which is now false; mirrored, with left and right "
show.images(torch.stack([image, mirrored, mirrored]), titles, columns=3, alt=alt + "exchanged.")

# %% [markdown]
# How often does it matter? Mirror 2,000 scenes of two objects and ask the parser of lesson 0 whether the caption
# holds for the mirrored scene. First make sure that mirroring a scene and mirroring its picture is the same thing:


# %%
def mirror(scene, other):
    def place(thing):
        words = [other.get(word, word) for word in thing.position.split()]
        return scenes.SceneObject(thing.shape, thing.colour, thing.size, thing.style, " ".join(words))

    return scenes.Scene(tuple(place(thing) for thing in scene.objects), scene.background)


pairs = [scene for scene in scenes.splits()["train"] if scene.relation][:2000]
plain = [scene for scene in pairs if all(thing.style != "striped" for thing in scene.objects)]  # stripes lean
difference = scenes.render([mirror(scene, other) for scene in plain]) - scenes.render(plain).flip(-1)
print(f"{len(plain)} scenes without stripes: largest difference {difference.abs().max():.4f}")
assert difference.abs().max() < 1e-3

# %% [markdown]
# Now the count: the caption match of lesson 0, (eq:caption-match), before and after the words are exchanged.

# %%
generator = torch.Generator().manual_seed(0)
captions = [scenes.caption(scene, generator) for scene in pairs]
flipped = [mirror(scene, other) for scene in pairs]


def share_false(captions, scenes_now):
    holds = [scenes.parse(text).hold_for(scene) for text, scene in zip(captions, scenes_now, strict=True)]
    return 1 - sum(holds) / len(holds)


only_image = share_false(captions, flipped)
both = share_false([mirror_caption(text) for text in captions], flipped)
print(f"false after the flip of the image alone: {only_image:.1%}; of image and caption: {both:.1%}")

# %%
side_by_side = sum(scene.relation == "left of" for scene in pairs)
alike = sum(scene.relation == "left of" and mirror(scene, other) == scene for scene in pairs)
print(f"side by side: {side_by_side} scenes; in {alike} of them both objects look the same")
assert abs(only_image - (side_by_side - alike) / len(pairs)) < 1e-9
assert 0.45 < only_image < 0.55
assert both == share_false(captions, pairs) == 0

# %% [markdown]
# Every caption of two different objects side by side becomes false. That is half of all; with a coin toss for each
# pair, a quarter of the training set would lie, and always about the same words. *Left* would mean left as often as
# right, and a model would learn that it means nothing. Upside down it is the same with *above* and *below*:

# %%
upside = {"top": "bottom", "bottom": "top"}
vertical = share_false(captions, [mirror(scene, upside) for scene in pairs])
print(f"false with a coin toss: {only_image / 2:.0%}; after a vertical flip: {vertical:.1%}")
assert 0.2 < only_image / 2 < 0.3
assert abs(only_image + vertical - 1) < 0.01

# %% [markdown]
# And no change of the caption saves a picture with **writing** in it. Letters in a mirror are no letters any more, so
# pictures of signs, pages and screens are not flipped at all.

# %% [markdown]
# ## The same, with error messages
#
# **From here on we import it.** `mmgen_course.preprocess.image` holds the same functions. Does it agree with ours, step
# by step?

# %%
from mmgen_course.preprocess.image import (
    aliasing_error,
    center_crop,
    denormalise,
    flip,
    normalise,
    random_crop,
    resize,
    to_image,
    to_tensor,
)

assert torch.equal(to_tensor(sample.image), x)
assert torch.equal(normalise(x), z)
assert np.array_equal(to_image(denormalise(z)), np.array(sample.image))  # there and back, byte for byte
assert torch.equal(center_crop(image, 48), image[:, 24:72, 24:72])
assert random_crop(image, 48, generator).shape == (3, 48, 48)

# %%
for antialias, ours, error in zip([False, True], [without, with_aa], errors, strict=True):
    assert torch.allclose(resize(plate, m, antialias), ours, atol=1e-3)
    assert abs(aliasing_error(rings, m, antialias) - error) < 1e-3
new_image, new_caption = flip(image, caption)
assert torch.equal(new_image, mirrored)
assert new_caption == mirror_caption(caption)
print(new_caption)

# %% [markdown]
# `flip` takes the pair, so that nobody forgets the caption, and it minds capitals and punctuation:

# %%
print(flip(image, "Left: a circle. To its right, a square.")[1])

# %% [markdown]
# And a wrong range is an error with a reason, not a guess:

# %%
try:
    to_image(z)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Shrink it yourself
#
# Choose a picture and a number of pixels, and switch anti-aliasing on and off. Find the sizes at which the stripes
# turn round or stand still. The sentence below the picture tells how much of it is false.

# %%
tower = to_tensor(data.photographs()[0].image)  # a real photograph, met again below
stripes = (1 + torch.cos(2 * torch.pi * (0.31 * place[None, :] + 0.04 * place[:, None]))[None]) / 2
views = {"rings": rings, "stripes": stripes, "tower": tower[:, 65:310, 50:295]}


def shrink(picture, pixels, antialias):
    small = resize(views[picture], pixels, antialias)
    error = aliasing_error(views[picture], pixels, antialias)
    how = "with" if antialias else "without"
    return normalise(small).expand(3, -1, -1), f"{n} to {pixels} pixels {how} anti-aliasing: error {error:.3f}"


widgets.explorer(
    shrink,
    picture=ipywidgets.Dropdown(options=list(views), description="Picture"),
    pixels=ipywidgets.IntSlider(m, min=16, max=n, description="Pixels"),
    antialias=ipywidgets.Checkbox(False, description="Anti-aliasing"),
)

# %% [markdown]
# ## On real data
#
# Networks that were trained on the ImageNet photographs, such as the ResNet of lesson 3, expect what they were trained
# with: the shorter side scaled to 256 pixels, the middle 224 by 224 cut out, and each channel normalised with these
# numbers.

# %%
mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # red, green, blue, of ImageNet
photographs = data.photographs()
ready = [normalise(center_crop(resize(to_tensor(p.image), 256), 224), mean, std) for p in photographs]
print([photograph.image.size for photograph in photographs], "->", [tuple(image.shape) for image in ready])

# %% [markdown]
# Where do the six numbers come from? They are the mean and the standard deviation of a random part of the ImageNet
# training photographs. Which part is no longer known, and the $\sigma$ is probably the mean of the photographs' own
# ones, not that of all pixels together (pytorch/vision, pull request 1965). It does not matter: what matters is to use
# the same numbers as in training. Is our result the one that the field's library gives?

# %%
from torchvision.transforms import v2

reference = v2.Compose(
    [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Resize(256, antialias=True),
        v2.CenterCrop(224),
        v2.Normalize(mean, std),
    ]
)
for photograph, ours in zip(photographs, ready, strict=True):
    difference = (reference(photograph.image) - ours).abs().max()
    print(f"{photograph.id:6} differs from torchvision by {difference:.4f} at most; mean {ours.mean():5.2f}")
    assert difference < 1e-4

# %% [markdown]
# The means are not zero: one photograph is bright or dark, only the average over many is zero. Now look at what is left
# of the two photographs, and read their captions again.

# %%
seen = torch.stack([normalise(denormalise(image, mean, std)).clamp(-1, 1) for image in ready])
alt = "The middle of two photographs: a tower whose roofs are cut off at the left side; an orange flower, whole."
show.images(seen, [photograph.caption for photograph in photographs], columns=2, alt=alt)

# %%
wide_side = 256 * 640 // 427
share = 224**2 / (256 * wide_side)
print(f"scaled to 256 x {wide_side}; the crop keeps {share:.0%} of it")
assert 0.5 < share < 0.52

# %% [markdown]
# Half of the photograph is gone. The tower has lost the left side of its roofs; *lake* and *trees* can still be seen.
# For generating pictures one cuts the largest square instead, 256 by 256, and keeps two thirds.

# %%
square = center_crop(resize(tower, 256), 256)
print(f"{tuple(square.shape)}: {256 / wide_side:.0%}")
assert square.shape == (3, 256, 256)
assert 0.66 < 256 / wide_side < 0.68

# %% [markdown]
# ### The tiles of the roof
#
# The rows of tiles on the roofs are only a few pixels apart. Shrink a part of the photograph by a factor of 4, and
# look at the tiles of the top roof: a regular grid, coarse broken steps, an even colour.

# %%
roofs = tower[:, 60:300, 70:350]
small = [resize(roofs, (60, 70), antialias) for antialias in (False, True)]
alt = "Roofs with regular rows of tiles; the same small, where the tiles are coarse, broken patterns; and smooth."
with show.figure(alt, columns=3, height=2.4) as axes:
    for where, image, title in zip(axes, [roofs, *small], ["large", "without", "with"], strict=True):
        show.picture(where, normalise(image), title if title == "large" else f"{title} anti-aliasing")

# %%
tiles = [aliasing_error(roofs, (60, 70), antialias) for antialias in (False, True)]
sky = [aliasing_error(tower[:, :60, 400:], (15, 60), antialias) for antialias in (False, True)]
print(f"aliasing error on the roofs: {tiles[0]:.3f} without, {tiles[1]:.3f} with anti-aliasing")
print(f"on the sky, where there is no detail: {sky[0]:.3f} and {sky[1]:.3f}")
assert tiles[0] > 5 * tiles[1]
assert sky[0] < 0.01

# %% [markdown]
# ### Writing in the mirror
#
# Take the handwritten digits of scikit-learn, the caption "a handwritten seven" and the simplest reader: it calls a
# digit by the name of the nearest of 900 others. How well does it read the mirrored ones?

# %%
digits = data.digits()
clear = torch.stack([to_tensor(sample.image) for sample in digits])[:, 0]  # (1797, 8, 8)
words = [sample.caption.split()[-1] for sample in digits]


def read(images):
    nearest = torch.cdist(images.flatten(1), clear[:900].flatten(1)).argmin(dim=1)
    return [words[i] == word for i, word in zip(nearest.tolist(), words[900:], strict=True)]


upright, in_mirror = read(clear[900:]), read(clear[900:].flip(-1))
print(f"read correctly: {np.mean(upright):.0%}, in the mirror {np.mean(in_mirror):.0%}")

# %%
names = list(dict.fromkeys(words))
by_digit = [np.mean([ok for ok, word in zip(in_mirror, words[900:], strict=True) if word == name]) for name in names]
with show.figure("Mirrored zeros and eights are read well, ones and fours partly, all others badly.", height=2) as [
    axes
]:
    axes.bar(names, by_digit)
    axes.set(ylabel="read correctly\nin the mirror", ylim=(0, 1))
assert np.mean(upright) > 0.95
assert np.mean(in_mirror) < 0.4
assert min(by_digit[0], by_digit[8]) > 0.8 > 0.3 > max(by_digit[d] for d in (2, 3, 5, 6, 7, 9))

# %% [markdown]
# A zero stays a zero. A mirrored three is no digit, yet its caption says "three", and this caption has no word to
# exchange. Whether a data set may be flipped is a question about its pictures *and* its sentences.

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what came and what was
# expected; where it knows the mistake, it names it. 12 points, 47 minutes; your progress is kept.
#
# ### 1. What a network gives back
#
# 2 points, 8 minutes, difficulty 1 of 3.
#
# A network gives $n$ pictures in one tensor, normalised with a mean and a standard deviation of
# its own for each channel, and nothing stops it from leaving the range. Make bytes of them, with the channels last: the
# nearest of the 256 levels; 0 for what would be darker than black, 255 for what would be brighter than white. You may
# use `torch` and `rearrange`. For one channel and three values of $z$, before anything is rounded:

# %%
from mmgen_course.check import check

for value in (-2.3, 0.1, 2.5):
    print(f"z = {value:4}: {255 * (0.485 + 0.229 * value):6.2f}")


# %% tags=["exercise"]
def to_pixels(z, mean, std):
    """z (n, 3, h, w), normalised with mean (3,) and std (3,) -> bytes, torch.uint8, (n, h, w, 3)."""
    # BEGIN SOLUTION
    # What was done last is undone first, by (eq:denormalise). `reshape(3, 1, 1)` gives each channel its number: without
    # it torch would line up std with the columns. Then round, limit, convert. A conversion alone would cut off (half of
    # the bytes one too small) and begin again at 0 after 255 (black spots where the picture is brightest).
    levels = 255 * (std.reshape(3, 1, 1) * z + mean.reshape(3, 1, 1))
    limited = levels.round().clamp(0, 255).to(torch.uint8)
    return rearrange(limited, "n c h w -> n h w c")
    # END SOLUTION


# %%
check(to_pixels)

# %% [markdown]
# ### 2. The numbers of a data set
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# Where do a $\mu$ and a $\sigma$ like the six of ImageNet come from? The photographs do not fit
# into memory together, and they are not equally large. So somebody noted of each one the mean and the standard
# deviation of each channel, and the number of pixels. Make of these notes the mean and the standard deviation of **all
# pixels together**, without the pictures. Every standard deviation here is the root of the mean squared distance from
# the mean (`correction=0`). You may use `torch`. A black picture of 100 pixels and a white one of 300, both with a
# standard deviation of 0:

# %%
together = torch.cat([torch.zeros(100), torch.ones(300)])
print(f"mean {together.mean():.3f}, standard deviation {together.std(correction=0):.3f}")


# %% tags=["exercise"]
def pooled_statistics(means, stds, counts):
    """Of n pictures: means and stds (n, 3), counts (n,), of pixels, whole numbers -> mean (3,) and std (3,)."""
    # BEGIN SOLUTION
    # Sums over pixels add up, so means do if each picture weighs what it has pixels; and the mean of x^2 is mu^2 +
    # sigma^2, as in (eq:bowl). Standard deviations do not add up: their mean, which ImageNet's numbers probably are,
    # leaves out how far the pictures differ from each other, and is too small.
    share = (counts / counts.sum())[:, None]
    mean = (share * means).sum(dim=0)
    mean_square = (share * (stds**2 + means**2)).sum(dim=0)
    return mean, (mean_square - mean**2).sqrt()
    # END SOLUTION


# %%
check(pooled_statistics)

# %% [markdown]
# ### 3. Who may have posed?
#
# 4 points, 15 minutes, difficulty 3 of 3.
#
# A small line was made by looking at every $s$-th pixel of a large one, without anti-aliasing,
# and shows a wave of `seen` periods a new pixel, between 0 and $\frac12$. Which waves can the large line have held?
# Turn (eq:alias) round: list **all** frequencies from 0 to $\frac12$, in periods an old pixel. The step $s \ge 2$ need
# not be whole; think of a wave that goes on between the pixels. You may use `torch`. Three of them for $s = 5$ and
# `seen` 0.2, and what is seen of each in six looks:

# %%
for f in (0.04, 0.16, 0.24):
    print(f"{f}: {np.cos(2 * np.pi * f * 5 * np.arange(6)).round(2)}")


# %% tags=["exercise"]
def true_frequencies(seen, s):
    """Two numbers, 0 < seen < 1/2 -> a tensor (k,) of all f in [0, 1/2] that look like `seen`, ascending."""
    # BEGIN SOLUTION
    # From one look to the next the wave turns f s times: a whole number of turns, which hide, and `seen` of a turn
    # forwards or backwards, which a cosine cannot tell apart. So f s = k + seen or k - seen. The commonest mistake is
    # to forget the second kind, half of all. Nothing above 1/2 is left to list: pixels cannot hold it.
    k = torch.arange(int(s) + 2)
    f = torch.cat([k + seen, k - seen]) / s
    return f[(f >= 0) & (f <= 0.5)].sort().values
    # END SOLUTION


# %%
check(true_frequencies)

# %% [markdown]
# ### 4. Half a turn
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# Lay the picture on the table and turn it by half a turn: top becomes bottom, left becomes right.
# Turn all that belongs to it. A **box** frames a thing by four edges, left, top, right, bottom, counted in pixels from
# the left and from the top of the picture, so `(0, 0, w, h)` frames everything. In the caption, which is in lower case,
# *left* and *right*, *top* and *bottom*, *above* and *below* change places, and nothing else changes. A *bright* star
# is still bright, and marks may stand beside a word, as in *top-left,*. You may use `torch` and `re`. One line of five
# pixels, with a box around the first two:

# %%
import re

line = torch.tensor([5, 6, 7, 8, 9])
print("edges 0 and 2:", line[0:2].tolist(), "- after half a turn, edges 3 and 5:", line.flip(0)[3:5].tolist())
print(re.findall(r"\w+", "a bright star at the top-left, above it a cross."))


# %% tags=["exercise"]
def half_turn(image, boxes, caption):
    """image (3, h, w), boxes (k, 4), whole numbers, caption -> the three after half a turn, a tuple."""
    # BEGIN SOLUTION
    # Two `replace` one after the other would take back what the first one did, and make "bleft" of "bright": go through
    # the whole words once. An edge x becomes w - x, and the two edges change places, or left would be larger than
    # right; W - 1 - j of (eq:flip) is for pixels, and edges are one more.
    pairs = [("left", "right"), ("top", "bottom"), ("above", "below")]
    instead = dict(pairs + [(there, here) for here, there in pairs])
    turned_caption = re.sub(r"\w+", lambda match: instead.get(match[0], match[0]), caption)
    h, w = image.shape[1:]
    turned_boxes = torch.tensor([w, h, w, h]) - boxes[:, [2, 3, 0, 1]]
    return image.flip(1, 2), turned_boxes, turned_caption
    # END SOLUTION


# %%
check(half_turn)

# %% [markdown]
# ## What to remember
#
# - Bytes to tensor: move the channel axis to the front (never `reshape`), divide by 255; back: multiply, **round**.
# - The range changes in one place, to $[-1, 1]$ here; a range that is guessed, or a step done twice, raises no error.
# - Resizing is a matrix. Detail above the Nyquist limit does not vanish, it poses as coarser detail. Widen the
#   triangle.
# - Use a trained network with the very numbers that it was trained with.
# - A crop or a flip changes the truth of a caption. Change image and caption together, or leave both alone.

# %% [markdown]
# ## Three questions
#
# **1.** All your generated images look pale: their darkest value is one half. Which step was done once too often?
#
# <details><summary>Answer</summary>
#
# (eq:denormalise) with $\mu = \sigma = 1/2$: it takes $[0, 1]$ to $[1/2, 1]$.
#
# </details>
#
# **2.** Stripes with a period of 3 pixels are shrunk by a factor of 4 without anti-aliasing. Which period do you see?
#
# <details><summary>Answer</summary>
#
# $f = 1/3$ and $s = 4$ give $fs = 4/3$, and by (eq:alias) $f' = 1/3$: again a period of 3 pixels, now new ones, which
# are 12 old ones. The small picture looks right and is wrong.
#
# </details>
#
# **3.** Your data are photographs of road signs with captions such as "no left turn". Does `flip(image, caption)` keep
# them true?
#
# <details><summary>Answer</summary>
#
# The arrow and the word turn together, and that is right. But numbers and letters on the signs become mirror writing,
# and cars drive on the other side of the road. Do not flip them.
#
# </details>

# %% [markdown]
# ## References
#
# - C. E. Shannon, *Communication in the Presence of Noise*, Proceedings of the IRE 37(1), 1949: the sampling theorem.
# - N. Ahmed, T. Natarajan, K. R. Rao, *Discrete Cosine Transform*, IEEE Transactions on Computers C-23(1), 1974.
# - Y. LeCun, L. Bottou, G. B. Orr, K.-R. Müller, *Efficient BackProp*, in *Neural Networks: Tricks of the Trade*,
#   1998: why inputs should have mean zero.
# - G. Parmar, R. Zhang, J.-Y. Zhu, *On Aliased Resizing and Surprising Subtleties in GAN Evaluation*, CVPR 2022.
# - Z. Lin, J. Sun, A. Davis, N. Snavely, *Visual Chirality*, CVPR 2020: what a mirror changes in photographs.
# - K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image Recognition*, CVPR 2016.
# - The two photographs come with scikit-learn; its file `README.txt` beside them names their authors (CC BY 2.0).
# - *Document origin of preprocessing mean / std*, pull request 1965 of pytorch/vision, 2020.
#
# Next: **2. Text**, where sentences become numbers.
