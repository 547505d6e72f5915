# ---
# jupyter:
#   jupytext:
#     formats: py:percent
# ---

# %% [markdown]
# # 2. Text: from sentences to numbers
#
# **You will be able to**
#
# - turn any sentence into a list of numbers and back, and say exactly what is lost on the way;
# - choose a vocabulary with a measured trade-off, and report the words that it does not know;
# - put captions of different lengths into one batch, beside their images, without the filling spoiling the result.
#
# 45 minutes. You need lesson 0, lists and dictionaries in Python, and sums.

# %% [markdown]
# ## The same picture in other words

# %%
import re
from collections import Counter, defaultdict
from importlib import resources
from itertools import product
from math import log2, log10

import torch
from ipywidgets import IntSlider
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch.utils.data import DataLoader
from torchtext.data.utils import get_tokenizer

from mmgen_course import data, scenes, show, widgets

said = ["a small red star", "a little scarlet pentagram", "a small red cross"]
pictures = scenes.render([scenes.parse(caption).complete() for caption in said], size=96)
show.images(pictures, said, columns=3, alt="A red star, the same red star once more, and a red cross.")

# %% [markdown]
# The first two pictures are the same, and their captions share one word of four. The first and the third differ, and
# their captions share three words of four.

# %%
shared = [len(set(said[0].split()) & set(other.split())) for other in said[1:]]
same = [torch.equal(pictures[0], other) for other in pictures[1:]]
print(f"words shared with the first caption: {shared}; same picture: {same}")
assert (shared, same) == ([1, 3], [True, False])

# %% [markdown]
# For images, "nearly the same numbers" means "nearly the same picture". For text it does not. The letters of a word say
# nothing about what it means. So before a network can learn what words mean, we have to give it something to attach
# the meaning to. How do we write a sentence as numbers, and what gets lost when we do?

# %% [markdown]
# ## Four decisions
#
# A network takes a grid of numbers with a fixed shape. A caption is a string. Between them lie four steps:
#
# 1. **Cut** the string into pieces. A piece is called a **token**.
# 2. **Number** them: give every different token an **id**. The list of different tokens is the **vocabulary**.
# 3. **Pad**: fill short captions up, so that several fit into one rectangle, a **batch**.
# 4. **Mask**: write down which positions are filling, so that nothing downstream takes them for words.
#
# Each step throws something away, silently unless you look. So this lesson measures each of them. The corpus is one
# caption for every training scene.

# %%
train = scenes.splits()["train"]
generator = torch.Generator().manual_seed(0)
captions = [scenes.caption(scene, generator) for scene in train]
print(f"{len(captions):,} captions, for example:")
print(captions[0])
print(captions[-1])
assert len(captions) > 14_000

# %% [markdown]
# ## Step 1: cut
#
# Python cuts at spaces with `split()`. Is that enough? Our captions are lower case without punctuation. People do not
# type like that, so here are the same captions as a person might type them. Each of the changes below happens to a
# caption with probability one half, if it fits.

# %%
EDITS = [("there is", "there's"), ("picture of", "picture:"), (" and a ", "; a "), (" on a ", ", on a ")]
EDITS += [(" against", "<br />against"), (" in the centre", " (in the centre)")]


def as_typed(caption, coins):
    for (old, new), coin in zip(EDITS, coins[:-2], strict=True):
        caption = caption.replace(old, new) if coin else caption
    caption = caption.capitalize() + ("!" if coins[-2] else ".")
    return f'"{caption}"' if coins[-1] else caption


coins = (torch.rand(len(captions), len(EDITS) + 2, generator=generator) < 0.5).tolist()
typed = [as_typed(caption, coin) for caption, coin in zip(captions, coins, strict=True)]
print(typed[-1])

# %% [markdown]
# Count the different "words" that `split()` finds in both.

# %%
in_plain = {word for caption in captions for word in caption.split()}
in_typed = {word for caption in typed for word in caption.split()}
print(f"different words: {len(in_plain)} in the plain captions, {len(in_typed)} in the typed ones")
print("forms of 'ground':", sorted(word for word in in_typed if re.fullmatch(r"\W*ground\W*", word)))
assert len(in_plain) == 75
assert len(in_typed) > 2 * len(in_plain)

# %% [markdown]
# The language did not grow. A network would have to learn the meaning of `ground`, `ground.` and `ground!"` one by
# one, each from fewer examples.
#
# **The blunt cure** is to strip punctuation: what is no letter, digit or space becomes a space.

# %%
sample = '"Don\'t move!" A red circle, top-left.'
print(re.sub(r"[^\w\s]", " ", sample).split())

# %% [markdown]
# It broke *don't* and *top-left*. An apostrophe or a hyphen between two letters belongs to the word; anywhere else it
# is punctuation. The pattern says so with a look behind, `(?<!\w)`, and a look ahead, `(?!\w)`: neither takes a
# character away.

# %%
PUNCTUATION = re.compile(r"(?<!\w)['-]|['-](?!\w)|[^\w\s'-]")


def strip(text):
    return " ".join(PUNCTUATION.sub(" ", text).split())


print(strip(sample))
stripped = {word for caption in typed for word in strip(caption).lower().split()}
print(len(stripped), "different words, new:", sorted(stripped - in_plain))

# %% [markdown]
# Stripping is right where punctuation says nothing, as in our captions. (The new words come from `<br />` and
# `there's`.) In prose a question mark does say something. So the second cure keeps marks, but cuts them off the words.
# It is a list of rules; the ones below are those of `basic_english`, the tokeniser of the library torchtext.
#
# **Rule 1.** Lower the case: *A* and *a* are one word.

# %%
text = 'A "red" circle; it\'s left of<br />a square: see (1)!'
text = text.lower()
print(text)

# %% [markdown]
# **Rule 2.** Drop double quotes.

# %%
text = text.replace('"', "")
print(text)

# %% [markdown]
# **Rule 3.** Read `<br />` as a space. It is the line break of web pages, and text from the web is full of it.

# %%
text = text.replace("<br />", " ")
print(text)

# %% [markdown]
# **Rule 4.** Put spaces around each of `' . , ( ) ! ?`, so that each becomes a token of its own.

# %%
text = re.sub(r"(['.,()!?])", r" \1 ", text)
print(text)

# %% [markdown]
# **Rule 5.** Colons and semicolons only separate. Then cut at the spaces.

# %%
text = re.sub("[;:]", " ", text)
print(text.split())
assert " ".join(text.split()) == "a red circle it ' s left of a square see ( 1 ) !"

# %% [markdown]
# What does each rule buy? Apply the first rule, the first two, and so on, to all typed captions, and count the
# different words.

# %%
RULES = {
    "split only": lambda text: text,
    "1 lower case": str.lower,
    "2 drop double quotes": lambda text: text.replace('"', ""),
    "3 <br /> to space": lambda text: text.replace("<br />", " "),
    "4 marks apart": lambda text: re.sub(r"(['.,()!?])", r" \1 ", text),
    "5 : ; to space": lambda text: re.sub("[;:]", " ", text),
}
so_far, found = typed, {}
for name, rule in RULES.items():
    so_far = [rule(text) for text in so_far]
    found[name] = len({word for text in so_far for word in text.split()})

# %%
alt = "Six bars: the number of different words falls with every rule."
with show.figure(alt, height=2.4) as [axes]:
    bars = axes.barh(list(found), list(found.values()), color=show.PALETTE[0])
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.axvline(len(in_plain), color="black", linestyle=":")
    axes.set(xlabel="different words (dotted line: in the plain captions)")

# %% [markdown]
# After the last rule the typed captions hold the words of the plain ones, the marks, and the *s* of *there's*.

# %%
left_over = {word for text in so_far for word in text.split()} - in_plain
print(found["split only"], "->", found["5 : ; to space"], "different words; new:", sorted(left_over))
assert left_over == {"'", "!", "(", ")", ",", ".", "s"}

# %% [markdown]
# Rules 4 and 5 and the cut fit into **one** regular expression. A token is one of the seven marks, or a run of
# characters of which none is a mark, a colon, a semicolon or a space:

# %%
TOKEN = re.compile(r"['.,()!?]|[^'.,()!?;:\s]+")


def tokens(text):
    return TOKEN.findall(text.lower().replace('"', "").replace("<br />", " "))


print(tokens(sample))

# %% [markdown]
# Is it the same? Ask the library, on every caption, plain and typed. Then ask on nonsense made of the characters that
# the rules are about, because captions are too tidy to find mistakes.

# %%
basic_english = get_tokenizer("basic_english")
nasty = ["<br />", "<br", "/>", "it", "É", "-", "_", "\n", "\t", *"aB7 '\".,()!?;:"]
draws = torch.randint(len(nasty), (5000, 12), generator=generator).tolist()
nonsense = ["".join(nasty[i] for i in row) for row in draws]
differ = sum(tokens(text) != basic_english(text) for text in [*captions, *typed, *nonsense])
print(f"texts on which the two differ: {differ} of {len(captions) + len(typed) + len(nonsense):,}")
assert differ == 0

# %% [markdown]
# ## Step 2: number
#
# Count the tokens. Different tokens are called **types**: *a red star and a red cross* has seven tokens of five types.

# %%
counts = Counter(word for caption in captions for word in tokens(caption))
ranked = sorted(counts, key=lambda word: (-counts[word], word))  # ties in alphabetical order
N, V_all = counts.total(), len(counts)
print(f"{N:,} tokens, {V_all} types, {N / V_all:,.0f} tokens a type")
print("most frequent:", [(word, counts[word]) for word in ranked[:4]])
print("least frequent:", [(word, counts[word]) for word in ranked[-3:]])
assert V_all == 75

# %% [markdown]
# Must every type get an id? Each id costs memory, in every model of this course a vector of numbers that has to be
# learned. Let $c_{(1)} \ge c_{(2)} \ge \dots$ be the counts in descending order, and $N$ their sum. A vocabulary of the
# $V$ most frequent words knows the share
#
# $$ C(V) = \frac{1}{N} \sum_{r=1}^{V} c_{(r)} \label{eq:word-coverage} $$
#
# of all tokens, its **coverage**. Because the counts descend, no other vocabulary of size $V$ covers more. Run
# (eq:word-coverage) for every $V$ at once:

# %%
c = torch.tensor([counts[word] for word in ranked], dtype=torch.float64)
C = c.cumsum(0) / N  # C[V - 1] is the coverage of V words
needed = {share: int(torch.searchsorted(C, share)) + 1 for share in (0.5, 0.9, 0.99)}
print("words needed for a coverage of:", {f"{share:.0%}": V for share, V in needed.items()})
assert needed[0.5] < needed[0.9] < needed[0.99] < V_all

# %%
alt = "Coverage against size of the vocabulary: a curve that rises steeply, then bends, and reaches one at 75 words."
with show.figure(alt, height=2.4) as [axes]:
    axes.plot(range(1, V_all + 1), C)
    for share, V in needed.items():
        axes.plot([V, V], [0, share], color="grey", linestyle=":")
        axes.annotate(f"{share:.0%}: {V} words", (V, share), (6, -14), textcoords="offset points", size=9)
    axes.set(xlabel="V, words in the vocabulary", ylabel="C, coverage", ylim=(0, 1.05), xlim=(0, 85))

# %% [markdown]
# Libraries offer this choice as `min_count`: keep the words that occur at least so often. Here it would be a mistake.
# The rarest word still occurs more than a hundred times, and *middle* is the only thing that some captions say about
# the place.

# %%
for min_count in (1, 500, 1000, 5000):
    V = int((c >= min_count).sum())
    print(f"min_count {min_count:5,}: {V:2} words cover {C[V - 1]:.1%}")
assert c.min() > 100

# %% [markdown]
# Would a smaller corpus have found all 75? Suppose that we keep each token with probability $q$, independently. A
# word that occurs $c_w$ times is lost when all of its tokens are, which has probability $(1 - q)^{c_w}$. So the
# expected number of types is
#
# $$ \mathbb{E}[V(q)] = \sum_{w} \left( 1 - (1 - q)^{c_w} \right) \label{eq:vocabulary-growth} $$
#
# The words are lost independently of each other, so the variance is the sum of $p_w (1 - p_w)$ with $p_w = 1 - (1 -
# q)^{c_w}$. Run (eq:vocabulary-growth), and compare it with tokens that were really drawn.

# %%
word_of = torch.arange(V_all).repeat_interleave(c.long())  # one entry a token
for q in (0.0001, 0.001, 0.01):
    p = 1 - (1 - q) ** c
    kept = word_of[torch.rand(N, generator=generator) < q]
    V, expected, sd = len(kept.unique()), p.sum().item(), (p * (1 - p)).sum().sqrt().item()
    print(f"q = {q:6}: {len(kept):5,} tokens, {V} types, expected {expected:.1f} ± {sd:.1f}")
    assert abs(V - expected) < 3 * sd + 0.5  # half a word, because V is whole
assert len(kept.unique()) == V_all

# %% [markdown]
# One token in a hundred is enough: this language is small and closed. Real language is not, as you will see below.
#
# Now the numbers. Four ids are reserved: `<pad>` for filling, `<unk>` for words without an id, `<bos>` and `<eos>` for
# the beginning and the end of a sentence. With $r(w)$ the rank of a word by frequency,
# counted from 1, ties in alphabetical order,
#
# $$ \mathrm{id}(w) = \begin{cases} 3 + r(w) & \text{if } w \text{ is in the vocabulary} \\
#                                   1 & \text{otherwise} \end{cases} \label{eq:word-id} $$
#
# so that ids 0 to 3 are the special ones.

# %%
PAD, UNK, BOS, EOS = range(4)
words = ["<pad>", "<unk>", "<bos>", "<eos>", *ranked]
id_of = {word: 3 + r for r, word in enumerate(ranked, 1)}  # (eq:word-id)


def encode(text):
    return [BOS, *(id_of.get(word, UNK) for word in tokens(text)), EOS]


def decode(ids):
    return " ".join(words[i] for i in ids if i not in (PAD, BOS, EOS))


print(encode("A red circle!"))  # the 1 is the exclamation mark, which no plain caption has
assert encode("A red circle!") == [2, id_of["a"], id_of["red"], id_of["circle"], 1, 3]

# %% [markdown]
# An id is a name, not a quantity. That *red* has a larger id than *a* means only that it is rarer.
#
# What survives the way there and back? Case, spacing and the dropped marks are gone, and every unknown word has become
# the same `<unk>`. Let $w_1, \dots, w_n$ be the tokens of a text $t$. Then
#
# $$ \mathrm{decode}(\mathrm{encode}(t)) = w_1 \sqcup w_2 \sqcup \dots \sqcup w_n
#    \quad \text{if every } w_i \text{ is in the vocabulary} \label{eq:round-trip} $$
#
# where $\sqcup$ is a space. Run (eq:round-trip) on all captions, then on a text that does not meet its condition.

# %%
assert all(decode(encode(caption)) == " ".join(tokens(caption)) == caption for caption in captions)
print("all captions come back;", repr(decode(encode("A red zebra!"))))
assert decode(encode("A red zebra!")) == "a red <unk> <unk>"

# %% [markdown]
# ## Words that nobody counted
#
# A thousand scenes are kept aside with words that no training caption uses: *crimson* for red, *disc* for circle,
# *tiny* for small. A person has no difficulty. Our vocabulary?

# %%
kept_aside = scenes.splits()["held_out_synonyms"]
generator = torch.Generator().manual_seed(1)
strange = [scenes.caption(scene, generator, words=scenes.HELD_OUT_WORDS) for scene in kept_aside]
unknown = Counter(word for caption in strange for word in tokens(caption) if word not in id_of)
share = unknown.total() / sum(len(tokens(caption)) for caption in strange)
print(strange[0])
print(decode(encode(strange[0])))
print(f"unknown: {share:.1%} of the tokens, {len(unknown)} types, in {len(strange):,} of {len(strange):,} captions")
assert 0.2 < share < 0.25  # so the coverage is near 80 %
assert all(UNK in encode(caption) for caption in strange)

# %% [markdown]
# A coverage near 80 % sounds like most of the meaning. It is not, because the words that are missing are the ones that
# matter. Look at which they are.

# %%
never_said = {unseen for _, unseen in scenes.words.SYNONYMS.values()}
print("unknown:", ", ".join(sorted(unknown)))
print("unknown, but no synonym:", sorted(set(unknown) - never_said))
assert set(unknown) - never_said == {"an"}

# %% [markdown]
# All sixteen synonyms, as planned, and one word that nobody planned: *an*. Our training captions always name the size
# first, *a small ...* or *a large ...*, and none of their nouns begins with a vowel, so *an* never came up. *An
# asterisk that is tiny* needs it. This is why unknown words are **counted and reported, never dropped silently**: the
# report found a hole in our own corpus. Below we fill it.
#
# How much is lost? If the words for shape, colour and size all become `<unk>`, then scenes that differ only in these
# get the same ids. There are
#
# $$ M = \prod_{j \text{ unknown}} k_j \label{eq:merged-scenes} $$
#
# of them for one object, where attribute $j$ has $k_j$ values. Run (eq:merged-scenes) against a count over all scenes
# of one object, each described in the plainest sentence.

# %%
attributes = [scenes.SHAPES, scenes.COLOURS, scenes.SIZES, scenes.STYLES, scenes.POSITIONS[:5], scenes.BACKGROUNDS]
same_ids = defaultdict(set)
for *look, ground in product(*attributes):
    scene = scenes.Scene((scenes.SceneObject(*look),), ground)
    same_ids[tuple(encode(scenes.caption(scene, words=scenes.HELD_OUT_WORDS)))].add(scene)
M = len(scenes.SHAPES) * len(scenes.COLOURS) * len(scenes.SIZES)
print(f"{sum(map(len, same_ids.values())):,} scenes, {len(same_ids)} lists of ids, {M} scenes each")
assert {len(merged) for merged in same_ids.values()} == {M} == {96}

# %% [markdown]
# So a model that reads these ids can do no better than guess one scene of 96, or one of 96 · 96 for two objects. Among
# the thousand scenes that were kept aside:

# %%
texts = [scenes.caption(scene, words=scenes.HELD_OUT_WORDS) for scene in kept_aside]
merged = Counter(tuple(encode(text)) for text in texts)
alike = sum(merged[tuple(encode(text))] > 1 for text in texts)
print(f"{len(set(texts)):,} different captions, {len(merged)} different lists of ids, {alike:,} captions share theirs")
assert (len(set(texts)), len(merged), alike) == (1000, 104, 1000)

# %%
four = [i for i, text in enumerate(texts) if tuple(encode(text)) == merged.most_common(1)[0][0]][:4]
alt = "Four different pictures whose captions have the same ids."
show.images(scenes.render([kept_aside[i] for i in four], size=64), alt=alt)
print(decode(encode(texts[four[0]])))
assert len({tuple(encode(texts[i])) for i in four}) == 1

# %% [markdown]
# Four pictures, one list of ids. With ids alone nothing can be done about it: *crimson* has no id, and if it had one,
# nobody would have told the model that it is nearly *red*. Lesson 4 gives words **vectors**, learned from a larger
# text, such that *crimson* lies close to *red*. That is what makes the model of lesson 10 understand it.

# %% [markdown]
# ## Step 3: pad
#
# Captions differ in length, a tensor is a rectangle. Fill up with `<pad>` to the longest caption of the batch, and
# keep a **mask** that is true where a token is real. The mask comes from the lengths.


# %%
def pad(rows):
    lengths = torch.tensor([len(row) for row in rows])
    T = int(lengths.max())
    ids = torch.tensor([row + [PAD] * (T - len(row)) for row in rows])  # (N, T)
    mask = torch.arange(T) < lengths[:, None]  # (N, T), True where a token is real
    return ids, mask


ids, mask = pad([encode("a red star"), encode("a small red star above a cross")])
print(ids)
print(mask.int())
assert mask.sum(1).tolist() == [5, 9]

# %% [markdown]
# Filling costs time: the network computes it like everything else. For batches $b$ of $N_b$ captions with lengths
# $\ell_n$, the **share of padding** is
#
# $$ \rho = 1 - \frac{\sum_b \sum_{n \in b} \ell_n}{\sum_b N_b \max_{n \in b} \ell_n} \label{eq:padding-share} $$
#
# It is zero if all captions of a batch are equally long. So put captions of similar length together. Three ways to
# make batches of 64:
#
# - **random**: shuffle, then cut;
# - **sorted**: sort by length, then cut;
# - **buckets**: shuffle, take 16 batches' worth, sort those, cut, and so on.

# %%
rows = [encode(caption) for caption in captions]
ell = torch.tensor([len(row) for row in rows])
shuffled = torch.randperm(len(rows), generator=generator)
pools = [pool[ell[pool].argsort(stable=True)] for pool in shuffled.split(16 * 64)]
ways = {"random": shuffled, "buckets": torch.cat(pools), "sorted": ell.argsort(stable=True)}
ways = {name: order.split(64) for name, order in ways.items()}


def padding_share(batches):  # (eq:padding-share)
    return 1 - sum(ell[b].sum() for b in batches) / sum(len(b) * ell[b].max() for b in batches)


rho = {name: padding_share(batches).item() for name, batches in ways.items()}
print(f"lengths {ell.min()} to {ell.max()};", {name: f"{share:.1%}" for name, share in rho.items()})
assert rho["random"] > 0.2 > 0.05 > rho["buckets"] > rho["sorted"]

# %%
alt = "Masks of three batches. Random: a ragged right edge with much padding. Buckets and sorted: almost none."
with show.figure(alt, columns=3, height=2.6) as grid:
    for axes, (name, batches) in zip(grid, ways.items(), strict=True):
        mask = pad([rows[i] for i in batches[100]])[1]
        axes.imshow(mask, cmap=ListedColormap(show.PALETTE[1::-1]), vmin=0, vmax=1, aspect="auto")
        axes.set(title=f"{name}: ρ = {rho[name]:.1%}", xlabel="position", xlim=(-0.5, 33.5))
    grid[0].set_ylabel("caption")

# %% [markdown]
# One batch of each kind; blue is a real token, orange is padding, and the title is the share in all batches. Sorting is
# the cheapest, so why not sort? Because a training step should see a fair sample. Short captions are the ones of a
# single object. Count the batches that hold both kinds.

# %%
single = torch.tensor([len(scene.objects) == 1 for scene in train])
both = {name: sum(0 < single[b].sum() < len(b) for b in batches) / len(batches) for name, batches in ways.items()}
print("batches with both kinds:", {name: f"{share:.0%}" for name, share in both.items()})
assert both["random"] > 0.99  # the last batch may be small
assert both["sorted"] < both["buckets"] < 0.5

# %% [markdown]
# Buckets save almost as much, and their captions come from everywhere in the corpus, but more than half of the batches
# still hold one kind. That is the price. Shuffle the order of the batches, so that no kind is left for the end.

# %% [markdown]
# ## Step 4: mask
#
# What goes wrong without the mask? Take the simplest thing to do with a sentence: give each id a vector, and average.
# The vectors are random here; lesson 4 learns them. Let $e_{nt}$ be the vector at position $t$ of caption $n$, and
# $m_{nt}$ one where the mask is true and zero elsewhere. The mean over the real tokens is
#
# $$ \bar e_n = \frac{\sum_{t=1}^{T} m_{nt}\, e_{nt}}{\sum_{t=1}^{T} m_{nt}} \label{eq:masked-mean} $$
#
# Check (eq:masked-mean) against each caption averaged alone, where nothing needs to be filled.

# %%
table = torch.randn(len(words), 8, generator=generator)  # a vector for every id, <pad> too
ids, mask = pad(rows[:3] + rows[-3:])
e = table[ids]  # (N, T, d)
m = mask[..., None].float()  # (N, T, 1)
mean = (m * e).sum(1) / m.sum(1)  # (N, d), (eq:masked-mean)
alone = torch.stack([table[row].mean(0) for row in rows[:3] + rows[-3:]])
print(f"largest difference: {(mean - alone).abs().max():.6f}")
assert torch.allclose(mean, alone, atol=1e-6)

# %% [markdown]
# Now forget the mask, `e.mean(1)`. Of the $T$ positions $\ell_n$ are real and $T - \ell_n$ hold the vector of `<pad>`.
# Split the sum into the two:
#
# $$ \frac{1}{T} \sum_{t=1}^{T} e_{nt} = \frac{\ell_n}{T}\, \bar e_n + \left(1 - \frac{\ell_n}{T}\right) e_{\text{pad}}
#    \label{eq:unmasked-mean} $$
#
# The true mean is pulled towards $e_{\text{pad}}$, more so the longer the batch. Subtract $\bar e_n$ from both sides,
# and the size of the error is
#
# $$ \delta_n = \left(1 - \frac{\ell_n}{T}\right) \lVert e_{\text{pad}} - \bar e_n \rVert \label{eq:mask-error} $$

# %%
T = ids.shape[1]
real = mask.sum(1, keepdim=True) / T  # l_n / T
wrong = e.mean(1)
delta = (1 - real.squeeze()) * (table[PAD] - mean).norm(dim=1)  # (eq:mask-error)
assert torch.allclose(wrong, real * mean + (1 - real) * table[PAD], atol=1e-6)  # (eq:unmasked-mean)
assert torch.allclose((wrong - mean).norm(dim=1), delta, atol=1e-6)
print("error, in units of the mean's own length:", [round(x, 2) for x in (delta / mean.norm(dim=1)).tolist()])

# %% [markdown]
# The longest caption of the batch has no error, the others do, and $T$ is the length of that longest one. So the wrong
# mean of a caption depends on which captions happen to stand beside it. Put the shortest caption into batches with
# companions of every length, and look at the error.

# %%
short = rows[int(ell.argmin())]
companions = {len(row): row for row in rows}  # one of each length
error, error_zero = {}, {}
for T in sorted(companions):
    e = table[pad([short, companions[T]])[0][0]]  # of the short caption, (T, d)
    error[T] = (e.mean(0) - table[short].mean(0)).norm().item()
    e[len(short) :] = 0  # as nn.Embedding does with padding_idx
    error_zero[T] = (e.mean(0) - table[short].mean(0)).norm().item()

# %%
alt = "Error of the unmasked mean against the length of the companion: dots on a curve that rises from zero."
with show.figure(alt, height=2.5) as [axes]:
    T = torch.arange(len(short), 35)
    for name, measured, pull in [("random", error, table[PAD]), ("zero", error_zero, torch.zeros(8))]:
        axes.plot(list(measured), list(measured.values()), "o", markersize=4, label=f"<pad> is {name}")
        axes.plot(T, (1 - len(short) / T) * (pull - table[short].mean(0)).norm(), color="grey", linewidth=1, zorder=0)
    axes.set(xlabel="T, length of the longest caption in the batch", ylabel="error", xticks=range(14, 35, 4))
    axes.legend()

# %% [markdown]
# The grey lines are (eq:mask-error). Many programs set the vector of `<pad>` to zero and believe that the problem is
# solved. It makes the error smaller here, not zero: the mean still shrinks by $\ell_n / T$.

# %%
shrunk = 1 - len(short) / max(companions)
print(f"beside the longest caption the mean with a zero <pad> is {shrunk:.0%} too short")
assert abs(error_zero[max(companions)] / table[short].mean(0).norm().item() - shrunk) < 1e-5
assert error[len(short)] < 1e-6

# %% [markdown]
# A model that is trained like this gives another picture for the same sentence when its neighbours change, and nobody
# sees an error message. The rule: **whatever sums over positions takes the mask.** Attention sums over positions;
# lesson 5 needs the very same mask.

# %% [markdown]
# ## What an average cannot know
#
# Even the right mean forgets something. Write $b_v$ for how often word $v$ occurs in a text:
#
# $$ b_v = \sum_{i=1}^{n} \mathbb{1}[w_i = v], \qquad \bar e = \frac{1}{n} \sum_v b_v\, e_v \label{eq:bag} $$
#
# The vector $b$ is the **bag of words**. The mean depends on the text through the bag alone, and the bag is a sum: it
# does not change when the words change places. Run (eq:bag) on two captions that do not mean the same.

# %%
two = ["a red circle above a blue square", "a blue square above a red circle"]
b = torch.stack([torch.bincount(torch.tensor(encode(text)[1:-1]), minlength=len(words)) for text in two])
mean = b.float() @ table / b.sum(1, keepdim=True)
print("same bag:", torch.equal(b[0], b[1]), "- same meaning:", scenes.parse(two[0]) == scenes.parse(two[1]))
assert torch.equal(b[0], b[1])
assert torch.allclose(mean[0], table[encode(two[0])[1:-1]].mean(0), atol=1e-6)

# %% [markdown]
# How often does that happen? Describe every training scene of two objects in the plainest sentence, so that captions
# differ only where scenes do. Then count the captions that have a twin in the training set: another caption with the
# same bag and a different meaning. First with everything named, then with shape, colour and place only.

# %%
two_objects = [scene for scene in train if len(scene.objects) == 2]
twins = {}
for naming in ("everything", "shape, colour, place"):
    named = scenes.words.EVERYTHING if naming == "everything" else ("colour", "position")
    plain = [scenes.caption(scene, naming=named) for scene in two_objects]
    meanings = defaultdict(set)
    for caption in plain:
        meanings[tuple(sorted(caption.split()))].add(caption)  # plainest: another text is another meaning
    twins[naming] = sum(len(meanings[tuple(sorted(caption.split()))]) > 1 for caption in plain)
    print(f"{naming}: {twins[naming]:,} of {len(plain):,} captions, {twins[naming] / len(plain):.0%}")
assert twins["shape, colour, place"] > 0.8 * len(two_objects) > 0.4 * len(two_objects) > twins["everything"]

# %% [markdown]
# The pictures below come from the second list. Each shares its bag with the one beside it.

# %%
bags = [sorted(texts) for texts in meanings.values() if len(texts) > 1]
shown = [*bags[0][:2], *bags[1][:2]]
drawn = scenes.render([scenes.parse(caption).complete() for caption in shown], size=64)
show.images(drawn, shown, alt="Two pairs of different pictures; the captions of a pair hold the same words.")
assert all(sorted(shown[i].split()) == sorted(shown[i + 1].split()) for i in (0, 2))

# %% [markdown]
# Which colour belongs to which shape, and which object is above: a bag cannot say. A model that only averages word
# vectors gets the same input for both captions of a pair, so it must fail on one of them, however long it is trained.
# Order needs a model that knows positions; lesson 5 takes it up.
#
# Do paraphrases help? Count once more, in the captions whose wording was drawn at random.

# %%
drawn_at_random = defaultdict(set)
for scene, caption in zip(train, captions, strict=True):
    drawn_at_random[tuple(sorted(caption.split()))].add(scene)
with_twin = sum(len(same_bag) for same_bag in drawn_at_random.values() if len(same_bag) > 1)
print(f"{with_twin} of {len(captions):,} captions")
assert with_twin < 0.01 * len(captions)

# %% [markdown]
# Hardly any is left, but this is no cure. The set is small against the number of possible wordings, so two captions
# seldom share one. Swap the two objects in a caption, and its twin is there again. A model that does well on such a
# set by its bags has learned wordings by heart.

# %% [markdown]
# ## The same from the package
#
# **From here on we import it.** `mmgen_course.preprocess.text` holds the same steps. First, that they agree.

# %%
from mmgen_course.preprocess.batch import collate
from mmgen_course.preprocess.image import flip
from mmgen_course.preprocess.text import Vocabulary, mirror_words, strip_punctuation, tokenize

vocabulary = Vocabulary.from_texts(captions)
assert vocabulary.words == words
some = [*captions[::10], *typed[::10], *strange]
assert all(strip_punctuation(text) == strip(text) for text in some)
assert all(tokenize(text) == tokens(text) for text in [*some, *nonsense])
assert all(vocabulary.encode(text) == encode(text) for text in some)
assert all(vocabulary.decode(encode(text)) == decode(encode(text)) for text in some)
for ours, theirs in zip(pad(rows[:64]), vocabulary.pad_batch(rows[:64]), strict=True):
    assert torch.equal(ours, theirs)
print("the lesson and the package agree")

# %% [markdown]
# `Vocabulary` keeps count of the unknown words that it met, so the report of the last section is one line now.

# %%
vocabulary = Vocabulary.from_texts(captions)
for caption in strange:
    vocabulary.encode(caption)
print(vocabulary.report())
assert vocabulary.unknown == unknown

# %% [markdown]
# Now fill the hole that it showed. Captions that leave things out bring *an orange star*; with them, *an* has
# an id.

# %%
short_captions = [scenes.caption(scene, naming=("colour", "position")) for scene in train]
vocabulary = Vocabulary.from_texts([*captions, *short_captions])
print(f"{len(vocabulary)} ids; 'an' has one: {'an' in vocabulary}")
assert len(vocabulary) == 4 + 75 + 1

# %% [markdown]
# ## Image and caption in one batch
#
# The batch is where the modalities meet for the first time, and where they can stop telling the truth about each other.
# Lesson 1 mirrors pictures to get more of them. Mirror the picture of "a star left of a cross", and the caption is
# wrong. `flip` turns both; `mirror_words` is what it does to the words.

# %%
print(mirror_words("a star left of a cross"))
mirrored = [mirror_words(caption) for caption in captions[::10]]
scenes_mirrored = [scenes.parse(caption).scene() for caption in mirrored]
pairs = list(zip(captions[::10], mirrored, scenes_mirrored, strict=True))
kept = sum(scenes.parse(old).hold_for(scene) for old, _, scene in pairs) / len(pairs)
fixed = sum(scenes.parse(new).hold_for(scene) for _, new, scene in pairs) / len(pairs)
print(f"true of the mirrored picture: old caption {kept:.0%}, mirrored caption {fixed:.0%}")
assert kept < 0.5
assert fixed == 1

# %% [markdown]
# More than half of the captions become false if only the picture is mirrored. (This uses the parser to say what the
# mirrored picture shows. The next cell checks on the pixels that it is right, for flat objects; stripes are slanted,
# and slant the other way in a mirror.)

# %%
flat = [scene for scene in train if all(thing.style == "flat" for thing in scene.objects)][::20]
turned = [flip(image, scenes.caption(scene)) for image, scene in zip(scenes.render(flat), flat, strict=True)]
redrawn = scenes.render([scenes.parse(caption).scene() for _, caption in turned])
worst = (torch.stack([image for image, _ in turned]) - redrawn).abs().max().item()
print(f"{len(flat)} flat scenes: mirrored against redrawn from the mirrored caption, worst pixel {worst:.4f}")
assert worst < 0.001

# %% [markdown]
# PyTorch's `DataLoader` shuffles samples and cuts them into batches; a function called `collate_fn` makes one batch of
# a list of samples. Ours flips every second sample on average, then calls `collate`, which stacks images, encodes and
# pads captions, and keeps the mask.

# %%
generator = torch.Generator().manual_seed(2)


def to_batch(samples):
    heads = torch.rand(len(samples), generator=generator) < 0.5
    samples = [flip(*sample) if head else sample for sample, head in zip(samples, heads, strict=True)]
    return collate(samples, vocabulary)


some = range(0, len(train), 30)
samples = list(zip(scenes.render([train[i] for i in some]), [short_captions[i] for i in some], strict=True))
loader = DataLoader(samples, batch_size=64, shuffle=True, generator=generator, collate_fn=to_batch)
batch = next(iter(loader))
print("images", tuple(batch.images.shape), "tokens", tuple(batch.tokens.shape), "mask", tuple(batch.mask.shape))
assert batch.images.shape == (64, 3, 32, 32)
assert batch.tokens.shape == batch.mask.shape

# %%
show.images(batch.images[:4], batch.captions[:4], alt="Four images of the batch, each below its caption.")
print(batch.tokens[:4, :10])
print(vocabulary.report())
assert vocabulary.unknown.total() == 0

# %% [markdown]
# Every training loop of this course starts with such a batch: `images`, `tokens`, `mask`, and the report at its end.

# %% [markdown]
# ## Type your own
#
# Type a sentence and see its tokens and ids. Orange tokens are unknown. Then make the vocabulary smaller: which words
# go first? Try `A tiny, crimson star!`, and a sentence from your newspaper.


# %%
def show_tokens(sentence, size):
    small = Vocabulary(vocabulary.words[4 : 4 + size])
    ids = small.encode(sentence)
    pieces = ["<bos>", *tokenize(sentence), "<eos>"]
    figure = Figure(figsize=(6, 0.3 + 0.7 * -(-len(pieces) // 6)))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 6), ylim=(-(-len(pieces) // 6), 0))
    axes.set_axis_off()
    for i, (piece, number) in enumerate(zip(pieces, ids, strict=True)):
        style = {"facecolor": "#F7D9A0" if number == UNK else "#D6E6F2", "edgecolor": "white", "boxstyle": "round"}
        label = piece if len(piece) < 12 else piece[:10] + "…"
        where = {"ha": "center", "va": "center", "parse_math": False}  # a $ is a $
        axes.text(i % 6 + 0.5, i // 6 + 0.5, f"{label}\n{number}", bbox=style, **where)
    return figure, small.report()


most = len(vocabulary) - 4
size = IntSlider(most, 1, most, description="words")
widgets.explorer(show_tokens, sentence=widgets.text("Sentence", "A tiny red star above a square!"), size=size)

# %% [markdown]
# ## On real data
#
# Captions of a generated world are clean by construction. For real English without a download, take the descriptions
# that scikit-learn ships with its data sets: fourteen documents, written by people, with tables, citations and code.
# Beside them, the captions of the 1,797 handwritten digits.

# %%
files = sorted(resources.files("sklearn.datasets.descr").iterdir(), key=lambda file: file.name)
documents = [file.read_text(encoding="utf-8") for file in files if file.name.endswith(".rst")]
digits = [sample.caption for sample in data.digits()]
print(documents[0][:70].replace("\n", " "), "...")
assert all(tokenize(text) == basic_english(text) for text in [*documents, *digits])
assert (len(documents), len(digits)) == (14, 1797)

# %% [markdown]
# The two routes agree on every document. What do the ways to cut find here?

# %%
ways_to_cut = {
    "split": str.split,
    "strip, lower, split": lambda text: strip_punctuation(text).lower().split(),
    "tokenize": tokenize,
}
for name, cut in ways_to_cut.items():
    pieces = [word for text in documents for word in cut(text)]
    print(f"{name:20} {len(pieces):5,} tokens, {len(set(pieces)):5,} types")

# %% [markdown]
# As on the typed captions, `split` finds the most types in the fewest tokens. Now compare the three texts.

# %%
corpora = {"scene captions": captions, "prose": documents, "digit captions": digits}
streams = {name: [word for text in texts for word in tokenize(text)] for name, texts in corpora.items()}
tallies = {
    name: torch.tensor(sorted(Counter(stream).values(), reverse=True), dtype=torch.float64)
    for name, stream in streams.items()
}
for name, c in tallies.items():
    print(f"{name:15} {c.sum():9,.0f} tokens {len(c):6,} types, once only: {(c == 1).double().mean():.0%} of the types")
assert (tallies["prose"] == 1).double().mean() > 0.5
assert min(tallies["scene captions"].min(), tallies["digit captions"].min()) > 1

# %% [markdown]
# More than half of the words of the prose occur **once**. The captions have no such word. Draw how the vocabulary grows
# as we read on, and what it covers. To be fair to the captions, whose list begins with single objects, read them in
# random order.

# %%
order = torch.randperm(len(captions), generator=generator).tolist()
streams["scene captions"] = [word for i in order for word in tokenize(captions[i])]


def growth(stream):
    seen = set()
    return [len(seen) for word in stream if not seen.add(word)]  # V(n) after n tokens


curves = {name: growth(stream) for name, stream in streams.items()}
coverage = {name: c.cumsum(0) / c.sum() for name, c in tallies.items()}  # (eq:word-coverage)

# %%
alt = "Left: types against tokens read; prose keeps rising, captions level off. Right: coverage against words known."
with show.figure(alt, columns=2, height=2.9) as (left, right):
    for name in curves:
        n = torch.logspace(1, log10(len(curves[name])), 400).long()
        left.loglog(n, [curves[name][i - 1] for i in n], label=name)
        right.semilogx(range(1, len(coverage[name]) + 1), coverage[name], label=name)
    q = torch.logspace(-2.8, 0, 30, dtype=torch.float64)[:, None]
    c = tallies["prose"]
    left.loglog(q * c.sum(), (1 - (1 - q) ** c).sum(1), ":", color="black", label="prose, shuffled")
    left.set(xlabel="n, tokens read", ylabel="V(n), types", ylim=(4, 40_000))
    right.set(xlabel="V, words in the vocabulary", ylabel="C, coverage")
    left.legend(fontsize=8, loc="upper left")

# %%
for name, curve in coverage.items():
    V = int(torch.searchsorted(curve, 0.95)) + 1
    print(f"{name:15} 95% coverage takes {V:4} of {len(curve):5,} words")
often = tallies["prose"] >= 2
cost = 1 - (tallies["prose"][often].sum() / tallies["prose"].sum()).item()
print(f"prose, min_count=2: {often.sum():,} words, {cost:.1%} of the tokens unknown")
assert often.double().mean() < 0.5
assert abs(cost - 1 / 7) < 0.01

# %%
c = tallies["prose"]
expected = (1 - (1 - 500 / c.sum()) ** c).sum().item()  # (eq:vocabulary-growth) with q = 500 / N
print(f"types in 500 tokens of prose: {curves['prose'][499]}, expected if shuffled: {expected:.0f}")
assert curves["prose"][499] < 0.8 * expected

# %% [markdown]
# Here `min_count` pays: dropping the words that occur once more than halves the vocabulary, and costs one token in
# seven. The dotted line is (eq:vocabulary-growth): the prose with its words shuffled. The real text lies below it, as a
# document stays with its subject and repeats its words.
#
# **Heaps' law** says that a vocabulary grows as a power of the text,
#
# $$ V(n) \approx K n^{\beta}, \qquad \text{so} \qquad \beta = \log_2 \frac{V(2n)}{V(n)} \label{eq:heaps} $$
#
# If the law holds, $\beta$ is the same at every doubling. Run (eq:heaps):

# %%
beta = {}
for name in ("prose", "scene captions"):
    V = curves[name]
    beta[name] = [log2(V[2 * n - 1] / V[n - 1]) for n in (225, 450, 900, 1800, 3600)]
    print(f"{name:15}", " ".join(f"{value:.2f}" for value in beta[name]))
assert min(beta["prose"]) > 0.45
assert max(beta["scene captions"]) < 0.2
first = tokenize(documents[0])
new = set(first[225:]) - set(first[:225])
digit_share = sum(any(character.isdigit() for character in word) for word in new) / len(new)
print(f"new types after the first 225 tokens of the first document: {digit_share:.0%} are numbers")
assert abs(digit_share - 1 / 3) < 0.03

# %% [markdown]
# On the prose $\beta$ is one half or more: no end of new words is in sight. It is not constant, though. It jumps in the
# first document, where a table begins: a third of the new types there are numbers. So a power law is a rough summary of
# this text, no more. On the captions $\beta$ is near zero at every doubling. There Heaps' law does not hold, and should
# not: 75 words are all.
#
# **Zipf's law** says that the frequency of the word of rank $r$ is proportional to $1/r$, so that
#
# $$ r \, \frac{c_{(r)}}{N} \approx \text{constant} \label{eq:zipf} $$

# %%
for name, ranks in {"prose": (1, 10, 30, 70, 300, 1000), "scene captions": (1, 10, 30, 70)}.items():
    c = tallies[name]
    constant = {r: r * (c[r - 1] / c.sum()).item() for r in ranks}  # (eq:zipf)
    print(f"{name:15}", "  ".join(f"{r}: {value:.2f}" for r, value in constant.items()))
    assert max(constant.values()) < 2.5 * min(constant.values())

# %% [markdown]
# On both texts the product stays within a factor of two and a half, while the rank changes by a factor of 70 or 1,000.
# So Zipf's law describes the prose roughly, and our generated captions no worse. Do not take it as a sign that a text
# is natural. What tells them apart is the growth: real language never stops bringing new words.
#
# What does that mean for a model that meets a new document? Build a vocabulary on thirteen documents, encode the
# fourteenth, and ask for the report. Do it for each of the fourteen.

# %%
unknown_share = []
for i, text in enumerate(documents):
    of_others = Vocabulary.from_texts(documents[:i] + documents[i + 1 :])
    of_others.encode(text)
    unknown_share.append(of_others.unknown.total() / of_others.n_encoded)
print("the last one:", of_others.report())
low, high = min(unknown_share), max(unknown_share)
print(f"unknown tokens in a new document: {low:.0%} to {high:.0%}, mean {sum(unknown_share) / 14:.0%}")
assert 0.05 < low < 0.2 < high

# %% [markdown]
# No vocabulary of whole words closes this gap, however large. There are two ways on. One is vectors that put unknown
# words near known ones, if a larger text knows them: lesson 4. The other is to cut rare words into pieces that are all
# known, as *byte-pair encoding* does (Sennrich et al., below): nothing is unknown any more, and texts become longer.

# %% [markdown]
# ## Exercises
#
# Write the body of each function and run its cell, then the cell below it. `check` says what came and what was
# expected; where it knows the mistake, it names it. 12 points, 45 minutes; your progress is kept.
#
# ### 1. What a vocabulary knows of new texts
#
# 3 points, 12 minutes, difficulty 2 of 3.
#
# Coverage was counted on the very texts that the vocabulary was made of. What counts is the next
# text. Take the `size` most frequent words of the training texts, ties in alphabetical order, and cut by `tokenize`. Of
# the **new** texts, which share of all tokens do they know, and which share of the texts do they know whole? You may
# use `Counter`, `tokenize` and `Vocabulary`. Suppose that the training texts are "a red star" and "a red cross", and
# `size` is 2, so that *a* and *red* are known. Two new texts:

# %%
from mmgen_course.check import check

for text in ("A red, red star!", "a red"):
    print(tokenize(text), "- known:", [word in {"a", "red"} for word in tokenize(text)])
print(f"tokens {(3 + 2) / (6 + 2)}, whole texts {1 / 2}")


# %% tags=["exercise"]
def known_shares(train, new, size):
    """Two lists of texts and a number of words -> the share of tokens and the share of whole texts, of new."""
    # BEGIN SOLUTION
    # A vocabulary never sees the texts that it is tested on: counting their words too would flatter it. All tokens
    # count alike, so sum over all texts before you divide; a mean of the texts' own shares gives short texts more
    # weight. One unknown word spoils a whole text, so the second share is as a rule far below the first one.
    counts = Counter(word for text in train for word in tokenize(text))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:size]
    rows = [[word in frequent for word in tokenize(text)] for text in new]
    tokens_known, texts_known = sum(map(sum, rows)), sum(map(all, rows))
    return tokens_known / sum(map(len, rows)), texts_known / len(rows)
    # END SOLUTION


# %%
check(known_shares)

# %% [markdown]
# ### 2. Filling on the left
#
# 2 points, 8 minutes, difficulty 1 of 3.
#
# A model that writes on, word by word, looks for the last word of each row in the last column. So
# its batches are filled at the beginning. Give the ids, the mask, and the **place** of each token in its own sentence:
# 0 for the first real one, then 1, 2 and so on, and 0 at `<pad>`. You may use `torch` and `PAD`. By hand, for the rows
# `[2, 7, 9]` and `[2, 8]`:

# %%
by_hand = {"ids": [[2, 7, 9], [0, 2, 8]], "mask": [[1, 1, 1], [0, 1, 1]], "places": [[0, 1, 2], [0, 0, 1]]}
for name, rectangle in by_hand.items():
    print(f"{name:6}", rectangle)


# %% tags=["exercise"]
def pad_left(rows):
    """N lists of ids -> ids (N, T), torch.long, mask (N, T), torch.bool, and places (N, T), torch.long."""
    # BEGIN SOLUTION
    # T is the length of the longest row. Now the filling comes first, so a column is real from T - length on; the mask
    # of the lesson, `arange(T) < length`, would call the filling real. The running sum of the mask counts the token
    # itself, hence - 1, and at <pad> it would be -1: as an index that is the last row of a table, without any error.
    length = torch.tensor([len(row) for row in rows])[:, None]
    T = int(length.max())
    ids = torch.tensor([[PAD] * (T - len(row)) + row for row in rows])
    mask = torch.arange(T) >= T - length
    return ids, mask, (mask.cumsum(dim=1) - 1).clamp(min=0)
    # END SOLUTION


# %%
check(pad_left)

# %% [markdown]
# ### 3. The mean and the largest
#
# 3 points, 10 minutes, difficulty 2 of 3.
#
# A mean hides a single strong word. So programs put two summaries side by side: of each of the
# $d$ numbers the mean over the real tokens, (eq:masked-mean), and the largest value among them. The mask need not be
# true at the beginning only; each row has at least one real token. And at `<pad>` may stand **anything**: what an
# earlier layer has made of the filling is nobody's business, be it infinite. You may use `torch`. A row of four
# positions, of which two are real, and what a product with the mask does to it:

# %%
row, real = torch.tensor([-3.0, 5.0, -1.0, torch.inf]), torch.tensor([True, False, True, False])
print("wanted:", [(-3.0 - 1.0) / 2, max(-3.0, -1.0)], "- product:", (real * row).tolist())


# %% tags=["exercise"]
def mean_and_max(e, mask):
    """e (N, T, d), mask (N, T), True where a token is real -> (N, 2 d): the means, then the maxima."""
    # BEGIN SOLUTION
    # Write over the filling, do not multiply it away: 0 times infinity is nan. What to write depends on what follows: 0
    # adds nothing to a sum, but it is larger than every negative number. For a maximum the neutral number is minus
    # infinity. Divide by the number of real tokens, which differs from row to row.
    filling = ~mask[..., None]
    mean = e.masked_fill(filling, 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)
    largest = e.masked_fill(filling, -torch.inf).amax(dim=1)
    return torch.cat([mean, largest], dim=1)
    # END SOLUTION


# %%
check(mean_and_max)

# %% [markdown]
# ### 4. All but the order
#
# 4 points, 15 minutes, difficulty 3 of 3.
#
# By (eq:bag) a mean of word vectors forgets the order. Does it forget anything else? You know the
# table of vectors, one row for each of $V$ words, the mean of a text of $n$ words, stored to three decimals, and $n$.
# There are at least as many numbers in a vector as words, and no vector is a mixture of the others. Say how often each
# word occurs. You may use `torch`. Two words with the vectors $(2, 0)$ and $(1, 1)$, and a text of four words with the
# mean $(1.25, 0.75)$: the sum is $(5, 3)$. Only the second word has a second number, so it occurs 3 times; what is left
# is $(2, 0)$, the first word, once.

# %%
print("sum:", [4 * 1.25, 4 * 0.75], "- again:", [1 * 2 + 3 * 1, 1 * 0 + 3 * 1])


# %% tags=["exercise"]
def bag_from_mean(mean, table, n):
    """mean (d,) of n word vectors, table (V, d) with V <= d -> how often each word occurs, torch.long, (V,)."""
    # BEGIN SOLUTION
    # n times the mean is the sum of b_v e_v: d equations for V unknown numbers, which the three decimals satisfy only
    # nearly, so take least squares, and round. A product with each vector alone, the similarity of search engines,
    # would count right only if the vectors stood at right angles. So the mean knows the whole bag, and not the order.
    answer = torch.linalg.lstsq(table.T, n * mean[:, None]).solution
    return answer[:, 0].round().long()
    # END SOLUTION


# %%
check(bag_from_mean)

# %% [markdown]
# ## What to remember
#
# - Cut by rules that you can name. `split()` takes every mark for a part of a word.
# - A vocabulary trades size against coverage. Choose it by the curve, and look at *which* words are missing.
# - Count unknown words and report them. A few of them can hold all of the meaning.
# - Padding makes rectangles, bucketing makes it cheap, and the mask keeps it out of the result. Without the mask, a
#   caption's result depends on its neighbours in the batch.
# - A bag of words, and so any average of word vectors, forgets who is where.
# - What changes the picture must change the caption: a flip turns *left* into *right*.

# %% [markdown]
# ## Three questions
#
# **1.** A vocabulary covers 95 % of the tokens. If unknown words fell independently, which share of sentences of 20
# tokens would hold at least one?
#
# <details><summary>Answer</summary>
#
# $1 - 0.95^{20} \approx 0.64$: nearly two sentences of three. Coverage counts tokens; a reader needs whole sentences.
#
# </details>
#
# **2.** A program averages without a mask, with $e_{\text{pad}} = 0$, and then scales the mean to length one. Is the
# result wrong?
#
# <details><summary>Answer</summary>
#
# No. By (eq:unmasked-mean) with $e_{\text{pad}} = 0$ the wrong mean is $\frac{\ell_n}{T} \bar e_n$. It has the right
# direction, and scaling to length one repairs the rest. With any other $e_{\text{pad}}$ the direction is wrong too.
#
# </details>
#
# **3.** Instead of words, count pairs of neighbouring words. Does this bag of pairs tell "a red circle above a blue
# square" from "a blue square above a red circle"? Does it tell all captions apart that mean different things?
#
# <details><summary>Answer</summary>
#
# These two, yes: only the first holds *circle above*. All, no: "a circle that is red above a square that is red" and
# "a square that is red above a circle that is red" hold the same pairs, equally often.
#
# </details>

# %% [markdown]
# ## References
#
# - G. K. Zipf, *Human Behavior and the Principle of Least Effort*, Addison-Wesley 1949.
# - H. S. Heaps, *Information Retrieval: Computational and Theoretical Aspects*, Academic Press 1978.
# - R. Sennrich, B. Haddow, A. Birch, *Neural Machine Translation of Rare Words with Subword Units*, ACL 2016: a
#   vocabulary without unknown words.
# - T. Thrush et al., *Winoground: Probing Vision and Language Models for Visio-Linguistic Compositionality*, CVPR 2022:
#   photographs whose captions hold the same words.
# - M. Yuksekgonul et al., *When and Why Vision-Language Models Behave like Bags-of-Words, and What to Do About It?*,
#   ICLR 2023: the bag of words inside large models.
# - torchtext 0.6.0, `torchtext.data.utils`: the source of `basic_english`.
#
# Next: **3. CNN features**, where an image becomes a few numbers that say what it shows.
