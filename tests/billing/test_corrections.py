"""Corrections: credit and replacement in one step, with what was paid moved along and one mail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import (
    approvals,
    check,
    corrections,
    credit_notes,
    credits,
    customers,
    invoices,
    outbox,
    payments,
    write_offs,
)
from billing.errors import Invalid
from billing.tables import Activity, Allocation, Counter, CreditNote, Invoice, Mail, Seller
from tests.admin.arranged import paying
from tests.world import AT, TODAY, content, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase
    from tests.world import World


@pytest.fixture(autouse=True)
def books(database: TestDatabase) -> Iterator[None]:
    """The books balance after each of these tests."""
    assert database
    yield
    assert check.broken() == []


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def replacement(world: World, original: Invoice, *lines: invoices.LineContent) -> Invoice:
    """The draft that is to replace an invoice, edited to these lines."""
    draft = corrections.start(original.id, by=world.sam, at=AT)
    if lines:
        draft = invoices.edit(draft.id, content(*lines), version=draft.version, by=world.sam, at=AT)
    return draft


def confirm(world: World, draft: Invoice) -> CreditNote:
    return corrections.confirm(
        draft.id, reason_code="error", reason="The price was wrong", version=draft.version, by=world.sam, at=AT
    )


def paid_with_credit(world: World, invoice: Invoice, minor: int) -> None:
    """Another credit note of the customer pays `minor` of an invoice."""
    said = credit_notes.CreditContent(
        shape="amount", reason_code="goodwill", reason="Sorry", gross_minor=minor,
        destinations=credit_notes.Destinations(),
    )  # fmt: skip
    other = credit_notes.create(world.issued().id, said, by=world.sam, at=AT)
    payments.apply_credit(
        credits.key_of_source(other), invoice.id, minor, customer_id=invoice.customer_id, by=world.sam, at=AT
    )


def test_the_replacement_begins_with_the_content_of_the_original(world: World) -> None:
    discount = invoices.DiscountContent(kind="percent", value=100_000)
    original = world.issued(None, line(discount=discount), line("Books", "1.5", "8.125", 0))
    draft = corrections.start(original.id, by=world.sam, at=AT)
    assert (draft.status, draft.replaces_id, draft.total_minor) == ("draft", original.id, original.total_minor)
    assert (draft.subject, draft.po, draft.due_on) == (original.subject, original.po, original.due_on)
    assert [(row.description, row.net_minor) for row in invoices.lines(draft.id)] == [
        (row.description, row.net_minor) for row in invoices.lines(original.id)
    ]
    assert corrections.start(original.id, by=world.sam, at=AT).id == draft.id


def test_what_was_overdue_is_due_by_its_terms_again(world: World) -> None:
    draft = corrections.start(world.overdue().id, by=world.sam, at=AT)
    assert draft.due_on is None


def test_confirming_credits_the_old_and_issues_the_new_at_once(world: World) -> None:
    original = world.issued()
    draft = replacement(world, original, line(unit_price="400"))
    note = confirm(world, draft)
    new = again(draft)
    assert (note.status, note.total_minor, note.replacement_id, note.free_minor) == ("issued", 116_400, draft.id, 0)
    assert (new.status, new.number, new.total_minor, new.balance_minor) == ("issued", "INV-2026-0002", 96_000, 96_000)
    assert invoices.status_of(again(original), TODAY) == "credited"
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 96_000
    assert new.frozen["replaces"] == original.number
    assert corrections.replacement_of(original.id) == new


def test_the_customer_gets_one_mail_about_both(world: World) -> None:
    original = world.issued()
    Mail.update(state="accepted", accepted_at=AT).execute()
    draft = replacement(world, original, line(unit_price="400"))
    note = confirm(world, draft)
    mails = list(Mail.select().where(Mail.state == "queued").order_by(Mail.id))
    assert [(mail.event, mail.recipient) for mail in mails] == [
        (outbox.CORRECTED, "alice@acme.example"), (outbox.CORRECTED, "bob@acme.example"),
    ]  # fmt: skip
    assert {(mail.invoice_id, mail.credit_note_id) for mail in mails} == {(draft.id, note.id)}


def test_what_was_paid_moves_to_the_replacement(world: World) -> None:
    original = world.issued()
    paid_with_credit(world, original, 60_000)
    draft = replacement(world, original, line(unit_price="400"))
    seen = corrections.effect(draft.id, by=world.sam)
    assert (seen.owed_before_minor, seen.owed_after_minor, seen.moved_minor, seen.kept_minor) == (
        56_400,
        36_000,
        60_000,
        0,
    )
    assert seen.sources == (("credit note CN-2026-0001", 60_000),)
    assert (seen.difference_minor, seen.needs_approval) == (-20_400, False)
    confirm(world, draft)
    assert (again(original).balance_minor, again(draft).balance_minor) == (0, 36_000)


def test_what_is_paid_beyond_the_replacement_stays_credit(world: World) -> None:
    original = world.issued()
    paid_with_credit(world, original, 116_400)
    draft = replacement(world, original, line(unit_price="400"))
    seen = corrections.effect(draft.id, by=world.sam)
    assert (seen.owed_after_minor, seen.moved_minor, seen.kept_minor) == (0, 96_000, 20_400)
    confirm(world, draft)
    assert (again(draft).balance_minor, again(draft).paid_at) == (0, AT)
    assert [credit.available_minor for credit in credits.available(world.acme.id, "GBP")] == [20_400]


def test_an_invoice_credited_in_part_keeps_that_credit_and_the_rest_is_credited(world: World) -> None:
    original = world.issued()
    credit_notes.issue_amount(original.id, 16_400, reason_code="goodwill", reason="Late", by=world.sam, at=AT)
    paid_with_credit(world, original, 50_000)
    draft = replacement(world, original, line(unit_price="400"))
    note = confirm(world, draft)
    assert note.total_minor == 100_000
    assert (again(original).balance_minor, again(draft).balance_minor) == (0, 46_000)


def test_both_sides_tell_of_each_other(world: World) -> None:
    original = world.issued()
    draft = replacement(world, original)
    confirm(world, draft)
    for invoice, kind in ((original, "corrected"), (draft, "corrects")):
        told = Activity.get((Activity.invoice == invoice.id) & (Activity.kind == kind))
        assert (told.facts["old_number"], told.facts["number"]) == ("INV-2026-0001", "INV-2026-0002")
        assert told.customer_sees


def test_above_the_threshold_the_whole_waits_and_is_approved_as_a_whole(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    original = world.issued()
    draft = replacement(world, original, line(unit_price="400"))
    note = confirm(world, draft)
    assert (note.status, again(draft).status, again(original).balance_minor) == ("awaiting", "draft", 116_400)
    assert corrections.effect(draft.id, by=world.sam).waiting == note
    (row,) = approvals.waiting()
    assert row.replacement_id == draft.id
    with pytest.raises(invoices.ReplacementWaits):
        invoices.remove_draft(draft.id, version=draft.version, by=world.sam, at=AT)
    with pytest.raises(approvals.OwnRequest):
        corrections.decide(note.id, approved=True, note="", by=world.sam, at=AT)
    corrections.decide(note.id, approved=True, note="Right", by=world.ada, at=AT + timedelta(hours=1))
    assert (again(draft).status, again(original).balance_minor) == ("issued", 0)


def test_a_replacement_changed_after_the_asking_is_not_approved(world: World) -> None:
    Seller.update(approval_over_minor=10_000).execute()
    draft = replacement(world, world.issued())
    note = confirm(world, draft)
    invoices.edit(draft.id, content(line(quantity="9")), version=draft.version, by=world.sam, at=AT)
    with pytest.raises(corrections.ReplacementChanged):
        corrections.decide(note.id, approved=True, note="", by=world.ada, at=AT)
    corrections.decide(note.id, approved=False, note="Changed", by=world.ada, at=AT)
    assert (CreditNote.get_by_id(note.id).status, CreditNote.get_by_id(note.id).replacement_id) == ("declined", None)
    invoices.remove_draft(draft.id, version=again(draft).version, by=world.sam, at=AT)


def test_a_replacement_is_never_issued_alone(world: World) -> None:
    draft = replacement(world, world.issued())
    with pytest.raises(invoices.ReplacementNotAlone):
        invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    ordinary = world.draft()
    with pytest.raises(corrections.NotAReplacement):
        confirm(world, ordinary)


def test_a_failure_in_the_middle_leaves_everything_as_it_was(world: World) -> None:
    original = world.issued()
    paid_with_credit(world, original, 60_000)
    draft = replacement(world, original)
    before = (Allocation.select().count(), Mail.select().count(), Counter.get_by_id("CN-2026").value)
    draft = invoices.edit(
        draft.id, invoices.DraftContent(lines=(), subject="Empty"), version=draft.version, by=world.sam, at=AT
    )
    with pytest.raises(Invalid, match="Add a line first"):
        confirm(world, draft)
    assert (Allocation.select().count(), Mail.select().count(), Counter.get_by_id("CN-2026").value) == before
    assert (again(original).balance_minor, again(original).credited_minor) == (56_400, 0)


def test_what_cannot_be_corrected_says_so(world: World) -> None:
    void, credited, given_up, waiting = (world.issued() for _ in range(4))
    invoices.void(void.id, reason="Twice", by=world.sam, at=AT)
    said = credit_notes.CreditContent(shape="full", reason_code="error", reason="Wrong")
    credit_notes.create(credited.id, said, by=world.sam, at=AT)
    write_offs.create(given_up.id, reason="Insolvent", by=world.sam, at=AT)
    Seller.update(approval_over_minor=0).execute()
    credit_notes.create(waiting.id, said, by=world.sam, at=AT)
    for invoice in (world.draft(), void, credited, given_up, waiting):
        with pytest.raises(corrections.NotCorrectable):
            corrections.start(invoice.id, by=world.sam, at=AT)


def test_a_draft_that_changed_meanwhile_or_is_being_paid_is_refused(world: World) -> None:
    original = world.issued()
    draft = replacement(world, original)
    invoices.edit(draft.id, content(line(quantity="5")), version=draft.version, by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceChanged):
        confirm(world, draft)
    paying(original, world)
    with pytest.raises(invoices.InvoiceBeingPaid):
        confirm(world, again(draft))


def test_a_reason_is_needed(world: World) -> None:
    draft = replacement(world, world.issued())
    with pytest.raises(Invalid):
        corrections.confirm(draft.id, reason_code="", reason="", version=draft.version, by=world.sam, at=AT)
    assert CreditNote.select().count() == 0
