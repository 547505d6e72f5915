"""Samples from disk: what `read_image` makes of each kind of file, and what is said of each kind of fault."""

import copy
import csv
import hashlib
import io
import re
import shutil
import struct
import unicodedata
import zlib
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image, ImageFile

from mmgen_course import data
from mmgen_course.data import errors, read_image, read_pairs, registry
from mmgen_course.data.sources import SOURCES
from tools import make_samples

CARD = (data.ROOT / "README.md").read_text("utf-8")


def save(folder: Path, image: Image.Image, name: str = "image.png", **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


def one_pixel(mode: str, value: object) -> Image.Image:
    return Image.new(mode, (1, 1), value)


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG written by hand, since Pillow writes neither 16-bit colour nor an image of no size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def noise_image() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


# ---- conversions


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (one_pixel("RGB", (10, 20, 30)), "png", (10, 20, 30)),
        (one_pixel("L", 100), "png", (100, 100, 100)),
        (one_pixel("1", 1), "png", (255, 255, 255)),
        (one_pixel("RGBA", (255, 0, 0, 0)), "png", (255, 255, 255)),
        (one_pixel("RGBA", (255, 0, 0, 128)), "png", (255, 127, 127)),  # 128 red + 127 white, of 255
        (one_pixel("LA", (0, 51)), "png", (204, 204, 204)),  # a fifth black
        (one_pixel("CMYK", (0, 255, 255, 0)), "tiff", (255, 0, 0)),
        (one_pixel("CMYK", (0, 0, 0, 255)), "tiff", (0, 0, 0)),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_every_mode_becomes_rgb_by_its_rule(tmp_path, image, suffix, expected):
    read = read_image(save(tmp_path, image, f"image.{suffix}"))
    assert (read.mode, read.getpixel((0, 0))) == ("RGB", expected)


def test_a_palette_is_looked_up_and_its_transparent_entry_is_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([9, 8, 7, 0, 0, 255])
    image.putdata([0, 1])
    read = read_image(save(tmp_path, image, transparency=1))
    assert [read.getpixel((x, 0)) for x in (0, 1)] == [(9, 8, 7), (255, 255, 255)]


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_grey_keeps_its_high_byte(tmp_path, suffix, order):
    values = np.array([[0, 255, 256, 0x1234, 65535]], dtype=f"{order}u2")
    if (suffix, order) == ("png", ">"):
        path = tmp_path / "image.png"
        path.write_bytes(png(5, 1, 16, 0, b"\0" + values.tobytes()))
    else:
        path = save(tmp_path, Image.fromarray(values), f"image.{suffix}")
    assert [read_image(path).getpixel((x, 0))[0] for x in range(5)] == [0, 0, 1, 0x12, 255]


def test_16_bit_colour_keeps_its_high_bytes(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(png(1, 1, 16, 2, b"\0" + bytes.fromhex("12ff 80ff ffff")))
    assert read_image(path).getpixel((0, 0)) == (0x12, 0x80, 0xFF)


def test_a_picture_taken_sideways_stands_upright(tmp_path):
    image = Image.new("RGB", (2, 1), "red")
    image.putpixel((1, 0), (0, 0, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: what is stored on the left belongs on top
    read = read_image(save(tmp_path, image, exif=exif))
    assert read.size == (1, 2)
    assert [read.getpixel((0, y)) for y in (0, 1)] == [(255, 0, 0), (0, 0, 255)]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_numbers_are_refused_because_their_white_is_unknown(tmp_path, mode):
    with pytest.raises(errors.UnknownRange, match="32"):
        read_image(save(tmp_path, one_pixel(mode, 1), "image.tiff"))


# ---- broken images


# a PNG ends in an empty chunk of 12 bytes, the last 4 its checksum, which hold nothing of the picture
@pytest.mark.parametrize(("format_", "empty"), [("PNG", 4), ("JPEG", 1)])
def test_no_beginning_of_an_image_passes_for_the_image(tmp_path, format_, empty):
    stream = io.BytesIO()
    noise_image().save(stream, format_)
    whole, path = stream.getvalue(), tmp_path / "cut"
    for length in range(len(whole) - empty):
        path.write_bytes(whole[:length])
        with pytest.raises(data.DataError):
            read_image(path)
    path.write_bytes(whole)
    assert read_image(path).size == (10, 12)


def test_a_png_with_any_one_byte_changed_is_refused(tmp_path):
    stream = io.BytesIO()
    noise_image().save(stream, "PNG")
    whole, path = stream.getvalue(), tmp_path / "changed.png"
    for n in range(len(whole) - 12):
        path.write_bytes(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :])
        with pytest.raises(data.DataError):
            read_image(path)


@pytest.mark.parametrize(
    ("content", "fault", "came"),
    [
        (b"", errors.EmptyFile, "zero bytes"),
        (b"<!doctype html><title>404</title>", errors.NotAnImage, "33 bytes"),
        (png(0, 5, 8, 2, b""), errors.ZeroSizeImage, "0 x 5"),
        (png(5, 0, 8, 2, b""), errors.ZeroSizeImage, "5 x 0"),
        (png(8000, 8000, 8, 2, b""), errors.ImageTooLarge, "8000 x 8000"),
        (png(12000, 10000, 8, 2, b""), errors.ImageTooLarge, "120000000 pixels"),
        (png(20000, 20000, 8, 2, b""), errors.ImageTooLarge, "400000000 pixels"),
        (png(4, 4, 8, 2, bytes(5)), errors.TruncatedImage, "truncated"),
    ],
    ids=["empty", "html", "no-width", "no-height", "large", "larger", "bomb", "truncated"],
)
def test_a_bad_file_gets_its_own_error_with_file_expected_came_and_remedy(tmp_path, content, fault, came):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(fault) as caught:
        read_image(path)
    file, expected, said, remedy = caught.value.args
    assert str(caught.value) == f"{path}: expected {expected}, came {said}. {remedy}"
    assert came in said
    assert type(caught.value) is fault
    assert file == path


def test_a_missing_file_is_python_s_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_image(tmp_path / "absent.png")


def test_reading_a_truncated_image_leaves_pillow_strict(tmp_path):
    (tmp_path / "bad.png").write_bytes(png(4, 4, 8, 2, bytes(5)))
    with pytest.raises(errors.TruncatedImage):
        read_image(tmp_path / "bad.png")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


# ---- pairs


def folder_of(folder: Path, table: str | bytes, *names: str) -> Path:
    content = table if isinstance(table, bytes) else table.encode()
    (folder / "captions.csv").write_bytes(content)
    for n, name in enumerate(names):
        Image.new("RGB", (1, 1), (n, 0, 0)).save(folder / name)
    return folder


def test_pairs_come_in_the_order_of_the_table_whatever_else_it_holds(tmp_path):
    table = '\ufeffid,mood,caption,file\nb,ok,"a dot, dark",2.png\na,ok,a point,1.png\nc,ok,again,1.png\n'
    samples = read_pairs(folder_of(tmp_path, table, "1.png", "2.png"))
    assert [(sample.id, sample.caption) for sample in samples] == [
        ("b", "a dot, dark"),
        ("a", "a point"),
        ("c", "again"),
    ]
    assert [sample.image.getpixel((0, 0))[0] for sample in samples] == [1, 0, 0]


def test_a_name_is_found_however_the_system_writes_its_accents(tmp_path):
    table = f"id,file,caption\n1,{unicodedata.normalize('NFC', 'é.png')},a dot\n"
    folder = folder_of(tmp_path, table, unicodedata.normalize("NFD", "é.png"))
    assert len(read_pairs(folder)) == 1


@pytest.mark.parametrize(
    ("rows", "names", "fault", "items"),
    [
        (["1,a.png,x", "2,b.png,y", "3,c.png,z"], ["a.png"], errors.CaptionWithoutImage, ("b.png", "c.png")),
        (["1,A.png,x"], ["a.png"], errors.CaptionWithoutImage, ("A.png",)),
        (
            ["1,a.png,x"],
            ["a.png", "b.png", "c.JPG"],
            errors.ImageWithoutCaption,
            ("b.png", "c.JPG"),
        ),
        (
            ["1,a.png,x", "2,a.png,y", "1,a.png,z", "2,a.png,z"],
            ["a.png"],
            errors.DuplicateId,
            ("1", "2"),
        ),
    ],
    ids=["no-image", "other-case", "no-caption", "repeated"],
)
def test_all_faults_of_a_kind_are_counted_and_listed(tmp_path, rows, names, fault, items):
    folder = folder_of(tmp_path, "\n".join(["id,file,caption", *rows]), *names)
    with pytest.raises(fault, match=f"{len(items)} .*: {', '.join(items)}") as caught:
        read_pairs(folder)
    assert caught.value.items == items


@pytest.mark.parametrize(
    "name", ["../a.png", "/etc/a.png", "..", ".", "sub/a.png", "..\\a.png", "C:a.png", "\\\\host\\a.png"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused_even_where_the_file_exists(tmp_path, name):
    folder = tmp_path / "pairs"
    folder.mkdir()
    save(tmp_path, one_pixel("RGB", 0), "a.png")
    with pytest.raises(errors.UnsafeFileName) as caught:
        read_pairs(folder_of(folder, f"id,file,caption\n1,{name},x\n"))
    assert caught.value.items == (name,)


def test_a_long_list_is_cut_in_the_message_and_whole_in_the_error(tmp_path):
    rows = "".join(f"{n},{n}.png,x\n" for n in range(25))
    with pytest.raises(errors.CaptionWithoutImage, match=r"25 .* 9\.png and 15 more") as caught:
        read_pairs(folder_of(tmp_path, "id,file,caption\n" + rows))
    assert len(caught.value.items) == 25
    assert str(copy.copy(caught.value)) == str(caught.value)


@pytest.mark.parametrize(
    ("table", "came"),
    [
        (b"", "none called id, file, caption"),
        (b"id,file\n1,a.png\n", "none called caption"),
        (b"id,file,caption\n1,a.png,a dot\n2,a.png\n", "an empty caption on line 3"),
        (b"id,file,caption\n ,a.png,\n", "an empty id and caption on line 2"),
        (b"id,file,caption\n1,a.png,red, round\n", "more on line 2"),
        (b"id,file,caption\n1,a.png,\xe9\n", "can't decode"),
        (b'id,file,caption\n1,a.png,"open\n', "unexpected end"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(tmp_path, table, came):
    with pytest.raises(errors.BadTable, match=came):
        read_pairs(folder_of(tmp_path, table, "a.png"))


def test_a_folder_without_a_table_says_so(tmp_path):
    with pytest.raises(errors.BadTable, match="no such file"):
        read_pairs(tmp_path)


# ---- the shipped data


@pytest.fixture
def copy_of_data(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ROOT", tmp_path / "data")
    shutil.copytree(data.ROOT, tmp_path / "data")
    return tmp_path / "data"


def test_the_shipped_data_are_as_registered():
    assert data.verify() == []


def test_a_changed_file_is_refused_and_both_hashes_shown(copy_of_data):
    image = copy_of_data / "scenes" / "0007.png"
    content = bytearray(image.read_bytes())
    good = hashlib.sha256(content).hexdigest()
    content[-1] ^= 1
    image.write_bytes(content)
    bad = hashlib.sha256(content).hexdigest()
    with pytest.raises(errors.WrongHash, match=f"0007.png: expected sha256 {good}, came {bad}"):
        data.shipped_scenes()


def test_verify_lists_every_missing_changed_and_unlisted_file(copy_of_data):
    (copy_of_data / "scenes" / "0001.png").unlink()
    (copy_of_data / "scenes" / "0002.png").write_bytes(b"")
    (copy_of_data / "extra.txt").write_text("x")
    (copy_of_data / ".DS_Store").write_text("x")
    found = data.verify()
    assert len(found) == 3
    assert re.search(r"0001\.png: .*no such file", found[0])
    assert re.search(rf"0002\.png: .*{hashlib.sha256().hexdigest()}", found[1])
    assert found[2].startswith("extra.txt: not listed")


def test_without_the_clone_the_message_says_where_the_data_are(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    with pytest.raises(errors.MissingFile, match="clone"):
        data.shipped_scenes()


def test_the_shipped_scenes_are_what_make_samples_makes(tmp_path):
    (tmp_path / "README.md").write_text(CARD, "utf-8")
    (tmp_path / "registry.txt").write_text("words/keep.txt 00\nscenes/stale.png 00\n")
    make_samples.main(tmp_path)
    card = (tmp_path / "README.md").read_text("utf-8")
    without_bytes = re.compile(r"\| bytes \| \d+ \|")  # another build of zlib may pack tighter
    assert without_bytes.sub("", card) == without_bytes.sub("", CARD)
    again, shipped = read_pairs(tmp_path / "scenes"), data.shipped_scenes()
    assert [(sample.id, sample.caption) for sample in again] == [(s.id, s.caption) for s in shipped]
    for ours, theirs in zip(again, shipped, strict=True):
        # another processor may round a pixel the other way
        difference = np.asarray(ours.image, np.int16) - np.asarray(theirs.image, np.int16)
        assert np.abs(difference).max() <= 1
    lines = (tmp_path / "registry.txt").read_text().splitlines()
    assert "words/keep.txt 00" in lines
    assert not any("stale" in line for line in lines)


# ---- real images


def test_digits_give_back_scikit_learn_s_numbers_and_name_them():
    samples, bunch = data.digits(), sklearn.datasets.load_digits()
    pixels = np.stack([np.asarray(sample.image) for sample in samples])  # (N, 8, 8, 3)
    assert len(samples) == 1797
    assert pixels.max() == 255
    np.testing.assert_array_equal(np.rint(pixels[..., 0] / 255 * 16), bunch.images)
    assert (pixels[..., :1] == pixels).all()
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert [sample.caption.split()[-1] for sample in samples] == [words[n] for n in bunch.target]
    assert samples[7].caption == "a handwritten seven"


def test_photographs_are_scikit_learn_s_at_full_size():
    folder = Path(sklearn.datasets.__file__).parent / "images"
    for sample in data.photographs():
        with Image.open(folder / f"{sample.id}.jpg") as original:
            assert sample.image.size == original.size == (640, 427)
            assert sample.image.tobytes() == original.tobytes()


# ---- the data card


def card_table(first_cell: str) -> list[list[str]]:
    """The rows of the table in the card whose head begins with `first_cell`."""
    after = CARD.split(f"| {first_cell} |", 1)[1].splitlines()[2:]
    rows = []
    for line in after:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def test_the_card_s_numbers_are_those_of_the_shipped_scenes():
    folder = data.ROOT / "scenes"
    rows = list(csv.DictReader((folder / "captions.csv").read_text("utf-8").splitlines()))
    words = [len(row["caption"].split(" ")) for row in rows]
    pairs = sum(bool(row["shape_2"]) for row in rows)
    card = dict(card_table("what | number"))
    numbers = {what: float(value) for what, value in card.items() if re.fullmatch(r"[\d.]+", value)}
    assert numbers == {
        "pairs": len(list(folder.glob("*.png"))),
        "width and height in pixels": read_image(folder / rows[0]["file"]).height,
        "bytes": sum(len(path.read_bytes()) for path in folder.iterdir()),
        "pictures with one object": len(rows) - pairs,
        "pictures with two objects": pairs,
        "different captions": len({row["caption"] for row in rows}),
        "words in the shortest caption": min(words),
        "words in the median caption": median(words),
        "words in the longest caption": max(words),
    }
    for what in card.keys() - numbers.keys():
        counts = {value: int(n) for value, n in re.findall(r"([a-z ]+) (\d+)", card[what].replace(", ", ","))}
        columns = [column for column in rows[0] if column.split("_")[0] == what]
        assert counts == Counter(row[column] for row in rows for column in columns if row[column])


def test_the_card_s_sizes_hashes_and_licences_are_those_that_fetch_uses():
    files = [(name, file) for name, source in SOURCES.items() for file in source.files]
    wanted = [[name, x.name, f"{x.size:,}", x.sha256] for name, file in files for x in (file, *file.members)]
    assert card_table("name | file | bytes | sha256") == wanted
    licences = {row[0]: row[3] for row in card_table("name | what | origin | licence")}
    assert licences.keys() == SOURCES.keys()
    assert all(licences[name].startswith(source.licence) for name, source in SOURCES.items())


def test_datasets_describes_all_seven():
    names = ["scenes", "digits", "photographs", "fashion-mnist", "cifar-10", "glove-6b", "resnet-18"]
    described = data.datasets()
    assert list(described) == names
    assert [name for name in names if "no download" in described[name]] == names[:3]
    assert "862 MB" in described["glove-6b"]
