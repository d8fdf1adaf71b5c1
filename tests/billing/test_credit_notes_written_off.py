"""What was written off is not credited as well: the customer would get money for what it never paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import check, corrections, credit_notes, credits, early_discounts, invoices, ledger, payments, write_offs
from billing.credit_notes import CreditContent, Destinations, InvoiceWrittenOff
from billing.db import transaction
from billing.tables import CreditNote, Invoice, Seller, WriteOff
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase
    from tests.world import World

FULL = CreditContent(shape="full", reason_code="error", reason="Billed twice")


@pytest.fixture(autouse=True)
def books(database: TestDatabase) -> Iterator[None]:
    """The books balance after each of these tests."""
    assert database
    yield
    assert check.broken() == []


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def written_off(world: World) -> Invoice:
    invoice = world.overdue()
    write_offs.create(invoice.id, reason="Insolvent", by=world.sam, at=AT)
    return again(invoice)


def written_off_meanwhile(invoice: Invoice) -> None:
    """It is written off although a credit note of it waits: the verb refuses that, older books may hold it."""
    made: WriteOff = WriteOff.create(
        invoice=invoice.id, minor=invoice.balance_minor, currency="GBP", reason="Insolvent", created_by="Sam",
        created_at=AT, status="written_off",
    )  # fmt: skip
    leg = ledger.Leg(
        debit=ledger.BAD_DEBT, credit=ledger.RECEIVABLE, minor=made.minor, currency="GBP",
        customer_id=invoice.customer_id, invoice_id=invoice.id,
    )  # fmt: skip
    with transaction():
        ledger.post(f"write_off:{made.id}:write", "written_off", [leg], on=TODAY, at=AT)
        Invoice.update(paid_at=AT).where(Invoice.id == invoice.id).execute()


def test_a_written_off_invoice_is_not_credited(world: World) -> None:
    invoice = written_off(world)
    with pytest.raises(InvoiceWrittenOff, match="Reverse the write-off first"):
        credit_notes.creditable(invoice.id)
    with pytest.raises(InvoiceWrittenOff):
        credit_notes.propose(invoice.id, FULL, by=world.sam, at=AT)
    with pytest.raises(InvoiceWrittenOff):
        credit_notes.create(invoice.id, FULL, by=world.sam, at=AT)
    with pytest.raises(InvoiceWrittenOff):
        credit_notes.issue_amount(invoice.id, 100, reason_code="fee_waived", reason="Waived", by=world.sam, at=AT)
    assert not CreditNote.select().exists()
    assert credits.available(world.acme.id, "GBP") == []


def test_once_the_write_off_is_reversed_it_may_be_credited(world: World) -> None:
    invoice = written_off(world)
    write_offs.reverse(invoice.id, reason="A credit note is right", by=world.sam, at=AT)
    note = credit_notes.create(invoice.id, FULL, by=world.sam, at=AT)
    assert (note.free_minor, again(invoice).balance_minor) == (0, 0)


def test_a_credit_note_that_waits_is_not_approved_once_its_invoice_is_written_off(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice = world.overdue()
    note = credit_notes.create(invoice.id, FULL, by=world.sam, at=AT)
    written_off_meanwhile(invoice)
    with pytest.raises(InvoiceWrittenOff):
        credit_notes.decide(note.id, approved=True, note="", by=world.ada, at=AT)
    assert CreditNote.get_by_id(note.id).status == "awaiting"
    assert credit_notes.decide(note.id, approved=False, note="", by=world.ada, at=AT).status == "declined"


def test_a_correction_that_waits_is_not_approved_once_its_invoice_is_written_off(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    invoice = world.overdue()
    draft = corrections.start(invoice.id, by=world.sam, at=AT)
    note = corrections.confirm(
        draft.id, reason_code="error", reason="Wrong price", version=draft.version, by=world.sam, at=AT
    )
    written_off_meanwhile(invoice)
    with pytest.raises(InvoiceWrittenOff):
        corrections.decide(note.id, approved=True, note="", by=world.ada, at=AT)
    assert again(draft).status == "draft"
    assert corrections.decide(note.id, approved=False, note="", by=world.ada, at=AT).status == "declined"


def test_no_early_discount_is_given_where_a_part_was_written_off(world: World) -> None:
    said = replace(content(), early_days=10, early_ppm=20_000)
    draft = invoices.draft(world.acme.id, said, by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    minor = invoice.total_minor - 2_328
    kept = CreditContent(
        shape="amount", reason_code="goodwill", reason="Late", gross_minor=minor, destinations=Destinations()
    )
    key = credits.key_of_source(credit_notes.create(world.issued(world.acme).id, kept, by=world.sam, at=AT))
    payments.apply_credit(key, invoice.id, minor - 1, customer_id=world.acme.id, by=world.sam, at=AT)
    write_offs.create(invoice.id, reason="They will not pay it", by=world.sam, at=AT)
    credits.take_back(key, invoice.id, 2_328, reason="Wrong invoice", by=world.sam, at=AT)
    assert again(invoice).balance_minor == 2_328
    assert early_discounts.offer(again(invoice), TODAY) is None
    taken = early_discounts.take_if_earned(invoice.id, paid_on=TODAY + timedelta(days=1), by=world.sam, at=AT)
    assert taken is None
