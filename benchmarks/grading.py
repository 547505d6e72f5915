"""What the grader is worth where a minute is not enough: its speed, honest work under load, kills, and repeats.

    python benchmarks/grading.py speed      # submissions a minute, beside nbgrader's for the same assignment
    python benchmarks/grading.py honest     # 3,000 gradings of honest notebooks while every core is busy
    python benchmarks/grading.py habits     # every solution with every habit of tests/habits.py in it
    python benchmarks/grading.py kills      # 2,000 submissions, 5 % hostile, the grader killed five times
    python benchmarks/grading.py repeats    # the corpus of tests/attacks twenty times

Each prints one table, and ends with 1 if what it claims does not hold.
"""

import argparse
import ast
import json
import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "attacks"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from corpus import honest_cells, notebook_of  # noqa: E402
from folders import HONESTLY  # noqa: E402
from grading_controls import course, graded_by_nbgrader  # noqa: E402
from habits import HABITS  # noqa: E402
from test_attacks import CASES  # noqa: E402

from mmgen_course.exercises import all_exercises, exercises_of  # noqa: E402
from mmgen_course.grading.results import Results  # noqa: E402
from mmgen_course.grading.run import grade_all, outcome_of  # noqa: E402
from mmgen_course.grading.sandbox import Sandbox  # noqa: E402
from mmgen_course.grading.submissions import collect  # noqa: E402
from mmgen_course.notebooks.read import code_cells  # noqa: E402

MMGEN = [sys.executable, "-m", "mmgen_course"]
# these take their whole limit of time; two in a hundred of them are plenty for a class
QUICK = [case for case in CASES if "timeout" not in case.states.values()]


def write_class(folder: Path, number: int, hostile: float = 0.0) -> None:
    """`number` notebooks, each with a line of its own; a share of them hostile, the same ones in every run."""
    draw = random.Random(0)
    bait = dict.fromkeys(("CANARY", "FOLDER", "OTHER", "RESULTS", "PACKAGE", "SOCKET"), "/nowhere") | {"PORT": "9"}
    for i in range(number):
        cells = draw.choice(QUICK).cells(bait) if draw.random() < hostile else list(honest_cells().values())
        (folder / f"student{i:04d}.ipynb").write_bytes(notebook_of([f"student = {i}", *cells]))


def speed(options: argparse.Namespace) -> bool:
    """Submissions a minute on this machine, ours and nbgrader's, of the same assignment; and whole lessons of ours."""
    with TemporaryDirectory() as name:
        folder = Path(name, "class")
        folder.mkdir()
        write_class(folder, options.number)
        ours = rate(folder, Path(name, "out"), options.jobs)
        theirs = 60 * options.theirs / graded_by_nbgrader(course(Path(name, "course"), options.theirs))
        whole = Path(name, "whole")
        whole.mkdir()
        solved = code_cells((ROOT / "notebooks" / "solutions" / "05_attention.ipynb").read_bytes())
        for i in range(options.number // 4):
            (whole / f"student{i:04d}.ipynb").write_bytes(notebook_of([f"student = {i}", *solved]))
        one, two = (rate(whole, Path(name, f"jobs{jobs}"), jobs) for jobs in (1, 2))
    print("a minute, starts of the sandboxes not counted, torch loaded; each with 4 exercises")
    print(f"mmgen grade, {options.number} submissions, {options.jobs} jobs  {ours:7.0f}")
    print(f"nbgrader, the same  {theirs:7.1f} ({ours / theirs:.0f} times less)")
    print(f"whole copies of lesson 5  {one:7.0f} with one job, {two:.0f} with two ({two / one:.2f} times)")
    return ours >= 300 and two >= 300 and two >= 1.7 * one


def rate(folder: Path, out: Path, jobs: int) -> float:
    """Submissions a minute once every job has imported torch; all must have full points."""
    steady, done = time.monotonic(), 0
    for outcome in grade_all(collect(folder), Results(out), jobs=jobs):
        assert outcome["points"] == outcome["of"] > 0, outcome
        done += 1
        if done == 2 * jobs:
            steady = time.monotonic()
    return 60 * (done - 2 * jobs) / (time.monotonic() - steady)


@contextmanager
def every_core_busy() -> Iterator[None]:
    """One busy process for each core, and one more."""
    busy = [multiprocessing.Process(target=_burn, daemon=True) for _ in range((os.cpu_count() or 1) + 1)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()


def _burn() -> None:
    while True:
        pass


def honest(options: argparse.Namespace) -> bool:
    """Grade the honest cases J1 to J11 again and again under load; every one earns full points."""
    failed: Counter[str] = Counter()
    with TemporaryDirectory() as name, every_core_busy():
        folders = []
        for case in HONESTLY:
            folder = Path(name, case.code)
            folder.mkdir()
            case.build(folder)
            folders.append((case.code, next(iter(collect(folder)))))
        sandbox = Sandbox()
        begin = time.monotonic()
        for i in range(options.number):
            code, submission = folders[i % len(folders)]
            outcome = outcome_of(sandbox, submission, f"secret {i}".encode())
            if outcome["points"] != 12:
                failed[code] += 1
                print(code, json.dumps(outcome))
        sandbox.close()
    rate = 60 * options.number / (time.monotonic() - begin)
    print(f"{options.number} gradings of {len(folders)} honest notebooks, every core busy: {failed.total()} failed")
    print(f"{rate:.0f} a minute in one job")
    return not failed


def habits(options: argparse.Namespace) -> bool:
    """Grade each lesson's solutions with a habit's cells above every check, and each answer asking for what they make.

    What that is comes from IPython itself, which has run the habit's cells.
    """
    with TemporaryDirectory() as name:
        folder = Path(name, "class")
        folder.mkdir()
        # where a library computes in float64, right answers of some exercises fail in Jupyter, too
        expected = {habit: value_in_ipython(cells) for habit, cells in HABITS.items() if habit != "a dtype is set"}
        for lesson in {exercise.lesson for exercise in all_exercises().values()}:
            solved = code_cells((ROOT / "notebooks" / "solutions" / f"{lesson}.ipynb").read_bytes())
            for habit, value in expected.items():
                cells = with_habit(solved, lesson, HABITS[habit], value)
                (folder / f"{lesson}-{re.sub('[^a-z]+', '-', habit)}.ipynb").write_bytes(notebook_of(cells))
        lost: Counter[str] = Counter()
        graded, begin, seconds = 0, time.monotonic(), 0.0
        for outcome in grade_all(collect(folder), Results(Path(name, "out")), jobs=options.jobs):
            graded += 1
            seconds += outcome["seconds"]
            if outcome["points"] != outcome["of"]:
                lost[outcome["file"]] = outcome["of"] - outcome["points"]
                print(outcome["file"], json.dumps([one for one in outcome["exercises"].values() if not one["points"]]))
                print("   ", outcome["notes"])
    print(f"{graded} solutions with {len(expected)} habits: {len(lost)} lose points")
    print(f"{60 * graded / (time.monotonic() - begin):.0f} a minute, {seconds / graded:.2f} s each")
    return not lost


def value_in_ipython(cells: list[str]) -> object:
    """What f(3) is where IPython has run these cells."""
    program = (
        "import sys, json\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "for cell in json.load(sys.stdin): shell.run_cell(cell).raise_error()\n"
        "print('\\n' + repr(shell.user_ns['f'](3)))"
    )
    with TemporaryDirectory() as folder:
        run = [sys.executable, "-c", program]
        environment = os.environ | {"MPLBACKEND": "agg"}
        ran = subprocess.run(
            run, input=json.dumps(cells), capture_output=True, text=True, check=True, cwd=folder, env=environment
        )
    return ast.literal_eval(ran.stdout.splitlines()[-1])


def with_habit(solved: list[str], lesson: str, cells: list[str], expected: object) -> list[str]:
    """The cells of a solution, with a habit's above each check; an answer that does not find what they make fails."""
    written = []
    for cell in solved:
        for exercise in exercises_of(lesson):
            if f"check({exercise.name})" in cell:
                written += cells
                if exercise.way != "module":
                    written.append(GUARD.format(name=exercise.name, expected=expected))
        written.append(cell)
    return written


GUARD = """
def guarded(answer, f):
    held = []
    def asked(*arguments, **options):
        if not held:
            held.append(f(3))
        assert held == [{expected!r}], held
        return answer(*arguments, **options)
    return asked
{name} = guarded({name}, f)
"""


def kills(options: argparse.Namespace) -> bool:
    """Grade a class, and grade it again with the grader killed; the results must be the same."""
    with TemporaryDirectory() as name:
        folder = Path(name, "class")
        folder.mkdir()
        write_class(folder, options.number, hostile=0.05)
        command = [*MMGEN, "grade", str(folder), "--jobs", str(options.jobs), "--seconds", "5", "--out"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        killed, at = Path(name, "killed"), []
        for kill in range(options.kills):
            process = subprocess.Popen([*command, str(killed)], **quiet)
            while process.poll() is None and _written(killed) < options.number * (kill + 1) / (options.kills + 1):
                time.sleep(random.random() / 10)
            process.send_signal(signal.SIGKILL)
            process.wait()
            at.append(_written(killed))
        finished = subprocess.run([*command, str(killed)], **quiet, check=False).returncode
        undisturbed = Path(name, "undisturbed")
        subprocess.run([*command, str(undisturbed)], **quiet, check=False)
        a, b = _scores(killed), _scores(undisturbed)
    different = [student for student in b if a.get(student) != b[student]]
    print(f"{options.number} submissions, killed after {at} results; the last run ended with {finished}")
    print(f"{len(a)} results, {len(b)} undisturbed; {len(different)} with another score {different[:3]}")
    print("points:", dict(sorted(Counter(points for _, points in b.values()).items())))
    return len(a) == len(b) == options.number and not different


def _written(out: Path) -> int:
    return len(list((out / "results").glob("*.json"))) if out.exists() else 0


def _scores(out: Path) -> dict[str, tuple[str, int]]:
    outcomes = list(Results(out).all())
    assert len({outcome["student"] for outcome in outcomes}) == len(outcomes), "a student twice"
    return {outcome["student"]: (outcome["state"], outcome["points"]) for outcome in outcomes}


def repeats(options: argparse.Namespace) -> bool:
    """Run the corpus again and again; no run may fail."""
    failed = 0
    for i in range(options.repeats):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/attacks"]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        failed += run.returncode != 0
        print(i + 1, run.stdout.splitlines()[-1], flush=True)
    print(f"{options.repeats} runs of the corpus, {failed} failed")
    return not failed


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "honest", "habits", "kills", "repeats"])
    parser.add_argument("--number", type=int, help="submissions or gradings")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--theirs", type=int, default=20, help="submissions for nbgrader")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    options.number = options.number or {"speed": 400, "honest": 3000, "kills": 2000}.get(options.what)
    verbs = {"speed": speed, "honest": honest, "habits": habits, "kills": kills, "repeats": repeats}
    sys.exit(not verbs[options.what](options))


if __name__ == "__main__":
    main()
