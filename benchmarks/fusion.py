"""Who uses the text? Four fusions of equal size, trained alike on "is this caption true of this picture?".

Run `python benchmarks/fusion.py`: five seeds of each, with the true captions and with captions shuffled in training; it
writes trained/fusion.csv, which ships as data/results/fusion.csv. About ten minutes of one processor core.
"""

import sys
from pathlib import Path

import tables

from mmgen_course.evaluate.fusion_comparison import (
    HARD_NEGATIVES,
    WIDTHS,
    all_questions,
    build,
    evaluate_matcher,
    train_matcher,
)

SEEDS = range(5)


def rows() -> list[dict[str, object]]:
    """A row for each fusion, each kind of caption, each seed and each kind of question."""
    train, test = all_questions()
    found: list[dict[str, object]] = []
    for captions in ("true", "shuffled"):
        for seed in SEEDS:
            for fusion in WIDTHS:
                matcher = build(fusion, seed)
                losses = list(train_matcher(matcher, train, seed, shuffled=captions == "shuffled"))
                size = sum(weight.numel() for weight in matcher.parameters())
                for kind in HARD_NEGATIVES:
                    measured = {name: round(value, 4) for name, value in evaluate_matcher(matcher, test[kind]).items()}
                    row = {"fusion": fusion, "captions in training": captions, "seed": seed, "parameters": size}
                    found.append({**row, "question": kind, **measured})
                    print(*found[-1].values(), f"loss {sum(losses[-100:]) / 100:.3f}", flush=True)
    return found


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "trained/fusion.csv")
    tables.write(path, rows())


if __name__ == "__main__":
    main()
