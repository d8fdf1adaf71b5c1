"""Starting to pay: one decision, one attempt, one page; and what happens when two want to pay the same invoice.

An invoice has at most one unfinished attempt. The same person with the same plan gets the page they have; anyone
else is told who is paying, and may take over, which closes the other page first.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from peewee import IntegrityError

from billing import formatting, gateway, money, seller
from billing.db import database, lock, transaction
from billing.errors import Conflict, Missing, Refusal
from billing.payments.closing import CANCELLED, RELEASED, REPLACED, TAKEN_OVER, close
from billing.payments.opening import open_page
from billing.payments.reading import plan_of, unfinished
from billing.payments.references import new_reference
from billing.tables import Attempt, Invoice, PlannedAllocation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.actors import Actor

PAGE_LIFETIME = timedelta(minutes=60)
LEAST_TO_OPEN, LEAST_TO_PAY = timedelta(minutes=31), timedelta(minutes=5)
MOST_ROUNDS = 4  # clearing older pages out of the way, one a round
LONGEST_NONCE = 100
PAID = ("processing", "succeeded")


class Planned(NamedTuple):
    """An invoice and the minor units to pay on it."""

    invoice_id: int
    minor: int


class AlreadyPaid(Conflict):
    """Nothing is left to pay."""

    def __init__(self, invoice: Invoice) -> None:
        zone, locale = seller.get().time_zone, seller.get().locale
        when = f", on {formatting.moment(invoice.paid_at, zone, locale=locale)}" if invoice.paid_at else ""
        super().__init__(f"Invoice {invoice.number} was paid already{when}. You have not been charged again.")
        self.invoice = invoice


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


class MixedCurrencies(Refusal):
    """One payment is in one currency."""

    def __init__(self) -> None:
        super().__init__("Choose invoices of one currency. Pay the others in a second payment.")


class OnItsWay(Conflict):
    """The money of an earlier payment is under way, such as a bank debit."""

    def __init__(self, attempt: Attempt) -> None:
        amount = formatting.money(attempt.minor, attempt.currency)
        super().__init__(
            f"{amount} is on its way for this already. We email you when it arrives. You do not need to pay again."
        )
        self.attempt = attempt


class BeingPaid(Conflict):
    """Somebody else is on the payment page of this invoice; `attempt` says who, and since when."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__("Somebody else is paying this right now.")
        self.attempt = attempt


class _InTheWay(Exception):  # noqa: N818 - not an error: an older page must be closed before this one opens
    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.id)
        self.attempt = attempt


def start_checkout(*, customer_id: int, planned: Sequence[Planned], nonce: str, payer: Actor, at: datetime) -> Attempt:
    """Decide to pay these invoices in full, and open the provider's page for it; `url` leads there.

    `nonce` was made with the page, so a double click finds the same attempt. The attempt is committed before the
    provider is called. Raises Missing, AlreadyPaid, InvoiceCancelled, AmountChanged, MixedCurrencies,
    NotPayableByStripe, TooSmall, OnItsWay, BeingPaid, OutcomeUnknown (the same form may be sent again).
    """
    gateway.current()
    for _ in range(MOST_ROUNDS):
        try:
            with transaction():
                attempt = _decide(customer_id, planned, nonce, payer, at)
        except _InTheWay as older:
            close(older.attempt, why=REPLACED, by=payer, at=at)
        except IntegrityError:  # the same form for other invoices, at the same instant: look again
            continue
        else:
            return open_page(attempt, at=at)
    raise gateway.OutcomeUnknown("older pages stay in the way")


def take_over(
    attempt_id: str,
    *,
    customer_id: int,
    planned: Sequence[Planned],
    nonce: str,
    payer: Actor,
    at: datetime,
) -> Attempt:
    """Pay instead of somebody else of the same customer, whose page is closed first. Raises as start_checkout.

    Whoever could not begin to pay themselves closes nobody's page.
    """
    gateway.current()
    invoice_ids = {plan.invoice_id for plan in planned}
    theirs: Attempt | None = Attempt.get_or_none((Attempt.id == attempt_id) & (Attempt.customer == customer_id))
    if theirs is None or not invoice_ids & set(plan_of(theirs)):
        raise Missing("We cannot find that payment.")
    if theirs.payer != payer.key:
        with transaction():
            twin = _twin(nonce, customer_id, payer)
            if twin is None or twin.status not in PAID:
                _refuse_busy(_unfinished_on(_payable(customer_id, planned)), payer, at, besides=theirs)
        close(theirs, why=TAKEN_OVER, by=payer, at=at)
    return start_checkout(customer_id=customer_id, planned=planned, nonce=nonce, payer=payer, at=at)


def cancel(attempt: Attempt, *, by: Actor, at: datetime) -> Attempt:
    """The payer changed their mind: close the page. An attempt that is paid comes back as it is. Raises Missing."""
    if attempt.payer != by.key:
        raise Missing("We cannot find that payment.")
    return close(attempt, why=CANCELLED, by=by, at=at)


def release(invoice_id: int, *, by: Actor, at: datetime) -> list[Attempt]:
    """Close every open page of an invoice, so that staff may void it; gives what is still unfinished.

    Money that is on its way, or was paid meanwhile, cannot be called back; the void refuses it then.
    """
    for attempt in unfinished(invoice_id):
        close(attempt, why=RELEASED, by=by, at=at)
    return unfinished(invoice_id)


def _decide(customer_id: int, planned: Sequence[Planned], nonce: str, payer: Actor, at: datetime) -> Attempt:
    """The attempt to go on with: the one this form began, the person's open one, or a new one."""
    assert planned, "a payment pays something"
    assert 0 < len(nonce) <= LONGEST_NONCE, "a page makes a short nonce"
    twin = _twin(nonce, customer_id, payer)
    if twin is not None and twin.status in PAID:
        return twin
    found = _payable(customer_id, planned)
    for attempt in _unfinished_on(found):
        _refuse_busy([attempt], payer, at)
        mine = attempt.payer == payer.key and plan_of(attempt) == dict(planned)
        if mine and _has_time_left(attempt, at):
            return attempt
        raise _InTheWay(attempt)
    fresh_nonce = nonce if twin is None else f"{nonce}~{secrets.token_hex(4)}"
    return _record(customer_id, planned, fresh_nonce, payer, found[0].currency, at)


def _twin(nonce: str, customer_id: int, payer: Actor) -> Attempt | None:
    """The attempt this very form began, if it was sent before. Raises Missing where it is another person's."""
    twin: Attempt | None = Attempt.get_or_none(Attempt.nonce == nonce)
    if twin is not None and (twin.payer, twin.customer_id) != (payer.key, customer_id):
        raise Missing("We cannot find that payment.")
    return twin


def _refuse_busy(attempts: Sequence[Attempt], payer: Actor, at: datetime, *, besides: Attempt | None = None) -> None:
    """Raise OnItsWay or BeingPaid where money is under way, or another person has their page open."""
    for attempt in attempts:
        if besides is not None and attempt.id == besides.id:
            continue
        if attempt.status == "processing":
            raise OnItsWay(attempt)
        if attempt.expires_at > at and attempt.payer != payer.key:
            raise BeingPaid(attempt)


def _payable(customer_id: int, planned: Sequence[Planned]) -> list[Invoice]:
    """The invoices, locked by id, each owing exactly what the person saw."""
    asked = dict(planned)
    assert len(asked) == len(planned), "an invoice stands once in a plan"
    query = Invoice.select().where(
        Invoice.id.in_(list(asked)) & (Invoice.customer == customer_id) & (Invoice.status != "draft")
    )
    found = list(lock(query.order_by(Invoice.id)))
    if len(found) != len(asked):
        raise Missing("We cannot find that invoice.")
    if len({invoice.currency for invoice in found}) != 1:
        raise MixedCurrencies
    for invoice in found:
        if invoice.status == "void":
            raise InvoiceCancelled(invoice)
        if invoice.balance_minor == 0:
            raise AlreadyPaid(invoice)
        if asked[invoice.id] != invoice.balance_minor:
            raise AmountChanged(invoice, asked_minor=asked[invoice.id])
    money.stripe_amount(sum(asked.values()), found[0].currency)
    return found


def _has_time_left(attempt: Attempt, at: datetime) -> bool:
    """Whether its page can still be opened (the provider wants half an hour for that), or filled in without hurry."""
    least = LEAST_TO_OPEN if attempt.status == "created" else LEAST_TO_PAY
    left: timedelta = attempt.expires_at - at
    return left >= least


def _unfinished_on(found: list[Invoice]) -> list[Attempt]:
    by_id = {attempt.id: attempt for invoice in found for attempt in unfinished(invoice.id)}
    return sorted(by_id.values(), key=lambda attempt: (attempt.status != "processing", attempt.created_at))


def _record(
    customer_id: int, planned: Sequence[Planned], nonce: str, payer: Actor, currency: str, at: datetime
) -> Attempt:
    with database.atomic():
        attempt: Attempt = Attempt.create(
            id=new_reference(),
            customer=customer_id,
            payer=payer.key,
            payer_name=payer.name,
            currency=currency,
            minor=sum(plan.minor for plan in planned),
            nonce=nonce,
            created_at=at,
            expires_at=at + PAGE_LIFETIME,
            force_insert=True,
        )
    PlannedAllocation.insert_many(
        [{"attempt": attempt.id, "invoice": plan.invoice_id, "minor": plan.minor} for plan in planned]
    ).execute()
    return attempt
