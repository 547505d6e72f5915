"""`mmgen ...`: a command line goes in; a table, or JSON for a program to read, comes out, and one of three exit codes:

0 success, 1 failed job, 2 wrong usage. Heavy imports stand inside the commands, so that `mmgen --help` answers at once.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    help="The course at your command line; start with `mmgen lab`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
data_app = typer.Typer(help="The data sets: what ships, what can be downloaded.", no_args_is_help=True)
app.add_typer(data_app, name="data")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command(context_settings={"ignore_unknown_options": True})
def lab(
    options: Annotated[list[str] | None, typer.Argument(help="Passed on, as in --port 8890 --no-browser.")] = None,
) -> None:
    """Open JupyterLab on the first lesson."""
    from mmgen_course.lessons import ROOT

    welcome = ROOT / "notebooks" / "00_welcome.ipynb"
    if not welcome.exists():
        _fail(f"{welcome} is missing; `make notebooks` builds it")
    # not `jupyter lab`, which would take the first jupyter-lab on the PATH, maybe of another environment
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", str(welcome), *(options or [])])


@app.command()
def lessons(
    names: Annotated[list[str] | None, typer.Argument(help="For example 01_images; without any, all lessons.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the lessons headless and print what each took; the notebooks stay as they are."""
    import nbformat
    from rich.console import Console
    from rich.progress import Progress

    from mmgen_course.lessons import execute, lesson_paths

    paths = {path.stem: path for path in lesson_paths()}
    if not paths:
        _fail("there are no lessons in notebooks/; `make notebooks` builds them")
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
        costs = [{"lesson": n, "seconds": r.seconds, "peak_mb": r.peak_mb, "error": r.error} for n, r in runs.items()]
        typer.echo(json.dumps(costs, indent=1))
    else:
        rows = [(n, _minutes(r.seconds), f"{r.peak_mb:,.0f}", r.error or "ok") for n, r in runs.items()]
        _print_table(["lesson", "min:s", "peak memory, MB", "result"], rows)
    raise typer.Exit(any(run.error for run in runs.values()))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say whether this machine is ready for the lessons and, where it is not, what to do."""
    from mmgen_course.doctor import examine

    findings = list(examine())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print_table(["check", "found", "state", "what to do"], [tuple(asdict(f).values()) for f in findings])
    raise typer.Exit(any(finding.state == "bad" for finding in findings))


@data_app.command("list")
def list_data() -> None:
    """List the data sets and what each holds."""
    from mmgen_course import data

    _print_table(["name", "what it is"], list(data.datasets().items()))


@data_app.command()
def fetch(name: Annotated[str, typer.Argument(help="A name that `mmgen data list` shows.")]) -> None:
    """Download a data set, check its hash, and print where it lies."""
    from mmgen_course import data

    if name not in data.datasets():
        raise typer.BadParameter(f"no data set {name}; there are {', '.join(data.datasets())}")
    with _data_errors_in_one_line():
        typer.echo(data.fetch(name))


@data_app.command()
def verify() -> None:
    """Check the hash of every file of data that ships with the course."""
    from mmgen_course import data

    with _data_errors_in_one_line():
        if problems := data.verify():
            _fail("\n".join(problems))
    typer.echo("all shipped data are as registered")


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="What to train; `mmgen train list` lists all.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Default: as many as for what ships.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result on the same machine.")] = 0,
    out: Annotated[Path | None, typer.Option(help="File to write; default: trained/ in this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train one of the course's models from random weights, write it, and print what was measured."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mmgen_course.recipes import RECIPES, write_card

    if name == "list":
        _print_table(["name", "what it is", "steps"], [(r.name, r.about, f"{r.steps:,}") for r in RECIPES.values()])
        return
    if name not in RECIPES:
        raise typer.BadParameter(f"no recipe {name}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    path = out or Path("trained") / Path(recipe.file).name
    path.parent.mkdir(parents=True, exist_ok=True)
    total, start = steps or recipe.steps, time.perf_counter()
    losses = recipe.train(path, total, seed)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=total)
        while True:
            try:
                progress.update(task, advance=1, description=f"{name}, loss {next(losses):.4f}")
            except StopIteration as end:
                measured = end.value
                break
            except FloatingPointError as error:
                _fail(str(error))
    card = write_card(path, recipe, total, seed, time.perf_counter() - start, measured)
    if as_json:
        typer.echo(json.dumps({"file": str(path), **asdict(card)}, indent=1))
    else:
        _print_table(["measured", name], [(what, f"{value:.4f}") for what, value in card.measured.items()])
        typer.echo(f"{path}, {_minutes(float(card.seconds))} minutes")


@contextmanager
def _data_errors_in_one_line() -> Iterator[None]:
    from mmgen_course.data import DataError

    try:
        yield
    except DataError as error:
        _fail(" ".join(str(error).split()))


def _fail(message: str) -> NoReturn:
    typer.echo(f"mmgen: {message}", err=True)
    raise typer.Exit(1)


def _minutes(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def _print_table(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))  # Text: a square bracket in an error is no markup
    Console().print(table)


def main() -> None:
    """Run the command that the command line asks for: the entry point of `mmgen`."""
    app()
