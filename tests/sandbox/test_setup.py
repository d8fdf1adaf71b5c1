"""Saving a card without paying: sessions in setup mode, and the cards a customer has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox.conftest import Buyer, session_terms, setup_terms
from tests.servers_sandbox import ASKS_ALWAYS, AUTHENTICATES, DECLINED, GOOD, Bank

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def setup(api: stripe.StripeClient, acme: stripe.Customer) -> stripe.checkout.Session:
    terms: Any = setup_terms(customer=acme.id)
    return api.v1.checkout.sessions.create(terms)


def url_of(session: stripe.checkout.Session) -> str:
    assert session.url
    return session.url


def test_a_card_is_saved_and_nothing_is_charged(
    bank: Bank, api: stripe.StripeClient, acme: stripe.Customer, setup: stripe.checkout.Session
) -> None:
    assert (setup.payment_status, setup.amount_total, setup.status) == ("no_payment_required", None, "open")
    page = bank.get(url_of(setup)).text
    assert "Nothing is charged now" in page
    assert "Back without saving" in page
    answer = bank.pay(url_of(setup))
    assert answer.headers["Location"] == f"http://localhost:8000/cards/saved?session_id={setup.id}"
    done: Any = api.v1.checkout.sessions.retrieve(setup.id, {"expand": ["setup_intent.payment_method"]})
    intent = done.setup_intent
    assert (done.status, done.url, intent.status, intent.usage) == ("complete", None, "succeeded", "off_session")
    assert (intent.description, intent.metadata["customer_id"]) == ("Autopay", "7")
    assert (intent.payment_method.customer, intent.payment_method.card.last4) == (acme.id, "4242")
    assert bank.objects("charge") == []
    types = [event["type"] for event in reversed(bank.objects("event"))]
    assert types[1:] == [
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]
    assert "Saved" in bank.get(url_of(setup)).text


def test_a_declined_card_is_not_saved_and_another_may_be(
    bank: Bank, api: stripe.StripeClient, acme: stripe.Customer, setup: stripe.checkout.Session
) -> None:
    refused = bank.pay(url_of(setup), DECLINED)
    assert refused.status_code == 402
    assert "Nothing was saved" in refused.text
    intent: Any = api.v1.setup_intents.retrieve(str(setup.setup_intent))
    assert (intent.status, intent.last_setup_error.decline_code) == ("requires_payment_method", "generic_decline")
    assert bank.pay(url_of(setup), GOOD).status_code == 303
    assert len(api.v1.customers.payment_methods.list(acme.id).data) == 1


@pytest.mark.parametrize("outcome", ["complete", "fail"])
def test_a_card_that_asks_is_saved_once_its_holder_proves_it(
    bank: Bank, api: stripe.StripeClient, acme: stripe.Customer, setup: stripe.checkout.Session, outcome: str
) -> None:
    asked = bank.pay(url_of(setup), AUTHENTICATES).headers["Location"]
    assert "may be saved" in bank.get(asked).text
    assert "form-action 'self' http://localhost:8000;" in bank.get(asked).headers["Content-Security-Policy"]
    answer = bank.submit(asked, outcome=outcome)
    saved = api.v1.customers.payment_methods.list(acme.id).data
    intent = api.v1.setup_intents.retrieve(str(setup.setup_intent))
    if outcome == "complete":
        assert (answer.status_code, len(saved), intent.status) == (303, 1, "succeeded")
    else:
        assert (answer.status_code, saved, intent.status) == (402, [], "requires_payment_method")


def test_a_bank_debit_may_be_saved_too(
    bank: Bank, api: stripe.StripeClient, acme: stripe.Customer, setup: stripe.checkout.Session
) -> None:
    assert bank.pay(url_of(setup), "", method="us_bank_account").status_code == 303
    assert [m.type for m in api.v1.customers.payment_methods.list(acme.id).data] == ["us_bank_account"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"currency": ""}, "currency"),
        ({"currency": "xyz"}, "currency"),
        ({"success_url": ""}, "success_url"),
        ({"line_items": session_terms()["line_items"]}, "line_items"),
        ({"submit_type": "pay"}, "submit_type"),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data"),
        ({"saved_payment_method_options": {"payment_method_save": "enabled"}}, "saved_payment_method_options"),
    ],
)
def test_setup_mode_refuses_what_belongs_to_a_payment(
    once: stripe.StripeClient, change: dict[str, Any], param: str
) -> None:
    terms: Any = {name: value for name, value in (setup_terms() | change).items() if value != ""}
    with pytest.raises(stripe.InvalidRequestError) as caught:
        once.v1.checkout.sessions.create(terms)
    assert caught.value.param == param


def test_a_payment_refuses_what_belongs_to_setup_mode(once: stripe.StripeClient) -> None:
    terms: Any = session_terms(setup_intent_data={"description": "x"})
    with pytest.raises(stripe.InvalidRequestError, match="in `payment` mode") as caught:
        once.v1.checkout.sessions.create(terms)
    assert caught.value.param == "setup_intent_data"


def test_no_currency_is_needed_where_the_methods_are_named(bank: Bank, api: stripe.StripeClient) -> None:
    terms: Any = setup_terms(allowed_payment_method_types=["card"])
    del terms["currency"]
    session = api.v1.checkout.sessions.create(terms)
    assert session.payment_method_types == ["card"]
    assert 'value="us_bank_account"' not in bank.get(url_of(session)).text


def test_a_setup_that_ran_out_saves_nothing(
    bank: Bank, api: stripe.StripeClient, acme: stripe.Customer, setup: stripe.checkout.Session
) -> None:
    asked = bank.pay(url_of(setup), AUTHENTICATES).headers["Location"]
    assert api.v1.checkout.sessions.expire(setup.id).status == "expired"
    assert api.v1.setup_intents.retrieve(str(setup.setup_intent)).status == "canceled"
    assert "To save a card" in bank.get(url_of(setup)).text
    assert bank.submit(asked, outcome="complete").headers["Location"] == f"/c/pay/{setup.id}"
    assert api.v1.customers.payment_methods.list(acme.id).data == []


def test_setup_intents_are_found_by_customer(api: stripe.StripeClient, setup: stripe.checkout.Session) -> None:
    found = api.v1.setup_intents.list({"customer": str(setup.customer)}).data
    assert [intent.id for intent in found] == [setup.setup_intent]
    assert api.v1.checkout.sessions.line_items.list(setup.id).data == []


def test_cards_are_listed_by_customer_and_a_detached_one_is_spent(buyer: Buyer) -> None:
    card = buyer.save(GOOD)
    methods = buyer.api.v1.payment_methods
    assert [m.id for m in methods.list({"customer": buyer.customer, "type": "card"}).data] == [card.id]
    assert methods.list({"customer": buyer.customer, "type": "sepa_debit"}).data == []
    assert methods.detach(card.id).customer is None
    assert methods.list({"customer": buyer.customer}).data == []
    assert buyer.bank.objects("event")[0]["type"] == "payment_method.detached"
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        buyer.charge(card.id)
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        methods.detach(card.id)


def test_the_page_offers_saved_cards_as_the_merchant_filters_them(
    bank: Bank, buyer: Buyer, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    card = buyer.save(GOOD)
    assert card.allow_redisplay == "limited"
    usual = new_session(customer=buyer.customer)
    assert card.id not in bank.get(url_of(usual)).text
    wide = new_session(
        customer=buyer.customer,
        saved_payment_method_options={
            "payment_method_save": "enabled",
            "allow_redisplay_filters": ["always", "limited"],
        },
    )
    assert card.id in bank.get(url_of(wide)).text
    assert bank.pay(url_of(wide), "", method=card.id).status_code == 303


def test_a_payment_may_save_its_card_for_later_by_itself(
    bank: Bank, buyer: Buyer, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    session = new_session(customer=buyer.customer, payment_intent_data={"setup_future_usage": "off_session"})
    asked = bank.pay(url_of(session), ASKS_ALWAYS).headers["Location"]
    bank.submit(asked, outcome="complete")
    saved = buyer.api.v1.customers.payment_methods.list(buyer.customer).data
    assert [(m.allow_redisplay, m.card and m.card.last4) for m in saved] == [("limited", "3184")]


def test_a_bank_renews_a_saved_card(bank: Bank, buyer: Buyer) -> None:
    card = buyer.save(GOOD)
    bank.control(f"payment_methods/{card.id}/renew", exp_month=3, exp_year=2041, last4="1881")
    renewed: Any = buyer.api.v1.payment_methods.retrieve(card.id)
    assert (renewed.card.exp_month, renewed.card.exp_year, renewed.card.last4) == (3, 2041, "1881")
    told = bank.objects("event")[0]
    assert told["type"] == "payment_method.automatically_updated"
    assert told["data"]["previous_attributes"] == {"card": {"exp_month": 12, "exp_year": 2034, "last4": "4242"}}
