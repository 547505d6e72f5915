import re
from base64 import b64decode
from io import BytesIO

import ipywidgets
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from mmgen_course import widgets


def grey_square(level):
    if level > 1:
        raise ValueError(f"level <= 1 expected, {level} came")
    return torch.full((3, 4, 4), level), f"grey & {level}"


@pytest.fixture
def panel():
    return widgets.explorer(grey_square, level=ipywidgets.FloatText(0.0, description="Level"))


def shown(panel):
    """The picture's pixels and alt text, and the sentence below it."""
    _, picture, sentence = panel.children
    data, alt = re.search(r'src="data:image/png;base64,([^"]+)" alt="([^"]*)"', picture.value).groups()
    return np.asarray(Image.open(BytesIO(b64decode(data)))), alt, sentence.value


def test_an_explorer_shows_a_picture_before_it_is_touched(panel):
    pixels, alt, sentence = shown(panel)
    assert pixels.shape == (4, 4, 3)
    assert abs(int(pixels[0, 0, 0]) - 127.5) <= 0.5  # 0 lies between black, -1, and white, 1
    assert alt == "grey &amp; 0.0"
    assert sentence == '<p role="status">grey &amp; 0.0</p>'


@pytest.mark.parametrize(("level", "byte"), [(-1.0, 0), (1.0, 255)])
def test_a_touched_control_changes_picture_alt_text_and_sentence(panel, level, byte):
    panel.children[0].value = level
    pixels, alt, sentence = shown(panel)
    assert (pixels == byte).all()
    assert str(level) in alt
    assert str(level) in sentence


def test_a_value_error_is_shown_and_the_last_picture_stays(panel):
    panel.children[0].value = 0.5
    before, _, _ = shown(panel)
    panel.children[0].value = 2.0
    after, _, sentence = shown(panel)
    assert np.array_equal(before, after)
    assert "level &lt;= 1 expected, 2.0 came" in sentence


def test_another_error_is_a_bug_and_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        widgets.explorer(lambda level: (1 / 0, ""), level=ipywidgets.FloatText(0.0))


def test_an_explorer_takes_figures_too():
    def draw(level):
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, level])
        return figure, "a line"

    panel = widgets.explorer(draw, level=ipywidgets.FloatText(1.0))
    assert shown(panel)[0].shape[2] >= 3


def test_a_line_of_text_names_itself():
    line = widgets.text("Caption", "a red star")
    assert (line.description, line.value) == ("Caption", "a red star")


def test_a_figure_of_an_explorer_has_the_palettes_colours_by_their_numbers():
    def draw(level):
        figure = Figure(figsize=(1, 1))
        figure.add_axes((0, 0, 1, 1)).plot([0, 1], [level, level], color="C2", linewidth=40)
        return figure, "a thick line"

    pixels = shown(widgets.explorer(draw, level=ipywidgets.FloatText(1.0)))[0]
    middle = pixels[len(pixels) // 2, len(pixels) // 2, :3]
    assert middle.tolist() == [0x00, 0x9E, 0x73]  # Okabe and Ito's green
