"""Lists of rows."""

import numpy as np


def min_max_players(table):
    rows = table.tolist()
    chosen = min(range(len(rows)), key=lambda g: max(rows[g]))
    return chosen, np.int64(rows[chosen].index(max(rows[chosen])))
