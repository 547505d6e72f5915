"""What a recipe is: a training that anyone can repeat, what it is measured by, and the card of its result."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmgen_course.data import shipped
from mmgen_course.data.atomic import replacing
from mmgen_course.train import TEST_SEED as TEST_SEED  # handed on to the recipes
from mmgen_course.train import Run

Measured = dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """A training by name.

    Attributes:
        name: as in `mmgen train NAME`.
        file: where its result lies below data/.
        about: one line for a person.
        steps: how many it takes for the result that ships.
        train: takes a run, yields the losses of each step by name, then writes the file of the run, and returns what
            was measured, by name.
        needs: the files below data/ that it builds on, which must be trained before it.
        bf16: whether benchmarks/training.py found it faster in bfloat16, on a processor that has it.
    """

    name: str
    file: str
    about: str
    steps: int
    train: Callable[[Run], Generator[Mapping[str, float], None, Measured]]
    needs: tuple[str, ...] = ()
    bf16: bool = False

    def needed(self) -> dict[str, str]:
        """The sha256 of each file that it builds on, as it is now, by path below data/."""
        return {name: _sha256(shipped(name)) for name in self.needs}


@dataclass(frozen=True)
class Card:
    """How a trained file came to be, and how good it is.

    `sha256` ties the card to the file, `needs` the file to those that it builds on: path below data/ -> sha256.

    Example:
        >>> Card("recogniser", steps=10, seed=0, seconds=3, sha256="ab", measured={"shape": 0.5}).measured["shape"]
        0.5
    """

    recipe: str
    steps: int
    seed: int
    seconds: int
    sha256: str
    measured: Measured
    needs: dict[str, str] = field(default_factory=dict)


def named(losses: Iterator[float]) -> Iterator[dict[str, float]]:
    """Losses of a training that has one kind of them, under the name "loss".

    Example:
        >>> list(named(iter([2.0, 1.0])))
        [{'loss': 2.0}, {'loss': 1.0}]
    """
    return ({"loss": loss} for loss in losses)


def card_path(path: Path) -> Path:
    """Where the card of a trained file lies: beside it, with .json added.

    Example:
        >>> card_path(Path("data/words/scenes.txt")).name
        'scenes.txt.json'
    """
    return path.with_name(f"{path.name}.json")


def write_card(path: Path, recipe: Recipe, run: Run, seconds: float, measured: Measured) -> Card:
    """Write the card of a trained file beside it; its steps are those that were taken, if the training ended early."""
    card = Card(recipe.name, run.step, run.seed, round(seconds), _sha256(path), measured, recipe.needed())
    with replacing(card_path(path)) as partial:
        partial.write_text(json.dumps(asdict(card), indent=1) + "\n", encoding="utf-8", newline="\n")
    return card


def read_card(path: Path) -> Card:
    """Read the card of a trained file.

    Raises:
        ValueError: the card is of another file: its sha256 differs.

    Example:
        >>> from mmgen_course.data import ROOT
        >>> read_card(ROOT / "weights" / "recogniser.safetensors").recipe
        'recogniser'
    """
    fields = json.loads(card_path(path).read_text(encoding="utf-8"))
    fields["measured"] = {what: float(value) for what, value in fields["measured"].items()}  # JSON writes 1.0 or 1
    card = Card(**fields)
    got = _sha256(path)
    if got != card.sha256:
        raise ValueError(f"{card_path(path)} is the card of a file with sha256 {card.sha256}, {path} has {got}")
    return card


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
