# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 0. A picture from a sentence
#
# **You will be able to**
#
# - draw a picture from a sentence, and say why one sentence fits many pictures;
# - say what a *modality* is, and hold four of them in your hands as arrays of numbers;
# - show with a measurement why two weak sources of information beat one.
#
# 25 minutes. You need Python and school mathematics, no machine learning. Run each cell with Shift+Enter.

# %% [markdown]
# ## Four sentences, four pictures

# %%
import torch
from torch.nn.functional import one_hot

from mmgen_course import data, scenes, show, widgets
from mmgen_course.preprocess.image import to_tensor

captions = [
    "a small red circle above a large blue square",
    "a large blue square above a small red circle",
    "a big striped green star in the middle on a dark background",
    "a tiny crimson disc in the top right",
]
drawn = [scenes.parse(caption).complete() for caption in captions]
pictures = scenes.render(drawn, size=96)
show.images(pictures, captions, alt="Four pictures, each of which shows what the sentence above it says.")

# %% [markdown]
# Each picture shows what its sentence says. The first two sentences hold the same words in another order, and the
# pictures differ. The last one says *crimson disc* where others say *red circle*.
#
# Here a small program of fixed rules read the sentence and drew. At the end of this course a neural network does it,
# one that **you** trained, on this machine, and that was never told the rules. It will have to get the order of the
# words right, and a word like *crimson* that no caption ever used. How can that work? That is the course.
#
# How different are the first two pictures, in numbers? Compare them pixel by pixel.

# %%
same_words = sorted(captions[0].split()) == sorted(captions[1].split())
changed = (pictures[0] - pictures[1]).abs().amax(0) > 0.1
share = changed.float().mean().item()
print(f"same words: {same_words}; pixels that differ: {share:.0%}")
assert same_words
assert 0.2 < share < 0.5

# %% [markdown]
# ## Four kinds of data
#
# A **modality** is a kind of data with its own structure. Four of them matter here, and for a program each is an
# array of numbers.
#
# - An **image** is a grid: neighbours matter, in two directions.
# - A **text** is a sequence of symbols: order matters, and a symbol has no size.
# - A **sound** is a long sequence of numbers: air pressure, thousands of times a second.
# - A **clip** is a sequence of images: what moves where.

# %%
image = pictures[3]
text = captions[3].split()
rate = 8000  # measurements a second
time = torch.arange(rate // 2) / rate  # half a second
sound = torch.sin(2 * torch.pi * 440 * time) * torch.exp(-6 * time)  # the note A, fading
clip = torch.stack([image.roll(12 * step, dims=1) for step in range(4)])
for name, shape in {"image": image.shape, "text": [len(text)], "sound": sound.shape, "clip": clip.shape}.items():
    print(f"{name:6} {tuple(shape)}")

# %%
alt = "A red disc; its caption as numbered words; a fading sound wave; four frames in which the disc falls."
with show.figure(alt, columns=4, height=2) as (left, middle, wave, right):
    show.picture(left, image, "image")
    middle.set_axis_off()
    middle.set_title("text")
    for row, word in enumerate(text):
        middle.text(0.2, 0.92 - row / len(text), f"{row}  {word}", family="monospace", size=8)
    wave.plot(time[:600], sound[:600], linewidth=1)
    wave.set(title="sound", xlabel="seconds", ylim=(-1, 1))
    show.picture(right, show.tile(clip, columns=2), "clip")

# %% [markdown]
# They differ in size by a factor of thousands, and that is the first difficulty of multimodal learning. The caption
# holds eight words; the clip holds over a hundred thousand numbers; both say "red disc".

# %%
ratio = clip.numel() / len(text)
print(f"{clip.numel():,} numbers against {len(text)} words: {ratio:,.0f} to 1")
assert (clip.numel(), len(text)) == (110_592, 8)

# %% [markdown]
# **Multimodal generation** makes one modality from another: an image from a text, a clip from a sound, or an image and
# its text together. This course takes the first, image from text, all the way (lesson 10). On the way you solve the
# tasks that it rests on: read attributes off an image (lesson 3), give words a meaning as vectors (lesson 4), say which
# word belongs to which part of the picture (lesson 5), find the picture for a sentence among thousands (lesson 6).

# %% [markdown]
# ## A picture is a function of position
#
# Who draws these pictures? A picture assigns a colour to each point, so write down a function of the point $(x, y)$.
# Let the image span $-1$ to $1$ in both directions. For a circle of radius $r$, the **signed distance**
#
# $$ d(x, y) = \sqrt{x^2 + y^2} - r \label{eq:signed-distance} $$
#
# is negative inside, zero on the edge, positive outside. Run (eq:signed-distance) on a grid of 16 pixels by 16:

# %%
size = 16
centres = (torch.arange(size) + 0.5) * 2 / size - 1  # of the pixels
x, y = centres[None, :], centres[:, None]
distance = (x**2 + y**2).sqrt() - 0.6
hard = (distance < 0).float()
print(f"distance at a pixel beside the centre {distance[8, 8]:.2f}, at a corner {distance[0, 0]:.2f}")

# %% [markdown]
# "Inside or not" gives steps at the edge. A pixel is a little square of width $w$, and the edge covers a part of it.
# If the edge is nearly straight, and upright or level, the covered share falls from 1 to 0 over one pixel width:
#
# $$ c = \min\!\left(1, \max\!\left(0, \tfrac{1}{2} - \frac{d}{w}\right)\right) \label{eq:coverage} $$

# %%
soft = (0.5 - distance / (2 / size)).clamp(0, 1)  # (eq:coverage) with w = 2 / size
with show.figure("A circle with steps at its edge, and one with a smooth edge.", columns=2) as (left, right):
    show.picture(left, 2 * hard[None] - 1, "inside or not")
    show.picture(right, 2 * soft[None] - 1, "covered share")

# %% [markdown]
# Is the second one really better, or only softer? The area of the circle is known, $\pi r^2$, so count. Do it for
# many radii, because a single one may be lucky.

# %%
radii = torch.linspace(0.3, 0.9, 200)[:, None, None]
distance = (x**2 + y**2).sqrt() - radii  # (200, 16, 16)
true = torch.pi * radii.squeeze() ** 2
steps = ((distance < 0).float().mean((1, 2)) * 4 - true).abs() / true  # the image has area 4
smooth = ((0.5 - distance * size / 2).clamp(0, 1).mean((1, 2)) * 4 - true).abs() / true
print(f"mean error of the area: inside or not {steps.mean():.2%}, covered share {smooth.mean():.2%}")
assert steps.mean() > 5 * smooth.mean()

# %% [markdown]
# Smoothing the edge like this is called **anti-aliasing**; lesson 1 meets it again when pictures shrink.
#
# **From here on we import it.** `scenes.render` draws six shapes in eight colours, two sizes and four styles, each
# from a signed distance, a whole batch at a time.

# %%
looks = [("circle", "flat"), ("square", "striped"), ("triangle", "dotted"), ("diamond", "outlined")]
looks += [("star", "striped"), ("cross", "flat")]
things = [
    scenes.SceneObject(shape, colour, "large", style, "centre")
    for (shape, style), colour in zip(looks, scenes.COLOURS[:6], strict=True)
]
batch = scenes.render([scenes.Scene((thing,)) for thing in things], size=64)
show.images(batch, [f"{thing.style} {thing.shape}" for thing in things], columns=6, alt="The six shapes.")
assert batch.shape == (6, 3, 64, 64)
assert -1 <= batch.min() < batch.max() <= 1

# %% [markdown]
# ## Type your own
#
# Type a caption below. What you leave open is filled in at random, four times, so the four pictures agree only in
# what you said. Try `a star`, then `a red star`, then `a small red star above a big square`. Then try a word that
# this world does not know.


# %%
def draw(caption):
    said = scenes.parse(caption)
    generator = torch.Generator().manual_seed(0)
    fitting = [said.complete(generator) for _ in range(4)]
    pictures = scenes.render(fitting, size=64, generator=generator)
    return show.tile(pictures, columns=4), f"four pictures that fit: {caption}"


widgets.explorer(draw, caption=widgets.text("Caption", "a red star"))

# %% [markdown]
# ## Does the picture show what the sentence says?
#
# `scenes.parse` turns a sentence into **constraints**: what it says of each object, and nothing about the rest.

# %%
said = scenes.parse("a red star")
print(said.objects[0])
print("not said:", ", ".join(said.unsaid))

# %% [markdown]
# So the question in the title has an answer, yes or no, for every scene. For $n$ pictures of scenes $s_1, \dots, s_n$
# made from captions $t_1, \dots, t_n$, the share of yes is the **caption match**
#
# $$ m = \frac{1}{n} \sum_{i=1}^{n} \mathbb{1}\left[\, s_i \text{ satisfies } t_i \,\right] \label{eq:caption-match} $$
#
# It is the number by which every generator of this course is measured. What does a machine score that ignores the
# caption? If it picks each attribute alone and evenly, a caption that fixes the values of attributes with $k_1, k_2,
# \dots$ possible values is met with probability
#
# $$ P(\text{match}) = \prod_j \frac{1}{k_j} \label{eq:chance} $$
#
# With six shapes and eight colours, "a red star" is drawn by chance once in 48 times. Count (eq:caption-match) and
# compare it with (eq:chance):

# %%
generator = torch.Generator().manual_seed(0)
anything = scenes.parse("something")
blind = [anything.complete(generator) for _ in range(20_000)]
match = sum(said.hold_for(scene) for scene in blind) / len(blind)
chance = 1 / (len(scenes.SHAPES) * len(scenes.COLOURS))
print(f"match of pictures drawn without the caption: {match:.3f}; by the formula: {chance:.3f}")
assert abs(match - chance) < 3 * (chance * (1 - chance) / len(blind)) ** 0.5  # three standard errors

# %% [markdown]
# Remember this number when a generator shows off one good picture. Of 48 pictures drawn blindly one is right, and it
# is the one that people post.

# %% [markdown]
# ## On real data: two weak sources make a strong one
#
# Why bother with several modalities? Three reasons are given everywhere: a richer signal, better generalisation, and
# tasks that one modality cannot do. This lesson measures the first; lessons 6 and 10 measure the other two.
#
# Take the 1,797 real handwritten digits that come with scikit-learn, and bury each under noise. Beside it comes a
# word, such as "seven", from a poor telephone line: half of the time the listener hears some digit at random.

# %%
samples = data.digits()
digits = torch.stack([to_tensor(sample.image)[0] for sample in samples])  # (1797, 8, 8)
words = [sample.caption.split()[-1] for sample in samples]
names = list(dict.fromkeys(words))  # zero, one, two, ...
labels = torch.tensor([names.index(word) for word in words])
generator = torch.Generator().manual_seed(0)
noise = 0.7
noisy = digits + noise * torch.randn(digits.shape, generator=generator)
bad_line = torch.rand(labels.shape, generator=generator) < 0.5
heard = torch.where(bad_line, torch.randint(10, labels.shape, generator=generator), labels)

# %%
alt = "Above, eight clear handwritten digits; below, the same digits under noise, hardly readable."
show.images(torch.cat([digits[:8], noisy[:8].clamp(0, 1)])[:, None] * 2 - 1, columns=8, alt=alt)
print("heard:", ", ".join(names[number] for number in heard[:8]))

# %% [markdown]
# How probable is each digit $y$, given the noisy image $a$? Compare $a$ with clear examples $x_1, x_2, \dots$. If the
# noise is Gaussian with standard deviation $\sigma$, example $i$ deserves the weight $\exp(-\lVert a - x_i \rVert^2 /
# 2\sigma^2)$, and the weights of all examples of one digit are added up. If each example is equally likely beforehand,
# that is Bayes' rule:
#
# $$ p(y \mid a) = \frac{\sum_{i:\, y_i = y} \exp(-\lVert a - x_i \rVert^2 / 2\sigma^2)}
#                       {\sum_{i} \exp(-\lVert a - x_i \rVert^2 / 2\sigma^2)} \label{eq:vote} $$
#
# Keep (eq:vote) in mind: a weighted vote, with weights that add up to one. Lesson 5 calls it attention.

# %%
clear, unclear = digits[:900].flatten(1), noisy[900:].flatten(1)
weights = torch.softmax(-(torch.cdist(unclear, clear) ** 2) / (2 * noise**2), dim=1)  # (897, 900)
by_image = weights @ one_hot(labels[:900], 10).float()  # (eq:vote), (897, 10)

# %% [markdown]
# The right word is heard with probability $0.55$, each of the nine others with probability $0.05$. That is
# $p(b \mid y)$; and because the digits are about equally frequent, $p(y \mid b)$ is the same.

# %%
by_word = 0.05 + 0.5 * one_hot(heard[900:], 10)

# %% [markdown]
# Now both. Suppose that the noise of the image and the noise of the line have nothing to do with each other once the
# digit is known, $p(a, b \mid y) = p(a \mid y)\, p(b \mid y)$. Then Bayes' rule, used three times, gives
#
# $$ p(y \mid a, b) = \frac{1}{Z}\, \frac{p(y \mid a)\; p(y \mid b)}{p(y)} \label{eq:fusion} $$
#
# where $Z$ makes the sum over $y$ equal to one. Each digit is about equally frequent here, so $p(y)$ drops out:
# multiply and pick the largest.

# %%
by_both = by_image * by_word  # (eq:fusion) without its constants
truth = labels[900:]
accuracy = {
    name: (guess.argmax(1) == truth).float().mean().item()
    for name, guess in {"image": by_image, "word": by_word, "both": by_both}.items()
}
print({name: round(value, 2) for name, value in accuracy.items()})

# %%
error = (0.25 / len(truth)) ** 0.5  # standard error of a share, at most
with show.figure("Three bars: image alone, word alone, and both, which is the highest.", height=2.2) as [axes]:
    axes.barh(list(accuracy), list(accuracy.values()), xerr=2 * error, color=show.PALETTE[:3])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of digits read correctly (line: two standard errors)")
    axes.axvline(0.1, color="grey", linestyle=":")
    axes.text(0.11, -0.45, "chance", color="#595959", size=8)

# %% [markdown]
# Two sources that are right little more than half of the time are right in over two thirds of the cases together.
# Nothing was learned about the pair; the gain comes from (eq:fusion) alone, and it comes because the two fail
# **independently**. If the image failed exactly where the word fails, there would be nothing to gain.

# %%
gain = accuracy["both"] - max(accuracy["image"], accuracy["word"])
print(f"gain over the better of the two: {gain:.0%}, or {gain / (2**0.5 * error):.1f} standard errors")
assert 0.5 < accuracy["word"] < 0.6
assert 0.5 < accuracy["image"] < 0.65
assert accuracy["both"] > 2 / 3
assert gain > 3 * 2**0.5 * error

# %% [markdown]
# ## The course in pictures
#
# Now you know the ends: a sentence goes in, a picture comes out, and a number says whether it is the right one. This
# is the way between. Read from left to right; a box names the lesson that builds it.

# %% tags=["hide-input"]
star = scenes.render([drawn[2]], size=32)[0]
edges = (star[:, 1:, 1:] - star[:, :-1, 1:]).abs().mean(0, keepdim=True) * 2 - 1
steps = {
    "a sentence": (0, 1, "“a striped\ngreen star”"),
    "tokens\nlesson 2": (1, 1, "a\nstriped\ngreen\nstar"),
    "word vectors\nlesson 4": (2, 1, "each word\nas a point\nin space"),
    "an image": (0, 0, star),
    "numbers\nlesson 1": (1, 0, star[:, 10:18, 10:18]),
    "CNN features\nlesson 3": (2, 0, edges),
    "attention and\nshared space\nlessons 5, 6": (3, 0.5, "which word\nbelongs to\nwhich place?"),
    "GAN or VAE\nlessons 7, 8, 10": (4, 0.5, torch.rand(3, 8, 8, generator=generator) * 2 - 1),
    "a new picture": (5, 0.5, scenes.render([drawn[2]], 32, generator)[0]),
    "a score\nlesson 9": (6, 0.5, "is it what\nwas said?"),
}

# %% tags=["hide-input"]
alt = "Two chains, sentence to tokens to word vectors, and image to numbers to features, meet in attention. "
alt += "From there one chain goes on to the generator, a new picture, and its score."
with show.figure(alt, width=9, height=3.2) as [axes]:
    show.chain(axes, steps)

# %% [markdown]
# ## Questions that people ask first
#
# **What is different from generation without a second modality?** A generator of faces draws *some* face. With a
# caption you can say which, and check whether you got it: (eq:caption-match) needs a caption.
#
# **Where is it used?** Illustration and design from a description, pictures of a product that does not exist yet,
# sound tracks and moving pictures for each other, descriptions of images for people who cannot see them.
#
# **What is hard?** The modalities differ in size and structure, as you saw. Several objects with their own attributes
# get mixed up (*red circle, blue square* becomes a blue circle). A good-looking picture may show the wrong thing, so
# evaluation is half of the work. And training is expensive; that is why this course has a world small enough for a
# laptop.
#
# **Where is it going?** From GANs to diffusion and flow matching, from captions to any mixture of text, image and sound
# as input, and to models that generate several modalities at once.

# %% [markdown]
# ## What to remember
#
# - A modality is a kind of data with its own structure; to a program each is an array of numbers.
# - A caption is a set of constraints. Many pictures fit one caption, so a generator must be able to draw many.
# - "Does the picture show what the sentence says" is a number, the caption match. Compare it with chance.
# - Modalities help because they fail independently: posteriors multiply.

# %% [markdown]
# ## Three questions
#
# **1.** How likely is a machine that ignores the caption to satisfy "a small red star on a dark background"?
#
# <details><summary>Answer</summary>
#
# By (eq:chance) with two sizes, eight colours, six shapes and two backgrounds: 1 / (2 · 8 · 6 · 2) = 1 / 192.
#
# </details>
#
# **2.** The covered share of a pixel whose centre lies exactly on the edge is one half, whatever the width of the
# pixel. Why?
#
# <details><summary>Answer</summary>
#
# There $d = 0$, and (eq:coverage) gives 1/2: a straight edge through the centre of a square cuts it in two equal
# parts.
#
# </details>
#
# **3.** A second microphone records the same telephone line. Does multiplying its posterior in, as (eq:fusion) does,
# help?
#
# <details><summary>Answer</summary>
#
# No. It hears the same wrong word, so it fails together with the first: given the digit, the two are not independent.
# Multiplying would count one piece of evidence twice and make the answer overconfident, not better.
#
# </details>

# %% [markdown]
# ## References
#
# - T. Baltrušaitis, C. Ahuja, L.-P. Morency, *Multimodal Machine Learning: A Survey and Taxonomy*, IEEE TPAMI
#   41(2), 2019.
# - S. Reed, Z. Akata, X. Yan, L. Logeswaran, B. Schiele, H. Lee, *Generative Adversarial Text to Image Synthesis*,
#   ICML 2016.
# - J. Johnson et al., *CLEVR: A Diagnostic Dataset for Compositional Language and Elementary Visual Reasoning*,
#   CVPR 2017: a generated world whose questions have checkable answers.
# - C. Green, *Improved Alpha-Tested Magnification for Vector Textures and Special Effects*, SIGGRAPH courses 2007:
#   drawing from signed distances.
#
# Next: **1. Images**, where pixels become tensors.
