"""Refunds: committed first, sent once, never more than came, and followed until they arrived or came back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import approvals, check, credit_notes, credits, db, gateway, inbox, refunds, seller
from billing.actors import SYSTEM
from billing.credits import CreditKey
from billing.errors import Refusal
from billing.refunds import booking
from billing.tables import Activity, Allocation, AuditRow, CreditNote, Customer, Invoice, Mail, Payment, Refund, Seller
from tests.billing import paying
from tests.billing.money_back import balance_there, books, by_hand, paid, pay_too_much
from tests.world import AT, line

if TYPE_CHECKING:
    from billing.tables import Invoice as InvoiceRow
    from tests.billing.paying import Sandbox
    from tests.world import World

LATER = AT + timedelta(minutes=10)
NEXT_DAY = AT + timedelta(days=1, minutes=1)


def ask(world: World, payment: Payment, minor: int, **more: Any) -> Refund:
    terms: dict[str, Any] = {"method": "original", "reason": "Sent twice", "by": world.sam, "at": AT} | more
    return refunds.request(source=CreditKey("payment", payment.id), minor=minor, **terms)


def given_back(world: World, payment: Payment, minor: int, **more: Any) -> Refund:
    return refunds.send(ask(world, payment, minor, **more), at=AT)


def owed(invoice: InvoiceRow) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def free(payment: Payment) -> int:
    return int(Payment.get_by_id(payment.id).free_minor)


def test_money_applied_to_an_invoice_goes_back_and_the_invoice_owes_it_again(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = given_back(world, payment, 20_000, from_invoice_id=invoice.id)
    assert (refund.status, refund.invoice_id) == ("succeeded", invoice.id)
    assert owed(invoice) == 20_000
    after = Invoice.get_by_id(invoice.id)
    assert (after.refunded_minor, after.paid_at) == (20_000, None)
    (there,) = sandbox.objects("refund")
    assert (there["amount"], there["metadata"]) == (20_000, {"refund_reference": refund.reference})
    assert books("card_clearing") == balance_there(sandbox)
    kinds = [row.kind for row in Activity.select().where(Activity.invoice == invoice.id).order_by(Activity.sequence)]
    assert kinds[-2:] == ["credit_taken_back", "refunded"]
    assert AuditRow.select().where(AuditRow.action == "refund.made").count() == 1
    assert not check.broken()


def test_credit_that_is_left_of_a_payment_goes_back(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = pay_too_much(world, sandbox, invoice)
    assert free(payment) == payment.minor
    given_back(world, payment, 1_000)
    assert free(payment) == payment.minor - 1_000
    assert owed(invoice) == 0


def test_a_refund_in_part_twice_and_then_in_full(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    for minor in (10_000, 20_000):
        given_back(world, payment, minor, from_invoice_id=invoice.id)
    rest = refunds.refundable(Payment.get_by_id(payment.id))
    assert rest == payment.minor - 30_000
    given_back(world, payment, rest, from_invoice_id=invoice.id)
    assert refunds.refundable(payment) == 0
    assert owed(invoice) == invoice.total_minor
    assert sandbox.objects("charge")[0]["refunded"]
    assert [row.minor for row in refunds.for_invoice(invoice.id)] == [rest, 20_000, 10_000]
    assert refunds.for_payment(payment.id) == refunds.for_invoice(invoice.id)
    assert len(refunds.for_customer(world.acme.id)) == 3


def test_no_more_goes_back_than_came(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    given_back(world, payment, 100_000, from_invoice_id=invoice.id)
    with pytest.raises(refunds.RefundExceedsPayment) as refusal:
        ask(world, payment, 16_401, from_invoice_id=invoice.id)
    assert "£164.00" in refusal.value.message
    assert Refund.select().count() == 1


def test_no_more_goes_back_than_is_free_or_applied_there(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    with pytest.raises(refunds.NothingLeftToRefund):
        ask(world, payment, 1)
    other = world.issued()
    with pytest.raises(refunds.NothingLeftToRefund):
        ask(world, payment, 1, from_invoice_id=other.id)
    assert not Refund.select().exists()


def test_what_makes_no_sense_is_refused_with_words(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    for wrong in ({"minor": 0}, {"minor": 1, "reason": ""}, {"minor": 1, "reason": "x" * 501}):
        with pytest.raises(Refusal) as refusal:
            ask(world, payment, **wrong)
        assert refusal.value.field
    with pytest.raises(refunds.SentInFuture):
        ask(world, payment, 1, method="bank", sent_on=(AT + timedelta(days=2)).date())


def test_a_refund_that_nobody_answered_is_sent_again_under_the_same_key(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    sandbox.control("calls", path="/v1/refunds", failing=1, failing_status=500, failing_after=True)
    refund = given_back(world, payment, 5_000, from_invoice_id=invoice.id)
    assert (refund.status, refund.stripe_id) == ("created", None)
    assert len(sandbox.objects("refund")) == 1
    assert not Mail.select().where(Mail.event == "refund_sent").exists()
    assert refunds.send_due(AT + timedelta(seconds=30)).asked == 0  # the request may still be under way
    assert refunds.send_due(LATER).moved == 1
    assert Refund.get_by_id(refund.id).status == "succeeded"
    assert len(sandbox.objects("refund")) == 1
    assert Mail.select().where(Mail.event == "refund_sent").count() == 1


def test_a_refund_waits_while_there_is_nobody_to_send_it(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    refund = ask(world, paid(world, sandbox, invoice), 5_000, from_invoice_id=invoice.id)
    gateway.use(None)
    assert refunds.send(refund, at=AT).status == "created"
    paying.use(sandbox)
    assert refunds.send_due(LATER).moved == 1


def test_a_key_too_old_to_repeat_is_looked_up_first(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    sandbox.control("calls", path="/v1/refunds", failing=1, failing_status=500, failing_after=True)
    known = given_back(world, payment, 5_000, from_invoice_id=invoice.id)
    sandbox.control("calls", path="/v1/refunds", failing=1, failing_status=500)
    never_made = given_back(world, payment, 6_000, from_invoice_id=invoice.id)
    assert refunds.send_due(NEXT_DAY).moved == 2
    assert {row["amount"] for row in sandbox.objects("refund")} == {5_000, 6_000}
    assert len(sandbox.objects("refund")) == 2
    assert {Refund.get_by_id(row.id).status for row in (known, never_made)} == {"succeeded"}


def test_a_refund_that_stripe_refuses_has_failed_and_its_value_is_credit(world: World, sandbox: Sandbox) -> None:
    """The whole charge was refunded in the dashboard a moment ago, and we have not heard of it."""
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = ask(world, payment, 5_000, from_invoice_id=invoice.id)
    sandbox.control(f"payments/{payment.intent_id}/refund")
    after = refunds.send(refund, at=AT)
    assert (after.status, after.failure) == ("failed", "charge_already_refunded")
    assert free(payment) == 5_000
    assert owed(invoice) == 5_000
    assert Invoice.get_by_id(invoice.id).refunded_minor == 0
    assert not Mail.select().where(Mail.event.in_(["refund_sent", "refund_failed"])).exists()


def test_a_refund_may_fail_days_later(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = given_back(world, payment, 5_000, from_invoice_id=invoice.id)
    sandbox.control(f"refunds/{refund.stripe_id}/fail", reason="expired_or_canceled_card")
    for event in reversed(sandbox.objects("event")):
        paying.deliver(event)
    after = Refund.get_by_id(refund.id)
    assert (after.status, after.failure) == ("failed", "expired_or_canceled_card")
    assert free(payment) == 5_000
    assert owed(invoice) == 5_000
    row = Payment.get_by_id(payment.id)
    assert (row.waiting, row.kept_reason) == (True, "refund_failed")
    assert [waits.why for waits in inbox.waiting()] == [
        "A refund of it came back. Send it another way, or give it a place."
    ]
    assert Mail.select().where(Mail.event == "refund_failed").count() == 1
    assert books("card_clearing") == balance_there(sandbox)
    assert refunds.refundable(row) == payment.minor


def test_a_slow_refund_is_on_its_way_until_it_arrives(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice, "4000000000007726")
    refund = given_back(world, payment, 5_000, from_invoice_id=invoice.id)
    assert refund.status == "pending"
    assert Mail.select().where(Mail.event == "refund_sent").count() == 1
    assert refunds.send_due(LATER).moved == 0
    sandbox.control(f"refunds/{refund.stripe_id}/settle")
    assert refunds.send_due(LATER).moved == 1
    assert Refund.get_by_id(refund.id).settled_at == LATER
    assert Mail.select().where(Mail.event == "refund_sent").count() == 1


def test_a_refund_made_in_the_dashboard_takes_credit_first_and_then_the_newest_invoice(
    world: World, sandbox: Sandbox
) -> None:
    first, second = world.issued(), world.issued()
    payment = paid(world, sandbox, first, second)
    credits.take_back(CreditKey("payment", payment.id), first.id, 1_000, reason="By mistake", by=world.sam, at=AT)
    sandbox.control(f"payments/{payment.intent_id}/refund", amount=1_500)
    for _ in range(2):
        for event in sandbox.objects("event"):
            assert paying.deliver(event)
    row = Refund.get()
    assert (row.minor, row.needs_review, row.status) == (1_500, True, "succeeded")
    assert (owed(first), owed(second), free(payment)) == (1_000, 500, 0)
    assert [found.id for found in refunds.to_review()] == [row.id]
    refunds.reviewed(row.id, by=world.sam, at=AT)
    assert refunds.to_review() == []


def test_a_dashboard_refund_off_one_invoice_is_counted_there(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    sandbox.control(f"payments/{payment.intent_id}/refund", amount=1_500)
    refunds.sync(sandbox.objects("refund")[0]["id"], at=AT)
    assert Invoice.get_by_id(invoice.id).refunded_minor == 1_500
    assert owed(invoice) == 1_500


def test_money_given_back_twice_is_lost_until_somebody_claims_it(world: World, sandbox: Sandbox) -> None:
    """A person sent it by bank, another pressed Refund in the dashboard."""
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    ask(world, payment, payment.minor, from_invoice_id=invoice.id, method="bank")
    sandbox.control(f"payments/{payment.intent_id}/refund")
    refunds.sync(sandbox.objects("refund")[0]["id"], at=AT)
    assert books("bad_debt") == payment.minor
    assert books("card_clearing") == balance_there(sandbox)
    assert Refund.select().where(Refund.needs_review).count() == 1


def test_a_refund_event_before_the_payments_settles_the_payment_first(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    sandbox.pay(paying.page(paying.begin(invoice, world.alice)))
    sandbox.control(f"payments/{sandbox.objects('payment_intent')[0]['id']}/refund", amount=700)
    assert not Payment.select().exists()
    (told,) = [event for event in sandbox.objects("event") if event["type"] == "refund.created"]
    assert paying.deliver(told)
    assert owed(invoice) == 700
    assert Refund.get().minor == 700


@pytest.mark.parametrize("method", ["bank", "cheque", "cash", "other"])
def test_money_sent_another_way_is_booked_at_once(world: World, sandbox: Sandbox, method: str) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = ask(world, payment, 5_000, from_invoice_id=invoice.id, method=method, sent_on=AT.date())
    assert (refund.status, refund.settled_at) == ("succeeded", AT)
    assert books("bank") == -5_000
    assert refunds.send(refund, at=AT).status == "succeeded"
    assert not sandbox.objects("refund")
    assert Mail.get(Mail.event == "refund_sent").recipient == "alice@acme.example"
    assert owed(invoice) == 5_000


def test_above_the_threshold_a_second_person_decides(world: World, sandbox: Sandbox) -> None:
    Seller.update(approval_over_minor=4_999).execute()
    seller.find()
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = ask(world, payment, 5_000, from_invoice_id=invoice.id)
    assert refund.status == "awaiting"
    assert refunds.send(refund, at=AT).status == "awaiting"
    assert owed(invoice) == 0
    with pytest.raises(approvals.OwnRequest):
        refunds.decide(refund.id, approved=True, by=world.sam, at=AT)
    approved = refunds.decide(refund.id, approved=True, note="Fine", by=world.ada, at=AT)
    assert approved.status == "created"
    assert refunds.send(approved, at=AT).status == "succeeded"
    assert owed(invoice) == 5_000
    with pytest.raises(refunds.RefundDecided):
        refunds.decide(refund.id, approved=False, by=world.ada, at=AT)


def test_what_a_credit_note_gives_goes_back_through_the_payment(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    note = credit_notes.issue_amount(invoice.id, 30_000, reason_code="fee_waived", reason="Broken", by=world.sam, at=AT)
    assert note.free_minor == 30_000
    assert [(found.id, most) for found, most in refunds.charges(note)] == [(payment.id, payment.minor)]
    terms: Any = {"source": CreditKey("credit_note", note.id), "reason": "Broken", "by": world.sam, "at": AT}
    with pytest.raises(refunds.NotGivenBackThatWay):
        refunds.request(minor=1, method="original", **terms)
    with pytest.raises(refunds.NothingLeftToRefund):
        refunds.request(minor=30_001, method="bank", **terms)
    made = refunds.request(minor=20_000, method="original", charge_payment_id=payment.id, **terms)
    refund = refunds.send(made, at=AT)
    assert (refund.status, CreditNote.get_by_id(note.id).free_minor) == ("succeeded", 10_000)
    assert (owed(invoice), free(payment)) == (0, 0)
    assert [row.reference for row in refunds.for_invoice(invoice.id)] == [refund.reference]
    sandbox.control(f"refunds/{refund.stripe_id}/fail", reason="lost_or_stolen_card")
    refunds.sync(str(refund.stripe_id), at=AT)
    assert CreditNote.get_by_id(note.id).free_minor == 30_000
    assert books("card_clearing") == balance_there(sandbox)


def test_what_was_approved_with_its_credit_note_is_not_approved_again(world: World, sandbox: Sandbox) -> None:
    Seller.update(approval_over_minor=0).execute()
    payment = by_hand(world, 100)
    assert ask(world, payment, 50, method="bank", approved=True).status == "succeeded"
    assert ask(world, payment, 50, method="bank").status == "awaiting"


def test_what_is_declined_moves_nothing(world: World, sandbox: Sandbox) -> None:
    Seller.update(approval_over_minor=0).execute()
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = ask(world, payment, 5_000, from_invoice_id=invoice.id, method="bank")
    assert refunds.decide(refund.id, approved=False, note="No", by=world.ada, at=AT).status == "declined"
    assert (owed(invoice), books("bank")) == (0, 0)
    assert refunds.for_customer(world.acme.id) == []


def test_what_was_spent_meanwhile_cannot_be_approved(world: World, sandbox: Sandbox) -> None:
    Seller.update(approval_over_minor=0).execute()
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = ask(world, payment, 5_000, from_invoice_id=invoice.id, method="bank")
    credits.take_back(CreditKey("payment", payment.id), invoice.id, payment.minor, reason="Wrong", by=world.sam, at=AT)
    with pytest.raises(refunds.NothingLeftToRefund):
        refunds.decide(refund.id, approved=True, by=world.ada, at=AT)
    assert Refund.get_by_id(refund.id).status == "awaiting"
    assert approvals.waiting()


def test_a_payment_that_came_another_way_does_not_go_back_to_a_card(world: World, sandbox: Sandbox) -> None:
    with pytest.raises(refunds.NotGivenBackThatWay):
        refunds.request(
            source=CreditKey("payment", by_hand(world, 100).id),
            minor=100, method="original", reason="Sent twice", by=world.sam, at=AT,
        )  # fmt: skip
    assert not Refund.select().exists()


@pytest.mark.race
def test_the_rest_of_a_payment_is_given_back_once_by_twenty_at_once(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    outcomes = paying.at_once(20, lambda: given_back(world, payment, 60_000, from_invoice_id=invoice.id))
    made = [outcome for outcome in outcomes if isinstance(outcome, Refund)]
    assert len(made) == 1
    assert all(isinstance(no, refunds.RefundExceedsPayment) for no in outcomes if no not in made)
    assert sum(row["amount"] for row in sandbox.objects("refund")) == 60_000
    assert owed(invoice) == 60_000


def test_a_refund_of_a_refund_reference_that_somebody_copied_is_booked_as_a_strangers(
    world: World, sandbox: Sandbox
) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = given_back(world, payment, 5_000, from_invoice_id=invoice.id)
    sandbox.client().v1.refunds.create(
        {"payment_intent": str(payment.intent_id), "amount": 5_000, "metadata": {"refund_reference": refund.reference}}
    )
    refunds.sync(sandbox.objects("refund")[0]["id"], at=AT)
    assert Refund.select().count() == 2
    assert Invoice.get_by_id(invoice.id).refunded_minor == 10_000
    assert Allocation.select().where(Allocation.reason == "refund").count() == 2


def test_nobody_is_told_of_what_never_left(world: World, sandbox: Sandbox) -> None:
    assert inbox.waiting() == []
    assert refunds.page() == []
    with pytest.raises(refunds.NoSuchRefund):
        refunds.get(7)
    with pytest.raises(refunds.NoSuchRefund):
        refunds.reviewed(7, by=SYSTEM, at=AT)


def dinars(world: World, sandbox: Sandbox) -> Payment:
    """Acme is billed in dinars, and paid KWD 12.340 by card."""
    Customer.update(currency="KWD").where(Customer.id == world.acme.id).execute()
    return paid(world, sandbox, world.issued(None, line(quantity="1", unit_price="12.340", rate_ppm=0)))


def test_what_a_card_cannot_take_back_exactly_is_refused_before_it_is_booked(world: World, sandbox: Sandbox) -> None:
    payment = dinars(world, sandbox)
    (invoice_id,) = (row.invoice_id for row in Allocation.select())
    with pytest.raises(refunds.NotGivenBackExactly) as refusal:
        ask(world, payment, 5_125, from_invoice_id=invoice_id)
    assert refusal.value.field == "amount"
    assert "5.125 cannot be refunded exactly by card: its last digit must be 0" in refusal.value.message
    assert not Refund.select().exists()
    assert given_back(world, payment, 5_120, from_invoice_id=invoice_id).status == "succeeded"
    assert ask(world, payment, 2_125, method="bank", from_invoice_id=invoice_id).status == "succeeded"


def test_a_refund_that_no_card_takes_fails_instead_of_waiting_for_ever(world: World, sandbox: Sandbox) -> None:
    """Booked by an earlier version, which asked nobody."""
    payment = dinars(world, sandbox)
    (invoice_id,) = (row.invoice_id for row in Allocation.select())
    with db.transaction():
        key = CreditKey("payment", payment.id)
        credits.take_back(key, invoice_id, 5_125, reason="Sent twice", by=world.sam, at=AT)
        refund = Refund.create(
            reference=booking.new_reference(), customer=world.acme.id, payment=payment.id, currency="KWD", minor=5_125,
            method="original", status="created", reason="Sent twice", created_at=AT, created_by=world.sam.key,
        )  # fmt: skip
        booking.book(refund, payment, at=AT)
    after = refunds.send(refund, at=AT)
    assert (after.status, after.failure) == ("failed", "amount_not_exact")
    assert free(payment) == 5_125
    assert not sandbox.objects("refund")
    assert not check.broken()
