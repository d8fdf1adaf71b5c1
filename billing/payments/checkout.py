"""Starting to pay: one decision, one attempt, one page; and what happens when two want to pay the same invoice.

An invoice has at most one unfinished attempt. The same person with the same plan gets the page they have; anyone
else is told who is paying, and may take over, which closes the other page first.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from peewee import IntegrityError

from billing import audit, clock, credits, early_discounts, formatting, gateway, seller, submissions
from billing.db import lock, transaction
from billing.errors import Conflict, Missing
from billing.payments.closing import CANCELLED, RELEASED, REPLACED, TAKEN_OVER, close
from billing.payments.opening import open_page
from billing.payments.planning import Plan, frozen, payable, record, refuse_spent_credit
from billing.payments.reading import in_flight_on, invoice_ids_of, unfinished, unfinished_on
from billing.tables import Attempt, Customer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.payments.planning import Ahead, CreditUse, Planned
    from billing.tables import Invoice

LEAST_TO_OPEN, LEAST_TO_PAY = timedelta(minutes=31), timedelta(minutes=5)
MOST_ROUNDS = 4  # clearing older pages out of the way, one a round
LONGEST_NONCE = 100
PAID = ("processing", "succeeded")

Done = TypeVar("Done")


class OnItsWay(Conflict):
    """The money of an earlier payment is under way, such as a bank debit; what it leaves is paid after it came."""

    def __init__(self, attempt: Attempt, *, is_part: bool = False) -> None:
        amount = formatting.money(attempt.minor, attempt.currency)
        rest = "You can pay the rest then." if is_part else "You do not need to pay again."
        super().__init__(f"{amount} is on its way for this already. We email you when it arrives. {rest}")
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


def start_checkout(
    *,
    customer_id: int,
    planned: Sequence[Planned],
    nonce: str,
    payer: Actor,
    at: datetime,
    uses: Sequence[CreditUse] = (),
    ahead: Ahead | None = None,
) -> Attempt:
    """Decide to pay as planned, and open the provider's page for it; `url` leads there.

    `nonce` was made with the page, so a double click finds the same attempt. The attempt is committed before the
    provider is called. Raises Missing, AlreadyPaid, InvoiceCancelled, AmountChanged, CreditChanged, TooLittle,
    AllocationExceedsOpenBalance, MixedCurrencies, NotPayableByStripe, TooSmall, OnItsWay, BeingPaid, OutcomeUnknown
    (the same form may be sent again).
    """
    plan = Plan(customer_id=customer_id, planned=tuple(planned), uses=tuple(uses), ahead=ahead)
    return open_page(decide(plan, nonce=nonce, payer=payer, at=at), at=at)


def decide(
    plan: Plan, *, nonce: str, payer: Actor, at: datetime, kind: str = "checkout", card_id: int | None = None
) -> Attempt:
    """Commit to pay as planned, after closing older pages of the payer's own; nothing is asked for yet.

    `kind` and `card_id` say how it is carried out. Raises as start_checkout.
    """
    assert plan.minor > 0 or plan.ahead, "what credit covers needs no provider: pay_by_credit"
    assert 0 < len(nonce) <= LONGEST_NONCE, "a page makes a short nonce"
    gateway.current()
    return _with_the_way_clear(lambda: _decide(plan, nonce, payer, at, kind, card_id), payer, at)


def take_over(
    attempt_id: str,
    *,
    customer_id: int,
    planned: Sequence[Planned],
    nonce: str,
    payer: Actor,
    at: datetime,
    uses: Sequence[CreditUse] = (),
) -> Attempt:
    """Pay instead of somebody else of the same customer, whose page is closed first. Raises as start_checkout.

    Whoever could not begin to pay themselves closes nobody's page.
    """
    plan = Plan(customer_id=customer_id, planned=tuple(planned), uses=tuple(uses))
    make_way(attempt_id, plan, nonce=nonce, payer=payer, at=at)
    return open_page(decide(plan, nonce=nonce, payer=payer, at=at), at=at)


def make_way(attempt_id: str, plan: Plan, *, nonce: str, payer: Actor, at: datetime) -> None:
    """Close the page of somebody else of the same customer, if this plan could then be paid. Raises as decide."""
    gateway.current()
    theirs: Attempt | None = Attempt.get_or_none((Attempt.id == attempt_id) & (Attempt.customer == plan.customer_id))
    if theirs is None or not set(plan.invoice_ids) & set(invoice_ids_of(theirs.id)):
        raise Missing("We cannot find that payment.")
    if theirs.payer == payer.key:
        return
    with transaction():
        twin = _twin(nonce, plan.customer_id, payer)
        if twin is None or twin.status not in PAID:
            found = payable(plan, on=_day(at))
            _refuse_busy(unfinished_on(plan.invoice_ids), payer, at, besides=theirs)
            refuse_spent_credit(plan, _currency(plan, found), besides=theirs.id)
    close(theirs, why=TAKEN_OVER, by=payer, at=at)


def pay_by_credit(plan: Plan, *, nonce: str, payer: Actor, at: datetime) -> None:
    """Apply the credit of a plan that needs no other money, once per `nonce`. Raises as decide, and SentDifferently."""
    assert plan.uses, "the plan is to use credit"
    assert plan.minor == 0, "the provider is to take nothing"
    _with_the_way_clear(lambda: _apply_credit(plan, nonce, payer, at), payer, at)


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


def _with_the_way_clear(act: Callable[[], Done], payer: Actor, at: datetime) -> Done:
    """Do it in one transaction; the payer's own older pages are closed first, outside of it."""
    for _ in range(MOST_ROUNDS):
        try:
            with transaction():
                return act()
        except _InTheWay as older:
            close(older.attempt, why=REPLACED, by=payer, at=at)
        except IntegrityError:  # the same form for other invoices, at the same instant: look again
            continue
    raise gateway.OutcomeUnknown("older pages stay in the way")


def _decide(plan: Plan, nonce: str, payer: Actor, at: datetime, kind: str, card_id: int | None) -> Attempt:
    """The attempt to go on with: the one this form began, the person's open one, or a new one."""
    twin = _twin(nonce, plan.customer_id, payer)
    if twin is not None and twin.status in PAID:
        return twin
    lock(Customer.select(Customer.id).where(Customer.id == plan.customer_id)).get_or_none()
    found = payable(plan, on=_day(at))
    for attempt in unfinished_on(plan.invoice_ids):
        _refuse_busy([attempt], payer, at)
        same = (attempt.payer, attempt.kind, attempt.card_id) == (payer.key, kind, card_id)
        if same and frozen(attempt).parts() == plan.parts() and _has_time_left(attempt, at):
            return attempt
        raise _InTheWay(attempt)
    if twin is not None and not found and _has_time_left(twin, at) and twin.status in {"created", "open"}:
        return twin  # money ahead has no invoice by which its open page is found
    currency = _currency(plan, found)
    refuse_spent_credit(plan, currency)
    fresh_nonce = nonce if twin is None else f"{nonce}~{secrets.token_hex(4)}"
    return record(plan, nonce=fresh_nonce, payer=payer, currency=currency, at=at, kind=kind, card_id=card_id)


def _apply_credit(plan: Plan, nonce: str, payer: Actor, at: datetime) -> None:
    told = {"person": payer.key, "request_hash": hashlib.sha256(repr(plan.parts()).encode()).hexdigest()}
    if submissions.first_outcome(nonce, **told) is not None:
        return
    lock(Customer.select(Customer.id).where(Customer.id == plan.customer_id)).get_or_none()
    found = {invoice.id: invoice for invoice in payable(plan, on=_day(at))}
    for attempt in unfinished_on(plan.invoice_ids):
        _refuse_busy([attempt], payer, at)
        raise _InTheWay(attempt)
    refuse_spent_credit(plan, next(iter(found.values())).currency)
    for use in plan.uses:
        credits.apply_locked(credits.source_of(use.key), use.invoice_id, use.minor, by=payer, at=at)
    for invoice_id in found:
        early_discounts.take_if_earned(invoice_id, paid_on=_day(at), by=payer, at=at)
    facts = {str(use.key): use.minor for use in plan.uses}
    audit.record("credit.spent", f"customer:{plan.customer_id}", by=payer, at=at, facts={"credit": facts})
    submissions.keep(nonce, **told, outcome="credit", at=at)


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
        if attempt.status == "processing" or attempt.kind == "autopay":
            flights = in_flight_on(invoice_ids_of(attempt.id), at=at).values()
            raise OnItsWay(attempt, is_part=any(flight.is_part for flight in flights if flight.id == attempt.id))
        if attempt.expires_at > at and attempt.payer != payer.key:
            raise BeingPaid(attempt)


def _day(at: datetime) -> date:
    return clock.day_of(at, seller.get().time_zone)


def _currency(plan: Plan, found: list[Invoice]) -> str:
    if plan.ahead is not None:
        return plan.ahead.currency
    return found[0].currency


def _has_time_left(attempt: Attempt, at: datetime) -> bool:
    """Whether its page can still be opened (the provider wants half an hour for that), or filled in without hurry."""
    least = LEAST_TO_OPEN if attempt.status == "created" else LEAST_TO_PAY
    left: timedelta = attempt.expires_at - at
    return left >= least
