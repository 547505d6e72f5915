"""The statistics of pixels made to have them."""

import numpy as np
import torch


def pooled_statistics(means, stds, counts):
    """Pixels that have these statistics: half of them one standard deviation above the mean, half below."""
    pixels = torch.cat([means + stds, means - stds]).double()
    weights = torch.cat([counts, counts])
    mean = torch.from_numpy(np.average(pixels, axis=0, weights=weights))
    return mean, torch.from_numpy(np.average((pixels - mean) ** 2, axis=0, weights=weights)).sqrt()
