"""Starts a real JupyterLab on a copy of the lessons, runs notebooks in it, and asks its page what several tests ask."""

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
from typing import Any
from uuid import uuid4

import nbformat
import requests
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary
from playwright.sync_api import Locator, Page, ViewportSize, expect

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
TOKEN = "lessons"
PATIENCE = 300  # seconds for an answer of the server, on the busiest machine
MINUTE = 60_000  # milliseconds, as Playwright counts
LAPTOP: ViewportSize = {"width": 1280, "height": 1000}
NARROW: ViewportSize = {"width": 560, "height": 900}
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # keep every cell on the page
}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, and the folders of notebooks, settings, kernels of others, and of all."""

    url: str
    folder: Path
    settings: Path
    kernels: Path
    home: Path

    def ask(self, method: str, what: str, **options: Any) -> Any:
        """An answer of the server's API, as Python has it; nothing where there is none."""
        headers = {"Authorization": f"token {TOKEN}"}
        answer = requests.request(method, f"{self.url}/api/{what}", headers=headers, timeout=PATIENCE, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def address(self, notebook: str) -> str:
        """Where a notebook opens alone: in a workspace of its own, which knows no tabs of another page."""
        return f"{self.url}/lab/workspaces/{uuid4().hex}/tree/{notebook}?token={TOKEN}"

    def renew(self) -> None:
        """End every kernel, and forget what a learner has set, as the theme."""
        for session in self.ask("GET", "sessions"):
            self.ask("DELETE", f"sessions/{session['id']}")
        shutil.rmtree(self.settings, ignore_errors=True)
        for name, values in SETTINGS.items():
            path = self.settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))

    @contextmanager
    def attached(self, notebook: NotebookNode, name: str, connection: Path) -> Iterator[None]:
        """Serve a notebook that a living kernel has run, with this kernel: as after a page was loaded anew.

        Args:
            notebook: with its outputs; it becomes a file, and is trusted, as what a learner ran is.
            name: of the file.
            connection: the file by which clients find the kernel, which somebody else ends.
        """
        signature_of(self.home).sign(notebook)
        nbformat.write(notebook, self.folder / name)
        known = self.kernels / f"{name}.json"
        shutil.copy(connection, known)
        (kernel,) = self.ask("GET", "kernels")
        session = {"path": name, "name": name, "type": "notebook", "kernel": {"id": kernel["id"]}}
        self.ask("POST", "sessions", json=session)
        yield
        known.unlink()
        assert self.ask("GET", "kernels") == []  # so it forgets the kernel; it would wait for the kernel's end
        self.renew()


def signature_of(home: Path) -> NotebookNotary:
    """What says that a notebook is trusted by the JupyterLab of this home."""
    return NotebookNotary(data_dir=str(home / "data"))


@contextmanager
def serve(home: Path) -> Iterator[Lab]:
    """JupyterLab with everything that it writes below `home`; it ends with the block."""
    folder, kernels = home / "notebooks", home / "kernels"
    shutil.copytree(LESSONS, folder, ignore=shutil.ignore_patterns("solutions", "source"))
    kernels.mkdir()
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
    }
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--port=0"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    command += ["--ServerApp.allow_external_kernels=True", f"--ServerApp.external_connection_dir={kernels}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            running = Lab(_url(server, home), folder, home / "settings", kernels, home)
            running.renew()
            yield running
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


def open_alone(page: Page, lab: Lab, notebook: str) -> None:
    """Open a notebook; return when its kernel waits for work."""
    page.goto(lab.address(notebook))
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=5 * MINUTE)


def run_all(page: Page, lab: Lab, notebook: str) -> None:
    """Open a notebook as if never run, and run all its cells from the menu; return when the last has its number."""
    path = lab.folder / notebook
    cells = len(code_cells(path))
    unrun = nbformat.read(path, as_version=4)
    for cell in unrun.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(unrun, path)
    open_alone(page, lab, notebook)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    last = page.locator(".jp-CodeCell").last.locator(".jp-InputArea-prompt")
    expect(last).to_have_text(f"[{cells}]:", timeout=10 * MINUTE)


def code_cells(path: Path) -> list[dict]:
    """The code cells of a notebook as they stand in its file."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def narrow(page: Page) -> None:
    """Make the window narrow, and return when JupyterLab has laid itself out in it."""
    page.set_viewport_size(NARROW)
    page.wait_for_function("""() => {
        const notebook = document.querySelector(".jp-Notebook").getBoundingClientRect()
        return notebook.width > 0 && notebook.right <= window.innerWidth
    }""")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def keep(shown: Page | Locator, folder: Path | None, name: str) -> None:
    """Keep a picture of what is shown, where pictures are asked for."""
    if folder:
        shown.screenshot(path=folder / name)


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
