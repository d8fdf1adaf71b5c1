"""Payments as the billing team looks through them: all that came, paged by key; one's places, history and books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from billing.db import execute, is_sqlite
from billing.payments.recording import NoSuchPayment
from billing.tables import Payment
from billing.tables.base import Instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

TABS = ("all", "waiting")
AFTER_ASCII = "\x7f"
MOST_COUNTED = 1_000
MOST_OWING = 100
_instant = Instant().python_value


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """A payment of the list. Minor units of `currency`; no customer while nobody knows whose it is."""

    id: int
    reference: str
    kind: str
    method: str
    payer: str
    bank_reference: str
    customer_id: int | None
    customer_name: str
    currency: str
    minor: int
    free_minor: int
    waiting: bool
    received_at: datetime
    reversed_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A page of the list, and the key after which the next begins; `first` where nothing comes before it."""

    rows: list[PaymentRow]
    after: str | None
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a part of a payment is now, and what that invoice still owes."""

    invoice_id: int
    number: str
    minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One application of a payment to an invoice (> 0), or its taking back (< 0)."""

    invoice_id: int
    number: str
    minor: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """One transfer of the ledger that names a payment, by the names of the accounts."""

    kind: str
    debit: str
    credit: str
    minor: int
    currency: str
    effective_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """An invoice that money may be applied to: it owes, or its debt was given up and would come back."""

    id: int
    number: str
    subject: str
    currency: str
    next_due_on: date
    owed_minor: int
    is_written_off: bool


def get(payment_id: int) -> Payment:
    """One payment, for staff. Raises NoSuchPayment."""
    found: Payment | None = Payment.get_or_none(Payment.id == payment_id)
    if found is None:
        raise NoSuchPayment
    return found


def page(
    *,
    tab: str = "all",
    q: str = "",
    minor: int | None = None,
    customer_ids: Sequence[int] = (),
    after: str | None = None,
    limit: int = 50,
) -> PaymentPage:
    """What came, newest first. `q` is found in the payer's words or name, or begins our reference.

    A search also finds payments of exactly `minor`, and of the customers given.
    """
    where, values = ["1 = 1"], list[Any]()
    if tab == "waiting":
        where.append("p.waiting = 1" if is_sqlite() else "p.waiting")
    if q:
        condition, more = _searched(q, minor, customer_ids)
        where.append(condition)
        values += more
    key = int(after) if after and after.isascii() and after.isdecimal() and len(after) <= 15 else None
    if key is not None:
        where.append("p.id < ?")
        values.append(key)
    found = execute(  # the words put in are the conditions above
        f"""SELECT p.id, p.reference, p.kind, p.method, p.payer, p.bank_reference, p.customer_id, COALESCE(k.name, ''),
            p.currency, p.minor, p.free_minor, p.waiting, p.received_at, p.reversed_at
        FROM payment p LEFT JOIN customer k ON k.id = p.customer_id
        WHERE {" AND ".join(where)} ORDER BY p.id DESC LIMIT ?""",  # noqa: S608 - constants, see above
        (*values, limit + 1),
    ).fetchall()
    rows = [_row(row) for row in found[:limit]]
    return PaymentPage(rows, str(rows[-1].id) if len(found) > limit else None, first=key is None)


def count_waiting() -> int:
    """How many payments wait for somebody to look, exact up to 1,000, then 1,001."""
    waits = "waiting = 1" if is_sqlite() else "waiting"
    found = execute(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM payment WHERE {waits} LIMIT {MOST_COUNTED + 1}) AS w"  # noqa: S608 - constants
    )
    return int(found.fetchone()[0])


def standing(payment_id: int) -> list[Standing]:
    """Where a payment is applied now, in the order it was first applied."""
    rows = execute(
        """SELECT i.id, i.number, SUM(a.minor), i.balance_minor FROM allocation a JOIN invoice i ON i.id = a.invoice_id
        WHERE a.payment_id = ? GROUP BY i.id, i.number, i.balance_minor HAVING SUM(a.minor) <> 0 ORDER BY MIN(a.id)""",
        (payment_id,),
    ).fetchall()
    return [
        Standing(invoice_id=invoice_id, number=number, minor=int(minor), balance_minor=balance)
        for invoice_id, number, minor, balance in rows
    ]


def applications(payment_id: int) -> list[Application]:
    """Every application and taking back of a payment, oldest first."""
    rows = execute(
        """SELECT a.invoice_id, i.number, a.minor, a.reason, a.at
        FROM allocation a JOIN invoice i ON i.id = a.invoice_id WHERE a.payment_id = ? ORDER BY a.id""",
        (payment_id,),
    ).fetchall()
    return [
        Application(invoice_id=invoice_id, number=number, minor=minor, reason=reason, at=cast("datetime", _instant(at)))
        for invoice_id, number, minor, reason, at in rows
    ]


def booked(payment_id: int) -> list[Booked]:
    """What the ledger says of a payment, in the order it was booked."""
    rows = execute(
        """SELECT g.kind, d.name, c.name, t.minor, t.currency, t.effective_on FROM transfer t
        JOIN posting g ON g.id = t.posting_id
        JOIN ledger_account d ON d.code = t.debit JOIN ledger_account c ON c.code = t.credit
        WHERE t.payment_id = ? ORDER BY t.id""",
        (payment_id,),
    ).fetchall()
    return [
        Booked(kind=kind, debit=debit, credit=credit, minor=minor, currency=currency, effective_on=_date(on))
        for kind, debit, credit, minor, currency, on in rows
    ]


def owing(customer_id: int, currency: str) -> list[Owing]:
    """The invoices of a customer that money may be applied to: the oldest due first, given-up debts last."""
    rows = execute(
        f"""SELECT id, number, subject, currency, next_due_on, balance_minor + written_off_minor, written_off_minor
        FROM invoice WHERE customer_id = ? AND currency = ? AND status = 'issued'
            AND (balance_minor > 0 OR written_off_minor > 0)
        ORDER BY CASE WHEN written_off_minor > 0 THEN 1 ELSE 0 END, next_due_on, id LIMIT {MOST_OWING}""",  # noqa: S608 - a constant
        (customer_id, currency),
    ).fetchall()
    return [
        Owing(
            id=id_,
            number=number,
            subject=subject,
            currency=currency_,
            next_due_on=_date(due_on),
            owed_minor=owed,
            is_written_off=written_off > 0,
        )
        for id_, number, subject, currency_, due_on, owed, written_off in rows
    ]


def _searched(q: str, minor: int | None, customer_ids: Sequence[int]) -> tuple[str, list[Any]]:
    like = "%" + "".join(f"!{mark}" if mark in "!%_" else mark for mark in q.casefold()) + "%"
    ways = ["p.reference >= ? AND p.reference < ?", "LOWER(p.bank_reference) LIKE ? ESCAPE '!'"]
    ways.append("LOWER(p.payer) LIKE ? ESCAPE '!'")
    values: list[Any] = [q.upper(), q.upper() + AFTER_ASCII, like, like]
    if minor is not None:
        ways.append("p.minor = ?")
        values.append(minor)
    if customer_ids:
        ways.append(f"p.customer_id IN ({', '.join('?' for _ in customer_ids)})")
        values += customer_ids
    return f"({' OR '.join(f'({way})' for way in ways)})", values


def _row(values: Sequence[Any]) -> PaymentRow:
    id_, reference, kind, method, payer, words, customer_id, name, currency, minor, free, waiting, came, gone = values
    return PaymentRow(
        id=id_,
        reference=reference,
        kind=kind,
        method=method,
        payer=payer,
        bank_reference=words,
        customer_id=customer_id,
        customer_name=name,
        currency=currency,
        minor=minor,
        free_minor=free,
        waiting=bool(waiting),
        received_at=cast("datetime", _instant(came)),
        reversed_at=_instant(gone),
    )


def _date(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value
