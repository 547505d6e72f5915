"""What `ask` sees of an answer: its value, its gradient, a module's, and what a step of training left behind."""

import pytest
import torch
from torch import nn

from mmgen_course.exercises import Exercise, Misconception, mark
from mmgen_course.exercises.run_answer import Net, run_answer


def exercise(way, inputs, reference, **wrong):
    mistakes = tuple(Misconception(name, answer, name) for name, answer in wrong.items())
    return Exercise("e", "01_images", 1, 1, 1, "e", inputs, reference, mistakes, way=way)


def one_tensor(generator):
    return (torch.randn(3, generator=generator),)


def test_a_detached_factor_is_seen_in_the_gradient_alone():
    attached, detached = lambda x: x * x, lambda x: x * x.detach()
    assert mark(exercise("value", one_tensor, attached), detached).state == "right"
    verdict = mark(exercise("gradient", one_tensor, attached, detached=detached), detached)
    assert (verdict.state, verdict.misconception.name) == ("wrong", "detached")
    assert verdict.reason.startswith("gradient of argument 1: 3 of 3 numbers differ")


def test_the_gradient_is_that_of_the_cosine_weighted_sum():
    x = torch.tensor([1.0, 2.0, 3.0])
    _, (gradient,) = run_answer("gradient", lambda x: x**2, (x,)).value
    assert torch.allclose(gradient, 2 * x * torch.tensor([0.0, 1.0, 2.0]).cos())


def test_no_gradient_at_all_counts_as_zero():
    _, gradients = run_answer("gradient", lambda x, y: x.detach(), (torch.ones(2), torch.ones(3))).value
    assert [g.tolist() for g in gradients] == [[0, 0], [0, 0, 0]]


class Scaled(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n))

    def forward(self, x):
        return self.scale * x


class Unlearned(Scaled):
    def forward(self, x):
        return self.scale.detach() * x


def scaled_inputs(generator):
    return (3,), {"scale": torch.randn(3, generator=generator)}, (torch.randn(3, generator=generator),)


def test_a_module_gets_the_weights_of_the_judge_and_shows_output_and_gradients():
    case = scaled_inputs(torch.Generator().manual_seed(0))
    value = run_answer("module", Scaled, case).value
    assert torch.equal(value["output"], case[1]["scale"] * case[2][0])
    assert torch.allclose(value["gradients"]["scale"], case[2][0] * torch.arange(3).cos())
    module = exercise("module", scaled_inputs, Scaled, unlearned=Unlearned)
    assert mark(module, Scaled).state == "right"
    assert mark(module, Unlearned).misconception.name == "unlearned"


def test_a_module_with_other_parameters_is_told_which():
    class Other(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(n))

    verdict = mark(exercise("module", scaled_inputs, Scaled), Other)
    assert verdict.state == "error"
    assert verdict.reason == "ValueError: expected the parameters {'scale': (3,)}; your module has {'weight': (3,)}"


def step_inputs(generator):
    return Net.drawn((2, 4, 1), generator), torch.randn(5, 2, generator=generator)


def step(net, x):
    net(x).mean().backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.1 * parameter.grad
    return 0.0


def upwards(net, x):
    (-net(x).mean()).backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.1 * parameter.grad
    return 0.0


def test_a_step_shows_the_weights_and_gradients_that_it_leaves():
    net, x = step_inputs(torch.Generator().manual_seed(0))
    returned, after = run_answer("step", step, (net, x)).value
    module = net.build()
    module(x).mean().backward()
    assert returned == 0.0
    for name, parameter in module.named_parameters():
        weights, gradient = after[name]
        assert torch.allclose(gradient, parameter.grad)
        assert torch.allclose(weights, parameter.detach() - 0.1 * parameter.grad)
    assert mark(exercise("step", step_inputs, step, upwards=upwards), upwards).misconception.name == "upwards"


@pytest.mark.parametrize("way", ["value", "gradient", "step"])
def test_an_argument_changed_in_place_is_named(way):
    def change(x, y):
        y.data.add_(1)
        return x

    assert run_answer(way, change, (torch.ones(2), torch.ones(2))).changed == 2


def test_nan_and_lists_of_tensors_are_compared_number_for_number():
    case = (torch.tensor([1.0, torch.nan]), [torch.ones(2), torch.zeros(3)])
    assert run_answer("value", lambda x, parts: x, case).changed is None
    assert run_answer("value", lambda x, parts: parts[1].add_(1), case).changed == 2
    assert run_answer("value", lambda x, parts: parts.pop(), case).changed == 2


def test_a_net_changed_in_a_step_leaves_the_case_as_it_was():
    net, x = step_inputs(torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in net.weights.items()}
    run_answer("step", step, (net, x))
    assert all(torch.equal(net.weights[name], value) for name, value in before.items())
