"""Stripe's events: verified, stored once, then acted on. An event is a trigger, never the truth.

At least once, in no order, sometimes before our own call returned, sometimes never: so a delivery is kept before
anything is done, is answered "done" only when it is done, and what never came is fetched by the sweep.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from peewee import fn

from billing import cards, chargebacks, comparing, gateway, payments, refunds
from billing.db import transaction
from billing.gateway.waits import LET_THE_REQUEST_FINISH, Swept
from billing.tables import StripeEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from billing.gateway import Event

log = logging.getLogger(__name__)

LARGEST_PAYLOAD = 1_000_000  # bytes
SETTLED = ("processed", "ignored", "wrong_mode")
LEAST_LOOK_BACK, MOST_LOOK_BACK = timedelta(hours=1), timedelta(days=30)  # Stripe keeps events for thirty days
OUT_OF_ORDER = timedelta(minutes=10)  # events of one moment do not come in its order
MOST_TYPES = 20  # in one question to Stripe
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
REFUND_EVENTS = ("refund.created", "refund.updated", "refund.failed")
CHARGEBACK_EVENTS = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
CARD_EVENTS = (
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "payment_method.automatically_updated",
)

Verb = tuple[tuple[str, ...], tuple[str, ...], "Callable[[str, datetime], object]"]

# Which events we act on: their types, how the ids of their objects begin, and the verb that asks what is true now.
VERBS: tuple[Verb, ...] = (
    (SESSION_EVENTS, ("cs_",), lambda object_id, at: cards.sync_session(object_id, at=at)),
    (INTENT_EVENTS, ("pi_",), lambda object_id, at: payments.settle(object_id, at=at)),
    (REFUND_EVENTS, ("re_", "pyr_"), lambda object_id, at: refunds.sync(object_id, at=at)),
    (CHARGEBACK_EVENTS, ("dp_", "du_"), lambda object_id, at: chargebacks.sync_dispute(object_id, at=at)),
    (SETUP_EVENTS, ("seti_",), lambda object_id, at: cards.settle_setup(object_id, at=at)),
    (CARD_EVENTS, ("pm_",), lambda object_id, at: cards.keep(object_id, at=at)),
)
TYPES = tuple(kind for kinds, _, _ in VERBS for kind in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What somebody must look at: events of the other mode (test or live), and events that were given up."""

    wrong_mode: int
    given_up: int


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


def reconcile(at: datetime, *, days: int = 0) -> tuple[Caught, Swept]:
    """Everything that catches up with Stripe: events that were missed or failed, then whatever is unfinished.

    Events are looked for since the last one that reached us, or for `days` if that is more. Twice in a row changes
    nothing the second time. Where Stripe does not answer, the rest is still tried. Raises StrangeGateway.
    """
    try:
        comparing.recognise()
    except (gateway.OutcomeUnknown, gateway.Declined) as refusal:  # a restricted key may not be allowed to ask
        log.warning("Stripe did not say who we are: %s", refusal)
    try:
        caught = sweep(at, days=days)
    except (gateway.OutcomeUnknown, gateway.Declined) as refusal:
        log.warning("events could not be listed: %s", refusal)
        caught = Caught()
    cards.sweep(at)
    parts = (payments.sweep(at), refunds.send_due(at), chargebacks.sweep(at, lost_too=days > 0))
    return caught, Swept(
        asked=sum(part.asked for part in parts),
        moved=sum(part.moved for part in parts),
        unanswered=sum(part.unanswered for part in parts),
    )


def sweep(at: datetime, *, days: int = 0) -> Caught:
    """Fetch the events that never reached us, and try the failed ones again. Raises OutcomeUnknown, Declined."""
    since = min(_last_seen(at), at - timedelta(days=days))
    missed = failed = 0
    for first in range(0, len(TYPES), MOST_TYPES):
        for event in gateway.current().events(TYPES[first : first + MOST_TYPES], since=since):
            if StripeEvent.select(StripeEvent.id).where(StripeEvent.id == event.id).exists():
                continue
            missed += 1
            failed += not _store_and_act(event, at=at)
    retried = 0
    for row in _left_over(at):
        retried += 1
        failed += not _act(row, at=at)
    return Caught(missed=missed, retried=retried, failed=failed)


def troubles(at: datetime) -> Troubles:
    """What of the last thirty days somebody must look at."""
    recent = StripeEvent.received_at > at - MOST_LOOK_BACK
    given_up = StripeEvent.status.in_(["received", "failed"]) & (StripeEvent.attempts >= MOST_TRIES)
    return Troubles(
        wrong_mode=StripeEvent.select().where(recent & (StripeEvent.status == "wrong_mode")).count(),
        given_up=StripeEvent.select().where(recent & given_up).count(),
    )


def _last_seen(at: datetime) -> datetime:
    """Since when events may be missing: the last one that reached us, at least an hour and at most a month ago."""
    newest = StripeEvent.select(fn.MAX(StripeEvent.created_at)).where(StripeEvent.status != "wrong_mode").scalar()
    last = StripeEvent.created_at.python_value(newest)
    since = at - LEAST_LOOK_BACK if last is None else min(last - OUT_OF_ORDER, at - LEAST_LOOK_BACK)
    return max(since, at - MOST_LOOK_BACK)


def _store_and_act(event: Event, *, at: datetime) -> bool:
    row = _store(event, at=at)
    if row.status in SETTLED:
        return True
    return _act(row, at=at)


def _store(event: Event, *, at: datetime) -> StripeEvent:
    """Keep an event, however often it comes; one of the other mode (test or live) is kept and never acted on."""
    known: StripeEvent | None = StripeEvent.get_or_none(StripeEvent.id == event.id)
    if known is not None:  # a repeated delivery waits for nobody who writes
        return known
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
    for types, beginnings, verb in VERBS:
        if row.type in types and row.object_id.startswith(beginnings):
            return verb
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
