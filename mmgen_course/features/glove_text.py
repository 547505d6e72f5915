"""Text files of word vectors, as GloVe, word2vec and fastText write them: read and written.

Derived in lesson 04_glove_features. Blocks of lines go through polars, some at a time; a line that is not plain goes
through `parse_line`, which is the meaning of the format, as `glove.c` writes it and as other tools have changed it.
"""

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor

from mmgen_course.data.atomic import replacing
from mmgen_course.data.errors import EmptyFile, MissingFile
from mmgen_course.features.vectors import BadLine, CutFile, NotANumber, NotFinite, NotUtf8, WordVectors, WrongDimension

BLOCK = 4 * 2**20  # bytes read at once: larger ones take more memory, smaller ones more time
AHEAD = 4  # blocks that other threads parse, while one more is put into the matrix
BOM = b"\xef\xbb\xbf"
NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
NO_WORD = ""  # stands for a word that is not UTF-8

Block = tuple[list[str], np.ndarray]  # the words of N lines and their numbers (N, dim)


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

    Memory: the matrix, the words, and a few times `BLOCK`; for a moment twice the matrix, if the first lines are
    much longer than the others.

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
        dim, skip, promised = _layout(path, stream)
        matrix = torch.empty(_rows_expected(path, stream), dim)
        words: list[str] = []
        first = 1 if promised is None else 2  # the number of the first line with a word
        stream.seek(skip)
        try:
            for new, rows in _parsed(path, stream, dim):
                at, end = len(words), len(words) + len(new)
                if end > len(matrix):
                    matrix = torch.cat([matrix[:at], torch.empty(end // 4 + len(new), dim)])
                matrix.numpy()[at:end] = rows
                words += new
        except BadLine as fault:  # its line is counted in its block
            raise type(fault)(path, first - 1 + len(words) + fault.line, *fault.args[2:]) from None
    if promised not in (None, len(words)):
        got = f"{len(words)} complete lines after it"
        remedy = "Get the file again."
        raise CutFile(path, first + len(words) - 1, f"{promised} words, as the header says", got, remedy)
    return _without_repeats(path, words, matrix, first)


def _without_repeats(path: Path, words: list[str], matrix: Tensor, first: int) -> WordVectors:
    """Of each word the first, and none that is not UTF-8; the first word stood on the line `first`."""
    known = dict.fromkeys(words)
    not_utf8 = words.count(NO_WORD) if NO_WORD in known else 0
    if 100 * not_utf8 > len(words):
        got = f"{not_utf8} of {len(words)} that are not, the first here"
        line = first + words.index(NO_WORD)
        raise NotUtf8(path, line, "words in UTF-8", got, "Give the unpacked text file, in UTF-8.")
    known.pop(NO_WORD, None)
    if len(known) < len(words):
        at = dict(zip(reversed(words), range(len(words) - 1, -1, -1), strict=True))  # the first place of each
        for to, word in enumerate(known):  # never below `at`, so that no row is lost
            matrix[to] = matrix[at[word]]
    return WordVectors(list(known), matrix[: len(known)], len(words) - len(known) - not_utf8, not_utf8)


def _rows_expected(path: Path, stream: BinaryIO) -> int:
    """How many lines the file has, guessed from its beginning, and a quarter more; rows never filled take no memory."""
    stream.seek(0)
    beginning = stream.read(2**16)
    return 5 * (beginning.count(b"\n") + 1) * path.stat().st_size // (4 * len(beginning))


def _layout(path: Path, stream: BinaryIO) -> Layout:
    """Look at the first two lines of a file."""
    first, second = stream.readline(), stream.readline()
    mark = len(BOM) if first.startswith(BOM) else 0
    head = stripped(first[mark:])
    if not head and not second:
        raise EmptyFile(path, "a word and its numbers on each line", "an empty file", "Get the file again.")
    # a header is two whole numbers; if all words had one number, so might a line of the file be
    if re.fullmatch(rb"[0-9]+ [0-9]+", head):
        promised, dim = map(int, head.split(b" "))
        if stripped(second).count(b" ") != 1 or (promised, dim) == (1 + _count_lines(stream), 1):
            if not promised or not dim or not second:
                raise EmptyFile(path, "words after the header", f"{head.decode()!r} only", "Get the file again.")
            if len(second) < 2 * dim:  # or a wrong header would ask for any amount of memory
                raise WrongDimension(path, 2, f"a word and {dim} numbers, as the header says", shown(second))
            return Layout(dim, len(first), promised)
    if b"\t" in head:
        raise WrongDimension(path, 1, "a word and numbers with spaces between them", f"a tab in {shown(head)}")
    dim = numbers_at_end(head.split(b" ")[1:])
    if not dim:
        raise WrongDimension(path, 1, "a word, a space and numbers", shown(head))
    return Layout(dim, mark, None)


def _count_lines(stream: BinaryIO) -> int:
    """The number of complete lines from here on."""
    return sum(block.count(b"\n") for block in iter(lambda: stream.read(BLOCK), b""))


def _parsed(path: Path, stream: BinaryIO, dim: int) -> Iterator[Block]:
    """Each block of whole lines, from here on and in this order."""
    waiting: deque[Future[Block]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        while block := _block(stream):
            waiting.append(pool.submit(_parse_block, path, block, dim))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _block(stream: BinaryIO) -> bytes:
    """The next BLOCK bytes, and the rest of a line that begins in them."""
    start = stream.tell()
    stream.seek(start + BLOCK)
    rest = len(stream.readline())
    stream.seek(start)
    return stream.read(BLOCK + rest)


def _parse_block(path: Path, block: bytes, dim: int) -> Block:
    """The words and numbers of a block of lines; a fault has the number of its line in the block, from 1."""
    if not block.endswith(b"\n"):
        end = block.rfind(b"\n") + 1
        if end:
            _parse_block(path, block[:end], dim)  # an earlier fault comes first
        remedy = "Get the file again; if it is complete, add a newline at its end."
        got = shown(block[max(end, len(block) - 40) :])
        raise CutFile(path, block.count(b"\n") + 1, "a newline at the end of the last line", got, remedy)
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if table := _parse_plain(block, dim):
        return table
    lines = [text.removesuffix(b" ") for text in block[:-1].split(b"\n")]
    odd = re.compile(rb"[\t\r]|\A" + BOM)
    plain = [i for i, text in enumerate(lines) if text.count(b" ") == dim and not odd.search(text) and is_utf8(text)]
    table = _parse_plain(b"".join(lines[i] + b"\n" for i in plain), dim)
    if table is None:  # a fault is in one of the plain lines: find it
        plain, table = [], ([], np.empty((0, dim)))
    words, rows = [""] * len(lines), np.empty((len(lines), dim))
    rows[plain] = table[1]
    for i, word in zip(plain, table[0], strict=True):
        words[i] = word
    for i in sorted(set(range(len(lines))) - set(plain)):
        words[i], rows[i] = parse_line(path, i + 1, lines[i], dim)
    return words, rows


def _parse_plain(block: bytes, dim: int) -> Block | None:
    """The same by polars, if all lines have exactly dim spaces and no fault; otherwise None."""
    # polars takes off a tab before a number, a CR after a field, and a mark before the first
    if not block or b"\t" in block or b"\r" in block or block.startswith(BOM):
        return None
    schema = {"word": pl.String(), **{str(i): pl.Float64() for i in range(dim)}}
    try:
        table = pl.read_csv(block, separator=" ", has_header=False, quote_char=None, schema=schema)
    except pl.exceptions.PolarsError:
        return None
    # a line with too few fields has nulls, and so has an empty line
    if any(column.null_count() for column in table):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        rows = table.drop("word").to_numpy(order="fortran").astype(np.float32, order="C")
        total = rows.sum()  # NaN or infinite if one of the numbers is
    return (table["word"].to_list(), rows) if np.isfinite(total) else None


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


def stripped(line: bytes) -> bytes:
    """A line without its end: LF or CR LF, and one space before it.

    Example:
        >>> stripped(b"red 1 2 \\r\\n")
        b'red 1 2'
    """
    return line.removesuffix(b"\n").removesuffix(b"\r").removesuffix(b" ")


def parse_line(path: Path, line: int, text: bytes, dim: int) -> tuple[str, np.ndarray]:
    """The word and the numbers (dim,), float32, of a line without its end; the line's number is for messages.

    A line is read from the right, so that a word may have spaces. A word that is not UTF-8 becomes `NO_WORD`.

    Raises:
        WrongDimension: fewer or more numbers than dim, or no word.
        NotANumber, NotFinite: one of them is no finite decimal number of float32.

    Example:
        >>> parse_line(Path("glove.txt"), 1, b"at name@domain.com 1 -2.5", dim=2)
        ('at name@domain.com', array([ 1. , -2.5], dtype=float32))
    """
    word, *fields = text.rsplit(b" ", dim)
    too_many = b" " in word and NUMBER.fullmatch(word.rsplit(b" ", 1)[-1])
    if len(fields) < dim or not word or too_many:
        n = numbers_at_end(text.split(b" ")[1:])
        raise WrongDimension(path, line, f"a word and {dim} numbers", f"{n} numbers in {shown(text)}")
    for field in fields:
        if not NUMBER.fullmatch(field):
            kind = NotFinite if NOT_FINITE.fullmatch(field) else NotANumber
            raise kind(path, line, f"a word and {dim} finite decimal numbers", shown(field))
    with np.errstate(over="ignore"):
        row = np.array([float(field) for field in fields]).astype(np.float32)
    if not np.isfinite(row).all():
        got = shown(fields[int(np.argmin(np.isfinite(row)))])
        raise NotFinite(path, line, f"numbers up to {np.finfo(np.float32).max:.3g}, as float32 holds them", got)
    return (word.decode() if is_utf8(word) else NO_WORD), row


def is_utf8(text: bytes) -> bool:
    """Whether the bytes are UTF-8.

    Example:
        >>> is_utf8(b"\\xc3\\xa9"), is_utf8(b"\\xe9")
        (True, False)
    """
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def numbers_at_end(fields: list[bytes]) -> int:
    """How many of the last fields are numbers, NaN and infinity among them.

    Example:
        >>> numbers_at_end([b"1", b"red", b"2.5", b"nan"])
        2
    """
    numbers = (bool(NUMBER.fullmatch(field) or NOT_FINITE.fullmatch(field)) for field in reversed(fields))
    return sum(1 for _ in takewhile(bool, numbers))


def shown(text: bytes) -> str:
    """A piece of a line for a message, shortened.

    Example:
        >>> print(shown(b"red \\xff"))
        'red \\\\xff'
    """
    return repr(text[:60].decode(errors="backslashreplace")) + (
        f" and {len(text) - 60} more bytes" if text[60:] else ""
    )
