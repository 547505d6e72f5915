"""Whatever a value is, it arrives as it was, or as a word for its kind; whatever arrives is a value or an error."""

import json
import math
import socket
import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course.exercises.run_answer import Net, Other
from mmgen_course.grading import protocol

NUMBERS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=20)
PATIENCE = 300  # seconds, on a machine that has other things to do
VALUES = st.recursive(
    NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=10,
)


def sent_over(value):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = threading.Thread(target=protocol.send, args=(ours, value))
        thread.start()
        got = protocol.receive(theirs, time.monotonic() + PATIENCE)
        thread.join()
    return got


def received(raw: bytes):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threading.Thread(target=ours.sendall, args=(raw,), daemon=True).start()
        return protocol.receive(theirs, time.monotonic() + PATIENCE)


@given(VALUES)
@settings(max_examples=200)
def test_plain_values_arrive_with_their_types(value):
    got = sent_over(value)
    assert got == value
    assert repr(got) == repr(value)  # 1 is not True, a tuple no list


@pytest.mark.parametrize("name", sorted(protocol.TYPES))
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (2, 0, 3)])
def test_tensors_arrive_bit_for_bit(name, shape):
    value = (10 * torch.randn(shape, generator=torch.Generator().manual_seed(0))).to(getattr(torch, name))
    got = sent_over(value)
    assert got.dtype == value.dtype
    assert got.shape == value.shape
    assert torch.equal(got, value)


def test_views_gradients_conjugates_and_subclasses_arrive_as_plain_tensors():
    x = torch.randn(3, 4, requires_grad=True)
    for value in (x, x.T, torch.nn.Parameter(x.detach()), x[:, ::2], torch.randn(3, dtype=torch.complex64).conj()):
        got = sent_over(value)
        assert type(got) is torch.Tensor
        assert not got.requires_grad
        assert torch.equal(got, value.detach())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308])
def test_odd_floats_arrive(value):
    got = sent_over(value)
    assert math.copysign(1, got) == math.copysign(1, value)
    assert repr(got) == repr(value)


def test_a_network_arrives_with_its_weights():
    net = Net.drawn((2, 3, 1), torch.Generator().manual_seed(0))
    got = sent_over(net)
    assert got.sizes == net.sizes
    assert all(torch.equal(got.weights[name], value) for name, value in net.weights.items())


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "object"),
        (torch.zeros(2, device="meta"), "a tensor of type float32 on meta, torch.strided"),
        (torch.zeros(2).to_sparse(), "a tensor of type float32 on cpu, torch.sparse_coo"),
        (10**400, "an integer of more than 300 digits"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
    ],
)
def test_what_cannot_be_sent_arrives_as_its_kind(value, kind):
    assert sent_over((1, value)) == (1, Other(kind))


def test_a_list_that_holds_itself_ends_at_some_depth():
    value: list = []
    value.append(value)
    got = sent_over(value)
    for _ in range(protocol.DEPTH):
        got = got[0]
    assert got == [Other(f"a value nested more than {protocol.DEPTH} levels deep")]


def test_an_answer_that_is_too_large_is_not_sent():
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(protocol.ProtocolError, match="at most"):
        protocol.send(ours, torch.zeros(protocol.MOST_BYTES // 4 + 1))


def framed(message, tensors=b""):
    text = json.dumps(message).encode() if not isinstance(message, bytes) else message
    return protocol.HEAD.pack(len(text), len(tensors)) + text + tensors


@pytest.mark.parametrize(
    "raw",
    [
        framed(b"no json"),
        framed(b"\xff\xfe"),
        framed(b"[" * 200_000),
        framed({"unknown": 1}),
        framed({}),
        framed([1]),
        framed(1),
        framed(b"NaN"),
        framed({"int": "1e400"}),
        framed({"int": "9" * 10_000}),
        framed({"int": None}),
        framed({"float": "one"}),
        framed({"list": 3}),
        framed({"dict": [1]}),
        framed({"tensor": "object", "shape": [1]}, b"12345678"),
        framed({"tensor": "float32", "shape": [2]}, b"1234"),
        framed({"tensor": "float32", "shape": [-1]}, b"1234"),
        framed({"tensor": "float32", "shape": [True]}, b"1234"),
        framed({"tensor": "float32", "shape": [1 << 62, 1 << 62]}, b"1234"),
        framed({"tensor": "float32", "shape": [0, 1 << 70]}),
        framed({"tensor": "float32", "shape": "2"}, b"1234"),
        framed({"tensor": ["float32"], "shape": [1]}, b"1234"),
        framed({"tensor": "float32", "shape": [1] * 100}, b"1234"),
        framed({"int": "1"}, b"left over"),
        framed({"net": 3, "weights": None}),
        protocol.HEAD.pack(1 << 31, 0),
        protocol.HEAD.pack(2, 1 << 31) + b"{}",
    ],
    ids=range(27),
)
def test_what_is_no_message_is_refused(raw):
    with pytest.raises(protocol.ProtocolError):
        received(raw)


@given(st.binary(min_size=8, max_size=200))
@settings(max_examples=300)
def test_noise_is_refused_or_ends(raw):
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(raw)
        with pytest.raises((protocol.ProtocolError, EOFError)):
            protocol.receive(theirs, time.monotonic() + PATIENCE)


def test_a_message_that_drips_does_not_last_beyond_the_end():
    ours, theirs = socket.socketpair()

    def drip():
        for byte in framed({"int": "1"}):
            time.sleep(0.1)
            try:
                ours.send(bytes([byte]))
            except OSError:
                return

    with ours, theirs:
        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(TimeoutError):  # each byte came in time, and all of them in two seconds and more
            protocol.receive(theirs, time.monotonic() + 0.5)
    thread.join()
