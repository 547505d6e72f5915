"""The affine map, probed with unit vectors."""

import torch

from mmgen_course.features.cnn import conv2d


def fold_norm_before(w, b, mean, variance, gamma, beta, eps):
    """conv(BN(x)) is affine: its answer to zeros is the bias, and to a single 1, without the bias, a weight."""
    size, channels = w.shape[-1], w.shape[1]
    probes = torch.cat([torch.zeros(1, channels * size**2), torch.eye(channels * size**2)]).reshape(-1, *w.shape[1:])
    learned = (p.double() for p in (mean, variance, gamma, beta))
    norm = torch.nn.functional.batch_norm(probes.double(), *learned, eps=eps)
    answers = conv2d(norm, w.double(), b.double())[..., 0, 0]  # (1 + C k k, Q)
    return (answers[1:] - answers[0]).T.reshape(w.shape), answers[0]
