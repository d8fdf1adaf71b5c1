"""Saved cards of the play bank: how each behaves is decided by whoever plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from billing.gateway import NEEDS_PERSON, Charge, NoSuchObject, NotOpen, SavedMethod, Setup, TooSmall
from tests.simulation.bank.pages import Page, Pages
from tests.simulation.bank.till import LEAST_MINOR

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import ChargeRequest, CheckoutSession, SetupRequest

Mood = Literal["pays", "declines", "lost_card", "asks", "takes days"]


@dataclass(slots=True, kw_only=True)
class Saved:
    """A saved card."""

    id: str
    customer_ref: str | None
    mood: Mood = "pays"


class Wallet(Pages):
    """billing.gateway.Cards."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: dict[str, Saved] = {}
        self.setups: dict[str, Setup] = {}

    def create_setup(self, request: SetupRequest, *, key: str) -> CheckoutSession:
        def make() -> CheckoutSession:
            setup_id = self.new_id("seti")
            self.setups[setup_id] = Setup(
                id=setup_id, reference=request.reference, succeeded=False, over=False, method_id=None
            )
            return self._open(
                Page(
                    id=self.new_id("cs"),
                    reference=request.reference,
                    customer_ref=request.customer_ref,
                    currency=request.currency,
                    minor=0,
                    made_at=self.at,
                    expires_at=request.expires_at,
                    setup_id=setup_id,
                )
            )

        return self.once(key, request, make)

    def setup(self, setup_id: str) -> Setup:
        if setup_id not in self.setups:
            raise NoSuchObject("setup_intent", setup_id)
        return self.setups[setup_id]

    def saved_method(self, method_id: str) -> SavedMethod:
        if method_id not in self.cards:
            raise NoSuchObject("payment_method", method_id)
        card = self.cards[method_id]
        return SavedMethod(
            id=card.id,
            customer_ref=card.customer_ref,
            kind="card",
            words=f"Visa ending {card.id[-4:]}",
            expires_on=None,
        )

    def forget_method(self, method_id: str) -> None:
        if method_id in self.cards:
            self.cards[method_id].customer_ref = None

    def charge(self, request: ChargeRequest, *, key: str) -> Charge:
        def make() -> Charge:
            if request.minor < LEAST_MINOR:
                raise TooSmall(request.minor, request.currency)
            card = self.cards.get(request.method_id)
            if card is None or card.customer_ref != request.customer_ref:
                raise NoSuchObject("payment_method", request.method_id)
            return self._charged(card, request)

        return self.once(key, request, make)

    def find_charge(self, reference: str, *, customer_ref: str, since: datetime, until: datetime) -> str | None:
        made = (money for money in self.monies.values() if since <= money.made_at <= until)
        ours = (money for money in made if money.customer_ref == customer_ref and money.reference == reference)
        return next((money.id for money in ours), None)

    def cancel_charge(self, intent_id: str) -> None:
        money = self.monies[intent_id]
        if money.status not in {"requires_action", "requires_payment_method"}:
            raise NotOpen
        money.status = "canceled"

    def _charged(self, card: Saved, request: ChargeRequest) -> Charge:
        money = self._money(
            reference=request.reference,
            customer_ref=request.customer_ref,
            minor=request.minor,
            currency=request.currency,
        )
        is_there = request.return_path is not None
        if card.mood == "pays":
            self.take(money)
        elif card.mood == "takes days":
            money.status = "processing"
        elif card.mood == "asks" and is_there:
            money.status, money.onward = "requires_action", f"https://play.example/3ds/{money.id}"
        else:
            words = {"declines": "card_declined", "lost_card": "lost_card", "asks": NEEDS_PERSON}
            money.failure = words[card.mood]
        return Charge(intent_id=money.id, status=money.status, onward=money.onward, failure=money.failure)

    # What the holder of a card does.

    def save_card(self, session_id: str) -> str:
        """Somebody fills in the page; gives the id of the saved card."""
        page = self._page(session_id)
        assert page.status == "open", "nobody can fill it in"
        assert page.setup_id is not None, "a page that saves"
        page.status = "complete"
        card = Saved(id=self.new_id("pm"), customer_ref=page.customer_ref)
        self.cards[card.id] = card
        self.setups[page.setup_id] = Setup(
            id=page.setup_id, reference=page.reference, succeeded=True, over=False, method_id=card.id
        )
        return card.id

    def answer(self, intent_id: str, *, agrees: bool) -> None:
        """The holder answers the bank's question."""
        money = self.monies[intent_id]
        assert money.status == "requires_action", "the bank asked"
        if agrees:
            self.take(money)
        else:
            money.status, money.failure, money.onward = "requires_payment_method", "payment_intent_authentication", None
