import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mmgen_course.features.cnn import (
    ReceptiveField,
    Residual,
    SmallCNN,
    Window,
    conv2d,
    conv_matrix,
    measured_receptive_field,
    output_size,
    receptive_field,
)

unhurried = settings(max_examples=30)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@st.composite
def convolutions(draw):
    """Images, kernels and the options of a convolution that fits at least once; the two axes differ."""
    few = st.integers(1, 3)
    kernel, stride, dilation = (draw(st.tuples(few, few)) for _ in range(3))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [max(1, r - 2 * p) + draw(st.integers(0, 4)) for r, p in zip(reach, padding, strict=True)]
    n, c_in, c_out = draw(st.tuples(few, few, few))
    seed = draw(st.integers(0, 99))
    return noise(n, c_in, *size, seed=seed), noise(c_out, c_in, *kernel, seed=seed + 1), stride, padding, dilation


@unhurried
@given(convolutions(), st.booleans())
def test_conv2d_equals_torch_in_value_and_gradient(convolution, biased):
    x, weight, *options = convolution
    leaves = [x, weight, noise(len(weight), seed=5)] if biased else [x, weight]
    results = []
    for convolve in (conv2d, F.conv2d):
        arguments = [leaf.clone().requires_grad_() for leaf in leaves]
        bias = arguments[2] if biased else None
        y = convolve(*arguments[:2], bias, *options)
        loss = (y * noise(*y.shape, seed=7)).sum()
        results.append([y, *torch.autograd.grad(loss, arguments)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


def test_conv2d_is_six_loops():
    x, weight, stride, padding, dilation = noise(2, 6, 5), noise(3, 2, 2, 3), 2, 1, 2
    expected = torch.zeros(3, 3, 2, dtype=torch.float64)
    for k, i, j in torch.cartesian_prod(*map(torch.arange, expected.shape)).tolist():
        for c, u, v in torch.cartesian_prod(*map(torch.arange, weight.shape[1:])).tolist():
            row, column = i * stride + u * dilation - padding, j * stride + v * dilation - padding
            if 0 <= row < 6 and 0 <= column < 5:
                expected[k, i, j] += weight[k, c, u, v] * x[c, row, column]
    torch.testing.assert_close(conv2d(x, weight, None, stride, padding, dilation), expected)


def test_conv2d_is_a_true_convolution_only_with_the_kernel_turned_round():
    x, weight = noise(1, 1, 1, 6), noise(1, 1, 1, 3)
    by_definition = [sum(x[0, 0, 0, t - u] * weight[0, 0, 0, u] for u in range(3)) for t in range(2, 6)]
    torch.testing.assert_close(conv2d(x, weight.flip(-1)).flatten(), torch.stack(by_definition))
    assert not torch.allclose(conv2d(x, weight), conv2d(x, weight.flip(-1)))


@pytest.mark.parametrize(
    ("x", "weight", "bias", "options", "message"),
    [
        ((1, 3, 8, 8), (4, 2, 3, 3), None, {}, r"\(1, 3, 8, 8\) and kernels \(4, 2, 3, 3\) differ in channels"),
        ((1, 3, 8, 8), (4, 3, 3, 3), 3, {}, r"bias of shape \(4,\), got \(3,\)"),
        ((1, 3, 8, 8), (4, 3, 5, 5), None, {"dilation": 2}, r"window of 9 pixels does not fit 8"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"stride": 0}, "stride=0"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"dilation": (1, 0)}, "dilation=0"),
        ((1, 3, 8, 8), (4, 3, 3, 3), None, {"padding": -9}, "padding=-9"),
        ((1, 3, 8, 8), (4, 3, 0, 3), None, {}, "kernel=0"),
    ],
)
def test_conv2d_refuses_what_does_not_fit(x, weight, bias, options, message):
    with pytest.raises(ValueError, match=message):
        conv2d(torch.zeros(x), torch.zeros(weight), None if bias is None else torch.zeros(bias), **options)


@unhurried
@given(convolutions())
def test_a_convolution_is_a_product_with_its_matrix_and_the_transpose_is_conv_transpose2d(convolution):
    x, weight, stride, padding, dilation = convolution
    matrix = conv_matrix(weight, x.shape[2:], stride, padding, dilation)
    y = conv2d(x, weight, None, stride, padding, dilation)
    torch.testing.assert_close(x.flatten(1) @ matrix.T, y.flatten(1))

    # rows that no window of a long stride reaches: conv_transpose2d wants their number
    sizes = zip(x.shape[2:], weight.shape[2:], y.shape[2:], stride, padding, dilation, strict=True)
    rest = [n + 2 * p - (d * (k - 1) + 1 + s * (m - 1)) for n, k, m, s, p, d in sizes]
    if all(r < max(s, d) for r, s, d in zip(rest, stride, dilation, strict=True)):
        back = F.conv_transpose2d(y, weight, None, stride, padding, rest, dilation=dilation)
        torch.testing.assert_close((y.flatten(1) @ matrix).reshape(x.shape), back)


def test_the_kernel_is_not_the_matrix():
    weight = noise(4, 3, 3, 3)
    matrix = conv_matrix(weight, (8, 8), padding=1)
    assert weight.numel() == 4 * 3 * 9
    assert matrix.shape == (4 * 64, 3 * 64)
    assert len(matrix.unique()) == weight.numel() + 1  # the kernel's numbers over and over, and 0
    # an axis of 8 meets a kernel of 3 in 3 * 8 - 2 pixels, the padding left out
    assert (matrix != 0).sum() == 4 * 3 * (3 * 8 - 2) ** 2


@unhurried
@given(convolutions())
def test_conv_matrix_passes_gradients_to_the_kernel(convolution):
    x, weight, *options = convolution
    weight.requires_grad_()
    convolved = F.conv2d(x, weight, None, *options)
    above = noise(*convolved.shape, seed=7)
    product = x.flatten(1) @ conv_matrix(weight, x.shape[2:], *options).T
    (ours,) = torch.autograd.grad((product * above.flatten(1)).sum(), weight)
    (theirs,) = torch.autograd.grad((convolved * above).sum(), weight)
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)


lines = st.tuples(*(st.integers(low, high) for low, high in ((1, 12), (1, 4), (1, 4), (0, 3), (1, 3))))


@given(lines)
def test_output_size_counts_the_places(line):
    n, kernel, stride, padding, dilation = line
    last_pixels = (i * stride - padding + dilation * (kernel - 1) for i in range(n + 2 * padding))
    places = sum(pixel < n + padding for pixel in last_pixels)
    if places:
        assert output_size(*line) == places
        y = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, kernel), None, stride, padding, dilation)
        assert y.shape == (1, 1, places)
    else:
        with pytest.raises(ValueError, match="does not fit"):
            output_size(*line)


windows = st.builds(
    Window, kernel=st.integers(2, 4), stride=st.integers(1, 2), padding=st.integers(0, 2), dilation=st.integers(1, 2)
)


@unhurried
@given(st.lists(windows, min_size=1, max_size=4), st.booleans())
def test_the_receptive_field_computed_is_the_one_measured(layers, pooled):
    torch.manual_seed(0)
    widths = [2] + [6] * len(layers)
    network = nn.Sequential(
        *(
            nn.Sequential(nn.Conv2d(a, b, (layer[0], 1), (layer[1], 1), (layer[2], 0), (layer[3], 1)), nn.ReLU())
            for a, b, layer in zip(widths, widths[1:], layers, strict=False)
        )
    )
    if pooled:
        layers = [*layers, Window(2, 2)]
        network.append(nn.AvgPool2d((2, 1)))
    computed = receptive_field(layers)
    # enough rows that the two outputs in the middle see neither border
    rows = 2 * computed.size + 6 * computed.jump + 2 * abs(computed.start)
    assert measured_receptive_field(network.double(), (2, rows, 4)) == computed


def test_receptive_field_of_known_networks():
    assert receptive_field([]) == ReceptiveField(1, 1, 0)
    assert receptive_field([Window(3, 1, 1)] * 2) == ReceptiveField(5, 1, -2)  # two 3x3 see 5x5 (VGG)
    # ResNet-18 up to its last map: the published value is 435
    blocks = [Window(3, s, 1) for stage in (1, 2, 2, 2) for s in (stage, 1, 1, 1)]
    assert receptive_field([Window(7, 2, 3), Window(3, 2, 1), *blocks])[:2] == (435, 32)


def test_the_measured_field_hears_the_norm_in_evaluation_mode_and_leaves_the_network_as_it_was():
    network = nn.Sequential(nn.BatchNorm2d(1), nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert measured_receptive_field(network, (1, 31, 31)) == receptive_field([Window(3, 2), Window(3)])
    assert network.training
    assert network[0].training
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize(
    ("size", "message"),
    [((1, 3, 3), "two rows of outputs"), ((1, 4, 8), "must surround"), ((1, 6, 8), "must surround")],
)
def test_the_measured_field_refuses_images_that_are_too_small(size, message):
    with pytest.raises(ValueError, match=message):
        measured_receptive_field(nn.Conv2d(1, 1, 5, padding=1), size)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_new_residual_block_passes_its_shortcut_and_learns_through_it(stride):
    block = Residual(4, 4, stride)
    x = torch.rand(3, 4, 6, 6, generator=seeded()) + 0.1
    torch.testing.assert_close(block(x), torch.relu(block.shortcut(x)))
    if stride == 1:
        torch.testing.assert_close(block(x), x)
        x.requires_grad_()
        block(x).sum().backward()
        torch.testing.assert_close(x.grad, torch.ones_like(x))  # d relu(x + F(x)) / dx = 1 where F is 0
    nn.init.ones_(block.branch[-1].weight)
    torch.testing.assert_close(block(x), torch.relu(block.shortcut(x) + block.branch(x)))
    assert not torch.allclose(block(x), torch.relu(block.shortcut(x)))


@pytest.mark.parametrize("size", [32, 64])
def test_small_cnn_gives_features_before_any_classifier_at_both_sizes(size):
    torch.manual_seed(0)
    network = SmallCNN((8, 12, 20))
    images = torch.rand(5, 3, size, size, generator=seeded()) * 2 - 1
    features, maps = network(images), network.maps(images)
    assert features.shape == (5, network.dim)
    assert network.dim == 20
    assert maps.shape == (5, 20, size // 8, size // 8)
    torch.testing.assert_close(features, maps.mean(dim=(2, 3)))
    assert (features >= 0).all()
    features.square().sum().backward()
    reached = [name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert "stem.0.weight" in reached
    assert "stages.2.1.branch.4.weight" in reached


def test_small_cnn_learns_a_task_that_colour_alone_does_not_solve():
    # vertical against horizontal stripes: the mean of each channel is the same
    stripes = torch.tensor([1.0, 1.0, -1.0, -1.0]).repeat(8).expand(3, 32, 32)
    shifts = torch.arange(4).tolist()
    images = torch.stack([turned.roll((s, s), (1, 2)) for s in shifts for turned in (stripes, stripes.mT)])
    images, labels = images[..., :16, :16], torch.tensor([0, 1] * 4)
    torch.manual_seed(0)
    model = nn.Sequential(SmallCNN((8, 16)), nn.Linear(16, 2))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(20):
        loss = F.cross_entropy(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1 * math.log(2)
