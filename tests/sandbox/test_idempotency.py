"""The same key twice: done once, answered alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox.conftest import session_terms
from tests.servers_sandbox import SECRET_KEY, Bank, http, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 12


def create(api: stripe.StripeClient, key: str, **change: Any) -> stripe.checkout.Session:
    terms: Any = session_terms(**change)
    return api.v1.checkout.sessions.create(terms, {"idempotency_key": key})


def test_the_same_request_is_answered_with_the_same_session(bank: Bank, api: stripe.StripeClient) -> None:
    first, second = create(api, "k1"), create(api, "k1")
    assert first.id == second.id
    assert bank.read("state")["sessions_created"] == 1
    calls = bank.read("calls")["data"]
    assert [call["is_replay"] for call in calls[:2]] == [True, False]


def test_a_replay_says_so_in_its_headers(bank: Bank) -> None:
    with http() as browser:
        browser.headers.update({"Authorization": f"Bearer {SECRET_KEY}", "Idempotency-Key": "k-headers"})
        first, second = (
            browser.post(f"{bank.base_url}/v1/customers", data={"name": "Acme"}, timeout=5) for _ in range(2)
        )
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"] != second.headers["Request-Id"]


def test_other_parameters_under_the_same_key_are_refused(once: stripe.StripeClient) -> None:
    create(once, "k2")
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        create(once, "k2", amount_minor=99_999)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        once.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k2"})


def test_a_decline_is_remembered_and_charges_nothing_more(bank: Bank, once: stripe.StripeClient) -> None:
    refusals = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            once.v1.payment_intents.create(
                {
                    "amount": 500,
                    "currency": "usd",
                    "payment_method": "pm_card_chargeDeclined",
                    "off_session": True,
                    "confirm": True,
                },
                {"idempotency_key": "k3"},
            )
        refusals.append(caught.value)
    assert [refusal.http_status for refusal in refusals] == [402, 402]
    bodies: list[Any] = [refusal.json_body for refusal in refusals]
    assert bodies[0]["error"]["payment_intent"]["id"] == bodies[1]["error"]["payment_intent"]["id"]
    assert len(bank.objects("charge")) == 1


def test_a_refused_parameter_leaves_the_key_free(once: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        create(once, "k4", amount_minor=1)
    assert create(once, "k4").status == "open"


def test_a_key_is_forgotten_after_a_day(bank: Bank, api: stripe.StripeClient) -> None:
    first = api.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k5"})
    bank.control("clock", offset_seconds=24 * 3600 + 5)
    assert api.v1.customers.create({"name": "Acme"}, {"idempotency_key": "k5"}).id != first.id


def test_a_request_under_way_holds_its_key(bank: Bank, once: stripe.StripeClient) -> None:
    bank.control("calls", path="/v1/refunds", slow=1, slow_seconds=1.0)
    intent = once.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "off_session": True, "confirm": True}
    )

    def refund() -> stripe.Refund:
        return once.v1.refunds.create({"payment_intent": intent.id}, {"idempotency_key": "k6"})

    slow = Thread(target=refund)
    slow.start()
    wait_for(lambda: bank.read("state")["calls"]["slow"] == 0, what="the slow call has begun")
    with pytest.raises(stripe.APIError) as caught:
        while not bank.objects("refund"):
            refund()
    refusal: Any = caught.value.json_body
    assert (caught.value.http_status, refusal["error"]["code"]) == (409, "idempotency_key_in_use")
    slow.join()
    assert len(bank.objects("refund")) == 1


def test_twelve_threads_with_one_key_make_one_refund(
    bank: Bank, api: stripe.StripeClient, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    session = new_session()
    bank.pay(session.url or "")
    intent_id = str(api.v1.checkout.sessions.retrieve(session.id).payment_intent)

    def refund(_: int) -> str:
        params: Any = {"payment_intent": intent_id, "amount": 100}
        return api.v1.refunds.create(params, {"idempotency_key": "k7", "max_network_retries": 8}).id

    with ThreadPoolExecutor(THREADS) as pool:
        found = set(pool.map(refund, range(THREADS)))
    assert len(found) == 1
    assert len(bank.objects("refund")) == 1
