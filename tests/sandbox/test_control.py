"""The control plane, for people and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox.conftest import session_terms
from tests.servers_sandbox import Bank, http

if TYPE_CHECKING:
    from collections.abc import Callable

    NewSession = Callable[..., stripe.checkout.Session]


def test_the_state_counts_sessions_and_calls(bank: Bank, api: stripe.StripeClient, new_session: NewSession) -> None:
    for session in (new_session(), new_session()):
        api.v1.checkout.sessions.retrieve(session.id)
    state = bank.read("state")
    assert state["sessions_created"] == 2
    assert state["calls_by_path"] == {"GET /v1/checkout/sessions/{session}": 2, "POST /v1/checkout/sessions": 2}
    assert state["objects"] == {"checkout.session": 2}
    assert bank.read("calls")["data"][-1]["params"]["client_reference_id"] == "att_1"


def test_a_call_may_fail_before_anything_is_done(bank: Bank, once: stripe.StripeClient) -> None:
    bank.control("calls", failing=1, failing_status=503)
    with pytest.raises(stripe.APIError) as caught:
        once.v1.customers.create({"name": "Acme"})
    assert caught.value.http_status == 503
    assert bank.objects("customer") == []
    assert once.v1.customers.create({"name": "Acme"}).name == "Acme"


def test_too_many_calls_are_a_rate_limit(bank: Bank, once: stripe.StripeClient) -> None:
    bank.control("calls", failing=1, failing_status=429)
    with pytest.raises(stripe.RateLimitError):
        once.v1.customers.list()


def test_an_answer_may_be_lost_after_the_work_is_done(bank: Bank, once: stripe.StripeClient) -> None:
    bank.control("calls", failing=1, failing_after=True)
    terms: Any = session_terms()
    with pytest.raises(stripe.APIError):
        once.v1.checkout.sessions.create(terms, {"idempotency_key": "lost"})
    made = bank.objects("checkout.session")
    assert len(made) == 1
    assert once.v1.checkout.sessions.create(terms, {"idempotency_key": "lost"}).id == made[0]["id"]


def test_the_librarys_own_retry_gets_over_a_failure(bank: Bank, api: stripe.StripeClient) -> None:
    bank.control("calls", path="/v1/customers", failing=1)
    assert api.v1.customers.create({"name": "Acme"}).name == "Acme"
    assert len(bank.objects("customer")) == 1


def test_reset_forgets_objects_counts_and_switches(bank: Bank, new_session: NewSession) -> None:
    new_session()
    bank.control("webhooks", paused=True)
    state = bank.control("reset")
    assert (state["objects"], state["sessions_created"], state["webhooks"]["paused"]) == ({}, 0, False)


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("webhooks", {"loud": True}),
        ("webhooks", {"paused": "perhaps"}),
        ("webhooks", {"url": "ftp://x"}),
        ("calls", {"slow": -1}),
        ("clock", {"offset_seconds": "soon"}),
    ],
)
def test_an_unknown_switch_is_refused(bank: Bank, path: str, facts: dict[str, Any]) -> None:
    with http() as browser:
        assert browser.post(f"{bank.base_url}/_sandbox/{path}", json=facts, timeout=5).status_code == 400


def test_another_sites_page_may_not_turn_anything(bank: Bank, new_session: NewSession) -> None:
    new_session()
    with http() as browser:
        answer = browser.post(f"{bank.base_url}/_sandbox/reset", headers={"Origin": "http://evil.example"}, timeout=5)
        other_host = browser.get(f"{bank.base_url}/_sandbox/state", headers={"Host": "evil.example"}, timeout=5)
    assert answer.status_code == 403
    assert other_host.status_code == 400
    assert len(bank.objects("checkout.session")) == 1


def test_the_page_shows_what_there_is_and_its_buttons_come_back_to_it(bank: Bank, new_session: NewSession) -> None:
    session = new_session()
    assert session.url
    bank.pay(session.url, "", method="us_bank_account")
    intent_id = bank.objects("payment_intent")[0]["id"]
    page = bank.get("/_sandbox/").text
    assert f"/_sandbox/payments/{intent_id}/settle" in page
    answer = bank.submit(f"/_sandbox/payments/{intent_id}/settle", from_page="1")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/_sandbox/")
    assert bank.objects("payment_intent")[0]["status"] == "succeeded"
    bank.submit("/_sandbox/webhooks", from_page="1", paused="true")
    assert bank.read("state")["webhooks"]["paused"] is True


def test_a_payment_that_is_not_under_way_cannot_be_settled(bank: Bank, api: stripe.StripeClient) -> None:
    intent = api.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert bank.submit(f"/_sandbox/payments/{intent.id}/settle").status_code == 409
    assert bank.submit("/_sandbox/payments/pi_none/settle").status_code == 404


def test_the_account_is_one_until_it_is_made_another(bank: Bank, api: stripe.StripeClient) -> None:
    mine = api.v1.accounts.retrieve_current()
    assert (mine.id, mine.type, mine.charges_enabled) == ("acct_sandbox", "standard", True)
    bank.control("account", id="acct_elsewhere")
    assert api.v1.accounts.retrieve_current().id == "acct_elsewhere"


def test_money_moves_that_no_payment_caused(bank: Bank, api: stripe.StripeClient) -> None:
    paid_out = bank.control("balance", type="payout", amount=5_000, currency="gbp")
    fee = bank.control("balance", type="stripe_fee", amount=200, currency="gbp")
    assert (paid_out["amount"], paid_out["type"], paid_out["source"][:3]) == (-5_000, "payout", "po_")
    assert (fee["amount"], fee["reporting_category"], fee["source"]) == (-200, "fee", None)
    assert [m.id for m in api.v1.balance_transactions.list({"type": "payout"}).data] == [paid_out["id"]]
    for wrong in (
        {"type": "gift", "amount": "1"},
        {"type": "payout"},
        {"type": "payout", "amount": "1", "currency": "x"},
    ):
        assert bank.submit("/_sandbox/balance", **wrong).status_code == 400
