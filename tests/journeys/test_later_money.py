"""Money that comes later, by bank debit or by autopay, with nothing mocked: pages, mails and books tell one story."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import clock
from tests.browser.watching import watched
from tests.journeys import money_walks as ways
from tests.journeys import walks
from tests.servers_sandbox import ASKS_ALWAYS
from tests.world import SELLER

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.journeys.house import House

pytestmark = pytest.mark.browser


def test_a_bank_debit_settles_after_days(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Newquay Nets", "100", scripts=False) as deal:
        (number,), page = deal.numbers, deal.buyer
        deal.invoice(number)
        page.get_by_role("button", name="Pay £120.00").click()
        ways.checkout(page, at_work, "£120.00", debit=True)
        ways.comes_back(page, at_work, "Payment on its way")
        deal.says(number, "£120.00 is on its way.")
        assert page.locator("#pay").get_by_role("button").count() == 0, "nobody pays it twice"
        deal.stands(number, "Processing")
        at_work.bank.control(f"payments/{at_work.bank.objects('payment_intent')[0]['id']}/settle")
        receipt = at_work.mail("Receipt: £120.00 paid to", number)
        assert receipt.recipient == deal.email
        assert "Direct Debit ending" in receipt.text()
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")


def test_a_bank_debit_bounces_and_its_payer_is_told_and_pays_by_card(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Bodmin Boots", "50") as deal:
        (number,), page = deal.numbers, deal.buyer
        deal.invoice(number)
        page.get_by_role("button", name="Pay £60.00").click()
        ways.checkout(page, at_work, "£60.00", debit=True)
        ways.comes_back(page, at_work, "Payment on its way")
        payments_page = page.url
        deal.well(page)
        deal.says(number, "£60.00 is on its way.")
        deal.well(page)
        at_work.bank.control(f"payments/{at_work.bank.objects('payment_intent')[0]['id']}/fail")
        mail = at_work.mail("Your payment of £60.00 did not go through", number)
        assert mail.recipient == deal.email
        assert "£60.00 to pay, due" in mail.text()
        page.goto(payments_page)
        page.get_by_role("heading", name="Payment failed").wait_for()
        deal.well(page)
        deal.stands(number, "Sent")
        letter = walks.read(page.context, mail)
        letter.get_by_role("link", name="Pay another way").click()
        letter.get_by_text("A payment of £60.00 did not go through").wait_for()
        ways.pay_whole(deal, number, "£60.00")
        assert at_work.mail("Receipt: £60.00 paid to", number).recipient == deal.email
        deal.stands(number, "Paid")


def test_autopay_tells_what_it_will_charge_and_charges_it_when_it_is_due(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Padstow Prawns") as deal:
        page = deal.buyer
        ways.save_card(deal)
        deal.well(page)
        on = at_work.mail("Autopay is on: Visa ending 4242", "Padstow Prawns")
        assert on.recipient == deal.email
        assert "What was agreed:" in on.text()
        number = ways.issue(deal.staff, at_work, "Padstow Prawns", "100", terms_days="3")
        deal.says(number, "£120.00 will be charged to Visa ending 4242 on")
        deal.well(page)
        at_work.flask("run-autopay")
        assert at_work.mail("£120.00 will be charged on", number).recipient == deal.email
        at_work.flask("run-autopay", "--on", _day(3))
        assert at_work.mail("Receipt: £120.00 paid to", number).recipient == deal.email
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")


def test_autopay_that_is_declined_says_why_and_tries_again(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Redruth Rope") as deal:
        page, bank = deal.buyer, at_work.bank
        ways.save_card(deal)
        card = bank.objects("payment_method")[0]["id"]
        bank.control(f"payment_methods/{card}/decline", code="insufficient_funds")
        number = ways.issue(deal.staff, at_work, "Redruth Rope", "50", terms_days="0")
        at_work.flask("run-autopay")
        assert at_work.mail("£60.00 will be charged on", number).recipient == deal.email
        at_work.flask("run-autopay", "--on", _day(3))
        mail = at_work.mail("Not charged: £60.00", number)
        assert mail.recipient == deal.email
        why = "because there was not enough money on the card. We try again on"
        assert why in " ".join(mail.text().split())
        deal.says(number, f"Visa ending 4242 was not charged, {why}")
        deal.well(page)
        bank.control(f"payment_methods/{card}/decline", code="")
        at_work.flask("run-autopay", "--on", _day(6))
        assert at_work.mail("Receipt: £60.00 paid to", number).recipient == deal.email
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")


def test_autopay_whose_bank_asks_is_confirmed_by_its_holder(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Truro Tiles") as deal:
        ways.save_card(deal, ASKS_ALWAYS, asked=True)
        number = ways.issue(deal.staff, at_work, "Truro Tiles", "75", terms_days="0")
        at_work.flask("run-autopay")
        at_work.flask("run-autopay", "--on", _day(3))
        mail = at_work.mail("Please confirm: £90.00", number)
        assert mail.recipient == deal.email
        assert "your bank wants you to confirm the payment" in mail.text()
        deal.says(number, "was not charged, because your bank wants you to confirm the payment")
        deal.well(deal.buyer)
        with watched(chromium) as context:
            holder = walks.open_as_guest(context, mail)
            holder.get_by_role("button", name="Pay £90.00").click()
            ways.checkout(holder, at_work, "£90.00", number=ASKS_ALWAYS)
            ways.confirms(holder, at_work)
            ways.comes_back(holder, at_work, ways.RECEIVED)
        assert at_work.mail("Receipt: £90.00 paid to", number).recipient == deal.email
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")


def _day(days: int) -> str:
    """The seller's day so many days from now."""
    return (clock.day_of(clock.now(), SELLER.time_zone) + timedelta(days=days)).isoformat()
