from dataclasses import FrozenInstanceError
from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader

from mmgen_course.preprocess.batch import collate
from mmgen_course.preprocess.text import Vocabulary

CAPTIONS = ["a red ring", "a", "a blue zebra left of a ring", "red"]


def make_samples():
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(3, 4, 5, generator=generator), caption) for caption in CAPTIONS]


def test_collate_puts_each_sample_in_its_row():
    samples, vocabulary = make_samples(), Vocabulary.from_texts(CAPTIONS)
    batch = collate(samples, vocabulary)
    assert batch.images.shape == (4, 3, 4, 5)
    for n, (image, caption) in enumerate(samples):
        assert batch.captions[n] == caption
        assert torch.equal(batch.images[n], image)
        assert batch.tokens[n][batch.mask[n]].tolist() == vocabulary.encode(caption)
        assert vocabulary.decode(batch.tokens[n].tolist()) == caption


def test_collate_counts_unknown_words():
    vocabulary = Vocabulary(["a", "red", "ring"])
    collate(make_samples(), vocabulary)
    assert vocabulary.unknown == {"blue": 1, "zebra": 1, "left": 1, "of": 1}


def test_a_data_loader_gives_every_sample_in_batches_padded_to_their_own_longest():
    samples, vocabulary = make_samples(), Vocabulary.from_texts(CAPTIONS)
    loader = DataLoader(samples, batch_size=2, collate_fn=partial(collate, vocabulary=vocabulary))
    first, second = loader
    assert first.captions + second.captions == CAPTIONS
    assert (first.tokens.shape, second.tokens.shape) == ((2, 5), (2, 9))
    assert torch.equal(torch.cat([first.images, second.images]), torch.stack([image for image, _ in samples]))


@pytest.mark.parametrize("shape", [(3, 4, 6), (1, 4, 5)])
def test_collate_names_the_sample_whose_image_has_another_shape(shape):
    samples = make_samples()
    samples[2] = (torch.rand(shape), "odd")
    with pytest.raises(ValueError, match=rf"sample 2: .* \(3, 4, 5\).*\({shape[0]}, {shape[1]}, {shape[2]}\)"):
        collate(samples, Vocabulary(["a"]))


def test_collate_names_sample_0_where_no_image_is_rgb():
    with pytest.raises(ValueError, match=r"sample 0: .* \(3, 4, 5\).*\(1, 4, 5\)"):
        collate([(torch.rand(1, 4, 5), "grey")] * 2, Vocabulary(["grey"]))


def test_collate_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        collate([], Vocabulary(["a"]))


def test_a_batch_cannot_be_changed():
    batch = collate(make_samples(), Vocabulary(["a"]))
    with pytest.raises(FrozenInstanceError):
        batch.captions = []
