"""The money inbox: every amount without a place, what may be done with it and why, and one click that does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import flash, render_template, request, url_for

from admin import admin, reading, received_form
from admin.settings import selling
from billing import clock, customers, inbox, payments
from billing.db import after_commit
from billing.errors import Refusal
from web import forms, hx
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask.typing import ResponseReturnValue

    from billing.payments import Planned
    from billing.tables import Customer, Payment

PLACE = ("admin/inbox/place.html", "admin/inbox/_place.html")
MOST_NAMED = 20
LONGEST_SEARCH = 100
SUGGESTED = "pay-"
MINOR = re.compile(r"[1-9][0-9]{0,15}")


class NothingChosen(Refusal):
    """A split without parts."""

    def __init__(self) -> None:
        super().__init__("Enter how much of it goes to which invoice")


@admin.get("/inbox", endpoint="inbox")
@staff_only
def show_inbox() -> ResponseReturnValue:
    """What waits, oldest first, each with what may be done with it and why."""
    after = max(reading.number(request.args.get("after", "")), 0)
    found = inbox.waiting(after=after, limit=inbox.PAGE + 1)
    rows = found[: inbox.PAGE]
    return render_template(
        "admin/inbox/list.html",
        rows=[(row, inbox.suggestions(row.payment)) for row in rows],
        first=not after,
        next_key=rows[-1].payment.id if len(found) > inbox.PAGE else None,
    )


@admin.route("/payments/<int:payment_id>/place", methods=["GET", "POST"], endpoint="place_payment")
@staff_role("admin")
@once
def place(payment_id: int) -> ResponseReturnValue:
    """Choose by hand whose money it is, and how it is split over open invoices."""
    payment = payments.get(payment_id)
    customer = _owner(payment)
    if customer is None:
        return _ask_whose(payment)
    typed = received_form.parts_sent(request.form)
    if request.method == "GET" or "split" in request.form:
        if "split" in request.form:
            words = payment.bank_reference
            typed = received_form.split_of(customer.id, payment.currency, payment.free_minor, words)
        return forms.show(*PLACE, **_split(payment, customer, typed))
    shown = _split(payment, customer, typed)
    forms.shown_again(*PLACE, **shown)
    parts = received_form.parts_of(typed, payment.currency, rows=shown["rows"], locale=selling().locale)
    return _applied(payment, parts, customer.id)


@admin.post("/payments/<int:payment_id>/place/left", endpoint="place_left")
@staff_role("admin")
def show_left(payment_id: int) -> ResponseReturnValue:
    """What the split comes to while somebody types. Nothing is saved."""
    payment = payments.get(payment_id)
    customer = _owner(payment)
    if customer is None:
        return _ask_whose(payment)
    shown = _split(payment, customer, received_form.parts_sent(request.form))
    return forms.show(PLACE[0], "admin/payments/_left.html", **shown)


@admin.post("/payments/<int:payment_id>/apply", endpoint="apply_payment")
@staff_role("admin")
@once
def apply(payment_id: int) -> ResponseReturnValue:
    """Do what was suggested, exactly as it was shown: the parts are in minor units."""
    payment = payments.get(payment_id)
    parts = [
        payments.Planned(reading.number(name.removeprefix(SUGGESTED)), int(text))
        for name, text in request.form.items()
        if name.startswith(SUGGESTED) and MINOR.fullmatch(text)
    ]
    return _applied(payment, parts, reading.number(request.form.get("customer", "")))


@admin.post("/payments/<int:payment_id>/payer", endpoint="assign_payment")
@staff_role("admin")
@once
def assign(payment_id: int) -> ResponseReturnValue:
    """Say whose money it is; it waits on as that customer's credit."""
    customer = customers.get(reading.number(request.form.get("customer", "")))
    payments.assign_customer(payment_id, customer.id, by=person().actor, at=clock.now())
    flash(f"The money is {customer.name}’s now. Say what it is for.", "success")
    return hx.go(url_for(".place_payment", payment_id=payment_id))


@admin.post("/payments/<int:payment_id>/keep", endpoint="keep_payment")
@staff_role("admin")
@once
def keep(payment_id: int) -> ResponseReturnValue:
    """Somebody looked: what is free stays the customer's credit, and leaves the inbox."""
    payment = inbox.keep_as_credit(payment_id, by=person().actor, at=clock.now())
    flash(f"What is left of {payment.reference} stays the customer’s credit.", "success")
    return hx.go(url_for(".inbox"))


def _applied(payment: Payment, parts: Sequence[Planned], customer_id: int) -> ResponseReturnValue:
    """Apply the parts and close payment pages that ask for too much by now; then the inbox, or what is left."""
    if not parts:
        raise NothingChosen
    at = clock.now()
    after = inbox.apply(payment.id, parts, customer_id=customer_id, by=person().actor, at=at)
    after_commit(lambda: payments.close_excessive([part.invoice_id for part in parts], at=at))
    flash(f"{payment.reference} is applied to {_invoices(len(parts))}.", "success")
    if after.waiting:
        return hx.go(url_for(".payment", payment_id=payment.id))
    return hx.go(url_for(".inbox") if payment.waiting else url_for(".payment", payment_id=payment.id))


def _invoices(count: int) -> str:
    return "1 invoice" if count == 1 else f"{count} invoices"


def _owner(payment: Payment) -> Customer | None:
    """Whose money it is, or whose the request says it is."""
    chosen = payment.customer_id or reading.number(request.values.get("customer", ""))
    return customers.get(chosen) if chosen > 0 else None


def _ask_whose(payment: Payment) -> ResponseReturnValue:
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    rows = customers.page(q=q, limit=MOST_NAMED)[:MOST_NAMED]
    return hx.respond("admin/inbox/whose.html", "admin/payments/_payers.html", payment=payment, q=q, rows=rows)


def _split(payment: Payment, customer: Customer, typed: dict[int, str]) -> dict[str, Any]:
    rows = payments.owing(customer.id, payment.currency)
    return {
        "payment": payment,
        "customer": customer,
        "rows": rows,
        "parts": typed,
        "currency": payment.currency,
        "effect": received_form.effect(payment.free_minor, typed, rows, locale=selling().locale),
    }
