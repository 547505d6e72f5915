"""A running JupyterLab and a page of a real browser, for the tests that look at lessons as a learner does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import chromium
from labserver import LAPTOP, LESSONS, Lab, serve
from playwright.sync_api import BrowserContext, Page


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all pages; each leaves it as it found it."""
    with serve(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")  # and no longer: one thread runs one Playwright at a time
def context() -> Iterator[BrowserContext]:
    """One window for the pages of a file: what JupyterLab is made of is fetched once."""
    with chromium() as browser:
        yield browser.new_context(viewport=LAPTOP)


@pytest.fixture
def page(context: BrowserContext, lab: Lab) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()
    lab.renew()


@pytest.fixture(scope="session")
def screenshots(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures of what a learner sees are kept, to be looked at, if they are asked for; git ignores it."""
    if not request.config.getoption("screenshots"):
        return None
    folder = LESSONS.parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder
