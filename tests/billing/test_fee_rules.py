"""What a rule of late fees and interest comes to: pure sums, and why nothing is charged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import fee_rules
from billing.fee_rules import Fee, Rule, Situation, Skipped

DUE = date(2026, 11, 2)
FLAT = Rule(shape="flat", minor=40_00)
PERCENT = Rule(shape="percent", ppm=50_000)
YEARLY = Rule(shape="interest", yearly_ppm=80_000)
TOTAL = 116_400


def situation(**more: Any) -> Situation:
    """1,164.00 that was due on 2 November 2026, and of which nothing came."""
    usual = Situation(
        currency="GBP",
        seller_currency="GBP",
        locale="en_GB",
        total_minor=TOTAL,
        parts=[(DUE, TOTAL)],
        balances=[(date(2026, 10, 3), TOTAL)],
    )
    return replace(usual, **more)


def fee(rule: Rule, on: date, **more: Any) -> Fee:
    decision = fee_rules.decide(rule, situation(**more), on)
    assert isinstance(decision, Fee), decision
    return decision


def why_not(rule: Rule, on: date, **more: Any) -> str:
    decision = fee_rules.decide(rule, situation(**more), on)
    assert isinstance(decision, Skipped), decision
    return decision.why


@pytest.mark.parametrize(
    ("rule", "on", "minor"),
    [
        (FLAT, date(2026, 11, 3), 40_00),
        (PERCENT, date(2026, 11, 3), 58_20),
        (replace(FLAT, grace_days=7), date(2026, 11, 10), 40_00),
        (replace(PERCENT, cap_minor=25_00), date(2026, 11, 3), 25_00),
        (replace(PERCENT, cap_ppm=10_000), date(2026, 11, 3), 11_64),
        (replace(PERCENT, cap_minor=25_00, cap_ppm=10_000), date(2026, 11, 3), 11_64),
        # 116,400 x 8% x 30 / 365 = 765.37
        (YEARLY, date(2026, 12, 3), 7_65),
        # Two periods that were missed are one document, rounded once: 1,530.74, not 2 x 765
        (YEARLY, date(2027, 1, 2), 15_31),
        (replace(YEARLY, grace_days=10), date(2026, 12, 13), 7_65),
        (replace(YEARLY, cap_minor=5_00), date(2026, 12, 3), 5_00),
    ],
)
def test_what_a_rule_charges(rule: Rule, on: date, minor: int) -> None:
    assert fee(rule, on).minor == minor


@pytest.mark.parametrize(
    ("rule", "on", "more", "why"),
    [
        (Rule(), date(2027, 1, 1), {}, "no late fee is set"),
        (FLAT, date(2026, 11, 2), {}, "nothing is overdue"),
        (replace(FLAT, grace_days=7), date(2026, 11, 9), {}, "the 7 days of grace are not over"),
        (YEARLY, date(2026, 12, 2), {}, "the next 30 days are not over"),
        (replace(YEARLY, grace_days=10), date(2026, 12, 12), {}, "the next 30 days are not over"),
        (FLAT, date(2026, 11, 9), {"is_fee": True}, "it is a fee itself"),
        (YEARLY, date(2027, 11, 9), {"is_fee": True}, "it is a fee itself"),
        (FLAT, date(2026, 11, 9), {"is_disputed": True}, "it is disputed"),
        (FLAT, date(2026, 11, 9), {"is_charged_back": True}, "a bank has not decided about a chargeback of it"),
        (FLAT, date(2026, 11, 9), {"is_being_paid": True}, "it is being paid"),
        (FLAT, date(2026, 11, 9), {"is_excluded": True}, "no late fees are charged to this customer"),
        (FLAT, date(2026, 11, 9), {"charged_kinds": frozenset({"late_fee"})}, "its late fee is charged already"),
        (PERCENT, date(2026, 11, 9), {"balances": [(DUE, 0)]}, "nothing is owed"),
        (replace(FLAT, since=date(2026, 11, 3)), date(2026, 11, 9), {}, "it was due before the rule began"),
        (FLAT, date(2026, 11, 9), {"currency": "EUR"}, "the rule is in GBP, the invoice in EUR"),
        (
            replace(PERCENT, cap_minor=1),
            date(2026, 11, 9),
            {"currency": "EUR"},
            "the rule is in GBP, the invoice in EUR",
        ),
        (
            replace(YEARLY, cap_minor=7_65),
            date(2027, 1, 2),
            {"charged_until": date(2026, 12, 3), "charged_minor": 7_65},
            "its fees have reached the most that is charged",
        ),
        (replace(PERCENT, ppm=1), date(2026, 11, 9), {"balances": [(DUE, 100)]}, "it comes to nothing"),
    ],
)
def test_when_nothing_is_charged_and_why(rule: Rule, on: date, more: dict[str, Any], why: str) -> None:
    assert why_not(rule, on, **more) == why


def test_a_share_is_charged_in_any_currency() -> None:
    assert fee(PERCENT, date(2026, 11, 3), currency="EUR").words.startswith("€1,164.00 was due on 2 November 2026")


def test_the_words_tell_how_a_fee_was_worked_out() -> None:
    assert fee(FLAT, date(2026, 11, 3)).words == (
        "£1,164.00 was due on 2 November 2026 and is unpaid. The late fee is £40.00."
    )
    assert fee(replace(PERCENT, cap_minor=25_00), date(2026, 11, 3)).words == (
        "£1,164.00 was due on 2 November 2026 and is unpaid. The late fee is 5% of it, £58.20."
        " Limited to £25.00, the most that is charged."
    )
    part_paid = [(date(2026, 10, 3), TOTAL), (date(2026, 11, 23), 66_400)]
    assert fee(YEARLY, date(2026, 12, 3), balances=part_paid).words == (
        "Interest at 8% a year (365 days) on what was overdue: £1,164.00 for 20 days (3 Nov 2026 to 22 Nov 2026);"
        " £664.00 for 10 days (23 Nov 2026 to 2 Dec 2026). It comes to £6.56."
    )


def test_interest_counts_29_february_as_a_day_of_a_year_of_365() -> None:
    leap = {"parts": [(date(2028, 1, 31), TOTAL)], "balances": [(date(2028, 1, 1), TOTAL)]}
    found = fee(YEARLY, date(2028, 3, 2), **leap)
    assert (found.from_on, found.until_on, found.minor) == (date(2028, 2, 1), date(2028, 3, 2), 7_65)


def test_interest_is_on_the_parts_that_were_due_each_on_its_own_day() -> None:
    parts = [(DUE, 16_400), (date(2026, 11, 12), 100_000)]
    # 10 days of 164.00 and 20 days of 1,164.00: 2,492,000 day-minors
    assert fee(YEARLY, date(2026, 12, 3), parts=parts).minor == round(2_492_000 * 0.08 / 365)


def test_what_came_after_a_chargeback_counts_only_for_the_days_it_was_open() -> None:
    balances = [(date(2026, 10, 3), TOTAL), (date(2026, 11, 1), 0), (date(2026, 11, 23), TOTAL)]
    found = fee(YEARLY, date(2026, 12, 3), balances=balances)
    assert "10 days (23 Nov 2026 to 2 Dec 2026)" in found.words
    assert found.minor == 2_55


AMOUNTS = st.integers(0, 10**9)
STEPS = st.lists(st.tuples(st.dates(date(2026, 10, 3), date(2027, 12, 1)), AMOUNTS), min_size=1, max_size=8)


@given(STEPS, st.integers(1, 12), st.integers(0, 60))
def test_interest_in_pieces_is_that_of_the_whole_time_but_for_rounding_and_never_compounds(
    steps: list[tuple[date, int]], periods: int, grace: int
) -> None:
    balances = sorted(dict(steps).items())
    rule, total = replace(YEARLY, grace_days=grace), max(minor for _, minor in balances)
    first = DUE + timedelta(days=grace + 1)
    around: dict[str, Any] = {"balances": balances, "parts": [(DUE, total)], "total_minor": total}
    charged, until = 0, None
    for period in range(1, periods + 1):
        on = first + timedelta(days=30 * period)
        decision = fee_rules.decide(rule, situation(**around, charged_until=until, charged_minor=charged), on)
        if isinstance(decision, Fee):
            assert decision.from_on == (until or first)
            charged, until = charged + decision.minor, decision.until_on
    days = [first + timedelta(days=at) for at in range(30 * periods if until is None else (until - first).days)]
    exact = sum(situation(**around).overdue(day, grace) for day in days) * 0.08 / 365
    if until is not None:
        assert abs(charged - exact) <= periods / 2 + 1e-3


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**9))
def test_no_fee_goes_beyond_its_caps(total: int, ppm: int, cap_ppm: int, cap_minor: int) -> None:
    rule = Rule(shape="percent", ppm=ppm, cap_ppm=cap_ppm, cap_minor=cap_minor)
    around: dict[str, Any] = {"total_minor": total, "parts": [(DUE, total)], "balances": [(DUE, total)]}
    decision = fee_rules.decide(rule, situation(**around), date(2026, 11, 3))
    if isinstance(decision, Fee):
        assert 0 < decision.minor <= min(cap_minor, -(-total * cap_ppm // 1_000_000))


def test_a_rule_is_kept_and_read_back_as_it_was() -> None:
    rule = replace(YEARLY, grace_days=5, cap_ppm=100_000, since=date(2026, 11, 1))
    assert Rule.stored(rule.as_stored()) == rule
    assert Rule.stored(Rule().as_stored()) == Rule()
