from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from mmgen_course import show


@pytest.fixture
def published(monkeypatch):
    """What a block of code would put on a notebook's page."""
    outputs = []
    monkeypatch.setattr(show, "display", outputs.append)
    return outputs


def test_a_figure_is_published_once_at_the_end_of_its_block_with_alt_text_and_its_true_width(published):
    with show.figure("A line that rises.", width=5.0, height=2.0) as [axes]:
        axes.plot([0, 1])
        assert published == []
    [picture] = published
    _, metadata = picture._repr_mimebundle_(include=None, exclude=None)
    width = Image.open(BytesIO(picture.data)).width
    assert metadata["image/png"] == {"alt": "A line that rises.", "width": round(width * 96 / show.DPI)}


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_alt_text_is_refused(published, alt):
    with pytest.raises(ValueError, match="alt text"), show.figure(alt):
        pass
    assert published == []


def test_the_same_figure_gives_the_same_bytes():
    images = torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    first, second = (show.png(show.gallery(images, ["one", "two"])) for _ in range(2))
    assert first == second
    assert b"Software" not in first


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_shows_the_values_of_an_image_and_no_others(channels):
    image = torch.linspace(-1, 1, channels * 16).reshape(channels, 4, 4)
    shown = show.gallery(image[None]).axes[0].get_images()[0]
    expected = np.moveaxis((image.numpy() + 1) / 2, 0, -1)
    assert np.allclose(np.asarray(shown.get_array()).reshape(4, 4, channels), expected)
    assert (shown.norm.vmin, shown.norm.vmax) == (0, 1)  # a dark image is not stretched to a bright one


def test_every_image_of_a_gallery_has_its_own_title_and_empty_places_stay_blank():
    drawing = show.gallery(torch.zeros(5, 3, 4, 4), [f"number {n}" for n in range(5)], columns=4)
    titles = [axes.get_title() for axes in drawing.axes]
    assert titles == [*(f"number {n}" for n in range(5)), "", "", ""]
    assert not any(axes.axison for axes in drawing.axes)


def test_titles_that_are_too_few_are_refused():
    with pytest.raises(ValueError, match="2 images need as many titles; got 1"):
        show.gallery(torch.zeros(2, 3, 4, 4), ["one"])


def test_no_title_of_a_gallery_is_cut_off_at_the_edge_of_the_figure():
    long = "a picture of a little hollow emerald pentagram to the left of a big banded crucifix on a dark ground"
    drawing = show.gallery(torch.zeros(4, 3, 8, 8), [long] * 4)
    with Image.open(BytesIO(show.png(drawing))) as opened:
        pixels = np.asarray(opened.convert("L"))
    assert (pixels[0] == 255).all()  # ink on the border would be a title that goes on beyond it
    assert (pixels[:, 0] == 255).all()
    assert (pixels[:, -1] == 255).all()


def test_tiles_stand_in_reading_order_with_a_line_between_them():
    values = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])
    tiled = show.tile(values[:, None, None, None].expand(5, 3, 2, 2), columns=3)
    assert tiled.shape == (3, 6, 10)
    assert torch.equal(tiled[0, 0, [0, 4, 8]], values[:3])
    assert torch.equal(tiled[0, 4, [0, 4]], values[3:])
    assert (tiled[:, :, 2] == 0.4).all()


def test_an_arrow_leads_only_to_near_steps_of_the_next_column():
    axes = Figure().subplots()
    square = torch.zeros(3, 4, 4)
    show.chain(axes, {"a": (0.0, 0.0, "x"), "b": (1.0, 0.0, "y"), "c": (1.0, 2.0, "z"), "d": (3.0, 0.0, square)})
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 1
    assert {text.get_text() for text in axes.texts} >= {"a", "b", "c", "d"}
