"""Credit notes: what they come to, who issues them, and where their value goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from peewee import DatabaseError

from billing import approvals, check, credit_notes, credits, customers, db, documents, invoices, ledger, payments
from billing.actors import SYSTEM
from billing.credit_notes import CreditContent, Destinations, LinePart
from billing.errors import Invalid, Missing, Refusal
from billing.tables import Activity, AuditRow, Counter, CreditNote, Invoice, Mail, Seller
from tests.billing.paying import at_once
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


def full(reason: str = "Billed twice") -> CreditContent:
    return CreditContent(shape="full", reason_code="error", reason=reason)


def of_amount(minor: int, destinations: Destinations | None = None) -> CreditContent:
    return CreditContent(
        shape="amount", reason_code="goodwill", reason="For the wait", gross_minor=minor, destinations=destinations
    )


def of_lines(*parts: LinePart) -> CreditContent:
    return CreditContent(shape="lines", reason_code="return", reason="Sent back", lines=parts)


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def line_ids(invoice: Invoice) -> list[int]:
    return [row.id for row in invoices.lines(invoice.id)]


def approval_above(minor: int | None) -> None:
    Seller.update(approval_over_minor=minor).execute()


def groups(note: CreditNote) -> list[tuple[str, int, int, int]]:
    return [(row.category, row.rate_ppm, row.base_minor, row.tax_minor) for row in credit_notes.taxes(note.id)]


def test_a_full_credit_takes_the_whole_invoice_back(world: World) -> None:
    invoice = world.issued()
    note = credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    assert (note.status, note.number, note.total_minor, note.free_minor) == ("issued", "CN-2026-0001", 116_400, 0)
    assert (again(invoice).balance_minor, again(invoice).credited_minor) == (0, 116_400)
    assert invoices.status_of(again(invoice), TODAY) == "credited"
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 0
    assert documents.state(documents.credit_note(note.id)) == "queued"
    assert [row.description for row in credit_notes.lines(note.id)] == ["Espresso machine lease"]


def test_it_has_a_series_of_its_own_without_holes(world: World) -> None:
    numbers = [credit_notes.create(world.issued().id, of_amount(100), by=world.sam, at=AT).number for _ in range(3)]
    assert numbers == ["CN-2026-0001", "CN-2026-0002", "CN-2026-0003"]
    with pytest.raises(Refusal), db.transaction():
        credit_notes.create(world.issued().id, of_amount(999_999), by=world.sam, at=AT)
    assert Counter.get_by_id("CN-2026").value == 3
    Seller.update(credit_prefix="GS").execute()
    assert credit_notes.create(world.issued().id, full(), by=world.sam, at=AT).number == "GS-2026-0001"


def test_what_is_frozen_names_the_invoice_and_never_changes(world: World) -> None:
    invoice = world.issued()
    note = credit_notes.create(invoice.id, full("Billed twice"), by=world.sam, at=AT)
    assert note.frozen["invoice"] == {"number": invoice.number, "issue_on": "2026-11-22", "total_minor": 116_400}
    assert (note.frozen["reason_words"], note.frozen["reason"]) == ("Billing error", "Billed twice")
    assert note.frozen["buyer"] == invoice.frozen["buyer"]
    for change in (
        {"reason": "Another"},
        {"number": "CN-1"},
        {"issue_on": TODAY - timedelta(days=1)},
        {"currency": "EUR"},
    ):
        with pytest.raises(DatabaseError), db.transaction():
            CreditNote.update(**change).execute()


def test_its_recipients_are_mailed_once_with_a_link_to_the_invoice(world: World) -> None:
    invoice = world.issued()
    note = credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    mails = list(Mail.select().where(Mail.event == "credit_note_issued").order_by(Mail.id))
    assert [mail.recipient for mail in mails] == ["alice@acme.example", "bob@acme.example"]
    assert {(mail.invoice_id, mail.credit_note_id) for mail in mails} == {(invoice.id, note.id)}
    assert len({mail.context["link_id"] for mail in mails}) == 2


def test_the_invoice_tells_what_was_credited_and_the_audit_who_did_it(world: World) -> None:
    invoice = world.issued()
    credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    kinds = [row.kind for row in Activity.select().where(Activity.invoice == invoice.id).order_by(Activity.sequence)]
    assert kinds[-2:] == ["credited", "credit_applied"]
    last = AuditRow.select().order_by(AuditRow.sequence.desc()).get()
    assert (last.action, last.actor.endswith("Sam Reyes")) == ("credit_note.issued", True)


def test_an_amount_is_taken_with_its_tax_inside(world: World) -> None:
    invoice = world.issued()
    note = credit_notes.create(invoice.id, of_amount(12_000), by=world.sam, at=AT)
    assert (note.net_minor, note.tax_minor, note.total_minor) == (10_000, 2_000, 12_000)
    assert again(invoice).balance_minor == 116_400 - 12_000
    assert ledger.posted(f"credit_note:{note.id}:issue")


def test_an_amount_is_spread_over_the_tax_groups_by_what_is_left_of_them(world: World) -> None:
    invoice = world.issued(None, line(quantity="1", unit_price="100"), line(quantity="1", unit_price="120", rate_ppm=0))
    note = credit_notes.create(invoice.id, of_amount(12_000), by=world.sam, at=AT)
    assert groups(note) == [("S", 200_000, 5_000, 1_000), ("Z", 0, 6_000, 0)]


def test_lines_are_credited_by_quantity_or_by_a_net_amount_at_their_own_rates(world: World) -> None:
    invoice = world.issued(
        None, line(quantity="3", unit_price="33.33"), line("Beans", "2", "10", 50_000), line("Books", "1", "8", 0)
    )
    first, second, third = line_ids(invoice)
    note = credit_notes.create(
        invoice.id,
        of_lines(
            LinePart(line_id=first, quantity=Decimal(1)),
            LinePart(line_id=second, net_minor=500),
            LinePart(line_id=third, quantity=Decimal(1)),
        ),
        by=world.sam,
        at=AT,
    )
    assert groups(note) == [("S", 200_000, 3_333, 667), ("S", 50_000, 500, 25), ("Z", 0, 800, 0)]
    assert [(row.quantity, row.net_minor) for row in credit_notes.lines(note.id)] == [
        ("1", 3_333),
        ("", 500),
        ("1", 800),
    ]


def test_a_line_is_worth_what_it_came_to_after_every_discount(world: World) -> None:
    ten_off = invoices.DiscountContent(kind="percent", value=100_000)
    said = replace(content(line(quantity="2", unit_price="50", discount=ten_off)), discount=ten_off)
    draft = invoices.draft(world.acme.id, said, by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT)
    left = credit_notes.creditable(invoice.id)
    assert [row.left_minor for row in left.lines] == [8_100]
    part = LinePart(line_id=line_ids(invoice)[0], quantity=Decimal(1))
    assert credit_notes.create(invoice.id, of_lines(part), by=world.sam, at=AT).net_minor == 4_050


def test_the_last_credit_takes_the_remainder_of_each_group(world: World) -> None:
    invoice = world.issued(None, line(quantity="3", unit_price="0.33"), line("Beans", "1", "0.07", 50_000))
    one = LinePart(line_id=line_ids(invoice)[0], quantity=Decimal(1))
    notes = [credit_notes.create(invoice.id, of_lines(one), by=world.sam, at=AT) for _ in range(2)]
    notes.append(credit_notes.create(invoice.id, full(), by=world.sam, at=AT))
    assert sum(note.total_minor for note in notes) == invoice.total_minor
    assert [note.tax_minor for note in notes] == [7, 7, invoice.tax_minor - 14]


def test_a_full_credit_after_an_amount_says_what_was_credited_before(world: World) -> None:
    invoice = world.issued()
    credit_notes.create(invoice.id, of_amount(12_000), by=world.sam, at=AT)
    note = credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    assert note.total_minor == 104_400
    assert [(row.description, row.net_minor) for row in credit_notes.lines(note.id)] == [
        ("Espresso machine lease", 87_000)
    ]


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (of_amount(116_401), credit_notes.CreditExceedsInvoice),
        (replace(of_amount(100), gross_minor=0), Invalid),
        (replace(full(), reason=" "), Invalid),
        (replace(full(), reason="x" * 501), Invalid),
        (replace(full(), reason_code="because"), Invalid),
        (of_lines(), Invalid),
        (of_lines(LinePart(line_id=999_999, quantity=Decimal(1))), credit_notes.NotALineOfInvoice),
    ],
)
def test_what_cannot_be_credited_is_refused_and_leaves_nothing(
    world: World, said: CreditContent, refusal: type[Refusal]
) -> None:
    invoice = world.issued()
    for verb in (credit_notes.propose, credit_notes.create):
        with pytest.raises(refusal):
            verb(invoice.id, said, by=world.sam, at=AT)
    assert (CreditNote.select().count(), again(invoice).balance_minor) == (0, 116_400)


@pytest.mark.parametrize(
    "part",
    [{"quantity": Decimal(3)}, {"net_minor": 97_001}, {"quantity": Decimal(-1)}, {"net_minor": -1}],
)
def test_no_more_than_what_is_left_of_a_line(world: World, part: dict[str, Any]) -> None:
    invoice = world.issued()
    with pytest.raises(credit_notes.CreditExceedsLine):
        credit_notes.create(invoice.id, of_lines(LinePart(line_id=line_ids(invoice)[0], **part)), by=world.sam, at=AT)


def test_a_line_that_credits_nothing_is_no_credit_note(world: World) -> None:
    invoice = world.issued()
    nothing = of_lines(LinePart(line_id=line_ids(invoice)[0], quantity=Decimal(0)))
    with pytest.raises(credit_notes.NothingCredited):
        credit_notes.create(invoice.id, nothing, by=world.sam, at=AT)


def test_drafts_void_and_fully_credited_invoices_are_not_credited(world: World) -> None:
    draft, void, done = world.draft(), world.issued(), world.issued()
    invoices.void(void.id, reason="Twice", by=world.sam, at=AT)
    credit_notes.create(done.id, full(), by=world.sam, at=AT)
    for invoice in (draft, void):
        with pytest.raises(credit_notes.InvoiceNotCreditable):
            credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    with pytest.raises(credit_notes.NothingLeftToCredit):
        credit_notes.create(done.id, full(), by=world.sam, at=AT)
    with pytest.raises(Missing):
        credit_notes.create(999_999, full(), by=world.sam, at=AT)


def test_a_proposal_writes_nothing_and_says_what_would_come_of_it(world: World) -> None:
    invoice = world.issued()
    before = AuditRow.select().count()
    preview = credit_notes.propose(invoice.id, of_amount(20_000), by=world.sam, at=AT)
    assert (preview.figures.total_minor, preview.left_after_minor, preview.kept_minor) == (20_000, 96_400, 0)
    assert [(paid.id, minor) for paid, minor in preview.paid] == [(invoice.id, 20_000)]
    assert not preview.needs_approval
    assert (CreditNote.select().count(), AuditRow.select().count()) == (0, before)


def test_the_value_goes_where_staff_says_and_the_rest_stays_credit(world: World) -> None:
    invoice, other = world.issued(), world.issued()
    chosen = Destinations(invoices=((other.id, 5_000), (invoice.id, 1_000)))
    note = credit_notes.create(invoice.id, of_amount(10_000, chosen), by=world.sam, at=AT)
    assert (again(other).balance_minor, again(invoice).balance_minor) == (111_400, 115_400)
    assert note.free_minor == 4_000
    assert [credit.available_minor for credit in credits.available(world.acme.id, "GBP")] == [4_000]
    assert [(row.invoice_id, row.minor) for row in credit_notes.applied(note.id)] == [
        (other.id, 5_000),
        (invoice.id, 1_000),
    ]


def test_destinations_stay_with_the_customer_and_within_what_is_owed(world: World) -> None:
    invoice, strange = world.issued(), world.issued(world.globex)
    for wrong, refusal in (
        (((strange.id, 100),), credit_notes.DestinationNotOpen),
        (((invoice.id, 116_401),), credit_notes.DestinationsExceedCredit),
        (((invoice.id, 20_000),), credit_notes.DestinationsExceedCredit),
    ):
        with pytest.raises(refusal):
            credit_notes.create(invoice.id, of_amount(10_000, Destinations(invoices=wrong)), by=world.sam, at=AT)


def test_crediting_a_paid_invoice_leaves_the_customer_the_credit(world: World) -> None:
    invoice = world.issued()
    credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    other = world.issued()
    note = credit_notes.create(other.id, of_amount(100), by=world.sam, at=AT)
    for reason in (" ", "x" * 501):
        with pytest.raises(Invalid, match="Say why"):
            credits.take_back(
                credits.CreditKey("credit_note", note.id), other.id, 100, reason=reason, by=world.sam, at=AT
            )
    credits.take_back(credits.CreditKey("credit_note", note.id), other.id, 100, reason="Wrong one", by=world.sam, at=AT)
    assert CreditNote.get_by_id(note.id).free_minor == 100
    assert again(other).balance_minor == 116_400


def test_above_the_threshold_it_waits_and_reserves_what_it_credits(world: World) -> None:
    approval_above(10_000)
    invoice = world.issued()
    assert credit_notes.create(invoice.id, of_amount(10_000), by=world.sam, at=AT).status == "issued"
    note = credit_notes.create(invoice.id, of_amount(106_000), by=world.sam, at=AT)
    assert (note.status, note.number, again(invoice).credited_minor) == ("awaiting", None, 10_000)
    assert credit_notes.creditable(invoice.id).total_minor == 400
    with pytest.raises(credit_notes.CreditExceedsInvoice):
        credit_notes.create(invoice.id, of_amount(401), by=world.sam, at=AT)
    assert Mail.select().where(Mail.event == "credit_note_issued").count() == 2
    assert [(row.kind, row.subject_id, row.minor, row.requested_by) for row in approvals.waiting()] == [
        ("credit_note", note.id, 106_000, "Sam Reyes")
    ]


def test_a_second_person_approves_and_it_is_issued_on_that_day(world: World) -> None:
    approval_above(10_000)
    invoice = world.issued()
    note = credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    later = AT + timedelta(days=2)
    decided = credit_notes.decide(note.id, approved=True, note="Fine", by=world.ada, at=later)
    assert (decided.status, decided.number, decided.issue_on) == ("issued", "CN-2026-0001", later.date())
    assert again(invoice).balance_minor == 0
    assert approvals.waiting() == []
    with pytest.raises(approvals.AlreadyDecided):
        credit_notes.decide(note.id, approved=False, note="", by=world.ada, at=later)


def test_a_declined_one_gives_back_what_it_reserved(world: World) -> None:
    approval_above(10_000)
    invoice = world.issued()
    note = credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    declined = credit_notes.decide(note.id, approved=False, note="Not ours", by=world.ada, at=AT)
    assert (declined.status, declined.number) == ("declined", None)
    assert credit_notes.creditable(invoice.id).total_minor == 116_400
    assert again(invoice).balance_minor == 116_400
    assert Counter.get_or_none(Counter.key == "CN-2026") is None


def test_what_the_invoice_paid_off_meanwhile_stays_credit(world: World) -> None:
    approval_above(10_000)
    invoice = world.issued()
    note = credit_notes.create(invoice.id, of_amount(100_000), by=world.sam, at=AT)
    credit_notes.issue_amount(invoice.id, 16_000, reason_code="early_payment", reason="Paid early", by=SYSTEM, at=AT)
    other = world.issued()
    credit = credit_notes.create(other.id, of_amount(10_000, Destinations()), by=world.sam, at=AT)
    payments.apply_credit(
        credits.CreditKey("credit_note", credit.id), invoice.id, 10_000, customer_id=world.acme.id, by=world.sam, at=AT
    )
    decided = credit_notes.decide(note.id, approved=True, note="", by=world.ada, at=AT)
    assert (again(invoice).balance_minor, decided.free_minor) == (0, 9_600)


def test_a_rule_credits_without_approval(world: World) -> None:
    approval_above(0)
    invoice = world.issued()
    note = credit_notes.issue_amount(
        invoice.id, 2_328, reason_code="early_payment", reason="Paid within 10 days", by=SYSTEM, at=AT
    )
    assert (note.status, note.tax_minor, again(invoice).balance_minor) == ("issued", 388, 116_400 - 2_328)


def test_two_people_at_once_cannot_credit_more_than_the_invoice(world: World) -> None:
    invoice = world.issued()
    outcomes = at_once(4, lambda: credit_notes.create(invoice.id, of_amount(50_000), by=world.sam, at=AT))
    refused = [outcome for outcome in outcomes if isinstance(outcome, credit_notes.CreditExceedsInvoice)]
    assert (len(refused), len(outcomes)) == (2, 4)
    assert again(invoice).credited_minor == 100_000


def test_a_line_sold_and_taken_back_is_credited_as_a_whole(world: World) -> None:
    invoice = world.issued(
        None, line(quantity="1", unit_price="100"), line("Returned", "-1", "40", 50_000), line("Books", "1", "10", 0)
    )
    first = line_ids(invoice)[0]
    credit_notes.create(invoice.id, of_amount(1_234), by=world.sam, at=AT)
    with pytest.raises(credit_notes.CreditExceedsInvoice):
        left = credit_notes.creditable(invoice.id).lines[0].left_minor
        credit_notes.create(invoice.id, of_lines(LinePart(line_id=first, net_minor=left)), by=world.sam, at=AT)
    credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    assert again(invoice).credited_minor == invoice.total_minor
