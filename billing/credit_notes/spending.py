"""Where the value of an issued credit note goes: to what the customer owes, back to the customer, or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from billing import allocations, approvals, refunds
from billing import credits as customer_credits
from billing.credit_notes.content import destinations_of
from billing.tables import Allocation, Invoice, Payment, Refund

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor
    from billing.credit_notes.content import RefundPart
    from billing.refunds.reading import Method
    from billing.tables import CreditNote


def spend(note: CreditNote, *, by: Actor, at: datetime, approved: bool = False) -> None:
    """Send the value where it was meant to go, as far as that is still owed; the rest stays customer credit.

    Inside the caller's transaction. `approved` says that a second person agreed to all of it. A refund through the
    card provider is committed here, and sent after the commit.
    """
    wanted = destinations_of(note.destinations)
    for paid_id, minor in wanted.invoices:
        _apply(note, paid_id, minor, by=by, at=at)
    if wanted.refund is not None:
        _give_back(note, wanted.refund, by=by, at=at, approved=approved)


def unsent_refunds(credit_note: CreditNote) -> list[Refund]:
    """The refunds of its invoice that the card provider was not asked for yet."""
    about = (Refund.credit_note == credit_note.id) | (Refund.invoice == credit_note.invoice_id)
    return list(Refund.select().where(about & (Refund.status == "created")).order_by(Refund.id))


def payments_of(invoice_id: int) -> list[tuple[Payment, int]]:
    """The payments that stand on an invoice, and how much of each: what a refund can take off it."""
    rows = Allocation.select(Allocation.payment).where(
        (Allocation.invoice == invoice_id) & Allocation.payment.is_null(False)
    )
    found = Payment.select().where(Payment.id.in_(rows)).order_by(Payment.id)
    standing = [(payment, allocations.applied_to(payment, invoice_id)) for payment in found]
    return [(payment, minor) for payment, minor in standing if minor > 0]


def _apply(note: CreditNote, paid_id: int, minor: int, *, by: Actor, at: datetime) -> None:
    paid: Invoice = Invoice.get_by_id(paid_id)
    most = min(minor, paid.balance_minor) if paid.status == "issued" else 0
    if most > 0:
        customer_credits.apply_locked(note, paid_id, most, by=by, at=at)


def _give_back(note: CreditNote, part: RefundPart, *, by: Actor, at: datetime, approved: bool) -> None:
    """Take what was paid off the invoice, give it back, and let the credit note pay the invoice in its place.

    Where no one payment stands on the invoice with so much, or the refund has to wait for a second person, the
    credit note itself is given back.
    """
    source = _payment_for(note, part)
    waits = not approved and approvals.needed(part.minor, note.currency, by=by)
    taken_off = source is not None and not waits
    refunds.request(
        source=customer_credits.key_of_source(cast("Payment", source) if taken_off else note),
        minor=part.minor,
        method=cast("Method", part.method),
        reason=note.reason,
        from_invoice_id=note.invoice_id if taken_off else None,
        charge_payment_id=None if taken_off else part.payment_id,
        approved=approved,
        by=by,
        at=at,
    )
    if taken_off:
        _apply(note, note.invoice_id, part.minor, by=by, at=at)


def _payment_for(note: CreditNote, part: RefundPart) -> Payment | None:
    for payment, standing_minor in payments_of(note.invoice_id):
        if standing_minor >= part.minor and part.payment_id in {None, payment.id}:
            return payment
    return None
