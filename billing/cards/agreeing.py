"""Turning autopay on: exactly the words the page showed, for a card that is saved or about to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import clock, seller
from billing.cards import saving
from billing.cards.consent import AutopayChanged, consent_text, give, live
from billing.cards.keeping import CardExpired, find
from billing.db import lock, transaction
from billing.tables import Card, Customer

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor
    from billing.tables import Autopay, CardSetup


def turn_on(card_id: int, *, customer_id: int, agreed: str, ip: str, by: Actor, at: datetime) -> Autopay:
    """Consent that a saved card pays what falls due; `agreed` is the text as the page showed it.

    Agreed to twice, it is the same consent. Raises Missing, CardExpired, AutopayChanged.
    """
    with transaction():
        lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get()
        card = find(card_id, customer_id=customer_id)
        before = live(customer_id)
        if before is not None and before.card_id == card.id:
            return before
        if card.has_expired(clock.day_of(at, seller.get().time_zone)):
            raise CardExpired(card.words)
        if agreed != consent_text(customer_id, card.full_words):
            raise AutopayChanged
        return give(Card.get_by_id(card.id), text=agreed, ip=ip, by=by, at=at)


def turn_on_by_new_card(customer_id: int, *, agreed: str, nonce: str, ip: str, by: Actor, at: datetime) -> CardSetup:
    """Consent, then save a card that pays what falls due from then on. Raises AutopayChanged, and as start_setup."""
    if agreed != consent_text(customer_id):
        raise AutopayChanged
    return saving.start_setup(customer_id, nonce=nonce, by=by, at=at, autopay_consent=agreed, ip=ip)
