"""The lesson's running sums, with blocks in place of keys."""

import math

import torch


def merge_attention(output1, log1, output2, log2):
    """The lesson's running sums, (eq:online-softmax), with a block in place of a key."""
    outputs, logs = [], []
    for *blocks, a, b in zip(output1, output2, log1.tolist(), log2.tolist(), strict=True):
        m = max(a, b)
        shares = [math.exp(log - m) if log > -math.inf else 0.0 for log in (a, b)]
        outputs.append(sum(share * block for share, block in zip(shares, blocks, strict=True)) / (sum(shares) or 1))
        logs.append(m + math.log(sum(shares) or 1))
    return torch.stack(outputs), torch.tensor(logs)
