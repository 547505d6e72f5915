"""Sentences go in; a vector for each word comes out, made so that dot products tell how often words meet.

Derived in lesson 04_glove_features. J. Pennington, R. Socher, C. Manning, "GloVe: Global Vectors for Word
Representation", EMNLP 2014, https://aclanthology.org/D14-1162; their program: https://github.com/stanfordnlp/GloVe
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mmgen_course.data.registry import shipped
from mmgen_course.features.glove_text import read_vectors, write_vectors
from mmgen_course.features.vectors import WordVectors, open_vectors

__all__ = [
    "GloVe",
    "WordVectors",
    "adagrad_step",
    "cooccurrences",
    "fit",
    "glove_loss",
    "load_scene_vectors",
    "open_vectors",
    "read_vectors",
    "train_glove",
    "weight",
    "write_vectors",
]


def cooccurrences(
    corpus: Sequence[Sequence[str]], window: int = 15, symmetric: bool = True
) -> tuple[list[str], Float[Tensor, "v v"]]:
    """Count how often words meet: a pair k words apart, k <= window, in one sentence adds 1/k.

    Returns the V words, the most frequent first, ties in alphabetical order, and the counts X (V, V), sparse
    (COO, coalesced) and double. X[i, j] counts the word i to the left of the word j, and with `symmetric`
    also to its right, so that X = X^T.

    Raises:
        ValueError: the corpus has no word, or the window is below 1.

    Source: Pennington et al. 2014, section 4.2; `cooccur.c` of their program.

    Example:
        >>> words, counts = cooccurrences([["a", "red", "circle"]])
        >>> words, counts.to_dense().tolist()
        (['a', 'circle', 'red'], [[0.0, 0.5, 1.0], [0.5, 0.0, 1.0], [1.0, 1.0, 0.0]])
    """
    frequency = Counter(word for sentence in corpus for word in sentence)
    if not frequency or window < 1:
        raise ValueError(
            f"expected a window of at least 1 and a corpus with words; got {window} and {len(frequency)} words"
        )
    words = sorted(frequency, key=lambda word: (-frequency[word], word))
    id_of = {word: i for i, word in enumerate(words)}
    ids = torch.tensor([id_of[word] for sentence in corpus for word in sentence])
    sentence_of = torch.repeat_interleave(torch.tensor([len(sentence) for sentence in corpus]))

    def sparse(pairs: Tensor, values: Tensor) -> Tensor:
        return torch.sparse_coo_tensor(pairs, values, (len(words),) * 2, check_invariants=True).coalesce()

    counts = sparse(torch.empty(2, 0, dtype=torch.long), torch.empty(0, dtype=torch.double))
    for k in range(1, min(window, max(map(len, corpus)) - 1) + 1):
        together = sentence_of[:-k] == sentence_of[k:]
        pairs = torch.stack([ids[:-k][together], ids[k:][together]])  # (2, P): left word, right word
        counts = counts + sparse(pairs, torch.full((pairs.shape[1],), 1 / k, dtype=torch.double))
    return words, (counts + counts.t() if symmetric else counts).coalesce()


def weight(x: Float[Tensor, "*n"], x_max: float = 100.0, alpha: float = 0.75) -> Float[Tensor, "*n"]:
    """How much each count matters: rare pairs, which are noisy, less; frequent ones no more than 1.

    Source: Pennington et al. 2014, equation 9.

    Example:
        >>> weight(torch.tensor([0.0, 6.25, 100.0, 1000.0])).tolist()
        [0.0, 0.125, 1.0, 1.0]
    """
    # f(x) = (x / x_max)^alpha where x < x_max, else 1
    return (x / x_max).clamp(max=1) ** alpha


def glove_loss(
    predicted: Float[Tensor, " p"], x: Float[Tensor, " p"], x_max: float = 100.0, alpha: float = 0.75
) -> Float[Tensor, ""]:
    """The weighted squared error of the predicted logarithms of P counts x > 0, summed over the pairs.

    Source: Pennington et al. 2014, equation 8; the pairs with X_ij = 0 have weight 0 and are left out.

    Example:
        >>> round(glove_loss(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 100.0])).item(), 4)
        12.9973
    """
    # J = sum_ij f(X_ij) (w_i . w~_j + b_i + b~_j - log X_ij)^2
    return (weight(x, x_max, alpha) * (predicted - x.log()) ** 2).sum()


class GloVe(nn.Module):
    """The model of log X_ij for V words: two vectors of d numbers and two biases for each word.

    `vector` w (V, d) and `bias` b (V,) hold for the word itself, `context_vector` w~ and `context_bias` b~ for
    the word as another's neighbour. All start uniform in +-1/2 divided by d + 1, as in the Stanford program.

    Example:
        >>> model = GloVe(5, dim=3, generator=torch.Generator().manual_seed(0))
        >>> model(torch.tensor([0, 1]), torch.tensor([4, 4])).shape
        torch.Size([2])
    """

    def __init__(self, n_words: int, dim: int, generator: torch.Generator):
        super().__init__()

        def start(*shape: int) -> nn.Parameter:
            return nn.Parameter((torch.rand(shape, generator=generator) - 0.5) / (dim + 1))

        self.vector, self.context_vector = start(n_words, dim), start(n_words, dim)
        self.bias, self.context_bias = start(n_words), start(n_words)

    def forward(self, i: Int[Tensor, " p"], j: Int[Tensor, " p"]) -> Float[Tensor, " p"]:
        """Predict log X_ij for P pairs: w_i . w~_j + b_i + b~_j."""
        dot = (self.vector[i] * self.context_vector[j]).sum(-1)  # (P, d) -> (P,)
        return dot + self.bias[i] + self.context_bias[j]

    def vectors(self, words: Sequence[str]) -> WordVectors:
        """The vectors w + w~ of its V words, given in the order of the counts."""
        return WordVectors(words, (self.vector + self.context_vector).detach())


@torch.no_grad()
def adagrad_step(theta: Tensor, gradient: Tensor, squares: Tensor, learning_rate: float) -> None:
    """Change theta by one step of AdaGrad, and add to `squares`, which are zeros at first; all have one shape.

    A number's rate falls with the gradients that it has seen, and no step is longer than 1. The Stanford program
    adds the square of a gradient after the step, which would be far too long for the sum over a batch.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", JMLR 12, 2011, with a 1 in the root as in `glove.c`.

    Example:
        >>> theta, squares = torch.zeros(2), torch.zeros(2)
        >>> adagrad_step(theta, torch.tensor([0.01, -100.0]), squares, learning_rate=1.0)
        >>> [round(value, 3) for value in theta.tolist()]
        [-0.01, 1.0]
    """
    # theta <- theta - eta g / sqrt(1 + sum (eta g)^2)
    squares += (learning_rate * gradient) ** 2
    theta -= learning_rate * gradient / (1 + squares).sqrt()


def fit(
    model: GloVe,
    counts: Float[Tensor, "v v"],
    epochs: int = 25,
    learning_rate: float = 0.05,
    x_max: float = 100.0,
    alpha: float = 0.75,
    batch_size: int = 1024,
    generator: torch.Generator | None = None,
) -> Iterator[float]:
    """Fit the model to sparse counts by AdaGrad, the pairs in a new random order each epoch.

    Yields J (equation 8) divided by the number of counted pairs after each epoch, each batch measured before its
    step. The gradient is that of J/2, for a batch the sum over its pairs. The Stanford program takes one pair a
    step, and its step is longer by at most (eta g)^2 / 2 of itself: see `adagrad_step`.

    Raises:
        ValueError: no pair was counted.
        FloatingPointError: the loss is no longer finite; the message names the epoch.

    Example:
        >>> words, counts = cooccurrences([["a", "red", "circle"]] * 9)
        >>> model = GloVe(len(words), dim=4, generator=torch.Generator().manual_seed(0))
        >>> losses = list(fit(model, counts, epochs=200, generator=torch.Generator().manual_seed(1)))
        >>> losses[-1] < 0.01 * losses[0]
        True
    """
    (i, j), x = counts.coalesce().indices(), counts.coalesce().values().float()
    if not len(x):
        raise ValueError("no two words of the corpus ever meet: give longer sentences")
    parameters = list(model.parameters())
    squares = [torch.zeros_like(parameter) for parameter in parameters]
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x), generator=generator).split(batch_size):
            loss = glove_loss(model(i[batch], j[batch]), x[batch], x_max, alpha)
            gradients = torch.autograd.grad(loss / 2, parameters)
            for parameter, gradient, square in zip(parameters, gradients, squares, strict=True):
                adagrad_step(parameter, gradient, square, learning_rate)
            total += loss.item()
        if not math.isfinite(total):
            raise FloatingPointError(f"the loss is {total} in epoch {epoch}: lower the learning rate {learning_rate}")
        yield total / len(x)


def train_glove(
    corpus: Sequence[Sequence[str]],
    dim: int,
    window: int = 15,
    x_max: float = 100.0,
    alpha: float = 0.75,
    epochs: int = 25,
    learning_rate: float = 0.05,
    batch_size: int = 1024,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> WordVectors:
    """Train word vectors of `dim` numbers on sentences that are lists of words; a word's vector is w + w~.

    `report` is called after each epoch with its number, from 0, and its loss, as `fit` yields it. The same seed
    gives the same vectors. x_max = 100 suits billions of words: for a small corpus take a count that few pairs
    exceed.

    Raises:
        ValueError: the corpus has no word, or no two words ever meet.
        FloatingPointError: the loss is no longer finite.

    Source: Pennington et al. 2014, section 4.2.

    Example:
        >>> corpus = [[size, colour, "circle"] for size in ("big", "small") for colour in ("red", "blue")] * 20
        >>> vectors = train_glove(corpus, dim=4, x_max=10.0, epochs=100)
        >>> sorted(vectors.words), vectors["red"].shape
        (['big', 'blue', 'circle', 'red', 'small'], torch.Size([4]))
    """
    generator = torch.Generator().manual_seed(seed)
    words, counts = cooccurrences(corpus, window)
    model = GloVe(len(words), dim, generator)
    losses = fit(model, counts, epochs, learning_rate, x_max, alpha, batch_size, generator)
    for epoch, loss in enumerate(losses):
        if report is not None:
            report(epoch, loss)
    return model.vectors(words)


def load_scene_vectors() -> WordVectors:
    """The vectors of all words of scenes, the held-out synonyms too, d = 50: what `mmgen train words` learned.

    Raises:
        MissingFile, WrongHash: the shipped file is not there, or has been changed.

    Example:
        >>> load_scene_vectors().nearest("crimson", n=1)[0][0]
        'red'
    """
    return read_vectors(shipped("words/scenes.50d.txt"))
