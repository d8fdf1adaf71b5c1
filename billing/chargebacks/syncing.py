"""Booking chargebacks: each movement of the money once, whatever tells of it and in whatever order."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from peewee import fn

from billing import allocations, audit, clock, credits, gateway, ledger, outbox, payments, seller
from billing.actors import SYSTEM
from billing.chargebacks.reading import CLOSED
from billing.db import lock, transaction
from billing.errors import Refusal
from billing.gateway.waits import Swept
from billing.invoices.activities import add_activity
from billing.tables import Allocation, Chargeback, ChargebackMovement, Customer, Invoice, Payment, Posting, Transfer

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.gateway import Chargeback as Told
    from billing.gateway import Fee, Movement

log = logging.getLogger(__name__)

# A status only moves to the right, since what was fetched first may be written last; an appeal may be lost again.
FORWARD = (
    "warning_needs_response", "warning_under_review", "warning_closed", "needs_response", "under_review", "prevented",
    "lost", "appeal_needs_response", "appeal_under_review", "won",
)  # fmt: skip
APPEALS = ("appeal_needs_response", "appeal_under_review")
WON = "chargeback_won"
LOOK_AGAIN_FOR = timedelta(days=90)  # at lost ones: an appeal may still be won
MOST_SWEPT = 500


def sync_dispute(chargeback_id: str, *, at: datetime) -> Chargeback:
    """Ask what became of a chargeback, and book every movement of its money once. Raises OutcomeUnknown, Declined."""
    told = gateway.current().chargeback(chargeback_id)
    payment = _payment_of(told, at=at)
    with transaction():
        _lock(payment)
        row, is_new = _record(told, payment, at=at)
        moved = 0
        for movement in told.movements:
            moved += _book(row, payment, movement, at=at)
        _advance(row, told, at=at)
        if is_new:
            _tell(row, payment, at=at)
        if is_new or moved:
            facts = {"status": told.status, "minor": told.minor, "currency": told.currency, "movements": moved}
            audit.record("chargeback.booked", f"chargeback:{told.id}", by=SYSTEM, at=at, facts=facts)
    now: Chargeback = Chargeback.get_by_id(told.id)
    return now


def sweep(at: datetime, *, lost_too: bool = False) -> Swept:
    """Ask about every chargeback that is not closed; once a day also about lost ones, which an appeal may turn.

    One that fails does not stop the others.
    """
    due = Chargeback.status.not_in(CLOSED)
    if lost_too:
        due = due | ((Chargeback.status == "lost") & (Chargeback.opened_at > at - LOOK_AGAIN_FOR))
    asked = moved = unanswered = 0
    for row in list(Chargeback.select().where(due).order_by(Chargeback.checked_at).limit(MOST_SWEPT)):
        asked += 1
        try:
            now = sync_dispute(row.id, at=at)
        except Refusal as refusal:
            unanswered += 1
            log.warning("chargeback %s: %s", row.id, refusal)
            continue
        moved += (now.status, now.withdrawn_minor) != (row.status, row.withdrawn_minor)
    return Swept(asked=asked, moved=moved, unanswered=unanswered)


def _payment_of(told: Told, *, at: datetime) -> Payment:
    """The payment that is asked back, booked first where nobody told us of it yet."""
    if told.intent_id is None:
        raise gateway.NoSuchObject("payment_intent", f"{told.id} is of a charge without a payment intent")
    payment: Payment | None = Payment.get_or_none(Payment.intent_id == told.intent_id)
    payment = payment or payments.settle(told.intent_id, at=at)
    if payment is None:
        raise gateway.OutcomeUnknown(f"{told.id} asks {told.intent_id} back, which did not come")
    return payment


def _lock(payment: Payment) -> None:
    """In the one order: the customer, the invoices this payment ever touched, the payment."""
    if payment.customer_id is not None:
        lock(Customer.select(Customer.id).where(Customer.id == payment.customer_id)).get_or_none()
    touched = Allocation.select(Allocation.invoice).where(Allocation.payment == payment.id)
    list(lock(Invoice.select(Invoice.id).where(Invoice.id.in_(touched)).order_by(Invoice.id)))
    lock(Payment.select(Payment.id).where(Payment.id == payment.id)).get()


def _record(told: Told, payment: Payment, *, at: datetime) -> tuple[Chargeback, bool]:
    """Its one row, and whether it is new; the payment is locked."""
    found: Chargeback | None = Chargeback.get_or_none(Chargeback.id == told.id)
    if found is not None:
        return found, False
    made: Chargeback = Chargeback.create(
        id=told.id,
        payment=payment.id,
        status=told.status,
        reason=told.reason,
        currency=told.currency,
        minor=told.minor,
        is_refundable=told.is_refundable,
        respond_by=told.respond_by,
        opened_at=told.opened_at,
        closed_at=at if told.status in CLOSED else None,
        checked_at=at,
        force_insert=True,
    )
    facts = {"payment": payment.reference, "minor": told.minor, "currency": told.currency, "chargeback": told.id}
    for invoice_id in allocations.standing(payment):
        add_activity(invoice_id, "chargeback_opened", by=SYSTEM, at=at, facts=facts, customer_sees=False)
    return made, True


def _advance(row: Chargeback, told: Told, *, at: datetime) -> None:
    again = row.status in APPEALS and told.status == "lost"
    if not again and _rank(told.status) < _rank(row.status):
        return
    Chargeback.update(
        status=told.status,
        reason=told.reason,
        is_refundable=told.is_refundable,
        respond_by=told.respond_by,
        closed_at=None if told.status not in CLOSED else row.closed_at or at,
        checked_at=at,
    ).where(Chargeback.id == row.id).execute()


def _rank(status: str) -> int:
    return FORWARD.index(status) if status in FORWARD else 0


def _book(row: Chargeback, payment: Payment, movement: Movement, *, at: datetime) -> bool:
    """One movement of its money, and its fee; False where they are in the books."""
    if ChargebackMovement.select(ChargebackMovement.id).where(ChargebackMovement.id == movement.id).exists():
        return False
    ChargebackMovement.insert(
        id=movement.id,
        chargeback=row.id,
        minor=movement.minor,
        fee_minor=movement.fee.minor if movement.fee else 0,
        currency=movement.fee.currency if movement.fee else row.currency,
        at=movement.at,
    ).execute()
    Chargeback.update(withdrawn_minor=Chargeback.withdrawn_minor - movement.minor).where(
        Chargeback.id == row.id
    ).execute()
    if movement.minor < 0:
        _take(row, payment, movement, at=at)
    elif movement.minor > 0:
        _give_back(row, payment, movement, at=at)
    if movement.fee is not None:
        _book_fee(payment, movement.id, movement.fee, at=at)
    return True


def _take(row: Chargeback, payment: Payment, movement: Movement, *, at: datetime) -> None:
    """The bank took it: off what is left of the payment, then off its invoices, newest first; the rest is lost."""
    wanted = -movement.minor
    now: Payment = Payment.get_by_id(payment.id)
    missing = max(wanted - now.free_minor, 0)
    for invoice_id, applied in reversed(allocations.standing(now).items()):
        part = min(missing, applied)
        if part:
            credits.take_back_locked(now, invoice_id, part, reason=allocations.CHARGED_BACK, by=SYSTEM, at=at)
            missing -= part
    legs = [
        _leg(now, debit, ledger.CARD_CLEARING, minor)
        for debit, minor in ((_value_of(now), wanted - missing), (ledger.BAD_DEBT, missing))
        if minor
    ]
    ledger.post(_ref(movement.id), "chargeback", legs, on=_on(movement.at), at=at)
    Payment.update(waiting=False).where((Payment.id == now.id) & (Payment.free_minor == 0)).execute()
    log.warning("chargeback %s took %s of %s", row.id, wanted, row.currency)


def _give_back(row: Chargeback, payment: Payment, movement: Movement, *, at: datetime) -> None:
    """The bank gave it back: first what was lost, then the customer's credit, for staff to apply again."""
    now: Payment = Payment.get_by_id(payment.id)
    lost = min(_moved(row, ledger.BAD_DEBT), movement.minor)
    credit = min(_moved(row, ledger.CUSTOMER_CREDIT, ledger.SUSPENSE), movement.minor - lost)
    beyond = movement.minor - lost - credit  # more than was ever taken: nobody knows whose it is
    legs = [
        _leg(now, ledger.CARD_CLEARING, account, minor)
        for account, minor in ((_value_of(now), credit), (ledger.BAD_DEBT, lost))
        if minor
    ]
    if beyond:
        legs.append(ledger.Leg(debit=ledger.CARD_CLEARING, credit=ledger.SUSPENSE, minor=beyond, currency=now.currency))
    ledger.post(_ref(movement.id), "chargeback_returned", legs, on=_on(movement.at), at=at)
    if credit:
        Payment.update(waiting=True, kept_reason=WON).where(Payment.id == now.id).execute()
        facts = {"payment": now.reference, "minor": credit, "currency": now.currency, "chargeback": row.id}
        for invoice_id in _taken_from(now):
            add_activity(invoice_id, WON, by=SYSTEM, at=at, facts=facts, customer_sees=False)


def _moved(row: Chargeback, *accounts: str) -> int:
    """What this chargeback has taken of its payment from these ledger accounts, and not given back.

    Money of an unknown payer may have been taken from suspense before somebody said whose it is.
    """
    refs = [_ref(moved.id) for moved in ChargebackMovement.select().where(ChargebackMovement.chargeback == row.id)]
    total = 0
    for side, sign in ((Transfer.debit, 1), (Transfer.credit, -1)):
        rows = (
            Transfer.select(fn.COALESCE(fn.SUM(Transfer.minor), 0))
            .join(Posting)
            .where(Posting.ref.in_(refs) & side.in_(accounts) & Transfer.payment.is_null(False))
        )
        total += sign * int(rows.scalar())
    return total


def _taken_from(payment: Payment) -> list[int]:
    rows = Allocation.select(Allocation.invoice).where(
        (Allocation.payment == payment.id) & (Allocation.reason == allocations.CHARGED_BACK)
    )
    return sorted({row.invoice_id for row in rows})


def _book_fee(payment: Payment, movement_id: str, fee: Fee, *, at: datetime) -> None:
    """What the chargeback cost, or what is given back of that."""
    costs = fee.minor > 0
    leg = ledger.Leg(
        debit=ledger.CARD_FEES if costs else ledger.CARD_CLEARING,
        credit=ledger.CARD_CLEARING if costs else ledger.CARD_FEES,
        minor=abs(fee.minor),
        currency=fee.currency,
        payment_id=payment.id,
    )
    ledger.post(f"{_ref(movement_id)}:fee", "card_fee", [leg], on=_on(at), at=at)


def _tell(row: Chargeback, payment: Payment, *, at: datetime) -> None:
    """One mail to the seller: there is a deadline to answer."""
    selling = seller.get()
    outbox.queue(
        "chargeback_opened",
        to=selling.email,
        to_name=selling.name,
        key=f"chargeback_opened:{row.id}",
        context={"chargeback_id": row.id},
        at=at,
        payment_id=payment.id,
    )


def _value_of(payment: Payment) -> str:
    return ledger.SUSPENSE if payment.customer_id is None else ledger.CUSTOMER_CREDIT


def _leg(payment: Payment, debit: str, credit: str, minor: int) -> ledger.Leg:
    return ledger.Leg(
        debit=debit,
        credit=credit,
        minor=minor,
        currency=payment.currency,
        customer_id=payment.customer_id,
        payment_id=payment.id,
    )


def _ref(movement_id: str) -> str:
    return f"chargeback:{movement_id}"


def _on(at: datetime) -> date:
    return clock.day_of(at, seller.get().time_zone)
