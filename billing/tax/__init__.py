"""From a document's lines to its totals: one pure function in whole minor units; the one place that rounds.

The rules are EN 16931-1:2017: a line's net, the sums, one tax per category and rate, what a category may say.
Each printed figure is rounded once, half away from zero, and follows from those printed before it.
"""

from billing.tax.calculation import CATEGORIES, MAX_LINES, MAX_PRICE, MAX_QUANTITY, totals
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
    CATEGORY_NAMES,
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
    TaxRefusal,
    TaxTwiceOnLine,
    TooManyLines,
    TotalTooLarge,
)
from billing.tax.rounding import portion, round_minor

__all__ = [
    "CATEGORIES",
    "CATEGORY_NAMES",
    "MAX_LINES",
    "MAX_PRICE",
    "MAX_QUANTITY",
    "PPM",
    "Discount",
    "DiscountKind",
    "DiscountOnReturn",
    "DiscountOutOfBounds",
    "LineInput",
    "LineTotal",
    "LineWithoutTax",
    "NegativeTotal",
    "OutOfScopeMixed",
    "PriceOutOfBounds",
    "QuantityOutOfBounds",
    "RoundingRule",
    "Tax",
    "TaxCategoryUnknown",
    "TaxGroup",
    "TaxKind",
    "TaxKindNotSupported",
    "TaxRateNotAllowed",
    "TaxReasonMissing",
    "TaxReasonNotAllowed",
    "TaxRefusal",
    "TaxTwiceOnLine",
    "TooManyLines",
    "TotalTooLarge",
    "Totals",
    "portion",
    "round_minor",
    "totals",
]
