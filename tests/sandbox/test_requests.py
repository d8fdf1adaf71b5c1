"""What is sent is checked against the pinned library, and nothing is silently ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from stripe_sandbox import contract
from stripe_sandbox.errors import ParameterError
from tests.sandbox.conftest import session_terms
from tests.servers_sandbox import http, stripe_client

if TYPE_CHECKING:
    from tests.servers_sandbox import Bank


def refused(api: stripe.StripeClient, terms: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.v1.checkout.sessions.create(terms)
    return caught.value


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        ({"adaptive_pricing": {"enabled": "maybe"}}, None, "adaptive_pricing[enabled]"),
        (
            {"line_items": [{"price_data": {"unit_amount": 500}}]},
            "parameter_missing",
            "line_items[0][price_data][currency]",
        ),
        ({"success_url": ""}, "parameter_missing", "success_url"),
        ({"success_url": "/pay/return"}, "url_invalid", "success_url"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"metadata": {"k" * 41: "x"}}, None, "metadata"),
        ({"metadata": {"k": "x" * 501}}, None, "metadata[k]"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    once: stripe.StripeClient, change: dict[str, Any], code: str | None, param: str
) -> None:
    refusal = refused(once, session_terms() | change)
    assert (refusal.http_status, refusal.code, refusal.param) == (400, code, param)


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "subscription"},
        {"allow_promotion_codes": True},
        {"adaptive_pricing": {"enabled": True}},
        {"payment_intent_data": {"capture_method": "manual", "transfer_group": "x"}},
    ],
)
def test_what_stripe_knows_and_the_sandbox_would_ignore_is_refused_aloud(
    once: stripe.StripeClient, change: dict[str, Any]
) -> None:
    assert refused(once, session_terms() | change).code == "sandbox_not_supported"


def test_every_parameter_the_application_sends_is_accepted(api: stripe.StripeClient) -> None:
    terms: Any = session_terms(customer_email="ada@example.com", locale="en-GB")
    session = api.v1.checkout.sessions.create(terms)
    assert session.submit_type == "pay"
    assert session.metadata is not None
    assert session.metadata["attempt_id"] == "att_1"
    assert (session.payment_intent, session.status, session.livemode) == (None, "open", False)


@pytest.mark.parametrize("key", ["sk_test_other", "sk_live_something", "pk_test_sandbox"])
def test_another_key_is_refused_and_a_live_one_never_repeated(bank: Bank, key: str) -> None:
    with stripe_client(bank.base_url, key, retries=0) as client, pytest.raises(stripe.AuthenticationError) as caught:
        client.v1.customers.list()
    assert key not in str(caught.value)


def test_another_api_version_is_refused(bank: Bank) -> None:
    with http() as browser:
        answer = browser.get(
            f"{bank.base_url}/v1/customers",
            headers={"Authorization": "Bearer sk_test_sandbox", "Stripe-Version": "2020-08-27"},
            timeout=5,
        )
    assert answer.status_code == 400
    assert answer.headers["X-Sandbox"] == "not-stripe"
    assert answer.headers["Stripe-Version"] == "2026-10-28.endive"


def test_an_address_it_does_not_serve_is_a_404_in_stripes_shape(once: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as caught:
        once.v1.invoices.list()
    assert caught.value.http_status == 404


def test_a_missing_object_is_404_in_the_address_and_400_in_a_parameter(once: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as in_path:
        once.v1.payment_intents.retrieve("pi_none")
    assert (in_path.value.http_status, in_path.value.code, in_path.value.param) == (404, "resource_missing", "intent")
    with pytest.raises(stripe.InvalidRequestError) as in_body:
        once.v1.refunds.create({"payment_intent": "pi_none"})
    assert (in_body.value.http_status, in_body.value.code) == (400, "resource_missing")


def test_the_version_of_library_and_sandbox_is_the_one_the_project_pins() -> None:
    assert stripe.VERSION == "16.1.0"
    assert stripe.api_version == "2026-10-28.endive"


def test_a_contract_names_every_nested_parameter() -> None:
    given = {"created": {"gte": "5"}, "types": ["a.b"], "delivery_success": "false", "limit": "3"}
    assert contract.typed("GET", "/v1/events", given) == {
        "created": {"gte": 5},
        "types": ["a.b"],
        "delivery_success": False,
        "limit": 3,
    }
    with pytest.raises(ParameterError, match="unknown parameter: created\\[after\\]"):
        contract.typed("GET", "/v1/events", {"created": {"after": "5"}})
