"""Captions to the ids of their words, between `<bos>` and `<eos>`, padded and masked.

Derived in lesson 02_text.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNK, BOS, EOS = range(len(SPECIALS))

INSIDE_A_WORD = re.compile(r"(?<=[^\W_])['’-](?=[^\W_])")
# a token is one of seven marks by itself, or a run of anything but marks, colons, semicolons and whitespace
TOKEN = re.compile(r"['.,()!?]|[^'.,()!?;:\s]+")
MIRRORED = {"left" + end: "right" + end for end in ("", "most", "ward", "wards")}
MIRRORED |= {right: left for left, right in MIRRORED.items()}


def strip_punctuation(text: str) -> str:
    """Keep the words of a text, with one space between them.

    Punctuation is what Unicode calls so (categories P*) and ASCII's other symbols, such as `$` and `+`. Each
    becomes a space, except an apostrophe or a hyphen between two letters or digits: it belongs to the word.

    Source: https://www.unicode.org/reports/tr44/#General_Category_Values

    Example:
        >>> strip_punctuation("“Don't move!” -- a red circle, top-left.")
        "Don't move a red circle top-left"
    """
    inside = {match.start() for match in INSIDE_A_WORD.finditer(text)}
    spaced = (" " if _is_punctuation(c) and i not in inside else c for i, c in enumerate(text))
    return " ".join("".join(spaced).split())


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words and punctuation marks.

    The rule: lower the case, drop double quotes, read `<br />` as a space. Then each of ' . , ( ) ! ? is a
    token by itself, whitespace and : ; only separate, and every other run of characters is a token.

    Source: `basic_english` of torchtext 0.6.0, which this equals on every string.

    Example:
        >>> tokenize('A "red" circle; it\\'s top-left.')
        ['a', 'red', 'circle', 'it', "'", 's', 'top-left', '.']
    """
    return TOKEN.findall(text.lower().replace('"', "").replace("<br />", " "))


def mirror_words(caption: str) -> str:
    """Exchange left and right, so that a caption stays true of the mirrored picture.

    Whole words only, with leftmost, leftward(s) and their opposites; `Left` gives `Right`, `LEFT` `RIGHT`.
    It is its own inverse; only an unusual spelling such as `lEfT` comes back in lower case. Meaning is not
    looked at: "the right answer" becomes "the left answer", and "clockwise" stays.

    Example:
        >>> mirror_words("Left of a bright star, top-right")
        'Right of a bright star, top-left'
    """
    return re.sub(r"\w+", lambda match: _mirror_word(match[0]), caption)


def _mirror_word(word: str) -> str:
    if word.lower() not in MIRRORED:
        return word
    mirrored = MIRRORED[word.lower()]
    if word.isupper():
        return mirrored.upper()
    return mirrored.capitalize() if word.istitle() else mirrored


class Vocabulary:
    """Words and their ids, in both directions; a word that it lacks is counted, never dropped.

    Ids 0 to 3 are `PAD, UNK, BOS, EOS`, the words follow in the order given. `words[id]` is the word of an
    id, `len` counts ids, the special ones too, and `in` asks whether a word of a text has an id of its own.
    `unknown` counts the unknown words that `encode` met, `n_encoded` is the number of all words it met.

    Raises:
        ValueError: a word is given twice, or is the name of a special token.

    Example:
        >>> vocabulary = Vocabulary(["red", "circle"])
        >>> vocabulary.encode("Red circle"), len(vocabulary), "blue" in vocabulary
        ([2, 4, 5, 3], 6, False)
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = [*SPECIALS, *words]
        repeated = [word for word, count in Counter(self.words).items() if count > 1]
        if repeated:
            raise ValueError(f"each word once, and none of {SPECIALS}; remove the repeated {repeated}")
        self._ids = {word: i for i, word in enumerate(self.words) if i >= len(SPECIALS)}
        self.unknown: Counter[str] = Counter()
        self.n_encoded = 0

    @classmethod
    def from_texts(cls, texts: Iterable[str], min_count: int = 1) -> "Vocabulary":
        """Collect the words that occur at least `min_count` times in all texts together.

        The most frequent come first, ties in alphabetical order. A special token's name in a text is no word.

        Example:
            >>> Vocabulary.from_texts(["a red circle", "a blue circle"], min_count=2).words[4:]
            ['a', 'circle']
        """
        counts = Counter(word for text in texts for word in tokenize(text) if word not in SPECIALS)
        frequent = [word for word, count in counts.items() if count >= min_count]
        return cls(sorted(frequent, key=lambda word: (-counts[word], word)))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    def encode(self, text: str) -> list[int]:
        """Turn a text into ids: BOS, one id for each word of `tokenize(text)`, EOS.

        A word without an id becomes UNK and is counted in `unknown`; so does a special token's name.

        Example:
            >>> Vocabulary(["red"]).encode("red zebra")
            [2, 4, 1, 3]
        """
        words = tokenize(text)
        self.n_encoded += len(words)
        self.unknown.update(word for word in words if word not in self)
        return [BOS, *(self._ids.get(word, UNK) for word in words), EOS]

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids back into words, joined by spaces; UNK shows as `<unk>`, other special ids are dropped.

        For known words `decode(encode(text)) == " ".join(tokenize(text))`.

        Raises:
            ValueError: an id is not in 0 .. len - 1.

        Example:
            >>> Vocabulary(["red"]).decode([2, 4, 1, 3, 0])
            'red <unk>'
        """
        outside = [i for i in ids if not 0 <= i < len(self)]
        if outside:
            raise ValueError(f"ids {outside} are not in 0..{len(self) - 1}: another vocabulary made them")
        return " ".join(self.words[i] for i in ids if i not in (PAD, BOS, EOS))

    def report(self) -> str:
        """Say in a sentence how many of the encoded words were unknown, and which most often.

        Example:
            >>> vocabulary = Vocabulary(["red"])
            >>> _ = vocabulary.encode("red zebra"), vocabulary.encode("zebra qux")
            >>> vocabulary.report()
            "3 of 4 words unknown (75.0 %): 'zebra' x2, 'qux' x1"
        """
        n_unknown = self.unknown.total()
        percent = 100 * n_unknown / max(self.n_encoded, 1)
        most_common = ", ".join(f"{word!r} x{count}" for word, count in self.unknown.most_common(5))
        rest = f" and {len(self.unknown) - 5} more" if len(self.unknown) > 5 else ""
        listed = f": {most_common}{rest}" if most_common else ""
        return f"{n_unknown} of {self.n_encoded} words unknown ({percent:.1f} %){listed}"

    @staticmethod
    def pad_batch(id_lists: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "n t"], Bool[Tensor, "n t"]]:
        """Put N lists of ids into one tensor, PAD after the end of each; T is the length of the longest.

        Returns ids (N, T), long, and mask (N, T), True where the token is real and may be attended.

        Raises:
            ValueError: the batch is empty.

        Example:
            >>> ids, mask = Vocabulary.pad_batch([[2, 4, 3], [2, 3]])
            >>> ids.tolist(), mask.tolist()
            ([[2, 4, 3], [2, 3, 0]], [[True, True, True], [True, True, False]])
        """
        if not id_lists:
            raise ValueError("an empty batch has no shape: give at least one list of ids")
        rows = [torch.tensor(ids, dtype=torch.long) for ids in id_lists]
        ones = [torch.ones(len(ids), dtype=torch.bool) for ids in id_lists]
        # the mask comes from the lengths, not from the ids: a PAD inside a row would be real
        return pad_sequence(rows, batch_first=True, padding_value=PAD), pad_sequence(ones, batch_first=True)
