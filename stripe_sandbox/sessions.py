"""Checkout sessions: a page where somebody may pay, open for half an hour to a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import cards, currencies, events, line_items, listing, metadata, session_terms, setup_intents
from stripe_sandbox.errors import ApiError, Json
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
# What the payment intent takes over; a session's own metadata is not copied to it.
INTENT_TERMS = (
    "capture_method", "description", "metadata", "receipt_email", "setup_future_usage",
    "statement_descriptor_suffix",
)  # fmt: skip


def create(call: Call) -> Json:
    """POST /v1/checkout/sessions, `mode=payment` or `mode=setup`, on a hosted page."""
    store, given = call.store, call.params
    session_terms.check(store, given)
    expires_at = session_terms.expiry(store, given.get("expires_at"))
    session_id = new_id("cs_test_a1", 58)
    if given["mode"] == "setup":
        changes, hidden = _setup(store, given)
    else:
        changes, hidden = _payment(store, given, session_id)
    session = session_terms.blank(store, given, session_id) | {"expires_at": expires_at} | changes
    store.count("sessions")
    return store.add(session, hidden=hidden)


def _payment(store: Store, given: Json, session_id: str) -> tuple[Json, Json]:
    """What a session in payment mode shows beside the usual, and what it hides."""
    lines, currency = line_items.new(store, given["line_items"], given.get("currency"))
    total_minor = sum(line["amount_total"] for line in lines)
    currencies.check_charge(total_minor, currency, whole="The Checkout Session's total amount due", param=None)
    terms = given.get("payment_intent_data", {})
    metadata.new(terms.get("metadata"))
    changes = {
        "amount_subtotal": total_minor,
        "amount_total": total_minor,
        "currency": currency,
        "payment_method_types": session_terms.types(given, currency),
    }
    hidden = {
        "line_items": listing.wrapped(lines, _lines_url(session_id)),
        "terms": {name: terms[name] for name in INTENT_TERMS if name in terms},
        "is_saving": given.get("saved_payment_method_options", {}).get("payment_method_save") == "enabled",
        "notes": [line["price_data"]["product_data"].get("description") for line in given["line_items"]],
    }
    return changes, hidden


def _setup(store: Store, given: Json) -> tuple[Json, Json]:
    """The same for setup mode, whose intent is there from the beginning."""
    types = session_terms.types(given, given.get("currency"))
    terms = given.get("setup_intent_data", {}) | {"customer": given.get("customer")}
    intent = setup_intents.new(store, terms, types=types)
    currency = given["currency"].lower() if given.get("currency") else None
    changes = {"currency": currency, "payment_method_types": types, "setup_intent": intent["id"]}
    return changes, {"line_items": None, "terms": {}, "is_saving": False, "notes": []}


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
    if session["setup_intent"]:
        setup_intents.cancel(store, store.get("setup_intent", session["setup_intent"]))
    events.emit(store, "checkout.session.expired", store.save(session))


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


def _lines_url(session_id: str) -> str:
    return f"/v1/checkout/sessions/{session_id}/line_items"


def list_line_items(call: Call, session: str) -> Json:
    """GET /v1/checkout/sessions/{session}/line_items."""
    call.store.asked("checkout.session", session, param="session", in_path=True)
    lines: Json = call.store.hidden(session)["line_items"] or listing.wrapped([], _lines_url(session))
    limit = call.params.get("limit", listing.USUAL_LIMIT)
    return lines | {"data": lines["data"][:limit], "has_more": len(lines["data"]) > limit}
