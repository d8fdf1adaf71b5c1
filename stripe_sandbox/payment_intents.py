"""Payment intents: one decision to pay, through as many tries as it takes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from stripe_sandbox import cards, charges, currencies, disputes, events, listing, metadata, payment_methods, shapes
from stripe_sandbox.errors import ApiError, CardDeclinedError, Json, NotSupportedError, ParameterError
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
AUTHENTICATION_FAILED = {
    "type": "invalid_request_error",
    "code": "payment_intent_authentication_failure",
    "message": "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a "
    "new PaymentMethod to attempt to fulfill this PaymentIntent again.",
}
DEBIT_BOUNCED = {
    "type": "invalid_request_error",
    "code": "payment_intent_payment_attempt_failed",
    "message": "The customer's bank refused the debit.",
}


def new(store: Store, terms: Json) -> Json:
    """Begin an intent. `terms` are the parameters of Stripe's `payment_intents.create`."""
    currency = currencies.checked(terms["currency"], param="currency")
    currencies.check_charge(terms["amount"], currency, whole="Amount", param="amount")
    if terms.get("capture_method") == "manual":
        raise NotSupportedError("capture_method=manual", param="capture_method")
    if terms.get("customer"):
        store.asked("customer", terms["customer"], param="customer")
    intent_id = new_id("pi_3")
    intent = store.add(
        shapes.blank(
            "payment_intent",
            id=intent_id,
            amount=terms["amount"],
            amount_capturable=0,
            amount_details={"tip": {}},
            amount_received=0,
            automatic_payment_methods={"allow_redirects": _redirects(terms), "enabled": True},
            capture_method=terms.get("capture_method", "automatic_async"),
            client_secret=new_id(f"{intent_id}_secret_", 25),
            confirmation_method="automatic",
            created=store.now(),
            currency=currency,
            customer=terms.get("customer"),
            description=terms.get("description"),
            livemode=False,
            metadata=metadata.new(terms.get("metadata")),
            payment_method_options={
                "card": {
                    "installments": None,
                    "mandate_options": None,
                    "network": None,
                    "request_three_d_secure": "automatic",
                }
            },
            payment_method_types=types_for(currency),
            receipt_email=terms.get("receipt_email"),
            setup_future_usage=terms.get("setup_future_usage"),
            statement_descriptor_suffix=terms.get("statement_descriptor_suffix"),
            status="requires_payment_method",
        )
    )
    events.emit(store, "payment_intent.created", intent)
    return intent


def _redirects(terms: Json) -> str:
    return str(terms.get("automatic_payment_methods", {}).get("allow_redirects", "always"))


def types_for(currency: str) -> list[str]:
    """What one may pay with in a currency."""
    return ["card", cards.DEBITS[currency]] if currency in cards.DEBITS else ["card"]


def pay(
    store: Store,
    intent: Json,
    method: Json,
    *,
    is_away: bool = False,
    is_authenticated: bool = False,
    redisplay: str = "limited",
    return_url: str | None = None,
) -> None:
    """Try to pay: afterwards `succeeded`, `processing` or `requires_action`. Raises CardDeclinedError.

    `is_away` says that the payer is not there to authenticate (Stripe's `off_session`).
    """
    card = payment_methods.card_of(store, method)
    intent["payment_method"] = method["id"]
    if card and card.asks and not is_authenticated and not is_away:
        _ask_to_authenticate(store, intent, return_url)
        return
    decline = payment_methods.decline_of(store, method, is_away=is_away)
    if decline:
        raise _declined(store, intent, method, decline)
    if intent["setup_future_usage"] and intent["customer"] and not method["customer"]:
        payment_methods.attach(store, method, intent["customer"], redisplay=redisplay)
    if not method["customer"]:
        store.hide(method["id"], is_spent=True)
    if card is None:
        charge = charges.begin(store, intent, method)
        intent |= {"status": "processing", "next_action": None, "latest_charge": charge["id"]}
        events.emit(store, "payment_intent.processing", store.save(intent))
        return
    charge = charges.succeed(store, intent, method)
    _succeed(store, intent, charge)
    if card.disputed:
        disputes.begin(store, charge, status=card.disputed)


def _ask_to_authenticate(store: Store, intent: Json, return_url: str | None) -> None:
    page = f"{store.base_url}/c/authenticate/{intent['id']}"
    action: Json = {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
    if return_url:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    intent |= {"status": "requires_action", "next_action": action}
    store.hide(intent["id"], return_url=return_url)
    events.emit(store, "payment_intent.requires_action", store.save(intent))


def _declined(store: Store, intent: Json, method: Json, decline: cards.Decline) -> CardDeclinedError:
    charge = charges.fail(store, intent, method, decline)
    facts: Json = {"charge": charge["id"], "decline_code": decline.decline_code, "payment_method": method}
    if decline.advice_code:
        facts["advice_code"] = decline.advice_code
    refusal = CardDeclinedError(decline.message, status=402, kind="card_error", code=decline.code, **facts)
    intent |= {
        "last_payment_error": copy.deepcopy(refusal.error),
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    events.emit(store, "payment_intent.payment_failed", store.save(intent))
    refusal.error["payment_intent"] = copy.deepcopy(intent)
    return refusal


def _succeed(store: Store, intent: Json, charge: Json) -> None:
    intent |= {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "status": "succeeded",
    }
    events.emit(store, "payment_intent.succeeded", store.save(intent))


def fail_authentication(store: Store, intent: Json) -> None:
    """The payer could not prove who they are: back to choosing a card."""
    intent |= {
        "last_payment_error": AUTHENTICATION_FAILED,
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    events.emit(store, "payment_intent.payment_failed", store.save(intent))


def settle_debit(store: Store, intent: Json) -> None:
    """The bank's money has come, days later."""
    charge = store.get("charge", intent["latest_charge"])
    charges.mark_paid(store, charge)
    _succeed(store, intent, charge)


def bounce_debit(store: Store, intent: Json) -> None:
    """The bank refused, days later."""
    charge = store.get("charge", intent["latest_charge"])
    charges.mark_bounced(store, charge, code="account_closed", message=DEBIT_BOUNCED["message"])
    intent |= {
        "last_payment_error": DEBIT_BOUNCED,
        "payment_method": None,
        "status": "requires_payment_method",
    }
    events.emit(store, "payment_intent.payment_failed", store.save(intent))


def create(call: Call) -> Json:
    """POST /v1/payment_intents, with `confirm` also paid in the same call."""
    given = call.params
    if not given.get("confirm") and {"off_session", "return_url"} & given.keys():
        raise ParameterError("off_session and return_url can only be passed with confirm=true.")
    intent = new(call.store, given)
    if given.get("payment_method"):
        method = _chosen(call.store, intent, given["payment_method"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        call.store.save(intent)
    return _confirm(call, intent) if given.get("confirm") else intent


def confirm(call: Call, intent: str) -> Json:
    """POST /v1/payment_intents/{intent}/confirm."""
    return _confirm(call, call.store.asked("payment_intent", intent, param="intent", in_path=True))


def _confirm(call: Call, intent: Json) -> Json:
    given = call.params
    if intent["status"] not in CONFIRMABLE:
        raise _unexpected_state(
            intent,
            f"This PaymentIntent's status is {intent['status']}, which is incompatible with confirmation.",
        )
    chosen = intent["payment_method"] or given.get("payment_method")
    if not chosen:
        raise _unexpected_state(intent, "You cannot confirm this PaymentIntent because it's missing a payment method.")
    method = _chosen(call.store, intent, chosen)
    is_away = given.get("off_session", False) is not False
    if not (is_away or given.get("return_url") or intent["automatic_payment_methods"]["allow_redirects"] == "never"):
        raise ParameterError(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a `return_url`. "
            "If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to "
            "`true` and `automatic_payment_methods[allow_redirects]` to `never`.",
            param="return_url",
        )
    pay(call.store, intent, method, is_away=is_away, return_url=given.get("return_url"))
    return intent


def _chosen(store: Store, intent: Json, method_id: str) -> Json:
    if method_id in cards.READY_MADE:
        return payment_methods.new_card(store, cards.READY_MADE[method_id], expires=(12, 2034))
    method = store.asked("payment_method", method_id, param="payment_method")
    if method["customer"] and method["customer"] != intent["customer"]:
        raise ApiError(
            "The customer does not have a payment method with the ID "
            f"{method_id}. The payment method must be attached to the customer.",
            param="payment_method",
        )
    if not method["customer"] and store.hidden(method_id).get("is_spent"):
        raise ApiError(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must "
            "attach it to a Customer first.",
            param="payment_method",
        )
    return method


def _unexpected_state(intent: Json, message: str) -> ApiError:
    return ApiError(message, code="payment_intent_unexpected_state", payment_intent=intent)


def cancel(call: Call, intent: str) -> Json:
    """POST /v1/payment_intents/{intent}/cancel."""
    found = call.store.asked("payment_intent", intent, param="intent", in_path=True)
    if call.store.where("checkout.session", payment_intent=intent):
        raise ApiError(
            "You cannot cancel the PaymentIntent for a Checkout Session. Expire the Checkout Session instead."
        )
    if found["status"] not in CONFIRMABLE:
        raise _unexpected_state(
            found, f"You cannot cancel this PaymentIntent because it has a status of {found['status']}."
        )
    found |= {
        "canceled_at": call.store.now(),
        "cancellation_reason": call.params.get("cancellation_reason"),
        "next_action": None,
        "status": "canceled",
    }
    events.emit(call.store, "payment_intent.canceled", call.store.save(found))
    return found


def retrieve(call: Call, intent: str) -> Json:
    """GET /v1/payment_intents/{intent}."""
    return call.store.asked("payment_intent", intent, param="intent", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/payment_intents."""
    return listing.page(call, "payment_intent", "/v1/payment_intents", equal=("customer",))
