"""Picture by picture, with the package's own steps."""

import torch

from mmgen_course.preprocess.image import denormalise, to_image


def to_pixels(z, mean, std):
    pictures = [denormalise(image, mean.tolist(), std.tolist()).clamp(0, 1) for image in z]
    return torch.stack([torch.as_tensor(to_image(picture)) for picture in pictures])
