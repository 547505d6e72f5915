"""The browser of the tests, started in one place."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


PATIENCE = 3 * 60_000  # milliseconds, on a machine that has other things to do

expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium; where there is none a test is skipped, and fails in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and "CI" not in os.environ:
        pytest.skip("no Chromium on this machine; .ci/run installs it")
    assert found, "Chromium is missing; .ci/run installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS.split(), timeout=PATIENCE)
        yield _patient(browser)
        browser.close()


def _patient(browser: Browser) -> Browser:
    """Let every page and context of a browser wait as long as a busy machine needs."""
    new_page, new_context = browser.new_page, browser.new_context

    def page(**options: Any) -> Page:
        made = new_page(**options)
        made.set_default_timeout(PATIENCE)
        return made

    def context(**options: Any) -> BrowserContext:
        made = new_context(**options)
        made.set_default_timeout(PATIENCE)
        return made

    browser.new_page, browser.new_context = page, context  # type: ignore[method-assign]
    return browser
