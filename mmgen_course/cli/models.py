"""The commands about models: draw with one, train one."""

import time
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmgen_course.cli.app import AsJson, app, data_errors_in_one_line, fail, minutes, print_json, print_table

if TYPE_CHECKING:
    import torch

    from mmgen_course.train import Run


@app.command()
def sample(
    caption: Annotated[str, typer.Argument(help='Such as "a small red circle above a large blue square".')],
    n: Annotated[int, typer.Option("--n", min=1, help="How many pictures.")] = 8,
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("sample.png"),
    seed: Annotated[int, typer.Option(help="Other seeds, other pictures.")] = 0,
    model: Annotated[str, typer.Option(help="vae, or gan, which draws one object only.")] = "vae",
    size: Annotated[int, typer.Option(help="Height and width of each picture: 32, 64, 128 or 256.")] = 128,
    temperature: Annotated[float, typer.Option(help="Multiplies the noise; below 1 pictures differ less.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Draw a sentence: pictures in one PNG file, what it leaves open decided anew in each.

    Example: mmgen sample "a tiny crimson disc" --n 8 --out disc.png
    """
    import torch

    from mmgen_course import pipeline, show
    from mmgen_course.data.atomic import replacing
    from mmgen_course.data.errors import DataError
    from mmgen_course.evaluate import caption_match

    if out.suffix.lower() != ".png":
        raise typer.BadParameter(f"--out is a PNG file, such as {out.with_suffix('.png')}; got {out}")
    with data_errors_in_one_line():
        try:
            drawn = pipeline.draw([caption] * n, seed, model, size, temperature)  # type: ignore[arg-type]
        except DataError:  # no mistake of the caller's, though it is a ValueError, too
            raise
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        # the classifier reads pictures of 32 pixels
        small = torch.nn.functional.avg_pool2d(drawn.images, size // 32)
        match = caption_match(small, [caption] * n, allow_light=True).share
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as partial:
            partial.write_bytes(show.image_png(show.tile(drawn.images, columns=min(n, 8))))
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror}")
    if as_json:
        print_json({"file": str(out), "shows_caption": match.value, "captions": drawn.captions})
    else:
        typer.echo(
            f"{out}: {n} pictures, {match.value:.0%} of them show what the sentence says (read by the scene classifier)"
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

    Example: mmgen train recogniser --steps 100 --out mine.safetensors
    """
    from mmgen_course.recipes import RECIPES, write_card
    from mmgen_course.train import Run, has_bf16, is_first, processes

    if name == "list":
        _print_recipes(as_json)
        return
    if name not in RECIPES:
        raise typer.BadParameter(f"no recipe {name}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[name]
    path = out or Path("trained") / Path(recipe.file).name
    on = _device(device)
    with processes(), data_errors_in_one_line():
        config = {"recipe": name, "needs": recipe.needed()}
        run = Run(path, steps or recipe.steps, seed, on, every, resume, recipe.bf16 and has_bf16(on), config)
        if run.checkpoint.exists() and not resume:
            fail(f"{run.checkpoint} is of a training that did not end: go on with --resume, or remove it")
        path.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        measured = _trained(name, recipe.train(run), run)
        if not is_first():
            return
        card = write_card(path, recipe, run, time.perf_counter() - start, measured)
    if as_json:
        print_json({"file": str(path), **asdict(card)})
    else:
        print_table(["measured", name], [(what, f"{value:.4f}") for what, value in card.measured.items()])
        typer.echo(f"{path}, {minutes(float(card.seconds))} minutes")
    if run.stopped:
        fail(f"{run.stopped}; {path} holds what was learned so far, and --resume goes on from the checkpoint")
    run.finish()


def _print_recipes(as_json: bool) -> None:
    from mmgen_course.recipes import RECIPES

    if as_json:
        print_json([{"name": r.name, "about": r.about, "steps": r.steps} for r in RECIPES.values()])
    else:
        print_table(["name", "what it is", "steps"], [(r.name, r.about, f"{r.steps:,}") for r in RECIPES.values()])


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
                losses_now = "  ".join(f"{what} {value:.4f}" for what, value in next(losses).items())
            except StopIteration as end:
                return end.value
            progress.update(task, completed=run.step, description=losses_now)


def _device(name: str | None) -> "torch.device":
    import torch

    from mmgen_course import device

    try:
        chosen = torch.device(name) if name else device()
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise typer.BadParameter(f"no device {name} here: {str(error).splitlines()[0]}") from error
    return chosen
