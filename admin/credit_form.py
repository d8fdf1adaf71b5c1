"""The form that credits an invoice: the text as it was typed, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from admin import reading
from billing import credit_notes
from billing.credit_notes import CreditContent, Destinations, LinePart, RefundPart
from billing.errors import Refusal
from billing.money import read, read_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from billing.credit_notes import Remainder
    from billing.credit_notes.content import Shape

SHAPES = ("full", "lines", "amount")
# Where the value goes: this invoice first and the rest kept, all kept, open invoices by amount, or back as money.
PROPOSAL, KEPT, CHOSEN, REFUND = "proposal", "kept", "chosen", "refund"
DESTINATIONS = (PROPOSAL, KEPT, CHOSEN, REFUND)
MOST_FIELDS = 20_100


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedCredit:
    """Everything the form sends, as it was typed. Quantities and amounts are by line, `to` by invoice."""

    shape: str = "full"
    reason_code: str = ""
    reason: str = ""
    amount: str = ""
    destination: str = PROPOSAL
    refund_by: str = ""
    refund_amount: str = ""
    quantities: Mapping[int, str] = field(default_factory=dict)
    amounts: Mapping[int, str] = field(default_factory=dict)
    to: Mapping[int, str] = field(default_factory=dict)


def sent(form: Mapping[str, str]) -> TypedCredit:
    """What was typed; a choice that the form does not offer reads as its first one."""
    shape, destination = form.get("shape", ""), form.get("destination", "")
    return TypedCredit(
        shape=shape if shape in SHAPES else "full",
        reason_code=form.get("reason_code", ""),
        reason=form.get("reason", "").replace("\r\n", "\n"),
        amount=form.get("amount", ""),
        destination=destination if destination in DESTINATIONS else PROPOSAL,
        refund_by=form.get("refund_by", ""),
        refund_amount=form.get("refund_amount", ""),
        quantities=_numbered(form, "quantity-"),
        amounts=_numbered(form, "amount-"),
        to=_numbered(form, "to-"),
    )


def content(typed: TypedCredit, left: Remainder, *, locale: str) -> CreditContent:
    """What the form says. Raises Invalid with the words for each field that cannot be read."""
    found = reading.Reading()
    said = CreditContent(
        shape=cast("Shape", typed.shape),
        reason_code=typed.reason_code,
        reason=typed.reason,
        gross_minor=_money(found, "amount", typed.amount, left, locale) if typed.shape == "amount" else 0,
        lines=_lines(typed, left, found, locale) if typed.shape == "lines" else (),
    )
    found.refuse_problems()
    said = replace(said, destinations=_destinations(typed, said, left, found, locale))
    found.refuse_problems()
    return said


def _lines(typed: TypedCredit, left: Remainder, found: reading.Reading, locale: str) -> tuple[LinePart, ...]:
    parts = []
    for line in left.lines:
        id_ = line.line.id
        quantity, amount = typed.quantities.get(id_, "").strip(), typed.amounts.get(id_, "").strip()
        if quantity and amount:
            found.problems[f"quantity-{id_}"] = "Enter a quantity or an amount for this line, not both"
        elif quantity:
            value = found.take(f"quantity-{id_}", _decimal(quantity, locale), Decimal(0))
            parts.append(LinePart(line_id=id_, quantity=value))
        elif amount:
            parts.append(LinePart(line_id=id_, net_minor=_money(found, f"amount-{id_}", amount, left, locale)))
    return tuple(parts)


def _destinations(
    typed: TypedCredit, said: CreditContent, left: Remainder, found: reading.Reading, locale: str
) -> Destinations | None:
    if typed.destination == KEPT:
        return Destinations()
    if typed.destination == CHOSEN:
        chosen = [
            (invoice_id, _money(found, f"to-{invoice_id}", text, left, locale))
            for invoice_id, text in typed.to.items()
            if text.strip()
        ]
        return Destinations(invoices=tuple((invoice_id, minor) for invoice_id, minor in chosen if minor))
    if typed.destination == REFUND:
        return _refund(typed, said, left, found, locale)
    return None


def _refund(
    typed: TypedCredit, said: CreditContent, left: Remainder, found: reading.Reading, locale: str
) -> Destinations:
    """So much goes back (without an amount, all that the invoice does not owe), and the rest pays this invoice."""
    total = credit_notes.figures(left, said).total_minor
    owed = min(left.invoice.balance_minor, total)
    method, _, payment = typed.refund_by.partition("-")
    if method not in credit_notes.REFUND_METHODS:
        found.problems["refund_by"] = "Choose how the money goes back"
    text = typed.refund_amount.strip()
    minor = _money(found, "refund_amount", text, left, locale) if text else total - owed
    if minor <= 0 and "refund_amount" not in found.problems:
        found.problems["refund_amount"] = "Enter how much goes back"
    first = min(owed, max(total - minor, 0))
    return Destinations(
        invoices=((left.invoice.id, first),) if first else (),
        refund=RefundPart(minor=minor, method=method, payment_id=reading.number(payment) if payment else None),
    )


def _money(found: reading.Reading, name: str, text: str, left: Remainder, locale: str) -> int:
    if not text.strip():
        found.problems[name] = "Enter an amount"
        return 0
    currency = left.invoice.currency

    def typed_amount() -> int:
        return read(text, currency, locale=locale, field=name)

    return found.take(name, typed_amount, 0)


def _decimal(text: str, locale: str) -> Callable[[], Decimal]:
    def typed_quantity() -> Decimal:
        return read_decimal(text, locale=locale, minimum=Decimal(0))

    return typed_quantity


def _numbered(form: Mapping[str, str], prefix: str) -> dict[int, str]:
    """The fields that carry a number of ours behind a prefix."""
    if len(form) > MOST_FIELDS:
        raise Refusal("This form is too large. Credit the whole invoice, or an amount.")
    named = (
        (reading.number(name.removeprefix(prefix)), text) for name, text in form.items() if name.startswith(prefix)
    )
    return {number: text for number, text in named if number > 0}


def with_stand_ins(typed: TypedCredit) -> TypedCredit:
    """The same with words where reasons are still missing, so that figures can be shown before they are typed."""
    return replace(typed, reason_code=typed.reason_code or "other", reason=typed.reason.strip() or "To be said")
