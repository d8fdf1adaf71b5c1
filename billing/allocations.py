"""Allocations: where the value of a payment or a credit note goes. Each is an opinion, written once.

The value stands in customer credit from the moment it came; applying it moves it from there to the receivable of
an invoice, taking it back moves it the other way, as a new row. Nothing crosses customers or currencies, and
nothing can be applied twice: what is left of a source is kept beside it by the ledger (docs/invariants.md I4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from peewee import fn

from billing import formatting, ledger
from billing.db import lock
from billing.errors import Conflict
from billing.tables import Allocation, CreditNote, Invoice, Payment

if TYPE_CHECKING:
    from datetime import date, datetime

Source = Payment | CreditNote

# Why a row was written.
APPLIED = "payment"
CREDITED = "credit"
UNAPPLIED = "unapplied"
REFUNDED = "refund"
CHARGED_BACK = "chargeback"
REVERSED = "reversal"


class AllocationExceedsOpenBalance(Conflict):
    """More than the invoice still needs."""

    def __init__(self, invoice: Invoice, *, asked_minor: int) -> None:
        most = formatting.money(invoice.balance_minor, invoice.currency)
        super().__init__(f"Enter {most} or less. That is the most you owe on this invoice")
        self.invoice = invoice
        self.asked_minor = asked_minor
        self.open_minor = invoice.balance_minor


class NotEnoughLeft(Conflict):
    """More than is left of the payment or the credit note: somebody used it meanwhile."""

    def __init__(self, source: Source, *, asked_minor: int) -> None:
        left = formatting.money(source.free_minor, source.currency)
        super().__init__(f"Only {left} is left of {name_of(source)}. Choose a smaller amount.")
        self.source = source
        self.asked_minor = asked_minor
        self.free_minor = source.free_minor


class NothingToTakeBack(Conflict):
    """Less than that is applied to the invoice from this source."""

    def __init__(self, source: Source, *, applied_minor: int) -> None:
        applied = formatting.money(applied_minor, source.currency)
        super().__init__(f"Only {applied} of {name_of(source)} is applied to this invoice.")
        self.applied_minor = applied_minor


def name_of(source: Source) -> str:
    """What people call it: "payment PAY-..." or "credit note CN-2026-0001"."""
    return f"credit note {source.number}" if isinstance(source, CreditNote) else f"payment {source.reference}"


def lock_source(source: Source) -> Source:
    """The source as it stands, locked until the transaction ends; invoices are locked before it."""
    if isinstance(source, CreditNote):
        note: CreditNote = lock(CreditNote.select().where(CreditNote.id == source.id)).get()
        return note
    payment: Payment = lock(Payment.select().where(Payment.id == source.id)).get()
    return payment


def apply(
    source: Source,
    invoice_id: int,
    minor: int,
    *,
    ref: str,
    on: date,
    at: datetime,
    paid_at: datetime | None = None,
) -> Invoice:
    """Apply `minor` (> 0) of a payment or credit note to an invoice that the caller has locked; gives the invoice.

    `ref` names the application for good; `on` is the day it counts for. When nothing is left to pay, the invoice
    is paid since `paid_at`, when money came for it (default: `at`), but never since before it was issued.
    Raises AllocationExceedsOpenBalance, NotEnoughLeft.
    """
    assert minor > 0, "an application moves money forward"
    before: Invoice = Invoice.get_by_id(invoice_id)
    if before.status != "issued" or minor > before.balance_minor:
        raise AllocationExceedsOpenBalance(before, asked_minor=minor)
    now = lock_source(source)
    if minor > now.free_minor:
        raise NotEnoughLeft(now, asked_minor=minor)
    reason = CREDITED if isinstance(source, CreditNote) else APPLIED
    _write(now, invoice_id, minor, reason=reason, ref=ref, at=at)
    _post(now, invoice_id, minor, ref=ref, on=on, at=at, back=False)
    _note_left_over(now)
    Invoice.update(paid_at=max(paid_at or at, before.issued_at)).where(
        (Invoice.id == invoice_id)
        & (Invoice.status == "issued")
        & (Invoice.balance_minor == 0)
        & Invoice.paid_at.is_null()
    ).execute()
    after: Invoice = Invoice.get_by_id(invoice_id)
    return after


def take_back(source: Source, invoice_id: int, minor: int, *, reason: str, ref: str, on: date, at: datetime) -> Invoice:
    """Take `minor` (> 0) of what was applied off a locked invoice again: it owes that again. Raises NothingToTakeBack.

    The value is free once more, in the source it came from.
    """
    assert minor > 0, "taking back is told as a positive amount"
    now = lock_source(source)
    applied = applied_to(now, invoice_id)
    if minor > applied:
        raise NothingToTakeBack(now, applied_minor=applied)
    _write(now, invoice_id, -minor, reason=reason, ref=ref, at=at)
    _post(now, invoice_id, minor, ref=ref, on=on, at=at, back=True)
    Invoice.update(paid_at=None).where((Invoice.id == invoice_id) & (Invoice.balance_minor > 0)).execute()
    after: Invoice = Invoice.get_by_id(invoice_id)
    return after


def applied_to(source: Source, invoice_id: int) -> int:
    """What of a source is applied to an invoice now, in minor units."""
    rows = Allocation.select(fn.COALESCE(fn.SUM(Allocation.minor), 0)).where(
        _of(source) & (Allocation.invoice == invoice_id)
    )
    return int(rows.scalar())


def standing(source: Source) -> dict[int, int]:
    """Where a source is applied now: minor units (> 0) by invoice id, in the order it was first applied."""
    rows: Any = (
        Allocation.select(Allocation.invoice, fn.SUM(Allocation.minor))
        .where(_of(source))
        .group_by(Allocation.invoice)
        .order_by(fn.MIN(Allocation.id))
        .tuples()
    )
    return {invoice_id: int(minor) for invoice_id, minor in rows if minor}


def keep(payment: Payment, *, reason: str) -> None:
    """Leave what is free of a payment where it stands, in credit or in suspense, say why, and ask staff to look."""
    Payment.update(kept_reason=reason, waiting=True).where(Payment.id == payment.id).execute()


def _of(source: Source) -> Any:  # noqa: ANN401 - a Peewee expression
    column = Allocation.credit_note if isinstance(source, CreditNote) else Allocation.payment
    return column == source.id


def _write(source: Source, invoice_id: int, minor: int, *, reason: str, ref: str, at: datetime) -> None:
    is_note = isinstance(source, CreditNote)
    Allocation.insert(
        payment=None if is_note else source.id,
        credit_note=source.id if is_note else None,
        invoice=invoice_id,
        minor=minor,
        reason=reason,
        ref=ref,
        at=at,
    ).execute()


def _post(source: Source, invoice_id: int, minor: int, *, ref: str, on: date, at: datetime, back: bool) -> None:
    is_note = isinstance(source, CreditNote)
    leg = ledger.Leg(
        debit=ledger.RECEIVABLE if back else ledger.CUSTOMER_CREDIT,
        credit=ledger.CUSTOMER_CREDIT if back else ledger.RECEIVABLE,
        minor=minor,
        currency=source.currency,
        customer_id=source.customer_id,
        invoice_id=invoice_id,
        payment_id=None if is_note else source.id,
        credit_note_id=source.id if is_note else None,
    )
    kind = "credit" if is_note else "payment"
    ledger.post(f"allocation:{ref}", f"{kind}_unapplied" if back else f"{kind}_applied", [leg], on=on, at=at)


def _note_left_over(source: Source) -> None:
    """A payment of which nothing is left waits for nobody."""
    if isinstance(source, Payment) and source.waiting:
        Payment.update(waiting=False).where((Payment.id == source.id) & (Payment.free_minor == 0)).execute()
