"""Notebooks are read from folders and archives; what cannot be graded is refused with a reason, and nothing is lost."""

import base64
import io
import json
import os
import random
import struct
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmgen_course.grading import submissions
from mmgen_course.grading.submissions import collect, readable, students, submission
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
        (notebook(nbformat=3), "expected nbformat 4; got 3: open it in JupyterLab and save it again"),
        (notebook(nbformat=5), "expected nbformat 4; got 5: save it from JupyterLab 4"),
        (b'{"cells": []}', "expected nbformat 4; got None"),
        (notebook(cells={}), "expected a list of at most"),
        (notebook(cells=[{"cell_type": "code", "source": 3}]), "the source of a code cell is no text"),
        (notebook(cells=[{"cell_type": "code", "source": [3]}]), "the source of a code cell is no text"),
        ('{"nbformat": 4, "x": "é"}'.encode("latin-1"), "not UTF-8 at byte 22"),
        (GOOD.decode().encode("utf-16"), "not UTF-8 at byte 0"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"nbformat": 4, "nbformat": 4, "cells": []}', "the name 'nbformat' stands twice"),
        (b'{"nbformat": 4, "cells": [], "x": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b" " * (MOST_BYTES + 1), "at most 20,000,000"),
    ],
    ids=range(17),
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
    assert students([file]) == {file: student}


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
    assert list(found) == [
        "alice.ipynb",
        "bob/08_vae.ipynb",
        "huge.ipynb",
        "link.ipynb",
        "notes.txt",
        "pipe.ipynb",
    ]
    assert found["notes.txt"].refused == "not a notebook: hand in the file that ends in .ipynb"
    refused = "a link, pipe or device, not a file"
    assert [found[name].refused for name in ("link.ipynb", "pipe.ipynb", "bob/08_vae.ipynb")] == [refused, refused, ""]
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
    members = {
        "alice/08_vae.ipynb": GOOD,
        "../bob.ipynb": GOOD,
        "/abs.ipynb": GOOD,
        "C:\\x.ipynb": GOOD,
        "10:30.ipynb": GOOD,
    }
    members["bomb.ipynb"] = b" " * (MOST_BYTES + 1)
    found = {s.file: s.refused for s in collect(zip_of(tmp_path / "class.zip", members))}
    out = "its path leads out of the archive"
    assert found["alice/08_vae.ipynb"] == ""
    assert [found[name] for name in ("../bob.ipynb", "/abs.ipynb", "C:/x.ipynb")] == [out] * 3
    assert found["10:30.ipynb"] == ""
    assert found["bomb.ipynb"].startswith("it unpacks to 20,000,001 bytes")
    assert len(found) == 6
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


def test_of_a_tar_that_is_cut_off_what_stands_before_the_cut_is_graded(tmp_path):
    noise = notebook(x=base64.b64encode(random.Random(0).randbytes(90_000)).decode())
    members = [(tarfile.TarInfo(f"{name}.ipynb"), noise) for name in ("alice", "bob")]
    path = tar_of(tmp_path / "c.tar.gz", members)
    path.write_bytes(path.read_bytes()[:-40_000])
    found = list(collect(path))
    assert (found[0].student, bool(found[0].refused)) == ("alice", False)
    assert any(one.refused for one in found[1:])


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


# ---- whose a file is


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["hw8/alice.ipynb", "hw8/bob.ipynb"], ["alice", "bob"]),
        (["class/hw8/alice/08_vae.ipynb", "class/hw8/bob/08_vae.ipynb"], ["alice", "bob"]),
        (["submitted/alice/08_vae/08_vae.ipynb"], ["alice"]),
        (["submitted/alice/08_vae/08_vae.ipynb", "submitted/bob/08_vae/08_vae.ipynb"], ["alice", "bob"]),
        (["alice/08_vae.ipynb", "alice/08_vae-Copy1.ipynb"], ["alice", "alice"]),
        (["alice/08_vae/08_vae.ipynb", "alice/09_evaluation/09_evaluation.ipynb"], ["alice", "alice"]),
        (["Ana Muñoz_12_assignsubmission_file/08_vae.ipynb"], ["Ana Muñoz_12_assignsubmission_file"]),
        (["munozana_12345_678901_08_vae.ipynb", "li_LATE_1_2_08_vae-2.ipynb"], [
            "munozana_12345_678901_08_vae", "li_LATE_1_2_08_vae-2",
        ]),
        (["alice.zip/08_vae.ipynb", "bob.tar.gz/08_vae.ipynb"], ["alice", "bob"]),
    ],
)  # fmt: skip
def test_a_folder_that_all_share_is_nobodys(files, expected):
    assert [*students(files).values()] == expected


NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True), st.sampled_from(["", "hw8/", "submitted/", "a/b/"]))
def test_whatever_they_are_called_two_students_stay_two(names, below):
    names = [name for name in names if name not in (".", "..") and not name.lower().endswith(".ipynb")]
    files = [f"{below}{name}/08_vae.ipynb" for name in names]
    named = students(files)
    assert len(set(named.values())) == len(files)
    assert all(len(student) <= 211 and readable(student) == student for student in named.values())


def test_a_file_with_a_wrong_suffix_has_the_student_of_the_right_one():
    assert [*students(["carl.ipynb.txt", "dora.IPYNB", "eve.zip"]).values()] == ["carl", "dora", "eve"]


def test_an_output_that_packs_well_is_no_bomb_and_bombs_are_not_read_without_end(tmp_path, monkeypatch):
    long = notebook(x="all the same " * 400_000)
    path = zip_of(tmp_path / "a.zip", {f"{name}.ipynb": long for name in ("alice", "bob", "carl")})
    assert [one.refused for one in collect(path)] == ["", "", ""]
    monkeypatch.setattr(submissions, "MOST_TOTAL", 6_000_000)
    assert [bool(one.refused) for one in collect(path)] == [False, False, True]


def test_two_long_names_that_differ_at_their_end_are_two_students():
    one, other = students(["n" * 300 + "a.ipynb", "n" * 300 + "b.ipynb"]).values()
    assert one != other


# ---- what else is handed in


def rows(found):
    return {one.file: (one.student, one.refused) for one in found}


def test_what_systems_leave_in_archives_is_nobodys(tmp_path):
    left = ["__MACOSX/._alice.ipynb", "__MACOSX/bob/._08_vae.ipynb", "._carl.ipynb", ".DS_Store", "bob/Thumbs.db"]
    left += [".Trash-1000/files/eve.ipynb", "bob/.ipynb_checkpoints/08_vae-checkpoint.ipynb"]
    members = dict.fromkeys(left, GOOD) | {"alice.ipynb": GOOD, "bob/08_vae.ipynb": GOOD}
    assert rows(collect(zip_of(tmp_path / "a.zip", members))) == {
        "alice.ipynb": ("alice", ""), "bob/08_vae.ipynb": ("bob", ""),
    }  # fmt: skip


def test_a_notebook_under_another_name_is_a_row_that_says_how_to_call_it(tmp_path):
    members = dict.fromkeys(["a/08_vae.ipynb.txt", "b/08_vae.ipynb.json", "c/08_vae", "d/notes.pdf"], GOOD)
    found = rows(collect(zip_of(tmp_path / "a.zip", members)))
    renamed = "not a notebook by its name: call it 08_vae.ipynb and hand it in again"
    other = "not a notebook: hand in the file that ends in .ipynb"
    assert list(found.values()) == [("a", renamed), ("b", renamed), ("c", other), ("d", other)]


def test_what_lies_beside_a_notebook_is_no_row(tmp_path):
    members = {
        "a/08_vae.ipynb": GOOD,
        "a/plot.png": b"x",
        "HW8_bo_attempt_08_vae.ipynb": GOOD,
        "HW8_bo_attempt.txt": b"",
    }
    found = rows(collect(zip_of(tmp_path / "a.zip", members)))
    assert list(found) == ["HW8_bo_attempt_08_vae.ipynb", "a/08_vae.ipynb"]


def test_an_archive_in_the_archive_is_opened_once(tmp_path):
    inner = zip_of(tmp_path / "inner.zip", {"08_vae.ipynb": GOOD, "plot.png": b"x"}).read_bytes()
    twice = zip_of(tmp_path / "twice.zip", {"alice.zip": inner}).read_bytes()
    empty = zip_of(tmp_path / "empty.zip", {"notes.txt": b"x"}).read_bytes()
    members = {
        "alice_1/alice.zip": inner,
        "bob.zip": inner,
        "carl/c.zip": twice,
        "dora/d.zip": empty,
        "eve/e.zip": b"PK",
    }
    found = rows(collect(zip_of(tmp_path / "class.zip", members)))
    assert found.pop("alice_1/alice.zip/08_vae.ipynb") == ("alice_1", "")
    assert found.pop("bob.zip/08_vae.ipynb") == ("bob", "")
    assert found == {
        "carl/c.zip/alice.zip": ("carl", "an archive in an archive in an archive: hand in the notebook itself"),
        "dora/d.zip": ("dora", "not a notebook, and none in it: hand in the .ipynb itself"),
        "eve/e.zip": ("eve", "not a notebook, and no zip: hand in the .ipynb itself"),
    }


def test_folders_of_windows_and_names_in_utf8_without_its_mark_are_read_as_meant(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"alice|08_vae.ipynb": GOOD, "zoe__/08_vae.ipynb": GOOD})
    raw = path.read_bytes().replace(b"alice|", b"alice\\").replace(b"zoe__", "zoë_".encode())
    path.write_bytes(raw)
    assert sorted(one.student for one in collect(path)) == ["alice", "zoë_"]


def test_notebooks_beyond_ten_of_a_student_and_lesson_are_rows_and_not_graded(tmp_path):
    members = {f"alice/08_vae ({n:02}).ipynb": GOOD for n in range(12)} | {"bob/08_vae.ipynb": GOOD}
    found = collect(zip_of(tmp_path / "a.zip", members))
    refused = [one.refused for one in found if one.refused]
    assert refused == [f"notebook {n} of alice for 08_vae; at most 10 are graded" for n in (11, 12)]


def test_nan_in_outputs_and_metadata_is_nobodys_business():
    cell = CELL | {"outputs": [{"data": {"x": float("nan")}}], "metadata": {"y": float("-inf")}}
    assert code_cells(notebook(cells=[cell], metadata={"z": float("inf")})) == [CELL["source"]]


@pytest.mark.parametrize(
    "source",
    [
        "kl_between = lambda *a: 0",
        "kl_between: Callable = partial(f)",
        "x = 1\rdef kl_between(*a): pass\ry = 2",
        "class kl_between: pass",
    ],
)
def test_an_answer_of_any_form_tells_the_lesson(source):
    assert submission("a.ipynb", notebook(cells=[{"cell_type": "code", "source": source}])).lesson == "08_vae"


def test_to_compare_with_a_name_of_the_course_defines_nothing():
    cells = [{"cell_type": "code", "source": "kl_between == 3"}]
    assert submission("a.ipynb", notebook(cells=cells)).lesson == ""


# ---- damage


def test_folders_without_end_are_a_row_and_the_rest_is_graded(tmp_path):
    (tmp_path / "alice.ipynb").write_bytes(GOOD)
    here = tmp_path / "bob"
    for _ in range(30):
        here.mkdir()
        here = here / "x"
    found = collect(tmp_path)
    assert [(one.student, bool(one.refused)) for one in found] == [("alice", False), ("bob", True)]
    assert "more than 20 folders" in found[1].refused


def test_a_name_that_is_no_utf8_and_sizes_that_are_none_cost_no_other(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"älice.ipynb": GOOD, "bob.ipynb": GOOD})
    raw = path.read_bytes().replace("älice".encode(), b"\xff\xfelice")
    path.write_bytes(raw)
    found = collect(path)
    assert [one.student for one in found if not one.refused].count("bob") == 1
    assert len(found) == 2
    assert all(one.student.isprintable() for one in found)


def test_a_broken_field_of_zip64_costs_its_own_member_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("alice.ipynb", "bob.ipynb"):
            entry = zipfile.ZipInfo(name)
            entry.extra = struct.pack("<HHI", 0x7777, 4, 0) if name == "alice.ipynb" else b""
            archive.writestr(entry, GOOD)
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    at = raw.rindex(b"PK\1\2", 0, raw.index(b"PK\1\2") + 4)
    raw[at + 20 : at + 28] = b"\xff" * 8  # its sizes stand in zip64, it says
    field = raw.index(struct.pack("<HH", 0x7777, 4), at)
    raw[field : field + 2] = struct.pack("<H", 1)  # and zip64 is too short for them
    (tmp_path / "a.zip").write_bytes(raw)
    found = {one.student: one.refused for one in collect(tmp_path / "a.zip")}
    assert found["bob"] == ""
    assert found["alice"] != ""


def test_a_member_with_a_password_is_refused_by_name(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"alice.ipynb": GOOD, "bob.ipynb": GOOD})
    raw = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        raw[raw.index(mark) + place] |= 1
    path.write_bytes(raw)
    found = {one.student: one.refused for one in collect(path)}
    assert "encrypted" in found["alice"]
    assert found["bob"] == ""


def test_behind_a_broken_header_of_a_tar_nothing_vanishes(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("älice.ipynb", "bob.ipynb", "carl.ipynb"):
            entry = tarfile.TarInfo(name)
            entry.size = len(GOOD)
            archive.addfile(entry, io.BytesIO(GOOD))
    raw = (tmp_path / "a.tar").read_bytes().replace(b"path=", b"p\xffth=", 1).replace(b"bob.ipynb\0", b"bob.ipynb\1", 1)
    (tmp_path / "a.tar").write_bytes(raw)  # a checksum that is none
    found = collect(tmp_path / "a.tar")
    assert "carl" in [one.student for one in found if not one.refused]


@settings(max_examples=150)
@given(st.binary(min_size=1, max_size=3), st.floats(0, 1), st.booleans(), st.booleans())
def test_no_damage_to_an_archive_is_more_than_a_refusal(tmp_path_factory, damage, where, packed, cut):
    folder = tmp_path_factory.mktemp("damage")
    if packed:
        path = zip_of(folder / "a.zip", {"alice/08_vae.ipynb": GOOD, "zoë.ipynb": GOOD})
    else:
        path = tar_of(
            folder / "a.tar.gz", [(tarfile.TarInfo(name), GOOD) for name in ("alice/08_vae.ipynb", "zoë.ipynb")]
        )
    raw = bytearray(path.read_bytes())
    at = int(where * (len(raw) - 1))
    raw[at : at + len(damage)] = b"" if cut else damage
    path.write_bytes(raw[:at] if cut else raw)
    try:
        found = collect(path)
    except Refused:
        return
    assert all(one.student and one.student.isprintable() for one in found)
