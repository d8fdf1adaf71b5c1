"""The calculation from the top: lines, the document's discount over them, groups, sums (EN 16931 BR-CO)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

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
    from collections.abc import Sequence

MAX_LINES = 10_000
MAX_QUANTITY = Decimal(1_000_000_000)
MAX_PRICE = Decimal(1_000_000_000_000)
MAX_PLACES = 6

# UNTDID 5305, in the order of a tax table's rows.
CATEGORIES = ("S", "Z", "E", "AE", "K", "G", "O")
WITH_REASON = frozenset({"E", "AE", "K", "G", "O"})


class _GroupKey(NamedTuple):
    """What makes a tax group, in the order of the table: by category, higher rates first, then by scheme."""

    rank: int
    falling_rate: int
    scheme: str


def totals(
    lines: Sequence[LineInput],
    *,
    currency: str,
    discount: Discount | None = None,
    rounding_rule: RoundingRule = RoundingRule.PER_TAX_GROUP,
) -> Totals:
    """What the lines come to. Pure: the same lines give the same figures, in the same order, always.

    A line's net is round(quantity x price / base quantity) less its discount; BR-CO-10 adds them up. The
    document's discount is spread before tax, by largest remainder, over the sets of lines taxed alike
    and then over the lines of each, by what they are worth. Tax is rounded once per scheme, category and rate
    (BR-CO-17), or on each line. A group may be negative where more is taken back than sold; a total may not.
    No lines come to zero. Raises: UnknownCurrency and the refusals of billing/tax/refusals.py.
    """
    if len(lines) > MAX_LINES:
        raise TooManyLines(len(lines), most=MAX_LINES)
    places = money.exponent(currency)
    keys = _keys(lines)
    nets = [_line(index, line, places) for index, line in enumerate(lines)]
    lines_minor = _bounded(sum(net for _, _, net in nets))
    discount_minor = _document_discount(discount, lines_minor)
    parts = _spread(discount_minor, [net for _, _, net in nets], keys)
    bases = [net - part for (_, _, net), part in zip(nets, parts, strict=True)]
    groups = _groups(lines, keys, bases, rounding_rule)
    net_minor = lines_minor - discount_minor
    tax_minor = sum(group.tax_minor for group in groups)
    if net_minor < 0 or tax_minor < 0:
        raise NegativeTotal(net_minor=net_minor, tax_minor=tax_minor)
    assert sum(bases) == net_minor, "every minor unit of net is on a line"
    return Totals(
        lines=tuple(
            LineTotal(gross_minor=gross, discount_minor=off, net_minor=net, document_discount_minor=part)
            for (gross, off, net), part in zip(nets, parts, strict=True)
        ),
        groups=groups,
        lines_minor=lines_minor,
        discount_minor=discount_minor,
        net_minor=net_minor,
        tax_minor=tax_minor,
        total_minor=_bounded(net_minor + tax_minor),
    )


def _keys(lines: Sequence[LineInput]) -> list[tuple[_GroupKey, ...]]:
    """The tax groups of each line, once its taxes were found to be lawful."""
    known: dict[tuple[Tax, ...], tuple[_GroupKey, ...]] = {}
    keys = []
    for index, line in enumerate(lines):
        if line.taxes not in known:
            known[line.taxes] = _checked(index, line.taxes)
        keys.append(known[line.taxes])
    out_of_scope = CATEGORIES.index("O")
    if len({key.rank == out_of_scope for line_keys in keys for key in line_keys}) > 1:
        index = next(i for i, line_keys in enumerate(keys) if any(k.rank == out_of_scope for k in line_keys))
        raise OutOfScopeMixed(index, lines[index].taxes[0])
    return keys


def _checked(index: int, taxes: tuple[Tax, ...]) -> tuple[_GroupKey, ...]:
    """The keys of one line's taxes. Raises: TaxRefusal, LineWithoutTax."""
    if not taxes:
        raise LineWithoutTax(index)
    keys: list[_GroupKey] = []
    for tax in taxes:
        if tax.kind is not TaxKind.PERCENT or tax.in_later_bases or tax.on_earlier_taxes:
            raise TaxKindNotSupported(index, tax)
        if tax.category not in CATEGORIES:
            raise TaxCategoryUnknown(index, tax)
        assert type(tax.rate_ppm) is int, "a rate is whole parts per million"
        if not (0 < tax.rate_ppm <= PPM if tax.category == "S" else tax.rate_ppm == 0):
            raise TaxRateNotAllowed(index, tax)
        if tax.category in WITH_REASON and not tax.reason.strip():
            raise TaxReasonMissing(index, tax)
        if tax.category not in WITH_REASON and tax.reason.strip():
            raise TaxReasonNotAllowed(index, tax)
        key = _GroupKey(CATEGORIES.index(tax.category), -tax.rate_ppm, tax.scheme)
        if key in keys:
            raise TaxTwiceOnLine(index, tax)
        keys.append(key)
    return tuple(keys)


def _line(index: int, line: LineInput, places: int) -> tuple[int, int, int]:
    """Gross, discount and net of a line, in minor units; the discount is worked out on the rounded gross."""
    for quantity, base in ((line.quantity, False), (line.base_quantity, True)):
        if not _fits(quantity, MAX_QUANTITY) or (base and quantity <= 0):
            raise QuantityOutOfBounds(index, quantity, most=MAX_QUANTITY, base=base)
    if not _fits(line.unit_price, MAX_PRICE) or line.unit_price < 0:
        raise PriceOutOfBounds(index, line.unit_price, most=MAX_PRICE)
    over, under = line.quantity.as_integer_ratio()
    price_over, price_under = line.unit_price.as_integer_ratio()
    base_over, base_under = line.base_quantity.as_integer_ratio()
    numerator = over * price_over * base_under * int(10**places)
    gross = _bounded(round_ratio(numerator, under * price_under * base_over), line=index)
    off = _line_discount(index, line.discount, gross)
    return gross, off, gross - off


def _fits(value: Decimal, most: Decimal) -> bool:
    """Whether a number is finite, within the bound on both sides, and has at most 6 decimals."""
    assert type(value) is Decimal, "only a Decimal is exact"
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -MAX_PLACES <= exponent <= 12 and value.copy_abs() <= most


def _line_discount(index: int, discount: Discount | None, gross_minor: int) -> int:
    if discount is None or not discount.value:
        return 0
    if gross_minor < 0:
        raise DiscountOnReturn(index)
    return _taken_off(discount, gross_minor, line=index)


def _document_discount(discount: Discount | None, lines_minor: int) -> int:
    if lines_minor < 0:
        raise NegativeTotal(net_minor=lines_minor, tax_minor=0)
    return _taken_off(discount, lines_minor, line=None) if discount else 0


def _taken_off(discount: Discount, minor: int, *, line: int | None) -> int:
    """What a discount takes off an amount of zero or more: never less than nothing, never more than all."""
    assert type(discount.value) is int, "a discount is whole minor units or parts per million"
    share = discount.kind is DiscountKind.PERCENT
    if not 0 <= discount.value <= (PPM if share else minor):
        raise DiscountOutOfBounds(discount.value, line=line)
    return portion(minor, part=discount.value, whole=PPM) if share else discount.value


def _spread(discount_minor: int, nets: list[int], keys: list[tuple[_GroupKey, ...]]) -> list[int]:
    """Each line's part of the document's discount; lines and groups worth nothing, or less, carry none."""
    parts = [0] * len(nets)
    alike: dict[tuple[_GroupKey, ...], list[int]] = {}
    for index, line_keys in enumerate(keys):
        alike.setdefault(line_keys, []).append(index)
    weights = [max(0, sum(nets[i] for i in indices)) for indices in alike.values()]
    for indices, part in zip(alike.values(), money.share(discount_minor, weights), strict=True):
        within = money.share(part, [max(0, nets[i]) for i in indices])
        for index, minor in zip(indices, within, strict=True):
            parts[index] = minor
    return parts


def _groups(
    lines: Sequence[LineInput],
    keys: list[tuple[_GroupKey, ...]],
    bases: list[int],
    rounding_rule: RoundingRule,
) -> tuple[TaxGroup, ...]:
    """The tax table. Reasons of one category stand together in one row (BR-E-01 and others)."""
    base_minor: dict[_GroupKey, int] = {}
    tax_minor: dict[_GroupKey, int] = {}
    reasons: dict[_GroupKey, dict[str, None]] = {}
    names: dict[_GroupKey, str] = {}
    for line, line_keys, base in zip(lines, keys, bases, strict=True):
        for tax, key in zip(line.taxes, line_keys, strict=True):
            base_minor[key] = base_minor.get(key, 0) + base
            on_line = portion(base, part=tax.rate_ppm, whole=PPM)
            tax_minor[key] = tax_minor.get(key, 0) + on_line
            names[key] = names.get(key) or tax.name
            if tax.reason.strip():
                reasons.setdefault(key, {})[tax.reason.strip()] = None
    if rounding_rule is RoundingRule.PER_TAX_GROUP:
        tax_minor = {key: portion(base, part=-key.falling_rate, whole=PPM) for key, base in base_minor.items()}
    return tuple(
        TaxGroup(
            category=CATEGORIES[key.rank],
            rate_ppm=-key.falling_rate,
            reason="; ".join(reasons.get(key, ())),
            base_minor=base_minor[key],
            tax_minor=tax_minor[key],
            name=names[key],
            scheme=key.scheme,
        )
        for key in sorted(base_minor)
    )


def _bounded(minor: int, *, line: int | None = None) -> int:
    if abs(minor) > money.MAX_MINOR:
        raise TotalTooLarge(minor, line=line)
    return minor
