"""A second person decides on a credit note that waits: it is issued then, with that day's date, or declined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import approvals, audit
from billing.credit_notes import issuing, refusals, spending
from billing.credit_notes.content import destinations_of
from billing.db import lock, transaction
from billing.invoices.activities import add_activity
from billing.tables import CreditNote

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor


def decide(credit_note_id: int, *, approved: bool, note: str, by: Actor, at: datetime) -> CreditNote:
    """Issue a waiting credit note, or decline it; `note` is the decider's own words, "" or up to 500 characters.

    One that corrects an invoice is approved by billing.corrections, which issues the replacement with it.
    Raises NoSuchCreditNote, AlreadyDecided, OwnRequest, MayNotDecide, InvoiceWrittenOff.
    """
    with transaction():
        waiting = lock_waiting(credit_note_id)
        assert waiting.replacement_id is None or not approved, "billing.corrections issues both together"
        approvals.decide(approved=approved, note=note, by=by, at=at, credit_note_id=credit_note_id)
        if approved:
            issuing.refuse_written_off(waiting.invoice)
            issuing.issue_locked(waiting, by=by, at=at)
            spending.spend(waiting, by=by, at=at, approved=True)
            issuing.record_issue(waiting, by=by, at=at)
        else:
            _decline(waiting, note, by=by, at=at)
    return issuing.reread(credit_note_id)


def lock_waiting(credit_note_id: int) -> CreditNote:
    """Lock a credit note and what it touches, in the order of all verbs. Raises NoSuchCreditNote."""
    found: CreditNote | None = CreditNote.get_or_none(CreditNote.id == credit_note_id)
    if found is None:
        raise refusals.NoSuchCreditNote
    issuing.lock_for_crediting(found.invoice_id, destinations_of(found.destinations))
    locked: CreditNote = lock(CreditNote.select().where(CreditNote.id == credit_note_id)).get()
    return locked


def _decline(waiting: CreditNote, note: str, *, by: Actor, at: datetime) -> None:
    """The invoice may be credited again, and a replacement is an ordinary draft again."""
    CreditNote.update(status="declined", replacement=None).where(
        (CreditNote.id == waiting.id) & (CreditNote.status == "awaiting")
    ).execute()
    facts = issuing.told(waiting) | {"note": note}
    add_activity(waiting.invoice_id, "credit_declined", by=by, at=at, facts=facts, customer_sees=False)
    audit.record("credit_note.declined", f"credit_note:{waiting.id}", by=by, at=at, facts=facts)
