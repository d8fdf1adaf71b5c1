"""Corrections: an invoice that is wrong is credited in full and replaced by a right one, in one step.

A replacement begins as a draft with the same content; confirming issues its credit note and the draft together,
moves what was paid to the replacement, and tells the customer one story in one mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing import allocations, approvals, clock, credit_notes, customers, invoices, links, outbox, seller
from billing import credits as customer_credits
from billing.credit_notes import CreditContent, Destinations
from billing.db import lock, transaction
from billing.errors import Conflict
from billing.instalments import PartContent
from billing.invoices import DiscountContent, DraftContent, LineContent, add_activity
from billing.invoices.drafting import raise_why_not
from billing.invoices.voiding import refuse_while_paying
from billing.tables import Allocation, Counter, CreditNote, Instalment, Invoice, Payment

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.allocations import Source


class NotCorrectable(Conflict):
    """Something else has to happen first, or a correction makes no sense."""

    def __init__(self, invoice: Invoice, words: str) -> None:
        super().__init__(words)
        self.invoice = invoice


class NotAReplacement(Conflict):
    """An ordinary draft corrects nothing, and an issued replacement is done."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__("This invoice does not correct another one, or it is issued already.")
        self.invoice = invoice


class ReplacementChanged(Conflict):
    """The replacement is not the one that was looked at."""

    def __init__(self) -> None:
        super().__init__("The replacement was changed after approval was asked for. Decline this, and ask again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What confirming would do. Minor units of `currency`.

    Of what was paid on the original, `moved_minor` pays the replacement and `kept_minor` stays customer credit.
    `sources` says what that is, by name.
    """

    original: Invoice
    replacement: Invoice
    currency: str
    old_total_minor: int
    credit_minor: int
    new_total_minor: int
    owed_before_minor: int
    owed_after_minor: int
    moved_minor: int
    kept_minor: int
    sources: tuple[tuple[str, int], ...]
    needs_approval: bool
    waiting: CreditNote | None

    @property
    def difference_minor(self) -> int:
        """What the customer is billed more (or less, below zero) in the end."""
        return self.new_total_minor - self.credit_minor


def start(invoice_id: int, *, by: Actor, at: datetime) -> Invoice:
    """Write the replacement's draft, with the content of the original; the one that is there already is given.

    Raises Missing, NotCorrectable.
    """
    original = invoices.get(invoice_id)
    refuse_correction(original)
    draft = draft_of(invoice_id)
    if draft is not None:
        return draft
    on = clock.day_of(at, seller.get().time_zone)
    with transaction():
        lock(Invoice.select(Invoice.id).where(Invoice.id == invoice_id)).get()
        if (found := draft_of(invoice_id)) is not None:
            return found
        return invoices.draft(original.customer_id, _content(original, on), by=by, at=at, replaces=original)


def refuse_correction(original: Invoice) -> None:
    """Raise NotCorrectable where a correction would only be refused later."""
    if original.status != "issued":
        raise NotCorrectable(original, "Only an issued invoice is corrected. A draft is edited, a void one stays void.")
    if original.kind != "invoice":
        raise NotCorrectable(original, "A fee is waived, not corrected.")
    if original.written_off_minor:
        raise NotCorrectable(original, "This invoice is written off. Reverse the write-off first.")
    waits = (CreditNote.invoice == original.id) & (CreditNote.status == "awaiting") & CreditNote.replacement.is_null()
    if CreditNote.select(CreditNote.id).where(waits).exists():
        raise NotCorrectable(original, "A credit note of this invoice waits for approval. Let it be decided first.")
    if original.credited_minor == original.total_minor:
        raise NotCorrectable(original, "This invoice is credited in full already. Write a new invoice instead.")


def is_correctable(invoice: Invoice) -> bool:
    """Whether a correction of it may begin."""
    try:
        refuse_correction(invoice)
    except NotCorrectable:
        return False
    return True


def draft_of(invoice_id: int) -> Invoice | None:
    """The draft that is to replace an invoice, if there is one."""
    mine = (Invoice.replaces == invoice_id) & (Invoice.status == "draft")
    found: Invoice | None = Invoice.select().where(mine).order_by(Invoice.id).first()
    return found


def replacements(invoice_id: int) -> list[Invoice]:
    """The draft that is to replace an invoice and the issued one that did, if there are any; in one statement."""
    return list(Invoice.select().where(Invoice.replaces == invoice_id).order_by(Invoice.id))


def replacement_of(invoice_id: int) -> Invoice | None:
    """The issued invoice that replaced this one, if one did."""
    mine = (Invoice.replaces == invoice_id) & (Invoice.status != "draft")
    found: Invoice | None = Invoice.select().where(mine).order_by(Invoice.id).first()
    return found


def effect(replacement_id: int, *, by: Actor) -> Effect:
    """What confirming would come to, with nothing written. Raises Missing, NotAReplacement, NotCorrectable."""
    draft, original = _pair(replacement_id)
    waiting: CreditNote | None = CreditNote.get_or_none(
        (CreditNote.replacement == draft.id) & (CreditNote.status == "awaiting")
    )
    credit = waiting.total_minor if waiting else credit_notes.creditable(original.id).total_minor
    freed = _to_free(original, credit)
    moved = min(sum(minor for _, minor in freed), draft.total_minor)
    return Effect(
        original=original,
        replacement=draft,
        currency=original.currency,
        old_total_minor=original.total_minor,
        credit_minor=credit,
        new_total_minor=draft.total_minor,
        owed_before_minor=original.balance_minor,
        owed_after_minor=draft.total_minor - moved + max(original.balance_minor - credit, 0),
        moved_minor=moved,
        kept_minor=sum(minor for _, minor in freed) - moved,
        sources=tuple((allocations.name_of(source), minor) for source, minor in freed),
        needs_approval=approvals.needed(credit, original.currency, by=by),
        waiting=waiting,
    )


def confirm(replacement_id: int, *, reason_code: str, reason: str, version: int, by: Actor, at: datetime) -> CreditNote:
    """Credit the original and issue its replacement in one transaction, or let both wait for a second person.

    `version` is the draft that was looked at; `reason` is what the customer reads. Raises Missing, Invalid,
    NotAReplacement, NotCorrectable, InvoiceChanged, InvoiceBeingPaid and what issuing refuses.
    """
    content = CreditContent(shape="full", reason_code=reason_code, reason=reason, destinations=Destinations())
    _, found = _pair(replacement_id)
    with transaction():
        original = credit_notes.lock_for_crediting(found.id, None)
        draft: Invoice = lock(Invoice.select().where(Invoice.id == replacement_id)).get()
        if draft.status != "draft" or draft.version != version:
            raise_why_not(replacement_id)
        refuse_correction(original)
        refuse_while_paying(original)
        credit = credit_notes.creditable(original.id).total_minor
        if approvals.needed(credit, original.currency, by=by):
            return credit_notes.create(original.id, content, by=by, at=at, replacement=draft)
        credit_notes.refuse_what_is_wrong(content)
        note = credit_notes.write(original, content, by=by, at=at, replacement=draft)
        _carry_out(note, original, draft, by=by, at=at)
    issued: CreditNote = CreditNote.get_by_id(note.id)
    return issued


def decide(credit_note_id: int, *, approved: bool, note: str, by: Actor, at: datetime) -> CreditNote:
    """A second person's word on any credit note that waits; with a replacement, both are issued or neither.

    Raises what credit_notes.decide raises, ReplacementChanged, InvoiceBeingPaid and what issuing refuses.
    """
    found = credit_notes.get(credit_note_id)
    if found.replacement_id is None or not approved:
        return credit_notes.decide(credit_note_id, approved=approved, note=note, by=by, at=at)
    with transaction():
        waiting = credit_notes.lock_waiting(credit_note_id)
        approvals.decide(approved=True, note=note, by=by, at=at, credit_note_id=credit_note_id)
        original: Invoice = Invoice.get_by_id(waiting.invoice_id)
        draft: Invoice = lock(Invoice.select().where(Invoice.id == waiting.replacement_id)).get()
        if draft.version != waiting.destinations["replacement_version"]:
            raise ReplacementChanged
        credit_notes.refuse_written_off(original)
        refuse_while_paying(original)
        _carry_out(waiting, original, draft, by=by, at=at)
    decided: CreditNote = CreditNote.get_by_id(credit_note_id)
    return decided


def _pair(replacement_id: int) -> tuple[Invoice, Invoice]:
    """The draft, and the invoice it corrects. Raises Missing, NotAReplacement, NotCorrectable."""
    draft = invoices.get(replacement_id)
    if draft.status != "draft" or draft.replaces_id is None:
        raise NotAReplacement(draft)
    original = invoices.get(draft.replaces_id)
    refuse_correction(original)
    return draft, original


def _carry_out(note: CreditNote, original: Invoice, draft: Invoice, *, by: Actor, at: datetime) -> None:
    """Under the locks of customer and both invoices: credit, free what was paid, issue, and apply it there.

    Both counters are locked before anything is booked, as an issue that runs at the same time does it.
    """
    selling = seller.get()
    on = clock.day_of(at, selling.time_zone)
    keys = [f"{prefix}-{on.year}" for prefix in (selling.credit_prefix, selling.number_prefix)]
    list(lock(Counter.select().where(Counter.key.in_(sorted(keys))).order_by(Counter.key)))
    freed = _to_free(original, note.total_minor)
    credit_notes.issue_locked(note, by=by, at=at, mailed=False)
    for source, minor in freed:
        customer_credits.take_back_locked(source, original.id, minor, reason=allocations.UNAPPLIED, by=by, at=at)
    owed = Invoice.get_by_id(original.id).balance_minor
    customer_credits.apply_locked(note, original.id, min(note.total_minor, owed), by=by, at=at)
    replacement = invoices.issue(draft.id, on=on, version=draft.version, by=by, at=at, corrects=True)
    left = replacement.total_minor
    for source, minor in freed:
        part = min(minor, left)
        if part:
            customer_credits.apply_locked(source, replacement.id, part, by=by, at=at)
            left -= part
    facts = {"old_number": original.number, "number": replacement.number, "credit_note": note.number}
    ids = {"old_id": original.id, "replacement_id": replacement.id, "credit_note_id": note.id}
    add_activity(original.id, "corrected", by=by, at=at, facts=facts | ids)
    add_activity(replacement.id, "corrects", by=by, at=at, facts=facts | ids)
    _mail(note, replacement, at=at)
    credit_notes.record_issue(note, by=by, at=at)


def _to_free(original: Invoice, credit_minor: int) -> list[tuple[Source, int]]:
    """What of payments and other credits must leave the original, newest first, to make room for its credit note."""
    need = credit_minor - original.balance_minor
    freed: list[tuple[Source, int]] = []
    for source in reversed(_sources(original.id)):
        if need <= 0:
            break
        part = min(allocations.applied_to(source, original.id), need)
        if part > 0:
            freed.append((source, part))
            need -= part
    assert need <= 0, "what is not owed was paid, credited or written off"
    return freed[::-1]


def _sources(invoice_id: int) -> list[Source]:
    """What was applied to an invoice, in the order it came, but for its own credit notes."""
    rows = Allocation.select().where(Allocation.invoice == invoice_id).order_by(Allocation.id)
    payments = list(dict.fromkeys(row.payment_id for row in rows if row.payment_id))
    notes = list(dict.fromkeys(row.credit_note_id for row in rows if row.credit_note_id))
    own = CreditNote.invoice == invoice_id
    found: list[Source] = list(Payment.select().where(Payment.id.in_(payments)).order_by(Payment.id))
    return found + list(CreditNote.select().where(CreditNote.id.in_(notes) & ~own).order_by(CreditNote.id))


def _mail(note: CreditNote, replacement: Invoice, *, at: datetime) -> None:
    for contact in customers.recipients(replacement.customer_id):
        link_id = links.create(replacement, recipient=contact.email, contact=contact, at=at)
        outbox.queue(
            outbox.CORRECTED,
            to=contact.email,
            to_name=contact.name,
            key=f"{outbox.CORRECTED}:{replacement.id}:{contact.id}",
            context={"invoice_id": replacement.id, "credit_note_id": note.id, "link_id": link_id},
            at=at,
            customer_id=replacement.customer_id,
            invoice_id=replacement.id,
            credit_note_id=note.id,
        )


def _content(original: Invoice, on: date) -> DraftContent:
    """What the original says, as a draft; days that are over are left to the terms."""
    is_ahead = original.due_on is not None and original.due_on >= on
    rows = list(Instalment.select().where(Instalment.invoice == original.id).order_by(Instalment.position))
    keeps_parts = bool(rows) and all(row.due_on is not None and row.due_on >= on for row in rows)
    return DraftContent(
        lines=tuple(
            LineContent(
                description=line.description,
                detail=line.detail,
                quantity=Decimal(line.quantity),
                unit=line.unit,
                unit_price=Decimal(line.unit_price),
                discount=DiscountContent(kind=line.discount_kind, value=line.discount_value),
                tax_category=line.tax_category,
                tax_rate_ppm=line.tax_rate_ppm,
                tax_reason=line.tax_reason,
            )
            for line in invoices.lines(original.id)
        ),
        terms_days=original.terms_days,
        due_on=original.due_on if is_ahead and not rows else None,
        po=original.po,
        subject=original.subject,
        notes=original.notes,
        discount=DiscountContent(kind=original.discount_kind, value=original.discount_value),
        early_days=original.early_days,
        early_ppm=original.early_ppm,
        parts=tuple(PartContent(due_on=row.due_on, minor=row.minor, ppm=row.ppm) for row in rows)
        if keeps_parts
        else (),
    )
