"""Every explorer of the course: a function of some controls goes in, a panel that redraws at each touch comes out.

The first is in lesson 00, where a learner types a caption and sees its scene.
"""

from base64 import b64encode
from collections.abc import Callable
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from mmgen_course import show

WIDTH = 600  # of the picture, in pixels of the screen


def explorer(draw: Callable[..., tuple[Tensor | Figure, str]], **controls: ipywidgets.ValueWidget) -> ipywidgets.VBox:
    """A panel of controls, a picture, and a sentence about it; every touch of a control draws anew.

    Args:
        draw: takes the controls' values by name, gives a picture, (3, H, W) in [-1, 1] or a figure, and a sentence
            that says what it shows. A `ValueError` of it is shown to the learner, and the last picture stays.
        controls: the widgets to touch, each with a `description` that names it.

    Returns:
        The panel; as the last value of a cell it is displayed.

    Example:
        >>> import torch
        >>> panel = explorer(lambda grey: (torch.full((3, 8, 8), grey), "grey"), grey=ipywidgets.FloatSlider(0))
        >>> panel.children[-1].value
        '<p role="status">grey</p>'
    """
    picture, sentence = ipywidgets.HTML(), ipywidgets.HTML()

    def update(_: Any = None) -> None:
        try:
            drawn, said = draw(**{name: control.value for name, control in controls.items()})
        except ValueError as error:
            sentence.value = f'<p role="status" style="color: #b3261e">{escape(str(error))}</p>'
            return
        picture.value = _img(drawn, alt=said)
        sentence.value = f'<p role="status">{escape(said)}</p>'

    for control in controls.values():
        control.observe(update, names="value")
    update()
    return ipywidgets.VBox([*controls.values(), picture, sentence])


def text(description: str, value: str) -> ipywidgets.Text:
    """A line of text to type in, as wide as the panel."""
    style = {"description_width": "initial"}
    return ipywidgets.Text(value, description=description, style=style, layout={"width": "95%", "max_width": "640px"})


def _img(drawn: Tensor | Figure, alt: str) -> str:
    """The picture as an HTML element with alt text; the pixels of an image stay squares, a figure is smooth."""
    scaling = "auto"
    if isinstance(drawn, Figure):
        data = show.png(drawn)
    else:
        scaling = "pixelated"
        file = BytesIO()
        pixels = drawn.add(1).mul(127.5).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(file, format="PNG")
        data = file.getvalue()
    style = f"width: {WIDTH}px; max-width: 100%; image-rendering: {scaling}"
    source = f"data:image/png;base64,{b64encode(data).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" style="{style}">'
