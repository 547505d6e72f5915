"""Which game keeps all modes? Seven games on a ring of eight Gaussians, at equal budget, with five seeds each.

Run `python benchmarks/gan.py`: every game with three balances of the two players, 4,800 updates of networks each; it
writes trained/gan.csv, which ships as data/results/gan.csv. About twelve minutes of one processor core.
"""

import sys
import time
from pathlib import Path

import tables
import torch

from mmgen_course.generators.ring_gan import GAMES, TURNS, UPDATES, coverage, draw, ring_gan
from mmgen_course.train import fit

SEEDS = range(5)
LOOKS = 5  # how often a run is measured, in the last half of its steps: the end alone may be a lucky moment


def measured(game: str, turns: str, seed: int, updates: int = UPDATES) -> dict[str, object]:
    """Play one game; modes and quality are means over its last half."""
    steps = updates // sum(TURNS[turns])
    networks = ring_gan(GAMES[game], seed, TURNS[turns])
    found, start = [], time.process_time()
    for step, _ in enumerate(fit(networks.players, steps), start=1):
        if step % (steps // (2 * LOOKS)) == 0 and step > steps / 2:
            found.append(coverage(draw(networks.generator)))
    seconds = time.process_time() - start
    modes, quality = (sum(column) / len(found) for column in zip(*found, strict=True))
    row = {"game": game, "turns": turns, "seed": seed, "updates": updates, "seconds": round(seconds, 1)}
    return {**row, "modes": round(modes, 2), "quality": round(quality, 3), "modes at the end": found[-1].modes}


def main() -> None:
    torch.set_num_threads(1)
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "trained/gan.csv")
    rows = []
    for turns in TURNS:
        for game in GAMES:
            for seed in SEEDS:
                rows.append(measured(game, turns, seed))
                print(*rows[-1].values(), flush=True)
    tables.write(path, rows)


if __name__ == "__main__":
    main()
