"""The port to whoever takes card payments: what the domain asks of it, in the domain's own words.

No type of the provider's library comes past this module. All money is whole minor units of the named
currency. Calls speak HTTP: never inside a transaction. Their outcome is known (a value, or a Declined such as
TooSmall) or it is not (OutcomeUnknown), and then the same call with the same key is safe to repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from billing import formatting
from billing.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

UNKNOWN_OUTCOME_WORDS = "We could not confirm this. Try again: you will not be charged twice."

SessionStatus = Literal["open", "complete", "expired"]
IntentStatus = Literal[
    "canceled",
    "processing",
    "requires_action",
    "requires_capture",
    "requires_confirmation",
    "requires_payment_method",
    "succeeded",
]


class NoGateway(Refusal):
    """Card payment was never set up on this installation."""

    def __init__(self) -> None:
        super().__init__("Card payment is not available yet. Pay by bank transfer, or contact us.")


class OutcomeUnknown(Refusal):
    """No answer, or none that says what happened: it may have been done."""

    def __init__(self, cause: str) -> None:
        super().__init__(UNKNOWN_OUTCOME_WORDS)
        self.cause = cause

    def __str__(self) -> str:
        """For our own records; `message` is for the person."""
        return self.cause


class KeyInUse(OutcomeUnknown):
    """The same call with the same key is being answered at this moment."""


class KeyMismatch(OutcomeUnknown):
    """The key was used with other parameters before: that earlier call may have done something."""


class Declined(Refusal):
    """The provider understood and said no. `code` is its own word for why, for our records."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__("Card payment does not work at the moment. Pay by bank transfer, or contact us.")
        self.code = code
        self.detail = message

    def __str__(self) -> str:
        """For our own records; `message` is for the person."""
        return f"{self.code} {self.detail}".strip()


class NoSuchObject(Declined):
    """The provider does not know the id; `param` is where it was named, such as "customer"."""

    def __init__(self, param: str, message: str = "") -> None:
        super().__init__("resource_missing", message)
        self.param = param


class TooSmall(Declined):
    """Less than a card can carry in this currency."""

    def __init__(self, minor: int, currency: str) -> None:
        super().__init__("amount_too_small")
        amount = formatting.money(minor, currency)
        self.message = f"{amount} is too small to be paid by card. Pay by bank transfer, or contact us."
        self.minor = minor
        self.currency = currency


class NotOpen(Declined):
    """The session can no longer be expired: somebody paid in it, or its time is over. Look which."""

    def __init__(self) -> None:
        super().__init__("session_not_open")


class BadSignature(Refusal):
    """A delivery that nobody with our secret signed, or not within five minutes of now."""

    def __init__(self, why: str) -> None:
        super().__init__("The signature of this delivery is not right.")
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutLine:
    """One line of the provider's page: "Invoice INV-2026-0412"."""

    name: str
    minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """All that a hosted page is made of, each part from a stored row, so that a repeat is the same call.

    `customer_ref` is the provider's id of a signed-in customer, None for guests. Paths are of our own site.
    """

    reference: str
    customer_ref: str | None
    currency: str
    lines: tuple[CheckoutLine, ...]
    description: str
    expires_at: datetime
    return_path: str
    back_path: str

    @property
    def minor(self) -> int:
        """What the page asks for."""
        return sum(line.minor for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutSession:
    """A hosted page. `reference` is our attempt; `intent_id` is None until somebody pays."""

    id: str
    status: SessionStatus
    url: str | None
    reference: str
    intent_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What the provider kept, in the currency it settles in."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The money itself: it came where `status` is "succeeded", and nowhere else.

    `received_minor` is what came, `reference` our attempt ("" if it names none), `method` is fit to show
    ("Visa ending 4242"), `failure` the provider's word for the last refusal ("card_declined").
    """

    id: str
    status: IntentStatus
    reference: str
    currency: str
    received_minor: int
    customer_ref: str | None
    charge_id: str | None
    charged_at: datetime | None
    method: str
    fee: Fee | None
    failure: str


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


class Gateway(Protocol):
    """What billing/stripe_gateway.py offers. Every method may raise OutcomeUnknown or Declined."""

    livemode: bool

    def create_customer(self, *, name: str, email: str, reference: str, key: str) -> str:
        """The provider's id of a customer, made once per key."""

    def create_session(self, request: CheckoutRequest, *, key: str) -> CheckoutSession:
        """A hosted page, made once per key. Raises TooSmall, NoSuchObject, KeyInUse, KeyMismatch."""

    def session(self, session_id: str) -> CheckoutSession:
        """A hosted page as it stands now."""

    def find_session(self, reference: str, *, since: datetime, until: datetime) -> CheckoutSession | None:
        """The page made for an attempt between two instants, where its id was never learnt."""

    def expire(self, session_id: str) -> CheckoutSession:
        """Close a page, so that nobody can pay in it any more. Raises NotOpen."""

    def intent(self, intent_id: str) -> Intent:
        """The money as it stands now, with its charge and fee."""

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
