"""Sums over single logits."""

import math


def divergences_from_logits(real, fake):
    real, fake = real.double().tolist(), fake.double().tolist()
    value = -sum(math.log1p(math.exp(-logit)) for logit in real) / len(real)
    value -= sum(math.log1p(math.exp(logit)) for logit in fake) / len(fake)
    return sum(real) / len(real), -sum(fake) / len(fake), value / 2 + math.log(2)
