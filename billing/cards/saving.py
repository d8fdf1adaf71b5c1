"""Saving a card on the provider's page: a wish, a page, and one verb that learns what came of it."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from peewee import IntegrityError

from billing import customers, gateway, payments
from billing.actors import Actor
from billing.cards import consent
from billing.cards.keeping import keep_locked
from billing.db import lock, transaction
from billing.errors import Missing, Refusal
from billing.gateway.waits import LET_THE_REQUEST_FINISH, SLACK
from billing.tables import Card, CardSetup

if TYPE_CHECKING:
    from datetime import datetime

    from billing.gateway import CheckoutSession, Setup

log = logging.getLogger(__name__)

PAGE_LIFETIME = timedelta(minutes=60)
LONGEST_NONCE = 100
UNSETTLED = ("created", "open")
MOST_SWEPT = 500
NOT_FOUND = "We cannot find that card."


def start_setup(
    customer_id: int, *, nonce: str, by: Actor, at: datetime, autopay_consent: str = "", ip: str = ""
) -> CardSetup:
    """Wish to save a card, and open the provider's page for it; `url` leads there.

    With `autopay_consent`, the words that were agreed to, the card pays what falls due as soon as it is saved. The
    same `nonce` finds the same wish. Raises OutcomeUnknown (the same form may be sent again), Declined.
    """
    assert 0 < len(nonce) <= LONGEST_NONCE, "a page makes a short nonce"
    assert by.user_id is not None, "guests save no cards"
    wish = _wish(customer_id, nonce, by, at, autopay_consent, ip)
    if wish.status != "created":
        return wish
    ref = payments.customer_ref(customer_id, by.user_id)
    try:
        _note(_open(wish, ref))
    except gateway.NoSuchObject as refusal:
        if refusal.param != "customer":
            raise
        _note(_open(wish, payments.customer_ref(customer_id, by.user_id, dead=ref)))
    return reread(wish)


def setup_for(setup_id: str, *, customer_id: int) -> CardSetup:
    """A customer's own wish. Raises Missing."""
    found: CardSetup | None = CardSetup.get_or_none((CardSetup.id == setup_id) & (CardSetup.customer == customer_id))
    if found is None:
        raise Missing(NOT_FOUND)
    return found


def check(wish: CardSetup, *, at: datetime) -> CardSetup:
    """What a waiting person sees; where no answer comes, it stays as it was."""
    if wish.status not in UNSETTLED or wish.session_id is None:
        return wish
    try:
        sync_session(wish.session_id, at=at)
    except (gateway.OutcomeUnknown, gateway.Declined) as refusal:
        log.warning("card setup %s: no answer yet (%s)", wish.id, refusal)
    return reread(wish)


def sync_session(session_id: str, *, at: datetime) -> None:
    """Ask what became of a page, whether it saves a card or takes a payment. Raises OutcomeUnknown, Declined."""
    session = gateway.current().session(session_id)
    if session.setup_id is None:
        payments.take_session(session, at=at)
        return
    _note(session)
    settle_setup(session.setup_id, at=at)


def settle_setup(setup_id: str, *, at: datetime) -> None:
    """Know the card that was saved, and turn on autopay where that was agreed to; once, however often it is called.

    Raises OutcomeUnknown, Declined.
    """
    setup = gateway.current().setup(setup_id)
    if setup.over:
        with transaction():
            CardSetup.update(status="expired").where(
                (CardSetup.id == setup.reference) & CardSetup.status.in_(UNSETTLED)
            ).execute()
    if not setup.succeeded or setup.method_id is None:
        return
    method = gateway.current().saved_method(setup.method_id)
    with transaction():
        wish: CardSetup | None = lock(CardSetup.select().where(CardSetup.id == setup.reference)).get_or_none()
        card = keep_locked(method, at=at, added_by=wish.asked_by_name if wish else "")
        if wish is not None and card is not None and wish.status != "succeeded":
            _settle(wish, card, setup, at=at)


def sweep(at: datetime) -> int:
    """Ask about every wish that is not settled; gives how many could not be asked. One that fails stops no other."""
    unanswered = 0
    unsettled = CardSetup.select().where(CardSetup.status.in_(UNSETTLED)).order_by(CardSetup.created_at)
    for wish in list(unsettled.limit(MOST_SWEPT)):
        if wish.status == "created" and at - wish.created_at < LET_THE_REQUEST_FINISH:
            continue
        try:
            _catch_up(wish, at=at)
        except Refusal as refusal:
            unanswered += 1
            log.warning("card setup %s: %s", wish.id, refusal)
    return unanswered


def reread(wish: CardSetup) -> CardSetup:
    """The wish as it stands now."""
    now: CardSetup = CardSetup.get_by_id(wish.id)
    return now


def _wish(customer_id: int, nonce: str, by: Actor, at: datetime, autopay_consent: str, ip: str) -> CardSetup:
    for _ in range(2):
        found: CardSetup | None = CardSetup.get_or_none(CardSetup.nonce == nonce)
        if found is not None:
            if (found.customer_id, found.asked_by) != (customer_id, by.key):
                raise Missing(NOT_FOUND)
            return found
        try:
            with transaction():
                made: CardSetup = CardSetup.create(
                    id=f"CARD-{secrets.token_hex(10).upper()}",
                    customer=customer_id,
                    nonce=nonce,
                    asked_by=by.key,
                    asked_by_name=by.name,
                    turns_on_autopay=bool(autopay_consent),
                    consent=autopay_consent,
                    ip=ip,
                    created_at=at,
                    expires_at=at + PAGE_LIFETIME,
                    force_insert=True,
                )
        except IntegrityError:  # a double click: the other one made it
            continue
        return made
    raise gateway.OutcomeUnknown("a wish that comes and goes")


def _open(wish: CardSetup, customer_ref: str) -> CheckoutSession:
    request = gateway.SetupRequest(
        reference=wish.id,
        customer_ref=customer_ref,
        currency=customers.get(wish.customer_id).currency,
        description="Card for autopay" if wish.turns_on_autopay else "Saved card",
        expires_at=wish.expires_at,
        return_path=f"/cards/saving/{wish.id}?returned=1",
        back_path="/cards",
    )
    return gateway.current().create_setup(request, key=f"setup-{wish.id}-{customer_ref}")


def _note(session: CheckoutSession) -> None:
    """Remember a page's id and address, or that its time is over."""
    with transaction():
        wish: CardSetup | None = lock(CardSetup.select().where(CardSetup.id == session.reference)).get_or_none()
        if wish is None or wish.session_id not in {None, session.id} or wish.status not in UNSETTLED:
            return
        status = "expired" if session.status == "expired" else "open"
        CardSetup.update(session_id=session.id, url=session.url or wish.url, status=status).where(
            CardSetup.id == wish.id
        ).execute()


def _settle(wish: CardSetup, card: Card, setup: Setup, *, at: datetime) -> None:
    CardSetup.update(status="succeeded", card=card.id).where(CardSetup.id == wish.id).execute()
    if card.removed_at is not None or card.customer_id != wish.customer_id:
        log.error("card setup %s: %s is not a card of its customer", wish.id, setup.method_id)
        return
    chosen = (Card.customer == card.customer_id) & Card.removed_at.is_null() & Card.default_since.is_null(False)
    if not Card.select(Card.id).where(chosen).exists():
        Card.update(default_since=at).where(Card.id == card.id).execute()
    if wish.turns_on_autopay:
        _, _, user_id = wish.asked_by.partition(":")
        asked = Actor("customer", wish.asked_by, wish.asked_by_name, int(user_id))
        consent.give(card, text=wish.consent, ip=wish.ip, by=asked, at=at)


def _catch_up(wish: CardSetup, *, at: datetime) -> None:
    if wish.session_id is None:
        found = gateway.current().find_session(wish.id, since=wish.created_at - SLACK, until=at + SLACK)
        if found is None:
            with transaction():
                CardSetup.update(status="failed").where(
                    (CardSetup.id == wish.id) & (CardSetup.status == "created")
                ).execute()
            return
        _note(found)
        wish = reread(wish)
    assert wish.session_id, "just learnt"
    try:
        sync_session(wish.session_id, at=at)
    except gateway.NoSuchObject:  # a page of another provider's books, from before the keys were changed
        if at < wish.expires_at:
            raise
        with transaction():
            CardSetup.update(status="expired").where(
                (CardSetup.id == wish.id) & CardSetup.status.in_(UNSETTLED)
            ).execute()
