"""GloVe: the counting against a loop, the steps against the Stanford program as a loop, the fit against log X."""

import math
from collections import Counter, defaultdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course.features import glove
from mmgen_course.features.glove import GloVe, adagrad_step, cooccurrences, fit, glove_loss, train_glove, weight

CORPUS = [
    f"a {size} {colour} {shape} {side} of a {shape}".split()
    for size in ("big", "small")
    for colour in ("red", "blue")
    for shape in ("circle", "square", "star")
    for side in ("left", "right")
]
SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), max_size=8), min_size=1, max_size=6).filter(any)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_import_has_reader_and_training() -> None:
    assert {"read_vectors", "WordVectors", "train_glove"} <= set(glove.__all__)
    assert all(hasattr(glove, name) for name in glove.__all__)


# ---- counting


def slow_cooccurrences(corpus: list[list[str]], window: int, symmetric: bool) -> dict[tuple[str, str], float]:
    """As `cooccur.c` counts: for each word, each earlier one of the sentence within the window."""
    counts: dict[tuple[str, str], float] = defaultdict(float)
    for sentence in corpus:
        for j, word in enumerate(sentence):
            for k in range(max(0, j - window), j):
                counts[sentence[k], word] += 1 / (j - k)
                if symmetric:
                    counts[word, sentence[k]] += 1 / (j - k)
    return counts


@given(corpus=SENTENCES, window=st.integers(1, 9), symmetric=st.booleans())
def test_counts_equal_a_loop(corpus: list[list[str]], window: int, symmetric: bool) -> None:
    words, counts = cooccurrences(corpus, window, symmetric)
    assert counts.is_coalesced()
    pairs = [(words[i], words[j]) for i, j in counts.indices().t().tolist()]
    slow = slow_cooccurrences(corpus, window, symmetric)
    assert dict(zip(pairs, counts.values().tolist(), strict=True)) == pytest.approx(slow)
    frequency = Counter(word for sentence in corpus for word in sentence)
    assert words == sorted(frequency, key=lambda word: (-frequency[word], word))


@pytest.mark.parametrize(("corpus", "window"), [([], 3), ([[]], 3), ([["a", "b"]], 0)])
def test_nothing_to_count_is_refused(corpus: list[list[str]], window: int) -> None:
    with pytest.raises(ValueError, match="window of at least 1"):
        cooccurrences(corpus, window)


# ---- the objective


@given(
    x=st.floats(1e-3, 1e6), x_max=st.floats(0.5, 1e3), alpha=st.floats(0.1, 2)
)  # fmt: skip
def test_weight_is_equation_9(x: float, x_max: float, alpha: float) -> None:
    expected = (x / x_max) ** alpha if x < x_max else 1.0
    assert weight(torch.tensor([x]).double(), x_max, alpha).item() == pytest.approx(expected)


def test_loss_is_equation_8() -> None:
    model = GloVe(4, 3, seeded()).double()
    i, j, x = torch.tensor([0, 1, 3, 3]), torch.tensor([1, 1, 2, 3]), torch.tensor([0.5, 7, 20, 300]).double()
    slow = 0.0
    for a, b, count in zip(i.tolist(), j.tolist(), x.tolist(), strict=True):
        dot = sum((model.vector[a, k] * model.context_vector[b, k]).item() for k in range(3))
        error = dot + model.bias[a].item() + model.context_bias[b].item() - math.log(count)
        slow += min(count / 10, 1) ** 0.6 * error**2
    assert glove_loss(model(i, j), x, 10.0, 0.6).item() == pytest.approx(slow)


def test_all_numbers_start_as_in_the_stanford_program() -> None:
    model = GloVe(500, 9, seeded())
    for values in model.parameters():
        assert 0.0495 < values.abs().max() <= 0.05  # 1/2 divided by d + 1
        assert values.mean().abs() < 0.005


def one_pair_a_step(
    counts: torch.Tensor, dim: int, eta: float, epochs: int, square_first: bool
) -> tuple[list[list[float]], list[float]]:
    """`glove.c` with one thread, as a loop over plain lists: w with b for each word, and the cost of each epoch.

    The program adds the square of a gradient after the step that it makes; with `square_first` it is added before.
    """
    x_max, alpha = 2.0, 0.75
    model = GloVe(counts.shape[0], dim, seeded()).double()
    vector, context = (
        torch.cat([v, b[:, None]], 1).tolist()
        for v, b in ((model.vector, model.bias), (model.context_vector, model.context_bias))
    )
    squares = [[[1.0] * (dim + 1) for _ in rows] for rows in (vector, context)]
    (rows, columns), values = counts.indices().tolist(), counts.values().float().double().tolist()
    cost, order = [], seeded(5)
    for _ in range(epochs):
        total = 0.0
        for pair in torch.randperm(len(values), generator=order).tolist():
            w, c, s, t = vector[rows[pair]], context[columns[pair]], squares[0][rows[pair]], squares[1][columns[pair]]
            diff = sum(w[k] * c[k] for k in range(dim)) + w[dim] + c[dim] - math.log(values[pair])
            fdiff = diff if values[pair] > x_max else (values[pair] / x_max) ** alpha * diff
            total += 0.5 * fdiff * diff
            for k in range(dim + 1):
                g, h = (eta * fdiff * c[k], eta * fdiff * w[k]) if k < dim else (eta * fdiff,) * 2
                w[k] -= g / math.sqrt(s[k] + square_first * g * g)
                c[k] -= h / math.sqrt(t[k] + square_first * h * h)
                s[k] += g * g
                t[k] += h * h
        cost.append(total / len(values))
    return vector, cost


def test_one_pair_a_step_equals_the_stanford_program_with_the_square_before_the_step() -> None:
    _, counts = cooccurrences(CORPUS[:5], 3)
    vector, cost = one_pair_a_step(counts, dim=3, eta=0.2, epochs=3, square_first=True)
    model = GloVe(counts.shape[0], 3, seeded()).double()
    losses = list(fit(model, counts, 3, 0.2, x_max=2.0, batch_size=1, generator=seeded(5)))
    assert losses == pytest.approx([2 * total for total in cost], rel=1e-5)
    mine = torch.cat([model.vector, model.bias[:, None]], 1).tolist()
    assert mine == [pytest.approx(row, abs=1e-5) for row in vector]


def test_that_order_matters_little_at_the_programs_own_rate() -> None:
    _, counts = cooccurrences(CORPUS, 3)
    (_, first), (_, after) = (one_pair_a_step(counts, 3, 0.05, 25, square_first) for square_first in (True, False))
    assert first != after
    assert first == pytest.approx(after, rel=0.02)


@settings(max_examples=30)
@given(
    gradients=st.lists(st.lists(st.floats(-1e4, 1e4), min_size=3, max_size=3), min_size=1, max_size=8),
    eta=st.floats(0.01, 2),
)
def test_a_step_equals_torchs_adagrad(gradients: list[list[float]], eta: float) -> None:
    theta, squares = torch.zeros(3).double(), torch.zeros(3).double()
    theirs = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    # lr / sqrt(a + sum g^2) with lr = 1 and a = 1 / eta^2 is eta / sqrt(1 + sum (eta g)^2)
    optimizer = torch.optim.Adagrad([theirs], lr=1.0, initial_accumulator_value=eta**-2, eps=0.0)
    for gradient in gradients:
        adagrad_step(theta, torch.tensor(gradient).double(), squares, eta)
        theirs.grad = torch.tensor(gradient).double()
        optimizer.step()
    assert torch.allclose(theta, theirs.detach(), rtol=1e-9)
    assert theta.abs().max() <= len(gradients)


def test_a_batch_adds_the_gradients_of_its_pairs() -> None:
    _, counts = cooccurrences(CORPUS, 3)
    models = [GloVe(counts.shape[0], 3, seeded()).double() for _ in range(2)]
    next(fit(models[0], counts, 1, 0.1, x_max=4.0, batch_size=10_000))
    (i, j), x = counts.indices(), counts.values()
    parameters = list(models[1].parameters())
    pairs = [0.5 * glove_loss(models[1](i[[k]], j[[k]]), x[[k]], 4.0) for k in range(len(x))]
    gradients = [torch.autograd.grad(pair, parameters) for pair in pairs]
    for parameter, stepped, *each in zip(parameters, models[0].parameters(), *gradients, strict=True):
        g = 0.1 * torch.stack(each).sum(0)
        assert torch.allclose(stepped, parameter - g / (1 + g**2).sqrt(), atol=1e-6)


# ---- training


def test_with_enough_dimensions_the_counts_are_met() -> None:
    words, counts = cooccurrences(CORPUS, 4)
    model = GloVe(len(words), len(words), seeded())
    losses = list(fit(model, counts, epochs=1500, x_max=5.0, generator=seeded(1)))
    (i, j), x = counts.indices(), counts.values().float()
    assert losses[0] > 0.1
    assert losses[-1] < 1e-6
    # w_i . w~_j + b_i + b~_j = log X_ij
    assert torch.allclose(model(i, j), x.log(), atol=0.02)


def test_training_is_seeded_and_reported() -> None:
    reports: list[tuple[int, float]] = []
    first = train_glove(CORPUS, 4, x_max=5.0, epochs=7, report=lambda *report: reports.append(report))
    assert torch.equal(first.matrix, train_glove(CORPUS, 4, x_max=5.0, epochs=7).matrix)
    assert not torch.equal(first.matrix, train_glove(CORPUS, 4, x_max=5.0, epochs=7, seed=1).matrix)
    assert [epoch for epoch, _ in reports] == list(range(7))
    assert reports[-1][1] < reports[0][1]
    assert first.matrix.shape == (len(first.words), 4)


def test_a_vector_is_the_sum_of_both() -> None:
    words, counts = cooccurrences(CORPUS, 15)
    generator = seeded(3)
    model = GloVe(len(words), 4, generator)
    assert len(list(fit(model, counts, epochs=2, generator=generator))) == 2
    trained = train_glove(CORPUS, 4, epochs=2, seed=3)
    assert torch.equal(trained.matrix, (model.vector + model.context_vector).detach())


def test_words_of_one_kind_come_close() -> None:
    vectors = train_glove(CORPUS * 5, 8, x_max=20.0, epochs=100)
    assert vectors.nearest("left", 1)[0][0] == "right"
    assert vectors.nearest("red", 1)[0][0] == "blue"


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    words, counts = cooccurrences(CORPUS, 4)
    model = GloVe(len(words), 3, seeded())
    with torch.no_grad():
        model.bias[0] = torch.inf
    with pytest.raises(FloatingPointError, match="in epoch 0"):
        next(fit(model, counts))


def test_words_that_never_meet_are_refused() -> None:
    with pytest.raises(ValueError, match="ever meet"):
        train_glove([["a"], ["b"]], 2)
