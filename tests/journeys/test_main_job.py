"""The whole job with nothing mocked: draft, issue, mail, open, download, pay, receipt, and books that balance."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.browser.watching import stored, watched
from tests.journeys import walks
from tests.journeys.paper import plain, rows_of, told_by_page, told_by_pdf
from tests.servers import until
from tests.servers_sandbox import DECLINED
from tests.world import SELLER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.journeys.house import House
    from tests.servers import Caught

pytestmark = pytest.mark.browser


def test_a_fresh_installation_serves_everybody(at_work: House) -> None:
    assert at_work.wrong_at_first == []


def test_two_clicks_lead_from_the_mail_to_the_payment_page_and_a_webhook_turns_it_paid(
    chromium: Browser, at_work: House
) -> None:
    with mailed(chromium, at_work) as (context, mail, number):
        guest = walks.open_as_guest(context, mail)
        pdf = walks.download(guest)
        assert [content for _, kind, content in mail.attachments() if kind == "application/pdf"] == [pdf]
        same_on_page_and_paper(guest, pdf)
        walks.go_to_payment(guest, at_work)
        # The browser loses its way back, so nothing but the webhook can tell that the card was charged.
        context.route(re.compile(r"/payments/"), lambda route: route.abort())
        walks.pay(guest)
        guest.close()
        again = walks.open_as_guest(context, mail)
        until("the webhook has settled it", lambda: settled(again))
        settled_everywhere(chromium, at_work, again, number)


def test_it_goes_as_well_without_javascript(chromium: Browser, at_work: House) -> None:
    with mailed(chromium, at_work, java_script_enabled=False) as (context, mail, number):
        guest = walks.open_as_guest(context, mail)
        same_on_page_and_paper(guest, walks.download(guest))
        walks.go_to_payment(guest, at_work)
        walks.pay(guest)
        guest.wait_for_url(f"{at_work.base}/payments/**")
        until("looking again shows it received", lambda: received(guest))
        guest.get_by_role("link", name="Back to the invoice").click()
        settled_for_payer(at_work, guest, number)


def test_where_no_webhook_comes_the_page_of_the_payment_settles_it(chromium: Browser, at_work: House) -> None:
    with mailed(chromium, at_work) as (context, mail, number):
        guest = walks.open_as_guest(context, mail)
        at_work.bank.control("webhooks", paused=True)
        try:
            walks.go_to_payment(guest, at_work)
            walks.pay(guest)
            guest.get_by_role("heading", name=walks.RECEIVED).wait_for()
            assert at_work.bank.read("state")["deliveries"]["waiting"], "nobody else could have told"
        finally:
            at_work.bank.control("webhooks", paused=False)
        until("the late webhooks are heard", lambda: at_work.bank.read("state")["deliveries"]["waiting"] == 0)
        guest.get_by_role("link", name="Back to the invoice").click()
        settled_for_payer(at_work, guest, number)


def test_after_a_declined_card_a_good_one_pays(chromium: Browser, at_work: House) -> None:
    with mailed(chromium, at_work) as (context, mail, number):
        guest = walks.open_as_guest(context, mail)
        walks.go_to_payment(guest, at_work)
        walks.pay(guest, DECLINED)
        guest.get_by_text("Nothing was charged.").wait_for()
        guest.get_by_role("link", name="Back without paying").click()
        guest.get_by_text("Being paid by card, started").wait_for()
        assert guest.get_by_role("button", name=f"Pay {walks.TOTAL}").is_visible(), "still owed"
        walks.go_to_payment(guest, at_work)
        walks.pay(guest)
        guest.get_by_role("heading", name=walks.RECEIVED).wait_for()
        guest.get_by_role("link", name="Back to the invoice").click()
        settled_for_payer(at_work, guest, number)


@contextmanager
def mailed(
    chromium: Browser, at_work: House, *, java_script_enabled: bool = True
) -> Iterator[tuple[BrowserContext, Caught, str]]:
    """Sam drafts and issues an invoice; its mail, and a customer's own browser to open it in."""
    with watched(chromium, java_script_enabled=java_script_enabled) as staff:
        page = staff.new_page()
        walks.sign_in(page, at_work)
        walks.draft(page, at_work, "October services")
        number = walks.issue(page)
        assert java_script_enabled is False or stored(page) == 0
    mail = at_work.mail(f"Invoice {number} from {SELLER.name}", "View, download or pay it here")
    assert mail.recipient == walks.BUYER
    assert walks.TOTAL in mail.subject
    with watched(chromium, java_script_enabled=java_script_enabled) as context:
        yield context, mail, number


def same_on_page_and_paper(page: Page, pdf: bytes) -> None:
    """Every row of the page stands in the PDF with its figures, and neither knows a sum the other does not."""
    on_page, on_paper = told_by_page(page), told_by_pdf(pdf)
    rows = rows_of(page)
    assert [row[0] for row in rows[:3]] == [walks.FIRST_LINE, walks.SECOND_LINE, walks.THIRD_LINE]
    assert rows[-1] == ["Amount due", walks.TOTAL]
    for row in rows:
        assert re.search(r"[^£]{0,40}?".join(re.escape(cell) for cell in row), on_paper.text), (row, on_paper.text)
    assert on_page.sums >= walks.FIGURES
    assert on_page.sums == on_paper.sums
    for fact in (SELLER.legal_name, SELLER.tax_id, f"{walks.CUSTOMER} Ltd", "October services", SELLER.terms_text):
        assert plain(fact) in on_page.text
        assert plain(fact) in on_paper.text


def received(page: Page) -> bool:
    """Whether the page of a payment says so after looking again; looking changes nothing."""
    page.reload()
    return page.get_by_role("heading", name=walks.RECEIVED).is_visible()


def settled(page: Page) -> bool:
    """Whether the invoice's page says that it is paid after looking again."""
    page.reload()
    return page.get_by_text(f"Invoice {number_on(page)} is paid in full.").is_visible()


def number_on(page: Page) -> str:
    return page.url.rsplit("/", 1)[1]


def settled_everywhere(chromium: Browser, at_work: House, guest: Page, number: str) -> None:
    """The customer, the billing team, the mailed receipt and the books all say the same."""
    settled_for_payer(at_work, guest, number)
    with watched(chromium) as staff:
        page = staff.new_page()
        walks.sign_in(page, at_work)
        page.get_by_role("link", name=number, exact=True).click()
        page.get_by_role("heading", level=1, name=f"{number} Paid").wait_for()
    assert "The books are in order" in at_work.flask("check")


def settled_for_payer(at_work: House, guest: Page, number: str) -> None:
    """The page and the one receipt say that it is paid; the browser keeps nothing. The books follow at the end."""
    assert number_on(guest) == number
    assert settled(guest)
    assert ["Amount due", "£0.00"] in rows_of(guest)
    assert stored(guest) == 0
    receipt = at_work.mail(f"Receipt: {walks.TOTAL} paid to {SELLER.name}", number)
    assert receipt.recipient == walks.BUYER
    assert at_work.troubles() == []
