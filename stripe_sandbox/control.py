"""The control plane at `/_sandbox/`: what Stripe's dashboard, the banks and bad luck would do.

Every POST takes JSON and answers JSON (for tests), or takes the page's form and returns to it (for people).
What a browser sends from another site is refused: every page one has open can reach this port.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, request

from stripe_sandbox import control_deeds, disputes, events, sessions
from stripe_sandbox.control_switches import DEFAULTS, SWITCHES, flag, read
from stripe_sandbox.errors import ApiError, Json
from stripe_sandbox.pages import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from stripe_sandbox.store import Store

SHOWN = 20
SHOWN_KINDS = ("checkout.session", "payment_intent", "dispute", "refund", "event")
LISTED = 200


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

    def refused(self, refusal: ApiError) -> ResponseReturnValue:
        """A refusal as JSON for tests, as words on the page for people."""
        if "from_page" in request.form:
            return self._page(refusal.message, refusal.status)
        return refusal.body, refusal.status

    def home(self) -> ResponseReturnValue:
        """GET /_sandbox/: the page with the buttons."""
        return self._page()

    def _page(self, refused: str = "", status: int = 200) -> ResponseReturnValue:
        sessions.expire_due(self.store)
        heard = self.store.rows("SELECT id FROM objects WHERE kind = 'event' AND json_extract(hidden, '$.delivered')")
        found = {kind: _newest(self.store, kind) for kind in SHOWN_KINDS}
        saved = [m for m in _newest(self.store, "payment_method") if m["customer"] and m["type"] == "card"]
        return page(
            "control.html",
            status=status,
            refused=refused,
            state=self._state(),
            sessions=found["checkout.session"],
            intents=found["payment_intent"],
            disputes=found["dispute"],
            held={each["id"]: disputes.withdrawn_minor(each) for each in found["dispute"]},
            ways_on=control_deeds.WAYS_ON,
            refunds=found["refund"],
            saved=saved,
            declines={m["id"]: self.store.hidden(m["id"]).get("declines") for m in saved},
            events=found["event"],
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
        """POST /_sandbox/webhooks, /calls, /clock or /account: set switches."""
        fields = SWITCHES[what]
        readers: dict[str, Callable[[object], Any]] = {name: reader for name, (_, reader) in fields.items()}
        asked = read(readers | ({"drop_waiting": flag} if what == "webhooks" else {}))
        drops = asked.pop("drop_waiting", False)
        with self.store.transaction():
            for name, value in asked.items():
                self.store.turn(fields[name][0], value)
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

    def pay(self, payment_id: str, deed: str) -> ResponseReturnValue:
        """POST /_sandbox/payments/<intent, charge or session>/<deed>."""
        with self.store.transaction():
            return self._done(control_deeds.PAYMENT_DEEDS[deed](self.store, payment_id))

    def decide(self, dispute_id: str, deed: str) -> ResponseReturnValue:
        """POST /_sandbox/disputes/<id>/<deed>."""
        with self.store.transaction():
            return self._done(control_deeds.decide(self.store, dispute_id, deed))

    def finish_refund(self, refund_id: str, outcome: str) -> ResponseReturnValue:
        """POST /_sandbox/refunds/<id>/settle or /fail."""
        with self.store.transaction():
            return self._done(control_deeds.finish_refund(self.store, refund_id, outcome))

    def change_method(self, method_id: str, deed: str) -> ResponseReturnValue:
        """POST /_sandbox/payment_methods/<id>/decline or /renew."""
        with self.store.transaction():
            return self._done(control_deeds.change_method(self.store, method_id, deed))

    def move(self) -> ResponseReturnValue:
        """POST /_sandbox/balance: money moves that no payment caused."""
        with self.store.transaction():
            return self._done(control_deeds.move(self.store))

    def reset(self) -> ResponseReturnValue:
        """POST /_sandbox/reset: forget everything."""
        self.store.forget_everything()
        self.store.stirred.set()
        return self._done(self._state())

    def _done(self, facts: Json) -> ResponseReturnValue:
        return facts if request.is_json or not request.form else redirect("/_sandbox/", 303)


def _newest(store: Store, kind: str, limit: int = SHOWN) -> list[Json]:
    found = store.rows("SELECT body FROM objects WHERE kind = ? ORDER BY seq DESC LIMIT ?", (kind, limit))
    return [json.loads(row["body"]) for row in found]


def blueprint(store: Store, base_url: str) -> Blueprint:
    """The control plane under its addresses."""
    control, door = Control(store, base_url), Blueprint("control", __name__, url_prefix="/_sandbox")
    door.before_request(control.guard)
    door.register_error_handler(ApiError, control.refused)
    door.add_url_rule("/", "home", control.home)
    door.add_url_rule("/state", "state", control.state)
    door.add_url_rule("/objects", "objects", control.objects)
    door.add_url_rule("/calls", "calls", control.calls)
    door.add_url_rule("/deliveries", "tries", control.tries)
    door.add_url_rule("/<any(webhooks, calls, clock, account):what>", "turn", control.turn, methods=["POST"])
    door.add_url_rule("/events/<event_id>/resend", "resend", control.resend, methods=["POST"])
    outcome = "<any(settle, fail):outcome>"
    paying, deciding = (", ".join(each) for each in (control_deeds.PAYMENT_DEEDS, control_deeds.DISPUTE_DEEDS))
    deciding += ", reinstate"
    door.add_url_rule(f"/payments/<payment_id>/<any({paying}):deed>", "pay", control.pay, methods=["POST"])
    door.add_url_rule(f"/disputes/<dispute_id>/<any({deciding}):deed>", "decide", control.decide, methods=["POST"])
    door.add_url_rule(f"/refunds/<refund_id>/{outcome}", "finish_refund", control.finish_refund, methods=["POST"])
    door.add_url_rule(
        "/payment_methods/<method_id>/<any(decline, renew):deed>",
        "change_method",
        control.change_method,
        methods=["POST"],
    )
    door.add_url_rule("/balance", "move", control.move, methods=["POST"])
    door.add_url_rule("/reset", "reset", control.reset, methods=["POST"])
    return door
