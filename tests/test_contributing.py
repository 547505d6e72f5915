"""CONTRIBUTING.md is true: what it says of four tasks is done on a copy of the course, by its own commands."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME, NUMBER = "98_walked", "98"
COPIED = ["book", "data", "mmgen_course", "notebooks", "tests", "tools"]
FILES = ["CONTRIBUTING.md", "Makefile", "README.md", "pyproject.toml", "requirements.txt"]


def commands(task: str, name: str = "") -> list[str]:
    """The lines of the first block of commands after the title of a task, for one lesson and one name in it."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.partition(f"**{task}.**")[2].partition("\n**")[0]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert block, f"CONTRIBUTING.md has no commands for {task!r}"
    lines = block[1].replace("NN_name", NAME).replace("name", name).splitlines()
    return [line.replace("NN", NUMBER) for line in lines]


@dataclass
class Copy:
    """A copy of the course, in which somebody contributes."""

    root: Path

    def run(self, command: str) -> subprocess.CompletedProcess:
        # its own code, whatever the environment has installed
        environment = os.environ | {"PYTHONPATH": str(self.root)}
        for inherited in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "MAKEFLAGS"):
            environment.pop(inherited, None)
        return subprocess.run(
            command, shell=True, cwd=self.root, env=environment, capture_output=True, text=True, timeout=900
        )

    def succeeds(self, command: str) -> str:
        done = self.run(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text()
        assert old in text
        (self.root / file).write_text(text.replace(old, new, 1))

    def write(self, file: str, text: str) -> None:
        (self.root / file).write_text(text)

    def outputs(self, file: str) -> list:
        cells = json.loads((self.root / file).read_text())["cells"]
        return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


SOURCE, LEARNER = f"notebooks/source/{NAME}.py", f"notebooks/{NAME}.ipynb"
SOLUTIONS = f"notebooks/solutions/{NAME}.ipynb"


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Copy:
    """A copy with a new lesson in it, made by the command of "Add a lesson"."""
    root = tmp_path_factory.mktemp("copy")
    for folder in COPIED:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    for file in FILES:
        shutil.copy(ROOT / file, root / file)
    environment = root / ".venv"  # links to each part of this one: what would empty it reaches no further
    environment.mkdir()
    for part in Path(sys.prefix).iterdir():
        (environment / part.name).symlink_to(part)
    (environment / "ready").unlink(missing_ok=True)
    (environment / "ready").touch()  # newer than all that it is made from
    made = Copy(root)
    for command in commands("Add a lesson"):
        made.succeeds(command)
    return made


def test_add_a_lesson(copy):
    assert "98. Walked" in (copy.root / LEARNER).read_text()
    assert f'name = "{NAME}"' in (copy.root / "notebooks/lessons.toml").read_text()
    assert f"(notebooks/{NAME}.ipynb)" in (copy.root / "README.md").read_text()
    assert copy.outputs(LEARNER)[0]
    # a second one of its number would overwrite it
    assert copy.run(commands("Add a lesson")[0]).returncode != 0


def test_fix_a_typo(copy):
    before = copy.outputs(LEARNER)
    copy.edit(SOURCE, "30 minutes. You need FILL IN.", "30 minutes. You need patience.")
    for command in commands("Fix a typo"):
        assert copy.succeeds(command) == f"{NAME}: prose only\n"
    assert "You need patience." in (copy.root / LEARNER).read_text()
    assert copy.outputs(LEARNER) == before


CHECK = """
from ledger import close, equation


@equation(
    "eq:walked",
    fingerprint="",
    how="adding up",
    formula=lambda x: 2 * x,
    mutants={"square": lambda x: x**2, "2 lost": lambda x: x},
)
def walked(formula):
    close(formula(3.0), 3.0 + 3.0)
"""


def test_add_an_equation(copy):
    checks = f"tests/equations/lesson_{NUMBER}.py"
    copy.edit(SOURCE, "# A displayed equation", "# $$ y = 2 x \\label{eq:walked} $$\n#\n# A displayed equation")
    build, test = commands("Add an equation", "walked")
    copy.edit(checks, '98_walked."""\n', '98_walked."""\n' + CHECK)
    asked = re.search(r'eq:walked \(98\.1\) reads y = 2 x; .* (fingerprint="\w{8}") there', copy.run(build).stderr)
    assert asked
    copy.edit(checks, 'fingerprint=""', asked[1])
    copy.succeeds(build)
    assert "| 98.1 | $y = 2 x$ | adding up | square; 2 lost |" in (copy.root / "book/equations.md").read_text()
    assert r"y = 2 x \\tag{98.1}" in (copy.root / LEARNER).read_text()
    assert "3 passed" in copy.succeeds(test)  # the equation and its two mutants


ASKED = '''\
# %% [markdown]
# ### 2. Three times
#
# 2 points, 4 minutes, difficulty 1 of 3.
#
# Return `x` three times over.


# %% tags=["exercise"]
def thrice(x: Tensor) -> Tensor:
    """Three times x."""
    # BEGIN SOLUTION
    return x + x + x + 0 * x
    # END SOLUTION


# %%
check(thrice)

# %% [markdown]
# ## On real data
'''


def test_add_an_exercise(copy):
    folder = f"mmgen_course/exercises/lessons/lesson_{NUMBER}"
    copy.edit(SOURCE, "1 point, 5 minutes; your progress", "3 points, 9 minutes; your progress")
    copy.edit(SOURCE, "# %% [markdown]\n# ## On real data\n", ASKED)
    first = (copy.root / folder / f"exercise_{NUMBER}.py").read_text()
    second = first.replace(f"exercise_{NUMBER}", "thrice").replace("number=1", "number=2").replace("x + x", "3 * x")
    second = second.replace("points=1", "points=2").replace("minutes=5", "minutes=4")
    mistakes = [("twice", "2 * x"), ("four times", "4 * x"), ("cubed", "x**3")]
    written = "".join(f'Misconception("{what}", lambda x: {how}, "You took it {what}."),\n' for what, how in mistakes)
    second = re.sub(r"misconceptions=\(\),.*", lambda _: f"misconceptions=({written}),", second)
    copy.write(f"{folder}/thrice.py", second.replace("import Exercise", "import Exercise, Misconception"))
    copy.write(f"tests/alternatives/lesson_{NUMBER}/thrice.py", "def thrice(x):\n    return x + x + x\n")
    build, test = commands("Add an exercise", "thrice")
    copy.succeeds(build)
    assert "your turn: thrice" in (copy.root / LEARNER).read_text()
    assert "return x + x + x + 0 * x" in (copy.root / SOLUTIONS).read_text()
    done = copy.run(test)
    # the exercise of the skeleton is still to be written, and that is all
    assert re.findall(r"^FAILED \S+::(\S+)", done.stdout, flags=re.MULTILINE) == [
        "test_every_exercise_has_three_misconceptions_with_hints_of_their_own"
    ], done.stdout
    passed = re.search(r"1 failed, (\d+) passed", done.stdout)
    assert passed
    assert int(passed[1]) >= 6  # reference, alternative, stub, three mistakes
