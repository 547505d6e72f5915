"""The trainings of lesson 07_gan: what they draw, whom they move, that they repeat; and how good what ships is."""

import pytest
import torch

from mmgen_course.data import ROOT
from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.data.digit_tensors import labelled_digits
from mmgen_course.generators import gan_nets
from mmgen_course.generators.gan_nets import load_digits_gan, load_scene_gan
from mmgen_course.recipes import RECIPES, digits_gan, read_card, scene_gan
from mmgen_course.recipes.scene_gan import GANBatches, measure
from mmgen_course.scenes.hard_negatives import VALUES, one_attribute_off
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.train import Run, fit

# ---- wrong captions


@pytest.fixture(scope="module")
def seen():
    return frozenset(SingleObjectScenes(torch.Generator()).scenes["train"])


def values(scene):
    (thing,) = scene.objects
    return [scene.background if name == "background" else getattr(thing, name) for name in VALUES]


def test_a_hard_negative_differs_in_one_attribute_and_training_shows_it(seen):
    generator = torch.Generator().manual_seed(0)
    changed = dict.fromkeys(VALUES, 0)
    for scene in sorted(seen, key=repr)[::8]:
        other = one_attribute_off(scene, seen, generator)
        assert other in seen
        assert not is_held_out(other)
        (name,) = [name for name, a, b in zip(VALUES, values(scene), values(other), strict=True) if a != b]
        changed[name] += 1
    assert min(changed.values()) > 10, changed  # each attribute must be read


def test_no_false_caption_of_a_batch_is_the_true_one():
    batches = GANBatches(torch.Generator().manual_seed(0))
    for _ in range(5):
        images, condition, false, z = batches.draw(64)
        assert images.shape == (64, 3, 32, 32)
        assert z.shape == (64, 12)
        assert ((condition - false).abs().amax(1) > 0.01).all()


# ---- trainings


def states(recipe, steps):
    run = Run(seed=3, steps=steps)
    players, average = recipe.players(run)
    list(fit(players, steps, run))
    return [
        {k: v.clone() for k, v in net.state_dict().items()} for net in (players[0].model, players[1].model, average)
    ]


@pytest.mark.parametrize("recipe", [digits_gan, scene_gan], ids=["digits", "scenes"])
def test_a_training_moves_both_players_and_its_average_and_repeats_itself(recipe, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH", 8)
    start, once, again = states(recipe, 0), states(recipe, 2), states(recipe, 2)
    for before, after, repeated in zip(start, once, again, strict=True):
        assert any(not torch.equal(before[name], after[name]) for name in before)
        assert all(torch.equal(after[name], repeated[name]) for name in after)


@pytest.mark.parametrize("recipe", [digits_gan, scene_gan], ids=["digits", "scenes"])
def test_each_player_moves_its_own_network_alone(recipe, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH", 8)
    players, _ = recipe.players(Run(seed=0))
    weights = [[p.detach().clone() for p in player.model.parameters()] for player in players]
    list(fit(players[:1], 1))
    moved = [
        any(not torch.equal(p, old) for p, old in zip(player.model.parameters(), before, strict=True))
        for player, before in zip(players, weights, strict=True)
    ]
    assert moved == [True, False]


@pytest.mark.parametrize("name", ["digits-gan", "scene-gan"])
def test_a_recipe_writes_what_its_loader_reads(name, tmp_path, monkeypatch):
    module = {"digits-gan": digits_gan, "scene-gan": scene_gan}[name]
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(module.measure, "__defaults__", (20,))
    path = tmp_path / "made.safetensors"
    training = RECIPES[name].train(Run(path, steps=2, seed=0))
    losses = []
    while True:
        try:
            losses.append(next(training))
        except StopIteration as end:
            measured = end.value
            break
    assert [sorted(step) for step in losses] == [["discriminator", "generator"]] * 2
    assert all(value >= 0 for value in measured.values())
    monkeypatch.setattr(gan_nets, "shipped", lambda _: path)
    assert not {"digits-gan": load_digits_gan, "scene-gan": load_scene_gan}[name]().training


# ---- what ships


def test_nine_of_ten_scenes_of_held_out_compositions_show_all_that_their_caption_names():
    card = read_card(ROOT / RECIPES["scene-gan"].file).measured
    assert card["held-out scene"] >= 0.9
    assert card["train scene"] >= 0.98
    again = measure(load_scene_gan(), 300)
    assert abs(again["held-out scene"] - card["held-out scene"]) < 0.06  # four standard errors


def test_what_ships_is_small():
    for name in ("scene-gan", "digits-gan"):
        assert (ROOT / RECIPES[name].file).stat().st_size < 1.5e6


def test_generated_digits_are_read_as_told_and_are_no_copies():
    card = read_card(ROOT / RECIPES["digits-gan"].file).measured
    assert card["read as told: generated"] >= 0.95
    images, _, _, _ = labelled_digits()
    with torch.no_grad():
        made = load_digits_gan()(
            torch.randn(200, 16, generator=torch.Generator().manual_seed(0)), torch.arange(200) % 10
        )
    nearest = (torch.cdist(made.flatten(1), images.flatten(1)) / 2).min(1).values
    assert nearest.min() > 0.2


def test_digits_to_train_and_to_test_on_share_no_picture_and_lie_in_minus_one_to_one():
    images, labels, tests, truth = labelled_digits()
    assert (len(images), len(labels), len(tests), len(truth)) == (1500, 1500, 297, 297)
    assert images.min() == -1
    assert images.max() == 1
    assert torch.cdist(tests.flatten(1), images.flatten(1)).min() > 0
    assert labels[:10].tolist() == list(range(10))
