"""SIGKILL at any moment loses at most one interval: benchmarks/kills.py with a handful of kills, and one aimed kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import kills
import pytest

from mmgen_course.data.errors import DamagedWeights
from mmgen_course.data.weights import read_tensors

FORK = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and forkserver are of POSIX")

# writes a file of ones with {writer}, then one of twos, and is killed by itself in the middle of the second
SUICIDE = """
import os, signal, sys
from pathlib import Path
import safetensors.torch, torch
sys.path.insert(0, {benchmarks!r})
import kills
from mmgen_course.data import weights

def half(tensors, path, metadata=None):
    whole = safetensors.torch.save(tensors, metadata)
    Path(path).write_bytes(whole[: len(whole) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

write, path = {writer}, Path({path!r})
write({{"x": torch.ones(1000)}}, path, {{"step": 1}})
weights.save_file = half
kills.save = lambda tensors, metadata: half(tensors, path, metadata)
write({{"x": torch.full((1000,), 2.0)}}, path, {{"step": 2}})
"""


@FORK
def test_after_each_of_a_few_kills_the_training_goes_on_from_a_whole_file_one_interval_old_at_most(tmp_path):
    toll = kills.kill_often(5, tmp_path)
    assert toll.kills == 5
    assert toll.unreadable == 0
    assert toll.worst_loss <= kills.EVERY
    assert toll.ended_otherwise == 0


def killed_half_way(path, writer):
    code = SUICIDE.format(benchmarks=str(Path(kills.__file__).parent), writer=writer, path=str(path))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL


@FORK
def test_a_kill_in_the_middle_of_writing_leaves_the_file_before_it(tmp_path):
    killed_half_way(tmp_path / "x", "weights.write_tensors")
    tensors, about = read_tensors(tmp_path / "x")
    assert (tensors["x"].mean().item(), about) == (1.0, {"step": 1})


@FORK
def test_the_same_kill_ruins_a_file_that_is_written_in_place(tmp_path):
    killed_half_way(tmp_path / "x", "kills.in_place")
    with pytest.raises(DamagedWeights):
        read_tensors(tmp_path / "x")
