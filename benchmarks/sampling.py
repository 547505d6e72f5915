"""Pictures a second of the pipeline and of its networks alone, for several batch sizes and one or two threads.

    python benchmarks/sampling.py

The bar is 200 pictures a second on two cores. "pipeline" is a caption that leaves everything open, completed anew for
each picture; "network" the network alone, its words read anew for each picture.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch

from mmgen_course import pipeline
from mmgen_course.features.encoders import word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.generators.caption_decoder import load_text_to_image

CAPTION = "a star"
FULL = "a large flat red star in the centre on a light background"
BATCHES, THREADS, SIZES = (1, 8, 64, 256), (1, 2), (32, 64, 256)
BAR, ROUNDS, SECONDS = 200, 3, 0.7


def decoder() -> Callable[[int], object]:
    network = load_text_to_image().requires_grad_(False)
    words, mask = word_features([FULL], load_scene_vectors())

    def draw(n: int) -> torch.Tensor:
        return network(torch.randn(n, network.latents), words.expand(n, -1, -1), mask.expand(n, -1))

    return draw


def pictures_a_second(draw: Callable[[int], object], n: int) -> float:
    """The median of a few rounds, each of at least `SECONDS`."""
    draw(n)  # whatever is done once
    rates = []
    for _ in range(ROUNDS):
        start, drawn = time.perf_counter(), 0
        while (taken := time.perf_counter() - start) < SECONDS:
            draw(n)
            drawn += n
        rates.append(drawn / taken)
    return median(rates)


def main() -> None:
    draws: dict[str, Callable[[int], object]] = {"decoder, 32x32": decoder()}
    for size in SIZES:
        draws[f"pipeline, {size}x{size}"] = partial(_pipeline, size=size)
    draws["pipeline, 32x32, gan"] = partial(_pipeline, size=32, model="gan")
    print(f"pictures a second (bar: {BAR})")
    print(f"{'':24}{'threads':>8}" + "".join(f"{f'{n} at once':>14}" for n in BATCHES))
    for threads in THREADS:
        torch.set_num_threads(threads)
        for name, draw in draws.items():
            rates = "".join(f"{pictures_a_second(draw, n):14,.0f}" for n in BATCHES)
            print(f"{name:24}{threads:8}{rates}")


def _pipeline(n: int, size: int, model: pipeline.Model = "vae") -> torch.Tensor:
    return pipeline.generate(CAPTION, n, size=size, model=model)


if __name__ == "__main__":
    main()
