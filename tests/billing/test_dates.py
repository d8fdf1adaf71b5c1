"""Calendar arithmetic: month ends come from the anchor, periods tile, nothing leaves the calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import dates

ANCHORS = st.dates(min_value=date(1990, 1, 1), max_value=date(2150, 12, 31))


@pytest.mark.parametrize(
    ("anchor", "months", "day"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2026, 1, 31), 3, date(2026, 4, 30)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2100, 1, 31), 1, date(2100, 2, 28)),
        (date(2000, 1, 31), 1, date(2000, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 5, 5), 0, date(2026, 5, 5)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_of_the_month(anchor: date, months: int, day: date) -> None:
    assert dates.add_months(anchor, months) == day


@pytest.mark.parametrize(("anchor", "months"), [(date(9999, 12, 1), 1), (date(1, 1, 31), -1)])
def test_a_month_outside_the_calendar_is_refused_by_name(anchor: date, months: int) -> None:
    with pytest.raises(dates.DateOutOfRange) as refused:
        dates.add_months(anchor, months)
    assert (refused.value.start, refused.value.months) == (anchor, months)
    assert dates.add_months(date(9999, 11, 30), 1) == date(9999, 12, 30)


@given(anchor=ANCHORS, months=st.integers(-600, 600))
def test_adding_months_keeps_the_day_unless_the_month_is_shorter(anchor: date, months: int) -> None:
    day = dates.add_months(anchor, months)
    assert (day.year - anchor.year) * 12 + day.month - anchor.month == months
    assert day.day == min(anchor.day, monthrange(day.year, day.month)[1])


@given(anchor=ANCHORS, n=st.integers(0, 240), months=st.integers(1, 24))
def test_periods_tile_without_hole_or_overlap(anchor: date, n: int, months: int) -> None:
    period, following = dates.nth_period(anchor, n, months), dates.nth_period(anchor, n + 1, months)
    assert period.until == following.first
    assert period.first < period.until
    assert period.last == period.until - timedelta(days=1)
    assert period.days == (period.until - period.first).days


def test_periods_are_counted_from_the_anchor_and_come_back_to_its_day() -> None:
    anchor = date(2026, 1, 31)
    firsts = [dates.nth_period(anchor, n, 1).first for n in range(4)]
    assert firsts == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert dates.nth_period(date(2024, 2, 29), 1, 12) == (date(2025, 2, 28), date(2026, 2, 28))
    assert dates.nth_period(date(2024, 2, 29), 4, 12).first == date(2028, 2, 29)
    assert dates.nth_period(anchor, 1, 1).days == 31


@pytest.mark.parametrize(("n", "months"), [(-1, 1), (0, 0)])
def test_a_period_that_cannot_be_is_a_programmers_error(n: int, months: int) -> None:
    with pytest.raises(AssertionError):
        dates.nth_period(date(2026, 1, 1), n, months)


@pytest.mark.parametrize(
    ("issued", "terms", "due"),
    [
        (date(2026, 11, 16), 0, date(2026, 11, 16)),
        (date(2026, 11, 16), 30, date(2026, 12, 16)),
        (date(2028, 2, 28), 1, date(2028, 2, 29)),
        (date(2026, 3, 28), 7, date(2026, 4, 4)),
    ],
)
def test_net_terms_count_calendar_days(issued: date, terms: int, due: date) -> None:
    assert dates.due_on(issued, terms) == due


@pytest.mark.parametrize("terms", [-1, 3651])
def test_terms_outside_ten_years_are_refused(terms: int) -> None:
    with pytest.raises(dates.TermsOutOfRange, match="between 0 and 3,650 days") as refused:
        dates.due_on(date(2026, 1, 1), terms)
    assert refused.value.terms_days == terms
    assert dates.due_on(date(2026, 1, 1), 3650) == date(2035, 12, 30)


def test_a_due_day_outside_the_calendar_is_refused() -> None:
    with pytest.raises(dates.DateOutOfRange) as refused:
        dates.due_on(date(9999, 12, 31), 1)
    assert refused.value.days == 1
