"""Totals by EN 16931: published examples and an independent recalculation."""

from __future__ import annotations

import dataclasses
import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import money, tax
from billing.tax import Discount, LineInput, RoundingRule, Tax

STANDARD = Tax(category="S", rate_ppm=200_000, name="VAT 20%")
REDUCED = Tax(category="S", rate_ppm=50_000, name="VAT 5%")
ZERO = Tax(category="Z", rate_ppm=0)
EXEMPT = Tax(category="E", rate_ppm=0, reason="Insurance, exempt")
REVERSE = Tax(category="AE", rate_ppm=0, reason="Reverse charge")
OUTSIDE = Tax(category="O", rate_ppm=0, reason="Not subject to VAT")
CGST = Tax(category="S", rate_ppm=90_000, scheme="CGST", name="CGST 9%")
SGST = Tax(category="S", rate_ppm=90_000, scheme="SGST", name="SGST 9%")


def line(quantity: str, price: str, *taxes: Tax, discount: Discount | None = None, per: str = "1") -> LineInput:
    return LineInput(
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        taxes=taxes or (STANDARD,),
        discount=discount,
        base_quantity=Decimal(per),
    )


def vat(percent: str) -> Tax:
    return Tax(category="S", rate_ppm=int(Decimal(percent) * 10_000))


def table(totals: tax.Totals) -> list[tuple[str, int, int, int]]:
    return [(group.category, group.rate_ppm, group.base_minor, group.tax_minor) for group in totals.groups]


def half_up(value: Fraction) -> int:
    """Rounding written a second way, by the decimal module, whose ROUND_HALF_UP is half away from zero."""
    with decimal.localcontext(prec=100):
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        return int(exact.quantize(Decimal(1), rounding=decimal.ROUND_HALF_UP))


# Published examples: the figures of github.com/ConnectingEurope/eInvoicing-EN16931, the standard's validator


def test_example_1_of_the_standards_validator_twenty_lines_two_rates_and_a_return() -> None:
    low, high = vat("6"), vat("21")
    bought = [
        ("2", "9.95", low), ("1", "9.85", low), ("1", "8.29", low), ("2", "7.23", low), ("1", "35.00", low),
        ("1", "35.00", low), ("1", "10.65", low), ("1", "1.55", low), ("3", "4.79", low), ("1", "8.29", low),
        ("2", "8.29", low), ("1", "9.95", low), ("2", "1.65", low), ("1", "10.80", high), ("1", "3.90", low),
        ("2", "3.80", high), ("2", "4.67", high), ("1", "18.63", high), ("6", "17.02", low),
        ("-6", "18.33", low),
    ]  # fmt: skip
    totals = tax.totals([line(*row) for row in bought], currency="EUR")
    assert [part.net_minor for part in totals.lines[-2:]] == [10212, -10998]
    assert table(totals) == [("S", 210_000, 4637, 974), ("S", 60_000, 18323, 1099)]
    assert (totals.lines_minor, totals.net_minor, totals.tax_minor) == (22960, 22960, 2073)
    assert totals.total_minor == 25033


def test_example_2_of_the_standards_validator_three_groups_one_of_them_negative() -> None:
    exempt = Tax(category="E", rate_ppm=0, reason="Exempt New Means of Transport")
    lines = [
        line("1", "1273.00", vat("25")),
        line("-1", "3.96", vat("15")),
        line("2", "2.48", vat("15")),
        line("-1", "25.00", exempt),
        line("250", "0.75", vat("25")),
    ]
    totals = tax.totals(lines, currency="NOK")
    assert [part.net_minor for part in totals.lines] == [127300, -396, 496, -2500, 18750]
    assert table(totals) == [
        ("S", 250_000, 146050, 36513),
        ("S", 150_000, 100, 15),
        ("E", 0, -2500, 0),
    ]
    assert totals.groups[2].reason == "Exempt New Means of Transport"
    assert (totals.net_minor, totals.tax_minor, totals.total_minor) == (143650, 36528, 180178)


def test_example_5_of_the_standards_validator_two_rates_in_kroner() -> None:
    lines = [line("1000", "1.00", vat("25")), line("100", "5.00", vat("25")), line("500", "5.00", vat("12"))]
    totals = tax.totals(lines, currency="DKK")
    assert table(totals) == [("S", 250_000, 150000, 37500), ("S", 120_000, 250000, 30000)]
    assert totals.total_minor == 467500


def test_example_7_of_the_standards_validator_outside_the_scope_of_tax() -> None:
    totals = tax.totals([line("1", "2500.00", OUTSIDE), line("1", "700.00", OUTSIDE)], currency="SEK")
    assert table(totals) == [("O", 0, 320000, 0)]
    assert totals.total_minor == 320000


def test_the_validators_example_of_a_price_with_four_decimals() -> None:
    totals = tax.totals([line("100.000", "0.1212", vat("25"))], currency="EUR")
    assert (totals.net_minor, totals.tax_minor, totals.total_minor) == (1212, 303, 1515)


def test_the_validators_example_of_lines_that_cancel_out_keeps_both_groups() -> None:
    nineteen = vat("19")
    lines = [
        line("1", "720.81", nineteen),
        line("1", "0.01", ZERO),
        line("-1", "720.81", nineteen),
        line("-1", "0.01", ZERO),
    ]
    totals = tax.totals(lines, currency="EUR")
    assert table(totals) == [("S", 190_000, 0, 0), ("Z", 0, 0, 0)]
    assert totals.total_minor == 0


# Lines


@pytest.mark.parametrize(
    ("quantity", "price", "per", "currency", "gross"),
    [
        ("3", "33.333", "1", "GBP", 10000),
        ("1", "0.005", "1", "GBP", 1),
        ("1", "0.004999", "1", "GBP", 0),
        ("-1", "0.005", "1", "GBP", -1),
        ("3", "0.5", "1", "JPY", 2),
        ("1", "0.5", "1", "JPY", 1),
        ("7", "1.0005", "1", "KWD", 7004),
        ("10", "100", "3", "EUR", 33333),
        ("20", "100", "3", "EUR", 66667),
        ("1000000", "0.000001", "1", "EUR", 100),
        ("250", "12.50", "100", "GBP", 3125),
        ("0", "5", "1", "GBP", 0),
    ],
)
def test_a_line_is_quantity_times_price_per_base_quantity_rounded_once(
    quantity: str, price: str, per: str, currency: str, gross: int
) -> None:
    other = line("1", "1000", STANDARD)
    totals = tax.totals([line(quantity, price, STANDARD, per=per), other], currency=currency)
    assert totals.lines[0].gross_minor == totals.lines[0].net_minor == gross


@pytest.mark.parametrize(
    ("discount", "off", "net"),
    [
        (None, 0, 1005),
        (Discount.percent(0), 0, 1005),
        (Discount.fixed(0), 0, 1005),
        (Discount.percent(100_000), 101, 904),
        (Discount.percent(333_333), 335, 670),
        (Discount.percent(1_000_000), 1005, 0),
        (Discount.fixed(5), 5, 1000),
        (Discount.fixed(1005), 1005, 0),
    ],
)
def test_a_lines_discount_is_taken_off_the_printed_gross(discount: Discount | None, off: int, net: int) -> None:
    totals = tax.totals([line("1", "10.05", STANDARD, discount=discount)], currency="GBP")
    (figures,) = totals.lines
    assert (figures.gross_minor, figures.discount_minor, figures.net_minor) == (1005, off, net)
    assert totals.lines_minor == net


@pytest.mark.parametrize(
    ("currency", "net", "tax_minor"), [("JPY", 1000, 100), ("EUR", 100000, 10000), ("KWD", 1000000, 100000)]
)
def test_totals_are_in_the_currencys_own_minor_units(currency: str, net: int, tax_minor: int) -> None:
    totals = tax.totals([line("1", "1000", vat("10"))], currency=currency)
    assert (totals.net_minor, totals.tax_minor, totals.total_minor) == (net, tax_minor, net + tax_minor)


def test_no_lines_come_to_nothing() -> None:
    totals = tax.totals([], currency="GBP", discount=Discount.percent(100_000))
    assert (totals.lines, totals.groups, totals.total_minor) == ((), (), 0)


# Tax groups


def test_tax_is_rounded_once_per_group_and_not_per_line() -> None:
    lines = [line("1", "0.03", vat("19"))] * 10  # 0.0057 each
    once = tax.totals(lines, currency="EUR")
    each = tax.totals(lines, currency="EUR", rounding_rule=RoundingRule.PER_LINE)
    assert (once.tax_minor, each.tax_minor) == (6, 10)
    assert table(each) == [("S", 190_000, 30, 10)]


def test_half_a_unit_is_rounded_away_from_zero_in_the_tax_too() -> None:
    assert tax.totals([line("1", "0.10", vat("25"))], currency="EUR").tax_minor == 3
    assert tax.totals([line("1", "0.30", vat("25"))], currency="EUR").tax_minor == 8
    both = [line("1", "1.00", vat("50")), line("-1", "0.10", vat("25"))]
    assert table(tax.totals(both, currency="EUR")) == [("S", 500_000, 100, 50), ("S", 250_000, -10, -3)]


def test_groups_stand_by_category_then_higher_rate_whatever_the_order_of_lines() -> None:
    lines = [line("1", "1", t) for t in (REVERSE, EXEMPT, ZERO, REDUCED, STANDARD)]
    expected = [("S", 200_000), ("S", 50_000), ("Z", 0), ("E", 0), ("AE", 0)]
    for order in (lines, lines[::-1]):
        groups = tax.totals(order, currency="GBP").groups
        assert [(group.category, group.rate_ppm) for group in groups] == expected


def test_lines_of_one_rate_share_a_group_whatever_the_tax_is_called() -> None:
    renamed = dataclasses.replace(STANDARD, name="Value added tax")
    (group,) = tax.totals([line("1", "1", STANDARD), line("1", "1", renamed)], currency="GBP").groups
    assert (group.name, group.base_minor, group.tax_minor) == ("VAT 20%", 200, 40)


def test_different_reasons_of_one_category_are_printed_in_its_one_group() -> None:
    training = Tax(category="E", rate_ppm=0, reason="Training, exempt")
    lines = [line("1", "1", EXEMPT), line("1", "1", training), line("1", "1", EXEMPT)]
    (group,) = tax.totals(lines, currency="GBP").groups
    assert group.reason == "Insurance, exempt; Training, exempt"
    assert group.base_minor == 300


def test_two_taxes_of_one_line_are_each_on_its_net_and_in_their_own_group() -> None:
    totals = tax.totals([line("1", "100.05", CGST, SGST), line("1", "0.50", SGST, CGST)], currency="INR")
    assert [(g.scheme, g.name, g.base_minor, g.tax_minor) for g in totals.groups] == [
        ("CGST", "CGST 9%", 10055, 905),
        ("SGST", "SGST 9%", 10055, 905),
    ]
    assert (totals.net_minor, totals.total_minor) == (10055, 11865)


# The document's discount


def test_a_documents_discount_is_spread_over_rates_before_tax() -> None:
    lines = [line("1", "100", STANDARD), line("1", "50", REDUCED), line("1", "50", ZERO)]
    totals = tax.totals(lines, currency="GBP", discount=Discount.percent(100_000))
    assert [part.document_discount_minor for part in totals.lines] == [1000, 500, 500]
    assert table(totals) == [("S", 200_000, 9000, 1800), ("S", 50_000, 4500, 225), ("Z", 0, 4500, 0)]
    assert (totals.lines_minor, totals.discount_minor, totals.net_minor) == (20000, 2000, 18000)
    assert totals.total_minor == 20025


def test_a_discount_that_does_not_divide_loses_no_penny() -> None:
    lines = [line("1", "1", STANDARD)] * 3
    totals = tax.totals(lines, currency="GBP", discount=Discount.fixed(100))
    assert [part.document_discount_minor for part in totals.lines] == [34, 33, 33]
    assert totals.net_minor == 200


def test_a_percentage_off_the_document_is_rounded_once() -> None:
    totals = tax.totals([line("1", "0.05", STANDARD)] * 3, currency="GBP", discount=Discount.percent(100_000))
    assert totals.discount_minor == 2


def test_lines_that_take_something_back_carry_none_of_the_discount() -> None:
    lines = [line("1", "100", STANDARD), line("-1", "40", STANDARD), line("1", "60", ZERO)]
    totals = tax.totals(lines, currency="GBP", discount=Discount.fixed(1200))
    assert [part.document_discount_minor for part in totals.lines] == [600, 0, 600]
    assert table(totals) == [("S", 200_000, 5400, 1080), ("Z", 0, 5400, 0)]


def test_a_rate_whose_lines_cancel_out_carries_none_of_the_discount() -> None:
    lines = [line("1", "100", STANDARD), line("-1", "100", STANDARD), line("1", "10", ZERO)]
    totals = tax.totals(lines, currency="GBP", discount=Discount.fixed(1000))
    assert [part.document_discount_minor for part in totals.lines] == [0, 0, 1000]
    assert totals.total_minor == 0


# Properties, against a second calculation in fractions

TAXES = st.sampled_from([STANDARD, REDUCED, vat("19"), vat("5.5"), vat("9.975"), ZERO, EXEMPT, REVERSE])
QUANTITIES = st.decimals(0, 10_000, places=3).map(lambda value: value or Decimal("0.000"))
PRICES = st.decimals(0, 100_000, places=6)
CURRENCIES = st.sampled_from(["GBP", "JPY", "KWD", "CHF"])
RULES = st.sampled_from(RoundingRule)
SHARES = st.integers(0, tax.PPM).map(Discount.percent)


@st.composite
def documents(draw: st.DrawFn) -> list[LineInput]:
    """Lines of every rate, some discounted, some taking part of an earlier line back."""
    lines = [
        LineInput(
            quantity=draw(QUANTITIES),
            unit_price=draw(PRICES),
            taxes=(draw(TAXES),),
            discount=draw(st.none() | SHARES),
            base_quantity=draw(st.sampled_from([Decimal(1), Decimal(3), Decimal(100)])),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]
    returned = [sold for sold in lines if sold.discount is None and draw(st.booleans())]
    return lines + [dataclasses.replace(sold, quantity=-sold.quantity) for sold in returned]


@given(lines=documents(), currency=CURRENCIES, discount=st.none() | SHARES, rule=RULES)
@settings(max_examples=200, deadline=None)
def test_every_sum_is_exact_and_every_figure_recalculable(
    lines: list[LineInput], currency: str, discount: Discount | None, rule: RoundingRule
) -> None:
    totals = tax.totals(lines, currency=currency, discount=discount, rounding_rule=rule)
    unit = 10 ** money.exponent(currency)
    bases: dict[tuple[str, int], int] = {}
    taxes: dict[tuple[str, int], int] = {}
    for asked, figures in zip(lines, totals.lines, strict=True):
        gross = Fraction(asked.quantity) * Fraction(asked.unit_price) / Fraction(asked.base_quantity) * unit
        assert figures.gross_minor == half_up(gross)
        share = Fraction(asked.discount.value, tax.PPM) if asked.discount else Fraction(0)
        assert figures.discount_minor == half_up(figures.gross_minor * share)
        assert figures.net_minor == figures.gross_minor - figures.discount_minor
        assert 0 <= figures.document_discount_minor <= max(0, figures.net_minor)
        (charged,) = asked.taxes
        key, base = (charged.category, charged.rate_ppm), figures.net_minor - figures.document_discount_minor
        bases[key] = bases.get(key, 0) + base
        taxes[key] = taxes.get(key, 0) + half_up(base * Fraction(charged.rate_ppm, tax.PPM))
    if rule is RoundingRule.PER_TAX_GROUP:
        taxes = {key: half_up(base * Fraction(key[1], tax.PPM)) for key, base in bases.items()}
    assert {(c, r): (b, t) for c, r, b, t in table(totals)} == {k: (bases[k], taxes[k]) for k in bases}
    whole = Fraction(discount.value, tax.PPM) if discount else Fraction(0)
    assert totals.lines_minor == sum(part.net_minor for part in totals.lines)
    assert totals.discount_minor == half_up(totals.lines_minor * whole)
    assert totals.discount_minor == sum(part.document_discount_minor for part in totals.lines)
    assert totals.net_minor == totals.lines_minor - totals.discount_minor == sum(bases.values())
    assert totals.tax_minor == sum(taxes.values())
    assert totals.total_minor == totals.net_minor + totals.tax_minor


@given(lines=documents(), minor=st.integers(0, 10**9), currency=CURRENCIES)
@settings(deadline=None)
def test_a_fixed_discount_is_spread_to_the_last_unit_or_refused(
    lines: list[LineInput], minor: int, currency: str
) -> None:
    plain = tax.totals(lines, currency=currency)
    if minor > plain.lines_minor:
        with pytest.raises(tax.DiscountOutOfBounds):
            tax.totals(lines, currency=currency, discount=Discount.fixed(minor))
        return
    totals = tax.totals(lines, currency=currency, discount=Discount.fixed(minor))
    assert sum(part.document_discount_minor for part in totals.lines) == minor
    assert sum(group.base_minor for group in totals.groups) == plain.lines_minor - minor
    if minor == plain.lines_minor:
        assert totals.total_minor == 0


@given(data=st.data(), lines=documents(), currency=CURRENCIES, rule=RULES)
@settings(deadline=None)
def test_the_order_of_lines_changes_no_group(
    data: st.DataObject, lines: list[LineInput], currency: str, rule: RoundingRule
) -> None:
    shuffled = data.draw(st.permutations(lines))
    one = tax.totals(lines, currency=currency, rounding_rule=rule)
    other = tax.totals(shuffled, currency=currency, rounding_rule=rule)
    assert table(one) == table(other)
    assert one.total_minor == other.total_minor


@given(lines=documents(), currency=CURRENCIES)
@settings(deadline=None)
def test_the_two_rules_of_rounding_differ_by_half_a_unit_per_line_at_most(
    lines: list[LineInput], currency: str
) -> None:
    once = tax.totals(lines, currency=currency)
    each = tax.totals(lines, currency=currency, rounding_rule=RoundingRule.PER_LINE)
    assert once.net_minor == each.net_minor
    assert 2 * abs(once.tax_minor - each.tax_minor) <= len(lines) + len(once.groups)


def whole_numbers(value: Any) -> bool:
    """Whether every figure in a result, however deep, is an int; a bool or a float is none."""
    if isinstance(value, tuple):
        return all(whole_numbers(part) for part in value)
    if dataclasses.is_dataclass(value):
        return all(whole_numbers(getattr(value, part.name)) for part in dataclasses.fields(value))
    return isinstance(value, str) or type(value) is int


@given(lines=documents(), currency=CURRENCIES, discount=SHARES)
@settings(deadline=None)
def test_every_figure_is_a_whole_number(lines: list[LineInput], currency: str, discount: Discount) -> None:
    assert whole_numbers(tax.totals(lines, currency=currency, discount=discount))
    assert not whole_numbers((1, 1.0))


def test_the_same_lines_give_the_same_totals_and_nothing_can_be_changed() -> None:
    lines = [line("3", "9.99", STANDARD), line("1", "5", ZERO)]
    totals = tax.totals(lines, currency="GBP", discount=Discount.percent(55_000))
    assert totals == tax.totals(list(lines), currency="GBP", discount=Discount.percent(55_000))
    with pytest.raises(dataclasses.FrozenInstanceError):
        totals.total_minor = 0  # type: ignore[misc] # the point of the test


def test_the_callers_decimal_context_changes_nothing() -> None:
    lines = [line("123456.789", "98765.432101", STANDARD, per="7")]
    usual = tax.totals(lines, currency="KWD")
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_DOWN):
        assert tax.totals(lines, currency="KWD") == usual


# Rounding


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("0.125", "GBP", 13),
        ("-0.125", "GBP", -13),
        ("0.124999999999999999999999999999999", "GBP", 12),
        ("0.5", "JPY", 1),
        ("-0.5", "JPY", -1),
        ("0.4999", "JPY", 0),
        ("1.0005", "KWD", 1001),
        ("5.625", "EUR", 563),
        ("12345678901234567890.125", "EUR", 1234567890123456789013),
    ],
)
def test_half_a_minor_unit_is_rounded_away_from_zero(value: str, currency: str, minor: int) -> None:
    assert tax.round_minor(Decimal(value), currency) == minor


@given(value=st.decimals(-(10**12), 10**12, places=9), currency=CURRENCIES)
def test_rounding_agrees_with_a_second_one(value: Decimal, currency: str) -> None:
    rounded = tax.round_minor(value, currency)
    assert rounded == half_up(Fraction(value) * 10 ** money.exponent(currency))
    assert type(rounded) is int


@given(minor=st.integers(-(10**12), 10**12), part=st.integers(-1000, 1000), whole=st.integers(1, 1000))
def test_a_portion_is_rounded_once_and_mirrored(minor: int, part: int, whole: int) -> None:
    assert tax.portion(minor, part=part, whole=whole) == half_up(Fraction(minor * part, whole))
    assert tax.portion(-minor, part=part, whole=whole) == -tax.portion(minor, part=part, whole=whole)


def test_a_portion_of_days() -> None:
    assert tax.portion(10000, part=10, whole=31) == 3226
    with pytest.raises(AssertionError):
        tax.portion(10000, part=10, whole=0)
