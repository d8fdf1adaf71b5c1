"""A customer's own books: every payment with what became of it, and every credit with where it went. Paged by key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from peewee import fn

from billing import credits
from billing.credits import CreditKey
from billing.db import execute
from billing.errors import Missing
from billing.tables import (
    Allocation,
    Attempt,
    Chargeback,
    CreditNote,
    CustomerBalance,
    Document,
    Invoice,
    Payment,
    Refund,
)
from billing.tables.base import Instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from billing.credits import Credit

PAGE_ROWS = 25
MOST_OPEN = 200  # invoices to choose from, for one credit

_instant = Instant()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Where some value stands now: an invoice by its number, and minor units."""

    number: str
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPayment:
    """A payment as its customer sees it. `has_page`: it was begun in the portal, so it has a page of its own.

    `taken_minor` is what the payer's bank has taken back of it and holds now.
    """

    payment: Payment
    applied: tuple[Gone, ...]
    refunds: tuple[Refund, ...]
    taken_minor: int
    has_page: bool
    has_receipt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCredit:
    """A credit as its customer sees it: from what it came, where it went, what of it was given back."""

    credit: Credit
    at: datetime
    applied: tuple[Gone, ...]
    refunds: tuple[Refund, ...]
    from_invoice: str
    reason: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the key of the next page, if there is one."""

    rows: list[Any]
    after: str | None
    first: bool


def credit_in(customer_id: int, currency: str) -> int:
    """What a customer has in credit in a currency, minor units."""
    row = CustomerBalance.get_or_none(
        (CustomerBalance.customer == customer_id) & (CustomerBalance.currency == currency)
    )
    return row.credit_minor if row else 0


def credit_balances(customer_id: int) -> list[tuple[str, int]]:
    """What a customer has in credit: currency and minor units (> 0)."""
    rows = CustomerBalance.select().where(
        (CustomerBalance.customer == customer_id) & (CustomerBalance.credit_minor > 0)
    )
    return [(row.currency, row.credit_minor) for row in rows.order_by(CustomerBalance.currency)]


def past_payments(customer_id: int, *, after: str | None = None) -> Page:
    """A customer's payments, newest first; `after` is the key a page gave."""
    key = int(after) if after and after.isascii() and after.isdecimal() and len(after) < 10 else None
    taken = Chargeback.select(fn.COALESCE(fn.SUM(Chargeback.withdrawn_minor), 0)).where(
        Chargeback.payment == Payment.id
    )
    query = Payment.select(Payment, taken.alias("taken_minor")).where(Payment.customer == customer_id)
    if key is not None:
        query = query.where(Payment.id < key)
    found: list[Any] = list(query.order_by(Payment.id.desc()).limit(PAGE_ROWS + 1))
    rows = found[:PAGE_ROWS]
    ids = [payment.id for payment in rows]
    applied = _applied(Allocation.payment, ids)
    refunds = _refunds(Refund.payment, ids)
    drawn = {row.payment_id for row in Document.select(Document.payment).where(Document.payment.in_(ids))}
    return Page(
        [
            PastPayment(
                payment=payment,
                applied=tuple(applied.get(payment.id, ())),
                refunds=tuple(refunds.get(payment.id, ())),
                taken_minor=int(payment.taken_minor),
                has_page=payment.attempt_id is not None,
                has_receipt=payment.id in drawn,
            )
            for payment in rows
        ],
        str(rows[-1].id) if len(found) > PAGE_ROWS else None,
        first=key is None,
    )


def payment_for(customer_id: int, reference: str) -> Payment:
    """A customer's payment by its reference. Raises Missing."""
    found: Payment | None = Payment.get_or_none((Payment.reference == reference) & (Payment.customer == customer_id))
    if found is None:
        raise Missing("We cannot find that payment.")
    return found


def payment_by(attempt: Attempt) -> Payment:
    """The payment an attempt brought. Raises Missing."""
    found: Payment | None = Payment.get_or_none(Payment.attempt == attempt.id)
    if found is None:
        raise Missing("We cannot find that payment.")
    return found


def past_credits(customer_id: int, *, after: str | None = None) -> Page:
    """A customer's credits, newest first: issued credit notes, and payments of which some was kept."""
    key = _read_key(after)
    beyond = "AND (c.at, c.kind, c.id) < (?, ?, ?)" if key else ""
    found = execute(
        f"""SELECT c.kind, c.id, c.at FROM (
            SELECT 'credit_note' AS kind, id, issued_at AS at FROM credit_note
            WHERE customer_id = ? AND status = 'issued'
            UNION ALL SELECT 'payment', id, received_at FROM payment
            WHERE customer_id = ? AND (kept_reason <> '' OR free_minor > 0)
        ) c WHERE 1 = 1 {beyond} ORDER BY c.at DESC, c.kind DESC, c.id DESC LIMIT ?""",  # noqa: S608 - a constant
        (customer_id, customer_id, *(key or ()), PAGE_ROWS + 1),
    ).fetchall()
    shown = found[:PAGE_ROWS]
    rows = _past_credits([(kind, id_, cast("datetime", _instant.python_value(at))) for kind, id_, at in shown])
    after_key = None
    if len(found) > PAGE_ROWS:
        last = rows[-1]
        after_key = f"{last.at.isoformat()}~{last.credit.key}"
    return Page(rows, after_key, first=key is None)


def past_credit(customer_id: int, key: CreditKey) -> PastCredit:
    """One credit of a customer. Raises NoSuchCredit."""
    credits.find(customer_id, key)
    source = credits.source_of(key)
    at = source.issued_at if isinstance(source, CreditNote) else source.received_at
    assert at is not None, "an issued credit note is dated"
    return _past_credits([(key.kind, key.id, at)])[0]


def open_invoices(customer_id: int, currency: str) -> list[Invoice]:
    """The invoices a credit in this currency can be used on, in the order they fall due."""
    return list(
        Invoice.select(Invoice.id, Invoice.number, Invoice.balance_minor, Invoice.currency, Invoice.next_due_on)
        .where((Invoice.customer == customer_id) & (Invoice.currency == currency) & (Invoice.balance_minor > 0))
        .order_by(Invoice.next_due_on, Invoice.id)
        .limit(MOST_OPEN)
    )


def _past_credits(keys: Sequence[tuple[str, int, datetime]]) -> list[PastCredit]:
    """The credits of these keys in their order, in a fixed number of statements."""
    note_ids = [id_ for kind, id_, _ in keys if kind == "credit_note"]
    payment_ids = [id_ for kind, id_, _ in keys if kind == "payment"]
    notes = {note.id: note for note in CreditNote.select().where(CreditNote.id.in_(note_ids))} if note_ids else {}
    paid = {row.id: row for row in Payment.select().where(Payment.id.in_(payment_ids))} if payment_ids else {}
    applied = {
        "credit_note": _applied(Allocation.credit_note, note_ids),
        "payment": _applied(Allocation.payment, payment_ids),
    }
    refunds = {
        "credit_note": _refunds(Refund.credit_note, note_ids),
        "payment": _refunds(Refund.payment, payment_ids),
    }
    numbers = _numbers({note.invoice_id for note in notes.values()})
    told = []
    known = credits.credits_of([*notes.values(), *paid.values()])
    for kind, id_, at in keys:
        note = notes.get(id_) if kind == "credit_note" else None
        told.append(
            PastCredit(
                credit=known[CreditKey("credit_note" if note else "payment", id_)],
                at=at,
                applied=tuple(applied[kind].get(id_, ())),
                refunds=tuple(refunds[kind].get(id_, ())),
                from_invoice=numbers[note.invoice_id] if note else "",
                reason=note.reason if note else "",
            )
        )
    return told


def _applied(column: Any, ids: Sequence[int]) -> dict[int, list[Gone]]:  # noqa: ANN401 - a Peewee field
    """Where each of these sources is applied now."""
    found: dict[int, list[Gone]] = {}
    if not ids:
        return found
    name = column.column_name
    marks = ", ".join("?" for _ in ids)
    rows = execute(  # the words put in are a column's name and marks
        f"""SELECT a.{name}, i.number, SUM(a.minor) FROM allocation a JOIN invoice i ON i.id = a.invoice_id
        WHERE a.{name} IN ({marks}) GROUP BY a.{name}, i.id, i.number HAVING SUM(a.minor) <> 0
        ORDER BY MIN(a.id)""",  # noqa: S608 - see above
        tuple(ids),
    ).fetchall()
    for id_, number, minor in rows:
        found.setdefault(id_, []).append(Gone(number=number, minor=int(minor)))
    return found


def _refunds(column: Any, ids: Sequence[int]) -> dict[int, list[Refund]]:  # noqa: ANN401 - a Peewee field
    """What of each was given back, or is to be; refunds that staff has not agreed to are nobody else's business."""
    found: dict[int, list[Refund]] = {}
    if not ids:
        return found
    query = Refund.select().where(column.in_(list(ids)) & Refund.status.not_in(["awaiting", "declined"]))
    for refund in query.order_by(Refund.id):
        found.setdefault(getattr(refund, column.object_id_name), []).append(refund)
    return found


def _numbers(invoice_ids: Iterable[int]) -> dict[int, str]:
    ids = list(invoice_ids)
    if not ids:
        return {}
    return {row.id: str(row.number) for row in Invoice.select(Invoice.id, Invoice.number).where(Invoice.id.in_(ids))}


def _read_key(after: str | None) -> tuple[Any, str, int] | None:
    """The instant, kind and id of a page's last row, or None where it makes no sense."""
    text, _, name = (after or "").partition("~")
    try:
        key = credits.key_of(name)
        at = _instant.python_value(text)
    except (Missing, ValueError):
        return None
    return (_instant.db_value(at), key.kind, key.id) if at is not None else None
