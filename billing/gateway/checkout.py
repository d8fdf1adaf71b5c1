"""Paying: hosted pages, and the money that comes in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from datetime import datetime

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
    """A hosted page. `reference` is our attempt; `intent_id` is None until somebody pays.

    `setup_id` is set where the page saves a card and nothing is paid; then `reference` is our wish to save one.
    """

    id: str
    status: SessionStatus
    url: str | None
    reference: str
    intent_id: str | None
    setup_id: str | None = None


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


class Checkout(Protocol):
    """Hosted pages. Every method may raise OutcomeUnknown or Declined."""

    def create_customer(self, *, name: str, email: str, reference: str, key: str) -> str:
        """The provider's id of a customer, made once per key."""

    def create_session(self, request: CheckoutRequest, *, key: str) -> CheckoutSession:
        """A hosted page, made once per key.

        Raises NotPayableByStripe (nothing was sent), TooSmall, NoSuchObject, KeyInUse, KeyMismatch.
        """

    def session(self, session_id: str) -> CheckoutSession:
        """A hosted page as it stands now."""

    def find_session(self, reference: str, *, since: datetime, until: datetime) -> CheckoutSession | None:
        """The page made for an attempt between two instants, where its id was never learnt."""

    def expire(self, session_id: str) -> CheckoutSession:
        """Close a page, so that nobody can pay in it any more. Raises NotOpen."""

    def intent(self, intent_id: str) -> Intent:
        """The money as it stands now, with its charge and fee."""
