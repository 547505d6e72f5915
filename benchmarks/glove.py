"""Time and memory to read a file of word vectors: `read_vectors`, torchtext, and gensim if it is there.

Run `python benchmarks/glove.py` on an idle machine. Each reader has a process of its own; memory is the peak beyond
what it held with its libraries imported; processor time is that of all threads. The goal: 10 times faster than
torchtext, 15 times faster than gensim, and open again in 0.2 s.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

WORDS, DIM = 400_000, 100
START = """
import resource, sys, time, warnings
warnings.simplefilter("ignore")
path = sys.argv[1]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
"""
MEASURE = """
before, start, cpu = peak(), time.perf_counter(), time.process_time()
result = read()
print(time.perf_counter() - start, time.process_time() - cpu, peak() - before)
"""
READERS = {
    "read_vectors": """
from mmgen_course.features.glove import read_vectors
read = lambda: read_vectors(path)
""",
    "torchtext": """
import os
from torchtext.vocab import Vectors
read = lambda: Vectors(os.path.basename(path), os.path.dirname(path))
""",
    "gensim": """
from gensim.models import KeyedVectors
read = lambda: KeyedVectors.load_word2vec_format(path, no_header=True)
""",
    "open_vectors": """
from mmgen_course.features.glove import open_vectors, read_vectors
read_vectors(path).save(path + ".safetensors")
read = lambda: open_vectors(path + ".safetensors")
""",
}


def write_random(path: Path) -> None:
    """WORDS lines of DIM normal numbers, with six digits."""
    generator = np.random.default_rng(0)
    line = "word%d" + " %.6g" * DIM + "\n"
    with path.open("w", newline="\n") as stream:
        for word in range(WORDS):
            stream.write(line % (word, *generator.standard_normal(DIM).tolist()))


def measure(name: str, path: Path) -> tuple[float, float, float] | None:
    """Seconds, processor seconds and MiB of one reader, None if its library is not installed."""
    # GENSIM_PYTHON names the interpreter of another environment, as gensim is no part of the course's own
    python = os.environ.get("GENSIM_PYTHON", sys.executable) if name == "gensim" else sys.executable
    code = START + READERS[name] + MEASURE
    done = subprocess.run([python, "-c", code, str(path)], capture_output=True, text=True)
    if "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr}")
    seconds, cpu, memory = map(float, done.stdout.split())
    return seconds, cpu, memory


def main() -> None:
    print(f"load {os.getloadavg()[0]:.1f}; {WORDS:,} x {DIM}, matrix {WORDS * DIM / 2**18:.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "random.txt")
        write_random(path)
        mine = 1.0
        for name in READERS:
            result = measure(name, path)
            if result is None:
                print(f"{name}: not installed")
                continue
            seconds, cpu, memory = result
            mine = seconds if name == "read_vectors" else mine
            ratio = f"{seconds / mine:8.2f} x read_vectors"
            print(f"{name:14}{seconds:8.2f} s {cpu:8.2f} s cpu {memory:8.0f} MiB {ratio}", flush=True)


if __name__ == "__main__":
    main()
