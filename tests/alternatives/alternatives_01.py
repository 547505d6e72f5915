"""Right answers to the exercises of lesson 1, written differently from the references."""

import cmath
import math

import numpy as np
import torch

from mmgen_course.preprocess.image import denormalise, to_image


def pixels_one_by_one(z, mean, std):
    pictures = [denormalise(image, mean.tolist(), std.tolist()).clamp(0, 1) for image in z]
    return torch.stack([torch.as_tensor(to_image(picture)) for picture in pictures])


def drawn_pixels(means, stds, counts):
    """Pixels that have these statistics: half of them one standard deviation above the mean, half below."""
    pixels = torch.cat([means + stds, means - stds]).double()
    weights = torch.cat([counts, counts])
    mean = torch.from_numpy(np.average(pixels, axis=0, weights=weights))
    return mean, torch.from_numpy(np.average((pixels - mean) ** 2, axis=0, weights=weights)).sqrt()


def frequencies_tried_out(seen, s):
    """Of a fine list of frequencies keep those whose part of a turn is the seen one, or minus that."""
    tried = [i / 1000 / s for i in range(math.floor(500 * s) + 1)]
    targets = [cmath.exp(2j * math.pi * sign * seen) for sign in (1, -1)]
    kept = [f for f in tried if min(abs(cmath.exp(2j * math.pi * f * s) - target) for target in targets) < 1e-6]
    return torch.tensor(kept, dtype=torch.float64)


def turned_by_hand(image, boxes, caption):
    height, width = image.shape[1:]
    turned = torch.empty_like(image)
    for i in range(height):
        for j in range(width):
            turned[:, i, j] = image[:, height - 1 - i, width - 1 - j]
    corners = [
        [width - right, height - bottom, width - left, height - top] for left, top, right, bottom in boxes.tolist()
    ]
    words = {"left": "right", "right": "left", "top": "bottom", "bottom": "top", "above": "below", "below": "above"}
    pieces, word = [], ""
    for character in caption + "\0":
        if character.isalpha():
            word += character
        else:
            pieces += [words.get(word, word), character]
            word = ""
    return torch.rot90(turned, 4, (1, 2)), torch.tensor(corners), "".join(pieces)[:-1]


ALTERNATIVES = {
    "to_pixels": pixels_one_by_one,
    "pooled_statistics": drawn_pixels,
    "true_frequencies": frequencies_tried_out,
    "half_turn": turned_by_hand,
}
