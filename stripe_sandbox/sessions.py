"""Checkout sessions: a page where somebody may pay, open for half an hour to a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import cards, currencies, events, line_items, listing, metadata, payment_intents, shapes
from stripe_sandbox import payment_methods as methods
from stripe_sandbox.errors import ApiError, Json, NotSupportedError, ParameterError
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call

SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 3600
SLACK_SECONDS = 60  # between the caller's clock and ours
LONGEST_URL = 5_000
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
# What the payment intent takes over; a session's own metadata is not copied to it.
INTENT_TERMS = (
    "capture_method", "description", "metadata", "receipt_email", "setup_future_usage",
    "statement_descriptor_suffix",
)  # fmt: skip


def create(call: Call) -> Json:
    """POST /v1/checkout/sessions, `mode=payment` on a hosted page."""
    store, given = call.store, call.params
    _check(store, given)
    expires_at = _expiry(store, given.get("expires_at"))
    lines, currency = line_items.new(store, given["line_items"], given.get("currency"))
    total_minor = sum(line["amount_total"] for line in lines)
    currencies.check_charge(total_minor, currency, whole="The Checkout Session's total amount due", param=None)
    session_id = new_id("cs_test_a1", 58)
    terms = given.get("payment_intent_data", {})
    metadata.new(terms.get("metadata"))
    is_saving = given.get("saved_payment_method_options", {}).get("payment_method_save") == "enabled"
    session = _blank(store, given, session_id) | {
        "amount_subtotal": total_minor,
        "amount_total": total_minor,
        "currency": currency,
        "expires_at": expires_at,
        "payment_method_types": _types(given, currency),
    }
    store.count("sessions")
    store.add(
        session,
        hidden={
            "line_items": listing.wrapped(lines, f"/v1/checkout/sessions/{session_id}/line_items"),
            "terms": {name: terms[name] for name in INTENT_TERMS if name in terms},
            "is_saving": is_saving,
            "notes": [line["price_data"]["product_data"].get("description") for line in given["line_items"]],
        },
    )
    return session


def _check(store: Store, given: Json) -> None:
    for name in ("mode", "success_url", "line_items"):
        if not given.get(name):
            raise ParameterError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if given["mode"] != "payment":
        raise NotSupportedError(f"mode={given['mode']}", param="mode")
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise NotSupportedError(f"ui_mode={given['ui_mode']}", param="ui_mode")
    if given.get("adaptive_pricing", {}).get("enabled"):
        raise NotSupportedError("adaptive_pricing", param="adaptive_pricing[enabled]")
    for name in ("success_url", "cancel_url"):
        _check_url(given.get(name), name)
    if given.get("customer") and given.get("customer_email"):
        raise ParameterError("You may only specify one of these parameters: customer, customer_email.")
    if given.get("customer"):
        store.asked("customer", given["customer"], param="customer")
    if len(given.get("client_reference_id", "")) > 200:
        raise ParameterError("client_reference_id can be up to 200 characters.", param="client_reference_id")


def _check_url(url: str | None, name: str) -> None:
    if url is None:
        return
    scheme, _, rest = url.partition("://")
    if scheme not in {"http", "https"} or not rest.split("/")[0]:
        raise ParameterError("Not a valid URL", code="url_invalid", param=name)
    if len(url) > LONGEST_URL:
        raise ParameterError(f"URL must be {LONGEST_URL} characters or less.", code="url_invalid", param=name)


def _expiry(store: Store, asked: int | None) -> int:
    now = store.now()
    if asked is None:
        return now + LONGEST_SECONDS
    if not now + SHORTEST_SECONDS - SLACK_SECONDS <= asked <= now + LONGEST_SECONDS + SLACK_SECONDS:
        raise ParameterError(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return asked


def _types(given: Json, currency: str) -> list[str]:
    offered = payment_intents.types_for(currency)
    asked = given.get("allowed_payment_method_types")
    if asked is None:
        return offered
    for kind in asked:
        if kind not in offered:
            raise NotSupportedError(f"{kind} in {currency}", param="allowed_payment_method_types")
    return [kind for kind in offered if kind in asked]


def _blank(store: Store, given: Json, session_id: str) -> Json:
    no_invoice = dict.fromkeys(
        ("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options")
    )
    saved = given.get("saved_payment_method_options")
    return shapes.blank(
        "checkout.session",
        id=session_id,
        adaptive_pricing={"enabled": False},
        allowed_payment_method_types=given.get("allowed_payment_method_types"),
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        cancel_url=given.get("cancel_url"),
        client_reference_id=given.get("client_reference_id"),
        created=store.now(),
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=given.get("customer"),
        customer_creation=None if given.get("customer") else "if_required",
        customer_email=given.get("customer_email"),
        invoice_creation={"enabled": False, "invoice_data": no_invoice | {"metadata": {}}},
        livemode=False,
        locale=given.get("locale"),
        metadata=metadata.new(given.get("metadata")),
        mode="payment",
        payment_intent=None,  # made when the customer pays, since API version 2022-08-01
        payment_method_collection="if_required",
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_status="unpaid",
        saved_payment_method_options=None
        if saved is None
        else {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": saved.get("payment_method_save"),
        },
        shipping_options=[],
        status="open",
        submit_type=given.get("submit_type"),
        success_url=given["success_url"],
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{store.base_url}/c/pay/{session_id}",
    )


def current(store: Store, session: Json) -> Json:
    """The session as it is now: an open one whose time is over expires by being looked at."""
    if session["status"] == "open" and session["expires_at"] <= store.now():
        with store.transaction():
            _expire(store, session)
    return session


def expire_due(store: Store) -> None:
    """Expire every open session whose time is over, as the timer does."""
    with store.transaction():
        found = store.rows(
            "SELECT id FROM objects WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open' "
            "AND json_extract(body, '$.expires_at') <= ?",
            (store.now(),),
        )
        for row in found:
            _expire(store, store.get("checkout.session", row["id"]))


def _expire(store: Store, session: Json) -> None:
    session |= {"status": "expired", "url": None}
    events.emit(store, "checkout.session.expired", store.save(session))


def pay(store: Store, session: Json, method: Json, *, email: str | None, is_saving: bool) -> Json:
    """Pay an open session; returns its payment intent. Raises CardDeclinedError; the session then stays open."""
    assert session["status"] == "open", "the page looked first"
    hidden = store.hidden(session["id"])
    session["customer_details"] = _customer_details(email, method["billing_details"]["name"])
    if session["payment_intent"] is None:
        terms = hidden["terms"] | {name: session[name] for name in ("currency", "customer")}
        intent = payment_intents.new(store, terms | {"amount": session["amount_total"]})
        session["payment_intent"] = intent["id"]
    else:
        intent = store.get("payment_intent", session["payment_intent"])
    store.save(session)
    if is_saving and hidden["is_saving"]:
        intent["setup_future_usage"] = intent["setup_future_usage"] or "on_session"
    payment_intents.pay(store, intent, method, redisplay="always")
    _complete(store, session, intent)
    return intent


def resume(store: Store, session: Json, intent: Json) -> None:
    """Go on after the payer has authenticated."""
    method = store.get("payment_method", intent["payment_method"])
    payment_intents.pay(store, intent, method, is_authenticated=True, redisplay="always")
    _complete(store, session, intent)


def _complete(store: Store, session: Json, intent: Json) -> None:
    if intent["status"] not in {"succeeded", "processing"}:
        return
    session |= {
        "status": "complete",
        "url": None,
        "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid",
    }
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


def success_url(session: Json) -> str:
    """Where the payer goes afterwards, with the session's id filled in."""
    return str(session["success_url"]).replace(PLACEHOLDER, session["id"])


def debit_of(session: Json) -> str | None:
    """The bank debit this session offers, if any."""
    offered = [kind for kind in session["payment_method_types"] if kind in cards.DEBIT_NAMES]
    return offered[0] if offered else None


def expire(call: Call, session: str) -> Json:
    """POST /v1/checkout/sessions/{session}/expire. Refused unless the session is open."""
    found = current(call.store, call.store.asked("checkout.session", session, param="session", in_path=True))
    if found["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status '
            f"of `{found['status']}`."
        )
    _expire(call.store, found)
    return found


def retrieve(call: Call, session: str) -> Json:
    """GET /v1/checkout/sessions/{session}."""
    return current(call.store, call.store.asked("checkout.session", session, param="session", in_path=True))


def list_all(call: Call) -> Json:
    """GET /v1/checkout/sessions."""
    expire_due(call.store)
    return listing.page(
        call, "checkout.session", "/v1/checkout/sessions", equal=("customer", "payment_intent", "status")
    )


def list_line_items(call: Call, session: str) -> Json:
    """GET /v1/checkout/sessions/{session}/line_items."""
    call.store.asked("checkout.session", session, param="session", in_path=True)
    lines: Json = call.store.hidden(session)["line_items"]
    limit = call.params.get("limit", listing.USUAL_LIMIT)
    return lines | {"data": lines["data"][:limit], "has_more": len(lines["data"]) > limit}
