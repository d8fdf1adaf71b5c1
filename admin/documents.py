"""The PDF of an issued invoice for the billing team, from store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, url_for

from admin import admin
from billing import documents, invoices
from billing.errors import Missing
from billing.invoices.reading import NOT_FOUND
from web import downloads
from web.people import staff_only

if TYPE_CHECKING:
    from flask import Response


@admin.get("/invoices/<int:invoice_id>.pdf", endpoint="invoice_pdf")
@staff_only
def download(invoice_id: int) -> Response:
    """The stored bytes, or 304 where the browser has them. A draft has no document."""
    invoice = invoices.get(invoice_id)
    if invoice.number is None:
        raise Missing(NOT_FOUND)
    return downloads.pdf(documents.invoice(invoice_id), f"Invoice-{invoice.number}")


@admin.errorhandler(documents.DocumentNotReady)
def not_ready(_: documents.DocumentNotReady) -> Response:
    """The worker draws it just now, or could not: say so, and when to ask again."""
    named = request.view_args or {}
    if "credit_note_id" in named:
        credit_note_id = named["credit_note_id"]
        drawn, back = documents.credit_note(credit_note_id), url_for(".credit_note", credit_note_id=credit_note_id)
    else:
        drawn, back = documents.invoice(named["invoice_id"]), url_for(".invoice", invoice_id=named["invoice_id"])
    failed = documents.state(drawn) == "failed"
    return downloads.not_ready("admin/invoices/not_ready.html", back=back, failed=failed)
