"""Issue: a draft becomes a document that never changes, with everything that follows from it, or nothing at all."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from peewee import fn

from billing import audit, clock, customers, dates, documents, instalments, ledger, links, numbering, outbox, seller
from billing.db import lock, transaction
from billing.errors import Conflict, Invalid, Refusal
from billing.invoices.activities import add_activity
from billing.invoices.drafting import raise_why_not
from billing.invoices.reading import lines, taxes
from billing.invoices.snapshots import snapshot_of
from billing.invoices.terms import early_until
from billing.tables import Customer, Invoice

if TYPE_CHECKING:
    from datetime import date, datetime

    from peewee import ModelSelect

    from billing.actors import Actor
    from billing.instalments import PartContent
    from billing.tables import Contact, InvoiceLine, InvoiceTax, Seller

POSITIONS_PER_YEAR = 1_000_000_000


class IssueDateInFuture(Refusal):
    """An invoice is issued today or, where numbers allow it, earlier."""

    def __init__(self, on: date, today: date) -> None:
        super().__init__("The issue date cannot be in the future. Use today.", field="issue_on")
        self.on = on
        self.today = today


class NobodyToMail(Conflict):
    """Nobody at the customer receives invoices."""

    def __init__(self, customer: Customer) -> None:
        super().__init__(f"{customer.name} has no contact who receives invoices. Add one first.")


class ReplacementNotAlone(Conflict):
    """A draft that corrects an invoice is issued together with the credit note of that invoice."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__("This draft corrects an invoice. Review and confirm the correction instead.")
        self.invoice = invoice


def issue(
    invoice_id: int, *, on: date, version: int | None, by: Actor, at: datetime, corrects: bool = False
) -> Invoice:
    """Number, freeze, book, queue its PDF and mails, and remember who did it, in one transaction.

    `on` is the issue date; `version` is the draft the person saw, or None for a job. `corrects` is for
    billing.corrections, which issues a replacement with its credit note and mails both at once. Raises Missing,
    InvoiceNotDraft, InvoiceChanged, ReplacementNotAlone, Invalid, NobodyToMail, IssueDateInFuture,
    DateBeforeLastNumber.
    """
    selling = seller.get()
    today = clock.day_of(at, selling.time_zone)
    if on > today:
        raise IssueDateInFuture(on, today)
    with transaction():
        invoice = lock(Invoice.select().where(Invoice.id == invoice_id)).get_or_none()
        if invoice is None or invoice.status != "draft" or (version is not None and invoice.version != version):
            raise_why_not(invoice_id)
        if (invoice.replaces_id is not None) != corrects:
            raise ReplacementNotAlone(invoice)
        buying = Customer.get_by_id(invoice.customer_id)
        recipients = customers.recipients(buying.id)
        document_lines = lines(invoice_id)
        parts = instalments.of_draft(invoice)
        _refuse_what_is_wrong(invoice, document_lines, buying, recipients, parts, on)
        _freeze(invoice, selling, buying, document_lines, taxes(invoice_id), parts, on=on, at=at)
        _book(invoice, on=on, at=at)
        documents.queue(documents.invoice(invoice.id), at=at)
        for contact in [] if corrects else recipients:
            _mail(invoice, contact, at=at)
        add_activity(
            invoice.id,
            "issued",
            by=by,
            at=at,
            facts={"recipients": [contact.email for contact in recipients]},
            from_status="draft",
            to_status="issued",
        )
        audit.record(
            "invoice.issued",
            f"invoice:{invoice.id}",
            by=by,
            at=at,
            facts={
                "number": invoice.number,
                "total_minor": invoice.total_minor,
                "currency": invoice.currency,
                "frozen_sha256": invoice.frozen_sha256,
            },
        )
    return invoice


def preview_of_issue(invoice: Invoice, *, on: date) -> dict[str, Any]:
    """What issuing now would freeze, for the issue page: the same snapshot, without its number."""
    parts = instalments.of_draft(invoice)
    return snapshot_of(
        invoice,
        seller.get(),
        invoice.customer,
        lines(invoice.id),
        taxes(invoice.id),
        parts,
        number="",
        on=on,
        due_on=_due_on(invoice, parts, on),
    )


def _due_on(invoice: Invoice, parts: list[PartContent], on: date) -> date:
    """When all of it is due: on the last part's day, on the day that was typed, or by the terms."""
    return (parts[-1].due_on if parts else invoice.due_on) or dates.due_on(on, invoice.terms_days)


def _refuse_what_is_wrong(
    invoice: Invoice,
    document_lines: list[InvoiceLine],
    buying: Customer,
    recipients: list[Contact],
    parts: list[PartContent],
    on: date,
) -> None:
    if not document_lines:
        raise Invalid({"lines": "Add a line first"})
    if invoice.due_on is not None and invoice.due_on < on:
        raise Invalid({"due_on": "The due date comes on or after the issue date"})
    if instalments.problems(parts, invoice.total_minor, invoice.currency, issue_on=on):
        raise Invalid({"issue_on": "A part of the schedule is due before this day. Change the draft or the day"})
    if invoice.early_days and early_until(on, invoice.early_days) > _due_on(invoice, parts, on):
        raise Invalid({"issue_on": "The early-payment discount would end after the due date. Change the draft"})
    if not recipients:
        raise NobodyToMail(buying)


def _freeze(
    invoice: Invoice,
    selling: Seller,
    buying: Customer,
    document_lines: list[InvoiceLine],
    groups: list[InvoiceTax],
    parts: list[PartContent],
    *,
    on: date,
    at: datetime,
) -> None:
    """Take the next number last, and turn the draft into the document; the UPDATE carries its own guard."""
    due_on = _due_on(invoice, parts, on)
    if parts and parts[0].due_on is None:
        instalments.begin_on(invoice.id, on)
    series = f"{selling.number_prefix}-{on.year}"
    value = numbering.next_value(series, on=on)
    number = f"{series}-{value:04d}"
    snapshot = snapshot_of(invoice, selling, buying, document_lines, groups, parts, number=number, on=on, due_on=due_on)
    columns: dict[str, Any] = {
        "status": "issued",
        "number": number,
        "series": series,
        "series_number": value,
        "issue_on": on,
        "due_on": due_on,
        "next_due_on": (parts[0].due_on or on) if parts else due_on,
        "issued_at": at,
        "paid_at": None if invoice.total_minor else at,
        "search_text": f"{number} {invoice.subject} {invoice.po}".casefold().strip(),
        "frozen": snapshot,
        "frozen_sha256": hashlib.sha256(json.dumps(snapshot, sort_keys=True).encode()).hexdigest(),
        "version": invoice.version + 1,
    }
    draft = (Invoice.id == invoice.id) & (Invoice.status == "draft")
    written = Invoice.update(**columns, position=_next_position(on)).where(draft).returning(Invoice.position)
    moved = [row.position for row in written.execute()]
    if len(moved) != 1:
        raise_why_not(invoice.id)
    for name, value_ in (columns | {"position": moved[0]}).items():
        setattr(invoice, name, value_)
    invoice.balance_minor = invoice.total_minor


def _next_position(on: date) -> ModelSelect[Invoice]:
    """The place in the lists after the year's last one, whatever its series: a new prefix begins again at 1."""
    before, until = on.year * POSITIONS_PER_YEAR, (on.year + 1) * POSITIONS_PER_YEAR
    others = Invoice.alias()
    return others.select(fn.COALESCE(fn.MAX(others.position), before) + 1).where(
        (others.position > before) & (others.position < until)
    )


def _book(invoice: Invoice, *, on: date, at: datetime) -> None:
    """The customer owes the total: net is revenue, or income from fees; tax is owed on."""
    income = ledger.REVENUE if invoice.kind == "invoice" else ledger.FEE_INCOME
    legs = [
        ledger.Leg(
            debit=ledger.RECEIVABLE,
            credit=credit,
            minor=minor,
            currency=invoice.currency,
            customer_id=invoice.customer_id,
            invoice_id=invoice.id,
        )
        for credit, minor in ((income, invoice.net_minor), (ledger.TAX_PAYABLE, invoice.tax_minor))
        if minor
    ]
    if legs:
        ledger.post(f"invoice:{invoice.id}:issue", "invoice_issued", legs, on=on, at=at)


def _mail(invoice: Invoice, contact: Contact, *, at: datetime) -> None:
    link_id = links.create(invoice, recipient=contact.email, contact=contact, at=at)
    outbox.queue(
        "invoice_issued",
        to=contact.email,
        to_name=contact.name,
        key=f"invoice_issued:{invoice.id}:{contact.id}",
        context={"invoice_id": invoice.id, "link_id": link_id},
        at=at,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
    )
