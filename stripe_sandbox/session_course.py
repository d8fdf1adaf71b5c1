"""What happens on an open checkout session: paying or saving a card, the bank's question, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import events, payment_intents, setup_intents
from stripe_sandbox import payment_methods as methods

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json
    from stripe_sandbox.store import Store


def pay(store: Store, session: Json, method: Json, *, email: str | None, is_saving: bool) -> Json:
    """Pay an open session, or save a card at one in setup mode; returns its intent.

    Raises CardDeclinedError; the session then stays open.
    """
    assert session["status"] == "open", "the page looked first"
    session["customer_details"] = _customer_details(email, method["billing_details"]["name"])
    if session["mode"] == "setup":
        store.save(session)
        intent = store.get("setup_intent", session["setup_intent"])
        setup_intents.set_up(store, intent, method)
    else:
        intent = _intent_of(store, session)
        store.save(session)
        is_ticked = is_saving and store.hidden(session["id"])["is_saving"]
        if is_ticked:
            intent["setup_future_usage"] = intent["setup_future_usage"] or "on_session"
        redisplay = "always" if is_ticked else "limited"
        store.hide(intent["id"], redisplay=redisplay)
        payment_intents.pay(store, intent, method, redisplay=redisplay)
    _complete(store, session, intent)
    return intent


def _intent_of(store: Store, session: Json) -> Json:
    if session["payment_intent"]:
        return store.get("payment_intent", session["payment_intent"])
    terms = store.hidden(session["id"])["terms"] | {name: session[name] for name in ("currency", "customer")}
    intent = payment_intents.new(store, terms | {"amount": session["amount_total"]})
    session["payment_intent"] = intent["id"]
    return intent


def resume(store: Store, session: Json, intent: Json) -> None:
    """Go on after the payer has authenticated. Raises CardDeclinedError."""
    method = store.get("payment_method", intent["payment_method"])
    if intent["object"] == "setup_intent":
        setup_intents.set_up(store, intent, method, is_authenticated=True)
    else:
        redisplay = store.hidden(intent["id"]).get("redisplay", "limited")
        payment_intents.pay(store, intent, method, is_authenticated=True, redisplay=redisplay)
    _complete(store, session, intent)


def _complete(store: Store, session: Json, intent: Json) -> None:
    if intent["status"] not in {"succeeded", "processing"}:
        return
    session |= {"status": "complete", "url": None}
    if session["mode"] == "payment":
        session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    events.emit(store, "checkout.session.completed", store.save(session))


def _customer_details(email: str | None, name: str | None) -> Json:
    return {
        "address": methods.NO_ADDRESS,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def debit_over(store: Store, intent: Json) -> None:
    """Tell the session of a bank debit how it ended."""
    for session in store.where("checkout.session", payment_intent=intent["id"]):
        if intent["status"] == "succeeded":
            session["payment_status"] = "paid"
            events.emit(store, "checkout.session.async_payment_succeeded", store.save(session))
        else:
            events.emit(store, "checkout.session.async_payment_failed", session)
