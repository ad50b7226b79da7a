"""A real Chromium without a window, which tests drive through Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import pytest
from playwright.sync_api import Page, sync_playwright

# Without a network, Chromium would repeat its own background requests.
QUIET = [f"--disable-{what}" for what in ("gpu", "quic", "background-networking", "component-update", "sync")]


@dataclass(frozen=True)
class Visit:
    """A page in the browser, and its faults so far: errors, warnings and failed requests."""

    page: Page
    faults: list[str]


@contextmanager
def visit(url: str, *, offline: bool = False) -> Iterator[Visit]:
    """Open a page in a browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        page = browser.new_context(offline=offline).new_page()
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("requestfailed", lambda request: faults.append(f"{request.url[:80]}: {request.failure}"))
        page.goto(url)
        yield Visit(page, faults)
        browser.close()


def chromium() -> str:
    """Where Chromium is; without it, CI fails and a person's tests are skipped, both saying what to install."""
    path = shutil.which("chromium")
    return path or _missing("Chromium is not installed: apt-get install chromium")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
