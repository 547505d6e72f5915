"""Files below data/ go in; their lines in data/registry.txt and their part of the data card come out.

Used by make_samples.py and ship.py, each for its own files; register.py writes its part of README likewise.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmgen_course.data.atomic import replacing

HEADER = "# path sha256; written by tools/make_samples.py (scenes/, overview.png) and tools/ship.py (the rest)"


def register(root: Path, owned: str | tuple[str, ...], paths: Iterable[Path]) -> None:
    """Write the hashes of `paths` in place of all lines of the registry that begin with one of `owned`."""
    file = root / "registry.txt"
    old = file.read_text("utf-8").splitlines() if file.exists() else []
    kept = [line for line in old if not line.startswith("#") and not line.startswith(owned)]
    new = [f"{path.relative_to(root).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in paths]
    file.write_text("\n".join([HEADER, *sorted(kept + new)]) + "\n", "utf-8", newline="\n")


def marks(tool: str) -> tuple[str, str]:
    """Return the two lines between which `tool` writes into a document that is written by hand otherwise."""
    return (
        f"<!-- written by tools/{tool}, which overwrites what stands here -->",
        f"<!-- end of what tools/{tool} writes -->",
    )


def write_between(card: Path, tool: str, lines: Sequence[str]) -> None:
    """Put lines between the two marks of `tool` in a document.

    Raises:
        ValueError: one of the marks is missing.
    """
    begin, end = marks(tool)
    text = card.read_text("utf-8")
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{card} must hold once each of the lines {begin} and {end}")
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    with replacing(card) as file:
        file.write_text("\n".join([before + begin, "", *lines, "", end + after]), "utf-8", newline="\n")
