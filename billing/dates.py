"""Calendar arithmetic: the n-th month is counted from the anchor, never from the month before.

31 January plus one month is 28 or 29 February, plus two is 31 March: nothing drifts, and periods tile.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import NamedTuple

from billing.errors import Refusal

MAX_TERMS_DAYS = 3650


class DateOutOfRange(Refusal):
    """A calculated day would lie outside the calendar (years 1 to 9999)."""

    def __init__(self, start: date, *, months: int = 0, days: int = 0, field: str | None = None) -> None:
        super().__init__("That date is outside the calendar. Choose a nearer one", field=field)
        self.start = start
        self.months = months
        self.days = days


class TermsOutOfRange(Refusal):
    """Payment terms are between 0 and 3,650 days."""

    def __init__(self, terms_days: int, *, field: str | None = None) -> None:
        super().__init__(f"Enter payment terms between 0 and {MAX_TERMS_DAYS:,} days", field=field)
        self.terms_days = terms_days


class Period(NamedTuple):
    """Days from `first` up to, and without, `until`."""

    first: date
    until: date

    @property
    def days(self) -> int:
        """How many days the period has; the whole of an actual/actual proration."""
        return (self.until - self.first).days

    @property
    def last(self) -> date:
        """The last day inside, for words such as "1 to 31 October 2026"."""
        return self.until - timedelta(days=1)


def add_months(anchor: date, months: int) -> date:
    """The same day `months` later (or earlier), or that month's last day where it has no such day.

    Raises: DateOutOfRange.
    """
    year, month_index = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        raise DateOutOfRange(anchor, months=months)
    month = month_index + 1
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


def due_on(issue_on: date, terms_days: int) -> date:
    """The last day to pay on time: net terms count calendar days after the issue date; 0 is due on receipt.

    Overdue starts the day after. Raises: TermsOutOfRange, DateOutOfRange.
    """
    if not 0 <= terms_days <= MAX_TERMS_DAYS:
        raise TermsOutOfRange(terms_days)
    try:
        return issue_on + timedelta(days=terms_days)
    except OverflowError as overflow:
        raise DateOutOfRange(issue_on, days=terms_days) from overflow


def nth_period(anchor: date, n: int, months: int) -> Period:
    """The n-th period of `months` months from the anchor, counted from 0: half-open [first, until).

    Both ends come from the anchor, so that period n ends where period n + 1 begins. Raises: DateOutOfRange.
    """
    assert n >= 0, "periods are counted from 0"
    assert months >= 1, "a period has at least one month"
    return Period(add_months(anchor, n * months), add_months(anchor, (n + 1) * months))
