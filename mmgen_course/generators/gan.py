"""The losses of both players of a GAN, from logits for real and generated samples; and the penalties.

Derived in lesson 07_gan. A logit is l = log D / (1 - D): positive where the discriminator takes a sample for real.
Every loss is a mean over the batch, in nats where logarithms are taken; whoever plays, minimises.
"""

from collections.abc import Callable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Logits = Float[Tensor, "..."]
Scalar = Float[Tensor, ""]
Discriminator = Callable[[Tensor], Tensor]


def value(real: Logits, fake: Logits) -> Scalar:
    """V(D, G), what the discriminator maximises and the generator minimises; 0 at most, -log 4 where it only guesses.

    Args:
        real: the discriminator's logits for real samples.
        fake: those for generated samples; there may be another number of them.

    Source: I. Goodfellow et al., "Generative Adversarial Nets", NIPS 2014, arXiv 1406.2661, equation 1.

    Example:
        >>> value(torch.zeros(4), torch.zeros(4)).exp()
        tensor(0.2500)
    """
    # E log D(x) + E log(1 - D(G(z))), and log sigma(l) = logsigmoid(l), log(1 - sigma(l)) = logsigmoid(-l)
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def discriminator_loss(real: Logits, fake: Logits) -> Scalar:
    """-V(D, G): the cross-entropy of "real or generated?", summed over the two halves, in nats.

    Example:
        >>> discriminator_loss(torch.tensor([9.0]), torch.tensor([-9.0])) < 0.001
        tensor(True)
    """
    return -value(real, fake)


def saturating_loss(fake: Logits) -> Scalar:
    """The generator's share of V, E log(1 - D(G(z))); flat where D(G(z)) is near 0, as at the start of training.

    Source: Goodfellow et al. 2014, algorithm 1.

    Example:
        >>> fake = torch.tensor(-5.0, requires_grad=True)
        >>> torch.autograd.grad(saturating_loss(fake), fake)[0]  # -sigma(l)
        tensor(-0.0067)
    """
    return F.logsigmoid(-fake).mean()


def non_saturating_loss(fake: Logits) -> Scalar:
    """What generators minimise in practice, -E log D(G(z)); steep where D(G(z)) is near 0, flat near 1.

    Source: Goodfellow et al. 2014, section 3.

    Example:
        >>> fake = torch.tensor(-5.0, requires_grad=True)
        >>> torch.autograd.grad(non_saturating_loss(fake), fake)[0]  # -(1 - sigma(l))
        tensor(-0.9933)
    """
    return -F.logsigmoid(fake).mean()


def hinge_discriminator_loss(real: Logits, fake: Logits) -> Scalar:
    """E max(0, 1 - l(x)) + E max(0, 1 + l(G(z))): who is beyond the margin of 1 on the right side is left alone.

    Source: T. Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018,
    arXiv 1802.05957, section 4.

    Example:
        >>> hinge_discriminator_loss(torch.tensor([2.0, 0.0]), torch.tensor([-1.0, -3.0]))
        tensor(0.5000)
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator_loss(fake: Logits) -> Scalar:
    """-E l(G(z)): the generator that plays against `hinge_discriminator_loss`.

    Source: Miyato et al. 2018, section 4.

    Example:
        >>> hinge_generator_loss(torch.tensor([2.0, 0.0]))
        tensor(-1.)
    """
    return -fake.mean()


def wasserstein_discriminator_loss(real: Logits, fake: Logits) -> Scalar:
    """E f(G(z)) - E f(x) for the scores of a critic f; minus it is at most the distance W1 if f is 1-Lipschitz.

    Source: M. Arjovsky, S. Chintala, L. Bottou, "Wasserstein GAN", ICML 2017, arXiv 1701.07875, equation 2.

    Example:
        >>> wasserstein_discriminator_loss(torch.tensor([3.0]), torch.tensor([1.0]))
        tensor(-2.)
    """
    return fake.mean() - real.mean()


def wasserstein_generator_loss(fake: Logits) -> Scalar:
    """-E f(G(z)): the generator that plays against `wasserstein_discriminator_loss`.

    Source: Arjovsky et al. 2017, algorithm 1.

    Example:
        >>> wasserstein_generator_loss(torch.tensor([3.0, 1.0]))
        tensor(-2.)
    """
    return -fake.mean()


def matching_discriminator_loss(real: Logits, mismatched: Logits, fake: Logits) -> Scalar:
    """The hinge loss of a discriminator that reads captions: two kinds of lies, each with half of their weight.

    Args:
        real: logits of real pictures with their captions.
        mismatched: of real pictures with captions of other pictures, so that it looks at the caption at all.
        fake: of generated pictures with the captions that they were made for.

    Source: S. Reed et al., "Generative Adversarial Text to Image Synthesis", ICML 2016, arXiv 1605.05396,
    algorithm 1, with the hinge in place of the logarithms.

    Example:
        >>> matching_discriminator_loss(torch.tensor([1.0]), torch.tensor([1.0]), torch.tensor([-1.0]))
        tensor(1.)
    """
    return F.relu(1 - real).mean() + (F.relu(1 + mismatched).mean() + F.relu(1 + fake).mean()) / 2


def optimal_discriminator(p: Logits, q: Logits) -> Logits:
    """D*(x) = p(x) / (p(x) + q(x)), of the densities of the data and of what the generator makes.

    Source: Goodfellow et al. 2014, proposition 1.

    Example:
        >>> optimal_discriminator(torch.tensor(3.0), torch.tensor(1.0))
        tensor(0.7500)
    """
    return p / (p + q)


def js_divergence(p: Float[Tensor, " k"], q: Float[Tensor, " k"]) -> Scalar:
    """The Jensen-Shannon divergence of two distributions over the same K values, in nats: from 0 to log 2.

    Example:
        >>> js_divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))
        tensor(0.6931)
    """
    m = (p + q) / 2
    # JS = KL(p || m) / 2 + KL(q || m) / 2, and 0 log 0 = 0
    return (torch.xlogy(p, p) + torch.xlogy(q, q)).sum() / 2 - torch.xlogy(m, m).sum()


def gradient_norms(discriminator: Discriminator, x: Float[Tensor, "n *rest"]) -> Float[Tensor, " n"]:
    """The length of the discriminator's gradient by each of N samples; it can be differentiated by the weights.

    Example:
        >>> gradient_norms(lambda x: (3 * x).sum(1), torch.zeros(2, 4))
        tensor([6., 6.])
    """
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return slope.flatten(1).norm(dim=1)


def interpolates(
    real: Float[Tensor, "n *rest"], fake: Float[Tensor, "n *rest"], generator: torch.Generator | None = None
) -> Float[Tensor, "n *rest"]:
    """One random point on the line between each real sample and a generated one.

    Example:
        >>> x = interpolates(torch.zeros(5, 2), torch.ones(5, 2), torch.Generator().manual_seed(0))
        >>> bool((x[:, 0] == x[:, 1]).all()), x.shape
        (True, torch.Size([5, 2]))
    """
    epsilon = torch.rand(len(real), *[1] * (real.ndim - 1), generator=generator, dtype=real.dtype).to(real.device)
    return epsilon * real + (1 - epsilon) * fake


def gradient_penalty(discriminator: Discriminator, at: Float[Tensor, "n *rest"]) -> Scalar:
    """E (||grad f|| - 1)^2, mean over N points: 0 where a critic's slope is 1, the steepest that W1 allows.

    Ask it at the `interpolates` of real and generated samples.

    Source: I. Gulrajani et al., "Improved Training of Wasserstein GANs", NIPS 2017, arXiv 1704.00028, equation 3
    without its factor lambda = 10.

    Example:
        >>> gradient_penalty(lambda x: 3 * x.sum(1), torch.zeros(2, 1))  # (3 - 1)^2, not (9 - 1)^2
        tensor(4.)
    """
    return (gradient_norms(discriminator, at) - 1).square().mean()


def r1_penalty(discriminator: Discriminator, real: Float[Tensor, "n *rest"]) -> Scalar:
    """E ||grad l||^2 / 2, mean over N real samples: the discriminator is to be flat where the data is.

    Source: L. Mescheder, A. Geiger, S. Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
    arXiv 1801.04406, without its factor gamma.

    Example:
        >>> r1_penalty(lambda x: 3 * x.sum(1), torch.zeros(2, 1))
        tensor(4.5000)
    """
    return gradient_norms(discriminator, real).square().mean() / 2


def spectral_norm(weight: Float[Tensor, "rows *columns"], steps: int = 30) -> Scalar:
    """The largest singular value of a matrix, by power iteration; a kernel (K, C, h, w) counts as K rows.

    It starts near the longest row, the same at every call; not from it, for it may be orthogonal to the direction that
    is sought. Its two vectors are constants to the gradient.

    Raises:
        ValueError: fewer than one step.

    Source: Miyato et al. 2018, algorithm 1.

    Example:
        >>> spectral_norm(torch.diag(torch.tensor([1.0, 3.0, 2.0])))
        tensor(3.)
    """
    if steps < 1:
        raise ValueError(f"expected at least one step of power iteration; got {steps}")
    w = rearrange(weight, "rows ... -> rows (...)")
    with torch.no_grad():
        aside = torch.randn(w.shape[1], generator=torch.Generator().manual_seed(0)).to(w)
        v = F.normalize(w[w.norm(dim=1).argmax()], dim=0) + 0.1 * F.normalize(aside, dim=0)
        for _ in range(steps):
            u = F.normalize(w @ v, dim=0)
            v = F.normalize(w.mT @ u, dim=0)
    return u @ w @ v
