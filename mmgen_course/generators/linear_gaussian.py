"""The one latent-variable model whose every quantity is known: z ~ N(0, I), x given z ~ N(W z + b, sigma^2 I).

Points go in; their exact log p(x), the exact posterior and the exact ELBO of any Gaussian q come out. It is the ruler
of lesson 08_vae (and probabilistic principal component analysis: M. E. Tipping, C. M. Bishop, 1999).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal

from mmgen_course.generators.vae import LOG_2PI


class Normal(NamedTuple):
    """n normal distributions over d numbers, one for each row of the mean, and one covariance for all."""

    mean: Float[Tensor, "n d"]
    covariance: Float[Tensor, "d d"]


def normal_kl(q: Normal, p: Normal) -> Float[Tensor, " n"]:
    """KL(q || p) of each row, in nats: half of tr(P^-1 Q) + (m_p - m_q)' P^-1 (m_p - m_q) - d + log det P / det Q.

    Example:
        >>> one, other = (Normal(torch.tensor([[mean]]), torch.eye(1)) for mean in (0.0, 2.0))
        >>> normal_kl(one, other)  # half the squared distance
        tensor([2.])
    """
    apart = p.mean - q.mean
    precision = torch.linalg.inv(p.covariance)
    spread = (precision @ q.covariance).trace() - len(precision)
    volumes = p.covariance.logdet() - q.covariance.logdet()
    return (spread + torch.einsum("nd,de,ne->n", apart, precision, apart) + volumes) / 2


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(0, I) in k numbers, p(x|z) = N(W z + b, sigma^2 I) in d numbers.

    Attributes:
        weight: W.
        bias: b.
        sigma: standard deviation of x about W z + b.

    Source: Tipping and Bishop, "Probabilistic Principal Component Analysis", Journal of the Royal Statistical Society
    B 61(3), 1999, equations 1 to 8.

    Example:
        >>> model = LinearGaussian(torch.tensor([[1.0]]), torch.zeros(1), sigma=1.0)
        >>> model.posterior(torch.tensor([[3.0]]))  # halfway between the prior's 0 and the data's 3
        Normal(mean=tensor([[1.5000]]), covariance=tensor([[0.5000]]))
    """

    weight: Float[Tensor, "d k"]
    bias: Float[Tensor, " d"]
    sigma: float

    def marginal(self) -> MultivariateNormal:
        """p(x) = N(b, W W' + sigma^2 I); its `log_prob` gives log p(x) in nats."""
        noise = self.sigma**2 * torch.eye(len(self.bias), dtype=self.bias.dtype)
        return MultivariateNormal(self.bias, self.weight @ self.weight.T + noise)

    def log_marginal(self, x: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """log p(x) of each point, in nats."""
        return self.marginal().log_prob(x)

    def posterior(self, x: Float[Tensor, "n d"]) -> Normal:
        """p(z|x), exactly: precision I + W'W / sigma^2, mean = covariance @ W'(x - b) / sigma^2.

        Every point has the same covariance: only the mean depends on x.
        """
        inverse = torch.eye(self.weight.shape[1], dtype=self.weight.dtype)
        covariance = torch.linalg.inv(inverse + self.weight.T @ self.weight / self.sigma**2)
        return Normal((x - self.bias) @ self.weight @ covariance / self.sigma**2, covariance)

    def log_likelihood(self, x: Float[Tensor, "*n d"], z: Float[Tensor, "*n k"]) -> Float[Tensor, "*n"]:
        """log p(x|z), summed over the d numbers of a point."""
        apart = (x - z @ self.weight.T - self.bias) / self.sigma
        size = len(self.bias)
        return -(apart.square().sum(dim=-1) + size * LOG_2PI) / 2 - size * math.log(self.sigma)

    def elbo(self, x: Float[Tensor, "n d"], q: Normal) -> Float[Tensor, " n"]:
        """The ELBO of each point for a Gaussian q, in closed form, in nats.

        The mean of a square is the square of the mean plus the variance, so E_q[log p(x|z)] is the likelihood at
        q's mean less tr(W Q W') / 2 sigma^2.
        """
        blur = (self.weight @ q.covariance @ self.weight.T).trace() / (2 * self.sigma**2)
        prior = Normal(torch.zeros_like(q.mean), torch.eye(self.weight.shape[1], dtype=x.dtype))
        return self.log_likelihood(x, q.mean) - blur - normal_kl(q, prior)

    def best_diagonal(self, x: Float[Tensor, "n d"]) -> Normal:
        """Of all q with independent latent variables the one with the highest ELBO: the diagonal of the precision.

        Its mean is the posterior's; its variances are one over the diagonal of the posterior's precision, and so never
        larger than the posterior's own.
        """
        mean, covariance = self.posterior(x)
        return Normal(mean, torch.diag(1 / torch.linalg.inv(covariance).diagonal()))

    def draw(self, n: int, generator: torch.Generator) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n d"]]:
        """n latent points and the points that they make."""
        size, latents = self.weight.shape
        z = torch.randn(n, latents, generator=generator, dtype=self.weight.dtype)
        noise = torch.randn(n, size, generator=generator, dtype=self.weight.dtype)
        return z, z @ self.weight.T + self.bias + self.sigma * noise
