"""What totals() refuses, each with its facts, its form field and its words. `line` counts from 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.errors import Refusal

if TYPE_CHECKING:
    from decimal import Decimal

    from billing.tax.inputs import Tax

CATEGORY_NAMES = {
    "S": "standard rate",
    "Z": "zero rate",
    "E": "exempt",
    "AE": "reverse charge",
    "K": "intra-community supply",
    "G": "export outside the EU",
    "O": "outside the scope of tax",
}


class TooManyLines(Refusal):
    """A document has a limit of lines."""

    def __init__(self, count: int, *, most: int) -> None:
        super().__init__(f"An invoice has at most {most:,} lines; this one has {count:,}", field="lines")
        self.count = count
        self.most = most


class QuantityOutOfBounds(Refusal):
    """A quantity, or base quantity, too large, too fine, or a base quantity not above zero."""

    def __init__(self, line: int, quantity: Decimal, *, most: Decimal, base: bool = False) -> None:
        least = "above zero and " if base else ""
        field = f"lines-{line}-{'base_quantity' if base else 'quantity'}"
        super().__init__(f"Enter a quantity {least}up to {most:,}, with at most 6 decimals", field=field)
        self.line = line
        self.quantity = quantity


class PriceOutOfBounds(Refusal):
    """A unit price below zero (EN 16931 BR-27), too large or too fine."""

    def __init__(self, line: int, unit_price: Decimal, *, most: Decimal) -> None:
        words = f"Enter a price from 0 to {most:,}, with at most 6 decimals"
        if unit_price.is_finite() and unit_price < 0:
            words = "Enter a price of 0 or more. To take money off, make the quantity negative"
        super().__init__(words, field=f"lines-{line}-unit_price")
        self.line = line
        self.unit_price = unit_price


class LineWithoutTax(Refusal):
    """Every line says how it is taxed, even where nothing is charged (BR-CO-04)."""

    def __init__(self, line: int) -> None:
        super().__init__("Choose a tax for this line", field=f"lines-{line}-tax")
        self.line = line


class TaxRefusal(Refusal):
    """A tax of one line that cannot be; `tax` is the one meant."""

    def __init__(self, words: str, line: int, tax: Tax) -> None:
        super().__init__(words, field=f"lines-{line}-tax")
        self.line = line
        self.tax = tax


class TaxKindNotSupported(TaxRefusal):
    """Compound, price-inclusive, fixed-per-unit and withheld taxes are not calculated yet."""

    def __init__(self, line: int, tax: Tax) -> None:
        super().__init__("This kind of tax cannot be used yet. Choose a percentage tax", line, tax)


class TaxCategoryUnknown(TaxRefusal):
    """Not one of S, Z, E, AE, K, G, O."""

    def __init__(self, line: int, tax: Tax) -> None:
        super().__init__("Choose a tax category from the list", line, tax)


class TaxRateNotAllowed(TaxRefusal):
    """Standard rate is above 0% (BR-S-05); all other categories are 0% (BR-Z-05, BR-E-05, BR-AE-05 ...)."""

    def __init__(self, line: int, tax: Tax) -> None:
        category = CATEGORY_NAMES[tax.category]
        limit = "above 0% and at most 100%" if tax.category == "S" else "0%"
        super().__init__(f"The rate of the category {category} is {limit}", line, tax)


class TaxReasonMissing(TaxRefusal):
    """A line without tax says why (BR-E-10, BR-AE-10, BR-IC-10, BR-G-10, BR-O-10)."""

    def __init__(self, line: int, tax: Tax) -> None:
        super().__init__(f"Enter the reason for {CATEGORY_NAMES[tax.category]}; it is printed", line, tax)


class TaxReasonNotAllowed(TaxRefusal):
    """Standard and zero rate carry no reason of exemption (BR-S-10, BR-Z-10)."""

    def __init__(self, line: int, tax: Tax) -> None:
        category = CATEGORY_NAMES[tax.category]
        super().__init__(f"The category {category} has no exemption reason. Leave it empty", line, tax)


class TaxTwiceOnLine(TaxRefusal):
    """The same scheme, category and rate twice on one line."""

    def __init__(self, line: int, tax: Tax) -> None:
        super().__init__("This line has the same tax twice. Keep one of them", line, tax)


class OutOfScopeMixed(TaxRefusal):
    """A document outside the scope of tax has no other tax beside it (BR-O-11, BR-O-12)."""

    def __init__(self, line: int, tax: Tax) -> None:
        super().__init__("Lines outside the scope of tax need an invoice of their own, without taxed lines", line, tax)


class DiscountOutOfBounds(Refusal):
    """A discount below zero, a share above 100%, or more than what it is taken off."""

    def __init__(self, value: int, *, line: int | None) -> None:
        what = "the invoice's lines" if line is None else "this line"
        field = "discount" if line is None else f"lines-{line}-discount"
        super().__init__(f"Enter a discount from 0 up to the whole of {what}", field=field)
        self.value = value
        self.line = line


class DiscountOnReturn(Refusal):
    """A line that takes something back has no discount: its price is what was paid."""

    def __init__(self, line: int) -> None:
        super().__init__(
            "A line with a negative quantity has no discount. Enter the discounted price",
            field=f"lines-{line}-discount",
        )
        self.line = line


class NegativeTotal(Refusal):
    """Net, tax and total of a document are zero or more; money back is a credit note."""

    def __init__(self, *, net_minor: int, tax_minor: int) -> None:
        super().__init__("An invoice cannot come to less than zero. Issue a credit note instead", field="lines")
        self.net_minor = net_minor
        self.tax_minor = tax_minor


class TotalTooLarge(Refusal):
    """A figure beyond 10^15 minor units."""

    def __init__(self, minor: int, *, line: int | None = None) -> None:
        field = "lines" if line is None else f"lines-{line}-quantity"
        super().__init__("This comes to more than an invoice can hold. Lower a quantity or price", field=field)
        self.minor = minor
        self.line = line
