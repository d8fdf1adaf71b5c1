"""Paying in tests: the real stripe library over HTTP against the sandbox, and a payer with a test card."""

from __future__ import annotations

import json
import math
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import requests
import stripe

from billing import db, gateway, payments, stripe_events, stripe_gateway
from billing.actors import Actor
from billing.tables import Attempt, Link, StripeEvent
from tests.servers_sandbox import SECRET_KEY, free_port, start_sandbox, stop_sandbox
from tests.world import AT, BASE_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from billing.tables import Invoice

KEY = SECRET_KEY
OLD_SECRET, NEW_SECRET = "whsec_old", "whsec_new"
SECRETS = (NEW_SECRET, OLD_SECRET)
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
CARD = {"method": "card", "expiry": "12/34", "cvc": "123", "name": "Alice Poole", "email": "payer@acme.example"}

http = requests.Session()
http.trust_env = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The Stripe sandbox of this test run, in its own process."""

    base: str

    def reset(self, at: datetime = AT) -> None:
        """Forget everything, and live at the tests' moment."""
        self.control("reset")
        self.reset_clock(at)

    def reset_clock(self, at: datetime) -> None:
        """Let it be a second past `at` there."""
        self.control("clock", offset_seconds=math.ceil(at.timestamp() - time.time()) + 1)

    def control(self, what: str, /, **switches: Any) -> dict[str, Any]:
        """Turn switches of the control plane."""
        reply = http.post(f"{self.base}/_sandbox/{what}", json=switches, timeout=10)
        assert reply.ok, reply.text
        return cast("dict[str, Any]", reply.json())

    def state(self) -> dict[str, Any]:
        return cast("dict[str, Any]", http.get(f"{self.base}/_sandbox/state", timeout=10).json())

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """The newest objects of a kind, newest first."""
        reply = http.get(f"{self.base}/_sandbox/objects", params={"kind": kind}, timeout=10)
        return cast("list[dict[str, Any]]", reply.json()["data"])

    def tries(self) -> list[dict[str, Any]]:
        """The newest webhook deliveries, with the receiver's status."""
        reply = http.get(f"{self.base}/_sandbox/deliveries", timeout=10)
        return cast("list[dict[str, Any]]", reply.json()["data"])

    def pay(self, url: str, number: str = GOOD_CARD, **more: str) -> requests.Response:
        """Fill in the hosted page and send it; not following the redirect back."""
        form = CARD | {"number": number} | more
        return http.post(url, data=form, allow_redirects=False, timeout=10)

    def client(self) -> stripe.StripeClient:
        """Somebody else who uses the same Stripe account."""
        return stripe_gateway.client(KEY, api_base=self.base, patient=False)

    def gateway(self, *, site: str = BASE_URL) -> stripe_gateway.StripeGateway:
        """Our side of it."""
        return stripe_gateway.StripeGateway(self.client(), livemode=False, webhook_secrets=SECRETS, site=site)


@contextmanager
def running(folder: Path) -> Iterator[Sandbox]:
    """A sandbox process on a port of its own."""
    port = free_port()
    process = start_sandbox(port, folder / "sandbox.db", webhook_secrets=SECRETS)
    try:
        yield Sandbox(f"http://127.0.0.1:{port}")
    finally:
        stop_sandbox(process)


def guest_of(invoice: Invoice) -> Actor:
    """The first recipient of an invoice, as guest of the link that was mailed."""
    link = Link.select().where(Link.invoice == invoice.id).order_by(Link.recipient).first()
    assert link is not None
    return Actor("guest", f"link:{link.id}", link.recipient)


def begin(invoice: Invoice, payer: Actor, nonce: str = "n-1", at: datetime = AT) -> Attempt:
    """Press Pay: the whole balance of one invoice."""
    return payments.start_checkout(
        customer_id=invoice.customer_id,
        planned=[payments.Planned(invoice.id, invoice.total_minor)],
        nonce=nonce,
        payer=payer,
        at=at,
    )


def again(attempt: Attempt) -> Attempt:
    """The attempt as the database has it now."""
    now: Attempt = Attempt.get_by_id(attempt.id)
    return now


def page(attempt: Attempt) -> str:
    """The address the payer is sent to."""
    assert attempt.url
    return attempt.url


def signed(payload: str, secret: str = NEW_SECRET, at: datetime = AT) -> str:
    """A Stripe-Signature header over exactly this text."""
    return str(stripe.WebhookSignature.generate_signature_header(payload, secret, int(at.timestamp())))


def deliver(event: dict[str, Any], at: datetime = AT) -> bool:
    """Hand one event to the inbox as a webhook would."""
    payload = json.dumps(event)
    return stripe_events.receive(payload.encode(), signed(payload, at=at), at=at, real_at=at)


def only_event(kind: str) -> StripeEvent:
    """The stored event of a type."""
    found: StripeEvent = StripeEvent.get(StripeEvent.type == kind)
    return found


def at_once(times: int, do: Callable[[], object]) -> list[object]:
    """What `do` gives, or the exception it raises, in as many threads at the same moment."""
    start, outcomes = threading.Barrier(times), list[object]()

    def run() -> None:
        start.wait()
        with db.connection():
            try:
                outcomes.append(do())
            except Exception as trouble:  # noqa: BLE001 - whatever comes is what the test judges
                outcomes.append(trouble)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def use(sandbox: Sandbox) -> None:
    """Let this process pay at the sandbox."""
    gateway.use(sandbox.gateway())
