"""The correction wizard: an issued invoice, its replacement as a draft, the effect, and both documents in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, render_template, request, url_for

from admin import admin, reading
from admin.afterwards import after_credit_note
from admin.paper import paper
from billing import clock, corrections, credit_notes, customers, invoices, payments
from web import forms, hx
from web.filters import today
from web.people import person, staff_role
from web.submissions import once, sent_before

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from billing.corrections import Effect

CONFIRM = ("admin/corrections/confirm.html", "admin/corrections/_confirm.html")


@admin.route("/invoices/<int:invoice_id>/correct", methods=["GET", "POST"], endpoint="correct_invoice")
@staff_role("admin")
def start(invoice_id: int) -> ResponseReturnValue:
    """Say what a correction does, then write the replacement's draft, or go on with the one that is there."""
    invoice = invoices.get(invoice_id)
    corrections.refuse_correction(invoice)
    if request.method == "GET":
        draft = corrections.draft_of(invoice_id)
        return render_template("admin/corrections/start.html", invoice=invoice, draft=draft)
    draft = corrections.start(invoice_id, by=person().actor, at=clock.now())
    return hx.go(url_for(".edit_invoice", invoice_id=draft.id))


@admin.get("/invoices/<int:invoice_id>/correction", endpoint="review_correction")
@staff_role("admin")
def review(invoice_id: int) -> ResponseReturnValue:
    """What confirming would do: to the old invoice, to the new one, to what was paid."""
    return forms.show(*CONFIRM, **_shown(corrections.effect(invoice_id, by=person().actor), "error", ""))


@admin.post("/invoices/<int:invoice_id>/correction", endpoint="confirm_correction")
@staff_role("admin")
def release(invoice_id: int) -> ResponseReturnValue:
    """Close an open payment page of the old invoice first, so that nobody pays it meanwhile; then confirm, once."""
    if (led_to := sent_before()) is not None:
        return hx.go(led_to)
    effect = corrections.effect(invoice_id, by=person().actor)
    reason_code, reason = request.form.get("reason_code", ""), request.form.get("reason", "").replace("\r\n", "\n")
    forms.shown_again(*CONFIRM, **_shown(effect, reason_code, reason))
    attempt = payments.in_flight(effect.original.id)
    if attempt is not None and reason_code and reason.strip():
        payments.release(effect.original.id, by=person().actor, at=clock.now())
    return _confirm(invoice_id, effect, reason_code, reason)


@once
def _confirm(invoice_id: int, effect: Effect, reason_code: str, reason: str) -> ResponseReturnValue:
    note = corrections.confirm(
        invoice_id,
        reason_code=reason_code,
        reason=reason,
        version=reading.number(request.form.get("version", "")),
        by=person().actor,
        at=clock.now(),
    )
    after_credit_note(note)
    if note.status == "awaiting":
        flash("The correction waits for a second person. See Approvals.", "success")
    else:
        flash(f"{effect.original.number} is credited and replaced. The customer gets one mail about both.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice_id))


def _shown(effect: Effect, reason_code: str, reason: str) -> dict[str, Any]:
    draft = effect.replacement
    return {
        "effect": effect,
        "invoice": draft,
        "paper": paper(invoices.preview_of_issue(draft, on=today())),
        "reasons": [(code, credit_notes.REASONS[code]) for code in credit_notes.BY_PEOPLE],
        "reason_code": reason_code,
        "reason": reason,
        "recipients": customers.recipients(draft.customer_id),
        "attempt": payments.in_flight(effect.original.id),
    }
