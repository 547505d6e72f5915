"""Models and their losses go in; the loss of each step comes out while the models learn: the one loop of the course.

Lesson 03_cnn_features writes the loop out before it imports it. Read `player`, `loop`, then `run` and `checkpoint` (what
lies on the disk while a training goes on), then `parallel` (the same training in several processes).
"""

from mmgen_course.train.loop import fit, minimise
from mmgen_course.train.parallel import is_first, processes, shard
from mmgen_course.train.player import Player, constant, ema, seeded, warmup_cosine
from mmgen_course.train.run import Run, digest, has_bf16

__all__ = [
    "Play",
    "Run",
    "digest",
    "ema",
    "fit",
    "has_bf16",
    "is_first",
    "mine",
    "minimise",
    "processes",
    "rate_at",
    "seeded",
    "steady",
]
