"""Void: an issued invoice on which nothing happened is cancelled; it keeps its number and its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import audit, clock, ledger, outbox, seller
from billing.db import lock, transaction
from billing.errors import Conflict, Invalid, Missing
from billing.invoices.activities import add_activity
from billing.invoices.reading import NOT_FOUND, planning_on
from billing.tables import UNFINISHED, Allocation, Attempt, CreditNote, Invoice, Mail, WriteOff

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor


class InvoiceNotIssued(Conflict):
    """A draft is removed, not voided; a void invoice stays void."""

    def __init__(self, invoice: Invoice) -> None:
        words = "This invoice is void already." if invoice.status == "void" else "A draft is removed, not voided."
        super().__init__(words)


# What carries the document itself to somebody, and states in which it may have reached them.
TELLING = ("invoice_issued", "invoice_link", "invoice_corrected")
LEFT = ("sending", "accepted")


class InvoiceHasEffect(Conflict):
    """Something came of it already: a credit note corrects it, a void would hide it."""

    def __init__(self, invoice: Invoice, what: str = "Money or a credit was applied to") -> None:
        super().__init__(f"{what} invoice {invoice.number}, so it cannot be voided. Credit or correct it instead.")
        self.invoice = invoice


class InvoiceBeingPaid(Conflict):
    """The customer is on the payment page: the money may be on its way."""

    def __init__(self, invoice: Invoice, attempt: Attempt) -> None:
        super().__init__(
            f"{attempt.payer_name} is paying invoice {invoice.number} right now. Cancel that payment first, or wait."
        )
        self.attempt = attempt


def void(invoice_id: int, *, reason: str, by: Actor, at: datetime) -> Invoice:
    """Cancel an invoice that had no effect, and tell its recipients.

    Raises Missing, Invalid, InvoiceNotIssued, InvoiceHasEffect, InvoiceBeingPaid.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= 500:
        raise Invalid({"reason": "Say why, in 500 characters at most. The customer reads it."})
    on = clock.day_of(at, seller.get().time_zone)
    with transaction():
        invoice: Invoice | None = lock(Invoice.select().where(Invoice.id == invoice_id)).get_or_none()
        if invoice is None:
            raise Missing(NOT_FOUND)
        refuse_void(invoice)
        refuse_while_paying(invoice)
        income = ledger.REVENUE if invoice.kind == "invoice" else ledger.FEE_INCOME
        legs = [
            ledger.Leg(
                debit=debit,
                credit=ledger.RECEIVABLE,
                minor=minor,
                currency=invoice.currency,
                customer_id=invoice.customer_id,
                invoice_id=invoice.id,
            )
            for debit, minor in ((income, invoice.net_minor), (ledger.TAX_PAYABLE, invoice.tax_minor))
            if minor
        ]
        if legs:
            ledger.post(f"invoice:{invoice.id}:void", "invoice_voided", legs, on=on, at=at)
        moved = (
            Invoice.update(status="void", voided_at=at, void_reason=reason)
            .where((Invoice.id == invoice_id) & (Invoice.status == "issued"))
            .execute()
        )
        if moved != 1:
            raise InvoiceNotIssued(invoice)
        _tell(invoice, reason, at=at)
        add_activity(
            invoice_id,
            "voided",
            by=by,
            at=at,
            facts={"reason": reason},
            from_status="issued",
            to_status="void",
        )
        audit.record(
            "invoice.voided",
            f"invoice:{invoice_id}",
            by=by,
            at=at,
            facts={"number": invoice.number, "reason": reason, "total_minor": invoice.total_minor},
        )
    voided: Invoice = Invoice.get_by_id(invoice_id)
    return voided


def refuse_void(invoice: Invoice) -> None:
    """Raise InvoiceNotIssued or InvoiceHasEffect where void would, so that nobody is asked for a reason in vain."""
    if invoice.status != "issued":
        raise InvoiceNotIssued(invoice)
    if _exists(CreditNote, invoice):
        raise InvoiceHasEffect(invoice, "A credit note was made of")
    if _exists(WriteOff, invoice):
        raise InvoiceHasEffect(invoice, "A write-off was made of")
    if (
        invoice.balance_minor != invoice.total_minor
        or Allocation.select(Allocation.id).where(Allocation.invoice == invoice.id).exists()
    ):
        raise InvoiceHasEffect(invoice)


def refuse_while_paying(invoice: Invoice) -> None:
    """Raise InvoiceBeingPaid where a payment that is not over has planned to pay it, with money or with credit."""
    attempt = Attempt.select().where(Attempt.id.in_(planning_on([invoice.id])) & Attempt.status.in_(UNFINISHED)).first()
    if attempt is not None:
        raise InvoiceBeingPaid(invoice, attempt)


def _exists(table: type[CreditNote | WriteOff], invoice: Invoice) -> bool:
    return bool(table.select(table.id).where((table.invoice == invoice.id) & (table.status != "declined")).exists())


def _tell(invoice: Invoice, reason: str, *, at: datetime) -> None:
    """Tell everybody whom the invoice reached; a mail of it that has not left yet will not leave any more."""
    reached = (
        Mail.select(Mail.recipient, Mail.recipient_name)
        .where((Mail.invoice == invoice.id) & Mail.event.in_(TELLING) & Mail.state.in_(LEFT))
        .order_by(Mail.id)
    )
    for mail in reached:
        outbox.queue(
            "invoice_voided",
            to=mail.recipient,
            to_name=mail.recipient_name,
            key=f"invoice_voided:{invoice.id}:{mail.recipient}",
            context={"invoice_id": invoice.id, "reason": reason},
            at=at,
            customer_id=invoice.customer_id,
            invoice_id=invoice.id,
        )
