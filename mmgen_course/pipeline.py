"""The chain of lesson 10_text_to_image in one call: from a caption to pictures that show it.

It wires together what the lessons built, and adds nothing: `scenes.complete` refuses what nobody could draw and decides
what the caption leaves open; then come words, GloVe, attention, decoder.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Literal, NamedTuple, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mmgen_course.features.encoders import caption_conditions, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.features.vectors import WordVectors
from mmgen_course.generators.caption_decoder import CaptionDecoder, load_text_to_image
from mmgen_course.generators.gan_nets import load_scene_gan
from mmgen_course.generators.vae_nets import SceneDecoder
from mmgen_course.layers import in_batches
from mmgen_course.preprocess.text import tokenize
from mmgen_course.scenes import UnknownWords, complete, parse

Model = Literal["gan", "vae"]
PICTURE_SIZES = (32, 64, 128, 256)
PART = 64  # pictures drawn at a time: the maps of so many stay in the processor's cache


class Drawn(NamedTuple):
    """N pictures, and how they came to be.

    Attributes:
        images: (N, 3, size, size) in [-1, 1].
        captions: what was drawn: the caption, completed in its own way for each picture.
        attention: for each picture and each word of its completed caption, how strongly each of 8x8 regions attended
            to it; for one region the numbers of all words sum to 1. Zeros behind the last word. None for the GAN, which
            takes the mean of the words.
    """

    images: Float[Tensor, "n 3 s s"]
    captions: list[str]
    attention: Float[Tensor, "n t 8 8"] | None


def generate(
    caption: str, n: int = 1, seed: int = 0, model: Model = "vae", size: int = 32, temperature: float = 1.0
) -> Float[Tensor, "n 3 size size"]:
    """Draw a caption n times; what it leaves open is decided anew each time.

    Args:
        caption: a sentence about one or two objects, such as "a small red circle above a large blue square".
        n: how many pictures.
        seed: of the noise and of what is decided; the first k pictures do not depend on n. Seeds that differ by a
            multiple of 2**32 are the same to PyTorch.
        model: "vae" reads the words in their order (lesson 10); "gan" their mean, and draws one object (lesson 7).
        size: height and width; the networks draw at 32, and their map of colours is enlarged before it is coloured.
        temperature: the noise is multiplied by it; below 1 the pictures of one sentence differ less.

    Returns:
        Pictures in [-1, 1].

    Raises:
        UnknownWords: a `ValueError` that names the words that mean nothing here, and the nearest that do.
        ValueError: a sentence that cannot be read, or an argument out of its range.

    Example:
        >>> generate("a crimson disc", n=2).shape
        torch.Size([2, 3, 32, 32])
    """
    return draw([caption] * n, seed, model, size, temperature).images


@torch.no_grad()
def draw(
    captions: Sequence[str], seed: int = 0, model: Model = "vae", size: int = 32, temperature: float = 1.0
) -> Drawn:
    """Draw each of several captions once, and tell what was drawn and what the regions attended to; see `generate`.

    Example:
        >>> drawn = draw(["a star", "a red circle left of a star"])
        >>> drawn.images.shape, drawn.attention.shape[2:]
        (torch.Size([2, 3, 32, 32]), torch.Size([8, 8]))
    """
    _check(captions, model, size, temperature)
    # a generator for each picture: the same picture whatever is drawn beside it
    generators = [torch.Generator().manual_seed((seed * 1_000_003 + i) % 2**63) for i in range(len(captions))]
    full = [_completed(caption, generator) for caption, generator in zip(captions, generators, strict=True)]
    decode = _gan if model == "gan" else _vae
    latents = (_scene_gan() if model == "gan" else _text_to_image()).latents
    z = torch.stack([torch.randn(latents, generator=generator) for generator in generators])
    images, attention = decode(full, temperature * z, size // 32)
    return Drawn(images.clamp(-1, 1), full, attention)


def words_of(drawn: Drawn, picture: int = 0) -> list[str]:
    """The words of a completed caption, in the order of `drawn.attention`.

    Example:
        >>> words_of(draw(["a large flat red star in the centre on a light background"]))[:4]
        ['a', 'large', 'flat', 'red']
    """
    return tokenize(drawn.captions[picture])


@cache
def _text_to_image() -> CaptionDecoder:
    return load_text_to_image().requires_grad_(False)


@cache
def _scene_gan() -> SceneDecoder:
    return load_scene_gan().requires_grad_(False)


@cache
def _vectors() -> WordVectors:
    return load_scene_vectors()


def _vae(full: list[str], z: Tensor, enlarged: int) -> tuple[Tensor, Tensor]:
    words, mask = word_features(full, _vectors())
    decoder = _text_to_image()
    images, attention = [], []
    for noise, some, some_mask in zip(z.split(PART), words.split(PART), mask.split(PART), strict=True):
        drawn, of_blocks = decoder.draw(noise, decoder.encode_text(some, some_mask), enlarged)
        images.append(drawn)
        attention.append(of_blocks[-1].mean(dim=1))  # (n, 64, T): the mean of the heads of the last block
    maps = rearrange(torch.cat(attention), "n (row column) t -> n t row column", row=CaptionDecoder.SIDE)
    return torch.cat(images), maps


def _gan(full: list[str], z: Tensor, enlarged: int) -> tuple[Tensor, None]:
    if any(len(parse(caption).objects) > 1 for caption in full):
        raise ValueError("the GAN draws one object, and does not read the order of words; for two take model='vae'")
    decode = partial(_scene_gan(), enlarged=enlarged)
    return in_batches(decode, z, caption_conditions(full), of=PART), None


def _completed(caption: str, generator: torch.Generator) -> str:
    try:
        return complete(caption, generator)
    except UnknownWords as error:
        raise OutsideTheWorld(error.words) from None


class OutsideTheWorld(UnknownWords):
    """A caption of things that no picture of the course shows; the message says what it would take to draw them.

    Example:
        >>> str(OutsideTheWorld(["landscape"])).endswith("millions of captioned photographs (lesson 10)")
        True
    """

    def __str__(self) -> str:
        """The words, the nearest known ones, and what is missing."""
        return (
            f"{super().__str__()}. To draw others a model would need vectors of all words, such as GloVe's 400,000, "
            "and pictures of what they mean: millions of captioned photographs (lesson 10)"
        )


def _check(captions: Sequence[str], model: str, size: int, temperature: float) -> None:
    if not captions:
        raise ValueError("expected at least one picture to draw; got none")
    if model not in get_args(Model):
        raise ValueError(f"there is no model {model!r}; there are: {', '.join(get_args(Model))}")
    if size not in PICTURE_SIZES:
        raise ValueError(f"expected a size of {', '.join(map(str, PICTURE_SIZES))} pixels; got {size}")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"expected a temperature of at least 0, and 1 for the whole noise; got {temperature}")
