"""Two processes under torchrun train as one does on the same whole batch, and go on from one another's checkpoints."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed

from mmgen_course.train import is_first, processes, shard

SCRIPT = Path(__file__).with_name("two_processes.py")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def under_torchrun(*arguments: str) -> subprocess.CompletedProcess:
    process = subprocess.run([*TORCHRUN, *arguments], capture_output=True, text=True, timeout=900, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    return process


def flat(nested: object) -> torch.Tensor:
    return torch.cat([torch.tensor(each).flatten() for each in nested])


@pytest.mark.skipif(not distributed.is_available(), reason="this build of PyTorch has no distributed package")
def test_two_processes_have_the_losses_of_one_on_the_same_whole_batch(tmp_path):
    in_one_process = runpy.run_path(str(SCRIPT))["train"]
    files = {name: tmp_path / f"{name}.json" for name in ("one", "two", "both")}
    in_one_process(files["one"])
    # one process begins, is abandoned at step 7, and two go on from its checkpoint of step 5
    in_one_process(files["both"], until=7)
    under_torchrun(str(SCRIPT), str(files["two"]), str(files["both"]))
    one, two, both = (json.loads(file.read_text()) for file in files.values())
    curves = [torch.tensor([list(losses.values()) for losses in run["losses"]]) for run in (one, two)]
    assert curves[0].shape == (12, 2)
    torch.testing.assert_close(*curves, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(flat(one["weights"]), flat(two["weights"]), rtol=1e-4, atol=1e-5)
    second = json.loads((tmp_path / "two.second").read_text())
    assert second == two["weights"]
    assert curves[0][-1, 0] != curves[0][0, 0]

    assert len(both["losses"]) == 12 - 5
    torch.testing.assert_close(flat(one["weights"]), flat(both["weights"]), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not distributed.is_available(), reason="this build of PyTorch has no distributed package")
def test_mmgen_train_under_torchrun_writes_and_prints_once(tmp_path):
    out = tmp_path / "words.txt"
    train = ["-m", "mmgen_course", "train", "words", "--steps", "1", "--device", "cpu", "--out", str(out)]
    process = under_torchrun(*train)
    assert process.stdout.count("words nearest to their own value") == 1
    assert process.stderr.count("1 steps on cpu") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["words.txt", "words.txt.json"]


def test_without_torchrun_one_process_does_it_all():
    with processes():
        assert is_first()
        assert not distributed.is_initialized()
        assert torch.equal(shard(torch.arange(3)), torch.arange(3))


class World:
    """Stands for one of several processes."""

    def __init__(self, monkeypatch, rank, world):
        for name, value in (("is_initialized", True), ("get_rank", rank), ("get_world_size", world)):
            monkeypatch.setattr(distributed, name, lambda value=value: value)


def test_the_shares_of_all_processes_are_the_batch_each_element_once(monkeypatch):
    shares = []
    for rank in range(3):
        World(monkeypatch, rank, 3)
        shares += shard(list("abcdef"))
        assert is_first() == (rank == 0)
    assert sorted(shares) == list("abcdef")


def test_a_batch_that_cannot_be_shared_evenly_is_refused(monkeypatch):
    World(monkeypatch, 0, 2)
    with pytest.raises(ValueError, match="2 processes can share evenly; got 3"):
        shard(torch.arange(3))
