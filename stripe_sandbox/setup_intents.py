"""Setup intents: a card or bank debit is saved for later, and nothing is paid now."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from stripe_sandbox import events, listing, metadata, payment_methods, shapes
from stripe_sandbox.errors import CardDeclinedError, Json
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call
    from stripe_sandbox.cards import Decline

AUTHENTICATION_FAILED = {
    "type": "invalid_request_error",
    "code": "setup_intent_authentication_failure",
    "message": "The latest attempt to set up the payment method has failed because authentication failed.",
}


def new(store: Store, terms: Json, *, types: list[str]) -> Json:
    """Begin an intent; `terms` are a session's customer, description and metadata."""
    intent_id = new_id("seti_1")
    intent = store.add(
        shapes.blank(
            "setup_intent",
            id=intent_id,
            automatic_payment_methods=None,
            client_secret=new_id(f"{intent_id}_secret_", 25),
            created=store.now(),
            customer=terms.get("customer"),
            description=terms.get("description"),
            livemode=False,
            metadata=metadata.new(terms.get("metadata")),
            payment_method_options={
                "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
            },
            payment_method_types=types,
            status="requires_payment_method",
            usage="off_session",
        )
    )
    events.emit(store, "setup_intent.created", intent)
    return intent


def set_up(store: Store, intent: Json, method: Json, *, is_authenticated: bool = False) -> None:
    """Try to save: afterwards `succeeded` or `requires_action`. Raises CardDeclinedError."""
    card = payment_methods.card_of(store, method)
    intent["payment_method"] = method["id"]
    if card and card.asks and not is_authenticated:
        page = f"{store.base_url}/c/authenticate/{intent['id']}"
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": None, "url": page}}
        intent |= {"status": "requires_action", "next_action": action}
        events.emit(store, "setup_intent.requires_action", store.save(intent))
        return
    if card and card.decline:
        raise _declined(store, intent, method, card.decline)
    if intent["customer"] and not method["customer"]:
        payment_methods.attach(store, method, intent["customer"], redisplay="limited")
    intent |= {"last_setup_error": None, "next_action": None, "status": "succeeded"}
    events.emit(store, "setup_intent.succeeded", store.save(intent))


def _declined(store: Store, intent: Json, method: Json, decline: Decline) -> CardDeclinedError:
    facts: Json = {"decline_code": decline.decline_code, "payment_method": method}
    if decline.advice_code:
        facts["advice_code"] = decline.advice_code
    refusal = CardDeclinedError(decline.message, status=402, kind="card_error", code=decline.code, **facts)
    _fail(store, intent, copy.deepcopy(refusal.error))
    refusal.error["setup_intent"] = copy.deepcopy(intent)
    return refusal


def fail_authentication(store: Store, intent: Json) -> None:
    """The payer could not prove who they are: back to choosing a card."""
    _fail(store, intent, AUTHENTICATION_FAILED)


def _fail(store: Store, intent: Json, error: Json) -> None:
    intent |= {
        "last_setup_error": error,
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    events.emit(store, "setup_intent.setup_failed", store.save(intent))


def cancel(store: Store, intent: Json) -> None:
    """The session it belonged to is over."""
    intent |= {"cancellation_reason": "abandoned", "next_action": None, "status": "canceled"}
    events.emit(store, "setup_intent.canceled", store.save(intent))


def retrieve(call: Call, intent: str) -> Json:
    """GET /v1/setup_intents/{intent}."""
    return call.store.asked("setup_intent", intent, param="intent", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/setup_intents."""
    return listing.page(call, "setup_intent", "/v1/setup_intents", equal=("customer", "payment_method"))
