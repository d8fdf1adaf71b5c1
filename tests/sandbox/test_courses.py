"""Money that takes days: refunds that arrive, wait or come back, and bank debits that end in one of three ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.servers_sandbox import REFUNDS_SLOWLY, Bank

if TYPE_CHECKING:
    from tests.sandbox.conftest import Buyer


def told(bank: Bank, prefix: str) -> list[str]:
    return [e["type"] for e in reversed(bank.objects("event")) if e["type"].startswith(prefix)]


def moved(buyer: Buyer) -> int:
    """What the merchant has, fees aside."""
    return sum(m.amount for m in buyer.api.v1.balance_transactions.list({"limit": 100}).auto_paging_iter())


def test_a_cards_refund_is_done_at_once(buyer: Buyer, bank: Bank) -> None:
    refund = buyer.api.v1.refunds.create({"payment_intent": buyer.paid(), "amount": 1_000})
    assert (refund.status, moved(buyer)) == ("succeeded", 9_000)
    assert told(bank, "refund") == ["refund.created"]
    assert bank.submit(f"/_sandbox/refunds/{refund.id}/settle").status_code == 409


def test_a_slow_cards_refund_waits_and_then_arrives(buyer: Buyer, bank: Bank) -> None:
    refund = buyer.api.v1.refunds.create({"payment_intent": buyer.paid(number=REFUNDS_SLOWLY)})
    assert refund.status == "pending"
    assert bank.control(f"refunds/{refund.id}/settle")["status"] == "succeeded"
    assert told(bank, "refund") == ["refund.created", "refund.updated"]


@pytest.mark.parametrize("waits", [False, True], ids=["after_it_succeeded", "while_it_is_pending"])
def test_a_refund_that_fails_says_why_and_gives_the_money_back(buyer: Buyer, bank: Bank, waits: bool) -> None:  # noqa: FBT001 - the two states
    intent_id = buyer.paid(number=REFUNDS_SLOWLY) if waits else buyer.paid()
    refund = buyer.api.v1.refunds.create({"payment_intent": intent_id, "amount": 4_000})
    bank.control(f"refunds/{refund.id}/fail", reason="expired_or_canceled_card")
    failed: Any = buyer.api.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert (failed.failure_balance_transaction.type, moved(buyer)) == ("refund_failure", 10_000)
    assert told(bank, "refund") == ["refund.created", "refund.failed", "refund.updated"]
    charge = buyer.api.v1.charges.retrieve(str(refund.charge))
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert bank.submit(f"/_sandbox/refunds/{refund.id}/fail").status_code == 409
    assert buyer.api.v1.refunds.create({"payment_intent": intent_id}).amount == 10_000


def test_an_unknown_reason_fails_no_refund(buyer: Buyer, bank: Bank) -> None:
    refund = buyer.api.v1.refunds.create({"payment_intent": buyer.paid()})
    assert bank.submit(f"/_sandbox/refunds/{refund.id}/fail", reason="boredom").status_code == 400
    assert buyer.api.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_the_dashboard_refunds_too_and_knows_nothing_of_us(buyer: Buyer, bank: Bank) -> None:
    intent_id = buyer.paid()
    made = bank.control(f"payments/{intent_id}/refund", amount=100, reason="requested_by_customer")
    assert (made["amount"], made["metadata"], made["status"]) == (100, {}, "succeeded")
    assert bank.control(f"payments/{intent_id}/refund")["amount"] == 9_900
    refused = bank.submit(f"/_sandbox/payments/{intent_id}/refund")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "charge_already_refunded")
    assert [r.id for r in buyer.api.v1.refunds.list({"payment_intent": intent_id}).data][-1] == made["id"]


@pytest.fixture
def debit(buyer: Buyer) -> str:
    """A bank debit under way: its intent's id."""
    return buyer.paid(number="", method="us_bank_account")


def test_a_debit_that_settles(buyer: Buyer, bank: Bank, debit: str) -> None:
    assert moved(buyer) == 0
    bank.control(f"payments/{debit}/settle")
    assert moved(buyer) == 10_000
    assert told(bank, "checkout") == ["checkout.session.completed", "checkout.session.async_payment_succeeded"]
    assert bank.submit(f"/_sandbox/payments/{debit}/fail").status_code == 409


def test_a_debit_that_bounces_before_it_succeeded(buyer: Buyer, bank: Bank, debit: str) -> None:
    bank.control(f"payments/{debit}/fail")
    found: Any = buyer.api.v1.payment_intents.retrieve(debit, {"expand": ["latest_charge"]})
    assert (found.status, found.latest_charge.status) == ("requires_payment_method", "failed")
    assert moved(buyer) == 0
    assert told(bank, "charge.dispute") == []


def test_a_debit_that_comes_back_after_it_succeeded(buyer: Buyer, bank: Bank, debit: str) -> None:
    assert bank.submit(f"/_sandbox/payments/{debit}/return").status_code == 409
    bank.control(f"payments/{debit}/settle")
    returned = bank.control(f"payments/{debit}/return", reason="debit_not_authorized")
    assert (returned["status"], returned["reason"]) == ("lost", "debit_not_authorized")
    assert "payment_method_details" not in returned
    assert moved(buyer) == 0
    assert told(bank, "charge.dispute") == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]
    assert buyer.api.v1.payment_intents.retrieve(debit).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        buyer.api.v1.refunds.create({"payment_intent": debit})
    assert caught.value.code == "charge_disputed"


def test_a_debits_refund_is_pending_and_may_fail(buyer: Buyer, bank: Bank, debit: str) -> None:
    bank.control(f"payments/{debit}/settle")
    refund = buyer.api.v1.refunds.create({"payment_intent": debit})
    assert (refund.status, refund.id[:4], moved(buyer)) == ("pending", "pyr_", 0)
    bank.control(f"refunds/{refund.id}/fail", reason="insufficient_funds")
    assert moved(buyer) == 10_000
