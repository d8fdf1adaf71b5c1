"""What people do with money in the pages: each business has a customer of its own, signed in by a mailed code."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.browser.watching import at_desk, judged, watched
from tests.journeys import walks
from tests.servers import until
from tests.servers_sandbox import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.journeys.house import House

RECEIVED = "Payment received"
CODE = re.compile(r"^\s*(\d{3})\D?(\d{3})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Business:
    """Sam at the desk, a customer's person in another browser, and the invoices between them."""

    house: House
    staff: Page
    buyer: Page
    email: str
    numbers: list[str]
    scripts: bool

    def at(self, page: Page, path: str, heading: str | re.Pattern[str] = "") -> None:
        """Go to an address of the installation and see its heading."""
        page.goto(f"{self.house.base}{path}")
        if heading:
            page.get_by_role("heading", level=1, name=heading).wait_for()

    def invoice(self, number: str) -> None:
        """The customer opens an invoice."""
        self.at(self.buyer, f"/invoices/{number}", number)

    def billed(self, number: str) -> None:
        """Sam opens an invoice."""
        self.at(self.staff, "/admin/invoices?tab=all", "Invoices")
        self.staff.get_by_role("link", name=number, exact=True).click()
        self.staff.get_by_role("heading", level=1, name=number).wait_for()

    def stands(self, number: str, word: str) -> None:
        """Sam's page of the invoice says this of it, sooner or later."""
        self.billed(number)
        until(f"{number} is {word}", lambda: _is(self.staff, word))

    def says(self, number: str, words: str) -> None:
        """The customer's page of the invoice says this, sooner or later."""
        self.invoice(number)
        until(f"{number} says {words}", lambda: _reads(self.buyer, words))

    def well(self, page: Page) -> None:
        """The page has nothing wrong with it."""
        wrong = judged(page)
        assert wrong == [], f"{page.url}: {wrong}"
        at_desk(page, "light")


@contextmanager
def business(chromium: Browser, house: House, name: str, *prices: str, scripts: bool = True) -> Iterator[Business]:
    """A new customer with an invoice at each net price, of which the VAT is a fifth more."""
    email = f"{re.sub('[^a-z]', '', name.lower())}@payers.example"
    with (
        watched(chromium, java_script_enabled=scripts) as desk,
        watched(chromium, java_script_enabled=scripts) as theirs,
    ):
        staff, buyer = desk.new_page(), theirs.new_page()
        walks.sign_in(staff, house)
        _add_customer(staff, house, name, email)
        numbers = [issue(staff, house, name, price) for price in prices]
        sign_in(buyer, house, email)
        yield Business(house, staff, buyer, email, numbers, scripts)


def issue(page: Page, house: House, customer: str, price: str, *, terms_days: str = "") -> str:
    """Sam issues an invoice of one line at this net price, due by these or the usual terms; gives its number."""
    page.goto(f"{house.base}/admin/invoices/new")
    page.get_by_role("combobox", name="Customer").select_option(label=customer)
    page.locator("#terms_days").fill(terms_days)
    page.get_by_label("Item, line 1", exact=True).fill("Roasting by hand")
    page.get_by_label("Quantity, line 1", exact=True).fill("1")
    page.get_by_label("Unit price, line 1", exact=True).fill(price)
    page.get_by_role("button", name="Review and issue").click()
    page.get_by_role("button", name=re.compile("^Issue invoice for")).click()
    heading = page.get_by_role("heading", level=1, name=re.compile("^INV-"))
    heading.wait_for()
    return heading.inner_text().split()[0]


def sign_in(page: Page, house: House, email: str) -> None:
    """Ask for a code, read the newest in the mail, and type it."""
    before = len(_codes(house, email))
    page.goto(f"{house.base}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Email me a code").click()
    page.get_by_role("heading", level=1, name="Enter the code").wait_for()
    codes: list[str] = until(f"a code for {email}", lambda: _codes(house, email)[before:])
    page.locator("#code").fill(codes[-1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1, name="Invoices").wait_for()


def checkout(page: Page, house: House, total: str, *, number: str = GOOD, debit: bool = False) -> None:
    """Pay at the provider's page, which has to ask for exactly this."""
    page.wait_for_url(f"{house.bank.base_url}/c/pay/**")
    email = page.locator("#email")
    if email.count():
        email.fill("payer@payers.example")
    page.locator("#name").fill("Alice Poole")
    if debit:
        page.get_by_label("Bacs direct debit").check()
    else:
        if page.get_by_label("Card", exact=True).count():
            page.get_by_label("Card", exact=True).check()
        for field, text in {"number": number, "expiry": "12/34", "cvc": "123"}.items():
            page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name=f"Pay {total}").click()


def comes_back(page: Page, house: House, heading: str) -> None:
    """The way back leads to the page of the payment, which says this sooner or later."""
    page.wait_for_url(f"{house.base}/payments/**")
    until(f"the payment's page says {heading}", lambda: _headed(page, heading))


def pay_whole(deal: Business, number: str, total: str, *, card: str = GOOD) -> None:
    """The customer pays all of one invoice by card."""
    deal.invoice(number)
    deal.buyer.get_by_role("button", name=f"Pay {total}").click()
    checkout(deal.buyer, deal.house, total, number=card)
    comes_back(deal.buyer, deal.house, RECEIVED)


def credit(deal: Business, number: str, amount: str, reason: str) -> str:
    """Sam credits an amount of an invoice, to be kept for the customer; gives the credit note's number."""
    page = deal.staff
    deal.billed(number)
    page.get_by_role("link", name="Credit", exact=True).click()
    page.get_by_role("radio", name="An amount").check()
    page.get_by_label("Amount with VAT").fill(amount)
    page.get_by_label("Reason").select_option(index=1)
    page.get_by_label("In words").fill(reason)
    page.get_by_role("radio", name="Keep all as credit").check()
    if deal.scripts:
        page.locator("#credit-preview").get_by_text("Stays as credit").wait_for()
    page.get_by_role("button", name="Issue credit note").click()
    heading = page.get_by_role("heading", level=1, name=re.compile("^CN-"))
    heading.wait_for()
    return heading.inner_text().split()[0]


def tick(deal: Business) -> None:
    """The customer ticks every invoice of this business in the list, and goes on to pay them."""
    page = deal.buyer
    deal.at(page, "/invoices", "Invoices")
    for number in deal.numbers:
        page.get_by_role("checkbox", name=f"Choose {number} to pay").check()
    count = len(deal.numbers)
    page.get_by_role("button", name=f"Pay {count} invoices" if deal.scripts else "Pay chosen").click()
    page.get_by_role("heading", name="You pay now").wait_for()


def refund(deal: Business, amount: str, reason: str) -> None:
    """Sam gives back a part of the payment that came last, the way it came."""
    page = deal.staff
    deal.at(page, "/admin/payments", "Payments")
    page.locator("a.rowlink").first.click()
    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_role("heading", level=1, name=re.compile("^Refund ")).wait_for()
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Why?").fill(reason)
    if not deal.scripts:
        page.get_by_role("button", name="Work it out").click()
    page.get_by_role("button", name=f"Send back £{amount} to").click()
    page.wait_for_url(re.compile(r"/admin/refunds/\d+$"))


def confirms(page: Page, house: House) -> None:
    """The payer's bank asks whether it is them, and they say yes."""
    page.wait_for_url(f"{house.bank.base_url}/c/authenticate/**")
    page.get_by_role("button", name="Complete").click()


def save_card(deal: Business, card: str = GOOD, *, asked: bool = False) -> None:
    """The customer agrees to autopay with a card that the provider saves; `asked`: the bank wants to know first."""
    page = deal.buyer
    deal.at(page, "/cards", "Payment methods")
    page.get_by_role("link", name="Set up autopay").click()
    page.get_by_role("checkbox", name="I agree").check()
    page.get_by_role("button", name="Agree and enter a card").click()
    page.wait_for_url(f"{deal.house.bank.base_url}/c/**")
    facts = {"email": deal.email, "name": "Pat Rowe", "number": card, "expiry": "12/34", "cvc": "123"}
    if page.get_by_label("Card", exact=True).count():
        page.get_by_label("Card", exact=True).check()
    for field, text in facts.items():
        if page.locator(f"#{field}").count():
            page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name="Save", exact=True).click()
    if asked:
        confirms(page, deal.house)
    page.wait_for_url(f"{deal.house.base}/cards/saving/**")
    until("the card is saved", lambda: _headed(page, "Card saved"))


def _add_customer(page: Page, house: House, name: str, email: str) -> None:
    page.goto(f"{house.base}/admin/customers/new")
    facts = {
        "name": name,
        "legal_name": f"{name} Ltd",
        "address": "3 Mill Lane\nTruro TR1 2AB\nUnited Kingdom",
        "country": "GB",
        "contacts-0-name": "Pat Rowe",
        "contacts-0-email": email,
    }
    for field, text in facts.items():
        page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name="Save customer").last.click()
    page.get_by_role("heading", level=1, name=name).wait_for()


def _codes(house: House, email: str) -> list[str]:
    mails = [mail for mail in house.mails.caught if mail.recipient == email and "code" in mail.subject]
    found = [CODE.search(mail.text()) for mail in mails]
    return ["".join(code.groups()) for code in found if code]


def shows(page: Page, words: str) -> bool:
    """The page says this; where it does not, it is loaded again for the next look."""
    return page.get_by_text(words).first.is_visible() or _again(page)


def _is(page: Page, word: str) -> bool:
    return word in page.get_by_role("heading", level=1).inner_text() or _again(page)


def _reads(page: Page, words: str) -> bool:
    said = page.locator("main").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    return words in " ".join(said.split()) or _again(page)


def _headed(page: Page, heading: str) -> bool:
    return page.get_by_role("heading", name=heading).is_visible() or _again(page)


def _again(page: Page) -> bool:
    page.reload()
    return False
