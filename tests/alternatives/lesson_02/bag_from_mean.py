"""The normal equations."""

import numpy as np
import torch


def bag_from_mean(mean, table, n):
    vectors = table.double().numpy()
    counts = np.linalg.solve(vectors @ vectors.T, vectors @ (n * mean.double().numpy()))
    return torch.tensor([int(count + 0.5) for count in counts])
