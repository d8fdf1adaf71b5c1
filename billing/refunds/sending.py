"""What becomes of a refund at the card provider: sent once, followed until it arrived or came back.

The provider is asked outside any transaction. No answer leaves a refund "created", and the same call with the same
key is made again by the worker. A refund that was made elsewhere is booked where its money can only have come from.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peewee import fn

from billing import allocations, audit, credits, gateway, payments
from billing.actors import SYSTEM
from billing.db import lock, transaction
from billing.errors import Refusal
from billing.gateway.waits import KEY_LIFETIME, LET_THE_REQUEST_FINISH, Swept
from billing.invoices.activities import add_activity
from billing.money import NotPayableByStripe
from billing.refunds import telling
from billing.refunds.booking import FAILED, book, book_back, lock_all, new_reference
from billing.refunds.reading import GIVEN_BACK
from billing.refunds.refusals import NoSuchRefund
from billing.tables import Payment, Refund

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import GivenBack

log = logging.getLogger(__name__)

MOST_SWEPT = 500
FORWARD = ("created", "pending", "succeeded", "failed")
ELSEWHERE = "Made in the Stripe dashboard"
NOT_EXACT = "amount_not_exact"  # a card takes no such amount: nothing was sent


def send(refund: Refund, *, at: datetime) -> Refund:
    """Ask the provider to give the money back, after the refund is committed; gives it as it stands then.

    One that was refused has failed, and its value is credit again. One without an answer stays "created".
    """
    if refund.status != "created" or refund.method != "original":
        return _reread(refund)
    try:
        note(_asked(refund, at), at=at)
    except gateway.Declined as refusal:
        _fail(refund.id, failure=refusal.code, at=at)
    except NotPayableByStripe:
        _fail(refund.id, failure=NOT_EXACT, at=at)
    except (gateway.OutcomeUnknown, gateway.NoGateway) as unknown:
        log.warning("refund %s: no answer yet (%s)", refund.reference, unknown)
    return _reread(refund)


def send_again(refund_id: int, *, at: datetime) -> Refund:
    """Send one refund as `send` does, where its answer never came. Raises NoSuchRefund."""
    refund: Refund | None = Refund.get_or_none(Refund.id == refund_id)
    if refund is None:
        raise NoSuchRefund
    return send(refund, at=at)


def send_due(at: datetime) -> Swept:
    """Send what was never answered, and ask about what is on its way. One that fails does not stop the others."""
    asked = moved = unanswered = 0
    due = Refund.select().where((Refund.method == "original") & Refund.status.in_(["created", "pending"]))
    for refund in list(due.order_by(Refund.created_at).limit(MOST_SWEPT)):
        if refund.status == "created" and at - refund.created_at < LET_THE_REQUEST_FINISH:
            continue
        asked += 1
        try:
            now = send(refund, at=at) if refund.stripe_id is None else sync(refund.stripe_id, at=at)
        except Refusal as refusal:
            unanswered += 1
            log.warning("refund %s: %s", refund.reference, refusal)
            continue
        unanswered += now.status == "created"
        moved += now.status != refund.status
    return Swept(asked=asked, moved=moved, unanswered=unanswered)


def sync(stripe_refund_id: str, *, at: datetime) -> Refund:
    """Ask what became of a refund, ours or anybody's, and book it. Raises OutcomeUnknown, Declined."""
    return note(gateway.current().given_back(stripe_refund_id), at=at)


def note(found: GivenBack, *, at: datetime) -> Refund:
    """Book a refund as the provider tells it: once, and forward only. Raises OutcomeUnknown, Declined."""
    payment = _payment_of(found, at=at)
    invoice_ids = _invoices_of(payment)
    with transaction():
        lock_all(payment.customer_id, invoice_ids, [payment.id])
        refund = _row_of(found, payment)
        if refund is None:
            return _book_elsewhere(found, payment, at=at)
        if refund.stripe_id is None:
            Refund.update(stripe_id=found.id).where(Refund.id == refund.id).execute()
        if found.status == "failed":
            _fail_locked(refund, failure=found.failure, at=at)
        else:
            _advance(refund, found, at=at)
    return _reread(refund)


def _asked(refund: Refund, at: datetime) -> GivenBack:
    """The provider's refund: made under our key, or found where the key is too old or was used otherwise."""
    provider = gateway.current()
    payment: Payment = Payment.get_by_id(refund.payment_id)
    intent_id = payment.intent_id
    assert intent_id is not None, "only what came by the provider goes back there"
    if at - refund.created_at >= KEY_LIFETIME:
        known = provider.find_given_back(refund.reference, intent_id=intent_id)
        if known is not None:
            return known
    try:
        return provider.give_back(
            intent_id=intent_id,
            minor=refund.minor,
            currency=refund.currency,
            reference=refund.reference,
            key=f"refund-{refund.reference}",
        )
    except gateway.KeyMismatch:
        known = provider.find_given_back(refund.reference, intent_id=intent_id)
        if known is None:
            raise
        return known


def _payment_of(found: GivenBack, *, at: datetime) -> Payment:
    """The payment that goes back, booked first where nobody told us of it yet."""
    if found.intent_id is None:
        raise gateway.NoSuchObject("payment_intent", f"{found.id} is of a charge without a payment intent")
    payment: Payment | None = Payment.get_or_none(Payment.intent_id == found.intent_id)
    payment = payment or payments.settle(found.intent_id, at=at)
    if payment is None:
        raise gateway.OutcomeUnknown(f"{found.id} gives {found.intent_id} back, which did not come")
    return payment


def _invoices_of(payment: Payment) -> list[int]:
    """The invoices that may be touched: where the payment is applied, and where its refunds were taken off."""
    taken_off = [refund.invoice_id for refund in Refund.select(Refund.invoice).where(Refund.payment == payment.id)]
    return sorted({*allocations.standing(payment), *(invoice_id for invoice_id in taken_off if invoice_id)})


def _row_of(found: GivenBack, payment: Payment) -> Refund | None:
    """Our row of a refund: by its id, else by the reference it carries if that fits; the payment is locked."""
    known: Refund | None = Refund.get_or_none(Refund.stripe_id == found.id)
    if known is not None or not found.reference:
        return known
    fits = (
        (Refund.reference == found.reference)
        & (Refund.payment == payment.id)
        & (Refund.minor == found.minor)
        & (Refund.currency == found.currency)
        & Refund.stripe_id.is_null()
        & Refund.status.in_(GIVEN_BACK)
    )
    ours: Refund | None = Refund.get_or_none(fits)
    return ours


def _advance(refund: Refund, found: GivenBack, *, at: datetime) -> None:
    """Sent, or arrived. The first news of it tells the payer."""
    if FORWARD.index(found.status) <= FORWARD.index(refund.status):
        return
    Refund.update(status=found.status, settled_at=at if found.status == "succeeded" else None).where(
        (Refund.id == refund.id) & (Refund.status == refund.status)
    ).execute()
    if refund.status == "created":
        telling.sent(refund, at=at)
    facts = {"reference": refund.reference, "stripe": found.id, "status": found.status}
    audit.record("refund.moved", f"refund:{refund.id}", by=SYSTEM, at=at, facts=facts)


def _fail(refund_id: int, *, failure: str, at: datetime) -> None:
    refund: Refund = Refund.get_by_id(refund_id)
    with transaction():
        lock_all(refund.customer_id, _known(refund.invoice_id), _known(refund.payment_id))
        _fail_locked(lock(Refund.select().where(Refund.id == refund_id)).get(), failure=failure, at=at)


def _known(row_id: int | None) -> list[int]:
    return [] if row_id is None else [row_id]


def _fail_locked(refund: Refund, *, failure: str, at: datetime) -> None:
    """The money came back: the opposite entries, once; the value is credit again, and staff is told."""
    moved = (
        Refund.update(status="failed", failure=failure, settled_at=at)
        .where((Refund.id == refund.id) & Refund.status.in_(GIVEN_BACK))
        .execute()
    )
    if not moved:
        return
    book_back(refund, at=at)
    facts = {
        "reference": refund.reference,
        "minor": refund.minor,
        "currency": refund.currency,
        "why": failure,
    }
    if refund.invoice_id is not None:
        add_activity(refund.invoice_id, FAILED, by=SYSTEM, at=at, facts=facts)
    telling.failed(refund, at=at)
    audit.record("refund.failed", f"refund:{refund.id}", by=SYSTEM, at=at, facts=facts)
    log.warning("refund %s failed: %s", refund.reference, failure)


def _book_elsewhere(found: GivenBack, payment: Payment, *, at: datetime) -> Refund:
    """A refund that somebody made in the dashboard: from credit that is left first, then off the newest invoice.

    What is no longer there (it was given back another way) is lost until somebody claims it; a person shall look.
    """
    now: Payment = Payment.get_by_id(payment.id)
    stands = found.status != "failed"
    if stands and found.minor > now.minor - _given_back_of(now):
        raise gateway.OutcomeUnknown(
            f"{found.id} takes what a refund of ours is still to give back: that one ends first"
        )
    taken = _taken_off(now, found.minor) if stands else {}
    on_hand = min(now.free_minor, found.minor) + sum(taken.values())
    only = next(iter(taken)) if len(taken) == 1 and taken[next(iter(taken))] == found.minor else None
    refund: Refund = Refund.create(
        reference=new_reference(),
        customer=now.customer_id,
        payment=now.id,
        invoice=only,
        currency=found.currency,
        minor=found.minor,
        method="original",
        status=found.status,
        stripe_id=found.id,
        reason=ELSEWHERE,
        failure=found.failure,
        needs_review=True,
        created_at=min(found.created_at, at),
        created_by=SYSTEM.key,
        settled_at=None if found.status == "pending" else at,
    )
    facts = {"reference": refund.reference, "stripe": found.id, "minor": found.minor, "currency": found.currency}
    for invoice_id, minor in taken.items():
        credits.take_back_locked(now, invoice_id, minor, reason=allocations.REFUNDED, by=SYSTEM, at=at)
        told = {"reference": refund.reference, "minor": minor, "currency": found.currency, "method": "original"}
        add_activity(invoice_id, "refunded", by=SYSTEM, at=at, facts=told | {"reason": ELSEWHERE})
    if stands:
        book(refund, now, lost_minor=found.minor - on_hand, at=at)
        telling.sent(refund, at=at)
    audit.record("refund.found", f"refund:{refund.id}", by=SYSTEM, at=at, facts=facts | {"off": len(taken)})
    return refund


def _given_back_of(payment: Payment) -> int:
    """What goes back through the provider by all refunds of a payment, those that were never sent among them."""
    mine = (Refund.payment == payment.id) & (Refund.method == "original") & Refund.status.in_(GIVEN_BACK)
    return int(Refund.select(fn.COALESCE(fn.SUM(Refund.minor), 0)).where(mine).scalar())


def _taken_off(payment: Payment, minor: int) -> dict[int, int]:
    """What must come off which invoice (by id), newest application first, beyond the credit that is left."""
    wanted = max(minor - payment.free_minor, 0)
    taken: dict[int, int] = {}
    for invoice_id, applied in reversed(allocations.standing(payment).items()):
        part = min(wanted, applied)
        if part:
            taken[invoice_id] = part
            wanted -= part
    return taken


def _reread(refund: Refund) -> Refund:
    now: Refund = Refund.get_by_id(refund.id)
    return now
