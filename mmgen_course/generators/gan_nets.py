"""The networks of lesson 07_gan, and the loaders of the generators that ship.

`SceneDiscriminator` is for pictures of 32x32 with captions; its generator is the network that decodes in lesson 08_vae,
`SceneDecoder`, so that the two can be compared. `DigitGenerator` and `DigitDiscriminator` are for handwritten digits.
"""

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights
from mmgen_course.generators.vae_nets import SCENE_LATENTS, SceneDecoder
from mmgen_course.layers import Whiten

SLOPE = 0.2  # of every leaky ReLU, as in DCGAN
GAIN = 1.5  # behind each normalised layer: slopes may grow a little from layer to layer, or fine detail costs nothing
Images = Float[Tensor, "n 3 32 32"]


def projection(
    features: Float[Tensor, "n f"], projected: Float[Tensor, "n f"], unconditional: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """l(x, c) = c^T V phi(x) + psi(phi(x)), one logit for each pair of a picture and its condition.

    Args:
        features: phi(x).
        projected: V^T c, the condition brought to the space of the features.
        unconditional: psi(phi(x)).

    Source: T. Miyato, M. Koyama, "cGANs with Projection Discriminator", ICLR 2018, arXiv 1802.05637, section 3.

    Example:
        >>> projection(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([100.0]))
        tensor([111.])
    """
    return (projected * features).sum(dim=1) + unconditional


class SceneDiscriminator(nn.Module):
    """A logit for each pair of picture and condition: high for a real picture with a caption that is true of it.

    What stands at the border is taken for background, and subtracted: the object alone is left, the same on light and
    dark. Half of the features are sums over all places, since a shape is a shape wherever it stands; the others know
    the place. Convolutions and features are spectrally normalised; V and psi are free.

    Args:
        condition: how many numbers a condition has.
        width: channels of the first maps.
        pooled, spatial: how many features of either kind.

    Example:
        >>> SceneDiscriminator()(torch.zeros(2, 3, 32, 32), torch.zeros(2, 50)).shape
        torch.Size([2])
    """

    CONTRAST = 3  # an object covers few pixels, and counts for little against the background

    def __init__(self, condition: int = 50, width: int = 64, pooled: int = 128, spatial: int = 64) -> None:
        super().__init__()
        self.whiten = Whiten(condition)
        self.convolutions = nn.ModuleList(
            [
                spectral_norm(nn.Conv2d(3 * 2 * 2 + 3, width, 3, padding=1)),
                spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
                spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
                spectral_norm(nn.Conv2d(2 * width, 2 * width, 4, stride=2, padding=1)),
            ]
        )
        self.pooled = spectral_norm(nn.Linear(2 * width, pooled))
        self.spatial = spectral_norm(nn.Linear(2 * width * 4 * 4, spatial))
        self.psi = nn.Linear(pooled + spatial, 1)
        self.v = nn.Linear(condition, pooled + spatial, bias=False)

    def features(self, images: Images) -> Float[Tensor, "n f"]:
        """phi(x): (N, 3, 32, 32) in [-1, 1] -> (N, 192)."""
        border = torch.cat([images[..., 0], images[..., -1], images[..., 0, :], images[..., -1, :]], dim=-1).mean(-1)
        border = rearrange(border, "n c -> n c 1 1")
        centred = F.pixel_unshuffle(self.CONTRAST * (images - border), 2)  # (N, 12, 16, 16)
        h = torch.cat([centred, repeat(border, "n c 1 1 -> n c 16 16")], dim=1)
        for convolution in self.convolutions:
            h = GAIN * F.leaky_relu(convolution(h), SLOPE)  # at last (N, 128, 4, 4)
        pooled, spatial = self.pooled(4 * h.mean((2, 3))), self.spatial(h.flatten(1))
        return GAIN * F.leaky_relu(torch.cat([pooled, spatial], dim=1), SLOPE)

    def logit(self, features: Float[Tensor, "n f"], condition: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """The logits of pictures with these features and of their captions: several captions need one phi(x)."""
        return projection(features, self.v(self.whiten(condition)), self.psi(features)[:, 0])

    def forward(self, images: Images, condition: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """N pictures in [-1, 1] and the conditions of N captions -> N logits."""
        return self.logit(self.features(images), condition)


class DigitGenerator(nn.Module):
    """G(z, label): a DCGAN. A map of 2x2 is doubled twice by fractionally strided convolutions, and tanh ends it.

    Args:
        noise: how many numbers z has.
        labels: how many kinds of picture there are; a label is chosen by its number.
        width: channels of the map of 2x2.

    Source: A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", ICLR 2016, arXiv 1511.06434, section 3.

    Example:
        >>> DigitGenerator().eval()(torch.zeros(3, 16), torch.tensor([7, 7, 2])).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(self, noise: int = 16, labels: int = 10, width: int = 128) -> None:
        super().__init__()
        self.noise, self.labels = noise, labels
        self.start = nn.Linear(noise + labels, width * 2 * 2)
        self.layers = nn.Sequential(
            nn.Unflatten(1, (width, 2, 2)),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False),  # (N, 64, 4, 4)
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            nn.ConvTranspose2d(width // 2, width // 4, 4, stride=2, padding=1, bias=False),  # (N, 32, 8, 8)
            nn.BatchNorm2d(width // 4),
            nn.ReLU(),
            nn.Conv2d(width // 4, 1, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Float[Tensor, "n noise"], labels: Int[Tensor, " n"]) -> Float[Tensor, "n 1 8 8"]:
        """(N, 16) standard normal noise and N labels -> N pictures in [-1, 1]."""
        named = F.one_hot(labels, self.labels).to(z)
        return self.layers(self.start(torch.cat([z, named], dim=1)))


class DigitDiscriminator(nn.Module):
    """A logit for each picture of a digit with its label: strided convolutions, no pooling, and a projection.

    Example:
        >>> DigitDiscriminator()(torch.zeros(3, 1, 8, 8), torch.tensor([7, 7, 2])).shape
        torch.Size([3])
    """

    def __init__(self, labels: int = 10, width: int = 32, features: int = 64) -> None:
        super().__init__()
        self.phi = nn.Sequential(
            spectral_norm(nn.Conv2d(1, width, 3, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),  # (N, 64, 4, 4)
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)),  # (N, 128, 2, 2)
            nn.LeakyReLU(SLOPE),
            nn.Flatten(),
            spectral_norm(nn.Linear(4 * width * 2 * 2, features)),
            nn.LeakyReLU(SLOPE),
        )
        self.psi = nn.Linear(features, 1)
        self.v = nn.Embedding(labels, features)  # row c is V^T c for a label written as one-hot c

    def forward(self, images: Float[Tensor, "n 1 8 8"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """N pictures in [-1, 1] and N labels -> N logits."""
        features = self.phi(images)
        return projection(features, self.v(labels), self.psi(features)[:, 0])


def load_scene_gan() -> SceneDecoder:
    """The generator of scenes that ships with the course, in evaluation mode; how good it is stands in the data card.

    Raises:
        DataError: the file of its weights is missing or was changed.

    Example:
        >>> load_scene_gan()(torch.zeros(1, 12), torch.zeros(1, 50)).shape
        torch.Size([1, 3, 32, 32])
    """
    generator = SceneDecoder(SCENE_LATENTS)
    load_weights(generator, shipped("weights/scene-gan.safetensors"))
    return generator.eval()


def load_digits_gan() -> DigitGenerator:
    """The generator of digits that ships with the course, in evaluation mode.

    Raises:
        DataError: the file of its weights is missing or was changed.

    Example:
        >>> load_digits_gan()(torch.zeros(2, 16), torch.tensor([3, 8])).shape
        torch.Size([2, 1, 8, 8])
    """
    generator = DigitGenerator()
    load_weights(generator, shipped("weights/digits-gan.safetensors"))
    return generator.eval()
