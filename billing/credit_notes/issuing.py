"""Credit notes come into being: proposed without a trace, created for approval or at once, issued for good."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from billing import approvals, audit, clock, customers, documents, ledger, links, numbering, outbox, seller
from billing.credit_notes import refusals
from billing.credit_notes.content import REASONS, REFUND_METHODS, CreditContent, Destinations, refuse_what_is_wrong
from billing.credit_notes.remainder import Remainder, remainder_of
from billing.credit_notes.spending import spend
from billing.credit_notes.spreading import Figures, figures
from billing.db import lock, transaction
from billing.errors import Missing
from billing.invoices.activities import add_activity
from billing.invoices.reading import NOT_FOUND
from billing.invoices.snapshots import SELLER, facts_of, taxes_of
from billing.tables import CreditNote, CreditNoteLine, CreditNoteTax, Customer, Invoice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.tables import Seller

TEMPLATE = "credit-note-1"
LINE = ("position", "description", "quantity", "unit", "unit_price", "tax_category", "tax_rate_ppm", "net_minor")
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What creating it now would do; nothing is written. `kept_minor` would stay the customer's credit."""

    invoice: Invoice
    content: CreditContent
    figures: Figures
    left_after_minor: int
    destinations: Destinations
    paid: tuple[tuple[Invoice, int], ...] = field(default=())  # open invoices it would pay, and how much
    kept_minor: int
    needs_approval: bool


def creditable(invoice_id: int) -> Remainder:
    """What is left of an invoice to credit: whole, by tax group, by line.

    Raises Missing, InvoiceNotCreditable, InvoiceWrittenOff.
    """
    invoice = _creditable_invoice(Invoice.get_or_none(Invoice.id == invoice_id))
    refuse_written_off(invoice)
    return remainder_of(invoice)


def refuse_written_off(invoice: Invoice) -> None:
    """Raise InvoiceWrittenOff where a part of an invoice, or all of it, was given up."""
    if invoice.written_off_minor:
        raise refusals.InvoiceWrittenOff(invoice)


def propose(invoice_id: int, content: CreditContent, *, by: Actor, at: datetime) -> Preview:
    """What `create` would do, with nothing written. Raises what it raises."""
    assert at.tzinfo is not None, "an instant is aware"
    refuse_what_is_wrong(content)
    left = creditable(invoice_id)
    found = figures(left, content)
    wanted = _destinations(left.invoice, content, found.total_minor)
    ids = [paid_id for paid_id, _ in wanted.invoices]
    known = {invoice.id: invoice for invoice in Invoice.select().where(Invoice.id.in_(ids))}
    return Preview(
        invoice=left.invoice,
        content=content,
        figures=found,
        left_after_minor=left.total_minor - found.total_minor,
        destinations=wanted,
        paid=tuple((known[paid_id], minor) for paid_id, minor in wanted.invoices),
        kept_minor=found.total_minor - wanted.minor,
        needs_approval=approvals.needed(found.total_minor, left.invoice.currency, by=by),
    )


def create(
    invoice_id: int, content: CreditContent, *, by: Actor, at: datetime, replacement: Invoice | None = None
) -> CreditNote:
    """Credit an invoice: issued at once, or awaiting with its Approval where a second person must look.

    `replacement` is the draft that corrects the invoice, which is only issued with it. Raises Missing, Invalid,
    InvoiceNotCreditable, InvoiceWrittenOff, NothingLeftToCredit, CreditExceeds..., Destination....
    """
    refuse_what_is_wrong(content)
    with transaction():
        invoice = lock_for_crediting(invoice_id, content.destinations)
        note = write(invoice, content, by=by, at=at, replacement=replacement)
        if approvals.needed(note.total_minor, note.currency, by=by):
            approvals.request(
                minor=note.total_minor,
                currency=note.currency,
                customer_id=note.customer_id,
                by=by,
                at=at,
                credit_note_id=note.id,
            )
            facts = told(note)
            add_activity(invoice_id, "credit_requested", by=by, at=at, facts=facts, customer_sees=False)
            audit.record("credit_note.requested", f"credit_note:{note.id}", by=by, at=at, facts=facts)
        else:
            assert replacement is None, "billing.corrections issues both together"
            issue_locked(note, by=by, at=at)
            spend(note, by=by, at=at)
            record_issue(note, by=by, at=at)
    return reread(note.id)


def issue_amount(invoice_id: int, minor: int, *, reason_code: str, reason: str, by: Actor, at: datetime) -> CreditNote:
    """Credit `minor` (> 0, with tax) of an invoice by rule, without approval: an early payment, a waived fee.

    It lowers what that invoice owes, and the rest stays the customer's credit. May be called inside a caller's
    transaction that has locked the invoice. Raises what `create` raises.
    """
    content = CreditContent(shape="amount", reason_code=reason_code, reason=reason, gross_minor=minor)
    refuse_what_is_wrong(content)
    with transaction():
        invoice = lock_for_crediting(invoice_id, None)
        note = write(invoice, content, by=by, at=at)
        issue_locked(note, by=by, at=at)
        spend(note, by=by, at=at)
        record_issue(note, by=by, at=at)
    return reread(note.id)


def lock_for_crediting(invoice_id: int, destinations: Destinations | None) -> Invoice:
    """Lock the customer, then the invoice and those it is to pay, by id. Raises Missing, InvoiceNotCreditable."""
    invoice: Invoice | None = Invoice.get_or_none(Invoice.id == invoice_id)
    if invoice is None:
        raise Missing(NOT_FOUND)
    lock(Customer.select(Customer.id).where(Customer.id == invoice.customer_id)).get()
    ids = {invoice_id, *(paid_id for paid_id, _ in (destinations.invoices if destinations else ()))}
    locked = {row.id: row for row in lock(Invoice.select().where(Invoice.id.in_(sorted(ids))).order_by(Invoice.id))}
    return _creditable_invoice(locked.get(invoice_id))


def write(
    invoice: Invoice, content: CreditContent, *, by: Actor, at: datetime, replacement: Invoice | None = None
) -> CreditNote:
    """Write the rows of a credit note of a locked invoice. It waits, and so reserves what it credits.

    Raises InvoiceWrittenOff and what `create` says of sums and destinations.
    """
    refuse_written_off(invoice)
    found = figures(remainder_of(invoice), content)
    wanted = _destinations(invoice, content, found.total_minor)
    stored = wanted.stored()
    if replacement is not None:
        stored |= {"replacement_version": replacement.version}
    note: CreditNote = CreditNote.create(
        customer=invoice.customer_id,
        invoice=invoice.id,
        replacement=replacement.id if replacement else None,
        shape=content.shape,
        reason_code=content.reason_code,
        reason=content.reason.strip(),
        destinations=stored,
        currency=invoice.currency,
        net_minor=found.net_minor,
        tax_minor=found.tax_minor,
        total_minor=found.total_minor,
        created_at=at,
        created_by=by.name,
    )
    for rows in _in_parts(_line_rows(note, found)):
        CreditNoteLine.insert_many(rows).execute()
    CreditNoteTax.insert_many(_tax_rows(note, found)).execute()
    return note


def issue_locked(note: CreditNote, *, by: Actor, at: datetime, mailed: bool = True) -> None:
    """Number, freeze and book a waiting credit note, inside the caller's transaction, who has locked its invoice.

    The caller spends its value and writes the audit row. `mailed` is False where another mail tells of it.
    """
    selling = seller.get()
    on = clock.day_of(at, selling.time_zone)
    invoice: Invoice = Invoice.get_by_id(note.invoice_id)
    series = f"{selling.credit_prefix}-{on.year}"
    value = numbering.next_value(series, on=on)
    number = f"{series}-{value:04d}"
    snapshot = _snapshot(note, invoice, selling, number=number, on=on)
    columns: dict[str, Any] = {
        "status": "issued",
        "number": number,
        "series": series,
        "series_number": value,
        "issue_on": on,
        "issued_at": at,
        "frozen": snapshot,
        "frozen_sha256": hashlib.sha256(json.dumps(snapshot, sort_keys=True).encode()).hexdigest(),
    }
    waiting = (CreditNote.id == note.id) & (CreditNote.status == "awaiting")
    moved = CreditNote.update(**columns).where(waiting).execute()
    assert moved == 1, "the caller holds the invoice, so nobody issued it meanwhile"
    for name, value_ in columns.items():
        setattr(note, name, value_)
    Invoice.update(credited_minor=Invoice.credited_minor + note.total_minor).where(Invoice.id == invoice.id).execute()
    _book(note, invoice, on=on, at=at)
    documents.queue(documents.credit_note(note.id), at=at)
    if mailed:
        for contact in customers.recipients(note.customer_id):
            outbox.queue(
                "credit_note_issued",
                to=contact.email,
                to_name=contact.name,
                key=f"credit_note_issued:{note.id}:{contact.id}",
                context={
                    "credit_note_id": note.id,
                    "link_id": links.create(invoice, recipient=contact.email, contact=contact, at=at),
                },
                at=at,
                customer_id=note.customer_id,
                invoice_id=invoice.id,
                credit_note_id=note.id,
            )
    add_activity(invoice.id, "credited", by=by, at=at, facts=told(note))


def record_issue(note: CreditNote, *, by: Actor, at: datetime) -> None:
    """The audit row of an issued credit note: last, since its chain is the last lock."""
    facts = told(note) | {"invoice_id": note.invoice_id, "frozen_sha256": note.frozen_sha256}
    audit.record("credit_note.issued", f"credit_note:{note.id}", by=by, at=at, facts=facts)


def told(note: CreditNote) -> dict[str, Any]:
    """What the timeline and the audit remember of a credit note."""
    return {
        "credit_note_id": note.id,
        "number": note.number,
        "minor": note.total_minor,
        "currency": note.currency,
        "reason_code": note.reason_code,
        "reason": note.reason,
    }


def reread(credit_note_id: int) -> CreditNote:
    """The row as it stands now."""
    note: CreditNote = CreditNote.get_by_id(credit_note_id)
    return note


def _creditable_invoice(invoice: Invoice | None) -> Invoice:
    if invoice is None:
        raise Missing(NOT_FOUND)
    if invoice.status != "issued":
        raise refusals.InvoiceNotCreditable(invoice)
    return invoice


def _destinations(invoice: Invoice, content: CreditContent, total_minor: int) -> Destinations:
    """Where the value goes: as was chosen, or this invoice first. Raises Destination...."""
    wanted = content.destinations
    if wanted is None:
        first = min(total_minor, invoice.balance_minor)
        return Destinations(invoices=((invoice.id, first),) if first else ())
    if wanted.minor > total_minor:
        raise refusals.DestinationsExceedCredit(
            asked_minor=wanted.minor, total_minor=total_minor, currency=invoice.currency
        )
    ids = [paid_id for paid_id, _ in wanted.invoices]
    mine = (Invoice.customer == invoice.customer_id) & (Invoice.currency == invoice.currency)
    known = {
        paid.id: paid for paid in Invoice.select().where(Invoice.id.in_(ids) & mine & (Invoice.status == "issued"))
    }
    for paid_id, minor in wanted.invoices:
        paid = known.get(paid_id)
        if paid is None or not 0 < minor <= paid.balance_minor:
            raise refusals.DestinationNotOpen(paid, asked_minor=minor)
    if wanted.refund is not None and (wanted.refund.minor <= 0 or wanted.refund.method not in REFUND_METHODS):
        raise refusals.NothingToRefund
    assert len(set(ids)) == len(ids), "each invoice is named once"
    return wanted


def _book(note: CreditNote, invoice: Invoice, *, on: date, at: datetime) -> None:
    """Less revenue and less tax; the value stands in customer credit until it is applied."""
    income = ledger.REVENUE if invoice.kind == "invoice" else ledger.FEE_INCOME
    legs = [
        ledger.Leg(
            debit=ledger.CUSTOMER_CREDIT if minor < 0 else other,
            credit=other if minor < 0 else ledger.CUSTOMER_CREDIT,
            minor=abs(minor),
            currency=note.currency,
            customer_id=note.customer_id,
            credit_note_id=note.id,
        )
        for other, minor in sorted(
            ((income, note.net_minor), (ledger.TAX_PAYABLE, note.tax_minor)), key=lambda pair: -pair[1]
        )
        if minor
    ]
    ledger.post(f"credit_note:{note.id}:issue", "credit_note_issued", legs, on=on, at=at)


def _snapshot(note: CreditNote, invoice: Invoice, selling: Seller, *, number: str, on: date) -> dict[str, Any]:
    """Everything the document says. The buyer is the one of the invoice that it credits."""
    original = invoice.frozen
    rows = CreditNoteLine.select().where(CreditNoteLine.credit_note == note.id).order_by(CreditNoteLine.position)
    groups = CreditNoteTax.select().where(CreditNoteTax.credit_note == note.id).order_by(CreditNoteTax.position)
    return {
        "template": TEMPLATE,
        "number": number,
        "issue_on": on.isoformat(),
        "invoice": {"number": invoice.number, "issue_on": original["issue_on"], "total_minor": invoice.total_minor},
        "po": invoice.po,
        "subject": invoice.subject,
        "reason_code": note.reason_code,
        "reason_words": REASONS[note.reason_code],
        "reason": note.reason,
        "locale": original["locale"],
        "currency": note.currency,
        "seller": facts_of(selling, SELLER),
        "buyer": original["buyer"],
        "lines": [facts_of(row, LINE) for row in rows],
        "taxes": taxes_of(list(groups)),
        "net_minor": note.net_minor,
        "tax_minor": note.tax_minor,
        "total_minor": note.total_minor,
    }


def _line_rows(note: CreditNote, found: Figures) -> list[dict[str, Any]]:
    return [
        {
            "credit_note": note.id,
            "position": position,
            "invoice_line": line.invoice_line_id,
            "description": line.description,
            "quantity": line.quantity,
            "unit": line.unit,
            "unit_price": line.unit_price,
            "tax_category": line.category,
            "tax_rate_ppm": line.rate_ppm,
            "tax_reason": line.reason,
            "net_minor": line.net_minor,
        }
        for position, line in enumerate(found.lines, start=1)
    ]


def _tax_rows(note: CreditNote, found: Figures) -> list[dict[str, Any]]:
    return [
        {
            "credit_note": note.id,
            "position": position,
            "category": group.category,
            "rate_ppm": group.rate_ppm,
            "reason": group.reason,
            "base_minor": group.base_minor,
            "tax_minor": group.tax_minor,
        }
        for position, group in enumerate(found.groups, start=1)
    ]


def _in_parts(rows: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    for first in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[first : first + ROWS_AT_ONCE]
