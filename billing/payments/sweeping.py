"""Catching up: what no webhook told us is asked, from the return page and by the worker's sweep."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import gateway
from billing.actors import SYSTEM
from billing.errors import Refusal
from billing.gateway.waits import LET_THE_REQUEST_FINISH, Swept
from billing.money import NotPayableByStripe
from billing.payments import charging
from billing.payments.closing import PAID_OTHERWISE, UNKNOWN_PAGE, close
from billing.payments.opening import open_page, reread
from billing.payments.planning import frozen
from billing.payments.reading import unfinished_on
from billing.payments.settling import sync_session
from billing.tables import UNFINISHED, Attempt, Invoice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = timedelta(seconds=2)
MOST_SWEPT = 1_000


def sync(attempt: Attempt, *, at: datetime) -> Attempt:
    """Ask the provider what became of an attempt, and settle it. Raises OutcomeUnknown, Declined."""
    if attempt.kind != "checkout":
        return charging.look(attempt, at=at)
    if attempt.status == "created":
        attempt = open_page(attempt, at=at)
    if attempt.session_id:
        sync_session(attempt.session_id, at=at)
    return reread(attempt)


def check(attempt: Attempt, *, at: datetime) -> Attempt:
    """What a waiting person sees: asks at most every two seconds, and where no answer comes, stays as it was."""
    if attempt.status not in UNFINISHED:
        return attempt
    if attempt.checked_at is not None and timedelta() <= at - attempt.checked_at < ASK_AGAIN_AFTER:
        return attempt
    try:
        return sync(attempt, at=at)
    except (gateway.OutcomeUnknown, gateway.Declined, NotPayableByStripe) as refusal:
        log.warning("attempt %s: no answer yet (%s)", attempt.id, refusal)
        return reread(attempt)


def sweep(at: datetime) -> Swept:
    """Ask about every attempt that is not settled, oldest first, and close pages that ask for too much by now.

    One that fails does not stop the others.
    """
    asked = moved = unanswered = 0
    query = Attempt.select().where(Attempt.status.in_(UNFINISHED)).order_by(Attempt.created_at).limit(MOST_SWEPT)
    for attempt in list(query):
        if attempt.status == "created" and at - attempt.created_at < LET_THE_REQUEST_FINISH:
            continue
        asked += 1
        try:
            now = _now(attempt, at=at)
            if now.status == "open" and _asks_too_much(now):
                now = close(now, why=PAID_OTHERWISE, by=SYSTEM, at=at)
            elif now.status == "open" and now.kind != "checkout" and at >= now.expires_at:
                now = close(now, why="", by=SYSTEM, at=at)  # no page ends by itself where the bank asks
            moved += now.status != attempt.status
        except Refusal as refusal:
            unanswered += 1
            log.warning("attempt %s: %s", attempt.id, refusal)
    return Swept(asked=asked, moved=moved, unanswered=unanswered)


def close_excessive(invoice_ids: Sequence[int], *, at: datetime) -> None:
    """Close open pages that ask for more than these invoices need by now. What cannot be closed, the sweep closes."""
    for attempt in unfinished_on(invoice_ids):
        if attempt.status != "open" or not _asks_too_much(attempt):
            continue
        try:
            close(attempt, why=PAID_OTHERWISE, by=SYSTEM, at=at)
        except Refusal as refusal:
            log.warning("attempt %s: its page stays open for now (%s)", attempt.id, refusal)


def _now(attempt: Attempt, *, at: datetime) -> Attempt:
    """The attempt as the provider knows it; one whose page it does not know is over with the page's time."""
    try:
        return sync(attempt, at=at)
    except gateway.NoSuchObject:
        if attempt.status != "open" or at < attempt.expires_at:
            raise
        return close(attempt, why=UNKNOWN_PAGE, by=SYSTEM, at=at)


def _asks_too_much(attempt: Attempt) -> bool:
    """Whether an invoice needs less by now than the page's money and credit: it was paid, or voided, another way."""
    plan = frozen(attempt)
    wanted = Counter({planned.invoice_id: planned.minor for planned in plan.planned})
    for use in plan.uses:
        wanted[use.invoice_id] += use.minor
    owed = Invoice.select(Invoice.id, Invoice.balance_minor).where(Invoice.id.in_(list(wanted)))
    return any(wanted[invoice.id] > invoice.balance_minor for invoice in owed)
