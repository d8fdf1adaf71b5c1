"""Finding credit notes: by id for staff, through the customer for everybody else, by page for lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from billing.credit_notes import refusals
from billing.db import execute
from billing.tables import Allocation, CreditNote, CreditNoteLine, CreditNoteTax, Customer, Invoice

if TYPE_CHECKING:
    from collections.abc import Sequence

AFTER_ASCII = "\x7f"  # numbers are ASCII and compared byte by byte
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteRow:
    """One line of the list of credit notes; one that waits has no number and no date."""

    id: int
    number: str | None
    status: str
    customer_id: int
    customer_name: str
    invoice_id: int
    invoice_number: str
    currency: str
    total_minor: int
    free_minor: int
    reason_code: str
    issue_on: date | None


@dataclass(frozen=True, slots=True)
class CreditNotePage:
    """One page of the list; `after` is the key of the next page, and `first` whether this is the first."""

    rows: list[CreditNoteRow]
    after: str | None
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedCredit:
    """An invoice that a credit note was applied to, and how much of it stands there now."""

    invoice_id: int
    number: str
    minor: int
    balance_minor: int


def get(credit_note_id: int) -> CreditNote:
    """One credit note with its customer and invoice, for staff. Raises NoSuchCreditNote."""
    found: CreditNote | None = (
        CreditNote.select(CreditNote, Customer, Invoice)
        .join_from(CreditNote, Customer)
        .join_from(CreditNote, Invoice, on=(CreditNote.invoice == Invoice.id))
        .where(CreditNote.id == credit_note_id)
        .get_or_none()
    )
    if found is None:
        raise refusals.NoSuchCreditNote
    return found


def of_customer(customer_id: int, number: str) -> CreditNote:
    """A customer's own issued credit note, by its number. Raises NoSuchCreditNote."""
    mine = (CreditNote.number == number) & (CreditNote.customer == customer_id) & (CreditNote.status == "issued")
    found: CreditNote | None = CreditNote.get_or_none(mine)
    if found is None:
        raise refusals.NoSuchCreditNote
    return found


def for_invoice(invoice_id: int, *, issued_only: bool = True) -> list[CreditNote]:
    """The credit notes of an invoice, oldest first; staff also sees those that wait or were declined."""
    query = CreditNote.select().where(CreditNote.invoice == invoice_id).order_by(CreditNote.id).limit(MOST_SHOWN)
    return list(query.where(CreditNote.status == "issued") if issued_only else query)


def for_customer(customer_id: int, *, after: int | None = None, limit: int = 50) -> list[CreditNote]:
    """A customer's issued credit notes, newest first, before the id `after`; one beyond `limit` tells of more."""
    mine = (CreditNote.customer == customer_id) & (CreditNote.status == "issued")
    query = CreditNote.select().where(mine).order_by(CreditNote.id.desc()).limit(limit + 1)
    return list(query.where(CreditNote.id < after) if after else query)


def lines(credit_note_id: int) -> list[CreditNoteLine]:
    """The lines in order."""
    mine = CreditNoteLine.credit_note == credit_note_id
    return list(CreditNoteLine.select().where(mine).order_by(CreditNoteLine.position))


def taxes(credit_note_id: int) -> list[CreditNoteTax]:
    """The tax groups in their printed order."""
    mine = CreditNoteTax.credit_note == credit_note_id
    return list(CreditNoteTax.select().where(mine).order_by(CreditNoteTax.position))


def applied(credit_note_id: int) -> list[AppliedCredit]:
    """Where its value stands now, in the order it was first applied."""
    rows = execute(
        """SELECT i.id, i.number, SUM(a.minor), i.balance_minor FROM allocation a JOIN invoice i ON i.id = a.invoice_id
        WHERE a.credit_note_id = ? GROUP BY i.id, i.number, i.balance_minor HAVING SUM(a.minor) <> 0
        ORDER BY MIN(a.id)""",
        (credit_note_id,),
    ).fetchall()
    return [
        AppliedCredit(invoice_id=id_, number=number, minor=int(minor), balance_minor=int(balance))
        for id_, number, minor, balance in rows
    ]


def moves(credit_note_id: int) -> list[Allocation]:
    """Each time it was applied or taken back, oldest first, with the invoice."""
    return list(
        Allocation.select(Allocation, Invoice)
        .join(Invoice)
        .where(Allocation.credit_note == credit_note_id)
        .order_by(Allocation.id)
        .limit(MOST_SHOWN)
    )


def page(*, q: str = "", customer_ids: Sequence[int] = (), after: str | None = None, limit: int = 50) -> CreditNotePage:
    """Everybody's credit notes, newest first. `q` is a number or its beginning; `customer_ids` limits to these."""
    where, values = ["1 = 1"], list[Any]()
    if customer_ids:
        where.append(f"c.customer_id IN ({', '.join('?' for _ in customer_ids)})")
        values += customer_ids
    elif q:
        where.append("c.number >= ? AND c.number < ?")
        values += [q.upper(), q.upper() + AFTER_ASCII]
    key = int(after) if after and after.isascii() and after.isdecimal() and len(after) <= 15 else None
    if key is not None:
        where.append("c.id < ?")
        values.append(key)
    found = execute(  # the words put in are the conditions above
        f"""SELECT c.id, c.number, c.status, c.customer_id, k.name, c.invoice_id, i.number, c.currency, c.total_minor,
            c.free_minor, c.reason_code, c.issue_on
        FROM credit_note c JOIN customer k ON k.id = c.customer_id JOIN invoice i ON i.id = c.invoice_id
        WHERE {" AND ".join(where)} ORDER BY c.id DESC LIMIT ?""",  # noqa: S608 - constants, see above
        (*values, limit + 1),
    ).fetchall()
    rows = [_row(row) for row in found[:limit]]
    return CreditNotePage(rows, str(rows[-1].id) if len(found) > limit else None, first=key is None)


def _row(values: Sequence[Any]) -> CreditNoteRow:
    id_, number, status, customer_id, name, invoice_id, invoice, currency, total, free, code, issue_on = values
    return CreditNoteRow(
        id=id_,
        number=number,
        status=status,
        customer_id=customer_id,
        customer_name=name,
        invoice_id=invoice_id,
        invoice_number=invoice,
        currency=currency,
        total_minor=int(total),
        free_minor=int(free),
        reason_code=code,
        issue_on=date.fromisoformat(issue_on) if isinstance(issue_on, str) else issue_on,
    )
