"""A real browser for the tests: Debian's Chromium, installed where it is missing."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from fraudline.local import install
from fraudline.local.errors import NoServerFoundError

PLACES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAYS_OUT = "A browser is needed: install chromium (Debian, Ubuntu: sudo apt-get install chromium fonts-dejavu-core)."


def find_chromium() -> Path:
    """Return the browser's program, installed first where there is none.

    Raises:
        NoServerFoundError: It cannot be had.
    """
    found, tried = install.bring(_find, packages=["chromium", "fonts-dejavu-core"], formula="chromium")
    if found is None:
        raise NoServerFoundError("\n".join([WAYS_OUT, *tried]))
    return found


def _find() -> Path | None:
    found = next((path for place in PLACES if (path := shutil.which(place)) is not None), None)
    return None if found is None else Path(found)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program; a machine where it cannot be had fails the test."""
    return find_chromium()


@asynccontextmanager
async def a_browser(chromium: Path) -> AsyncIterator[Browser]:
    """Give a browser with nothing in it for the length of a block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
