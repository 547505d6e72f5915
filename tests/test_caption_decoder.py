"""The network of lesson 10: cross-attention against a slow loop, colours against a hull, and what it must ignore."""

import pytest
import torch
from einops import rearrange
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from torch.nn import functional as F

from mmgen_course.features.classifier import load_classifier
from mmgen_course.features.encoders import word_features
from mmgen_course.features.glove import load_scene_vectors
from mmgen_course.generators.caption_decoder import (
    CaptionDecoder,
    CaptionVAE,
    CrossAttentionBlock,
    EncodedText,
    load_text_to_image,
)
from mmgen_course.generators.vae import elbo, gaussian_log_likelihood, reparameterise
from mmgen_course.scenes import parse
from mmgen_course.train import seeded

unhurried = settings(max_examples=15)
SEEDS = st.integers(0, 2**32 - 1)
LATENTS, WORDS = 5, 7


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def decoder(order=True, seed=0):
    """A small one with random weights, as it draws: batch statistics stand still."""
    made = seeded(lambda: CaptionDecoder(LATENTS, WORDS, width=16, order=order), seed).eval().requires_grad_(False)
    made.whiten.measure(normal(50, WORDS, seed=1), floor=0.01)
    return made


SMALL = {order: decoder(order) for order in (True, False)}


@pytest.fixture(scope="module")
def shipped():
    return load_text_to_image().requires_grad_(False)


# ---- cross-attention


@unhurried
@given(SEEDS, st.lists(st.integers(1, 4), min_size=1, max_size=2))
def test_cross_attention_equals_a_slow_loop_over_regions_heads_and_words(seed, lengths):
    block = seeded(lambda: CrossAttentionBlock(8, words=6, heads=2), seed).double().eval().requires_grad_(False)
    maps, words = normal(len(lengths), 8, 3, 2, seed=seed).double(), normal(len(lengths), 4, 6, seed=seed).double()
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    got, weights = block(maps, EncodedText(words, mask))

    output = maps.clone()
    attention_layer = block.attention
    for n, row, column in torch.cartesian_prod(*map(torch.arange, (len(lengths), 3, 2))).tolist():
        answer = []
        q = attention_layer.to_q(block.norm(maps[n, :, row, column]))
        for head in (slice(0, 4), slice(4, 8)):
            fits = [(q[head] @ attention_layer.to_k(words[n, t])[head] / 4**0.5).exp() for t in range(lengths[n])]
            shares = [float(fit / sum(fits)) for fit in fits]
            of_region = weights[n, head.start // 4, 2 * row + column].tolist()
            assert of_region == pytest.approx(shares + [0] * (4 - lengths[n]))
            answer.append(sum(share * attention_layer.to_v(words[n, t])[head] for t, share in enumerate(shares)))
        output[n, :, row, column] += attention_layer.out(torch.cat(answer))
    torch.testing.assert_close(got, output + block.convolutions(output))


@unhurried
@given(SEEDS, st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 5), st.booleans())
def test_what_stands_behind_the_last_word_changes_nothing(seed, lengths, more, order):
    made, z = SMALL[order], normal(len(lengths), LATENTS, seed=seed)
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    words = normal(len(lengths), 6, WORDS, seed=seed)
    longer = torch.cat([words.masked_fill(~mask[..., None], 99), 9 * normal(len(lengths), more, WORDS)], dim=1)
    drawn = made(z, longer, F.pad(mask, (0, more)))
    torch.testing.assert_close(drawn, made(z, words, mask), rtol=1e-3, atol=1e-4)
    for i, length in enumerate(lengths):  # ... nor do the other captions of the batch
        alone = made(z[i : i + 1], words[i : i + 1, :length], mask[i : i + 1, :length])
        torch.testing.assert_close(alone, drawn[i : i + 1], rtol=1e-3, atol=1e-4)


@unhurried
@given(SEEDS, st.permutations(range(6)))
def test_a_bag_of_words_gives_the_same_picture_in_every_order_and_a_sentence_another(seed, order):
    z, words, mask = normal(1, LATENTS, seed=seed), normal(1, 6, WORDS, seed=seed), torch.ones(1, 6).bool()
    one, other = (SMALL[False](z, w, mask) for w in (words, words[:, order]))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    one, other = (SMALL[True](z, w, mask) for w in (words, words[:, order]))
    assert (order == [*range(6)]) == torch.allclose(one, other, atol=1e-6)


def test_a_bag_is_one_word_at_which_every_region_looks():
    encoded = SMALL[False].encode_text(normal(2, 4, WORDS), torch.tensor([[True] * 4, [True, False, False, False]]))
    assert encoded.words.shape[:2] == (2, 1)
    _, weights = SMALL[False].draw(normal(2, LATENTS), encoded)
    assert [of_block.unique().tolist() for of_block in weights] == [[1.0], [1.0]]


# ---- what becomes of the answers


@unhurried
@given(SEEDS, st.floats(0, 300), st.booleans(), st.sampled_from([1, 2, 8]))
def test_pictures_lie_in_minus_one_to_one_however_large_the_noise(seed, size, order, enlarged):
    made, words = SMALL[order], normal(2, 4, WORDS, seed=seed)
    images, weights = made.draw(
        size * normal(2, LATENTS, seed=seed), made.encode_text(words, torch.ones(2, 4).bool()), enlarged
    )
    assert images.shape == (2, 3, 32 * enlarged, 32 * enlarged)
    assert images.abs().max() <= 1 + 1e-5
    for of_block in weights:
        assert of_block.shape[1:3] == (4, 64)
        torch.testing.assert_close(of_block.sum(-1), torch.ones(2, 4, 64))


def test_where_all_colours_of_the_palette_are_one_the_whole_picture_has_it():
    made = decoder()
    with torch.no_grad():
        made.caption_colours.weight.zero_()
        made.latent_colours.weight.zero_()
    drawn = made(9 * normal(3, LATENTS), normal(3, 4, WORDS), torch.ones(3, 4).bool())
    expected = made.caption_colours.bias.tanh()[None, :, None, None].expand(3, 3, 32, 32)
    torch.testing.assert_close(drawn, expected)  # so the shares of the colours sum to one everywhere


def test_each_pixel_is_a_mixture_of_the_colours_of_the_palette():
    made, z = decoder(), 3 * normal(1, LATENTS)
    with torch.no_grad():
        made.caption_colours.weight.zero_()
        made.caption_colours.bias.zero_()
    drawn = made(z, normal(1, 4, WORDS), torch.ones(1, 4).bool())
    palette = torch.tanh(made.latent_colours.weight @ z[0]).reshape(CaptionDecoder.COLOURS, 3)
    corners = torch.cat([palette.T, torch.ones(1, CaptionDecoder.COLOURS)]).double().numpy()
    pixels = rearrange(drawn[0], "c h w -> (h w) c").double()
    for pixel in pixels[:: 1024 // 40]:
        _, far = nnls(corners, torch.cat([pixel, torch.ones(1).double()]).numpy())  # no such mixture: far from 0
        assert far < 1e-5
    assert pixels.std(0).max() > 0.01


def test_every_parameter_learns_but_for_those_that_no_answer_depends_on():
    """A number added to all scores falls out of the softmax: the keys' bias cannot learn. Words are read one by one:
    what makes one vector of them is left out.
    """
    vae = seeded(lambda: CaptionVAE(LATENTS, WORDS, width=16), 0).eval()
    images, words, mask = normal(3, 3, 32, 32).tanh(), normal(3, 4, WORDS), torch.ones(3, 4).bool()
    encoded = vae.decode.encode_text(words, mask)
    q = vae.encode(images, encoded)
    painted, _ = vae.decode.draw(reparameterise(*q, normal(3, LATENTS)), encoded)
    (-elbo(gaussian_log_likelihood(images, painted, vae.sigma), *q).elbo).backward()
    moved = {name: p.grad.abs().max().item() for name, p in vae.named_parameters() if p.grad is not None}
    left_out = {name for name, p in vae.named_parameters() if p.grad is None}
    assert left_out == {"decode.text_encoder.out.weight", "decode.text_encoder.out.bias"}
    biases = {name for name in moved if name.endswith("to_k.bias")}
    assert len(biases) == 5
    assert max(moved[name] for name in biases) < 1e-2 * min(moved[name] for name in moved.keys() - biases)
    assert vae.sigma == vae.log_sigma.exp()


def test_q_of_the_latent_point_depends_on_picture_and_caption():
    vae = seeded(lambda: CaptionVAE(LATENTS, WORDS, width=16), 0).eval().requires_grad_(False)
    images, words, mask = normal(2, 3, 32, 32).tanh(), normal(2, 4, WORDS), torch.ones(2, 4).bool()
    a, b = vae.decode.encode_text(words, mask), vae.decode.encode_text(words.flip(0), mask)
    mu = vae.encode(images, a).mu
    assert mu.shape == (2, LATENTS)
    assert not torch.allclose(mu, vae.encode(images, b).mu)
    assert not torch.allclose(mu, vae.encode(images.flip(0), a).mu)


# ---- larger pictures


def test_pictures_that_are_not_enlarged_are_those_of_forward():
    made, z, words, mask = SMALL[True], normal(2, LATENTS), normal(2, 4, WORDS), torch.ones(2, 4).bool()
    assert torch.equal(made.draw(z, made.encode_text(words, mask))[0], made(z, words, mask))


CAPTIONS = [
    f"a {size} {style} {colour} {shape} in the {place} on a {ground} background"
    for size, style, colour, shape, place, ground in (
        ("large", "flat", "red", "circle", "centre", "light"),
        ("small", "flat", "blue", "square", "top left", "dark"),
        ("large", "outlined", "green", "star", "bottom right", "light"),
        ("large", "striped", "purple", "cross", "centre", "dark"),
        ("small", "flat", "pink", "diamond", "top right", "dark"),
        ("large", "dotted", "cyan", "triangle", "bottom left", "light"),
    )
]


@pytest.mark.parametrize("enlarged", [2, 4, 8])
def test_an_enlarged_picture_is_the_small_one_with_sharper_edges(shipped, enlarged):
    encoded = shipped.encode_text(*word_features(CAPTIONS, load_scene_vectors()))
    z = normal(len(CAPTIONS), shipped.latents)
    small, large = (shipped.draw(z, encoded, scale)[0] for scale in (1, enlarged))
    pooled = F.avg_pool2d(large, enlarged)
    assert (pooled - small).abs().mean() < 0.03
    assert load_classifier().read(pooled) == load_classifier().read(small)
    smooth = F.interpolate(small, scale_factor=enlarged, mode="bicubic")
    steepest = [images.diff(dim=-1).abs().amax((1, 2, 3)) for images in (large, smooth)]
    assert (steepest[0] > 1.3 * steepest[1]).all()


# ---- the order of words, with the weights that ship


def test_the_shipped_decoder_reads_who_is_above_whom(shipped):
    one = "a large flat red circle above a small flat blue square on a light background"
    other = "a small flat blue square above a large flat red circle on a light background"
    assert sorted(one.split()) == sorted(other.split())
    words, mask = word_features([one] * 10 + [other] * 10, load_scene_vectors())
    z = normal(10, shipped.latents).repeat(2, 1)
    drawn = shipped(z, words, mask)
    assert (drawn[:10] - drawn[10:]).abs().mean((1, 2, 3)).min() > 0.1
    seen = load_classifier().read(drawn.clamp(-1, 1))
    right = [parse(one).hold_for(scene) for scene in seen[:10]] + [parse(other).hold_for(scene) for scene in seen[10:]]
    assert sum(right) >= 17  # 20 draws at 97 %: fewer by chance less than once in 400
