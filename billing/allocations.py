"""Allocations: where a payment's money goes. Each is an opinion, written once; a change of mind is a new one.

The money stands in customer credit (or in suspense) from the moment it came; applying it moves it from there to
the receivable of an invoice. No allocation crosses customers or currencies (docs/invariants.md I4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import formatting, ledger
from billing.errors import Conflict
from billing.tables import Allocation, Invoice

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.tables import Payment

APPLIED = "payment"


class AllocationExceedsOpenBalance(Conflict):
    """More than the invoice still needs."""

    def __init__(self, invoice: Invoice, *, asked_minor: int) -> None:
        most = formatting.money(invoice.balance_minor, invoice.currency)
        super().__init__(f"Enter {most} or less. That is the most you owe on this invoice")
        self.invoice = invoice
        self.asked_minor = asked_minor
        self.open_minor = invoice.balance_minor


def apply(payment: Payment, invoice_id: int, minor: int, *, ref: str, on: date, at: datetime) -> Invoice:
    """Apply `minor` (> 0) of a payment to an invoice that the caller has locked; gives it back as it stands.

    `ref` names the application for good; `on` is the day it counts for. When nothing is left to pay, the invoice
    is paid since the money came. Raises AllocationExceedsOpenBalance.
    """
    assert minor > 0, "an application moves money forward"
    before: Invoice = Invoice.get_by_id(invoice_id)
    if before.status != "issued" or minor > before.balance_minor:
        raise AllocationExceedsOpenBalance(before, asked_minor=minor)
    Allocation.insert(payment=payment.id, invoice=invoice_id, minor=minor, reason=APPLIED, ref=ref, at=at).execute()
    leg = ledger.Leg(
        debit=ledger.CUSTOMER_CREDIT,
        credit=ledger.RECEIVABLE,
        minor=minor,
        currency=payment.currency,
        customer_id=payment.customer_id,
        invoice_id=invoice_id,
        payment_id=payment.id,
    )
    ledger.post(f"allocation:{ref}", "payment_applied", [leg], on=on, at=at)
    Invoice.update(paid_at=payment.received_at).where(
        (Invoice.id == invoice_id)
        & (Invoice.status == "issued")
        & (Invoice.balance_minor == 0)
        & Invoice.paid_at.is_null()
    ).execute()
    after: Invoice = Invoice.get_by_id(invoice_id)
    return after


def keep(payment: Payment, minor: int, *, reason: str, ref: str, at: datetime) -> None:
    """Leave `minor` (> 0) of a payment where it stands, in credit or in suspense, and say why."""
    assert minor > 0, "nothing needs no reason"
    Allocation.insert(payment=payment.id, invoice=None, minor=minor, reason=reason, ref=ref, at=at).execute()
