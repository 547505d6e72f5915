"""What each training draws and how it measures: which scenes and words come in, which pairs, in which mode.

A wrong recipe trains all the same, so every recipe is run for two steps with spies on its way.
"""

import re
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
from torch import nn

from mmgen_course.data import captioned_scenes
from mmgen_course.features.classifier import is_kept_back
from mmgen_course.fusion.shared_space import SharedSpace
from mmgen_course.generators import gan
from mmgen_course.generators.gan_nets import SceneDiscriminator
from mmgen_course.recipes import (
    RECIPES,
    digits_gan,
    grounding,
    recogniser,
    scene_gan,
    scene_vae,
    shared_space,
    text_to_image,
)
from mmgen_course.scenes import false_captions, splits
from mmgen_course.scenes.hard_negatives import hard_negative_pairs
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.words import SYNONYMS
from mmgen_course.train import Run

UNSEEN_WORDS = {unseen for _, unseen in SYNONYMS.values()}
DRAWING = [captioned_scenes, grounding, recogniser, shared_space]  # modules that render scenes
WRITING = [captioned_scenes, false_captions, grounding, scene_gan, shared_space]  # modules that write captions


@dataclass
class Seen:
    """What went by while a recipe trained, or while it measured."""

    scenes: list = field(default_factory=list)
    captions: list = field(default_factory=list)
    modes: set = field(default_factory=set)
    measuring: bool = False

    def words(self):
        return set(re.findall("[a-z]+", " ".join(self.captions)))


@pytest.fixture
def spied(monkeypatch, tmp_path):
    """Runs a recipe of scenes for two steps on a small part of everything; what it saw then, and while it measured."""
    monkeypatch.setattr(scene_gan, "BATCH", 8)
    monkeypatch.setattr(scene_vae, "BATCH", 8)
    monkeypatch.setattr(text_to_image, "BATCH", 4)
    monkeypatch.setattr(shared_space, "BATCH", 100)
    monkeypatch.setattr(shared_space, "SEARCHED", 40)
    monkeypatch.setattr(shared_space, "COMPARED", 20)
    monkeypatch.setattr(text_to_image, "WHITENED_BY", 60)
    monkeypatch.setattr(scene_vae, "WHITENED_BY", 60)
    monkeypatch.setattr(scene_gan, "WHITENED_BY", 60)
    for module, n in ((recogniser, 40), (scene_gan, 40), (scene_vae, 40), (grounding, 20), (text_to_image, 4)):
        monkeypatch.setattr(module, "measure", partial(module.measure, n=n))
    monkeypatch.setattr(scene_vae, "measure_brief", partial(scene_vae.measure_brief, n=40))
    few = {name: scenes[:: max(1, len(scenes) // 300)] for name, scenes in splits().items()}
    monkeypatch.setattr(shared_space, "splits", lambda: few)
    pairs = hard_negative_pairs

    def fewer(scenes, kind, n, *rest, **options):
        return pairs(scenes, kind, min(n, 40), *rest, **options)

    monkeypatch.setattr(shared_space, "hard_negative_pairs", fewer)
    now, asked = [Seen()], [Run()]
    for module in DRAWING:
        draw = module.render

        def render(scenes, *rest, draw=draw, generator=None, **options):
            scenes = list(scenes)
            if generator is asked[0].generator or now[0].measuring:  # the others are a preview's
                now[0].scenes += scenes
            return draw(scenes, *rest, generator=generator, **options)

        monkeypatch.setattr(module, "render", render)
    for module in WRITING:
        write = module.caption

        def caption(*arguments, write=write, **options):
            now[0].captions.append(write(*arguments, **options))
            return now[0].captions[-1]

        monkeypatch.setattr(module, "caption", caption)

    def note(net, inputs, output):
        now[0].modes.add(net.training)

    def run(name):
        hook = nn.modules.module.register_module_forward_hook(note)
        try:
            asked[0] = Run(tmp_path / "made.safetensors", steps=2, seed=0)
            training = RECIPES[name].train(asked[0])
            trained = now[0]
            for _ in range(2):
                next(training)
            now[0] = Seen(measuring=True)
            with pytest.raises(StopIteration):
                next(training)
        finally:
            hook.remove()
        return trained, now[0]

    return run


COMPOSITIONS = ["grounding", "scene-gan", "scene-vae", "scene-vae-brief", "shared-space", "text-to-image"]


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_training_never_meets_what_is_held_out_and_measuring_does_in_evaluation_mode(name, spied):
    trained, measured = spied(name)
    assert trained.scenes
    assert not any(map(is_held_out, trained.scenes))
    assert trained.captions
    assert not trained.words() & UNSEEN_WORDS
    if name != "scene-vae-brief":  # which copies new pictures of the compositions that it knows
        assert any(map(is_held_out, measured.scenes))
    assert measured.modes == {False}


def test_the_classifier_is_measured_on_scenes_that_it_never_saw(spied):
    trained, measured = spied("recogniser")
    assert trained.scenes
    assert not any(map(is_kept_back, trained.scenes))
    assert len(measured.scenes) == 40
    assert all(map(is_kept_back, measured.scenes))
    assert measured.modes == {False}


# ---- pairs stay pairs


def test_each_caption_of_the_shared_space_stands_at_its_own_picture_and_hard_negatives_at_theirs(monkeypatch):
    scenes = splits()["train"][:30]
    pairs = hard_negative_pairs(splits()["train"], shared_space.swap_one, 12, torch.Generator(), held_out=False)
    written = []
    monkeypatch.setattr(
        shared_space, "caption", lambda scene, *rest, **options: written.append(scene) or "a red circle"
    )
    monkeypatch.setattr(shared_space, "region_features", lambda images, trunk: images.mean((1, 2, 3))[:, None, None])
    every = [*scenes, *(scene for pair in pairs for scene in pair)]
    monkeypatch.setattr(shared_space, "render", lambda part, **_: torch.stack([number(one, every) for one in part]))
    data = shared_space.Featurised(every, torch.Generator().manual_seed(0))
    chosen = torch.tensor([3, 30, 31, 50, 7])
    regions, *_ = data.draw(chosen)
    assert regions.flatten().tolist() == pytest.approx([3, 30, 31, 50, 7])
    assert written == [every[i] for i in chosen]


def number(scene, scenes):
    return torch.full((3, 4, 4), float(scenes.index(scene)))


def test_a_batch_of_the_shared_space_holds_both_scenes_of_each_hard_pair(spied, monkeypatch):
    drawn = []
    draw = shared_space.Featurised.draw

    def noted(self, chosen, *rest, **options):
        drawn.append([self.scenes[i] for i in chosen])
        return draw(self, chosen, *rest, **options)

    monkeypatch.setattr(shared_space.Featurised, "draw", noted)
    spied("shared-space")
    for batch in drawn[:2]:
        assert len(batch) == 100
        first, second = batch[100 - 2 * 48 : 100 - 48], batch[100 - 48 :]
        for one, other in zip(first, second, strict=True):
            assert one != other
            assert sorted(map(repr, values(one))) == sorted(map(repr, values(other)))  # swapped, not changed


def values(scene):
    return [value for thing in scene.objects for value in (thing.shape, thing.colour, thing.size, thing.style)]


def test_the_loss_of_the_shared_space_asks_in_both_directions():
    torch.manual_seed(0)
    space = SharedSpace()
    regions, words, mask = torch.randn(5, 64, 48), torch.randn(5, 3, 50), torch.ones(5, 3, dtype=torch.bool)
    u, v = (nn.functional.normalize(x, dim=1) for x in (space.image(regions), space.text(words, mask)))
    table, target = u @ v.T / space.temperature, torch.arange(5)
    both = (nn.functional.cross_entropy(table, target) + nn.functional.cross_entropy(table.T, target)) / 2
    assert space.loss(regions, words, mask).item() == pytest.approx(both.item(), rel=1e-4)


def test_the_scene_gan_shows_real_pictures_with_true_and_false_captions_and_its_own_with_true_ones(monkeypatch):
    monkeypatch.setattr(scene_gan, "WHITENED_BY", 60)
    asked = []
    logit = SceneDiscriminator.logit

    def noted(self, features, condition):
        asked.append((features.detach().clone(), condition))
        return logit(self, features, condition)

    monkeypatch.setattr(SceneDiscriminator, "logit", noted)
    (discriminator, _), _ = scene_gan.players(Run(seed=0))
    discriminator.model.eval()  # else each look moves its estimates of the largest singular values
    images, condition, false, z = scene_gan.GANBatches(torch.Generator().manual_seed(1)).draw(8)
    discriminator.loss(images, condition, false, z)
    (real, first), (again, second), (made, third) = asked
    assert torch.equal(first, condition)
    assert torch.equal(second, false)
    assert torch.equal(third, condition)
    assert torch.equal(real, again)
    expected = discriminator.model.features(torch.cat([images, images]))[:8]
    assert torch.allclose(real, expected, atol=1e-4)
    assert not torch.allclose(made, real, atol=1e-2)


def test_r1_is_asked_at_real_digits(monkeypatch):
    at = []
    monkeypatch.setattr(gan, "r1_penalty", lambda score, x: at.append(x) or torch.zeros(()))
    (discriminator, _), _ = digits_gan.players(Run(seed=0))
    real, label, z = discriminator.batch()
    discriminator.loss(real, label, z)
    assert len(at) == 1
    assert torch.equal(at[0], real)
