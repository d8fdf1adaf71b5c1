"""The payer's page, driven by plain form posts as a browser without JavaScript sends them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers_sandbox import (
    ASKS_ALWAYS,
    AUTHENTICATES,
    DECLINED,
    EXPIRED,
    FAILS_LATER,
    GOOD,
    NO_FUNDS,
    Bank,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import stripe

    NewSession = Callable[..., stripe.checkout.Session]

BANNER = "SANDBOX, not Stripe, no money moves"


class Page(HTMLParser):
    """The little of a page that the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.inputs: dict[str, dict[str, str]] = {}
        self.labelled: set[str] = set()
        self.described: set[str] = set()
        self.links: list[str] = []
        self.has_script = False
        self.has_inline_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found["id"]} if "id" in found else set()
        self.has_script |= tag == "script" or any(name.startswith("on") for name in found)
        self.has_inline_style |= tag == "style" or "style" in found
        self.described |= set(found.get("aria-describedby", "").split())
        if tag == "input":
            self.inputs[found.get("id", found["name"])] = found
        if tag == "label":
            self.labelled.add(found["for"])
        if tag == "a":
            self.links.append(found["href"])


def url_of(session: stripe.checkout.Session) -> str:
    assert session.url
    return session.url


def test_a_good_card_pays_and_returns_with_the_sessions_id(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session(180_348, "gbp")
    answer = bank.pay(url_of(session))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://localhost:8000/pay/return?session_id={session.id}"
    paid: Any = api.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.description) == ("succeeded", 180_348, "INV-1")
    assert intent.metadata["attempt_id"] == intent.latest_charge.metadata["attempt_id"] == "att_1"
    movement = intent.latest_charge.balance_transaction
    assert (movement.amount, movement.fee, movement.net) == (180_348, 5_260, 175_088)
    assert paid.customer_details.email == "ada@example.com"


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (DECLINED, "generic_decline", "Your card was declined."),
        (NO_FUNDS, "insufficient_funds", "Your card has insufficient funds."),
        (EXPIRED, "expired_card", "Your card has expired."),
    ],
)
def test_a_declined_card_is_told_on_the_page_and_another_may_be_tried(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession, number: str, code: str, words: str
) -> None:
    session = new_session()
    refused = bank.pay(url_of(session), number)
    assert refused.status_code == 402
    assert words in refused.text
    assert "Nothing was charged" in refused.text
    still = api.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    intent: Any = still.payment_intent
    assert (still.status, intent.status) == ("open", "requires_payment_method")
    assert intent.last_payment_error.decline_code == code
    assert bank.pay(url_of(session), GOOD).status_code == 303
    assert [i["status"] for i in bank.objects("payment_intent")] == ["succeeded"]
    assert sorted(c["status"] for c in bank.objects("charge")) == ["failed", "succeeded"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"number": ""}, "number"),
        ({"number": "4111 1111 1111 1111"}, "number"),
        ({"expiry": "13/34"}, "expiry"),
        ({"expiry": "01/20"}, "expiry"),
        ({"cvc": "12"}, "cvc"),
        ({"name": " "}, "name"),
        ({"method": "pm_elsewhere"}, "method"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_in_the_summary(
    bank: Bank, new_session: NewSession, wrong: dict[str, str], field: str
) -> None:
    answer = bank.pay(url_of(new_session()), **wrong)
    assert answer.status_code == 422
    page = Page(answer.text)
    target = "way-card" if field == "method" else field
    assert f"#{target}" in page.links
    assert target in page.ids
    if field != "method":
        assert page.inputs[field]["aria-invalid"] == "true"
        assert f"{field}-problem" in page.inputs[field]["aria-describedby"].split()
    assert bank.objects("payment_intent") == []
    assert "<title>Error: " in answer.text


def test_a_number_that_may_be_a_real_card_is_neither_kept_nor_shown_again(bank: Bank, new_session: NewSession) -> None:
    assert "4111" not in bank.pay(url_of(new_session()), "4111111111111111").text


def test_the_form_can_be_used_by_everybody(bank: Bank, new_session: NewSession) -> None:
    session = new_session()
    answer = bank.get(url_of(session))
    page = Page(answer.text)
    assert set(page.inputs) <= page.labelled
    assert page.described <= page.ids
    assert not page.has_script
    assert not page.has_inline_style
    assert "http://localhost:8000/invoices" in page.links
    assert "Pay $123.45" in answer.text
    for card in ("4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0000 0000 9995", "4000 0025 0000 3155"):
        assert card in answer.text


def test_every_page_says_that_it_is_not_stripe_and_runs_nothing(bank: Bank, new_session: NewSession) -> None:
    asked = new_session()
    authenticate = bank.pay(url_of(asked), AUTHENTICATES).headers["Location"]
    done = new_session()
    bank.pay(url_of(done))
    receipt = next(i["id"] for i in bank.objects("payment_intent") if i["status"] == "succeeded")
    pages = [url_of(new_session()), authenticate, url_of(done), f"/receipts/{receipt}", "/_sandbox/", "/nowhere"]
    for address in pages:
        answer = bank.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert BANNER in answer.text, address
        assert answer.headers["X-Sandbox"] == "not-stripe"
        assert "default-src 'none'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert not Page(answer.text).has_script


def test_the_policy_lets_the_form_lead_to_the_success_page(bank: Bank, new_session: NewSession) -> None:
    policy = bank.get(url_of(new_session())).headers["Content-Security-Policy"]
    assert "form-action 'self' http://localhost:8000;" in policy


def test_the_policy_lets_the_banks_question_lead_to_the_success_page(bank: Bank, new_session: NewSession) -> None:
    asked = bank.pay(url_of(new_session()), AUTHENTICATES).headers["Location"]
    policy = bank.get(asked).headers["Content-Security-Policy"]
    assert "form-action 'self' http://localhost:8000;" in policy


@pytest.mark.parametrize("number", [AUTHENTICATES, ASKS_ALWAYS])
def test_a_card_that_asks_pays_after_complete(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession, number: str
) -> None:
    session = new_session()
    asked = bank.pay(url_of(session), number)
    assert "/c/authenticate/pi_" in asked.headers["Location"]
    assert api.v1.checkout.sessions.retrieve(session.id).status == "open"
    answer = bank.submit(asked.headers["Location"], outcome="complete")
    assert (answer.status_code, answer.headers["Location"][-8:]) == (303, session.id[-8:])
    assert api.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    again = bank.submit(asked.headers["Location"], outcome="complete")
    assert again.headers["Location"] == answer.headers["Location"]
    assert len(bank.objects("charge")) == 1


def test_a_card_that_asks_is_refused_after_fail_and_another_pays(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session()
    asked = bank.pay(url_of(session), AUTHENTICATES)
    answer = bank.submit(asked.headers["Location"], outcome="fail")
    assert answer.status_code == 402
    assert "unable to authenticate" in answer.text
    assert bank.objects("charge") == []
    assert bank.pay(url_of(session)).status_code == 303
    assert api.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


@pytest.mark.parametrize(
    ("currency", "debit"), [("usd", "us_bank_account"), ("eur", "sepa_debit"), ("gbp", "bacs_debit")]
)
def test_a_bank_debit_is_under_way_until_it_settles(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession, currency: str, debit: str
) -> None:
    session = new_session(currency=currency)
    assert bank.pay(url_of(session), "", method=debit).status_code == 303
    begun: Any = api.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (begun.status, begun.payment_status, begun.payment_intent.status) == ("complete", "unpaid", "processing")
    assert begun.payment_intent.latest_charge.status == "pending"
    assert "under way" in bank.get(url_of(session)).text
    bank.control(f"payments/{session.id}/settle")
    settled: Any = api.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (settled.payment_status, settled.payment_intent.status) == ("paid", "succeeded")
    assert settled.payment_intent.latest_charge.balance_transaction is not None


def test_a_bank_debit_may_bounce(bank: Bank, api: stripe.StripeClient, new_session: NewSession) -> None:
    session = new_session()
    bank.pay(url_of(session), "", method="us_bank_account")
    bank.control(f"payments/{session.id}/fail")
    bounced: Any = api.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (bounced.payment_status, bounced.payment_intent.status) == ("unpaid", "requires_payment_method")
    assert bank.objects("balance_transaction") == []


def test_a_currency_without_a_debit_offers_none(bank: Bank, new_session: NewSession) -> None:
    session = new_session(5_000, "jpy")
    assert "Pay ¥5,000" in bank.get(url_of(session)).text
    assert bank.pay(url_of(session), "", method="us_bank_account").status_code == 422


def test_a_form_sent_eight_times_at_once_charges_once(bank: Bank, new_session: NewSession) -> None:
    session = new_session()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bank.pay(url_of(session)), range(8)))
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert [charge["status"] for charge in bank.objects("charge")] == ["succeeded"]


def test_a_page_that_is_over_tells_the_truth(bank: Bank, api: stripe.StripeClient, new_session: NewSession) -> None:
    paid, expired = new_session(), new_session()
    bank.pay(url_of(paid))
    api.v1.checkout.sessions.expire(expired.id)
    assert "$123.45 paid" in bank.get(url_of(paid)).text
    gone = bank.get(url_of(expired))
    assert "This page has expired" in gone.text
    assert "http://localhost:8000/invoices" in Page(gone.text).links
    assert bank.pay(url_of(expired)).headers["Location"].startswith("/c/pay/")
    assert len(bank.objects("charge")) == 1


def test_a_saved_card_is_offered_to_its_customer_only(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    acme = api.v1.customers.create({"email": "acme@example.com"})
    bank.pay(url_of(new_session(customer=acme.id)), save="1")
    card = api.v1.customers.payment_methods.list(acme.id).data[0]
    again = new_session(customer=acme.id)
    assert "Visa ending 4242" in bank.get(url_of(again)).text
    assert "acme@example.com" in bank.get(url_of(again)).text
    guest = new_session()
    assert card.id not in bank.get(url_of(guest)).text
    assert bank.pay(url_of(guest), method=card.id).status_code == 422
    assert bank.pay(url_of(again), "", method=card.id).status_code == 303
    assert len(api.v1.customers.payment_methods.list(acme.id).data) == 1


def test_a_card_used_without_the_box_is_not_saved(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    acme = api.v1.customers.create({"email": "acme@example.com"})
    bank.pay(url_of(new_session(customer=acme.id)), FAILS_LATER)
    assert api.v1.customers.payment_methods.list(acme.id).data == []


def test_a_server_side_payment_that_asks_comes_back_to_its_return_url(bank: Bank, api: stripe.StripeClient) -> None:
    intent: Any = api.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "http://localhost:8000/back?a=1",
        }
    )
    assert intent.status == "requires_action"
    answer = bank.submit(intent.next_action.redirect_to_url.url, outcome="complete")
    assert answer.headers["Location"].startswith(f"http://localhost:8000/back?a=1&payment_intent={intent.id}&")
    assert answer.headers["Location"].endswith("redirect_status=succeeded")
    assert api.v1.payment_intents.retrieve(intent.id).status == "succeeded"
