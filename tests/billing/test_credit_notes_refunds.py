"""A credit note whose value goes back to the customer: as money, at once or once a second person said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import approvals, check, corrections, credit_notes, credits, invoices, payments, refunds
from billing.credit_notes import CreditContent, Destinations, RefundPart
from billing.tables import Invoice, Refund, Seller
from tests.billing.money_back import by_hand, paid
from tests.world import AT, TODAY, line

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox
    from tests.world import World


def content(minor: int, method: str, payment_id: int | None = None, gross: int | None = None) -> CreditContent:
    back = Destinations(refund=RefundPart(minor=minor, method=method, payment_id=payment_id))
    return CreditContent(
        shape="amount", reason_code="return", reason="Sent back", gross_minor=gross or minor, destinations=back
    )


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def paid_by_hand(world: World, minor: int = 116_400) -> Invoice:
    invoice, payment = world.issued(), by_hand(world, minor)
    payments.apply_credit(
        credits.key_of_source(payment), invoice.id, minor, customer_id=world.acme.id, by=world.sam, at=AT
    )
    return invoice


def test_what_was_paid_by_card_goes_back_to_the_card(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    note = credit_notes.create(invoice.id, content(116_400, "original", payment.id), by=world.sam, at=AT)
    (unsent,) = credit_notes.unsent_refunds(note)
    assert (unsent.payment_id, unsent.invoice_id, unsent.minor) == (payment.id, invoice.id, 116_400)
    assert refunds.send(unsent, at=AT).status == "succeeded"
    after = again(invoice)
    assert (after.balance_minor, after.credited_minor, after.refunded_minor) == (0, 116_400, 116_400)
    assert invoices.status_of(after, TODAY) == "refunded"
    assert credit_notes.create(world.issued().id, content(100, "cheque"), by=world.sam, at=AT).free_minor == 0


def test_a_part_goes_back_and_the_invoice_reads_paid(world: World) -> None:
    invoice = paid_by_hand(world)
    note = credit_notes.create(invoice.id, content(20_000, "bank"), by=world.sam, at=AT)
    after = again(invoice)
    assert (note.free_minor, after.balance_minor, after.refunded_minor) == (0, 0, 20_000)
    assert invoices.status_of(after, TODAY) == "paid"
    assert Refund.get().status == "succeeded"
    assert check.broken() == []


def test_what_is_credited_and_not_given_back_stays_credit(world: World) -> None:
    invoice = paid_by_hand(world)
    note = credit_notes.create(invoice.id, content(5_000, "cheque", gross=20_000), by=world.sam, at=AT)
    assert note.free_minor == 15_000
    assert invoices.status_of(again(invoice), TODAY) == "paid"
    assert check.broken() == []


def test_who_approves_the_credit_note_approves_its_refund(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice = paid_by_hand(world)
    note = credit_notes.create(invoice.id, content(20_000, "bank"), by=world.sam, at=AT)
    assert Refund.select().count() == 0
    corrections.decide(note.id, approved=True, note="", by=world.ada, at=AT)
    assert approvals.waiting() == []
    assert (Refund.get().status, again(invoice).refunded_minor, again(invoice).balance_minor) == (
        "succeeded",
        20_000,
        0,
    )
    assert check.broken() == []


def test_an_unpaid_invoice_has_nothing_to_give_back_but_the_credit_itself(world: World) -> None:
    invoice = world.issued(None, line(quantity="1", unit_price="100"))
    note = credit_notes.create(invoice.id, content(12_000, "bank"), by=world.sam, at=AT)
    assert (note.free_minor, again(invoice).balance_minor) == (0, 12_000)
    assert Refund.get().credit_note_id == note.id
    assert check.broken() == []


def test_a_refund_needs_a_way_and_an_amount(world: World) -> None:
    invoice = world.issued()
    for wrong in (content(1_000, "gold"), content(0, "bank", gross=100)):
        with pytest.raises(credit_notes.NothingToRefund):
            credit_notes.create(invoice.id, wrong, by=world.sam, at=AT)
