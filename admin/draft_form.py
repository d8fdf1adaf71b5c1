"""The editor's form: the text as it was typed, and what it says.

It holds text only, so that everything typed comes back whatever is wrong with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from admin import reading
from billing import formatting, instalments, invoices, money, tax
from billing.errors import Invalid, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from billing.instalments import PartContent
    from billing.invoices import DiscountContent, DraftContent, LineContent
    from billing.tables import Invoice, InvoiceLine

OTHER_RATE = "S:"  # standard rate at a percentage that is typed
WITH_REASON = frozenset({"E", "AE", "K", "G", "O"})
_NUMBERED = re.compile(r"(lines|parts)-([0-9]{1,4})-[a-z_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What reading depends on: the draft's currency, rounding and terms, and how its reader writes numbers."""

    currency: str
    rounding_rule: str
    terms_days: int
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedLine:
    """One line. `tax` is category and rate in ppm, such as "S:200000"; `rate` is read where `tax` is OTHER_RATE."""

    description: str = ""
    detail: str = ""
    quantity: str = "1"
    unit: str = ""
    unit_price: str = ""
    discount: str = ""
    tax: str = OTHER_RATE
    rate: str = ""
    reason: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether nobody wrote anything that counts."""
        return not (self.description + self.detail + self.unit_price + self.discount).strip()

    @property
    def needs_reason(self) -> bool:
        """Whether the invoice says why no tax is charged."""
        return self.tax.partition(":")[0] in WITH_REASON

    @property
    def needs_rate(self) -> bool:
        """Whether its rate is typed."""
        return self.tax == OTHER_RATE

    def read(self, index: int, found: reading.Reading, terms: Terms) -> LineContent:
        """What the line says; its problems are named for line `index`, counted from 0."""
        name, locale = f"lines-{index}", terms.locale
        category, rate_ppm = self._read_tax(f"{name}-rate", found, locale)
        price = reading.bare(self.unit_price, terms.currency, locale)
        return invoices.LineContent(
            description=self.description.strip(),
            detail=self.detail.strip(),
            quantity=_decimal(self.quantity, f"{name}-quantity", found, locale),
            unit=self.unit.strip(),
            unit_price=_decimal(price, f"{name}-unit_price", found, locale),
            discount=_discount(self.discount, f"{name}-discount", found, terms),
            tax_category=category,
            tax_rate_ppm=rate_ppm,
            tax_reason=self.reason.strip() if self.needs_reason else "",
        )

    def _read_tax(self, field: str, found: reading.Reading, locale: str) -> tuple[str, int]:
        category, _, ppm = self.tax.partition(":")
        if self.needs_rate:
            return category, found.take(field, lambda: money.read_rate(self.rate, locale=locale, field=field), 1)
        return category, max(reading.number(ppm), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedPart:
    """One instalment. Its amount is a percentage of the total with its sign ("30%") or a sum of money."""

    due_on: str = ""
    amount: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether nobody wrote anything."""
        return not (self.due_on + self.amount).strip()

    def read(self, index: int, found: reading.Reading, terms: Terms) -> PartContent:
        """What the part says; its problems are named for part `index`, counted from 0."""
        name = f"parts-{index}"
        due_on = found.take(f"{name}-due_on", lambda: reading.day(self.due_on, f"{name}-due_on"), None)
        asked = _discount(self.amount, f"{name}-amount", found, terms)
        if asked.kind == "percent":
            return instalments.PartContent(due_on=due_on, ppm=asked.value)
        return instalments.PartContent(due_on=due_on, minor=asked.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedDraft:
    """All of the editor. A discount is a percentage with its sign ("10%") or a sum of money."""

    customer_id: str = ""
    issue_on: str = ""
    due_on: str = ""
    terms_days: str = ""
    po: str = ""
    subject: str = ""
    notes: str = ""
    discount: str = ""
    early_rate: str = ""
    early_days: str = ""
    version: str = "0"
    lines: tuple[TypedLine, ...] = (TypedLine(),)
    parts: tuple[TypedPart, ...] = ()

    def with_line(self, line: TypedLine) -> TypedDraft:
        """The same with one line more."""
        return replace(self, lines=(*self.lines, line))

    def without_line(self, index: int) -> TypedDraft:
        """The same without line `index`; the last one leaves an empty one behind."""
        kept = tuple(line for at, line in enumerate(self.lines) if at != index)
        return replace(self, lines=kept or (TypedLine(tax=self.lines[-1].tax),))

    def with_part(self, part: TypedPart) -> TypedDraft:
        """The same with one instalment more."""
        return replace(self, parts=(*self.parts, part))

    def without_part(self, index: int) -> TypedDraft:
        """The same without instalment `index`."""
        return replace(self, parts=tuple(part for at, part in enumerate(self.parts) if at != index))

    def with_schedule(self, parts: tuple[TypedPart, ...]) -> TypedDraft:
        """The same with these instalments, whose last day is the due date then."""
        return replace(self, parts=parts, due_on="" if parts else self.due_on)

    def read(self, terms: Terms) -> tuple[DraftContent, dict[str, str]]:
        """What the draft says, and the words for what could not be read. Blank lines say nothing."""
        found = reading.Reading()
        said = [(index, line) for index, line in enumerate(self.lines) if not line.is_blank]
        content = invoices.DraftContent(
            lines=tuple(line.read(index, found, terms) for index, line in said),
            issue_on=found.take("issue_on", lambda: reading.day(self.issue_on, "issue_on"), None),
            due_on=found.take("due_on", lambda: reading.day(self.due_on, "due_on"), None),
            terms_days=found.take(
                "terms_days",
                lambda: reading.days(self.terms_days, "terms_days", otherwise=terms.terms_days),
                terms.terms_days,
            ),
            po=self.po.strip(),
            subject=self.subject.strip(),
            notes=self.notes.strip(),
            discount=_discount(self.discount, "discount", found, terms),
            early_days=found.take("early_days", lambda: reading.days(self.early_days, "early_days", otherwise=0), 0),
            early_ppm=found.take("early_rate", lambda: reading.rate(self.early_rate, "early_rate", terms.locale), 0),
            parts=tuple(part.read(index, found, terms) for index, part in enumerate(self.parts) if not part.is_blank),
        )
        return content, found.problems

    def content(self, terms: Terms) -> DraftContent:
        """What the draft says. Raises Invalid with the words for every field that cannot be read or be so."""
        content, problems = self.read(terms)
        if problems:
            raise Invalid(_what_cannot_be(content, terms) | problems)
        return content

    def said(self) -> TypedDraft:
        """The same without blank lines and parts between written ones, so that they count as the invoice's do."""
        written = tuple(line for line in self.lines if not line.is_blank)
        parts = tuple(part for part in self.parts if not part.is_blank)
        return replace(self, lines=written or self.lines[:1] or (TypedLine(),), parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a draft comes to as it is typed, or the words for why that cannot be said yet."""

    totals: tax.Totals | None
    line_minor: Mapping[int, int]
    part_minor: Mapping[int, int]
    problems: Mapping[str, str]


def figures(typed: TypedDraft, terms: Terms) -> Figures:
    """Work out what stands in the editor. A description that is still missing changes no sum."""
    content, problems = typed.read(terms)
    totals = None
    if not problems:
        try:
            totals = invoices.preview(content, currency=terms.currency, rounding_rule=terms.rounding_rule)
        except Refusal as refusal:
            problems = {refusal.field or "lines": refusal.message}
    written = [index for index, line in enumerate(typed.lines) if not line.is_blank]
    nets = [line.net_minor for line in totals.lines] if totals else []
    asked = [index for index, part in enumerate(typed.parts) if not part.is_blank]
    parts = instalments.amounts(content.parts, totals.total_minor) if totals else []
    return Figures(
        totals=totals,
        line_minor=dict(zip(written, nets, strict=False)),
        part_minor=dict(zip(asked, parts, strict=False)),
        problems=problems,
    )


def total_minor(typed: TypedDraft, terms: Terms) -> int:
    """What the draft comes to; 0 while that cannot be said."""
    totals = figures(typed, terms).totals
    return totals.total_minor if totals else 0


def sent(form: Mapping[str, str]) -> TypedDraft:
    """The draft as a form was sent."""
    lines = tuple(
        TypedLine(**{name: _text(form, f"lines-{number}-{name}") for name in _names(TypedLine)})
        for number in _numbers(form, "lines")
    )
    parts = tuple(
        TypedPart(**{name: _text(form, f"parts-{number}-{name}") for name in _names(TypedPart)})
        for number in _numbers(form, "parts")
    )
    texts: dict[str, Any] = {name: _text(form, name) for name in _names(TypedDraft) if name not in {"lines", "parts"}}
    return TypedDraft(lines=lines or (TypedLine(),), parts=parts[: instalments.MOST_PARTS], **texts)


def _numbers(form: Mapping[str, str], what: str) -> list[int]:
    found = (match for name in form if (match := _NUMBERED.fullmatch(name)))
    return sorted({int(match[2]) for match in found if match[1] == what})


def stored(invoice: Invoice, lines: Sequence[InvoiceLine], parts: Sequence[PartContent], *, locale: str) -> TypedDraft:
    """A stored draft as a person would type it."""
    early_rate, early_days = early_terms(invoice.early_ppm, invoice.early_days, locale=locale)
    return TypedDraft(
        customer_id=str(invoice.customer_id),
        issue_on=invoice.issue_on.isoformat() if invoice.issue_on else "",
        due_on=invoice.due_on.isoformat() if invoice.due_on else "",
        terms_days=str(invoice.terms_days),
        po=invoice.po,
        subject=invoice.subject,
        notes=invoice.notes,
        discount=_written_discount(invoice.discount_kind, invoice.discount_value, invoice.currency, locale),
        early_rate=early_rate,
        early_days=early_days,
        version=str(invoice.version),
        lines=tuple(_stored_line(line, invoice.currency, locale) for line in lines) or (TypedLine(),),
        parts=as_typed(parts, invoice.currency, locale),
    )


def early_terms(ppm: int, days: int, *, locale: str) -> tuple[str, str]:
    """The discount for paying early and its days, as a person would type them."""
    return (formatting.rate(ppm, locale=locale), str(days)) if ppm else ("", "")


def as_typed(parts: Sequence[PartContent], currency: str, locale: str) -> tuple[TypedPart, ...]:
    """A schedule as a person would type it."""
    return tuple(
        TypedPart(
            due_on=part.due_on.isoformat() if part.due_on else "",
            amount=_written_discount("percent", part.ppm, currency, locale)
            if part.ppm
            else _written_discount("fixed", part.minor, currency, locale),
        )
        for part in parts
    )


def _stored_line(line: InvoiceLine, currency: str, locale: str) -> TypedLine:
    return TypedLine(
        description=line.description,
        detail=line.detail,
        quantity=formatting.quantity(line.quantity, locale=locale),
        unit=line.unit,
        unit_price=reading.bare(formatting.unit_price(line.unit_price, currency, locale=locale), currency, locale),
        discount=_written_discount(line.discount_kind, line.discount_value, currency, locale),
        tax=f"{line.tax_category}:{line.tax_rate_ppm}",
        reason=line.tax_reason,
    )


def _written_discount(kind: str, value: int, currency: str, locale: str) -> str:
    if kind == "percent":
        return formatting.rate(value, locale=locale)
    return reading.bare(formatting.money(value, currency, locale=locale), currency, locale) if kind else ""


def _discount(text: str, field: str, found: reading.Reading, terms: Terms) -> DiscountContent:
    if not text.strip():
        return invoices.DiscountContent()
    if "%" in text:
        ppm = found.take(field, lambda: money.read_rate(text, locale=terms.locale, field=field), 0)
        return invoices.DiscountContent(kind="percent", value=ppm)
    minor = found.take(field, lambda: money.read(text, terms.currency, locale=terms.locale, field=field), 0)
    return invoices.DiscountContent(kind="fixed", value=minor)


def _decimal(text: str, field: str, found: reading.Reading, locale: str) -> Decimal:
    return found.take(field, lambda: money.read_decimal(text, locale=locale, field=field), Decimal(0))


def _what_cannot_be(content: DraftContent, terms: Terms) -> dict[str, str]:
    """The domain's own words about what could be read, so that a person meets all of them at once."""
    try:
        invoices.content.refuse_what_is_wrong(content, currency=terms.currency, rounding_rule=terms.rounding_rule)
    except Invalid as invalid:
        return invalid.problems
    return {}


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").replace("\r\n", "\n")


def _names(typed: type[TypedDraft | TypedLine | TypedPart]) -> list[str]:
    return [field.name for field in fields(typed)]
