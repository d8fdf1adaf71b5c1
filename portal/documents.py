"""Documents: the stored PDF of an invoice, for whom the invoice is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, make_response, render_template, request

from billing import documents
from portal import portal
from portal.invoices import theirs
from web.people import customer_or_guest

if TYPE_CHECKING:
    from billing.documents import StoredDocument

RETRY_AFTER_SECONDS = "10"


@portal.get("/invoices/<number>.pdf")
@customer_or_guest
def invoice_pdf(number: str) -> Response:
    """The PDF as it was drawn once; 304 where the browser has it. Each request asks anew who may have it."""
    invoice = theirs(number)
    stored = documents.stored(invoice.id)
    if request.if_none_match.contains_weak(stored.sha256):
        return as_download(Response(status=304), stored, f"Invoice-{invoice.number}.pdf")
    return as_download(Response(documents.content(invoice.id)), stored, f"Invoice-{invoice.number}.pdf")


def as_download(response: Response, stored: StoredDocument, name: str) -> Response:
    """Make a download of it that no browser shows as a page of ours (ASVS 3.2.1, 5.4.1; RFC 6266)."""
    response.mimetype = stored.media_type
    response.set_etag(stored.sha256)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-cache"  # kept by this browser alone, shown only after asking us
    response.vary.add("Cookie")
    return response


@portal.errorhandler(documents.DocumentNotReady)
def not_ready(_: documents.DocumentNotReady) -> Response:
    """The worker draws it just now, or could not: say so, and when to ask again."""
    number = (request.view_args or {}).get("number", "")
    response = make_response(render_template("portal/invoices/not_ready.html", number=number), 503)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response
