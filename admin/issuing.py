"""From draft to document, and back out: the review before issue, the issue itself, the void."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, make_response, render_template, request, url_for

from admin import admin, reading, remarks
from admin.paper import paper
from admin.settings import selling
from billing import clock, corrections, customers, invoices, payments
from web import forms, hx
from web.filters import today
from web.people import person, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from datetime import date

    from flask import Response
    from flask.typing import ResponseReturnValue

    from billing.tables import Invoice

REVIEW = ("admin/invoices/review.html", "admin/invoices/_review.html")
VOID = ("admin/invoices/void.html", "admin/invoices/_void.html")


@admin.get("/invoices/<int:invoice_id>/issue", endpoint="review_invoice")
@staff_role("admin")
def review(invoice_id: int) -> ResponseReturnValue:
    """Everything that issuing would freeze and send, for one last look."""
    invoice = _draft(invoice_id)
    asked = request.args.get("issue_on", "")
    forms.shown_again(*REVIEW, **_review(invoice, _first_day(invoice), asked))
    on = reading.day(asked, "issue_on") or _first_day(invoice)
    return forms.show(*REVIEW, **_review(invoice, on, on.isoformat()))


@admin.post("/invoices/<int:invoice_id>/issue", endpoint="issue_invoice")
@staff_role("admin")
@once
def issue(invoice_id: int) -> ResponseReturnValue:
    """Issue it as it was shown, or show it again with the reason why not."""
    invoice, asked = _draft(invoice_id), request.form.get("issue_on", "")
    forms.shown_again(*REVIEW, **_review(invoice, _first_day(invoice), asked))
    on = reading.day(asked, "issue_on") or today()
    forms.shown_again(*REVIEW, **_review(invoice, on, asked))
    version = reading.number(request.form.get("version", ""))
    issued = invoices.issue(invoice_id, on=on, version=version, by=person().actor, at=clock.now())
    flash(f"{issued.number} is issued. Its PDF is being drawn, then it is mailed.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice_id))


@admin.route("/invoices/<int:invoice_id>/void", methods=["GET", "POST"], endpoint="void_invoice")
@staff_role("admin")
def void(invoice_id: int) -> ResponseReturnValue:
    """Cancel an invoice that had no effect. An open payment page is closed first, so that nobody pays it meanwhile."""
    invoice = invoices.get(invoice_id)
    reason = request.form.get("reason", "").replace("\r\n", "\n")
    shown: dict[str, Any] = {
        "invoice": invoice,
        "reason": reason,
        "recipients": customers.recipients(invoice.customer_id),
    }
    if request.method == "GET":
        invoices.refuse_void(invoice)
        return forms.show(*VOID, attempt=payments.in_flight(invoice_id), **shown)
    forms.shown_again(*VOID, attempt=None, **shown)
    voided = _void(invoice_id, reason)
    flash(f"{voided.number} is void. Its recipients are told.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice_id))


@admin.errorhandler(invoices.InvoiceHasEffect)
def offer_instead(refusal: invoices.InvoiceHasEffect) -> Response:
    """What had an effect is not voided: offer to credit or to correct it."""
    words = {"invoice": refusal.invoice, "words": refusal.message}
    if hx.wants_fragment():
        return hx.into_messages(make_response(render_template("errors/_notice.html", **words), 409))
    may_correct = corrections.is_correctable(refusal.invoice)
    return make_response(render_template("admin/invoices/has_effect.html", may_correct=may_correct, **words), 409)


def _void(invoice_id: int, reason: str) -> Invoice:
    try:
        return invoices.void(invoice_id, reason=reason, by=person().actor, at=clock.now())
    except invoices.InvoiceBeingPaid:
        payments.release(invoice_id, by=person().actor, at=clock.now())
        return invoices.void(invoice_id, reason=reason, by=person().actor, at=clock.now())


def _draft(invoice_id: int) -> Invoice:
    invoice = invoices.get(invoice_id)
    if invoice.status != "draft":
        raise invoices.InvoiceNotDraft(invoice)
    return invoice


def _first_day(invoice: Invoice) -> date:
    """The day written into the draft where it has come, else today."""
    return min(invoice.issue_on or today(), today())


def _review(invoice: Invoice, on: date, asked: str) -> dict[str, Any]:
    document = paper(invoices.preview_of_issue(invoice, on=on))
    return {
        "invoice": invoice,
        "on": on,
        "asked": asked,
        "paper": document,
        "recipients": customers.recipients(invoice.customer_id),
        "remarks": remarks.before_issue(
            buyer=invoice.customer.name,
            buyer_tax_id=invoice.customer.tax_id,
            seller_tax_id=selling().tax_id,
            categories={group["category"] for group in document["taxes"]},
            due_on=document["due_on"],
            total_minor=invoice.total_minor,
        ),
    }
