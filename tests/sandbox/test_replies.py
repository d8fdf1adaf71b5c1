"""What is answered has the shape of the pinned library's own classes, field by field."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from stripe_sandbox import shapes
from tests.servers_sandbox import AUTHENTICATES, DECLINED, GOOD, Bank

if TYPE_CHECKING:
    from collections.abc import Callable

    import stripe

KINDS = ("customer", "checkout.session", "payment_intent", "charge", "refund", "balance_transaction",
         "payment_method", "event")  # fmt: skip


@pytest.fixture
def busy_bank(bank: Bank, api: stripe.StripeClient, new_session: Callable[..., stripe.checkout.Session]) -> Bank:
    """A bank where a bit of everything has happened."""
    acme = api.v1.customers.create({"email": "acme@example.com", "name": "Acme", "metadata": {"id": "1"}})
    first = new_session(customer=acme.id)
    for number in (DECLINED, GOOD):
        bank.pay(first.url or "", number, save="1")
    asked = new_session(currency="eur")
    page = bank.pay(asked.url or "", AUTHENTICATES).headers["Location"]
    bank.submit(page, outcome="fail")
    for currency, debit in (("usd", "us_bank_account"), ("eur", "sepa_debit"), ("gbp", "bacs_debit")):
        for outcome in ("settle", "fail"):
            session = new_session(currency=currency)
            bank.pay(session.url or "", method=debit)
            bank.control(f"payments/{session.id}/{outcome}")
    new_session(amount_minor=5_000, currency="jpy", customer_email="ada@example.com")
    api.v1.checkout.sessions.expire(new_session().id)
    for intent in bank.objects("payment_intent"):
        if intent["status"] == "succeeded":
            api.v1.refunds.create({"payment_intent": intent["id"], "amount": 100})
    for refund in bank.objects("refund"):
        bank.control(f"refunds/{refund['id']}/fail")
    api.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "customer": acme.id,
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "http://localhost:8000/back",
        }
    )
    return bank


def test_every_object_has_its_documented_shape(busy_bank: Bank) -> None:
    for kind in KINDS:
        found = busy_bank.objects(kind)
        assert found, f"nothing of kind {kind} came to be"
        assert [problem for each in found for problem in shapes.problems(each)] == []


def test_the_object_inside_every_event_has_its_shape_too(busy_bank: Bank) -> None:
    events = busy_bank.objects("event")
    assert {event["type"] for event in events} >= {
        "checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed", "payment_intent.created", "payment_intent.succeeded",
        "payment_intent.processing", "payment_intent.payment_failed", "payment_intent.requires_action",
        "charge.succeeded", "charge.failed", "charge.pending", "charge.refunded", "refund.created",
        "refund.updated", "refund.failed", "payment_method.attached", "customer.created",
    }  # fmt: skip
    assert [p for event in events for p in shapes.problems(event["data"]["object"])] == []


def test_line_items_have_their_shape(
    api: stripe.StripeClient, new_session: Callable[..., stripe.checkout.Session]
) -> None:
    lines = api.v1.checkout.sessions.line_items.list(new_session(12_345).id).data
    assert [line.amount_total for line in lines] == [12_345]
    assert [problem for line in lines for problem in shapes.problems(line.to_dict(for_json=True))] == []


def test_attribute_access_works_on_every_field_that_may_be_null(
    new_session: Callable[..., stripe.checkout.Session],
) -> None:
    session = new_session()
    for name in ("customer", "customer_email", "payment_intent", "setup_intent", "invoice", "shipping_cost"):
        assert getattr(session, name) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "colour: unknown"),
        ({"status": "done"}, "'done' is none of"),
        ({"amount": "5"}, "amount: expected"),
        ({"livemode": None}, "livemode: null is not allowed"),
        ({"amount": ...}, "amount: missing"),
        ({"metadata": []}, "metadata: expected"),
    ],
)
def test_the_check_itself_sees_a_wrong_shape(api: stripe.StripeClient, change: dict[str, Any], words: str) -> None:
    made = api.v1.payment_intents.create({"amount": 500, "currency": "usd"}).to_dict(for_json=True)
    assert shapes.problems(made) == []
    wrong = copy.deepcopy(made) | change
    wrong = {name: value for name, value in wrong.items() if value is not ...}
    assert any(words in problem for problem in shapes.problems(wrong)), shapes.problems(wrong)
