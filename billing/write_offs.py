"""Write-offs: a debt given up for now. Its history stays, it is no credit note, and it is reversed where money comes.

Created (waiting for a second person above the threshold), written off, and perhaps reversed. One lives per invoice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import approvals, audit, clock, formatting, ledger, seller
from billing.db import lock, transaction
from billing.errors import Conflict, Invalid, Missing
from billing.invoices.activities import add_activity
from billing.invoices.reading import NOT_FOUND
from billing.invoices.voiding import InvoiceNotIssued, refuse_while_paying
from billing.tables import CreditNote, Customer, Invoice, WriteOff

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

LONGEST_REASON = 500
LIVE = ("awaiting", "written_off")


class NothingOwed(Conflict):
    """Only a debt can be given up."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"Nothing is owed on invoice {invoice.number}, so there is nothing to write off.")
        self.invoice = invoice


class WriteOffWaits(Conflict):
    """Somebody asked for it already."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"A write-off of invoice {invoice.number} already waits for approval.")
        self.invoice = invoice


class PartWrittenOff(Conflict):
    """A write-off stands, and the invoice owes again since a payment of it was taken back."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"A part of invoice {invoice.number} is written off already. Reverse that first.")
        self.invoice = invoice


class CreditNoteWaits(Conflict):
    """A credit note of it may take some of the debt away."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"A credit note of invoice {invoice.number} waits for approval. Let it be decided first.")
        self.invoice = invoice


class NotWrittenOff(Conflict):
    """There is no write-off to reverse."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"Invoice {invoice.number} is not written off.")
        self.invoice = invoice


class DebtChanged(Conflict):
    """The invoice owes another amount than was asked to be written off."""

    def __init__(self, write_off: WriteOff, *, owed_minor: int) -> None:
        owed, asked = (formatting.money(minor, write_off.currency) for minor in (owed_minor, write_off.minor))
        super().__init__(f"The invoice owes {owed} now, not {asked}. Decline this, and ask for another write-off.")
        self.write_off = write_off
        self.owed_minor = owed_minor


class NoSuchWriteOff(Missing):
    """No write-off has that id."""

    def __init__(self) -> None:
        super().__init__("We cannot find that write-off.")


def create(invoice_id: int, *, reason: str, by: Actor, at: datetime) -> WriteOff:
    """Give up all that an invoice owes: at once, or awaiting with its Approval. `reason` is for staff alone.

    Raises Missing, Invalid, InvoiceNotIssued, NothingOwed, PartWrittenOff, WriteOffWaits, CreditNoteWaits,
    InvoiceBeingPaid.
    """
    reason = _read(reason)
    with transaction():
        invoice = _locked(invoice_id)
        refuse_write_off(invoice)
        write_off: WriteOff = WriteOff.create(
            invoice=invoice.id,
            minor=invoice.balance_minor,
            currency=invoice.currency,
            reason=reason,
            created_by=by.name,
            created_at=at,
        )
        if approvals.needed(write_off.minor, write_off.currency, by=by):
            approvals.request(
                minor=write_off.minor,
                currency=write_off.currency,
                customer_id=invoice.customer_id,
                by=by,
                at=at,
                write_off_id=write_off.id,
            )
            _tell("write_off_requested", "write_off.requested", write_off, by=by, at=at)
        else:
            _carry_out(write_off, invoice, at=at)
            _tell("written_off", "write_off.made", write_off, by=by, at=at)
    return get(write_off.id)


def refuse_write_off(invoice: Invoice) -> None:
    """Raise what `create` would, so that nobody is asked for a reason in vain."""
    if invoice.status != "issued":
        raise InvoiceNotIssued(invoice)
    if not invoice.balance_minor:
        raise NothingOwed(invoice)
    if (before := live(invoice.id)) is not None:
        raise WriteOffWaits(invoice) if before.status == "awaiting" else PartWrittenOff(invoice)
    _refuse_while_crediting(invoice)
    refuse_while_paying(invoice)


def decide(write_off_id: int, *, approved: bool, note: str, by: Actor, at: datetime) -> WriteOff:
    """A second person's word on a write-off that waits.

    Raises NoSuchWriteOff, AlreadyDecided, OwnRequest, MayNotDecide, CreditNoteWaits, DebtChanged, InvoiceBeingPaid.
    """
    waiting = get(write_off_id)
    with transaction():
        invoice = _locked(waiting.invoice_id)
        write_off: WriteOff = lock(WriteOff.select().where(WriteOff.id == write_off_id)).get()
        approvals.decide(approved=approved, note=note, by=by, at=at, write_off_id=write_off_id)
        if approved:
            _refuse_while_crediting(invoice)
            refuse_while_paying(invoice)
            if invoice.balance_minor != write_off.minor:
                raise DebtChanged(write_off, owed_minor=invoice.balance_minor)
            _carry_out(write_off, invoice, at=at)
            _tell("written_off", "write_off.made", write_off, by=by, at=at)
        else:
            _move(write_off, "awaiting", "declined")
            _tell("write_off_declined", "write_off.declined", write_off, by=by, at=at, note=note)
    return get(write_off_id)


def reverse(invoice_id: int, *, reason: str, by: Actor, at: datetime) -> Invoice:
    """Let a written-off invoice owe again what was given up, since money comes after all.

    May be called inside a caller's transaction. Raises Missing, Invalid, NotWrittenOff.
    """
    reason = _read(reason)
    with transaction():
        invoice = _locked(invoice_id)
        write_off = live(invoice_id)
        if write_off is None or write_off.status != "written_off":
            raise NotWrittenOff(invoice)
        _move(write_off, "written_off", "reversed", reversed_at=at, reverse_reason=reason)
        _post(write_off, invoice, at=at, back=True)
        Invoice.update(paid_at=None).where(Invoice.id == invoice_id).execute()
        _tell("write_off_reversed", "write_off.reversed", write_off, by=by, at=at, note=reason)
    after: Invoice = Invoice.get_by_id(invoice_id)
    return after


def waiting_on(invoice: Invoice) -> WriteOff | None:
    """The write-off of an invoice that waits for approval; nothing is asked where nothing is owed."""
    found = live(invoice.id) if invoice.status == "issued" and invoice.balance_minor else None
    return found if found is not None and found.status == "awaiting" else None


def refuse_reversal(invoice: Invoice) -> None:
    """Raise NotWrittenOff where there is nothing to reverse."""
    if not invoice.written_off_minor:
        raise NotWrittenOff(invoice)


def get(write_off_id: int) -> WriteOff:
    """One write-off. Raises NoSuchWriteOff."""
    found: WriteOff | None = WriteOff.get_or_none(WriteOff.id == write_off_id)
    if found is None:
        raise NoSuchWriteOff
    return found


def live(invoice_id: int) -> WriteOff | None:
    """The write-off of an invoice that waits or stands, if there is one."""
    mine = (WriteOff.invoice == invoice_id) & WriteOff.status.in_(LIVE)
    found: WriteOff | None = WriteOff.get_or_none(mine)
    return found


def _refuse_while_crediting(invoice: Invoice) -> None:
    """Raise CreditNoteWaits where both together would give up more than is owed."""
    waits = (CreditNote.invoice == invoice.id) & (CreditNote.status == "awaiting")
    if CreditNote.select(CreditNote.id).where(waits).exists():
        raise CreditNoteWaits(invoice)


def _read(reason: str) -> str:
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": f"Say why, in {LONGEST_REASON} characters at most. Only staff reads it."})
    return reason


def _locked(invoice_id: int) -> Invoice:
    """The customer, then the invoice: the order of all verbs."""
    found: Invoice | None = Invoice.get_or_none(Invoice.id == invoice_id)
    if found is None:
        raise Missing(NOT_FOUND)
    lock(Customer.select(Customer.id).where(Customer.id == found.customer_id)).get()
    locked: Invoice = lock(Invoice.select().where(Invoice.id == invoice_id)).get()
    return locked


def _carry_out(write_off: WriteOff, invoice: Invoice, *, at: datetime) -> None:
    _move(write_off, "awaiting", "written_off")
    _post(write_off, invoice, at=at, back=False)
    Invoice.update(paid_at=at).where((Invoice.id == invoice.id) & (Invoice.balance_minor == 0)).execute()


def _move(write_off: WriteOff, before: str, after: str, **more: object) -> None:
    """The one step from a status to the next; the invoice is locked, so nobody was first."""
    waiting = (WriteOff.id == write_off.id) & (WriteOff.status == before)
    moved = WriteOff.update(status=after, **more).where(waiting).execute()
    assert moved == 1, "the caller holds the invoice"


def _post(write_off: WriteOff, invoice: Invoice, *, at: datetime, back: bool) -> None:
    leg = ledger.Leg(
        debit=ledger.RECEIVABLE if back else ledger.BAD_DEBT,
        credit=ledger.BAD_DEBT if back else ledger.RECEIVABLE,
        minor=write_off.minor,
        currency=write_off.currency,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
    )
    ref, kind = ("reverse", "write_off_reversed") if back else ("write", "written_off")
    on = clock.day_of(at, seller.get().time_zone)
    ledger.post(f"write_off:{write_off.id}:{ref}", kind, [leg], on=on, at=at)


def _tell(kind: str, action: str, write_off: WriteOff, *, by: Actor, at: datetime, note: str = "") -> None:
    facts = {
        "write_off_id": write_off.id,
        "minor": write_off.minor,
        "currency": write_off.currency,
        "reason": write_off.reason,
        "note": note,
    }
    add_activity(write_off.invoice_id, kind, by=by, at=at, facts=facts, customer_sees=False)
    audit.record(action, f"write_off:{write_off.id}", by=by, at=at, facts=facts | {"invoice_id": write_off.invoice_id})
