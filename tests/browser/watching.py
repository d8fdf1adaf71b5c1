"""Browsers that complain: a report of the content policy, an error of a script or of the console fails the test."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

EXPECTED = "Failed to load resource"  # what Chromium says of any answer from 400 on; tests look at those themselves
MOST_WORDS = 1_500  # of a page, told beside a failure
STORED = "localStorage.length + sessionStorage.length"


@contextmanager
def watched(chromium: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser without a past, in which nothing may go wrong unseen."""
    context = chromium.new_context(**options)
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if (said.type == "error" and not said.text.startswith(EXPECTED)) or "Content Security Policy" in said.text:
            complaints.append(said.text)

    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("request", lambda sent: complaints.append(sent.url) if sent.url.endswith("/csp-report") else None)
    try:
        yield context
    except BaseException as failure:
        for page in context.pages:
            failure.add_note(f"{page.url} says:\n{page.locator('body').inner_text()[:MOST_WORDS]}")
        raise
    finally:
        context.close()
    assert complaints == []


def stored(page: Page) -> int:
    """How many things the page left in the browser's storage."""
    return int(page.evaluate(STORED))
