"""The PDF of an issued invoice for the billing team, from store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, make_response, render_template, request

from admin import admin
from billing import documents, invoices
from billing.errors import Missing
from billing.invoices.reading import NOT_FOUND
from web.people import staff_only

if TYPE_CHECKING:
    from billing.documents import StoredDocument

RETRY_AFTER_SECONDS = "10"


@admin.get("/invoices/<int:invoice_id>.pdf", endpoint="invoice_pdf")
@staff_only
def download(invoice_id: int) -> Response:
    """The stored bytes, or 304 where the browser has them. A draft has no document."""
    invoice = invoices.get(invoice_id)
    if invoice.number is None:
        raise Missing(NOT_FOUND)
    stored = documents.stored(invoice_id)
    if request.if_none_match.contains_weak(stored.sha256):
        return as_download(Response(status=304), stored, f"Invoice-{invoice.number}.pdf")
    return as_download(Response(documents.content(invoice_id)), stored, f"Invoice-{invoice.number}.pdf")


def as_download(response: Response, stored: StoredDocument, name: str) -> Response:
    """Make a download of it that no browser shows as a page of ours (ASVS 3.2.1, 5.4.1; RFC 6266)."""
    response.mimetype = stored.media_type
    response.set_etag(stored.sha256)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.add("Cookie")
    return response


@admin.errorhandler(documents.DocumentNotReady)
def not_ready(_: documents.DocumentNotReady) -> Response:
    """The worker draws it just now, or could not: say so, and when to ask again."""
    invoice_id = (request.view_args or {})["invoice_id"]
    response = make_response(
        render_template(
            "admin/invoices/not_ready.html", invoice_id=invoice_id, failed=documents.state(invoice_id) == "failed"
        ),
        503,
    )
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response
