"""A text file of word vectors goes in, as GloVe, word2vec and fastText write it; words and a matrix come out, and back.

Derived in lesson 04_glove_features. Blocks of lines go through polars; `_parse_line` says what a line means, and every
line that is not plain goes through it.
"""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl
import torch

from mmgen_course.data.atomic import replacing
from mmgen_course.data.errors import EmptyFile, MissingFile
from mmgen_course.features.vectors import CutFile, NotANumber, NotFinite, NotUtf8, WordVectors, WrongDimension

BLOCK = 8 * 2**20  # bytes read at once: larger ones take more memory, smaller ones more time
BOM = b"\xef\xbb\xbf"
NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
NO_WORD = ""  # stands for a word that is not UTF-8


class Layout(NamedTuple):
    """What the first two lines tell: numbers a word, bytes to skip, the number of words a header promises or None."""

    dim: int
    skip: int
    promised: int | None


def read_vectors(path: str | Path) -> WordVectors:
    """Read a text file of word vectors: on each line a word, a space, and the same number d of decimal numbers.

    UTF-8. Lines end in LF or CR LF, maybe with one space before it; a byte order mark and the header of word2vec
    (words, numbers) are skipped. A line is read from the right, so that a word may have spaces, as in glove.840B,
    but not end in a space and a number: that is a line with too many numbers. Any other character is part of a
    word. Of a repeated word the first line counts; `duplicates` has the number of the others. A word that
    is not UTF-8, as a few in glove.6B, is left out and counted in `not_utf8`. A number becomes
    the nearest double, then the nearest float32.

    Memory: the matrix, the words, and a few times `BLOCK`.

    Raises:
        MissingFile: there is no such file.
        EmptyFile: it has no words.
        WrongDimension, NotANumber, NotFinite, NotUtf8, CutFile: the first bad line; all are a `BadLine`. A file
            that does not end in LF counts as cut: its last number may have lost digits.

    Source: the format is that of `glove.c`, https://github.com/stanfordnlp/GloVe

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "glove.txt").write_bytes(b"red 1 0.5\\n. . 2 -1e-3\\n")
        ...     vectors = read_vectors(Path(folder, "glove.txt"))
        >>> vectors.words, vectors["red"].tolist()
        (['red', '. .'], [1.0, 0.5])
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(path, "a text file of word vectors", "no such file", "Check the name, or download it.")
    with path.open("rb") as stream:
        n_lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK), b""))
        dim, skip, promised = _layout(path, stream, n_lines)
        n_words = n_lines - (promised is not None)
        if promised not in (None, n_words):
            came = f"{n_words} complete lines after it"
            raise CutFile(path, n_lines, f"{promised} words, as the header says", came, "Get the file again.")
        stream.seek(skip)
        matrix = torch.empty(n_words, dim)
        filled, line = matrix.numpy(), n_lines - n_words + 1
        first_line: dict[str, int] = {}  # of each word
        not_utf8: list[int] = []
        for block in _blocks(path, stream, n_lines):
            words, rows = _parse_block(path, block, line, dim)
            # setdefault returns the line of an earlier one if there is one
            not_utf8 += [line + i for i, word in enumerate(words) if word == NO_WORD]
            new = [i for i, word in enumerate(words) if word and first_line.setdefault(word, line + i) == line + i]
            at = len(first_line) - len(new)
            filled[at : at + len(new)] = rows if len(new) == len(rows) else rows[new]
            line += len(words)
    if 100 * len(not_utf8) > n_words:
        came = f"{len(not_utf8)} of {n_words} that are not, the first here"
        raise NotUtf8(path, not_utf8[0], "words in UTF-8", came, "Give the unpacked text file, in UTF-8.")
    duplicates = n_words - len(first_line) - len(not_utf8)
    return WordVectors(list(first_line), matrix[: len(first_line)], duplicates, len(not_utf8))


def _layout(path: Path, stream: BinaryIO, n_lines: int) -> Layout:
    """Look at the first two lines of a file that has n_lines complete ones."""
    stream.seek(0)
    first, second = stream.readline(), stream.readline()
    mark = len(BOM) if first.startswith(BOM) else 0
    head = _stripped(first[mark:])
    if not head and not second:
        raise EmptyFile(path, "a word and its numbers on each line", "an empty file", "Get the file again.")
    # a header is two whole numbers; if all words had one number, so might a line of the file be
    if re.fullmatch(rb"[0-9]+ [0-9]+", head):
        promised, dim = map(int, head.split(b" "))
        if _stripped(second).count(b" ") != 1 or (promised, dim) == (n_lines - 1, 1):
            if not promised or not dim or not second:
                raise EmptyFile(path, "words after the header", f"{head.decode()!r} only", "Get the file again.")
            return Layout(dim, len(first), promised)
    dim = _numbers_at_end(head.split(b" ")[1:])
    if not dim:
        raise WrongDimension(path, 1, "a word, a space and numbers", _shown(head))
    return Layout(dim, mark, None)


def _blocks(path: Path, stream: BinaryIO, n_lines: int) -> Iterator[bytes]:
    """The rest of the file in blocks of whole lines, each of which ends in LF alone."""
    while block := stream.read(BLOCK):
        block += stream.readline()
        if not block.endswith(b"\n"):
            lost = block[block.rfind(b"\n") + 1 :]
            remedy = "Get the file again; if it is complete, add a newline at its end."
            raise CutFile(path, n_lines + 1, "a newline at the end of the last line", _shown(lost[-40:]), remedy)
        yield block.replace(b"\r\n", b"\n") if b"\r" in block else block


def _stripped(line: bytes) -> bytes:
    """A line without its end: LF or CR LF, and one space before it."""
    return line.removesuffix(b"\n").removesuffix(b"\r").removesuffix(b" ")


def _parse_block(path: Path, block: bytes, line: int, dim: int) -> tuple[list[str], np.ndarray]:
    """The words and the numbers (N, dim) of N lines, of which the first has the number `line`."""
    if table := _parse_plain(block, block.count(b"\n"), dim):
        return table
    lines = [text.removesuffix(b" ") for text in block[:-1].split(b"\n")]
    odd = re.compile(rb"[\t\r]|\A" + BOM)
    plain = [i for i, text in enumerate(lines) if text.count(b" ") == dim and not odd.search(text) and _is_utf8(text)]
    table = _parse_plain(b"".join(lines[i] + b"\n" for i in plain), len(plain), dim)
    if table is None:  # a fault is in one of the plain lines: find it
        plain, table = [], ([], np.empty((0, dim), np.float32))
    words, rows = [""] * len(lines), np.empty((len(lines), dim), np.float32)
    rows[plain] = table[1]
    for i, word in zip(plain, table[0], strict=True):
        words[i] = word
    for i in sorted(set(range(len(lines))) - set(plain)):
        words[i], rows[i] = _parse_line(path, line + i, lines[i], dim)
    return words, rows


def _parse_plain(block: bytes, n: int, dim: int) -> tuple[list[str], np.ndarray] | None:
    """The same by polars, if all n lines have exactly dim spaces and no fault; otherwise None."""
    # polars takes off a tab before a number, a CR after a field, and a mark before the first
    if b"\t" in block or b"\r" in block or block.startswith(BOM):
        return None
    schema = {"word": pl.String(), **{str(i): pl.Float64() for i in range(dim)}}
    try:
        table = pl.read_csv(block, separator=" ", has_header=False, quote_char=None, schema=schema)
    except pl.exceptions.PolarsError:
        return None
    # a line with too few fields has nulls
    if len(table) != n or any(column.null_count() for column in table):
        return None
    with np.errstate(over="ignore"):
        rows = table.drop("word").to_numpy(order="fortran").astype(np.float32)
    return (table["word"].to_list(), rows) if np.isfinite(rows).all() else None


def _parse_line(path: Path, line: int, text: bytes, dim: int) -> tuple[str, np.ndarray]:
    """The word and the numbers (dim,) of one line without its end; the meaning of the format.

    Raises:
        WrongDimension, NotANumber, NotFinite: see `read_vectors`.
    """
    word, *fields = text.rsplit(b" ", dim)
    too_many = b" " in word and NUMBER.fullmatch(word.rsplit(b" ", 1)[-1])
    if len(fields) < dim or not word or too_many:
        n = _numbers_at_end(text.split(b" ")[1:])
        raise WrongDimension(path, line, f"a word and {dim} numbers", f"{n} numbers in {_shown(text)}")
    for field in fields:
        if not NUMBER.fullmatch(field):
            kind = NotFinite if NOT_FINITE.fullmatch(field) else NotANumber
            raise kind(path, line, f"a word and {dim} finite decimal numbers", _shown(field))
    with np.errstate(over="ignore"):
        row = np.array([float(field) for field in fields]).astype(np.float32)
    if not np.isfinite(row).all():
        came = _shown(fields[int(np.argmin(np.isfinite(row)))])
        raise NotFinite(path, line, f"numbers up to {np.finfo(np.float32).max:.3g}, as float32 holds them", came)
    return (word.decode() if _is_utf8(word) else NO_WORD), row


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _numbers_at_end(fields: list[bytes]) -> int:
    """How many of the last fields are numbers, NaN and infinity among them."""
    numbers = (bool(NUMBER.fullmatch(field) or NOT_FINITE.fullmatch(field)) for field in reversed(fields))
    return sum(1 for _ in takewhile(bool, numbers))


def _shown(text: bytes) -> str:
    """A piece of a line for a message, shortened."""
    return repr(text[:60].decode(errors="backslashreplace")) + (
        f" and {len(text) - 60} more bytes" if text[60:] else ""
    )


def write_vectors(path: str | Path, vectors: WordVectors) -> None:
    """Write GloVe's own text format: word, space, numbers of 6 significant digits, LF; the order is kept.

    The file appears under its name when it is complete. `glove.c` prints 6 digits after the point; 6 significant
    ones keep small numbers too.

    Raises:
        ValueError: `read_vectors` could not read it back: a number is not finite, there are no words, or a word
            with a space ends in a number, for example.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_vectors(Path(folder, "glove.txt"), WordVectors(["red"], torch.tensor([[1 / 3, -1e-9]])))
        ...     Path(folder, "glove.txt").read_text()
        'red 0.333333 -1e-09\\n'
    """
    path = Path(path)
    with replacing(path) as partial:
        with partial.open("wb") as stream:
            for word, row in zip(vectors.words, vectors.matrix, strict=True):
                stream.write(" ".join([word, *(f"{number:.6g}" for number in row.tolist())]).encode() + b"\n")
        if read_vectors(partial).words != vectors.words:
            raise ValueError(f"{path} would read back with other words; are there odd characters in the first word?")
