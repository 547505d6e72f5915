"""`mmgen sample`: a whole PNG or none, JSON, exit codes, and errors that say in a line or two what to do."""

import json
from pathlib import Path

import jaxtyping
import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
from typer.testing import CliRunner

from mmgen_course import pipeline, show
from mmgen_course.cli import app
from mmgen_course.data.errors import MissingFile
from mmgen_course.scenes import parse

CAPTION = "a small red circle above a large blue square"


@pytest.fixture(autouse=True)
def as_a_user_has_it(tmp_path, monkeypatch):
    """In an empty folder, with broad lines, and without the type checks of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def sample(*arguments: str):
    return CliRunner().invoke(app, ["sample", *arguments])


def said(result) -> str:
    """What was written to stderr, without the frame around it."""
    return " ".join(result.stderr.replace("│", " ").split())


def pixels(path) -> torch.Tensor:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return pil_to_tensor(image)


# ---- what is written


@pytest.mark.parametrize(
    ("n", "size", "width", "height"), [(1, 32, 32, 32), (3, 64, 3 * 66 - 2, 64), (9, 32, 8 * 34 - 2, 2 * 34 - 2)]
)
def test_the_file_has_a_pixel_for_each_pixel_that_was_drawn(n, size, width, height):
    result = sample(CAPTION, "--n", str(n), "--size", str(size), "--seed", "3", "--out", "a/new/grid.png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("a/new/grid.png: ")
    assert len(result.stdout.splitlines()) == 1
    image = pixels("a/new/grid.png")
    assert image.shape == (3, height, width)
    drawn = pipeline.draw([CAPTION] * n, 3, size=size).images
    for i in range(n):
        top, left = (i // 8) * (size + 2), (i % 8) * (size + 2)
        cell = image[:, top : top + size, left : left + size].float() / 127.5 - 1
        assert (cell - drawn[i]).abs().max() < 0.51 / 127.5 + 1e-3
    assert [path.name for path in Path("a/new").iterdir()] == ["grid.png"]


def test_options_are_passed_on_and_the_defaults_are_eight_pictures_of_128_by_the_vae(monkeypatch):
    asked = []
    draw = pipeline.draw
    monkeypatch.setattr(pipeline, "draw", lambda *options: asked.append(options) or draw(*options))
    assert sample("a star").exit_code == 0
    assert asked == [(["a star"] * 8, 0, "vae", 128, 1.0)]
    assert pixels("sample.png").shape == (3, 128, 8 * 130 - 2)
    options = ["--n", "2", "--seed", "5", "--model", "gan", "--size", "32", "--temperature", "0.5", "--out", "x.PNG"]
    assert sample("a star", *options).exit_code == 0
    assert asked[1] == (["a star"] * 2, 5, "gan", 32, 0.5)
    assert sorted(path.name for path in Path().iterdir()) == ["sample.png", "x.PNG"]


def test_json_names_the_file_the_completed_captions_and_the_share_that_the_classifier_reads():
    result = sample(CAPTION, "--n", "12", "--size", "32", "--json")
    told = json.loads(result.stdout)
    assert told.keys() == {"file", "shows_caption", "captions"}
    assert told["file"] == "sample.png"
    assert told["shows_caption"] >= 0.75
    assert told["captions"] == pipeline.draw([CAPTION] * 12).captions
    assert all(parse(CAPTION).hold_for(parse(full).scene()) for full in told["captions"])
    table = sample(CAPTION, "--n", "12", "--size", "32").stdout
    assert f"12 pictures, {told['shows_caption']:.0%} of them show what the sentence says" in table


def test_the_same_seed_writes_the_same_bytes_over_the_old_file():
    sample("a star", "--n", "2", "--size", "32")
    first = Path("sample.png").read_bytes()
    sample("a star", "--n", "2", "--size", "32", "--seed", "1")
    assert Path("sample.png").read_bytes() != first
    sample("a star", "--n", "2", "--size", "32")
    assert Path("sample.png").read_bytes() == first


# ---- what is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a beautiful landscape"], "unknown words: 'beautiful', 'landscape'; the world has shapes such as 'circle'"),
        (["a purpel star"], "unknown words: 'purpel' (near: purple)"),
        (["a star, a circle and a cross"], "names one or two objects; this one names 3"),
        ([""], "names one or two objects; this one names 0"),
        ([CAPTION, "--model", "diffusion"], "no model 'diffusion'; there are: gan, vae"),
        ([CAPTION, "--model", "gan"], "for two take model='vae'"),
        ([CAPTION, "--size", "100"], "size of 32, 64, 128, 256 pixels; got 100"),
        ([CAPTION, "--temperature", "-1"], "temperature of at least 0"),
        ([CAPTION, "--n", "0"], "value for '--n'"),
        ([CAPTION, "--out", "grid.jpg"], "--out is a PNG file, such as grid.png; got grid.jpg"),
        ([], "Missing argument"),
    ],
    ids=str,
)
def test_wrong_usage_exits_2_says_what_to_do_and_leaves_no_file(arguments, message):
    result = sample(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in said(result)
    assert "Traceback" not in result.stderr
    assert list(Path().iterdir()) == []


def test_what_was_there_stays_when_the_caption_is_wrong():
    Path("sample.png").write_bytes(b"mine")
    assert sample("a beautiful landscape").exit_code == 2
    assert Path("sample.png").read_bytes() == b"mine"


def test_a_failure_while_writing_leaves_what_was_there_and_no_part_of_a_file(monkeypatch):
    Path("sample.png").write_bytes(b"mine")

    def fail(image):
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(show, "image_png", fail)
    assert sample("a star", "--size", "32").exit_code == 1
    assert Path("sample.png").read_bytes() == b"mine"
    assert [path.name for path in Path().iterdir()] == ["sample.png"]


def test_missing_weights_are_a_failed_job_in_one_line(monkeypatch):
    def missing(*options):
        raise MissingFile("weights/x.safetensors", "weights", "no such file", "Train them first.")

    monkeypatch.setattr(pipeline, "draw", missing)
    result = sample("a star")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("mmgen: ")
    assert len(result.stderr.splitlines()) == 1
    assert "Train them first." in result.stderr


@pytest.mark.parametrize("out", ["there.png", "file/x.png"])
def test_a_place_that_cannot_be_written_to_is_a_failed_job_in_one_line(out):
    Path("there.png").mkdir()
    Path("file").write_text("no folder")
    result = sample("a star", "--n", "1", "--size", "32", "--out", out)
    assert result.exit_code == 1
    assert result.stderr.startswith("mmgen: ")
    assert len(result.stderr.splitlines()) == 1
