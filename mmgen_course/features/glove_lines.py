"""One line of a text file of word vectors goes in; its word and its numbers come out, or what is wrong with it.

This is the meaning of the format, as `glove.c` writes it and as other tools have changed it. `glove_text` reads whole
files, the plain lines of them faster, but to the same effect.
"""

import re
from itertools import takewhile
from pathlib import Path

import numpy as np

from mmgen_course.features.vectors import NotANumber, NotFinite, WrongDimension

NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(rb"[+-]?(nan|inf|infinity)", re.IGNORECASE)
NO_WORD = ""  # stands for a word that is not UTF-8


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
