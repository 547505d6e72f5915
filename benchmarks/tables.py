"""Writes the rows that a benchmark measured as a CSV file, whole or not at all."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmgen_course.data.atomic import replacing


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
