"""Write-offs: giving a debt up, and letting it be owed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, request, url_for

from admin import admin
from billing import approvals, clock, invoices, payments, write_offs
from web import forms, hx
from web.people import person, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from billing.tables import Invoice

FORM = ("admin/write_offs/write_off.html", "admin/write_offs/_write_off.html")
BACK = ("admin/write_offs/reverse.html", "admin/write_offs/_reverse.html")


@admin.route("/invoices/<int:invoice_id>/write-off", methods=["GET", "POST"], endpoint="write_off_invoice")
@staff_role("admin")
@once
def write_off(invoice_id: int) -> ResponseReturnValue:
    """Give up what an invoice owes: at once, or once a second person approved it."""
    invoice = invoices.get(invoice_id)
    if request.method == "GET":
        write_offs.refuse_write_off(invoice)
        return forms.show(*FORM, **_form(invoice))
    forms.shown_again(*FORM, **_form(invoice))
    made = write_offs.create(invoice_id, reason=_reason(), by=person().actor, at=clock.now())
    waits = made.status == "awaiting"
    flash("The write-off waits for a second person. See Approvals." if waits else "The debt is written off.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice_id))


@admin.route("/invoices/<int:invoice_id>/write-off/reverse", methods=["GET", "POST"], endpoint="reverse_write_off")
@staff_role("admin")
@once
def reverse(invoice_id: int) -> ResponseReturnValue:
    """Let a written-off invoice owe again."""
    invoice = invoices.get(invoice_id)
    if request.method == "GET":
        write_offs.refuse_reversal(invoice)
        return forms.show(*BACK, **_form(invoice))
    forms.shown_again(*BACK, **_form(invoice))
    after = write_offs.reverse(invoice_id, reason=_reason(), by=person().actor, at=clock.now())
    flash(f"{after.number} is owed again.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice_id))


def _reason() -> str:
    return request.form.get("reason", "").replace("\r\n", "\n")


def _form(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice": invoice,
        "reason": _reason(),
        "attempt": payments.in_flight(invoice.id) if request.method == "GET" else None,
        "needs_approval": bool(invoice.balance_minor)
        and approvals.needed(invoice.balance_minor, invoice.currency, by=person().actor),
    }
