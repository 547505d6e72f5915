"""What holds for every test: one thread a process, no network for lessons, no screen."""

import os
from pathlib import Path

# two processes with one thread each are far faster than two with two that wait for each other
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "agg"
# the kernels that nbval starts refuse every connection that leaves this machine
os.environ["PYTHONPATH"] = str(Path(__file__).parent / "offline")
# the training of lesson 10 is a short one, and nobody's progress in the exercises is read or written
os.environ["MMGEN_FAST"] = "1"
os.environ["MMGEN_PROGRESS"] = ""
