"""The normal equations, summed over pixels."""

import numpy as np
import torch


def palette_of_picture(picture, shares):
    k = len(shares)
    left, right = np.zeros((k, k)), np.zeros((k, 3))
    for i, j in np.ndindex(*picture.shape[1:]):
        pixel, share = picture[:, i, j].double().numpy(), shares[:, i, j].double().numpy()
        left += np.outer(share, share)
        right += np.outer(share, pixel)
    return torch.from_numpy(np.linalg.solve(left, right))
