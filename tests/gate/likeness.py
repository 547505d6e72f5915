"""Whether two JSON trees are the same: exact but for pictures, because other processors round differently."""

import base64
import binascii
import io
import re

import numpy as np
from PIL import Image

# PNG and JPEG as base64, the whole of a string or a part of it (`<img src="data:image/png;base64,...">`)
PICTURE = re.compile(r"(?<![A-Za-z0-9+/])((?:iVBORw0KGgo|/9j/)[A-Za-z0-9+/]+={0,2})")
ENDS = (b"IEND\xaeB`\x82", b"\xff\xd9")  # of a whole PNG, of a whole JPEG


def same(a: object, b: object) -> bool:
    """Compare two JSON trees: pictures, wherever they stand, as pictures, and all else exactly."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, str) and isinstance(b, str) and a != b:
        return _same_text(a, b)
    return type(a) is type(b) and a == b


def without_pictures(text: str) -> str:
    """Return the text with a mark in place of each picture in it."""
    return PICTURE.sub("(a picture)", text)


def _same_text(a: str, b: str) -> bool:
    # split by one group: what stands at odd places are the pictures
    left, right = PICTURE.split(a), PICTURE.split(b)
    pictures = zip(left[1::2], right[1::2], strict=False)
    return left[::2] == right[::2] and all(one == other or _alike(one, other) for one, other in pictures)


def _alike(one: str, other: str) -> bool:
    """Whether two pictures have one size, and differ by less than a grey level a pixel, on average."""
    a, b = _pixels(one), _pixels(other)
    return a is not None and b is not None and a.shape == b.shape and bool(np.abs(a - b).mean() < 1)


def _pixels(payload: str) -> np.ndarray | None:
    """The levels of red, green, blue and opacity, or None where this is no whole picture."""
    try:
        data = base64.b64decode(payload, validate=True)
    except binascii.Error:
        return None
    if not data.endswith(ENDS):
        return None
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"), dtype=float)
