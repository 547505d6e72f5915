"""The language of scenes: which words say which attribute, and the grammar that `caption` writes by.

`mmgen_course.scenes.parsing` is the way back, from a sentence to a scene. Lesson 02 takes it apart.
"""

from collections.abc import Collection, Mapping
from itertools import product

import torch

from mmgen_course.scenes.world import ATTRIBUTES, Scene, SceneObject, pick

# word: (a synonym that training captions use, a synonym that they never use)
# Vectors for the second come from the corpus of lesson 04 alone; lesson 10 asks for pictures by them.
SYNONYMS = {
    "circle": ("ball", "disc"),
    "square": ("box", "block"),
    "triangle": ("wedge", "pyramid"),
    "diamond": ("rhombus", "lozenge"),
    "star": ("pentagram", "asterisk"),
    "cross": ("plus", "crucifix"),
    "red": ("scarlet", "crimson"),
    "green": ("emerald", "jade"),
    "blue": ("azure", "cobalt"),
    "yellow": ("golden", "lemon"),
    "orange": ("tangerine", "amber"),
    "purple": ("violet", "mauve"),
    "pink": ("rose", "fuchsia"),
    "cyan": ("turquoise", "aqua"),
    "small": ("little", "tiny"),
    "large": ("big", "huge"),
}
STYLE_WORDS = {
    "flat": ("flat", "plain"),
    "outlined": ("outlined", "hollow"),
    "striped": ("striped", "banded"),
    "dotted": ("dotted", "spotted"),
}

Lexicon = Mapping[str, tuple[str, ...]]
BASE_WORDS: Lexicon = {word: (word,) for word in [*SYNONYMS, *STYLE_WORDS]}
TRAINING_WORDS: Lexicon = {**{word: (word, used) for word, (used, _) in SYNONYMS.items()}, **STYLE_WORDS}
HELD_OUT_WORDS: Lexicon = {**{word: (unseen,) for word, (_, unseen) in SYNONYMS.items()}, **STYLE_WORDS}

# The grammar. A caption is an opening, one or two things, the ground; `|` separates paraphrases, the plainest
# first. A thing is named by the adjectives that are asked for, before its noun or behind it.
OPENINGS = ["{}", "there is {}", "a picture of {}", "this image shows {}"]
THING_BEFORE = "a {adjectives} {noun}"
THING_BEHIND = "a {noun} that is {adjectives}"
POSITION_PHRASES = {
    "centre": "in the centre | in the middle | at the centre",
    "top left": "in the top left | in the top left corner | at the upper left",
    "top right": "in the top right | in the top right corner | at the upper right",
    "bottom left": "in the bottom left | in the bottom left corner | at the lower left",
    "bottom right": "in the bottom right | in the bottom right corner | at the lower right",
}
PAIRS = {
    "left of": "{a} left of {b} | {a} to the left of {b} | {a} on the left and {b} on the right "
    "| {b} with {a} to the left of it",
    "right of": "{a} right of {b} | {a} to the right of {b} | {a} on the right and {b} on the left "
    "| {b} with {a} to the right of it",
    "above": "{a} above {b} | {a} over {b} | {a} at the top and {b} at the bottom | {b} with {a} above it",
    "below": "{a} below {b} | {a} under {b} | {a} at the bottom and {b} at the top | {b} with {a} below it",
}
INVERSE = {"left of": "right of", "above": "below"}  # of the two relations that a scene has
UNRELATED = "{a} and {b} | {a} with {b} | {a} together with {b}"
GROUNDS = "on a {} background | against a {} background | on a {} ground"

# The words of each kind, for `parse`: word -> (attribute, value).
MEANINGS = {
    word: (name, value)
    for name in ("shape", "colour", "size", "style")
    for value in ATTRIBUTES[name]
    for word in (value, *SYNONYMS.get(value, ()), *STYLE_WORDS.get(value, ()))
}

EVERYTHING = (*ATTRIBUTES, "background")


def caption(
    scene: Scene,
    generator: torch.Generator | None = None,
    *,
    naming: Collection[str] = EVERYTHING,
    words: Lexicon = TRAINING_WORDS,
) -> str:
    """Say in English what a scene shows.

    Args:
        scene: the scene.
        generator: chooses among paraphrases and synonyms; without it the plainest sentence is written.
        naming: the attributes that the caption names, of "shape", "colour", "size", "style", "position" and
            "background"; the shape is always named. For two objects "position" is how one stands to the other.
        words: the words to choose from: `BASE_WORDS`, `TRAINING_WORDS` or `HELD_OUT_WORDS`.

    Returns:
        A sentence in lower case without punctuation.

    Raises:
        ValueError: `naming` holds something that is no attribute.

    Example:
        >>> ball, box = (SceneObject(s, "red", "small", "flat", "centre") for s in ("circle", "square"))
        >>> caption(Scene((ball,)))
        'a small flat red circle in the centre on a light background'
        >>> caption(Scene.pair(ball, "above", box), naming=("colour", "position"), words=HELD_OUT_WORDS)
        'a crimson disc above a crimson block'
    """
    unknown = set(naming) - set(EVERYTHING)
    if unknown:
        raise ValueError(f"cannot name {sorted(unknown)}; a caption can name: {', '.join(EVERYTHING)}")

    said = [_thing(one, naming, words, generator) for one in scene.objects]
    return pick(templates(scene, naming), generator).format(*said)


def _thing(one: SceneObject, naming: Collection[str], words: Lexicon, generator: torch.Generator | None) -> str:
    """A noun phrase for one object, adjectives before or behind the noun."""
    values = (getattr(one, name) for name in ("size", "style", "colour") if name in naming)
    adjectives = [pick(words[value], generator) for value in values]
    noun = pick(words[one.shape], generator)
    if not adjectives:
        return _with_article(f"a {noun}")
    form = pick([THING_BEFORE, THING_BEHIND], generator)
    said = " ".join(adjectives) if form == THING_BEFORE else " and ".join(adjectives)
    return _with_article(form.format(adjectives=said, noun=noun))


def templates(scene: Scene, naming: Collection[str]) -> list[str]:
    """Every paraphrase of a scene, the plainest first, with {0} and {1} where its objects are to be named.

    Example:
        >>> ball = SceneObject("circle", "red", "small", "flat", "centre")
        >>> templates(Scene((ball,)), ["position"])[:2]
        ['{0} in the centre', '{0} in the middle']
    """
    placed = "position" in naming
    if scene.relation is None:
        place = POSITION_PHRASES[scene.objects[0].position] if placed else ""
        cores = [f"{{0}} {where}".strip() for where in place.split(" | ")]
    elif placed:
        inverse = INVERSE[scene.relation]
        cores = [core.format(a="{0}", b="{1}") for core in PAIRS[scene.relation].split(" | ")]
        cores += [core.format(a="{1}", b="{0}") for core in PAIRS[inverse].split(" | ")]
    else:
        orders = [("{0}", "{1}"), ("{1}", "{0}")]
        cores = [core.format(a=a, b=b) for core in UNRELATED.split(" | ") for a, b in orders]
    grounds = [""]
    if "background" in naming:
        grounds = [f" {ground.format(scene.background)}" for ground in GROUNDS.split(" | ")]
    return [opening.format(core + ground) for opening, core, ground in product(OPENINGS, cores, grounds)]


def _with_article(phrase: str) -> str:
    """'a orange star' -> 'an orange star'."""
    return f"an{phrase[1:]}" if phrase[2] in "aeiou" else phrase
