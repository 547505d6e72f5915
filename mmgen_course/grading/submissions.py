"""Collects what a class handed in: a submission for each notebook of a folder, zip or tar, or why it is refused.

`alice.ipynb` is alice's; so is `alice/08_vae.ipynb` and `alice/08_vae/08_vae.ipynb`, as nbgrader collects. A folder
that all share, as `submitted/` or `hw8/`, is nobody's. Archives are read, not unpacked: no name in them becomes a path
of this machine. An archive within it, as a student packs one, is opened; what is no notebook is a row that says so.
"""

import io
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath

from mmgen_course.exercises import all_exercises
from mmgen_course.notebooks.read import MOST_BYTES, Refused, code_cells

SUFFIX = ".ipynb"
MOST_FILES = 50_000
MOST_FOLDERS = 20  # one within the other
MOST_NOTEBOOKS = 10  # of one student for one lesson
MOST_TOTAL = 4_000_000_000  # bytes of all notebooks of a class, unpacked
LONGEST_NAME = 200
# what the readers of archives raise on broken bytes
BROKEN: tuple[type[Exception], ...] = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error)
BROKEN += (EOFError, OSError, RuntimeError, ValueError, OverflowError, IndexError)
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
# what systems and programs leave in folders, and nobody hands in
LEFT = re.compile(
    r"(^|/)(__MACOSX|\.ipynb_checkpoints|\.git|\.Trash[^/]*|\$RECYCLE\.BIN)/"
    r"|(^|/)(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$",
    re.IGNORECASE,
)
COLLECTED = {"submitted", "submissions"}  # folders in which programs collect
LESSON = re.compile(r"\d\d[_ -]")  # how the name of a lesson's notebook begins: no student's
NO_NOTEBOOK = "not a notebook"


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


@dataclass(frozen=True)
class Member:
    """A file that was handed in: its path, with / between folders, and how its bytes are read, or why not."""

    name: str
    read: Callable[[], bytes]


def collect(source: Path) -> list[Submission]:
    """Every notebook in a folder or archive, and every other file that stands for one, by path.

    Raises:
        Refused: `source` is neither a folder nor an archive that can be read.
    """
    try:
        if source.is_dir():
            members = _in_folder(source)
        elif zipfile.is_zipfile(source):
            members = _in_zip(source.read_bytes())
        elif source.name.endswith(ARCHIVES) and tarfile.is_tarfile(source):
            members = _in_tar(source)
        else:
            raise Refused(f"{source} is no folder, zip or tar; expected one with a notebook per student")
        found = list(_submissions(members))
    except Refused:
        raise
    except BROKEN as error:
        raise Refused(f"{source} cannot be read: {error}") from None
    names = students(one.file for one in found)
    named = [replace(one, student=names[one.file]) for one in sorted(found, key=lambda one: one.file)]
    return list(_limited(_without_company(named)))


def _submissions(members: Iterable[Member], within: str = "") -> Iterator[Submission]:
    """A submission for each member, read in the order in which the members come; `student` is still empty."""
    count = total = 0
    for member in members:
        if LEFT.search(member.name):
            continue
        count += 1
        if count > MOST_FILES:
            raise Refused(f"more than {MOST_FILES:,} files")
        name, lower = within + member.name, member.name.lower()
        try:
            if lower.endswith(SUFFIX):
                if total > MOST_TOTAL:
                    raise Refused(f"what stands before it unpacks to {total:,} bytes; at most {MOST_TOTAL:,} are read")
                content = member.read()
                total += len(content)
                yield submission(name, content)
            elif not lower.endswith(ARCHIVES):
                yield Submission("", name, refused=_no_notebook(name))
            elif within:
                raise Refused("an archive in an archive in an archive: hand in the notebook itself")
            else:
                yield from _packed(name, member.read())
        except BROKEN as error:
            yield Submission("", name, refused=str(error) or type(error).__name__)


def _packed(name: str, content: bytes) -> list[Submission]:
    """What is in an archive that a student packed."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise Refused(f"{NO_NOTEBOOK}, and no zip: hand in the .ipynb itself")
    found = list(_submissions(_in_zip(content), within=f"{name}/"))
    notebooks = [one for one in found if not one.refused.startswith(NO_NOTEBOOK)]
    if not notebooks:
        raise Refused(f"{NO_NOTEBOOK}, and none in it: hand in the .ipynb itself")
    return notebooks


def _no_notebook(name: str) -> str:
    stem, found, _ = PurePosixPath(name).name.lower().partition(SUFFIX)
    if found:
        return f"{NO_NOTEBOOK} by its name: call it {readable(stem)}{SUFFIX} and hand it in again"
    return f"{NO_NOTEBOOK}: hand in the file that ends in {SUFFIX}"


def _without_company(found: list[Submission]) -> Iterator[Submission]:
    """All but the pictures, tables and notes that lie beside a notebook of the same student."""
    notebooks = [one for one in found if not one.refused.startswith(NO_NOTEBOOK)]
    owners = {one.student for one in notebooks}
    stems = [one.file for one in notebooks]
    for one in found:
        beside = one.refused == _no_notebook("") and (
            one.student in owners
            or any(stem.startswith(str(PurePosixPath(one.file).with_suffix(""))) for stem in stems)
        )
        if not beside:
            yield one


def _limited(found: Iterable[Submission]) -> Iterator[Submission]:
    """Of each student and lesson the first ten; one student's hundred would take the time of a class."""
    count: Counter[tuple[str, str]] = Counter()
    for one in found:
        if not one.refused:
            count[one.student, one.lesson] += 1
            if (number := count[one.student, one.lesson]) > MOST_NOTEBOOKS:
                reason = f"notebook {number} of {one.student} for {one.lesson}; at most {MOST_NOTEBOOKS} are graded"
                one = replace(one, cells=(), refused=reason)
        yield one


def _in_folder(folder: Path, within: str = "", depth: int = 0) -> Iterator[Member]:
    """The files of a folder and of those in it; links are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Member(within.rstrip("/"), _refusal(f"a folder that cannot be read: {error.strerror}"))
        return
    for entry in entries:
        name, path = f"{within}{entry.name}", folder / entry.name
        if entry.is_symlink() and path.is_dir():
            yield Member(f"{name}{SUFFIX}", _refusal("a link to a folder; nothing in it was read"))
        elif not entry.is_dir(follow_symlinks=False):
            yield Member(name, partial(_regular, path))
        elif depth == MOST_FOLDERS:
            yield Member(f"{name}{SUFFIX}", _refusal(f"more than {MOST_FOLDERS} folders, one within the other"))
        else:
            yield from _in_folder(path, f"{name}/", depth + 1)


def _refusal(reason: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise Refused(reason)

    return read


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


def _in_zip(content: bytes) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except BROKEN:  # one entry may be broken, and all the others whole
        archive = zipfile.ZipFile(io.BytesIO(_mended(content)))
    for entry in archive.infolist():
        if not entry.is_dir():
            yield Member(_posix(_name(entry)), partial(_unzipped, archive, entry))


def _unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    regular = stat.S_IFMT(entry.external_attr >> 16) in (0, stat.S_IFREG)
    _check_member(_posix(entry.filename), entry.file_size, regular)
    with archive.open(entry) as file:
        return file.read(MOST_BYTES + 1)


def _name(entry: zipfile.ZipInfo) -> str:
    """The name of a member: without a mark of its encoding it is the old one of DOS, or, of many programs, UTF-8."""
    if entry.flag_bits & 0x800:
        return entry.orig_filename
    try:
        return entry.orig_filename.encode("cp437").decode()
    except UnicodeError:
        return entry.orig_filename


def _mended(content: bytes) -> bytes:
    """A zip whose entries no longer claim what they do not hold: names in UTF-8, and sizes beyond 4 GB."""
    mended, at = bytearray(content), content.find(b"PK\1\2")
    while at >= 0 and len(content) - at >= 46:
        flags, name, extra, comment = (struct.unpack_from("<H", content, at + place)[0] for place in (8, 28, 30, 32))
        (local,) = struct.unpack_from("<I", content, at + 42)
        try:
            content[at + 46 : at + 46 + name].decode()
        except UnicodeDecodeError:
            struct.pack_into("<H", mended, at + 8, flags & ~0x800)
            if content[local : local + 4] == b"PK\3\4":
                struct.pack_into("<H", mended, local + 6, struct.unpack_from("<H", content, local + 6)[0] & ~0x800)
        field, end = at + 46 + name, at + 46 + name + extra
        while field + 4 <= end:
            kind, size = struct.unpack_from("<HH", content, field)
            if kind == 1:  # the sizes of zip64
                struct.pack_into("<H", mended, field, 0xFFFF)
            field += 4 + size
        at = content.find(b"PK\1\2", end + comment)
    return bytes(mended)


def _in_tar(source: Path) -> Iterator[Member]:
    # in its own order: to go back in what is packed means to unpack it again. Without `ignore_zeros` a broken header
    # would end it, and what stands behind would vanish
    with tarfile.open(source, ignore_zeros=True) as archive:
        try:
            for entry in archive:
                if not entry.isdir():
                    yield Member(_posix(entry.name), partial(_untarred, archive, entry))
        except BROKEN as error:
            yield Member(f"{source.name}, from here on{SUFFIX}", _refusal(f"cannot be read to its end: {error}"))


def _untarred(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    _check_member(_posix(entry.name), entry.size, entry.isreg())
    file = archive.extractfile(entry)
    content = file.read(MOST_BYTES + 1) if file else b""
    if len(content) < entry.size:
        raise Refused(f"cut off after {len(content):,} of {entry.size:,} bytes")
    return content


def _posix(name: str) -> str:
    """The path of a member as it is meant, whatever separates folders where it was packed."""
    return re.sub("^(?:\\./)+", "", name.replace("\\", "/"))


def _check_member(name: str, size: int, regular: bool) -> None:
    if not regular:
        raise Refused("a link or device in the archive, not a file")
    if name.startswith("/") or re.match("[A-Za-z]:/", name) or ".." in PurePosixPath(name).parts:
        raise Refused("its path leads out of the archive")
    if size > MOST_BYTES:
        raise Refused(f"it unpacks to {size:,} bytes; at most {MOST_BYTES:,}: clear the outputs and save again")


def submission(file: str, content: bytes) -> Submission:
    """A submission of a notebook's bytes, refused or not; whose it is, its company tells (`students`)."""
    digest = sha256(content).hexdigest()
    try:
        cells = code_cells(content)
        return Submission("", file, digest, lesson_of(cells), tuple(cells))
    except Refused as error:
        return Submission("", file, digest, refused=str(error))


def lesson_of(cells: list[str]) -> str:
    """The lesson most of whose exercises are defined in these cells.

    Raises:
        Refused: they define none.
    """
    lines = "\n".join("\n".join(cells).splitlines())
    defined = set(re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]*)?=(?!=)", lines, flags=re.MULTILINE))
    defined = {name for names in defined for name in names}
    lessons = [exercise.lesson for name, exercise in all_exercises().items() if name in defined]
    if not lessons:
        some = ", ".join(list(all_exercises())[:3])
        raise Refused(f"it defines no exercise of the course, such as {some}: is it the lesson's notebook?")
    return max(sorted(set(lessons)), key=lessons.count)


def students(files: Iterable[str]) -> dict[str, str]:
    """Whose each file is: the first folder of its path, or its name; a folder that all share is nobody's.

    Two paths that would be shown alike, since letters in them cannot be shown, or are too many, are two students.

    Example:
        >>> students(["hw8/alice.ipynb", "hw8/bob/08_vae.ipynb"])
        {'hw8/alice.ipynb': 'alice', 'hw8/bob/08_vae.ipynb': 'bob'}
    """
    parts = {file: [part for part in PurePosixPath(file).parts if part not in ("/", "..", ".")] for file in files}
    while _share_a_folder(list(parts.values())):
        parts = {file: path[1:] for file, path in parts.items()}
    whose = {file: _stem(path[0]) if path else "" for file, path in parts.items()}
    shown = {name: readable(name)[:LONGEST_NAME] or "(no name)" for name in whose.values()}
    alike = Counter(shown.values())
    marks = {name: f" ({sha256(name.encode(errors='surrogatepass')).hexdigest()[:8]})" for name in shown}
    return {file: shown[name] + marks[name] * (alike[shown[name]] > 1) for file, name in whose.items()}


def _share_a_folder(paths: list[list[str]]) -> bool:
    """Whether all lie in one folder that is no student's."""
    if not paths or any(len(path) < 2 for path in paths) or len({path[0] for path in paths}) > 1:
        return False
    if paths[0][0].lower() in COLLECTED:
        return True
    return len(paths) > 1 and not all(LESSON.match(path[1]) for path in paths)


def _stem(name: str) -> str:
    """A name without the suffix of a notebook, and what may stand behind it, or of an archive."""
    if (at := name.lower().rfind(SUFFIX)) >= 0:
        return name[:at]
    return next((name[: -len(suffix)] for suffix in ARCHIVES if name.lower().endswith(suffix)), name)


def readable(text: str) -> str:
    """A text without what a terminal or a page would obey: control characters, halves of characters, turned directions.

    Example:
        >>> readable("a\\x1b[31mb\\ud800\\u202ec")
        'a?[31mb??c'
    """
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "?" for c in text)
