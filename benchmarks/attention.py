"""What the course's attention costs beside PyTorch's fused one, in time and in memory, forward and backward.

Run `python benchmarks/attention.py`. Ratios of one run on one thread are what counts; absolute times depend on the
machine. Ours keeps the (L, S) weights, because the lessons look at them; the fused one never holds them.
"""

import os
import platform
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mmgen_course.fusion import MultiHeadAttention, attention, causal_mask

HEADS, DIM = 4, 32
LENGTHS = (64, 256, 1024, 2048)


def ours(x: Tensor, mask: Tensor | None = None) -> Tensor:
    return attention(x, x, x, mask)[0]


def fused(x: Tensor, mask: Tensor | None = None) -> Tensor:
    return scaled_dot_product_attention(x, x, x, attn_mask=mask)


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """Processor seconds of one call, the best of some."""
    run()  # the first call pays for allocation
    took = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        took.append(time.process_time() - start)
    return min(took)


def forward_and_backward(function: Callable[..., Tensor], x: Tensor, mask: Tensor | None) -> None:
    x = x.clone().requires_grad_()
    function(x, mask).sum().backward()


def compare(length: int, mask: Tensor | None) -> str:
    """One line: forward, then forward and backward, of both, and the bytes of the weights."""
    x = torch.randn(1, HEADS, length, DIM, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(x, mask), fused(x, mask), atol=1e-5, rtol=1e-4)
    cells = []
    for run in (lambda f: f(x, mask), lambda f: forward_and_backward(f, x, mask)):
        # bind the loop's variable: called within its turn
        a, b = (seconds(lambda f=f, run=run: run(f)) for f in (ours, fused))
        cells.append(f"{1e3 * a:9.2f} {1e3 * b:9.2f} {a / b:6.1f}x")
    weights = 4 * HEADS * length**2 / 2**20
    return f"{length:6} {'causal' if mask is not None else 'none':7} {'  '.join(cells)} {weights:10.1f}"


def main() -> None:
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    busy = f"BUSY with other work, load {load:.1f}" if load > 0.3 else f"idle, load {load:.1f}"
    print(f"{platform.processor() or platform.machine()}, one thread, torch {torch.__version__}, {busy}")
    print(f"{HEADS} heads of {DIM}, processor milliseconds; ours / fused")
    print(f"{'length':>6} {'mask':7} {'forward: ours':>13} {'fused':>5} {'':>7}  {'+ backward: ours':>12} {'fused':>3}")
    for length in LENGTHS:
        for mask in (None, causal_mask(length)):
            print(compare(length, mask) + " MiB of weights, which fused never holds")
    module = MultiHeadAttention(HEADS * DIM, HEADS * DIM, HEADS)
    theirs = torch.nn.MultiheadAttention(HEADS * DIM, HEADS, batch_first=True)
    x = torch.randn(8, 256, HEADS * DIM)
    with torch.no_grad():
        a = seconds(lambda: module(x, x))
        b = seconds(lambda: theirs(x, x, x, average_attn_weights=False))
    print(f"MultiHeadAttention, 8 x 256 x {HEADS * DIM}, with weights: {a / b:.1f}x of torch.nn.MultiheadAttention")


if __name__ == "__main__":
    main()
