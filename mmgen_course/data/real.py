"""Real images with captions: two sets that scikit-learn brings along, and two that `fetch` downloads.

Each is a list of `Sample`s, like the shipped scenes; `digit_tensors` has the digits as tensors, cut in two.
"""

import gzip
import shutil
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from einops import rearrange
from numpy.typing import NDArray
from PIL import Image

from mmgen_course.data.fetch import fetch
from mmgen_course.data.pairs import Sample

# sklearn and torchvision are imported where they are used: each takes a second

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PHOTOGRAPHS = {
    "china": "a Chinese tower with tiled roofs above a lake and trees",
    "flower": "a round orange flower in front of dark green leaves",
}
FASHION = (
    "a T-shirt or top",
    "trousers",
    "a pullover",
    "a dress",
    "a coat",
    "a sandal",
    "a shirt",
    "a sneaker",
    "a bag",
    "an ankle boot",
)
CIFAR = (
    "an airplane",
    "an automobile",
    "a bird",
    "a cat",
    "a deer",
    "a dog",
    "a frog",
    "a horse",
    "a ship",
    "a truck",
)
CIFAR_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue plane


def digits() -> list[Sample]:
    """The 1,797 handwritten digits of scikit-learn, 8x8, each with a caption such as "a handwritten seven".

    A stored value v in 0..16 becomes the pixel p = round(255 v / 16), and v = round(16 p / 255) comes back.

    Example:
        >>> sample = digits()[7]
        >>> sample.caption, sample.image.size
        ('a handwritten seven', (8, 8))
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * 255 / 16).astype(np.uint8)  # (N, 8, 8)
    return _samples("digit", pixels, bunch.target, [f"a handwritten {word}" for word in DIGITS])


def photographs() -> list[Sample]:
    """The two photographs of scikit-learn at full size, 640 wide and 427 high.

    Example:
        >>> [(sample.id, sample.image.size) for sample in photographs()]
        [('china', (640, 427)), ('flower', (640, 427))]
    """
    from sklearn.datasets import load_sample_image

    return [
        Sample(name, Image.fromarray(load_sample_image(f"{name}.jpg")), caption)
        for name, caption in PHOTOGRAPHS.items()
    ]


def fashion_mnist(train: bool = True) -> list[Sample]:
    """Fashion-MNIST: 60,000 images to train on or 10,000 to test, 28x28 grey, "a photo of a sneaker" etc.

    Raises:
        DataError: it has not been fetched before and cannot be now; see `fetch`.

    Example:
        >>> f"a photo of {FASHION[7]}"  # class 7
        'a photo of a sneaker'
    """
    from torchvision.datasets import FashionMNIST

    folder = fetch("fashion-mnist")
    # torchvision wants the files unpacked, in a place of its own; made anew each time, they cannot go stale
    with TemporaryDirectory() as root:
        raw = Path(root) / "FashionMNIST" / "raw"
        raw.mkdir(parents=True)
        for packed in folder.glob("*.gz"):
            with gzip.open(packed) as source, (raw / packed.stem).open("wb") as target:
                shutil.copyfileobj(source, target)
        dataset = FashionMNIST(root, train=train, download=False)
    captions = [f"a photo of {thing}" for thing in FASHION]
    return _samples("fashion", dataset.data.numpy(), dataset.targets.numpy(), captions)


def cifar_10(train: bool = True) -> list[Sample]:
    """CIFAR-10: 50,000 images to train on or 10,000 to test, 32x32 colour, "a photo of a cat" etc.

    Raises:
        DataError: it has not been fetched before and cannot be now; see `fetch`.

    Example:
        >>> f"a photo of {CIFAR[3]}"  # class 3
        'a photo of a cat'
    """
    # torchvision's reader unpickles its files, and a pickle can run any code: this course never opens one.
    # The binary version holds the same images as plain bytes.
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] if train else ["test_batch.bin"]
    with tarfile.open(fetch("cifar-10") / "cifar-10-binary.tar.gz") as archive:
        members = [archive.extractfile(f"cifar-10-batches-bin/{name}") for name in names]
        data = b"".join(member.read() for member in members if member)
    records = np.frombuffer(data, np.uint8).reshape(-1, CIFAR_RECORD)
    pixels = rearrange(records[:, 1:], "n (c h w) -> n h w c", c=3, h=32)
    return _samples("cifar", pixels, records[:, 0], [f"a photo of {thing}" for thing in CIFAR])


def _samples(prefix: str, pixels: NDArray[np.uint8], labels: NDArray[np.integer], captions: list[str]) -> list[Sample]:
    """Images (N, H, W) or (N, H, W, 3) and their labels (N,) as samples in RGB."""
    return [
        Sample(f"{prefix}-{n:05}", Image.fromarray(image).convert("RGB"), captions[label])
        for n, (image, label) in enumerate(zip(pixels, labels.tolist(), strict=True))
    ]
