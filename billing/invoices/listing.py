"""Lists of invoices, paged by key, one statement each, on an index: a page costs the same at any size and depth.

Rows are read by hand-written SQL into small frozen rows, since model objects are a third of a page's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from billing import numbering
from billing.db import execute
from billing.invoices.status import status_of
from billing.tables.base import Instant

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTAL_TABS = ("open", "overdue", "paid", "all")
ADMIN_TABS = ("all", "draft", "open", "overdue", "paid", "credited", "written_off", "void")
AFTER_ASCII = "\x7f"  # numbers are ASCII and compared byte by byte: all that begin with a text lie before it and this
MOST_COUNTED = 1_000  # tab counts are exact up to here, then "1,000+"

_instant = Instant().python_value

# What of an invoice falls due before a day (two marks): all of it, or what later instalments leave of it.
_DUE_BEFORE = """CASE WHEN next_due_on >= ? THEN 0 WHEN parts = 0 THEN balance_minor ELSE balance_minor - COALESCE(
    (SELECT SUM(p.minor) FROM instalment p WHERE p.invoice_id = invoice.id AND p.due_on >= ?), 0) END"""
# The first day from a given one (two marks) on which something of an invoice falls due.
_DUE_FROM = """CASE WHEN parts = 0 OR next_due_on >= ? THEN next_due_on ELSE
    (SELECT MIN(p.due_on) FROM instalment p WHERE p.invoice_id = invoice.id AND p.due_on >= ?) END"""

_COLUMNS = """i.id, i.number, i.subject, i.status, i.currency, i.issue_on,
    COALESCE(i.next_due_on, i.due_on), i.total_minor, i.balance_minor,
    i.sent_at, i.viewed_at, i.paid_at, i.position, i.customer_id, i.credited_minor, i.refunded_minor,
    i.written_off_minor,
    EXISTS (SELECT 1 FROM planned_allocation p JOIN attempt a ON a.id = p.attempt_id
            WHERE p.invoice_id = i.id AND a.status = 'processing')
    OR EXISTS (SELECT 1 FROM planned_credit p JOIN attempt a ON a.id = p.attempt_id
            WHERE p.invoice_id = i.id AND a.status = 'processing')"""


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """One line of a list. Money is minor units of `currency`; drafts have no number and perhaps no dates.

    `due_on` is the day on which the next part of it falls due.
    """

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
    credited_minor: int
    refunded_minor: int
    written_off_minor: int
    processing: bool
    customer_name: str = ""

    @property
    def next_due_on(self) -> date | None:
        """The same day, by the name it has on an invoice."""
        return self.due_on

    def shown_status(self, on: date) -> str:
        """What the badge says."""
        return status_of(self, on, processing=self.processing)


@dataclass(frozen=True, slots=True)
class InvoicePage:
    """One page of a list; `after` is the key of the next page and `first` whether this is the first."""

    rows: list[InvoiceRow]
    after: str | None
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencySum:
    """What a customer owes in one currency, in its minor units; overdue and due soon are parts of it."""

    currency: str
    owed_minor: int
    owed_count: int
    oldest_due_on: date | None
    overdue_minor: int
    overdue_count: int
    soon_minor: int
    soon_count: int
    soon_due_on: date | None
    credit_minor: int


@dataclass(frozen=True, slots=True)
class PortalSummary:
    """What a customer owes, a sum per currency and never added up, the customer's own currency first.

    `counts` says how many invoices each tab holds; at most 1,001.
    """

    sums: list[CurrencySum]
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
    "open": _Order("i.balance_minor > 0", ("next_due_on", "id"), descending=False),
    "overdue": _Order("i.balance_minor > 0 AND i.next_due_on < ?", ("next_due_on", "id"), descending=False),
    "paid": _Order("i.balance_minor = 0 AND i.status = 'issued'", ("position",), descending=True),
    "all": _Order("i.position IS NOT NULL", ("position",), descending=True),
}
_ADMIN = {
    "all": _Order("1 = 1", ("id",), descending=True),
    "draft": _Order("i.status = 'draft'", ("id",), descending=True),
    "open": _Order("i.balance_minor > 0", ("position",), descending=True),
    "overdue": _Order("i.balance_minor > 0 AND i.next_due_on < ?", ("next_due_on", "id"), descending=False),
    "paid": _Order(
        "i.balance_minor = 0 AND i.status = 'issued' AND i.written_off_minor = 0"
        " AND (i.credited_minor < i.total_minor OR i.total_minor = 0)",
        ("position",),
        descending=True,
    ),
    "credited": _Order(
        "i.balance_minor = 0 AND i.status = 'issued' AND i.written_off_minor = 0"
        " AND i.credited_minor > 0 AND i.credited_minor = i.total_minor",
        ("position",),
        descending=True,
    ),
    "written_off": _Order("i.written_off_minor > 0", ("position",), descending=True),
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
    """Everybody's invoices. `q` is a number or its beginning; `customer_ids` limits to these customers.

    Digits alone ("267", "2026-0267") mean that number in each series there is.
    """
    order = _ADMIN.get(tab, _ADMIN["all"])
    where: list[str] = [order.where]
    values: list[Any] = list(_overdue_value(order, on))
    if customer_ids:
        where.append(f"i.customer_id IN ({', '.join('?' for _ in customer_ids)})")
        values += customer_ids
    elif named := _numbers_meant(q):
        where.append(f"i.number IN ({', '.join('?' for _ in named)})")
        values += named
    elif q:
        where.append("i.number >= ? AND i.number < ?")
        values += [q.upper(), q.upper() + AFTER_ASCII]
    source = f"SELECT {_COLUMNS}, c.name FROM invoice i JOIN customer c ON c.id = i.customer_id"
    return _page(source, where, values, order, after, limit)


def portal_summary(customer_id: int, *, currency: str, on: date, soon_until: date) -> PortalSummary:
    """The strip and the tab counts above a customer's list, in one statement on the customer's own indexes.

    `currency` is the customer's own, which always has its sum. Due soon is from `on` until before `soon_until`.
    """
    today, until = on.isoformat(), soon_until.isoformat()
    found = execute(  # the words put in are constants
        f"""SELECT b.currency, COALESCE(b.credit_minor, 0), COALESCE(o.owed, 0), COALESCE(o.owed_count, 0), o.oldest,
            COALESCE(o.overdue, 0), COALESCE(o.overdue_count, 0),
            COALESCE(o.soon, 0), COALESCE(o.soon_count, 0), o.soon_due,
            (SELECT COUNT(*) FROM (SELECT 1 FROM invoice WHERE customer_id = ? AND balance_minor = 0
                AND status = 'issued' LIMIT {MOST_COUNTED + 1}) AS paid),
            (SELECT COUNT(*) FROM (SELECT 1 FROM invoice WHERE customer_id = ? AND position IS NOT NULL
                LIMIT {MOST_COUNTED + 1}) AS every)
        FROM (SELECT 1 AS one) AS always
        LEFT JOIN customer_balance b ON b.customer_id = ?
        LEFT JOIN (SELECT currency, SUM(balance_minor) AS owed, COUNT(*) AS owed_count, MIN(next_due_on) AS oldest,
                SUM({_DUE_BEFORE}) AS overdue,
                SUM(CASE WHEN next_due_on < ? THEN 1 ELSE 0 END) AS overdue_count,
                SUM({_DUE_BEFORE}) - SUM({_DUE_BEFORE}) AS soon,
                SUM(CASE WHEN {_DUE_FROM} >= ? AND {_DUE_FROM} < ? THEN 1 ELSE 0 END) AS soon_count,
                MIN(CASE WHEN {_DUE_FROM} >= ? AND {_DUE_FROM} < ? THEN {_DUE_FROM} END) AS soon_due
            FROM invoice WHERE customer_id = ? AND balance_minor > 0 GROUP BY currency) o ON o.currency = b.currency
        ORDER BY b.currency""",
        (
            *(customer_id,) * 3,
            *(today,) * 3,  # overdue, and how many
            *(until, until, today, today),  # due soon ...
            *(today, today, today, today, today, until),  # ... how many ...
            *(today, today, today, today, today, until, today, today),  # ... and from when
            customer_id,
        ),
    ).fetchall()
    sums = [_sum(row) for row in found if row[0] is not None]
    if currency not in {sum_.currency for sum_ in sums}:
        sums.append(_sum((currency, 0, 0, 0, None, 0, 0, 0, 0, None)))
    sums.sort(key=lambda sum_: sum_.currency != currency)
    counts = {
        "open": min(sum(sum_.owed_count for sum_ in sums), MOST_COUNTED + 1),
        "overdue": min(sum(sum_.overdue_count for sum_ in sums), MOST_COUNTED + 1),
        "paid": int(found[0][10]),
        "all": int(found[0][11]),
    }
    return PortalSummary(sums, counts)


def _sum(row: Sequence[Any]) -> CurrencySum:
    return CurrencySum(
        currency=row[0],
        credit_minor=int(row[1]),
        owed_minor=int(row[2]),
        owed_count=int(row[3]),
        oldest_due_on=_date(row[4]),
        overdue_minor=int(row[5]),
        overdue_count=int(row[6]),
        soon_minor=int(row[7]),
        soon_count=int(row[8]),
        soon_due_on=_date(row[9]),
    )


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
        if name == "next_due_on":
            try:
                key.append(date.fromisoformat(text).isoformat())
            except ValueError:
                return None
        elif text.isascii() and text.isdecimal() and len(text) <= 18:
            key.append(int(text))
        else:
            return None
    return tuple(key)


def _numbers_meant(q: str) -> list[str]:
    """The whole numbers that digits stand for, and none for any other text."""
    year, _, digits = q.rpartition("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9) or (year and not year.isdecimal()):
        return []
    return [f"{series}-{int(digits):04d}" for series in numbering.series() if not year or series.endswith(f"-{year}")]


def _overdue_value(order: _Order, on: date) -> tuple[str, ...]:
    return (on.isoformat(),) if "?" in order.where else ()


def _contains(q: str) -> str:
    escaped = q.casefold().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _row(values: Sequence[Any]) -> InvoiceRow:
    (id_, number, subject, status, currency, issue_on, due_on, total, balance, sent, viewed, paid, position, customer,
     credited, refunded, written_off, processing, customer_name) = values  # fmt: skip
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
        int(credited),
        int(refunded),
        int(written_off),
        bool(processing),
        customer_name,
    )


def _date(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
