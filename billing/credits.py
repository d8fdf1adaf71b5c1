"""Credits: what a customer has to spend, from payments and credit notes, and where it goes.

A credit is spent by a person's choice, never by itself: applied to an open invoice of the same customer and currency,
or given back. What an unfinished payment has planned to use is held for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from peewee import fn

from billing import allocations, audit, clock, formatting, seller
from billing.db import lock, transaction
from billing.errors import Conflict, Invalid, Missing
from billing.invoices.activities import add_activity
from billing.tables import UNFINISHED, Allocation, Attempt, Autopay, CreditNote, Invoice, Payment, PlannedCredit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.allocations import Source

MOST_SHOWN = 500
LONGEST_REASON = 500


class CreditKey(NamedTuple):
    """Which credit: of a payment or of a credit note. Written "payment-12" in forms."""

    kind: Literal["payment", "credit_note"]
    id: int

    def __str__(self) -> str:
        """As forms carry it."""
        return f"{self.kind}-{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Something to spend. `minor` is what it was, `free_minor` what is left, `held_minor` planned by a payment.

    `on` is the seller's day it came; `name` is what people call it ("Credit note CN-2026-0001").
    """

    key: CreditKey
    name: str
    reference: str
    customer_id: int
    currency: str
    minor: int
    free_minor: int
    held_minor: int
    on: date
    why: str

    @property
    def available_minor(self) -> int:
        """What may be spent now."""
        return max(self.free_minor - self.held_minor, 0)


class NoSuchCredit(Missing):
    """No credit of this customer has that key."""

    def __init__(self) -> None:
        super().__init__("We cannot find that credit.")


class CreditHeld(Conflict):
    """A payment under way has planned to use it."""

    def __init__(self, credit: Credit) -> None:
        free = formatting.money(credit.available_minor, credit.currency)
        super().__init__(f"A payment that is under way uses some of this credit. {free} can be used now.")
        self.credit = credit


def key_of(text: str) -> CreditKey:
    """Read "payment-12" or "credit_note-3". Raises NoSuchCredit."""
    kind, _, number = text.rpartition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise NoSuchCredit
    if kind == "payment":
        return CreditKey("payment", int(number))
    if kind == "credit_note":
        return CreditKey("credit_note", int(number))
    raise NoSuchCredit


def key_of_source(source: Source) -> CreditKey:
    """The key of a payment or a credit note."""
    return CreditKey("credit_note" if isinstance(source, CreditNote) else "payment", source.id)


def available(customer_id: int, currency: str, *, besides: str = "") -> list[Credit]:
    """What a customer can spend in a currency, oldest first, at most MOST_SHOWN of each kind.

    `besides` is an attempt whose own plan does not hold anything back.
    """
    zone = seller.get().time_zone
    found = [*_payments(customer_id, currency, zone, besides), *_credit_notes(customer_id, currency, besides)]
    return sorted(found, key=lambda credit: (credit.on, credit.key))


def find(customer_id: int, key: CreditKey) -> Credit:
    """One credit of a customer, whatever is left of it. Raises NoSuchCredit."""
    source = _source(key)
    if source is None or source.customer_id != customer_id:
        raise NoSuchCredit
    return credit_of(source)


def credit_of(source: Source, *, besides: str = "") -> Credit:
    """A payment or a credit note as something to spend."""
    key = key_of_source(source)
    held = _held([key], besides)[key]
    if isinstance(source, CreditNote):
        return _of_credit_note(source, held)
    return _of_payment(source, held, seller.get().time_zone)


def credits_of(sources: Sequence[Source]) -> dict[CreditKey, Credit]:
    """Several payments and credit notes as something to spend, in one statement."""
    held = _held([key_of_source(source) for source in sources], "")
    zone = seller.get().time_zone
    return {
        key_of_source(source): _of_credit_note(source, held[key_of_source(source)])
        if isinstance(source, CreditNote)
        else _of_payment(source, held[key_of_source(source)], zone)
        for source in sources
    }


def source_of(key: CreditKey) -> Source:
    """The payment or credit note itself. Raises NoSuchCredit."""
    source = _source(key)
    if source is None:
        raise NoSuchCredit
    return source


def apply_locked(
    source: Source, invoice_id: int, minor: int, *, by: Actor, at: datetime, paid_at: datetime | None = None
) -> Invoice:
    """Apply `minor` (> 0) of a credit to an open invoice of the same customer; gives the invoice as it stands.

    Inside the caller's transaction, who has locked the customer and the invoice, and writes the audit row. `paid_at`
    is when money came that was meant for it; credit pays at the moment it is used. Raises Missing, NotEnoughLeft,
    AllocationExceedsOpenBalance.
    """
    invoice: Invoice | None = Invoice.get_or_none(
        (Invoice.id == invoice_id) & (Invoice.customer == source.customer_id) & (Invoice.status == "issued")
    )
    if invoice is None or invoice.currency != source.currency:
        raise Missing("We cannot find that invoice.")
    on = clock.day_of(at, seller.get().time_zone)
    ref = _next_ref(source, invoice_id)
    after = allocations.apply(source, invoice_id, minor, ref=ref, on=on, at=at, paid_at=paid_at)
    facts = {
        "credit": source.number if isinstance(source, CreditNote) else source.reference,
        "minor": minor,
        "currency": source.currency,
        "balance_minor": after.balance_minor,
    }
    add_activity(invoice_id, "credit_applied", by=by, at=at, facts=facts)
    return after


def take_back(key: CreditKey, invoice_id: int, minor: int, *, reason: str, by: Actor, at: datetime) -> Invoice:
    """Staff takes `minor` (> 0) of a credit off an invoice again; it owes that again, and the credit is free.

    `reason` is staff's own words, 1 to 500 characters. Raises Invalid, Missing, NoSuchCredit, NothingToTakeBack.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": f"Say why, in {LONGEST_REASON} characters at most. Only staff reads it."})
    with transaction():
        if lock(Invoice.select(Invoice.id).where(Invoice.id == invoice_id)).get_or_none() is None:
            raise Missing("We cannot find that invoice.")
        source = source_of(key)
        after = take_back_locked(source, invoice_id, minor, reason=allocations.UNAPPLIED, by=by, at=at)
        audit.record(
            "credit.taken_back",
            f"invoice:{invoice_id}",
            by=by,
            at=at,
            facts={"credit": str(key), "minor": minor, "currency": source.currency, "reason": reason},
        )
    return after


def take_back_locked(source: Source, invoice_id: int, minor: int, *, reason: str, by: Actor, at: datetime) -> Invoice:
    """As take_back, inside the caller's transaction; `reason` is one of the codes of billing.allocations.

    Money that went back to its payer is not charged again unasked: autopay leaves the invoice out from now on.
    """
    on = clock.day_of(at, seller.get().time_zone)
    ref = _next_ref(source, invoice_id)
    after = allocations.take_back(source, invoice_id, minor, reason=reason, ref=ref, on=on, at=at)
    facts = {
        "credit": source.number if isinstance(source, CreditNote) else source.reference,
        "minor": minor,
        "currency": source.currency,
        "balance_minor": after.balance_minor,
        "why": reason,
    }
    add_activity(invoice_id, "credit_taken_back", by=by, at=at, facts=facts)
    if reason in {allocations.REFUNDED, allocations.CHARGED_BACK}:
        _leave_out_of_autopay(after, by=by, at=at)
    return after


def _leave_out_of_autopay(invoice: Invoice, *, by: Actor, at: datetime) -> None:
    consents = Autopay.select().where((Autopay.customer == invoice.customer_id) & Autopay.ended_at.is_null())
    if not invoice.skips_autopay and consents.exists():
        Invoice.update(skips_autopay=True).where(Invoice.id == invoice.id).execute()
        add_activity(invoice.id, "autopay_skipped", by=by, at=at)


def _next_ref(source: Source, invoice_id: int) -> str:
    """The name of the next allocation between these two; the locked invoice makes it the only one."""
    key = key_of_source(source)
    column = Allocation.credit_note if key.kind == "credit_note" else Allocation.payment
    count = Allocation.select().where((column == source.id) & (Allocation.invoice == invoice_id)).count()
    return f"{key.kind}:{key.id}:invoice:{invoice_id}:{count + 1}"


def _source(key: CreditKey) -> Source | None:
    if key.kind == "credit_note":
        note: CreditNote | None = CreditNote.get_or_none((CreditNote.id == key.id) & (CreditNote.status == "issued"))
        return note
    payment: Payment | None = Payment.get_or_none(Payment.id == key.id)
    return payment


def _payments(customer_id: int, currency: str, zone: str, besides: str) -> list[Credit]:
    query = Payment.select().where(
        (Payment.customer == customer_id) & (Payment.currency == currency) & (Payment.free_minor > 0)
    )
    rows = list(query.order_by(Payment.id).limit(MOST_SHOWN))
    held = _held([CreditKey("payment", row.id) for row in rows], besides)
    return [_of_payment(row, held[CreditKey("payment", row.id)], zone) for row in rows]


def _credit_notes(customer_id: int, currency: str, besides: str) -> list[Credit]:
    query = CreditNote.select().where(
        (CreditNote.customer == customer_id) & (CreditNote.currency == currency) & (CreditNote.free_minor > 0)
    )
    rows = list(query.order_by(CreditNote.id).limit(MOST_SHOWN))
    held = _held([CreditKey("credit_note", row.id) for row in rows], besides)
    return [_of_credit_note(row, held[CreditKey("credit_note", row.id)]) for row in rows]


def _held(keys: Sequence[CreditKey], besides: str) -> dict[CreditKey, int]:
    """What unfinished attempts have planned to use of each."""
    found = dict.fromkeys(keys, 0)
    payments = [key.id for key in keys if key.kind == "payment"]
    notes = [key.id for key in keys if key.kind == "credit_note"]
    if not keys:
        return found
    rows: Any = (
        PlannedCredit.select(PlannedCredit.payment, PlannedCredit.credit_note, fn.SUM(PlannedCredit.minor))
        .join(Attempt)
        .where(
            (PlannedCredit.payment.in_(payments) | PlannedCredit.credit_note.in_(notes))
            & Attempt.status.in_(UNFINISHED)
            & (Attempt.id != besides)
        )
        .group_by(PlannedCredit.payment, PlannedCredit.credit_note)
        .tuples()
    )
    for payment_id, note_id, minor in rows:
        key = CreditKey("payment", payment_id) if payment_id is not None else CreditKey("credit_note", note_id)
        found[key] = int(minor)
    return found


def _of_payment(payment: Payment, held: int, zone: str) -> Credit:
    assert payment.customer_id is not None, "money of nobody is no credit"
    return Credit(
        key=CreditKey("payment", payment.id),
        name=f"Payment {payment.reference}",
        reference=payment.reference,
        customer_id=payment.customer_id,
        currency=payment.currency,
        minor=payment.minor,
        free_minor=payment.free_minor,
        held_minor=held,
        on=clock.day_of(payment.received_at, zone),
        why=payment.kept_reason,
    )


def _of_credit_note(note: CreditNote, held: int) -> Credit:
    assert note.issue_on is not None, "an issued credit note is dated"
    return Credit(
        key=CreditKey("credit_note", note.id),
        name=f"Credit note {note.number}",
        reference=str(note.number),
        customer_id=note.customer_id,
        currency=note.currency,
        minor=note.total_minor,
        free_minor=note.free_minor,
        held_minor=held,
        on=note.issue_on,
        why=note.reason_code,
    )
