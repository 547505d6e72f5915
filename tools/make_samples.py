"""Draws the image-caption pairs that ship in data/scenes; the same seed gives the same bytes.

Writes the images and captions.csv (with the scene that each shows, a column an attribute), their lines in
data/registry.txt, and the numbers in the data card. Run it after every change to what a scene looks or reads like.
"""

import argparse
import csv
import shutil
from collections import Counter
from dataclasses import astuple
from pathlib import Path
from statistics import median

import torch
from einops import rearrange
from PIL import Image

from mmgen_course import scenes, show
from mmgen_course.data import ROOT
from tools.data_files import register, write_between

COUNT, SIZE, SEED = 320, 64, 0
ATTRIBUTES = ("shape", "colour", "size", "style", "position")


def main(root: Path) -> None:
    """Write the scenes, their registry lines and their numbers below `root`."""
    folder = root / "scenes"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen, captions = draw(folder)
    write_table(folder / "captions.csv", chosen, captions)
    draw_overview(root / "overview.png")
    register(root, ("overview.png", "scenes/"), [root / "overview.png", *folder.iterdir()])
    write_numbers(root / "README.md", folder, chosen, captions)
    print(f"{COUNT} pairs in {folder}")


def draw(folder: Path) -> tuple[list[scenes.Scene], list[str]]:
    """Choose scenes of the training split, each at most once, and save their pictures."""
    generator = torch.Generator().manual_seed(SEED)
    train = scenes.splits()["train"]
    chosen = [train[n] for n in torch.randperm(len(train), generator=generator)[:COUNT]]
    captions = [scenes.caption(scene, generator) for scene in chosen]
    images = scenes.render(chosen, size=SIZE, generator=generator)  # (N, 3, 64, 64)
    pixels = ((images + 1) * 127.5).round().to(torch.uint8)
    for n, image in enumerate(rearrange(pixels, "n c h w -> n h w c").numpy()):
        Image.fromarray(image).save(folder / f"{n:04}.png", optimize=True)
    return chosen, captions


def draw_overview(file: Path) -> None:
    """The picture at the head of the README: captions, and what they say."""
    captions = [
        "a small red circle above a large blue square",
        "a large blue square above a small red circle",
        "a big striped green star on a dark background",
        "a tiny crimson disc in the top right",
    ]
    images = scenes.render([scenes.parse(caption).complete() for caption in captions], size=96)
    file.write_bytes(show.png(show.gallery(images, captions)))


def write_table(file: Path, chosen: list[scenes.Scene], captions: list[str]) -> None:
    """One row a pair; the columns of a second object stay empty where there is none."""
    columns = [f"{name}_{number}" for number in (1, 2) for name in ATTRIBUTES]
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["id", "file", "caption", "background", *columns])
        for n, (scene, caption) in enumerate(zip(chosen, captions, strict=True)):
            values = [value for thing in scene.objects for value in astuple(thing)]
            values += [""] * (len(columns) - len(values))
            table.writerow([f"{n:04}", f"{n:04}.png", caption, scene.background, *values])


def write_numbers(card: Path, folder: Path, chosen: list[scenes.Scene], captions: list[str]) -> None:
    """Put the numbers of this run between the two marks in the data card."""
    things = [thing for scene in chosen for thing in scene.objects]
    words = sorted(len(caption.split()) for caption in captions)
    rows = {
        "pairs": len(chosen),
        "width and height in pixels": SIZE,
        "bytes": sum(path.stat().st_size for path in folder.iterdir()),
        "pictures with one object": sum(len(scene.objects) == 1 for scene in chosen),
        "pictures with two objects": sum(len(scene.objects) == 2 for scene in chosen),
        "different captions": len(set(captions)),
        "words in the shortest caption": words[0],
        "words in the median caption": f"{median(words):g}",
        "words in the longest caption": words[-1],
    }
    counts = {name: Counter(getattr(thing, name) for thing in things) for name in ATTRIBUTES}
    counts["background"] = Counter(scene.background for scene in chosen)
    for name, counter in counts.items():
        rows[name] = ", ".join(f"{value} {count}" for value, count in counter.most_common())
    table = ["| what | number |", "|---|---|", *(f"| {what} | {number} |" for what, number in rows.items())]
    write_between(card, "make_samples.py", table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="the data folder (default: the course's own)")
    main(parser.parse_args().root)
