"""Stripe's events: verified, stored once, then acted on. An event is a trigger, never the truth.

At least once, in no order, sometimes before our own call returned, sometimes never: so a delivery is kept before
anything is done, is answered "done" only when it is done, and what never came is fetched by the sweep.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import cards, gateway, payments
from billing.db import transaction
from billing.tables import StripeEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from billing.gateway import Event

log = logging.getLogger(__name__)

LARGEST_PAYLOAD = 1_000_000  # bytes
SETTLED = ("processed", "ignored", "wrong_mode")
LOOK_BACK = timedelta(hours=1)
LET_THE_REQUEST_FINISH = timedelta(minutes=1)
MOST_TRIES = 50
MOST_RETRIED = 500

SESSION_EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
INTENT_EVENTS = (
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
)
SETUP_EVENTS = ("setup_intent.succeeded", "setup_intent.canceled")
CARD_EVENTS = (
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What a sweep over events came to: those that had never reached us, those tried again, those that failed."""

    missed: int = 0
    retried: int = 0
    failed: int = 0


def receive(payload: bytes, signature: str | None, *, at: datetime, real_at: datetime) -> bool:
    """Take one webhook delivery: True once it is dealt with, False where Stripe shall send it again.

    Raises BadSignature for what nobody with our secret signed within five minutes of `real_at`: the machine's own
    instant, which no test's clock moves, as Stripe's is not moved either.
    """
    return _store_and_act(gateway.current().read_delivery(payload, signature, at=real_at), at=at)


def reconcile(at: datetime) -> tuple[Caught, payments.Swept]:
    """Everything that catches up with Stripe: events that were missed or failed, then every unfinished attempt.

    Twice in a row changes nothing the second time. Where Stripe does not answer, the rest is still tried.
    """
    try:
        caught = sweep(at)
    except (gateway.OutcomeUnknown, gateway.Declined) as refusal:
        log.warning("events could not be listed: %s", refusal)
        caught = Caught()
    return caught, payments.sweep(at)


def sweep(at: datetime) -> Caught:
    """Fetch the last hour's events that never reached us, and try the failed ones again. Raises OutcomeUnknown."""
    missed = failed = 0
    types = (*SESSION_EVENTS, *INTENT_EVENTS, *SETUP_EVENTS, *CARD_EVENTS)
    for event in gateway.current().events(types, since=at - LOOK_BACK):
        if StripeEvent.select(StripeEvent.id).where(StripeEvent.id == event.id).exists():
            continue
        missed += 1
        failed += not _store_and_act(event, at=at)
    retried = 0
    for row in _left_over(at):
        retried += 1
        failed += not _act(row, at=at)
    return Caught(missed=missed, retried=retried, failed=failed)


def _store_and_act(event: Event, *, at: datetime) -> bool:
    row = _store(event, at=at)
    if row.status in SETTLED:
        return True
    return _act(row, at=at)


def _store(event: Event, *, at: datetime) -> StripeEvent:
    """Keep an event, however often it comes; one of the other mode (test or live) is kept and never acted on."""
    is_ours = event.livemode == gateway.current().livemode
    with transaction():
        StripeEvent.insert(
            id=event.id,
            type=event.type,
            object_id=event.object_id,
            livemode=event.livemode,
            api_version=event.api_version,
            status="received" if is_ours else "wrong_mode",
            payload=event.payload,
            created_at=event.created_at,
            received_at=at,
        ).on_conflict_ignore().execute()
        row: StripeEvent = StripeEvent.get_by_id(event.id)
    if not is_ours:
        log.error("event %s of the wrong mode (livemode %s) was kept and ignored", event.id, event.livemode)
    return row


def _act(row: StripeEvent, *, at: datetime) -> bool:
    """Do what an event asks for. Whatever goes wrong is written beside it, and it is tried again."""
    verb = _verb(row)
    status, error = "ignored" if verb is None else "processed", ""
    if verb is not None:
        try:
            verb(row.object_id, at)
        except Exception as cause:  # noqa: BLE001 - nothing may make an event disappear: it is kept and tried again
            status, error = "failed", f"{type(cause).__name__}: {cause}"[:500]
            log.warning("event %s (%s %s) failed: %s", row.id, row.type, row.object_id, error)
    with transaction():
        StripeEvent.update(status=status, attempts=StripeEvent.attempts + 1, error=error).where(
            (StripeEvent.id == row.id) & StripeEvent.status.not_in(SETTLED)
        ).execute()
    return status != "failed"


def _verb(row: StripeEvent) -> Callable[[str, datetime], object] | None:
    if row.type in SESSION_EVENTS and row.object_id.startswith("cs_"):
        return lambda object_id, at: cards.sync_session(object_id, at=at)
    if row.type in INTENT_EVENTS and row.object_id.startswith("pi_"):
        return lambda object_id, at: payments.settle(object_id, at=at)
    if row.type in SETUP_EVENTS and row.object_id.startswith("seti_"):
        return lambda object_id, at: cards.settle_setup(object_id, at=at)
    if row.type in CARD_EVENTS and row.object_id.startswith("pm_"):
        return lambda object_id, at: cards.keep(object_id, at=at)
    return None


def _left_over(at: datetime) -> list[StripeEvent]:
    """Events that nobody finished, oldest first; one that failed too often waits for a person."""
    return list(
        StripeEvent.select()
        .where(
            StripeEvent.status.in_(["received", "failed"])
            & (StripeEvent.attempts < MOST_TRIES)
            & (StripeEvent.received_at < at - LET_THE_REQUEST_FINISH)
        )
        .order_by(StripeEvent.received_at)
        .limit(MOST_RETRIED)
    )
