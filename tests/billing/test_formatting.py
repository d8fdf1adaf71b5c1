"""Figures and days as people read them, by locale; and agreement with Babel where its writing is ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from babel.numbers import format_currency
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import formatting, money

SPACE = "\u00a0"
LOCALES = ["en_GB", "en_US", "en_IN", "de_DE", "de_CH", "fr_FR", "sv_SE", "nb_NO", "nl_NL", "ja_JP", "es_CL"]


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (192348, "GBP", "£1,923.48"),
        (-12000, "GBP", "\u2212£120.00"),
        (0, "GBP", "£0.00"),
        (5, "EUR", "€0.05"),
        (-5, "EUR", "\u2212€0.05"),
        (100, "USD", "US$1.00"),
        (120000, "CAD", "CA$1,200.00"),
        (500, "JPY", "JP¥500"),
        (1234567, "KRW", "₩1,234,567"),
        (1234, "KWD", f"KWD{SPACE}1.234"),
        (5, "BHD", f"BHD{SPACE}0.005"),
        (5, "CHF", f"CHF{SPACE}0.05"),
        (10**15, "GBP", "£10,000,000,000,000.00"),
    ],
)
def test_money_is_written_with_its_sign_and_iso_decimals(minor: int, currency: str, text: str) -> None:
    assert formatting.money(minor, currency) == text


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en_US", "\u2212£1,234,567.89"),
        ("en-GB", "\u2212£1,234,567.89"),
        ("en_IN", "\u2212£12,34,567.89"),
        ("de_DE", f"\u22121.234.567,89{SPACE}£"),
        ("de_CH", f"\u2212£{SPACE}1\u2019234\u2019567.89"),
        ("fr_FR", f"\u22121{SPACE}234{SPACE}567,89{SPACE}£GB"),
        ("nl_NL", f"\u2212£{SPACE}1.234.567,89"),
    ],
)
def test_money_follows_the_readers_locale_with_the_minus_first(locale: str, text: str) -> None:
    assert formatting.money(-123456789, "GBP", locale=locale) == text


@pytest.mark.parametrize(
    ("currency", "text"),
    [
        ("CAD", f"$1,200.00{SPACE}CAD"),
        ("USD", f"$1,200.00{SPACE}USD"),
        ("GBP", f"£1,200.00{SPACE}GBP"),
        ("CHF", f"CHF{SPACE}1,200.00"),
        ("SEK", f"kr{SPACE}1,200.00{SPACE}SEK"),
    ],
)
def test_in_mixed_lists_the_code_stands_beside_the_bare_sign(currency: str, text: str) -> None:
    assert formatting.money(120000, currency, code=True) == text


@pytest.mark.parametrize("locale", LOCALES)
@given(minor=st.integers(0, money.MAX_MINOR), currency=st.sampled_from(["EUR", "GBP", "INR", "JPY"]))
@settings(max_examples=40, deadline=None)
def test_money_agrees_with_babel(locale: str, minor: int, currency: str) -> None:
    theirs = format_currency(money.to_decimal(minor, currency), currency, locale=locale)
    ours = formatting.money(minor, currency, locale=locale)
    bare = theirs.replace("\u202f", SPACE)
    assert ours.replace(SPACE, "") == bare.replace(SPACE, "")


@given(
    minor=st.integers(-money.MAX_MINOR, money.MAX_MINOR),
    currency=st.sampled_from(money.CURRENCIES),
    locale=st.sampled_from(LOCALES),
    code=st.booleans(),
)
@settings(deadline=None)
def test_the_parts_join_to_the_whole_text(minor: int, currency: str, locale: str, code: bool) -> None:  # noqa: FBT001 - drawn by name
    parts = formatting.money_parts(minor, currency, locale=locale, code=code)
    text = formatting.money(minor, currency, locale=locale, code=code)
    assert parts.major + parts.minor == text
    assert "-" not in text
    assert text.startswith("\u2212") == (minor < 0)


def test_the_minor_part_begins_at_the_decimal_mark() -> None:
    assert formatting.money_parts(192348, "GBP") == ("£1,923", ".48")
    assert formatting.money_parts(192348, "EUR", locale="de_DE") == ("1.923", f",48{SPACE}€")
    assert formatting.money_parts(500, "JPY") == ("JP¥500", "")
    assert formatting.money_parts(1234, "KWD") == (f"KWD{SPACE}1", ".234")


def test_money_is_never_a_float_nor_in_a_made_up_currency() -> None:
    with pytest.raises(AssertionError):
        formatting.money(1.5, "GBP")  # type: ignore[arg-type] # the point of the test
    with pytest.raises(AssertionError, match="ZZZ"):
        formatting.money(1, "ZZZ")


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("0.0125", "GBP", "£0.0125"),
        ("120", "GBP", "£120.00"),
        ("120.5000", "GBP", "£120.50"),
        (Decimal("-1234.567"), "GBP", "\u2212£1,234.567"),
        ("0.5", "JPY", "JP¥0.5"),
        ("80", "JPY", "JP¥80"),
        ("1.5", "KWD", f"KWD{SPACE}1.500"),
    ],
)
def test_a_unit_price_keeps_its_own_decimals(value: str | Decimal, currency: str, text: str) -> None:
    assert formatting.unit_price(value, currency) == text


@pytest.mark.parametrize(
    ("value", "locale", "text"),
    [
        ("12.500", "en_GB", "12.5"),
        ("12.000", "en_GB", "12"),
        ("1234.5", "en_GB", "1,234.5"),
        ("1234.5", "de_DE", "1.234,5"),
        ("1234567", "en_IN", "12,34,567"),
        ("-2", "en_GB", "\u22122"),
        ("1E+3", "en_GB", "1,000"),
        ("0.000001", "en_GB", "0.000001"),
        ("123456789012345678901234567890.5", "en_GB", "123,456,789,012,345,678,901,234,567,890.5"),
    ],
)
def test_a_quantity_has_no_trailing_zeros_and_loses_no_digit(value: str, locale: str, text: str) -> None:
    assert formatting.quantity(value, locale=locale) == text


@pytest.mark.parametrize(
    ("ppm", "locale", "text"),
    [
        (200_000, "en_GB", "20%"),
        (55_000, "en_GB", "5.5%"),
        (0, "en_GB", "0%"),
        (99_750, "en_GB", "9.975%"),
        (1, "en_GB", "0.0001%"),
        (1_000_000, "en_GB", "100%"),
        (55_000, "de_DE", f"5,5{SPACE}%"),
        (55_000, "fr_FR", f"5,5{SPACE}%"),
    ],
)
def test_a_rate_reads_as_per_cent(ppm: int, locale: str, text: str) -> None:
    assert formatting.rate(ppm, locale=locale) == text


@pytest.mark.parametrize(
    ("style", "locale", "text"),
    [
        ("short", "en_GB", "16 Nov"),
        ("medium", "en_GB", "16 Nov 2026"),
        ("long", "en_GB", "16 November 2026"),
        ("weekday", "en_GB", "Monday 16 November 2026"),
        ("short", "en_US", "Nov 16"),
        ("medium", "en_US", "Nov 16, 2026"),
        ("weekday", "en_US", "Monday, November 16, 2026"),
        ("long", "de_DE", "16. November 2026"),
        ("weekday", "fr_FR", "lundi 16 novembre 2026"),
    ],
)
def test_a_day_in_its_four_styles(style: formatting.DayStyle, locale: str, text: str) -> None:
    assert formatting.day(date(2026, 11, 16), style, locale=locale) == text


def test_a_day_is_medium_and_british_unless_said_otherwise() -> None:
    assert formatting.day(date(2026, 1, 5)) == "5 Jan 2026"


def test_a_moment_is_told_in_its_zone() -> None:
    at = datetime(2026, 11, 16, 23, 42, tzinfo=UTC)
    assert formatting.moment(at, "Europe/London") == "16 Nov 2026, 23:42"
    assert formatting.moment(at, "Europe/Berlin") == "17 Nov 2026, 00:42"
    assert formatting.moment(at, "Europe/Berlin", show_zone=True) == "17 Nov 2026, 00:42 CET"
    assert formatting.moment(at, "Europe/Berlin", today=date(2026, 11, 17)) == "Today, 00:42"
    assert formatting.moment(at, "Europe/Berlin", today=date(2026, 11, 16)) == "17 Nov 2026, 00:42"
    assert formatting.moment(at, "America/New_York", locale="en_US") == f"Nov 16, 2026, 6:42{SPACE}PM"


def test_summer_time_moves_the_clock() -> None:
    assert formatting.moment(datetime(2026, 7, 1, 10, 0, tzinfo=UTC), "Europe/London") == "1 Jul 2026, 11:00"


def test_a_moment_without_a_zone_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError):
        formatting.moment(datetime(2026, 11, 16, 10, 0), "Europe/London")  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (31, "Due 17 Dec 2026"),
        (30, "Due in 30 days"),
        (5, "Due in 5 days"),
        (2, "Due in 2 days"),
        (1, "Due tomorrow"),
        (0, "Due today"),
        (-1, "1 day overdue"),
        (-6, "6 days overdue"),
        (-30, "30 days overdue"),
        (-31, "Was due 16 Oct 2026"),
    ],
)
def test_when_it_is_due_is_relative_for_thirty_days(days: int, words: str) -> None:
    today = date(2026, 11, 16)
    assert formatting.relative_due(today + timedelta(days=days), today) == words


def test_the_far_due_day_follows_the_locale() -> None:
    assert formatting.relative_due(date(2027, 3, 1), date(2026, 11, 16), locale="en_US") == "Due Mar 1, 2027"
