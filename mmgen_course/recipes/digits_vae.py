"""Variational autoencoders of the real digits, and a plain autoencoder beside them: three trainings of one network.

The decoder's likelihood is Gaussian with one learned sigma, in the units of a pixel, 0 to 1; so log p(x) is the log of
a density over the 64 greys of a picture. Lesson 08_vae uses all three.
"""

from collections.abc import Callable, Generator, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mmgen_course.data.digit_tensors import digit_images
from mmgen_course.data.weights import save_weights
from mmgen_course.generators.vae import active_units, elbo, gaussian_log_likelihood, reparameterise
from mmgen_course.generators.vae_nets import DigitVAE
from mmgen_course.recipes.recipe import TEST_SEED, Measured, Recipe, named
from mmgen_course.train import Run, digest, minimise, seeded

BATCH = 100
PLANE, WIDE = 2, 16  # latent variables

Loss = Callable[[DigitVAE, Float[Tensor, "n 1 8 8"], torch.Generator], Float[Tensor, ""]]


def negative_elbo(vae: DigitVAE, images: Float[Tensor, "n 1 8 8"], generator: torch.Generator) -> Float[Tensor, ""]:
    """The loss of a VAE: minus the bound, in nats per image.

    Example:
        >>> negative_elbo(DigitVAE(2), torch.zeros(3, 1, 8, 8), torch.Generator().manual_seed(0)).shape
        torch.Size([])
    """
    q = vae.encode(images)
    z = reparameterise(*q, torch.randn(q.mu.shape, generator=generator))
    return -elbo(gaussian_log_likelihood(images, vae.decode(z), vae.sigma), *q).elbo


def reconstruction_alone(vae: DigitVAE, images: Float[Tensor, "n 1 8 8"], _: torch.Generator) -> Float[Tensor, ""]:
    """The loss of a plain autoencoder: no noise, no prior; nats per image.

    Example:
        >>> reconstruction_alone(DigitVAE(2), torch.zeros(3, 1, 8, 8), torch.Generator()).shape
        torch.Size([])
    """
    return -gaussian_log_likelihood(images, vae.decode(vae.encode(images).mu), vae.sigma).mean()


def train_digits(
    vae: DigitVAE,
    images: Float[Tensor, "n 1 8 8"],
    steps: int,
    generator: torch.Generator,
    loss: Loss = negative_elbo,
    run: Run | None = None,
) -> Iterator[float]:
    """Train on random batches, and yield the loss after each step; see `mmgen_course.train.minimise`.

    Example:
        >>> losses = list(train_digits(DigitVAE(2), torch.zeros(8, 1, 8, 8), 2, torch.Generator().manual_seed(0)))
        >>> losses[1] < losses[0]
        True
    """

    def one_batch() -> Tensor:
        chosen = torch.randint(len(images), (BATCH,), generator=generator)
        return loss(vae, images[chosen].to(next(vae.parameters()).device), generator)

    return minimise(vae, one_batch, steps, rate=2e-3, run=run)


@torch.no_grad()
def measure(vae: DigitVAE, images: Float[Tensor, "n 1 8 8"], draws: int = 20) -> Measured:
    """ELBO, reconstruction and KL in nats per image, mean over images and draws of z; and how many numbers are active.

    Example:
        >>> measure(DigitVAE(2), torch.zeros(4, 1, 8, 8)).keys() >= {"elbo", "kl"}
        True
    """
    generator = torch.Generator().manual_seed(TEST_SEED)
    q = vae.encode(images)
    noise = torch.randn(draws, *q.mu.shape, generator=generator)
    drawn = (vae.decode(reparameterise(*q, each)) for each in noise)
    likelihood = torch.stack([gaussian_log_likelihood(images, mean, vae.sigma) for mean in drawn]).mean(dim=0)
    bound, reconstruction, kl = (value.item() for value in elbo(likelihood, *q))
    active = active_units(q.mu).sum().item()
    measured = {"elbo": bound, "reconstruction": reconstruction, "kl": kl}
    return {**measured, "sigma": vae.sigma.item(), "active latent variables": active}


def _train(run: Run, latents: int, loss: Loss) -> Generator[dict[str, float], None, Measured]:
    vae = seeded(lambda: DigitVAE(latents), run.seed).to(run.device)
    train, test = digit_images()
    run.config["digits"] = digest(train)  # a checkpoint goes on with the same pictures only
    yield from named(train_digits(vae, train, run.steps, run.generator, loss, run))
    vae.cpu().eval()
    save_weights(vae, run.path)
    if loss is reconstruction_alone:
        return {"reconstruction": -loss(vae, test, run.generator).item()}
    return measure(vae, test)


def train_plane(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train the VAE whose latent space can be drawn: two numbers."""
    return _train(run, PLANE, negative_elbo)


def train_wide(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train the VAE of sixteen latent variables."""
    return _train(run, WIDE, negative_elbo)


def train_plain(run: Run) -> Generator[dict[str, float], None, Measured]:
    """Train the same network of sixteen latent variables as a plain autoencoder."""
    return _train(run, WIDE, reconstruction_alone)


DIGITS_VAE = Recipe(
    "digits-vae",
    "weights/digits-vae.safetensors",
    "a VAE of handwritten digits with two latent variables; measured on digits it never saw, in nats per image",
    steps=1500,
    train=train_plane,
)
DIGITS_VAE_WIDE = Recipe(
    "digits-vae-wide",
    "weights/digits-vae-wide.safetensors",
    "the same with sixteen latent variables",
    steps=1400,
    train=train_wide,
)
DIGITS_AUTOENCODER = Recipe(
    "digits-autoencoder",
    "weights/digits-autoencoder.safetensors",
    "the same network without noise and without a prior: a plain autoencoder",
    steps=1400,
    train=train_plain,
)
