"""Weights on disk: bit for bit there and back, and every file that is not the right one is refused whole."""

import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mmgen_course.data import registry, weights
from mmgen_course.data.errors import DamagedWeights, MissingFile, WrongHash, WrongWeights
from mmgen_course.data.weights import load_weights, save_weights


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_weights_come_back_bit_for_bit_with_what_is_said_about_them(tmp_path):
    model, other, path = network(), network(1), tmp_path / "new" / "w.safetensors"
    model(torch.randn(8, 3, 4, 4))  # so that the running statistics are no longer those of a new network
    about = {"steps": 10, "measured": {"shape": 0.5}, "unit": "ä"}
    save_weights(model, path, about)
    assert load_weights(other, path) == about
    assert same(state(model), state(other))
    assert [file.name for file in path.parent.iterdir()] == ["w.safetensors"]


def test_the_same_weights_give_the_same_bytes(tmp_path):
    for name, about in (("a", {"seed": 0, "steps": 2}), ("b", {"steps": 2, "seed": 0})):
        save_weights(network(), tmp_path / name, about)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_weights_that_are_not_contiguous_or_want_gradients_are_saved_by_value(tmp_path):
    model = nn.Linear(3, 2)
    model.weight.data = torch.arange(6.0).reshape(3, 2).T
    save_weights(model, tmp_path / "w")
    assert load_file(tmp_path / "w")["weight"].tolist() == [[0, 2, 4], [1, 3, 5]]


def refuse(path, kind, *patterns):
    model = network()
    before = state(model)
    with pytest.raises(kind) as caught:
        load_weights(model, path)
    assert same(state(model), before)
    for pattern in (path.name, *patterns):
        assert pattern in str(caught.value)


def test_every_tensor_that_does_not_fit_is_listed_and_none_is_loaded(tmp_path):
    tensors = state(network(1))
    del tensors["0.bias"]
    tensors["1.weight"] = torch.ones(5)
    tensors["1.running_var"] = tensors["1.running_var"].double()
    tensors["3.bias"] = torch.tensor([0.0, torch.nan])
    tensors["extra"] = torch.ones(1)
    path = tmp_path / "other.safetensors"
    save_file(tensors, path)
    refuse(
        path,
        WrongWeights,
        "got 5 faults",
        "0.bias missing",
        "extra left over",
        "1.weight (5,) torch.float32 for (4,) torch.float32",
        "1.running_var (4,) torch.float64 for (4,) torch.float32",
        "3.bias not finite",
    )


def test_a_pickle_is_refused_and_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    path = tmp_path / "weights.pt"
    torch.save(Bomb(), path)
    refuse(path, DamagedWeights, "pickle", "save it as safetensors")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("cut", [0, 4, 8, 60, -1])
def test_a_cut_file_is_refused(tmp_path, cut):
    path = tmp_path / "w.safetensors"
    save_weights(network(), path)
    path.write_bytes(path.read_bytes()[:cut])
    refuse(path, DamagedWeights)


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(network(), path)
    data = path.read_bytes()
    path.write_bytes(struct.pack("<Q", 2**60) + data[8:])
    refuse(path, DamagedWeights)
    path.write_bytes(data + b"x")
    refuse(path, DamagedWeights)


def test_a_note_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(state(network()), path, {"about": "{"})
    refuse(path, DamagedWeights)


def test_no_file_is_said_to_be_missing(tmp_path):
    refuse(tmp_path / "no.safetensors", MissingFile, "Train them first")


def test_a_failed_save_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(network(), path)
    before = path.read_bytes()

    def half(tensors, file, about):
        file.write_bytes(before[:100])
        raise OSError("disk full")

    monkeypatch.setattr(weights, "save_file", half)
    with pytest.raises(OSError, match="disk full"):
        save_weights(network(1), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_shipped_file_is_given_only_with_its_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    (tmp_path / "w").write_bytes(b"abc")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "registry.txt").write_text(f"w {abc}\ngone {abc}\n")
    assert registry.shipped("w") == tmp_path / "w"
    for name in ("gone", "../w", "other"):
        with pytest.raises(MissingFile, match=name):
            registry.shipped(name)
    (tmp_path / "w").write_bytes(b"abd")
    with pytest.raises(WrongHash, match=abc):
        registry.shipped("w")


def test_what_is_said_about_the_weights_stands_in_the_file_as_json(tmp_path):
    save_weights(nn.Linear(1, 1), tmp_path / "w", {"b": 1, "a": [2]})
    data = (tmp_path / "w").read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    assert json.loads(header["__metadata__"]["about"]) == {"a": [2], "b": 1}
