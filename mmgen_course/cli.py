"""`mmgen ...`: a command line goes in; a table, or JSON for a program to read, comes out, and one of three exit codes:

0 success, 1 failed job, 2 wrong usage. Heavy imports stand inside the commands, so that `mmgen --help` answers at once.
"""

import json
import os
import sys
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    import torch

    from mmgen_course.train import Run

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
def sample(
    caption: Annotated[str, typer.Argument(help='Such as "a small red circle above a large blue square".')],
    n: Annotated[int, typer.Option("--n", min=1, help="How many pictures.")] = 8,
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("sample.png"),
    seed: Annotated[int, typer.Option(help="Other seeds, other pictures.")] = 0,
    model: Annotated[str, typer.Option(help="gan or vae: which training the painter comes from.")] = "vae",
    size: Annotated[int, typer.Option(help="Height and width of each picture: 32, 64, 128 or 256.")] = 128,
    truncation: Annotated[float, typer.Option(help="Multiplies the noise; below 1 pictures differ less.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Draw a sentence: pictures in one PNG file, what it leaves open decided anew in each.

    Example: mmgen sample "a tiny crimson disc" --n 8 --out disc.png
    """
    import torch

    from mmgen_course import pipeline, show
    from mmgen_course.data.atomic import replacing
    from mmgen_course.evaluate import caption_match

    if out.suffix.lower() != ".png":
        raise typer.BadParameter(f"--out is a PNG file, such as {out.with_suffix('.png')}; came {out}")
    with _data_errors_in_one_line():
        try:
            drawn = pipeline.draw([caption] * n, seed, model, size, truncation)  # type: ignore[arg-type]
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        # the judge reads pictures of 32 pixels
        small = torch.nn.functional.avg_pool2d(drawn.images, size // 32)
        match = caption_match(small, [caption] * n).share
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial:
        partial.write_bytes(show.image_png(show.tile(drawn.images, columns=min(n, 8))))
    if as_json:
        typer.echo(json.dumps({"file": str(out), "shows_caption": match.value, "captions": drawn.captions}, indent=1))
    else:
        typer.echo(
            f"{out}: {n} pictures, {match.value:.0%} of them show what the sentence says (read by the recogniser)"
        )


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="What to train; `mmgen train list` lists all.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Default: as many as for what ships.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result on the same machine.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps; default: the fastest at hand.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")] = False,
    every: Annotated[int, typer.Option(min=0, help="Steps between checkpoints; default: a twentieth.")] = 0,
    out: Annotated[Path | None, typer.Option(help="File to write; default: trained/ in this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train one of the course's models from random weights, write it, and print what was measured.

    Ctrl-C ends it after a whole step: what was learned so far is written, and --resume goes on from there. Several
    processes: torchrun --nproc-per-node 2 -m mmgen_course train NAME.
    """
    from mmgen_course.recipes import RECIPES, write_card
    from mmgen_course.train import Run, has_bf16, is_first, processes

    if name == "list":
        _print_table(["name", "what it is", "steps"], [(r.name, r.about, f"{r.steps:,}") for r in RECIPES.values()])
        return
    if name not in RECIPES:
        raise typer.BadParameter(f"no recipe {name}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    path = out or Path("trained") / Path(recipe.file).name
    on = _device(device)
    with processes(), _data_errors_in_one_line():
        config = {"recipe": name, "needs": recipe.needed()}
        run = Run(path, steps or recipe.steps, seed, on, every, resume, recipe.bf16 and has_bf16(on), config)
        if run.checkpoint.exists() and not resume:
            _fail(f"{run.checkpoint} is of a training that did not end: go on with --resume, or remove it")
        path.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        measured = _trained(name, recipe.train(run), run)
        if not is_first():
            return
        card = write_card(path, recipe, run, time.perf_counter() - start, measured)
    if as_json:
        typer.echo(json.dumps({"file": str(path), **asdict(card)}, indent=1))
    else:
        _print_table(["measured", name], [(what, f"{value:.4f}") for what, value in card.measured.items()])
        typer.echo(f"{path}, {_minutes(float(card.seconds))} minutes")
    if run.stopped:
        _fail(f"{run.stopped}; {path} holds what was learned so far, and --resume goes on from the checkpoint")
    run.finish()


def _trained(name: str, losses: Generator[Mapping[str, float], None, dict[str, float]], run: "Run") -> dict[str, float]:
    """Run a training to its end behind a bar, and return what was measured."""
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from mmgen_course.train import is_first

    console = Console(stderr=True, quiet=not is_first())
    precision = "bfloat16" if run.bf16 else "float32"
    console.print(
        f"{name}: {run.steps:,} steps on {run.device}, {torch.get_num_threads()} threads, {precision}; "
        f"a checkpoint every {run.every} steps"
    )
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=run.steps)
        while True:
            try:
                said = "  ".join(f"{what} {value:.4f}" for what, value in next(losses).items())
            except StopIteration as end:
                return end.value
            progress.update(task, completed=run.step, description=said)


def _device(name: str | None) -> "torch.device":
    import torch

    from mmgen_course import device

    try:
        chosen = torch.device(name) if name else device()
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise typer.BadParameter(f"no device {name} here: {str(error).splitlines()[0]}") from error
    return chosen


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
