"""The stage, started once a run, and one browser for each person, kept from page to page."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from billing import links
from tests import databases, servers
from tests.browser.stage import Scene, arrange
from tests.browser.watching import PATIENCE_MS, complaints_of
from tests.servers_sandbox import SECRET_KEY as STRIPE_KEY
from tests.servers_sandbox import WEBHOOK_SECRETS, Bank
from tests.world import AT, BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the pages are, and a browser for each person: a page that stays open, and what it complained of."""

    base: str
    bank: Bank
    scene: Scene
    chromium: Browser
    known: dict[str, tuple[Page, list[str]]] = field(default_factory=dict)

    def page_as(self, person: str) -> tuple[Page, list[str]]:
        """The person's page, with an empty list of complaints."""
        if person not in self.known:
            context = self.context_as(person)
            self.known[person] = context.new_page(), complaints_of(context)
        page, complaints = self.known[person]
        complaints.clear()
        return page, complaints

    def context_as(self, person: str, *, width: int = 1280, height: int = 800) -> BrowserContext:
        """A browser in which this person is signed in, or opened their mailed links."""
        size = {"width": width, "height": height}
        context = self.chromium.new_context(viewport=size, reduced_motion="reduce", base_url=self.base)  # type: ignore[arg-type]  # a size
        context.set_default_timeout(PATIENCE_MS)
        for name, value in self.scene.cookies[person].items():
            context.add_cookies([{"name": name, "value": value, "url": self.base}])
        for token in self.scene.opened if person == "guest" else ():
            context.request.get(f"/i/{token}", max_redirects=0)
        return context


@pytest.fixture(scope="session")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    web_port, bank_port = servers.free_port(), servers.free_port()
    base, bank = f"http://localhost:{web_port}", Bank(f"http://127.0.0.1:{bank_port}")
    links.use(SECRET_KEY, BASE_URL)
    with databases.fresh_sqlite(sqlite_template, folder) as fresh:
        scene = arrange(folder)
    told = servers.environment(
        fresh.url,
        folder,
        base_url=base,
        now=AT,
        REMIT_ENV="demo",
        STRIPE_SECRET_KEY=STRIPE_KEY,
        STRIPE_WEBHOOK_SECRETS=",".join(WEBHOOK_SECRETS),
        STRIPE_API_BASE=bank.base_url,
        SANDBOX_WEBHOOK_URL="",
        NO_PROXY="localhost,127.0.0.1",
    )
    with ExitStack() as running:
        running.enter_context(servers.sandbox(told, folder, port=bank_port))
        web = running.enter_context(servers.web(told, folder, port=web_port))
        bank.control("clock", offset_seconds=math.ceil(AT.timestamp() - time.time()) + 1)
        stage = Stage(base, bank, scene, chromium)
        yield stage
        for page, _ in stage.known.values():
            page.context.close()
        assert [line for line in web.said().splitlines() if '"level": "error"' in line or "csp report" in line] == []
