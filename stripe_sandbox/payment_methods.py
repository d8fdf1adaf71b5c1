"""Payment methods: a card or a bank debit, saved to a customer or used once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from stripe_sandbox import cards, events, listing, shapes
from stripe_sandbox.errors import ApiError, Json
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stripe_sandbox.api import Call

ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
NO_ADDRESS = dict.fromkeys(ADDRESS_FIELDS)


def billing_details(*, name: str | None, email: str | None) -> Json:
    """Who pays, as far as the page asked."""
    return {"address": NO_ADDRESS, "email": email, "name": name, "phone": None, "tax_id": None}


def new_card(
    store: Store, number: str, *, expires: tuple[int, int], name: str | None = None, email: str | None = None
) -> Json:
    """A card payment method. `expires` is (month, year)."""
    card = cards.BY_NUMBER[number]
    details = {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": expires[0],
        "exp_year": expires[1],
        "fingerprint": _fingerprint(number),
        "funding": "credit",
        "generated_from": None,
        "last4": number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return _new(store, "card", details, billing_details(name=name, email=email), number)


def new_debit(store: Store, debit: str, *, name: str | None = None, email: str | None = None) -> Json:
    """A bank debit payment method: `us_bank_account`, `sepa_debit` or `bacs_debit`."""
    details = cards.debit_details(debit, _fingerprint(debit))
    return _new(store, debit, details, billing_details(name=name, email=email), "")


def _new(store: Store, kind: str, details: Json, who: Json, number: str) -> Json:
    return store.add(
        shapes.blank(
            "payment_method",
            id=new_id("pm_1"),
            allow_redisplay="unspecified",
            billing_details=who,
            created=store.now(),
            customer=None,
            customer_account=None,
            livemode=False,
            metadata={},
            type=kind,
            **{kind: details},
        ),
        hidden={"number": number},
    )


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def card_of(store: Store, method: Json) -> cards.Card | None:
    """The test card behind a payment method, or None for a bank debit."""
    return cards.BY_NUMBER.get(store.hidden(method["id"])["number"])


def decline_of(store: Store, method: Json, *, is_away: bool) -> cards.Decline | None:
    """Why the bank would refuse a charge of this method now, None where it would not.

    A saved card declines as the control plane said, whatever its number says.
    """
    if method["customer"]:
        told = store.hidden(method["id"]).get("declines")
        if told:
            return cards.DECLINES[told]
    card = card_of(store, method)
    if card is None:
        return None
    if method["customer"] and card.once_saved:
        return card.once_saved
    return card.away if is_away else card.decline


def attach(store: Store, method: Json, customer_id: str, *, redisplay: str) -> None:
    """Save the method to a customer. `redisplay` says whether Checkout may offer it again."""
    method |= {"customer": customer_id, "allow_redisplay": redisplay}
    store.save(method)
    events.emit(store, "payment_method.attached", method)


def saved_cards(store: Store, customer_id: str | None, redisplay: Iterable[str] = ("always",)) -> list[Json]:
    """The cards Checkout may offer this customer again: those with one of these `allow_redisplay` values."""
    if customer_id is None:
        return []
    shown = frozenset(redisplay)
    return [
        method
        for method in store.where("payment_method", customer=customer_id, type="card")
        if method["allow_redisplay"] in shown
    ]


def renew(store: Store, method: Json, **card: object) -> None:
    """The bank sent its customer a new card, and told us (docs.stripe.com/saving-cards#automatic-updates)."""
    previous = {"card": {name: method["card"][name] for name in card}}
    method["card"] |= card
    events.emit(store, "payment_method.automatically_updated", store.save(method), previous=previous)


def retrieve(call: Call, payment_method: str) -> Json:
    """GET /v1/payment_methods/{payment_method}."""
    return call.store.asked("payment_method", payment_method, param="payment_method", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/payment_methods."""
    if call.params.get("customer"):
        call.store.asked("customer", call.params["customer"], param="customer")
    return listing.page(call, "payment_method", "/v1/payment_methods", equal=("customer", "type", "allow_redisplay"))


def list_for_customer(call: Call, customer: str) -> Json:
    """GET /v1/customers/{customer}/payment_methods."""
    call.store.asked("customer", customer, param="customer", in_path=True)
    return listing.page(
        call,
        "payment_method",
        f"/v1/customers/{customer}/payment_methods",
        equal=("type", "allow_redisplay"),
        conditions=[("json_extract(body, '$.customer') = ?", customer)],
    )


def detach(call: Call, payment_method: str) -> Json:
    """POST /v1/payment_methods/{payment_method}/detach."""
    method = call.store.asked("payment_method", payment_method, param="payment_method", in_path=True)
    if not method["customer"]:
        raise ApiError("The payment method you provided is not attached to a customer so detachment is impossible.")
    previous = {"customer": method["customer"]}
    method["customer"] = None
    call.store.hide(method["id"], is_spent=True)
    events.emit(call.store, "payment_method.detached", method, previous=previous)
    return call.store.save(method)
