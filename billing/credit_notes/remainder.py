"""What is left of an invoice to credit: of its whole, of each tax group, of each line.

Credit notes that wait for approval reserve what they credit, so that two people cannot credit the same twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing import tax
from billing.db import execute
from billing.invoices.content import DiscountContent
from billing.invoices.reading import lines, taxes

if TYPE_CHECKING:
    from billing.tables import Invoice, InvoiceLine

COUNTS = "('awaiting', 'issued')"

GroupKey = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLeft:
    """One tax group of the invoice, and what is not credited of it; minor units, negative where more was returned."""

    category: str
    rate_ppm: int
    reason: str
    base_minor: int
    tax_minor: int

    @property
    def key(self) -> GroupKey:
        """What tells groups apart."""
        return self.category, self.rate_ppm

    @property
    def gross_minor(self) -> int:
        """With its tax."""
        return self.base_minor + self.tax_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLeft:
    """One line of the invoice, and what is not credited of it.

    `base_minor` is its net after its part of the document's discount; `left_minor` never more than its group has.
    """

    line: InvoiceLine
    base_minor: int
    left_minor: int
    quantity_left: Decimal

    @property
    def key(self) -> GroupKey:
        """The tax group it belongs to."""
        return self.line.tax_category, self.line.tax_rate_ppm


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What is left of an invoice."""

    invoice: Invoice
    groups: tuple[GroupLeft, ...]
    lines: tuple[LineLeft, ...]

    @property
    def total_minor(self) -> int:
        """What can still be credited, with tax."""
        return sum(group.gross_minor for group in self.groups)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was credited yet."""
        return self.total_minor == self.invoice.total_minor


def remainder_of(invoice: Invoice) -> Remainder:
    """What is left of an issued invoice; the caller has locked it where the answer must last."""
    groups = _groups(invoice)
    left = {group.key: group.base_minor for group in groups}
    taken = _taken_of_lines(invoice.id)
    document_lines = lines(invoice.id)
    kept = []
    for line, base in zip(document_lines, bases(invoice, document_lines), strict=True):
        quantity, net = taken.get(line.id, (Decimal(0), 0))
        rest = base - net
        kept.append(
            LineLeft(
                line=line,
                base_minor=base,
                left_minor=min(rest, max(left[line.tax_category, line.tax_rate_ppm], 0)) if rest > 0 else rest,
                quantity_left=Decimal(line.quantity) - quantity,
            )
        )
    return Remainder(invoice=invoice, groups=groups, lines=tuple(kept))


def bases(invoice: Invoice, document_lines: list[InvoiceLine]) -> list[int]:
    """What each line is taxed on: its net less its part of the document's discount."""
    found = tax.totals(
        [_as_tax_input(line) for line in document_lines],
        currency=invoice.currency,
        discount=DiscountContent(kind=invoice.discount_kind, value=invoice.discount_value).as_tax_input(),
        rounding_rule=tax.RoundingRule(invoice.rounding_rule),
    )
    assert found.total_minor == invoice.total_minor, "an issued invoice comes to what it says"
    return [line.net_minor - line.document_discount_minor for line in found.lines]


def _as_tax_input(line: InvoiceLine) -> tax.LineInput:
    return tax.LineInput(
        quantity=Decimal(line.quantity),
        unit_price=Decimal(line.unit_price),
        taxes=(tax.Tax(category=line.tax_category, rate_ppm=line.tax_rate_ppm, reason=line.tax_reason),),
        discount=DiscountContent(kind=line.discount_kind, value=line.discount_value).as_tax_input(),
    )


def _groups(invoice: Invoice) -> tuple[GroupLeft, ...]:
    rows = execute(
        f"""SELECT x.category, x.rate_ppm, SUM(x.base_minor), SUM(x.tax_minor)
        FROM credit_note c JOIN credit_note_tax x ON x.credit_note_id = c.id
        WHERE c.invoice_id = ? AND c.status IN {COUNTS} GROUP BY x.category, x.rate_ppm""",  # noqa: S608 - a constant
        (invoice.id,),
    ).fetchall()
    taken = {(category, rate): (int(base), int(tax_)) for category, rate, base, tax_ in rows}
    found = []
    for group in taxes(invoice.id):
        base, tax_minor = taken.get((group.category, group.rate_ppm), (0, 0))
        found.append(
            GroupLeft(
                category=group.category,
                rate_ppm=group.rate_ppm,
                reason=group.reason,
                base_minor=group.base_minor - base,
                tax_minor=group.tax_minor - tax_minor,
            )
        )
    return tuple(found)


def _taken_of_lines(invoice_id: int) -> dict[int, tuple[Decimal, int]]:
    """Quantity and net that credit notes took of each line; those by amount carry no quantity."""
    rows = execute(
        f"""SELECT l.invoice_line_id, l.quantity, l.net_minor
        FROM credit_note c JOIN credit_note_line l ON l.credit_note_id = c.id
        WHERE c.invoice_id = ? AND c.status IN {COUNTS} AND l.invoice_line_id IS NOT NULL""",  # noqa: S608 - a constant
        (invoice_id,),
    ).fetchall()
    found: dict[int, tuple[Decimal, int]] = {}
    for line_id, quantity, net in rows:
        before, minor = found.get(line_id, (Decimal(0), 0))
        found[line_id] = (before + Decimal(quantity or "0"), minor + int(net))
    return found
