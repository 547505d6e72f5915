"""Collects what a class handed in: a submission for each notebook of a folder, zip or tar, or why it is refused.

`alice.ipynb` is alice's; so is `alice/08_vae.ipynb` and `alice/08_vae/08_vae.ipynb`, as nbgrader collects. Archives are
read, not unpacked: no name in them becomes a path of this machine.
"""

import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from mmgen_course.exercises import all_exercises
from mmgen_course.notebooks.read import MOST_BYTES, Refused, code_cells

SUFFIX = ".ipynb"
MOST_FILES = 50_000
MOST_RATIO = 200  # of a member of an archive: its size to the bytes that it takes there
LONGEST_NAME = 200
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one lesson.

    Attributes:
        student: from the path.
        file: where it stood in the folder or archive.
        sha256: of its bytes; empty if they were not read.
        lesson: NN_name, found by the exercises' functions; empty if refused.
        cells: the source of its code cells.
        refused: why it is not graded; empty if it is.
    """

    student: str
    file: str
    sha256: str = ""
    lesson: str = ""
    cells: tuple[str, ...] = ()
    refused: str = ""


def collect(source: Path) -> Iterator[Submission]:
    """Every notebook in a folder or archive, one at a time, in the order of the paths.

    Raises:
        Refused: `source` is neither a folder nor an archive that can be read.
    """
    if source.is_dir():
        yield from _in_folder(source)
        return
    try:
        if zipfile.is_zipfile(source):
            yield from _in_zip(source)
        elif source.name.endswith(ARCHIVES) and tarfile.is_tarfile(source):
            yield from _in_tar(source)
        else:
            raise Refused(f"{source} is no folder, zip or tar; expected one with a notebook per student")
    except BROKEN as error:
        raise Refused(f"{source} cannot be read to its end: {error}") from None


def _in_folder(folder: Path) -> Iterator[Submission]:
    unread: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unread.append):  # does not follow links to folders
        folders[:] = sorted(name for name in folders if name != ".ipynb_checkpoints")
        for path in (Path(root, name) for name in folders):
            if path.is_symlink():
                file = path.relative_to(folder).as_posix()
                yield Submission(_student(file), file, refused="a link to a folder; nothing in it was read")
        for name in sorted(names):
            path = Path(root, name)
            if name.lower().endswith(SUFFIX):
                file = path.relative_to(folder).as_posix()
                try:
                    yield submission(file, _regular(path))
                except Refused as error:
                    yield Submission(_student(file), file, refused=str(error))
    for failure in unread:
        file = Path(failure.filename).relative_to(folder).as_posix()
        yield Submission(_student(file), file, refused=f"a folder that cannot be read: {failure.strerror}")


def _regular(path: Path) -> bytes:
    """The bytes of a regular file; a link, a pipe or a device is not opened."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise Refused("a link, pipe or device, not a file")
        if found.st_size > MOST_BYTES:
            raise Refused(f"{found.st_size:,} bytes; at most {MOST_BYTES:,}: clear the outputs and save again")
        with os.fdopen(os.open(path, flags), "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None


def _in_zip(source: Path) -> Iterator[Submission]:
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        _count(len(members))
        for member in sorted(members, key=lambda member: member.filename):
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir() or not member.filename.lower().endswith(SUFFIX):
                continue
            try:
                _check_member(member.filename, member.file_size, member.compress_size, kind in (0, stat.S_IFREG))
                with archive.open(member) as file:
                    yield submission(member.filename, file.read(MOST_BYTES + 1))
            except (Refused, *BROKEN) as error:
                yield Submission(_student(member.filename), member.filename, refused=str(error))


def _in_tar(source: Path) -> Iterator[Submission]:
    with tarfile.open(source) as archive:
        members = []
        for member in archive:
            members.append(member)
            _count(len(members))
        for member in sorted(members, key=lambda member: member.name):
            if member.isdir() or not member.name.lower().endswith(SUFFIX):
                continue
            try:
                _check_member(member.name, member.size, member.size, member.isreg())
                file = archive.extractfile(member)
                yield submission(member.name, file.read(MOST_BYTES + 1) if file else b"")
            except (Refused, *BROKEN) as error:
                yield Submission(_student(member.name), member.name, refused=str(error))


def _count(number: int) -> None:
    if number > MOST_FILES:
        raise Refused(f"more than {MOST_FILES:,} files in one archive")


def _check_member(name: str, size: int, packed: int, regular: bool) -> None:
    if not regular:
        raise Refused("a link or device in the archive, not a file")
    if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
        raise Refused("its path leads out of the archive")
    if size > MOST_BYTES or size > MOST_RATIO * max(packed, 1):
        raise Refused(f"it unpacks to {size:,} bytes from {packed:,}; at most {MOST_BYTES:,}, and {MOST_RATIO} times")


def submission(file: str, content: bytes) -> Submission:
    """A submission of a notebook's bytes, refused or not."""
    digest = sha256(content).hexdigest()
    try:
        cells = code_cells(content)
        return Submission(_student(file), file, digest, lesson_of(cells), tuple(cells))
    except Refused as error:
        return Submission(_student(file), file, digest, refused=str(error))


def lesson_of(cells: list[str]) -> str:
    """The lesson most of whose exercises are defined in these cells.

    Raises:
        Refused: they define none.
    """
    defined = set(re.findall(r"^(?:def|class)\s+(\w+)", "\n".join(cells), flags=re.MULTILINE))
    lessons = [exercise.lesson for name, exercise in all_exercises().items() if name in defined]
    if not lessons:
        some = ", ".join(list(all_exercises())[:3])
        raise Refused(f"it defines no exercise of the course, such as {some}: is it the lesson's notebook?")
    return max(sorted(set(lessons)), key=lessons.count)


def _student(file: str) -> str:
    """Whose file this is: the first folder of its path, or its name."""
    parts = [part for part in PurePosixPath(file).parts if part not in ("/", "..", ".")]
    name = parts[0] if len(parts) > 1 else PurePosixPath(file).name
    name = name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name
    return readable(name)[:LONGEST_NAME] or "(no name)"


def readable(text: str) -> str:
    """A text without what a terminal or a page would obey: control characters, halves of characters, turned directions.

    Example:
        >>> readable("a\\x1b[31mb\\ud800\\u202ec")
        'a?[31mb??c'
    """
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "?" for c in text)
