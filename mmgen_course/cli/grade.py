"""The command that grades a class."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmgen_course.cli.app import AsJson, app, fail, print_json, print_table

if TYPE_CHECKING:
    from rich.console import Console

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
    allow_uncontained: Annotated[bool, typer.Option(help="Run untrusted code without walls. Do not.")] = False,
    as_json: AsJson = False,
) -> None:
    """Grade the notebooks of a class, each behind walls, and report what to teach again.

    Example: mmgen grade submitted --out graded
    """
    from rich.console import Console

    from mmgen_course.exercises import all_exercises
    from mmgen_course.grading.report import write_reports

    lessons = sorted({exercise.lesson for exercise in all_exercises().values()})
    if lesson and lesson not in lessons:
        raise typer.BadParameter(f"no lesson {lesson} has exercises; there are {', '.join(lessons)}")
    err = Console(stderr=True)
    if not hasattr(os, "fork"):
        fail("grading forks processes, which this system cannot; on Windows use WSL2, the Windows Subsystem for Linux")
    if allow_uncontained:
        err.print(UNCONTAINED, style="bold red")
    elif not dask:  # there each worker tries its own walls
        err.print(f"contained: {_walls_that_hold()} canaries held")
    collected = _collected(submissions)
    with _sole_writer(out):
        graded = _grading(dask, collected, out, jobs, not allow_uncontained, seconds, lesson)
        outcomes = _with_progress(graded, len(collected), err)
        outcomes.sort(key=lambda outcome: (outcome["student"], outcome["file"]))
        write_reports(outcomes, out)
        if gradebook:
            from mmgen_course.grading.gradebook import write_gradebook

            for note in write_gradebook(outcomes, gradebook):
                err.print(note, markup=False)
    states = Counter(outcome["state"] for outcome in outcomes)
    if as_json:
        print_json({"submissions": len(outcomes), **states, "report": str(out / "report.html")})
    else:
        print_table(["state", "notebooks"], [(state, str(number)) for state, number in states.most_common()])
        typer.echo(
            f"{out / 'report.html'}, {out / 'gradebook.csv'} and feedback for each student in {out / 'feedback'}"
        )
    raise typer.Exit(states["not graded"] > 0)


def _walls_that_hold() -> int:
    """How many canaries the walls held back, or the end of the command."""
    from mmgen_course.grading.run import NotContained, ensure_contained

    try:
        return len(ensure_contained())
    except NotContained as error:
        fail(f"the students' code cannot be contained: {error}. --allow-uncontained runs it as you")


def _collected(submissions: Path) -> list[Any]:
    from mmgen_course.grading.notebooks import Refused
    from mmgen_course.grading.submissions import collect

    try:
        return list(collect(submissions))
    except Refused as error:
        fail(str(error))


@contextmanager
def _sole_writer(out: Path) -> Iterator[None]:
    """Make the folder of the results, and keep other gradings out of it."""
    from filelock import FileLock, Timeout

    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        fail(f"another grading writes to {out}; wait for it, or take another folder")
    try:
        yield
    finally:
        lock.release()


def _grading(
    dask: str, collected: list[Any], out: Path, jobs: int, contained: bool, seconds: float, lesson: str
) -> Iterable[dict[str, Any]]:
    """The outcomes of the class as they come, from this machine or from a cluster."""
    from mmgen_course.grading.cluster import grade_with_dask
    from mmgen_course.grading.results import Results
    from mmgen_course.grading.run import grade_all

    if dask:
        return grade_with_dask(dask, collected, Results(out), contained, seconds, lesson)
    return grade_all(collected, Results(out), jobs, contained, seconds, lesson)


def _with_progress(graded: Iterable[dict[str, Any]], total: int, console: "Console") -> list[dict[str, Any]]:
    from rich.progress import MofNCompleteColumn, Progress

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as progress:
        try:
            return list(progress.track(graded, total=total, description="grading"))
        except OSError as error:
            fail(f"{error}")
        except ImportError:
            fail("--dask needs the package distributed: `pip install 'mmgen-course[dask]'`")
