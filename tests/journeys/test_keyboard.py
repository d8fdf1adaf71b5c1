"""From the mail to paid without a mouse: Tab, Enter, and the digits of the card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.focus import Stop, tab, unseen
from tests.journeys import walks
from tests.journeys.test_main_job import mailed, settled_for_payer
from tests.servers_sandbox import GOOD

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.journeys.house import House

pytestmark = pytest.mark.browser

MOST_PRESSES = 20


def test_the_keyboard_alone_leads_from_the_mail_to_paid(chromium: Browser, at_work: House) -> None:
    with mailed(chromium, at_work) as (context, mail, number):
        page = walks.read(context, mail)
        tab_to(page, walks.BUTTON)
        page.keyboard.press("Enter")
        page.wait_for_url(walks.INVOICE)
        passed = tab_to(page, f"Pay {walks.TOTAL}")
        presses = len(passed) + 1
        print(f"{presses} key presses: {[stop.words for stop in passed]}")
        assert presses <= MOST_PRESSES
        assert unseen(passed) == []
        page.keyboard.press("Enter")
        page.wait_for_url(f"{at_work.bank.base_url}/c/pay/**")
        typed = {"email": walks.BUYER, "number": GOOD, "expiry": "12/34", "cvc": "123", "name": "Alice Poole"}
        for field, text in typed.items():
            tab_to(page, field)
            page.keyboard.type(text)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=walks.RECEIVED).wait_for()
        passed = tab_to(page, "Back to the invoice")
        assert unseen(passed) == []
        page.keyboard.press("Enter")
        page.wait_for_url(walks.INVOICE)
        settled_for_payer(at_work, page, number)


def tab_to(page: Page, where: str) -> list[Stop]:
    """Press Tab until the focus is there, by words or id; gives the stops on the way."""
    passed: list[Stop] = []
    while not passed or where not in {passed[-1].words, passed[-1].id}:
        assert len(passed) < MOST_PRESSES, [stop.words for stop in passed]
        stop = tab(page)
        if stop is not None:
            passed.append(stop)
    return passed
