"""Draws the picture in the README: captions, and what the model that ships drew for them, the first try of each.

Writes book/drawings.png. Run it after `tools/ship.py text-to-image`; the same weights give the same picture.
"""

from pathlib import Path

from mmgen_course import pipeline, show

FILE = Path(__file__).resolve().parents[1] / "book" / "drawings.png"
SIZE, SEED = 128, 0
# training never showed a striped star, and never read "tiny", "crimson" or "disc"
CAPTIONS = [
    "a small red circle above a large blue square",
    "a large blue square above a small red circle",
    "a big striped green star on a dark background",
    "a tiny crimson disc in the top right",
]


def draw() -> bytes:
    """The gallery as PNG.

    Example:
        >>> draw()[1:4]
        b'PNG'
    """
    return show.png(show.gallery(pipeline.draw(CAPTIONS, SEED, size=SIZE).images, CAPTIONS))


if __name__ == "__main__":
    FILE.write_bytes(draw())
    print(FILE)
