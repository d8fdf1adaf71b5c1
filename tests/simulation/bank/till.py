"""The till of the play bank: its clock, its keys, its faults, and every movement of money, in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from billing.gateway import BalanceMovement, Declined, Fee, IntentStatus, KeyMismatch, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

Reply = TypeVar("Reply")

KEY_LIFETIME = timedelta(hours=24)
FEE_PPM, FEE_FIXED_MINOR = 29_000, 30
DISPUTE_FEE_MINOR = 1_500
LEAST_MINOR = 30  # a card carries no less

Fault = Literal["", "lost before", "lost after"]


@dataclass(slots=True, kw_only=True)
class Money:
    """A payment intent: what was asked for, and what came of it."""

    id: str
    reference: str
    currency: str
    minor: int
    customer_ref: str | None
    method: str
    made_at: datetime
    status: IntentStatus = "requires_payment_method"
    charge_id: str | None = None
    charged_at: datetime | None = None
    fee: Fee | None = None
    fee_is_known: bool = True  # the fee of some payments is told only when they are asked about again
    failure: str = ""
    onward: str | None = None
    given_back_minor: int = 0
    taken_back_minor: int = 0  # by chargebacks, less what they gave back


class Till:
    """What all parts of the bank share."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)
        self.fault: Fault = ""
        self.monies: dict[str, Money] = {}
        self.movements: list[BalanceMovement] = []
        self.untold: set[str] = set()  # what moved money since it was last asked about
        self.asked_about: set[str] = set()  # of these, what the call under way has asked about
        self._keys: dict[str, tuple[object, datetime, Any]] = {}
        self._made: Counter[str] = Counter()

    def tell(self, moved_id: str) -> None:
        """It was asked about: whoever asks is to book it."""
        if moved_id in self.untold:
            self.untold.remove(moved_id)
            self.asked_about.add(moved_id)

    def balance(self) -> dict[str, int]:
        """What the bank owes us, by currency: the sum of its movements."""
        found: Counter[str] = Counter()
        for moved in self.movements:
            found[moved.currency] += moved.net_minor
        return {currency: minor for currency, minor in sorted(found.items()) if minor}

    def new_id(self, prefix: str) -> str:
        """An id like the provider's; counted, so that a replay makes the same."""
        self._made[prefix] += 1
        return f"{prefix}_play{self._made[prefix]:06d}"

    def once(self, key: str, asked: object, make: Callable[[], Reply]) -> Reply:
        """The first reply to this key, for a day; with other parameters KeyMismatch. Faults happen here, once.

        A call that was refused is not kept, as parameter errors are not.
        """
        fault, self.fault = self.fault, ""
        if fault == "lost before":
            raise OutcomeUnknown("the line was cut before the call arrived")
        known = self._keys.get(key)
        if known is not None and self.at - known[1] < KEY_LIFETIME:
            if known[0] != asked:
                raise KeyMismatch("this key asked for something else")
            reply: Reply = known[2]
        else:
            reply = make()
            self._keys[key] = (asked, self.at, reply)
        if fault == "lost after":
            raise OutcomeUnknown("the line was cut before the answer arrived")
        return reply

    def move(self, kind: str, source_id: str, minor: int, currency: str, *, fee_minor: int = 0) -> BalanceMovement:
        """A row of the bank's own books."""
        moved = BalanceMovement(
            id=self.new_id("txn"),
            kind=kind,
            source_id=source_id,
            minor=minor,
            fee_minor=fee_minor,
            currency=currency,
            words=kind,
            at=self.at,
        )
        self.movements.append(moved)
        return moved

    def take(self, money: Money, *, fee_is_known: bool = True) -> None:
        """The money came: charge, fee, movement."""
        fee_minor = money.minor * FEE_PPM // 1_000_000 + FEE_FIXED_MINOR
        money.status, money.failure, money.onward = "succeeded", "", None
        money.charge_id, money.charged_at = self.new_id("ch"), self.at
        money.fee, money.fee_is_known = Fee(minor=fee_minor, currency=money.currency), fee_is_known
        self.move("charge", money.charge_id, money.minor, money.currency, fee_minor=fee_minor)
        self.untold.add(money.id)

    def refuse(self, code: str) -> Declined:
        """A definite no."""
        return Declined(code, "said the play bank")
