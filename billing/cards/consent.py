"""Autopay's consent: what exactly was agreed to, by whom, when and from where; kept for good, ended at any time.

A customer has at most one live consent, to one card. Whoever may sign in for the customer may give or end it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import audit, customers, outbox, seller
from billing.db import lock, transaction
from billing.errors import Conflict
from billing.tables import Autopay, Card, Customer, User

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

CONSENT_VERSION = "2026-11.2"
CARD_TO_COME = "the card that is saved on the next page"


class AutopayChanged(Conflict):
    """The page showed other words, or another card, than would be agreed to now."""

    def __init__(self) -> None:
        super().__init__("This page changed while it was open. Read it again, then turn on autopay.")


def consent_text(customer_id: int, card_words: str = CARD_TO_COME) -> str:
    """The words a person agrees to, for version CONSENT_VERSION; the page shows them and the books keep them."""
    selling, buying = seller.get(), customers.get(customer_id)
    return (
        f"{selling.legal_name} may charge {card_words} for the invoices of {buying.legal_name}: what is still to be "
        "paid on each, on the day it falls due, and today where that day has passed. If the bank declines, it is "
        "tried again after 3, 5 and 7 days, then no more. Before each later charge we email you, 3 days ahead; where "
        "an invoice falls due sooner, it is charged 3 days after that email. You can turn this off at any time."
    )


def live(customer_id: int) -> Autopay | None:
    """The consent in force, with its card."""
    found: Autopay | None = (
        Autopay.select(Autopay, Card)
        .join(Card)
        .where((Autopay.customer == customer_id) & Autopay.ended_at.is_null())
        .first()
    )
    return found


def last_ended(customer_id: int) -> Autopay | None:
    """The newest consent that is over, for saying why."""
    over = (Autopay.customer == customer_id) & Autopay.ended_at.is_null(False)
    found: Autopay | None = Autopay.select(Autopay, Card).join(Card).where(over).order_by(Autopay.id.desc()).first()
    return found


def give(card: Card, *, text: str, ip: str, by: Actor, at: datetime) -> Autopay:
    """Consent that this card pays what falls due, in the caller's transaction; an older consent is replaced."""
    assert text, "a consent has words"
    lock(Customer.select(Customer.id).where(Customer.id == card.customer_id)).get()
    before = live(card.customer_id)
    if before is not None:
        _end(before, why="replaced by another card", at=at)
    made: Autopay = Autopay.create(
        customer=card.customer_id,
        card=card.id,
        consent=text,
        consent_version=CONSENT_VERSION,
        consented_by=by.key,
        consented_at=at,
        ip=ip,
    )
    for email, name in people_of(made):
        outbox.queue(
            "autopay_on",
            to=email,
            to_name=name,
            key=f"autopay-on:{made.id}:{email}",
            context={"card": card.words, "by": by.name, "consent": text},
            at=at,
            customer_id=card.customer_id,
        )
    facts = {"autopay": made.id, "card": card.id, "version": CONSENT_VERSION, "ip": ip}
    audit.record("autopay.turned_on", f"customer:{card.customer_id}", by=by, at=at, facts=facts)
    return made


def withdraw(customer_id: int, *, by: Actor, at: datetime) -> None:
    """Turn autopay off; off already stays off. What is under way comes to its end."""
    with transaction():
        lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get()
        found = live(customer_id)
        if found is not None:
            end(found, why=f"turned off by {by.name}", by=by, at=at)


def end_by_card(card: Card, *, why: str, by: Actor, at: datetime) -> None:
    """The card is no more, so what was agreed about it is over; in the caller's transaction."""
    found = live(card.customer_id)
    if found is not None and found.card_id == card.id:
        end(found, why=why, by=by, at=at)


def end(consent: Autopay, *, why: str, by: Actor, at: datetime, tell: bool = True) -> None:
    """End a consent and tell its people, in the caller's transaction; without `tell` they hear of it another way."""
    if not _end(consent, why=why, at=at):
        return
    for email, name in people_of(consent) if tell else ():
        outbox.queue(
            "autopay_ended",
            to=email,
            to_name=name,
            key=f"autopay-ended:{consent.id}:{email}",
            context={"card": consent.card.words, "why": why},
            at=at,
            customer_id=consent.customer_id,
        )
    facts = {"autopay": consent.id, "why": why}
    audit.record("autopay.ended", f"customer:{consent.customer_id}", by=by, at=at, facts=facts)


def people_of(consent: Autopay) -> list[tuple[str, str]]:
    """Who is told about autopay, email and name: whoever consented, and those who receive the invoices."""
    found = {contact.email: contact.name for contact in customers.recipients(consent.customer_id)}
    kind, _, user_id = consent.consented_by.partition(":")
    user: User | None = User.get_or_none(User.id == int(user_id)) if kind == "user" else None
    if user is not None and user.disabled_at is None:
        found.setdefault(user.email, user.name)
    return sorted(found.items())


def name_of(consent: Autopay) -> str:
    """Who consented, as people read it."""
    kind, _, user_id = consent.consented_by.partition(":")
    user: User | None = User.get_or_none(User.id == int(user_id)) if kind == "user" else None
    return user.name if user else ""


def _end(consent: Autopay, *, why: str, at: datetime) -> bool:
    moved = (
        Autopay.update(ended_at=at, ended_because=why)
        .where((Autopay.id == consent.id) & Autopay.ended_at.is_null())
        .execute()
    )
    return bool(moved)
