"""Log-sum-exp by hand, picture by picture."""

import math

import torch


def iwae_bound(log_joint, log_q):
    columns = (log_joint - log_q).T.double().tolist()
    bounds = []
    for k in range(1, len(log_q) + 1):
        of_pictures = []
        for column in columns:
            highest = max(column[:k])
            of_pictures.append(highest + math.log(sum(math.exp(x - highest) for x in column[:k]) / k))
        bounds.append(sum(of_pictures) / len(of_pictures))
    return torch.tensor(bounds)
