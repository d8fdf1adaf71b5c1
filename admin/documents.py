"""The PDF of an issued invoice for the billing team, from store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

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
    invoice_id = (request.view_args or {})["invoice_id"]
    failed = documents.state(documents.invoice(invoice_id)) == "failed"
    return downloads.not_ready("admin/invoices/not_ready.html", invoice_id=invoice_id, failed=failed)
