"""The terms of a variational autoencoder: the decoder's likelihood, the encoder's KL divergence, and the bound.

Every sum runs over the pixels and the latent variables of one image, every mean over images: all is in nats per image.
Derived in lesson 08_vae; the exact model that checks it is `linear_gaussian`, the networks are in `vae_nets`.
"""

import math
from typing import NamedTuple

import torch
from einops import rearrange, reduce
from jaxtyping import Bool, Float
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
ACTIVE = 0.01  # variance over images from which a latent variable counts as active: Burda et al. 2016


class Elbo(NamedTuple):
    """The bound and its two terms, each a mean over images, in nats per image: elbo = reconstruction - kl."""

    elbo: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    kl: Float[Tensor, ""]


def reparameterise(mu: Float[Tensor, "*n d"], logvar: Float[Tensor, "*n d"], noise: Float[Tensor, "*k d"]) -> Tensor:
    """A draw from N(mu, exp(logvar)) that gradients pass through: mu + sigma * noise, with sigma = exp(logvar / 2).

    Args:
        mu, logvar: mean and log of the variance of each latent variable.
        noise: standard normal; with K more rows than mu in front, (K, n, d), it makes K draws.

    Source: D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014, section 2.4.

    Example:
        >>> reparameterise(torch.tensor([1.0]), torch.tensor([4.0]).log(), torch.tensor([0.5]))
        tensor([2.])
    """
    return mu + (logvar / 2).exp() * noise


# ---- the prior's side: how far the encoder's Gaussian is from N(0, I)


def gaussian_kl_terms(mu: Float[Tensor, "n d"], logvar: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """KL(N(mu, sigma^2) || N(0, 1)) of each latent variable of each image, in nats: never negative.

    (mu^2 + sigma^2 - log sigma^2 - 1) / 2, and `logvar` is the log of the *variance*.

    Source: Kingma and Welling 2014, appendix B.

    Example:
        >>> gaussian_kl_terms(torch.tensor([[0.3]]), torch.tensor([[-1.4]]))  # log sigma is -0.7
        tensor([[0.3683]])
    """
    # expm1: near zero exp(logvar) - 1 would lose its digits
    return (mu.square() + torch.expm1(logvar) - logvar) / 2


def gaussian_kl(mu: Float[Tensor, "n d"], logvar: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """KL(q(z|x) || p(z)), summed over the d latent variables, mean over the n images: nats per image.

    Example:
        >>> gaussian_kl(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.zeros(2, 2))
        tensor(0.2500)
    """
    return gaussian_kl_terms(mu, logvar).sum(dim=1).mean()


def free_bits(terms: Float[Tensor, "n d"], floor: float) -> Float[Tensor, ""]:
    """The KL as a loss that asks nothing of a latent variable below `floor` nats: sum_j of max(floor, mean_n KL_j).

    Args:
        terms: from `gaussian_kl_terms`.
        floor: nats that each latent variable may use without paying.

    Source: D. P. Kingma et al., "Improved Variational Inference with Inverse Autoregressive Flow", NIPS 2016,
    the section on free bits, with a group of its own for each latent variable.

    Example:
        >>> free_bits(torch.tensor([[0.1, 2.0], [0.3, 4.0]]), floor=0.5)
        tensor(3.5000)
    """
    return terms.mean(dim=0).clamp(min=floor).sum()


def active_units(mu: Float[Tensor, "n d"], threshold: float = ACTIVE) -> Bool[Tensor, " d"]:
    """Which latent variables say anything about the image: their mean varies over images by more than a threshold.

    Source: Y. Burda, R. Grosse, R. Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016.

    Example:
        >>> active_units(torch.tensor([[1.0, 0.01], [-1.0, -0.01]])).tolist()
        [True, False]
    """
    return mu.var(dim=0, correction=0) > threshold


# ---- the data's side: log p(x|z) of each image, with nothing left out


def gaussian_log_likelihood(
    images: Float[Tensor, "*n c h w"], mean: Float[Tensor, "*n c h w"], sigma: Float[Tensor, ""] | float
) -> Float[Tensor, "*n"]:
    """log N(x; mean, sigma^2) of each image, summed over pixels: a log density, so it may be positive.

    The sigma is one number for all pixels, in the units of the pixels; -|x - mean|^2 / 2 sigma^2 is its only term that
    a fixed sigma leaves to learn.

    Example:
        >>> gaussian_log_likelihood(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), 1.0)  # -log(2 pi)
        tensor([-1.8379])
    """
    sigma = torch.as_tensor(sigma, dtype=images.dtype)
    each = -(((images - mean) / sigma).square() + LOG_2PI) / 2 - sigma.log()
    return reduce(each, "... c h w -> ...", "sum")


# ---- the bound


def elbo(log_likelihood: Float[Tensor, " n"], mu: Float[Tensor, "n d"], logvar: Float[Tensor, "n d"]) -> Elbo:
    """The evidence lower bound for a prior N(0, I), mean over images, and its two terms apart, in nats per image.

    Args:
        log_likelihood: log p(x|z) of each image, *summed* over its pixels, at one z drawn from q(z|x).
        mu, logvar: of q(z|x), the encoder's answer for each image.

    Source: Kingma and Welling 2014.

    Example:
        >>> elbo(torch.tensor([-80.0, -100.0]), torch.tensor([[2.0], [0.0]]), torch.zeros(2, 1))
        Elbo(elbo=tensor(-91.), reconstruction=tensor(-90.), kl=tensor(1.))
    """
    reconstruction, kl = log_likelihood.mean(), gaussian_kl(mu, logvar)
    return Elbo(reconstruction - kl, reconstruction, kl)


def log_normal(z: Float[Tensor, "*k d"], mu: Tensor | float = 0.0, logvar: Tensor | float = 0.0) -> Float[Tensor, "*k"]:
    """log N(z; mu, exp(logvar)), summed over the d latent variables; without mu and logvar that of the prior.

    Example:
        >>> log_normal(torch.zeros(2))  # -log(2 pi)
        tensor(-1.8379)
    """
    mu, logvar = (torch.as_tensor(value, dtype=z.dtype) for value in (mu, logvar))
    return -((z - mu).square() / logvar.exp() + logvar + LOG_2PI).sum(dim=-1) / 2


def iwae(log_weights: Float[Tensor, "k n"]) -> Float[Tensor, ""]:
    """The importance-weighted bound L_K on log p(x): log of the mean of K weights, then mean over images.

    Args:
        log_weights: log p(x|z) + log p(z) - log q(z|x) at K draws of z from q(z|x), for each of n images.

    Returns:
        Nats per image; K = 1 is the ELBO, and L_K rises with K towards log p(x).

    Source: Burda, Grosse, Salakhutdinov 2016.

    Example:
        >>> round(iwae(torch.tensor([[1.0], [3.0]]).log()).exp().item(), 4)  # the mean of two weights
        2.0
    """
    return (torch.logsumexp(log_weights, dim=0) - math.log(len(log_weights))).mean()


# ---- between two points


def between(a: Float[Tensor, " *s"], b: Float[Tensor, " *s"], steps: int) -> Float[Tensor, "steps *s"]:
    """`steps` points on the straight line from a to b, both ends among them.

    Example:
        >>> between(torch.tensor([0.0, 4.0]), torch.tensor([1.0, 0.0]), steps=3)
        tensor([[0.0000, 4.0000],
                [0.5000, 2.0000],
                [1.0000, 0.0000]])
    """
    share = torch.linspace(0, 1, steps, dtype=a.dtype)
    return torch.lerp(a, b, rearrange(share, f"steps -> steps {' '.join('1' for _ in a.shape)}"))
