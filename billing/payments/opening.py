"""The provider's page of an attempt: made once, whatever happens between the call and its answer.

Everything sent is taken from rows that no longer change, so a repeat is the same call under the same key.
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import gateway
from billing.db import transaction
from billing.payments.settling import note_session
from billing.tables import Attempt, Customer, Invoice, PlannedAllocation, User

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import CheckoutSession

WAITS, WAIT_SECONDS = 20, 0.25  # for the same call under way in another thread
LOOK_AFTER = timedelta(minutes=1)  # then lists at the provider show what an unanswered call did
KEY_LIFETIME = timedelta(hours=23)  # the provider forgets a key after 24 h; a forgotten key would pay again
SLACK = timedelta(minutes=10)  # between our clock and the provider's


def open_page(attempt: Attempt, *, at: datetime) -> Attempt:
    """Make the attempt's page, or find the one that was made, and remember its address.

    An attempt that is past "created" comes back as it is. Raises OutcomeUnknown (try again), Declined.
    """
    if attempt.status != "created":
        return attempt
    try:
        session = _make(attempt) if at - attempt.created_at < KEY_LIFETIME else _find(attempt, at)
    except gateway.KeyInUse:
        return _wait_for_twin(attempt)
    except gateway.KeyMismatch:  # an earlier call of ours, with what has changed since: did it make a page?
        session = _find(attempt, at)
    except gateway.OutcomeUnknown:
        if at - attempt.created_at < LOOK_AFTER:
            raise
        session = _find(attempt, at)
    except gateway.Declined as refusal:
        _give_up(attempt, refusal.code)
        raise
    if session is None:
        _give_up(attempt, "never_opened")
    else:
        note_session(session, at=at)
    return reread(attempt)


def reread(attempt: Attempt) -> Attempt:
    """The attempt as it stands now."""
    now: Attempt = Attempt.get_by_id(attempt.id)
    return now


def _make(attempt: Attempt) -> CheckoutSession:
    customer_ref, key = _customer_ref(attempt), f"checkout-{attempt.id}"
    provider = gateway.current()
    try:
        return provider.create_session(_request(attempt, customer_ref), key=key)
    except gateway.NoSuchObject as refusal:
        if refusal.param != "customer" or customer_ref is None:
            raise
        alive = _customer_ref(attempt, dead=customer_ref)
        return provider.create_session(_request(attempt, alive), key=f"{key}-{alive}")


def _request(attempt: Attempt, customer_ref: str | None) -> gateway.CheckoutRequest:
    planned = list(
        PlannedAllocation.select(PlannedAllocation, Invoice)
        .join(Invoice)
        .where(PlannedAllocation.attempt == attempt.id)
        .order_by(Invoice.position)
    )
    numbers = [str(plan.invoice.number) for plan in planned]
    lines = tuple(
        gateway.CheckoutLine(
            name=f"Invoice {plan.invoice.number}"
            + (" (partial payment)" if plan.minor < plan.invoice.total_minor else ""),
            minor=plan.minor,
        )
        for plan in planned
    )
    return gateway.CheckoutRequest(
        reference=attempt.id,
        customer_ref=customer_ref,
        currency=attempt.currency,
        lines=lines,
        description=", ".join(numbers),
        expires_at=attempt.expires_at,
        return_path=f"/payments/{attempt.id}?returned=1",
        back_path=f"/invoices/{numbers[0]}" if len(numbers) == 1 else "/invoices",
    )


def _customer_ref(attempt: Attempt, *, dead: str | None = None) -> str | None:
    """The provider's id of a signed-in payer's customer, made on first need; `dead` is one it no longer knows.

    Guests have none: they see no saved cards.
    """
    kind, _, user_id = attempt.payer.partition(":")
    if kind != "user":
        return None
    customer: Customer = Customer.get_by_id(attempt.customer_id)
    if customer.stripe_id and customer.stripe_id != dead:
        return customer.stripe_id
    email = User.get_by_id(int(user_id)).email
    facts = "\x1f".join([customer.legal_name, email, dead or ""])
    key = f"cust-{customer.id}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    made = gateway.current().create_customer(name=customer.legal_name, email=email, reference=str(customer.id), key=key)
    with transaction():
        stands = Customer.stripe_id.is_null() if dead is None else Customer.stripe_id == dead
        Customer.update(stripe_id=made).where((Customer.id == customer.id) & stands).execute()
    stored: str | None = Customer.get_by_id(customer.id).stripe_id
    return stored


def _wait_for_twin(attempt: Attempt) -> Attempt:
    """A double click: the other call is on its way, and its answer is ours."""
    for _ in range(WAITS):
        time.sleep(WAIT_SECONDS)
        now = reread(attempt)
        if now.status != "created":
            return now
    raise gateway.OutcomeUnknown("twin call without an answer")


def _find(attempt: Attempt, at: datetime) -> CheckoutSession | None:
    since = attempt.created_at - SLACK
    return gateway.current().find_session(attempt.id, since=since, until=at + SLACK)


def _give_up(attempt: Attempt, failure: str) -> None:
    """Nothing was made, so nothing can be paid."""
    with transaction():
        Attempt.update(status="failed", failure=failure).where(
            (Attempt.id == attempt.id) & (Attempt.status == "created")
        ).execute()
