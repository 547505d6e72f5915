"""Sends values between grader and worker as JSON of limited length and raw tensor bytes.

Nothing is unpickled. What arrives is built anew from numbers, strings and bytes, so its types are what they say.
"""

import json
import math
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmgen_course.exercises.run_answer import Net, Other

MOST_BYTES = 32 << 20  # of one message
MOST_JSON = 4 << 20
DEPTH = 20
HEAD = struct.Struct("!II")  # bytes of the JSON part, bytes of the tensors
FLOATS = {"float32", "float64", "float16", "bfloat16", "complex64", "complex128"}
TYPES = FLOATS | {"int64", "int32", "int16", "int8", "uint8", "bool"}


class ProtocolError(Exception):
    """What arrived is no message as it should be."""


def send(channel: socket.socket, message: Any) -> None:
    """Send one value; `Other` stands for what cannot be sent.

    Raises:
        ProtocolError: it is larger than a message may be.
        OSError: nobody listens any more.
    """
    tensors: list[bytes] = []
    text = json.dumps(_packed(message, tensors, 0)).encode()
    size = sum(map(len, tensors))
    if len(text) > MOST_JSON or size > MOST_BYTES:
        raise ProtocolError(f"an answer of {len(text) + size:,} bytes; at most {MOST_BYTES:,} can be sent")
    channel.sendall(HEAD.pack(len(text), size) + text + b"".join(tensors))


def receive(channel: socket.socket, end: float | None = None) -> Any:
    """The next value that arrives, at the latest at `end` of `time.monotonic()`.

    Raises:
        EOFError: the other side has ended.
        TimeoutError: it had not arrived at `end`.
        ProtocolError: what arrived is too large, or no message.
    """
    text_size, tensor_size = HEAD.unpack(_exactly(channel, HEAD.size, end))
    if text_size > MOST_JSON or tensor_size > MOST_BYTES:
        raise ProtocolError(f"a message of {text_size + tensor_size:,} bytes; at most {MOST_BYTES:,} are read")
    text, tensors = _exactly(channel, text_size, end), memoryview(_exactly(channel, tensor_size, end))
    try:
        value, rest = _unpacked(json.loads(text, parse_constant=_refuse), tensors, 0)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ProtocolError(f"not a message: {type(error).__name__}") from None
    if len(rest):
        raise ProtocolError(f"{len(rest)} bytes more than the message says")
    return value


def _exactly(channel: socket.socket, size: int, end: float | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:  # also where bytes trickle in faster than one can wait for them
            raise TimeoutError
        channel.settimeout(left)
        got = channel.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return data


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _packed(value: Any, tensors: list[bytes], depth: int) -> Any:
    """A value as JSON; the bytes of its tensors join `tensors`."""
    if depth > DEPTH:
        return {"other": f"a value nested more than {DEPTH} levels deep"}
    if isinstance(value, Tensor):
        return _packed_tensor(value, tensors)
    if isinstance(value, Net):
        return {"net": list(value.sizes), "weights": _packed(value.weights, tensors, depth + 1)}
    if isinstance(value, Other):
        return {"other": value.kind}
    value = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"int": str(int(value))} if abs(value) < 1 << 1000 else {"other": "an integer of more than 300 digits"}
    if isinstance(value, float):
        return {"float": float(value).hex() if math.isfinite(value) else repr(float(value))}
    if isinstance(value, str):
        return str(value)
    return _packed_parts(value, tensors, depth + 1)


def _packed_parts(value: Any, tensors: list[bytes], depth: int) -> Any:
    """The same for a value that has parts; of any other the name of its type."""
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_packed(part, tensors, depth) for part in value]}
    if isinstance(value, Mapping):
        return {"dict": {str(key): _packed(part, tensors, depth) for key, part in value.items()}}
    return {"other": type(value).__name__}


def _packed_tensor(value: Tensor, tensors: list[bytes]) -> Any:
    name = str(value.dtype).removeprefix("torch.")
    if name not in TYPES or value.device.type != "cpu" or value.layout != torch.strided:
        return {"other": f"a tensor of type {name} on {value.device.type}, {value.layout}"}
    plain = value.detach().resolve_conj().resolve_neg().contiguous()
    tensors.append(bytes(plain.reshape(-1).view(torch.uint8).numpy()) if plain.numel() else b"")
    return {"tensor": name, "shape": list(value.shape)}


def _unpacked(packed: Any, tensors: memoryview, depth: int) -> tuple[Any, memoryview]:
    """The value that JSON says, and the bytes of tensors that are left."""
    if depth > 2 * DEPTH:
        raise ValueError("too deep")
    if packed is None or isinstance(packed, bool | str):
        return packed, tensors
    if not isinstance(packed, dict) or not packed:
        raise ValueError("neither a plain value nor an object")
    kind = next(iter(packed))
    if kind == "tensor":
        return _unpacked_tensor(packed, tensors)
    if kind == "net":
        weights, tensors = _unpacked(packed["weights"], tensors, depth + 1)
        return Net(tuple(packed["net"]), weights), tensors
    if kind in ("tuple", "list", "dict"):
        names = list(packed[kind]) if kind == "dict" else range(len(packed[kind]))
        parts = []
        for name in names:
            part, tensors = _unpacked(packed[kind][name], tensors, depth + 1)
            parts.append(part)
        if kind == "dict":
            return dict(zip(names, parts, strict=True)), tensors
        return tuple(parts) if kind == "tuple" else parts, tensors
    if kind == "other":
        return Other(str(packed[kind])[:200]), tensors
    return int(packed[kind]) if kind == "int" else _float(packed[kind]), tensors


def _float(text: str) -> float:
    return float(text) if text in ("nan", "inf", "-inf") else float.fromhex(text)


def _unpacked_tensor(packed: dict[str, Any], tensors: memoryview) -> tuple[Tensor, memoryview]:
    if packed["tensor"] not in TYPES or len(packed["shape"]) > DEPTH:
        raise ValueError("no such tensor")
    if not all(type(n) is int and 0 <= n <= MOST_BYTES for n in packed["shape"]):
        raise ValueError("no such shape")
    dtype = getattr(torch, packed["tensor"])
    count = math.prod(packed["shape"])
    size = count * dtype.itemsize
    if size > len(tensors):
        raise ValueError("fewer bytes than the shape needs")
    flat = torch.frombuffer(bytearray(tensors[:size]), dtype=dtype) if count else torch.empty(0, dtype=dtype)
    return flat.reshape(packed["shape"]), tensors[size:]
