"""Reads images with captions: in goes a folder, out comes a list of `Sample`s, or a list of what is wrong.

Lesson 00 reads the set that ships with the course this way; a learner's own folder works the same.
"""

import csv
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from PIL import Image

from mmgen_course.data.errors import (
    BadTable,
    CaptionWithoutImage,
    DuplicateId,
    ImageWithoutCaption,
    UnsafeFileName,
)
from mmgen_course.data.images import read_image

TABLE = "captions.csv"
COLUMNS = ("id", "file", "caption")
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Sample:
    """An image, mode "RGB" with 8 bits a channel, with the caption that is true of it.

    Example:
        >>> Sample("0", Image.new("RGB", (8, 8), "red"), "a red square").caption
        'a red square'
    """

    id: str
    image: Image.Image
    caption: str


def read_pairs(folder: str | Path) -> list[Sample]:
    """Read a folder of images and its captions.csv: the columns id, file and caption, others are ignored.

    An image may have several captions, each in a row of its own.

    Returns:
        One sample a row, in the order of the table.

    Raises:
        BadTable: no table, not UTF-8, a column missing, or a row with an empty field or too many.
        UnsafeFileName, DuplicateId, CaptionWithoutImage, ImageWithoutCaption: with the count and list of all.
        DataError: an image cannot be read; see `read_image`.

    Example:
        >>> from mmgen_course.data import ROOT
        >>> samples = read_pairs(ROOT / "scenes")
        >>> samples[0].id, samples[0].image.size
        ('0000', (64, 64))
    """
    folder = Path(folder)
    table = folder / TABLE
    rows = _read_table(table)
    # some systems store é as one character, some as two: names are compared in one form
    files = {_one_form(path.name): path for path in folder.iterdir()}
    images = {name for name, path in files.items() if path.suffix.lower() in IMAGE_SUFFIXES}
    named = [_one_form(file) for _, file, _ in rows]

    if unsafe := [file for _, file, _ in rows if _leads_out(file)]:
        remedy = "Put the images beside the table and name them without their folder."
        raise UnsafeFileName(table, "plain file names", "that lead elsewhere", unsafe, remedy)
    if repeated := [id_ for id_, count in Counter(id_ for id_, _, _ in rows).items() if count > 1]:
        raise DuplicateId(table, "each id once", "repeated", repeated, "Give every row an id of its own.")
    if missing := list(dict.fromkeys(file for file in named if file not in files)):
        remedy = "Add the files (upper and lower case count), or delete their rows."
        raise CaptionWithoutImage(table, "every file named", "not in the folder", missing, remedy)
    if extra := sorted(images - set(named)):
        remedy = f"Add rows to {TABLE}, or move the images out of the folder."
        raise ImageWithoutCaption(folder, "every image captioned", "without a caption", extra, remedy)
    return [Sample(id_, read_image(files[file]), caption) for (id_, _, caption), file in zip(rows, named, strict=True)]


def _read_table(table: Path) -> list[tuple[str, str, str]]:
    """The rows of captions.csv as (id, file, caption)."""
    try:
        # -sig: spreadsheets begin a file with a byte order mark
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            columns = reader.fieldnames or ()
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError as error:
        remedy = f"Write one with the columns {', '.join(COLUMNS)}."
        raise BadTable(table, "a table of captions", "no such file", remedy) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTable(table, "comma-separated UTF-8 text", str(error), "Save it as UTF-8 CSV.") from error
    if absent := [column for column in COLUMNS if column not in columns]:
        got = f"none called {', '.join(absent)}"
        raise BadTable(table, f"the columns {', '.join(COLUMNS)}", got, "Write the names on its first line.")
    for number, row in rows:
        if None in row:  # where csv puts what has no column
            remedy = 'Put a caption that has commas in "quotes".'
            raise BadTable(table, f"{len(row) - 1} fields", f"more on line {number}", remedy)
        if empty := [column for column in COLUMNS if not (row[column] or "").strip()]:
            got = f"an empty {' and '.join(empty)} on line {number}"
            raise BadTable(table, "every field filled", got, "Fill it, or delete the line.")
    return [(row["id"], row["file"], row["caption"]) for _, row in rows]


def _one_form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _leads_out(file: str) -> bool:
    # Windows' rules are the stricter ones: both slashes and drive letters
    return file in (".", "..") or PureWindowsPath(file).name != file
