"""What totals() is asked with: lines, their taxes and discounts, and the rule of rounding."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

PPM = 1_000_000


class RoundingRule(StrEnum):
    """Where tax is rounded; a setting of the seller, frozen on each document."""

    PER_TAX_GROUP = "per_tax_group"  # once per category and rate: EN 16931 BR-CO-17
    PER_LINE = "per_line"  # on each line; a group's tax is the sum


class TaxKind(StrEnum):
    """How a tax is worked out. PERCENT alone is calculated so far; the others are refused by name."""

    PERCENT = "percent"
    INCLUSIVE = "inclusive"  # inside the price
    FIXED_PER_UNIT = "fixed_per_unit"  # so much per piece, whatever the price
    WITHHELD = "withheld"  # kept back by the buyer


class DiscountKind(StrEnum):
    """A share of what is discounted, or a sum of money."""

    PERCENT = "percent"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """One tax of one line: its UNTDID 5305 category and its rate in parts per million (20% is 200,000).

    `reason` is printed where nothing is charged (E, AE, K, G, O). `scheme` tells taxes of one line apart, as
    India's CGST and SGST; groups are one per scheme, category and rate. The two flags are for compound taxes:
    whether later taxes are charged on this one, and whether this one is charged on earlier ones.
    """

    category: str
    rate_ppm: int
    reason: str = ""
    name: str = ""
    scheme: str = "VAT"
    kind: TaxKind = TaxKind.PERCENT
    in_later_bases: bool = False
    on_earlier_taxes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """Money off: a share in parts per million, or a sum in minor units. Zero is no discount."""

    kind: DiscountKind
    value: int

    @classmethod
    def percent(cls, ppm: int) -> Self:
        """A share of the line's gross, or of the sum of lines: 10% is 100,000."""
        return cls(kind=DiscountKind.PERCENT, value=ppm)

    @classmethod
    def fixed(cls, minor: int) -> Self:
        """A sum in minor units of the document's currency."""
        return cls(kind=DiscountKind.FIXED, value=minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineInput:
    """One line: quantity times unit price (major units, without tax) per base quantity, less its discount.

    A quantity below zero takes something back, as a returned item does; a price is never below zero (BR-27).
    """

    quantity: Decimal
    unit_price: Decimal
    taxes: tuple[Tax, ...]
    discount: Discount | None = None
    base_quantity: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTotal:
    """A line's figures: gross less discount is net; the document discount's part is taken off before tax."""

    gross_minor: int
    discount_minor: int
    net_minor: int
    document_discount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxGroup:
    """One row of the tax table (EN 16931 BG-23): what is taxed, and the tax on it."""

    category: str
    rate_ppm: int
    reason: str
    base_minor: int
    tax_minor: int
    name: str = ""
    scheme: str = "VAT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """A document's figures: lines less discount is net (BR-CO-13), net and tax are the total (BR-CO-15)."""

    lines: tuple[LineTotal, ...]
    groups: tuple[TaxGroup, ...]
    lines_minor: int
    discount_minor: int
    net_minor: int
    tax_minor: int
    total_minor: int
