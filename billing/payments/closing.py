"""Closing the provider's page of an attempt, so that nobody can pay in it any more."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from billing import audit, gateway
from billing.db import transaction
from billing.money import NotPayableByStripe
from billing.payments import charging
from billing.payments.opening import open_page, reread
from billing.payments.settling import sync_session
from billing.tables import Attempt

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

log = logging.getLogger(__name__)

CANCELLED = "cancelled"  # by the payer
TAKEN_OVER = "taken_over"  # by somebody else of the customer
REPLACED = "replaced"  # by the payer's own newer page
RELEASED = "released"  # by staff
PAID_OTHERWISE = "paid_otherwise"  # the invoice needs less than this page asks for
UNKNOWN_PAGE = "unknown_page"  # its time is over, and the provider knows nothing of it


def close(attempt: Attempt, *, why: str, by: Actor, at: datetime) -> Attempt:
    """Close the page, or learn that somebody paid in it. Raises OutcomeUnknown.

    The provider decides: a page it will not close is complete or over, so the truth is fetched, never guessed.
    """
    try:
        attempt = _learn(attempt, at=at)
    except (gateway.Declined, NotPayableByStripe):
        return reread(attempt)
    if attempt.status != "open":
        return attempt
    try:
        _end(attempt)
    except gateway.NotOpen:
        return _learn(attempt, at=at, again=True)
    except gateway.NoSuchObject:  # a page of another account, from before the keys were changed: closed for us
        log.warning("attempt %s: its page is not known to the provider", attempt.id)
    with transaction():
        moved = (
            Attempt.update(status="expired" if why == CANCELLED else "superseded", failure=why, checked_at=at)
            .where((Attempt.id == attempt.id) & Attempt.status.in_(["created", "open", "expired"]))
            .execute()
        )
        if moved:
            audit.record("payment.closed", f"attempt:{attempt.id}", by=by, at=at, facts={"why": why})
    return reread(attempt)


def _learn(attempt: Attempt, *, at: datetime, again: bool = False) -> Attempt:
    """What the provider knows of it: a call without an answer may have made a page, or charged a card."""
    if attempt.kind != "checkout":
        now = charging.look(attempt, at=at)
        if now.status == "created":
            raise gateway.OutcomeUnknown("a charge without an answer")
        return now
    if again and attempt.session_id:
        sync_session(attempt.session_id, at=at)
        return reread(attempt)
    return open_page(attempt, at=at)  # the same call tells


def _end(attempt: Attempt) -> None:
    if attempt.kind != "checkout":
        charging.end(attempt)
        return
    assert attempt.session_id, "an open page has its id"
    gateway.current().expire(attempt.session_id)
