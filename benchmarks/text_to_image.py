"""Which of four models draws what a caption says, after how many seconds of training? Same data, same seconds.

    python benchmarks/text_to_image.py            # 300 seconds each, one seed: about half an hour in all
    python benchmarks/text_to_image.py --seconds 60 --seeds 3 --models "our VAE" "VAE example, whitened"

Our GAN and VAE of lessons 07_gan and 08_vae, as `mmgen train scene-gan` and `scene-vae` train them, against the
architectures and settings of PyTorch's own DCGAN and VAE examples, made conditional (benchmarks/baselines.py). Everyone
gets the same scenes of one object and the same conditions. It writes trained/text_to_image.csv and .png.

- Seconds are processor time of training on one thread, drawing the scenes included, measuring not. The models train by
  turns, a twelfth of their time each, so that whatever else the machine does meets all of them. What is built before
  the first step does not count: a second or two, our GAN's look at the captions that its whitening is taken from.
- Our recipes let the learning rate fall to nothing at a last step. How many steps fit is measured beforehand; if time
  is over earlier, they end there. The examples have no last step, and train until time is over.
- Our recipes compute in bfloat16 where the processor has it; an example does if it was measured to be faster so.
- Our GAN is measured by the average of its weights, as it ships; the other networks as they are. The networks of the
  DCGAN example stay in training mode, as there: its pictures are normalised by the batch that they are drawn in. The
  table says, too, what comes of it with the running means.
- A classifier reads the pictures, after each turn, on the same captions of training compositions and of held-out ones;
  its error is known on rendered scenes, and not on pictures unlike these. Diversity is the mean distance, in its
  features, between pictures of one caption; for pictures that miss their caption a high one is no merit.
- The examples get conditions whose components have variance 1, ours whiten them in their first layer. "DCGAN example,
  whitened" and "VAE example, whitened" get them whitened, too: which part of the gap is that? Ask with `--models`.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import matplotlib as mpl
import tables
import torch
from baselines import CONDITION, ExampleDiscriminator, ExampleGenerator, ExampleVAE, learn_vae, play_dcgan
from baselines import LATENTS as EXAMPLE_LATENTS
from baselines import NOISE as EXAMPLE_NOISE
from einops import repeat
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mmgen_course import show
from mmgen_course.data.captioned_scenes import SceneBatch, SingleObjectScenes
from mmgen_course.evaluate import Estimate, caption_match, classifier_features, diversity
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators.vae_nets import SCENE_LATENTS, SceneVAE
from mmgen_course.layers import Whiten
from mmgen_course.recipes import scene_gan
from mmgen_course.recipes.recipe import TEST_SEED
from mmgen_course.recipes.scene_vae import CAPTION_FIRST, SCENE_VAE, WHITENED_BY, full, learn
from mmgen_course.scenes import render
from mmgen_course.train import Run, fit, has_bf16, seeded

MOMENTS = 12  # at which all are measured
SPLITS = {"training": "train", "held out": "held_out_compositions"}
CAPTIONS = 500  # of each split
AGAIN, TIMES = 60, 4  # captions that are drawn several times, for diversity
RENDERED = "the scenes themselves"
AS_IT_IS = nn.Identity()
Row = dict[str, Any]


class Contestant(NamedTuple):
    """A model in training.

    Attributes:
        training: takes a step whenever it is asked for the next.
        net: noise and conditions -> pictures.
        noise: how many numbers of noise a picture takes.
        mode: whether pictures are drawn in training mode.
    """

    training: Iterator[object]
    net: nn.Module
    noise: int
    mode: bool = False


Build = Callable[[Run], Contestant]


def our_gan(run: Run) -> Contestant:
    players, average = scene_gan.players(run)
    return Contestant(fit(players, run.steps, run), average, SCENE_LATENTS)


def our_vae(run: Run) -> Contestant:
    vae = seeded(lambda: SceneVAE(SCENE_LATENTS), run.seed)
    return Contestant(learn(vae, run, full, CAPTION_FIRST), vae.decode, SCENE_LATENTS)


def example_gan(run: Run, whiten: nn.Module = AS_IT_IS) -> Contestant:
    generator_net, discriminator = seeded(ExampleGenerator, run.seed), seeded(ExampleDiscriminator, run.seed + 1)
    training = play_dcgan(generator_net, discriminator, drawing(run, whiten), run.generator, run.bf16)
    return Contestant(training, Whitened(generator_net, whiten), EXAMPLE_NOISE, mode=True)


def example_vae(run: Run, whiten: nn.Module = AS_IT_IS) -> Contestant:
    vae = seeded(ExampleVAE, run.seed)
    return Contestant(
        learn_vae(vae, drawing(run, whiten), run.generator, run.bf16), Whitened(vae, whiten), EXAMPLE_LATENTS
    )


def drawing(run: Run, whiten: nn.Module) -> Callable[[int], tuple[Tensor, Tensor]]:
    """What the examples learn from: the pictures and conditions that ours get."""
    data = SingleObjectScenes(run.generator)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        batch = data.draw(n)
        return batch.images, whiten(caption_conditions(batch.captions))

    return draw


class Whitened(nn.Module):
    """A network that draws, given its conditions as it was trained with them."""

    def __init__(self, net: nn.Module, whiten: nn.Module) -> None:
        super().__init__()
        self.net, self.whiten = net, whiten

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """A picture of each row."""
        return self.net(z, self.whiten(condition))


def whitened(build: Callable[[Run, nn.Module], Contestant]) -> Build:
    """An example that is spared what our networks do themselves first: whitening their conditions."""

    def built(run: Run) -> Contestant:
        whiten = Whiten(CONDITION)
        sample = SingleObjectScenes(torch.Generator().manual_seed(run.seed)).draw(WHITENED_BY)
        whiten.measure(caption_conditions(sample.captions))
        return build(run, whiten)

    return built


OURS: dict[str, Build] = {"our GAN": our_gan, "our VAE": our_vae}
EXAMPLES: dict[str, Build] = {"DCGAN example": example_gan, "VAE example": example_vae}
WHITENED: dict[str, Build] = {
    "DCGAN example, whitened": whitened(example_gan),
    "VAE example, whitened": whitened(example_vae),
}
MODELS = OURS | EXAMPLES | WHITENED
RECIPES = {"our GAN": scene_gan.SCENE_GAN, "our VAE": SCENE_VAE}


def train_until(contestant: Contestant, until: float, spent: float = 0.0) -> tuple[float, int]:
    """Train until so many processor seconds are spent, or the last step is taken; returns seconds spent, steps taken.

    A step that has begun is ended.
    """
    start, steps = time.process_time() - spent, 0
    while time.process_time() - start < until:
        if next(contestant.training, None) is None:
            break
        steps += 1
    return time.process_time() - start, steps


def seconds_a_step(names: Sequence[str], steps: int = 20, rounds: int = 3) -> dict[str, dict[bool, float]]:
    """For each model the seconds of a step, without and with bfloat16 if the processor has it; the median of rounds.

    Our VAE has dear and cheap steps: so all steps of a short training are counted, but the first.
    """
    ways = (False, True) if has_bf16(torch.device("cpu")) else (False,)
    took: dict[tuple[str, bool], list[float]] = {(name, bf16): [] for name in names for bf16 in ways}
    for _ in range(rounds):
        for (name, bf16), found in took.items():
            contestant = MODELS[name](Run(steps=steps, bf16=bf16))
            next(contestant.training)  # whatever is done once
            seconds, _ = train_steps(contestant, steps - 1)
            found.append(seconds / (steps - 1))
    return {name: {bf16: median(took[name, bf16]) for bf16 in ways} for name in names}


def train_steps(contestant: Contestant, steps: int) -> tuple[float, int]:
    """Take so many steps; returns the processor seconds that they took, and how many there were."""
    start, taken = time.process_time(), 0
    while taken < steps and next(contestant.training, None) is not None:
        taken += 1
    return time.process_time() - start, taken


@torch.no_grad()
def draw(contestant: Contestant, condition: Tensor, training_mode: bool | None = None) -> Tensor:
    """A picture of each condition, in [-1, 1], always from the same noise; the net is left as it was."""
    net, was = contestant.net, contestant.net.training
    kept = {name: value.clone() for name, value in net.named_buffers()}  # drawing must not move the running means
    net.train(contestant.mode if training_mode is None else training_mode)
    z = torch.randn(len(condition), contestant.noise, generator=torch.Generator().manual_seed(TEST_SEED))
    made = torch.cat([net(*pair) for pair in zip(z.split(CAPTIONS), condition.split(CAPTIONS), strict=True)])
    for name, value in net.named_buffers():
        value.copy_(kept[name])
    net.train(was)
    return made.clamp(-1, 1)  # rounding may take a weighted mean of colours out of it


class Questions:
    """The captions that everyone is measured on, of training compositions and of held-out ones."""

    def __init__(self, captions: int = CAPTIONS, again: int = AGAIN) -> None:
        self.batches: dict[str, SceneBatch] = {}
        self.again = again
        for split, name in SPLITS.items():
            self.batches[split] = SingleObjectScenes(torch.Generator().manual_seed(TEST_SEED)).draw(captions, name)

    def measured(self, split: str, images: Tensor, several: Tensor) -> Row:
        """Caption match of a picture of each caption, and diversity of several of the first captions."""
        match = caption_match(images, self.batches[split].captions, allow_light=True).share
        spread = diversity(classifier_features(several), [*range(self.again)] * TIMES)
        return {"split": split} | columns("match", match) | columns("diversity", spread)

    def ask(self, contestant: Contestant, training_mode: bool | None = None) -> list[Row]:
        """A row for each split."""
        rows = []
        for split, batch in self.batches.items():
            conditions = caption_conditions(batch.captions)
            several = repeat(conditions[: self.again], "n c -> (times n) c", times=TIMES)
            pictures = (draw(contestant, condition, training_mode) for condition in (conditions, several))
            rows.append(self.measured(split, *pictures))
        return rows

    def rendered(self) -> list[Row]:
        """The same for pictures that are true: the bound of what can be reached."""
        rows = []
        for split, batch in self.batches.items():
            several = render(batch.scenes[: self.again] * TIMES, generator=torch.Generator().manual_seed(TEST_SEED))
            rows.append(self.measured(split, batch.images, several))
        return rows


def columns(name: str, found: Estimate) -> Row:
    """A number and its interval as three columns."""
    return {name: round(found.value, 4), f"{name} low": round(found.low, 4), f"{name} high": round(found.high, 4)}


def contest(runs: dict[str, Run], seconds: float, questions: Questions, moments: int = MOMENTS) -> Iterator[list[Row]]:
    """Train all by turns; yields the rows of each moment, and at last those of the DCGAN with its running means."""
    contestants = {name: MODELS[name](run) for name, run in runs.items()}
    spent, steps = dict.fromkeys(runs, 0.0), dict.fromkeys(runs, 0)
    for moment in range(1, moments + 1):
        rows = []
        for name, contestant in contestants.items():
            spent[name], taken = train_until(contestant, seconds * moment / moments, spent[name])
            steps[name] += taken
            about = {"model": name, "seed": runs[name].seed, "bf16": runs[name].bf16}
            about |= {"seconds": round(spent[name], 1), "steps": steps[name]}
            rows += [about | row for row in questions.ask(contestant)]
            if contestant.mode and moment == moments:
                about |= {"model": f"{name}, running means"}
                rows += [about | row for row in questions.ask(contestant, training_mode=False)]
        yield rows


def settings(took: dict[str, dict[bool, float]], seconds: float, seed: int) -> dict[str, Run]:
    """The run of each model: how many steps fill the time, and whether in bfloat16."""
    runs = {}
    for name, found in took.items():
        bf16 = RECIPES[name].bf16 and True in found if name in RECIPES else min(found, key=lambda way: found[way])
        runs[name] = Run(steps=max(1, int(seconds / found[bf16])), seed=seed, bf16=bf16)
    return runs


def pace(took: dict[str, dict[bool, float]]) -> str:
    """How long a step takes, in words."""
    return "; ".join(
        f"{name} " + ", ".join(f"{1000 * found[bf16]:.0f} ms in {'bfloat16' if bf16 else 'float32'}" for bf16 in found)
        for name, found in took.items()
    )


def last(rows: list[Row]) -> list[Row]:
    """Of each model, seed and split the row of the last moment."""
    return list({(row["model"], row["seed"], row["split"]): row for row in rows}.values())


def report(rows: list[Row]) -> Table:
    """What every model draws at the end: a line for each model and seed."""
    table = Table(title="Pictures that show everything that their caption says, and how different those of one are")
    for name in ("model", "seed", "seconds", "steps", *SPLITS, "diversity, held out"):
        table.add_column(name, justify="left" if name == "model" else "right")
    by_split = {split: [row for row in last(rows) if row["split"] == split] for split in SPLITS}
    for train, test in zip(*by_split.values(), strict=True):
        numbers = (shown(train, "match"), shown(test, "match"), shown(test, "diversity"))
        table.add_row(*(str(test[name]) for name in ("model", "seed", "seconds", "steps")), *numbers)
    return table


def shown(row: Row, name: str) -> str:
    return f"{row[name]:.3f} [{row[f'{name} low']:.3f}, {row[f'{name} high']:.3f}]"


def plot(rows: list[Row]) -> bytes:
    """Caption match on held-out compositions over seconds of training, a curve with its interval for each seed."""
    with mpl.rc_context(show.STYLE):
        drawing = Figure(figsize=(7, 3.4), layout="compressed")
        axes = drawing.subplots()
        names = [name for name in MODELS if any(row["model"] == name for row in rows)]
        for colour, name in zip(show.PALETTE, names, strict=False):
            mine = [row for row in rows if row["model"] == name and row["split"] == "held out"]
            for seed in sorted({row["seed"] for row in mine}):
                curve = [row for row in mine if row["seed"] == seed]
                x, y, low, high = (
                    [row[key] for row in curve] for key in ("seconds", "match", "match low", "match high")
                )
                axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
                axes.plot(x, y, ".-", color=colour, label=None if seed else name)
        axes.set(xlabel="seconds of training, one thread", ylabel="share right in everything", ylim=(-0.02, 1.02))
        axes.set_xlim(left=0)
        axes.set_title("Captions of held-out compositions, drawn; 95 % intervals of each share")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return show.png(drawing)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=300, help="processor seconds of training for each model")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--models", nargs="+", choices=MODELS, default=[*OURS, *EXAMPLES], metavar="NAME")
    options.add_argument("--to", type=Path, default=Path("trained/text_to_image.csv"))
    asked = options.parse_args()
    torch.set_num_threads(1)
    console, questions = Console(width=150), Questions()
    nothing: Row = {"model": RENDERED, "seed": "", "bf16": "", "seconds": "", "steps": ""}
    rows = [nothing | row for row in questions.rendered()]
    took = seconds_a_step(asked.models)
    console.print(f"A step takes: {pace(took)}", soft_wrap=True)
    for seed in range(asked.seeds):
        for moment in contest(settings(took, asked.seconds, seed), asked.seconds, questions):
            rows += moment
            tables.write(asked.to, rows)  # after each moment: the whole takes long
            console.print("; ".join(f"{row['model']} {row['seconds']} s {row['match']}" for row in moment[1::2]))
    asked.to.with_suffix(".png").write_bytes(plot(rows))
    console.print(report(rows))


if __name__ == "__main__":
    main()
