"""What would become a number that means nothing, or lose what was there, is refused, or done rightly: kind by kind."""

import errno
import os
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from mmgen_course import evaluate
from mmgen_course.data import errors, read_image, weights
from mmgen_course.data.atomic import replacing
from mmgen_course.data.weights import load_weights, save_weights
from mmgen_course.evaluate.diversity import r_precision
from mmgen_course.evaluate.image_features import classifier_features, coarse_pixels
from mmgen_course.evaluate.intervals import jackknife, share
from mmgen_course.evaluate.kernels import polynomial_kernel
from mmgen_course.evaluate.memorisation import auc, mann_whitney
from mmgen_course.evaluate.neighbours import density_coverage
from mmgen_course.features.glove_text import read_vectors
from mmgen_course.features.vectors import WrongDimension
from mmgen_course.fusion.attention import attention
from mmgen_course.fusion.contrastive import ranks
from mmgen_course.generators.gan import spectral_norm
from mmgen_course.preprocess.image import aliasing_error, denormalise, lowpass, normalise, resize, to_image
from mmgen_course.scenes import parse, render


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """The package as a user has it: the type checks of the tests would refuse first."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


# ---- pictures that are scored

SCENE = parse("a large red star").complete()


def captioned(images: torch.Tensor) -> object:
    return evaluate.caption_match(images, ["a red star"] * len(images))


@pytest.mark.parametrize("score", [captioned, classifier_features, coarse_pixels])
@pytest.mark.parametrize(
    ("images", "said"),
    [
        ((render([SCENE]) + 1) / 2, "some below 0; got 0.1 to 0.95: of pictures in .0, 1. give `normalise"),
        (127.5 * (render([SCENE]) + 1), "got 25.5 to 242: rescale"),
        ((127.5 * (render([SCENE]) + 1)).to(torch.uint8), "expected floats in .-1, 1.; got torch.uint8"),
        (render([SCENE]) * torch.nan, "got nan to nan"),
        (render([SCENE])[:0], "at least one"),
        (render([SCENE])[0], r"expected pictures \(N, C, H, W\)|expected pictures \(N, 3, 32, 32\)"),
    ],
)
def test_no_metric_takes_pictures_of_another_range(score, images, said):
    with pytest.raises(ValueError, match=said):
        score(images)


def test_light_pictures_are_counted_where_the_caller_knows_their_range():
    light = render([SCENE]).clamp(min=0.0)
    with pytest.raises(ValueError, match="some below 0"):
        captioned(light)
    assert evaluate.caption_match(light, ["a red star"], allow_light=True).share.value in (0.0, 1.0)
    with pytest.raises(ValueError, match="got nan"):
        evaluate.caption_match(light * torch.nan, ["a red star"], allow_light=True)


@pytest.mark.parametrize("score", [captioned, classifier_features])
@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 3, 32, 31), (1, 1, 32, 32), (1, 4, 32, 32)])
def test_what_the_classifier_reads_has_the_size_that_it_was_trained_on(score, shape):
    with pytest.raises(ValueError, match=r"expected pictures \(N, 3, 32, 32\); got .*resize them"):
        score(-torch.ones(shape))
    assert captioned(render([SCENE])).share.value == 1


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: share(torch.tensor([0.2, 0.9])), "True or False; got .*float32: compare first"),
        (lambda: share(torch.tensor([2, 3])), "True or False"),
        (lambda: jackknife(1.0, [1.0, float("nan")]), "expected finite statistics"),
        (lambda: auc(torch.tensor([1.0, float("nan")]), torch.ones(2)), "1 of them NaN"),
        (lambda: mann_whitney(torch.ones(2), torch.tensor([1.0, float("nan")])), "1 of them NaN"),
        (lambda: mann_whitney(torch.ones(0), torch.ones(3)), "at least two numbers in each; got 0 and 3"),
        (lambda: density_coverage(torch.rand(9, 2), torch.rand(1, 2)), "at least two generated points.*; got 1"),
        (lambda: polynomial_kernel(torch.ones(2, 300).byte(), torch.ones(2, 300).byte()), "expected floats"),
        (lambda: r_precision(torch.rand(2, 3), torch.ones(2, 2).bool()), r"got \(2, 3\) and \(2, 2\)"),
    ],
)
def test_a_statistic_of_what_it_is_not_made_for_is_refused(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


def test_ranks_of_whole_numbers_are_those_of_the_same_floats():
    scores = torch.tensor([[3, 1, 2], [5, 5, 0], [0, 1, 2]])
    assert ranks(scores).tolist() == ranks(scores.double()).tolist() == [1, 2, 1]


# ---- pictures of whole numbers

WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int64, torch.bool]


@pytest.mark.parametrize(
    "change",
    [
        normalise,
        denormalise,
        to_image,
        lambda image: resize(image, 4),
        lambda image: lowpass(image, 4),
        lambda image: aliasing_error(image, 4, antialias=True),
    ],
)
@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_are_refused_where_they_would_wrap_around(change, dtype):
    with pytest.raises(ValueError, match=f"expected floats, got {dtype}: of bytes `to_tensor`"):
        change(torch.ones(3, 8, 8).to(dtype))


# ---- image files


def exif(value: bytes, kind: int, count: int = 1) -> bytes:
    """EXIF with an orientation of any type."""
    entry = struct.pack("<HHI", ExifTags.Base.Orientation, kind, count) + value.ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)


def wide() -> Image.Image:
    """A picture of 8 by 16 pixels, its left half red."""
    return Image.fromarray(np.repeat([[[255, 0, 0]] * 8 + [[0, 0, 255]] * 8], 8, axis=0).astype(np.uint8))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of tags that it skips
@settings(max_examples=60)
@given(st.binary(min_size=4, max_size=4), st.integers(0, 20), st.sampled_from([0, 1, 2, 3, 1000, 2**31]))
def test_an_orientation_of_any_type_gives_a_picture(tmp_path_factory, value, kind, count):
    path = tmp_path_factory.mktemp("exif") / "a.jpg"
    wide().save(path, exif=exif(value, kind, count))
    assert sorted(read_image(path).size) == [8, 16]


@pytest.mark.parametrize("orientation", range(10))
def test_an_orientation_that_can_be_read_is_applied(tmp_path, orientation):
    path = tmp_path / "a.jpg"
    wide().save(path, exif=exif(struct.pack("<H", orientation), kind=3))
    assert read_image(path).size == ((8, 16) if orientation in (5, 6, 7, 8) else (16, 8))
    corner = {3: "blue", 2: "blue", 7: "blue", 8: "blue"}.get(orientation, "red")
    red, _, blue = read_image(path).getpixel((1, 1))
    assert ("red" if red > blue else "blue") == corner


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_more_text_than_pillow_reads_is_no_damage_and_says_what_to_strip(tmp_path):
    buffer = BytesIO()
    wide().save(buffer, "png")
    png, text = buffer.getvalue(), chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 2_000_000))
    (tmp_path / "a.png").write_bytes(png[:33] + text + png[33:])
    with pytest.raises(errors.NotAnImage, match=r"at most 1 MB of text.*Strip both") as told:
        read_image(tmp_path / "a.png")
    assert "damaged" not in str(told.value)


def test_a_transparent_grey_of_16_bits_is_one_of_65536(tmp_path):
    grey = struct.pack(">HHHH", 0x1234, 0x1235, 0x12FF, 0x8000)  # the first three look alike in 8 bits
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 16, 0, 0, 0, 0))
    body = chunk(b"tRNS", struct.pack(">H", 0x1235)) + chunk(b"IDAT", zlib.compress(b"\0" + grey))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    image = read_image(tmp_path / "a.png")
    assert [image.getpixel((x, 0))[0] for x in range(4)] == [0x12, 255, 0x12, 0x80]


# ---- attention in half precision


def test_attention_in_half_precision_is_that_of_pytorch_where_q_k_overflows():
    q = torch.full((1, 64), 40.0, dtype=torch.float16)
    k = torch.cat([q, q / 2])
    v = torch.tensor([[1.0], [5.0]], dtype=torch.float16)
    assert (q @ k.mT).isinf().any()
    output, weights = attention(q, k, v)
    assert torch.equal(weights, torch.tensor([[1.0, 0.0]], dtype=torch.float16))
    assert torch.equal(output, scaled_dot_product_attention(q[None], k[None], v[None])[0])


# ---- weights


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.inward, self.outward = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.outward.weight = self.inward.weight
        self.register_buffer("mask", torch.full((2, 2), -torch.inf).triu(1))


def test_tied_weights_and_a_mask_of_infinities_come_back(tmp_path):
    saved, loaded = Tied(), Tied()
    save_weights(saved, tmp_path / "tied")
    load_weights(loaded, tmp_path / "tied")
    assert torch.equal(loaded.outward.weight, saved.inward.weight)
    assert loaded.outward.weight is loaded.inward.weight
    assert torch.equal(loaded.mask, saved.mask)


@pytest.mark.parametrize(("name", "value"), [("mask", torch.nan), ("inward.weight", torch.inf)])
def test_a_mask_of_nan_and_an_infinite_weight_are_damage(tmp_path, name, value):
    model = Tied()
    with torch.no_grad():
        dict(model.state_dict())[name][0, 0] = value
    save_weights(model, tmp_path / "tied")
    with pytest.raises(errors.WrongWeights, match=f"{name} not finite"):
        load_weights(Tied(), tmp_path / "tied")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_folder_that_cannot_be_synced_loses_no_file(tmp_path, monkeypatch, code):
    def refuse(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with replacing(tmp_path / "a") as partial:
        partial.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"


def test_a_disk_that_fails_while_syncing_is_told_and_the_old_file_stays(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")

    def refuse(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output error"), replacing(tmp_path / "a") as partial:
        partial.write_text("new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_full_disk_is_one_line_and_the_old_weights_stay(tmp_path, monkeypatch):
    path = tmp_path / "line"
    save_weights(nn.Linear(2, 1), path, {"steps": 3})
    before = path.read_bytes()

    def full(tensors, file, about):
        raise weights.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(errors.CannotWrite, match=r"No space left on device.*is still there.*Make room") as told:
        save_weights(nn.Linear(2, 1), path)
    assert "\n" not in str(told.value)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["line"]


# ---- an unlucky start


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(2, 5))
def test_the_spectral_norm_is_found_where_the_longest_row_is_orthogonal_to_its_direction(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    lone = torch.zeros(rows + 1, 6, dtype=torch.float64)
    lone[0, 0] = 1.05  # the longest row; the others share a direction, and are longer together
    lone[1:, 1] = 1
    turned = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64))[0]
    assert torch.isclose(spectral_norm(lone @ turned, steps=100), torch.tensor(rows, dtype=torch.float64).sqrt())


# ---- vectors with tabs


@pytest.mark.parametrize("line", ["red\t1 2", "red\t1\t2", "red\tdark 1 2", "red \t1 2", "\tred 1 2", "red 1\t2"])
def test_a_file_of_vectors_with_tabs_is_refused_as_such(tmp_path, line):
    (tmp_path / "a.txt").write_text(f"{line}\nblue 3 4\n")
    with pytest.raises(WrongDimension, match=r"with spaces between them.*a tab in"):
        read_vectors(tmp_path / "a.txt")
