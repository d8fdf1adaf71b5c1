"""The form of money that came, and of splitting it: what was typed, kept as text, and what it says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from admin import reading
from billing import formatting, money, payments
from billing.errors import Refusal
from billing.payments import Planned, Received

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from billing.payments import Owing
    from billing.tables import Customer

PART = "part-"
MOST_TYPED = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedReceived:
    """The form as text, so that everything typed comes back. `parts` holds the amounts by invoice id."""

    amount: str = ""
    currency: str = ""
    received_on: str = ""
    method: str = "Bank transfer"
    bank_reference: str = ""
    payer: str = ""
    parts: dict[int, str] = field(default_factory=dict)
    rest_is_credit: bool = False
    mails_receipt: bool = True
    anyway: bool = False


@dataclass(frozen=True, slots=True)
class Effect:
    """What a split comes to: each invoice with its part and what it owes then, and what no invoice takes.

    `rest_minor` is None while an amount cannot be read; negative where the parts exceed the money.
    """

    paid: tuple[tuple[str, int, int], ...] = ()
    rest_minor: int | None = None


def blank(customer: Customer | None, currency: str, on: date) -> TypedReceived:
    """The form as it is first shown."""
    return TypedReceived(currency=customer.currency if customer else currency, received_on=on.isoformat())


def paying(typed: TypedReceived, row: Owing) -> TypedReceived:
    """The form of money that pays all of one invoice."""
    owed = str(money.to_decimal(row.owed_minor, row.currency))
    return replace(typed, amount=owed, parts={row.id: owed})


def sent(form: Mapping[str, str]) -> TypedReceived:
    """The form as it was sent."""
    return TypedReceived(
        amount=form.get("amount", "")[:MOST_TYPED],
        currency=form.get("currency", "")[:3].upper(),
        received_on=form.get("received_on", "")[:20],
        method=form.get("method", "")[:MOST_TYPED],
        bank_reference=form.get("bank_reference", "")[:MOST_TYPED],
        payer=form.get("payer", "")[:MOST_TYPED],
        parts=parts_sent(form),
        rest_is_credit="rest_is_credit" in form,
        mails_receipt="mails_receipt" in form,
        anyway="anyway" in form,
    )


def parts_sent(form: Mapping[str, str]) -> dict[int, str]:
    """The amounts that were typed, by invoice id."""
    numbered = {reading.number(name.removeprefix(PART)): text for name, text in form.items() if name.startswith(PART)}
    return {number: text[:MOST_TYPED] for number, text in numbered.items() if number > 0 and text.strip()}


def content(typed: TypedReceived, customer: Customer | None, *, locale: str) -> Received:
    """What the form says. Raises Invalid with the words for each field that cannot be read."""
    found = reading.Reading()
    minor = found.take("amount", lambda: amount(typed.amount, typed.currency, locale, "amount"), 0)
    on = found.take("received_on", lambda: reading.day(typed.received_on, "received_on"), None)
    if on is None:
        found.problems.setdefault("received_on", "Enter the day it came")
    parts = _read_parts(found, typed.parts, typed.currency, locale)
    found.refuse_problems()
    assert on is not None, "a day that cannot be read was refused"
    return Received(
        customer_id=customer.id if customer else None,
        minor=minor,
        currency=typed.currency,
        method=typed.method,
        received_on=on,
        bank_reference=typed.bank_reference,
        payer=typed.payer,
        parts=parts,
        rest_is_credit=typed.rest_is_credit,
        mails_receipt=typed.mails_receipt,
    )


def parts_of(typed: Mapping[int, str], currency: str, *, rows: Sequence[Owing], locale: str) -> tuple[Planned, ...]:
    """What is paid of which invoice of `rows`. Raises Invalid with the words for each amount that cannot be."""
    found = reading.Reading()
    parts = _read_parts(found, typed, currency, locale)
    planned = {part.invoice_id: part.minor for part in parts}
    for row in rows:
        if planned.get(row.id, 0) > row.owed_minor:
            owed = formatting.money(row.owed_minor, currency, locale=locale)
            found.problems.setdefault(f"{PART}{row.id}", f"{row.number} owes {owed}. Enter that or less.")
    found.refuse_problems()
    return parts


def spread(typed: TypedReceived, customer: Customer, *, locale: str) -> TypedReceived:
    """The form with its amount split: the invoices its reference names, then the oldest due."""
    try:
        minor = amount(typed.amount, typed.currency, locale, "amount")
    except Refusal:
        return typed
    return replace(typed, parts=split_of(customer.id, typed.currency, minor, typed.bank_reference))


def split_of(customer_id: int, currency: str, minor: int, reference: str) -> dict[int, str]:
    """How an amount would be split where nobody says more, as a person would type it."""
    planned = payments.spread(customer_id, currency, minor, reference=reference)
    return {plan.invoice_id: str(money.to_decimal(plan.minor, currency)) for plan in planned}


def effect_typed(typed: TypedReceived, rows: Sequence[Owing], *, locale: str) -> Effect:
    """What the split comes to, as far as the amount can be read."""
    try:
        whole = amount(typed.amount, typed.currency, locale, "amount")
    except Refusal:
        return Effect()
    return effect(whole, typed.parts, rows, locale=locale)


def effect(whole_minor: int, typed: Mapping[int, str], rows: Sequence[Owing], *, locale: str) -> Effect:
    """What splitting so much money comes to."""
    paid = []
    for row in rows:
        if row.id in typed:
            try:
                minor = amount(typed[row.id], row.currency, locale, "")
            except Refusal:
                return Effect()
            paid.append((row.number, minor, row.owed_minor - minor))
    return Effect(tuple(paid), whole_minor - sum(minor for _, minor, _ in paid))


def amount(text: str, currency: str, locale: str, name: str) -> int:
    """An amount as a person typed it, in minor units."""
    if currency not in money.CURRENCIES:
        raise Refusal("Choose a currency", field="currency")
    return money.read(reading.bare(text, currency, locale), currency, locale=locale, field=name)


def _read_parts(found: reading.Reading, typed: Mapping[int, str], currency: str, locale: str) -> tuple[Planned, ...]:
    parts = []
    for invoice_id, text in typed.items():
        name = f"{PART}{invoice_id}"
        parts.append(Planned(invoice_id, found.take(name, partial(amount, text, currency, locale, name), 0)))
    return tuple(part for part in parts if part.minor)
