"""Money typed, split and sent: exact, by locale, and refused with words where it reads in two ways."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import formatting, money
from billing.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

LOCALES = ["en_GB", "en_US", "en_IN", "de_DE", "de_CH", "fr_FR", "sv_SE", "nb_NO", "nl_NL", "ja_JP", "es_CL"]
MINORS = st.integers(-money.MAX_MINOR, money.MAX_MINOR)
CURRENCIES = st.sampled_from(money.CURRENCIES)


# Currencies


def test_the_promised_currencies_are_enabled_and_babel_agrees_on_their_decimals() -> None:
    promised = "EUR GBP USD CAD AUD NZD CHF SEK NOK DKK PLN CZK INR JPY KRW CLP KWD BHD JOD OMR TND"
    assert set(promised.split()) <= set(money.CURRENCIES)
    assert {code: get_currency_precision(code) for code in money.CURRENCIES} == money.EXPONENTS


@pytest.mark.parametrize(("currency", "places"), [("GBP", 2), ("JPY", 0), ("CLP", 0), ("KWD", 3), ("TND", 3)])
def test_a_currency_has_its_iso_decimals(currency: str, places: int) -> None:
    assert money.exponent(currency) == places


@pytest.mark.parametrize("currency", ["XXX", "gbp", "", "£", "BTC", "DEM"])
def test_an_unknown_currency_is_refused_by_name(currency: str) -> None:
    with pytest.raises(money.UnknownCurrency) as refused:
        money.exponent(currency)
    assert refused.value.currency == currency


# Exact decimals


@pytest.mark.parametrize(
    ("minor", "currency", "value"),
    [(192348, "GBP", "1923.48"), (-5, "GBP", "-0.05"), (500, "JPY", "500"), (1234, "KWD", "1.234")],
)
def test_minor_units_are_an_exact_decimal(minor: int, currency: str, value: str) -> None:
    assert str(money.to_decimal(minor, currency)) == value


@given(minor=MINORS, currency=CURRENCIES)
def test_decimals_go_there_and_back(minor: int, currency: str) -> None:
    back = money.from_decimal(money.to_decimal(minor, currency), currency)
    assert back == minor
    assert type(back) is int


def test_zeros_behind_the_last_decimal_are_nothing() -> None:
    assert money.from_decimal(Decimal("12.3400"), "GBP") == 1234
    assert money.from_decimal(Decimal("1E+3"), "JPY") == 1000


@pytest.mark.parametrize(("value", "currency"), [("0.001", "GBP"), ("0.5", "JPY"), ("1.2345", "KWD")])
def test_a_decimal_too_fine_for_its_currency_is_refused(value: str, currency: str) -> None:
    with pytest.raises(money.TooManyDecimals) as refused:
        money.from_decimal(Decimal(value), currency)
    assert refused.value.places == money.exponent(currency)


def test_a_decimal_beyond_the_most_is_refused() -> None:
    assert money.from_decimal(Decimal("1E+13"), "GBP") == money.MAX_MINOR
    for value in ("10000000000000.01", "-10000000000000.01", "1E+999999"):
        with pytest.raises(money.AmountTooLarge):
            money.from_decimal(Decimal(value), "GBP")


def test_a_float_is_never_money() -> None:
    with pytest.raises(AssertionError):
        money.from_decimal(1.5, "GBP")  # type: ignore[arg-type] # the point of the test
    with pytest.raises(AssertionError):
        money.to_decimal(1.5, "GBP")  # type: ignore[arg-type] # the point of the test
    with pytest.raises(AssertionError):
        money.share(1.5, [1])  # type: ignore[arg-type] # the point of the test
    with pytest.raises(AssertionError):
        money.from_decimal(Decimal("NaN"), "GBP")


# Money typed by people


@pytest.mark.parametrize(
    ("text", "currency", "locale", "minor"),
    [
        ("1923.48", "GBP", "en_GB", 192348),
        ("1,923.48", "GBP", "en_GB", 192348),
        ("£1,923.48", "GBP", "en_GB", 192348),
        ("  £ 1 923.48  ", "GBP", "en_GB", 192348),
        ("1\u00a0923.48", "GBP", "en_GB", 192348),
        ("1923.48 GBP", "GBP", "en_GB", 192348),
        ("gbp 1923.48", "GBP", "en_GB", 192348),
        ("£1923.48 GBP", "GBP", "en_GB", 192348),
        ("1,923", "GBP", "en_GB", 192300),
        ("1,234,567.8", "GBP", "en_GB", 123456780),
        ("250", "GBP", "en_GB", 25000),
        ("250.", "GBP", "en_GB", 25000),
        (".5", "GBP", "en_GB", 50),
        ("0", "GBP", "en_GB", 0),
        ("-0", "GBP", "en_GB", 0),
        ("007.50", "GBP", "en_GB", 750),
        ("$5", "CAD", "en_GB", 500),
        ("CA$5", "CAD", "en_GB", 500),
        ("1'923.48", "CHF", "de_CH", 192348),
        ("1\u2019923.48", "CHF", "de_CH", 192348),
        ("CHF 1 923.48", "CHF", "de_CH", 192348),
        ("1.923,48 €", "EUR", "de_DE", 192348),
        ("1.923", "EUR", "de_DE", 192300),
        ("1923,4", "EUR", "de_DE", 192340),
        ("1\u202f923,48 €", "EUR", "fr_FR", 192348),
        ("12,34,567.50", "INR", "en_IN", 123456750),
        ("1,234,567.50", "INR", "en_IN", 123456750),
        ("1,923", "JPY", "en_GB", 1923),
        ("¥1923", "JPY", "en_GB", 1923),
        ("1.923", "KWD", "en_GB", 1923),
        ("1,923.480", "KWD", "en_GB", 1923480),
        ("10,000,000,000,000", "GBP", "en_GB", money.MAX_MINOR),
    ],
)
def test_typed_money_is_read_by_its_locale(text: str, currency: str, locale: str, minor: int) -> None:
    assert money.read(text, currency, locale=locale) == minor


@pytest.mark.parametrize(
    ("text", "currency", "locale"),
    [
        ("1.923", "GBP", "en_GB"),
        ("1.923", "JPY", "en_GB"),
        ("1,923", "EUR", "de_DE"),
        ("1923,48", "GBP", "en_GB"),
        ("1,23", "GBP", "en_GB"),
        ("0,123", "GBP", "en_GB"),
        ("1.923,48", "GBP", "en_GB"),
        ("1,923.48", "EUR", "de_DE"),
        ("1923.48", "EUR", "de_DE"),
        ("1,923.48", "EUR", "fr_FR"),
        ("1.923.481", "GBP", "en_GB"),
        ("12,34,567.50", "GBP", "en_GB"),
        ("1,234 567", "GBP", "en_GB"),
        ("12 50", "GBP", "en_GB"),
        ("1'923.48", "GBP", "en_GB"),
        ("1,,923", "GBP", "en_GB"),
        (",923", "GBP", "en_GB"),
        ("1923.4 8", "GBP", "en_GB"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_words(text: str, currency: str, locale: str) -> None:
    with pytest.raises(money.AmbiguousNumber) as refused:
        money.read(text, currency, locale=locale, field="pay_minor")
    assert refused.value.field == "pay_minor"
    assert refused.value.message.startswith(f"{text} can be read in two ways. Enter it like 1923")


@pytest.mark.parametrize(
    ("currency", "locale", "text", "words"),
    [
        ("GBP", "en_GB", "1.923", "1.923 can be read in two ways. Enter it like 1923.48"),
        ("EUR", "de_DE", "1,923", "1,923 can be read in two ways. Enter it like 1923,48"),
        ("GBP", "en_GB", "abc", "Enter an amount, like 250 or 250.00"),
        ("EUR", "de_DE", "abc", "Enter an amount, like 250 or 250,00"),
        ("JPY", "en_GB", "abc", "Enter an amount, like 250"),
        ("GBP", "en_GB", "1923.481", "Enter at most 2 decimals, like 1923.48"),
        ("KWD", "en_GB", "1923.4811", "Enter at most 3 decimals, like 1923.480"),
        ("JPY", "en_GB", "1923.5", "Enter a whole number, like 1923"),
        ("GBP", "en_GB", "$5", "Enter the amount in GBP, without another currency"),
        ("GBP", "en_GB", "-5", "Enter an amount of zero or more, without a minus"),
        ("GBP", "en_GB", "1" * 20, "Enter an amount of £10,000,000,000,000.00 or less"),
    ],
)
def test_a_refusal_says_what_to_type_instead(currency: str, locale: str, text: str, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        money.read(text, currency, locale=locale, field="amount")
    assert (refused.value.message, refused.value.field) == (words, "amount")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "£",
        "abc",
        "1e5",
        "0x10",
        "10²",
        "٣",
        "½",
        "12..",
        "1/2",
        "+5",
        "(5)",
        "5-",
        "--5",
        "NaN",
        "Infinity",
        ".",
        ",",
        "1" * 65,
        "5%",
        "1_000",
        "12\u200b",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises((money.NotANumber, money.AmbiguousNumber)) as refused:
        money.read(text, "GBP", locale="en_GB")
    assert isinstance(refused.value, money.NotANumber) or text == "12.."


@pytest.mark.parametrize("text", ["$12", "€12", "12 EUR", "eur 12", "£12 EUR", "₿1"])
def test_another_currencys_mark_is_refused(text: str) -> None:
    with pytest.raises(money.OtherCurrency) as refused:
        money.read(text, "GBP", locale="en_GB")
    assert refused.value.currency == "GBP"


@pytest.mark.parametrize("text", ["1923.481", "1923.480", "1.9234", "0.001", "12.3456789"])
def test_decimals_the_currency_does_not_have_are_refused(text: str) -> None:
    with pytest.raises(money.TooManyDecimals) as refused:
        money.read(text, "GBP", locale="en_GB")
    assert refused.value.places == 2


@pytest.mark.parametrize("text", ["-5", "\u22125", "£-5", "-£5", "- £ 5"])
def test_a_minus_is_refused_unless_it_is_asked_for(text: str) -> None:
    with pytest.raises(money.NegativeAmount):
        money.read(text, "GBP", locale="en_GB")
    assert money.read(text, "GBP", locale="en_GB", signed=True) == -500


def test_the_most_is_ten_to_the_fifteenth_in_every_currency() -> None:
    for currency, text in (
        ("GBP", "10000000000000.01"),
        ("JPY", "1000000000000001"),
        ("KWD", "1000000000000.001"),
    ):
        with pytest.raises(money.AmountTooLarge):
            money.read(text, currency, locale="en_GB")
        with pytest.raises(money.AmountTooLarge):
            money.read(f"-{text}", currency, locale="en_GB", signed=True)


@given(minor=MINORS, currency=CURRENCIES, locale=st.sampled_from(LOCALES), code=st.booleans())
@settings(max_examples=400, deadline=None)
def test_money_written_in_a_locale_is_read_back(minor: int, currency: str, locale: str, code: bool) -> None:  # noqa: FBT001 - drawn by name
    text = formatting.money(minor, currency, locale=locale, code=code)
    read = money.read(text, currency, locale=locale, signed=True)
    assert read == minor
    assert type(read) is int


def answer(reading: Callable[..., int | Decimal], *given_: str, locale: str) -> int | Decimal | str:
    """The number read, or the words of the refusal."""
    try:
        return reading(*given_, locale=locale)
    except Refusal as refusal:
        return refusal.message


@given(text=st.text(max_size=80), currency=CURRENCIES, locale=st.sampled_from(LOCALES))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_by_name(text: str, currency: str, locale: str) -> None:
    read = answer(money.read, text, currency, locale=locale)
    assert 0 <= read <= money.MAX_MINOR if isinstance(read, int) else read


@given(text=st.text(alphabet="0123456789., '-£%", max_size=20), locale=st.sampled_from(LOCALES))
@settings(max_examples=300, deadline=None)
def test_any_row_of_digits_and_marks_is_read_or_refused_by_name(text: str, locale: str) -> None:
    assert isinstance(answer(money.read_decimal, text, locale=locale), Decimal | str)
    rate = answer(money.read_rate, text, locale=locale)
    assert 0 <= rate <= 1_000_000 if isinstance(rate, int) else rate


# Quantities, prices and percentages


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("12", "en_GB", "12"),
        ("12.5", "en_GB", "12.5"),
        ("1.923", "en_GB", "1.923"),
        ("1,923.5", "en_GB", "1923.5"),
        ("1.923", "de_DE", "1923"),
        ("1,923", "de_DE", "1.923"),
        ("-3", "en_GB", "-3"),
        ("\u22123", "en_GB", "-3"),
        ("-0", "en_GB", "0"),
        ("0.000001", "en_GB", "0.000001"),
    ],
)
def test_a_quantity_is_read_by_its_locale(text: str, locale: str, value: str) -> None:
    assert str(money.read_decimal(text, locale=locale)) == value


@pytest.mark.parametrize(
    ("text", "minimum", "maximum", "words"),
    [
        ("-1", 0, None, "Enter 0 or more"),
        ("101", None, 100, "Enter 100 or less"),
        ("1001", 1, 1000, "Enter a number from 1 to 1,000"),
        ("0", 1, 1000, "Enter a number from 1 to 1,000"),
    ],
)
def test_a_number_out_of_bounds_is_refused(text: str, minimum: int | None, maximum: int | None, words: str) -> None:
    with pytest.raises(money.OutOfBounds) as refused:
        money.read_decimal(
            text,
            locale="en_GB",
            field="lines-0-quantity",
            minimum=None if minimum is None else Decimal(minimum),
            maximum=None if maximum is None else Decimal(maximum),
        )
    assert (refused.value.message, refused.value.field) == (words, "lines-0-quantity")


def test_the_bounds_of_a_number_are_inside() -> None:
    for text in ("1", "5"):
        read = money.read_decimal(text, locale="en_GB", minimum=Decimal(1), maximum=Decimal(5))
        assert read == Decimal(text)


@pytest.mark.parametrize(
    ("text", "places", "words"),
    [
        ("1.1234567", 6, "Enter at most 6 decimals, like 1923.48"),
        ("1.12", 1, "Enter at most 1 decimal, like 1923.4"),
        ("1.5", 0, "Enter a whole number, like 1923"),
    ],
)
def test_a_number_has_at_most_so_many_decimals(text: str, places: int, words: str) -> None:
    with pytest.raises(money.TooManyDecimals) as refused:
        money.read_decimal(text, locale="en_GB", max_places=places)
    assert refused.value.message == words


@pytest.mark.parametrize("text", ["", "x", "£5", "5 GBP"])
def test_a_quantity_has_no_currency(text: str) -> None:
    with pytest.raises(money.NotANumber, match=r"^Enter a number, like 12 or 12\.5$"):
        money.read_decimal(text, locale="en_GB")


@pytest.mark.parametrize(
    ("text", "locale", "ppm"),
    [
        ("20", "en_GB", 200000),
        ("5.5%", "en_GB", 55000),
        ("5,5 %", "de_DE", 55000),
        ("0", "en_GB", 0),
        ("100%", "en_GB", 1000000),
        ("9.975", "en_GB", 99750),
        ("0.0001", "en_GB", 1),
    ],
)
def test_a_rate_is_read_as_parts_per_million(text: str, locale: str, ppm: int) -> None:
    assert money.read_rate(text, locale=locale) == ppm


@given(ppm=st.integers(0, 1_000_000), locale=st.sampled_from(LOCALES))
@settings(deadline=None)
def test_a_rate_written_is_read_back(ppm: int, locale: str) -> None:
    assert money.read_rate(formatting.rate(ppm, locale=locale), locale=locale) == ppm


@pytest.mark.parametrize("text", ["100.1", "-1"])
def test_a_rate_is_from_nothing_to_the_whole(text: str) -> None:
    with pytest.raises(money.OutOfBounds, match="from 0 to 100"):
        money.read_rate(text, locale="en_GB")


# Splits


@pytest.mark.parametrize(
    ("minor", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (101, [1, 1, 1], [34, 34, 33]),
        (5, [3, 7], [2, 3]),
        (100, [0, 1, 0], [0, 100, 0]),
        (1, [1, 2, 1], [0, 1, 0]),
        (2, [0, 1, 1, 0], [0, 1, 1, 0]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
        (7, [1], [7]),
    ],
)
def test_a_split_keeps_the_sum_by_largest_remainder(minor: int, weights: list[int], parts: list[int]) -> None:
    assert money.share(minor, weights) == parts


@given(minor=MINORS, weights=st.lists(st.integers(0, 10**15), min_size=1, max_size=40).filter(any))
def test_parts_add_up_and_are_within_one_of_their_due(minor: int, weights: list[int]) -> None:
    parts = money.share(minor, weights)
    assert sum(parts) == minor
    assert all(type(part) is int for part in parts)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - minor * weight) < sum(weights)
        assert weight or not part
        assert part * minor >= 0


@given(minor=MINORS, weights=st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_a_split_of_what_is_owed_mirrors_the_split_of_what_is_had(minor: int, weights: list[int]) -> None:
    assert money.share(-minor, weights) == [-part for part in money.share(minor, weights)]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_an_amount_nobody_can_carry_is_a_programmers_error(weights: list[int]) -> None:
    with pytest.raises(AssertionError):
        money.share(1, weights)


# Stripe's smallest units


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (192348, "GBP", 192348),
        (500, "JPY", 500),
        (500, "KRW", 500),
        (500, "CLP", 500),
        (5, "ISK", 500),
        (5120, "KWD", 5120),
        (1045, "HUF", 1045),
        (99_999_999, "USD", 99_999_999),
        (0, "USD", 0),
    ],
)
def test_stripes_amount_and_back(minor: int, currency: str, amount: int) -> None:
    assert money.stripe_amount(minor, currency) == amount
    assert money.from_stripe_amount(amount, currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency"),
    [
        (5124, "KWD"),
        (1, "BHD"),
        (11, "JOD"),
        (9, "OMR"),
        (101, "TND"),
        (100000000, "USD"),
        (1000000, "ISK"),
        (100000000, "JPY"),
    ],
)
def test_what_stripe_cannot_take_is_refused_by_name(minor: int, currency: str) -> None:
    with pytest.raises(money.NotPayableByStripe, match="cannot be paid by card") as refused:
        money.stripe_amount(minor, currency)
    assert (refused.value.minor, refused.value.currency) == (minor, currency)


@pytest.mark.parametrize(("amount", "currency"), [(501, "ISK"), (-1, "GBP")])
def test_an_amount_the_currency_cannot_have_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(money.NotAStripeAmount) as refused:
        money.from_stripe_amount(amount, currency)
    assert refused.value.amount == amount


def test_stripes_currency_is_one_of_ours() -> None:
    with pytest.raises(money.UnknownCurrency):
        money.from_stripe_amount(100, "XAF")
    with pytest.raises(AssertionError):
        money.stripe_amount(-1, "GBP")


@given(minor=st.integers(0, 10**9), currency=CURRENCIES)
def test_whatever_stripe_takes_comes_back_as_it_went(minor: int, currency: str) -> None:
    try:
        amount = money.stripe_amount(minor, currency)
    except money.NotPayableByStripe:
        return
    assert money.from_stripe_amount(amount, currency) == minor
