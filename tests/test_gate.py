"""The gate itself: what counts as the same notebook, what nbval's run of one finds, and which tests start first."""

import base64
import copy
import io
import os
import subprocess
import sys
from collections import OrderedDict
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from heavy_first import HEAVY, HeavyFirst, group, weight
from likeness import same, without_pictures
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


# ---- the same, but for pictures


def picture(grey: int, width: int = 8, kind: str = "png") -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, 8), (grey, grey, grey)).save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def html(grey: int, width: int = 8, alt: str = "a star", kind: str = "png") -> str:
    return f'<p>{alt}</p><img src="data:image/{kind};base64,{picture(grey, width, kind)}" alt="{alt}"> <b>{alt}</b>'


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("made", [picture, html])
def test_pictures_may_differ_by_less_than_a_grey_level_alone_and_inside_a_text(made, kind):
    assert made(100, kind=kind) != made(101, kind=kind)
    assert same(made(100, kind=kind), made(100, kind=kind))
    assert not same(made(100, kind=kind), made(103, kind=kind))
    assert not same(made(100, 8, kind=kind), made(100, 9, kind=kind))


def test_a_grey_level_in_half_of_the_pixels_is_rounding_and_two_levels_are_another_picture():
    assert same({"a": [picture(100), "x"]}, {"a": [picture(101), "x"]})  # opacity, the same, is a fourth of the mean
    assert not same({"a": [picture(100), "x"]}, {"a": [picture(102), "x"]})
    assert same(html(100) + html(7), html(101) + html(6))
    assert not same(html(100) + html(7), html(100) + html(9))


@pytest.mark.parametrize(
    "other",
    [
        html(100, alt="a disc"),
        html(100) + " ",
        html(100).replace("<b>", "<i>"),
        html(100) + html(100),
        html(100).replace(picture(100), picture(100)[:-8]),  # no whole picture
        html(100).replace(picture(100), picture(100, kind="jpeg")[:40]),
        html(100).replace(picture(100), ""),
    ],
)
def test_what_stands_around_a_picture_must_be_equal(other):
    assert not same(html(100), other)
    assert not same(other, html(100))


def test_all_else_is_compared_exactly():
    tree = {"a": [1, "x", None, {"b": 0.5}]}
    assert same(tree, copy.deepcopy(tree))
    for other in ({"a": [1, "x", None]}, {"a": [1, "y", None, {"b": 0.5}]}, {"a": [1, "x", None, {"c": 0.5}]}, {}, []):
        assert not same(tree, other)
    assert not same({"a": 1}, {"a": 1, "b": 1})
    assert not same([1], [True])


def test_a_text_without_its_pictures_keeps_all_its_words():
    assert without_pictures(html(100)) == without_pictures(html(200)) != without_pictures(html(100, alt="a disc"))
    assert without_pictures("no picture: iVBOR, /9j") == "no picture: iVBOR, /9j"


# ---- one execution by nbval

LESSON = """\
# %%
import base64, io
import ipywidgets
from IPython.display import HTML, Image, display
from PIL import Image as Pillow

def png(grey):
    buffer = io.BytesIO()
    Pillow.new("RGB", (8, 8), (grey, grey, grey)).save(buffer, "png")
    return buffer.getvalue()

grey = 100

# %%
Image(png(grey), metadata={"alt": "a grey square"})

# %%
source = f'<img src="data:image/png;base64,{base64.b64encode(png(grey)).decode()}">'
display(HTML(f"<b>grey</b> {source}"))
display(ipywidgets.VBox([ipywidgets.HTML(source), ipywidgets.Label("a square")]))
print(grey)
"""
# name of a copy of the lesson -> what was changed in its notebook
CHANGES = {
    "rounded": (picture(100), picture(101)),
    "another picture": (picture(100), picture(103)),
    "another alt text": ('"alt": "a grey square"', '"alt": "a grey disc"'),
    "another widget": ('"value": "a square"', '"value": "a disc"'),
    "another source": ("grey = 100", "grey  = 100"),
    "another text": ('"100\\n"', '"101\\n"'),
    "a death": ("print(grey)", "import os; os._exit(1)"),
}
CONFTEST = """\
import validation
from tools.lessons.build import read_course

validation.course_in = lambda folder: read_course(folder, {})
"""
BUILD = """\
import sys
from pathlib import Path
from tools.lessons.build import build, read_course

out = Path(sys.argv[1])
course = read_course(out / "source", {})
build(course.lessons[0], course, out)
"""


def copy_of_the_lesson(folder: Path) -> Path:
    (folder / "source").mkdir(parents=True)
    (folder / "source" / "00_tiny.py").write_text(LESSON)
    return folder


def python(*arguments: object) -> subprocess.CompletedProcess:
    paths = [ROOT / "tests/gate", ROOT]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def failures(tmp_path_factory) -> dict[str, dict[str, str]]:
    """For each changed notebook the name of each test of it -> how it failed, or nothing."""
    folder = tmp_path_factory.mktemp("courses")
    built = copy_of_the_lesson(folder / "built")
    done = python("-c", BUILD, built)
    assert done.returncode == 0, done.stderr
    text = (built / "00_tiny.ipynb").read_text()
    for name, (old, new) in CHANGES.items():
        assert old in text
        (copy_of_the_lesson(folder / name) / "00_tiny.ipynb").write_text(text.replace(old, new))
    (folder / "conftest.py").write_text(CONFTEST)
    report = folder / "report.xml"
    options = ["-p", "validation", "-p", "no:cacheprovider", "--nbval", "-c", os.devnull, f"--rootdir={folder}"]
    done = python("-m", "pytest", *options, f"--junitxml={report}", *(folder / name for name in CHANGES))
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        said = "".join(child.text or "" for child in case if child.tag in ("failure", "error"))
        found.setdefault(case.attrib["classname"].removesuffix(".00_tiny.ipynb"), {})[case.attrib["name"]] = said
    return found


@pytest.mark.parametrize(
    ("name", "by_nbval", "of_the_whole"),
    [
        ("rounded", [], ""),
        ("another picture", [], "00_tiny-001 gives another output"),
        ("another alt text", [], "00_tiny-001 gives another output"),
        ("another widget", [], "the metadata differ"),
        ("another source", [], "another source"),
        ("another text", ["Cell 2"], "00_tiny-002 gives another output"),
        ("a death", ["Cell 2"], "this code cell was not executed"),
    ],
)
def test_one_execution_compares_texts_pictures_alt_texts_widgets_and_sources(failures, name, by_nbval, of_the_whole):
    found = dict(failures[name])
    whole = found.pop("Whole")
    assert of_the_whole in whole
    assert bool(whole) == bool(of_the_whole)
    assert sorted(found) == ["Cell 0", "Cell 1", "Cell 2"]
    assert [cell for cell, said in found.items() if said] == by_nbval


def test_a_kernel_that_dies_is_named_at_once(failures):
    assert "the kernel died" in failures["a death"]["Cell 2"]


# ---- what starts first


def test_what_belongs_together_is_one_group_and_heavy_groups_come_first():
    together = [
        ["tests/book/test_access.py::test_colours[a]"],  # it builds the book
        [
            "notebooks/01_images.ipynb::Cell 0",
            "notebooks/01_images.ipynb::Whole",
            "tests/browser/test_lessons_in_lab.py::test_bars[01_images]",
            "tests/browser/test_lessons_in_lab.py::test_width[01_images]",
        ],
        ["notebooks/solutions/10_text_to_image.ipynb::Cell 0"],
        ["tests/book/test_book.py::test_links"],
        ["tests/test_a.py::test_b[x[1]-y::z]", "tests/test_a.py::test_c"],  # as heavy as the last, with more tests
        ["mmgen_course/notebooks/run.py::mmgen_course.notebooks.run.execute"],
    ]
    assert handed_out(sorted(chain(*together))) == together


def handed_out(tests: list[str]) -> list[list[str]]:
    """The groups in their order, from the scheduler of one worker that ends each before it asks for the next."""

    class Worker:
        shutting_down = False
        groups: ClassVar[list[list[str]]] = []

        def send_runtest_some(self, indices: list[int]) -> None:
            self.groups.append([tests[i] for i in indices])

        def shutdown(self) -> None:
            self.shutting_down = True

    worker, config = Worker(), SimpleNamespace(option=SimpleNamespace(loadscopereorder=True))
    scheduler = HeavyFirst.__new__(HeavyFirst)
    scheduler.config, scheduler.log, scheduler.numnodes = config, print, 1
    scheduler.collection, scheduler.workqueue = None, OrderedDict()
    scheduler.assigned_work, scheduler.registered_collections = {}, {}
    scheduler.add_node(worker)
    scheduler.add_node_collection(worker, tests)
    scheduler.schedule()
    for test in (test for together in worker.groups for test in together):  # grows while it is read
        scheduler.mark_test_complete(worker, tests.index(test))
    return worker.groups


def test_whatever_has_a_weight_is_there():
    assert [name for name in HEAVY if not (ROOT / name).exists()] == []
    assert weight(group("notebooks/solutions/02_text.ipynb::Cell 1")) == HEAVY["notebooks/solutions"]
    assert weight(group("tests/test_new.py::test_x")) < min(HEAVY.values())
