"""The wheel: it carries the shipped data, and `mmgen` works from it where no checkout can be reached."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from mmgen_course import __version__
from mmgen_course.data import ROOT as DATA

ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, by the pinned setuptools: nothing is downloaded, and nothing is left in the checkout."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("mmgen_course", "data"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "LICENSE-TEXT"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-c", BUILD, built], cwd=source, capture_output=True, check=True)
    (file,) = built.iterdir()
    return file


@pytest.fixture(scope="module")
def mmgen(wheel, tmp_path_factory):
    """`mmgen` of an environment with the wheel and with every other package of this one, but not with the checkout."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    scripts = Path(sysconfig.get_path("scripts", vars={"base": str(place)}))
    target = ["--python", scripts / "python", "--no-deps", "--offline", "--quiet"]
    subprocess.run([Path(sys.executable).with_name("uv"), "pip", "install", *target, wheel], check=True)
    # as a plain entry of sys.path: the .pth files in there, the editable install's among them, are not read
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    away = tmp_path_factory.mktemp("away")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"COLUMNS": "200"}

    def run(*arguments: str, program: str = "mmgen") -> subprocess.CompletedProcess:
        return subprocess.run(
            [scripts / program, *arguments], cwd=away, env=environment, capture_output=True, text=True
        )

    return run


def test_the_package_comes_from_the_wheel_and_the_checkout_cannot_be_reached(mmgen):
    code = "import json, sys, mmgen_course, mmgen_course.data as data; "
    code += "print(json.dumps([mmgen_course.__file__, str(data.ROOT), sys.path]))"
    package, shipped, path = json.loads(mmgen("-c", code, program="python").stdout)
    assert not Path(package).is_relative_to(ROOT)
    assert Path(shipped) == Path(package).parent / "shipped"
    assert str(ROOT) not in path


def test_sample_draws_a_sentence_that_the_classifier_reads_in_it(mmgen, tmp_path):
    drawn = mmgen("sample", "a red circle", "--n", "8", "--out", str(tmp_path / "x.png"), "--json")
    assert drawn.returncode == 0, drawn.stderr
    assert json.loads(drawn.stdout)["shows_caption"] >= 0.75
    assert (tmp_path / "x.png").read_bytes()[1:4] == b"PNG"


def test_every_shipped_file_is_there_with_its_hash(mmgen):
    verified = mmgen("data", "verify", "--json")
    assert (verified.returncode, json.loads(verified.stdout)) == (0, {"problems": []})


@pytest.mark.parametrize("command", ["lab", "lessons"])
def test_what_needs_a_clone_says_so_in_a_line(mmgen, command):
    told = mmgen(command)
    assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)
    assert "not in the installed package: run this in a git clone" in told.stderr


def test_the_wheel_holds_each_file_of_data_once_and_nothing_else_than_the_package(wheel):
    with ZipFile(wheel) as zipped:
        names = [name for name in zipped.namelist() if not name.endswith("/")]
        shipped = {name.removeprefix("mmgen_course/shipped/") for name in names if "/shipped/" in name}
        assert shipped == {path.relative_to(DATA).as_posix() for path in DATA.rglob("[!.]*") if path.is_file()}
        assert {name.split("/")[0] for name in names} == {"mmgen_course", wheel.name.split("-py3")[0] + ".dist-info"}
        same = [name for name in names if name.endswith("registry.txt")]
        assert len(same) == 1
        assert zipped.read(same[0]) == (DATA / "registry.txt").read_bytes()


def test_the_wheel_names_its_version_and_its_licences(wheel):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version == __version__
    assert wheel.name == f"mmgen_course-{version}-py3-none-any.whl"
    with ZipFile(wheel) as zipped:
        licences = {Path(name).name for name in zipped.namelist() if "dist-info/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-TEXT"}
