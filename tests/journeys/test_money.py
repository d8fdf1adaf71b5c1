"""Money in every shape with nothing mocked: pages, mails and books tell one story of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.watching import watched
from tests.journeys import money_walks as ways
from tests.journeys import walks

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.journeys.house import House

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_three_invoices_are_paid_by_one_payment_and_a_credit(
    chromium: Browser, at_work: House, *, scripts: bool
) -> None:
    name = "Tamar Mills" if scripts else "Fowey Mills"
    with ways.business(chromium, at_work, name, "50", "100", "150", scripts=scripts) as deal:
        page = deal.buyer
        note = ways.credit(deal, deal.numbers[0], "30.00", "One bag was torn")
        assert at_work.mail(f"Credit note {note}", "One bag was torn").recipient == deal.email
        ways.tick(deal)
        if scripts:
            deal.well(page)
        assert "£30.00 used here" in page.locator("#paying").inner_text()
        page.get_by_role("button", name="Pay £330.00").click()
        ways.checkout(page, at_work, "£330.00")
        ways.comes_back(page, at_work, ways.RECEIVED)
        assert [page.get_by_text(f"{number}, paid in full").count() for number in deal.numbers] == [1, 1, 1]
        for number in deal.numbers:
            deal.says(number, "Amount due £0.00")
            deal.stands(number, "Paid")
        receipt = at_work.mail("Receipt: £330.00 paid to", deal.numbers[0])
        assert receipt.recipient == deal.email
        assert all(number in receipt.text() for number in deal.numbers)
        deal.at(page, "/credits", "Credits")
        if scripts:
            deal.well(page)


def test_a_part_is_paid_and_then_the_rest(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Looe Bakery", "100") as deal:
        (number,), page = deal.numbers, deal.buyer
        deal.invoice(number)
        page.get_by_role("link", name="Pay another amount").click()
        page.get_by_label(f"Pay on {number}").fill("45.00")
        page.get_by_role("button", name="Pay £45.00").wait_for()
        deal.well(page)
        page.get_by_role("button", name="Pay £45.00").click()
        ways.checkout(page, at_work, "£45.00")
        ways.comes_back(page, at_work, ways.RECEIVED)
        assert page.get_by_text(f"{number}, £75.00 left to pay").is_visible()
        assert at_work.mail("Receipt: £45.00 paid to", number).recipient == deal.email
        deal.says(number, "£45.00 of £120.00 paid")
        deal.stands(number, "Partially paid")
        ways.pay_whole(deal, number, "£75.00")
        assert at_work.mail("Receipt: £75.00 paid to", number).recipient == deal.email
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")


def test_whoever_comes_while_somebody_pays_hears_of_it_and_may_cancel_or_take_over(
    chromium: Browser, at_work: House
) -> None:
    with ways.business(chromium, at_work, "Bude Market", "100") as deal:
        (number,), first = deal.numbers, deal.buyer
        deal.invoice(number)
        first.get_by_role("button", name="Pay £120.00").click()
        first.wait_for_url(f"{at_work.bank.base_url}/c/pay/**")
        second = first.context.new_page()
        deal.at(second, f"/invoices/{number}", number)
        assert second.get_by_text("Being paid by card, started").inner_text().endswith("by you")
        deal.well(second)
        second.get_by_role("button", name="Cancel that payment").click()
        second.get_by_role("heading", level=1, name="Payment cancelled").wait_for()
        first.reload()
        first.get_by_role("heading", name="This page has expired").wait_for()
        deal.invoice(number)
        first.get_by_role("button", name="Pay £120.00").click()
        first.wait_for_url(f"{at_work.bank.base_url}/c/pay/**")
        with watched(chromium) as context:
            guest = walks.open_as_guest(context, at_work.mail(f"Invoice {number} from", "pay it here"))
            assert "by Pat Rowe" in guest.get_by_text("Being paid by card, started").inner_text()
            deal.well(guest)
            guest.get_by_role("button", name="Pay instead: £120.00").click()
            guest.wait_for_url(f"{at_work.bank.base_url}/c/pay/**")
            first.reload()
            first.get_by_role("heading", name="This page has expired").wait_for()
            ways.checkout(guest, at_work, "£120.00")
            ways.comes_back(guest, at_work, ways.RECEIVED)
        assert at_work.mail("Receipt: £120.00 paid to", number).recipient == deal.email
        deal.says(number, f"Invoice {number} is paid in full.")
        deal.stands(number, "Paid")


def test_a_correction_credits_and_replaces_and_takes_the_money_along(chromium: Browser, at_work: House) -> None:
    with ways.business(chromium, at_work, "Mevagissey Moss", "100") as deal:
        (number,), staff = deal.numbers, deal.staff
        ways.pay_whole(deal, number, "£120.00")
        deal.billed(number)
        staff.get_by_role("link", name="Correct", exact=True).click()
        deal.well(staff)
        staff.get_by_role("button", name="Edit the replacement").click()
        staff.get_by_label("Unit price, line 1", exact=True).fill("80")
        staff.get_by_role("button", name="Review and issue").click()
        staff.get_by_role("heading", level=1, name=f"Correct {number}").wait_for()
        assert "£24.00" in staff.locator("#correction").inner_text()
        deal.well(staff)
        staff.get_by_label("Reason").select_option(index=1)
        staff.get_by_label("What was wrong?").fill("The price agreed was £80")
        staff.get_by_role("button", name="Credit and replace").click()
        staff.get_by_text("is credited and replaced.").wait_for()
        heading = staff.get_by_role("heading", level=1)
        new = heading.inner_text().split()[0]
        assert new != number
        mail = at_work.mail(f"Corrected invoice {new}", "The price agreed was £80")
        assert mail.recipient == deal.email
        assert f"replaces {number}: £0.00 to pay" in mail.subject
        deal.says(new, "£96.00")
        assert "Amount due £0.00" in " ".join(deal.buyer.locator("main").inner_text().split())
        deal.says(number, f"Corrected: invoice {new} replaces it")
        deal.well(deal.buyer)
        deal.stands(number, "Credited")
        deal.stands(new, "Paid")
        deal.at(deal.buyer, "/credits", "Credits")
        assert deal.buyer.get_by_text("£24.00").first.is_visible()
