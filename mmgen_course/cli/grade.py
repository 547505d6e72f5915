"""The command that grades a class."""

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from mmgen_course.cli.app import AsJson, app, fail, print_json, print_table

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
    from filelock import FileLock, Timeout
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    from mmgen_course.exercises import all_exercises
    from mmgen_course.grading.cluster import grade_with_dask
    from mmgen_course.grading.report import write_reports
    from mmgen_course.grading.results import Results
    from mmgen_course.grading.run import NotContained, ensure_contained, grade_all
    from mmgen_course.grading.submissions import collect
    from mmgen_course.notebooks.read import Refused

    lessons = sorted({exercise.lesson for exercise in all_exercises().values()})
    if lesson and lesson not in lessons:
        raise typer.BadParameter(f"no lesson {lesson} has exercises; there are {', '.join(lessons)}")
    err = Console(stderr=True)
    if not hasattr(os, "fork"):
        fail("grading forks processes, which this system cannot; on Windows use WSL2, the Windows Subsystem for Linux")
    if allow_uncontained:
        err.print(UNCONTAINED, style="bold red")
    elif not dask:  # there each worker tries its own walls
        try:
            err.print(f"contained: {len(ensure_contained())} canaries held")
        except NotContained as error:
            fail(f"the students' code cannot be contained: {error}. --allow-uncontained runs it as you")
    try:
        collected = list(collect(submissions))
    except Refused as error:
        fail(str(error))
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        fail(f"another grading writes to {out}; wait for it, or take another folder")
    results = Results(out)
    if dask:
        graded = grade_with_dask(dask, collected, results, not allow_uncontained, seconds, lesson)
    else:
        graded = grade_all(collected, results, jobs, not allow_uncontained, seconds, lesson)
    outcomes = []
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=err) as progress:
        try:
            for outcome in progress.track(graded, total=len(collected), description="grading"):
                outcomes.append(outcome)
        except OSError as error:
            fail(f"{error}")
        except ImportError:
            fail("--dask needs the package distributed: `pip install 'mmgen-course[dask]'`")
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
