"""Explorers in the book: without a kernel, each shows for its controls what the lesson's own would show."""

import base64
import html
import io
import json
import math
import re
from pathlib import Path

import ipywidgets
import nbformat
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from playwright.sync_api import Browser, Locator, Page
from rendered import LESSONS, Built

from tools.book import explorers
from tools.book.build import executed_notebook


def opened(browser: Browser, folder: Path, name: str) -> tuple[Page, Locator]:
    page = browser.new_page()
    page.route(re.compile("mathjax"), lambda route: route.abort())  # no explorer waits until formulas are drawn
    page.goto((folder / f"{name}.html").as_uri())
    return page, page.locator("figure.explorer")


def shown(explorer: Locator) -> tuple[str | None, str]:
    return explorer.locator("img").get_attribute("src"), explorer.locator("p[role=status]").inner_text()


# one question to the browser for each choice: what is shown, once the picture is loaded; a broken one is an error
LOADED = """async (explorer) => {
    const [picture, said] = [explorer.querySelector("img"), explorer.querySelector("p[role=status]")];
    await picture.decode();
    const refused = said.classList.contains("refused");
    return [picture.getAttribute("src"), said.innerText, picture.alt, refused, picture.naturalWidth];
}"""


def settings(explorer: Locator) -> dict[str, list]:
    """Label -> the control, and how a person goes through its values, the one at the start left out."""
    found = {}
    for label in explorer.locator("label").all():
        name = label.locator("span").inner_text()
        control = explorer.get_by_label(name)
        if control.evaluate("control => control.tagName") == "SELECT":
            start = control.evaluate("control => control.selectedIndex")
            places = [i for i in range(control.locator("option").count()) if i != start]
            found[name] = [lambda i=i, control=control: control.select_option(index=i) for i in places]
        elif control.get_attribute("type") == "checkbox":
            found[name] = [lambda control=control: control.press(" ")]
        else:
            steps = int(control.get_attribute("max") or 0)
            to_start = [lambda control=control: control.press("Home")]
            found[name] = to_start + [lambda control=control: control.press("ArrowRight")] * steps
    return found


@pytest.mark.parametrize("name", LESSONS)
def test_each_control_changes_the_picture_or_says_why_not(built: Built, browser: Browser, name: str) -> None:
    page, explorer = opened(browser, built.folder, name)
    made = settings(explorer)
    assert len(made) == len(explorer.locator("select, input").all()) > 0
    for label, ways in made.items():
        page.reload()
        seen = {shown(explorer)}
        for way in ways:
            way()
            picture, said, alt, refused, width = explorer.evaluate(LOADED)
            seen.add((picture, said))
            assert refused or alt.endswith(f": {said}")
            assert width > 0, picture
        assert len(seen) > 1, f"{name}: {label} changes nothing"
    page.close()


@pytest.mark.parametrize("name", LESSONS)
def test_an_explorer_starts_as_in_the_executed_notebook(built: Built, name: str) -> None:
    figure = re.search(r'<figure class="explorer".*?</figure>', built.pages[name].text, re.DOTALL)
    assert figure
    src, alt = re.search(r'<img src="([^"]+)" alt="([^"]*)"', figure[0]).groups()  # type: ignore[union-attr]
    state = executed_notebook(name).metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    kept = [str(model["state"].get("value", "")) for model in state.values()]
    [(payload, kept_alt)] = [
        found.groups()
        for text in kept
        if (found := re.match(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]*)"', text))
    ]
    assert html.unescape(alt).endswith(f": {html.unescape(kept_alt)}")
    here = Image.open(built.folder / src).convert("RGB")
    there = Image.open(io.BytesIO(base64.b64decode(payload))).convert("RGB").resize(here.size, Image.Resampling.LANCZOS)
    assert (
        np.abs(np.asarray(here, float) - np.asarray(there, float)).mean() < 3
    )  # of 255: a WebP of a figure loses a little


@pytest.mark.parametrize("name", LESSONS)
def test_every_choice_has_its_picture_in_the_book(built: Built, name: str) -> None:
    figure = re.search(
        r'<figure class="explorer" data-frames="([^"]*)">(.*?)</figure>', built.pages[name].text, re.DOTALL
    )
    assert figure
    table = json.loads(html.unescape(figure[1]))
    choices = [2 if 'type="checkbox"' in one else one.count("<option") for one in figure[2].split("<label")[1:]]
    scales = [int(last) + 1 for last in re.findall(r'type="range" min="0" max="(\d+)"', figure[2])]
    assert len(table["frames"]) == math.prod(n for n in choices if n) * math.prod(scales)
    files = {file for file, _ in table["frames"].values() if file}
    assert files == {path.name for path in (built.folder / table["folder"]).iterdir()}
    assert all(said for _, said in table["frames"].values())


def test_without_scripts_the_first_picture_stands_still(built: Built, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((built.folder / "00_welcome.html").as_uri())
    assert (
        page.locator("figure.explorer img").get_attribute("alt")
        == "Caption a red star: four pictures that fit: a red star"
    )
    assert page.locator("figure.explorer img").bounding_box()["height"] > 50  # type: ignore[index]
    context.close()


# ---- what is drawn


def grey(level: int, dark: bool) -> tuple[torch.Tensor, str]:
    if level > 2:
        raise ValueError(f"level <= 2 expected, {level} came")
    value = 0.0 if dark else level / 2
    return torch.full((3, 4, 4), value), f"grey {value}"


def controls(level: int = 1) -> dict[str, ipywidgets.ValueWidget]:
    level_control = ipywidgets.IntSlider(level, 0, 3, description="Level")
    return {"level": level_control, "dark": ipywidgets.Checkbox(False, description="Dark")}


def test_a_frame_for_each_choice_equal_ones_once_and_none_where_the_explorer_refuses(tmp_path: Path) -> None:
    made = explorers.frames(grey, controls(), {}, tmp_path)
    assert [(c["label"], c["kind"], c["start"]) for c in made["controls"]] == [
        ("Level", "scale", 1),
        ("Dark", "switch", 0),
    ]
    assert list(made["frames"]) == [f"{level}-{dark}" for level in range(4) for dark in range(2)]
    for key, (file, said) in made["frames"].items():
        level, dark = map(int, key.split("-"))
        if level == 3:
            assert (file, said) == (None, "level <= 2 expected, 3 came")
            continue
        pixels = np.asarray(Image.open(tmp_path / file))
        assert pixels.shape == (4, 4, 3)
        assert (np.abs(pixels - 127.5 * (1 + (0 if dark else level / 2))) <= 0.5).all()  # lossless
    assert len(list(tmp_path.iterdir())) == 3  # greys 0, 0.5 and 1
    assert made["scaling"] == "pixelated"


def test_the_values_of_the_book_must_hold_the_one_that_a_control_starts_with(tmp_path: Path) -> None:
    assert len(explorers.frames(grey, controls(), {"level": [0, 1]}, tmp_path)["frames"]) == 4
    with pytest.raises(ValueError, match=r"level starts with 1, which is none of its values \[0, 2\]"):
        explorers.frames(grey, controls(), {"level": [0, 2]}, tmp_path)


def test_a_figure_is_no_wider_than_the_page(tmp_path: Path) -> None:
    made = explorers.frames(
        lambda n: (Figure(figsize=(20, 2)), "a wide one"),
        {"n": ipywidgets.IntSlider(1, 1, 2, description="n")},
        {},
        tmp_path,
    )
    assert made["scaling"] == "auto"
    [picture] = tmp_path.iterdir()
    assert Image.open(io.BytesIO(picture.read_bytes())).width == explorers.WIDTH


def notebook(*sources: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])


LESSON = (
    "import torch\nimport ipywidgets\nfrom mmgen_course import widgets",
    "generator = torch.Generator().manual_seed(3)\nnever = 1 / 0",
    "before = torch.rand(3, generator=generator)\nseen = []",
    "for i in range(2):\n    seen.append(torch.rand((), generator=generator))",
    "def draw(n):\n    return torch.full((3, 2, 2), float(seen[n])), f'{seen[n]:.4f}'",
    "widgets.explorer(draw, n=ipywidgets.IntSlider(0, 0, 1, description='n'))",
    "seen = None",
)


def test_only_what_the_explorer_needs_is_run_and_random_numbers_are_those_of_the_lesson(tmp_path: Path) -> None:
    code = [LESSON[0], LESSON[1].replace("\nnever = 1 / 0", ""), *LESSON[2:]]
    with_error = [*code[:2], "never = 1 / 0", *code[2:]]
    folders = explorers.draw_all({"00_toy": notebook(*with_error)}, tmp_path)
    made = json.loads((folders["00_toy"] / "frames.json").read_text())
    generator = torch.Generator().manual_seed(3)
    torch.rand(3, generator=generator)  # `before` is not needed, but it takes numbers from the generator
    assert [said for _, said in made["frames"].values()] == [
        f"{torch.rand((), generator=generator):.4f}" for _ in range(2)
    ]


def test_what_was_drawn_is_kept_until_the_lesson_changes(tmp_path: Path) -> None:
    lesson = notebook(LESSON[0], "seen = [0.1, 0.2]", *LESSON[4:])
    first = explorers.draw_all({"00_toy": lesson}, tmp_path)["00_toy"]
    (first / "mark").touch()
    assert explorers.draw_all({"00_toy": lesson}, tmp_path) == {"00_toy": first}
    assert (first / "mark").exists()
    other = notebook(LESSON[0], "seen = [0.1, 0.3]", *LESSON[4:])
    assert explorers.draw_all({"00_toy": other}, tmp_path)["00_toy"] != first
    assert not first.exists()
