"""The register of lessons: it is true, what is made from it is up to date, and mistakes in it are told."""

import re
import tomllib

import pytest

from mmgen_course.notebooks.register import REGISTER, RegisterError, lesson_names, read_register
from mmgen_course.notebooks.run import ROOT
from tools.data_files import marks
from tools.register import MEASURED, PAGE, README, measured, minutes_page, readme_lines

TEXT = REGISTER.read_text(encoding="utf-8")
ENTRIES = read_register()
THERE = [entry for entry in ENTRIES if not entry.to_come]
MACHINE = tomllib.loads(TEXT)["machine"]
NEW_COSTS = {"seconds": 61.4, "cpu_seconds": 70.6, "peak_mb": 900.2, "error": None}


def test_readme_and_the_page_of_minutes_are_made_from_the_register():
    begin, end = marks("register.py")
    made = README.read_text(encoding="utf-8").split(begin)[1].split(end)[0].strip("\n")
    assert made == "\n".join(readme_lines(ENTRIES, MACHINE)), "run `python -m tools.register`"
    assert PAGE.read_text(encoding="utf-8") == minutes_page(ENTRIES, MACHINE), "run `python -m tools.register`"


@pytest.mark.parametrize("entry", THERE, ids=lambda entry: entry.name)
def test_a_lesson_has_the_number_and_the_minutes_of_its_entry(entry):
    text = (ROOT / "notebooks" / "source" / f"{entry.name}.py").read_text(encoding="utf-8")
    assert re.findall(r"^# # (\d+)\. ", text, re.MULTILINE) == [str(entry.number)]
    assert re.findall(r"^# (\d+) minutes[.,]", text, re.MULTILINE) == [str(entry.reading)]


def test_every_lesson_that_is_there_was_measured_and_one_to_come_has_no_source():
    assert all(0 < entry.seconds < 600 and 50 < entry.peak_mb < 20_000 for entry in THERE)
    sources = {path.stem for path in (ROOT / "notebooks" / "source").glob("*.py")}
    assert not sources & {entry.name for entry in ENTRIES if entry.to_come}


def test_the_page_of_minutes_and_readme_s_table_are_of_the_lessons_that_are_there():
    names = re.findall(r"^\| \[[^]]+\]\(\.\./notebooks/(\w+)\.ipynb\)", minutes_page(ENTRIES, MACHINE), re.MULTILINE)
    assert names == lesson_names() == [entry.name for entry in THERE]
    assert [line for line in readme_lines(ENTRIES, MACHINE) if "to come" in line] == []


def test_measured_costs_replace_those_of_their_lesson_and_nothing_else():
    costs = [{"lesson": "07_gan", **NEW_COSTS}]
    changed = measured(TEXT, costs, MACHINE)
    [gan] = [one for one in tomllib.loads(changed)["lesson"] if one["name"] == "07_gan"]
    assert [gan[key] for key in MEASURED] == [61, 71, 900]
    before, after = TEXT.splitlines(), changed.splitlines()
    own = re.compile("|".join(f"{key} = " for key in MEASURED))
    assert [line for line in before if not own.match(line)] == [line for line in after if not own.match(line)]
    assert measured(changed, costs, MACHINE) == changed
    others = [entry for entry in tomllib.loads(TEXT)["lesson"] if entry["name"] != "07_gan"]
    assert others == [entry for entry in tomllib.loads(changed)["lesson"] if entry["name"] != "07_gan"]


def test_what_was_never_measured_becomes_measured_and_a_machine_that_does_not_tell_cpu_seconds_leaves_none():
    blank = re.sub(rf"^(?:{'|'.join(MEASURED)}) = .*\n", "", TEXT, flags=re.MULTILINE)
    costs = [{"lesson": name, **NEW_COSTS} for name in lesson_names()]
    for cost in costs:
        del cost["cpu_seconds"]
    entries = tomllib.loads(measured(blank, costs, {**MACHINE, "cores": 64}))
    assert entries["machine"]["cores"] == 64
    assert all(one["seconds"] == 61 and "cpu_seconds" not in one for one in entries["lesson"] if "does" in one)
    assert "CPU seconds" not in minutes_page(ENTRIES, MACHINE) or all(entry.cpu_seconds for entry in THERE)


@pytest.mark.parametrize(
    ("lesson", "change", "machine", "told"),
    [
        ("07_gan", {"error": "07_gan, cell 3: ZeroDivisionError"}, {}, "did not run to the end: 07_gan"),
        ("99_end", {}, {}, "not in the register: 99_end"),
        ("14_sound_and_motion", {}, {}, "not in the register: 14_sound_and_motion"),
        ("07_gan", {}, {"python": "3.99"}, "another machine measured 00_welcome, .*, 15_formulas"),
    ],
)
def test_what_cannot_be_a_measurement_of_the_course_is_refused(lesson, change, machine, told):
    with pytest.raises(ValueError, match=told):
        measured(TEXT, [{"lesson": lesson, **NEW_COSTS, **change}], MACHINE | machine)


GAN = '[[lesson]]\nname = "07_gan"\ntitle = "GAN"\nstage = "Generator"\nlabel = "GAN"\ndoes = "play"\nreading = 65\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GAN + "minuts = 3\n", r"lessons\.toml, 07_gan: .*minuts"),
        (GAN.replace('stage = "Generator"\n', ""), "07_gan: .*stage"),
        (GAN.replace('name = "07_gan"\n', ""), "a lesson without name: .*name"),
        (GAN.replace("07_gan", "gan"), "gan: invalid literal"),
        (GAN.replace("reading = 65\n", ""), "07_gan: give `does` and `reading`, or `to_come = true`"),
        (GAN + GAN.replace("07_gan", "06_space"), "06_space stands behind 07_gan"),
        (GAN + GAN, "07_gan stands behind 07_gan"),
    ],
)
def test_a_mistake_in_the_register_is_told_with_its_lesson(tmp_path, text, told):
    (tmp_path / "lessons.toml").write_text(text)
    with pytest.raises(RegisterError, match=told):
        read_register(tmp_path / "lessons.toml")


def test_outside_a_clone_there_are_no_lessons(tmp_path):
    assert read_register(tmp_path / "lessons.toml") == []
