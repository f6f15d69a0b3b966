"""A browser that reports what a page does, and the report of a real run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from builders.project import need
from playwright.sync_api import Browser, Page, Request, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Watched:
    """A page, and everything that it did besides rendering.

    `forbidden` are the requests that the page's own policy blocked before they were sent.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, path: Path, fragment: str = "") -> Page:
        """Open a file and wait until it is shown."""
        self.page.goto(path.resolve().as_uri() + fragment)
        return self.page


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Path:
    """Folder of the report of a real run: below ATLAS_RESULTS, or of the default configuration."""
    given = os.environ.get("ATLAS_RESULTS")
    results = Path(given) if given else request.getfixturevalue("default_run").folder / "results"
    folder: Path = results / "report"
    assert (folder / "index.html").is_file(), f"there is no report in {folder}"
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    chromium = need("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Makes watched pages; arguments are those of a browser context."""
    contexts = []

    def new(**options: Any) -> Watched:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})
        contexts.append(context)
        watched = Watched(context.new_page())
        page = watched.page
        page.on(
            "console",
            lambda m: watched.errors.append(m.text) if m.type in {"error", "warning"} else None,
        )
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("request", lambda request: watched.requests.append(request.url))

        def failed(request: Request) -> None:
            if request.failure == "csp":
                watched.forbidden.append(request.url)

        page.on("requestfailed", failed)

        def dismiss(dialog: Any) -> None:
            watched.dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", dismiss)
        return watched

    yield new
    for context in contexts:
        context.close()
