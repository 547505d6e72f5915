"""Trains anew what a change has made stale, and puts it among the data of the course, in the order of the recipes.

    python -m tools.retrain [NAMES] [--yes]

Stale is what was trained on other files than those that are there now, what needs something stale, and the vectors of
the words where the corpus of scenes now has other words, or uses them more or less often than the file says. A change
of a network or of a training is in no file that ships: name its recipe, and all that needs it follows.

It says first what it will train, why, and for how many minutes by the cards of what ships, and asks. Interrupted, it is
called again: what has shipped is not stale any more, and a training goes on from its checkpoint.
"""

import argparse
import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mmgen_course.data import ROOT
from mmgen_course.notebooks.run import ROOT as PROJECT
from mmgen_course.recipes import RECIPES, Recipe, read_card
from mmgen_course.scenes.corpus import sentences
from tools import ship

WORDS = "words"


@dataclass(frozen=True)
class Stale:
    """A recipe to train anew: why, and how many seconds its last training took; None where it never shipped."""

    recipe: Recipe
    why: str
    seconds: int | None


def corpus_words() -> list[str]:
    """Return the words of the corpus of scenes, the most frequent first, as GloVe counts them."""
    frequency = Counter(word for sentence in sentences(torch.Generator().manual_seed(0)) for word in sentence)
    return sorted(frequency, key=lambda word: (-frequency[word], word))


def stale(recipes: Iterable[Recipe], root: Path, words: Sequence[str], named: Iterable[str] = ()) -> list[Stale]:
    """List what must be trained anew, in an order in which nothing is trained before what it needs.

    Args:
        recipes: in the order in which they build on each other.
        root: the folder data/.
        words: of the corpus, as `corpus_words` gives them.
        named: recipes that are stale because the caller says so.
    """
    found: dict[str, Stale] = {}  # by the file that the recipe makes
    for recipe in recipes:
        path = root / recipe.file
        if reasons := _reasons(recipe, path, root, words, set(named), found):
            seconds = read_card(path).seconds if path.exists() else None
            found[recipe.file] = Stale(recipe, "; ".join(reasons), seconds)
    return list(found.values())


def _reasons(
    recipe: Recipe, path: Path, root: Path, words: Sequence[str], named: set[str], found: Mapping[str, Stale]
) -> list[str]:
    reasons = ["named"] if recipe.name in named else []
    if not path.exists():
        return [*reasons, "never shipped"]
    if recipe.name == WORDS:
        reasons += _other_words([line.split(" ")[0] for line in path.read_text("utf-8").splitlines()], words)
    was = read_card(path).needs
    for need in recipe.needs:
        if need in found:
            reasons.append(f"needs {found[need].recipe.name}")
        elif was.get(need) != hashlib.sha256((root / need).read_bytes()).hexdigest():
            reasons.append(f"{need} is another")
    return reasons


def _other_words(have: Sequence[str], want: Sequence[str]) -> list[str]:
    """Say how the words of the vectors differ from those of the corpus.

    Example:
        >>> _other_words(["a", "scarlet"], ["a", "vermilion"]), _other_words(["a", "red"], ["red", "a"])
        (['new words: vermilion; gone: scarlet'], ['words are used more or less often'])
    """
    if set(have) != set(want):
        new, gone = (", ".join(sorted(one)) or "none" for one in (set(want) - set(have), set(have) - set(want)))
        return [f"new words: {new}; gone: {gone}"]
    return ["words are used more or less often"] if list(have) != list(want) else []


def table(todo: Sequence[Stale]) -> str:
    """Say what will be trained, why, and for how many minutes."""
    width = max(len(one.recipe.name) for one in todo)
    rows = [f"{one.recipe.name:{width}}  {_minutes(one.seconds):>12}  {one.why}" for one in todo]
    unknown = " and what never shipped" if any(one.seconds is None for one in todo) else ""
    total = sum(one.seconds or 0 for one in todo)
    return "\n".join([*rows, f"{len(todo)} to train: {_minutes(total)}{unknown}, by their cards"])


def _minutes(seconds: int | None) -> str:
    return "?" if seconds is None else f"{seconds / 60:.1f} minutes"


def train(name: str) -> None:
    """Train one recipe into trained/, from its checkpoint if there is one; raises if that ends early."""
    command = [sys.executable, "-m", "mmgen_course", "train", name, "--resume"]
    subprocess.run(command, cwd=PROJECT, check=True)


def retrain(todo: Sequence[Stale], train: Callable[[str], None], ship: Callable[[str], None]) -> None:
    """Train and ship each before the next, which may need it.

    Raises:
        subprocess.CalledProcessError: a training ended early; those before it have shipped.
    """
    for one in todo:
        train(one.recipe.name)
        ship(one.recipe.name)


def _ship(name: str) -> None:
    ship.main([name], PROJECT / "trained", ROOT)


def main(arguments: list[str] | None = None) -> None:
    """Say what is stale, ask, train and ship; exit 1 where the answer is no or a training ends early."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    todo = stale(RECIPES.values(), ROOT, corpus_words(), options.names)
    if not todo:
        print("nothing is stale")
        return
    print(table(todo), flush=True)
    if not options.yes and input("Train them? [y/N] ").strip().lower() != "y":
        sys.exit("retrain: nothing was trained")
    try:
        retrain(todo, train, _ship)
    except (subprocess.CalledProcessError, KeyboardInterrupt):
        sys.exit("retrain: a training ended early; `make retrain` goes on from there")


if __name__ == "__main__":
    main()
