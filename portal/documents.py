"""Documents: the stored PDF of an invoice, for whom it is; and what is said of any PDF that is not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, url_for

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
    named = request.view_args or {}
    number, reference = named.get("number", ""), named.get("reference", "")
    if number:
        title, back, words = f"Invoice {number}", url_for(".invoice", number=number), "Back to the invoice"
    elif reference:
        title, back, words = f"Receipt {reference}", url_for(".payments"), "Back to your payments"
    else:
        title, back, words = "Credit note", url_for(".credits"), "Back to your credits"
    return downloads.not_ready("portal/invoices/not_ready.html", title=title, back=back, back_words=words)
