"""How many pictures a second `render` draws, beside what a learner would write first: PIL or matplotlib.

Run `python benchmarks/render.py`. The goal is 20,000 pictures a second at 32x32 on two idle cores. PIL and matplotlib
draw one plain picture at a time, without stripes or dots, so the ratio flatters them. All of one thread is counted in
processor seconds, which other work on the machine disturbs least; two threads can only be counted by the clock.
"""

import math
import os
import platform
import time
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Circle, Polygon
from PIL import Image, ImageDraw

from mmgen_course.scenes import Scene, SceneObject, render, splits
from mmgen_course.scenes.draw import GREY, RADIUS, RGB
from mmgen_course.scenes.world import CENTRES

SCENES, GOAL = 20_480, 20_000
CORNERS = {
    "square": [(-0.82, -0.82), (0.82, -0.82), (0.82, 0.82), (-0.82, 0.82)],
    "triangle": [(0, -1), (1, 0.8), (-1, 0.8)],
    "diamond": [(0, -1), (0.76, 0), (0, 1), (-0.76, 0)],
    "star": [
        (radius * math.sin(i * math.pi / 5), 0.06 - radius * math.cos(i * math.pi / 5))
        for i, radius in enumerate([1.05, 0.55] * 5)
    ],
    "cross": [
        *((-0.38, -0.95), (0.38, -0.95), (0.38, -0.38), (0.95, -0.38), (0.95, 0.38), (0.38, 0.38)),
        *((0.38, 0.95), (-0.38, 0.95), (-0.38, 0.38), (-0.95, 0.38), (-0.95, -0.38), (-0.38, -0.38)),
    ],
}


def placed(thing: SceneObject) -> tuple[tuple[float, float], float, list[tuple[float, float]]]:
    """Centre, radius and corners of an object; a circle has no corners."""
    (x, y), radius = CENTRES[thing.position], RADIUS[thing.size]
    return (x, y), radius, [(x + radius * a, y + radius * b) for a, b in CORNERS.get(thing.shape, [])]


def with_pil(scene: Scene, size: int, finer: int = 4) -> np.ndarray:
    """One picture with `ImageDraw`, smooth by drawing it finer and scaling it down."""
    image = Image.new("RGB", (size * finer,) * 2, (int(255 * GREY[scene.background]),) * 3)
    pen, half = ImageDraw.Draw(image), size * finer / 2
    for thing in scene.objects:
        (x, y), radius, corners = placed(thing)
        colour = tuple(int(255 * part) for part in RGB[thing.colour])
        if corners:
            pen.polygon([((a + 1) * half, (b + 1) * half) for a, b in corners], fill=colour)
        else:
            reach = 0.95 * radius
            box = [(part + 1) * half for part in (x - reach, y - reach, x + reach, y + reach)]
            pen.ellipse(box, fill=colour)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def with_matplotlib(scene: Scene, size: int) -> np.ndarray:
    """One picture with patches on a figure of this many pixels."""
    figure = plt.figure(figsize=(1, 1), dpi=size, facecolor=str(GREY[scene.background]))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-1, 1), ylim=(1, -1))
    axes.axis("off")
    for thing in scene.objects:
        centre, radius, corners = placed(thing)
        colour = RGB[thing.colour]
        axes.add_patch(Polygon(corners, color=colour) if corners else Circle(centre, 0.95 * radius, color=colour))
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()
    plt.close(figure)
    return picture


Clock = Callable[[], float]


def rate(draw: Callable[[list[Scene]], object], scenes: list[Scene], clock: Clock, repeats: int = 3) -> float:
    """Pictures a second by this clock, the best of some repeats."""
    draw(scenes[:100])  # the first call pays for imports and caches
    seconds = []
    for _ in range(repeats):
        start = clock()
        draw(scenes)
        seconds.append(clock() - start)
    return len(scenes) / min(seconds)


def main() -> None:
    plt.switch_backend("agg")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    busy = f"BUSY with other work: figures are too low; load {load:.1f}" if load > 0.3 else f"idle, load {load:.1f}"
    print(f"{platform.processor() or platform.machine()}, {cores} cores, torch {torch.__version__}, {busy}")

    generator = torch.Generator().manual_seed(0)
    train = splits()["train"]
    print(
        f"{'pictures a second':24} {'2 threads':>9} {'1 thread':>9} {'PIL':>7} {'matplotlib':>10} {'render / PIL':>13}"
    )
    reached = True
    for objects in (1, 2):
        kind = [scene for scene in train if len(scene.objects) == objects]
        chosen = torch.randint(len(kind), (SCENES,), generator=generator).tolist()
        scenes = [kind[i] for i in chosen]
        for size in (32, 64):
            # bind the size, as the functions run within this turn of the loop anyway
            def batch(some: list[Scene], size: int = size) -> torch.Tensor:
                return render(some, size, generator)

            torch.set_num_threads(1)
            one = rate(batch, scenes, time.process_time)
            pil = rate(
                lambda some, size=size: [with_pil(scene, size) for scene in some], scenes[:1000], time.process_time
            )
            figures = rate(
                lambda some, size=size: [with_matplotlib(scene, size) for scene in some],
                scenes[:100],
                time.process_time,
                1,
            )
            torch.set_num_threads(2)
            two = rate(batch, scenes, time.perf_counter)
            label = f"{objects} object{'s' * (objects - 1)}, {size}x{size}"
            print(f"{label:24} {two:9,.0f} {one:9,.0f} {pil:7,.0f} {figures:10,.0f} {one / pil:12.1f}x")
            reached &= size > 32 or two >= GOAL
    print(f"goal of {GOAL:,} a second at 32x32 with two threads: {'reached' if reached else 'not reached'}")


if __name__ == "__main__":
    main()
