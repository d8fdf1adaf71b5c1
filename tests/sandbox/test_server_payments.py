"""Payments the merchant's server confirms: with the payer there (3-D Secure by redirect), and without (autopay)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.servers_sandbox import ASKS_ALWAYS, AUTHENTICATES, FAILS_LATER, GOOD, Bank

if TYPE_CHECKING:
    from tests.sandbox.conftest import Buyer

BACK = "http://localhost:8000/invoices/1"


def refused(buyer: Buyer, card: str, **more: Any) -> stripe.CardError:
    with pytest.raises(stripe.CardError) as caught:
        buyer.charge(card, **more)
    return caught.value


def test_a_saved_card_pays_while_its_holder_waits(buyer: Buyer) -> None:
    intent = buyer.charge(buyer.save(GOOD).id, return_url=BACK)
    assert (intent.status, intent.amount_received, intent.next_action) == ("succeeded", 700, None)


@pytest.mark.parametrize(("outcome", "status"), [("complete", "succeeded"), ("fail", "requires_payment_method")])
def test_the_bank_asks_by_redirect_and_leads_back(buyer: Buyer, bank: Bank, outcome: str, status: str) -> None:
    intent: Any = buyer.charge(buyer.save(AUTHENTICATES).id, return_url=BACK)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    assert intent.next_action.redirect_to_url.return_url == BACK
    page = intent.next_action.redirect_to_url.url
    assert "form-action 'self' http://localhost:8000;" in bank.get(page).headers["Content-Security-Policy"]
    answer = bank.submit(page, outcome=outcome)
    end = "succeeded" if outcome == "complete" else "failed"
    assert answer.headers["Location"].startswith(f"{BACK}?payment_intent={intent.id}&")
    assert answer.headers["Location"].endswith(f"redirect_status={end}")
    found: Any = buyer.api.v1.payment_intents.retrieve(intent.id)
    assert found.status == status
    assert (found.last_payment_error is None) == (outcome == "complete")
    again = bank.submit(page, outcome="complete")
    assert again.headers["Location"] == BACK
    assert len(bank.objects("charge")) == (1 if outcome == "complete" else 0)


def test_a_payer_who_is_there_needs_a_way_back(buyer: Buyer) -> None:
    card = buyer.save(GOOD).id
    with pytest.raises(stripe.InvalidRequestError, match="must provide a `return_url`") as caught:
        buyer.charge(card, off_session=False)
    assert caught.value.param == "return_url"
    never: Any = {"enabled": True, "allow_redirects": "never"}
    assert buyer.charge(card, off_session=False, automatic_payment_methods=never).status == "succeeded"


def test_a_payment_may_be_confirmed_in_a_second_call(buyer: Buyer) -> None:
    card = buyer.save(GOOD).id
    begun = buyer.api.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "customer": buyer.customer, "payment_method": card}
    )
    assert begun.status == "requires_confirmation"
    done = buyer.api.v1.payment_intents.confirm(begun.id, {"return_url": BACK})
    assert done.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        buyer.api.v1.payment_intents.confirm(begun.id, {"return_url": BACK})
    assert caught.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize("away", [True, "one_off", "recurring"])
def test_a_saved_card_pays_while_its_holder_is_away(buyer: Buyer, away: bool | str) -> None:  # noqa: FBT001 - Stripe's own parameter
    assert buyer.charge(buyer.save(AUTHENTICATES).id, off_session=away).status == "succeeded"


def test_a_card_that_always_asks_is_declined_while_its_holder_is_away(buyer: Buyer) -> None:
    card = buyer.save(ASKS_ALWAYS).id
    refusal: Any = refused(buyer, card)
    assert (refusal.http_status, refusal.code) == (402, "authentication_required")
    assert refusal.error.decline_code == "authentication_required"
    intent = buyer.api.v1.payment_intents.retrieve(refusal.error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    assert buyer.charge(card, return_url=BACK).status == "requires_action"


def test_a_card_that_fails_later_is_saved_first(buyer: Buyer) -> None:
    card = buyer.save(FAILS_LATER).id
    for more in ({}, {"return_url": BACK}):
        refusal: Any = refused(buyer, card, **more)
        assert (refusal.code, refusal.error.decline_code) == ("card_declined", "generic_decline")
        assert refusal.error.payment_method.id == card
        assert refusal.error.charge in {charge["id"] for charge in buyer.bank.objects("charge")}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("insufficient_funds", "try_again_later"),
        ("lost_card", "do_not_try_again"),
        ("stolen_card", "do_not_try_again"),
        ("pickup_card", "do_not_try_again"),
        ("expired_card", "confirm_card_data"),
        ("do_not_honor", "try_again_later"),
        ("generic_decline", None),
    ],
)
def test_a_saved_card_declines_as_its_bank_decides_until_it_pays_again(
    buyer: Buyer, bank: Bank, code: str, advice: str | None
) -> None:
    card = buyer.save(GOOD).id
    bank.control(f"payment_methods/{card}/decline", code=code)
    refusal: Any = refused(buyer, card)
    assert (refusal.error.decline_code, refusal.error.advice_code) == (code, advice)
    failed: Any = buyer.api.v1.charges.retrieve(refusal.error.charge)
    assert (failed.status, failed.outcome.reason, failed.outcome.advice_code) == ("failed", code, advice)
    bank.control(f"payment_methods/{card}/decline", code="")
    assert buyer.charge(card).status == "succeeded"


def test_a_saved_debit_is_under_way_for_days(buyer: Buyer, bank: Bank) -> None:
    debit = buyer.save("", method="us_bank_account")
    intent = buyer.charge(debit.id)
    assert intent.status == "processing"
    bank.control(f"payments/{intent.id}/settle")
    assert buyer.api.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_method_that_was_used_once_and_not_saved_is_spent(buyer: Buyer, bank: Bank) -> None:
    buyer.paid()
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        buyer.charge(bank.objects("payment_method")[0]["id"])


def test_another_customers_card_is_refused(buyer: Buyer, api: stripe.StripeClient) -> None:
    card = buyer.save(GOOD).id
    globex = api.v1.customers.create({"name": "Globex"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        buyer.charge(card, customer=globex.id)
    assert caught.value.param == "payment_method"


@pytest.mark.parametrize("state", ["fresh", "asked", "declined"])
def test_a_payment_that_is_not_yet_paid_can_be_cancelled(buyer: Buyer, bank: Bank, state: str) -> None:
    if state == "fresh":
        intent_id = buyer.api.v1.payment_intents.create({"amount": 500, "currency": "usd"}).id
    elif state == "asked":
        intent_id = buyer.charge(buyer.save(AUTHENTICATES).id, return_url=BACK).id
    else:
        refusal: Any = refused(buyer, buyer.save(FAILS_LATER).id)
        intent_id = refusal.error.payment_intent.id
    gone = buyer.api.v1.payment_intents.cancel(intent_id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    assert bank.objects("event")[0]["type"] == "payment_intent.canceled"
    if state == "asked":
        assert bank.submit(f"/c/authenticate/{intent_id}", outcome="complete").headers["Location"] == BACK
    assert [c for c in bank.objects("charge") if c["paid"]] == []


def test_a_paid_payment_cannot_be_cancelled(buyer: Buyer) -> None:
    intent = buyer.charge(buyer.save(GOOD).id)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        buyer.api.v1.payment_intents.cancel(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
