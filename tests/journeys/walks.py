"""What people do in the pages: words and clicks alone, so that each walk serves with and without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.watching import at_desk, judged
from tests.servers_sandbox import GOOD
from tests.world import SELLER

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

    from tests.journeys.house import House
    from tests.servers import Caught

SAM = "sam@alderfinch.example"
PASSWORD = "brass kettle under the old oak"
CUSTOMER, BUYER = "Brightwater Cafés", "accounts@brightwater.example"
FIRST_LINE, SECOND_LINE, THIRD_LINE = "Espresso machine lease", "Coffee beans, washed", "Barista training"
STANDARD, ZERO = "S:200000", "Z:0"
# 970.00 + 230.00 + (195.00 - 10 %) = 1,375.50; less 5 % = 68.78, of which 57.28 fall on the lines at 20 %:
# (1,145.50 - 57.28) at 20 % = 217.64; (230.00 - 11.50) at 0 %; 1,306.72 + 217.64 = 1,524.36.
TOTAL_MINOR, TOTAL = 1_524_36, "£1,524.36"
FIGURES = {"£970.00", "£230.00", "£175.50", "£1,375.50", "−£68.78", "£1,306.72", "£1,088.22", "£217.64", "£218.50"}
BUTTON = "View and pay invoice"
INVOICE = re.compile(r"^http://localhost:\d+/invoices/INV-\d{4}-\d{4}$")
RECEIVED = "Payment received"


def sign_in(page: Page, house: House) -> None:
    """Sam signs in at the admin's face."""
    page.goto(f"{house.base}/admin/")
    page.get_by_label("Email").fill(SAM)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def set_up(page: Page) -> list[str]:
    """A fresh installation asks first who bills; then there is somebody to bill. Gives what is wrong with its pages."""
    assert "/admin/settings" in page.url
    wrong = judged(page)
    at_desk(page, "light")
    texts = {
        "name": SELLER.name,
        "legal_name": SELLER.legal_name,
        "address": "\n".join(SELLER.address),
        "country": SELLER.country,
        "tax_id": SELLER.tax_id,
        "registration": SELLER.registration,
        "email": SELLER.email,
        "phone": SELLER.phone,
        "terms_text": SELLER.terms_text,
        "bank": "\n".join(f"{label}: {value}" for label, value in SELLER.bank),
        "time_zone": SELLER.time_zone,
    }
    for name, text in texts.items():
        page.locator(f"#{name}").fill(text)
    page.locator("#currency").select_option(SELLER.currency)
    page.get_by_role("button", name="Save settings").click()
    page.get_by_text("The settings are saved.").wait_for()
    page.get_by_role("link", name="Invoices").first.click()
    page.get_by_role("heading", level=1, name="Invoices").wait_for()
    wrong += judged(page)
    at_desk(page, "light")
    page.get_by_role("link", name="Customers").first.click()
    page.get_by_role("heading", level=1, name="Customers").wait_for()
    wrong += judged(page)
    at_desk(page, "light")
    page.get_by_role("link", name="New customer").first.click()
    buyer = {
        "name": CUSTOMER,
        "legal_name": f"{CUSTOMER} Ltd",
        "address": "12 Harbour Street\nFalmouth TR11 3XA\nUnited Kingdom",
        "country": "GB",
        "contacts-0-name": "Alice Poole",
        "contacts-0-email": BUYER,
    }
    for name, text in buyer.items():
        page.locator(f"#{name}").fill(text)
    page.get_by_role("button", name="Save customer").last.click()
    page.get_by_role("heading", level=1, name=CUSTOMER).wait_for()
    return wrong


def draft(page: Page, house: House, subject: str) -> None:
    """Three lines at two rates, a discount on one of them and one on the whole; on to the review."""
    page.goto(f"{house.base}/admin/invoices/new")
    page.get_by_role("combobox", name="Customer").select_option(label=CUSTOMER)
    page.locator("#subject").fill(subject)
    page.locator("#po").fill("88213")
    _line(page, 0, FIRST_LINE, "2", "485.00")
    _add_line(page, 1)
    _line(page, 1, SECOND_LINE, "12.5", "18.40", tax=ZERO)
    _add_line(page, 2)
    _line(page, 2, THIRD_LINE, "3", "65", tax=STANDARD)
    page.get_by_text("Detail, unit, discount of line 3").click()
    page.get_by_label("Discount, line 3").fill("10%")
    page.get_by_label("Discount on the whole invoice").fill("5%")
    page.get_by_role("button", name="Review and issue").click()
    page.get_by_role("heading", level=1, name="Review and issue").wait_for()


def _line(page: Page, index: int, description: str, quantity: str, price: str, *, tax: str = STANDARD) -> None:
    select = page.locator(f"#lines-{index}-tax")
    if select.input_value() != tax:
        if page.evaluate("typeof htmx") == "undefined":  # without JavaScript nothing is drawn anew
            select.select_option(tax)
        else:
            with page.expect_response("**/admin/invoices/lines"):
                select.select_option(tax)
    page.get_by_label(f"Item, line {index + 1}", exact=True).fill(description)
    page.get_by_label(f"Quantity, line {index + 1}", exact=True).fill(quantity)
    page.get_by_label(f"Unit price, line {index + 1}", exact=True).fill(price)


def _add_line(page: Page, index: int) -> None:
    page.get_by_role("button", name="Add a line").click()
    page.locator(f"#lines-{index}-description").wait_for()


def issue(page: Page) -> str:
    """Issue what the review shows; gives its number."""
    page.get_by_role("button", name=f"Issue invoice for {TOTAL} and send to 1 person").click()
    heading = page.get_by_role("heading", level=1, name=re.compile("^INV-"))
    heading.wait_for()
    return heading.inner_text().split()[0]


def open_as_guest(context: BrowserContext, mail: Caught) -> Page:
    """The first click, in the mail: it leads to the invoice, whose address tells nothing of the link."""
    page = read(context, mail)
    page.get_by_role("link", name=BUTTON).click()
    page.wait_for_url(INVOICE)
    return page


def read(context: BrowserContext, mail: Caught) -> Page:
    """The HTML part of a mail, as a mail program shows it."""
    page = context.new_page()
    page.set_content(mail.html())
    return page


def download(page: Page) -> bytes:
    """The PDF that the page offers."""
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download PDF").click()
    return Path(coming.value.path()).read_bytes()


def go_to_payment(page: Page, house: House) -> None:
    """The second click: it leads from the invoice to the provider's page."""
    page.get_by_role("button", name=f"Pay {TOTAL}").click()
    page.wait_for_url(f"{house.bank.base_url}/c/pay/**")


def pay(page: Page, card: str = GOOD) -> None:
    """Fill the provider's form with a card and send it."""
    given = {"email": BUYER, "number": card, "expiry": "12/34", "cvc": "123", "name": "Alice Poole"}
    for name, text in given.items():
        page.locator(f"#{name}").fill(text)
    page.get_by_role("button", name=f"Pay {TOTAL}").click()
