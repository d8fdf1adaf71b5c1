"""Early-payment discounts: an invoice that says "2/10 net 30" costs 2 per cent less within ten days of its issue.

The terms are frozen on the invoice. Taking the discount is paying so much less in time; the credit note that settles
the rest is issued by itself, at the invoice's own tax rates. A discount is taken once and stays taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing import credit_notes, formatting
from billing.invoices.terms import early_discount, early_until
from billing.tables import CreditNote, Invoice

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.actors import Actor

REASON_CODE = "early_payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Pay `pay_minor` up to and on `until`, and `saved_minor` of what is owed is credited. Minor units."""

    pay_minor: int
    until: date
    saved_minor: int


def offer(invoice: Invoice, on: date) -> Offer | None:
    """What paying today would save; None where there is no discount, its day is over, or too little is open for it."""
    if invoice.status != "issued" or not invoice.early_ppm or invoice.issue_on is None:
        return None
    until = early_until(invoice.issue_on, invoice.early_days)
    saved_minor = early_discount(invoice.total_minor - invoice.credited_minor, invoice.early_ppm)
    if on > until or not 0 < saved_minor < invoice.balance_minor or _is_spoilt(invoice):
        return None
    return Offer(pay_minor=invoice.balance_minor - saved_minor, until=until, saved_minor=saved_minor)


def take_if_earned(invoice_id: int, *, paid_on: date, by: Actor, at: datetime) -> CreditNote | None:
    """Credit the discount where `paid_on` was in time and exactly the discount is still open; None elsewhere.

    Call it inside the transaction that applied a payment, with the invoice locked. `paid_on` is the seller's day on
    which the customer paid. The credit note leaves nothing owed.
    """
    invoice: Invoice = Invoice.get_by_id(invoice_id)
    if invoice.status != "issued" or not invoice.early_ppm or invoice.issue_on is None:
        return None
    earned_minor = early_discount(invoice.total_minor - invoice.credited_minor, invoice.early_ppm)
    until = early_until(invoice.issue_on, invoice.early_days)
    if paid_on > until or not earned_minor or invoice.balance_minor != earned_minor or _is_spoilt(invoice):
        return None
    rate = formatting.rate(invoice.early_ppm)
    return credit_notes.issue_amount(
        invoice_id,
        earned_minor,
        reason_code=REASON_CODE,
        reason=f"Early-payment discount of {rate}: paid by {formatting.day(until, 'long')}.",
        by=by,
        at=at,
    )


def _is_spoilt(invoice: Invoice) -> bool:
    """Whether a part was given up, a credit note gave the discount already, or one waits that may credit more."""
    if invoice.written_off_minor:
        return True
    given = (CreditNote.reason_code == REASON_CODE) & (CreditNote.status == "issued")
    found = CreditNote.select(CreditNote.id).where(
        (CreditNote.invoice == invoice.id) & (given | (CreditNote.status == "awaiting"))
    )
    return bool(found.exists())
