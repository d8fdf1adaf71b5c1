"""Lists of invoices, paged by key, one statement each, on an index: a page costs the same at any size and depth.

Rows are read by hand-written SQL into small frozen rows, since model objects are a third of a page's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from billing.db import execute
from billing.invoices.status import status_of
from billing.tables.base import Instant

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTAL_TABS = ("open", "overdue", "paid", "all")
ADMIN_TABS = ("all", "draft", "open", "overdue", "paid", "void")
MOST_COUNTED = 1_000  # tab counts are exact up to here, then "1,000+"

_instant = Instant().python_value

_COLUMNS = """i.id, i.number, i.subject, i.status, i.currency, i.issue_on, i.due_on, i.total_minor, i.balance_minor,
    i.sent_at, i.viewed_at, i.paid_at, i.position, i.customer_id,
    EXISTS (SELECT 1 FROM planned_allocation p JOIN attempt a ON a.id = p.attempt_id
            WHERE p.invoice_id = i.id AND a.status = 'processing')"""


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One line of a list. Money is minor units of `currency`; drafts have no number and perhaps no dates."""

    id: int
    number: str | None
    subject: str
    status: str
    currency: str
    issue_on: date | None
    due_on: date | None
    total_minor: int
    balance_minor: int
    sent_at: datetime | None
    viewed_at: datetime | None
    paid_at: datetime | None
    position: int | None
    customer_id: int
    processing: bool
    customer_name: str = ""

    def shown_status(self, on: date) -> str:
        """What the badge says."""
        return status_of(self, on, processing=self.processing)


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page of a list; `after` is the key of the next page and `first` whether this is the first."""

    rows: list[InvoiceRow]
    after: str | None
    first: bool


@dataclass(frozen=True, slots=True)
class PortalSummary:
    """What a customer owes in its currency, and how many invoices each tab holds (at most 1,001)."""

    owed_minor: int
    overdue_minor: int
    due_week_minor: int
    credit_minor: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Order:
    """How a tab is ordered and paged: its condition and the columns of its key."""

    where: str
    keys: tuple[str, ...]
    descending: bool

    @property
    def order_by(self) -> str:
        return ", ".join(f"i.{key}{' DESC' if self.descending else ''}" for key in self.keys)

    @property
    def beyond(self) -> str:
        columns = ", ".join(f"i.{key}" for key in self.keys)
        marks = ", ".join("?" for _ in self.keys)
        return f"({columns}) {'<' if self.descending else '>'} ({marks})"


_PORTAL = {
    "open": _Order("i.balance_minor > 0", ("due_on", "id"), descending=False),
    "overdue": _Order("i.balance_minor > 0 AND i.due_on < ?", ("due_on", "id"), descending=False),
    "paid": _Order("i.balance_minor = 0 AND i.status = 'issued'", ("position",), descending=True),
    "all": _Order("i.position IS NOT NULL", ("position",), descending=True),
}
_ADMIN = {
    "all": _Order("1 = 1", ("id",), descending=True),
    "draft": _Order("i.status = 'draft'", ("id",), descending=True),
    "open": _Order("i.balance_minor > 0", ("position",), descending=True),
    "overdue": _Order("i.balance_minor > 0 AND i.due_on < ?", ("due_on", "id"), descending=False),
    "paid": _Order("i.balance_minor = 0 AND i.status = 'issued'", ("position",), descending=True),
    "void": _Order("i.status = 'void'", ("position",), descending=True),
}


def portal_page(
    customer_id: int, *, tab: str, on: date, q: str = "", after: str | None = None, limit: int = 25
) -> InvoicePage:
    """A customer's issued invoices: open ones by due date, oldest first; all others newest first.

    `after` is the key a page gave; one that makes no sense reads as the first page.
    """
    order = _PORTAL.get(tab, _PORTAL["open"])
    where, values = ["i.customer_id = ?", order.where], [customer_id, *_overdue_value(order, on)]
    if q:
        where.append("i.search_text LIKE ? ESCAPE '!'")
        values.append(_contains(q))
    return _page(f"SELECT {_COLUMNS}, '' FROM invoice i", where, values, order, after, limit)


def admin_page(
    *,
    tab: str,
    on: date,
    q: str = "",
    customer_ids: Sequence[int] = (),
    after: str | None = None,
    limit: int = 50,
) -> InvoicePage:
    """Everybody's invoices. `q` is the beginning of a number; `customer_ids` limits to these customers."""
    order = _ADMIN.get(tab, _ADMIN["all"])
    where: list[str] = [order.where]
    values: list[Any] = list(_overdue_value(order, on))
    if customer_ids:
        where.append(f"i.customer_id IN ({', '.join('?' for _ in customer_ids)})")
        values += customer_ids
    elif q:
        where.append("i.number >= ? AND i.number < ?")
        prefix = q.upper()
        values += [prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)]
    source = f"SELECT {_COLUMNS}, c.name FROM invoice i JOIN customer c ON c.id = i.customer_id"
    return _page(source, where, values, order, after, limit)


def portal_summary(customer_id: int, *, currency: str, on: date, week_end: date) -> PortalSummary:
    """The strip and the tab counts above a customer's list, in one statement on the customer's own indexes."""
    row = execute(  # the only word put in is a constant limit
        f"""SELECT
            COALESCE(SUM(balance_minor), 0),
            COALESCE(SUM(CASE WHEN due_on < ? THEN balance_minor ELSE 0 END), 0),
            COALESCE(SUM(CASE WHEN due_on >= ? AND due_on < ? THEN balance_minor ELSE 0 END), 0),
            COALESCE((SELECT credit_minor FROM customer_balance WHERE customer_id = ? AND currency = ?), 0),
            COUNT(*),
            COALESCE(SUM(CASE WHEN due_on < ? THEN 1 ELSE 0 END), 0),
            (SELECT COUNT(*) FROM (SELECT 1 FROM invoice WHERE customer_id = ? AND balance_minor = 0
                AND status = 'issued' LIMIT {MOST_COUNTED + 1}) AS paid),
            (SELECT COUNT(*) FROM (SELECT 1 FROM invoice WHERE customer_id = ? AND position IS NOT NULL
                LIMIT {MOST_COUNTED + 1}) AS every)
        FROM invoice WHERE customer_id = ? AND balance_minor > 0""",
        (
            on.isoformat(),
            on.isoformat(),
            week_end.isoformat(),
            customer_id,
            currency,
            on.isoformat(),
            customer_id,
            customer_id,
            customer_id,
        ),
    ).fetchone()
    owed, overdue, week, credit, open_, late, paid, every = (int(value) for value in row)
    return PortalSummary(owed, overdue, week, credit, {"open": open_, "overdue": late, "paid": paid, "all": every})


def admin_counts(*, on: date) -> dict[str, int]:
    """How many invoices each tab holds, exact up to 1,000, then 1,001, in one statement."""
    tabs = list(_ADMIN.items())
    parts = [
        f"(SELECT COUNT(*) FROM (SELECT 1 FROM invoice i WHERE {order.where} LIMIT {MOST_COUNTED + 1}) AS t)"
        for _, order in tabs
    ]
    values = [value for _, order in tabs for value in _overdue_value(order, on)]
    row = execute(f"SELECT {', '.join(parts)}", tuple(values)).fetchone()
    return {tab: int(count) for (tab, _), count in zip(tabs, row, strict=True)}


def _page(
    source: str, where: list[str], values: list[Any], order: _Order, after: str | None, limit: int
) -> InvoicePage:
    key = _read_key(after, order)
    if key is not None:
        where = [*where, order.beyond]
        values = [*values, *key]
    found = execute(
        f"{source} WHERE {' AND '.join(where)} ORDER BY {order.order_by} LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    rows = [_row(values_) for values_ in found[:limit]]
    after_key = "~".join(str(getattr(rows[-1], key_)) for key_ in order.keys) if len(found) > limit else None
    return InvoicePage(rows, after_key, first=key is None)


def _read_key(after: str | None, order: _Order) -> tuple[Any, ...] | None:
    """The key columns of `after`, or None where it is missing or makes no sense."""
    parts = (after or "").split("~")
    if len(parts) != len(order.keys):
        return None
    key: list[Any] = []
    for name, text in zip(order.keys, parts, strict=True):
        if name == "due_on":
            try:
                key.append(date.fromisoformat(text).isoformat())
            except ValueError:
                return None
        elif text.isascii() and text.isdecimal() and len(text) <= 18:
            key.append(int(text))
        else:
            return None
    return tuple(key)


def _overdue_value(order: _Order, on: date) -> tuple[str, ...]:
    return (on.isoformat(),) if "?" in order.where else ()


def _contains(q: str) -> str:
    escaped = q.casefold().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _row(values: Sequence[Any]) -> InvoiceRow:
    (id_, number, subject, status, currency, issue_on, due_on, total, balance, sent, viewed, paid, position, customer,
     processing, customer_name) = values  # fmt: skip
    return InvoiceRow(
        id_,
        number,
        subject,
        status,
        currency,
        _date(issue_on),
        _date(due_on),
        int(total),
        int(balance),
        _instant(sent),
        _instant(viewed),
        _instant(paid),
        position,
        customer,
        bool(processing),
        customer_name,
    )


def _date(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
