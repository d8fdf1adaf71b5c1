"""Paying with a saved card in one step, its holder being there: the bank may ask them, by redirect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import payments
from billing.cards.keeping import NoSuchCard, find
from billing.errors import Refusal
from billing.payments import charging

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor
    from billing.payments import Plan
    from billing.tables import Attempt

REFUSALS = {
    "insufficient_funds": "has not enough money on it",
    "expired_card": "has expired",
    "lost_card": "cannot be used any more",
    "stolen_card": "cannot be used any more",
    "pickup_card": "cannot be used any more",
    "do_not_try_again": "cannot be used any more",
}


class CardRefused(Refusal):
    """The bank said no to this card, and nothing was charged."""

    def __init__(self, words: str, failure: str) -> None:
        why = REFUSALS.get(failure, "was declined")
        super().__init__(f"{words} {why}. You have not been charged. Pay with another card, or call your bank.")
        self.failure = failure


def pay(card_id: int, plan: Plan, *, nonce: str, payer: Actor, at: datetime) -> Attempt:
    """Pay as planned with a saved card of the customer; the attempt is committed before the card is charged.

    For whoever signed in for the customer: to a guest there are no cards, and naming one is Missing. The attempt comes
    back succeeded or processing, or open where the bank asks its holder (`url` leads there). Raises as
    payments.start_checkout, CardRefused, and OutcomeUnknown: then the same form may be sent again.
    """
    if payer.kind != "customer":
        raise NoSuchCard
    card = find(card_id, customer_id=plan.customer_id)
    attempt = payments.decide(plan, nonce=nonce, payer=payer, at=at, kind="saved_card", card_id=card.id)
    attempt = charging.charge(attempt, at=at)
    if attempt.status == "failed":
        raise CardRefused(card.words, attempt.failure)
    return attempt
