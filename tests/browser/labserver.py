"""Starts a real JupyterLab on a copy of the lessons, and asks its page what several tests ask."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, ViewportSize, expect

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
TOKEN = "lessons"
LAPTOP: ViewportSize = {"width": 1280, "height": 1000}
NARROW: ViewportSize = {"width": 560, "height": 900}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # keep every cell on the page
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address and the folder of notebooks that it serves."""

    url: str
    folder: Path

    def address(self, notebook: str) -> str:
        return f"{self.url}/lab/tree/{notebook}?token={TOKEN}"


@contextmanager
def serve(home: Path) -> Iterator[Lab]:
    """JupyterLab with everything that it writes below `home`; it ends with the block."""
    folder = home / "notebooks"
    shutil.copytree(LESSONS, folder)
    for path in folder.glob("*.ipynb"):  # as if never run, so that a number beside a cell means that it ran here
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, path)
    for name, values in SETTINGS.items():
        path = home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield Lab(_url(server, home), folder)
        finally:
            server.terminate()
            server.wait(timeout=300)


def _url(server: subprocess.Popen, home: Path, patience: float = 300) -> str:
    """Where the server listens, once it has said so in its runtime folder."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.poll() is None:
        for info in (home / "runtime").glob("jpserver-*.json"):
            return json.loads(info.read_text())["url"].rstrip("/")
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'log').read_text()}")


def darken(page: Page) -> None:
    """Choose the dark theme in the menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).first.hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false", timeout=60_000)


def contrast(parts: Locator) -> float:
    """The lowest contrast of a text below these parts of a page with what is behind it."""
    return parts.evaluate_all("""parts => {
        const numbers = text => text.match(/[\\d.]+/g).map(Number)
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0)
        const behind = element => {
            const colour = numbers(getComputedStyle(element).backgroundColor)
            return colour.length < 4 || colour[3] > 0.99 ? colour : behind(element.parentElement)
        }
        const ratios = parts.flatMap(part => [...part.querySelectorAll("*")])
            .filter(element => [...element.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()))
            .map(element => [light(numbers(getComputedStyle(element).color)), light(behind(element))])
            .map(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05))
        return Math.min(...ratios)
    }""")
