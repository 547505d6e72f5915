"""The two examples are what their authors chose; the contest counts training alone, and asks everyone the same."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace

import baselines
import pytest
import text_to_image
import torch
from baselines import ExampleDiscriminator, ExampleGenerator, ExampleVAE
from einops import rearrange
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from text_to_image import MODELS, OURS, RENDERED, SPLITS, Contestant, Questions, contest, settings
from torch import Tensor, distributions, nn

from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.recipes.scene_vae import WHITENED_BY
from mmgen_course.train import Run, has_bf16, seeded

DEFAULT = [name for name in MODELS if "whitened" not in name]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock of processor time that stands still unless it is told to move."""
    state = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "process_time", lambda: state.now)
    return state


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions(captions=6, again=3)


class Blank(nn.Module):
    """Draws nothing, in a grey of its condition."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        grey = torch.tanh(self.norm(condition.mean(1, keepdim=True)) + z.mean(1, keepdim=True))
        return rearrange(grey, "n c -> n c 1 1").expand(-1, 3, 32, 32)


def ticking(clock: SimpleNamespace, seconds: float, steps: int = 1000) -> Iterator[float]:
    for _ in range(steps):
        clock.now += seconds
        yield 0.0


def shapes(net: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in net.parameters()]


# ---- the architectures


def test_the_dcgan_has_the_examples_layers_less_the_widest():
    assert shapes(ExampleGenerator()) == [
        (150, 256, 4, 4),
        *[(256,), (256,), (256, 128, 4, 4)],
        *[(128,), (128,), (128, 64, 4, 4)],
        *[(64,), (64,), (64, 3, 4, 4)],
    ]
    # no normalisation behind the first layer of the discriminator, and no bias in any convolution
    assert shapes(ExampleDiscriminator()) == [
        (64, 53, 4, 4),
        (128, 64, 4, 4),
        *[(128,), (128,), (256, 128, 4, 4)],
        *[(256,), (256,), (1, 256, 4, 4)],
    ]
    slopes = {layer.negative_slope for layer in ExampleDiscriminator().modules() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_the_vae_has_the_examples_layers():
    assert shapes(ExampleVAE()) == [
        *[(400, 3 * 32 * 32 + 50), (400,), (20 + 20, 400), (40,)],
        *[(400, 20 + 50), (400,), (3 * 32 * 32, 400), (3072,)],
    ]


@pytest.mark.parametrize("build", [ExampleGenerator, ExampleDiscriminator])
def test_the_first_weights_of_the_dcgan_are_those_of_the_example(build: type[nn.Module]):
    for layer in seeded(build, 0).modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(layer.weight.mean().item()) < 1e-3
        elif isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.3)
            assert layer.weight.mean().item() == pytest.approx(1, abs=0.01)
            assert not layer.bias.any()


@how(max_examples=3)
@given(st.integers(2, 5))
def test_pictures_are_in_range_and_every_part_hears_of_the_condition(n: int):
    generator = torch.Generator().manual_seed(n)
    condition, other = torch.randn(2, n, 50, generator=generator)
    for generator_net, noise in ((ExampleGenerator(), 100), (ExampleVAE(), 20)):
        z = torch.randn(n, noise, generator=generator)
        made = generator_net.eval()(z, condition)
        assert made.shape == (n, 3, 32, 32)
        assert made.abs().max() <= 1
        assert not torch.equal(made, generator_net(z, other))
    discriminator, vae = ExampleDiscriminator().eval(), ExampleVAE()
    assert discriminator(made, condition).shape == (n,)
    assert not torch.equal(discriminator(made, condition), discriminator(made, other))
    assert not torch.equal(vae.encode(made, condition)[0], vae.encode(made, other)[0])


# ---- their training


def drawn(n: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(n, 3, 32, 32, generator=generator) * 2 - 1, torch.randn(n, 50, generator=generator)


def test_the_dcgan_is_trained_as_the_example_trains_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(baselines, "GAN_BATCH", n := 6)  # small and narrow: it is in double precision
    monkeypatch.setattr(baselines, "WIDTH", 8)
    (generator_net, discriminator), (their_generator_net, their_discriminator) = (
        (seeded(ExampleGenerator, 0).double(), seeded(ExampleDiscriminator, 1).double()) for _ in range(2)
    )
    images, condition = (part.double() for part in drawn(n))
    generator = torch.Generator().manual_seed(0)
    noises = [torch.randn(n, 100, generator=generator) for _ in range(2)]
    training = baselines.play_dcgan(
        generator_net, discriminator, lambda n: (images, condition), torch.Generator().manual_seed(0)
    )
    losses = list(islice(training, 2))
    cross_entropy = nn.BCELoss()
    adams = [
        torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (their_discriminator, their_generator_net)
    ]
    ones, zeros = torch.ones(n).double(), torch.zeros(n).double()
    for z, (of_discriminator, of_generator) in zip(noises, losses, strict=True):
        made = their_generator_net(z, condition)
        adams[0].zero_grad()
        real = cross_entropy(their_discriminator(images, condition).sigmoid(), ones)
        fake = cross_entropy(their_discriminator(made.detach(), condition).sigmoid(), zeros)
        (real + fake).backward()
        adams[0].step()
        adams[1].zero_grad()
        fooled = cross_entropy(their_discriminator(made, condition).sigmoid(), ones)
        fooled.backward()
        adams[1].step()
        assert of_discriminator == pytest.approx((real + fake).item())
        assert of_generator == pytest.approx(fooled.item())
    for ours, theirs in ((generator_net, their_generator_net), (discriminator, their_discriminator)):
        for one, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            torch.testing.assert_close(one, other)


def test_both_examples_draw_batches_of_the_examples_size():
    assert (baselines.GAN_BATCH, baselines.VAE_BATCH) == (64, 128)


def test_the_loss_of_the_vae_is_cross_entropy_and_kl_summed_over_everything():
    vae, (images, condition), noise = seeded(ExampleVAE, 0), drawn(5), torch.randn(5, 20)
    mu, logvar = vae.encode(images, condition)
    q = distributions.Normal(mu, (logvar / 2).exp())
    kl = distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum()
    made = (vae(mu + noise * q.scale, condition) + 1) / 2
    shares = distributions.Bernoulli(made, validate_args=False)
    expected = kl - shares.log_prob((images + 1) / 2).sum()
    torch.testing.assert_close(baselines.vae_loss(vae, images, condition, noise), expected)


def test_the_vae_is_trained_with_the_examples_settings(monkeypatch: pytest.MonkeyPatch):
    asked: list[object] = []
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda weights, **how: asked.append(how) or adam(weights, **how))

    def draw(n: int) -> tuple[Tensor, Tensor]:
        asked.append(n)
        return drawn(n)

    losses = list(islice(baselines.learn_vae(ExampleVAE(), draw, torch.Generator().manual_seed(0)), 8))
    assert asked == [{"lr": 1e-3}, *[128] * 8]
    assert losses[-1] < losses[0]


# ---- the contest


def test_a_turn_ends_with_the_first_step_that_is_over_time(clock: SimpleNamespace):
    contestant = Contestant(ticking(clock, 2.0), Blank(), 1)
    assert text_to_image.train_until(contestant, until=5) == (6.0, 3)
    clock.now += 1000  # whatever happens between two turns
    assert text_to_image.train_until(contestant, until=9, spent=6) == (10.0, 2)
    assert text_to_image.train_until(contestant, until=9, spent=10) == (10.0, 0)


def test_a_training_that_is_over_takes_no_more_time(clock: SimpleNamespace):
    contestant = Contestant(ticking(clock, 2.0, steps=3), Blank(), 1)
    assert text_to_image.train_until(contestant, until=50) == (6.0, 3)


def test_measuring_takes_no_time_from_anyone(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, questions: Questions
):
    speeds = {"our GAN": 1.0, "DCGAN example": 0.5}
    for name, speed in speeds.items():
        built = Contestant(ticking(clock, speed), Blank(), 1, mode=name == "DCGAN example")
        monkeypatch.setitem(MODELS, name, lambda run, built=built: built)

    class Slow(Questions):
        def ask(self, *asked: Contestant, **how: bool) -> list[text_to_image.Row]:
            clock.now += 77
            return super().ask(*asked, **how)

    runs = {name: Run(seed=4) for name in speeds}
    rows = [row for moment in contest(runs, 8, Slow(6, 3), moments=4) for row in moment]
    for name, speed in speeds.items():
        mine = [row for row in rows if row["model"] == name and row["split"] == "held out"]
        assert [row["seconds"] for row in mine] == [2, 4, 6, 8]
        assert [row["steps"] for row in mine] == [seconds / speed for seconds in (2, 4, 6, 8)]
    # a row for each model, moment and split, and at the end for the other mode of the one that has two
    counted = Counter((row["model"], row["split"]) for row in rows)
    assert counted == {
        **{(name, split): 4 for name in speeds for split in SPLITS},
        **{("DCGAN example, running means", split): 1 for split in SPLITS},
    }


@pytest.mark.parametrize("name", DEFAULT)
def test_every_model_trains_and_is_measured(name: str, monkeypatch: pytest.MonkeyPatch, questions: Questions):
    monkeypatch.setattr(text_to_image.scene_gan, "WHITENED_BY", 100)
    monkeypatch.setattr("mmgen_course.recipes.scene_vae.WHITENED_BY", 100)
    contestant = MODELS[name](Run(steps=2))
    _, steps = text_to_image.train_steps(contestant, 2)
    assert steps == 2
    rows = questions.ask(contestant)
    assert [row["split"] for row in rows] == list(SPLITS)
    assert all(0 <= row["match low"] <= row["match"] <= row["match high"] <= 1 for row in rows)


def test_to_draw_leaves_a_network_as_it_was_and_takes_the_same_noise():
    condition = torch.randn(6, 50)
    for mode in (True, False):
        contestant = Contestant(iter(()), Blank(), 2, mode=mode)
        before = {name: value.clone() for name, value in contestant.net.state_dict().items()}
        first, second = (text_to_image.draw(contestant, condition) for _ in range(2))
        torch.testing.assert_close(first, second, rtol=0, atol=0)
        assert contestant.net.training
        torch.testing.assert_close(dict(contestant.net.state_dict()), before, rtol=0, atol=0)
        other = text_to_image.draw(contestant, condition, training_mode=not mode)
        assert not torch.equal(first, other)


def test_everyone_is_asked_what_training_showed_and_what_it_did_not(questions: Questions):
    seen, held_out = (
        set(SingleObjectScenes(torch.Generator()).scenes[name]) for name in ("train", "held_out_compositions")
    )
    assert {*questions.batches["training"].scenes} <= seen
    assert {*questions.batches["held out"].scenes} <= held_out
    again = Questions(captions=6, again=3)
    assert all(again.batches[split].captions == questions.batches[split].captions for split in SPLITS)


def test_true_pictures_match_and_differ(questions: Questions):
    for row in questions.rendered():
        assert row["match"] == 1
        assert row["diversity low"] >= 0
        assert row["diversity"] > 0


def test_one_picture_a_caption_has_no_diversity(questions: Questions):
    class Deaf(Blank):
        def forward(self, z: Tensor, condition: Tensor) -> Tensor:
            return super().forward(torch.zeros_like(z), condition)

    rows = questions.ask(Contestant(iter(()), Deaf(), 1))
    assert [round(row["diversity"], 4) for row in rows] == [0, 0]


def test_steps_fill_the_time_and_an_example_takes_its_faster_precision():
    took = {
        "our GAN": {False: 0.1, True: 0.2},
        "VAE example": {False: 0.1, True: 0.2},
        "DCGAN example": {False: 0.4, True: 0.3},
    }
    runs = settings(took, seconds=6, seed=9)
    assert {name: (run.steps, run.bf16, run.seed) for name, run in runs.items()} == {
        "our GAN": (30, True, 9),
        "VAE example": (60, False, 9),
        "DCGAN example": (20, True, 9),
    }
    alone = settings({name: {False: 0.1} for name in took}, seconds=6, seed=9)
    assert not any(run.bf16 for run in alone.values())


def test_the_pace_is_measured_for_each_precision(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        MODELS, "our VAE", lambda run: Contestant(ticking(clock, 0.25 if run.bf16 else 0.5, run.steps), Blank(), 1)
    )
    expected = {False: 0.5, True: 0.25} if has_bf16(torch.device("cpu")) else {False: 0.5}
    assert text_to_image.seconds_a_step(["our VAE"], steps=5, rounds=2) == {"our VAE": expected}


def test_a_whitened_example_is_told_the_same_in_training_and_in_the_test(monkeypatch: pytest.MonkeyPatch):
    told: list[Tensor] = []

    def learn(vae: ExampleVAE, draw: baselines.Draw, generator: torch.Generator, bf16: bool) -> Iterator[float]:
        told.append(draw(4)[1])
        yield 0.0

    monkeypatch.setattr(text_to_image, "learn_vae", learn)
    monkeypatch.setattr(text_to_image, "WHITENED_BY", 300)
    contestant = MODELS["VAE example, whitened"](Run(seed=2))
    next(contestant.training)
    condition = caption_conditions(SingleObjectScenes(torch.Generator().manual_seed(2)).draw(4).captions)
    torch.testing.assert_close(contestant.net.whiten(condition), told[0])
    assert not torch.allclose(condition, told[0])
    assert text_to_image.draw(contestant, condition).shape == (4, 3, 32, 32)
    assert WHITENED_BY > 300


def results(names: list[str], moments: int = 3, seeds: int = 2) -> list[text_to_image.Row]:
    numbers = {"match": 0.5, "match low": 0.4, "match high": 0.6, "diversity": 1.0}
    numbers |= {"diversity low": 0.9, "diversity high": 1.1}
    return [
        {"model": name, "seed": seed, "bf16": False, "seconds": at, "steps": at * 10, "split": split, **numbers}
        for seed in range(seeds)
        for at in range(1, moments + 1)
        for name in names
        for split in SPLITS
    ]


def test_the_table_has_a_line_for_each_model_and_seed_at_its_end():
    rows = results([*OURS, RENDERED])
    assert {row["seconds"] for row in text_to_image.last(rows)} == {3}
    assert text_to_image.report(rows).row_count == 3 * 2


def test_the_plot_is_a_picture_with_a_curve_for_each_model(monkeypatch: pytest.MonkeyPatch):
    drawings = []
    monkeypatch.setattr(text_to_image.show, "png", lambda figure: drawings.append(figure) or b"")
    text_to_image.plot(results([*DEFAULT, RENDERED, "DCGAN example, running means"]))
    (axes,) = drawings[0].axes
    assert len(axes.lines) == len(DEFAULT) * 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == DEFAULT
