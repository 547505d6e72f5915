"""Every scene of one object, counted."""

from itertools import product

import numpy as np

from mmgen_course.scenes import BACKGROUNDS, COLOURS, SHAPES, SIZES, STYLES, Scene, SceneObject, parse
from mmgen_course.scenes.world import ALONE


def chance_match(heard, asked):
    """Draw every scene of one object, and count."""
    said, wanted = parse(heard), [parse(text) for text in asked]
    every = (
        Scene((SceneObject(*values),), ground)
        for *values, ground in product(SHAPES, COLOURS, SIZES, STYLES, ALONE, BACKGROUNDS)
        if values[0] == said.objects[0].shape
    )
    allowed = [scene for scene in every if said.hold_for(scene)]
    shares = (np.float64(sum(want.hold_for(scene) for scene in allowed) / len(allowed)) for want in wanted)
    return dict(zip(asked, shares, strict=True))
