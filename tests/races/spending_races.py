"""Races over what is left of something: a credit, an invoice to credit, a payment to give back."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from billing import chargebacks, credit_notes, db, inbox, ledger, payments, refunds
from billing.credit_notes import CreditContent
from billing.credits import CreditKey
from billing.tables import Allocation, Chargeback, CreditNote, Invoice, Mail, Payment, Refund
from tests.billing import money_back
from tests.races.rounds import Lean, Scene
from tests.races.scenes import Race
from tests.world import AT, line

if TYPE_CHECKING:
    from tests.races.rounds import Round
    from tests.races.scenes import Stage
    from tests.world import World

BIG_INVOICES = 4
CREDIT_MINOR, USED_MINOR = 100_00, 15_00  # six times, and 10.00 are left
CREDITED_MINOR = 300_00  # three times of 1,164.00
REFUNDED_MINOR = 500_00
LOOKS, LOOK_AGAIN_SECONDS = 200, 0.02


def credit_of(world: World, reference: str, minor: int) -> CreditKey:
    """Acme paid so much ahead in cash."""
    with db.transaction():
        made: Payment = Payment.create(
            reference=reference, customer=world.acme.id, currency="GBP", minor=minor, method="Cash", received_at=AT,
            kind="manual",
        )  # fmt: skip
        leg = ledger.Leg(
            debit=ledger.BANK, credit=ledger.CUSTOMER_CREDIT, minor=minor, currency="GBP",
            customer_id=world.acme.id, payment_id=made.id,
        )  # fmt: skip
        ledger.post(f"payment:{made.id}", "payment_received", [leg], on=AT.date(), at=AT)
    return CreditKey("payment", made.id)


def one_credit_by_many(stage: Stage) -> Scene:
    """Everybody applies a part of the same credit, more than there is of it."""
    world = stage.world
    keys = [credit_of(world, f"PAY-CREDIT-{turn}", CREDIT_MINOR) for turn in range(stage.size.rounds)]
    owing = [world.issued(world.acme, line(unit_price="1000000.00")) for _ in range(BIG_INVOICES)]
    times = CREDIT_MINOR // USED_MINOR

    def apply(turn: int, client: int) -> str:
        payments.apply_credit(
            keys[turn], owing[client % BIG_INVOICES].id, USED_MINOR, customer_id=world.acme.id, by=world.alice, at=AT
        )
        return "applied"

    def judge(rounds: list[Round]) -> str:
        for deeds in rounds:
            came = Counter(deed.what for deed in deeds)
            assert came == {"applied": min(times, len(deeds))} | (
                {"409 NotEnoughLeft": len(deeds) - times} if len(deeds) > times else {}
            )
        for payment in Payment.select():
            assert payment.free_minor == CREDIT_MINOR - USED_MINOR * min(times, stage.size.clients)
        assert Allocation.select().count() == min(times, stage.size.clients) * len(rounds)
        return f"{len(rounds)} credits of 100.00, each applied {times} times at 15.00; 10.00 left of each"

    return Scene(apply, judge)


def two_staff_crediting(stage: Stage) -> Scene:
    """Staff credits one invoice from many desks, more than it came to."""
    world, issued = stage.world, [stage.world.issued() for _ in range(stage.size.rounds)]

    def create(turn: int, client: int) -> str:
        content = CreditContent(
            shape="amount", reason_code="goodwill", reason=f"From desk {client}", gross_minor=CREDITED_MINOR
        )
        credit_notes.create(issued[turn].id, content, by=world.sam if client % 2 else world.ada, at=AT)
        return "credited"

    def judge(rounds: list[Round]) -> str:
        most = issued[0].total_minor // CREDITED_MINOR
        for deeds in rounds:
            came = Counter(deed.what for deed in deeds)
            assert came["credited"] == min(most, len(deeds))
            assert set(came) <= {"credited", "409 CreditExceedsInvoice", "409 CreditExceedsGroup"}
        for invoice in Invoice.select():
            assert invoice.credited_minor == CREDITED_MINOR * min(most, stage.size.clients)
        numbers = [note.series_number for note in CreditNote.select().order_by(CreditNote.series_number)]
        assert numbers == list(range(1, len(numbers) + 1)), "no hole in the numbers"
        return f"{len(numbers)} credit notes, {most} on each invoice, numbered without a hole"

    return Scene(create, judge)


def refund_or_chargeback(stage: Stage) -> Scene:
    """Staff gives a payment back from several desks, while the payer's bank takes it back, told many times."""
    world, sandbox = stage.world, stage.sandbox
    paid = [money_back.paid(world, sandbox, world.issued()) for _ in range(stage.size.rounds)]
    invoice_of = {row.payment_id: row.invoice_id for row in Allocation.select()}

    def act(turn: int, client: int) -> str:
        payment = paid[turn]
        if client == 1:
            sandbox.control(f"payments/{payment.intent_id}/dispute")
        if client % 2:
            told = _dispute_of(stage, payment)
            if told is None:
                return "unheard"
            chargebacks.sync_dispute(told, at=AT)
            return "taken"
        refund = refunds.request(
            source=CreditKey("payment", payment.id),
            minor=REFUNDED_MINOR,
            method="original",
            reason="Paid for nothing",
            from_invoice_id=invoice_of[payment.id],
            by=world.sam,
            at=AT,
        )
        return f"refund {refunds.send(refund, at=AT).status}"

    def judge(rounds: list[Round]) -> str:
        came = Counter(deed.what for deeds in rounds for deed in deeds)
        assert set(came) <= {
            "taken", "unheard", "refund succeeded", "refund failed", "refund created",
            "409 ChargebackOpen", "409 RefundExceedsPayment", "422 RefundExceedsPayment",
            "409 NothingLeftToRefund", "422 NothingLeftToRefund",
        }, came  # fmt: skip
        for dispute in _all_disputes(stage):
            chargebacks.sync_dispute(dispute, at=AT)
        for refund in Refund.select().where(Refund.status == "created"):
            refunds.send(refund, at=AT)
        assert Chargeback.select().count() == len(rounds)
        assert Refund.select().where(Refund.status == "created").count() == 0
        assert money_back.books(ledger.CARD_CLEARING) == money_back.balance_there(sandbox), "the same money there"
        given = Refund.select().where(Refund.status == "succeeded").count()
        refused = came["409 ChargebackOpen"] + came["refund failed"]
        assert len(rounds) < 10 or min(given, refused), "one side always comes first"
        return f"{len(rounds)} chargebacks, {given} refunds before them, {refused} refused or failed after them"

    return Scene(
        act,
        judge,
        arrive=stage.go_there,
        lean=Lean(frozenset({"refund succeeded"}), step_seconds=0.03, side=lambda client: client % 2 == 0),
    )


def _dispute_of(stage: Stage, payment: Payment) -> str | None:
    """As a webhook would tell: the dispute of a payment, as soon as there is one."""
    for _ in range(LOOKS):
        for dispute in stage.sandbox.objects("dispute")[:5]:
            if dispute["payment_intent"] == payment.intent_id:
                return str(dispute["id"])
        time.sleep(LOOK_AGAIN_SECONDS)
    return None


def _all_disputes(stage: Stage) -> list[str]:
    listed = stage.sandbox.client().v1.disputes.list({"limit": 100})
    return [dispute.id for dispute in listed.auto_paging_iter()]


def one_refund_by_many(stage: Stage) -> Scene:
    """Several workers send the same refund."""
    world, sandbox = stage.world, stage.sandbox
    waiting = []
    for _ in range(stage.size.rounds):
        invoice = world.issued()
        payment = money_back.paid(world, sandbox, invoice)
        waiting.append(
            refunds.request(
                source=CreditKey("payment", payment.id),
                minor=REFUNDED_MINOR,
                method="original",
                reason="Paid for nothing",
                from_invoice_id=invoice.id,
                by=world.sam,
                at=AT,
            )
        )

    def send(turn: int, _: int) -> str:
        return str(refunds.send(waiting[turn], at=AT).status)

    def judge(rounds: list[Round]) -> str:
        came = Counter(deed.what for deeds in rounds for deed in deeds)
        assert set(came) <= {"succeeded", "created"}, "sent, or not known yet"
        listed = list(sandbox.client().v1.refunds.list({"limit": 100}).auto_paging_iter())
        assert len(listed) == len(rounds), "one at the provider"
        for refund in Refund.select().where(Refund.status == "created"):
            refunds.send(refund, at=AT)
        assert {refund.status for refund in Refund.select()} == {"succeeded"}
        told = Counter(mail.key for mail in Mail.select().where(Mail.event == "refund_sent"))
        assert set(told.values()) == {1}, "told once"
        assert money_back.books(ledger.CARD_CLEARING) == money_back.balance_there(sandbox), "the same money there"
        assert inbox.waiting() == []
        calls = stage.calls_of("refunds")
        return f"{len(listed)} refunds at the provider of {calls} calls; {came['created']} heard no answer yet"

    return Scene(send, judge, arrive=stage.go_there)


SPENDING = (
    Race("one-credit", "33", "many apply the same credit", one_credit_by_many),
    Race("crediting", "", "staff credits one invoice from many desks", two_staff_crediting),
    Race("refund-or-chargeback", "", "staff gives back what the bank takes back", refund_or_chargeback),
    Race("one-refund", "", "several workers send the same refund", one_refund_by_many),
)
