"""Invoices: the customer's list, and one invoice as a document with what can be done about it.

A guest of a mailed link sees that one invoice; a stranger's and a missing one read the same (ASVS 8.2.2).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import make_response, request, url_for

from billing import bank_details, cards, clock, early_discounts, formatting, instalments, invoices, payments
from billing.errors import Missing
from billing.rendering.pages import CATEGORY_WORDS
from portal import fees, portal
from portal.cards import autopay_of
from web import filters, hx
from web.limits import coarse
from web.people import customer_only, customer_or_guest, person

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from flask import Response
    from flask.typing import ResponseReturnValue

    from billing.invoices import InvoicePage, InvoiceRow, PortalSummary
    from billing.payments import Flight
    from billing.tables import Activity, Customer, Invoice

SOON = timedelta(days=7)
REFUSED = ("declined", "stopped")  # what came of a try by autopay, so that the same card is not proposed
MONEY_GONE = ("chargeback", "reversal", "refund")  # of what was taken off an invoice again, the money that left
MOST_CARDS = 3  # offered beside an invoice; the page for another amount offers all
LINES_A_PAGE = 200  # so that the page of an invoice of thousands of lines stays a page
LONGEST_SEARCH = 100
SEARCHED_OFTEN = "240 per minute"
TABS = {"open": "Open", "overdue": "Overdue", "paid": "Paid", "all": "All"}


@dataclass(frozen=True, slots=True)
class Due:
    """When it falls due, in words. `on` is set where the words do not name the day; `late` and `soon` set the tone."""

    words: str
    on: date | None
    late: bool
    soon: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the list, with what its cells say."""

    row: InvoiceRow
    status: str
    due: Due | None
    paid_on: date | None
    payable: bool
    attempt: Flight | None
    payer: str


@portal.get("/invoices", endpoint="invoices")
@customer_only
@coarse(SEARCHED_OFTEN)
def show_list() -> Response:
    """The customer's invoices: a tab, what was searched for, and the page after a key."""
    customer = person().customer
    assert customer is not None, "only who acts for a customer comes here"
    tab = request.args.get("tab", "open")
    tab = tab if tab in TABS else "open"
    q = " ".join(request.args.get("q", "").split())[:LONGEST_SEARCH]
    today = filters.today()
    page = invoices.portal_page(customer.id, tab=tab, on=today, q=q, after=request.args.get("after"))
    summary = None
    if not hx.wants_fragment() or not (page.rows or q):
        summary = invoices.portal_summary(customer.id, currency=customer.currency, on=today, soon_until=today + SOON)
    return hx.respond(
        "portal/invoices/list.html", "portal/invoices/_results.html", **_list(customer, tab, q, page, summary)
    )


@portal.get("/invoices/<number>", endpoint="invoice")
@customer_or_guest
def show_invoice(number: str) -> Response:
    """One invoice: the document as it was issued, what is owed on it now, and what happened to it."""
    return page_of(theirs(number))


@portal.post("/invoices/<number>/viewed")
@customer_or_guest
def record_view(number: str) -> ResponseReturnValue:
    """A person looked at it; the page's script says so after a real interaction (docs/decisions.md)."""
    invoices.record_view(theirs(number).id, by=person().actor, at=clock.now())
    return "", 204


@portal.get("/invoices/<number>/transfer.svg")
@customer_or_guest
def transfer_code(number: str) -> Response:
    """The picture of the payment code for what is owed now."""
    code = _payment_code(theirs(number))
    if code is None:
        raise Missing(invoices.NOT_FOUND)
    response = make_response(code.svg)
    response.mimetype = "image/svg+xml"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def theirs(number: str) -> Invoice:
    """The asker's invoice of this number: their customer's, or the guest's one. Raises Missing for all others."""
    asker = person()
    if asker.link is None:
        assert asker.customer_id is not None, "who is no guest acts for a customer here"
        return invoices.for_customer(asker.customer_id, number)
    invoice: Invoice = asker.link.invoice
    if invoice.number != number:
        raise Missing(invoices.NOT_FOUND)
    return invoice


def page_of(invoice: Invoice, *, problem: str = "", declined: bool = False, status: int = 200) -> Response:
    """The page of an invoice, or its pay panel alone where that is to be swapped; `problem` says why paying failed.

    Where a saved card was `declined`, another way to pay is proposed.
    """
    filters.speak(invoice.frozen["locale"])
    context = _pay_panel(invoice) | {"invoice": invoice, "problem": problem, "on_day": on_day}
    context |= _ways(invoice, declined=declined)
    events = invoices.activities(invoice.id, customer_sees_only=True)
    context["again"] = _due_again(events)
    if not hx.wants_fragment():
        context |= {
            "paper": invoice.frozen,
            "events": events,
            "tax_words": _tax_words,
            "transfer": transfer_of(invoice),
        }
        context |= _lines(invoice) | fees.beside(invoice, events)
    return hx.respond("portal/invoices/invoice.html", "portal/invoices/_pay.html", status, **context)


def _list(customer: Customer, tab: str, q: str, page: InvoicePage, summary: PortalSummary | None) -> dict[str, Any]:
    """What the list's templates are told."""
    flights = payments.in_flight_on([row.id for row in page.rows if row.balance_minor], at=clock.now())
    rows = [_listed(row, flights.get(row.id)) for row in page.rows]
    found = summary.sums if summary else []
    currencies = {customer.currency} | {row.currency for row in page.rows} | {sum_.currency for sum_ in found}
    counts = summary.counts if summary else {}
    return {
        "tab": tab,
        "q": q,
        "rows": rows,
        "several": len(currencies) > 1,
        "sums": [sum_ for sum_ in found if sum_.owed_minor or sum_.credit_minor or sum_.currency == customer.currency],
        "counts": counts,
        "tabs": [
            {"label": words, "href": url_for(".invoices", tab=key), "current": key == tab, "count": _count(counts, key)}
            for key, words in TABS.items()
        ],
        "next": url_for(".invoices", tab=tab, q=q or None, after=page.after) if page.after else None,
        "first": None if page.first else url_for(".invoices", tab=tab, q=q or None),
        "last_payment": None if rows or q or tab not in {"open", "overdue"} else payments.last_of(customer.id),
        "on_day": on_day,
    }


def _listed(row: InvoiceRow, attempt: Flight | None) -> Listed:
    status = row.shown_status(filters.today())
    return Listed(
        row,
        status,
        due_of(row),
        on_day(row.paid_at) if row.paid_at and status == "paid" else None,
        payable=row.balance_minor > 0 and status != "processing",
        attempt=attempt,
        payer="you" if attempt and attempt.payer == person().actor.key else attempt.payer_name if attempt else "",
    )


def due_of(invoice: Invoice | InvoiceRow) -> Due | None:
    """None where nothing is owed any more."""
    if invoice.next_due_on is None or invoice.balance_minor == 0:
        return None
    days = (invoice.next_due_on - filters.today()).days
    named = abs(days) > formatting.RELATIVE_DAYS
    words = filters.relative_due(invoice.next_due_on)
    return Due(words, None if named else invoice.next_due_on, late=days < 0, soon=0 <= days <= SOON.days)


def on_day(at: datetime) -> date:
    """The seller's calendar day of an instant."""
    return clock.day_of(at, filters.current_seller().time_zone)


def _count(counts: dict[str, int], tab: str) -> str:
    if tab not in counts:
        return ""
    return f"{counts[tab]:,}" if counts[tab] <= invoices.MOST_COUNTED else f"{invoices.MOST_COUNTED:,}+"


def _pay_panel(invoice: Invoice) -> dict[str, Any]:
    """What came is looked up only where something did, and who is paying only where something is owed."""
    came = payments.applied_on(invoice.id) if invoice.balance_minor != invoice.total_minor else []
    attempt = payments.in_flight_on([invoice.id], at=clock.now()).get(invoice.id) if invoice.balance_minor else None
    on_its_way = attempt is not None and attempt.status == "processing"
    asker = person()
    credit = payments.credit_in(asker.customer.id, invoice.currency) if asker.customer and invoice.balance_minor else 0
    return {
        "state": invoices.status_of(invoice, filters.today(), processing=on_its_way),
        "due": due_of(invoice),
        "came": came,
        "receipts": {
            payment.reference: url_for(".payment", attempt_id=payment.reference)
            for payment in came
            if payment.has_page and (asker.customer is not None or payment.payer == asker.actor.key)
        },
        "attempt": attempt,
        "is_mine": attempt is not None and attempt.payer == asker.actor.key,
        "nonce": secrets.token_urlsafe(18),
        "has_bank": bool(invoice.frozen["seller"]["bank"]),
        "credit_minor": credit,
        "offer": early_discounts.offer(invoice, filters.today()),
        "part_minor": _part_minor(invoice),
        "fragment": hx.wants_fragment(),
    }


def _due_again(events: Sequence[Activity]) -> dict[str, Any] | None:
    """What took money off it again, where nothing was paid since: how much, of which currency, why, on which day."""
    last = next((event for event in events if event.kind in {"paid", "credit_applied", "credit_taken_back"}), None)
    if last is None or last.facts.get("why") not in MONEY_GONE:
        return None
    return {key: last.facts[key] for key in ("minor", "currency", "why")} | {"on": on_day(last.at)}


def _ways(invoice: Invoice, *, declined: bool) -> dict[str, Any]:
    """The saved cards to pay with, what autopay says of it, the card to propose (none that was declined)."""
    asker = person()
    if asker.customer is None or not invoice.balance_minor:
        return {"cards": [], "card_id": None, "told": None, "declined": declined}
    known = cards.for_customer(asker.customer.id)
    saved = [card for card in known if not card.has_expired(filters.today())]
    told = autopay_of(invoice) if known else None
    last = told["last"] if told else None
    refused = last.card_words if last and last.outcome in REFUSED else None
    usual = next((card.id for card in saved if card.words != refused), None)
    return {
        "cards": saved[:MOST_CARDS],
        "card_id": None if declined else usual,
        "told": told,
        "declined": declined,
    }


def _part_minor(invoice: Invoice) -> int:
    """What its schedule asks for now: the parts that are due, else the next one; 0 where that is all or too little."""
    parts = [part for part in instalments.of(invoice) if part.open_minor] if invoice.balance_minor else []
    if not parts:
        return 0
    until = max(parts[0].due_on, filters.today())
    minor = sum(part.open_minor for part in parts if part.due_on <= until)
    return minor if filters.current_seller().least_part_minor <= minor < invoice.balance_minor else 0


def _lines(invoice: Invoice) -> dict[str, Any]:
    """One page of the document's lines, and the addresses of its neighbours."""
    lines = invoice.frozen["lines"]
    first = request.args.get("line", 1, type=int)
    first = first if 1 <= first <= len(lines) else 1
    last = min(first + LINES_A_PAGE - 1, len(lines))

    def page_from(position: int) -> str:
        return url_for(".invoice", number=invoice.number, line=position if position > 1 else None, _anchor="lines")

    return {
        "lines": lines[first - 1 : last],
        "first_line": first,
        "last_line": last,
        "previous_lines": page_from(max(first - LINES_A_PAGE, 1)) if first > 1 else None,
        "next_lines": page_from(last + 1) if last < len(lines) else None,
    }


def _tax_words(tax: dict[str, Any]) -> str:
    """What a tax group is called, in the words of the PDF: VAT at 20%."""
    return CATEGORY_WORDS.get(tax["category"]) or f"VAT at {filters.rate(tax['rate_ppm'])}"


def transfer_of(invoice: Invoice) -> dict[str, Any] | None:
    """How to pay it by bank transfer: rows of label, value and what a bank's form takes, and whether a code exists.

    None where the seller named no bank. The reference is one that banks check, where the details allow it.
    """
    if not invoice.frozen["seller"]["bank"]:
        return None
    details = _bank_details(invoice)
    reference = bank_details.reference(details, str(invoice.number), invoice.currency)
    shown = reference if reference == invoice.number else bank_details.in_groups(reference)
    fitting = bank_details.rows_for(details, invoice.currency)
    rows = [(label, value, _plain(value)) for label, value in fitting]
    return {
        "rows": [*rows, ("Reference", shown, reference)],
        "code": url_for(".transfer_code", number=invoice.number) if _payment_code(invoice) else None,
        "number": invoice.number,
    }


def _bank_details(invoice: Invoice) -> bank_details.BankDetails:
    return bank_details.of_seller(invoice.frozen["seller"], country=filters.current_seller().country)


def _payment_code(invoice: Invoice) -> bank_details.PaymentCode | None:
    """The code a banking app scans, for what is owed now."""
    if not invoice.balance_minor:
        return None
    details = _bank_details(invoice)
    reference = bank_details.reference(details, str(invoice.number), invoice.currency)
    text = f"Invoice {invoice.number}"
    return bank_details.payment_code(details, invoice.balance_minor, invoice.currency, reference, text=text)


def _plain(value: str) -> str:
    digits = value.replace(" ", "").replace("-", "")
    return digits if digits.isdecimal() else value
