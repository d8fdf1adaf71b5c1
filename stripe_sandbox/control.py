"""The control plane at `/_sandbox/`: what Stripe's dashboard, the banks and bad luck would do.

Every POST takes JSON and answers JSON (for tests), or takes the page's form and returns to it (for people).
What a browser sends from another site is refused: every page one has open can reach this port.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, request

from stripe_sandbox import events, faults, payment_intents, refunds, sessions, settings
from stripe_sandbox.errors import ApiError, Json, ParameterError
from stripe_sandbox.hosted_page import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from stripe_sandbox.store import Store

SHOWN = 20
LISTED = 200
MOST_COPIES = 50
FARTHEST_SECONDS = 10 * 366 * 86_400


def _flag(value: object) -> bool:
    if value in {True, "true", "1", "on"}:
        return True
    if value in {False, "false", "0", "off", ""}:
        return False
    raise ParameterError(f"Not true or false: {value!r}")


def _count(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(str(value))
        if not 0 <= number <= most:
            raise ParameterError(f"Not a number from 0 to {most}: {value!r}")
        return number

    return read


def _seconds(most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = float(str(value))
        if not -most <= number <= most:
            raise ParameterError(f"Not within {most} seconds: {value!r}")
        return number

    return read


def _url(value: object) -> str:
    if value and not settings.is_webhook_url(str(value)):
        raise ParameterError(f"Not an http address: {value!r}")
    return str(value)


# What each address may set: {field: (switch, how to read it)}.
SWITCHES: dict[str, dict[str, tuple[str, Callable[[object], Any]]]] = {
    "webhooks": {
        "url": ("webhook_url", _url),
        "paused": ("paused", _flag),
        "dropping": ("dropping", _flag),
        "duplicate": ("duplicate", _count(MOST_COPIES)),
        "shuffle": ("shuffle", _flag),
        "at_once": ("at_once", _flag),
        "before_response": ("before_response", _flag),
    },
    "calls": {
        "path": ("fault_path", str),
        "slow": ("slow_calls", _count(1_000)),
        "slow_seconds": ("slow_seconds", _seconds(faults.LONGEST_SECONDS)),
        "failing": ("failing_calls", _count(1_000)),
        "failing_status": ("failing_status", _count(599)),
        "failing_after": ("failing_after", _flag),
    },
    "clock": {"offset_seconds": ("clock_offset_seconds", lambda value: int(_seconds(FARTHEST_SECONDS)(value)))},
}


@dataclass(frozen=True)
class Control:
    """The views, bound to the sandbox's memory."""

    store: Store
    base_url: str

    def guard(self) -> ResponseReturnValue | None:
        """Refuse what another site's page sends."""
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin not in {None, self.base_url, request.host_url.rstrip("/")}:
            return {"error": {"message": "Only the sandbox's own page and tools may do this."}}, 403
        return None

    def home(self) -> ResponseReturnValue:
        """GET /_sandbox/: the page with the buttons."""
        sessions.expire_due(self.store)
        heard = self.store.rows("SELECT id FROM objects WHERE kind = 'event' AND json_extract(hidden, '$.delivered')")
        return page(
            "control.html",
            state=self._state(),
            sessions=_newest(self.store, "checkout.session"),
            intents=_newest(self.store, "payment_intent"),
            refunds=_newest(self.store, "refund"),
            events=_newest(self.store, "event"),
            heard={row["id"] for row in heard},
        )

    def state(self) -> ResponseReturnValue:
        """GET /_sandbox/state."""
        return self._state()

    def _state(self) -> Json:
        with self.store.transaction():
            kinds = self.store.rows("SELECT kind, count(*) AS n FROM objects GROUP BY kind ORDER BY kind")
            deliveries = self.store.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
            counts = self.store.counts()
            state: Json = {
                "now": self.store.now(),
                "sessions_created": counts.pop("sessions", 0),
                "calls_by_path": counts,
                "objects": {row["kind"]: row["n"] for row in kinds},
                "deliveries": dict.fromkeys(("waiting", "delivered", "given_up", "dropped"), 0)
                | {row["state"]: row["n"] for row in deliveries},
            }
            for address, fields in SWITCHES.items():
                state[address] = {
                    field: self.store.switch(switch, DEFAULTS.get(switch, 0)) for field, (switch, _) in fields.items()
                }
            state["webhooks"]["url"] = self.store.webhook_url
        return state

    def objects(self) -> ResponseReturnValue:
        """GET /_sandbox/objects?kind=checkout.session, newest first."""
        return {"data": _newest(self.store, request.args.get("kind", ""), LISTED)}

    def calls(self) -> ResponseReturnValue:
        """GET /_sandbox/calls: the newest API calls, with their parameters and statuses."""
        found = self.store.rows("SELECT call FROM calls ORDER BY seq DESC LIMIT ?", (LISTED,))
        return {"data": [json.loads(row["call"]) for row in found]}

    def tries(self) -> ResponseReturnValue:
        """GET /_sandbox/deliveries: the newest tries to deliver an event, with the receiver's status."""
        found = self.store.rows(
            "SELECT event_id, type, at, status, failure FROM tries ORDER BY seq DESC LIMIT ?", (LISTED,)
        )
        return {"data": [dict(row) for row in found]}

    def turn(self, what: str) -> ResponseReturnValue:
        """POST /_sandbox/webhooks, /_sandbox/calls, /_sandbox/clock: set switches."""
        fields = SWITCHES[what]
        given = _given()
        drops = what == "webhooks" and _flag(given.pop("drop_waiting", False))
        with self.store.transaction():
            for name, value in given.items():
                if name not in fields:
                    raise ParameterError(f"Unknown switch: {name}. Known: {', '.join(fields)}")
                switch, read = fields[name]
                try:
                    self.store.turn(switch, read(value))
                except ValueError:
                    raise ParameterError(f"Not a number: {value!r}") from None
            if drops:
                self.store.changed("UPDATE deliveries SET state = 'dropped' WHERE state = 'waiting'")
        self.store.stirred.set()
        return self._done(self._state())

    def resend(self, event_id: str) -> ResponseReturnValue:
        """POST /_sandbox/events/<id>/resend."""
        with self.store.transaction():
            event = self.store.asked("event", event_id, param="id", in_path=True)
            events.queue(self.store, event["id"])
        return self._done(event)

    def settle(self, payment_id: str, outcome: str) -> ResponseReturnValue:
        """POST /_sandbox/payments/<id>/settle or /fail: how a bank debit ends. A session's id will do too."""
        with self.store.transaction():
            session = self.store.find("checkout.session", payment_id)
            intent_id = session["payment_intent"] if session else payment_id
            intent = self.store.asked("payment_intent", str(intent_id), param="intent", in_path=True)
            if intent["status"] != "processing":
                raise ApiError(f"{intent['id']} is {intent['status']}: no debit is under way.", status=409)
            if outcome == "settle":
                payment_intents.settle_debit(self.store, intent)
            else:
                payment_intents.bounce_debit(self.store, intent)
            sessions.debit_over(self.store, intent)
        return self._done(intent)

    def finish_refund(self, refund_id: str, outcome: str) -> ResponseReturnValue:
        """POST /_sandbox/refunds/<id>/settle or /fail."""
        with self.store.transaction():
            refund = self.store.asked("refund", refund_id, param="id", in_path=True)
            allowed = {"settle": {"pending"}, "fail": {"pending", "succeeded"}}[outcome]
            if refund["status"] not in allowed:
                raise ApiError(f"{refund_id} is {refund['status']}.", status=409)
            if outcome == "settle":
                refunds.settle(self.store, refund)
            else:
                refunds.bounce(self.store, refund)
        return self._done(refund)

    def reset(self) -> ResponseReturnValue:
        """POST /_sandbox/reset: forget everything."""
        self.store.forget_everything()
        self.store.stirred.set()
        return self._done(self._state())

    def _done(self, facts: Json) -> ResponseReturnValue:
        return facts if request.is_json or not request.form else redirect("/_sandbox/", 303)


DEFAULTS: dict[str, object] = {
    "paused": False, "dropping": False, "duplicate": 1, "shuffle": False, "at_once": False,
    "before_response": False, "fault_path": "", "slow_seconds": 0.0, "failing_status": 500,
    "failing_after": False,
}  # fmt: skip


def _given() -> Json:
    if request.is_json:
        given = request.get_json()
        if not isinstance(given, dict):
            raise ParameterError("Send a JSON object.")
        return given
    return {name: value for name, value in request.form.items() if name != "from_page"}


def _newest(store: Store, kind: str, limit: int = SHOWN) -> list[Json]:
    found = store.rows("SELECT body FROM objects WHERE kind = ? ORDER BY seq DESC LIMIT ?", (kind, limit))
    return [json.loads(row["body"]) for row in found]


def _refused(refusal: ApiError) -> tuple[Json, int]:
    return refusal.body, refusal.status


def blueprint(store: Store, base_url: str) -> Blueprint:
    """The control plane under its addresses."""
    control, door = Control(store, base_url), Blueprint("control", __name__, url_prefix="/_sandbox")
    door.before_request(control.guard)
    door.register_error_handler(ApiError, _refused)
    door.add_url_rule("/", "home", control.home)
    door.add_url_rule("/state", "state", control.state)
    door.add_url_rule("/objects", "objects", control.objects)
    door.add_url_rule("/calls", "calls", control.calls)
    door.add_url_rule("/deliveries", "tries", control.tries)
    door.add_url_rule("/<any(webhooks, calls, clock):what>", "turn", control.turn, methods=["POST"])
    door.add_url_rule("/events/<event_id>/resend", "resend", control.resend, methods=["POST"])
    outcome = "<any(settle, fail):outcome>"
    door.add_url_rule(f"/payments/<payment_id>/{outcome}", "settle", control.settle, methods=["POST"])
    door.add_url_rule(f"/refunds/<refund_id>/{outcome}", "finish_refund", control.finish_refund, methods=["POST"])
    door.add_url_rule("/reset", "reset", control.reset, methods=["POST"])
    return door
