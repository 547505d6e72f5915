"""Vouches for the shipped data: out come the samples that come with the course, each file checked by its hash.

data/registry.txt holds a line "path sha256" for each; `tools/make_samples.py` writes those of the scenes. A wheel
carries the same files inside the package (setup.py puts them there).
"""

import hashlib
from pathlib import Path

from mmgen_course.data.errors import MissingFile, WrongHash
from mmgen_course.data.pairs import Sample, read_pairs

_CARRIED = Path(__file__).resolve().parents[1] / "shipped"  # only in what a wheel has installed
ROOT = _CARRIED if _CARRIED.is_dir() else Path(__file__).resolve().parents[2] / "data"
"""The folder of all data that ship with the course."""

UNLISTED = {"README.md", "registry.txt"}  # the files of ROOT that no line vouches for
RESTORE = "Restore it: " + ("install the package anew" if ROOT == _CARRIED else "git checkout data")


def shipped_scenes() -> list[Sample]:
    """The image-caption pairs that ship with the course, each file checked against its hash first.

    Raises:
        MissingFile: the registry or a file that it lists is not there.
        WrongHash: a file has been changed; the message shows both hashes.

    Example:
        >>> sample = shipped_scenes()[0]
        >>> sample.image.mode, sample.image.size
        ('RGB', (64, 64))
    """
    for path, sha256 in _registry().items():
        if path.startswith("scenes/"):
            check_hash(ROOT / path, sha256, RESTORE)
    return read_pairs(ROOT / "scenes")


def shipped(path: str) -> Path:
    """Where a file that ships with the course lies, after its hash has been checked.

    Args:
        path: below the folder `ROOT`, as data/registry.txt has it.

    Raises:
        MissingFile: no such file is registered, or it is not there.
        WrongHash: it has been changed; the message shows both hashes.

    Example:
        >>> shipped("scenes/captions.csv").name
        'captions.csv'
    """
    registry = _registry()
    if path not in registry:
        raise MissingFile(path, "a file that data/registry.txt lists", "another name", "See data/registry.txt.")
    check_hash(ROOT / path, registry[path], RESTORE)
    return ROOT / path


def verify() -> list[str]:
    """Every difference between the shipped data and data/registry.txt, a sentence each; none if all is well.

    Example:
        >>> verify()
        []
    """
    registry = _registry()
    faults = []
    for path, sha256 in registry.items():
        try:
            check_hash(ROOT / path, sha256, RESTORE)
        except (MissingFile, WrongHash) as error:
            faults.append(str(error))
    # .DS_Store and the like are the system's
    files = (file for file in ROOT.rglob("[!.]*") if file.is_file())
    present = {file.relative_to(ROOT).as_posix() for file in files}
    unlisted = sorted(present - set(registry) - UNLISTED)
    return faults + [f"{path}: not listed in data/registry.txt" for path in unlisted]


def _registry() -> dict[str, str]:
    """data/registry.txt as {path below ROOT: sha256}."""
    file = ROOT / "registry.txt"
    if not file.is_file():
        remedy = "Install the package anew, or use the course from its git clone."
        raise MissingFile(file, "the shipped data", "no such file", remedy)
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    return dict(line.split() for line in lines)


def check_hash(file: Path, sha256: str, remedy: str) -> None:
    """Make sure that a file's bytes are the promised ones.

    Raises:
        MissingFile, WrongHash: with `remedy` as what to do.

    Example:
        >>> check_hash(ROOT / "README.md", "0" * 64, "Restore it.")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        mmgen_course.data.errors.WrongHash: ...README.md: expected sha256 0000...
    """
    if not file.is_file():
        raise MissingFile(file, f"sha256 {sha256}", "no such file", remedy)
    with file.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    if got != sha256:
        raise WrongHash(file, f"sha256 {sha256}", got, remedy)
