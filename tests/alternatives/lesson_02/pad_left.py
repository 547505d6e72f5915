"""One id after another."""

import torch


def pad_left(rows):
    longest = max(len(row) for row in rows)
    ids, mask, places = (torch.zeros(len(rows), longest, dtype=kind) for kind in (torch.long, torch.bool, torch.long))
    for n, row in enumerate(rows):
        for place, number in enumerate(row):
            column = longest - len(row) + place
            ids[n, column], mask[n, column], places[n, column] = number, True, place
    return ids, mask, places
