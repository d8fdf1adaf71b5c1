"""The port to whoever takes card payments: what the domain asks of it, in the domain's own words.

No type of the provider's library comes past this module. All money is whole minor units of the named
currency. Calls speak HTTP: never inside a transaction. Their outcome is known (a value, or a Declined such as
TooSmall) or it is not (OutcomeUnknown), and then the same call with the same key is safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from billing.gateway.cards import (
    FINAL_REFUSALS,
    NEEDS_PERSON,
    Cards,
    Charge,
    ChargeRequest,
    SavedMethod,
    Setup,
    SetupRequest,
)
from billing.gateway.checkout import (
    Checkout,
    CheckoutLine,
    CheckoutRequest,
    CheckoutSession,
    Fee,
    Intent,
    IntentStatus,
    SessionStatus,
)
from billing.gateway.money_back import BalanceMovement, Chargeback, GivenBack, MoneyBack, Movement, RefundStatus
from billing.gateway.refusals import (
    UNKNOWN_OUTCOME_WORDS,
    BadSignature,
    Declined,
    KeyInUse,
    KeyMismatch,
    NoGateway,
    NoSuchObject,
    NotOpen,
    OutcomeUnknown,
    TooSmall,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

__all__ = [
    "FINAL_REFUSALS",
    "NEEDS_PERSON",
    "UNKNOWN_OUTCOME_WORDS",
    "BadSignature",
    "BalanceMovement",
    "Cards",
    "Charge",
    "ChargeRequest",
    "Chargeback",
    "Checkout",
    "CheckoutLine",
    "CheckoutRequest",
    "CheckoutSession",
    "Declined",
    "Event",
    "Fee",
    "Gateway",
    "GivenBack",
    "Intent",
    "IntentStatus",
    "KeyInUse",
    "KeyMismatch",
    "MoneyBack",
    "Movement",
    "NoGateway",
    "NoSuchObject",
    "NotOpen",
    "OutcomeUnknown",
    "RefundStatus",
    "SavedMethod",
    "SessionStatus",
    "Setup",
    "SetupRequest",
    "TooSmall",
    "current",
    "use",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened there. Only a trigger: what is true is fetched. `payload` is the text as it came."""

    id: str
    type: str
    object_id: str
    livemode: bool
    api_version: str
    created_at: datetime
    payload: str


class Gateway(Checkout, MoneyBack, Cards, Protocol):
    """What billing/stripe_gateway offers. Every method may raise OutcomeUnknown or Declined."""

    livemode: bool

    def events(self, types: Sequence[str], *, since: datetime) -> Iterator[Event]:
        """What happened since an instant, newest first."""

    def read_delivery(self, payload: bytes, signature: str | None, *, at: datetime) -> Event:
        """The event of a webhook delivery. Raises BadSignature."""


_current: list[Gateway] = []


def use(gateway: Gateway | None) -> None:
    """Make `gateway` the one of this process; None takes it away."""
    _current[:] = [] if gateway is None else [gateway]


def current() -> Gateway:
    """The gateway of this process. Raises NoGateway."""
    if not _current:
        raise NoGateway
    return _current[0]
