"""The PDF of an issued invoice for the billing team, from store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from admin import admin
from billing import documents, invoices
from billing.errors import Missing
from billing.invoices.reading import NOT_FOUND
from web.people import staff_only

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


@admin.get("/invoices/<int:invoice_id>.pdf", endpoint="invoice_pdf")
@staff_only
def download(invoice_id: int) -> ResponseReturnValue:
    """The stored bytes, or nothing where the browser has them. A draft has no document."""
    invoice = invoices.get(invoice_id)
    if invoice.number is None:
        raise Missing(NOT_FOUND)
    stored = documents.stored(invoice_id)
    response = Response(mimetype=stored.media_type)
    response.set_etag(stored.sha256)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = f'attachment; filename="Invoice-{invoice.number}.pdf"'
    if request.if_none_match.contains(stored.sha256):
        response.status_code = 304
        return response
    response.data = documents.content(invoice_id)
    return response
