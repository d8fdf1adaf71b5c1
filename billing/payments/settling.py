"""Settle: every trigger ends here, in any order and any number of times, and the money is booked once.

What is true is fetched from the provider first, outside any transaction; then one transaction writes all that
follows from it. Rows are locked in the order attempt, its customer, invoices by id, credits, audit.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peewee import IntegrityError

from billing import allocations, audit, clock, credits, early_discounts, gateway, invoices, ledger, seller
from billing.actors import SYSTEM, Actor
from billing.db import database, lock, transaction
from billing.payments import bounces
from billing.payments.planning import frozen
from billing.payments.reading import planned_on
from billing.payments.receipts import tell_payer
from billing.payments.references import new_reference
from billing.tables import Attempt, Customer, Invoice, Payment

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import CheckoutSession, Fee, Intent
    from billing.payments.planning import Plan

log = logging.getLogger(__name__)

# An attempt only moves to the right: a late or repeated trigger cannot take anything back.
FORWARD = ("created", "open", "superseded", "expired", "failed", "processing", "succeeded")

NO_LONGER_PAYABLE = "invoice_no_longer_payable"
AMOUNT_MISMATCH = "amount_mismatch"
WRONG_CURRENCY = "wrong_currency"
WRONG_CUSTOMER = "wrong_customer"
UNKNOWN_ATTEMPT = "unknown_attempt"
SECOND_PAYMENT = "second_payment"
PAID_AHEAD = "paid_ahead"  # before anything was owed, as the customer wanted


def sync_session(session_id: str, *, at: datetime) -> None:
    """Ask what became of a page, and settle what was paid in it. Raises OutcomeUnknown, Declined."""
    take_session(gateway.current().session(session_id), at=at)


def take_session(session: CheckoutSession, *, at: datetime) -> None:
    """Settle what was paid in a page that was just asked about. Raises OutcomeUnknown, Declined."""
    note_session(session, at=at)
    if session.intent_id:
        settle(session.intent_id, at=at)


def note_session(session: CheckoutSession, *, at: datetime) -> None:
    """Remember a page's id and address, or that its time is over. A page of no attempt of ours is left alone."""
    with transaction():
        attempt = lock(Attempt.select().where(Attempt.id == session.reference)).get_or_none()
        if attempt is None or attempt.session_id not in {None, session.id}:
            return
        status = attempt.status
        if session.status == "expired" and _is_forward(status, "expired"):
            status = "expired"
        elif status == "created":
            status = "open"
        is_news = attempt.session_id is not None  # the page just made has not been asked about yet
        Attempt.update(
            session_id=session.id,
            url=session.url or attempt.url,
            status=status,
            checked_at=at if is_news else attempt.checked_at,
        ).where(Attempt.id == attempt.id).execute()


def settle(intent_id: str, *, at: datetime) -> Payment | None:
    """Book what a payment intent brought, once; None where no money came (yet). Raises OutcomeUnknown, Declined.

    Right attempt, amount and currency: applied as planned, as far as the invoices still need it. Everything else
    is kept with its reason: as the customer's credit, or in suspense where nobody knows whose it is.
    """
    intent = gateway.current().intent(intent_id)
    with transaction():
        attempt, trouble = _attempt_of(intent)
        if attempt is not None and trouble != SECOND_PAYMENT:
            _advance(attempt, intent, at=at)
        if intent.status != "succeeded" or intent.received_minor <= 0:
            return None
        payment, fresh = _record(intent, attempt, trouble, at=at)
        if fresh:
            _place(payment, attempt, trouble, at=at)
        _book_fee(payment, intent.fee, at=at)
    return payment


def _attempt_of(intent: Intent) -> tuple[Attempt | None, str]:
    """The attempt this money belongs to, locked, or none; and why its plan does not hold for this money, or "".

    SECOND_PAYMENT: the attempt has its money already, and says only whose this is.
    """
    attempt: Attempt | None = None
    if intent.reference:
        attempt = lock(Attempt.select().where(Attempt.id == intent.reference)).get_or_none()
    if attempt is None:
        attempt = lock(Attempt.select().where(Attempt.intent_id == intent.id)).get_or_none()
    if attempt is None:
        return None, UNKNOWN_ATTEMPT
    payer = _customer_of(intent)
    if payer is not None and payer.id != attempt.customer_id:
        return None, WRONG_CUSTOMER
    if attempt.intent_id not in {None, intent.id}:
        return attempt, SECOND_PAYMENT
    if intent.currency != attempt.currency:
        return attempt, WRONG_CURRENCY
    if intent.status == "succeeded" and intent.received_minor != attempt.minor:
        return attempt, AMOUNT_MISMATCH
    return attempt, ""


def _customer_of(intent: Intent) -> Customer | None:
    if intent.customer_ref is None:
        return None
    found: Customer | None = Customer.get_or_none(Customer.stripe_id == intent.customer_ref)
    return found


def _advance(attempt: Attempt, intent: Intent, *, at: datetime) -> None:
    """Move the attempt as the money says, forward only; a bank debit that bounced is the one way back."""
    was_on_its_way = attempt.status == "processing"
    by_card = attempt.kind != "checkout"  # charged once: after a no there is no page to try again on
    bounced = was_on_its_way and intent.status in {"requires_payment_method", "canceled"}
    goal = {"processing": "processing", "succeeded": "succeeded", "canceled": "expired"}.get(intent.status)
    if bounced or (by_card and intent.status == "requires_payment_method" and intent.failure):
        goal = "failed"
    if goal is None or not (bounced or _is_forward(attempt.status, goal)):
        if intent.failure and attempt.failure != intent.failure:  # declined, but the page is still open
            Attempt.update(failure=intent.failure).where(Attempt.id == attempt.id).execute()
        return
    carries_money = goal in {"processing", "succeeded"}
    moved = (
        Attempt.update(
            status=goal,
            intent_id=intent.id if carries_money or by_card else attempt.intent_id,
            failure="" if carries_money else intent.failure or attempt.failure,
            checked_at=at,
        )
        .where((Attempt.id == attempt.id) & (Attempt.status == attempt.status))
        .execute()
    )
    assert moved == 1, "the attempt is locked"
    if bounced:
        _tell_bounce(attempt, intent, at=at)


def _tell_bounce(attempt: Attempt, intent: Intent, *, at: datetime) -> None:
    """Its invoices are to be paid again: they say so, and the payer is told."""
    facts = {"payment": attempt.id, "minor": attempt.minor, "currency": attempt.currency, "why": intent.failure}
    invoice_ids = _lock_planned(attempt)
    for invoice_id in invoice_ids:
        invoices.add_activity(invoice_id, "payment_failed", by=_payer(attempt), at=at, facts=facts)
    bounces.tell_payer(attempt, invoice_ids, at=at)


def _is_forward(status: str, goal: str) -> bool:
    return FORWARD.index(goal) > FORWARD.index(status)


def _record(intent: Intent, attempt: Attempt | None, trouble: str, *, at: datetime) -> tuple[Payment, bool]:
    """The one payment row of an intent, and whether it is new. Its unique key decides between two who try."""
    found: Payment | None = Payment.get_or_none(Payment.intent_id == intent.id)
    if found is not None:
        return found, False
    owner = attempt.customer_id if attempt else None
    if owner is None and trouble != WRONG_CUSTOMER:
        known = _customer_of(intent)
        owner = known.id if known else None
    carried_out = None if trouble == SECOND_PAYMENT else attempt  # an attempt is carried out by one payment
    try:
        with database.atomic():
            made: Payment = Payment.create(
                reference=carried_out.id if carried_out else new_reference(),
                intent_id=intent.id,
                charge_id=intent.charge_id,
                attempt=carried_out.id if carried_out else None,
                customer=owner,
                currency=intent.currency,
                minor=intent.received_minor,
                method=intent.method,
                received_at=min(intent.charged_at or at, at),
            )
    except IntegrityError:
        found = Payment.get_or_none(Payment.intent_id == intent.id)
        if found is None:
            raise
        return found, False
    return made, True


def _place(payment: Payment, attempt: Attempt | None, trouble: str, *, at: datetime) -> None:
    """Book what came, apply it as planned, keep the rest with its reason, and tell who must know."""
    on = clock.day_of(payment.received_at, seller.get().time_zone)
    by = _payer(attempt) if attempt else SYSTEM
    came = ledger.Leg(
        debit=ledger.CARD_CLEARING,
        credit=ledger.SUSPENSE if payment.customer_id is None else ledger.CUSTOMER_CREDIT,
        minor=payment.minor,
        currency=payment.currency,
        customer_id=payment.customer_id,
        payment_id=payment.id,
    )
    invoice_ids = _lock_planned(attempt) if attempt else []
    ledger.post(f"payment:{payment.id}", "payment_received", [came], on=on, at=at)
    plan = frozen(attempt) if attempt and not trouble else None
    applied: dict[int, int] = {}
    if plan is not None:
        _use_credit(plan, by=by, at=at)
        applied = _apply(payment, plan, by=by, at=at)
        for invoice_id in invoice_ids:
            early_discounts.take_if_earned(invoice_id, paid_on=on, by=by, at=at)
    left = payment.minor - sum(applied.values())
    meant_minor = plan.ahead.minor if plan and plan.ahead else 0
    reason = trouble or (NO_LONGER_PAYABLE if left > meant_minor else PAID_AHEAD)
    if left:
        _keep(payment, left, reason, invoice_ids, by=by, at=at)
    if attempt is not None:
        tell_payer(payment, attempt, at=at)
    facts = {
        "reference": payment.reference,
        "intent": payment.intent_id,
        "minor": payment.minor,
        "currency": payment.currency,
        "applied": {str(invoice_id): minor for invoice_id, minor in applied.items()},
    }
    kept = {"kept_minor": left, "reason": reason} if left else {}
    audit.record("payment.received", f"payment:{payment.id}", by=by, at=at, facts=facts | kept)


def _lock_planned(attempt: Attempt) -> list[int]:
    """Lock the customer of an attempt, then the invoices it is meant to pay, by id, and give their ids."""
    lock(Customer.select(Customer.id).where(Customer.id == attempt.customer_id)).get()
    locked = lock(Invoice.select(Invoice.id).where(Invoice.id.in_(planned_on(attempt.id))).order_by(Invoice.id))
    return [invoice.id for invoice in locked]


def _use_credit(plan: Plan, *, by: Actor, at: datetime) -> None:
    """Apply the credit of the plan, as far as it is still there and still needed; what is not stays open."""
    for use in plan.uses:
        source = allocations.lock_source(credits.source_of(use.key))
        invoice: Invoice = Invoice.get_by_id(use.invoice_id)
        minor = min(use.minor, source.free_minor, invoice.balance_minor) if invoice.status == "issued" else 0
        if minor > 0 and source.customer_id == invoice.customer_id:
            credits.apply_locked(source, invoice.id, minor, by=by, at=at)


def _apply(payment: Payment, plan: Plan, *, by: Actor, at: datetime) -> dict[int, int]:
    """Apply as planned, as far as each invoice still needs it; gives the minor units by invoice id."""
    applied: dict[int, int] = {}
    left = payment.minor
    on = clock.day_of(payment.received_at, seller.get().time_zone)
    for planned in plan.planned:
        invoice: Invoice = Invoice.get_by_id(planned.invoice_id)
        minor = min(planned.minor, left, invoice.balance_minor) if invoice.status == "issued" else 0
        if minor <= 0:
            continue
        ref = f"payment:{payment.id}:invoice:{invoice.id}"
        after = allocations.apply(payment, invoice.id, minor, ref=ref, on=on, at=at, paid_at=payment.received_at)
        invoices.add_activity(
            invoice.id,
            "paid",
            by=by,
            at=at,
            facts={
                "payment": payment.reference,
                "minor": minor,
                "currency": payment.currency,
                "method": payment.method,
                "balance_minor": after.balance_minor,
            },
        )
        applied[invoice.id] = minor
        left -= minor
    return applied


def _keep(payment: Payment, minor: int, reason: str, invoice_ids: list[int], *, by: Actor, at: datetime) -> None:
    """Money without a place: it stays the customer's, or in suspense. Staff is told, unless it was meant so."""
    if reason == PAID_AHEAD:
        Payment.update(kept_reason=reason).where(Payment.id == payment.id).execute()
        return
    allocations.keep(payment, reason=reason)
    facts = {"payment": payment.reference, "minor": minor, "currency": payment.currency, "reason": reason}
    for invoice_id in invoice_ids:
        invoices.add_activity(invoice_id, "money_unallocated", by=by, at=at, facts=facts, customer_sees=False)
    log.warning("payment %s: %s of %s not applied: %s", payment.reference, minor, payment.currency, reason)


def _book_fee(payment: Payment, fee: Fee | None, *, at: datetime) -> None:
    """Book what the provider kept, once it is known. It is its own posting, in the currency it was taken in."""
    ref = f"payment:{payment.id}:fee"
    if fee is None or payment.fee_minor is not None:
        return
    lock(Payment.select(Payment.id).where(Payment.id == payment.id)).get()  # two may learn of the fee at once
    if ledger.posted(ref):
        return
    if fee.currency == payment.currency:
        Payment.update(fee_minor=fee.minor).where((Payment.id == payment.id) & Payment.fee_minor.is_null()).execute()
    if fee.minor:
        leg = ledger.Leg(
            debit=ledger.CARD_FEES,
            credit=ledger.CARD_CLEARING,
            minor=fee.minor,
            currency=fee.currency,
            payment_id=payment.id,
        )
        ledger.post(ref, "card_fee", [leg], on=clock.day_of(at, seller.get().time_zone), at=at)


def _payer(attempt: Attempt) -> Actor:
    """Who decided to pay, as the books name them."""
    kind, _, payer_id = attempt.payer.partition(":")
    if kind == "user":
        return Actor("customer", attempt.payer, attempt.payer_name, int(payer_id))
    return Actor("guest" if kind == "link" else "system", attempt.payer, attempt.payer_name)
