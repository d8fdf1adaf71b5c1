"""Money that goes back, given or taken, with nothing mocked: pages, mails and books tell one story of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.journeys import money_walks as ways
from tests.servers import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.journeys.house import House

pytestmark = pytest.mark.browser


def test_parts_are_given_back_and_what_fails_at_the_bank_is_credit(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Penzance Pies", "100") as deal:
        (number,), staff = deal.numbers, deal.staff
        ways.pay_whole(deal, number, "£120.00")
        ways.refund(deal, "20.00", "A cake was missing")
        assert at_work.mail("Refund: £20.00 from", number).recipient == deal.email
        ways.refund(deal, "30.00", "The oven came late")
        assert at_work.mail("Refund: £30.00 from", number).recipient == deal.email
        deal.says(number, "£70.00 of £120.00 paid")
        at_work.bank.control(f"refunds/{at_work.bank.objects('refund')[0]['id']}/fail", reason="lost_or_stolen_card")
        failed = at_work.mail("Your refund of £30.00 did not go through", number)
        assert failed.recipient == deal.email
        until("the refund's page says so", lambda: ways.shows(staff, "The money came back: lost or stolen card"))
        deal.well(staff)
        deal.at(deal.buyer, "/credits", "Credits")
        assert deal.buyer.get_by_text("£30.00").first.is_visible()
        deal.at(deal.buyer, "/payments", "Payments")
        assert deal.buyer.get_by_text("£20.00 sent back to you").is_visible()
        deal.well(deal.buyer)


def test_a_chargeback_that_is_won_gives_the_money_to_the_invoice_again(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "St Ives Surf", "100") as deal:
        (number,), staff, page = deal.numbers, deal.staff, deal.buyer
        ways.pay_whole(deal, number, "£120.00")
        paid = at_work.bank.objects("payment_intent")[0]["id"]
        dispute = at_work.bank.control(f"payments/{paid}/dispute", reason="fraudulent")
        told = at_work.mail("A payment was taken back: £120.00", number)
        assert told.recipient != deal.email, "the seller is told, not the customer"
        deal.says(number, "£120.00")
        page.get_by_role("button", name="Pay £120.00").wait_for()
        deal.at(staff, "/admin/chargebacks", "Chargebacks")
        staff.get_by_role("link", name="St Ives Surf").click()
        staff.get_by_role("heading", level=1, name="Chargeback Answer it").wait_for()
        deal.well(staff)
        at_work.bank.control(f"disputes/{dispute['id']}/win")
        until("the chargeback is won", lambda: ways.shows(staff, "The bank decided for you."))
        deal.invoice(number)
        page.get_by_role("link", name="Use your £120.00 credit").click()
        page.get_by_role("button", name="Use £120.00 credit").click()
        page.get_by_text("Your credit is used.").wait_for()
        deal.stands(number, "Paid")


def test_all_is_given_back_and_the_invoice_is_owed_again(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Falmouth Flour", "100") as deal:
        (number,), staff, page = deal.numbers, deal.staff, deal.buyer
        ways.pay_whole(deal, number, "£120.00")
        ways.refund(deal, "120.00", "It was ordered twice")
        staff.get_by_text("It was ordered twice").first.wait_for()
        mail = at_work.mail("Refund: £120.00 from", number)
        assert mail.recipient == deal.email
        assert "to Visa ending 4242" in mail.text()
        deal.says(number, "£120.00 given back")
        page.get_by_role("button", name="Pay £120.00").wait_for()
        deal.well(page)
        deal.stands(number, "Sent")
        deal.well(staff)
        deal.at(page, "/payments", "Payments")
        page.get_by_text("£120.00 sent back to you").wait_for()
        deal.at(page, "/credits", "Credits")
        assert page.locator("main").get_by_text("£120.00").count() == 0, "nothing of it is kept"


def test_a_chargeback_that_is_lost_leaves_the_invoice_to_be_paid_another_way(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Sennen Sails", "100") as deal:
        (number,), staff, page = deal.numbers, deal.staff, deal.buyer
        ways.pay_whole(deal, number, "£120.00")
        paid = at_work.bank.objects("payment_intent")[0]["id"]
        dispute = at_work.bank.control(f"payments/{paid}/dispute", reason="product_not_received")
        told = at_work.mail("A payment was taken back: £120.00, Sennen Sails", number)
        assert told.recipient != deal.email, "the seller is told, not the customer"
        at_work.bank.control(f"disputes/{dispute['id']}/lose")
        deal.at(staff, f"/admin/chargebacks/{dispute['id']}", "Chargeback")
        until("the chargeback is lost", lambda: ways.shows(staff, "The bank decided for its customer."))
        assert "£15.00" in staff.get_by_role("complementary", name="The money").inner_text(), "the bank's fee"
        deal.well(staff)
        deal.stands(number, "Sent")
        deal.at(page, "/payments", "Payments")
        page.get_by_text("£120.00 taken back by your bank").wait_for()
        deal.says(number, "Amount due £120.00")
        ways.pay_whole(deal, number, "£120.00")
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")
