"""Puts trained files among the data of the course: trained/NAME and its card go in, data/, its registry and its card.

    mmgen train recogniser
    python -m tools.ship recogniser

A file whose sha256 is not that of its card is refused. Without names, the data card is written anew from what is there.
"""

import argparse
import shutil
from pathlib import Path

from mmgen_course.data import ROOT
from mmgen_course.notebooks.run import ROOT as PROJECT
from mmgen_course.recipes import RECIPES, Recipe, card_path, read_card
from tools.data_files import register, write_between

FOLDERS = ("results/", "weights/", "words/")
TABLES = {  # written to trained/ by benchmarks/
    "fusion": "results/fusion.csv",
    "gan": "results/gan.csv",
    "vae": "results/vae.csv",
    "vae_acts": "results/vae_acts.csv",
    "text_to_image": "results/text_to_image.csv",
}


def ship(recipe: Recipe, trained: Path, root: Path) -> None:
    """Copy one trained file and its card to where the course reads them."""
    source, target = trained / Path(recipe.file).name, root / recipe.file
    if read_card(source).recipe != recipe.name:
        raise ValueError(f"{source} was trained by the recipe {read_card(source).recipe}, not by {recipe.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    for old, new in ((source, target), (card_path(source), card_path(target))):
        shutil.copyfile(old, new)


def describe(root: Path) -> list[str]:
    """The lines of the data card about every trained file that is there, from the cards beside them."""
    lines = []
    for recipe in _shipped(root):
        path = root / recipe.file
        card = read_card(path)
        minutes = f"{card.seconds / 60:.0f} minutes" if card.seconds >= 90 else f"{card.seconds} seconds"
        lines += [
            f"### {recipe.name}: `{recipe.file}`",
            "",
            f"{recipe.about[0].upper()}{recipe.about[1:]}. {path.stat().st_size:,} bytes, made by "
            f"`mmgen train {recipe.name} --steps {card.steps} --seed {card.seed}` in {minutes} on one thread.",
            "",
            "| measured | value |",
            "|---|---|",
            *(f"| {what} | {value:.6g} |" for what, value in card.measured.items()),
            "",
        ]
    return lines[:-1]


def _shipped(root: Path) -> list[Recipe]:
    # while a new recipe is still training, others can ship; a test fails if one never does
    return [recipe for recipe in RECIPES.values() if (root / recipe.file).exists()]


def main(names: list[str], trained: Path, root: Path) -> None:
    """Ship the named results, then bring registry and data card up to date."""
    for name in names:
        if name in RECIPES:
            ship(RECIPES[name], trained, root)
        else:
            (root / TABLES[name]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(trained / Path(TABLES[name]).name, root / TABLES[name])
    models = [root / recipe.file for recipe in _shipped(root)]
    tables = [root / table for table in TABLES.values() if (root / table).exists()]
    register(root, FOLDERS, [*tables, *models, *map(card_path, models)])
    write_between(root / "README.md", "ship.py", describe(root))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", choices=[[], *RECIPES, *TABLES], metavar="NAME", help=", ".join([*RECIPES, *TABLES])
    )
    parser.add_argument("--trained", type=Path, default=PROJECT / "trained", help="where `mmgen train` wrote them")
    options = parser.parse_args()
    main(options.names, options.trained, ROOT)
