"""Starts a real JupyterLab on a copy of the lessons."""

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

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
TOKEN = "lessons"
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
            server.wait(timeout=30)


def _url(server: subprocess.Popen, home: Path, patience: float = 90) -> str:
    """Where the server listens, once it has said so in its runtime folder."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and server.poll() is None:
        for info in (home / "runtime").glob("jpserver-*.json"):
            return json.loads(info.read_text())["url"].rstrip("/")
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'log').read_text()}")
