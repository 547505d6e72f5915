"""tools/lessons/new.py: a lesson begins whole, in its place, and overwrites nothing."""

import shutil
import tomllib
from pathlib import Path

import pytest

from mmgen_course.notebooks.register import read_register
from tools.lessons.grades import grading
from tools.lessons.new import REGISTER, ROOT, main, registered, skeleton
from tools.lessons.solutions import check_markers
from tools.lessons.source import read_lesson

TEXT = (ROOT / REGISTER).read_text()


@pytest.fixture
def root(tmp_path) -> Path:
    """A repository that has nothing but its register."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / REGISTER, tmp_path / "notebooks")
    return tmp_path


def files(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_every_file_of_a_lesson_is_made_and_named(root, capsys):
    main(["98_new_thing"], root)
    assert (
        sorted(files(root))
        == sorted(capsys.readouterr().out.split())
        == [
            "mmgen_course/exercises/lessons/lesson_98/__init__.py",
            "mmgen_course/exercises/lessons/lesson_98/exercise_98.py",
            "notebooks/lessons.toml",
            "notebooks/source/98_new_thing.py",
            "tests/alternatives/lesson_98/exercise_98.py",
            "tests/equations/lesson_98.py",
        ]
    )
    assert "# # 98. New thing\n" in files(root)["notebooks/source/98_new_thing.py"]


def test_its_cells_and_its_exercise_know_of_each_other(root):
    main(["98_new_thing"], root)
    made = files(root)
    lesson = read_lesson(root / "notebooks" / "source" / "98_new_thing.py")
    for cell in lesson.cells:
        check_markers(cell)
    names: dict = {}
    exec(made["mmgen_course/exercises/lessons/lesson_98/exercise_98.py"], names)
    assert len(grading(lesson, {names["EXERCISE"].name: names["EXERCISE"]})) == 2
    alternative: dict = {}
    exec(made["tests/alternatives/lesson_98/exercise_98.py"], alternative)
    assert alternative["exercise_98"](3) == names["EXERCISE"].reference(3)


@pytest.mark.parametrize("name", ["98_new_thing", "16_a"])
def test_the_register_has_it_in_its_place_and_the_others_as_they_were(root, name):
    before = read_register(root / REGISTER)
    main([name], root)
    after = read_register(root / REGISTER)
    assert [entry for entry in after if entry.name != name] == before
    [new] = [entry for entry in after if entry.name == name]
    assert (new.to_come, new.does, new.seconds) == (False, "FILL IN", None)


def test_a_lesson_between_two_others_stands_between_them():
    register = registered(registered("# head\n\n", "03_c"), "01_a")
    assert [one["name"] for one in tomllib.loads(registered(register, "02_b"))["lesson"]] == ["01_a", "02_b", "03_c"]


def test_a_lesson_that_was_to_come_is_there_under_its_announced_title(root):
    announced = '[[lesson]]\nname = "97_x"\ntitle = "A Title"\nstage = "S"\nlabel = "l"\nto_come = true\n'
    (root / REGISTER).write_text(f"{TEXT}\n{announced}")
    main(["97_x"], root)
    entry = read_register(root / REGISTER)[-1]
    assert (entry.name, entry.title, entry.stage, entry.to_come) == ("97_x", "A Title", "S", False)
    assert "# # 97. A Title\n" in files(root)["notebooks/source/97_x.py"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("captions", "expected a name such as 16_captions"),
        ("9_x", "got '9_x'"),
        ("", "got ''"),
        ("98_X", "got '98_X'"),
        ("05_attention", "has a lesson 05_attention"),
        ("05_other", "has a lesson 05_attention; choose another"),
    ],
)
def test_a_name_that_is_none_or_taken_is_wrong_usage_and_writes_nothing(root, capsys, name, message):
    before = files(root)
    with pytest.raises(SystemExit) as exit_:
        main([name] if name else [], root)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert files(root) == before


@pytest.mark.parametrize("place", range(5))
def test_a_file_that_is_there_is_kept_and_nothing_written(root, place):
    path = list(skeleton("98_new_thing", root))[place]
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    before = files(root)
    with pytest.raises(SystemExit, match="there already, and nothing was written"):
        main(["98_new_thing"], root)
    assert files(root) == before


@pytest.mark.parametrize(
    "folder", ["mmgen_course/exercises/lessons/lesson_98", "tests/equations", "tests/alternatives"]
)
def test_when_a_file_cannot_be_written_nothing_is_left(root, folder):
    (root / folder).parent.mkdir(parents=True, exist_ok=True)
    (root / folder).write_text("a file where a folder should be")
    before = sorted(root.rglob("*"))
    with pytest.raises(SystemExit, match=r"tools\.lessons\.new: \[Errno"):
        main(["98_new_thing"], root)
    assert sorted(root.rglob("*")) == before
    assert files(root)[REGISTER] == TEXT
