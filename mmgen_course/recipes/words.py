"""The vectors of the words of scenes: learned by GloVe from the course's own corpus, in GloVe's own text format."""

from collections.abc import Generator

import torch
from torch.nn.functional import normalize

from mmgen_course.features.glove import GloVe, WordVectors, cooccurrences, fit, read_vectors, write_vectors
from mmgen_course.recipes.recipe import Measured, Recipe
from mmgen_course.scenes import ATTRIBUTES, HELD_OUT_WORDS, TRAINING_WORDS
from mmgen_course.scenes.corpus import ALL_WORDS, sentences
from mmgen_course.scenes.world import APPEARANCE
from mmgen_course.train import Run

DIM = 50


def measure(vectors: WordVectors) -> Measured:
    """How well the vectors tell meanings, as shares.

    - of held-out synonyms, whose nearest word is one that training captions use for the same value;
    - of all words for values, whose cosine with their own value's first word exceeds that with every other value's
      first word of the same attribute; and by how much it does, on average and at least.

    Example:
        >>> from mmgen_course.features.glove import load_scene_vectors
        >>> measure(load_scene_vectors())["words nearest to their own value"]
        1.0
    """
    held_out = {unseen: TRAINING_WORDS[value] for value, (unseen, *_) in HELD_OUT_WORDS.items() if value != unseen}
    found = [vectors.nearest(word, 1)[0][0] in used for word, used in held_out.items()]
    lead = torch.tensor([_lead(vectors, word, name, value) for name, value, word in _words_of_values()])
    return {
        "held-out synonyms whose nearest word means the same": sum(found) / len(found),
        "words nearest to their own value": (lead > 0).double().mean().item(),
        "lead of the own value in cosine, mean": lead.mean().item(),
        "lead of the own value in cosine, least": lead.min().item(),
    }


def _words_of_values() -> list[tuple[str, str, str]]:
    return [(name, value, word) for name in APPEARANCE for value in ATTRIBUTES[name] for word in ALL_WORDS[value]]


def _lead(vectors: WordVectors, word: str, name: str, value: str) -> float:
    """The cosine of a word with its own value, less the greatest with another value of the attribute."""
    cosine = {other: (_unit(vectors, word) @ _unit(vectors, other)).item() for other in ATTRIBUTES[name]}
    own = cosine.pop(value)
    return own - max(cosine.values())


def _unit(vectors: WordVectors, word: str) -> torch.Tensor:
    return normalize(vectors[word], dim=0)


def train(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Write the corpus, count, learn for `run.steps` epochs, write the vectors, and return what `measure` says.

    It takes seconds, so there are no checkpoints, and the CPU will do.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     losses = [losses["loss"] for losses in train(Run(Path(folder, "words.txt"), steps=2))]
        >>> losses[1] < losses[0]
        True
    """
    words, counts = cooccurrences(sentences(run.generator))
    model = GloVe(len(words), DIM, run.generator)
    loss = float("nan")
    for loss in fit(model, counts, epochs=run.steps, generator=run.generator):
        run.step += 1
        yield {"loss": loss}
    write_vectors(run.path, model.vectors(words))
    measured = measure(read_vectors(run.path))
    return {"words": len(words), "pairs counted": counts.values().numel(), "loss a pair": loss, **measured}


WORDS = Recipe(
    "words",
    f"words/scenes.{DIM}d.txt",
    "vectors of the words of scenes, by GloVe, from a corpus that the course generates; a step is an epoch",
    steps=100,
    train=train,
)
