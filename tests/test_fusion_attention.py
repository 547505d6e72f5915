import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from mmgen_course.fusion import MultiHeadAttention, attention, causal_mask, position_code

unhurried = settings(max_examples=40)
few = st.integers(1, 5)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def lookups(draw, masked=None):
    """Queries, keys, values and a mask; its rows are full, random or empty, and its batch axes may be 1 or missing."""
    batch = draw(st.sampled_from([(), (2,), (3, 2)]))
    l, s, d, e = (draw(few) for _ in range(4))  # noqa: E741 - the names of the lesson
    seed = draw(st.integers(0, 999))
    q, k, v = noise(*batch, l, d, seed=seed), noise(*batch, s, d, seed=seed + 1), noise(*batch, s, e, seed=seed + 2)
    if not (draw(st.booleans()) if masked is None else masked):
        return q, k, v, None
    shape = draw(st.sampled_from([(*batch, l, s), (l, s), (1, s), (*(1 for _ in batch), l, 1)]))
    mask = noise(*shape, seed=seed + 3) > 0
    if draw(st.booleans()):
        mask[..., draw(st.integers(0, mask.shape[-2] - 1)), :] = False
    return q, k, v, mask


def with_gradients(function, tensors, scale=3.0):
    """The result of a function and the gradients of a random weighted sum of it."""
    leaves = [(scale * tensor).requires_grad_() for tensor in tensors]
    result = function(*leaves)
    loss = (result * noise(*result.shape, seed=7)).sum()
    return [result, *torch.autograd.grad(loss, leaves)]


@unhurried
@given(lookups())
def test_attention_equals_torch_in_value_and_gradient_and_is_finite(lookup):
    *tensors, mask = lookup
    ours = with_gradients(lambda q, k, v: attention(q, k, v, mask)[0], tensors)
    theirs = with_gradients(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, attn_mask=mask), tensors)
    for one, other in zip(ours, theirs, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def by_loops(q, k, v, mask):
    """Attention for single queries and keys, in plain Python."""
    outputs, weights = [], []
    for i, query in enumerate(q.tolist()):
        allowed = [j for j in range(len(k)) if mask is None or mask[i, j]]
        scores = {j: sum(a * b for a, b in zip(query, k[j].tolist(), strict=True)) / len(query) ** 0.5 for j in allowed}
        parts = {j: math.exp(score - max(scores.values())) for j, score in scores.items()}
        row = [parts[j] / sum(parts.values()) if j in parts else 0.0 for j in range(len(k))]
        weights.append(row)
        outputs.append([sum(w * x for w, x in zip(row, column, strict=True)) for column in v.T.tolist()])
    return torch.tensor(outputs, dtype=torch.float64), torch.tensor(weights, dtype=torch.float64)


@unhurried
@given(lookups())
def test_attention_equals_a_loop_over_queries_and_keys(lookup):
    q, k, v, mask = lookup
    for _ in q.shape[2:]:
        q, k, v = q[0], k[0], v[0]
    mask = None if mask is None else mask.expand(*lookup[0].shape[:-1], k.shape[0])
    while mask is not None and mask.ndim > 2:
        mask = mask[0]
    output, weights = attention(q, k, v, mask)
    expected = by_loops(q, k, v, mask)
    torch.testing.assert_close(output, expected[0])
    torch.testing.assert_close(weights, expected[1])


@unhurried
@given(lookups())
def test_weights_sum_to_one_over_the_keys_or_to_zero_where_nothing_is_allowed(lookup):
    q, k, v, mask = lookup
    output, weights = attention(q, k, v, mask)
    may = torch.ones(weights.shape, dtype=torch.bool) if mask is None else mask.expand(weights.shape)
    torch.testing.assert_close(weights.sum(-1), may.any(-1).double())
    assert (weights[~may] == 0).all()
    assert (output[~may.any(-1)] == 0).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_a_query_without_keys_gets_zeros_and_zero_gradients_however_large_the_scores(scale):
    mask = torch.tensor([[True, True, False], [False, False, False]])
    tensors = [noise(2, 4, seed=1), noise(3, 4, seed=2), noise(3, 5, seed=3)]
    with torch.autograd.set_detect_anomaly(True):  # a NaN on the way back is an error, even if a later step hides it
        output, dq, dk, dv = with_gradients(lambda *qkv: attention(*qkv, mask)[0], tensors, scale)
    assert (output[1] == 0).all()
    assert (dq[1] == 0).all()
    assert (dk[2] == 0).all()
    assert (dv[2] == 0).all()
    assert all(x.isfinite().all() for x in (output, dq, dk, dv))
    weights, *gradients = with_gradients(lambda q, k: attention(q, k, tensors[2], mask)[1], tensors[:2], scale)
    assert (weights[1] == 0).all()
    assert all(x.isfinite().all() for x in gradients)


def test_torchs_own_multihead_attention_gives_nan_where_a_query_has_no_keys():
    theirs = nn.MultiheadAttention(4, 2, batch_first=True)
    forbidden = torch.tensor([[False, False], [True, True]])  # there True = may not attend
    assert theirs(torch.ones(1, 2, 4), *[torch.ones(1, 2, 4)] * 2, attn_mask=forbidden)[0][0, 1].isnan().all()


@unhurried
@given(lookups(), st.randoms(use_true_random=False))
def test_attention_turns_with_its_queries_and_does_not_see_the_order_of_key_value_pairs(lookup, random):
    q, k, v, mask = lookup
    rows, columns = (torch.tensor(random.sample(range(n), n)) for n in (q.shape[-2], k.shape[-2]))
    mask = torch.ones(1, dtype=torch.bool) if mask is None else mask
    mask = mask.expand(*torch.broadcast_shapes(mask.shape, (*q.shape[:-1], k.shape[-2])))
    output, weights = attention(q, k, v, mask)
    moved = attention(q[..., rows, :], k[..., columns, :], v[..., columns, :], mask[..., rows, :][..., columns])
    torch.testing.assert_close(moved[0], output[..., rows, :])
    torch.testing.assert_close(moved[1], weights[..., rows, :][..., columns])


def test_the_scale_is_by_the_queries_components_and_not_by_the_values():
    q, k, v = noise(3, 4), noise(5, 4, seed=1), noise(5, 9, seed=2)
    scores = torch.einsum("ld,sd->ls", q, k) / 2
    torch.testing.assert_close(attention(q, k, v)[1], scores.exp() / scores.exp().sum(1, keepdim=True))


def test_axes_in_front_are_broadcast():
    q, k, v = noise(3, 1, 2, 4), noise(2, 5, 4, seed=1), noise(2, 5, 6, seed=2)
    mask = noise(3, 1, 1, 5, seed=3) > 0
    output, weights = attention(q, k, v, mask)
    assert (output.shape, weights.shape) == ((3, 2, 2, 6), (3, 2, 2, 5))
    torch.testing.assert_close(output[2, 1], attention(q[2, 0], k[1], v[1], mask[2, 0])[0])


q, k, v = noise(2, 3, 4), noise(2, 5, 4), noise(2, 5, 6)
WRONG = {
    "same number of components": (q, noise(2, 5, 3), v, None),
    "at least one": (q[..., :0], k[..., :0], v, None),
    "5 keys, 4 values": (q, k, v[:, :4], None),
    "axes before the last two": (q, noise(3, 5, 4), noise(3, 5, 6), None),
    r"torch.float64.*mask.bool\(\)": (q, k, v, torch.ones(3, 5, dtype=torch.float64)),
    r"\(2, 3, 5\); got \(2, 5\).*mask\[:, None, :\]": (q, k, v, torch.ones(2, 5, dtype=torch.bool)),
    r"\(2, 3, 5\); got \(7, 2, 3, 5\)": (q, k, v, torch.ones(7, 2, 3, 5, dtype=torch.bool)),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_refused_with_what_came(message):
    with pytest.raises(ValueError, match=message):
        attention(*WRONG[message])


@pytest.mark.parametrize(("dim", "context_dim"), [(8, 8), (12, 5)])
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_multihead_attention_equals_torchs_with_its_weights(dim, context_dim, heads, masked):
    torch.manual_seed(0)
    ours = MultiHeadAttention(dim, context_dim, heads).double()
    theirs = nn.MultiheadAttention(dim, heads, kdim=context_dim, vdim=context_dim, batch_first=True).double()
    torch.nn.init.normal_(theirs.in_proj_bias)
    torch.nn.init.normal_(theirs.out_proj.bias)
    if dim == context_dim:
        parts = theirs.in_proj_weight.chunk(3)
    else:
        parts = theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight
    state = {f"to_{name}.weight": part for name, part in zip("qkv", parts, strict=True)}
    state |= {f"to_{name}.bias": part for name, part in zip("qkv", theirs.in_proj_bias.chunk(3), strict=True)}
    ours.load_state_dict(state | {f"out.{name}": value for name, value in theirs.out_proj.state_dict().items()})
    x, context = noise(3, 4, dim), noise(3, 6, context_dim, seed=1)
    mask = (noise(3, 4, 6, seed=2) > 0) | torch.eye(4, 6, dtype=torch.bool) if masked else None
    forbidden = ~mask.repeat_interleave(heads, dim=0) if masked else None
    expected, weights = theirs(x, context, context, attn_mask=forbidden, average_attn_weights=False)
    output, per_head = ours(x, context, mask)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(per_head, weights)


def test_multihead_attention_takes_masks_of_every_shape_and_works_without_a_batch():
    module = MultiHeadAttention(6, 5, heads=3).double()
    x, context = noise(2, 4, 6), noise(2, 7, 5, seed=1)
    full = noise(2, 4, 7, seed=2) > 0
    batched = module(x, context, full)[0]
    torch.testing.assert_close(module(x[1], context[1], full[1])[0], batched[1])
    padding = full[:, :1]
    for mask in (padding, padding.expand(2, 4, 7)):
        torch.testing.assert_close(module(x, context, mask), module(x, context, padding.expand(2, 4, 7)))
    torch.testing.assert_close(module(x, context, full[0]), module(x, context, full[:1].expand(2, 4, 7)))


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="3 heads cannot share 8"):
        MultiHeadAttention(8, 8, heads=3)


@given(st.integers(1, 9))
def test_a_causal_mask_lets_position_i_see_the_first_i(n):
    assert causal_mask(n).tolist() == [[j <= i for j in range(n)] for i in range(n)]


def test_with_a_causal_mask_the_future_changes_nothing():
    x = noise(6, 4)
    changed = x.clone()
    changed[4:] += 1
    before, after = (attention(y, y, y, causal_mask(6))[0] for y in (x, changed))
    torch.testing.assert_close(before[:4], after[:4], rtol=0, atol=0)
    assert not torch.allclose(before[4:], after[4:])


@given(st.integers(1, 6), st.floats(-50, 50), st.floats(-50, 50), st.floats(-50, 50))
def test_codes_of_positions_agree_by_distance_alone_and_are_what_the_paper_says(half, a, b, shift):
    here, there = position_code(torch.tensor([[a, b], [a + shift, b + shift]], dtype=torch.float64), 2 * half)
    assert here.shape == (2, 2 * half)
    torch.testing.assert_close(here[0] @ here[1], there[0] @ there[1], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(here.norm(dim=1), torch.full((2,), half**0.5, dtype=torch.float64))
    for i in range(half):
        angle = a / 10_000 ** (2 * i / (2 * half))
        assert here[0, i].item() == pytest.approx(math.sin(angle), abs=1e-9)
        assert here[0, half + i].item() == pytest.approx(math.cos(angle), abs=1e-9)


@pytest.mark.parametrize("dim", [0, 3])
def test_a_code_needs_pairs(dim):
    with pytest.raises(ValueError, match="pairs"):
        position_code(torch.zeros(1), dim)
