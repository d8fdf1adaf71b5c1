"""Webhooks: events sent to the application, signed as Stripe signs them, tried again until they are heard.

One background thread delivers what is due, in the order it happened unless the control plane says otherwise,
and looks after sessions whose time is over. What is waiting lives in the store, so a restart loses nothing.
"""

from __future__ import annotations

import http.client
import json
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import stripe

from stripe_sandbox import clock, sessions

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json
    from stripe_sandbox.store import Store

TIMEOUT_SECONDS = 10.0
FIRST_RETRY_SECONDS = 0.25  # doubled each time: 0.25, 0.5 ... 32 s, a minute in all; Stripe's own take days
MOST_TRIES = 9
TICK_SECONDS = 1.0
BURST_SECONDS = 0.3  # how long a shuffled burst is collected
AT_ONCE = 20
MOST_DUE = 200


@dataclass(frozen=True)
class Due:
    """One delivery whose time has come."""

    delivery_id: int
    event_id: str
    tries: int


class Dispatcher(threading.Thread):
    """The background thread. `secrets` are the endpoint's signing secrets, newest first."""

    def __init__(self, store: Store, secrets: tuple[str, ...]) -> None:
        super().__init__(name="webhooks", daemon=True)
        self._store = store
        self._secrets = secrets
        self._stopping = threading.Event()

    def run(self) -> None:
        """Deliver and expire until told to stop; sleeps while there is nothing to do."""
        while not self._stopping.is_set():
            self._store.stirred.wait(self._pause_seconds())
            self._store.stirred.clear()
            if self._stopping.is_set():
                return
            try:
                sessions.expire_due(self._store)
                if self._is_sending():
                    self._deliver_due()
            except Exception:  # noqa: BLE001 - told on the console; the next tick must still come
                traceback.print_exc()
                self._stopping.wait(TICK_SECONDS)

    def _is_sending(self) -> bool:
        return bool(self._store.webhook_url) and not self._store.switch("paused", default=False)

    def stop(self) -> None:
        """Finish the delivery under way and end."""
        self._stopping.set()
        self._store.stirred.set()

    def _pause_seconds(self) -> float:
        if not self._is_sending():
            return TICK_SECONDS
        found = self._store.rows("SELECT min(due_at) AS due_at FROM deliveries WHERE state = 'waiting'")
        due_at = found[0]["due_at"]
        return TICK_SECONDS if due_at is None else min(TICK_SECONDS, max(0.0, due_at - clock.real_now()))

    def _deliver_due(self) -> None:
        if not self._due():
            return
        is_shuffled = bool(self._store.switch("shuffle", default=False))
        if is_shuffled:
            self._stopping.wait(BURST_SECONDS)
        due = self._due()
        self._deliver(list(reversed(due)) if is_shuffled else due)

    def _due(self) -> list[Due]:
        found = self._store.rows(
            "SELECT id, event_id, tries FROM deliveries WHERE state = 'waiting' AND due_at <= ? ORDER BY id LIMIT ?",
            (clock.real_now(), MOST_DUE),
        )
        return [Due(row["id"], row["event_id"], row["tries"]) for row in found]

    def deliver_now(self, event_ids: list[str]) -> None:
        """Deliver fresh events in the caller's own thread: before the API call that caused them answers."""
        if not self._is_sending():
            return
        waiting = self._store.rows("SELECT id, event_id, tries FROM deliveries WHERE state = 'waiting' ORDER BY id")
        wanted = frozenset(event_ids)
        self._deliver([Due(row["id"], row["event_id"], row["tries"]) for row in waiting if row["event_id"] in wanted])

    def _deliver(self, due: list[Due]) -> None:
        copies = max(1, int(self._store.switch("duplicate", 1)))
        events = [(one, self._store.find("event", one.event_id)) for one in due]
        ready = [(one, event) for one, event in events if event]  # a reset may have swept it away
        if self._store.switch("at_once", default=False):
            with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
                under_way = [(one, event, self._sent_by(pool, event, copies)) for one, event in ready]
                for one, event, tries in under_way:
                    self._note(one, event, [each.result() for each in tries])
            return
        for one, event in ready:
            if self._stopping.is_set():
                return
            self._note(one, event, [self._send(event) for _ in range(copies)])

    def _sent_by(self, pool: ThreadPoolExecutor, event: Json, copies: int) -> list[Future[int]]:
        return [pool.submit(self._send, event) for _ in range(copies)]

    def _note(self, due: Due, event: Json, answers: list[int]) -> None:
        is_heard = any(200 <= status < 300 for status in answers)
        tries = due.tries + 1
        state = "delivered" if is_heard else "given_up" if tries >= MOST_TRIES else "waiting"
        due_at = clock.real_now() + FIRST_RETRY_SECONDS * 2**due.tries
        with self._store.transaction():
            self._store.changed(
                "UPDATE deliveries SET state = ?, tries = ?, due_at = ? WHERE id = ?",
                (state, tries, due_at, due.delivery_id),
            )
            if is_heard and self._store.find("event", event["id"]):
                event["pending_webhooks"] = 0
                self._store.save(event)
                self._store.hide(event["id"], delivered=True)

    def _as_sent(self, event: Json) -> Json:
        return _of_the_other_mode(event) if self._store.switch("wrong_mode", default=False) else event

    def _send(self, event: Json) -> int:
        """One try; returns the receiver's status, 0 where none came."""
        body = json.dumps(self._as_sent(event), indent=2)
        status, failure = 0, None
        url = self._store.webhook_url
        if not url:  # taken away while a burst was under way
            return 0
        try:
            status = post(url, body, signature(body, self._secrets))
        except (OSError, http.client.HTTPException) as problem:
            failure = f"{type(problem).__name__}: {problem}"
        self._store.log_try(event, status, failure)
        return status


def _of_the_other_mode(event: Json) -> Json:
    """The same event as the live mode would tell it."""
    subject = event["data"]["object"]
    told = subject | {"livemode": True} if "livemode" in subject else subject
    return event | {"livemode": True, "data": event["data"] | {"object": told}}


def signature(body: str, secrets: tuple[str, ...]) -> str:
    """The `Stripe-Signature` header: one `v1` per secret, and a `v0` that must be ignored."""
    stamp = int(clock.real_now())
    signed = [stripe.WebhookSignature.generate_signature_header(body, secret, stamp) for secret in secrets]
    versions = [header.partition("v1=")[2] for header in signed]
    return ",".join([f"t={stamp}", *(f"v1={each}" for each in versions), "v0=" + "0" * 64])


def post(url: str, body: str, signed: str) -> int:
    """Send the exact bytes that were signed; returns the status. Proxies are not asked."""
    target = urlsplit(url)
    assert target.scheme == "http", "settings and the control plane accept http only"
    assert target.hostname, "and a host"
    connection = http.client.HTTPConnection(target.hostname, target.port or 80, timeout=TIMEOUT_SECONDS)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signed,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) sandbox",
        "X-Sandbox": "not-stripe",
    }
    try:
        connection.request("POST", target.path or "/", body.encode(), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
