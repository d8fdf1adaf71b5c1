"""Browsers that complain: a report of the content policy, an error of a script or of the console fails the test."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

EXPECTED = "Failed to load resource"  # what Chromium says of any answer from 400 on; tests look at those themselves
PATIENCE_MS = 60_000  # a page may be slow on a busy machine, and is then still right
MOST_WORDS = 1_500  # of a page, told beside a failure
STORED = "localStorage.length + sessionStorage.length"
AXE = (Path(__file__).resolve().parent.parent / "vendor" / "axe.min.js").read_text()
TAGS: dict[str, object] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS: dict[str, object] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
AXE_RUN = "(only) => axe.run(document, {resultTypes: ['violations'], runOnly: only})"
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
SETTLED = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  Promise.allSettled([document.activeViewTransition, ...document.getAnimations()].map((one) => one?.finished))
    .then(() => done(true)))))"""


@contextmanager
def watched(chromium: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser without a past, in which nothing may go wrong unseen."""
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    complaints = complaints_of(context)
    try:
        yield context
    except BaseException as failure:
        for page in context.pages:
            failure.add_note(f"{page.url} says:\n{page.locator('body').inner_text()[:MOST_WORDS]}")
        raise
    finally:
        context.close()
    assert complaints == []


def complaints_of(context: BrowserContext) -> list[str]:
    """What its pages complain of from now on."""
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if (said.type == "error" and not said.text.startswith(EXPECTED)) or "Content Security Policy" in said.text:
            complaints.append(said.text)

    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("request", lambda sent: complaints.append(sent.url) if sent.url.endswith("/csp-report") else None)
    return complaints


def stored(page: Page) -> int:
    """How many things the page left in the browser's storage."""
    return int(page.evaluate(STORED))


def violations(page: Page, *, only: dict[str, object] = TAGS) -> list[str]:
    """What axe finds wrong with the page as it stands, once nothing moves any more."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)
    page.evaluate(SETTLED)
    found = page.evaluate(AXE_RUN, only)["violations"]
    return [f"{one['id']}: {node['html'][:120]} {_why(node)}" for one in found for node in one["nodes"]]


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for check in [*node["any"], *node["all"], *node["none"]])


def at_desk(page: Page, scheme: Literal["light", "dark"]) -> None:
    """A desktop screen in this colour scheme, without motion, once nothing moves any more."""
    page.evaluate(SETTLED)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")


def judged(page: Page) -> list[str]:
    """What is wrong with the page in light, in dark and on the narrowest phone, with everything on it unfolded."""
    at_desk(page, "light")
    page.evaluate(OPEN_ALL)
    found = [f"light: {one}" for one in violations(page)]
    at_desk(page, "dark")
    found += [f"dark: {one}" for one in violations(page, only=COLOURS)]  # the same elements in other colours
    page.set_viewport_size({"width": 320, "height": 640})
    found += [f"320 px: {one}" for one in violations(page)]
    overflow = page.evaluate(OVERFLOW)
    return [*found, f"320 px: it scrolls {overflow} px sideways"] if overflow > 0 else found
