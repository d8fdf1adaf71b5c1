"""Plans: exactly what a payment is meant to do, agreed before it begins and frozen with its attempt.

A plan names invoices with what is paid on each, by the provider and from which credit, or money paid ahead. It is in
one currency, of one customer, and holds only while every invoice still owes what the person saw.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from billing import allocations, credits, early_discounts, formatting, money, seller
from billing.credits import CreditKey
from billing.db import database, lock
from billing.errors import Conflict, Missing, Refusal
from billing.invoices.status import status_of
from billing.payments.references import new_reference
from billing.tables import Attempt, Invoice, PlannedAllocation, PlannedCredit

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.early_discounts import Offer

PAGE_LIFETIME = timedelta(minutes=60)
MOST_INVOICES = 100  # in one payment


class Planned(NamedTuple):
    """An invoice and the minor units to pay on it by the provider.

    `owed_minor` is what the person saw as owed; None says that this, with its credit, is all of it.
    """

    invoice_id: int
    minor: int
    owed_minor: int | None = None


class CreditUse(NamedTuple):
    """So much (> 0) of a credit, for an invoice."""

    key: CreditKey
    invoice_id: int
    minor: int


class Ahead(NamedTuple):
    """Money paid before it is owed: it stays the customer's credit."""

    currency: str
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whose plan it is, the invoices, the credit used first, and what is paid ahead."""

    customer_id: int
    planned: tuple[Planned, ...]
    uses: tuple[CreditUse, ...] = ()
    ahead: Ahead | None = None

    @property
    def invoice_ids(self) -> list[int]:
        """The invoices it pays on."""
        return [plan.invoice_id for plan in self.planned]

    @property
    def minor(self) -> int:
        """What the provider is to take."""
        return sum(plan.minor for plan in self.planned) + (self.ahead.minor if self.ahead else 0)

    def credit_for(self, invoice_id: int) -> int:
        """The credit it uses on an invoice."""
        return sum(use.minor for use in self.uses if use.invoice_id == invoice_id)

    def parts(self) -> tuple[object, ...]:
        """What it does, in an order of its own: equal plans do the same."""
        paid = sorted((plan.invoice_id, plan.minor) for plan in self.planned if plan.minor)
        return (paid, sorted(self.uses), self.ahead.minor if self.ahead else 0)


class AlreadyPaid(Conflict):
    """Nothing is left to pay: it was paid, or credited, or given up."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(_why_nothing_is_owed(invoice))
        self.invoice = invoice


def _why_nothing_is_owed(invoice: Invoice) -> str:
    assert invoice.issue_on is not None, "an issued invoice is dated"
    status = status_of(invoice, invoice.issue_on)
    if status in {"credited", "refunded"}:
        return f"Invoice {invoice.number} was credited in full. You do not need to pay it."
    if status == "written_off":
        return f"Nothing is owed on invoice {invoice.number} any more. You do not need to pay it."
    zone, locale = seller.get().time_zone, seller.get().locale
    when = f", on {formatting.moment(invoice.paid_at, zone, locale=locale)}" if invoice.paid_at else ""
    return f"Invoice {invoice.number} was paid already{when}. You have not been charged again."


class InvoiceCancelled(Conflict):
    """The invoice was voided."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"Invoice {invoice.number} was cancelled. You do not need to pay it.")
        self.invoice = invoice


class AmountChanged(Conflict):
    """The page showed another amount than is due now; nobody pays a figure they have not seen."""

    def __init__(self, invoice: Invoice, *, asked_minor: int) -> None:
        due = formatting.money(invoice.balance_minor, invoice.currency)
        super().__init__(f"The balance changed to {due} while this page was open. Check it and pay again.")
        self.invoice = invoice
        self.asked_minor = asked_minor
        self.open_minor = invoice.balance_minor


class CreditChanged(Conflict):
    """Less of a credit can be used now than the page showed."""

    def __init__(self, key: CreditKey) -> None:
        super().__init__("Your credit changed while this page was open. Check the amounts and pay again.")
        self.key = key


class MixedCurrencies(Refusal):
    """One payment is in one currency."""

    def __init__(self) -> None:
        super().__init__("Choose invoices of one currency. Pay the others in a second payment.")


class TooManyInvoices(Refusal):
    """More than one payment carries."""

    def __init__(self) -> None:
        super().__init__(f"Choose at most {MOST_INVOICES} invoices. Pay the others in a second payment.")


class TooLittle(Refusal):
    """Less than the seller takes as a part."""

    def __init__(self, least_minor: int, currency: str, *, field: str | None = None) -> None:
        super().__init__(f"Enter {formatting.money(least_minor, currency)} or more", field=field)
        self.least_minor = least_minor


def least_part(invoice: Invoice, offer: Offer | None, *, least_minor: int) -> int:
    """The least a customer may pay on an invoice: the seller's `least_minor`, or all of it if that is less."""
    whole = offer.pay_minor if offer else invoice.balance_minor
    return max(min(least_minor, whole), 1)


def payable(plan: Plan, *, on: date) -> list[Invoice]:
    """The invoices of a plan, locked by id, each owing what the person saw. Raises what stands in the way of paying.

    Inside the caller's transaction. A plan without invoices pays ahead.
    """
    if len(plan.planned) > MOST_INVOICES:
        raise TooManyInvoices
    found = locked(plan)
    least_minor = seller.get().least_part_minor
    for invoice, planned in zip(found, sorted(plan.planned), strict=True):
        least = least_part(invoice, early_discounts.offer(invoice, on), least_minor=least_minor)
        _refuse_line(invoice, planned, plan.credit_for(invoice.id), least)
    currency = found[0].currency if found else _refuse_ahead(plan)
    money.stripe_amount(plan.minor, currency)
    return found


def locked(plan: Plan) -> list[Invoice]:
    """The customer's invoices of a plan, by id, locked. Raises Missing, MixedCurrencies."""
    asked = set(plan.invoice_ids)
    assert len(asked) == len(plan.planned), "an invoice stands once in a plan"
    query = Invoice.select().where(
        Invoice.id.in_(sorted(asked)) & (Invoice.customer == plan.customer_id) & (Invoice.status != "draft")
    )
    found = list(lock(query.order_by(Invoice.id)))
    if len(found) != len(asked):
        raise Missing("We cannot find that invoice.")
    currencies = {invoice.currency for invoice in found} | ({plan.ahead.currency} if plan.ahead else set())
    if len(currencies) > 1:
        raise MixedCurrencies
    return found


def _refuse_line(invoice: Invoice, planned: Planned, credit_minor: int, least_minor: int) -> None:
    if invoice.status == "void":
        raise InvoiceCancelled(invoice)
    if invoice.balance_minor == 0:
        raise AlreadyPaid(invoice)
    paid = planned.minor + credit_minor
    seen = paid if planned.owed_minor is None else planned.owed_minor
    if seen != invoice.balance_minor:
        raise AmountChanged(invoice, asked_minor=seen)
    if paid > invoice.balance_minor:
        raise allocations.AllocationExceedsOpenBalance(invoice, asked_minor=paid)
    if paid < least_minor:
        raise TooLittle(least_minor, invoice.currency)


def _refuse_ahead(plan: Plan) -> str:
    """The currency of money paid ahead. Raises TooLittle."""
    assert plan.ahead is not None, "a payment pays something"
    least_minor = max(seller.get().least_part_minor, 1)
    if plan.ahead.minor < least_minor:
        raise TooLittle(least_minor, plan.ahead.currency, field="amount")
    return plan.ahead.currency


def refuse_spent_credit(plan: Plan, currency: str, *, besides: str = "") -> None:
    """Raise CreditChanged where a credit of the plan has less left, or Missing where it is not the customer's.

    Locks the credits; invoices are locked before. `besides` is an attempt that this plan takes the place of.
    """
    wanted: Counter[CreditKey] = Counter()
    for use in plan.uses:
        wanted[use.key] += use.minor
    for key in sorted(wanted):
        source = allocations.lock_source(credits.source_of(key))
        if (source.customer_id, source.currency) != (plan.customer_id, currency):
            raise credits.NoSuchCredit
        if wanted[key] > credits.credit_of(source, besides=besides).available_minor:
            raise CreditChanged(key)


def record(
    plan: Plan,
    *,
    nonce: str,
    payer: Actor,
    currency: str,
    at: datetime,
    kind: str = "checkout",
    card_id: int | None = None,
) -> Attempt:
    """Write a new attempt with its plan, in the caller's transaction. IntegrityError where the nonce was used."""
    with database.atomic():
        attempt: Attempt = Attempt.create(
            id=new_reference(),
            customer=plan.customer_id,
            payer=payer.key,
            payer_name=payer.name,
            currency=currency,
            minor=plan.minor,
            nonce=nonce,
            created_at=at,
            expires_at=at + PAGE_LIFETIME,
            kind=kind,
            card=card_id,
            force_insert=True,
        )
    paid = [{"attempt": attempt.id, "invoice": line.invoice_id, "minor": line.minor} for line in plan.planned]
    if any(row["minor"] for row in paid):
        PlannedAllocation.insert_many([row for row in paid if row["minor"]]).execute()
    if plan.uses:
        PlannedCredit.insert_many([_use_columns(use) | {"attempt": attempt.id} for use in plan.uses]).execute()
    return attempt


def _use_columns(use: CreditUse) -> dict[str, int | None]:
    of_payment = use.key.kind == "payment"
    return {
        "invoice": use.invoice_id,
        "payment": use.key.id if of_payment else None,
        "credit_note": None if of_payment else use.key.id,
        "minor": use.minor,
    }


def uses_of(attempt: Attempt) -> list[CreditUse]:
    """The credit an attempt is meant to use, in the order it was planned."""
    rows = PlannedCredit.select().where(PlannedCredit.attempt == attempt.id).order_by(PlannedCredit.id)
    return [CreditUse(_key_of(row), row.invoice_id, row.minor) for row in rows]


def _key_of(row: PlannedCredit) -> CreditKey:
    if row.payment_id is not None:
        return CreditKey("payment", row.payment_id)
    assert row.credit_note_id is not None, "a planned credit names its source"
    return CreditKey("credit_note", row.credit_note_id)


def frozen(attempt: Attempt) -> Plan:
    """The plan an attempt was made with."""
    rows = PlannedAllocation.select().where(PlannedAllocation.attempt == attempt.id).order_by(PlannedAllocation.invoice)
    planned = tuple(Planned(row.invoice_id, row.minor) for row in rows)
    ahead_minor = attempt.minor - sum(plan.minor for plan in planned)
    return Plan(
        customer_id=attempt.customer_id,
        planned=planned,
        uses=tuple(uses_of(attempt)),
        ahead=Ahead(attempt.currency, ahead_minor) if ahead_minor > 0 else None,
    )
