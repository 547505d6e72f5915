"""The classifier of scenes: pictures (N, 3, 32, 32) in [-1, 1] go in, the scenes that they show come out.

It evaluates generated pictures. Built in lesson 03_cnn_features; the later lessons load its weights.
"""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mmgen_course.data import shipped
from mmgen_course.data.weights import load_weights
from mmgen_course.features.cnn import SmallCNN
from mmgen_course.scenes import ATTRIBUTES, BACKGROUNDS, POSITIONS, Scene, SceneObject, encode
from mmgen_course.scenes.constraints import Constraints, ObjectConstraints
from mmgen_course.scenes.world import ALONE, APPEARANCE

# The seven ways to place objects, first object first, and their codes with -1 where there is no second object.
LAYOUTS: tuple[tuple[str, ...], ...] = (*((place,) for place in ALONE), ("left", "right"), ("top", "bottom"))
_PLACES = torch.tensor([([*map(POSITIONS.index, layout), -1])[:2] for layout in LAYOUTS])  # (7, 2)
_HOLDS = torch.tensor([[float(place in layout) for place in POSITIONS] for layout in LAYOUTS])  # (7, 9)

_ROWS = ("top left", "top", "top right"), ("left", "centre", "right"), ("bottom left", "bottom", "bottom right")
_ORDER = [[place for row in _ROWS for place in row].index(place) for place in POSITIONS]


class Logits(NamedTuple):
    """What the classifier makes of N pictures; each is a logit, so only differences on its last axis count.

    `layout` (N, 7) follows `LAYOUTS`, `background` (N, 2) follows `BACKGROUNDS`. `appearance` holds for shape, colour,
    size and style a tensor (N, 9, values): which value an object has, if one stands at that of the `POSITIONS`.
    """

    layout: Float[Tensor, "n 7"]
    background: Float[Tensor, "n 2"]
    appearance: dict[str, Float[Tensor, "n 9 _"]]


class SceneClassifier(nn.Module):
    """Look at the nine places through one window, half as wide as the picture, with the same weights at each.

    Each window says whether an object stands in its middle, what it looks like, and the background. A layout's
    logit is the sum over its places, the background's the mean over all windows.

    Example:
        >>> logits = SceneClassifier()(torch.zeros(4, 3, 32, 32))
        >>> logits.layout.shape, {name: tuple(values.shape) for name, values in logits.appearance.items()}["colour"]
        (torch.Size([4, 7]), (4, 9, 8))
    """

    def __init__(self, widths: Sequence[int] = (24, 48), hidden: int = 128) -> None:
        super().__init__()
        self.trunk = SmallCNN(widths)
        self.counts = [*(len(values) for values in APPEARANCE.values()), len(BACKGROUNDS), 1]
        # 32 pixels become a map of 8x8; windows of 4x4, 2 apart, make the 3x3 grid of places
        self.window = nn.Sequential(
            nn.Conv2d(self.trunk.dim, hidden, 4, stride=2), nn.ReLU(), nn.Conv2d(hidden, sum(self.counts), 1)
        )

    def forward(self, images: Float[Tensor, "n 3 32 32"]) -> Logits:
        """Logits for N pictures in [-1, 1]."""
        windows = self.window(self.trunk.maps(images))  # (N, 23, 3, 3)
        at_places = rearrange(windows, "n values row column -> n (row column) values")[:, _ORDER]  # (N, 9, 23)
        *appearance, background, present = at_places.split(self.counts, dim=-1)
        layout = present[..., 0] @ _HOLDS.T.to(images)
        return Logits(layout, background.mean(dim=1), dict(zip(APPEARANCE, appearance, strict=True)))

    @torch.no_grad()
    def read(self, images: Float[Tensor, "n 3 32 32"]) -> list[Scene]:
        """The most probable scene of each picture; the network is asked in evaluation mode, and left as it was.

        Example:
            >>> from mmgen_course.scenes import parse, render
            >>> len(SceneClassifier().read(render([parse("a large red circle").complete()])))
            1
        """
        training = self.training
        logits = self.eval()(images)
        self.train(training)
        return most_probable(logits)


def most_probable(logits: Logits) -> list[Scene]:
    """The most probable valid scene of each picture.

    log p(scene) = log p(layout) + log p(background) + sum over its objects and the attributes of
    log p(value | an object stands there): for each layout the best looks are known, then the best layout wins.

    Example:
        >>> appearance = {name: torch.eye(len(values))[:1].expand(1, 9, -1) for name, values in APPEARANCE.items()}
        >>> most_probable(Logits(torch.eye(7)[:1] * 9, torch.eye(2)[1:], appearance))[0].objects[0].position
        'centre'
    """
    best = [values.log_softmax(-1).max(-1) for values in logits.appearance.values()]
    at_place = torch.stack([each.values for each in best]).sum(0)  # (N, 9)
    layouts = (logits.layout.log_softmax(-1) + at_place @ _HOLDS.T.to(at_place)).argmax(-1)
    appearance = torch.stack([each.indices for each in best], dim=-1).tolist()  # (N, 9, 4)
    backgrounds = logits.background.argmax(-1)
    return [
        Scene(tuple(_object(one[POSITIONS.index(place)], place) for place in LAYOUTS[layout]), BACKGROUNDS[ground])
        for one, layout, ground in zip(appearance, layouts.tolist(), backgrounds.tolist(), strict=True)
    ]


def _object(codes: list[int], place: str) -> SceneObject:
    named = {name: values[i] for (name, values), i in zip(APPEARANCE.items(), codes, strict=True)}
    return SceneObject(**named, position=place)


def loss(logits: Logits, codes: Int[Tensor, "n 2 5"], backgrounds: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    """Cross-entropy in nats: of layout and background, mean over images; of each attribute, mean over objects.

    The six means are added. An attribute counts where an object truly stands, and nowhere else.

    Args:
        logits: of N pictures.
        codes: of the N true scenes, from `mmgen_course.scenes.encode`, like the next.
        backgrounds: N codes of the background.

    Raises:
        ValueError: codes whose positions are none of the `LAYOUTS`.

    Example:
        >>> from mmgen_course.scenes import encode, parse
        >>> appearance = {name: torch.zeros(1, 9, len(values)) for name, values in APPEARANCE.items()}
        >>> unsure = Logits(torch.zeros(1, 7), torch.zeros(1, 2), appearance)
        >>> loss(unsure, *encode([parse("a large red circle").complete()])).exp().round()  # 7 * 2 * 6 * 8 * 2 * 4
        tensor(5376.)
    """
    fits = (codes[:, None, :, 4] == _PLACES.to(codes)).all(dim=-1)  # (N, 7)
    if not fits.any(dim=1).all():
        wrong = codes[~fits.any(dim=1)][0, :, 4].tolist()
        raise ValueError(f"positions {wrong} are none of the layouts, which are {_PLACES.tolist()}")
    image, slot = (codes[:, :, 4] >= 0).nonzero(as_tuple=True)  # (M,) each, for M objects
    *values, place = codes[image, slot].unbind(-1)
    total = F.cross_entropy(logits.layout, fits.int().argmax(1)) + F.cross_entropy(logits.background, backgrounds)
    for at_places, value in zip(logits.appearance.values(), values, strict=True):
        total = total + F.cross_entropy(at_places[image, place], value)
    return total


def accuracy(scenes: Sequence[Scene], read: Sequence[Scene]) -> dict[str, float]:
    """The share of true objects whose attribute was read rightly, and of scenes with the right background.

    An object that was not found has none of its attributes right; "scene" is the share of scenes that are
    right in everything.

    Args:
        scenes: the N truths.
        read: what was read from their pictures.

    Raises:
        ValueError: different numbers of scenes, or none.

    Example:
        >>> from mmgen_course.scenes import parse
        >>> red, blue = (parse(f"a {colour} star").complete() for colour in ("red", "blue"))
        >>> accuracy([red, blue], [red, red])
        {'shape': 1.0, 'colour': 0.5, 'size': 1.0, 'style': 1.0, 'position': 1.0, 'background': 1.0, 'scene': 0.5}
    """
    if len(scenes) != len(read) or not scenes:
        raise ValueError(f"expected as many scenes read as true ones, at least one; got {len(read)} and {len(scenes)}")
    (codes, grounds), (codes_read, grounds_read) = encode(scenes), encode(read)
    right = (codes == codes_read)[codes[:, :, 0] >= 0].double().mean(dim=0)
    return {
        **dict(zip(ATTRIBUTES, right.tolist(), strict=True)),
        "background": (grounds == grounds_read).double().mean().item(),
        "scene": sum(a == b for a, b in zip(scenes, read, strict=True)) / len(scenes),
    }


def random_scenes(n: int, generator: torch.Generator, unseen: bool = False) -> list[Scene]:
    """Draw n scenes from the whole world, held-out compositions too: by turns one object alone and a pair.

    Places and each attribute are equally likely. The world is cut in two, by a checksum: nine scenes of ten are for
    the classifier's training, and with `unseen` only the tenth is drawn, on which it is measured.

    Example:
        >>> [len(scene.objects) for scene in random_scenes(3, torch.Generator().manual_seed(0))]
        [1, 2, 1]
    """
    scenes: list[Scene] = []
    while len(scenes) < n:
        scene = Constraints((ObjectConstraints(),) * (1 + len(scenes) % 2)).complete(generator)
        if is_kept_back(scene) == unseen:
            scenes.append(scene)
    return scenes


def is_kept_back(scene: Scene) -> bool:
    """Whether a scene belongs to the tenth of the world that the classifier never trains on.

    Example:
        >>> scenes = random_scenes(100, torch.Generator().manual_seed(0), unseen=True)
        >>> {is_kept_back(scene) for scene in scenes}
        {True}
    """
    return crc32(repr(scene).encode()) % 10 == 0


def load_classifier() -> SceneClassifier:
    """The classifier that ships with the course, in evaluation mode; how good it is stands in the data card.

    `mmgen train recogniser` trains it.

    Raises:
        DataError: the file of its weights is missing or was changed.

    Example:
        >>> from mmgen_course.scenes import parse, render
        >>> scene = parse("a small dotted blue star on a dark background").complete()
        >>> load_classifier().read(render([scene])) == [scene]
        True
    """
    classifier = SceneClassifier()
    load_weights(classifier, shipped("weights/recogniser.safetensors"))
    return classifier.eval()
