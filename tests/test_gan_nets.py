"""The networks of lesson 07_gan: shapes, ranges, what the projection is, what is normalised, what the labels do."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from mmgen_course.generators.gan_nets import DigitDiscriminator, DigitGenerator, SceneDiscriminator, projection
from mmgen_course.train import seeded


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_projection_is_a_bilinear_form_plus_psi():
    v, phi, c, psi = random(5, 4), random(3, 4, seed=1), random(3, 5, seed=2), random(3, seed=3)
    loop = [sum(c[n, i] * v[i, j] * phi[n, j] for i in range(5) for j in range(4)) + psi[n] for n in range(3)]
    torch.testing.assert_close(projection(phi, c @ v, psi), torch.stack(loop))


# ---- scenes


@pytest.fixture(scope="module")
def discriminator():
    return seeded(SceneDiscriminator, 0).eval()


def test_the_logit_of_a_scene_is_linear_in_the_condition(discriminator):
    x, a, b = random(4, 3, 32, 32).clamp(-1, 1), random(4, 50, seed=1), random(4, 50, seed=2)
    nothing = torch.zeros(4, 50)
    mixed = discriminator(x, 0.3 * a + 0.7 * b)
    torch.testing.assert_close(mixed, 0.3 * discriminator(x, a) + 0.7 * discriminator(x, b), rtol=1e-4, atol=1e-4)
    features = discriminator.features(x)
    torch.testing.assert_close(discriminator(x, nothing), discriminator.psi(features)[:, 0])


def test_several_captions_are_scored_with_the_features_of_one_picture(discriminator):
    x, c = random(2, 3, 32, 32).clamp(-1, 1), random(2, 50, seed=1)
    torch.testing.assert_close(discriminator.logit(discriminator.features(x), c), discriminator(x, c))


def test_the_discriminator_subtracts_what_stands_at_the_border(discriminator):
    scene = torch.full((1, 3, 32, 32), -0.8)
    scene[..., 10:20, 10:20] += 1
    lighter = scene + 0.6
    seen = []
    hook = discriminator.convolutions[0].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    discriminator.features(torch.cat([scene, lighter]))
    hook.remove()
    (inputs,) = seen
    torch.testing.assert_close(inputs[0, :12], inputs[1, :12])  # the object is the same,
    torch.testing.assert_close(inputs[1, 12:] - inputs[0, 12:], torch.full((3, 16, 16), 0.6))  # its ground is told


def test_features_are_spectrally_normalised_and_v_and_psi_are_free(discriminator):
    normalised = {name for name, module in discriminator.named_modules() if is_parametrized(module)}
    assert normalised == {"look", "place", *(f"convolutions.{i}" for i in range(4))}
    for name in ("look", "place"):
        trained = seeded(SceneDiscriminator, 0)
        for _ in range(100):  # each forward in training is a round of power iteration
            trained.features(random(1, 3, 32, 32))
        assert torch.linalg.svdvals(getattr(trained, name).weight.detach())[0] == pytest.approx(1, abs=0.05)


# ---- digits


def test_digits_lie_in_minus_one_to_one_and_depend_on_noise_and_label():
    generator_net = seeded(DigitGenerator, 0).eval()
    z, labels = random(6, 16), torch.arange(6)
    made = generator_net(z, labels)
    assert made.shape == (6, 1, 8, 8)
    assert made.abs().max() <= 1
    assert not torch.equal(made, generator_net(z + 1, labels))
    assert not torch.equal(made, generator_net(z, labels + 1))


def test_in_evaluation_a_digit_does_not_depend_on_the_batch():
    generator_net = seeded(DigitGenerator, 0).eval()
    z, labels = random(6, 16), torch.arange(6)
    torch.testing.assert_close(generator_net(z, labels)[:2], generator_net(z[:2], labels[:2]))


def test_the_generator_of_digits_follows_the_rules_of_dcgan():
    kinds = {type(module) for module in DigitGenerator().modules()}
    assert {nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU, nn.Tanh} <= kinds
    of_discriminator = {type(module) for module in DigitDiscriminator().modules()}
    assert nn.LeakyReLU in of_discriminator
    assert not {nn.MaxPool2d, nn.AvgPool2d} & (kinds | of_discriminator)


def test_the_label_enters_the_discriminator_by_projection_alone():
    discriminator = seeded(DigitDiscriminator, 0).eval()
    x = random(3, 1, 8, 8)
    phi = discriminator.phi(x)
    for label in (0, 9):
        labels = torch.full((3,), label)
        expected = phi @ discriminator.v.weight[label] + discriminator.psi(phi)[:, 0]
        torch.testing.assert_close(discriminator(x, labels), expected)
