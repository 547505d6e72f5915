"""The generated world of scenes: `Scene` -> image and caption, caption -> what it says about a scene.

Read in the order `world` (what exists), `draw`, `words`, `constraints`, `parsing`, `splits`; lesson 00 shows all of it.
"""

from mmgen_course.scenes.completion import complete
from mmgen_course.scenes.constraints import Constraints
from mmgen_course.scenes.draw import RGB, encode, render
from mmgen_course.scenes.parsing import UnknownWords, parse
from mmgen_course.scenes.splits import splits
from mmgen_course.scenes.words import BASE_WORDS, HELD_OUT_WORDS, TRAINING_WORDS, caption
from mmgen_course.scenes.world import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    POSITIONS,
    RELATIONS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    SceneObject,
)

__all__ = [
    "ATTRIBUTES",
    "BACKGROUNDS",
    "BASE_WORDS",
    "COLOURS",
    "HELD_OUT_WORDS",
    "POSITIONS",
    "RELATIONS",
    "RGB",
    "SHAPES",
    "SIZES",
    "STYLES",
    "TRAINING_WORDS",
    "Constraints",
    "Scene",
    "SceneObject",
    "UnknownWords",
    "caption",
    "complete",
    "encode",
    "parse",
    "render",
    "splits",
]
