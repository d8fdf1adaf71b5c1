"""Autopay for the billing team: what it did and will do about an invoice, and whether a customer uses it.

Only the customer's own people save cards, agree to autopay and end it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from admin import admin
from billing import autopay, cards
from web.filters import today

if TYPE_CHECKING:
    from billing.tables import Invoice

# What a try came to: the words, and the tone of the timeline.
OUTCOMES = {
    "": ("Not known yet: the same charge is asked for again", ""),
    "paid": ("Paid", "green"),
    "processing": ("On its way", ""),
    "declined": ("Declined, tried again", "red"),
    "needs_person": ("Its holder must confirm; they were mailed a way to pay", "red"),
    "stopped": ("Not charged, and not tried again", "red"),
    "mistake": ("The provider refused the request: look at the worker’s log", "red"),
}


@admin.context_processor
def what_autopay_does() -> dict[str, Any]:
    """Lets the pages of invoices and customers ask."""
    return {"autopay_on_invoice": autopay_on_invoice, "autopay_of_customer": autopay_of_customer}


def autopay_on_invoice(invoice: Invoice) -> dict[str, Any] | None:
    """What autopay will do about an invoice, and each try so far; None where it has nothing to do with it."""
    runs = autopay.runs_of(invoice.id)
    coming = autopay.coming(invoice, today())
    if not (runs or coming or invoice.skips_autopay):
        return None
    told = [(run, *OUTCOMES[run.outcome]) for run in runs]
    return {"runs": told, "coming": coming, "skips": invoice.skips_autopay}


def autopay_of_customer(customer_id: int) -> dict[str, Any]:
    """The customer's cards, as far as staff may know them, and its live consent."""
    live = cards.live(customer_id)
    return {"cards": cards.for_customer(customer_id), "live": live, "by": cards.name_of(live) if live else ""}
