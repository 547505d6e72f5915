"""Draws scenes as batches of images (N, 3, size, size) in [-1, 1].

Every shape is a signed distance, negative inside, so that a pixel's coverage is known without sampling it;
lesson 00 derives it for a circle and measures the error.
"""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from mmgen_course.scenes.world import (
    ATTRIBUTES,
    BACKGROUNDS,
    CENTRES,
    COLOURS,
    POSITIONS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    SceneObject,
)

Map = Float[Tensor, "n h w"]
Coordinate = Float[Tensor, "n #h #w"]

# lengths in image units: the image is 2 wide, so at 32 pixels a pixel is 1/16
RADIUS = {"small": 0.31, "large": 0.44}
STROKE = 0.087  # an outline of 1.4 pixels at 32: the hollow of a small cross stays open
PERIOD = 0.26  # of stripes and dots: 4 pixels at 32, the finest pattern that survives there
DOT = 0.08
RIM = 0.045
INNER = 0.52  # of a star's radius: fat enough that its patterns are seen

RGB = {  # in [0, 1]; chosen so that any two differ on both backgrounds, thin lines included
    "red": (0.88, 0.10, 0.12),
    "green": (0.10, 0.60, 0.18),
    "blue": (0.12, 0.25, 0.90),
    "yellow": (0.93, 0.80, 0.05),
    "orange": (0.98, 0.48, 0.02),
    "purple": (0.48, 0.14, 0.66),
    "pink": (0.98, 0.50, 0.75),
    "cyan": (0.05, 0.75, 0.82),
}
GREY = {"light": 0.95, "dark": 0.10}
TINT = 0.78  # stripes and dots are the object's colour mixed this far towards white

# how far a seeded picture may stray from the plain one; small enough that no attribute changes
SHIFT, SCALE, SHADE, PHASE = 0.035, 0.04, 0.04, 0.04

# pictures drawn at a time, so that the maps of a chunk stay in the processor's cache
CHUNK_PIXELS = 2**20


def circle(x: Coordinate, y: Coordinate) -> Map:
    """Signed distance to a circle of the unit box."""
    return torch.sqrt(x * x + y * y) - 0.95


def square(x: Coordinate, y: Coordinate) -> Map:
    """Signed distance to a square: exact near an edge, a bound further off, as for all below."""
    return torch.maximum(x.abs(), y.abs()) - 0.82


def triangle(x: Coordinate, y: Coordinate) -> Map:
    """Signed distance to a triangle that points up, apex (0, -1), base at y = 0.8."""
    side = (1.8 * x.abs() - y - 1) / (1 + 1.8**2) ** 0.5
    return torch.maximum(side, y - 0.8)


def diamond(x: Coordinate, y: Coordinate) -> Map:
    """Signed distance to a diamond, taller than wide so that it is no rotated square."""
    return (x.abs() / 0.76 + y.abs() - 1) / (1 + 1 / 0.76**2) ** 0.5


def star(x: Coordinate, y: Coordinate) -> Map:
    """Signed distance to a five-pointed star: fold the plane until one edge of one point remains."""
    cos, sin = 0.809017, 0.587785  # of 36 degrees
    x = x.abs()
    y = -y + 0.06  # points up; lowered a little to sit in the middle of its box
    fold = 2 * (cos * x - sin * y).clamp(min=0)
    x, y = x - fold * cos, y + fold * sin
    fold = 2 * (-cos * x - sin * y).clamp(min=0)
    x, y = (x + fold * cos).abs(), y + fold * sin - 1.05
    # the edge runs from the tip, now the origin, towards an inner corner
    edge_x, edge_y = INNER * sin, INNER * cos - 1
    length = (edge_x**2 + edge_y**2) ** 0.5
    return (y * edge_x - x * edge_y) / length


def cross(x: Coordinate, y: Coordinate) -> Map:
    """Signed distance to an upright cross: the nearer of two bars."""
    x, y = x.abs(), y.abs()
    return torch.maximum(torch.maximum(x, y) - 0.95, torch.minimum(x, y) - 0.38)


DISTANCE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": circle,
    "square": square,
    "triangle": triangle,
    "diamond": diamond,
    "star": star,
    "cross": cross,
}


def coverage(distance: Tensor, pixel: float) -> Tensor:
    """The share of each pixel that lies inside: 1/2 on the edge, 0 and 1 half a pixel away from it."""
    return (0.5 - distance / pixel).clamp(0, 1)


def _wave(t: Tensor) -> Tensor:
    """A triangle wave: the distance of t to the nearest whole number, in [0, 1/2]."""
    return (t - t.round()).abs()


def _paint(style: str, distance: Tensor, x: Tensor, y: Tensor, pixel: float) -> tuple[Tensor, Tensor]:
    """How much of each pixel the object covers, and how much it covers in full colour (the rest is pale)."""
    cover = coverage(distance, pixel)
    if style == "outlined":
        ring = cover - coverage(distance + STROKE, pixel)
        return ring, ring
    if style == "flat":
        return cover, cover
    if style == "striped":
        pattern = (0.25 - _wave((x + y) / (PERIOD * 2**0.5))) * PERIOD  # distance to a pale stripe
    else:
        dx, dy = _wave(x / PERIOD), _wave(y / PERIOD)
        pattern = PERIOD * torch.sqrt(dx * dx + dy * dy) - DOT  # distance to a pale dot
    # a rim in full colour keeps the silhouette where pale pattern meets pale background
    return cover, cover * (1 - coverage(torch.maximum(pattern, distance + RIM), pixel))


_RADII = torch.tensor([RADIUS[size] for size in SIZES])
_CENTRES = torch.tensor([CENTRES[position] for position in POSITIONS])
_COLOURS = torch.tensor([RGB[colour] for colour in COLOURS])
_GREYS = torch.tensor([GREY[background] for background in BACKGROUNDS])


def render(
    scenes: Sequence[Scene], size: int = 32, generator: torch.Generator | None = None
) -> Float[Tensor, "n 3 size size"]:
    """Draw each scene as an anti-aliased picture.

    Args:
        scenes: N scenes.
        size: width and height in pixels, 16 to 256.
        generator: where position, size, shade and pattern stray a little from the plain picture, so that a scene
            has many pictures; without it each scene has exactly one.

    Returns:
        (N, 3, size, size) float32, red, green, blue in [-1, 1].

    Raises:
        ValueError: no scene, or a size outside 16 to 256.

    Example:
        >>> from mmgen_course.scenes import parse
        >>> picture = render([parse("a large red circle").complete()], size=32)
        >>> picture.shape, picture[0, :, 16, 16].mul(10).round().tolist()
        (torch.Size([1, 3, 32, 32]), [8.0, -8.0, -8.0])
    """
    if not scenes:
        raise ValueError("render needs at least one scene; got an empty list")
    if not 16 <= size <= 256:
        raise ValueError(f"size must be between 16 and 256 pixels; got {size}")
    codes, backgrounds = encode(scenes)
    # drawn for all scenes at once, so that how they are cut into chunks cannot change a picture
    noise = torch.zeros(len(scenes), 2, 8)
    if generator is not None:
        noise = torch.rand(noise.shape, generator=generator) * 2 - 1
    images = torch.empty(len(scenes), 3, size, size)
    chunk = max(1, CHUNK_PIXELS // size**2)
    parts = zip(*(whole.split(chunk) for whole in (codes, backgrounds, noise, images)), strict=True)
    for part in parts:
        _render_chunk(*part)
    return images


def encode(scenes: Sequence[Scene]) -> tuple[Int[Tensor, "n 2 5"], Int[Tensor, " n"]]:
    """The scenes as numbers: each value's index in its tuple of `ATTRIBUTES`, -1 where there is no second object.

    Returns:
        (N, 2, 5) codes of shape, colour, size, style, position, and (N,) codes of the background.

    Example:
        >>> from mmgen_course.scenes import parse
        >>> encode([parse("a large red circle").complete()])[0].tolist()
        [[[0, 0, 1, 0, 0], [-1, -1, -1, -1, -1]]]
    """
    absent = (-1,) * len(ATTRIBUTES)
    codes = torch.tensor([[*map(_code, scene.objects), absent][:2] for scene in scenes])
    return codes, torch.tensor([BACKGROUNDS.index(scene.background) for scene in scenes])


@cache  # there are few different objects, and many scenes
def _code(thing: SceneObject) -> tuple[int, ...]:
    return tuple(values.index(getattr(thing, name)) for name, values in ATTRIBUTES.items())


def _render_chunk(codes: Tensor, backgrounds: Tensor, noise: Tensor, images: Tensor) -> None:
    """Draw B scenes into `images`: two maps an object, then one small matrix product an image."""
    size = images.shape[-1]
    present = codes[:, :, 0] >= 0  # (B, 2)
    # equal shapes and styles side by side, so that each is drawn in one go
    kind, order = (codes[:, :, 0] * len(STYLES) + codes[:, :, 3])[present].sort()
    image, slot = present.nonzero()[order].T  # (M,) each, for M objects
    large, position = codes[image, slot][:, [2, 4]].T
    stray = noise[image, slot]  # (M, 8)

    grid = (torch.arange(size) + 0.5) * 2 / size - 1
    centre = _CENTRES[position] + SHIFT * stray[:, :2]
    radius = rearrange(_RADII[large] * (1 + SCALE * stray[:, 2]), "m -> m 1 1")
    x = rearrange(grid, "w -> 1 1 w") - rearrange(centre[:, 0], "m -> m 1 1")  # (M, 1, W)
    y = rearrange(grid, "h -> 1 h 1") - rearrange(centre[:, 1], "m -> m 1 1")  # (M, H, 1)
    phase = rearrange(PHASE * stray[:, 3:5], "m xy -> xy m 1 1")

    maps = torch.zeros(len(codes), 2, 2, size, size)  # (B, object, cover or full, H, W)
    kinds, counts = kind.unique_consecutive(return_counts=True)
    ends = counts.cumsum(0).tolist()
    for value, start, end in zip(kinds.tolist(), [0, *ends[:-1]], ends, strict=True):
        part = slice(start, end)
        distance = DISTANCE[SHAPES[value // len(STYLES)]](x[part] / radius[part], y[part] / radius[part])
        distance *= radius[part]
        pattern = (x[part] + phase[0, part], y[part] + phase[1, part])
        cover, full = _paint(STYLES[value % len(STYLES)], distance, *pattern, 2 / size)
        maps[image[part], slot[part], 0] = cover
        maps[image[part], slot[part], 1] = full

    # image = ground + sum over objects of cover * (tint - ground) + full * (colour - tint), all in [-1, 1]
    ground = rearrange(_GREYS[backgrounds] + SHADE / 2 * noise[:, 0, 5], "b -> b 1 1")
    colours = (_COLOURS[codes[:, :, 1].clamp(min=0)] + SHADE * noise[:, :, 5:]).clamp(0, 1)  # (B, 2, 3)
    tint = colours + TINT * (1 - colours)
    weights = rearrange([tint - ground, colours - tint], "map b o c -> b c (o map)")
    maps = rearrange(maps, "b o map h w -> b (o map) (h w)")
    flat = rearrange(images, "b c h w -> b c (h w)")
    torch.baddbmm(2 * ground - 1, 2 * weights, maps, out=flat).clamp_(-1, 1)
