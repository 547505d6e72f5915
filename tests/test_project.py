"""What the project says about itself is true: documents, pins, layout, direction of imports."""

import ast
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from mmgen_course.cli import app
from mmgen_course.notebooks.register import lesson_names
from tools import pins
from tools.lessons.new import FILL_IN

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mmgen_course"
MODULES = sorted(PACKAGE.rglob("*.py"))
LESSONS = [ROOT / "notebooks/source" / f"{name}.py" for name in lesson_names()]
NAMES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "book/equations.md"]
DOCUMENTS = [ROOT / name for name in NAMES]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text()
PINS = [Requirement(pin) for pin in pins.pins(REQUIREMENTS)]

# who may import whom: each layer only from those behind it
LAYERS = [
    {"cli"},
    {"doctor"},
    {"check", "grading"},
    {"exercises"},
    {"pipeline", "recipes"},
    {"evaluate", "generators", "notebooks", "widgets"},
    {"fusion"},
    {"features"},
    {"train"},
    {"data"},
    {"layers", "preprocess", "register", "scenes", "show"},
]
GRAMMAR = ["# ", "**You will be able to**", "**From here on we import it", "explorer(", "## On real data"]
GRAMMAR += ["## What to remember", "## Three questions", "## References"]


def sh_commands(document: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", document.read_text(), flags=re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def test_every_direct_dependency_is_pinned_at_a_version_it_allows() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [Requirement(text) for text in [*PROJECT["dependencies"], *itertools.chain(*extras.values())]]
    [own] = [want for want in wanted if want.name == PROJECT["name"]]
    assert own.extras | {"test"} == set(extras)  # what the tests need is all there is
    for want in wanted:
        if want is own:
            continue
        same = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(want.name)]
        versions = [str(pin.specifier)[2:] for pin in same]
        assert versions, f"{want.name} has no pin: run `make pins`"
        assert all(version in want.specifier for version in versions), want


def test_every_pin_has_a_hash_and_no_address_is_named() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", REQUIREMENTS)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(entries) == len(PINS)
    assert "://" not in REQUIREMENTS
    assert "index-url" not in REQUIREMENTS


def test_conda_gets_the_same_versions() -> None:
    text = (ROOT / "environment.yml").read_text()
    packages = yaml.safe_load(text)["dependencies"][-1]["pip"]
    assert packages.pop() == "--editable ."
    assert packages == pins.pins(REQUIREMENTS)
    assert text == pins.environment(REQUIREMENTS)


def test_the_named_packages_of_the_course_are_installed_at_their_pins() -> None:
    from importlib.metadata import version

    for name in ["jupyterlab", "torch", "torchvision", "torchtext", "matplotlib", "ipywidgets", "nbval"]:
        assert f"{name}=={version(name)}" in pins.pins(REQUIREMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_of_the_project_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text())
    assert all((document.parent / link).exists() for link in links), links


def test_the_readme_maps_every_lesson_and_no_other() -> None:
    mapped = re.findall(r"\(notebooks/(\w+)\.ipynb\)", (ROOT / "README.md").read_text())
    assert mapped == lesson_names()
    assert mapped == [path.stem for path in sorted((ROOT / "notebooks/source").glob("*.py"))]
    assert mapped == [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_exists(document: Path) -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    text = document.read_text()
    said = set(re.findall(r"`make ([a-z]+)`", text)) | {c.split()[1] for c in sh_commands(document) if c[:5] == "make "}
    assert said <= set(targets), said - set(targets)
    for script in re.findall(r"(tools/\w+\.\w+)", text):
        assert (ROOT / script).exists(), script
    for module in re.findall(r"python -m (tools[\w.]*\w)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    for verb in set(re.findall(r"\bmmgen ([a-z]+)", text)):
        assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0, verb


def test_mmgen_is_installed() -> None:
    command = [Path(sys.executable).with_name("mmgen"), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert all(f" {verb} " in said for verb in typer.main.get_command(app).commands)


def test_make_help_lists_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert phony
    assert re.findall(r"^make (\w+)", shown, flags=re.MULTILINE) == phony[1].split()


def test_imports_point_down_the_layers() -> None:
    rank = {name: level for level, names in enumerate(LAYERS) for name in names}
    for path in MODULES:
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if here in {"__init__", "__main__"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmgen_course"):
                parts = (node.module or "").split(".")
                others = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
                for other in set(others) & rank.keys() - {here}:
                    assert rank[other] > rank[here], f"{path} imports {other}"


def test_drawing_a_picture_imports_no_training_code(tmp_path: Path) -> None:
    by_hand = "from mmgen_course.pipeline import generate; generate('a star'); generate('a star', model='gan')"
    by_command = f"sys.argv = ['mmgen', 'sample', 'a star', '--n', '1', '--out', {str(tmp_path / 's.png')!r}]; "
    by_command += "from mmgen_course.cli import main; main()"
    for drawing in (by_hand, by_command):
        code = f"import sys\ntry:\n    {drawing}\nexcept SystemExit:\n    pass\nprint('loaded', *sys.modules)"
        command = [sys.executable, "-W", "ignore", "-c", code]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        loaded = printed.splitlines()[-1].split()
        assert "mmgen_course.generators.caption_decoder" in loaded
        assert not [name for name in loaded if name.startswith(("mmgen_course.recipes", "mmgen_course.train"))]
    assert (tmp_path / "s.png").stat().st_size > 0


def test_importing_the_package_loads_no_other_package() -> None:
    # so that it takes next to no time, whatever its modules need
    code = "import sys, typing; before = set(sys.modules); import mmgen_course; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["mmgen_course"]


def test_shapes_in_signatures_are_checked_wherever_they_stand() -> None:
    options = PYPROJECT["tool"]["pytest"]["ini_options"]["addopts"]
    [checked] = [one.partition("=")[2].split(",")[:-1] for one in options if one.startswith("--jaxtyping-packages")]
    shaped = [path for path in MODULES if "from jaxtyping import" in path.read_text()]
    assert len(shaped) > 30
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in shaped}
    assert [name for name in sorted(names) if not f"{name}.".startswith(tuple(f"{one}." for one in checked))] == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_the_parts_of_a_lesson_in_their_order(lesson: Path) -> None:
    text = lesson.read_text()
    places = [text.find(part) for part in GRAMMAR]
    assert -1 not in places, dict(zip(GRAMMAR, places, strict=True))
    assert places == sorted(places)
    assert text.count("<details><summary>Answer</summary>") == 3


def test_nothing_is_left_of_the_skeleton_of_a_lesson() -> None:
    places = [ROOT / "notebooks", PACKAGE / "exercises", ROOT / "tests" / "alternatives", ROOT / "tests" / "equations"]
    files = [path for place in places for path in place.rglob("*") if path.suffix in {".py", ".toml"}]
    assert [str(path.relative_to(ROOT)) for path in files if FILL_IN in path.read_text()] == []


def test_no_test_holds_a_stopwatch() -> None:
    # what things cost is for `make budget` to say; on a busy machine a test that measures it fails without a fault
    clocks = {"perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "thread_time", "thread_time_ns"}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = {getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "name", None)}
            assert not names & clocks, f"{path.relative_to(ROOT)}:{node.lineno} measures time"


def test_ci_runs_the_commands_of_the_readme() -> None:
    gate = (ROOT / ".ci/run").read_text()
    assert "make test" in sh_commands(ROOT / "README.md")
    assert re.search(r"^make test$", gate, flags=re.MULTILINE)
    assert gate.rstrip().splitlines()[-1].startswith("make budget || true")  # printed, and nothing fails by it
