"""Signing in with real Chromium: readable for everyone, no policy report, by keyboard, and without JavaScript."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server

from billing import users
from billing.actors import SYSTEM
from billing.tables import Mail
from tests.browser.watching import stored, watched
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from playwright.sync_api import Browser, Page

    from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.any_database]

ALICE, SAM = "alice@acme.example", "sam@alderfinch.example"
GOOD = "three wet boots outside"
AXE = (Path(__file__).resolve().parent.parent / "vendor" / "axe.min.js").read_text()
AXE_RUN = (
    "axe.run(document, {runOnly: {type: 'tag', values: "
    "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})"
)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def address(app: Flask, world: World) -> Iterator[str]:
    """Where the application answers; Sam has a password, and Alice belongs to two customers."""
    users.set_password(users.get(world.sam.user_id or 0), GOOD, by=SYSTEM, at=AT)
    users.add_membership(users.get(world.alice.user_id or 0), world.globex.id, by=SYSTEM, at=AT)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def mailed_code() -> str:
    code: str = Mail.select().where(Mail.event == "sign_in_code").order_by(Mail.id.desc()).get().context["code"]
    return code


def problems(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than its screen."""
    page.evaluate(AXE)
    found = [violation["id"] for violation in page.evaluate(AXE_RUN)["violations"]]
    return found + (["wider than the screen"] if page.evaluate(WIDER) > 0 else [])


def sign_in_by_code(page: Page, address: str) -> list[str]:
    """All the way in, through a wrong code and the choice of a customer; what axe found on the way."""
    found = []
    page.goto(f"{address}/login?next=/customer")
    found += problems(page)
    page.keyboard.type(ALICE)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code**")
    found += problems(page)
    page.keyboard.type("000000" if mailed_code() != "000000" else "111111")
    page.keyboard.press("Enter")
    page.wait_for_selector(".error-summary")
    assert page.title() == "Error: Enter the code · Alder & Finch"
    found += problems(page)
    page.fill("#code", mailed_code())
    page.press("#code", "Enter")
    page.get_by_role("heading", name="Whose invoices?").wait_for()
    found += problems(page)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_a_customer_signs_in_by_keyboard_and_axe_finds_nothing(
    chromium: Browser, address: str, width: int, theme: str
) -> None:
    size = {"width": width, "height": 720}
    with watched(chromium, viewport=size, color_scheme=theme, reduced_motion="reduce") as context:
        page = context.new_page()
        assert sign_in_by_code(page, address) == []
        assert stored(page) == 0


def test_after_a_wrong_code_the_summary_has_the_focus(chromium: Browser, address: str) -> None:
    with watched(chromium) as context:
        page = context.new_page()
        sign_in_by_code(page, address)
        page.goto(f"{address}/login/password")
        page.fill("#email", ALICE)
        page.fill("#password", "not this one")
        page.press("#password", "Enter")
        page.wait_for_selector(".error-summary")
        assert page.evaluate("document.activeElement.className") == "error-summary"


def test_everything_works_without_javascript(chromium: Browser, address: str) -> None:
    with watched(chromium, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}/login?next=/customer")
        page.fill("#email", ALICE)
        page.click("text=Email me a code")
        page.fill("#code", mailed_code())
        page.click("button:has-text('Sign in')")
        assert page.url == f"{address}/customer?next=/customer"
        page.check("text=Globex Ltd")
        page.click("text=Continue")
        page.click("text=Sign out")
        assert page.url == f"{address}/login"
        page.goto(f"{address}/customer")
        assert "/login?next=/customer" in page.url


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_staff_sign_in_and_out(chromium: Browser, address: str, theme: str) -> None:
    with watched(chromium, color_scheme=theme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{address}/admin/customers")
        assert page.url == f"{address}/admin/login?next=/admin/customers"
        assert problems(page) == []
        page.keyboard.type(SAM)
        page.fill("#password", "wrong password")
        page.press("#password", "Enter")
        page.wait_for_selector(".error-summary")
        assert problems(page) == []
        page.fill("#password", GOOD)
        page.press("#password", "Enter")
        page.wait_for_url("**/admin/customers")
        page.get_by_role("button", name="Sign out").first.click()
        page.wait_for_url("**/admin/login")
        page.goto(f"{address}/admin/customers")
        assert "/admin/login" in page.url


def test_signing_out_in_one_tab_makes_the_other_one_old(chromium: Browser, address: str) -> None:
    with watched(chromium) as context:
        first = context.new_page()
        sign_in_by_code(first, address)
        second = context.new_page()
        second.goto(f"{address}/customer")
        first.click("button:has-text('Sign out')")
        first.wait_for_url("**/login")
        second.click("text=Continue")
        second.get_by_text("Reload it and try again").wait_for()
        second.goto(f"{address}/customer")
        assert "/login?next=/customer" in second.url
