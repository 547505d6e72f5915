"""Every explorer of the course: a panel of controls and a picture that is drawn anew at each touch.

The first is in lesson 00, where a learner types a caption and sees its scene.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any

import ipywidgets
import matplotlib as mpl
import torch
from IPython.display import display
from matplotlib.figure import Figure
from torch import Tensor

from mmgen_course import show

WIDTH = 600  # of the picture, in pixels of the screen
WRONG = f"border-left: 4px solid {show.PALETTE[4]}; padding-left: 8px"  # text of that colour is hard to read
# ipywidgets gives the handle of a slider, and the number beside it, no name that a screen reader could say. The picture
# gives it, half a second after it has loaded, when the controls are there; by then a newer picture may have replaced it
NAMING = """setTimeout(() => this.closest('.widget-vbox')?.querySelectorAll('.widget-slider').forEach(slider =>
  slider.querySelectorAll('.noUi-handle, .widget-readout').forEach(part => {
    part.setAttribute('aria-label', slider.querySelector('label').textContent)
    if (!part.hasAttribute('role')) part.setAttribute('role', 'textbox')
  })), 500)"""


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
            with mpl.rc_context(show.STYLE):  # a figure has the colours of every other
                drawn, caption = draw(**{name: control.value for name, control in controls.items()})
        except ValueError as error:
            sentence.value = f'<p role="status" style="{WRONG}">{escape(str(error))}</p>'
            return
        picture.value = _img(drawn, alt=caption, loaded=NAMING)
        sentence.value = f'<p role="status">{escape(caption)}</p>'

    for control in controls.values():
        control.layout.max_width = control.layout.max_width or "98%"  # of a narrow window
        control.observe(update, names="value")
    update()
    return ipywidgets.VBox([*controls.values(), picture, sentence])


def watch(
    losses: Iterator[Mapping[str, float]],
    total: int,
    draw: Callable[[], Tensor | Figure] | None = None,
    every: int = 50,
) -> list[Mapping[str, float]]:
    """Run a training in a notebook: a bar with its losses, and a picture that changes as it goes.

    Args:
        losses: from `mmgen_course.train.fit`; it is run to its end.
        total: how many steps it takes.
        draw: gives what the model draws now, (3, H, W) in [-1, 1], or a figure; none without it.
        every: steps between two pictures; the last is drawn at the end.

    Returns:
        The losses of each step.

    Example:
        >>> losses = watch(iter([{"loss": 2.0}, {"loss": 1.0}]), total=2)  # doctest: +ELLIPSIS
        VBox(children=(IntProgress(...
        >>> len(losses)
        2
    """
    progress = ipywidgets.IntProgress(max=total, description="0", layout={"width": "95%", "max_width": f"{WIDTH}px"})
    picture, status = ipywidgets.HTML(), ipywidgets.HTML()
    display(ipywidgets.VBox([progress, status, picture]))

    def update(step: int) -> None:
        progress.value, progress.description = step, f"{step}/{total}"
        now = ", ".join(f"{name} {value:.3f}" for name, value in got[-1].items()) if got else ""
        status.value = f'<p role="status">{escape(now)}</p>'
        if draw is not None:
            with torch.no_grad():
                picture.value = _img(draw(), alt=f"what the model draws after step {step}: {now}")

    got: list[Mapping[str, float]] = []
    update(0)
    for step, values in enumerate(losses, start=1):
        got.append(values)
        if step % every == 0:
            update(step)
    update(len(got))
    return got


def text(description: str, value: str) -> ipywidgets.Text:
    """A line of text to type in, as wide as the panel."""
    style = {"description_width": "initial"}
    return ipywidgets.Text(value, description=description, style=style, layout={"width": "95%", "max_width": "640px"})


def _img(drawn: Tensor | Figure, alt: str, loaded: str = "") -> str:
    """The picture as an HTML element with alt text; the pixels of an image stay squares, a figure is smooth.

    `loaded` is JavaScript that runs when the page has the picture.
    """
    scaling = "auto"
    if isinstance(drawn, Figure):
        data = show.png(drawn)
    else:
        scaling = "pixelated"
        data = show.image_png(drawn)
    style = f"display: block; width: {WIDTH}px; max-width: 100%; image-rendering: {scaling}"
    source = f"data:image/png;base64,{b64encode(data).decode()}"
    then = f' onload="{escape(loaded)}"' if loaded else ""
    return f'<img src="{source}" alt="{escape(alt)}" style="{style}"{then}>'
