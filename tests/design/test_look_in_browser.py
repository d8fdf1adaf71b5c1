"""The look in real Chromium: readable for everyone, nothing blocked by the policy, nothing wider than the screen."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

AXE = (Path(__file__).resolve().parent.parent / "vendor" / "axe.min.js").read_text()
AXE_RUN = (
    "axe.run(document, {runOnly: {type: 'tag', values: "
    "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})"
)

PORTAL_PAGE = """{% extends "layouts/portal.html" %}{% block title %}Invoices{% endblock %}
{% block main %}<h1>Invoices</h1><p>Words</p>{% endblock %}"""
ADMIN_PAGE = PORTAL_PAGE.replace("portal.html", "admin.html")
SIGN_IN_PAGE = """{% extends "layouts/signed_out.html" %}
{% from "components/forms.html" import code_field, csrf, error_summary, field %}
{% from "components/buttons.html" import submit %}
{% block title %}Error: Sign in{% endblock %}
{% block main %}<div class="narrow"><div class="card">
{{ error_summary([("email", "Enter an email address, like name@company.com")]) }}<h1>Sign in</h1>
<form method="get" action="/pages/portal">{{ csrf() }}
{{ field("email", "Email", "nobody", error="Enter an email address, like name@company.com") }}
{{ code_field() }}{{ submit("Sign in", block=true) }}</form></div></div>{% endblock %}"""
VIEWED_PAGE = """{% extends "layouts/portal.html" %}{% block title %}Viewed{% endblock %}
{% block main %}<h1 data-viewed-url="/seen">Viewed</h1><button class="btn" type="button">Touch</button>{% endblock %}"""

REFUSED = """<title>Error: Pay</title>
<form id="pay" method="post" action="/refuse" hx-post="/refuse" hx-swap="outerHTML">
{% from "components/forms.html" import error_summary, field %}{% from "components/buttons.html" import submit %}
{{ error_summary([("part", "Enter an amount, like 250 or 250.00")]) }}
{{ field("part", "Amount", "ten", error="Enter an amount, like 250 or 250.00") }}{{ submit("Pay") }}</form>"""
PAY_PAGE = """{% extends "layouts/portal.html" %}{% from "components/buttons.html" import submit %}
{% block title %}Pay{% endblock %}
{% block main %}<h1>Pay</h1>
<form id="pay" method="post" action="/refuse" hx-post="/refuse" hx-swap="outerHTML">{{ submit("Pay") }}</form>
<form method="post" action="/fail" hx-post="/fail" hx-swap="outerHTML" data-once>{{ submit("Charge") }}</form>
{% endblock %}"""

DRAWN = {
    "pay": PAY_PAGE,
    "refused": REFUSED,
    "portal": PORTAL_PAGE,
    "admin": ADMIN_PAGE,
    "sign-in": SIGN_IN_PAGE,
    "viewed": VIEWED_PAGE,
}
PATHS = [
    "/kit",
    "/pages/portal",
    "/pages/portal?guest=1&demo=1",
    "/pages/admin",
    "/pages/sign-in",
    "/errors/404",
    "/errors/500",
]
SCREENS = [(1280, "light"), (1280, "dark"), (390, "dark"), (320, "light")]


@pytest.fixture(scope="module", autouse=True)
def drawn(pages: dict[str, str]) -> None:
    pages |= DRAWN


@contextmanager
def page_of(chromium: Browser, **options: Any) -> Iterator[Page]:
    """A page whose complaints (policy reports, script errors) fail the test."""
    context = chromium.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def open_with_stopped_clock(page: Page, url: str) -> None:
    """From here on the page's time moves only by `page.clock.run_for`."""
    page.clock.install(time=0)
    page.clock.pause_at(60_000)
    page.goto(url)


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate(AXE_RUN)["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_no_accessibility_violation_and_no_sideways_scroll(
    chromium: Browser, address: str, width: int, theme: str
) -> None:
    phone = width < 500
    with page_of(
        chromium,
        viewport={"width": width, "height": 800},
        color_scheme=theme,
        is_mobile=phone,
        has_touch=phone,
        reduced_motion="reduce",
    ) as page:
        found: list[str] = []
        for path in PATHS:
            page.goto(address + path)
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            found += [f"{path} {one}" for one in violations(page)]
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert found == []


def test_the_chosen_theme_beats_the_device(chromium: Browser, address: str) -> None:
    canvas = "getComputedStyle(document.documentElement).backgroundColor"
    with page_of(chromium, color_scheme="light") as page:
        page.goto(f"{address}/kit?theme=dark")
        assert page.evaluate(canvas) == "rgb(17, 16, 14)"
        page.goto(f"{address}/kit?theme=system")
        assert page.evaluate(canvas) == "rgb(250, 249, 247)"


def test_icons_are_drawn_from_the_sprite_and_text_in_inter(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{address}/kit")
        page.evaluate("document.fonts.ready")
        assert page.evaluate("document.fonts.check('16px \"Inter Variable\"')")
        assert page.evaluate("document.querySelector('.badge .i use').getBBox().width") > 5


def test_problems_take_the_focus(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{address}/pages/sign-in")
        assert page.evaluate("document.activeElement.className") == "error-summary"
        page.get_by_role("link", name="Enter an email address").click()
        assert page.evaluate("document.activeElement.id") == "email"


def test_a_pasted_code_keeps_its_digits_and_is_sent(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{address}/pages/sign-in")
        paste = """(text) => {
          const clipboard = new DataTransfer();
          clipboard.setData("text", text);
          const event = new ClipboardEvent("paste", { clipboardData: clipboard, bubbles: true, cancelable: true });
          document.getElementById("code").dispatchEvent(event);
        }"""
        page.evaluate(paste, "48 29")
        assert page.input_value("#code") == "4829"
        with page.expect_navigation():
            page.evaluate(paste, "482 913")
        assert "code=482913" in page.url


def test_a_dialog_opens_and_closes_without_script(chromium: Browser, address: str) -> None:
    with page_of(chromium, java_script_enabled=False) as page:
        page.goto(f"{address}/kit")
        page.get_by_role("button", name="Open a dialog").click()
        dialog = page.get_by_role("dialog", name="Void INV-2026-0412?")
        assert dialog.is_visible()
        dialog.get_by_role("button", name="Cancel").click()
        dialog.wait_for(state="hidden")


def test_a_menu_closes_by_escape_and_gives_the_focus_back(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{address}/pages/portal")
        page.get_by_text("Brightwater Cafés").click()
        assert page.get_by_role("button", name="Sign out").is_visible()
        page.keyboard.press("Escape")
        assert not page.get_by_role("button", name="Sign out").is_visible()
        assert page.evaluate("document.activeElement.className") == "me"


def test_viewed_is_told_once_and_only_after_a_touch(chromium: Browser, address: str, look: Flask) -> None:
    posts = look.extensions["posts"]
    posts.clear()
    with page_of(chromium) as page:
        open_with_stopped_clock(page, f"{address}/pages/viewed")
        page.clock.run_for(10_000)
        assert posts == []
        with page.expect_response("**/seen"):
            page.get_by_role("button", name="Touch").click()
            page.clock.run_for(500)
        page.get_by_role("button", name="Touch").click()
        page.clock.run_for(10_000)
        assert posts == ["token-of-the-look"]


def test_viewed_waits_until_the_page_was_on_screen_for_two_seconds(
    chromium: Browser, address: str, look: Flask
) -> None:
    posts = look.extensions["posts"]
    posts.clear()
    with page_of(chromium) as page:
        open_with_stopped_clock(page, f"{address}/pages/viewed")
        page.keyboard.press("Tab")
        page.clock.run_for(1_900)
        assert posts == []
        with page.expect_response("**/seen"):
            page.clock.run_for(500)
    assert posts == ["token-of-the-look"]


def test_what_went_wrong_stays_and_what_went_well_leaves(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        open_with_stopped_clock(page, f"{address}/pages/portal")
        page.evaluate("document.dispatchEvent(new CustomEvent('toast', {detail: {message: 'Saved'}}))")
        assert page.locator(".toast").inner_text() == "Saved"
        page.clock.run_for(6_500)
        assert page.locator(".toast").count() == 0
        page.evaluate("""document.dispatchEvent(new CustomEvent('htmx:error', {detail: {ctx: {}}}))""")
        page.clock.run_for(60_000)
        assert "We could not reach the server" in page.get_by_role("alert").inner_text()
        page.get_by_role("button", name="Dismiss").click()
        assert page.locator(".toast").count() == 0


def test_a_refused_form_is_swapped_and_its_problems_take_the_focus(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{address}/pages/pay")
        page.get_by_role("button", name="Pay").click()
        page.locator(".error-summary:focus").wait_for()
        assert page.title() == "Error: Pay"
        assert page.get_by_label("Amount").input_value() == "ten"
        assert page.locator(".toast").count() == 0


def test_an_unknown_outcome_is_told_as_unknown(chromium: Browser, address: str) -> None:
    with page_of(chromium) as page:
        page.goto(f"{address}/pages/pay")
        page.get_by_role("button", name="Charge").click()
        words = page.locator(".toast[role=alert]")
        words.wait_for()
        assert "We could not confirm this. Try again: you will not be charged twice." in words.inner_text()
        assert page.get_by_role("button", name="Charge").is_visible()
        assert page.locator("form[aria-busy]").count() == 0
