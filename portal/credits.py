"""Credits: what a customer can spend, where it went, and putting it to use; and money paid ahead.

Using a credit is a form that shows its effect first: what is sent is what was seen, and it acts once.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from flask import abort, flash, request, url_for

from billing import clock, credits, documents, formatting, money, payments
from billing.errors import Refusal
from portal import portal
from portal.paying import symbol_of
from web import downloads, filters, forms, hx
from web.limits import coarse
from web.people import customer_only, person
from web.submissions import once

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from billing.payments import PastCredit
    from billing.tables import Customer, Invoice

OFTEN = "240 per minute"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MINOR = re.compile(r"[0-9]{1,16}")

# Why a payment left something over, as its customer reads it.
KEPT = {
    "paid_ahead": "You paid in advance",
    "invoice_no_longer_payable": "The invoice was paid or cancelled meanwhile",
    "amount_mismatch": "The amount was not the one that was due",
    "wrong_currency": "The currency was not that of the invoice",
    "second_payment": "It was paid twice",
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
    forms.shown_again("portal/credits/use.html", "portal/credits/_use.html", **_use_context(past, found, None, 0))
    invoice, minor = _wanted(past, found)
    return forms.show(
        "portal/credits/use.html", "portal/credits/_use.html", **_use_context(past, found, invoice, minor)
    )


@portal.post("/credits/<key>/use")
@customer_only
@coarse(OFTEN)
@once
def use_credit(key: str) -> AnyResponse:
    """Use exactly what the page showed."""
    customer = _customer()
    number, minor = request.form.get("invoice", ""), request.form.get("minor", "")
    if not _MINOR.fullmatch(minor) or int(minor) < 1:
        abort(400)
    invoice = payments.numbered(customer.id, [number])[0]
    after = payments.apply_credit(
        credits.key_of(key), invoice.id, int(minor), customer_id=customer.id, by=person().actor, at=clock.now()
    )
    shown = formatting.money(int(minor), after.currency, locale=filters.locale())
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


def _wanted(past: PastCredit, found: list[Invoice]) -> tuple[Invoice | None, int]:
    """The invoice and the amount the form asks about: the one that falls due first, and all that can be used."""
    if not found:
        return None, 0
    number = request.args.get("invoice", "")
    invoice = next((candidate for candidate in found if candidate.number == number), found[0])
    most = min(invoice.balance_minor, past.credit.available_minor)
    text = request.args.get("amount", "").strip()
    if not text or request.args.get("shown") != invoice.number:
        return invoice, most
    minor = money.read(text, invoice.currency, locale=filters.locale(), field="amount")
    if not 0 < minor <= most:
        words = formatting.money(most, invoice.currency, locale=filters.locale())
        raise Refusal(f"Enter an amount up to {words}", field="amount")
    return invoice, minor


def _use_context(past: PastCredit, found: list[Invoice], invoice: Invoice | None, minor: int) -> dict[str, Any]:
    currency, locale = past.credit.currency, filters.locale()
    asked = request.args.get("invoice", "")
    chosen = invoice or next((candidate for candidate in found if candidate.number == asked), None)
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
        "text": formatting.amount(minor, currency, locale=locale) if invoice else request.args.get("amount", ""),
        "effect": {
            "minor": minor,
            "owed_minor": invoice.balance_minor,
            "owes_minor": invoice.balance_minor - minor,
            "left_minor": past.credit.free_minor - minor,
        }
        if invoice
        else None,
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
