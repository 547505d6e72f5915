"""Picture by picture, with cosines written out."""

import torch


def info_nce_with_memory(f, g, memory, tau):
    with torch.no_grad():
        kept = [m / m.norm() for m in memory]
    losses = []
    for i, picture in enumerate(f):
        scores = [torch.dot(picture / picture.norm(), c) / tau for c in [*(c / c.norm() for c in g), *kept]]
        losses.append(sum(score.exp() for score in scores).log() - scores[i])
    return sum(losses) / len(losses)
