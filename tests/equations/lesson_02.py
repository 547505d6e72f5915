"""Checks of the equations of lesson 02_text."""

from collections import Counter
from fractions import Fraction
from itertools import combinations, permutations, product
from math import log, log2, prod

import torch
from ledger import close, equation, uniform

from mmgen_course.preprocess.text import PAD, Vocabulary, tokenize

TEXTS = ["a red star", "a small red star above a cross", "a blue cross", "a large star left of a small blue circle"]


@equation(
    "eq:word-coverage",
    fingerprint="2b40897a",
    how="the best of all vocabularies of V words, each by counting the tokens that it knows",
    formula=lambda c, N, V: 1 / N * sum(c[r - 1] for r in range(1, V + 1)),
    mutants={
        "types for tokens": lambda c, N, V: V / len(c),
        "sum ends at V - 1": lambda c, N, V: 1 / N * sum(c[r - 1] for r in range(1, V)),
        "rarest words first": lambda c, N, V: 1 / N * sum(c[-r] for r in range(1, V + 1)),
        "the unknown share": lambda c, N, V: 1 / N * sum(c[r - 1] for r in range(V + 1, len(c) + 1)),
        "1/N lost": lambda c, N, V: sum(c[r - 1] for r in range(1, V + 1)),
    },
)
def word_coverage(formula):
    words = [word for text in TEXTS for word in tokenize(text)]
    c = sorted(Counter(words).values(), reverse=True)
    for V in range(1, len(c) + 1):
        known = [sum(word in vocabulary for word in words) for vocabulary in combinations(set(words), V)]
        close(formula(c, len(words), V), max(known) / len(words))


@equation(
    "eq:vocabulary-growth",
    fingerprint="cbc67139",
    how="every subset of ten tokens, its types counted, weighted with its probability",
    formula=lambda q, c: sum(1 - (1 - q) ** c_w for c_w in c),
    mutants={
        "q for 1 - q": lambda q, c: sum(1 - q**c_w for c_w in c),
        "the types that are lost": lambda q, c: sum((1 - q) ** c_w for c_w in c),
        "tokens for types": lambda q, c: sum(q * c_w for c_w in c),
        "every token must stay": lambda q, c: sum(q**c_w for c_w in c),
        "all counts in one exponent": lambda q, c: len(c) * (1 - (1 - q) ** sum(c)),
    },
)
def vocabulary_growth(formula):
    c = (1, 2, 3, 4)
    tokens = [word for word, c_w in enumerate(c) for _ in range(c_w)]
    for q in (0.1, 0.5, 0.8):
        expected = 0.0
        for kept in product((False, True), repeat=len(tokens)):
            types = {word for word, keep in zip(tokens, kept, strict=True) if keep}
            expected += q ** sum(kept) * (1 - q) ** (len(kept) - sum(kept)) * len(types)
        close(formula(q, c), expected)


@equation(
    "eq:word-id",
    fingerprint="ac0b9375",
    how="ids that the package's Vocabulary gives, with words ranked by another sort",
    formula=lambda w, r: 3 + r[w] if w in r else 1,
    mutants={
        "ranks from 0: 2 + r": lambda w, r: 2 + r[w] if w in r else 1,
        "five special ids: 4 + r": lambda w, r: 4 + r[w] if w in r else 1,
        "unknown words as padding": lambda w, r: 3 + r[w] if w in r else 0,
        "rarest word first": lambda w, r: 4 + len(r) - r[w] if w in r else 1,
        "unknown words as a new last word": lambda w, r: 3 + r[w] if w in r else 4 + len(r),
    },
)
def word_id(formula):
    words = [word for text in TEXTS for word in tokenize(text)]
    by_count = sorted(sorted(set(words)), key=words.count, reverse=True)  # stable: ties stay in alphabetical order
    rank = {word: r for r, word in enumerate(by_count, start=1)}
    vocabulary = Vocabulary.from_texts(TEXTS)
    for word in [*words, "zebra"]:
        close(formula(word, rank), vocabulary.encode(word)[1])


@equation(
    "eq:round-trip",
    fingerprint="b0a650e7",
    how="the package's Vocabulary; nothing may be claimed of a text with an unknown word",
    formula=lambda t, w, known: " ".join(w) if all(w_i in known for w_i in w) else None,
    mutants={
        "any for every": lambda t, w, known: " ".join(w) if any(w_i in known for w_i in w) else None,
        "condition lost": lambda t, w, known: " ".join(w),
        "the text itself": lambda t, w, known: t if all(w_i in known for w_i in w) else None,
        "spaces lost": lambda t, w, known: "".join(w) if all(w_i in known for w_i in w) else None,
        "with its ends": lambda t, w, known: (
            " ".join(["<bos>", *w, "<eos>"]) if all(w_i in known for w_i in w) else None
        ),
    },
)
def round_trip(formula):
    for text in [*TEXTS, 'A "red"  STAR', "a<br />cross; blue", "a red zebra", "zebra"]:
        vocabulary = Vocabulary.from_texts(TEXTS)
        back = vocabulary.decode(vocabulary.encode(text))
        claimed = formula(text, tokenize(text), vocabulary)
        assert claimed == (None if vocabulary.unknown else back)


@equation(
    "eq:merged-scenes",
    fingerprint="845ebfc4",
    how="all scenes of four attributes, described without the unknown ones: sizes of the groups that look alike",
    formula=lambda k, unknown: prod(k[j] for j in unknown),
    mutants={
        "sum for product": lambda k, unknown: sum(k[j] for j in unknown),
        "the known attributes": lambda k, unknown: prod(k[j] for j in range(len(k)) if j not in unknown),
        "all attributes": lambda k, unknown: prod(k),
        "the other scenes only": lambda k, unknown: prod(k[j] for j in unknown) - 1,
    },
)
def merged_scenes(formula):
    k = (6, 5, 2, 3)
    for unknown in ((0, 1, 2), (0, 3), (2,), ()):
        groups = Counter(
            tuple("<unk>" if j in unknown else value for j, value in enumerate(scene))
            for scene in product(*(range(k_j) for k_j in k))
        )
        assert set(groups.values()) == {formula(k, unknown)}


@equation(
    "eq:padding-share",
    fingerprint="73dc4637",
    how="batches padded by the package, share of <pad> among their ids counted",
    formula=lambda batches: 1 - sum(sum(b) for b in batches) / sum(len(b) * max(b) for b in batches),
    mutants={
        "the share of real tokens": lambda batches: (
            sum(sum(b) for b in batches) / sum(len(b) * max(b) for b in batches)
        ),
        "mean of the batches' shares": lambda batches: (
            sum(1 - sum(b) / (len(b) * max(b)) for b in batches) / len(batches)
        ),
        "longest of all for longest of the batch": lambda batches: (
            1 - sum(sum(b) for b in batches) / sum(len(b) * max(map(max, batches)) for b in batches)
        ),
        "shortest for longest": lambda batches: (
            1 - sum(sum(b) for b in batches) / sum(len(b) * min(b) for b in batches)
        ),
        "padding per real token": lambda batches: sum(len(b) * max(b) for b in batches) / sum(map(sum, batches)) - 1,
    },
)
def padding_share(formula):
    batches = [(3, 5, 9), (4, 4), (2, 8, 7, 1), (6,)]
    ids = torch.cat([Vocabulary.pad_batch([[7] * length for length in b])[0].flatten() for b in batches])
    close(formula(batches), (ids == PAD).double().mean())


@equation(
    "eq:masked-mean",
    fingerprint="db7ca876",
    how="each caption averaged alone, without padding",
    formula=lambda m, e: torch.einsum("nt,ntd->nd", m, e) / torch.einsum("nt->n", m)[:, None],
    mutants={
        "divided by T": lambda m, e: (m[..., None] * e).sum(1) / m.shape[1],
        "mask lost above": lambda m, e: e.sum(1) / m.sum(1, keepdim=True),
        "mask upside down": lambda m, e: ((1 - m)[..., None] * e).sum(1) / m.sum(1, keepdim=True),
        "divided by all real tokens of the batch": lambda m, e: (m[..., None] * e).sum(1) / m.sum(),
        "sum for mean": lambda m, e: (m[..., None] * e).sum(1),
    },
)
def masked_mean(formula):
    captions = [uniform(length, 3, seed=length) for length in (5, 2, 4)]
    e = uniform(3, 5, 3, seed=9) - 3  # what stands in the padding is far from zero
    for row, caption in zip(e, captions, strict=True):
        row[: len(caption)] = caption
    m = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]).double()
    close(formula(m, e), [[sum(column) / len(column) for column in caption.T.tolist()] for caption in captions])


def _padded():
    """Yield a padded caption e, its length, its length with padding, its own mean, and the vector of <pad>."""
    e_pad = uniform(3, seed=9) - 3
    for length, T in ((5, 5), (2, 5), (4, 9)):
        caption = uniform(length, 3, seed=length)
        yield torch.stack([*caption, *[e_pad] * (T - length)]), length, T, caption.mean(0), e_pad


@equation(
    "eq:unmasked-mean",
    fingerprint="3094eff9",
    how="captions padded by hand and averaged as they stand; both sides",
    formula=lambda e, ell, T, e_bar, e_pad: (
        1 / T * sum(e[t] for t in range(T)),
        ell / T * e_bar + (1 - ell / T) * e_pad,
    ),
    mutants={
        "shares exchanged": lambda e, ell, T, e_bar, e_pad: (e.mean(0), (1 - ell / T) * e_bar + ell / T * e_pad),
        "padding taken to be zero": lambda e, ell, T, e_bar, e_pad: (e.mean(0), ell / T * e_bar),
        "mean not shrunk": lambda e, ell, T, e_bar, e_pad: (e.mean(0), e_bar + (1 - ell / T) * e_pad),
        "one padded position for all": lambda e, ell, T, e_bar, e_pad: (e.mean(0), ell / T * e_bar + 1 / T * e_pad),
        "1/T lost": lambda e, ell, T, e_bar, e_pad: (e.sum(0), ell / T * e_bar + (1 - ell / T) * e_pad),
    },
)
def unmasked_mean(formula):
    for e, ell, T, e_bar, e_pad in _padded():
        average = [sum(column) / len(column) for column in e.T.tolist()]
        for side in formula(e, ell, T, e_bar, e_pad):
            close(side, average)


@equation(
    "eq:mask-error",
    fingerprint="b0e247b9",
    how="distance between a caption's mean with padding and without",
    formula=lambda ell, T, e_pad, e_bar: (1 - ell / T) * (e_pad - e_bar).norm(),
    mutants={
        "share of the real tokens": lambda ell, T, e_pad, e_bar: ell / T * (e_pad - e_bar).norm(),
        "padding taken to be zero": lambda ell, T, e_pad, e_bar: (1 - ell / T) * e_bar.norm(),
        "plus for minus": lambda ell, T, e_pad, e_bar: (1 - ell / T) * (e_pad + e_bar).norm(),
        "norm squared": lambda ell, T, e_pad, e_bar: (1 - ell / T) * (e_pad - e_bar).norm() ** 2,
        "share lost": lambda ell, T, e_pad, e_bar: (e_pad - e_bar).norm(),
    },
)
def mask_error(formula):
    for e, ell, T, e_bar, e_pad in _padded():
        close(formula(ell, T, e_pad, e_bar), torch.dist(e.mean(0), e_bar))


@equation(
    "eq:bag",
    fingerprint="5154fe0f",
    how="Python's Counter, and the mean over positions, the same for every order of the words",
    formula=lambda w, e: (
        [sum(w_i == v for w_i in w) for v in range(len(e))],
        1 / len(w) * sum(sum(w_i == v for w_i in w) * e[v] for v in range(len(e))),
    ),
    mutants={
        "present for how often": lambda w, e: (
            [v in w for v in range(len(e))],
            1 / len(w) * sum((v in w) * e[v] for v in range(len(e))),
        ),
        "divided by types, not tokens": lambda w, e: (
            [w.count(v) for v in range(len(e))],
            1 / len(set(w)) * sum(w.count(v) * e[v] for v in range(len(e))),
        ),
        "sum for mean": lambda w, e: (
            [w.count(v) for v in range(len(e))],
            sum(w.count(v) * e[v] for v in range(len(e))),
        ),
        "each type once in the mean": lambda w, e: (
            [w.count(v) for v in range(len(e))],
            1 / len(w) * sum(e[v] for v in set(w)),
        ),
        "last word left out": lambda w, e: (
            [w[:-1].count(v) for v in range(len(e))],
            1 / len(w) * sum(w[:-1].count(v) * e[v] for v in range(len(e))),
        ),
    },
)
def bag(formula):
    e = uniform(6, 3)
    words = (4, 1, 4, 0, 5)
    counts = Counter(words)
    for w in permutations(words):
        b, mean = formula(w, e)
        assert b == [counts[v] for v in range(6)]
        close(mean, e[list(words)].mean(0))


@equation(
    "eq:heaps",
    fingerprint="b84c6d43",
    how="a line through log V against log n; and a language with p proportional to 1 / rank², known to have beta 1/2",
    formula=lambda K, beta, V, n: (K * n**beta, log2(V(2 * n) / V(n))),
    mutants={
        "natural logarithm": lambda K, beta, V, n: (K * n**beta, log(V(2 * n) / V(n))),
        "quotient upside down": lambda K, beta, V, n: (K * n**beta, log2(V(n) / V(2 * n))),
        "difference for quotient": lambda K, beta, V, n: (K * n**beta, log2(V(2 * n) - V(n))),
        "logarithm lost": lambda K, beta, V, n: (K * n**beta, V(2 * n) / V(n)),
        "beta as a factor": lambda K, beta, V, n: (K * n * beta, log2(V(2 * n) / V(n))),
        "K to the power, too": lambda K, beta, V, n: ((K * n) ** beta, log2(V(2 * n) / V(n))),
    },
)
def heaps(formula):
    K, beta = 3.0, 0.7
    n = torch.logspace(0, 5, 20, dtype=torch.float64)
    V = torch.stack([formula(K, beta, lambda n: n, n_i)[0] for n_i in n])
    close(V[0], K)
    line = torch.stack([n.log(), torch.ones(20)], dim=1)
    close(torch.linalg.lstsq(line, V.log()).solution, [beta, log(K)])
    p = 1 / torch.arange(1, 200_001, dtype=torch.float64) ** 2
    p /= p.sum()

    def types(n):  # expected among n tokens
        return (1 - (1 - p) ** n).sum().item()

    close(formula(K, beta, types, 10**6)[1], 0.5, tolerance=0.01)


@equation(
    "eq:zipf",
    fingerprint="73b13197",
    how="exact model: counts 2520 / r, where the constant is one over the tenth harmonic number",
    formula=lambda r, c_r, N: r * Fraction(c_r, N),
    mutants={
        "rank lost": lambda r, c_r, N: Fraction(c_r, N),
        "rank from 0": lambda r, c_r, N: (r - 1) * Fraction(c_r, N),
        "divided by the rank": lambda r, c_r, N: Fraction(c_r, N) / r,
        "square root of the rank": lambda r, c_r, N: r**0.5 * c_r / N,
        "N lost": lambda r, c_r, N: r * c_r,
    },
)
def zipf(formula):
    c = [2520 // r for r in range(1, 11)]  # 2520 can be divided by 1 to 10
    harmonic = sum(Fraction(1, r) for r in range(1, 11))
    for r in range(1, 11):
        assert formula(r, c[r - 1], sum(c)) == 1 / harmonic
