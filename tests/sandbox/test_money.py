"""Amounts, refunds and what they may not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from stripe_sandbox import balance, currencies
from tests.sandbox.conftest import session_terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers_sandbox import Bank

    NewSession = Callable[..., stripe.checkout.Session]


def paid_intent(bank: Bank, session: stripe.checkout.Session, **fields: str) -> str:
    assert session.url
    assert bank.pay(session.url, **fields).status_code == 303
    return str(bank.objects("payment_intent")[0]["id"])


@pytest.mark.parametrize(
    ("amount_minor", "currency", "code"),
    [
        (49, "usd", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (49, "jpy", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
        (1_234, "kwd", None),
        (1_250, "ugx", None),
        (500, "xyz", None),
    ],
)
def test_an_amount_stripe_would_not_charge_is_refused(
    once: stripe.StripeClient, amount_minor: int, currency: str, code: str | None
) -> None:
    terms: Any = session_terms(amount_minor, currency)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        once.v1.checkout.sessions.create(terms)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("amount_minor", "currency"), [(50, "usd"), (30, "gbp"), (50, "jpy"), (1_250, "kwd"), (99_999_999, "usd")]
)
def test_the_least_and_the_largest_amount_are_charged(
    new_session: NewSession, amount_minor: int, currency: str
) -> None:
    assert new_session(amount_minor, currency).amount_total == amount_minor


@pytest.mark.parametrize(
    ("amount_minor", "currency", "words"),
    [
        (180_348, "gbp", "£1,803.48"),
        (5, "usd", "$0.05"),
        (5_000, "jpy", "¥5,000"),
        (1_250, "kwd", "KWD\N{NO-BREAK SPACE}1.250"),
        (-100, "eur", "-€1.00"),
    ],
)
def test_amounts_are_written_with_their_currencys_decimals(amount_minor: int, currency: str, words: str) -> None:
    assert currencies.words(amount_minor, currency) == words


def test_the_fee_is_whole_minor_units_rounded_half_up() -> None:
    assert [balance.charge_fee_minor(amount) for amount in (0, 500, 1_000, 12_345)] == [30, 45, 59, 388]


def test_refunds_never_exceed_what_was_paid(bank: Bank, once: stripe.StripeClient, new_session: NewSession) -> None:
    intent_id = paid_intent(bank, new_session(10_000))
    first = once.v1.refunds.create({"payment_intent": intent_id, "amount": 4_000, "reason": "duplicate"})
    assert (first.status, first.amount) == ("succeeded", 4_000)
    with pytest.raises(stripe.InvalidRequestError, match=r"\$70\.00.*greater than unrefunded.*\$60\.00"):
        once.v1.refunds.create({"payment_intent": intent_id, "amount": 7_000})
    rest = once.v1.refunds.create({"payment_intent": intent_id})
    assert rest.amount == 6_000
    with pytest.raises(stripe.InvalidRequestError) as caught:
        once.v1.refunds.create({"payment_intent": intent_id, "amount": 1})
    assert caught.value.code == "charge_already_refunded"
    charge = once.v1.charges.retrieve(str(first.charge), {"expand": ["refunds"]})
    assert (charge.amount_refunded, charge.refunded) == (10_000, True)
    assert charge.refunds is not None
    assert [refund.amount for refund in charge.refunds.data] == [6_000, 4_000]
    moved = once.v1.balance_transactions.list({"limit": 10}).data
    assert sorted(movement.amount for movement in moved) == [-6_000, -4_000, 10_000]


def test_what_was_not_paid_cannot_be_refunded(once: stripe.StripeClient) -> None:
    intent = once.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="successful charge to refund"):
        once.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        once.v1.refunds.create({"amount": 5})


def test_a_debits_refund_is_pending_until_the_bank_has_it(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session()
    intent_id = paid_intent(bank, session, method="us_bank_account")
    bank.control(f"payments/{intent_id}/settle")
    refund = api.v1.refunds.create({"payment_intent": intent_id, "amount": 345})
    assert refund.status == "pending"
    bank.control(f"refunds/{refund.id}/settle")
    assert api.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_a_refund_that_fails_gives_the_money_back(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    intent_id = paid_intent(bank, new_session(10_000))
    refund = api.v1.refunds.create({"payment_intent": intent_id, "amount": 4_000})
    bank.control(f"refunds/{refund.id}/fail")
    failed = api.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    back: Any = failed.failure_balance_transaction
    assert (failed.status, back.amount) == ("failed", 4_000)
    assert api.v1.charges.retrieve(str(refund.charge)).amount_refunded == 0


def test_a_saved_card_is_charged_without_its_holder(
    bank: Bank, api: stripe.StripeClient, new_session: NewSession
) -> None:
    acme = api.v1.customers.create({"email": "acme@example.com"})
    paid_intent(bank, new_session(customer=acme.id), save="1")
    card = api.v1.customers.payment_methods.list(acme.id).data[0]
    intent = api.v1.payment_intents.create(
        {
            "amount": 700,
            "currency": "usd",
            "customer": acme.id,
            "payment_method": card.id,
            "off_session": True,
            "confirm": True,
        }
    )
    assert intent.status == "succeeded"
    with pytest.raises(stripe.CardError) as caught:
        api.v1.payment_intents.create(
            {
                "amount": 700,
                "currency": "usd",
                "payment_method": "pm_card_authenticationRequired",
                "off_session": True,
                "confirm": True,
            }
        )
    assert caught.value.code == "authentication_required"


def test_a_sessions_intent_cannot_be_cancelled_but_another_can(
    bank: Bank, once: stripe.StripeClient, new_session: NewSession
) -> None:
    session = new_session()
    assert session.url
    bank.pay(session.url, "4000000000000002")
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        once.v1.payment_intents.cancel(bank.objects("payment_intent")[0]["id"])
    loose = once.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    assert once.v1.payment_intents.cancel(loose.id).status == "canceled"
