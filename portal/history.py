"""Payments: all that the customer paid, with receipts and what was sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, url_for

from billing import documents, payments
from billing.errors import Missing
from portal import portal
from portal.credits import REFUNDS
from portal.invoices import on_day
from portal.payments import seen_by_asker
from web import downloads, hx
from web.limits import coarse
from web.people import customer_only, customer_or_guest, person

if TYPE_CHECKING:
    from flask import Response

    from billing.tables import Payment

OFTEN = "240 per minute"


@portal.get("/payments", endpoint="payments")
@customer_only
@coarse(OFTEN)
def show_payments() -> Response:
    """The customer's payments, newest first."""
    customer = person().customer
    assert customer is not None, "only who acts for a customer comes here"
    page = payments.past_payments(customer.id, after=request.args.get("after"))
    return hx.respond(
        "portal/payments/list.html",
        "portal/payments/list.html",
        page=page,
        next=url_for(".payments", after=page.after) if page.after else None,
        refund_words=REFUNDS,
        on_day=on_day,
    )


@portal.get("/payments/<reference>/receipt.pdf")
@customer_or_guest
def receipt_pdf(reference: str) -> Response:
    """The receipt as it was drawn when the payment was settled."""
    payment = _payment(reference)
    return downloads.pdf(documents.receipt(payment.id), f"Receipt-{payment.reference}")


def _payment(reference: str) -> Payment:
    """The asker's payment: their customer's, or what their own link paid. Raises Missing."""
    customer_id = person().customer_id
    if customer_id is not None:
        try:
            return payments.payment_for(customer_id, reference)
        except Missing:
            pass  # perhaps it was paid from a mailed link in this browser
    attempt, _ = seen_by_asker(reference)
    return payments.payment_by(attempt)
