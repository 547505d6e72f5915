"""Regions and words become rows of features, each in its place, and nothing is made up for what is unknown."""

import pytest
import torch

from mmgen_course.features.cnn import SmallCNN
from mmgen_course.features.encoders import caption_conditions, region_features, word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.features.vectors import WordVectors
from mmgen_course.scenes import caption as written
from mmgen_course.scenes import splits
from mmgen_course.train import seeded

WORDS = WordVectors(
    ["a", "red", "star", "blue", "above"], torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
)


def test_row_r_of_the_regions_is_the_place_r_of_the_map_row_by_row():
    trunk = seeded(lambda: SmallCNN((4, 6)), 0).eval()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    regions, maps = region_features(images, trunk), trunk.maps(images)
    assert regions.shape == (3, 64, 6)
    for row in range(8):
        for column in range(8):
            assert torch.equal(regions[:, 8 * row + column], maps[:, :, row, column])
    assert not regions.requires_grad
    # the mean over regions is the network's own feature of the whole picture
    torch.testing.assert_close(regions.mean(dim=1), trunk(images).detach())


def test_an_image_s_regions_do_not_depend_on_its_batch_and_a_trunk_in_training_is_refused():
    trunk = seeded(lambda: SmallCNN((4, 6)), 0).eval()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    alone = torch.cat([region_features(image[None], trunk) for image in images])
    torch.testing.assert_close(region_features(images, trunk), alone)
    with pytest.raises(ValueError, match=r"trunk\.eval"):
        region_features(images, trunk.train())


def test_each_word_has_its_vector_in_its_place_and_zeros_follow_the_last():
    captions = ["a red star above a blue star", "Red  STAR", "a"]
    features, mask = word_features(captions, WORDS)
    assert features.shape == (3, 7, 6)
    for caption, row, real in zip(captions, features, mask, strict=True):
        words = caption.lower().split()
        assert real.tolist() == [True] * len(words) + [False] * (7 - len(words))
        for place, word in enumerate(words):
            assert torch.equal(row[place], WORDS[word])
        assert (row[len(words) :] == 0).all()


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        (["a red star", "a zebra and a gnu"], r"3 words have no vector among 5: \['and', 'gnu', 'zebra'\]"),
        ([], "at least one caption"),
        (["a", " "], "each with a word"),
    ],
)
def test_what_has_no_vector_is_refused_by_name(captions, message):
    with pytest.raises(ValueError, match=message):
        word_features(captions, WORDS)
    assert not WORDS.unknown


def test_conditions_are_means_of_word_vectors_with_mean_0_and_variance_1_over_training_captions():
    generator = torch.Generator().manual_seed(5)
    alone = [scene for scene in splits()["train"] if len(scene.objects) == 1]
    captions = [written(scene, generator) for scene in alone]
    conditions, vectors = caption_conditions(captions), load_scene_vectors()
    assert conditions.mean(dim=0).abs().max() < 0.1  # of other paraphrases than those that were measured
    assert (conditions.std(dim=0) - 1).abs().max() < 0.1
    means = torch.stack([vectors.lookup(text.split())[0].mean(dim=0) for text in captions])
    for component, mean in zip(conditions.T, means.T, strict=True):  # each is a line in the mean of the words
        assert torch.corrcoef(torch.stack([component, mean]))[0, 1] > 0.9999


def test_a_condition_does_not_depend_on_the_other_captions():
    captions = ["a large red circle", "a star", "there is a small striped blue cross in the centre"]
    together, apart = caption_conditions(captions), torch.cat([caption_conditions([text]) for text in captions])
    torch.testing.assert_close(together, apart)
    with pytest.raises(ValueError, match="zebra"):
        caption_conditions(["a zebra"])
