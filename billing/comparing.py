"""Comparing: the provider's own list of what moved, day by day, against our books.

What the books lack is booked through the same verbs that a webhook calls; the provider's own fees and payouts are
booked here. Whatever nobody can explain becomes a difference, which waits until a person says what it was.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import audit, chargebacks, clock, gateway, ledger, payments, refunds, seller
from billing.db import transaction
from billing.errors import Conflict, Missing, Refusal
from billing.tables import AuditRow, ChargebackMovement, GatewayDifference, Payment, Refund, Seller

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.gateway import BalanceMovement

log = logging.getLogger(__name__)

USUAL_DAYS, MOST_DAYS = 3, 30
LET_IT_APPEAR = timedelta(hours=1)  # a payment's own movement may come a moment after it
MOST_ASKED = 100
MOST_SHOWN = 200
LONGEST_NOTE = 500
CHARGES, REFUNDS, CHARGEBACKS = ("ch_", "py_"), ("re_", "pyr_"), ("dp_", "du_")
# Movements that are about nothing of ours: the ledger account on the other side of card clearing.
OWN = {
    "payout": ledger.BANK, "payout_cancel": ledger.BANK, "payout_failure": ledger.BANK, "topup": ledger.BANK,
    "topup_reversal": ledger.BANK, "stripe_fee": ledger.CARD_FEES, "stripe_fx_fee": ledger.CARD_FEES,
    "tax_fee": ledger.CARD_FEES, "network_cost": ledger.CARD_FEES,
}  # fmt: skip


class StrangeGateway(Refusal):
    """The key belongs to another customer of the provider than the one whose money is in these books."""

    def __init__(self, known: str, found: str) -> None:
        super().__init__(
            f"These books belong to {known} at Stripe, but the key is of {found}. Use a key of {known}: until then "
            "nothing is compared or caught up with, and autopay charges nothing."
        )
        self.known = known
        self.found = found


class NoSuchDifference(Missing):
    """No difference has that id."""

    def __init__(self) -> None:
        super().__init__("We cannot find that difference.")


class DifferenceResolved(Conflict):
    """Somebody else explained it first."""

    def __init__(self, difference: GatewayDifference) -> None:
        super().__init__("Somebody has explained this difference already.")
        self.difference = difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What a comparison came to: movements looked at, booked now, unexplained (new), unanswered."""

    looked: int = 0
    booked: int = 0
    differences: int = 0
    unanswered: int = 0


def recognise() -> None:
    """Learn who we are at the provider the first time, and make sure of it ever after.

    Raises StrangeGateway, OutcomeUnknown, Declined (a key that may not ask).
    """
    selling = seller.find()
    if selling is None:
        return
    found = gateway.current().identity()
    if selling.gateway_identity and selling.gateway_identity != found:
        raise StrangeGateway(selling.gateway_identity, found)
    if not selling.gateway_identity:
        with transaction():
            Seller.update(gateway_identity=found).where(
                (Seller.id == selling.id) & (Seller.gateway_identity == "")
            ).execute()


def compare(at: datetime, *, days: int = USUAL_DAYS) -> Compared:
    """Compare the last `days` (1 to 30), and book what the books lack. Raises OutcomeUnknown, Declined.

    More days after a silence: it begins where the last whole comparison was made, a month ago at the earliest.
    """
    assert 1 <= days <= MOST_DAYS, "the provider's list is asked for a month at most"
    since = max(min(at - timedelta(days=days), _last_compared(at)), _beginning(at))
    booked = differences = unanswered = 0
    seen = list(gateway.current().balance_movements(since=since))
    for moved in reversed(seen):  # oldest first: a payment before its refund
        if _is_explained(moved):
            _resolve_by_itself(moved.id, at=at)
            continue
        try:
            _catch_up(moved, at=at)
        except gateway.OutcomeUnknown as unknown:
            unanswered += 1
            log.warning("%s %s: %s", moved.kind, moved.id, unknown)
            continue
        except Refusal as refusal:
            log.warning("%s %s: %s", moved.kind, moved.id, refusal)
        if _is_explained(moved):
            booked += 1
            _resolve_by_itself(moved.id, at=at)
        else:
            differences += _keep(moved, at=at)
    differences += _unknown_there({moved.source_id for moved in seen}, since=since, at=at)
    if not unanswered:
        _note_compared(at)
    return Compared(looked=len(seen), booked=booked, differences=differences, unanswered=unanswered)


def open_differences() -> list[GatewayDifference]:
    """What waits for an explanation, oldest first."""
    query = GatewayDifference.select().where(GatewayDifference.resolved_at.is_null())
    return list(query.order_by(GatewayDifference.found_at, GatewayDifference.id).limit(MOST_SHOWN))


def resolved_differences(*, limit: int = 50) -> list[GatewayDifference]:
    """What was explained, newest first."""
    query = GatewayDifference.select().where(GatewayDifference.resolved_at.is_null(False))
    return list(query.order_by(GatewayDifference.resolved_at.desc()).limit(limit))


def get(difference_id: str) -> GatewayDifference:
    """One difference. Raises NoSuchDifference."""
    found: GatewayDifference | None = GatewayDifference.get_or_none(GatewayDifference.id == difference_id)
    if found is None:
        raise NoSuchDifference
    return found


def resolve(difference_id: str, *, note: str, by: Actor, at: datetime) -> None:
    """A person says what it was. It books nothing. Raises NoSuchDifference, DifferenceResolved, Refusal."""
    if not 0 < len(note) <= LONGEST_NOTE:
        raise Refusal(f"Say what it was, in 1 to {LONGEST_NOTE} characters.", field="note")
    found = get(difference_id)
    with transaction():
        moved = (
            GatewayDifference.update(resolved_at=at, resolved_by=by.name, note=note)
            .where((GatewayDifference.id == difference_id) & GatewayDifference.resolved_at.is_null())
            .execute()
        )
        if not moved:
            raise DifferenceResolved(found)
        facts = {"minor": found.minor, "currency": found.currency, "note": note}
        audit.record("difference.resolved", f"difference:{difference_id}", by=by, at=at, facts=facts)


def _last_compared(at: datetime) -> datetime:
    """Since when something may be missing: the last comparison that left nothing unanswered, at most a month ago."""
    selling, earliest = seller.find(), at - timedelta(days=MOST_DAYS)
    last = selling.compared_at if selling is not None else None
    if last is not None and last < earliest:
        log.error("nothing was compared since %s: what moved before %s must be compared by hand", last, earliest)
    return max(last - LET_IT_APPEAR, earliest) if last is not None else earliest


def _note_compared(at: datetime) -> None:
    is_older = Seller.compared_at.is_null() | (Seller.compared_at < at)
    with transaction():
        Seller.update(compared_at=at).where(is_older).execute()


def _beginning(at: datetime) -> datetime:
    """When these books began: what moved at the provider before is not theirs to explain."""
    first: AuditRow | None = AuditRow.select().order_by(AuditRow.sequence).first()
    return (first.at if first is not None else at) - LET_IT_APPEAR


def _is_explained(moved: BalanceMovement) -> bool:
    """Whether the books hold exactly this movement, with its fee."""
    source = moved.source_id or ""
    if source.startswith(CHARGES):
        payment: Payment | None = Payment.get_or_none(Payment.charge_id == source)
        return payment is not None and _is_of(payment, moved)
    if source.startswith(REFUNDS):
        refund: Refund | None = Refund.get_or_none(Refund.stripe_id == source)
        return refund is not None and _is_back(refund, moved)
    if source.startswith(CHARGEBACKS):
        return bool(ChargebackMovement.select(ChargebackMovement.id).where(ChargebackMovement.id == moved.id).exists())
    return ledger.posted(_ref(moved)) or moved.net_minor == 0


def _is_of(payment: Payment, moved: BalanceMovement) -> bool:
    fits = (payment.minor, payment.currency) == (moved.minor, moved.currency)
    return fits and (moved.fee_minor == 0 or ledger.posted(f"payment:{payment.id}:fee"))


def _is_back(refund: Refund, moved: BalanceMovement) -> bool:
    fits = (refund.minor, refund.currency) == (abs(moved.minor), moved.currency)
    has_come = moved.minor < 0 or refund.status == "failed"
    return fits and has_come and (moved.fee_minor == 0 or ledger.posted(f"{_ref(moved)}:fee"))


def _catch_up(moved: BalanceMovement, *, at: datetime) -> None:
    """Book it as a webhook would have."""
    source = moved.source_id or ""
    if source.startswith(CHARGES):
        intent_id = gateway.current().intent_of_charge(source)
        payment = payments.settle(intent_id, at=at) if intent_id else None
        if payment is not None and payment.charge_id is None:
            Payment.update(charge_id=source).where(Payment.id == payment.id).execute()
    elif source.startswith(REFUNDS):
        refunds.sync(source, at=at)
        _book_fee(moved, at=at)
    elif source.startswith(CHARGEBACKS):
        chargebacks.sync_dispute(source, at=at)
    elif moved.kind in OWN:
        _book_own(moved, at=at)


def _book_own(moved: BalanceMovement, *, at: datetime) -> None:
    """A payout, or what the provider keeps for itself: once, by the movement's id."""
    with transaction():
        if ledger.posted(_ref(moved)):
            return
        legs = [leg for leg in (_leg(OWN[moved.kind], moved.minor, moved), _fee_leg(moved)) if leg is not None]
        ledger.post(_ref(moved), moved.kind, legs, on=_on(moved), at=at)


def _book_fee(moved: BalanceMovement, *, at: datetime) -> None:
    """What a refund cost beside its amount."""
    leg = _fee_leg(moved)
    with transaction():
        if leg is not None and not ledger.posted(f"{_ref(moved)}:fee"):
            ledger.post(f"{_ref(moved)}:fee", "card_fee", [leg], on=_on(moved), at=at)


def _fee_leg(moved: BalanceMovement) -> ledger.Leg | None:
    return _leg(ledger.CARD_FEES, -moved.fee_minor, moved)


def _leg(other: str, minor: int, moved: BalanceMovement) -> ledger.Leg | None:
    """`minor` (signed) more in card clearing, from or to another ledger account; None where nothing moves."""
    if minor == 0:
        return None
    debit, credit = (ledger.CARD_CLEARING, other) if minor > 0 else (other, ledger.CARD_CLEARING)
    return ledger.Leg(debit=debit, credit=credit, minor=abs(minor), currency=moved.currency)


def _keep(moved: BalanceMovement, *, at: datetime) -> int:
    """Keep what nobody can explain, once; gives 1 where it is new."""
    payment = Payment.get_or_none(Payment.charge_id == moved.source_id) if moved.source_id else None
    return _insert(
        moved.id,
        kind=moved.kind,
        words=moved.words or moved.source_id or "",
        minor=moved.net_minor,
        currency=moved.currency,
        payment=payment,
        at=at,
    )


def _unknown_there(seen: set[str | None], *, since: datetime, at: datetime) -> int:
    """Payments of ours that the provider's list does not show; a bank debit's movement is younger than its charge."""
    query = Payment.select().where(
        (Payment.kind == "gateway")
        & Payment.charge_id.is_null(False)
        & (Payment.received_at >= since)
        & (Payment.received_at < at - LET_IT_APPEAR)
    )
    found = 0
    unseen = [payment for payment in query.order_by(Payment.id) if payment.charge_id not in seen]
    for payment in unseen[:MOST_ASKED]:
        charge_id = payment.charge_id
        assert charge_id is not None, "the query asks for it"
        listed = gateway.current().balance_movements(since=since - LET_IT_APPEAR, source_id=charge_id)
        if next(iter(listed), None) is None:
            found += _insert(
                f"payment:{payment.id}",
                kind="unknown_there",
                words=f"Payment {payment.reference} is in the books, but Stripe shows no movement of it",
                minor=-payment.minor,
                currency=payment.currency,
                payment=payment,
                at=at,
            )
    return found


def _insert(
    difference_id: str, *, kind: str, words: str, minor: int, currency: str, payment: Payment | None, at: datetime
) -> int:
    if GatewayDifference.select(GatewayDifference.id).where(GatewayDifference.id == difference_id).exists():
        return 0
    with transaction():
        GatewayDifference.insert(
            id=difference_id,
            kind=kind,
            words=words,
            minor=minor,
            currency=currency,
            payment=payment.id if payment is not None else None,
            found_at=at,
        ).on_conflict_ignore().execute()
    log.error("difference %s: %s of %s %s is not explained", difference_id, kind, minor, currency)
    return 1


def _resolve_by_itself(difference_id: str, *, at: datetime) -> None:
    open_one = (GatewayDifference.id == difference_id) & GatewayDifference.resolved_at.is_null()
    if GatewayDifference.select(GatewayDifference.id).where(open_one).exists():
        with transaction():
            GatewayDifference.update(resolved_at=at, resolved_by="Remit", note="Booked later").where(open_one).execute()


def _ref(moved: BalanceMovement) -> str:
    return f"balance:{moved.id}"


def _on(moved: BalanceMovement) -> date:
    return clock.day_of(moved.at, seller.get().time_zone)
