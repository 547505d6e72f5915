"""The command that grades a class."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmgen_course.cli.app import AsJson, app, fail, print_json, print_table

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from rich.console import Console

    from mmgen_course.grading.results import Outcome
    from mmgen_course.grading.submissions import Submission

UNCONTAINED = "UNCONTAINED: the code of the students runs as you, with your files and your network."


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="Folder, zip or tar with a notebook per student.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder of results, report and feedback; grading again goes on there.")],
    lesson: Annotated[str, typer.Option(help="Grade this lesson's notebooks alone, as in 08_vae.")] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Notebooks at a time.")] = os.cpu_count() or 1,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each exercise, by the clock.")] = 10.0,
    dask: Annotated[str, typer.Option(help="Scheduler of a Dask cluster, as in tcp://10.0.0.1:8786.")] = "",
    gradebook: Annotated[str, typer.Option(help="nbgrader's database, as in sqlite:///gradebook.db.")] = "",
    allow_uncontained: Annotated[bool, typer.Option(help="Run untrusted code without a sandbox. Do not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Grade the notebooks of a class, each in a sandbox, and report what to teach again.

    Example: mmgen grade submitted --out graded
    """
    from rich.console import Console

    from mmgen_course.exercises import all_exercises
    from mmgen_course.grading.cluster import grade_with_dask
    from mmgen_course.grading.report import write_reports
    from mmgen_course.grading.results import Results
    from mmgen_course.grading.run import grade_all

    lessons = sorted({exercise.lesson for exercise in all_exercises().values()})
    if lesson and lesson not in lessons:
        raise typer.BadParameter(f"no lesson {lesson} has exercises; there are {', '.join(lessons)}")
    err = Console(stderr=True)
    _ensure_contained(err, allow_uncontained, on_cluster=bool(dask))
    collected = _collected(submissions)
    out.mkdir(parents=True, exist_ok=True)
    lock = _locked(out)
    results = Results(out)
    if dask:
        graded = grade_with_dask(dask, collected, results, not allow_uncontained, seconds, lesson)
    else:
        graded = grade_all(collected, results, jobs, not allow_uncontained, seconds, lesson)
    outcomes = _outcomes(graded, len(collected), err)
    write_reports(outcomes, out)
    if gradebook:
        from mmgen_course.grading.gradebook import write_gradebook

        for note in write_gradebook(outcomes, gradebook):
            err.print(note, markup=False)
    lock.release()
    states = Counter(outcome["state"] for outcome in outcomes)
    if as_json:
        print_json({"submissions": len(outcomes), **states, "report": str(out / "report.html")})
    else:
        print_table(["state", "notebooks"], [(state, str(number)) for state, number in states.most_common()])
        typer.echo(
            f"{out / 'report.html'}, {out / 'gradebook.csv'} and feedback for each student in {out / 'feedback'}"
        )
    raise typer.Exit(states["not graded"] > 0)


def _ensure_contained(err: "Console", allow_uncontained: bool, on_cluster: bool) -> None:
    """Test the sandbox before anything is graded; on a cluster each worker tests its own."""
    from mmgen_course.grading.run import NotContained, ensure_contained

    if not hasattr(os, "fork"):
        fail("grading forks processes, which this system cannot; on Windows use WSL2, the Windows Subsystem for Linux")
    if allow_uncontained:
        err.print(UNCONTAINED, style="bold red")
    elif not on_cluster:
        try:
            err.print(f"contained: {len(ensure_contained())} escape tests passed")
        except NotContained as error:
            fail(f"the students' code cannot be contained: {error}. --allow-uncontained runs it as you")


def _collected(submissions: Path) -> list["Submission"]:
    from mmgen_course.grading.submissions import collect
    from mmgen_course.notebooks.read import Refused

    try:
        return list(collect(submissions))
    except Refused as error:
        fail(str(error))


def _locked(out: Path) -> "BaseFileLock":
    """A lock on the folder of results, which one grading at a time writes to."""
    from filelock import FileLock, Timeout

    lock = FileLock(out / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        fail(f"another grading writes to {out}; wait for it, or take another folder")
    return lock


def _outcomes(graded: Iterator["Outcome"], total: int, err: "Console") -> list["Outcome"]:
    """Grade behind a bar; the outcomes by student and file."""
    from rich.progress import MofNCompleteColumn, Progress

    outcomes = []
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=err) as progress:
        try:
            for outcome in progress.track(graded, total=total, description="grading"):
                outcomes.append(outcome)
        except OSError as error:
            fail(f"{error}")
        except ImportError:
            fail("--dask needs the package distributed: `pip install 'mmgen-course[dask]'`")
    return sorted(outcomes, key=lambda outcome: (outcome["student"], outcome["file"]))
