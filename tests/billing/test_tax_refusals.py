"""What no document may say: every refusal of totals by name, with its field and its words."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from billing import money, tax
from billing.tax import Discount, LineInput, Tax

STANDARD = Tax(category="S", rate_ppm=200_000)
REDUCED = Tax(category="S", rate_ppm=50_000)
ZERO = Tax(category="Z", rate_ppm=0)
EXEMPT = Tax(category="E", rate_ppm=0, reason="Insurance, exempt")
OUTSIDE = Tax(category="O", rate_ppm=0, reason="Not subject to VAT")


def line(quantity: str, price: str, *taxes: Tax, discount: Discount | None = None, per: str = "1") -> LineInput:
    return LineInput(
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        taxes=taxes,
        discount=discount,
        base_quantity=Decimal(per),
    )


@pytest.mark.parametrize(
    ("charged", "refusal", "words"),
    [
        (Tax(category="S", rate_ppm=0), tax.TaxRateNotAllowed, "standard rate is above 0%"),
        (Tax(category="S", rate_ppm=-1), tax.TaxRateNotAllowed, "standard rate"),
        (Tax(category="S", rate_ppm=1_000_001), tax.TaxRateNotAllowed, "at most 100%"),
        (Tax(category="Z", rate_ppm=1), tax.TaxRateNotAllowed, "zero rate is 0%"),
        (Tax(category="E", rate_ppm=1, reason="x"), tax.TaxRateNotAllowed, "exempt is 0%"),
        (Tax(category="AE", rate_ppm=200_000, reason="x"), tax.TaxRateNotAllowed, "reverse charge is 0%"),
        (Tax(category="K", rate_ppm=1, reason="x"), tax.TaxRateNotAllowed, "intra-community supply is 0%"),
        (Tax(category="G", rate_ppm=1, reason="x"), tax.TaxRateNotAllowed, "export outside the EU is 0%"),
        (Tax(category="O", rate_ppm=1, reason="x"), tax.TaxRateNotAllowed, "outside the scope of tax is 0%"),
        (Tax(category="E", rate_ppm=0), tax.TaxReasonMissing, "reason for exempt"),
        (Tax(category="AE", rate_ppm=0, reason="  "), tax.TaxReasonMissing, "reason for reverse charge"),
        (Tax(category="K", rate_ppm=0), tax.TaxReasonMissing, "intra-community"),
        (Tax(category="G", rate_ppm=0), tax.TaxReasonMissing, "export"),
        (Tax(category="O", rate_ppm=0), tax.TaxReasonMissing, "outside the scope"),
        (Tax(category="S", rate_ppm=200_000, reason="x"), tax.TaxReasonNotAllowed, "standard rate has no"),
        (Tax(category="Z", rate_ppm=0, reason="x"), tax.TaxReasonNotAllowed, "zero rate has no"),
        (Tax(category="L", rate_ppm=1), tax.TaxCategoryUnknown, "from the list"),
        (Tax(category="s", rate_ppm=1), tax.TaxCategoryUnknown, "from the list"),
    ],
)
def test_a_tax_its_category_forbids_is_refused_by_name(charged: Tax, refusal: type[tax.TaxRefusal], words: str) -> None:
    with pytest.raises(refusal, match=words) as refused:
        tax.totals([line("1", "1", STANDARD), line("1", "1", charged)], currency="GBP")
    assert (refused.value.field, refused.value.line, refused.value.tax) == ("lines-1-tax", 1, charged)


@pytest.mark.parametrize(
    "unlike",
    [
        {"kind": tax.TaxKind.INCLUSIVE},
        {"kind": tax.TaxKind.FIXED_PER_UNIT},
        {"kind": tax.TaxKind.WITHHELD},
        {"in_later_bases": True},
        {"on_earlier_taxes": True},
    ],
)
def test_kinds_of_tax_that_do_not_exist_yet_are_refused_by_name(unlike: dict[str, Any]) -> None:
    with pytest.raises(tax.TaxKindNotSupported) as refused:
        tax.totals([line("1", "1", dataclasses.replace(STANDARD, **unlike))], currency="GBP")
    assert refused.value.field == "lines-0-tax"


def test_a_line_without_a_tax_is_refused() -> None:
    untaxed = LineInput(quantity=Decimal(1), unit_price=Decimal(1), taxes=())
    with pytest.raises(tax.LineWithoutTax) as refused:
        tax.totals([untaxed], currency="GBP")
    assert refused.value.field == "lines-0-tax"


def test_the_same_tax_twice_on_a_line_is_refused() -> None:
    with pytest.raises(tax.TaxTwiceOnLine):
        tax.totals([line("1", "1", STANDARD, STANDARD)], currency="GBP")


@pytest.mark.parametrize("taxes", [(STANDARD, OUTSIDE), (OUTSIDE, ZERO), (OUTSIDE, OUTSIDE, EXEMPT)])
def test_outside_the_scope_of_tax_stands_alone(taxes: tuple[Tax, ...]) -> None:
    with pytest.raises(tax.OutOfScopeMixed) as refused:
        tax.totals([line("1", "1", charged) for charged in taxes], currency="GBP")
    assert refused.value.line == taxes.index(OUTSIDE)


@pytest.mark.parametrize(
    ("discount", "value"),
    [
        (Discount.percent(-1), -1),
        (Discount.percent(1_000_001), 1_000_001),
        (Discount.fixed(-1), -1),
        (Discount.fixed(101), 101),
    ],
)
def test_a_discount_is_from_nothing_to_all(discount: Discount, value: int) -> None:
    with pytest.raises(tax.DiscountOutOfBounds) as on_line:
        tax.totals([line("1", "1", STANDARD, discount=discount)], currency="GBP")
    assert (on_line.value.field, on_line.value.value) == ("lines-0-discount", value)
    with pytest.raises(tax.DiscountOutOfBounds) as on_document:
        tax.totals([line("1", "1", STANDARD)], currency="GBP", discount=discount)
    assert (on_document.value.field, on_document.value.line) == ("discount", None)


def test_a_line_that_takes_something_back_has_no_discount() -> None:
    lines = [line("2", "1", STANDARD), line("-1", "1", STANDARD, discount=Discount.percent(1))]
    with pytest.raises(tax.DiscountOnReturn) as refused:
        tax.totals(lines, currency="GBP")
    assert refused.value.field == "lines-1-discount"


@pytest.mark.parametrize("discount", [None, Discount.percent(100_000)])
def test_a_document_below_zero_is_refused(discount: Discount | None) -> None:
    lines = [line("1", "1", STANDARD), line("-1", "1.01", STANDARD)]
    with pytest.raises(tax.NegativeTotal, match="credit note") as refused:
        tax.totals(lines, currency="GBP", discount=discount)
    assert refused.value.net_minor == -1


def test_a_document_whose_tax_is_below_zero_is_refused() -> None:
    lines = [line("1", "100", ZERO), line("-1", "50", STANDARD)]
    with pytest.raises(tax.NegativeTotal) as refused:
        tax.totals(lines, currency="GBP")
    assert (refused.value.net_minor, refused.value.tax_minor) == (5000, -1000)


@pytest.mark.parametrize(
    "quantity",
    ["1000000001", "-1000000001", "0.0000001", "1E+13", "NaN", "Infinity", "1E-999999", "0E+99999"],
)
def test_a_quantity_too_large_or_too_fine_is_refused(quantity: str) -> None:
    with pytest.raises(tax.QuantityOutOfBounds) as refused:
        tax.totals([line(quantity, "1", STANDARD)], currency="GBP")
    assert refused.value.field == "lines-0-quantity"


@pytest.mark.parametrize("per", ["0", "-1", "NaN", "1000000001"])
def test_a_base_quantity_is_above_zero(per: str) -> None:
    with pytest.raises(tax.QuantityOutOfBounds, match="above zero") as refused:
        tax.totals([line("1", "1", STANDARD, per=per)], currency="GBP")
    assert refused.value.field == "lines-0-base_quantity"


@pytest.mark.parametrize("price", ["1000000000001", "0.0000001", "NaN", "-Infinity", "sNaN"])
def test_a_price_too_large_or_too_fine_is_refused(price: str) -> None:
    with pytest.raises(tax.PriceOutOfBounds) as refused:
        tax.totals([line("1", price, STANDARD)], currency="GBP")
    assert refused.value.field == "lines-0-unit_price"


def test_a_price_below_zero_is_refused_and_told_what_to_do() -> None:
    with pytest.raises(tax.PriceOutOfBounds, match="make the quantity negative"):
        tax.totals([line("1", "-0.01", STANDARD)], currency="GBP")


def test_figures_beyond_the_most_are_refused() -> None:
    most = line("1000000", "10000000", ZERO)
    assert tax.totals([most], currency="GBP").total_minor == money.MAX_MINOR
    with pytest.raises(tax.TotalTooLarge) as on_line:
        tax.totals([line("1000000", "10000000.01", ZERO)], currency="GBP")
    assert on_line.value.field == "lines-0-quantity"
    with pytest.raises(tax.TotalTooLarge) as on_sum:
        tax.totals([most, line("1", "0.01", ZERO)], currency="GBP")
    assert on_sum.value.field == "lines"
    with pytest.raises(tax.TotalTooLarge):
        tax.totals([line("1000000", "10000000", REDUCED)], currency="GBP")


def test_a_document_has_ten_thousand_lines_at_most() -> None:
    lines = [line("1", "0.01", STANDARD)] * 10_000
    assert tax.totals(lines, currency="GBP", discount=Discount.fixed(1)).net_minor == 9_999
    with pytest.raises(tax.TooManyLines) as refused:
        tax.totals([*lines, lines[0]], currency="GBP")
    assert refused.value.count == 10_001


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(money.UnknownCurrency):
        tax.totals([line("1", "1", STANDARD)], currency="XXX")


def test_a_float_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="Decimal"):
        tax.totals(
            [LineInput(quantity=1.5, unit_price=Decimal(1), taxes=(STANDARD,))],  # type: ignore[arg-type] # the point
            currency="GBP",
        )
    with pytest.raises(AssertionError, match="parts per million"):
        tax.totals([line("1", "1", Tax(category="S", rate_ppm=0.2))], currency="GBP")  # type: ignore[arg-type] # the point
    with pytest.raises(AssertionError, match="whole"):
        tax.totals([line("1", "1", STANDARD, discount=Discount.fixed(0.5))], currency="GBP")  # type: ignore[arg-type] # the point
