"""A page opened from disk in headless Chromium, as the tests of the report and of the annotated pages need it."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
EXECUTABLE = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install playwright")
    if EXECUTABLE is None:
        pytest.skip(f"no {', '.join(NAMES)} on PATH; install one (Debian: apt-get install chromium)")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=EXECUTABLE, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Open]:
    """Opens a page, and at the end makes sure that nothing went wrong in it and nothing left its folder."""
    complaints: list[str] = []
    contexts = []

    def visit(path: Path, *, expect: str = "", script: str = "", **settings: Any) -> Any:
        settings = {"viewport": {"width": 1280, "height": 900}} | settings
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        if script:
            page.add_init_script(script)

        def complain(text: str) -> None:
            if not (expect and re.search(expect, text)):
                complaints.append(text)

        page.on("console", lambda message: complain(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complain(f"error: {error}"))
        page.on("request", lambda request: inside(request.url) or complain(f"request: {request.url}"))

        def inside(url: str) -> bool:
            return url.startswith((path.parent.as_uri() + "/", "data:"))

        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not complaints


def until(page: Any, condition: str) -> None:
    """The driver's own waiting evaluates a string inside the page, which its security policy forbids."""
    end = monotonic() + 10
    while not page.evaluate(condition):
        assert monotonic() < end, condition
        page.wait_for_timeout(20)
