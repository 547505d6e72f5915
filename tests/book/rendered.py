"""The book as the tests of all files see it: built once, its pages taken apart."""

import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from mmgen_course.notebooks.register import lesson_names

ROOT = Path(__file__).resolve().parents[2]
LESSONS = lesson_names()


class Page(HTMLParser):
    """What a rendered page holds: anchors, links with their texts, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.text = path, path.read_text(encoding="utf-8")
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") not in {"canonical", "author"}:
            self.loads.append(values["href"])
        if "src" in values:
            self.loads.append(values["src"])


@dataclass(frozen=True)
class Built:
    folder: Path
    pages: dict[str, Page]


def build(out: Path) -> Built:
    """Build the book into `out`, or say what came of it where another process has been here; one at a time."""
    said = out / "said.txt"
    if not said.exists():
        out.mkdir()
        # in a process of its own, as it is called: PyTorch exports no functions whose shapes the tests check
        command = [sys.executable, "-m", "tools.book", "--out", out]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said.write_text(done.stderr if done.returncode else "")
    assert not said.read_text(), said.read_text()
    pages = {path.stem: Page(path) for path in (out / "html").glob("*.html")}
    return Built(out / "html", pages)
