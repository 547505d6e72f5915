"""A file or folder is written whole or not at all."""

import os
from pathlib import Path

import pytest

from mmgen_course.data.atomic import replacing


def write_half_a_file(path: Path) -> None:
    with replacing(path) as partial:
        partial.write_text("half of the ne")
        raise OSError("no room")


def write_half_a_folder(path: Path) -> None:
    with replacing(path) as partial:
        partial.mkdir()
        (partial / "1.png").write_bytes(b"1")
        raise OSError("no room")


def test_a_file_that_is_not_finished_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="no room"):
        write_half_a_file(path)
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]
    assert path.read_text() == "old"


def test_a_folder_appears_whole(tmp_path):
    with replacing(tmp_path / "pictures") as partial:
        partial.mkdir()
        (partial / "1.png").write_bytes(b"1")
        assert not (tmp_path / "pictures").exists()
    assert [folder.name for folder in tmp_path.iterdir()] == ["pictures"]
    assert [file.name for file in (tmp_path / "pictures").iterdir()] == ["1.png"]


def test_a_folder_that_is_not_finished_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="no room"):
        write_half_a_folder(tmp_path / "pictures")
    assert not list(tmp_path.iterdir())


def test_what_was_written_and_its_new_name_are_on_the_disk_before_the_block_ends(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.fstat(descriptor).st_ino) or sync(descriptor))
    monkeypatch.setattr(Path, "replace", lambda path, other: done.append("renamed") or replace(path, other))
    path = tmp_path / "note.txt"
    with replacing(path) as partial:
        partial.write_text("whole")
    assert done == [path.stat().st_ino, "renamed", tmp_path.stat().st_ino]
