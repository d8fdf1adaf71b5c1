"""The provider's page of an attempt: made once, whatever happens between the call and its answer.

Everything sent is taken from rows that no longer change, so a repeat is the same call under the same key.
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import gateway, money
from billing.db import transaction
from billing.gateway.waits import KEY_LIFETIME, SLACK
from billing.payments.settling import note_session
from billing.tables import Attempt, Customer, Invoice, PlannedAllocation, User

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import CheckoutSession

WAITS, WAIT_SECONDS = 20, 0.25  # for the same call under way in another thread
LOOK_AFTER = timedelta(minutes=1)  # then lists at the provider show what an unanswered call did
MOST_LINES = 20  # on the provider's page; more invoices are told as one line
NOT_EXACT = "amount_not_exact"  # a card takes no such amount: nothing was sent


def open_page(attempt: Attempt, *, at: datetime) -> Attempt:
    """Make the attempt's page, or find the one that was made, and remember its address.

    An attempt that is past "created" comes back as it is. Raises OutcomeUnknown (try again), Declined and
    NotPayableByStripe (it is given up).
    """
    if attempt.status != "created":
        return attempt
    try:
        session = _make(attempt) if at - attempt.created_at < KEY_LIFETIME else _find(attempt, at)
    except gateway.KeyInUse:
        return wait_for_twin(attempt)
    except gateway.KeyMismatch:  # an earlier call of ours, with what has changed since: did it make a page?
        session = _find(attempt, at)
    except gateway.OutcomeUnknown:
        if at - attempt.created_at < LOOK_AFTER:
            raise
        session = _find(attempt, at)
    except gateway.Declined as refusal:
        give_up(attempt, refusal.code)
        raise
    except money.NotPayableByStripe:
        give_up(attempt, NOT_EXACT)
        raise
    if session is None:
        give_up(attempt, "never_opened")
    else:
        note_session(session, at=at)
    return reread(attempt)


def reread(attempt: Attempt) -> Attempt:
    """The attempt as it stands now."""
    now: Attempt = Attempt.get_by_id(attempt.id)
    return now


def _make(attempt: Attempt) -> CheckoutSession:
    customer_ref, key = _payer_ref(attempt), f"checkout-{attempt.id}"
    provider = gateway.current()
    try:
        return provider.create_session(_request(attempt, customer_ref), key=key)
    except gateway.NoSuchObject as refusal:
        if refusal.param != "customer" or customer_ref is None:
            raise
        alive = _payer_ref(attempt, dead=customer_ref)
        return provider.create_session(_request(attempt, alive), key=f"{key}-{alive}")


def _request(attempt: Attempt, customer_ref: str | None) -> gateway.CheckoutRequest:
    planned = list(
        PlannedAllocation.select(PlannedAllocation, Invoice)
        .join(Invoice)
        .where(PlannedAllocation.attempt == attempt.id)
        .order_by(Invoice.position)
    )
    numbers = [str(plan.invoice.number) for plan in planned]
    return gateway.CheckoutRequest(
        reference=attempt.id,
        customer_ref=customer_ref,
        currency=attempt.currency,
        lines=_lines(attempt, planned),
        description=_description(numbers),
        expires_at=attempt.expires_at,
        return_path=f"/payments/{attempt.id}?returned=1",
        back_path=f"/invoices/{numbers[0]}" if len(numbers) == 1 else "/invoices" if numbers else "/credits",
    )


def _lines(attempt: Attempt, planned: list[PlannedAllocation]) -> tuple[gateway.CheckoutLine, ...]:
    """A line per invoice, or one for all where they are many; and what is paid ahead.

    One line carries the whole where a card takes the sum, but not each part of it exactly.
    """
    paid_minor = sum(plan.minor for plan in planned)
    if len(planned) > MOST_LINES:
        lines = [gateway.CheckoutLine(name=f"{len(planned)} invoices", minor=paid_minor)]
    else:
        lines = [
            gateway.CheckoutLine(
                name=f"Invoice {plan.invoice.number}"
                + (" (partial payment)" if plan.minor < plan.invoice.total_minor else ""),
                minor=plan.minor,
            )
            for plan in planned
        ]
    if attempt.minor > paid_minor:
        lines.append(gateway.CheckoutLine(name="Payment in advance", minor=attempt.minor - paid_minor))
    if len(lines) > 1 and not all(_fits(line.minor, attempt.currency) for line in lines):
        ahead = " and payment in advance" if attempt.minor > paid_minor else ""
        name = f"{len(planned)} invoice{'s' if len(planned) > 1 else ''}{ahead}"
        lines = [gateway.CheckoutLine(name=name, minor=attempt.minor)]
    return tuple(lines)


def _fits(minor: int, currency: str) -> bool:
    try:
        money.stripe_amount(minor, currency)
    except money.NotPayableByStripe:
        return False
    return True


def _description(numbers: list[str]) -> str:
    if not numbers:
        return "Payment in advance"
    return ", ".join(numbers) if len(numbers) <= MOST_LINES else f"{numbers[0]} and {len(numbers) - 1} more invoices"


def _payer_ref(attempt: Attempt, *, dead: str | None = None) -> str | None:
    """The provider's id of a signed-in payer's customer. Guests have none: they see no saved cards."""
    kind, _, user_id = attempt.payer.partition(":")
    return customer_ref(attempt.customer_id, int(user_id), dead=dead) if kind == "user" else None


def customer_ref(customer_id: int, user_id: int, *, dead: str | None = None) -> str:
    """The provider's id of a customer, made on first need in this person's name; `dead` is one it no longer knows."""
    customer: Customer = Customer.get_by_id(customer_id)
    if customer.stripe_id and customer.stripe_id != dead:
        return str(customer.stripe_id)
    email = User.get_by_id(user_id).email
    facts = "\x1f".join([customer.legal_name, email, dead or ""])
    key = f"cust-{customer.id}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    made = gateway.current().create_customer(name=customer.legal_name, email=email, reference=str(customer.id), key=key)
    with transaction():
        stands = Customer.stripe_id.is_null() if dead is None else Customer.stripe_id == dead
        Customer.update(stripe_id=made).where((Customer.id == customer.id) & stands).execute()
    return str(Customer.get_by_id(customer.id).stripe_id)


def wait_for_twin(attempt: Attempt) -> Attempt:
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


def give_up(attempt: Attempt, failure: str) -> None:
    """Nothing was made, so nothing can be paid."""
    with transaction():
        Attempt.update(status="failed", failure=failure).where(
            (Attempt.id == attempt.id) & (Attempt.status == "created")
        ).execute()
