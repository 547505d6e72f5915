"""Optimisers from torch.optim."""

import torch
from torch.nn import functional as F


def one_round(maker, judge, x, z, rate):
    of_maker, of_judge = (torch.optim.SGD(player.parameters(), lr=rate) for player in (maker, judge))
    entropy = F.binary_cross_entropy_with_logits
    for k in range(2):
        of_judge.zero_grad()
        with torch.no_grad():
            fake = maker(z[k])
        real, made = judge(x[k]), judge(fake)
        (entropy(real, torch.ones_like(real)) + entropy(made, torch.zeros_like(made))).backward()
        of_judge.step()
    of_maker.zero_grad()
    logits = judge(maker(z[2]))
    loss = entropy(logits, torch.ones_like(logits))
    loss.backward()
    of_maker.step()
    of_maker.zero_grad()
    of_judge.zero_grad()
    return loss
