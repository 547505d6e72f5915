"""The commands about the course itself: its lessons, its data, and whether this machine is ready for them."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmgen_course.cli.app import AsJson, app, data_app, data_errors_in_one_line, fail, minutes, print_json, print_table

if TYPE_CHECKING:
    from mmgen_course.exercises.progress import Lesson


@app.command(context_settings={"ignore_unknown_options": True})
def lab(
    options: Annotated[list[str] | None, typer.Argument(help="Passed on, as in --port 8890 --no-browser.")] = None,
) -> None:
    """Open JupyterLab on the first lesson.

    Example: mmgen lab --port 8890
    """
    from mmgen_course.notebooks.run import ROOT

    welcome = ROOT / "notebooks" / "00_welcome.ipynb"
    if not welcome.exists():
        fail(_without_lessons(ROOT))
    # not `jupyter lab`, which would take the first jupyter-lab on the PATH, maybe of another environment
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", str(welcome), *(options or [])])


@app.command()
def lessons(
    names: Annotated[list[str] | None, typer.Argument(help="For example 01_images; without any, all lessons.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the lessons headless and print what each took; the notebooks stay as they are.

    Example: mmgen lessons 01_images 02_text
    """
    import nbformat
    from rich.console import Console
    from rich.progress import Progress

    from mmgen_course.notebooks.run import ROOT, execute, lesson_paths

    paths = {path.stem: path for path in lesson_paths()}
    if not paths or not all(path.exists() for path in paths.values()):
        fail(_without_lessons(ROOT))
    if unknown := sorted(set(names or []) - set(paths)):
        raise typer.BadParameter(f"no lesson {', '.join(unknown)}; there are {', '.join(paths)}")
    chosen = sorted(names or paths)
    runs = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(chosen))
        for name in chosen:
            progress.update(task, description=name)
            runs[name] = execute(nbformat.read(paths[name], as_version=4), name)
            progress.advance(task)
    if as_json:
        parts = ("seconds", "cpu_seconds", "peak_mb", "error")
        print_json([{"lesson": name} | {part: getattr(run, part) for part in parts} for name, run in runs.items()])
    else:
        rows = [
            (name, minutes(run.seconds), f"{run.cpu_seconds:.1f}", f"{run.peak_mb:,.0f}", run.error or "ok")
            for name, run in runs.items()
        ]
        print_table(["lesson", "min:s", "CPU seconds", "peak memory, MB", "result"], rows)
    raise typer.Exit(any(run.error for run in runs.values()))


def _without_lessons(root: Path) -> str:
    """What to do where there are no notebooks: in a clone they can be built, in an installed package they cannot."""
    if (root / "notebooks").is_dir():
        return f"the lessons are missing in {root / 'notebooks'}; `make notebooks` builds them"
    return "the lessons are not in the installed package: run this in a git clone of the course, after `make env`"


@app.command("progress")
def show_progress(as_json: AsJson = False) -> None:
    """Print how far you are in the exercises of each lesson, and where that is kept.

    Example: mmgen progress
    """
    from mmgen_course.exercises import progress

    path = progress.progress_file()
    try:
        points = progress.earned()
    except (OSError, progress.Unreadable) as error:
        fail(f"{error}; the next check(...) in a lesson puts that file aside and begins a new one")
    lessons, whole = progress.lessons(points), progress.whole(points)
    if as_json:
        found = {"file": str(path) if path else None, "lessons": list(map(asdict, lessons)), "all": asdict(whole)}
        print_json(found)
        return
    rows = [
        (row.name, f"{row.done} of {row.exercises}", f"{row.earned} of {row.points}", _bar(row), str(row.minutes_left))
        for row in [*lessons, whole]
    ]
    print_table(["lesson", "exercises", "points", "", "min left"], rows)
    if path is None:
        typer.echo("MMGEN_PROGRESS is empty, so no file keeps your points.")
    else:
        typer.echo(
            f"kept in {path}" if path.exists() else f"nothing yet: check(...) in a lesson will keep it in {path}"
        )


def _bar(row: "Lesson") -> str:
    """The share of the points, full only where none is missing."""
    full, empty = "█░" if (sys.stdout.encoding or "").lower().startswith("utf") else "#-"
    length = 10 * row.earned // row.points
    return full * length + empty * (10 - length)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say whether this machine is ready for the lessons and, where it is not, what to do.

    Example: mmgen doctor
    """
    from mmgen_course.doctor import examine

    findings = list(examine())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        columns = ["check", "needed for", "found", "state"]
        print_table(columns, [(f.check, f.needed_for, f.found, f.state) for f in findings])
        for finding in findings:
            if finding.advice:
                typer.echo(f"{finding.check}: {finding.advice}")
    raise typer.Exit(any(finding.state == "bad" for finding in findings))


@data_app.command("list")
def list_data(as_json: AsJson = False) -> None:
    """List the data sets and what each holds.

    Example: mmgen data list
    """
    from mmgen_course import data

    if as_json:
        print_json([{"name": name, "about": about} for name, about in data.datasets().items()])
    else:
        print_table(["name", "what it is"], list(data.datasets().items()))


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name that `mmgen data list` shows.")], as_json: AsJson = False
) -> None:
    """Download a data set, check its hash, and print where it lies.

    Example: mmgen data fetch fashion-mnist
    """
    from mmgen_course import data

    if name not in data.datasets():
        raise typer.BadParameter(f"no data set {name}; there are {', '.join(data.datasets())}")
    with data_errors_in_one_line():
        folder = data.fetch(name)
    if as_json:
        print_json({"name": name, "folder": str(folder)})
    else:
        typer.echo(folder)


@data_app.command()
def verify(as_json: AsJson = False) -> None:
    """Check the hash of every file of data that ships with the course.

    Example: mmgen data verify
    """
    from mmgen_course import data

    with data_errors_in_one_line():
        problems = data.verify()
    if as_json:
        print_json({"problems": problems})
        raise typer.Exit(bool(problems))
    if problems:
        more = f" (and {len(problems) - 1} more: --json lists them all)" if problems[1:] else ""
        fail(problems[0] + more)
    typer.echo("all shipped data are as registered")
