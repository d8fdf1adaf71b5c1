"""The calculation, from the top: lines, the document's discount over them, groups, sums (EN 16931 BR-CO-10 to 17)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from billing import money
from billing.tax.inputs import (
    PPM,
    Discount,
    DiscountKind,
    LineInput,
    LineTotal,
    RoundingRule,
    Tax,
    TaxGroup,
    TaxKind,
    Totals,
)
from billing.tax.refusals import (
    DiscountOnReturn,
    DiscountOutOfBounds,
    LineWithoutTax,
    NegativeTotal,
    OutOfScopeMixed,
    PriceOutOfBounds,
    QuantityOutOfBounds,
    TaxCategoryUnknown,
    TaxKindNotSupported,
    TaxRateNotAllowed,
    TaxReasonMissing,
    TaxReasonNotAllowed,
    TaxTwiceOnLine,
    TooManyLines,
    TotalTooLarge,
)
from billing.tax.rounding import portion, round_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_LINES = 10_000
MAX_QUANTITY = Decimal(1_000_000_000)
MAX_PRICE = Decimal(1_000_000_000_000)
MAX_PLACES = 6

# UNTDID 5305, in the order of a tax table's rows.
CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O")
WITH_REASON = frozenset({"E", "AE", "K", "G", "O"})

type_of_key = tuple[int, int, str]
