"""Quotes: exactly what a payment would do, worked out before anything is promised. Pure reading.

Credit is proposed oldest first and used before other money, on the invoices in the order they fall due.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from billing import clock, credits, early_discounts, money, seller
from billing.errors import Invalid, Missing, Refusal
from billing.formatting import money as shown
from billing.payments.planning import (
    MOST_INVOICES,
    AlreadyPaid,
    CreditUse,
    InvoiceCancelled,
    MixedCurrencies,
    Plan,
    Planned,
    TooLittle,
    TooManyInvoices,
    least_part,
)
from billing.tables import Invoice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from billing.credits import Credit, CreditKey
    from billing.early_discounts import Offer


class Wish(NamedTuple):
    """An invoice, and the minor units to pay on it from credit and other money; None means all that is to be paid."""

    invoice_id: int
    minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedLine:
    """What happens to one invoice. All minor units: owed now, paid by credit and by the provider, left after.

    `discount_minor` is what paying this much today saves, credited by itself; `offer` is the early-payment discount.
    """

    invoice: Invoice
    owed_minor: int
    credit_minor: int
    pay_minor: int
    discount_minor: int
    left_minor: int
    offer: Offer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedCredit:
    """A credit, whether it is to be used, and how much of it this payment uses."""

    credit: Credit
    chosen: bool
    used_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The whole payment: its lines in the order they fall due, the credits, and the plan that does just this."""

    currency: str
    lines: tuple[QuotedLine, ...]
    credits: tuple[QuotedCredit, ...]
    plan: Plan

    @property
    def pay_minor(self) -> int:
        """What the provider is to take."""
        return self.plan.minor

    @property
    def credit_minor(self) -> int:
        """The credit it uses."""
        return sum(use.minor for use in self.plan.uses)

    @property
    def discount_minor(self) -> int:
        """What paying early saves."""
        return sum(line.discount_minor for line in self.lines)

    @property
    def seal(self) -> str:
        """Stands for exactly this payment: a form that carries another one was made before something changed."""
        seen = [(line.invoice.id, line.owed_minor, line.discount_minor) for line in self.lines]
        return hashlib.sha256(repr((seen, self.plan.parts())).encode()).hexdigest()[:32]


def quote(
    customer_id: int,
    wishes: Sequence[Wish],
    *,
    use: Collection[CreditKey] | None,
    at: datetime,
    besides: str = "",
    for_guest: bool = False,
) -> Quote:
    """What paying as wished would do now. `use` names the credits to spend first; None proposes all there are.

    `besides` is an attempt of the same person that this payment would take the place of; a guest sees no credit.
    Raises Missing, InvoiceCancelled, AlreadyPaid, MixedCurrencies, TooManyInvoices, and Invalid with words for
    "amount-<number>".
    """
    selling = seller.get()
    on = clock.day_of(at, selling.time_zone)
    found = chosen(customer_id, [wish.invoice_id for wish in wishes])
    wished = {wish.invoice_id: wish.minor for wish in wishes}
    offers = {invoice.id: early_discounts.offer(invoice, on) for invoice in found}
    to_pay = _amounts(found, wished, offers, selling.least_part_minor)
    spendable = [] if for_guest else credits.available(customer_id, found[0].currency, besides=besides)
    spendable = [credit for credit in spendable if credit.available_minor]
    picked = [credit for credit in spendable if use is None or credit.key in use]
    uses = _spread(picked, found, to_pay)
    plan = Plan(
        customer_id=customer_id,
        planned=tuple(
            Planned(
                invoice.id,
                to_pay[invoice.id] - sum(use_.minor for use_ in uses if use_.invoice_id == invoice.id),
                invoice.balance_minor,
            )
            for invoice in found
        ),
        uses=tuple(uses),
    )
    return Quote(
        currency=found[0].currency,
        lines=tuple(_line(invoice, plan, offers[invoice.id]) for invoice in found),
        credits=tuple(_quoted(credit, picked, uses) for credit in spendable),
        plan=plan,
    )


def quote_credit(customer_id: int, key: CreditKey, invoice_id: int, minor: int | None = None, *, at: datetime) -> Quote:
    """What using a credit alone on one invoice would do now; None means all that is to be paid, as far as it goes.

    Raises Missing, NoSuchCredit, InvoiceCancelled, AlreadyPaid, and at "amount" Invalid and TooLittle.
    """
    credit = credits.find(customer_id, key)
    invoice = chosen(customer_id, [invoice_id])[0]
    if invoice.currency != credit.currency:
        raise Missing("We cannot find that invoice.")
    offer = early_discounts.offer(invoice, clock.day_of(at, seller.get().time_zone))
    most_minor = min(invoice.balance_minor, credit.available_minor)
    if minor is None:
        minor = min(offer.pay_minor if offer else invoice.balance_minor, most_minor)
    if not 0 < minor <= most_minor:
        raise Invalid({"amount": f"Enter an amount up to {shown(most_minor, invoice.currency)}"})
    least_minor = least_part(invoice, offer, least_minor=seller.get().least_part_minor)
    if minor < least_minor:
        raise TooLittle(least_minor, invoice.currency, field="amount")
    return quote(customer_id, [Wish(invoice.id, minor)], use=[key], at=at)


def wishes_of(found: Sequence[Invoice], texts: Mapping[str, str], *, locale: str) -> list[Wish]:
    """What people typed beside each invoice, by its number; an empty text means all of it. Raises Invalid."""
    wishes, problems = [], {}
    for invoice in found:
        text = texts.get(str(invoice.number), "").strip()
        try:
            wishes.append(Wish(invoice.id, money.read(text, invoice.currency, locale=locale) if text else None))
        except Refusal as refusal:
            problems[f"amount-{invoice.number}"] = refusal.message
    if problems:
        raise Invalid(problems)
    return wishes


def numbered(customer_id: int, numbers: Sequence[str]) -> list[Invoice]:
    """A customer's invoices by their numbers, in the order they fall due. Raises as quote."""
    asked = set(numbers)
    query = Invoice.select(Invoice.id).where(Invoice.number.in_(sorted(asked)) & (Invoice.customer == customer_id))
    ids = [invoice.id for invoice in query.limit(MOST_INVOICES + 1)]
    if len(ids) != len(asked):
        raise TooManyInvoices if len(asked) > MOST_INVOICES else Missing("We cannot find that invoice.")
    return chosen(customer_id, ids)


def chosen(customer_id: int, invoice_ids: Sequence[int]) -> list[Invoice]:
    """A customer's invoices that are to be paid together, in the order they fall due. Raises as quote."""
    if len(set(invoice_ids)) > MOST_INVOICES:
        raise TooManyInvoices
    found = list(
        Invoice.select()
        .where(Invoice.id.in_(list(invoice_ids)) & (Invoice.customer == customer_id) & (Invoice.status != "draft"))
        .order_by(Invoice.next_due_on, Invoice.id)
    )
    if not found or len(found) != len(set(invoice_ids)):
        raise Missing("We cannot find that invoice.")
    for invoice in found:
        if invoice.status == "void":
            raise InvoiceCancelled(invoice)
        if invoice.balance_minor == 0:
            raise AlreadyPaid(invoice)
    if len({invoice.currency for invoice in found}) > 1:
        raise MixedCurrencies
    return found


def _amounts(
    found: list[Invoice], wished: dict[int, int | None], offers: dict[int, Offer | None], least_part_minor: int
) -> dict[int, int]:
    """What is to be paid on each invoice. Raises Invalid with words for each amount that cannot be."""
    amounts, problems = {}, {}
    for invoice in found:
        offer, minor = offers[invoice.id], wished[invoice.id]
        if minor is None:
            minor = offer.pay_minor if offer else invoice.balance_minor
        least_minor = least_part(invoice, offer, least_minor=least_part_minor)
        if minor > invoice.balance_minor:
            most = shown(invoice.balance_minor, invoice.currency)
            problems[f"amount-{invoice.number}"] = f"Enter {most} or less. That is all you owe on {invoice.number}"
        elif minor < least_minor:
            least = shown(least_minor, invoice.currency)
            problems[f"amount-{invoice.number}"] = f"Enter {least} or more for {invoice.number}"
        amounts[invoice.id] = minor
    if problems:
        raise Invalid(problems)
    return amounts


def _spread(picked: list[Credit], found: list[Invoice], to_pay: dict[int, int]) -> list[CreditUse]:
    """The oldest credit on the invoice that falls due first, and so on until either is used up."""
    uses: list[CreditUse] = []
    open_minor = {invoice.id: to_pay[invoice.id] for invoice in found}
    for credit in picked:
        left_minor = credit.available_minor
        for invoice in found:
            minor = min(left_minor, open_minor[invoice.id])
            if minor:
                uses.append(CreditUse(credit.key, invoice.id, minor))
                open_minor[invoice.id] -= minor
                left_minor -= minor
    return uses


def _line(invoice: Invoice, plan: Plan, offer: Offer | None) -> QuotedLine:
    pay_minor = next(planned.minor for planned in plan.planned if planned.invoice_id == invoice.id)
    credit_minor = plan.credit_for(invoice.id)
    left_minor = invoice.balance_minor - pay_minor - credit_minor
    earned = offer is not None and left_minor == offer.saved_minor
    return QuotedLine(
        invoice=invoice,
        owed_minor=invoice.balance_minor,
        credit_minor=credit_minor,
        pay_minor=pay_minor,
        discount_minor=left_minor if earned else 0,
        left_minor=0 if earned else left_minor,
        offer=offer,
    )


def _quoted(credit: Credit, picked: list[Credit], uses: list[CreditUse]) -> QuotedCredit:
    return QuotedCredit(
        credit=credit, chosen=credit in picked, used_minor=sum(use.minor for use in uses if use.key == credit.key)
    )
