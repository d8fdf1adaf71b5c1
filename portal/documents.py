"""Documents: the stored PDF of an invoice, for whom the invoice is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from billing import documents
from portal import portal
from portal.invoices import theirs
from web import downloads
from web.people import customer_or_guest

if TYPE_CHECKING:
    from flask import Response


@portal.get("/invoices/<number>.pdf")
@customer_or_guest
def invoice_pdf(number: str) -> Response:
    """The PDF as it was drawn once. Each request asks anew who may have it."""
    return downloads.pdf(documents.invoice(theirs(number).id), f"Invoice-{number}")


@portal.errorhandler(documents.DocumentNotReady)
def not_ready(_: documents.DocumentNotReady) -> Response:
    """The worker draws it just now, or could not: say so, and when to ask again."""
    return downloads.not_ready("portal/invoices/not_ready.html", number=(request.view_args or {}).get("number", ""))
