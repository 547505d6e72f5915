"""The book and a browser, for the tests that look at what a reader sees."""

import os
import shutil
from collections.abc import Iterator

import pytest
from chromium import chromium
from filelock import FileLock
from playwright.sync_api import Browser
from rendered import Built, build


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    if shutil.which("npm") is None and "CI" not in os.environ:
        pytest.skip("no npm on this machine; .ci/run installs it")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the workers share it: the first builds, and the others wait
    with FileLock(folder / "book.lock"):
        return build(folder / "a book")  # a reader's folder may have a space in its name


@pytest.fixture(scope="module")  # and no longer: one thread runs one Playwright at a time
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running
