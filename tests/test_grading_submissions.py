"""Notebooks are read from folders and archives; what cannot be graded is refused with a reason, and nothing is lost."""

import io
import json
import os
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmgen_course.grading.submissions import collect, readable, submission
from mmgen_course.notebooks.read import MOST_BYTES, Refused, code_cells

CELL = {"cell_type": "code", "source": "def kl_between(*a): pass"}


def notebook(**changes):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [CELL], **changes}).encode()


GOOD = notebook()


def test_the_code_of_code_cells_is_taken_and_nothing_else():
    cells = [
        {"cell_type": "markdown", "source": "# text"},
        {"cell_type": "code", "source": ["x = 1\n", "y = 2"], "outputs": [{"text": "PASS"}], "metadata": {"p": 9}},
        {"cell_type": "raw", "source": "raw"},
        {"cell_type": "code", "source": "z = 3"},
    ]
    assert code_cells(notebook(cells=cells, metadata={"kernelspec": {"name": "evil"}})) == ["x = 1\ny = 2", "z = 3"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (GOOD[:-20], "not JSON at line 1"),
        (b"[1, 2]", "a notebook is a JSON object; this is a list"),
        (b"null", "this is a NoneType"),
        (notebook(nbformat=3), "expected nbformat 4; came 3: open it in JupyterLab and save it again"),
        (notebook(nbformat=5), "expected nbformat 4; came 5: save it from JupyterLab 4"),
        (b'{"cells": []}', "expected nbformat 4; came None"),
        (notebook(cells={}), "expected a list of at most"),
        (notebook(cells=[{"cell_type": "code", "source": 3}]), "the source of a code cell is no text"),
        (notebook(cells=[{"cell_type": "code", "source": [3]}]), "the source of a code cell is no text"),
        ('{"nbformat": 4, "x": "é"}'.encode("latin-1"), "not UTF-8 at byte 22"),
        (GOOD.decode().encode("utf-16"), "not UTF-8 at byte 0"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"nbformat": 4, "cells": [], "x": NaN}', "NaN is no JSON"),
        (b'{"nbformat": 4, "nbformat": 4, "cells": []}', "the name 'nbformat' stands twice"),
        (b'{"nbformat": 4, "cells": [], "x": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b" " * (MOST_BYTES + 1), "at most 20,000,000"),
    ],
    ids=range(18),
)
def test_what_is_no_notebook_is_refused_with_the_reason(content, reason):
    with pytest.raises(Refused, match="^.*" + reason.replace("(", r"\(")):
        code_cells(content)


def test_a_byte_order_mark_does_no_harm():
    assert code_cells(b"\xef\xbb\xbf" + GOOD) == [CELL["source"]]


@given(st.binary(max_size=300))
def test_noise_is_refused(content):
    with pytest.raises(Refused):
        code_cells(content)


@pytest.mark.parametrize(
    ("file", "student"),
    [
        ("alice.ipynb", "alice"),
        ("alice/08_vae.ipynb", "alice"),
        ("alice/08_vae/08_vae.ipynb", "alice"),
        ("hw (1).ipynb", "hw (1)"),
        ("../../x.ipynb", "x"),
        ("=HYPERLINK(1).ipynb", "=HYPERLINK(1)"),
        ("a\x1b[31m\u202eb.IPYNB", "a?[31m?b"),
        (".ipynb", "(no name)"),
        ("n" * 900 + ".ipynb", "n" * 200),
    ],
)
def test_the_student_is_the_first_folder_or_the_name(file, student):
    assert submission(file, GOOD).student == student


def test_the_lesson_is_the_one_whose_exercises_are_defined():
    assert submission("a.ipynb", GOOD).lesson == "08_vae"
    other = submission("a.ipynb", notebook(cells=[{"cell_type": "code", "source": "x = 1"}]))
    assert other.refused.startswith("it defines no exercise of the course")


def test_a_folder_gives_every_notebook_once_and_opens_nothing_else(tmp_path):
    (tmp_path / "bob" / ".ipynb_checkpoints").mkdir(parents=True)
    (tmp_path / "bob" / "08_vae.ipynb").write_bytes(GOOD)
    (tmp_path / "bob" / ".ipynb_checkpoints" / "08_vae-checkpoint.ipynb").write_bytes(GOOD)
    (tmp_path / "alice.ipynb").write_bytes(GOOD)
    (tmp_path / "notes.txt").write_text("no notebook")
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.ipynb")
    with (tmp_path / "huge.ipynb").open("wb") as huge:
        huge.truncate(500_000_000)
    found = {s.file: s for s in collect(tmp_path)}
    assert list(found) == ["alice.ipynb", "huge.ipynb", "link.ipynb", "pipe.ipynb", "bob/08_vae.ipynb"]
    refused = "a link, pipe or device, not a file"
    assert [s.refused for s in found.values()][2:] == [refused, refused, ""]
    assert found["huge.ipynb"].refused.startswith("500,000,000 bytes; at most")


def test_a_link_to_a_folder_is_not_followed(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.ipynb").write_bytes(GOOD)
    (tmp_path / "in" / "mallory").symlink_to(tmp_path / "out")
    found = list(collect(tmp_path / "in"))
    assert [(one.student, one.refused) for one in found] == [("mallory", "a link to a folder; nothing in it was read")]


def zip_of(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tar_of(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_zip_is_read_without_being_unpacked(tmp_path):
    members = {"alice/08_vae.ipynb": GOOD, "../bob.ipynb": GOOD, "/abs.ipynb": GOOD, "C:\\x.ipynb": GOOD, "b.txt": b""}
    members["bomb.ipynb"] = b" " * (MOST_BYTES + 1)
    found = {s.file: s.refused for s in collect(zip_of(tmp_path / "class.zip", members))}
    out = "its path leads out of the archive"
    assert found["alice/08_vae.ipynb"] == ""
    assert [found[name] for name in ("../bob.ipynb", "/abs.ipynb", "C:\\x.ipynb")] == [out] * 3
    assert found["bomb.ipynb"].startswith("it unpacks to 20,000,001 bytes")
    assert len(found) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["class.zip"]


def test_a_tar_gives_files_and_refuses_links_and_devices(tmp_path):
    link, hard, device = (tarfile.TarInfo(f"{name}.ipynb") for name in ("link", "hard", "device"))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "alice.ipynb"
    device.type = tarfile.CHRTYPE
    members = [(tarfile.TarInfo("alice.ipynb"), GOOD), (tarfile.TarInfo("../bob.ipynb"), GOOD)]
    path = tar_of(tmp_path / "c.tar.gz", [*members, *((m, b"") for m in (link, hard, device))])
    found = {s.file: s.refused for s in collect(path)}
    refused = "a link or device in the archive, not a file"
    assert found == {
        "alice.ipynb": "",
        "../bob.ipynb": "its path leads out of the archive",
        "link.ipynb": refused,
        "hard.ipynb": refused,
        "device.ipynb": refused,
    }


def test_a_broken_member_costs_no_other(tmp_path):
    path = zip_of(tmp_path / "class.zip", {"alice.ipynb": GOOD, "bob.ipynb": GOOD})
    raw = bytearray(path.read_bytes())
    place = raw.index(b"alice.ipynb") + len("alice.ipynb") + 5
    raw[place] ^= 0xFF
    path.write_bytes(raw)
    found = {s.file: s.refused for s in collect(path)}
    assert found["alice.ipynb"]
    assert found["bob.ipynb"] == ""


def test_an_archive_that_is_cut_off_is_refused_as_a_whole(tmp_path):
    member = tarfile.TarInfo("alice.ipynb")
    path = tar_of(tmp_path / "c.tar.gz", [(member, GOOD + b" " * 100_000)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(Refused, match="cannot be read to its end"):
        list(collect(path))


def test_what_is_neither_folder_nor_archive_is_refused(tmp_path):
    path = tmp_path / "class.rar"
    path.write_bytes(b"Rar!")
    with pytest.raises(Refused, match="is no folder, zip or tar; expected one with a notebook per student"):
        list(collect(path))


@given(st.text(max_size=50))
def test_readable_text_has_no_control_characters_and_can_be_written(text):
    shown = readable(text)
    assert len(shown) == len(text)
    shown.encode()
    assert all(c.isprintable() for c in shown)
