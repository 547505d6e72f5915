"""Pair by pair."""

import math

import torch
from torch.nn import functional as F


def all_pairs_loss(logits, fake, captions):
    terms = {True: [], False: []}
    for i, of_picture in enumerate(captions.tolist()):
        for j, said in enumerate(captions.tolist()):
            right = of_picture == said
            logit = logits[i, j].item()
            terms[right].append(math.log1p(math.exp(-logit if right else logit)))
    of_right, of_wrong = (sum(terms[right]) / len(terms[right]) for right in (True, False))
    of_fake = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)).item()
    return of_right + of_wrong / 2 + of_fake / 2
