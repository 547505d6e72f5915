"""The trainings of the VAEs: what a few steps do, what ships, and what the benchmark's table holds."""

import csv
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import tables
import vae as benchmark

from mmgen_course.data import shipped
from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.data.digit_tensors import digit_images
from mmgen_course.data.weights import load_weights
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators.vae import elbo, gaussian_log_likelihood
from mmgen_course.generators.vae_nets import SCENE_LATENTS, DigitVAE, SceneVAE, load_digits_vae, load_scene_vae
from mmgen_course.recipes import digits_vae, read_card, scene_vae
from mmgen_course.scenes import parse
from mmgen_course.train import Run, seeded


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def finished(training):
    """The losses of a training, and what it measured at its end."""
    losses = []
    while True:
        try:
            losses.append(next(training)["loss"])
        except StopIteration as end:
            return losses, end.value


# ---- digits


def test_the_digits_are_cut_in_two_and_stay_in_their_order():
    train, test = digit_images()
    from sklearn.datasets import load_digits

    pixels = torch.from_numpy(load_digits().images).float() / 16
    torch.testing.assert_close(torch.cat([train, test])[:, 0], pixels, rtol=0, atol=0.501 / 255)


def test_the_loss_of_the_digits_is_minus_the_elbo_at_one_draw():
    vae, images = seeded(lambda: DigitVAE(3), 0), torch.rand(5, 1, 8, 8, generator=generator())
    with torch.no_grad():
        q = vae.encode(images)
        z = q.mu + (q.logvar / 2).exp() * torch.randn(5, 3, generator=generator(1))
        terms = elbo(gaussian_log_likelihood(images, vae.decode(z), vae.sigma), *q)
        torch.testing.assert_close(digits_vae.negative_elbo(vae, images, generator(1)), -terms.elbo)
        copies = gaussian_log_likelihood(images, vae.decode(q.mu), vae.sigma)
        torch.testing.assert_close(digits_vae.reconstruction_alone(vae, images, generator()), -copies.mean())


@pytest.mark.parametrize("train", [digits_vae.train_plane, digits_vae.train_wide, digits_vae.train_plain])
def test_a_few_steps_lower_the_loss_write_the_weights_and_measure(train, tmp_path):
    losses, measured = finished(train(Run(tmp_path / "d.safetensors", steps=40, seed=1)))
    assert sum(losses[-5:]) < sum(losses[:5])
    assert measured["reconstruction"] < 0
    if train is not digits_vae.train_plain:
        assert measured["elbo"] == pytest.approx(measured["reconstruction"] - measured["kl"], abs=1e-3)
    latents = digits_vae.PLANE if train is digits_vae.train_plane else digits_vae.WIDE
    load_weights(DigitVAE(latents), tmp_path / "d.safetensors")


def test_the_same_seed_gives_the_same_losses_and_another_others(tmp_path):
    a, b, c = (finished(digits_vae.train_plane(Run(tmp_path / "d", steps=3, seed=s)))[0] for s in (1, 1, 2))
    assert a == b != c


def test_the_cards_of_the_digits_say_what_their_weights_do():
    _, test = digit_images()
    for recipe, latents in ((digits_vae.DIGITS_VAE, digits_vae.PLANE), (digits_vae.DIGITS_VAE_WIDE, digits_vae.WIDE)):
        card = read_card(shipped(recipe.file))
        again = digits_vae.measure(load_digits_vae(recipe.file, latents), test)
        assert again == pytest.approx(card.measured, rel=1e-3)
        assert card.measured["elbo"] > {"digits-vae": 5, "digits-vae-wide": 25}[recipe.name]


# ---- scenes


@pytest.fixture
def quick(monkeypatch):
    """Whitened by a few captions, measured on a few pictures."""
    monkeypatch.setattr(scene_vae, "WHITENED_BY", 100)
    for name in ("measure", "measure_brief"):
        monkeypatch.setattr(scene_vae, name, partial(getattr(scene_vae, name), n=4))


@pytest.mark.parametrize("train", ["train", "train_brief"])
def test_a_few_steps_of_the_scenes_write_weights_that_can_be_loaded(quick, train, tmp_path):
    losses, measured = finished(getattr(scene_vae, train)(Run(tmp_path / "s.safetensors", steps=5, seed=1)))
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    assert all(0 <= share <= 1 for name, share in measured.items() if name.endswith(("shape", "scene", "style")))
    vae = SceneVAE(SCENE_LATENTS)
    load_weights(vae, tmp_path / "s.safetensors")
    assert (vae.decode.whiten.matrix != torch.eye(50)).any()


def test_in_the_first_act_the_encoder_does_not_learn(quick):
    moved = {}
    for first in (1.0, 0.0):
        vae = seeded(lambda: SceneVAE(SCENE_LATENTS), 3)
        before = vae.head[0].bias.clone()
        list(scene_vae.learn(vae, Run(steps=2, seed=3), scene_vae.full, first))
        moved[first] = (vae.head[0].bias - before).abs().max().item()
    assert moved[1.0] == 0 < moved[0.0]


def test_a_brief_caption_says_nothing_about_size_and_style(monkeypatch):
    written = []
    batch = SingleObjectScenes(generator()).draw(20)
    zeros = lambda captions: written.extend(captions) or torch.zeros(len(captions), 50)  # noqa: E731
    monkeypatch.setattr(scene_vae, "caption_conditions", zeros)
    scene_vae.brief(batch, generator())
    for text, scene in zip(written, batch.scenes, strict=True):
        constraints = parse(text)
        assert constraints.hold_for(scene)
        assert constraints.objects[0].size is constraints.objects[0].style is None
        assert constraints.objects[0].colour == scene.objects[0].colour
        assert constraints.background == scene.background


def test_the_loss_of_the_scenes_is_minus_the_conditional_elbo():
    vae, batch = seeded(lambda: SceneVAE(12), 0).eval(), SingleObjectScenes(generator()).draw(3)
    noise, condition = torch.randn(3, 12, generator=generator(1)), caption_conditions(batch.captions)
    with torch.no_grad():
        q = vae.encode(batch.images, condition)
        z = q.mu + (q.logvar / 2).exp() * noise
        fit = gaussian_log_likelihood(batch.images, vae.decode(z, condition), vae.sigma)
        loss = scene_vae.negative_elbo(vae, batch.images, condition, noise)
        torch.testing.assert_close(loss, -elbo(fit, *q).elbo)


def test_many_points_are_decoded_as_few_are():
    vae = seeded(lambda: SceneVAE(12), 0).eval()
    z, c = torch.randn(501, 12, generator=generator()), torch.randn(501, 50, generator=generator(1))
    drawn = scene_vae.draw_all(vae, z, c)
    assert drawn.shape == (501, 3, 32, 32)
    torch.testing.assert_close(drawn[-3:], vae.decode(z[-3:], c[-3:]).detach(), rtol=1e-4, atol=1e-5)


def test_the_shipped_decoder_draws_what_captions_of_unseen_compositions_say():
    batch = SingleObjectScenes(generator(7)).draw(500, "held_out_compositions")
    met = scene_vae.captions_met(load_scene_vae(), batch, torch.randn(500, 12, generator=generator(8)))
    assert met["scene"] > 0.9
    card = read_card(shipped(scene_vae.SCENE_VAE.file)).measured
    assert abs(met["scene"] - card["held_out_compositions: scene"]) < 0.04


def test_another_caption_gives_another_picture_from_the_same_latent_point():
    vae, batch = load_scene_vae(), SingleObjectScenes(generator(7)).draw(50, "held_out_compositions")
    drawn = scene_vae.draw_all(vae, torch.zeros(50, 12), caption_conditions(batch.captions))
    assert (drawn[1:] - drawn[:-1]).square().mean((1, 2, 3)).sqrt().median() > 0.2


def test_the_shipped_brief_vae_copies_what_it_sees():
    vae, data = load_scene_vae("weights/scene-vae-brief.safetensors"), SingleObjectScenes(generator(7))
    batch = data.draw(300)
    condition = scene_vae.brief(batch, data.generator)
    with torch.no_grad():
        q = vae.encode(batch.images, condition)
    met = scene_vae.accuracy(batch.scenes, scene_vae.load_classifier().read(scene_vae.draw_all(vae, q.mu, condition)))
    assert met["scene"] > 0.9


# ---- the benchmark


def test_the_table_that_ships_has_a_row_for_each_objective_and_seed():
    with shipped("results/vae.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["objective"], int(row["seed"])) for row in rows] == [
        (name, seed) for name in benchmark.OBJECTIVES for seed in benchmark.SEEDS
    ]


def test_the_benchmarks_objectives_are_what_they_are_called():
    fit, kl = torch.tensor([-128.0, 0.0]), torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    values = {name: objective(fit, kl).item() for name, objective in benchmark.OBJECTIVES.items()}
    assert values["beta 3"] == pytest.approx(64 + 3 * 3.2)
    assert values["beta 0.1"] == pytest.approx(64 + 0.1 * 3.2)
    assert values["mean over pixels"] == pytest.approx(1 + 3.2)
    assert values["mean over pixels, free bits"] == pytest.approx(1 + 0.5 + 3)


def test_a_short_benchmark_makes_rows_of_numbers(quick, monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "SEEDS", range(1))
    rows = benchmark.rows(steps=2)
    assert len(rows) == len(benchmark.OBJECTIVES)
    assert all(row["rate"] >= 0 and row["error"] > 0 for row in rows)
    acts = benchmark.acts(steps=2, n=8)
    assert [row["first act"] for row in acts] == [0, 0, 0.4, 0.4]
    tables.write(tmp_path / "new" / "acts.csv", acts)
    with (tmp_path / "new" / "acts.csv").open() as stream:
        assert [row["seed"] for row in csv.DictReader(stream)] == ["0", "1", "0", "1"]


def test_without_a_first_act_the_caption_is_hardly_read():
    with shipped("results/vae_acts.csv").open(encoding="utf-8") as stream:
        right = {(float(row["first act"]), row["seed"]): float(row["scene"]) for row in csv.DictReader(stream)}
    assert max(right[0.0, "0"], right[0.0, "1"]) < 0.5 * min(right[0.4, "0"], right[0.4, "1"])
