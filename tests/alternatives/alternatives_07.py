"""Right answers to the exercises of lesson 7, written differently from the references."""

import math

import torch
from torch.nn import functional as F


def slow_divergences(real, fake):
    real, fake = real.double().tolist(), fake.double().tolist()
    value = -sum(math.log1p(math.exp(-logit)) for logit in real) / len(real)
    value -= sum(math.log1p(math.exp(logit)) for logit in fake) / len(fake)
    return sum(real) / len(real), -sum(fake) / len(fake), value / 2 + math.log(2)


def slow_pairs(logits, fake, captions):
    terms = {True: [], False: []}
    for i, of_picture in enumerate(captions.tolist()):
        for j, said in enumerate(captions.tolist()):
            right = of_picture == said
            logit = logits[i, j].item()
            terms[right].append(math.log1p(math.exp(-logit if right else logit)))
    of_right, of_wrong = (sum(terms[right]) / len(terms[right]) for right in (True, False))
    of_fake = F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)).item()
    return of_right + of_wrong / 2 + of_fake / 2


def penalty_by_autograd(inner, outer, real, fake, epsilon):
    total = 0.0
    for x in (fake + epsilon * (real - fake)).detach().double():
        x = x.requires_grad_()
        f = torch.tanh(inner.double() @ x) @ outer.double()
        (slope,) = torch.autograd.grad(f, x, create_graph=True)
        total = total + (slope.norm() - 1).clamp(min=0) ** 2
    return total / len(real)


def round_with_optimisers(maker, judge, x, z, rate):
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


ALTERNATIVES = {
    "divergences_from_logits": slow_divergences,
    "all_pairs_loss": slow_pairs,
    "one_sided_penalty": penalty_by_autograd,
    "one_round": round_with_optimisers,
}
