"""Steps a second of the generators of scenes in float32 and in bfloat16, by turns in one run.

    python benchmarks/training.py

A recipe sets `bf16=True` only where this says that it is faster.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch

from mmgen_course.generators.caption_decoder import CaptionVAE
from mmgen_course.generators.vae_nets import SCENE_LATENTS
from mmgen_course.recipes import scene_gan, text_to_image
from mmgen_course.recipes.scene_vae import CAPTION_FIRST, SceneVAE, full, learn
from mmgen_course.train import Run, fit, has_bf16, seeded

STEPS, ROUNDS = 12, 3


def gan(run: Run) -> Iterator[Any]:
    return fit(scene_gan.players(run)[0], run.steps, run)


def vae(run: Run) -> Iterator[Any]:
    return learn(seeded(lambda: SceneVAE(SCENE_LATENTS), 0), run, full, CAPTION_FIRST)


def caption_vae(run: Run) -> Iterator[Any]:
    return text_to_image.learn(seeded(lambda: CaptionVAE(text_to_image.LATENTS), 0), run)


def seconds_a_step(losses: Callable[[Run], Iterator[Any]], bf16: bool) -> float:
    steps = losses(Run(steps=STEPS, bf16=bf16))
    next(steps)  # whatever is done once
    start = time.perf_counter()
    taken = sum(1 for _ in steps)
    return (time.perf_counter() - start) / taken


def main() -> None:
    print(f"{torch.get_num_threads()} threads; bfloat16 in hardware: {has_bf16(torch.device('cpu'))}")
    for name, losses in {"scene-gan": gan, "scene-vae": vae, "text-to-image": caption_vae}.items():
        pairs = [(seconds_a_step(losses, False), seconds_a_step(losses, True)) for _ in range(ROUNDS)]
        full_precision, half = (median(column) for column in zip(*pairs, strict=True))
        print(f"{name}: {1 / full_precision:.1f} steps/s in float32, {1 / half:.1f} in bfloat16,", end=" ")
        print(f"{median(a / b for a, b in pairs):.2f} times as fast")


if __name__ == "__main__":
    main()
