"""Events: snapshots of what happened, kept for the API and queued for the webhook in one transaction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import stripe

from stripe_sandbox import clock, listing, shapes
from stripe_sandbox.errors import ParameterError
from stripe_sandbox.store import Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.api import Call
    from stripe_sandbox.errors import Json

_KIND = re.compile(r"[a-z0-9_.*]+\Z")
BEFORE_RESPONSE_HOLD_SECONDS = 30  # the background thread takes over if the request dies meanwhile


def emit(store: Store, kind: str, subject: Json, *, previous: Json | None = None) -> Json:
    """Record that something happened to `subject`; `previous` holds the old values of changed fields."""
    facts: Json = {"object": subject}
    if previous is not None:
        facts["previous_attributes"] = previous
    is_sent = bool(store.webhook_url)
    event = store.add(
        shapes.blank(
            "event",
            id=new_id("evt_1"),
            api_version=stripe.api_version,
            created=store.now(),
            data=facts,
            livemode=False,
            pending_webhooks=int(is_sent),
            request={"id": store.origin.request_id, "idempotency_key": store.origin.idempotency_key},
            type=kind,
        ),
        hidden={"delivered": False},
    )
    store.witness.happened(event)
    if is_sent:
        queue(store, event["id"])
    return event


def queue(store: Store, event_id: str) -> None:
    """Send an event to the webhook (again)."""
    is_dropped = bool(store.switch("dropping", default=False))
    hold = BEFORE_RESPONSE_HOLD_SECONDS if store.switch("before_response", default=False) else 0
    store.changed(
        "INSERT INTO deliveries (event_id, state, due_at) VALUES (?, ?, ?)",
        (event_id, "dropped" if is_dropped else "waiting", clock.real_now() + hold),
    )
    if not is_dropped:
        store.emitted.append(event_id)


def retrieve(call: Call, event: str) -> Json:
    """GET /v1/events/{id}."""
    return call.store.asked("event", event, param="id", in_path=True)


def list_all(call: Call) -> Json:
    """GET /v1/events, newest first."""
    conditions: list[listing.Condition] = []
    if "type" in call.params and "types" in call.params:
        raise ParameterError("You may only specify one of these parameters: type, types.")
    if "type" in call.params:
        if not _KIND.match(call.params["type"]):
            raise ParameterError(f"Invalid event type: {call.params['type']}", param="type")
        conditions.append(("json_extract(body, '$.type') GLOB ?", call.params["type"]))
    if "types" in call.params:
        marks = ", ".join("?" for _ in call.params["types"])
        conditions.append((f"json_extract(body, '$.type') IN ({marks})", *call.params["types"]))
    if "delivery_success" in call.params:
        conditions.append(("json_extract(hidden, '$.delivered') = ?", int(call.params["delivery_success"])))
    return listing.page(call, "event", "/v1/events", conditions=conditions)
