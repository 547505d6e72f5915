"""Each fusion equals its formula written as a loop, and the four of the bench are equally large."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mmgen_course.evaluate.fusion_comparison import WIDTHS, Questions, build
from mmgen_course.fusion import (
    Concat,
    CrossAttention,
    FiLM,
    Matcher,
    TextConvolution,
    attention,
    concat,
    film,
    masked_mean,
    text_convolution,
    text_share,
)
from mmgen_course.scenes import caption, parse, splits
from mmgen_course.scenes.hard_negatives import change_one, hard_negative_pairs, swap_one
from mmgen_course.scenes.splits import is_held_out
from mmgen_course.scenes.world import APPEARANCE
from mmgen_course.train import seeded

SIZES = st.integers(1, 5)
SEEDS = st.integers(0, 2**31)
FUSIONS = [Concat, FiLM, TextConvolution, CrossAttention]
few = settings(max_examples=40)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def masks(n, t, seed):
    """A mask with at least one word in each caption."""
    mask = torch.rand(n, t, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[:, seed % t] = True
    return mask


# ---- the formulas


@given(SIZES, SIZES, SIZES, SEEDS)
@few
def test_a_sentence_is_the_mean_of_its_words_whatever_stands_in_the_padding(n, t, d, seed):
    words, mask = normal(n, t, d, seed=seed), masks(n, t, seed)
    words[~mask] = torch.nan
    for mean, row, real in zip(masked_mean(words, mask), words, mask, strict=True):
        torch.testing.assert_close(
            mean, torch.stack([word for word, yes in zip(row, real, strict=True) if yes]).mean(0)
        )


def test_a_caption_without_words_is_refused():
    with pytest.raises(ValueError, match="1 of 2 captions have no word"):
        masked_mean(torch.zeros(2, 3, 4), torch.tensor([[True, False, False], [False] * 3]))


@given(SIZES, SIZES, SIZES, SIZES, SEEDS)
@few
def test_concat_and_film_are_their_formulas_region_by_region(n, r, c, d, seed):
    h, t = normal(n, r, c, seed=seed), normal(n, d, seed=seed + 1)
    gamma, beta = normal(n, c, seed=seed + 2), normal(n, c, seed=seed + 3)
    joined, scaled = concat(h, t), film(h, gamma, beta)
    for i in range(n):
        for j in range(r):
            assert joined[i, j].tolist() == [*h[i, j].tolist(), *t[i].tolist()]
            wanted = [g * x + b for g, x, b in zip(gamma[i].tolist(), h[i, j].tolist(), beta[i].tolist(), strict=True)]
            torch.testing.assert_close(scaled[i, j].tolist(), wanted)


@given(SIZES, SIZES, SIZES, SIZES, st.sampled_from([1, 3, 5]), SEEDS)
@few
def test_text_convolution_is_a_convolution_of_torch_for_each_image(n, c, height, width, k, seed):
    maps, kernels = normal(n, c, height, width, seed=seed), normal(n, c, k, k, seed=seed + 1)
    ours = text_convolution(maps, kernels)
    for i in range(n):
        theirs = F.conv2d(maps[i : i + 1], kernels[i, :, None], padding=k // 2, groups=c)
        torch.testing.assert_close(ours[i : i + 1], theirs)


@given(SIZES, SIZES, SEEDS)
@few
def test_a_kernel_of_size_1_is_film_without_a_shift(n, c, seed):
    maps, gamma = normal(n, c, 4, 4, seed=seed), normal(n, c, seed=seed + 1)
    scaled = film(maps.flatten(2).mT, gamma, torch.zeros_like(gamma)).mT.reshape(maps.shape)
    torch.testing.assert_close(text_convolution(maps, gamma[..., None, None]), scaled)


def test_a_kernel_without_a_middle_is_refused():
    with pytest.raises(ValueError, match="odd size, with a middle; got 2 x 2"):
        text_convolution(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2))


# ---- the modules

N, R, T, C, D, W = 3, 9, 5, 4, 6, 8


def inputs(seed=0):
    return normal(N, R, C, seed=seed), normal(N, T, D, seed=seed + 1), masks(N, T, seed)


def built(fuse, seed=0):
    return seeded(lambda: fuse(C, D, W), seed).double()


def test_concat_adds_one_vector_to_all_regions():
    h, words, mask = inputs()
    fuse = built(Concat)
    by_image, by_text = fuse.mix.weight.split([C, D], dim=1)
    wanted = h @ by_image.T + (masked_mean(words, mask) @ by_text.T + fuse.mix.bias)[:, None]
    torch.testing.assert_close(fuse(h, words, mask), wanted)


def test_film_scales_and_shifts_channels():
    h, words, mask = inputs()
    fuse = built(FiLM)
    t = masked_mean(words, mask)
    for i in range(N):
        wanted = torch.stack([fuse.gamma(t[i]) * fuse.mix(region) + fuse.beta(t[i]) for region in h[i]])
        torch.testing.assert_close(fuse(h, words, mask)[i], wanted)


def test_text_convolution_sums_over_the_neighbours():
    h, words, mask = inputs()
    fuse = built(TextConvolution)
    kernels = fuse.kernels(masked_mean(words, mask)).reshape(N, W, 3, 3)
    mixed = fuse.mix(h).reshape(N, 3, 3, W)
    out = fuse(h, words, mask).reshape(N, 3, 3, W)
    for row in range(3):
        for column in range(3):
            total = fuse.bias.expand(N, W)
            for a in range(3):
                for b in range(3):
                    if 0 <= row + a - 1 < 3 and 0 <= column + b - 1 < 3:
                        total = total + kernels[:, :, a, b] * mixed[:, row + a - 1, column + b - 1]
            torch.testing.assert_close(out[:, row, column], total)


def test_cross_attention_adds_what_each_region_is_told():
    h, words, mask = inputs()
    fuse = seeded(lambda: CrossAttention(C, D, W, heads=1), 0).double()
    attention_layer, x = fuse.attention, fuse.mix(h)
    told, _ = attention(
        attention_layer.to_q(x), attention_layer.to_k(words), attention_layer.to_v(words), mask[:, None]
    )
    torch.testing.assert_close(fuse(h, words, mask), x + attention_layer.out(told))


@pytest.mark.parametrize("fuse", FUSIONS)
def test_padding_does_not_change_a_fusion(fuse):
    h, words, mask = inputs()
    model = built(fuse)
    longer = torch.cat([words, 99 * torch.ones(N, 2, D)], dim=1)
    more = torch.cat([mask, torch.zeros(N, 2, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(model(h, longer, more), model(h, words, mask))


@pytest.mark.parametrize("fuse", FUSIONS)
def test_a_picture_is_matched_with_its_own_caption_alone(fuse):
    h, words, mask = inputs()
    model = seeded(lambda: Matcher(fuse, (R, C), D, W), 0).double()
    together = model(h, words, mask)
    alone = torch.cat([model(h[i : i + 1], words[i : i + 1], mask[i : i + 1]) for i in range(N)])
    torch.testing.assert_close(together, alone)
    assert (model(h, words.roll(1, 0), mask.roll(1, 0)) != together).all()


@pytest.mark.parametrize("fuse", FUSIONS)
def test_every_weight_of_a_matcher_learns(fuse):
    h, words, mask = inputs()
    model = seeded(lambda: Matcher(fuse, (R, C), D, W), 0).double()
    model(h, words, mask).square().sum().backward()
    still = {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert still <= {"fuse.ask.to_k.bias"}  # adds the same to all scores of a query
    assert isinstance(model, nn.Module)


# ---- who uses the text


@given(st.integers(2, 20), SEEDS)
@few
def test_text_share_and_image_share_add_up_to_one(n, seed):
    true, false = normal(n, seed=seed), 3 * normal(n, seed=seed + 1) + 1
    z = torch.stack([true, false])
    by_image = (z.mean(0).var(unbiased=False) / z.var(unbiased=False)).item()
    assert text_share(true, false) + by_image == pytest.approx(1)


def test_text_share_refuses_a_constant():
    with pytest.raises(ValueError, match=r"all 4 outputs are 1\.0"):
        text_share(torch.ones(2), torch.ones(2))


# ---- the bench


def test_the_four_fusions_of_the_bench_are_equally_large():
    sizes = [sum(weight.numel() for weight in build(name, 0).parameters()) for name in WIDTHS]
    assert len(sizes) == 4
    assert max(sizes) < 1.05 * min(sizes)


PAIRS = {
    kind: hard_negative_pairs(splits()["train"], kind, 60, torch.Generator().manual_seed(0), held_out=False)
    for kind in (change_one, swap_one)
}


def differences(scene, other):
    return [
        (place, name)
        for place, (a, b) in enumerate(zip(scene.objects, other.objects, strict=True))
        for name in APPEARANCE
        if getattr(a, name) != getattr(b, name)
    ]


def test_a_changed_neighbour_differs_in_one_attribute_of_one_object():
    for scene, other in PAIRS[change_one]:
        assert len(differences(scene, other)) == 1
        assert scene.background == other.background
    assert {name for pair in PAIRS[change_one] for _, name in differences(*pair)} == set(APPEARANCE)


def test_a_swapped_neighbour_has_the_same_plain_words_and_another_meaning():
    for scene, other in PAIRS[swap_one]:
        (_, name), (_, same_name) = differences(scene, other)
        assert name == same_name
        assert sorted(caption(scene).split()) == sorted(caption(other).split())
        assert not parse(caption(other)).hold_for(scene)


def test_neighbours_stay_on_their_side_of_the_split():
    pairs = hard_negative_pairs(
        splits()["held_out_compositions"], swap_one, 60, torch.Generator().manual_seed(0), held_out=True
    )
    assert all(is_held_out(scene) for pair in pairs for scene in pair)
    assert not any(is_held_out(scene) for pair in PAIRS[swap_one] for scene in pair)


def test_neighbours_refuse_to_invent_scenes():
    with pytest.raises(ValueError, match="only 0 of 1 scenes"):
        hard_negative_pairs(splits()["train"][:1], swap_one, 1, torch.Generator().manual_seed(0), held_out=False)


def test_a_swap_needs_two_objects_that_differ():
    with pytest.raises(ValueError, match="two objects that look different"):
        swap_one(splits()["train"][0], torch.Generator())


def test_whoever_sees_one_side_only_is_right_half_of_the_time():
    asked = Questions(torch.zeros(8, 16, 48), torch.zeros(8, 1, 64), torch.ones(8, 1).bool())
    pictures, captions, true = asked.quartets(torch.arange(4))
    for side in (pictures, captions):
        for i in range(8):
            assert true[side == i].tolist().count(True) == true[side == i].tolist().count(False) == 1
    assert ((pictures == captions) == true).all()
