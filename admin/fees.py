"""Late fees and instalments beside an invoice, and waiving a fee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, request, url_for

from admin import admin
from billing import clock, fees, instalments, invoices, payments
from web import forms, hx
from web.filters import today
from web.people import person, staff_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask.typing import ResponseReturnValue

    from billing.tables import Activity, FeeCharge, Invoice

WAIVE = ("admin/fees/waive.html", "admin/fees/_waive.html")


def beside(invoice: Invoice, events: Sequence[Activity]) -> dict[str, Any]:
    """What an invoice's page tells of its instalments and fees, or of the invoice that it is a fee on."""
    return {
        "parts": instalments.of(invoice),
        "fees": fees.of(invoice.id, events),
        "charge": fees.charge_of(invoice),
        "on": today(),
    }


@admin.route("/fees/<int:fee_charge_id>/waive", methods=["GET", "POST"], endpoint="waive_fee")
@staff_role("admin")
def waive_fee(fee_charge_id: int) -> ResponseReturnValue:
    """Let a fee go, once. An open payment page is closed first, outside any transaction, as Stripe has to be asked."""
    charge, reason = fees.get(fee_charge_id), request.form.get("reason", "").replace("\r\n", "\n")
    shown: dict[str, Any] = {"charge": charge, "document": charge.fee_invoice, "reason": reason}
    if request.method == "GET":
        fees.refuse_waived(charge)
        return forms.show(*WAIVE, attempt=payments.in_flight(charge.fee_invoice_id), **shown)
    forms.shown_again(*WAIVE, attempt=None, **shown)
    waived = _waive(charge, reason)
    flash(f"{waived.fee_invoice.number} is waived. The customer is told.", "success")
    return hx.go(url_for(".invoice", invoice_id=charge.fee_invoice_id))


def _waive(charge: FeeCharge, reason: str) -> FeeCharge:
    by, at = person().actor, clock.now()
    try:
        waived = fees.waive(charge.id, reason=reason, by=by, at=at)
    except invoices.InvoiceBeingPaid:
        payments.release(charge.fee_invoice_id, by=by, at=at)
        waived = fees.waive(charge.id, reason=reason, by=by, at=at)
    payments.close_excessive([charge.fee_invoice_id], at=at)
    return waived
