"""Through the counts themselves, in double precision."""

import numpy as np
import torch


def ratio_from_vectors(w, v, b, c, i, j):
    counts = np.exp((w @ v.T + b[:, None] + c[None]).double().numpy())
    shares = counts / counts.sum(axis=1, keepdims=True)
    return torch.from_numpy(shares[i] / shares[j])
