"""From what is asked for to the figures of a credit note: one pure function in whole minor units.

Rates are the invoice's own. Whatever takes the last of a tax group takes its remainder, base and tax, so that all
credit notes of an invoice sum to it exactly, group by group, in whatever order they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from billing import formatting, money, tax
from billing.credit_notes import refusals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from billing.credit_notes.content import CreditContent, LinePart
    from billing.credit_notes.remainder import GroupKey, GroupLeft, LineLeft, Remainder

MICRO = 10**6  # quantities have at most six decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditedLine:
    """One line of a credit note. Without a quantity it credits an amount."""

    invoice_line_id: int | None
    description: str
    quantity: str
    unit: str
    unit_price: str
    category: str
    rate_ppm: int
    reason: str
    net_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a credit note comes to: positive sums; groups are negative where the invoice's are."""

    lines: tuple[CreditedLine, ...]
    groups: tuple[tax.TaxGroup, ...]

    @property
    def net_minor(self) -> int:
        """Without tax."""
        return sum(group.base_minor for group in self.groups)

    @property
    def tax_minor(self) -> int:
        """The tax alone."""
        return sum(group.tax_minor for group in self.groups)

    @property
    def total_minor(self) -> int:
        """With tax."""
        return self.net_minor + self.tax_minor


def figures(left: Remainder, content: CreditContent) -> Figures:
    """What a credit note of this content comes to. Raises the refusals of billing/credit_notes/refusals.py."""
    if left.total_minor <= 0:
        raise refusals.NothingLeftToCredit(left.invoice)
    if content.shape == "full":
        found = _full(left)
    elif content.shape == "lines":
        found = _of_lines(left, content.lines)
    else:
        found = _of_amount(left, content.gross_minor)
    if found.total_minor <= 0:
        raise refusals.NothingCredited
    if found.total_minor > left.total_minor:
        raise refusals.CreditExceedsInvoice(left.invoice, asked_minor=found.total_minor, left_minor=left.total_minor)
    taken = {(group.category, group.rate_ppm): (group.base_minor, group.tax_minor) for group in found.groups}
    if found.total_minor == left.total_minor and any(
        taken.get(group.key, (0, 0)) != (group.base_minor, group.tax_minor) for group in left.groups
    ):
        raise refusals.RestCancelsOut
    assert sum(line.net_minor for line in found.lines) == found.net_minor, "the lines of a credit note add up to it"
    return found


def _full(left: Remainder) -> Figures:
    """All that is left: each line's rest, and a line for what was credited before without naming lines."""
    rows = [_row(line, line.left_minor, quantity=line.quantity_left) for line in left.lines if line.left_minor]
    for group in left.groups:
        listed = sum(row.net_minor for row in rows if (row.category, row.rate_ppm) == group.key)
        if listed != group.base_minor:
            words = "Credited before, without naming lines" if listed > group.base_minor else "Rest of the invoice"
            rows.append(_plain_row(words, group, group.base_minor - listed))
    return Figures(
        lines=tuple(rows), groups=_groups(left.groups, {g.key: (g.base_minor, g.tax_minor) for g in left.groups})
    )


def _of_lines(left: Remainder, parts: Sequence[LinePart]) -> Figures:
    """Some lines, each by a quantity or by a net amount."""
    known = {line.line.id: line for line in left.lines}
    rows = []
    for part in parts:
        line = known.get(part.line_id)
        if line is None:
            raise refusals.NotALineOfInvoice(part.line_id)
        net = _net_of(line, part, left.invoice.currency)
        if net:
            rows.append(_row(line, net, quantity=part.quantity))
    per_line = left.invoice.rounding_rule == tax.RoundingRule.PER_LINE
    taken: dict[GroupKey, tuple[int, int]] = {}
    for group in left.groups:
        nets = [row.net_minor for row in rows if (row.category, row.rate_ppm) == group.key]
        base = sum(nets)
        if not base:
            continue
        if base > max(group.base_minor, 0):
            words = formatting.rate(group.rate_ppm)
            raise refusals.CreditExceedsGroup(words=words, left_minor=group.base_minor, currency=left.invoice.currency)
        if base == group.base_minor:
            taken[group.key] = (base, group.tax_minor)
        else:
            parts_taxed = nets if per_line else [base]
            on_it = sum(tax.portion(net, part=group.rate_ppm, whole=tax.PPM) for net in parts_taxed)
            taken[group.key] = (base, _between(on_it, 0, group.tax_minor))
    return Figures(lines=tuple(rows), groups=_groups(left.groups, taken))


def _of_amount(left: Remainder, gross_minor: int) -> Figures:
    """An amount with tax, over the groups by what is left of them; tax is rounded, net is the remainder."""
    if gross_minor > left.total_minor:
        raise refusals.CreditExceedsInvoice(left.invoice, asked_minor=gross_minor, left_minor=left.total_minor)
    taken: dict[GroupKey, tuple[int, int]] = {}
    shares = _shares(gross_minor, [group.gross_minor for group in left.groups])
    for group, share in zip(left.groups, shares, strict=True):
        if gross_minor == left.total_minor or (share and share == group.gross_minor):
            taken[group.key] = (group.base_minor, group.tax_minor)
        elif share:
            taken[group.key] = _with_tax_inside(share, group)
    words = f"Credit on invoice {left.invoice.number}"
    rows = [_plain_row(words, group, taken[group.key][0]) for group in left.groups if taken.get(group.key, (0, 0))[0]]
    return Figures(lines=tuple(rows), groups=_groups(left.groups, taken))


def _shares(minor: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by weights of either sign, whose sum is above zero: each part stays within its weight."""
    if all(weight >= 0 for weight in weights):
        return money.share(minor, weights)
    whole = sum(weights)
    parts = [minor * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -(minor * weights[i] % whole))
    for i in by_remainder[: minor - sum(parts)]:
        parts[i] += 1
    return parts


def _with_tax_inside(share: int, group: GroupLeft) -> tuple[int, int]:
    """Base and tax of a gross amount, neither beyond what is left of the group."""
    inside = tax.portion(share, part=group.rate_ppm, whole=tax.PPM + group.rate_ppm)
    lowest = max(min(0, group.tax_minor), share - max(0, group.base_minor))
    highest = min(max(0, group.tax_minor), share - min(0, group.base_minor))
    assert lowest <= highest, "a part of a group fits into it"
    tax_minor = min(max(inside, lowest), highest)
    return share - tax_minor, tax_minor


def _net_of(line: LineLeft, part: LinePart, currency: str) -> int:
    """What is asked of a line, in net minor units. Raises CreditExceedsLine."""
    assert (part.quantity is None) != (part.net_minor is None), "a quantity or an amount"
    left = max(line.left_minor, 0)
    if part.net_minor is not None:
        if not 0 <= part.net_minor <= left:
            raise refusals.CreditExceedsLine(
                line.line, left=formatting.money(left, currency), field=f"amount-{line.line.id}"
            )
        return part.net_minor
    assert part.quantity is not None, "see above"
    most = max(line.quantity_left, Decimal(0))
    if not 0 <= part.quantity <= most:
        words = formatting.quantity(most)
        raise refusals.CreditExceedsLine(line.line, left=words, field=f"quantity-{line.line.id}")
    if part.quantity == line.quantity_left:
        return left
    whole = int(Decimal(line.line.quantity) * MICRO)
    return min(tax.portion(line.base_minor, part=int(part.quantity * MICRO), whole=whole), left)


def _between(value: int, one: int, other: int) -> int:
    return min(max(value, min(one, other)), max(one, other))


def _groups(order: Iterable[GroupLeft], taken: dict[GroupKey, tuple[int, int]]) -> tuple[tax.TaxGroup, ...]:
    return tuple(
        tax.TaxGroup(
            category=group.category,
            rate_ppm=group.rate_ppm,
            reason=group.reason,
            base_minor=taken[group.key][0],
            tax_minor=taken[group.key][1],
        )
        for group in order
        if taken.get(group.key, (0, 0)) != (0, 0)
    )


def _row(line: LineLeft, net_minor: int, *, quantity: Decimal | None) -> CreditedLine:
    by_quantity = bool(quantity)
    return CreditedLine(
        invoice_line_id=line.line.id,
        description=line.line.description,
        quantity=format(quantity, "f") if quantity else "",
        unit=line.line.unit if by_quantity else "",
        unit_price=line.line.unit_price if by_quantity else "",
        category=line.line.tax_category,
        rate_ppm=line.line.tax_rate_ppm,
        reason=line.line.tax_reason,
        net_minor=net_minor,
    )


def _plain_row(words: str, group: GroupLeft, net_minor: int) -> CreditedLine:
    return CreditedLine(
        invoice_line_id=None,
        description=words,
        quantity="",
        unit="",
        unit_price="",
        category=group.category,
        rate_ppm=group.rate_ppm,
        reason=group.reason,
        net_minor=net_minor,
    )
