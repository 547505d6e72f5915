"""A running JupyterLab and a page of a real browser, for the tests that look at lessons as a learner does."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from labserver import LESSONS, Lab, serve
from playwright.sync_api import Page, sync_playwright

CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    # one server a test: a second page would find the tabs and kernels of the first
    with serve(tmp_path) as running:
        yield running


@pytest.fixture
def page() -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None and "CI" not in os.environ:
        pytest.skip("no Chromium on this machine; .ci/run installs it")
    assert chromium, "Chromium is missing; .ci/run installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS.split())
        yield browser.new_page(viewport={"width": 1280, "height": 1000})
        browser.close()


@pytest.fixture
def screenshots() -> Path:
    """Where pictures of what a learner sees are kept, to be looked at; git ignores it."""
    folder = LESSONS.parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
