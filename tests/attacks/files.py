"""F to J: broken files, edited notebooks, archives and names, cheats, and honest work; each in a folder beside alice's.

The whole way is walked: the folder is collected and graded, and what is said of every student is compared.
"""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus import POINTS, honest_cells, notebook_of

Said = tuple[str, int, str]  # state, points, a part of the reason or of the notes
HONEST = list(honest_cells().values())
FULL = ("graded", 12, "")


@dataclass(frozen=True)
class Folder:
    """What is handed in.

    Attributes:
        code, title: of the catalogue.
        build: writes it into an empty folder, and may return the archive to grade instead.
        said: of each student but alice, what must be said.
    """

    code: str
    title: str
    build: Callable[[Path], Path | None]
    said: dict[str, Said]


def bytes_in(name: str, content: bytes) -> Callable[[Path], None]:
    """A folder with one file."""

    def build(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return build


def of(cells: list[str], **metadata: object) -> bytes:
    """A notebook of these cells."""
    return notebook_of(cells, **metadata)


def one(code: str, title: str, content: bytes, state: str, points: int = 0, part: str = "") -> Folder:
    """A folder with bob's file alone."""
    return Folder(code, title, bytes_in("bob.ipynb", content), {"bob": (state, points, part)})


def edited(code: str, title: str, change: Callable[[dict], None], state: str, points: int, part: str = "") -> Folder:
    """Bob's notebook is right, but for a change of its JSON."""
    notebook = json.loads(of(HONEST))
    change(notebook)
    return one(code, title, json.dumps(notebook).encode(), state, points, part)


def cells(code: str, title: str, texts: list[str], points: int = 12, part: str = "") -> Folder:
    """Bob's notebook holds these cells."""
    return one(code, title, of(texts), "graded", points, part)


def answering(code: str, title: str, name: str, text: str, points: int | None = None, first: str = "") -> Folder:
    """Bob's notebook is right, but one answer is written otherwise."""
    answers = {**honest_cells(), name: text}
    return cells(code, title, [first, *answers.values()], 12 if points is None else points)


def zipped(members: dict[str, bytes], links: dict[str, str] | None = None) -> Callable[[Path], Path]:
    """A zip with these members, and links."""

    def build(folder: Path) -> Path:
        path = folder / "class.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in {"alice.ipynb": of(HONEST), **members}.items():
                archive.writestr(name, content)
            for name, target in (links or {}).items():
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, target)
        return path

    return build


def tarred(members: list[tuple[tarfile.TarInfo, bytes]]) -> Callable[[Path], Path]:
    """A tar with these members."""

    def build(folder: Path) -> Path:
        path = folder / "class.tar"
        with tarfile.open(path, "w") as archive:
            for member, content in [(tarfile.TarInfo("alice.ipynb"), of(HONEST)), *members]:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    return build


def link(name: str, kind: bytes, target: str) -> tuple[tarfile.TarInfo, bytes]:
    """A link in a tar."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def no_files(folder: Path) -> None:
    """A link to a file, a link to nowhere, a pipe."""
    (folder / "bob.ipynb").symlink_to("/etc/passwd")
    (folder / "carol.ipynb").symlink_to("/nowhere")
    os.mkfifo(folder / "dave.ipynb")


def sparse(folder: Path) -> None:
    """500 megabytes of nothing."""
    with (folder / "bob.ipynb").open("wb") as file:
        file.truncate(500_000_000)


def two_of_one(folder: Path) -> None:
    """Bob hands in twice; carol hands in what bob did."""
    (folder / "bob").mkdir()
    (folder / "bob" / "08_vae.ipynb").write_bytes(of(HONEST))
    (folder / "bob" / "08_vae-Copy1.ipynb").write_bytes(of(HONEST[:-1]))
    (folder / "carol.ipynb").write_bytes(of(HONEST))


def set_source(index: int, text: str) -> Callable[[dict], None]:
    """Replace the source of a cell."""
    return lambda notebook: notebook["cells"][index].update(source=text)


def remove_ids(notebook: dict) -> None:
    """Strip all metadata."""
    notebook["metadata"] = {}
    for cell in notebook["cells"]:
        cell.pop("id")
        cell["metadata"] = {}


def colab(notebook: dict) -> None:
    """As Google Colab saves: sources as one text, its own metadata, no ids."""
    remove_ids(notebook)
    notebook["nbformat_minor"] = 0
    notebook["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        cell["metadata"] = {"id": "x", "colab": {"base_uri": "https://localhost:8080/"}}


def vs_code(notebook: dict) -> None:
    """As VS Code saves: its own metadata, sources as lists, outputs with pictures."""
    notebook["metadata"] = {"language_info": {"name": "python", "version": "3.12.1"}, "vscode": {"interpreter": {}}}
    picture = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}, "metadata": {}}
    for cell in notebook["cells"]:
        cell["outputs"] = [picture]
        cell["execution_count"] = 7


def wrong_points(notebook: dict) -> None:
    """Points in the metadata."""
    for cell in notebook["cells"]:
        cell["metadata"] = {"nbgrader": {"grade": True, "points": 10**6, "grade_id": "kl_between", "solution": True}}


def crlf(notebook: dict) -> None:
    """Windows' ends of lines."""
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


__all__ = [
    "FULL",
    "HONEST",
    "POINTS",
    "Folder",
    "answering",
    "bytes_in",
    "cells",
    "colab",
    "crlf",
    "edited",
    "link",
    "no_files",
    "of",
    "one",
    "remove_ids",
    "set_source",
    "sparse",
    "tarred",
    "two_of_one",
    "vs_code",
    "wrong_points",
    "zipped",
]
