"""Every plot of the course, each with a description in words.

A figure is made by `figure`, published when its block ends, and always carries alt text; lesson 00 uses it first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from textwrap import fill
from typing import Any

import matplotlib as mpl
import PIL.Image
import torch
from cycler import cycler
from einops import rearrange
from IPython.display import Image, display
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Okabe and Ito (2008): eight colours that colour-blind readers tell apart
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000"]
STYLE: Any = {
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 10,
    "image.interpolation": "nearest",
    "legend.frameon": False,
}
DPI = 144  # sharp on a dense screen; shown at 96 to the inch


def png(figure: Figure) -> bytes:
    """A figure as a PNG file, the same bytes for the same figure."""
    file = BytesIO()
    with mpl.rc_context(STYLE):  # "C2" is the third colour of the palette that holds now, not when the line was made
        figure.savefig(file, dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return file.getvalue()


def image_png(image: Float[Tensor, "3 h w"]) -> bytes:
    """An image with values in [-1, 1] as a PNG file, one pixel a pixel.

    Example:
        >>> image_png(torch.zeros(3, 2, 2))[1:4]
        b'PNG'
    """
    file = BytesIO()
    pixels = rearrange(image.add(1).mul(127.5).round().byte(), "c h w -> h w c")
    PIL.Image.fromarray(pixels.numpy()).save(file, format="PNG")
    return file.getvalue()


def publish(figure: Figure, alt: str) -> None:
    """Show a figure in the notebook, with a sentence for a reader who cannot see it.

    Raises:
        ValueError: the sentence is empty.
    """
    if not alt.strip():
        raise ValueError("a figure needs alt text: a sentence that says what it shows; got an empty one")
    data = png(figure)
    pixels = int.from_bytes(data[16:20])  # a PNG file states its width there
    display(Image(data, alt=alt, width=round(pixels * 96 / DPI)))


@contextmanager
def figure(alt: str, *, columns: int = 1, rows: int = 1, width: float = 7, height: float = 2.6) -> Iterator[list[Axes]]:
    """Draw in a block, publish at its end.

    Args:
        alt: what the figure shows, for a reader who cannot see it.
        columns, rows: the grid of axes.
        width, height: of the whole figure, in inches.

    Yields:
        The axes, row by row.

    Example:
        >>> with figure("A line that rises.") as [axes]:
        ...     _ = axes.plot([0, 1])
        <IPython.core.display.Image object>
    """
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(width, height), layout="compressed")
        yield list(drawing.subplots(rows, columns, squeeze=False).flat)
        publish(drawing, alt)


def picture(axes: Axes, image: Float[Tensor, "c h w"], title: str = "") -> None:
    """Show one image with values in [-1, 1] on axes, without ticks; one channel is shown as grey."""
    pixels = rearrange(image, "c h w -> h w c").add(1).div(2)
    axes.imshow(pixels.squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)  # the last three are for grey alone
    _without_axis(axes)
    axes.set_title(title)


def _without_axis(axes: Axes) -> None:
    """Show nothing but the picture, and measure no ticks for it: a grid of pictures takes half the time."""
    axes.set_axis_off()
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)


def gallery(images: Float[Tensor, "n c h w"], titles: Sequence[str] = (), columns: int = 4) -> Figure:
    """A batch of images with values in [-1, 1] in a grid, a title above each.

    Raises:
        ValueError: there are titles, but not one for each image.
    """
    if titles and len(titles) != len(images):
        raise ValueError(f"{len(images)} images need as many titles; got {len(titles)}")
    rows = -(-len(images) // columns)
    side = 7 / columns
    longest = round(8.5 * side)  # characters in the width of an image, at a title's size
    wrapped = [fill(title, longest) for title in titles]
    above = 0.24 * max((title.count("\n") + 1 for title in wrapped), default=0)
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=(7, rows * (side + above)), layout="compressed")
        grid = list(drawing.subplots(rows, columns, squeeze=False).flat)
        for axes, image, title in zip(grid, images, wrapped or [""] * len(images), strict=False):
            picture(axes, image, title)
        for axes in grid[len(images) :]:
            _without_axis(axes)
    return drawing


def images(images: Float[Tensor, "n c h w"], titles: Sequence[str] = (), *, alt: str, columns: int = 4) -> None:
    """Publish a `gallery` of images with values in [-1, 1]."""
    publish(gallery(images, titles, columns), alt)


def tile(images: Float[Tensor, "n c h w"], columns: int = 4) -> Float[Tensor, "c height width"]:
    """Images side by side as one image, a thin grey line between them.

    Example:
        >>> tile(torch.zeros(4, 3, 32, 32), columns=2).shape
        torch.Size([3, 66, 66])
    """
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1), value=0.4)
    blank = torch.zeros(-len(images) % columns, *padded.shape[1:])
    return rearrange(torch.cat([padded, blank]), "(r k) c h w -> c (r h) (k w)", k=columns)[:, 1:-1, 1:-1]


def chain(axes: Axes, steps: dict[str, tuple[float, float, Tensor | str]]) -> None:
    """Steps of a process, each with an arrow to those of the next column that are less than a row away.

    Args:
        axes: where to draw; its ticks are removed.
        steps: the name of a step -> its column, its row, and what stands above the name: an image (C, H, W) in
            [-1, 1], or a few words.
    """
    columns, rows, _ = zip(*steps.values(), strict=True)
    axes.set(xlim=(min(columns) - 0.5, max(columns) + 0.5), ylim=(min(rows) - 0.4, max(rows) + 0.5))
    axes.set_axis_off()
    for name, (column, row, shown) in steps.items():
        box = axes.inset_axes((column - 0.3, row - 0.05, 0.6, 0.5), transform=axes.transData)
        if isinstance(shown, str):
            box.set(xticks=[], yticks=[], facecolor="#EEF4FA", aspect=1)
            box.spines[:].set_visible(False)
            box.text(0.5, 0.5, shown, ha="center", va="center", size=8, transform=box.transAxes)
        else:
            picture(box, shown)
        axes.text(column, row - 0.1, name, ha="center", va="top", size=8)
        for to, end, _ in steps.values():
            if to == column + 1 and abs(end - row) < 1:
                tilt = (end - row) * 0.2
                head = {"arrowstyle": "->", "color": PALETTE[0]}
                axes.annotate("", (to - 0.34, end + 0.2 - tilt), (column + 0.34, row + 0.2 + tilt), arrowprops=head)
