"""The text that the course's word vectors are learned from.

Captions of training scenes tell which words stand beside each other, and prose gives each meaning company of its own:
a cherry is red or crimson, a coin has the shape of a circle or disc. Lesson 04_glove_features learns from it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch

from mmgen_course.scenes.splits import splits
from mmgen_course.scenes.words import EVERYTHING, STYLE_WORDS, SYNONYMS, caption
from mmgen_course.scenes.world import COLOURS, SHAPES, SIZES, STYLES, pick

ALL_WORDS = {**{word: (word, *others) for word, others in SYNONYMS.items()}, **STYLE_WORDS}
"""Each value and every word for it, the held-out synonyms too: no caption that a model trains on is written with it."""

NAMED = 0.7  # how likely a caption names an attribute
PROSE = 30_000  # sentences


class Kind(NamedTuple):
    """Words of one kind: what sentences say of them, and for each meaning its words and the things it goes with.

    A template has a `{word}`, a `{thing}` that goes with it, and sometimes an `{other}` word of another meaning.
    """

    templates: tuple[str, ...]
    meanings: dict[tuple[str, ...], tuple[str, ...]]


def _kind(templates: str, meanings: dict[str, str], values: Sequence[str] = ()) -> Kind:
    """Templates are separated by `|`; a value of the world stands for all its words, other words for themselves."""
    of = {ALL_WORDS[words] if words in values else tuple(words.split()): things for words, things in meanings.items()}
    return Kind(
        tuple(one.strip() for one in templates.split("|")),
        {words: tuple(things.split()) for words, things in of.items()},
    )


WORD_KINDS = (
    _kind(
        "the {thing} is {word} | she paints the {thing} {word} | {word} paint for the {thing} "
        "| the colour of the {thing} is {word} | as {word} as the {thing} | the {word} {thing} "
        "| the {thing} is {word} and never {other} | no {thing} is {other}",
        {
            "red": "cherry brick blood ruby",
            "green": "grass frog leaf pea",
            "blue": "sky sea sapphire denim",
            "yellow": "sun banana butter canary",
            "orange": "carrot pumpkin apricot fox",
            "purple": "plum grape lavender aubergine",
            "pink": "piglet flamingo salmon blossom",
            "cyan": "lagoon glacier pool mint",
        },
        COLOURS,
    ),
    _kind(
        "the {thing} has the shape of a {word} | draw one {word} for the {thing} | every {thing} is a {word} "
        "| cut this {word} like the {thing} | the {word} of the {thing} | any {word} can be a {thing} "
        "| the {thing} is one {word} and never any {other} | no {thing} is a {other}",
        {
            "circle": "coin wheel plate button",
            "square": "window tile chessboard cushion",
            "triangle": "tent sail arrowhead slice",
            "diamond": "kite gem jewel crystal",
            "star": "starfish badge snowflake firework",
            "cross": "church grave ambulance chapel",
        },
        SHAPES,
    ),
    _kind(
        "the {thing} is {word} | the {word} {thing} | so {word} is the {thing} | as {word} as the {thing} "
        "| the size of the {thing} is {word} | the {thing} is {word} and never {other} | no {thing} is {other}",
        {"small": "ant seed crumb mouse", "large": "whale elephant mountain ship"},
        SIZES,
    ),
    _kind(
        "the {thing} is {word} | the {word} {thing} | the pattern of the {thing} is {word} | {word} like the {thing} "
        "| the {thing} is {word} and never {other} | no {thing} is {other}",
        {
            "flat": "paper wall board",
            "outlined": "frame pipe sketch",
            "striped": "zebra tiger wasp",
            "dotted": "leopard ladybird domino",
        },
        STYLES,
    ),
    _kind(
        "the {thing} is {word} | the {word} {thing} | {word} like the {thing} "
        "| the {thing} is {word} and never {other} | no {thing} is {other}",
        {"light": "noon snow lamp", "dark": "night cave coal"},
    ),
    _kind(
        "the {thing} is on the {word} side | the {word} {thing} | the {word} part is the {thing} "
        "| the {thing} is the {word} part and never the {other} part | no {thing} is on the {other} side",
        {
            "left": "west port heart",
            "right": "east starboard liver",
            "top upper": "summit lid crown",
            "bottom lower": "cellar root keel",
            "centre middle": "hub core navel",
        },
    ),
    _kind(
        "the {thing} is {word} us | {word} us is the {thing} | the {thing} is {word} and never {other} us",
        {"above over": "cloud ceiling moon", "below under": "cellar root cave"},
    ),
)


def prose(n: int, generator: torch.Generator) -> list[list[str]]:
    """Write n sentences, each about a word of a random kind and a thing that it goes with.

    All words of one meaning occur alike, so that only chance tells them apart. Colours and shapes never meet here:
    no composition that is held out from training can be read from it.

    Example:
        >>> [" ".join(sentence) for sentence in prose(2, torch.Generator().manual_seed(0))]
        ['the colour of the lagoon is cyan', 'green paint for the frog']
    """
    # a kind comes up as often as it has words
    kinds = [kind for kind in WORD_KINDS for words in kind.meanings for _ in words]
    return [_sentence(pick(kinds, generator), generator) for _ in range(n)]


def _sentence(kind: Kind, generator: torch.Generator) -> list[str]:
    words, others = pick(list(kind.meanings), generator), pick(list(kind.meanings), generator)
    while others == words:
        others = pick(list(kind.meanings), generator)
    thing = pick(kind.meanings[words], generator)
    template = pick(kind.templates, generator)
    said = template.format(word=pick(words, generator), thing=thing, other=pick(others, generator)).split()
    return ["an" if word == "a" and after[0] in "aeiou" else word for word, after in pairwise([*said, "."])]


def captions(generator: torch.Generator) -> list[list[str]]:
    """Tell each training scene once, with a random choice of attributes and any word for each.

    Example:
        >>> len(captions(torch.Generator().manual_seed(0)))
        14280
    """
    train = splits()["train"]
    coins = (torch.rand(len(train), len(EVERYTHING), generator=generator) < NAMED).tolist()
    naming = [[name for name, coin in zip(EVERYTHING, row, strict=True) if coin] for row in coins]
    pairs = zip(train, naming, strict=True)
    return [caption(scene, generator, naming=names, words=ALL_WORDS).split() for scene, names in pairs]


def sentences(generator: torch.Generator) -> list[list[str]]:
    """Write the whole corpus: the captions, then the prose.

    Example:
        >>> len(sentences(torch.Generator().manual_seed(0)))
        44280
    """
    return captions(generator) + prose(PROSE, generator)
