"""The one training loop, against torch's own parts written out, and where it must stop."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import softplus

from mmgen_course.train import Player, ema, fit, minimise, seeded, warmup_cosine


def line(seed=0):
    return seeded(lambda: nn.Linear(2, 1), seed)


X = torch.randn(16, 2, generator=torch.Generator().manual_seed(0))
Y = X @ torch.tensor([[1.0], [-2.0]]) + 0.5


def test_first_weights_depend_on_the_seed_alone_and_the_global_state_stays():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, other = line(1), line(1), line(2)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(a.weight, b.weight)
    assert not torch.equal(a.weight, other.weight)


def test_each_step_is_adamw_as_its_paper_writes_it_at_the_rate_of_the_step():
    steps, rate, beta_1, beta_2 = 30, 0.05, 0.9, 0.999
    model, twin = line(), line()
    losses = list(minimise(model, lambda: (model(X) - Y).square().mean(), steps, rate))
    expected = []
    moments = [(torch.zeros_like(weights), torch.zeros_like(weights)) for weights in twin.parameters()]
    for t in range(1, steps + 1):
        value = (twin(X) - Y).square().mean()
        expected.append(value.item())
        gradients = torch.autograd.grad(value, list(twin.parameters()))
        eta = rate * warmup_cosine(t - 1, steps)
        with torch.no_grad():
            for weights, (m, v), g in zip(twin.parameters(), moments, gradients, strict=True):
                m.mul_(beta_1).add_((1 - beta_1) * g)
                v.mul_(beta_2).add_((1 - beta_2) * g * g)
                step = m / (1 - beta_1**t) / ((v / (1 - beta_2**t)).sqrt() + 1e-8)
                weights.mul_(1 - 0.01 * eta).sub_(eta * step)
    assert losses == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(model.state_dict(), twin.state_dict(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 11, 300])
def test_the_rate_rises_for_a_tenth_and_then_falls_towards_0(steps):
    rates = [warmup_cosine(step, steps) for step in range(steps)]
    top = max(1, steps // 10) - 1
    assert rates[top] == max(rates) == 1
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0
    if steps == 9:
        assert rates[5] == pytest.approx(0.5)  # half-way down from step 1
    if steps == 300:
        assert rates[-1] < 1e-4
        assert rates[165] == pytest.approx(0.5)  # half-way down from step 30


@given(st.integers(1, 300))
def test_the_fall_is_torch_s_cosine_and_the_rise_a_line(steps):
    rise = max(1, steps // 10)
    assert [warmup_cosine(t, steps) for t in range(rise)] == pytest.approx([(t + 1) / rise for t in range(rise)])
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=max(1, steps - rise))
    for t in range(rise, steps):
        assert warmup_cosine(t, steps) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
        optimiser.step()
        schedule.step()


def test_the_model_trains_in_training_mode_and_learns_the_line():
    model = line().eval()
    losses = list(minimise(model, lambda: (model(X) - Y).square().mean(), 300, 0.1))
    assert len(losses) == 300
    assert losses[-1] < 1e-3 * losses[0]
    assert model.training


def test_a_loss_that_is_not_finite_stops_before_its_step_and_names_it():
    model, calls = line(), []

    def loss():
        calls.append(model.weight.detach().clone())
        return model(X).square().mean() * (torch.nan if len(calls) == 4 else 1)

    with pytest.raises(FloatingPointError, match="nan at step 3"):
        list(minimise(model, loss, 10))
    assert torch.equal(model.weight, calls[3])
    assert not torch.equal(calls[2], calls[3])


# ---- several players


def tiny_gan(seed=0):
    """Two plays on numbers: the critic tells x from G(z), and both draw from a generator that is returned, too."""
    g, d = (
        seeded(lambda: nn.Linear(1, 1), seed),
        seeded(lambda: nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)), seed),
    )
    random = torch.Generator().manual_seed(seed)

    def draw():
        return torch.randn(8, 1, generator=random), 2 + torch.randn(8, 1, generator=random)

    def critic():
        z, x = draw()
        return softplus(-d(x)).mean() + softplus(d(g(z))).mean()  # without detach: fit keeps g still

    def generator_net():
        z, _ = draw()
        return softplus(-d(g(z))).mean()

    optimisers = [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in (d, g)]
    players = [
        Player("critic", d, critic, optimisers[0], times=2),
        Player("generator", g, generator_net, optimisers[1], warmup_cosine),
    ]
    return players, random, (g, d)


def test_two_players_are_the_alternating_loop_of_the_gan_paper_written_out():
    steps = 12
    players, _, (g, d) = tiny_gan()
    got = list(fit(players, steps))
    _, random, (g2, d2) = tiny_gan()
    adam = {model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in (g2, d2)}
    for step in range(steps):
        for _ in range(2):
            z, x = torch.randn(8, 1, generator=random), 2 + torch.randn(8, 1, generator=random)
            loss_d = softplus(-d2(x)).mean() + softplus(d2(g2(z).detach())).mean()
            adam[d2].zero_grad()
            loss_d.backward()
            adam[d2].step()
        z, _ = torch.randn(8, 1, generator=random), 2 + torch.randn(8, 1, generator=random)
        loss_g = softplus(-d2(g2(z))).mean()
        adam[g2].zero_grad()
        loss_g.backward()
        adam[g2].param_groups[0]["lr"] = 0.1 * warmup_cosine(step, steps)
        adam[g2].step()
        assert got[step] == {"critic": loss_d.item(), "generator": loss_g.item()}
    for a, b in ((g, g2), (d, d2)):
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_a_play_neither_moves_nor_computes_gradients_of_the_other_model_and_leaves_it_able_to_learn():
    players, _, (g, d) = tiny_gan()
    before = [p.clone() for p in g.parameters()]
    frozen = next(g.parameters()).requires_grad_(False)  # as a learner may freeze a layer
    list(fit([players[0], Player("idle", g, lambda: g.bias.sum() * 0, torch.optim.SGD([g.bias], lr=0.1))], 3))
    assert all(torch.equal(p, q) for p, q in zip(g.parameters(), before, strict=True))
    assert g.weight.grad is None
    assert not frozen.requires_grad
    assert g.bias.requires_grad
    assert all(p.requires_grad for p in d.parameters())


@given(decay=st.floats(0, 0.999), steps=st.integers(1, 12))
def test_an_average_is_the_geometric_sum_of_all_weights_so_far(decay, steps):
    model = line()
    average, seen = ema(model, decay), []
    player = Player(
        "loss", model, lambda: (model(X) - Y).square().mean(), torch.optim.SGD(model.parameters(), 0.1), average=average
    )
    for _ in fit([player], steps):
        seen.append(model.weight.detach().clone())
    expected = decay ** (steps - 1) * seen[0] + sum(
        (1 - decay) * decay ** (steps - 1 - t) * seen[t] for t in range(1, steps)
    )
    torch.testing.assert_close(average.module.weight.detach(), expected)


def test_two_plays_of_one_name_are_refused():
    players, _, _ = tiny_gan()
    with pytest.raises(ValueError, match=r"a name of its own for each play; got \['critic', 'critic'\]"):
        next(fit([players[0], players[0]], 1))


def test_a_gradient_that_is_not_finite_stops_before_its_step():
    model = line()
    before = model.weight.detach().clone()

    def root():  # its value is 0, its derivative 0 / 0
        return (model(X) * 0).square().sum().sqrt()

    with pytest.raises(FloatingPointError, match="the gradient of 'loss' is nan at step 0"):
        list(minimise(model, root, 1))
    assert torch.equal(model.weight, before)
