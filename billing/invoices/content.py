"""What a draft says, as typed by a person, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from billing import instalments, tax
from billing.errors import Invalid, Refusal
from billing.seller import MOST_EARLY_PPM

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from billing.instalments import PartContent

LONGEST_TEXT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountContent:
    """No discount (""), a percentage in ppm, or a fixed sum in minor units."""

    kind: str = ""
    value: int = 0

    def as_tax_input(self) -> tax.Discount | None:
        """The same in the words of billing.tax."""
        if self.kind == "percent":
            return tax.Discount.percent(self.value)
        return tax.Discount.fixed(self.value) if self.kind == "fixed" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineContent:
    """One line: quantity and unit price are decimals of major units and may carry up to six places."""

    description: str
    quantity: Decimal
    unit_price: Decimal
    tax_category: str = "S"
    tax_rate_ppm: int = 0
    tax_reason: str = ""
    detail: str = ""
    unit: str = ""
    discount: DiscountContent = field(default_factory=DiscountContent)

    def as_tax_input(self) -> tax.LineInput:
        """The same in the words of billing.tax."""
        return tax.LineInput(
            quantity=self.quantity,
            unit_price=self.unit_price,
            taxes=(tax.Tax(category=self.tax_category, rate_ppm=self.tax_rate_ppm, reason=self.tax_reason),),
            discount=self.discount.as_tax_input(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftContent:
    """Everything the editor asks for. Without `due_on` the terms decide; without `issue_on` the day of issue.

    `early_ppm` less is owed where it is paid within `early_days` of issue. `parts` is the schedule, if there is one.
    """

    lines: tuple[LineContent, ...]
    terms_days: int = 30
    issue_on: date | None = None
    due_on: date | None = None
    po: str = ""
    subject: str = ""
    notes: str = ""
    discount: DiscountContent = field(default_factory=DiscountContent)
    early_days: int = 0
    early_ppm: int = 0
    parts: tuple[PartContent, ...] = ()


def preview(content: DraftContent, *, currency: str, rounding_rule: str) -> tax.Totals:
    """What a draft comes to. Pure; raises the refusals of billing.tax."""
    return tax.totals(
        [line.as_tax_input() for line in content.lines],
        currency=currency,
        discount=content.discount.as_tax_input(),
        rounding_rule=tax.RoundingRule(rounding_rule),
    )


def refuse_what_is_wrong(content: DraftContent, *, currency: str, rounding_rule: str) -> tax.Totals:
    """Raise Invalid with the words for each field, or give the totals."""
    problems: dict[str, str] = {}
    for index, line in enumerate(content.lines):
        if not line.description.strip():
            problems[f"lines-{index}-description"] = "Say what this line is for"
        elif len(line.description) > 500:
            problems[f"lines-{index}-description"] = "Keep the description under 500 characters"
        if len(line.detail) > LONGEST_TEXT:
            problems[f"lines-{index}-detail"] = "Keep the detail under 5,000 characters"
    for name, longest in (("subject", 200), ("po", 100), ("notes", LONGEST_TEXT)):
        if len(getattr(content, name)) > longest:
            problems[name] = f"Use {longest:,} characters at most"
    if not 0 <= content.terms_days <= 365:
        problems["terms_days"] = "Enter a number of days from 0 to 365"
    if content.issue_on and content.due_on and content.due_on < content.issue_on:
        problems["due_on"] = "The due date comes on or after the issue date"
    problems |= _terms(content)
    try:
        totals = preview(content, currency=currency, rounding_rule=rounding_rule)
    except Refusal as refusal:
        problems[refusal.field or "lines"] = refusal.message
    else:
        problems |= instalments.problems(content.parts, totals.total_minor, currency, issue_on=content.issue_on)
    if problems:
        raise Invalid(problems)
    return totals


def _terms(content: DraftContent) -> dict[str, str]:
    """What cannot be said of paying early or in parts."""
    problems: dict[str, str] = {}
    if bool(content.early_days) != bool(content.early_ppm):
        problems["early_days"] = "Enter both a percentage and a number of days, or neither"
    elif content.early_days and content.parts:
        problems["early_days"] = "An invoice is paid in parts or early, not both. Empty one of the two"
    elif content.early_days and content.early_days > _days_to_pay(content):
        problems["early_days"] = "The discount ends on the due date at the latest. Enter fewer days"
    if not 0 <= content.early_days <= 365:
        problems["early_days"] = "Enter a number of days from 1 to 365"
    if not 0 <= content.early_ppm <= MOST_EARLY_PPM:
        problems["early_rate"] = "Enter a percentage up to 50"
    if content.parts and content.due_on is not None:
        problems["due_on"] = "Leave this empty: the last part says when all is due"
    return problems


def _days_to_pay(content: DraftContent) -> int:
    """How long after issue it is due, as far as the draft says when that is."""
    if content.due_on is None:
        return content.terms_days
    return (content.due_on - content.issue_on).days if content.issue_on else 365
