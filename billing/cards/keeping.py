"""The cards a customer has: what each is called, which is the usual one, and how one goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import audit, gateway
from billing.actors import SYSTEM
from billing.cards import consent
from billing.db import lock, transaction
from billing.errors import Conflict, Missing
from billing.tables import Attempt, Autopay, Card, Customer

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.actors import Actor
    from billing.gateway import SavedMethod


class NoSuchCard(Missing):
    """Not a card of this customer, or one that was removed."""

    def __init__(self) -> None:
        super().__init__("We cannot find that card.")


class CardInUse(Conflict):
    """It is being charged at this moment."""

    def __init__(self, words: str) -> None:
        super().__init__(f"{words} is being charged right now. Remove it when that payment is through.")


class CardExpired(Conflict):
    """Its last month is over, so it can pay nothing."""

    def __init__(self, words: str) -> None:
        super().__init__(f"{words} has expired. Choose another card.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCard:
    """A saved way to pay as its customer sees it. `expires_on` is the first day on which it no longer works."""

    id: int
    kind: str
    words: str
    expires_on: date | None
    added_by: str
    added_at: datetime
    is_usual: bool
    pays_automatically: bool

    @property
    def last_month(self) -> str:
        """The month printed on it, "04/2028"; "" where none is."""
        return (self.expires_on - timedelta(days=1)).strftime("%m/%Y") if self.expires_on else ""

    @property
    def full_words(self) -> str:
        """As people tell it from others: Visa ending 4242, expires 04/2028."""
        return f"{self.words}, expires {self.last_month}" if self.expires_on else self.words

    def has_expired(self, on: date) -> bool:
        """Whether its last month is over."""
        return self.expires_on is not None and on >= self.expires_on


def for_customer(customer_id: int) -> list[SavedCard]:
    """The customer's cards: the usual one first, then the newest."""
    mine = (Card.customer == customer_id) & Card.removed_at.is_null()
    rows = list(Card.select().where(mine).order_by(Card.id.desc()))
    paying = live_card_id(customer_id) if rows else None
    usual_row = max(rows, key=_how_usual, default=None)
    found = [_saved(row, is_usual=row is usual_row, pays_automatically=row.id == paying) for row in rows]
    return sorted(found, key=lambda card: not card.is_usual)


def _how_usual(row: Card) -> tuple[float, int]:
    """The card that was chosen last, else the first there was."""
    return (row.default_since.timestamp(), row.id) if row.default_since else (0.0, -row.id)


def live_card_id(customer_id: int) -> int | None:
    """The card that pays by itself, if any does."""
    found = Autopay.get_or_none((Autopay.customer == customer_id) & Autopay.ended_at.is_null())
    return None if found is None else int(found.card_id)


def usual(customer_id: int) -> SavedCard | None:
    """The card to propose first, None where the customer has none."""
    found = for_customer(customer_id)
    return found[0] if found else None


def find(card_id: int, *, customer_id: int) -> SavedCard:
    """A customer's card. A stranger's, a removed and an unknown one are Missing alike."""
    for card in for_customer(customer_id):
        if card.id == card_id:
            return card
    raise NoSuchCard


def keep(method_id: str, *, at: datetime, added_by: str = "") -> Card | None:
    """Know a saved card as the provider knows it now: new, renewed, or removed; None where it is nobody's of ours.

    For any news of it, in any order and any number of times. Raises OutcomeUnknown, Declined.
    """
    try:
        method = gateway.current().saved_method(method_id)
    except gateway.NoSuchObject:
        method = gateway.SavedMethod(id=method_id, customer_ref=None, kind="card", words="", expires_on=None)
    with transaction():
        return keep_locked(method, at=at, added_by=added_by)


def keep_locked(method: SavedMethod, *, at: datetime, added_by: str = "") -> Card | None:
    """The same inside the caller's transaction. The customer is locked before its card, as by whoever consents."""
    owners = Card.select(Card.customer).where(Card.stripe_id == method.id)
    lock(Customer.select(Customer.id).where(Customer.id.in_(owners))).get_or_none()
    known: Card | None = lock(Card.select().where(Card.stripe_id == method.id)).get_or_none()
    if method.customer_ref is None:
        if known is not None and known.removed_at is None:
            _gone(known, by=SYSTEM, at=at, why=f"{known.words} was removed")
        return known
    if known is not None:
        if known.removed_at is None:
            now = {"words": method.words, "expires_on": method.expires_on, "added_by": known.added_by or added_by}
            Card.update(now).where(Card.id == known.id).execute()
        return known
    customer: Customer | None = lock(Customer.select().where(Customer.stripe_id == method.customer_ref)).get_or_none()
    if customer is None:
        return None
    Card.insert(
        customer=customer.id,
        stripe_id=method.id,
        kind=method.kind,
        words=method.words,
        expires_on=method.expires_on,
        added_by=added_by,
        added_at=at,
    ).on_conflict_ignore().execute()
    card: Card = Card.get(Card.stripe_id == method.id)
    audit.record("card.saved", f"customer:{customer.id}", by=SYSTEM, at=at, facts={"card": card.id, "is": card.words})
    return card


def make_default(card_id: int, *, customer_id: int, by: Actor, at: datetime) -> None:
    """Propose this card first from now on. Raises Missing."""
    with transaction():
        card = find(card_id, customer_id=customer_id)
        Card.update(default_since=at).where(Card.id == card.id).execute()
        audit.record("card.made_usual", f"customer:{customer_id}", by=by, at=at, facts={"card": card.id})


def remove(card_id: int, *, customer_id: int, by: Actor, at: datetime) -> None:
    """Remove a card for good, at the provider first. Autopay by it ends, and its people are told.

    Raises Missing, CardInUse, OutcomeUnknown (the same may be asked again).
    """
    card = find(card_id, customer_id=customer_id)
    busy = (Attempt.card == card.id) & Attempt.status.in_(["created", "open"])
    if Attempt.select(Attempt.id).where(busy).exists():
        raise CardInUse(card.words)
    row: Card = Card.get_by_id(card.id)
    gateway.current().forget_method(row.stripe_id)
    with transaction():
        lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get()
        now: Card = lock(Card.select().where(Card.id == card.id)).get()
        if now.removed_at is None:
            _gone(now, by=by, at=at, why=f"{card.words} was removed by {by.name}")


def _gone(card: Card, *, by: Actor, at: datetime, why: str) -> None:
    Card.update(removed_at=at).where(Card.id == card.id).execute()
    consent.end_by_card(card, why=why, by=by, at=at)
    facts = {"card": card.id, "is": card.words}
    audit.record("card.removed", f"customer:{card.customer_id}", by=by, at=at, facts=facts)


def _saved(row: Card, *, is_usual: bool, pays_automatically: bool) -> SavedCard:
    return SavedCard(
        id=row.id,
        kind=row.kind,
        words=row.words,
        expires_on=row.expires_on,
        added_by=row.added_by,
        added_at=row.added_at,
        is_usual=is_usual,
        pays_automatically=pays_automatically,
    )
