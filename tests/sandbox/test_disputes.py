"""Disputes: what the payer's bank takes, asks and gives back, told by balance transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.servers_sandbox import ASKED_ABOUT, DISPUTED, GOOD, Bank

if TYPE_CHECKING:
    from tests.sandbox.conftest import Buyer

BORN = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def of(dispute: dict[str, Any]) -> list[tuple[int, int, str]]:
    """(amount, fee, reporting category) of each movement of a dispute."""
    return [(m["amount"], m["fee"], m["reporting_category"]) for m in dispute["balance_transactions"]]


def told(bank: Bank) -> list[str]:
    """The types of the events about disputes, oldest first."""
    return [e["type"] for e in reversed(bank.objects("event")) if e["type"].startswith("charge.dispute")]


def test_a_disputed_payment_loses_its_money_and_a_fee(buyer: Buyer, bank: Bank) -> None:
    intent_id = buyer.paid()
    made = bank.control(f"payments/{intent_id}/dispute", reason="product_not_received")
    assert (made["status"], made["amount"], made["reason"]) == ("needs_response", 10_000, "product_not_received")
    assert of(made) == [(-10_000, 1_500, "dispute")]
    found: Any = buyer.api.v1.disputes.retrieve(made["id"], {"expand": ["charge", "payment_intent"]})
    assert (found.charge.disputed, found.payment_intent.id, found.is_charge_refundable) == (True, intent_id, False)
    assert found.payment_method_details.card.case_type == "chargeback"
    movement = found.balance_transactions[0]
    assert (movement.type, movement.net, movement.source) == ("adjustment", -11_500, made["id"])
    assert movement.fee_details[0].description == "Dispute fee"
    assert told(bank) == BORN


def test_the_card_for_it_is_disputed_as_soon_as_it_has_paid(buyer: Buyer, bank: Bank) -> None:
    buyer.paid(number=DISPUTED)
    assert [(d["status"], d["reason"]) for d in bank.objects("dispute")] == [("needs_response", "fraudulent")]
    assert bank.objects("checkout.session")[0]["payment_status"] == "paid"


def test_a_part_of_a_payment_may_be_disputed_and_then_another(buyer: Buyer, bank: Bank) -> None:
    intent_id = buyer.paid()
    first = bank.control(f"payments/{intent_id}/dispute", amount=4_000)
    rest = bank.control(f"payments/{first['charge']}/dispute")
    assert [of(each)[0][0] for each in (first, rest)] == [-4_000, -6_000]
    assert bank.submit(f"/_sandbox/payments/{intent_id}/dispute").status_code == 409
    listed = buyer.api.v1.disputes.list({"payment_intent": intent_id}).data
    assert [each.id for each in listed] == [rest["id"], first["id"]]
    assert [d.id for d in buyer.api.v1.disputes.list({"charge": first["charge"], "limit": 1}).data] == [rest["id"]]


def test_a_won_dispute_gives_the_money_back_but_not_the_fee(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute")
    won = bank.control(f"disputes/{made['id']}/win")
    assert (won["status"], won["is_charge_refundable"]) == ("won", True)
    assert of(won) == [(-10_000, 1_500, "dispute"), (10_000, 0, "dispute_reversal")]
    assert told(bank) == [*BORN, "charge.dispute.closed", "charge.dispute.funds_reinstated"]
    listed = buyer.api.v1.balance_transactions.list({"source": made["id"]}).data
    assert sorted(m.amount for m in listed) == [-10_000, 10_000]


def test_a_lost_dispute_moves_nothing_more(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute")
    lost = bank.control(f"disputes/{made['id']}/lose")
    assert (lost["status"], of(lost)) == ("lost", of(made))
    assert told(bank) == [*BORN, "charge.dispute.closed"]
    assert bank.submit(f"/_sandbox/disputes/{made['id']}/lose").status_code == 409


def test_lost_is_not_always_the_end(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute")
    for deed in ("lose", "appeal", "win"):
        made = bank.control(f"disputes/{made['id']}/{deed}")
    assert (made["status"], sum(amount for amount, _, _ in of(made))) == ("won", 0)


def test_money_may_come_back_though_nothing_was_won(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute")
    bank.control(f"disputes/{made['id']}/lose")
    part = bank.control(f"disputes/{made['id']}/reinstate", amount=2_500)
    assert (part["status"], sum(amount for amount, _, _ in of(part))) == ("lost", -7_500)
    assert told(bank)[-1] == "charge.dispute.funds_reinstated"
    assert bank.submit(f"/_sandbox/disputes/{made['id']}/reinstate", amount="7501").status_code == 409
    assert sum(a for a, _, _ in of(bank.control(f"disputes/{made['id']}/reinstate"))) == 0


def test_an_inquiry_moves_no_money_and_its_payment_can_be_refunded(buyer: Buyer, bank: Bank) -> None:
    intent_id = buyer.paid()
    made = bank.control(f"payments/{intent_id}/dispute", inquiry=True)
    assert (made["status"], of(made), made["is_charge_refundable"]) == ("warning_needs_response", [], True)
    assert made["payment_method_details"]["card"]["case_type"] == "inquiry"
    assert buyer.api.v1.refunds.create({"payment_intent": intent_id, "amount": 100}).status == "succeeded"
    closed = bank.control(f"disputes/{made['id']}/close")
    assert (closed["status"], of(closed)) == ("warning_closed", [])
    assert told(bank) == ["charge.dispute.created", "charge.dispute.closed"]


def test_the_card_for_it_is_asked_about(buyer: Buyer, bank: Bank) -> None:
    buyer.paid(number=ASKED_ABOUT)
    assert [(d["status"], of(d)) for d in bank.objects("dispute")] == [("warning_needs_response", [])]


@pytest.mark.parametrize("deed", ["escalate", "lose"])
def test_an_inquiry_may_become_a_chargeback(buyer: Buyer, bank: Bank, deed: str) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute", inquiry=True)
    taken = bank.control(f"disputes/{made['id']}/{deed}")
    assert taken["status"] == {"escalate": "needs_response", "lose": "lost"}[deed]
    assert (of(taken), taken["is_charge_refundable"]) == ([(-10_000, 1_500, "dispute")], False)
    assert taken["payment_method_details"]["card"]["case_type"] == "chargeback"
    assert told(bank)[:3] == [
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
    ]


def test_a_prevented_dispute_takes_the_money_without_a_fee(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute", inquiry=True)
    prevented = bank.control(f"disputes/{made['id']}/prevent")
    assert (prevented["status"], of(prevented)) == ("prevented", [(-10_000, 0, "dispute")])
    assert told(bank)[-1] == "charge.dispute.closed"


def test_a_disputed_payment_cannot_be_refunded_until_every_dispute_allows_it(buyer: Buyer, bank: Bank) -> None:
    intent_id = buyer.paid()
    first = bank.control(f"payments/{intent_id}/dispute", amount=1_000)
    second = bank.control(f"payments/{intent_id}/dispute", amount=2_000)
    bank.control(f"disputes/{first['id']}/win")
    with pytest.raises(stripe.InvalidRequestError, match="has been charged back") as caught:
        buyer.api.v1.refunds.create({"payment_intent": intent_id, "amount": 500})
    assert (caught.value.http_status, caught.value.code) == (400, "charge_disputed")
    bank.control(f"disputes/{second['id']}/win")
    assert buyer.api.v1.refunds.create({"payment_intent": intent_id, "amount": 500}).status == "succeeded"


def test_what_was_refunded_is_not_disputed_again_unless_asked(buyer: Buyer, bank: Bank) -> None:
    intent_id = buyer.paid()
    buyer.api.v1.refunds.create({"payment_intent": intent_id, "amount": 3_000})
    assert bank.control(f"payments/{intent_id}/dispute")["amount"] == 7_000
    assert bank.submit(f"/_sandbox/payments/{intent_id}/dispute", amount="10001").status_code == 400


def test_evidence_is_staged_and_then_submitted(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute")
    disputes = buyer.api.v1.disputes
    staged = disputes.update(
        made["id"], {"evidence": {"customer_name": "Ada"}, "submit": False, "metadata": {"a": "1"}}
    )
    assert (staged.status, staged.evidence.customer_name) == ("needs_response", "Ada")
    sent = disputes.update(made["id"], {"evidence": {"product_description": "Chairs"}})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert sent.metadata.to_dict() == {"a": "1"}


@pytest.mark.parametrize(("words", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
@pytest.mark.parametrize("inquiry", [False, True])
def test_stripes_own_words_decide_a_test_dispute(
    buyer: Buyer,
    bank: Bank,
    words: str,
    status: str,
    inquiry: bool,  # noqa: FBT001 - the two kinds of dispute
) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute", inquiry=inquiry)
    ended = buyer.api.v1.disputes.update(made["id"], {"evidence": {"uncategorized_text": words}})
    assert ended.status == ("warning_closed" if inquiry and status == "won" else status)
    with pytest.raises(stripe.InvalidRequestError, match="can no longer be submitted"):
        buyer.api.v1.disputes.update(made["id"], {"evidence": {"customer_name": "Ada"}})


def test_a_dispute_may_be_accepted(buyer: Buyer, bank: Bank) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute")
    assert buyer.api.v1.disputes.close(made["id"]).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be closed"):
        buyer.api.v1.disputes.close(made["id"])


@pytest.mark.parametrize(
    ("status", "forbidden"),
    [("needs_response", "close"), ("needs_response", "appeal"), ("warning_needs_response", "win"), ("lost", "prevent")],
)
def test_a_bank_does_nothing_out_of_turn(buyer: Buyer, bank: Bank, status: str, forbidden: str) -> None:
    made = bank.control(f"payments/{buyer.paid()}/dispute", inquiry=status.startswith("warning"))
    if status == "lost":
        bank.control(f"disputes/{made['id']}/lose")
    before = bank.objects("dispute")
    assert bank.submit(f"/_sandbox/disputes/{made['id']}/{forbidden}").status_code == 409
    assert bank.objects("dispute") == before


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("payments/pi_none/dispute", {}, 404),
        ("disputes/dp_none/win", {}, 404),
        ("payments/{}/dispute", {"reason": "boredom"}, 400),
        ("payments/{}/dispute", {"colour": "red"}, 400),
        ("payments/{}/dispute", {"amount": "0"}, 400),
        ("payments/{}/return", {}, 409),
    ],
)
def test_what_cannot_be_is_refused(buyer: Buyer, bank: Bank, path: str, fields: dict[str, str], status: int) -> None:
    address = "/_sandbox/" + path.format(buyer.paid(number=GOOD))
    assert bank.submit(address, **fields).status_code == status
    assert bank.objects("dispute") == []
