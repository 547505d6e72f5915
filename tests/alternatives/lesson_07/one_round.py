"""Optimisers from torch.optim."""

import torch
from torch.nn import functional as F


def one_round(generator_net, discriminator, x, z, rate):
    of_generator, of_discriminator = (
        torch.optim.SGD(player.parameters(), lr=rate) for player in (generator_net, discriminator)
    )
    entropy = F.binary_cross_entropy_with_logits
    for k in range(2):
        of_discriminator.zero_grad()
        with torch.no_grad():
            fake = generator_net(z[k])
        real, made = discriminator(x[k]), discriminator(fake)
        (entropy(real, torch.ones_like(real)) + entropy(made, torch.zeros_like(made))).backward()
        of_discriminator.step()
    of_generator.zero_grad()
    logits = discriminator(generator_net(z[2]))
    loss = entropy(logits, torch.ones_like(logits))
    loss.backward()
    of_generator.step()
    of_generator.zero_grad()
    of_discriminator.zero_grad()
    return loss
