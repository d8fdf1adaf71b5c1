"""The door for Stripe's deliveries: statuses that Stripe understands, and no effect for anybody else."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server

from billing import clock, gateway
from billing.tables import Attempt, Invoice, Mail, Payment, StripeEvent
from tests import servers
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from tests.web_fixtures import Client
    from tests.world import World

EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "customer.updated",
    "created": int(AT.timestamp()),
    "livemode": False,
    "api_version": "2026-10-28.endive",
    "data": {"object": {"id": "cus_1", "object": "customer"}},
}
PAYLOAD = json.dumps(EVENT)
PATH = "/webhooks/stripe"


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paying.Sandbox]:
    with paying.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(app: Flask, sandbox_process: paying.Sandbox) -> Iterator[paying.Sandbox]:
    assert app, "the application is made first: it would choose its own gateway"
    sandbox_process.reset()
    paying.use(sandbox_process)
    yield sandbox_process
    gateway.use(None)


@pytest.fixture
def listening(app: Flask, sandbox: paying.Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[paying.Sandbox]:
    """The application on a port, at the machine's own time, hearing the sandbox's webhooks."""
    monkeypatch.delenv(clock.NOW_FILE_VARIABLE)
    sandbox.control("clock", offset_seconds=0)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = False  # type: ignore[attr-defined]  # socketserver's own attribute, of the threaded class
    sandbox.control("webhooks", url=f"http://localhost:{server.server_port}{PATH}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield sandbox
    sandbox.control("webhooks", url="")
    server.shutdown()
    thread.join()
    server.server_close()  # waits for the requests under way: the test's database is about to close


def signed(payload: str) -> str:
    """Signed now: the age of a delivery is judged by the machine's own time, whatever the test's clock says."""
    return paying.signed(payload, at=clock.real_now())


def send(client: Client, payload: str, signature: str | None) -> int:
    headers = {} if signature is None else {"Stripe-Signature": signature}
    reply = client.post(PATH, data=payload, content_type="application/json", headers=headers, csrf=False)
    assert not reply.data
    return reply.status_code


def test_a_signed_delivery_needs_no_session_and_no_token(client: Client, sandbox: paying.Sandbox) -> None:
    assert send(client, PAYLOAD, signed(PAYLOAD)) == 200
    assert StripeEvent.get().status == "ignored"


@pytest.mark.parametrize("signature", [None, "", "t=1,v1=00", paying.signed(PAYLOAD, "whsec_other")])
def test_anybody_else_is_refused_without_a_word(client: Client, sandbox: paying.Sandbox, signature: str | None) -> None:
    assert send(client, PAYLOAD, signature) == 400
    assert not StripeEvent.select().exists()


def test_a_form_is_no_delivery(client: Client, sandbox: paying.Sandbox) -> None:
    assert client.post(PATH, data={"a": "b"}, csrf=False).status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_the_door_opens_for_post_alone(client: Client, sandbox: paying.Sandbox, method: str) -> None:
    assert client.open(PATH, method=method).status_code == 405


def test_more_than_a_megabyte_is_not_read(client: Client, sandbox: paying.Sandbox) -> None:
    huge = json.dumps(EVENT | {"padding": "x" * 1_000_000})
    reply = client.post(
        PATH,
        data=huge,
        content_type="application/json",
        headers={"Stripe-Signature": signed(huge)},
        csrf=False,
    )
    assert reply.status_code == 413
    assert not StripeEvent.select().exists()


def test_what_could_not_be_done_is_asked_for_again(client: Client, sandbox: paying.Sandbox) -> None:
    ghost = json.dumps(
        EVENT
        | {
            "type": "payment_intent.succeeded",
            "data": {"object": {"id": "pi_ghost", "object": "payment_intent"}},
        }
    )
    assert send(client, ghost, signed(ghost)) == 500
    assert StripeEvent.get().status == "failed"


def test_without_a_gateway_nothing_is_taken(client: Client, sandbox: paying.Sandbox) -> None:
    gateway.use(None)
    reply = client.post(PATH, data=PAYLOAD, content_type="application/json", csrf=False)
    assert reply.status_code >= 400
    assert not StripeEvent.select().exists()


def test_the_webhook_turns_the_invoice_paid(listening: paying.Sandbox, world: World) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice, at=clock.now())
    listening.pay(paying.page(attempt))
    servers.until("the invoice is paid", lambda: paying.again(attempt).status == "succeeded", seconds=15)
    assert Invoice.get_by_id(invoice.id).balance_minor == 0
    assert Mail.select().where(Mail.event == "receipt").count() == 1


def test_deliveries_doubled_shuffled_and_all_at_once_book_once(listening: paying.Sandbox, world: World) -> None:
    listening.control("webhooks", duplicate=5, shuffle=True, at_once=True)
    attempts = [paying.begin(world.issued(), world.alice, nonce=f"n-{number}", at=clock.now()) for number in range(3)]
    for attempt in attempts:
        listening.pay(paying.page(attempt))
    servers.until(
        "everything was told",
        lambda: listening.state()["deliveries"]["waiting"] == 0,
        seconds=30,
    )
    assert {paying.again(attempt).status for attempt in attempts} == {"succeeded"}
    assert Payment.select().count() == 3
    assert Mail.select().where(Mail.event == "receipt").count() == 3
    assert listening.state()["deliveries"]["given_up"] == 0
    answers = listening.tries()
    assert len(answers) >= 15
    assert {answer["status"] for answer in answers} == {200}


def test_a_delivery_that_failed_comes_again_and_is_done(listening: paying.Sandbox, world: World) -> None:
    attempt = paying.begin(world.issued(), world.alice, at=clock.now())
    listening.control("calls", path="/v1/payment_intents", failing=2, failing_status=500)
    listening.pay(paying.page(attempt))
    servers.until("the invoice is paid", lambda: paying.again(attempt).status == "succeeded", seconds=20)
    servers.until(
        "no event is left",
        lambda: not StripeEvent.select().where(StripeEvent.status == "failed").exists(),
        seconds=20,
    )
    assert 500 in {answer["status"] for answer in listening.tries()}
    assert Payment.select().count() == 1


def test_a_delivery_in_the_middle_of_our_own_call_holds_nothing_up(listening: paying.Sandbox, world: World) -> None:
    listening.control("webhooks", before_response=True)
    attempt = paying.begin(world.issued(), world.alice, at=clock.now())
    assert attempt.status == "open"
    assert StripeEvent.get().type == "customer.created"
    listening.control("webhooks", before_response=False)
    listening.pay(paying.page(attempt))
    servers.until("the invoice is paid", lambda: paying.again(attempt).status == "succeeded", seconds=15)
    assert Attempt.select().count() == 1
    assert Payment.select().count() == 1
