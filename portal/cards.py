"""Payment methods: the cards a customer saved, and autopay with its consent. Guests see none of it.

Saving leads to the provider's page and back; the way back proves nothing, so the page asks by POST.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask import abort, flash, render_template, request, url_for

from billing import autopay, cards, clock, gateway, invoices, payments
from billing.errors import Missing
from portal import portal
from web import filters, hx
from web.limits import coarse
from web.paths import network_address
from web.people import customer_only, person

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from billing.cards import SavedCard
    from billing.tables import CardSetup, Invoice

OFTEN = "240 per minute"
ASK_FOR_SECONDS = 120
MOST_CHARGES = 5  # of those to come, on the page of payment methods
NEW_CARD = "new"
UNTICKED = 422
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SECONDS = re.compile(r"[0-9]{1,10}")


def autopay_of(invoice: Invoice) -> dict[str, Any] | None:
    """What a signed-in customer's page of an open invoice says of autopay; None where it does nothing here."""
    if person().customer_id != invoice.customer_id or invoice.status != "issued" or not invoice.balance_minor:
        return None
    consent = cards.live(invoice.customer_id)
    if consent is None:
        return None
    return {
        "card_words": consent.card.words,
        "skips": invoice.skips_autopay,
        "coming": autopay.coming(invoice, filters.today()),
        "last": autopay.last_run(invoice.id),
    }


@portal.get("/cards", endpoint="cards")
@customer_only
def show_cards() -> str:
    """The customer's cards, and whether one of them pays by itself."""
    customer_id = _customer_id()
    live, saved = cards.live(customer_id), cards.for_customer(customer_id)
    usable = [card for card in saved if not card.has_expired(filters.today())]
    return render_template(
        "portal/cards/list.html",
        cards=saved,
        other=next((card for card in usable if not card.pays_automatically), None),
        live=live,
        live_by=cards.name_of(live) if live else "",
        ended=None if live else cards.last_ended(customer_id),
        coming=autopay.next_charges(customer_id, filters.today(), limit=MOST_CHARGES) if live else [],
        nonce=_fresh_nonce(),
    )


@portal.post("/cards/add")
@customer_only
@coarse(OFTEN)
def add_card() -> AnyResponse:
    """Off to the provider's page, which saves a card and charges nothing."""
    wish = cards.start_setup(_customer_id(), nonce=_nonce(), by=person().actor, at=clock.now())
    return _onward(wish)


@portal.get("/cards/saving/<setup_id>")
@customer_only
def saving_card(setup_id: str) -> Response:
    """What is known of a card that was being saved; the page then asks by POST while it is not."""
    wish = cards.setup_for(setup_id, customer_id=_customer_id())
    return _saving_page(wish, began=clock.now(), returned="returned" in request.args)


@portal.post("/cards/saving/<setup_id>/check")
@customer_only
@coarse(OFTEN)
def check_saving_card(setup_id: str) -> AnyResponse | tuple[str, int]:
    """Ask the provider. A waiting page hears nothing until there is news, and gives up after two minutes."""
    wish = cards.setup_for(setup_id, customer_id=_customer_id())
    at = clock.now()
    wish = cards.check(wish, at=at)
    if not hx.wants_fragment():
        return hx.go(url_for(".saving_card", setup_id=setup_id, returned=1))
    sent = request.form.get("began", "")
    began = datetime.fromtimestamp(int(sent), UTC) if _SECONDS.fullmatch(sent) else at
    if wish.status in {"created", "open"} and (at - began).total_seconds() < ASK_FOR_SECONDS:
        return "", 204
    return _saving_page(wish, began=began, returned=bool(request.form.get("returned")))


@portal.post("/cards/<int:card_id>/usual")
@customer_only
def make_card_usual(card_id: int) -> AnyResponse:
    """Propose this card first."""
    cards.make_default(card_id, customer_id=_customer_id(), by=person().actor, at=clock.now())
    return hx.go(url_for(".cards"))


@portal.get("/cards/<int:card_id>/remove")
@customer_only
def confirm_card_removal(card_id: int) -> str:
    """What removing this card means, before it is done."""
    card = cards.find(card_id, customer_id=_customer_id())
    return render_template("portal/cards/remove.html", card=card)


@portal.post("/cards/<int:card_id>/remove")
@customer_only
@coarse(OFTEN)
def remove_card(card_id: int) -> AnyResponse:
    """Remove it for good, here and at the provider."""
    card = cards.find(card_id, customer_id=_customer_id())
    try:
        cards.remove(card_id, customer_id=_customer_id(), by=person().actor, at=clock.now())
    except gateway.OutcomeUnknown:
        flash("We could not remove the card just now. Try again in a minute.", "error")
    else:
        flash(f"{card.words} is removed.", "success")
    return hx.go(url_for(".cards"))


@portal.get("/cards/autopay")
@customer_only
def autopay_consent() -> Response:
    """What turning autopay on means: the words, the card, and what will be charged when."""
    return _consent_page(_chosen_card(request.args.get("card", "")))


@portal.post("/cards/autopay")
@customer_only
@coarse(OFTEN)
def turn_autopay_on() -> AnyResponse:
    """Keep the consent to exactly the words that were shown; a new card is saved first."""
    chosen = request.form.get("card", "")
    card = None if chosen == NEW_CARD else _chosen_card(chosen)
    if chosen != NEW_CARD and card is None:
        abort(400)
    if not request.form.get("agree"):
        return _consent_page(card, problem="Tick the box to agree, or go back", status=UNTICKED)
    told: dict[str, Any] = {
        "agreed": request.form.get("agreed", ""),
        "ip": network_address(),
        "by": person().actor,
        "at": clock.now(),
    }
    try:
        if card is None:
            return _onward(cards.turn_on_by_new_card(_customer_id(), nonce=_nonce(), **told))
        cards.turn_on(card.id, customer_id=_customer_id(), **told)
    except cards.AutopayChanged as changed:
        return _consent_page(card, problem=changed.message, status=409)
    except cards.CardExpired as expired:
        return _consent_page(next(iter(_usable()), None), problem=expired.message, status=409)
    flash(f"Autopay is on. {card.words} pays your invoices on the day they fall due.", "success")
    return hx.go(url_for(".cards"))


@portal.post("/cards/autopay/off")
@customer_only
def turn_autopay_off() -> AnyResponse:
    """Nothing is charged by itself any more."""
    cards.withdraw(_customer_id(), by=person().actor, at=clock.now())
    flash("Autopay is off. Pay your invoices yourself when they fall due.", "success")
    return hx.go(url_for(".cards"))


@portal.post("/invoices/<number>/autopay")
@customer_only
def skip_autopay(number: str) -> AnyResponse:
    """Leave this invoice out of autopay, or take it in again."""
    invoice = invoices.for_customer(_customer_id(), number)
    skips = request.form.get("skips") == "1"
    autopay.skip(invoice.id, customer_id=_customer_id(), skips=skips, by=person().actor, at=clock.now())
    return hx.go(url_for(".invoice", number=number))


def _customer_id() -> int:
    customer_id = person().customer_id
    assert customer_id is not None, "only who acts for a customer comes here"
    return customer_id


def _nonce() -> str:
    nonce = request.form.get("nonce", "")
    if not _NONCE.fullmatch(nonce):
        abort(400)
    return nonce


def _fresh_nonce() -> str:
    """For a form: the one it was sent with where it is shown again, else a new one."""
    sent = request.form.get("nonce", "")
    return sent if _NONCE.fullmatch(sent) else secrets.token_urlsafe(18)


def _onward(wish: CardSetup) -> AnyResponse:
    """To the provider's page while it is open, else to what became of it."""
    if wish.status == "open" and wish.url:
        return hx.go(wish.url)
    return hx.go(url_for(".saving_card", setup_id=wish.id))


def _chosen_card(text: str) -> SavedCard | None:
    """The card an address or a form names, else the usual one; None where it is to be a new one."""
    if _NUMBER.fullmatch(text):
        return cards.find(int(text), customer_id=_customer_id())
    return None if text == NEW_CARD else next(iter(_usable()), None)


def _usable() -> list[SavedCard]:
    """The cards that have not expired, the usual one first."""
    return [card for card in cards.for_customer(_customer_id()) if not card.has_expired(filters.today())]


def _consent_page(card: SavedCard | None, *, problem: str = "", status: int = 200) -> Response:
    customer_id, today = _customer_id(), filters.today()
    planned = autopay.schedule(customer_id, today)
    due_today = [charge for charge in planned if charge.on == today]
    sums: Counter[str] = Counter()
    for charge in due_today:
        sums[charge.currency] += charge.minor
    return hx.respond(
        "portal/cards/autopay.html",
        "portal/cards/_autopay.html",
        status,
        card=card,
        others=[other for other in _usable() if card is None or other.id != card.id],
        text=cards.consent_text(customer_id, card.full_words) if card else cards.consent_text(customer_id),
        due_today=due_today,
        later=[charge for charge in planned if charge.on != today],
        today_sums=sorted(sums.items()) if len(due_today) > 1 else [],
        balances=payments.credit_balances(customer_id),
        nonce=_fresh_nonce(),
        problem=problem,
        at_box=status == UNTICKED,
    )


def _saving_page(wish: CardSetup, *, began: datetime, returned: bool) -> Response:
    """Where saving a card stands, or its part that changes."""
    return hx.respond(
        "portal/cards/saving.html",
        "portal/cards/_saving.html",
        wish=wish,
        card=_saved(wish),
        asks=returned and wish.status in {"created", "open"} and _seconds_since(began) < ASK_FOR_SECONDS,
        began=int(began.timestamp()),
        returned=returned,
        fragment=hx.wants_fragment(),
    )


def _saved(wish: CardSetup) -> SavedCard | None:
    if wish.card_id is None:
        return None
    try:
        return cards.find(wish.card_id, customer_id=wish.customer_id)
    except Missing:  # it was removed since
        return None


def _seconds_since(began: datetime) -> float:
    return (clock.now() - began).total_seconds()
