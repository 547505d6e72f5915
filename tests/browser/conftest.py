"""A running JupyterLab and a page of a real browser, for the tests that look at lessons as a learner does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium
from labserver import LAPTOP, LESSONS, Lab, serve
from playwright.sync_api import Browser, Page


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    # one server a test: a second page would find the tabs and kernels of the first
    with serve(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")  # and no longer: one thread runs one Playwright at a time
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport=LAPTOP)
    yield page
    page.close()


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where pictures of what a learner sees are kept, to be looked at; git ignores it."""
    folder = LESSONS.parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
