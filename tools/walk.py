"""Walks as a newcomer does, from nothing to a picture of their own sentence, and prints the seconds of each step.

    python tools/walk.py

clones this repository into an empty folder, makes its environment as the README says, and draws. It exits with 1 where
a step fails, or where all of them took more than five minutes. Commits alone are cloned: commit first. It needs git,
make, Python, a network and 7 GB of disk, which are free again at the end, and no package: any Python runs it.
"""

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
SENTENCE = "a large red star above a small blue circle"
LIMIT = 300  # seconds from clone to picture


def main(source: str, python: Path | None, limit: float = LIMIT) -> int:
    """Walk, and return the exit code; `python` stands in for the environment that the walk would make."""
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder, "course")
        steps: dict[str, Callable[[], object]] = {"git clone": lambda: clone(source, course)}
        if python is None:
            steps["make env"] = lambda: make_environment(course)
        steps["mmgen sample"] = lambda: draw(course, python or course / ".venv" / "bin" / "python")
        total = 0.0
        for name, step in steps.items():
            start = time.perf_counter()
            try:
                step()
            except (OSError, ValueError, subprocess.CalledProcessError) as error:
                print(f"{name} failed: {error}", file=sys.stderr)
                return 1
            seconds = time.perf_counter() - start
            total += seconds
            print(f"{name:13}{seconds:6.1f} s", flush=True)
        print(f"{'all':13}{total:6.1f} s, of {limit:g} s that it may take")
        return int(total > limit)


def clone(source: str, course: Path) -> None:
    """Clone the repository."""
    subprocess.run(["git", "clone", "--quiet", source, course], check=True)


def make_environment(course: Path) -> None:
    """Make .venv with the pins of the course."""
    subprocess.run(["make", "--silent", "env"], cwd=course, check=True)


def draw(course: Path, python: Path) -> None:
    """Draw the sentence with the course that was cloned.

    Raises:
        ValueError: there is no picture afterwards.
    """
    picture = course / "mine.png"
    environment = os.environ | {"PYTHONPATH": str(course)}  # its own code, whatever else the environment has
    command = [str(python), "-m", "mmgen_course", "sample", SENTENCE, "--out", str(picture)]
    subprocess.run(command, cwd=course, env=environment, check=True)
    width, height = png_size(picture)
    if width < 100 or height < 100:
        raise ValueError(f"expected a picture of 100 pixels and more, got {width} x {height}")


def png_size(file: Path) -> tuple[int, int]:
    """Width and height, as they stand in a PNG file.

    Raises:
        ValueError: it is no PNG file.

    Example:
        >>> png_size(HERE / "data" / "scenes" / "0000.png")
        (64, 64)
    """
    start = file.read_bytes()[:24]
    if start[:8] != b"\x89PNG\r\n\x1a\n" or len(start) < 24:
        raise ValueError(f"{file} is no PNG file")
    width, height = struct.unpack(">II", start[16:24])
    return width, height


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=str(HERE), help="what git clones (default: this repository)")
    parser.add_argument("--python", type=Path, help="draw with this Python instead of making an environment")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that all steps may take (default: 300)")
    given = parser.parse_args()
    sys.exit(main(given.source, given.python, given.limit))
