"""Asking for a refund, and the word of a second person where the seller wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import allocations, approvals, audit, credits, gateway, money
from billing.chargebacks import CLOSED
from billing.db import lock, transaction
from billing.errors import Missing, Refusal
from billing.invoices.activities import add_activity
from billing.refunds import telling
from billing.refunds.booking import book, lock_all, new_reference, today
from billing.refunds.reading import METHODS, is_blocked, refundable
from billing.refunds.refusals import (
    ChargebackOpen,
    NoSuchRefund,
    NotGivenBackExactly,
    NotGivenBackThatWay,
    NothingLeftToRefund,
    RefundDecided,
    RefundExceedsPayment,
    SentInFuture,
)
from billing.tables import Chargeback, CreditNote, Payment, Refund

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.allocations import Source
    from billing.credits import CreditKey
    from billing.refunds.reading import Method

LONGEST_REASON = 500


def reason_of(text: str) -> str:
    """Why money is given back, in 1 to 500 characters. Raises Refusal."""
    reason = text.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Refusal(f"Say why, in 1 to {LONGEST_REASON} characters.", field="reason")
    return reason


def request(
    *,
    source: CreditKey,
    minor: int,
    method: Method,
    reason: str,
    from_invoice_id: int | None = None,
    charge_payment_id: int | None = None,
    sent_on: date | None = None,
    approved: bool = False,
    by: Actor,
    at: datetime,
) -> Refund:
    """Give `minor` (> 0) of a payment or a credit note back; above the seller's threshold it waits for a second person.

    `from_invoice_id` takes it off that invoice first, which owes it again. `method` "original" sends it back the way
    the payment came (for a credit note, `charge_payment_id` says which payment): call send() after the commit. Every
    other method is booked at once, as sent on `sent_on` (default today). `reason` is staff's, 1 to 500 characters.
    `approved` says that a second person has approved what it is a part of, such as a credit note.
    Raises NoSuchCredit, Missing, NotGivenBackThatWay, NotGivenBackExactly, RefundExceedsPayment, ChargebackOpen,
    NothingLeftToRefund, CreditHeld, SentInFuture, Refusal.
    """
    assert method in METHODS, "the form offers the methods"
    if minor <= 0:
        raise Refusal("Enter an amount above zero.", field="amount")
    reason = reason_of(reason)
    if sent_on is not None and sent_on > today(at):
        raise SentInFuture
    with transaction():
        value, charge = _locked(source, from_invoice_id, charge_payment_id, method)
        _refuse_what_cannot_be(value, charge, minor, from_invoice_id)
        waits = not approved and approvals.needed(minor, value.currency, by=by)
        refund: Refund = Refund.create(
            reference=new_reference(),
            customer=value.customer_id,
            payment=value.id if isinstance(value, Payment) else charge.id if charge else None,
            credit_note=value.id if isinstance(value, CreditNote) else None,
            invoice=from_invoice_id,
            currency=value.currency,
            minor=minor,
            method=method,
            status="awaiting" if waits else "created" if method == "original" else "succeeded",
            reason=reason,
            created_at=at,
            created_by=by.key,
            settled_at=None if waits or method == "original" else at,
        )
        facts = {"reference": refund.reference, "minor": minor, "currency": refund.currency, "method": method}
        if waits:
            approvals.request(
                minor=minor, currency=refund.currency, customer_id=refund.customer_id, by=by, at=at, refund_id=refund.id
            )
            audit.record("refund.requested", f"refund:{refund.id}", by=by, at=at, facts=facts | {"reason": reason})
        else:
            _carry_out(refund, value, on=sent_on, by=by, at=at)
            audit.record("refund.made", f"refund:{refund.id}", by=by, at=at, facts=facts | {"reason": reason})
    return refund


def decide(refund_id: int, *, approved: bool, note: str = "", by: Actor, at: datetime) -> Refund:
    """A second person's word on a refund that waits; call send() after the commit where it was approved.

    Raises NoSuchRefund, RefundDecided, OwnRequest, and as request() where it can no longer be made.
    """
    waiting: Refund | None = Refund.get_or_none(Refund.id == refund_id)
    if waiting is None:
        raise NoSuchRefund
    with transaction():
        value, charge = _locked(_key_of(waiting), waiting.invoice_id, waiting.payment_id, waiting.method)
        refund: Refund = lock(Refund.select().where(Refund.id == refund_id)).get()
        if refund.status != "awaiting":
            raise RefundDecided(refund)
        approvals.decide(approved=approved, note=note, by=by, at=at, refund_id=refund.id)
        if approved:
            _refuse_what_cannot_be(value, charge, refund.minor, refund.invoice_id)
        goal = "declined" if not approved else "created" if refund.method == "original" else "succeeded"
        Refund.update(status=goal, settled_at=None if goal == "created" else at).where(
            (Refund.id == refund.id) & (Refund.status == "awaiting")
        ).execute()
        refund = Refund.get_by_id(refund.id)
        if approved:
            _carry_out(refund, value, on=None, by=by, at=at)
        facts = {"reference": refund.reference, "minor": refund.minor, "currency": refund.currency, "note": note}
        action = "refund.approved" if approved else "refund.declined"
        audit.record(action, f"refund:{refund.id}", by=by, at=at, facts=facts)
    return refund


def reviewed(refund_id: int, *, by: Actor, at: datetime) -> None:
    """Staff looked at a refund that was made outside Remit. Raises NoSuchRefund."""
    with transaction():
        moved = Refund.update(needs_review=False).where((Refund.id == refund_id) & Refund.needs_review).execute()
        if moved:
            audit.record("refund.reviewed", f"refund:{refund_id}", by=by, at=at)
    if not moved and not Refund.select(Refund.id).where(Refund.id == refund_id).exists():
        raise NoSuchRefund


def _key_of(refund: Refund) -> CreditKey:
    if refund.credit_note_id is not None:
        return credits.CreditKey("credit_note", refund.credit_note_id)
    assert refund.payment_id is not None, "a refund is of something"
    return credits.CreditKey("payment", refund.payment_id)


def _locked(
    key: CreditKey, invoice_id: int | None, charge_payment_id: int | None, method: str
) -> tuple[Source, Payment | None]:
    """The source and the payment that goes back at the provider, all locked in the one order."""
    source = credits.source_of(key)
    charge_id = source.id if isinstance(source, Payment) else charge_payment_id
    payment_ids = {charge_id} if charge_id is not None else set()
    lock_all(source.customer_id, [] if invoice_id is None else [invoice_id], payment_ids)
    value = allocations.lock_source(source)
    if method != "original":
        return value, None
    charge: Payment | None = Payment.get_or_none(Payment.id == charge_id)
    if charge is None or charge.intent_id is None:
        raise NotGivenBackThatWay
    if (charge.customer_id, charge.currency) != (value.customer_id, value.currency):
        raise Missing("We cannot find that payment.")
    try:
        gateway.current()
    except gateway.NoGateway as nobody:
        raise NotGivenBackThatWay from nobody
    return value, charge


def _refuse_what_cannot_be(value: Source, charge: Payment | None, minor: int, invoice_id: int | None) -> None:
    if charge is not None:
        if is_blocked(charge):
            raise ChargebackOpen(charge)
        most = refundable(charge)
        if minor > most:
            raise RefundExceedsPayment(charge, asked_minor=minor, most_minor=most)
        try:
            money.stripe_amount(minor, charge.currency)
        except money.NotPayableByStripe as refusal:
            raise NotGivenBackExactly(minor, charge.currency) from refusal
    elif isinstance(value, Payment) and _is_asked_back(value):
        raise ChargebackOpen(value)
    if invoice_id is not None:
        left = allocations.applied_to(value, invoice_id)
    elif value.customer_id is None:
        left = value.free_minor
    else:
        credit = credits.credit_of(value)
        left = credit.free_minor
        if credit.available_minor < minor <= left:
            raise credits.CreditHeld(credit)
    if minor > left:
        raise NothingLeftToRefund(left_minor=left, currency=value.currency)


def _is_asked_back(payment: Payment) -> bool:
    """Whether the payer's bank has not said its last word about it yet."""
    running = Chargeback.select(Chargeback.id).where(
        (Chargeback.payment == payment.id) & Chargeback.status.not_in(CLOSED)
    )
    return bool(running.exists())


def _carry_out(refund: Refund, value: Source, *, on: date | None, by: Actor, at: datetime) -> None:
    """Take it off the invoice, book it, and say so. The caller holds the locks and writes the audit row."""
    if refund.invoice_id is not None:
        credits.take_back_locked(value, refund.invoice_id, refund.minor, reason=allocations.REFUNDED, by=by, at=at)
        facts = {
            "reference": refund.reference,
            "minor": refund.minor,
            "currency": refund.currency,
            "method": refund.method,
            "reason": refund.reason,
        }
        add_activity(refund.invoice_id, "refunded", by=by, at=at, facts=facts)
    book(refund, value, on=on, at=at)
    if refund.status == "succeeded":
        telling.sent(refund, at=at)
