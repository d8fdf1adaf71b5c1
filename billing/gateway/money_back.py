"""Money that goes back: refunds, chargebacks, and the provider's own list of what moved.

The provider calls a chargeback a dispute. Here that word is kept for a customer who disagrees with an invoice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from billing.gateway.checkout import Fee

RefundStatus = Literal["pending", "succeeded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """A refund as the provider knows it. `reference` is our refund ("" where it was made elsewhere).

    `failure` is the provider's word for why it failed ("expired_or_canceled_card").
    """

    id: str
    status: RefundStatus
    reference: str
    intent_id: str | None
    currency: str
    minor: int
    created_at: datetime
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money of a chargeback that moved: negative was taken, positive given back, in the payment's currency.

    `fee` is what it cost beside that; None where it cost nothing, and negative where the provider gives one back.
    """

    id: str
    minor: int
    fee: Fee | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chargeback:
    """What the payer's bank asks back. Only `movements` say what became of the money; `status` is a word."""

    id: str
    intent_id: str | None
    status: str
    reason: str
    currency: str
    minor: int
    is_refundable: bool
    respond_by: datetime | None
    opened_at: datetime
    movements: tuple[Movement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceMovement:
    """A row of the provider's own books: `minor` (signed) without `fee_minor`, which it kept beside it.

    `source_id` is what it is about: a charge, a refund, a chargeback, a payout; None where it is about nothing of ours.
    """

    id: str
    kind: str
    source_id: str | None
    minor: int
    fee_minor: int
    currency: str
    words: str
    at: datetime

    @property
    def net_minor(self) -> int:
        """What it changed of our balance there."""
        return self.minor - self.fee_minor


class MoneyBack(Protocol):
    """Refunds, chargebacks, and the provider's own list of what moved. Methods may raise OutcomeUnknown, Declined."""

    def give_back(self, *, intent_id: str, minor: int, currency: str, reference: str, key: str) -> GivenBack:
        """Refund so much of a payment, once per key. Raises KeyInUse, KeyMismatch, NotPayableByStripe."""

    def given_back(self, refund_id: str) -> GivenBack:
        """A refund as it stands now."""

    def find_given_back(self, reference: str, *, intent_id: str) -> GivenBack | None:
        """The refund of a payment that was made for a refund of ours, where its id was never learnt."""

    def chargeback(self, chargeback_id: str) -> Chargeback:
        """A chargeback as it stands now, with every movement of its money."""

    def balance_movements(self, *, since: datetime, source_id: str | None = None) -> Iterator[BalanceMovement]:
        """What moved of our balance since an instant, newest first; of one charge or refund, where it is named."""

    def intent_of_charge(self, charge_id: str) -> str | None:
        """The payment a charge belongs to; None where it was made without one."""

    def identity(self) -> str:
        """Who we are there: the one id that all keys of our contract share."""
