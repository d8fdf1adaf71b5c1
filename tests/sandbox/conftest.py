"""One sandbox process for the folder, reset before each test, and a receiver for its webhooks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.servers_sandbox import WEBHOOK_SECRETS, Bank, free_port, start_sandbox, stop_sandbox, stripe_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def sandbox_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    process = start_sandbox(port, tmp_path_factory.mktemp("sandbox") / "sandbox.db")
    yield f"http://127.0.0.1:{port}"
    stop_sandbox(process)


@pytest.fixture
def bank(sandbox_address: str) -> Bank:
    found = Bank(sandbox_address)
    found.control("reset")
    return found


@pytest.fixture
def api(bank: Bank) -> Iterator[stripe.StripeClient]:
    with stripe_client(bank.base_url) as client:
        yield client


@pytest.fixture
def once(bank: Bank) -> Iterator[stripe.StripeClient]:
    """The library without its retries, to see each answer."""
    with stripe_client(bank.base_url, retries=0) as client:
        yield client


def session_terms(amount_minor: int = 12_345, currency: str = "usd", **more: Any) -> dict[str, Any]:
    """What the application asks for."""
    return {
        "mode": "payment",
        "client_reference_id": "att_1",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": currency,
                    "unit_amount": amount_minor,
                    "product_data": {"name": "Invoice INV-1"},
                },
            }
        ],
        "metadata": {"attempt_id": "att_1"},
        "payment_intent_data": {"metadata": {"attempt_id": "att_1"}, "description": "INV-1"},
        "saved_payment_method_options": {"payment_method_save": "enabled"},
        "adaptive_pricing": {"enabled": False},
        "submit_type": "pay",
        "success_url": "http://localhost:8000/pay/return?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:8000/invoices",
    } | more


def setup_terms(**more: Any) -> dict[str, Any]:
    """What the application asks for when a card shall be saved."""
    return {
        "mode": "setup",
        "currency": "usd",
        "client_reference_id": "setup_1",
        "success_url": "http://localhost:8000/cards/saved?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:8000/cards",
        "setup_intent_data": {"metadata": {"customer_id": "7"}, "description": "Autopay"},
    } | more


@pytest.fixture
def acme(api: stripe.StripeClient) -> stripe.Customer:
    return api.v1.customers.create({"email": "acme@example.com", "name": "Acme"})


@dataclass
class Buyer:
    """Somebody with a saved card: how the merchant's server charges it."""

    bank: Bank
    api: stripe.StripeClient
    customer: str

    def save(self, number: str, **fields: str) -> stripe.PaymentMethod:
        """Save a card at a session in setup mode."""
        terms: Any = setup_terms(customer=self.customer)
        session = self.api.v1.checkout.sessions.create(terms)
        assert session.url
        answer = self.bank.pay(session.url, number, **fields)
        if "/c/authenticate/" in answer.headers["Location"]:
            answer = self.bank.submit(answer.headers["Location"], outcome="complete")
        assert answer.headers["Location"].startswith("http://localhost:8000/cards/saved")
        return self.api.v1.customers.payment_methods.list(self.customer).data[0]

    def charge(self, card: str, **more: Any) -> stripe.PaymentIntent:
        """Charge a saved card; the buyer is away unless `return_url` says where they are."""
        terms: Any = {"amount": 700, "currency": "usd", "customer": self.customer, "payment_method": card}
        return self.api.v1.payment_intents.create(
            terms | {"confirm": True} | ({} if "return_url" in more else {"off_session": True}) | more
        )

    def paid(self, amount_minor: int = 10_000, number: str = "4242424242424242", **fields: str) -> str:
        """Pay on the hosted page; the intent's id."""
        terms: Any = session_terms(amount_minor, customer=self.customer)
        session = self.api.v1.checkout.sessions.create(terms)
        assert session.url
        assert self.bank.pay(session.url, number, **fields).status_code == 303
        return str(self.api.v1.checkout.sessions.retrieve(session.id).payment_intent)


@pytest.fixture
def buyer(bank: Bank, once: stripe.StripeClient, acme: stripe.Customer) -> Buyer:
    return Buyer(bank, once, acme.id)


@pytest.fixture
def new_session(api: stripe.StripeClient) -> Callable[..., stripe.checkout.Session]:
    def make(amount_minor: int = 12_345, currency: str = "usd", **more: Any) -> stripe.checkout.Session:
        terms: Any = session_terms(amount_minor, currency, **more)
        return api.v1.checkout.sessions.create(terms)

    return make


@dataclass
class Receiver:
    """A small endpoint that keeps what it is sent. `answers` are the next statuses; then 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[bytes, str]] = field(default_factory=list)
    on_event: Callable[[stripe.Event], None] | None = None
    failures: list[Exception] = field(default_factory=list)

    def take(self, body: bytes, signature: str) -> int:
        self.received.append((body, signature))
        if self.on_event:
            try:
                self.on_event(self.opened(body, signature))
            except Exception as problem:  # noqa: BLE001 - told to the test, which is in another thread
                self.failures.append(problem)
        return self.answers.pop(0) if self.answers else 200

    @staticmethod
    def opened(body: bytes, signature: str, secret: str = WEBHOOK_SECRETS[0]) -> stripe.Event:
        event: stripe.Event = stripe.Webhook.construct_event(body, signature, secret)
        return event

    @property
    def events(self) -> list[stripe.Event]:
        return [self.opened(body, signature) for body, signature in self.received]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
def receiver(bank: Bank) -> Iterator[Receiver]:
    found = Receiver()

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(found.take(body, self.headers["Stripe-Signature"]))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    found.url = f"http://127.0.0.1:{server.server_port}/webhooks/stripe"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    bank.control("webhooks", url=found.url)
    yield found
    bank.control("reset")
    server.shutdown()
    thread.join()
    server.server_close()
