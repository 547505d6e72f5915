"""Vectors by word, with their neighbours and analogies, and a file of them that opens at once.

Derived in lesson 04_glove_features.
"""

import difflib
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Float32
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize

from mmgen_course.data.atomic import replacing
from mmgen_course.data.errors import DataError, MissingFile
from mmgen_course.data.registry import check_hash

RESTORE = "Correct the line, or get the file again."


class BadLine(DataError):
    """A line that is no word with its numbers; `line` counts from 1.

    Example:
        >>> print(BadLine("glove.txt", 3, "a word and 50 numbers", "49 numbers", "Correct it."))
        glove.txt, line 3: expected a word and 50 numbers, got 49 numbers. Correct it.
    """

    def __init__(self, file: object, line: int, expected: str, got: str, remedy: str = RESTORE):
        super().__init__(f"{file}, line {line}", expected, got, remedy)
        self.args = (file, line, expected, got, remedy)  # what a copy in another process is made from
        self.line = line


class WrongDimension(BadLine):
    """More or fewer numbers than the other lines have, or none."""


class NotANumber(BadLine):
    """A field after the word that is no decimal number."""


class NotFinite(BadLine):
    """NaN, infinity, or a number beyond the range of float32."""


class NotUtf8(BadLine):
    """More than one word in a hundred is not UTF-8: another encoding, or no text at all."""


class CutFile(BadLine):
    """A file that ends before its last line does, or before the number of words that its header promises."""


class DamagedVectors(DataError):
    """A file that `WordVectors.save` did not write, or that is damaged."""


class WordVectors:
    """V different words and their vectors: the rows of `matrix` (V, d), float32.

    `vectors["red"]` is a (d,) tensor, `in` and `len` are about the words, `index["red"]` is a row's number.
    `duplicates` is how many repeated words a file held; the first of each was kept;
    `not_utf8` is how many could not be read and were left out.

    Raises:
        ValueError: not one row for each word, or a word that is repeated, empty or of more than one line.
        KeyError: from `vectors[word]`, an unknown word; the message has similar ones.

    Example:
        >>> vectors = WordVectors(["red", "blue"], torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        >>> vectors["blue"].tolist(), "green" in vectors, len(vectors), vectors.index["blue"]
        ([0.0, 2.0], False, 2, 1)
    """

    def __init__(self, words: Sequence[str], matrix: Float32[Tensor, "v d"], duplicates: int = 0, not_utf8: int = 0):
        self.words, self.matrix = list(words), matrix
        self.duplicates, self.not_utf8 = duplicates, not_utf8
        self.unknown: Counter[str] = Counter()
        if len(self.words) != len(matrix):
            raise ValueError(f"{len(self.words)} words need as many rows; the matrix is {tuple(matrix.shape)}")
        if not all(self.words) or "\n" in "".join(self.words):
            bad = [word for word in self.words if not word or "\n" in word]
            raise ValueError(f"a word is one line and not empty; got {bad[:5]}")

    @cached_property
    def index(self) -> dict[str, int]:
        """Each word's row; made at first use, because a file opens faster without it.

        Raises:
            ValueError: a word is repeated.
        """
        index = {word: i for i, word in enumerate(self.words)}
        if len(index) < len(self.words):
            repeated = [word for word, count in Counter(self.words).items() if count > 1]
            raise ValueError(f"each word once; remove the repeated {repeated[:5]}")
        return index

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.index

    def __getitem__(self, word: str) -> Float32[Tensor, " d"]:
        if word not in self.index:
            raise KeyError(f"{word!r} is not among the {len(self)} words; similar ones: {self._similar(word)}")
        return self.matrix[self.index[word]]

    def _similar(self, word: str) -> list[str]:
        # compare only what can be similar: difflib needs seconds for all of 400,000 words
        ends = {word[:1].lower(), word[-1:].lower()}
        near = (w for w in self.words if abs(len(w) - len(word)) < 3 and ends & {w[0].lower(), w[-1].lower()})
        return difflib.get_close_matches(word, near, n=3)

    def lookup(self, words: Sequence[str]) -> tuple[Float32[Tensor, "n d"], Bool[Tensor, " n"]]:
        """The vectors of N words, as a new matrix (N, d), and which of them are known (N,).

        An unknown word's row is NaN, never zero, so that nobody can use it unawares; `unknown` counts it.

        Example:
            >>> vectors = WordVectors(["red"], torch.ones(1, 2))
            >>> matrix, known = vectors.lookup(["red", "zebra"])
            >>> matrix.tolist(), known.tolist(), dict(vectors.unknown)
            ([[1.0, 1.0], [nan, nan]], [True, False], {'zebra': 1})
        """
        self.unknown.update(word for word in words if word not in self)
        rows = torch.tensor([self.index.get(word, -1) for word in words], dtype=torch.long)
        known = rows >= 0
        found = torch.full((len(rows), self.matrix.shape[1]), torch.nan)
        found[known] = self.matrix[rows[known]]
        return found, known

    def nearest(self, of: str | Float[Tensor, " d"], n: int = 10) -> list[tuple[str, float]]:
        """The n words whose vectors have the greatest cosine with that of a word, or with a vector, the best first.

        The word itself is left out. A vector of zeros has cosine 0 with all.

        Raises:
            KeyError: the word is unknown.

        Example:
            >>> vectors = WordVectors(["a", "b", "c"], torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
            >>> [(word, round(cosine, 2)) for word, cosine in vectors.nearest("a", n=1)]
            [('b', 0.6)]
        """
        if isinstance(of, str):
            return self._nearest(self[of], n, without={of})
        return self._nearest(of, n, without=set())

    def analogy(self, a: str, b: str, c: str, n: int = 1) -> list[tuple[str, float]]:
        """The n best words for "a is to b as c is to ...", by the cosine with b - a + c; not a, b or c themselves.

        The three vectors are brought to length 1 first.

        Raises:
            KeyError: a word is unknown.

        Source: O. Levy, Y. Goldberg, "Linguistic Regularities in Sparse and Explicit Word Representations",
        CoNLL 2014, section 3 (3CosAdd).

        Example:
            >>> matrix = torch.tensor([[1.0, 0, 1], [1.0, 0, -1], [-1.0, 0, 1], [-1.0, 0, -1], [0, 1.0, 0]])
            >>> vectors = WordVectors(["man", "woman", "king", "queen", "tree"], matrix)
            >>> vectors.analogy("man", "woman", "king")[0][0]
            'queen'
        """
        unit_a, unit_b, unit_c = (normalize(self[word], dim=0) for word in (a, b, c))
        return self._nearest(unit_b - unit_a + unit_c, n, without={a, b, c})

    def _nearest(self, vector: Tensor, n: int, without: set[str]) -> list[tuple[str, float]]:
        # cos(u, v) = u.v / (|u| |v|)
        cosines = normalize(self.matrix, dim=1) @ normalize(vector.float(), dim=0)  # (V, d) @ (d,) -> (V,)
        best, rows = cosines.topk(min(n + len(without), len(self)))
        pairs = [(self.words[row], cosine) for row, cosine in zip(rows.tolist(), best.tolist(), strict=True)]
        return [(word, cosine) for word, cosine in pairs if word not in without][:n]

    def save(self, path: str | Path) -> None:
        """Write words and matrix as one safetensors file; a kill half-way leaves what was there before.

        Its sha256 goes into a file beside it, with .sha256 added to the name, as `sha256sum` writes it.

        Raises:
            ValueError: a word is repeated.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     WordVectors(["red"], torch.ones(1, 2)).save(Path(folder, "words.safetensors"))
            ...     sorted(file.name for file in Path(folder).iterdir())
            ...     open_vectors(Path(folder, "words.safetensors"), verify=True)["red"].tolist()
            ['words.safetensors', 'words.safetensors.sha256']
            [1.0, 1.0]
        """
        path, _ = Path(path), self.index  # the index refuses repeated words
        spelled = torch.frombuffer(bytearray("\n".join(self.words).encode()), dtype=torch.uint8)
        note = {"duplicates": str(self.duplicates), "not_utf8": str(self.not_utf8)}
        with replacing(path) as partial:
            save_file({"matrix": self.matrix.contiguous(), "words": spelled}, partial, note)
            with partial.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        with replacing(_hash_path(path)) as partial:
            partial.write_text(f"{sha256}  {path.name}\n", encoding="utf-8", newline="\n")


def _hash_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def open_vectors(path: str | Path, *, verify: bool = False) -> WordVectors:
    """Open what `WordVectors.save` wrote; the matrix stays in the file, and rows are read when they are used.

    A change of the matrix stays in memory: the file is never written to. With `verify` all of the file is read once,
    and must have the sha256 that `save` has put beside it; without, only the words are read.

    Raises:
        MissingFile: there is no such file, or no sha256 to verify it by.
        WrongHash: the file is not the one that was saved.
        DamagedVectors: the file is something else, was cut, or holds other tensors.

    Example:
        >>> open_vectors("no.safetensors")
        Traceback (most recent call last):
        mmgen_course.data.errors.MissingFile: no.safetensors: expected word vectors, got no such file. Save them first.
    """
    path, remedy = Path(path), "Make it again: read_vectors(text file).save(this file)."
    if not path.is_file():
        raise MissingFile(path, "word vectors", "no such file", "Save them first.")
    if verify:
        if not _hash_path(path).is_file():
            raise MissingFile(_hash_path(path), "the sha256 of the file of this name", "no such file", remedy)
        check_hash(path, _hash_path(path).read_text("utf-8").partition(" ")[0], remedy)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - `file` is no dict
            note = file.metadata() or {}
        words, matrix = tensors["words"].numpy().tobytes().decode().split("\n"), tensors["matrix"]
        if matrix.dtype != torch.float32 or matrix.ndim != 2:
            raise ValueError(f"matrix is {matrix.dtype} {tuple(matrix.shape)}")
        return WordVectors(words, matrix, int(note["duplicates"]), int(note["not_utf8"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise DamagedVectors(path, "words and matrix in a safetensors file", f"'{error}'", remedy) from error
