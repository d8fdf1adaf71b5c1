"""Charging a saved card: at the press of its holder's button, or on the day an invoice falls due.

As with a page, the attempt is committed first, all that is sent comes from rows that no longer change, and its id
is the key of the call. The bank's no is an outcome; an answer that never came is asked for, or the call repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import gateway
from billing.db import lock, transaction
from billing.gateway.waits import KEY_LIFETIME, SLACK
from billing.money import NotPayableByStripe
from billing.payments.opening import LOOK_AFTER, give_up, reread, wait_for_twin
from billing.payments.settling import settle
from billing.tables import UNFINISHED, Attempt, Card, Customer, Invoice, PlannedAllocation

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import Charge

NEVER_CHARGED = "never_opened"  # nobody answered in time, and the provider knows of no charge
MISTAKE = "mistake"  # the provider refused the call itself: nothing was charged, and no bank was asked
TOO_SMALL = "amount_too_small"  # less than the provider takes by card in this currency


def charge(attempt: Attempt, *, at: datetime) -> Attempt:
    """Charge the attempt's card, once however often this is called, and settle what came of it.

    Afterwards it succeeded, is processing, failed with the bank's word, or is open with the address of the bank's
    page. Raises OutcomeUnknown (call again), Declined (the call was refused; nothing was charged).
    """
    if attempt.status not in UNFINISHED:
        return attempt
    if attempt.status != "created" or attempt.intent_id:
        return look(attempt, at=at)
    if at - attempt.created_at >= KEY_LIFETIME:
        return look(attempt, at=at, is_over=True)
    try:
        made = _make(attempt)
    except gateway.KeyInUse:
        return wait_for_twin(attempt)
    except gateway.KeyMismatch:  # an earlier call of ours, with what has changed since
        return look(attempt, at=at, is_over=True)
    except gateway.TooSmall:
        give_up(attempt, TOO_SMALL)
        raise
    except (gateway.Declined, NotPayableByStripe):
        give_up(attempt, MISTAKE)
        raise
    _note(attempt, made, at=at)
    settle(made.intent_id, at=at)
    return reread(attempt)


def look(attempt: Attempt, *, at: datetime, is_over: bool = False) -> Attempt:
    """Ask what came of a charge without making one. Raises OutcomeUnknown, Declined.

    `is_over`: where the provider knows of none, none will come. That is so by itself for a payer's own payment
    once its request is long gone; what autopay could not bring over is repeated under its key instead.
    """
    if attempt.intent_id is None and attempt.status == "created":
        found = gateway.current().find_charge(
            attempt.id, customer_ref=_customer_ref(attempt), since=attempt.created_at - SLACK, until=at + SLACK
        )
        if found is None:
            is_over = is_over or (attempt.kind == "saved_card" and at - attempt.created_at >= LOOK_AFTER)
            if is_over:
                give_up(attempt, NEVER_CHARGED)
            return reread(attempt)
        settle(found, at=at)
    elif attempt.intent_id is not None:
        settle(attempt.intent_id, at=at)
    return reread(attempt)


def end(attempt: Attempt) -> None:
    """Call back a charge whose payer has not answered the bank. Raises NotOpen, OutcomeUnknown."""
    assert attempt.intent_id, "the bank asks about a charge"
    gateway.current().cancel_charge(attempt.intent_id)


def _make(attempt: Attempt) -> Charge:
    is_there = attempt.kind == "saved_card"
    numbers = [
        str(plan.invoice.number)
        for plan in PlannedAllocation.select(PlannedAllocation, Invoice)
        .join(Invoice)
        .where(PlannedAllocation.attempt == attempt.id)
        .order_by(Invoice.position)
    ]
    assert attempt.card_id is not None, "a charge names its card"
    card: Card = Card.get_by_id(attempt.card_id)
    request = gateway.ChargeRequest(
        reference=attempt.id,
        customer_ref=_customer_ref(attempt),
        method_id=card.stripe_id,
        currency=attempt.currency,
        minor=attempt.minor,
        description=", ".join(numbers) or "Payment in advance",
        return_path=f"/payments/{attempt.id}?returned=1" if is_there else None,
    )
    return gateway.current().charge(request, key=f"{'pay' if is_there else 'autopay'}-{attempt.id}")


def _customer_ref(attempt: Attempt) -> str:
    """The provider's id of the customer: whoever has a saved card has one."""
    ref = Customer.get_by_id(attempt.customer_id).stripe_id
    assert ref, "a saved card belongs to a customer at the provider"
    return str(ref)


def _note(attempt: Attempt, made: Charge, *, at: datetime) -> None:
    """Remember the charge before anything else is asked; news that overtook its answer stands."""
    asks = made.status == "requires_action"
    with transaction():
        now = lock(Attempt.select().where(Attempt.id == attempt.id)).get()
        if now.status == "created" and now.intent_id in {None, made.intent_id}:
            Attempt.update(
                intent_id=made.intent_id,
                status="open" if asks else "created",
                url=made.onward if asks else None,
                checked_at=at,
            ).where(Attempt.id == attempt.id).execute()
