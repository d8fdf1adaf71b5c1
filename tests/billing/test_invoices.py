"""Invoices: draft, edit, issue, void; each verb with its refusals, and nothing left behind by a failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from billing import audit, customers, documents, invoices, outbox, seller
from billing.db import transaction
from billing.errors import Invalid, Missing
from billing.tables import Activity, Invoice, Link, Mail, Posting, Rendering, Transfer
from tests.world import AT, SELLER, TODAY, Pen, content, line

if TYPE_CHECKING:
    from tests.world import World


class Boom(Exception):
    """A failure in the middle of something."""


def test_a_draft_has_no_number_and_its_totals(world: World) -> None:
    draft = invoices.draft(
        world.acme.id, content(line(), line("Water", "1", "10.005", rate_ppm=0)), by=world.sam, at=AT
    )
    assert draft.number is None
    assert (draft.net_minor, draft.tax_minor, draft.total_minor) == (98_001, 19_400, 117_401)
    assert [found.net_minor for found in invoices.lines(draft.id)] == [97_000, 1_001]
    assert [(group.category, group.base_minor) for group in invoices.taxes(draft.id)] == [
        ("S", 97_000),
        ("Z", 1_001),
    ]


def test_issuing_numbers_freezes_books_and_queues_at_once(world: World) -> None:
    invoice = world.issued()
    stored = Invoice.get_by_id(invoice.id)
    assert stored.number == "INV-2026-0001"
    assert (stored.total_minor, stored.balance_minor) == (116_400, 116_400)
    assert stored.due_on == TODAY + timedelta(days=30)
    assert stored.frozen["buyer"]["legal_name"] == "Acme Ltd"
    assert stored.frozen["address"].endswith("/invoices/INV-2026-0001")
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 116_400
    assert {mail.recipient for mail in Mail.select()} == {"alice@acme.example", "bob@acme.example"}
    assert Link.select().count() == 2
    assert documents.state(documents.invoice(invoice.id)) == "queued"
    assert audit.verify() == []


def test_numbers_follow_each_other_through_a_rolled_back_issue(world: World) -> None:
    first = world.issued()
    lost = world.draft()
    with pytest.raises(Boom), transaction():
        invoices.issue(lost.id, on=TODAY, version=1, by=world.sam, at=AT)
        raise Boom
    second = world.issued()
    assert (first.number, second.number) == ("INV-2026-0001", "INV-2026-0002")
    assert invoices.get(lost.id).status == "draft"


def test_a_failed_issue_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = world.draft()
    before = [table.select().count() for table in (Posting, Transfer, Mail, Link, Rendering, Activity)]

    def fail(*_: object, **__: object) -> None:
        raise Boom

    monkeypatch.setattr(audit, "record", fail)  # the last step of the transaction
    with pytest.raises(Boom):
        invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)
    assert [table.select().count() for table in (Posting, Transfer, Mail, Link, Rendering, Activity)] == before
    assert invoices.get(draft.id).number is None


def test_issuing_twice_is_refused(world: World) -> None:
    invoice = world.issued()
    with pytest.raises(invoices.InvoiceNotDraft):
        invoices.issue(invoice.id, on=TODAY, version=None, by=world.sam, at=AT)


def test_issuing_a_draft_that_changed_meanwhile_is_refused(world: World) -> None:
    draft = world.draft()
    invoices.edit(draft.id, content(line(quantity="3")), version=1, by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceChanged):
        invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)


def test_an_issue_date_in_the_future_or_before_the_last_number_is_refused(world: World) -> None:
    world.issued()
    draft = world.draft()
    with pytest.raises(invoices.IssueDateInFuture):
        invoices.issue(draft.id, on=TODAY + timedelta(days=1), version=1, by=world.sam, at=AT)
    with pytest.raises(Exception, match="The last number was given on 22 Nov 2026"):
        invoices.issue(draft.id, on=TODAY - timedelta(days=1), version=1, by=world.sam, at=AT)


def test_a_new_year_begins_a_new_series(world: World) -> None:
    world.issued()
    at = AT.replace(year=2027, month=1, day=4)
    assert world.issued(on=at.date(), at=at).number == "INV-2027-0001"


def test_a_new_prefix_begins_a_series_of_its_own_behind_the_old_one(world: World) -> None:
    before = world.issued()
    seller.save(replace(SELLER, number_prefix="ABC"), version=seller.get().version, by=world.sam, at=AT)
    after = world.issued()
    assert (before.number, after.number) == ("INV-2026-0001", "ABC-2026-0001")
    listed = invoices.portal_page(world.acme.id, tab="all", on=TODAY)
    assert [row.number for row in listed.rows] == [after.number, before.number]


def test_a_draft_without_lines_cannot_be_issued(world: World) -> None:
    draft = invoices.draft(world.acme.id, invoices.DraftContent(lines=()), by=world.sam, at=AT)
    with pytest.raises(Invalid, match="Add a line first"):
        invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)


def test_a_customer_nobody_of_whom_receives_invoices_cannot_be_billed(world: World) -> None:
    details = customers.CustomerDetails(
        name="Quiet", legal_name="Quiet Ltd", address=("1 Lane",), country="GB", currency="GBP"
    )
    quiet = customers.create(details, by=world.sam, at=AT)
    draft = world.draft(quiet)
    with pytest.raises(invoices.NobodyToMail):
        invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)


def test_an_edit_replaces_lines_and_totals(world: World) -> None:
    draft = world.draft()
    edited = invoices.edit(draft.id, content(line(quantity="1")), version=1, by=world.sam, at=AT)
    assert (edited.total_minor, edited.version) == (58_200, 2)
    assert len(invoices.lines(draft.id)) == 1


def test_a_stale_edit_is_refused_and_changes_nothing(world: World) -> None:
    draft = world.draft()
    invoices.edit(draft.id, content(line(quantity="1")), version=1, by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceChanged):
        invoices.edit(draft.id, content(line(quantity="9")), version=1, by=world.ada, at=AT)
    assert invoices.get(draft.id).total_minor == 58_200


def test_an_issued_invoice_cannot_be_edited_or_removed(world: World) -> None:
    invoice = world.issued()
    with pytest.raises(invoices.InvoiceNotDraft):
        invoices.edit(invoice.id, content(), version=invoice.version, by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceNotDraft):
        invoices.remove_draft(invoice.id, version=invoice.version, by=world.sam, at=AT)


def test_a_removed_draft_is_gone(world: World) -> None:
    draft = world.draft()
    invoices.remove_draft(draft.id, version=1, by=world.sam, at=AT)
    with pytest.raises(Missing):
        invoices.get(draft.id)


def test_what_is_wrong_with_a_draft_is_said_at_its_fields(world: World) -> None:
    wrong = invoices.DraftContent(
        lines=(line(description=" "),), subject="x" * 201, issue_on=TODAY, due_on=TODAY - timedelta(days=1)
    )
    with pytest.raises(Invalid) as refused:
        invoices.draft(world.acme.id, wrong, by=world.sam, at=AT)
    assert set(refused.value.problems) == {"lines-0-description", "subject", "due_on"}


def test_voiding_reverses_the_books_and_tells_the_recipients(world: World) -> None:
    invoice = world.issued()
    Mail.update(state="accepted", accepted_at=AT).where(Mail.event == "invoice_issued").execute()
    voided = invoices.void(invoice.id, reason="Billed twice", by=world.sam, at=AT)
    assert (voided.status, voided.balance_minor, voided.number) == ("void", 0, "INV-2026-0001")
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 0
    assert Mail.select().where(Mail.event == "invoice_voided").count() == 2
    assert world.issued().number == "INV-2026-0002"
    assert audit.verify() == []


def test_void_needs_a_reason_and_an_issued_invoice(world: World) -> None:
    invoice = world.issued()
    with pytest.raises(Invalid):
        invoices.void(invoice.id, reason=" ", by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceNotIssued):
        invoices.void(world.draft().id, reason="No", by=world.sam, at=AT)
    invoices.void(invoice.id, reason="No", by=world.sam, at=AT)
    with pytest.raises(invoices.InvoiceNotIssued):
        invoices.void(invoice.id, reason="No", by=world.sam, at=AT)


def test_a_customer_finds_its_own_issued_invoices_alone(world: World) -> None:
    own, foreign = world.issued(), world.issued(world.globex)
    assert invoices.for_customer(world.acme.id, str(own.number)).id == own.id
    for number in (str(foreign.number), "INV-2026-9999", ""):
        with pytest.raises(Missing, match="We cannot find that invoice"):
            invoices.for_customer(world.acme.id, number)


def test_the_first_view_counts_and_later_ones_change_nothing(world: World) -> None:
    invoice = world.issued()
    invoices.record_view(invoice.id, by=world.alice, at=AT)
    invoices.record_view(invoice.id, by=world.bob, at=AT + timedelta(hours=1))
    assert invoices.get(invoice.id).viewed_at == AT
    kinds = [activity.kind for activity in invoices.activities(invoice.id, customer_sees_only=False)]
    assert kinds == ["viewed", "issued"]
    assert [activity.kind for activity in invoices.activities(invoice.id, customer_sees_only=True)] == ["issued"]


def test_an_issued_invoice_reads_sent_once_a_mail_server_took_it(world: World) -> None:
    invoice = world.issued()
    assert invoices.status_of(invoices.get(invoice.id), TODAY) == "issued"
    documents.draw_due(Pen(), lambda _: "<html></html>", at=AT)
    mails = outbox.claim_due(AT)
    assert len(mails) == 2
    outbox.accepted(mails[0], AT)
    assert invoices.status_of(invoices.get(invoice.id), TODAY) == "sent"


def test_overdue_starts_the_day_after_the_due_day(world: World) -> None:
    invoice = world.issued()
    due_on = invoice.due_on or date.max
    assert not invoices.is_overdue(invoice, due_on)
    assert invoices.is_overdue(invoice, due_on + timedelta(days=1))


def test_lists_page_by_key_to_the_end_without_losing_or_repeating(world: World) -> None:
    issued = [world.issued(on=TODAY) for _ in range(7)]
    for tab in ("open", "all"):
        seen: list[str | None] = []
        after: str | None = None
        for _ in range(5):
            page = invoices.portal_page(world.acme.id, tab=tab, on=TODAY, after=after, limit=2)
            seen += [row.number for row in page.rows]
            after = page.after
            if after is None:
                break
        assert sorted(map(str, seen)) == sorted(str(invoice.number) for invoice in issued)


@pytest.mark.parametrize("after", ["", "~", "x", "-1", "9" * 40, "2026-13-45~1", "NaN", "1~2~3"])
def test_a_senseless_key_reads_as_the_first_page(world: World, after: str) -> None:
    world.issued()
    assert len(invoices.portal_page(world.acme.id, tab="open", on=TODAY, after=after).rows) == 1
    assert invoices.admin_page(tab="open", on=TODAY, after=after).first


@pytest.mark.parametrize(
    ("q", "found"), [("inv-", 1), ("INV-2026-0001", 1), ("INV-2026-00012", 0), ("INV\U0010ffff", 0), ("\ud7ff", 0)]
)
def test_staff_search_by_the_beginning_of_a_number(world: World, q: str, found: int) -> None:
    world.issued()
    assert len(invoices.admin_page(tab="all", on=TODAY, q=q).rows) == found


def test_search_takes_wildcards_literally(world: World) -> None:
    world.issued()
    assert invoices.portal_page(world.acme.id, tab="all", on=TODAY, q="october").rows
    assert not invoices.portal_page(world.acme.id, tab="all", on=TODAY, q="%").rows
    assert not invoices.portal_page(world.acme.id, tab="all", on=TODAY, q="o_tober").rows


def test_the_summary_adds_up_what_is_owed(world: World) -> None:
    world.overdue()
    world.issued()
    world.issued(world.globex)
    until = TODAY + timedelta(days=7)
    summary = invoices.portal_summary(world.acme.id, currency="GBP", on=TODAY, soon_until=until)
    (pounds,) = summary.sums
    assert (pounds.currency, pounds.owed_minor, pounds.owed_count) == ("GBP", 232_800, 2)
    assert (pounds.overdue_minor, pounds.overdue_count, pounds.soon_minor, pounds.soon_count) == (116_400, 1, 0, 0)
    assert (pounds.oldest_due_on, pounds.soon_due_on) == (TODAY - timedelta(days=20), None)
    assert summary.counts == {"open": 2, "overdue": 1, "paid": 0, "all": 2}
    assert invoices.admin_counts(on=TODAY) == {
        "all": 3,
        "draft": 0,
        "open": 3,
        "overdue": 1,
        "paid": 0,
        "credited": 0,
        "written_off": 0,
        "void": 0,
    }


@pytest.mark.parametrize("typed", ["INV-2026-0002", "inv-2026-00", "2", "0002", "2026-0002"])
def test_staff_find_a_number_by_its_beginning_or_its_digits(world: World, typed: str) -> None:
    world.issued()
    second = world.issued()
    found = [row.number for row in invoices.admin_page(tab="all", on=TODAY, q=typed).rows]
    assert second.number in found
    assert found == [second.number] or typed.endswith("00")


def test_what_cannot_be_voided_is_refused_before_a_reason_is_asked_for(world: World) -> None:
    invoices.refuse_void(world.issued())
    with pytest.raises(invoices.InvoiceNotIssued):
        invoices.refuse_void(world.draft())
