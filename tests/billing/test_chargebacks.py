"""Chargebacks: a status is a word; what is booked follows the movements of the money, each once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import chargebacks, credits, gateway, payments, refunds
from billing.credits import CreditKey
from billing.tables import Activity, Chargeback, ChargebackMovement, Invoice, Mail, Payment
from tests.billing import paying
from tests.billing.money_back import balance_there, books, paid
from tests.world import AT

if TYPE_CHECKING:
    from billing.tables import Invoice as InvoiceRow
    from tests.billing.paying import Sandbox
    from tests.world import World

LATER = AT + timedelta(minutes=10)


def dispute(sandbox: Sandbox, payment: Payment, **terms: Any) -> str:
    """The payer's bank opens one; gives its id."""
    return str(sandbox.control(f"payments/{payment.intent_id}/dispute", **terms)["id"])


def decide(sandbox: Sandbox, chargeback_id: str, deed: str, **terms: Any) -> Chargeback:
    """What the bank does, and we hear of it."""
    sandbox.control(f"disputes/{chargeback_id}/{deed}", **terms)
    return chargebacks.sync_dispute(chargeback_id, at=AT)


def owed(invoice: InvoiceRow) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def free(payment: Payment) -> int:
    return int(Payment.get_by_id(payment.id).free_minor)


def test_what_the_bank_took_comes_off_the_invoice(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    row = chargebacks.sync_dispute(dispute(sandbox, payment), at=AT)
    assert (row.status, row.withdrawn_minor, row.is_refundable) == ("needs_response", payment.minor, False)
    assert (owed(invoice), free(payment)) == (invoice.total_minor, 0)
    assert books("card_clearing") == balance_there(sandbox)
    assert chargebacks.open_on([invoice.id]) == {invoice.id}
    kinds = {a.kind: a.customer_sees for a in Activity.select().where(Activity.invoice == invoice.id)}
    assert kinds["chargeback_opened"] is False
    assert kinds["credit_taken_back"] is True
    assert Mail.get(Mail.event == "chargeback_opened").recipient == "billing@alderfinch.example"


def test_a_chargeback_that_is_lost_stays_taken(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    told = dispute(sandbox, payment)
    row = decide(sandbox, told, "lose")
    assert (row.status, row.closed_at) == ("lost", AT)
    assert owed(invoice) == invoice.total_minor
    assert ChargebackMovement.select().count() == 1
    assert chargebacks.open_on([invoice.id]) == set()


def test_money_that_comes_back_is_credit_for_staff_to_apply(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    told = dispute(sandbox, payment)
    chargebacks.sync_dispute(told, at=AT)
    row = decide(sandbox, told, "win")
    assert (row.status, row.withdrawn_minor) == ("won", 0)
    assert (owed(invoice), free(payment)) == (invoice.total_minor, payment.minor)
    after = Payment.get_by_id(payment.id)
    assert (after.waiting, after.kept_reason) == (True, "chargeback_won")
    assert books("card_clearing") == balance_there(sandbox)
    payments.apply_credit(
        CreditKey("payment", payment.id), invoice.id, payment.minor, customer_id=world.acme.id, by=world.sam, at=AT
    )
    assert owed(invoice) == 0


def test_an_inquiry_moves_nothing_until_it_becomes_a_chargeback(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    told = dispute(sandbox, payment, inquiry=True)
    row = chargebacks.sync_dispute(told, at=AT)
    assert (row.status, row.withdrawn_minor, owed(invoice)) == ("warning_needs_response", 0, 0)
    assert decide(sandbox, told, "respond").status == "warning_under_review"
    assert decide(sandbox, told, "escalate").withdrawn_minor == payment.minor
    assert owed(invoice) == invoice.total_minor


def test_an_inquiry_that_is_closed_moved_nothing(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    told = dispute(sandbox, paid(world, sandbox, invoice), inquiry=True)
    assert decide(sandbox, told, "close").status == "warning_closed"
    assert owed(invoice) == 0
    assert not ChargebackMovement.select().exists()


def test_a_prevented_chargeback_is_gone_without_a_fee(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    fees_before = None
    payment = paid(world, sandbox, invoice)
    fees_before = books("card_fees")
    row = decide(sandbox, dispute(sandbox, payment, inquiry=True), "prevent")
    assert (row.status, row.withdrawn_minor) == ("prevented", payment.minor)
    assert books("card_fees") == fees_before


def test_an_appeal_may_win_what_was_lost(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    told = dispute(sandbox, payment)
    decide(sandbox, told, "lose")
    assert decide(sandbox, told, "appeal").closed_at is None
    assert decide(sandbox, told, "lose").status == "lost"
    decide(sandbox, told, "appeal")
    assert decide(sandbox, told, "win").status == "won"
    assert free(payment) == payment.minor


def test_money_reinstated_though_it_was_lost_follows_the_movement_not_the_word(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    told = dispute(sandbox, payment)
    decide(sandbox, told, "lose")
    row = decide(sandbox, told, "reinstate", amount=700)
    assert (row.status, row.withdrawn_minor, free(payment)) == ("lost", payment.minor - 700, 700)


def test_a_part_that_is_asked_back_takes_credit_first_and_then_the_newest_invoice(
    world: World, sandbox: Sandbox
) -> None:
    first, second = world.issued(), world.issued()
    payment = paid(world, sandbox, first, second)
    credits.take_back(CreditKey("payment", payment.id), first.id, 1_000, reason="Wrong", by=world.sam, at=AT)
    chargebacks.sync_dispute(dispute(sandbox, payment, amount=1_500), at=AT)
    assert (free(payment), owed(first), owed(second)) == (0, 1_000, 500)


def test_what_was_given_back_already_is_lost_and_comes_back_first(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refunds.request(
        source=CreditKey("payment", payment.id), minor=payment.minor, method="bank", reason="Paid twice",
        from_invoice_id=invoice.id, by=world.sam, at=AT,
    )  # fmt: skip
    told = dispute(sandbox, payment)
    chargebacks.sync_dispute(told, at=AT)
    assert books("bad_debt") == payment.minor
    decide(sandbox, told, "win")
    assert (books("bad_debt"), free(payment)) == (0, 0)
    assert books("card_clearing") == balance_there(sandbox)


def test_while_the_bank_asks_no_refund_is_made(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    told = dispute(sandbox, payment, amount=500)
    chargebacks.sync_dispute(told, at=AT)
    for method in ("original", "bank"):
        with pytest.raises(refunds.ChargebackOpen):
            refunds.request(
                source=CreditKey("payment", payment.id), minor=100, method=method, reason="Please",
                from_invoice_id=invoice.id, by=world.sam, at=AT,
            )  # fmt: skip
    assert refunds.refundable(payment) == 0


def test_stripe_refuses_a_refund_of_what_is_charged_back_before_we_heard_of_it(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    refund = refunds.request(
        source=CreditKey("payment", payment.id), minor=100, method="original", reason="Please",
        from_invoice_id=invoice.id, by=world.sam, at=AT,
    )  # fmt: skip
    dispute(sandbox, payment)
    after = refunds.send(refund, at=AT)
    assert (after.status, after.failure) == ("failed", "charge_disputed")
    assert free(payment) == 100


def test_the_events_of_a_chargeback_book_each_movement_once(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    told = dispute(sandbox, payment)
    sandbox.control(f"disputes/{told}/win")
    for _ in range(3):
        for event in sandbox.objects("event"):
            assert paying.deliver(event)
    assert ChargebackMovement.select().count() == 2
    assert Mail.select().where(Mail.event == "chargeback_opened").count() == 1


def test_a_sweep_follows_what_no_webhook_told(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    told = dispute(sandbox, payment)
    chargebacks.sync_dispute(told, at=AT)
    sandbox.control(f"disputes/{told}/lose")
    assert chargebacks.sweep(LATER).moved == 1
    assert chargebacks.sweep(LATER).asked == 0
    sandbox.control(f"disputes/{told}/appeal")
    assert chargebacks.sweep(LATER, lost_too=True).moved == 1


def test_a_status_that_comes_late_takes_nothing_back(world: World, sandbox: Sandbox) -> None:
    payment = paid(world, sandbox, world.issued())
    told = dispute(sandbox, payment)
    before = gateway.current().chargeback(told)
    sandbox.control(f"disputes/{told}/win")

    class Stale:
        livemode = False

        def chargeback(self, _: str) -> gateway.Chargeback:
            return before

    chargebacks.sync_dispute(told, at=AT)
    gateway.use(Stale())  # type: ignore[arg-type]  # asked for nothing but the chargeback
    assert chargebacks.sync_dispute(told, at=AT).status == "won"
    paying.use(sandbox)


def test_the_list_begins_with_what_must_be_answered(world: World, sandbox: Sandbox) -> None:
    closed = dispute(sandbox, paid(world, sandbox, world.issued()))
    decide(sandbox, closed, "lose")
    waiting = dispute(sandbox, paid(world, sandbox, world.issued()))
    chargebacks.sync_dispute(waiting, at=AT)
    rows = chargebacks.page()
    assert [(row.id, row.needs_answer, row.is_open) for row in rows] == [(waiting, True, True), (closed, False, False)]
    assert rows[0].customer_name == "Acme"
    assert rows[0].fee_minor == 1_500
    assert len(chargebacks.for_customer(world.acme.id)) == 2
    assert [row.id for row in chargebacks.for_payment(rows[0].payment_id)] == [waiting]
    with pytest.raises(chargebacks.NoSuchChargeback):
        chargebacks.get("dp_none")
