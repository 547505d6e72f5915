"""A newcomer's first minutes: the walk without its installation, and what the README shows of the end of it."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from mmgen_course import __version__, pipeline
from mmgen_course.evaluate import caption_match
from mmgen_course.preprocess.text import tokenize
from mmgen_course.scenes import parse
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.words import HELD_OUT_WORDS, TRAINING_WORDS
from tools import make_drawings, walk

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository whose one commit is this checkout as it stands, edits that nobody has committed yet with it."""
    folder = tmp_path_factory.mktemp("repository")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "mmgen_course", "data"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    who = ["-c", "user.name=a newcomer", "-c", "user.email=newcomer@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message", "as it stands"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def walked(source: Path | str, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, walk.__file__, "--source", str(source), "--python", sys.executable, *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_walk_from_a_clone_to_a_picture_prints_its_seconds(repository):
    result = walked(repository)
    assert result.returncode == 0, result.stderr
    steps = dict(re.findall(r"^(git clone|mmgen sample|all) +(\d+\.\d) s", result.stdout, flags=re.MULTILINE))
    assert steps.keys() == {"git clone", "mmgen sample", "all"}
    assert abs(float(steps["git clone"]) + float(steps["mmgen sample"]) - float(steps["all"])) < 0.2


def test_a_walk_that_takes_too_long_and_one_that_stumbles_fail(repository, tmp_path):
    quick = tmp_path / "python"  # what draws does not matter here
    quick.write_text(f'#!/bin/sh\ncp "{make_drawings.FILE}" mine.png\n')
    quick.chmod(0o755)
    result = walked(repository, "--limit", "0.001", "--python", str(quick))
    assert result.returncode == 1
    assert "of 0.001 s that it may take" in result.stdout
    result = walked(tmp_path / "nowhere")
    assert result.returncode == 1
    assert "git clone failed" in result.stderr


def test_a_file_that_is_no_picture_is_noticed(tmp_path):
    (tmp_path / "mine.png").write_text("<html>" * 10)
    with pytest.raises(ValueError, match="is no PNG file"):
        walk.png_size(tmp_path / "mine.png")


def test_the_readme_says_what_the_walk_does():
    readme = (ROOT / "README.md").read_text()
    assert f'mmgen sample "{walk.SENTENCE}" --out mine.png' in readme
    assert "make env" in readme


# ---- the picture in the README


def pixels(png: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(png)) as image:
        return pil_to_tensor(image.convert("RGB")).float()


def test_the_picture_of_the_readme_is_what_the_shipped_model_draws():
    kept, drawn = pixels(make_drawings.FILE.read_bytes()), pixels(make_drawings.draw())
    assert kept.shape == drawn.shape
    assert (kept - drawn).abs().mean() < 1.0  # of 255: another processor rounds otherwise
    assert f"({make_drawings.FILE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()


def test_each_drawing_in_it_shows_its_caption_one_of_them_a_composition_and_one_words_that_training_lacked():
    captions = make_drawings.CAPTIONS
    images = pipeline.draw(captions, make_drawings.SEED).images
    assert caption_match(images, captions).share.value == 1
    assert [is_held_out(parse(caption).complete()) for caption in captions] == [False, False, True, False]
    known = {word for words in TRAINING_WORDS.values() for word in words}
    unseen = {word for words in HELD_OUT_WORDS.values() for word in words} - known
    assert unseen.intersection(tokenize(captions[-1])) == {"tiny", "crimson", "disc"}


# ---- what a reader may do with it


def test_the_citation_has_what_the_format_requires_and_the_version_of_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()
    assert cited["authors"] == [{"name": "The mmgen-course authors"}]
    assert cited["version"] == __version__
    assert cited["type"] in {"software", "dataset"}
    assert "The mmgen-course authors" in (ROOT / "LICENSE").read_text()


def test_the_changelog_has_the_version_and_only_the_kinds_of_change_of_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[([^]]+)\]", text, flags=re.MULTILINE)
    assert versions[:2] == ["Unreleased", __version__]
    kinds = set(re.findall(r"^### (.*)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_code_and_text_have_their_licences_and_the_readme_names_both():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    text = (ROOT / "LICENSE-TEXT").read_text()
    assert "Creative Commons Attribution 4.0 International Public License" in text
    assert "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    readme = (ROOT / "README.md").read_text()
    assert "(LICENSE)" in readme
    assert "(LICENSE-TEXT)" in readme
