"""Money of the play bank that goes back: refunds that may fail later, and chargebacks with their movements."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from billing.gateway import Chargeback, Fee, GivenBack, Movement, NoSuchObject
from tests.simulation.bank.till import DISPUTE_FEE_MINOR, Till

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from billing.gateway import BalanceMovement, RefundStatus
    from tests.simulation.bank.till import Money

HOLDING = ("needs_response", "under_review", "lost")  # words under which a chargeback keeps the money


@dataclass(slots=True, kw_only=True)
class Returned:
    """A refund there."""

    id: str
    reference: str
    money: Money
    minor: int
    made_at: datetime
    status: RefundStatus
    failure: str = ""


@dataclass(slots=True, kw_only=True)
class Asked:
    """A chargeback there."""

    id: str
    money: Money
    minor: int
    status: str
    opened_at: datetime
    movements: list[Movement] = field(default_factory=list)


class Back(Till):
    """billing.gateway.MoneyBack."""

    def __init__(self) -> None:
        super().__init__()
        self.refunds: dict[str, Returned] = {}
        self.chargebacks: dict[str, Asked] = {}
        self.refunds_take_days = False

    def give_back(self, *, intent_id: str, minor: int, currency: str, reference: str, key: str) -> GivenBack:
        def make() -> str:
            money = self.monies[intent_id]
            if money.currency != currency or money.status != "succeeded":
                raise self.refuse("charge_not_refundable")
            if any(asked.money is money and asked.status in HOLDING for asked in self.chargebacks.values()):
                raise self.refuse("charge_disputed")
            if minor > left_of(money):
                raise self.refuse("amount_too_large")
            return self._return(money, minor, reference).id

        return self.given_back(self.once(key, (intent_id, minor, currency, reference), make))

    def given_back(self, refund_id: str) -> GivenBack:
        found = self.refunds.get(refund_id)
        if found is None:
            raise NoSuchObject("refund", refund_id)
        self.tell(found.id)
        return GivenBack(
            id=found.id,
            status=found.status,
            reference=found.reference,
            intent_id=found.money.id,
            currency=found.money.currency,
            minor=found.minor,
            created_at=found.made_at,
            failure=found.failure,
        )

    def find_given_back(self, reference: str, *, intent_id: str) -> GivenBack | None:
        mine = (made for made in self.refunds.values() if made.money.id == intent_id)
        found = next((made for made in mine if made.reference == reference), None)
        return self.given_back(found.id) if found else None

    def chargeback(self, chargeback_id: str) -> Chargeback:
        found = self.chargebacks.get(chargeback_id)
        if found is None:
            raise NoSuchObject("dispute", chargeback_id)
        self.tell(found.id)
        return Chargeback(
            id=found.id,
            intent_id=found.money.id,
            status=found.status,
            reason="fraudulent",
            currency=found.money.currency,
            minor=found.minor,
            is_refundable=found.status.startswith("warning"),
            respond_by=found.opened_at + timedelta(days=7),
            opened_at=found.opened_at,
            movements=tuple(found.movements),
        )

    def balance_movements(self, *, since: datetime, source_id: str | None = None) -> Iterator[BalanceMovement]:
        for money in self.monies.values():
            money.fee_is_known = True  # what is listed has its fee
        for moved in reversed(self.movements):
            if moved.at >= since and source_id in {None, moved.source_id}:
                yield moved

    def intent_of_charge(self, charge_id: str) -> str | None:
        return next((money.id for money in self.monies.values() if money.charge_id == charge_id), None)

    # What the bank, the dashboard and the payer's bank do.

    def refund_elsewhere(self, intent_id: str, minor: int) -> str:
        """Somebody refunds in the dashboard."""
        return self._return(self.monies[intent_id], minor, "").id

    def arrive(self, refund_id: str) -> None:
        """A refund on its way arrived."""
        assert self.refunds[refund_id].status == "pending", "on its way"
        self.refunds[refund_id].status = "succeeded"

    def fail(self, refund_id: str) -> None:
        """A refund came back, days later perhaps: the money is ours again."""
        found = self.refunds[refund_id]
        assert found.status != "failed", "it came back once"
        found.status, found.failure = "failed", "expired_or_canceled_card"
        found.money.given_back_minor -= found.minor
        self.move("refund_failure", found.id, found.minor, found.money.currency)
        self.untold.add(found.id)

    def ask_back(self, intent_id: str, minor: int, *, inquiry: bool = False) -> str:
        """The payer's bank asks for (a part of) a payment; an inquiry takes nothing yet."""
        money = self.monies[intent_id]
        asked = Asked(
            id=self.new_id("dp"),
            money=money,
            minor=minor,
            status="warning_needs_response" if inquiry else "needs_response",
            opened_at=self.at,
        )
        self.chargebacks[asked.id] = asked
        if not inquiry:
            self._shift(asked, -minor, DISPUTE_FEE_MINOR)
        return asked.id

    def escalate(self, chargeback_id: str) -> None:
        """An inquiry becomes a chargeback: now the money goes."""
        asked = self.chargebacks[chargeback_id]
        asked.status = "needs_response"
        self._shift(asked, -asked.minor, DISPUTE_FEE_MINOR)

    def close(self, chargeback_id: str, word: str, *, gives_back: bool = False, fee_too: bool = False) -> None:
        """It ended, as won, lost, prevented or warning_closed. Whether money comes back is not in the word."""
        asked = self.chargebacks[chargeback_id]
        asked.status = word
        if gives_back:
            self._shift(asked, asked.minor, -DISPUTE_FEE_MINOR if fee_too else 0)

    def pay_out(self, currency: str, minor: int) -> str:
        """So much of the balance goes to our bank."""
        payout_id = self.new_id("po")
        self.move("payout", payout_id, -minor, currency)
        return payout_id

    def _return(self, money: Money, minor: int, reference: str) -> Returned:
        made = Returned(
            id=self.new_id("re"),
            reference=reference,
            money=money,
            minor=minor,
            made_at=self.at,
            status="pending" if self.refunds_take_days else "succeeded",
        )
        self.refunds[made.id] = made
        money.given_back_minor += minor
        self.move("refund", made.id, -minor, money.currency)
        self.untold.add(made.id)
        return made

    def _shift(self, asked: Asked, minor: int, fee_minor: int) -> None:
        currency = asked.money.currency
        asked.money.taken_back_minor -= minor
        moved = self.move("adjustment", asked.id, minor, currency, fee_minor=fee_minor)
        fee = Fee(minor=fee_minor, currency=currency) if fee_minor else None
        asked.movements.append(Movement(id=moved.id, minor=minor, fee=fee, at=self.at))
        self.untold.add(asked.id)


def left_of(money: Money) -> int:
    """What can still go back of a payment."""
    return money.minor - money.given_back_minor - money.taken_back_minor
