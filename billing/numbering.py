"""Gapless numbers: a counter row raised in the very transaction that uses the number.

A rolled-back issue gives its number back; two issuers wait for each other on the row (PostgreSQL) or the file
(SQLite). Numbers follow issue dates: no date before the last one of the series (docs/invariants.md I6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.db import execute
from billing.errors import Conflict
from billing.formatting import day

if TYPE_CHECKING:
    from datetime import date


class DateBeforeLastNumber(Conflict):
    """A number may not carry a date before that of the number before it."""

    def __init__(self, on: date, last_on: date) -> None:
        super().__init__(
            f"The last number was given on {day(last_on)}. Use that day or a later one, not {day(on)}.",
            field="issue_on",
        )
        self.last_on = last_on


def next_value(key: str, *, on: date) -> int:
    """The next number of the series `key`, from 1; call it inside the transaction that uses it."""
    rows = execute(
        "INSERT INTO counter (key, value, last_on) VALUES (?, 1, ?) ON CONFLICT (key) DO UPDATE"
        " SET value = counter.value + 1, last_on = excluded.last_on"
        " WHERE counter.last_on IS NULL OR counter.last_on <= excluded.last_on RETURNING value",
        (key, on.isoformat()),
    ).fetchall()
    if not rows:
        raise DateBeforeLastNumber(on, last_on(key) or on)
    return int(rows[0][0])


def last_on(key: str) -> date | None:
    """The issue date of the last number of a series, or None before the first."""
    from billing.tables import Counter

    row = Counter.get_or_none(Counter.key == key)
    return row.last_on if row else None


def series() -> list[str]:
    """The names of all series, such as "INV-2026"; there is one a year."""
    from billing.tables import Counter

    return [row.key for row in Counter.select(Counter.key).order_by(Counter.key)]
