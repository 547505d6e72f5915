"""What does the weight of the KL do, and what do two acts? Two tables for lesson 08_vae.

Run `python benchmarks/vae.py`. It trains the digits' network with six betas, with a mean over pixels and with free
bits, three seeds of each, and writes trained/vae.csv; and the scenes' network with and without a first act, two seeds
of each, and writes trained/vae_acts.csv. They ship in data/results/. About eight minutes of one processor core.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import tables
import torch
from torch import Tensor

from mmgen_course.data.captioned_scenes import SingleObjectScenes
from mmgen_course.data.digit_tensors import digit_images
from mmgen_course.features.encoders import caption_conditions
from mmgen_course.generators.vae import (
    active_units,
    free_bits,
    gaussian_kl,
    gaussian_kl_terms,
    gaussian_log_likelihood,
    reparameterise,
)
from mmgen_course.generators.vae_nets import DigitVAE, SceneVAE
from mmgen_course.recipes import scene_vae
from mmgen_course.recipes.digits_vae import WIDE, train_digits
from mmgen_course.recipes.recipe import TEST_SEED
from mmgen_course.train import Run, seeded

SEEDS, STEPS, SIGMA, PIXELS, FLOOR = range(3), 1400, 0.1, 64, 0.5
BETAS = (0.1, 0.3, 1, 3, 10, 30)
FIRST_ACT = 0.4  # share of the steps

Objective = Callable[[Tensor, Tensor], Tensor]  # log p(x|z) of each image, KL of each latent variable -> loss

OBJECTIVES: dict[str, Objective] = {
    **{f"beta {beta}": lambda fit, kl, beta=beta: -fit.mean() + beta * kl.sum(1).mean() for beta in BETAS},  # type: ignore[misc]
    "mean over pixels": lambda fit, kl: -fit.mean() / PIXELS + kl.sum(1).mean(),
    "mean over pixels, free bits": lambda fit, kl: -fit.mean() / PIXELS + free_bits(kl, FLOOR),
}


def trained(objective: Objective, images: Tensor, seed: int, steps: int = STEPS) -> DigitVAE:
    """A VAE with a fixed sigma, trained on an objective."""
    vae = seeded(lambda: DigitVAE(WIDE), seed)

    def loss(vae: DigitVAE, images: Tensor, generator: torch.Generator) -> Tensor:
        q = vae.encode(images)
        z = reparameterise(*q, torch.randn(q.mu.shape, generator=generator))
        return objective(gaussian_log_likelihood(images, vae.decode(z), SIGMA), gaussian_kl_terms(*q))

    list(train_digits(vae, images, steps, torch.Generator().manual_seed(seed), loss))
    return vae.eval()


@torch.no_grad()
def evaluate(vae: DigitVAE, images: Tensor, draws: int = 20) -> dict[str, float]:
    """Distortion and rate in nats per image, and how many latent variables are active, on digits never seen."""
    generator, q = torch.Generator().manual_seed(TEST_SEED), vae.encode(images)
    noise = torch.randn(draws, *q.mu.shape, generator=generator)
    means = [vae.decode(reparameterise(*q, each)) for each in noise]
    fits = torch.stack([gaussian_log_likelihood(images, mean, SIGMA).mean() for mean in means])
    error = torch.stack([(images - mean).square().mean() for mean in means]).mean().sqrt()
    found = {"distortion": -fits.mean(), "rate": gaussian_kl(*q), "error": error, "active": active_units(q.mu).sum()}
    return {name: round(value.item(), 4) for name, value in found.items()}


def rows(steps: int = STEPS) -> list[dict[str, object]]:
    """A row for each objective and each seed."""
    train, test = digit_images()
    found: list[dict[str, object]] = []
    for name, objective in OBJECTIVES.items():
        for seed in SEEDS:
            found.append({"objective": name, "seed": seed, **evaluate(trained(objective, train, seed, steps), test)})
            print(*found[-1].values(), flush=True)
    return found


def acts(steps: int = 1200, n: int = 1000) -> list[dict[str, object]]:
    """A row for each share of the first act and each seed: what is drawn rightly for captions never seen."""
    found: list[dict[str, object]] = []
    for first in (0.0, FIRST_ACT):
        for seed in range(2):
            vae = seeded(lambda: SceneVAE(scene_vae.SCENE_LATENTS), seed)
            list(scene_vae.learn(vae, Run(steps=steps, seed=seed), scene_vae.full, first))
            generator = torch.Generator().manual_seed(TEST_SEED)
            batch = SingleObjectScenes(generator).draw(n, "held_out_compositions")
            met = scene_vae.captions_met(vae, batch, torch.randn(n, vae.latents, generator=generator))
            with torch.no_grad():
                rate = gaussian_kl(*vae.encode(batch.images, caption_conditions(batch.captions))).item()
            found.append({"first act": first, "seed": seed, "rate": round(rate, 2), **met})
            print(*found[-1].values(), flush=True)
    return found


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "trained")
    tables.write(folder / "vae.csv", rows())
    tables.write(folder / "vae_acts.csv", acts())


if __name__ == "__main__":
    main()
