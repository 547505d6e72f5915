"""A caption's condition and noise go in, pictures come out: PyTorch's own DCGAN and VAE examples, made conditional.

Written afresh from what their authors chose: layers, first weights, losses, optimisers, batches of
https://github.com/pytorch/examples, dcgan/main.py and vae/main.py. What had to differ:

- The DCGAN draws 64x64; here it draws 32x32. The widest layer of each network, the one of 8 x 64 maps, is left out; the
  layers that are left have the distance from the picture, and the width, that they have there.
- The condition is joined to the noise, and to what the discriminator sees, as maps that are constant over the picture:
  M. Mirza, S. Osindero, "Conditional Generative Adversarial Nets", 2014, arXiv 1411.1784, figure 1.
- The VAE sees 28x28 grey pixels there, here 3 x 32 x 32. The condition is joined to what its encoder and its decoder
  see: K. Sohn, H. Lee, X. Yan, "Learning Structured Output Representation using Deep Conditional Generative Models",
  NIPS 2015.
- Sigmoid and cross-entropy are one function of the logits: the same value, safer in bfloat16.
"""

from collections.abc import Callable, Iterator

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

NOISE, WIDTH, GAN_BATCH, GAN_RATE, GAN_BETAS = 100, 64, 64, 2e-4, (0.5, 0.999)
HIDDEN, LATENTS, VAE_BATCH, VAE_RATE = 400, 20, 128, 1e-3
SLOPE, SPREAD = 0.2, 0.02  # of the leaky ReLUs; of the first weights
CONDITION, PIXELS = 50, 3 * 32 * 32

Images = Float[Tensor, "n 3 32 32"]
Conditions = Float[Tensor, "n 50"]
Draw = Callable[
    [int], tuple[Images, Conditions]
]  # how many -> pictures in [-1, 1] and the conditions of their captions


class ExampleGenerator(nn.Module):
    """Noise (N, 100) and conditions (N, 50) -> pictures (N, 3, 32, 32) in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(NOISE + CONDITION, 4 * WIDTH, 4, bias=False),  # (N, 256, 4, 4)
            nn.BatchNorm2d(4 * WIDTH),
            nn.ReLU(),
            nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 4, stride=2, padding=1, bias=False),  # (N, 128, 8, 8)
            nn.BatchNorm2d(2 * WIDTH),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, stride=2, padding=1, bias=False),  # (N, 64, 16, 16)
            nn.BatchNorm2d(WIDTH),
            nn.ReLU(),
            nn.ConvTranspose2d(WIDTH, 3, 4, stride=2, padding=1, bias=False),
            nn.Tanh(),
        )
        self.apply(first_weights)

    def forward(self, z: Float[Tensor, "n 100"], condition: Conditions) -> Images:
        """Draw a picture from each row of noise and its condition."""
        return self.layers(rearrange(torch.cat([z, condition], dim=1), "n c -> n c 1 1"))


class ExampleDiscriminator(nn.Module):
    """Pictures (N, 3, 32, 32) in [-1, 1] and conditions (N, 50) -> the logits of "real" (N)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3 + CONDITION, WIDTH, 4, stride=2, padding=1, bias=False),  # (N, 64, 16, 16)
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1, bias=False),  # (N, 128, 8, 8)
            nn.BatchNorm2d(2 * WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * WIDTH, 4 * WIDTH, 4, stride=2, padding=1, bias=False),  # (N, 256, 4, 4)
            nn.BatchNorm2d(4 * WIDTH),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(4 * WIDTH, 1, 4, bias=False),
            nn.Flatten(0),
        )
        self.apply(first_weights)

    def forward(self, images: Images, condition: Conditions) -> Float[Tensor, " n"]:
        """A logit for each picture with its condition."""
        return self.layers(torch.cat([images, repeat(condition, "n c -> n c 32 32")], dim=1))


def first_weights(layer: nn.Module) -> None:
    """Convolutions from N(0, 0.02^2), the scales of batch normalisation from N(1, 0.02^2)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, SPREAD)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, SPREAD)
        nn.init.zeros_(layer.bias)


def play_dcgan(
    generator_net: ExampleGenerator,
    discriminator: ExampleDiscriminator,
    draw: Draw,
    generator: torch.Generator,
    bf16: bool = False,
) -> Iterator[tuple[float, float]]:
    """Train both without end: a step of the discriminator, one of the generator; yields their two losses.

    As in the example, real and generated pictures go through the discriminator one after the other, each batch
    normalised by itself, and both players use the same generated pictures.
    """
    of_discriminator, of_generator = (
        torch.optim.Adam(net.parameters(), lr=GAN_RATE, betas=GAN_BETAS) for net in (discriminator, generator_net)
    )
    while True:
        images, condition = draw(GAN_BATCH)
        z = torch.randn(GAN_BATCH, NOISE, generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            made = generator_net(z, condition)
            seen_through = called(discriminator(images, condition), 1.0) + called(
                discriminator(made.detach(), condition), 0.0
            )
        _move(of_discriminator, seen_through)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            believed = called(discriminator(made, condition), 1.0)
        _move(of_generator, believed)
        yield seen_through.item(), believed.item()


def called(logits: Float[Tensor, " n"], target: float) -> Float[Tensor, ""]:
    """The cross-entropy of calling all of these real (1) or generated (0), mean over pictures."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


class ExampleVAE(nn.Module):
    """Pictures (N, 3, 32, 32) in [-1, 1] <-> latent points (N, 20), given conditions (N, 50): 400 hidden units."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS + CONDITION, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENTS))
        self.decoder = nn.Sequential(nn.Linear(LATENTS + CONDITION, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))

    def encode(self, images: Images, condition: Conditions) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x, c), (N, 20) each."""
        seen = torch.cat([as_shares(images), condition], dim=1)
        mu, logvar = self.encoder(seen).chunk(2, dim=1)
        return mu, logvar

    def logits(self, z: Float[Tensor, "n 20"], condition: Conditions) -> Float[Tensor, "n 3072"]:
        """The logit of each colour of each pixel."""
        return self.decoder(torch.cat([z, condition], dim=1))

    def forward(self, z: Float[Tensor, "n 20"], condition: Conditions) -> Images:
        """Draw the mean picture of each latent point and condition."""
        shares = self.logits(z, condition).sigmoid()
        return rearrange(2 * shares - 1, "n (c h w) -> n c h w", c=3, h=32)


def as_shares(images: Images) -> Float[Tensor, "n 3072"]:
    """Pictures in [-1, 1] as rows of numbers in [0, 1], as the example has them."""
    return rearrange((images + 1) / 2, "n c h w -> n (c h w)")


def vae_loss(vae: ExampleVAE, images: Images, condition: Conditions, noise: Float[Tensor, "n 20"]) -> Tensor:
    """Binary cross-entropy and KL, each summed over pixels or latent variables and over pictures."""
    mu, logvar = vae.encode(images, condition)
    logits = vae.logits(mu + noise * (logvar / 2).exp(), condition)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, as_shares(images), reduction="sum")
    # KL = 1/2 sum(mu^2 + sigma^2 - log sigma^2 - 1)
    return cross_entropy + (mu.square() + logvar.exp() - logvar - 1).sum() / 2


def learn_vae(vae: ExampleVAE, draw: Draw, generator: torch.Generator, bf16: bool = False) -> Iterator[float]:
    """Train without end, and yield the loss of each step."""
    adam = torch.optim.Adam(vae.parameters(), lr=VAE_RATE)
    while True:
        images, condition = draw(VAE_BATCH)
        noise = torch.randn(VAE_BATCH, LATENTS, generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = vae_loss(vae, images, condition, noise)
        _move(adam, loss)
        yield loss.item()


def _move(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
