"""The door of `/v1`: who calls, is it well formed, was it asked before; then one verb, then the reply."""

from __future__ import annotations

import hmac
import json
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import stripe
from flask import Blueprint, Response, request

from stripe_sandbox import contract, expansion, faults, forms, idempotency
from stripe_sandbox.errors import ApiError, Json
from stripe_sandbox.operations import OPERATIONS, Operation
from stripe_sandbox.store import Origin, Store, new_id

if TYPE_CHECKING:
    from stripe_sandbox.webhooks import Dispatcher


@dataclass(frozen=True)
class Call:
    """What a verb is given: the sandbox's memory and the typed parameters."""

    store: Store
    params: Json


@dataclass
class Exchange:
    """One request on its way to its reply."""

    store: Store
    operation: Operation
    origin: Origin
    params: Json
    ids: dict[str, str]
    status: int = 200
    text: str = ""
    replayed_from: str = ""
    emitted: list[str] = field(default_factory=list)

    def refuse(self, refusal: ApiError) -> None:
        """Answer with an error."""
        self.status, self.text = refusal.status, _text(refusal.body)


def blueprint(store: Store, secret_key: str, dispatcher: Dispatcher) -> Blueprint:
    """Every operation under its address; contracts are read here, once, so that no call waits for them."""
    api = Blueprint("api", __name__)
    for operation in OPERATIONS:
        contract.params_of(operation.method, operation.template)
        api.add_url_rule(
            operation.template.replace("{", "<").replace("}", ">"),
            endpoint=f"{operation.method} {operation.template}".replace(".", "_"),
            view_func=partial(serve, operation, store, secret_key, dispatcher),
            methods=[operation.method],
        )
    return api


def serve(operation: Operation, store: Store, secret_key: str, dispatcher: Dispatcher, **ids: str) -> Response:
    """Answer one API call."""
    origin = Origin(new_id("req_", 14), request.headers.get("Idempotency-Key"))
    exchange = Exchange(store, operation, origin, {}, ids)
    fault = faults.Fault()
    try:
        _check_key(secret_key)
        _check_version()
        fault = faults.take(store, request.path)
        if fault.refusal and not fault.loses_answer:
            raise fault.refusal
        given = request.form if operation.method == "POST" else request.args
        raw = forms.nested((key, value) for key, values in given.lists() for value in values)
        exchange.params = contract.typed(operation.method, operation.template, raw)
        operation.check(exchange.params)
        _once(exchange, raw, fault.delay_seconds)
        if exchange.emitted and store.switch("before_response", default=False):
            dispatcher.deliver_now(exchange.emitted)
    except ApiError as refusal:
        exchange.refuse(refusal)
    if fault.refusal and fault.loses_answer:
        exchange.refuse(fault.refusal)
    return _reply(exchange)


def _check_key(secret_key: str) -> None:
    given = request.authorization.token if request.authorization else None
    if request.authorization and request.authorization.type == "basic":
        given = request.authorization.username
    if not given:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not hmac.compare_digest(given.encode(), secret_key.encode()):
        shown = f"{given[:8]}{'*' * 6}" if given.startswith("sk_test_") else "(not a test key)"
        raise ApiError(f"Invalid API Key provided: {shown}", status=401)


def _check_version() -> None:
    asked = request.headers.get("Stripe-Version", stripe.api_version)
    if asked != stripe.api_version:
        raise ApiError(f"The sandbox speaks API version {stripe.api_version} only, not {asked}.")


def _once(exchange: Exchange, raw: Json, delay_seconds: float) -> None:
    key = exchange.origin.idempotency_key if exchange.operation.method == "POST" else None
    if key:
        assert exchange.origin.request_id, "an API call has an id"
        replay = idempotency.begin(
            exchange.store, key, path=request.path, params=raw, request_id=exchange.origin.request_id
        )
        if replay:
            exchange.status, exchange.text, exchange.replayed_from = (
                replay.status,
                replay.text,
                replay.request_id,
            )
            return
    if delay_seconds:
        time.sleep(delay_seconds)
    try:
        _execute(exchange, key)
    except Exception:
        if key:
            idempotency.forget(exchange.store, key)
        raise


def _execute(exchange: Exchange, key: str | None) -> None:
    store = exchange.store
    with store.transaction(exchange.origin):
        is_kept = True
        try:
            body = _performed(exchange)
            exchange.text = _text(body)
        except ApiError as refusal:
            exchange.refuse(refusal)
            is_kept = refusal.is_kept
        if key and is_kept:
            idempotency.keep(store, key, status=exchange.status, text=exchange.text)
        elif key:
            idempotency.forget(store, key)
        exchange.emitted = list(store.emitted)


def _performed(exchange: Exchange) -> Json:
    """The verb's answer. A refusal undoes what was written, except where the writing is a fact."""
    store = exchange.store
    kept: ApiError | None = None
    body: Json = {}
    with store.undoable():
        try:
            body = exchange.operation.verb(Call(store, exchange.params), *exchange.ids.values())
            body = expansion.expanded(store, body, exchange.params.get("expand", []))
        except ApiError as refusal:
            if not refusal.keeps_effects:
                raise
            kept = refusal
    if kept:
        raise kept
    return body


def _text(body: Json) -> str:
    return json.dumps(body, indent=2)


def _reply(exchange: Exchange) -> Response:
    operation, origin = exchange.operation, exchange.origin
    with exchange.store.transaction():
        exchange.store.count(f"{operation.method} {operation.template}")
        exchange.store.log_call(
            {
                "at": exchange.store.now(),
                "request_id": origin.request_id,
                "method": operation.method,
                "path": request.path,
                "params": exchange.params,
                "idempotency_key": origin.idempotency_key,
                "version": request.headers.get("Stripe-Version"),
                "status": exchange.status,
                "is_replay": bool(exchange.replayed_from),
            }
        )
    witness = exchange.store.witness
    if exchange.status < 400 or exchange.status == 402:
        witness.asked(operation.method, operation.template, exchange.params)
    witness.answered(json.loads(exchange.text))
    reply = Response(exchange.text, exchange.status, content_type="application/json")
    reply.headers["Request-Id"] = str(origin.request_id)
    reply.headers["Stripe-Version"] = stripe.api_version
    if origin.idempotency_key:
        reply.headers["Idempotency-Key"] = origin.idempotency_key
    if exchange.replayed_from:
        reply.headers["Idempotent-Replayed"] = "true"
        reply.headers["Original-Request"] = exchange.replayed_from
    return reply
