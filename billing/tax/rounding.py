"""The only rounding there is: half away from zero, on exact fractions of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import money

if TYPE_CHECKING:
    from decimal import Decimal


def round_minor(value: Decimal, currency: str) -> int:
    """A decimal in major units as minor units: 0.125 GBP is 13, -0.125 is -13. Raises: UnknownCurrency."""
    assert value.is_finite(), "an amount is finite"
    numerator, denominator = value.as_integer_ratio()
    return round_ratio(numerator * int(10 ** money.exponent(currency)), denominator)


def portion(minor: int, *, part: int, whole: int) -> int:
    """`part` of `whole` of an amount: days used of a period's days, a rate of a million.

    Parts rounded one by one need not add up to the amount; where they must, money.share splits it.
    """
    return round_ratio(minor * part, whole)


def round_ratio(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction; exactly between two, the one further from zero."""
    assert type(numerator) is int, "only whole numbers are exact"
    assert type(denominator) is int, "only whole numbers are exact"
    assert denominator > 0, "a fraction has a positive denominator"
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size
