"""Recording money that came by bank, cheque, cash or another way, and splitting it over invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, request, url_for

from admin import admin, reading, received_form
from admin.settings import selling
from billing import clock, customers, payments
from billing.db import after_commit
from billing.money import CURRENCIES
from web import forms, hx
from web.filters import today
from web.people import person, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from admin.received_form import TypedReceived
    from billing.tables import Customer

FORM = ("admin/payments/record.html", "admin/payments/_record.html")
MOST_NAMED = 20
LONGEST_SEARCH = 100


@admin.get("/payments/record/for", endpoint="choose_payer")
@staff_role("admin")
def choose_payer() -> ResponseReturnValue:
    """Whose money it is: the first question of recording it."""
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    rows = customers.page(q=q, limit=MOST_NAMED)[:MOST_NAMED]
    return hx.respond("admin/payments/payer.html", "admin/payments/_payers.html", q=q, rows=rows)


@admin.route("/payments/record", methods=["GET", "POST"], endpoint="record_payment")
@staff_role("admin")
@once
def record() -> ResponseReturnValue:
    """Record money, and split it over the customer's invoices; "Split it for me" only proposes."""
    customer = _customer(request.values.get("customer", ""))
    if request.method == "GET":
        return forms.show(*FORM, **_form(_begun(customer), customer))
    typed = received_form.sent(request.form)
    if "split" in request.form and customer:
        return forms.show(*FORM, **_form(received_form.spread(typed, customer, locale=selling().locale), customer))
    forms.shown_again(*FORM, **_form(typed, customer))
    received = received_form.content(typed, customer, locale=selling().locale)
    at = clock.now()
    payment = payments.record(received, by=person().actor, at=at, anyway=typed.anyway)
    after_commit(lambda: payments.close_excessive([part.invoice_id for part in received.parts], at=at))
    flash("The payment is recorded.", "success")
    return hx.go(url_for(".payment", payment_id=payment.id))


@admin.post("/payments/record/left", endpoint="split_payment")
@staff_role("admin")
def show_left() -> ResponseReturnValue:
    """What the split comes to, and what is left, while somebody types. Nothing is saved."""
    shown = _form(received_form.sent(request.form), _customer(request.form.get("customer", "")))
    return forms.show(FORM[0], "admin/payments/_left.html", **shown)


def _begun(customer: Customer | None) -> TypedReceived:
    """The form as it is first shown; from an invoice's page, with what that invoice owes."""
    typed = received_form.blank(customer, selling().currency, today())
    wanted = reading.number(request.args.get("invoice", ""))
    rows = payments.owing(customer.id, typed.currency) if customer and wanted > 0 else []
    owed = [row for row in rows if row.id == wanted]
    return received_form.paying(typed, owed[0]) if owed else typed


def _customer(text: str) -> Customer | None:
    """The customer a form names; None for a payer nobody knows yet."""
    return customers.get(reading.number(text)) if text else None


def _form(typed: TypedReceived, customer: Customer | None) -> dict[str, Any]:
    """What the form shows: the customer's open invoices in the currency, each with what was typed for it."""
    rows = payments.owing(customer.id, typed.currency) if customer else []
    return {
        "typed": typed,
        "customer": customer,
        "rows": rows,
        "effect": received_form.effect_typed(typed, rows, locale=selling().locale),
        "currency": typed.currency,
        "methods": [(name, name) for name in payments.methods()],
        "currencies": [(code, code) for code in CURRENCIES],
        "most_on": today().isoformat(),
    }
