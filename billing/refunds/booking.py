"""What every refund has in common in the books: its legs, what they took off an invoice, and their opposite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peewee import fn

from billing import clock, ledger, seller
from billing.db import lock
from billing.payments.references import new_reference as new_payment_reference
from billing.refunds.reading import GIVEN_BACK
from billing.tables import CreditNote, Customer, Invoice, Payment, Posting, Refund, Transfer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from billing.allocations import Source

FAILED = "refund_failed"


def new_reference() -> str:
    """A random reference like a payment's: REF-8F3K-27QX-M4DT."""
    return f"REF-{new_payment_reference().removeprefix('PAY-')}"


def lock_all(customer_id: int | None, invoice_ids: Iterable[int], payment_ids: Iterable[int]) -> None:
    """Lock, in the one order: the customer, the invoices by id, the payments by id."""
    if customer_id is not None:
        lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get_or_none()
    list(lock(Invoice.select(Invoice.id).where(Invoice.id.in_(sorted(invoice_ids))).order_by(Invoice.id)))
    list(lock(Payment.select(Payment.id).where(Payment.id.in_(sorted(payment_ids))).order_by(Payment.id)))


def book(refund: Refund, source: Source, *, lost_minor: int = 0, on: date | None = None, at: datetime) -> None:
    """The value leaves the source; `lost_minor` of it was not there any more, and is lost until somebody claims it."""
    out = ledger.CARD_CLEARING if refund.method == "original" else ledger.BANK
    legs = []
    if refund.minor > lost_minor:
        legs.append(_leg(refund, source, _value_of(source), out, refund.minor - lost_minor))
    if lost_minor:
        legs.append(_leg(refund, source, ledger.BAD_DEBT, out, lost_minor))
    ledger.post(f"refund:{refund.reference}", "refund", legs, on=on or today(at), at=at)
    note_on_invoice(refund.invoice_id)
    if isinstance(source, Payment):
        Payment.update(waiting=False).where((Payment.id == source.id) & (Payment.free_minor == 0)).execute()


def book_back(refund: Refund, *, at: datetime) -> None:
    """The opposite of all that book() wrote: the value is free again where it came from, and staff is asked to look."""
    posted = Transfer.select().join(Posting).where(Posting.ref == f"refund:{refund.reference}").order_by(Transfer.id)
    legs = [_leg_back(row) for row in posted]
    if legs:
        ledger.post(f"refund:{refund.reference}:failed", FAILED, legs, on=today(at), at=at)
    note_on_invoice(refund.invoice_id)
    if refund.credit_note_id is None:
        Payment.update(waiting=True, kept_reason=FAILED).where(
            (Payment.id == refund.payment_id) & (Payment.free_minor > 0)
        ).execute()


def _leg_back(row: Transfer) -> ledger.Leg:
    """The opposite of a transfer; the payer of money in suspense may have been found meanwhile."""
    back, customer_id = row.debit.code, row.customer_id
    if back == ledger.SUSPENSE and row.payment_id is not None:
        source: Payment = Payment.get_by_id(row.payment_id)
        back, customer_id = _value_of(source), source.customer_id
    return ledger.Leg(
        debit=row.credit.code,
        credit=back,
        minor=row.minor,
        currency=row.currency,
        customer_id=customer_id,
        payment_id=row.payment_id,
        credit_note_id=row.credit_note_id,
    )


def note_on_invoice(invoice_id: int | None) -> None:
    """Keep beside an invoice what was given back of the money paid on it."""
    if invoice_id is None:
        return
    back = Refund.select(fn.COALESCE(fn.SUM(Refund.minor), 0)).where(
        (Refund.invoice == invoice_id) & Refund.status.in_(GIVEN_BACK)
    )
    Invoice.update(refunded_minor=int(back.scalar())).where(Invoice.id == invoice_id).execute()


def today(at: datetime) -> date:
    """The seller's day."""
    return clock.day_of(at, seller.get().time_zone)


def _value_of(source: Source) -> str:
    return ledger.SUSPENSE if source.customer_id is None else ledger.CUSTOMER_CREDIT


def _leg(refund: Refund, source: Source, debit: str, credit: str, minor: int) -> ledger.Leg:
    is_note = isinstance(source, CreditNote)
    return ledger.Leg(
        debit=debit,
        credit=credit,
        minor=minor,
        currency=refund.currency,
        customer_id=source.customer_id,
        payment_id=None if is_note else source.id,
        credit_note_id=source.id if is_note else None,
    )
