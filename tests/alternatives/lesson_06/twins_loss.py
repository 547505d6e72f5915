"""Sums of exponentials, question by question."""

import math

from torch.nn import functional as F


def twins_loss(f, g, caption, tau):
    number, n, total = caption.tolist(), len(f), 0.0
    e = [[math.exp(F.cosine_similarity(x, y, dim=0).item() / tau) for y in g] for x in f]
    for i in range(n):
        right = [j for j in range(n) if number[j] == number[i]]
        row, column = sum(e[i]), sum(e[k][i] for k in range(n))
        surprise = sum(math.log(row / e[i][j]) + math.log(column / e[j][i]) for j in right)
        total += surprise / len(right)
    return total / (2 * n)
