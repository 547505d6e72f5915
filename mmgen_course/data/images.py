"""Reads one image file: in goes a path, out comes a PIL image, always RGB with 8 bits a channel.

Lesson 01 starts from what this returns; every other kind of file becomes that by a stated rule, or an error.
"""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mmgen_course.data.errors import (
    EmptyFile,
    ImageTooLarge,
    NotAnImage,
    TruncatedImage,
    UnknownRange,
    ZeroSizeImage,
)

MAX_PIXELS = 50_000_000  # 150 MB in RGB; the largest photographs of common cameras are below
# orientation in EXIF -> what makes the picture upright
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PNG_START = b"\x89PNG\r\n\x1a\n"


def read_image(path: str | Path) -> Image.Image:
    """Read an image file as RGB, 8 bits a channel, upright.

    - A rotation noted in EXIF is applied; one that cannot be read is none, as in browsers.
    - Alpha, also of a palette, is laid over white.
    - Grey is repeated in the three channels; 16 bits keep their high byte, v // 256.
    - Palette, CMYK and other colour spaces are converted by Pillow, without a colour profile.
    - Of an animation, the first frame is read.

    Returns:
        An image of mode "RGB": height x width x 3 values in [0, 255].

    Raises:
        FileNotFoundError: there is no such file.
        EmptyFile, NotAnImage, TruncatedImage, ZeroSizeImage, ImageTooLarge, UnknownRange: as they say.

    Example:
        >>> from mmgen_course.data import ROOT
        >>> image = read_image(ROOT / "scenes" / "0000.png")
        >>> image.mode, image.size
        ('RGB', (64, 64))
    """
    path = Path(path)
    data = path.read_bytes()
    if not data:
        raise EmptyFile(path, "an image", "a file of zero bytes", "Copy or download it again.")
    return _to_rgb(_decode(data, path), path)


def _decode(data: bytes, path: Path) -> Image.Image:
    """The image as stored, every pixel read."""
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
        image.verify()  # a PNG's checksums, and that it has its end; afterwards it must be opened anew
        image = Image.open(io.BytesIO(data))
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        expected = f"at most {MAX_PIXELS:,} pixels"
        raise ImageTooLarge(path, expected, str(error), "Scale it down first.") from error
    except UnidentifiedImageError as error:
        # Pillow does not take a PNG of no width for a PNG; width and height are its bytes 16 to 24
        if data.startswith(PNG_START) and len(data) >= 24 and 0 in (size := struct.unpack(">II", data[16:24])):
            got = f"{size[0]} x {size[1]}"
            raise ZeroSizeImage(path, "at least 1 x 1 pixel", got, "Make or download it again.") from error
        got = f"{len(data):,} bytes of no known image format"
        raise NotAnImage(path, "an image", got, "See what it is; PNG and JPEG are sure to work.") from error
    except ValueError as error:
        if "MAX_TEXT" not in str(error):
            raise _damaged(path, error) from error
        expected = "at most 1 MB of text, or of a colour profile, beside the pixels"
        remedy = "Strip both from the PNG, as `pngcrush -rem alla` and most editors do when they export one."
        raise NotAnImage(path, expected, f"more ({error})", remedy) from error
    except Exception as error:  # on broken bytes the decoders raise a dozen types
        raise _damaged(path, error) from error
    return image


def _damaged(path: Path, error: Exception) -> NotAnImage | TruncatedImage:
    fault = TruncatedImage if "truncated" in str(error).lower() else NotAnImage
    return fault(path, "a whole image", f"a damaged one ({error})", "Copy or download it again.")


def _upright(image: Image.Image) -> Image.Image:
    """The image turned and mirrored as EXIF says, if it says so."""
    try:
        noted = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # on broken bytes it raises a dozen types
        noted = None
    turn = TURNS.get(noted) if isinstance(noted, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image, path: Path) -> Image.Image:
    """Any mode that Pillow reads, as upright RGB."""
    image = _upright(image)
    if image.mode in ("I", "F"):
        expected = "8 or 16 bits a channel"
        raise UnknownRange(path, expected, f"32 (mode {image.mode!r})", "Save it with 8 bits a channel.")
    if image.mode.startswith("I;16"):
        deep, clear = np.asarray(image), image.info.get("transparency")
        image = Image.fromarray((deep >> 8).astype(np.uint8))
        if clear is not None:  # one of 65,536 greys, of which 256 would look like it
            image = Image.merge("LA", [image, Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))])
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
