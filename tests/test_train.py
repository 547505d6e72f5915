"""The one training loop, against torch's own parts written out, and where it must stop."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmgen_course.train import minimise, rate_at, seeded


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
        eta = rate * rate_at(t - 1, steps)
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
    rates = [rate_at(step, steps) for step in range(steps)]
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
    assert [rate_at(t, steps) for t in range(rise)] == pytest.approx([(t + 1) / rise for t in range(rise)])
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=max(1, steps - rise))
    for t in range(rise, steps):
        assert rate_at(t, steps) == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-9)
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
