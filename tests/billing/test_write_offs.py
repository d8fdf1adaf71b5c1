"""Write-offs: a debt given up, with a second person above the threshold, and reversed when money comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import approvals, check, corrections, credit_notes, credits, customers, invoices, payments, write_offs
from billing.errors import Invalid
from billing.tables import Activity, Invoice, Seller, WriteOff
from tests.admin.arranged import paying
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase
    from tests.world import World


FULL = credit_notes.CreditContent(shape="full", reason_code="error", reason="Billed twice")


@pytest.fixture(autouse=True)
def books(database: TestDatabase) -> Iterator[None]:
    """The books balance after each of these tests."""
    assert database
    yield
    assert check.broken() == []


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def test_a_write_off_gives_up_what_is_owed_and_keeps_the_history(world: World) -> None:
    invoice = world.overdue()
    write_off = write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    after = again(invoice)
    assert (write_off.status, write_off.minor) == ("written_off", 116_400)
    assert (after.status, after.balance_minor, after.written_off_minor) == ("issued", 0, 116_400)
    assert invoices.status_of(after, TODAY) == "written_off"
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 0
    told = Activity.select().where((Activity.invoice == invoice.id) & (Activity.kind == "written_off")).get()
    assert not told.customer_sees


def test_a_reversal_lets_it_owe_again(world: World) -> None:
    invoice = world.overdue()
    write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    after = write_offs.reverse(invoice.id, reason="The administrator pays", by=world.sam, at=AT)
    assert (after.balance_minor, after.written_off_minor, after.paid_at) == (116_400, 0, None)
    assert invoices.status_of(after, TODAY) == "overdue"
    assert WriteOff.get().reverse_reason == "The administrator pays"
    write_offs.create(invoice.id, reason="Insolvent after all", by=world.sam, at=AT)
    assert again(invoice).written_off_minor == 116_400


def test_above_the_threshold_a_second_person_decides(world: World) -> None:
    Seller.update(approval_over_minor=100_000).execute()
    invoice = world.overdue()
    waiting = write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    assert (waiting.status, again(invoice).balance_minor) == ("awaiting", 116_400)
    with pytest.raises(write_offs.WriteOffWaits):
        write_offs.create(invoice.id, reason="Once more", by=world.sam, at=AT)
    with pytest.raises(approvals.OwnRequest):
        write_offs.decide(waiting.id, approved=True, note="", by=world.sam, at=AT)
    assert write_offs.decide(waiting.id, approved=True, note="", by=world.ada, at=AT).status == "written_off"
    assert again(invoice).balance_minor == 0


def test_a_declined_one_changes_nothing_and_may_be_asked_again(world: World) -> None:
    Seller.update(approval_over_minor=0).execute()
    invoice = world.overdue()
    waiting = write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    assert write_offs.decide(waiting.id, approved=False, note="Call first", by=world.ada, at=AT).status == "declined"
    assert again(invoice).balance_minor == 116_400
    assert write_offs.create(invoice.id, reason="Called", by=world.sam, at=AT).status == "awaiting"


def test_an_approval_is_of_the_debt_that_was_asked_for(world: World) -> None:
    Seller.update(approval_over_minor=100_000).execute()
    invoice = world.overdue()
    waiting = write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    credit_notes.issue_amount(invoice.id, 6_400, reason_code="goodwill", reason="Late", by=world.sam, at=AT)
    with pytest.raises(write_offs.DebtChanged):
        write_offs.decide(waiting.id, approved=True, note="", by=world.ada, at=AT)
    assert write_offs.get(waiting.id).status == "awaiting"
    assert write_offs.decide(waiting.id, approved=False, note="", by=world.ada, at=AT).status == "declined"


@pytest.mark.parametrize("status", ["open", "processing"])
def test_a_payment_under_way_stops_it(world: World, status: str) -> None:
    invoice = world.overdue()
    paying(invoice, world, status=status)
    with pytest.raises(invoices.InvoiceBeingPaid):
        write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    assert WriteOff.select().count() == 0


def test_what_owes_nothing_cannot_be_written_off(world: World) -> None:
    draft, void = world.draft(), world.issued()
    invoices.void(void.id, reason="Twice", by=world.sam, at=AT)
    for invoice in (draft, void):
        with pytest.raises(invoices.InvoiceNotIssued):
            write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    given_up = world.issued()
    write_offs.create(given_up.id, reason="Insolvent", by=world.sam, at=AT)
    with pytest.raises(write_offs.NothingOwed):
        write_offs.create(given_up.id, reason="Insolvent", by=world.sam, at=AT)
    with pytest.raises(write_offs.NotWrittenOff):
        write_offs.reverse(world.issued().id, reason="Money came", by=world.sam, at=AT)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_it_says_why(world: World, reason: str) -> None:
    invoice = world.issued()
    with pytest.raises(Invalid):
        write_offs.create(invoice.id, reason=reason, by=world.sam, at=AT)
    write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    with pytest.raises(Invalid):
        write_offs.reverse(invoice.id, reason=reason, by=world.sam, at=AT)


def test_a_written_off_invoice_is_not_voided(world: World) -> None:
    invoice = world.issued()
    write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceHasEffect):
        invoices.void(invoice.id, reason="Twice", by=world.sam, at=AT)


def test_a_credit_note_that_waits_is_decided_first(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    asked_before, invoice = world.overdue(), world.overdue()
    waiting = write_offs.create(asked_before.id, reason="Insolvent", by=world.sam, at=AT)
    for one in (asked_before, invoice):
        credit_notes.create(one.id, FULL, by=world.sam, at=AT)
    with pytest.raises(write_offs.CreditNoteWaits):
        write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    with pytest.raises(write_offs.CreditNoteWaits):
        write_offs.decide(waiting.id, approved=True, note="", by=world.ada, at=AT)
    assert again(asked_before).balance_minor == 116_400
    assert write_offs.decide(waiting.id, approved=False, note="", by=world.ada, at=AT).status == "declined"


def test_a_correction_that_waits_is_decided_before_a_write_off(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice = world.overdue()
    draft = corrections.start(invoice.id, by=world.sam, at=AT)
    correction = corrections.confirm(
        draft.id, reason_code="error", reason="Wrong", version=draft.version, by=world.sam, at=AT
    )
    with pytest.raises(write_offs.CreditNoteWaits):
        write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    assert corrections.decide(correction.id, approved=True, note="", by=world.ada, at=AT).status == "issued"


def test_what_is_owed_again_beside_a_write_off_asks_for_its_reversal(world: World) -> None:
    invoice, minor = world.overdue(), 60_000
    kept = credit_notes.CreditContent(
        shape="amount", reason_code="goodwill", reason="Late", gross_minor=minor,
        destinations=credit_notes.Destinations(),
    )  # fmt: skip
    key = credits.key_of_source(credit_notes.create(world.issued().id, kept, by=world.sam, at=AT))
    payments.apply_credit(key, invoice.id, minor, customer_id=world.acme.id, by=world.sam, at=AT)
    write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    credits.take_back(key, invoice.id, minor, reason="Not theirs", by=world.sam, at=AT)
    with pytest.raises(write_offs.PartWrittenOff, match="Reverse that first"):
        write_offs.create(invoice.id, reason="The rest", by=world.sam, at=AT)
    write_offs.reverse(invoice.id, reason="All at once", by=world.sam, at=AT)
    assert write_offs.create(invoice.id, reason="All of it", by=world.sam, at=AT).minor == 116_400
