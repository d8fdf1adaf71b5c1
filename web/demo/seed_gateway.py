"""A gateway for the demo's past: it remembers what was paid instead of asking anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from billing.gateway import BalanceMovement, Chargeback, CheckoutSession, Event, Fee, GivenBack, Intent, NoSuchObject
from web.demo.seed_words import CARDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from billing.gateway import Charge, ChargeRequest, CheckoutRequest, SavedMethod, Setup, SetupRequest
    from billing.tables import Attempt

FEE_PPM = 15_000  # 1.5 % and 20, as card payments cost in the demo's past
FEE_FIXED_MINOR = 20
PAST_FILE = "past.json"  # in the demo's folder: what the sandbox is to remember


@dataclass
class Remembered:
    """billing.gateway.Gateway for the seed alone. Every page opens, and what pay() is told came, came."""

    livemode: bool = False
    sessions: dict[str, CheckoutSession] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)

    def pay(self, attempt: Attempt, method: str, at: datetime, surplus_minor: int = 0) -> str:
        """The attempt's money came at that instant, with so much too much; gives the intent's id."""
        number = len(self.intents) + 1
        received = attempt.minor + surplus_minor
        intent = Intent(
            id=f"pi_seed_{number:06d}",
            status="succeeded",
            reference=attempt.id,
            currency=attempt.currency,
            received_minor=received,
            customer_ref=None,
            charge_id=f"ch_seed_{number:06d}",
            charged_at=at,
            method=method,
            fee=Fee(minor=received * FEE_PPM // 1_000_000 + FEE_FIXED_MINOR, currency=attempt.currency),
            failure="",
        )
        self.intents[intent.id] = intent
        return intent.id

    def past(self) -> list[dict[str, object]]:
        """The payments as the sandbox remembers them (stripe_sandbox/README.md)."""
        return [
            {
                "intent": intent.id,
                "charge": intent.charge_id,
                "attempt_id": intent.reference,
                "amount": intent.received_minor,
                "fee": intent.fee.minor if intent.fee else 0,
                "currency": intent.currency.lower(),
                "card": CARDS[intent.method],
                "created": int(intent.charged_at.timestamp()) if intent.charged_at else 0,
            }
            for intent in self.intents.values()
        ]

    def create_customer(self, *, name: str, email: str, reference: str, key: str) -> str:
        """Guests alone pay in the past."""
        raise NoSuchObject("customer", f"{name} {email} {reference} {key}")

    def create_session(self, request: CheckoutRequest, *, key: str) -> CheckoutSession:
        """A page, whose address leads nowhere: it is in the past."""
        session = CheckoutSession(
            id=f"cs_seed_{len(self.sessions) + 1:06d}",
            status="open",
            url=None,
            reference=request.reference,
            intent_id=None,
        )
        self.sessions[key] = session
        return session

    def session(self, session_id: str) -> CheckoutSession:
        """A page as it was opened."""
        found = [session for session in self.sessions.values() if session.id == session_id]
        if not found:
            raise NoSuchObject("session", session_id)
        return found[0]

    def find_session(self, reference: str, *, since: datetime, until: datetime) -> CheckoutSession | None:
        """Every page's id is learnt at once, so nothing is ever looked for between two instants."""
        assert since <= until, "a stretch of time goes forward"
        found = [session for session in self.sessions.values() if session.reference == reference]
        return found[0] if found else None

    def expire(self, session_id: str) -> CheckoutSession:
        """Pages of the past are never closed by hand."""
        raise NoSuchObject("session", session_id)

    def intent(self, intent_id: str) -> Intent:
        """What came."""
        return self.intents[intent_id]

    def give_back(self, *, intent_id: str, minor: int, currency: str, reference: str, key: str) -> GivenBack:
        """Refunds of the past are booked as they ended."""
        raise NoSuchObject("refund", f"{intent_id} {minor} {currency} {reference} {key}")

    def given_back(self, refund_id: str) -> GivenBack:
        """No refund was ever asked for."""
        raise NoSuchObject("refund", refund_id)

    def find_given_back(self, reference: str, *, intent_id: str) -> GivenBack | None:
        """No refund was ever asked for."""
        raise NoSuchObject("refund", f"{reference} {intent_id}")

    def chargeback(self, chargeback_id: str) -> Chargeback:
        """Nobody's bank took anything back."""
        raise NoSuchObject("dispute", chargeback_id)

    def balance_movements(self, *, since: datetime, source_id: str | None = None) -> Iterator[BalanceMovement]:
        """Nothing is compared in the past."""
        assert source_id is None, f"asked for {source_id} since {since}"
        return iter(())

    def intent_of_charge(self, charge_id: str) -> str | None:
        """The payment of a charge."""
        return next((intent.id for intent in self.intents.values() if intent.charge_id == charge_id), None)

    def identity(self) -> str:
        """The past has its own."""
        return "seed"

    def events(self, types: Sequence[str], *, since: datetime) -> Iterator[Event]:
        """Nothing is told twice: settle() is called for every payment."""
        assert types, f"asked for nothing since {since}"
        return iter(())

    def read_delivery(self, payload: bytes, signature: str | None, *, at: datetime) -> Event:
        """Nothing is delivered from the past."""
        raise NoSuchObject("event", f"{len(payload)} bytes, {signature}, {at}")

    def create_setup(self, request: SetupRequest, *, key: str) -> CheckoutSession:
        """Nobody saved a card in the past."""
        raise NoSuchObject("customer", f"{request.customer_ref} {key}")

    def setup(self, setup_id: str) -> Setup:
        """Nobody saved a card in the past."""
        raise NoSuchObject("setup_intent", setup_id)

    def saved_method(self, method_id: str) -> SavedMethod:
        """Nobody saved a card in the past."""
        raise NoSuchObject("payment_method", method_id)

    def forget_method(self, method_id: str) -> None:
        """Nobody saved a card in the past."""
        raise NoSuchObject("payment_method", method_id)

    def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        """Nobody saved a card in the past."""
        raise NoSuchObject("payment_method", f"{request.method_id} {key}")

    def find_charge(self, reference: str, *, customer_ref: str, since: datetime, until: datetime) -> str | None:
        """No saved card was charged in the past."""
        assert since <= until, f"a stretch of time goes forward, also for {reference} of {customer_ref}"
        return None

    def cancel_charge(self, intent_id: str) -> None:
        """Nothing of the past is called back."""
        raise NoSuchObject("intent", intent_id)
