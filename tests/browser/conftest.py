"""A Chromium for browser tests, and pages with a map in it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.drawn import ROOM, films, html, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    Open = Callable[..., Page]

# Software rendering: the same pictures on every machine, and WebGL without a graphics card.
_ARGUMENTS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]


def _chromium() -> str | None:
    named = os.environ.get("TASTEMAP_CHROMIUM")
    if named:
        return named
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window; tests that use it are skipped where there is none.

    For one module at a time: as long as Playwright runs, no later test may start an event loop.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = _chromium()
    if path is None:
        pytest.skip("no Chromium found: install it, or set TASTEMAP_CHROMIUM to its path")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_map(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a page with a map; any message in the console or failed request fails the test."""
    problems: list[str] = []
    contexts = []

    def opened(n: int = ROOM, options: str = "{}", script: str = "", **settings: Any) -> Page:
        file = tmp_path / "map.html"
        file.write_text(html(films(n), options), encoding="utf-8")
        settings = {"viewport": {"width": 1100, "height": 760}, "offline": True, **settings}
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("requestfailed", lambda request: problems.append(f"asked for {request.url}"))
        page.on("dialog", lambda dialog: (problems.append("a script ran"), dialog.dismiss()))
        if script:
            page.add_init_script(script)
        page.goto(file.as_uri())
        settle(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
