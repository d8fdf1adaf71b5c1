"""Payments: what came and where each part of it is, taking parts back, and reversing what bounced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, render_template, request, url_for

from admin import admin, reading, received_form
from admin.settings import selling
from billing import chargebacks, clock, customers, inbox, payments, refunds
from billing.errors import Refusal
from web import forms, hx
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from billing.tables import Payment

PAGE = "admin/payments/show.html"
PLACES = (PAGE, "admin/payments/_places.html")
REVERSE = ("admin/payments/reverse.html", "admin/payments/_reverse.html")
TABS = {"all": "All", "waiting": "Waiting"}
MOST_NAMED = 20
LONGEST_SEARCH = 100


@admin.get("/payments", endpoint="payments")
@staff_only
def show_list() -> ResponseReturnValue:
    """What came, newest first, searched by reference, payer, amount or customer."""
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    tab = request.args.get("tab", "all")
    tab = tab if tab in TABS else "all"
    named = customers.page(q=q, limit=MOST_NAMED)[:MOST_NAMED] if q else []
    page = payments.page(
        tab=tab, q=q, minor=_amount_in(q), customer_ids=[one.id for one in named], after=request.args.get("after")
    )
    return hx.respond(
        "admin/payments/list.html",
        "admin/payments/_results.html",
        q=q,
        tab=tab,
        tabs=_tabs(tab, q),
        page=page,
        gone=payments.given_back([row.id for row in page.rows]),
        home_currency=selling().currency,
    )


@admin.get("/payments/<int:payment_id>", endpoint="payment")
@staff_only
def show_payment(payment_id: int) -> ResponseReturnValue:
    """One payment: what came, from whom, where each part of it is now, and what the books say."""
    return render_template(PAGE, problems=[], errors={}, **_shown(payments.get(payment_id)))


@admin.post("/payments/<int:payment_id>/take-back", endpoint="take_back_payment")
@staff_role("admin")
@once
def take_back(payment_id: int) -> ResponseReturnValue:
    """Take a part off an invoice again, which owes that again; the money waits in the inbox."""
    payment = payments.get(payment_id)
    forms.shown_again(*PLACES, **_shown(payment, is_taking=True))
    invoice_id = reading.number(request.form.get("invoice_id", ""))
    minor = received_form.amount(request.form.get("amount", ""), payment.currency, selling().locale, "amount")
    reason = request.form.get("reason", "").replace("\r\n", "\n")
    after = inbox.take_back(payment_id, invoice_id, minor, reason=reason, by=person().actor, at=clock.now())
    flash(f"{after.number} owes that again, and the money waits for another place.", "success")
    return hx.go(url_for(".payment", payment_id=payment_id))


@admin.route("/payments/<int:payment_id>/reverse", methods=["GET", "POST"], endpoint="reverse_payment")
@staff_role("admin")
@once
def reverse(payment_id: int) -> ResponseReturnValue:
    """Take out a payment that bounced, or was recorded by mistake."""
    payment = payments.get(payment_id)
    payments.refuse_reversal(payment)
    reason = request.form.get("reason", "").replace("\r\n", "\n")
    shown: dict[str, Any] = {"payment": payment, "places": payments.standing(payment_id), "reason": reason}
    if request.method == "GET":
        return forms.show(*REVERSE, **shown)
    forms.shown_again(*REVERSE, **shown)
    payments.reverse(payment_id, reason=reason, by=person().actor, at=clock.now())
    flash("The payment is reversed. What it paid is owed again.", "success")
    return hx.go(url_for(".payment", payment_id=payment_id))


def _amount_in(q: str) -> int | None:
    """The amount a search may mean, in the seller's currency."""
    try:
        return received_form.amount(q, selling().currency, selling().locale, "q")
    except Refusal:
        return None


def _tabs(current: str, q: str) -> list[dict[str, Any]]:
    waiting = payments.count_waiting()
    counts = {"waiting": "1,000+" if waiting > payments.listing.MOST_COUNTED else waiting}
    return [
        {
            "label": words,
            "href": url_for(".payments", tab=tab, q=q or None),
            "current": tab == current,
            "count": counts.get(tab),
        }
        for tab, words in TABS.items()
    ]


def _shown(payment: Payment, *, is_taking: bool = False) -> dict[str, Any]:
    return {
        "payment": payment,
        "gone": payments.given_back([payment.id]),
        "customer": customers.get(payment.customer_id) if payment.customer_id is not None else None,
        "places": payments.standing(payment.id),
        "applications": payments.applications(payment.id),
        "booked": payments.booked(payment.id),
        "refunds": refunds.for_payment(payment.id),
        "chargebacks": chargebacks.for_payment(payment.id),
        "why": inbox.why(payment) if payment.waiting else "",
        "typed": request.form if is_taking else {},
    }
