"""The one module that speaks to Stripe: what it sends, what it reads, and what it refuses to do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import stripe

from billing import gateway, stripe_gateway
from billing.settings import Settings
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox

REQUEST = gateway.CheckoutRequest(
    reference="PAY-0000-0000-0001",
    customer_ref=None,
    currency="GBP",
    lines=(gateway.CheckoutLine(name="Invoice INV-2026-0001", minor=116_400),),
    description="INV-2026-0001",
    expires_at=AT + timedelta(hours=1),
    return_path="/payments/PAY-0000-0000-0001",
    back_path="/invoices/INV-2026-0001",
)


@pytest.fixture
def client(sandbox_process: Sandbox) -> stripe_gateway.StripeGateway:
    sandbox_process.reset()
    return sandbox_process.gateway()


def test_the_library_speaks_the_version_we_send() -> None:
    assert stripe.api_version == stripe_gateway.API_VERSION


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x"])
def test_a_live_key_is_never_sent_to_the_sandbox(key: str) -> None:
    with pytest.raises(stripe_gateway.LiveKeyRefused):
        stripe_gateway.client(key, api_base="http://127.0.0.1:9", patient=False)


def test_the_mode_follows_the_key() -> None:
    def gateway_of(key: str) -> stripe_gateway.StripeGateway | None:
        return stripe_gateway.from_settings(Settings(stripe_secret_key=key, public_base_url="https://x.test"))

    assert gateway_of("") is None
    live, test = gateway_of("sk_live_x"), gateway_of("sk_test_x")
    assert live is not None
    assert test is not None
    assert (live.livemode, test.livemode) == (True, False)


def test_a_proxy_of_the_environment_never_sees_the_sandbox(
    client: stripe_gateway.StripeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert client.create_session(REQUEST, key="k").status == "open"


def test_a_guests_page_names_no_customer_and_saves_no_card() -> None:
    guests = stripe_gateway.session_params(REQUEST, site="https://x.test")
    assert "customer" not in guests
    assert "saved_payment_method_options" not in guests
    assert guests["success_url"] == "https://x.test/payments/PAY-0000-0000-0001"
    signed_in = stripe_gateway.session_params(replace(REQUEST, customer_ref="cus_1"), site="https://x.test")
    assert signed_in["customer"] == "cus_1"
    assert signed_in["saved_payment_method_options"] == {"payment_method_save": "enabled"}


def test_the_same_key_is_the_same_page(client: stripe_gateway.StripeGateway, sandbox_process: Sandbox) -> None:
    first, second = client.create_session(REQUEST, key="k"), client.create_session(REQUEST, key="k")
    assert first == second
    assert sandbox_process.state()["sessions_created"] == 1


def test_a_key_with_other_parameters_is_a_mismatch(client: stripe_gateway.StripeGateway) -> None:
    client.create_session(REQUEST, key="k")
    moved = replace(REQUEST, expires_at=REQUEST.expires_at + timedelta(seconds=1))
    with pytest.raises(gateway.KeyMismatch):
        client.create_session(moved, key="k")


def test_a_page_is_found_by_the_attempt_it_was_made_for(client: stripe_gateway.StripeGateway) -> None:
    made = client.create_session(REQUEST, key="k")
    since, until = AT - timedelta(minutes=5), AT + timedelta(minutes=5)
    assert client.find_session(REQUEST.reference, since=since, until=until) == made
    assert client.find_session("PAY-none", since=since, until=until) is None


def test_an_open_page_closes_and_a_closed_one_does_not_close_again(client: stripe_gateway.StripeGateway) -> None:
    made = client.create_session(REQUEST, key="k")
    assert client.expire(made.id).status == "expired"
    with pytest.raises(gateway.NotOpen):
        client.expire(made.id)
    with pytest.raises(gateway.NoSuchObject):
        client.expire("cs_test_unknown")


def test_what_stripe_does_not_know_is_named(client: stripe_gateway.StripeGateway) -> None:
    strangers = replace(REQUEST, customer_ref="cus_gone")
    with pytest.raises(gateway.NoSuchObject) as refusal:
        client.create_session(strangers, key="k")
    assert refusal.value.param == "customer"


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_an_answer_that_says_nothing_is_an_unknown_outcome(
    client: stripe_gateway.StripeGateway, sandbox_process: Sandbox, status: int
) -> None:
    sandbox_process.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=status)
    with pytest.raises(gateway.OutcomeUnknown):
        client.create_session(REQUEST, key="k")


def test_nobody_answering_is_an_unknown_outcome() -> None:
    nowhere = stripe_gateway.client(paying.KEY, api_base="http://127.0.0.1:9", patient=False)
    alone = stripe_gateway.StripeGateway(nowhere, livemode=False, webhook_secrets=(), site="https://x.test")
    with pytest.raises(gateway.OutcomeUnknown):
        alone.create_session(REQUEST, key="k")


def test_a_patient_client_tries_again_by_itself_and_a_hurried_one_does_not(sandbox_process: Sandbox) -> None:
    sandbox_process.reset()
    patient = stripe_gateway.StripeGateway(
        stripe_gateway.client(paying.KEY, api_base=sandbox_process.base, patient=True),
        livemode=False,
        webhook_secrets=(),
        site="https://x.test",
    )
    sandbox_process.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500)
    assert patient.create_session(REQUEST, key="k").status == "open"
    calls = sandbox_process.state()["calls_by_path"]["POST /v1/checkout/sessions"]
    assert calls == 2
    sandbox_process.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500)
    with pytest.raises(gateway.OutcomeUnknown):
        sandbox_process.gateway().create_session(REQUEST, key="k2")
    assert sandbox_process.state()["calls_by_path"]["POST /v1/checkout/sessions"] == calls + 1


def test_an_empty_id_never_becomes_a_list(client: stripe_gateway.StripeGateway) -> None:
    for ask in (client.session, client.expire, client.intent):
        with pytest.raises(AssertionError):
            ask("")


def test_the_money_is_read_with_its_charge_and_fee(
    client: stripe_gateway.StripeGateway, sandbox_process: Sandbox
) -> None:
    made = client.create_session(REQUEST, key="k")
    assert made.intent_id is None
    assert made.url
    sandbox_process.pay(made.url)
    session = client.session(made.id)
    assert (session.status, session.reference) == ("complete", REQUEST.reference)
    assert session.intent_id
    intent = client.intent(session.intent_id)
    assert (intent.status, intent.received_minor, intent.currency) == ("succeeded", 116_400, "GBP")
    assert (intent.reference, intent.method, intent.customer_ref) == (REQUEST.reference, "Visa ending 4242", None)
    assert intent.charge_id
    assert intent.fee is not None
    assert intent.fee.currency == "GBP"
    assert 0 < intent.fee.minor < intent.received_minor


def test_events_are_read_newest_first(client: stripe_gateway.StripeGateway, sandbox_process: Sandbox) -> None:
    made = client.create_session(REQUEST, key="k")
    assert made.url
    sandbox_process.pay(made.url)
    found = list(
        client.events(("payment_intent.succeeded", "checkout.session.completed"), since=AT - timedelta(hours=1))
    )
    assert [event.type for event in found] == ["checkout.session.completed", "payment_intent.succeeded"]
    assert found[0].object_id == made.id
    assert json.loads(found[0].payload)["id"] == found[0].id
    assert not found[0].livemode
    assert not list(client.events(("payment_intent.succeeded",), since=AT + timedelta(hours=1)))
