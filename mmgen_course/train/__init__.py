"""The one training loop of the course: seeded, with checkpoints that go on bit for bit, in one process or several.

Lesson 03_cnn_features writes the loop out before it imports it. Read `player`, `loop`, then `run` and `checkpoint`
(what lies on the disk while a training goes on), then `parallel` (the same training in several processes).
"""

from mmgen_course.train.loop import fit, minimise
from mmgen_course.train.parallel import is_first, processes, shard
from mmgen_course.train.player import Player, constant, ema, seeded, warmup_cosine
from mmgen_course.train.run import TEST_SEED, Run, digest, has_bf16

__all__ = [
    "TEST_SEED",
    "Player",
    "Run",
    "constant",
    "digest",
    "ema",
    "fit",
    "has_bf16",
    "is_first",
    "minimise",
    "processes",
    "seeded",
    "shard",
    "warmup_cosine",
]
