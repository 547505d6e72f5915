"""The caption match that chance reaches: an exercise of lesson 10_text_to_image."""

from collections.abc import Callable, Collection, Mapping
from math import prod

import torch

from mmgen_course.exercises.exercise import Exercise, Misconception
from mmgen_course.scenes import BACKGROUNDS, COLOURS, SHAPES, SIZES, STYLES, Scene, SceneObject, parse
from mmgen_course.scenes.words import HELD_OUT_WORDS, MEANINGS, TRAINING_WORDS, caption
from mmgen_course.scenes.world import ALONE, pick

OPTIONS = {
    "shape": SHAPES,
    "colour": COLOURS,
    "size": SIZES,
    "style": STYLES,
    "position": ALONE,
    "background": BACKGROUNDS,
}


WORDS = {value: (*TRAINING_WORDS[value], *HELD_OUT_WORDS[value]) for value in TRAINING_WORDS}
Said = Mapping[str, str | None]  # what is said of the one object, and of the background


def _sentences(generator: torch.Generator) -> tuple[str, list[str]]:
    """A sentence that says two of size, style and colour, so never place and background; and four others.

    These say, in some order: the whole scene; another value of one that was said; the place; the same in other words.
    """
    values = {name: pick(options, generator) for name, options in OPTIONS.items()}
    named = pick([("size", "colour"), ("style", "colour"), ("size", "style")], generator)
    turned = pick(named, generator)
    other = {**values, turned: pick([value for value in OPTIONS[turned] if value != values[turned]], generator)}
    asked = [
        _caption(values, OPTIONS, generator, WORDS),
        _caption(other, (turned, "background"), generator, WORDS),
        _caption(values, ("position",), generator, WORDS),
        _caption(values, named, generator, HELD_OUT_WORDS),
    ]
    order = torch.randperm(4, generator=generator).tolist()
    return _caption(values, named, generator, TRAINING_WORDS), [asked[place] for place in order]


def _caption(
    values: Mapping[str, str], naming: Collection[str], generator: torch.Generator, words: Mapping[str, tuple[str, ...]]
) -> str:
    *of_object, background = values.values()
    return caption(Scene((SceneObject(*of_object),), background), generator, naming=naming, words=words)


def _said(text: str) -> Said:
    said = parse(text)
    return {**vars(said.objects[0]), "background": said.background}


def _said_by(text: str) -> Said:
    """As `_said`, but with the words themselves instead of what they mean."""
    return {**_said(text), **{MEANINGS[word][0]: word for word in text.split() if word in MEANINGS}}


def _chance(heard: Said, asked: Said, **other_numbers: int) -> float:
    numbers = {name: len(options) for name, options in OPTIONS.items()} | other_numbers
    wanted = [name for name in asked if asked[name]]
    if any(heard[name] not in (None, asked[name]) for name in wanted):
        return 0.0
    return 1 / prod(numbers[name] for name in wanted if heard[name] is None)


def _each(rule: Callable[[Said, Said], float], said: Callable[[str], Said] = _said) -> Callable[..., dict[str, float]]:
    """The rule for each sentence of a list."""
    return lambda heard, asked: {text: rule(said(heard), said(text)) for text in asked}


def _one_of_all(heard: Said, asked: Said) -> float:
    return _chance(heard, asked) and 1 / prod(len(OPTIONS[name]) for name in OPTIONS if heard[name] is None)


EXERCISE = Exercise(
    name="chance_match",
    lesson="10_text_to_image",
    number=2,
    points=3,
    minutes=12,
    difficulty=2,
    asks="a dict: for each sentence of the list the probability that it is true of a scene that is drawn uniformly "
    "from those that the first sentence allows; every sentence speaks of one object, alone in the picture",
    inputs=_sentences,
    reference=_each(_chance),
    misconceptions=(
        Misconception(
            "nine places for one object",
            _each(lambda heard, asked: _chance(heard, asked, position=9)),
            "You counted nine places. Left, right, top and bottom are for two objects; one alone has fewer.",
        ),
        Misconception(
            "contradiction not seen",
            _each(
                lambda heard, asked: _chance(heard, {name: heard[name] or asked[name] for name in asked if asked[name]})
            ),
            "Where both sentences speak of an attribute, you did not compare what they say: a red star is never blue.",
        ),
        Misconception(
            "first sentence not used",
            _each(lambda heard, asked: _chance(dict.fromkeys(heard), asked)),
            "This is the chance among all scenes. What the first sentence says is certain, and costs no factor.",
        ),
        Misconception(
            "sentences exchanged",
            _each(lambda heard, asked: _chance(asked, heard)),
            "You drew from what the list says, and asked for the first sentence. The painter heard the first one.",
        ),
        Misconception(
            "background forgotten",
            _each(lambda heard, asked: _chance(heard, {**asked, "background": None})),
            "The background is open, too. It belongs to the scene, not to its object, so look for it there.",
        ),
        Misconception(
            "words compared, not meanings",
            _each(_chance, _said_by),
            "You compared words. A tiny crimson disc is a small red circle: let `scenes.parse` say what is meant.",
        ),
        Misconception(
            "one scene of all counted",
            _each(_one_of_all),
            "You divided by the number of all scenes that the first sentence allows. What the second leaves unsaid may "
            "be anything, so many of them count.",
        ),
    ),
)
