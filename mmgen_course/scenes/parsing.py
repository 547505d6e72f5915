"""Reads captions: a sentence goes in, what it says about a scene comes out, or an error that names the words.

This is what makes "does the picture show what the sentence says" a question with an answer; see lesson 00.
"""

import re
from dataclasses import replace
from difflib import get_close_matches

from mmgen_course.scenes.constraints import Constraints, ObjectConstraints, possible_places
from mmgen_course.scenes.words import MEANINGS
from mmgen_course.scenes.world import BACKGROUNDS, RELATION_POSITIONS

# A caption is cut into phrases, each written as one letter; what a letter stands for is a pattern over words. The
# longer phrase comes first where two begin with the same word.
_PHRASES = {
    "G": r"(?:on|against) (?:a|the) (?P<light>light|dark) (?:background|ground)",
    "O": r"there (?:is|are)|(?:an?|the|this) (?:picture|image) of|this (?:picture|image) shows",
    "P": r"(?:(?:in|at|on|to) the (?P<row>top|upper|bottom|lower) (?P<end>left|right)(?: corner)?"
    r"|(?:in|at) the (?P<mid>centre|center|middle))(?: of the (?:picture|image))?",
    "H": r"(?:on|at|in|to) the (?P<side>left|right|top|bottom)(?: side| half)?(?: of the (?:picture|image)|(?! of))"
    r"|(?P<bare>left|right)(?! of)",
    "R": r"(?:(?:on|to) the )?(?P<beside>left|right) of|(?P<over>above|over)|(?P<under>below|under|beneath)",
    "T": r"(?:that|which) is",
    "S": r"is",
    "J": r"together with|next to|beside",
    "W": r"with",
    "D": r"an?|the|this|that",
    "I": r"it|which",
    "N": r"(?P<noun>" + "|".join(w for w, (name, _) in MEANINGS.items() if name == "shape") + r")(?: shape)?"
    r"|(?P<any>object|thing|shape|something)",
    "A": r"(?P<adjective>" + "|".join(w for w, (name, _) in MEANINGS.items() if name != "shape") + r")",
    "&": r"and",
    ",": r",",
}
_PHRASE = {letter: re.compile(rf"(?:{pattern})(?= |$)") for letter, pattern in _PHRASES.items()}
_WORDS = re.sub(r"\?P<\w+>", "", " ".join(_PHRASES.values()))  # the patterns without the names of their groups
KNOWN_WORDS = frozenset(re.findall(r"[a-z]{2,}|\ba\b", _WORDS))

# The sentences: `x` and `y` are the two objects, "x r y" if there is a relation; a ground may close every one.
_ADJECTIVES = "A(?:,?&?A)*"
_NOUN = f"D?(?:{_ADJECTIVES})?N"
_THING = f"{_NOUN}(?:T[APH](?:,?&?[APH])*)?[PH]*"
_IS = f"(?:{_NOUN}[PH]?S(?:{_ADJECTIVES}|[PH])|[PH],?[SO]?{_NOUN})"
_SENTENCES = [
    re.compile(f"O?{form}G?")
    for form in (
        f"(?P<x>{_THING}|{_IS}|{_NOUN},{_ADJECTIVES})",
        f"(?P<x>{_THING})G?[ST]?(?P<r>R)(?P<y>{_THING})",  # a star above a square
        f"(?P<r>R)(?P<y>{_THING}),?[SO]?(?P<x>{_THING})",  # above a square there is a star
        # a square with a star above it
        f"(?P<y>{_THING})(?:W|,?&|,)(?P<x>{_NOUN}(?:T{_ADJECTIVES})?)(?P<r>R)I(?P<z>T{_ADJECTIVES})?",
        f"(?P<y>{_THING}),?&?(?P<r>R)I,?[SO]?(?P<x>{_THING})",  # a square, and above it a star
        f"(?P<x>{_THING})(?:,?&|,|J|W)(?P<y>{_THING})",  # a star and a square
        f"(?P<x>{_IS})(?:,?&|,)(?P<y>{_IS})",  # the star is red and the square is blue
    )
]


class UnknownWords(ValueError):
    """A caption holds words that the world of scenes has no meaning for; `words` lists them."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        near = {word: get_close_matches(word, MEANINGS, n=2) for word in words}
        hints = [f"{word!r}" + (f" (near: {', '.join(hits)})" if hits else "") for word, hits in near.items()]
        super().__init__(
            f"unknown words: {', '.join(hints)}; the world has shapes such as 'circle' and 'star', colours such as "
            "'red' and 'cyan', sizes, styles and places"
        )


def parse(text: str) -> Constraints:
    """What a caption says about its scene.

    Case and punctuation do not matter, and what is not said stays open. A sentence that the grammar above does not
    hold is refused: better no picture than the picture of something else.

    Raises:
        UnknownWords: a `ValueError` that names every unknown word and the nearest known ones.
        ValueError: the words are known but say nothing that can be drawn: no object, three of them, two colours for
            one object, or a sentence of another form.

    Example:
        >>> parse("A tiny, striped star!").objects[0]
        ObjectConstraints(shape='star', colour=None, size='small', style='striped', position=None)
        >>> parse("a purpel star")
        Traceback (most recent call last):
        ...
        mmgen_course.scenes.parsing.UnknownWords: unknown words: 'purpel' (near: purple); the world has ...
    """
    for reading in (text, re.sub("[,;:]", " ", text)):  # a comma may separate objects, or stand anywhere
        letters, phrases, rest = _cut(reading)
        match = None if rest else _sentence(letters)
        if match:
            break
    else:
        raise ValueError(_why_not(text, letters, phrases, rest))

    groups = {name: range(*match.span(name)) for name, found in match.groupdict().items() if found}
    objects = [[*groups["x"], *groups.get("z", ())], [*groups.get("y", ())]]
    things = [_object([(letters[k], phrases[k]) for k in places]) for places in objects if places]
    if "r" in groups:
        places = RELATION_POSITIONS[_relation(phrases[groups["r"].start])]
        things = [thing.say("position", place) for thing, place in zip(things, places, strict=True)]
    if "y" in groups and groups["y"].start < groups["x"].start:
        things.reverse()  # in the order of mention
    ways = possible_places(tuple(things))
    if len(ways) == 1:  # what is said of one place leaves no choice for the other
        things = [replace(thing, position=place) for thing, place in zip(things, ways[0], strict=True)]
    grounds = [phrase["light"] for letter, phrase in zip(letters, phrases, strict=True) if letter == "G"]
    if len(set(grounds)) > 1:
        raise ValueError(f"one picture cannot have two backgrounds: {' and '.join(map(repr, grounds))}")
    return Constraints(tuple(things), grounds[0] if grounds else None)


def _cut(text: str) -> tuple[str, list[re.Match[str]], str]:
    """The phrases of a text: their letters, what each matched, and the rest if a phrase does not exist.

    Example:
        >>> _cut("A tiny, striped star!")[0]
        'DA,AN'
    """
    words = [word if word.isalnum() else "," for word in re.findall(r"[^\W_]+|[,;:]", text.lower())]
    unknown = [word for word in dict.fromkeys(words) if word != "," and word not in KNOWN_WORDS]
    if unknown:
        raise UnknownWords(unknown)
    rest, letters, phrases = " ".join(words), "", []
    while found := next(((letter, m) for letter, p in _PHRASE.items() if (m := p.match(rest))), None):
        letters += found[0]
        phrases.append(found[1])
        rest = rest[found[1].end() :].lstrip()
    return letters, phrases, rest


def _sentence(letters: str) -> re.Match[str] | None:
    return next((match for sentence in _SENTENCES if (match := sentence.fullmatch(letters))), None)


def _object(phrases: list[tuple[str, re.Match[str]]]) -> ObjectConstraints:
    """Everything that the phrases about one object say of it."""
    said = ObjectConstraints()
    for letter, phrase in phrases:
        found = {name: word for name, word in phrase.groupdict().items() if word}
        if letter == "P":
            row = {"upper": "top", "lower": "bottom"}.get(found.get("row", ""), found.get("row"))
            said = said.say("position", "centre" if "mid" in found else f"{row} {found['end']}")
        elif letter == "H":
            said = said.say("position", *found.values())
        elif letter in "AN" and "any" not in found:
            said = said.say(*MEANINGS[next(iter(found.values()))])
    return said


def _relation(phrase: re.Match[str]) -> str:
    if phrase["beside"]:
        return f"{phrase['beside']} of"
    return "above" if phrase["over"] else "below"


def _why_not(text: str, letters: str, phrases: list[re.Match[str]], rest: str) -> str:
    """What to tell someone whose words are known, but not their sentence."""
    if rest:
        word = rest.split()[0]
        example = f"on a {word} background" if word in BACKGROUNDS else "a small red circle in the top left"
        return f"{word!r} says nothing alone; say for example {example!r}"
    if not 1 <= letters.count("N") <= 2:
        return f"a caption names one or two objects; this one names {letters.count('N')}: {text!r}"
    if "I" in letters and "R" not in letters:
        return "'it' stands for nothing here; say for example 'a square with a star above it'"
    if letters.count("R") == 1 and letters.count("N") == 1:
        relation = _relation(phrases[letters.index("R")])
        return f"{relation!r} needs an object before and after it, as in 'a star {relation} a square'"
    return (
        f"cannot read {text!r}; say it like 'a small red circle in the top left', 'a star above a blue square' "
        "or 'a square with a star to the left of it on a dark background'"
    )
