"""Hooli of the stage: cards of each kind, autopay that is on, what it could not charge, and a card being saved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from billing import cards
from billing.actors import Actor
from billing.db import transaction
from billing.invoices import add_activity
from billing.tables import Attempt, AutopayRun, Card, CardSetup, Invoice
from tests.portal import scenes
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from billing.tables import Customer
    from tests.world import World

KINDS = (
    ("pm_a", "card", "Visa ending 4242", date(2028, 5, 1), "Hanna Ho"),
    ("pm_b", "card", "Mastercard ending 4444", date(2026, 11, 1), ""),
    ("pm_c", "bacs_debit", "Direct Debit ending 2345", None, "Hanna Ho"),
)


def arrange(world: World, hooli: Customer, hanna: Actor, tried: Invoice) -> dict[str, str]:
    """Fill in the cards of a customer; gives what addresses name."""
    made = [_card(hooli, *kind) for kind in KINDS]
    with transaction():
        consent = cards.give(
            made[0], text=cards.consent_text(hooli.id, "Visa ending 4242"), ip="192.0.2.7", by=hanna, at=AT
        )
    coming, skipped = world.issued(hooli), world.issued(hooli)
    Invoice.update(skips_autopay=True).where(Invoice.id == skipped.id).execute()
    _declined(tried, made[0], f"{tried.id}:{tried.due_on}:{consent.id}:1")
    names = {"tried": tried.number, "coming": coming.number, "skipped": skipped.number}
    ids = {"tried_id": str(tried.id), "hooli_id": str(hooli.id), "card_id": str(made[0].id)}
    wishes = {state: _wish(hooli, hanna, state, made[0]) for state in ("open", "succeeded", "expired")}
    return (
        {name: str(number) for name, number in names.items()}
        | ids
        | {f"saving_{state}": wish for state, wish in wishes.items()}
    )


def _card(hooli: Customer, stripe_id: str, kind: str, words: str, expires_on: date | None, added_by: str) -> Card:
    card: Card = Card.create(
        customer=hooli.id,
        stripe_id=stripe_id,
        kind=kind,
        words=words,
        expires_on=expires_on,
        added_by=added_by,
        added_at=AT - timedelta(days=9),
    )
    return card


def _declined(invoice: Invoice, card: Card, run_key: str) -> None:
    """Yesterday's try, and the next."""
    autopay = Actor("system", "autopay", "Autopay")
    attempt = scenes.attempted(invoice, by=autopay, status="failed", failure="insufficient_funds")
    Attempt.update(kind="autopay", card=card.id).where(Attempt.id == attempt.id).execute()
    next_on = TODAY + timedelta(days=3)
    AutopayRun.create(
        run_key=run_key,
        invoice=invoice.id,
        attempt=attempt.id,
        try_number=1,
        outcome="declined",
        next_on=next_on,
        at=AT,
    )
    facts = {
        "minor": invoice.total_minor,
        "currency": invoice.currency,
        "card": card.words,
        "why": "insufficient_funds",
    }
    with transaction():
        add_activity(invoice.id, "autopay_failed", by=autopay, at=AT, facts=facts)


def _wish(hooli: Customer, hanna: Actor, state: str, card: Card) -> str:
    wish = f"CARD-{state.upper()}"
    CardSetup.insert(
        id=wish,
        customer=hooli.id,
        nonce=f"nonce-{state}",
        asked_by=hanna.key,
        asked_by_name=hanna.name,
        turns_on_autopay=False,
        status=state,
        url="http://127.0.0.1:9/c/pay/cs_9",
        card=card.id if state == "succeeded" else None,
        created_at=AT,
        expires_at=AT + timedelta(hours=1),
    ).execute()
    return wish
