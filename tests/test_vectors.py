"""Word vectors by word, and their files: against a line-by-line reader, torchtext, and files as bad as they come."""

import hashlib
import math
import os
import pickle
import re
import stat
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torchtext.vocab import Vectors

from mmgen_course.data.errors import DataError, EmptyFile, MissingFile, WrongHash
from mmgen_course.features import glove_text
from mmgen_course.features.glove_text import read_vectors, write_vectors
from mmgen_course.features.vectors import (
    BadLine,
    CutFile,
    DamagedVectors,
    NotANumber,
    NotFinite,
    NotUtf8,
    WordVectors,
    WrongDimension,
    open_vectors,
)

REAL = Path(__file__).parents[2] / "shared" / "data" / "glove.6B.50d.head2445.txt"
DIM = 3


def written(folder: Path, content: bytes) -> Path:
    path = folder / "vectors.txt"
    path.write_bytes(content)
    return path


def random_vectors(words: list[str], dim: int, seed: int = 0) -> WordVectors:
    return WordVectors(words, torch.randn(len(words), dim, generator=torch.Generator().manual_seed(seed)))


# ---- the reader against a slow one that shares no code with it


def slow_read(content: bytes, dim: int) -> tuple[list[str], list[list[float]], int]:
    """Line by line; ValueError with the number of the first bad line."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    words: list[str] = []
    rows: list[list[float]] = []
    duplicates, not_utf8 = 0, []
    for n, line in enumerate(lines[:-1], 1):
        text = line[:-1] if line[-1:] == b"\r" else line
        fields = (text[:-1] if text[-1:] == b" " else text).split(b" ")
        word = b" ".join(fields[:-dim])
        pieces = word.split(b" ")
        numbers = [slow_number(field) for field in fields[-dim:]]
        if len(fields) <= dim or not word or None in numbers:
            raise ValueError(n)
        if len(pieces) > 1 and re.match(rb"^[+-]?(\d+|\d+\.\d*|\.\d+)([eE][+-]?\d+)?\Z", pieces[-1]):
            raise ValueError(n)
        try:
            spelled = word.decode("utf-8")
        except UnicodeDecodeError:
            not_utf8.append(n)
            continue
        if spelled in words:
            duplicates += 1
        else:
            words.append(spelled)
            rows.append([number for number in numbers if number is not None])
    if lines[-1]:
        raise ValueError(len(lines))
    if len(not_utf8) > 0.01 * (len(lines) - 1):
        raise ValueError(not_utf8[0])
    return words, rows, duplicates


def slow_number(field: bytes) -> float | None:
    if not field or set(field) - set(b"0123456789+-.eE"):
        return None
    try:
        number = float(field)
    except ValueError:
        return None
    with np.errstate(over="ignore"):
        number = float(np.float32(number))
    return number if math.isfinite(number) else None


NASTY = [
    *("\u00a0", "\u2028", "\x85", '"', '""', ",", '",', "'", "#", ". . .", "a  b", "nan", "inf", "null", "NA", "1"),
    *("a\rb", "a\r", "\r", "\t", "a\t", "\ufeff", "\ufeffa", "\x00", "\x1c", "\v", "a b", " a", "a ", "a 1", "é", "𝕏"),
]
WORDS = (st.sampled_from(NASTY) | st.text(max_size=4)).map(lambda word: word.replace("\n", "").encode(errors="ignore"))
GOOD = st.floats(-1e30, 1e30).map(lambda x: f"{x:.6g}".encode()) | st.sampled_from(
    [b"0", b"-0", b"+1", b".5", b"5.", b"1E5", b"1e-400", b"1e005", b"3.4028235e38", b"0.1000000014901161193847656251"]
)
BAD = st.sampled_from(
    [
        *b"nan inf -Infinity 1e400 1e39 x 1_0 0x1 1e . - 1,5 \xd9\xa1 \xc2\xa01 \xff 3.4028236e38 1\x00".split(b" "),
        *(b"", b"\t1", b"1\t", b"1\r", b"\r1", b"1 2", b"\x0b1", b'"1"'),
    ]
)
ENDS = st.sampled_from([b"\n"] * 6 + [b"\r\n", b" \n", b" \r\n"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Mostly plain lines, some odd words and ends, now and then a bad line."""
    plain = [b"w%d 1 2.5 -3e-2\n" % i for i in range(draw(st.integers(0, 3)))]
    lines = [b"first 1 2 3\n", *plain]
    for _ in range(draw(st.integers(0, 5))):
        numbers = draw(st.lists(GOOD, min_size=DIM, max_size=DIM))
        lines.append(b" ".join([draw(WORDS), *numbers]) + draw(ENDS))
    if draw(st.integers(0, 2)) == 0:
        n = draw(st.sampled_from([DIM] * 4 + [0, 1, DIM - 1, DIM + 1]))
        numbers = draw(st.lists(GOOD | BAD, min_size=n, max_size=n))
        line = b" ".join([draw(WORDS | st.just(b"\xff")), *numbers]) + draw(ENDS | st.just(b""))
        lines.insert(draw(st.integers(1, len(lines))), line)
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(lines)


@settings(max_examples=150)
@given(content=files(), block=st.sampled_from([1, 20, 60, 2**20]), rows=st.sampled_from([1, 100]))
@example(content=b"first 1 2 3\n\xef\xbb\xbfa 1 2 3\n", block=1, rows=100)
@example(content=b"first 1 2 3\na 1 2\nb 1 2 3 4\n", block=2**20, rows=100)
@example(content=b"first 1 2 3\na\r 1 2 3\n", block=2**20, rows=100)
@example(content=b"first 1 2 3\n\na 1 2 3\n", block=2**20, rows=100)
@example(content=b"first 1 2 3\n\n", block=2**20, rows=100)
@example(content=b"first 1 2 3\na \t1 2 3\n", block=2**20, rows=100)
@example(content=b"first 1 2 3\na 1 x 3\nb 1 2", block=2**20, rows=100)
@example(content=b"first 1 2 3\na 1 3.4028236e38 3\n", block=2**20, rows=100)
@example(content=b"first 1 2 3\na 1 -3.4028235677e38 3\n", block=2**20, rows=100)
def test_reader_equals_a_line_by_line_reader(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, block: int, rows: int
) -> None:
    path, room = written(tmp_path_factory.getbasetemp(), content), rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glove_text, "BLOCK", block)
        patch.setattr(glove_text, "_rows_expected", lambda *_: room)
        try:
            words, rows, duplicates = slow_read(content, DIM)
            bad_line = None
        except ValueError as fault:
            (bad_line,) = fault.args
        if bad_line is not None:
            with pytest.raises(BadLine) as caught:
                read_vectors(path)
            assert caught.value.line == bad_line
        else:
            vectors = read_vectors(path)
            assert vectors.words == words
            assert vectors.matrix.tolist() == rows
            assert vectors.duplicates == duplicates


def test_blocks_are_put_together_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glove_text, "BLOCK", 100)
    content = b"".join(b"w%d %d %.3f\n" % (i % 1900, i, -i / 8) for i in range(2000))
    vectors = read_vectors(written(tmp_path, content))
    assert vectors.words == [f"w{i}" for i in range(1900)]
    assert vectors.matrix.tolist() == [[i, -i / 8] for i in range(1900)]
    assert vectors.duplicates == 100


def test_rows_are_expected_as_many_as_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(b"word%d 0.25 -1.5\n" % i for i in range(20_000)))
    with path.open("rb") as stream:
        expected = glove_text._rows_expected(path, stream)
    assert 20_000 <= expected < 30_000
    assert len(read_vectors(path)) == 20_000


def test_a_file_whose_later_lines_are_shorter_is_read_too(tmp_path: Path) -> None:
    long, short = (
        b"".join(b"w%d 0.%050d\n" % (i, i) for i in range(2000)),
        b"".join(b"v%d 1\n" % i for i in range(50_000)),
    )
    vectors = read_vectors(written(tmp_path, long + short))
    assert len(vectors) == 52_000
    assert vectors.matrix[2000:].unique().tolist() == [1]
    assert vectors["w1999"].item() == pytest.approx(1999e-50)


def test_plain_lines_go_through_polars_and_odd_ones_cost_only_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: list[bytes] = []
    parse = glove_text.parse_line
    monkeypatch.setattr(glove_text, "parse_line", lambda *a: slow.append(a[2]) or parse(*a))
    read_vectors(written(tmp_path, b"a 1 2\n, 1 2\n. . 1 2\r\nb 1 2 \nc\t 1 2\n"))
    assert slow == [b". . 1 2", b"c\t 1 2"]


def test_a_fault_of_polars_falls_back_to_the_slow_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("broken")

    monkeypatch.setattr(pl, "read_csv", fails)
    assert read_vectors(written(tmp_path, b"a 1 2\nb 3 4\n")).matrix.tolist() == [[1, 2], [3, 4]]


# ---- the reader against torchtext


def assert_as_torchtext(path: Path, cache: Path) -> None:
    mine, theirs = read_vectors(path), Vectors(path.name, str(cache))
    assert mine.words == theirs.itos
    # torchtext leaves words out that are not UTF-8, too, but keeps a row of zeros at the end for each
    assert torch.equal(mine.matrix, theirs.vectors[: len(mine)])
    assert len(theirs.vectors) == len(mine) + mine.not_utf8


@settings(max_examples=6)
@given(
    words=st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1), min_size=3, unique=True),
    dim=st.integers(3, 9),  # torchtext takes no fewer
    seed=st.integers(0, 2**32 - 1),
)
def test_random_files_read_as_by_torchtext(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], dim: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("torchtext")
    write_vectors(folder / "vectors.txt", random_vectors(words, dim, seed))
    assert_as_torchtext(folder / "vectors.txt", folder)


@pytest.mark.skipif(not REAL.exists(), reason="the real lines are not part of the repository")
def test_real_lines_read_as_by_torchtext(tmp_path: Path) -> None:
    path = written(tmp_path, REAL.read_bytes())
    assert_as_torchtext(path, tmp_path)
    assert (len(read_vectors(path)), read_vectors(path).not_utf8) == (2440, 5)


# ---- files as they are


def test_a_few_words_that_are_not_utf8_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [b"w%d 1 2\n" % i for i in range(200)]
    lines[3], lines[150] = b"\x96 3 4\n", b"\x92s 5 6\n"
    vectors = read_vectors(written(tmp_path, b"".join(lines)))
    assert (len(vectors), vectors.not_utf8, vectors.duplicates) == (198, 2, 0)
    assert vectors.words[2:4] == ["w2", "w4"]
    assert vectors.matrix.unique(dim=0).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"2 3\nred 1 2 3\nblue 4 5 6\n", ["red", "blue"]),  # word2vec
        (b"\xef\xbb\xbf2 3\r\nred 1 2 3 \r\nblue 4 5 6 \r\n", ["red", "blue"]),
        (b"2 1\nred 1\nblue 4\n", ["red", "blue"]),
        (b"red 1 2 3 \nblue 4 5 6 \n", ["red", "blue"]),  # a space at the end of each line, as fastText writes
        (b"3 1\nred 1\nblue 4\n", ["3", "red", "blue"]),  # one number a word: no header, as the count differs
        (b". . . 1 2 3\nat name@domain.com 4 5 6\n", [". . .", "at name@domain.com"]),
        (b"1999 1 2 3\n2 4 5 6\n", ["1999", "2"]),
        (b'" 1 2 3\n, 4 5 6\n', ['"', ","]),
        ("\u00a0 1 2 3\na\u2028b 4 5 6\n".encode(), ["\u00a0", "a\u2028b"]),
    ],
)
def test_files_as_they_are(tmp_path: Path, content: bytes, words: list[str]) -> None:
    vectors = read_vectors(written(tmp_path, content))
    assert vectors.words == words
    assert vectors.matrix[-1, 0] == 4


def test_of_a_repeated_word_the_first_counts(tmp_path: Path) -> None:
    vectors = read_vectors(written(tmp_path, b"a 1 2\nb 3 4\na 5 6\na 7 8\nc 9 9\n"))
    assert (vectors.words, vectors.duplicates) == (["a", "b", "c"], 2)
    assert vectors.matrix.tolist() == [[1, 2], [3, 4], [9, 9]]
    assert vectors.index == {"a": 0, "b": 1, "c": 2}


FIRST = b"first 1 2 3\n"


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", EmptyFile, "got an empty file"),
        (b"\xef\xbb\xbf", EmptyFile, "got an empty file"),
        (b"0 3\n", EmptyFile, "'0 3' only"),
        (FIRST + b"b 1 2\n", WrongDimension, "line 2: expected a word and 3 numbers, got 2 numbers in 'b 1 2'"),
        (FIRST + b"b 1 2 3 4\n", WrongDimension, "line 2: expected a word and 3 numbers, got 4 numbers"),
        (FIRST + b"\n" + FIRST, WrongDimension, "line 2: expected a word and 3 numbers, got 0 numbers in ''"),
        (b"2 3\nb 1 2\nc 1 2 3\n", WrongDimension, "line 2: expected a word and 3 numbers, got 2 numbers"),
        (b"2 3000000000\nb 1 2\nc 1 2\n", WrongDimension, "line 2: expected a word and 3000000000 numbers, as"),
        (b"word\n", WrongDimension, "line 1: expected a word, a space and numbers, got 'word'"),
        (FIRST + b" 1 2 3\n", WrongDimension, "line 2"),
        (FIRST + b"b 1 x 3\n", NotANumber, "line 2: expected a word and 3 finite decimal numbers, got 'x'"),
        (FIRST + b"b 1 0x2 3\n", NotANumber, "got '0x2'"),
        (FIRST + b"b 1 NaN 3\n", NotFinite, "line 2: expected a word and 3 finite decimal numbers, got 'NaN'"),
        (b"b 1 -inf 3\n", NotFinite, "line 1: expected a word and 3 finite decimal numbers, got '-inf'"),
        (FIRST + b"b 1 1e400 3\n", NotFinite, "numbers up to 3.4e+38, as float32 holds them, got '1e400'"),
        (FIRST + b"\xe9t\xe9 1 2 3\n", NotUtf8, "line 2: expected words in UTF-8, got 1 of 2 that are not, the first here"),  # noqa: E501
        (FIRST + b"b 1 2 3.", CutFile, "line 2: expected a newline at the end of the last line, got 'b 1 2 3.'"),
        (FIRST + b"b 1", CutFile, "line 2"),
        (b"3 3\n" + FIRST + b"b 1 2 3\n", CutFile, "expected 3 words, as the header says, got 2 complete lines"),
    ],
)  # fmt: skip
def test_bad_files_are_refused(tmp_path: Path, content: bytes, error: type[DataError], said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(error) as caught:
        read_vectors(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_bad_line_deep_in_a_file_is_named_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glove_text, "BLOCK", 500)
    lines = [b"w%d 1 2 3\n" % i for i in range(1000)]
    lines[776] = b"w776 1 2\n"
    with pytest.raises(WrongDimension) as caught:
        read_vectors(written(tmp_path, b"".join(lines)))
    assert caught.value.line == 777


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="no such file"):
        read_vectors(tmp_path / "none.txt")


def test_a_file_of_the_stanford_program_is_read(tmp_path: Path) -> None:
    # `glove.c` prints "%lf", six digits after the point, and a last line for all words that it does not know
    content = b"the 0.418000 -0.000001\nof 0.708530 12.345678\n<unk> 0.000000 -0.100000\n"
    vectors = read_vectors(written(tmp_path, content))
    assert vectors.words == ["the", "of", "<unk>"]
    assert vectors.matrix.tolist() == torch.tensor([[0.418, -1e-6], [0.70853, 12.345678], [0, -0.1]]).tolist()


# ---- writing


def test_written_vectors_read_back_to_six_digits(tmp_path: Path) -> None:
    vectors = random_vectors(["red", ". . .", '"', "\u2028", "a\r"], 7)
    vectors.matrix[0, 0] = 1e-20
    write_vectors(tmp_path / "v.txt", vectors)
    back = read_vectors(tmp_path / "v.txt")
    assert back.words == vectors.words
    assert torch.allclose(back.matrix, vectors.matrix, rtol=5.1e-6, atol=0)
    assert (tmp_path / "v.txt").read_bytes().startswith(b"red 1e-20 ")


@pytest.mark.parametrize("words", [["a 1"], ["\ufeffred"], []])
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected|read back"):
        write_vectors(tmp_path / "v.txt", random_vectors(words, 3))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = random_vectors(["old"], 2), random_vectors(["new"], 2)
    write_vectors(tmp_path / "v.txt", old)
    old.save(tmp_path / "v.safetensors")

    def no_room(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="no space"):
        write_vectors(tmp_path / "v.txt", new)
    with pytest.raises(OSError, match="no space"):
        new.save(tmp_path / "v.safetensors")
    assert read_vectors(tmp_path / "v.txt").words == open_vectors(tmp_path / "v.safetensors").words == ["old"]
    assert open_vectors(tmp_path / "v.safetensors", verify=True).words == ["old"]
    assert {file.name for file in tmp_path.iterdir()} == {"v.txt", "v.safetensors", "v.safetensors.sha256"}


# ---- saving and opening


def test_saved_vectors_open_the_same(tmp_path: Path) -> None:
    vectors = WordVectors(["red", "\u2028", "a b", "é"], torch.randn(4, 3), duplicates=2)
    vectors.save(tmp_path / "v.safetensors")
    opened = open_vectors(tmp_path / "v.safetensors")
    assert opened.words == vectors.words
    assert torch.equal(opened.matrix, vectors.matrix)
    assert opened.duplicates == 2
    assert stat.S_IMODE((tmp_path / "v.safetensors").stat().st_mode) & 0o400


def test_a_changed_file_is_refused_when_it_is_verified(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    random_vectors(["red", "blue"], 3).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "v.safetensors.sha256").read_text() == f"{digest}  v.safetensors\n"
    whole = path.read_bytes()
    path.write_bytes(whole[:-12] + bytes([whole[-12] ^ 1]) + whole[-11:])  # in the matrix
    assert open_vectors(path).words == ["red", "blue"]
    with pytest.raises(WrongHash, match=digest):
        open_vectors(path, verify=True)
    random_vectors(["red"], 3).save(path)
    assert open_vectors(path, verify=True).words == ["red"]
    (tmp_path / "v.safetensors.sha256").unlink()
    with pytest.raises(MissingFile, match=r"v\.safetensors\.sha256"):
        open_vectors(path, verify=True)


def test_an_opened_matrix_can_be_changed_but_not_its_file(tmp_path: Path) -> None:
    random_vectors(["red"], 3).save(tmp_path / "v.safetensors")
    before = (tmp_path / "v.safetensors").read_bytes()
    open_vectors(tmp_path / "v.safetensors").matrix.zero_()
    assert (tmp_path / "v.safetensors").read_bytes() == before


def test_opening_reads_no_row_and_makes_no_index(tmp_path: Path) -> None:
    vectors = WordVectors([f"w{i}" for i in range(1000)], torch.zeros(1000, 25_000))
    vectors.save(tmp_path / "v.safetensors")
    resident = Path("/proc/self/statm")
    if not resident.exists():
        pytest.skip("memory in use is read from /proc")
    del vectors
    before = int(resident.read_text().split()[1])
    opened = open_vectors(tmp_path / "v.safetensors")
    grown = (int(resident.read_text().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE")
    assert grown < opened.matrix.nbytes / 4
    assert "index" not in vars(opened)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    random_vectors(["red", "blue"], 3).save(path)
    whole = path.read_bytes()
    for content in (b"", b"red 1 2 3\n", whole[:-1], whole[:5], pickle.dumps({})):
        path.write_bytes(content)
        with pytest.raises(DamagedVectors, match="safetensors"):
            open_vectors(path)
    spelled = torch.tensor(list(b"red\nblue"), dtype=torch.uint8)
    for tensors in (
        {"matrix": torch.zeros(2, 3)},
        {"matrix": torch.zeros(3, 3), "words": spelled},
        {"matrix": torch.zeros(2, 3).double(), "words": spelled},
        {"matrix": torch.zeros(2), "words": spelled},
    ):
        save_file(tensors, path, {"duplicates": "0", "not_utf8": "0"})
        with pytest.raises(DamagedVectors, match="safetensors"):
            open_vectors(path)


# ---- words and neighbours


def test_unknown_words_are_named_with_similar_ones() -> None:
    vectors = random_vectors(["red", "circle", "square"], 3)
    with pytest.raises(KeyError, match="'circel' is not among the 3 words; similar ones: \\['circle'\\]"):
        vectors["circel"]
    with pytest.raises(KeyError, match="not among"):
        vectors.nearest("")


def test_lookup_reports_the_unknown() -> None:
    vectors = random_vectors(["red", "circle"], 3)
    matrix, known = vectors.lookup(["circle", "qux", "red", "qux"])
    assert known.tolist() == [True, False, True, False]
    assert torch.equal(matrix[known], torch.stack([vectors["circle"], vectors["red"]]))
    assert matrix[~known].isnan().all()
    assert vectors.unknown == {"qux": 2}
    assert vectors.lookup([])[0].shape == (0, 3)


@pytest.mark.parametrize("words", [["a"], ["a", ""], ["a", "b\n"], ["a", "b", "c"]])
def test_words_and_rows_must_fit(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"rows|one line"):
        WordVectors(words, torch.zeros(2, 3))


def test_repeated_words_are_refused(tmp_path: Path) -> None:
    vectors = WordVectors(["a", "a"], torch.zeros(2, 3))
    with pytest.raises(ValueError, match="repeated \\['a'\\]"):
        vectors.save(tmp_path / "v.safetensors")
    assert not list(tmp_path.iterdir())


def slow_cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12), zero=st.booleans())
def test_neighbours_and_analogies_equal_a_loop(seed: int, n: int, zero: bool) -> None:
    vectors = random_vectors([*"abcdefgh"], 5, seed)
    vectors.matrix[7] *= not zero
    rows = dict(zip(vectors.words, vectors.matrix.double().numpy(), strict=True))

    def slow_nearest(vector: np.ndarray, without: str) -> list[tuple[float, str]]:
        return sorted(((slow_cosine(rows[w], vector), w) for w in rows if w not in without), reverse=True)[:n]

    def unit(word: str) -> np.ndarray:
        return rows[word] / max(float(np.linalg.norm(rows[word])), 1e-12)

    for mine, slow in (
        (vectors.nearest("c", n), slow_nearest(rows["c"], "c")),
        (vectors.nearest(vectors["c"], n), slow_nearest(rows["c"], "")),
        (vectors.analogy("a", "b", "h", n), slow_nearest(unit("b") - unit("a") + unit("h"), "abh")),
    ):
        assert [word for word, _ in mine] == [word for _, word in slow]
        assert [cosine for _, cosine in mine] == pytest.approx([cosine for cosine, _ in slow], abs=1e-5)


def test_infinities_that_cancel_in_a_sum_are_found(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(b"red 1e400 1\nblue -1e400 1\n")
    with pytest.raises(NotFinite) as caught:
        read_vectors(path)
    assert caught.value.line == 1
