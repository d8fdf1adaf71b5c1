"""Saved cards: saving one, and charging it with or without the payer at the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.gateway.checkout import CheckoutSession, IntentStatus

# The bank says that this card will never pay again; "do_not_try_again" is its advice beside any other word.
FINAL_REFUSALS = frozenset({"lost_card", "stolen_card", "pickup_card", "do_not_try_again"})
NEEDS_PERSON = "authentication_required"  # the bank wants its customer to confirm


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRequest:
    """A hosted page that saves a way to pay and charges nothing; each part from a stored row."""

    reference: str
    customer_ref: str
    currency: str
    description: str
    expires_at: datetime
    return_path: str
    back_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What became of saving: `method_id` is the saved way to pay once `succeeded`, `reference` ours."""

    id: str
    reference: str
    succeeded: bool
    over: bool
    method_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedMethod:
    """A saved way to pay, fit to show. `customer_ref` is None once it was removed; `expires_on` the first bad day."""

    id: str
    customer_ref: str | None
    kind: str
    words: str
    expires_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """A saved way to pay is charged; each part from a stored row. Without `return_path` the payer is not there."""

    reference: str
    customer_ref: str
    method_id: str
    currency: str
    minor: int
    description: str
    return_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What came of it at once: `onward` is the bank's page where it asks the payer, `failure` why it said no."""

    intent_id: str
    status: IntentStatus
    onward: str | None
    failure: str


class Cards(Protocol):
    """Saved ways to pay. Methods may raise OutcomeUnknown or Declined."""

    def create_setup(self, request: SetupRequest, *, key: str) -> CheckoutSession:
        """A hosted page that saves a card, made once per key. Raises NoSuchObject, KeyInUse, KeyMismatch."""

    def setup(self, setup_id: str) -> Setup:
        """What became of saving."""

    def saved_method(self, method_id: str) -> SavedMethod:
        """A saved way to pay as it stands now. Raises NoSuchObject."""

    def forget_method(self, method_id: str) -> None:
        """Remove a saved way to pay for good; one that is gone already stays gone."""

    def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        """Charge a saved way to pay, once per key. A bank's no is a Charge with its `failure`, no refusal.

        Raises TooSmall, NotPayableByStripe, NoSuchObject, KeyInUse, KeyMismatch.
        """

    def find_charge(self, reference: str, *, customer_ref: str, since: datetime, until: datetime) -> str | None:
        """The id of the charge made for an attempt between two instants, where its answer was lost."""

    def cancel_charge(self, intent_id: str) -> None:
        """End a charge that still asks its payer. Raises NotOpen."""
