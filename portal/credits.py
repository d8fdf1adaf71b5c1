"""Credits: what a customer can spend, where it went, and putting it to use; and money paid ahead.

Using a credit is a form that shows its effect first: what is sent is what was seen, and it acts once.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from flask import abort, flash, request, url_for

from billing import clock, credits, documents, formatting, money, payments
from portal import portal
from portal.invoices import theirs
from portal.paying import symbol_of
from web import downloads, filters, forms, hx
from web.limits import coarse
from web.people import customer_only, person

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from billing.payments import PastCredit, Quote
    from billing.tables import Customer, Invoice

OFTEN = "240 per minute"
USE = ("portal/credits/use.html", "portal/credits/_use.html")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MINOR = re.compile(r"[0-9]{1,16}")

# Why a payment left something over, as its customer reads it, here and on the page of the payment.
KEPT = {
    "paid_ahead": "You paid in advance",
    "invoice_no_longer_payable": "The invoice was paid or cancelled meanwhile",
    "amount_mismatch": "The amount was not the one that was due",
    "wrong_currency": "The currency was not that of the invoice",
    "second_payment": "It was paid twice",
    "chargeback_won": "Your bank gave it back to us",
    "refund_failed": "It was sent back to you and did not arrive",
}
REFUNDS = {
    "created": "being sent back to you",
    "pending": "on its way back to you",
    "succeeded": "sent back to you",
    "failed": "could not be sent back",
}


@portal.get("/credits", endpoint="credits")
@customer_only
@coarse(OFTEN)
def show_credits() -> Response:
    """What the customer has, and each credit with where it went."""
    customer = _customer()
    page = payments.past_credits(customer.id, after=request.args.get("after"))
    return hx.respond(
        "portal/credits/list.html",
        "portal/credits/list.html",
        balances=payments.credit_balances(customer.id),
        currency=customer.currency,
        page=page,
        next=url_for(".credits", after=page.after) if page.after else None,
        kept=KEPT,
        refund_words=REFUNDS,
    )


@portal.get("/credits/<key>/use")
@customer_only
@coarse(OFTEN)
def choose_use(key: str) -> Response:
    """Choose an invoice and an amount, and see what using the credit there would do."""
    customer = _customer()
    past = payments.past_credit(customer.id, credits.key_of(key))
    found = payments.open_invoices(customer.id, past.credit.currency)
    forms.shown_again(*USE, **_use_context(past, found, None))
    return forms.show(*USE, **_use_context(past, found, _quoted(past, found)))


@portal.post("/credits/<key>/use")
@customer_only
@coarse(OFTEN)
def use_credit(key: str) -> AnyResponse:
    """Use exactly what the page showed, once."""
    number, nonce = request.form.get("invoice", ""), request.form.get("nonce", "")
    minor, owed = request.form.get("minor", ""), request.form.get("owed", "")
    if not (_NONCE.fullmatch(nonce) and _MINOR.fullmatch(minor) and _MINOR.fullmatch(owed)) or int(minor) < 1:
        abort(400)
    invoice, at = theirs(number), clock.now()
    plan = payments.Plan(
        customer_id=_customer().id,
        planned=(payments.Planned(invoice.id, 0, int(owed)),),
        uses=(payments.CreditUse(credits.key_of(key), invoice.id, int(minor)),),
    )
    payments.pay_by_credit(plan, nonce=nonce, payer=person().actor, at=at)
    payments.close_excessive([invoice.id], at=at)
    shown = formatting.money(int(minor), invoice.currency, locale=filters.locale())
    flash(f"{shown} of your credit is used on invoice {number}.", "success")
    return hx.go(url_for(".invoice", number=number))


@portal.get("/credits/<key>.pdf")
@customer_only
def credit_note_pdf(key: str) -> Response:
    """The PDF of one of the customer's credit notes."""
    credit = credits.find(_customer().id, credits.key_of(key))
    if credit.key.kind != "credit_note":
        raise credits.NoSuchCredit
    return downloads.pdf(documents.credit_note(credit.key.id), f"Credit-note-{credit.reference}")


@portal.get("/credits/pay-ahead")
@customer_only
def choose_ahead() -> Response:
    """Pay before anything is owed: how much?"""
    return forms.show("portal/credits/ahead.html", "portal/credits/_ahead.html", **_ahead_context())


@portal.post("/credits/pay-ahead")
@customer_only
@coarse(OFTEN)
def pay_ahead() -> AnyResponse:
    """Go to the payment page for the amount that was typed; it becomes credit."""
    nonce, currency = request.form.get("nonce", ""), _customer().currency
    if not _NONCE.fullmatch(nonce):
        abort(400)
    forms.shown_again("portal/credits/ahead.html", "portal/credits/_ahead.html", **_ahead_context())
    minor = money.read(request.form.get("amount", ""), currency, locale=filters.locale(), field="amount")
    attempt = payments.start_checkout(
        customer_id=_customer().id,
        planned=(),
        ahead=payments.Ahead(currency, minor),
        nonce=nonce,
        payer=person().actor,
        at=clock.now(),
    )
    is_open = attempt.status == "open" and attempt.url
    return hx.go(str(attempt.url) if is_open else url_for(".payment", attempt_id=attempt.id))


def _quoted(past: PastCredit, found: list[Invoice]) -> Quote | None:
    """What the form asks about: the invoice that falls due first, and all that can be used; None where nothing can."""
    if not found or not past.credit.available_minor:
        return None
    number = request.args.get("invoice", "")
    invoice = next((candidate for candidate in found if candidate.number == number), found[0])
    text = request.args.get("amount", "").strip() if request.args.get("shown") == invoice.number else ""
    minor = money.read(text, invoice.currency, locale=filters.locale(), field="amount") if text else None
    return payments.quote_credit(_customer().id, past.credit.key, invoice.id, minor, at=clock.now())


def _use_context(past: PastCredit, found: list[Invoice], quote: Quote | None) -> dict[str, Any]:
    currency, locale = past.credit.currency, filters.locale()
    asked = request.args.get("invoice", "")
    line = quote.lines[0] if quote else None
    chosen = line.invoice if line else next((candidate for candidate in found if candidate.number == asked), None)
    typed = request.args.get("amount", "")
    return {
        "past": past,
        "kept": KEPT,
        "options": [
            (
                candidate.number,
                f"{candidate.number}, {formatting.money(candidate.balance_minor, currency, locale=locale)}",
            )
            for candidate in found
        ],
        "number": chosen.number if chosen else "",
        "text": formatting.amount(line.credit_minor, currency, locale=locale) if line else typed,
        "line": line,
        "left_minor": past.credit.free_minor - line.credit_minor if line else 0,
        "nonce": secrets.token_urlsafe(18),
        "symbol": symbol_of(currency),
    }


def _ahead_context() -> dict[str, Any]:
    currency = _customer().currency
    return {
        "currency": currency,
        "symbol": symbol_of(currency),
        "text": request.form.get("amount", ""),
        "nonce": request.form.get("nonce", "") or secrets.token_urlsafe(18),
        "least_minor": max(filters.current_seller().least_part_minor, 1),
    }


def _customer() -> Customer:
    customer = person().customer
    assert customer is not None, "only who acts for a customer comes here"
    return customer
