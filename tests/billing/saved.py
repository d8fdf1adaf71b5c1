"""Saved cards in tests: one saved at the sandbox's page, a payment with it, and the bank's question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing import cards, payments
from billing.tables import Card
from tests.billing import paying
from tests.servers_sandbox import GOOD
from tests.world import AT

if TYPE_CHECKING:
    from datetime import datetime

    import requests

    from billing.actors import Actor
    from billing.tables import Attempt, Invoice
    from tests.billing.paying import Sandbox
    from tests.world import World


def save_card(
    world: World, sandbox: Sandbox, number: str = GOOD, *, autopay_consent: str = "", at: datetime = AT
) -> Card:
    """Alice of Acme saves a card on the provider's page, and the news of it has come."""
    wish = cards.start_setup(
        world.acme.id, nonce=f"save-{number}", by=world.alice, at=at, autopay_consent=autopay_consent, ip="192.0.2.7"
    )
    answer = sandbox.pay(str(wish.url), number)
    if "/c/authenticate/" in answer.headers.get("Location", ""):
        away(answer.headers["Location"], "complete", base=sandbox.base)
    wish = cards.check(wish, at=at)
    assert wish.status == "succeeded"
    card: Card = Card.get_by_id(wish.card_id)
    return card


def paid_by(card: Card, invoice: Invoice, payer: Actor, *, nonce: str = "n-1", at: datetime = AT) -> Attempt:
    """Press Pay with a saved card: the whole invoice."""
    plan = payments.Plan(customer_id=invoice.customer_id, planned=(payments.Planned(invoice.id, invoice.total_minor),))
    return cards.pay(card.id, plan, nonce=nonce, payer=payer, at=at)


def paid_ahead_of(card: Card, minor: int, payer: Actor) -> Attempt:
    """Money before anything is owed."""
    plan = payments.Plan(customer_id=card.customer_id, planned=(), ahead=payments.Ahead("GBP", minor))
    return cards.pay(card.id, plan, nonce="n-ahead", payer=payer, at=AT)


def away(url: str, outcome: str, *, base: str = "") -> str:
    """Answer the bank's question; gives where it leads."""
    page = url if url.startswith("http") else base + url
    reply = paying.http.post(page, data={"outcome": outcome}, allow_redirects=False, timeout=10)
    return reply.headers.get("Location", "")


def saved_method(sandbox: Sandbox, customer_ref: str) -> str:
    """A card saved to somebody at the provider by another program; gives its id."""
    terms: Any = {
        "mode": "setup",
        "customer": customer_ref,
        "currency": "gbp",
        "success_url": "http://localhost:8000/",
    }
    session = sandbox.client().v1.checkout.sessions.create(terms)
    assert session.url
    reply: requests.Response = sandbox.pay(session.url)
    assert reply.status_code == 303
    return str(sandbox.client().v1.payment_methods.list({"customer": customer_ref}).data[0].id)
