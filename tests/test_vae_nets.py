"""The networks of the VAEs: shapes, ranges, and who depends on what."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course.generators.vae_nets import DigitVAE, SceneDecoder, SceneVAE
from mmgen_course.layers import Whiten
from mmgen_course.train import seeded

unhurried = settings(max_examples=10)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def scene():
    return seeded(lambda: SceneVAE(latents=6, condition=5), 0).eval()


@unhurried
@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
def test_pictures_and_latent_points_have_the_shapes_and_ranges_that_are_promised(n, latents, seed):
    vae = seeded(lambda: DigitVAE(latents), seed)
    q = vae.encode(torch.rand(n, 1, 8, 8))
    assert q.mu.shape == q.logvar.shape == (n, latents)
    drawn = vae.decode(5 * noise(n, latents, seed=seed))
    assert drawn.shape == (n, 1, 8, 8)
    assert ((drawn >= 0) & (drawn <= 1)).all()


@unhurried
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_scenes_are_pictures_whatever_the_latent_point_and_the_condition(n, latents, condition, seed):
    vae = seeded(lambda: SceneVAE(latents, condition), seed).eval()
    c = 3 * noise(n, condition, seed=seed)
    q = vae.encode(noise(n, 3, 32, 32).clamp(-1, 1), c)
    assert q.mu.shape == q.logvar.shape == (n, latents)
    drawn = vae.decode(5 * noise(n, latents, seed=seed), c)
    assert drawn.shape == (n, 3, 32, 32)
    assert (drawn.abs() <= 1).all()


def test_a_picture_does_not_depend_on_the_others_of_its_batch(scene):
    z, c, x = noise(4, 6), noise(4, 5, seed=1), noise(4, 3, 32, 32, seed=2)
    torch.testing.assert_close(scene.decode(z, c)[2:3], scene.decode(z[2:3], c[2:3]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(scene.encode(x, c).mu[2:3], scene.encode(x[2:3], c[2:3]).mu, rtol=1e-4, atol=1e-5)


def test_latent_point_and_condition_both_change_place_and_colours(scene):
    z, c = noise(1, 6), noise(1, 5, seed=1)
    here = scene.decode(z, c)
    assert (scene.decode(z + 1, c) - here).abs().max() > 1e-3
    assert (scene.decode(z, c + 1) - here).abs().max() > 1e-3
    q = scene.encode(noise(1, 3, 32, 32), c)
    assert (scene.encode(noise(1, 3, 32, 32), c + 1).mu - q.mu).abs().max() > 1e-3


def test_every_pixel_is_a_mixture_of_four_colours():
    decoder = seeded(lambda: SceneDecoder(6, 5), 0).eval()
    decoder.caption_colours[-1].bias.data = torch.tensor([0.3, -0.2, 0.7] * 4)  # all four alike
    decoder.caption_colours[-1].weight.data.zero_()
    decoder.latent_colours.weight.data.zero_()
    plain = torch.tanh(torch.tensor([0.3, -0.2, 0.7])).reshape(1, 3, 1, 1).expand(2, 3, 32, 32)
    torch.testing.assert_close(decoder(noise(2, 6), noise(2, 5)), plain)


def test_gradients_reach_every_weight_of_encoder_and_decoder():
    for vae, given_ in ((DigitVAE(2), ()), (SceneVAE(6, 5), (noise(4, 5),))):
        images = torch.rand(4, 1, 8, 8) if isinstance(vae, DigitVAE) else noise(4, 3, 32, 32)
        q = vae.encode(images, *given_)
        drawn = vae.decode(q.mu + (q.logvar / 2).exp(), *given_)
        ((drawn - images) / vae.sigma).square().sum().backward()
        dead = [name for name, p in vae.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert not dead


@unhurried
@given(st.integers(1, 5), st.integers(0, 99))
def test_whitened_conditions_are_centred_and_have_variance_one_in_every_direction(dim, seed):
    mixing = torch.diag(torch.logspace(-2, 1, dim)) @ torch.linalg.qr(noise(dim, dim, seed=seed))[0]
    conditions = noise(500, dim, seed=seed + 1) @ mixing + 7
    whiten = Whiten(dim)
    torch.testing.assert_close(whiten(conditions), conditions)  # before it has measured anything
    whiten.measure(conditions, floor=0.0)
    white = whiten(conditions)
    torch.testing.assert_close(white.mean(0), torch.zeros(dim), rtol=0, atol=0.02)
    torch.testing.assert_close(white.T.cov().reshape(dim, dim), torch.eye(dim), rtol=0, atol=0.02)


def test_the_floor_keeps_directions_small_that_hardly_vary():
    conditions = noise(1000, 2) * torch.tensor([1.0, 1e-3])
    whiten = Whiten(2)
    whiten.measure(conditions, floor=0.01)
    variances = whiten(conditions).var(0).sort().values
    assert variances[0] < 1e-3
    assert 0.9 < variances[1] < 1.1
