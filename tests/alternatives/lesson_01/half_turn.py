"""Pixel by pixel and letter by letter."""

import torch


def half_turn(image, boxes, caption):
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
