"""Late fees and interest: by rule, once, never on a fee, and waived with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import (
    allocations,
    check,
    credit_notes,
    credits,
    fees,
    instalments,
    invoices,
    ledger,
    payments,
    seller,
    write_offs,
)
from billing.db import transaction
from billing.errors import Invalid
from billing.fee_rules import Fee, Rule, Skipped
from billing.tables import AuditRow, Chargeback, Contact, Customer, FeeCharge, Invoice, Mail, Payment, Transfer
from tests.portal.scenes import attempted
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from tests.world import World

DUE = date(2026, 11, 2)
FLAT = Rule(shape="flat", minor=40_00)
PERCENT = Rule(shape="percent", ppm=50_000)
YEARLY = Rule(shape="interest", yearly_ppm=80_000)
TOTAL = 116_400


def charging(world: World, rule: Rule) -> None:
    """The seller charges by this rule from now on."""
    seller.save_policy(seller.SellerPolicy(late_fee=rule), version=seller.get().version, by=world.sam, at=AT)


def run(on: date = TODAY, **more: Any) -> list[fees.Judged]:
    """The daily run of a day, at ten in the morning."""
    return fees.charge_due(on, datetime(on.year, on.month, on.day, 10, tzinfo=UTC), **more)


def came(invoice: Invoice, minor: int, on: date) -> Payment:
    """Money for an invoice that counts for a day."""
    at = datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
    with transaction():
        payment: Payment = Payment.create(
            reference=payments.new_reference(), customer=invoice.customer_id, currency=invoice.currency, minor=minor,
            method="Card", received_at=at,
        )  # fmt: skip
        leg = ledger.Leg(
            debit=ledger.CARD_CLEARING, credit=ledger.CUSTOMER_CREDIT, minor=minor, currency=invoice.currency,
            customer_id=invoice.customer_id, payment_id=payment.id,
        )  # fmt: skip
        ledger.post(f"payment:{payment.id}", "payment_received", [leg], on=on, at=at)
        allocations.apply(payment, invoice.id, minor, ref=f"payment:{payment.id}", on=on, at=at)
    return payment


def booked(side: str) -> int:
    """What stands on one side of the income from fees."""
    rows = Transfer.select().where(getattr(Transfer, side) == ledger.FEE_INCOME)
    return sum(transfer.minor for transfer in rows)


def the_fee(invoice: Invoice) -> FeeCharge:
    (charge,) = fees.of(invoice.id)
    return charge


def test_nothing_is_charged_where_no_rule_is_set(world: World) -> None:
    world.overdue()
    assert run() == []


def test_a_fee_is_an_invoice_of_its_own_about_the_overdue_one(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    (judged,) = run()
    document = judged.charged
    assert document is not None
    assert (document.kind, document.about_id, document.total_minor, document.currency) == (
        "late_fee", invoice.id, 40_00, "GBP",
    )  # fmt: skip
    assert document.number == "INV-2026-0002"
    assert document.frozen["about"] == {"number": invoice.number, "due_on": DUE.isoformat()}
    (line,) = invoices.lines(document.id)
    assert (line.tax_category, line.tax_reason) == ("O", "Compensation for late payment is no supply")
    assert line.detail == the_fee(invoice).words
    assert {mail.recipient for mail in Mail.select().where(Mail.invoice == document.id)} == {
        "alice@acme.example", "bob@acme.example",
    }  # fmt: skip
    kinds = [activity.kind for activity in invoices.activities(invoice.id, customer_sees_only=True)]
    assert kinds[0] == "fee_charged"
    assert AuditRow.select().where(AuditRow.action == "fee.charged").count() == 1
    assert not check.broken()


def test_a_fee_is_income_from_fees_and_the_overdue_invoice_owes_what_it_owed(world: World) -> None:
    charging(world, PERCENT)
    invoice = world.overdue()
    run()
    assert booked("credit") == 58_20
    assert invoices.get(invoice.id).balance_minor == TOTAL
    assert not check.broken()


@pytest.mark.parametrize("rule", [FLAT, PERCENT, replace(YEARLY, grace_days=0)])
def test_a_second_run_charges_nothing_again(world: World, rule: Rule) -> None:
    charging(world, rule)
    invoice = world.overdue()
    late = TODAY + timedelta(days=45)
    assert [one.charged is not None for one in run(late)] == [True]
    assert [one.charged for one in run(late)] == [None]
    assert [one.charged for one in run(late + timedelta(days=1))] == [None]
    assert FeeCharge.select().where(FeeCharge.invoice == invoice.id).count() == 1


def test_missed_runs_charge_all_periods_in_one_document_and_the_next_goes_on_where_it_ended(world: World) -> None:
    charging(world, YEARLY)
    invoice = world.overdue()
    run(DUE + timedelta(days=95))
    run(DUE + timedelta(days=125))
    first, second = fees.of(invoice.id)
    assert (first.from_on, first.until_on) == (
        DUE + timedelta(days=1), DUE + timedelta(days=91),
    )  # fmt: skip
    assert (second.from_on, second.until_on) == (first.until_on, DUE + timedelta(days=121))


def test_interest_is_on_what_the_ledger_had_open_each_day(world: World) -> None:
    charging(world, YEARLY)
    invoice = world.overdue()
    came(invoice, 50_000, DUE + timedelta(days=11))
    run(DUE + timedelta(days=31))
    assert the_fee(invoice).minor == round((10 * TOTAL + 20 * 66_400) * 0.08 / 365)


def test_fees_never_compound_however_long_they_stay_unpaid(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    run()
    charging(world, YEARLY)
    day = DUE + timedelta(days=400)
    judged = run(day)
    assert [one.invoice.id for one in judged] == [invoice.id]
    assert {row.kind for row in Invoice.select().where(Invoice.about.is_null(False))} == {"late_fee", "interest"}
    assert not FeeCharge.select().where(FeeCharge.invoice != invoice.id).exists()


def test_nothing_is_charged_while_somebody_pays(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    attempted(invoice, by=world.alice)
    assert [one.decision for one in run()] == [Skipped("it is being paid")]


def test_an_abandoned_payment_page_holds_nothing_up(world: World) -> None:
    charging(world, FLAT)
    attempted(world.overdue(), by=world.alice)
    assert [one.charged is not None for one in run(TODAY + timedelta(days=2))] == [True]


def test_nothing_is_charged_while_it_is_disputed(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    assert [one.decision for one in run(disputed=[invoice.id])] == [Skipped("it is disputed")]


def test_nothing_is_charged_until_the_bank_has_decided_about_a_chargeback(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    payment = came(invoice, TOTAL, TODAY)
    Chargeback.insert(
        id="dp_1", payment=payment.id, status="under_review", reason="fraudulent", currency="GBP", minor=TOTAL,
        is_refundable=False, respond_by=AT, opened_at=AT, checked_at=AT,
    ).execute()  # fmt: skip
    key = credits.CreditKey("payment", payment.id)
    credits.take_back(key, invoice.id, TOTAL, reason="Its bank took it", by=world.sam, at=AT)
    assert [one.decision for one in run()] == [Skipped("a bank has not decided about a chargeback of it")]
    Chargeback.update(status="lost").execute()
    assert [one.charged is not None for one in run()] == [True]


def test_nothing_is_charged_to_a_customer_who_is_left_out(world: World) -> None:
    charging(world, FLAT)
    world.overdue()
    Customer.update(late_fees=False).where(Customer.id == world.acme.id).execute()
    assert [one.decision for one in run()] == [Skipped("no late fees are charged to this customer")]


def test_what_is_paid_void_or_not_yet_due_is_not_even_looked_at(world: World) -> None:
    charging(world, FLAT)
    invoices.void(world.overdue().id, reason="Made twice", by=world.sam, at=AT)
    paid = world.overdue(world.globex)
    world.issued()
    came(paid, paid.total_minor, TODAY)
    assert run() == []


def test_a_fee_that_nobody_would_receive_waits(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    Contact.update(receives_invoices=False).where(Contact.customer == world.acme.id).execute()
    assert [one.decision for one in run()] == [Skipped("Acme has no contact who receives invoices. Add one first.")]
    assert not FeeCharge.select().where(FeeCharge.invoice == invoice.id).exists()
    assert not Invoice.select().where(Invoice.kind != "invoice").exists()


def test_a_dry_run_tells_what_would_be_charged_and_writes_nothing(world: World) -> None:
    charging(world, YEARLY)
    world.overdue()
    before = AuditRow.select().count()
    (judged,) = run(TODAY, dry_run=True)
    assert isinstance(judged.decision, Skipped)
    (judged,) = fees.charge_due(TODAY + timedelta(days=40), AT, dry_run=True)
    assert isinstance(judged.decision, Fee)
    assert judged.charged is None
    assert (FeeCharge.select().count(), AuditRow.select().count()) == (0, before)


def test_the_future_is_not_charged(world: World) -> None:
    charging(world, FLAT)
    with pytest.raises(fees.FeesOfTheFuture):
        fees.charge_due(TODAY + timedelta(days=1), AT)


def test_a_late_run_judges_its_own_day_and_issues_today(world: World) -> None:
    charging(world, FLAT)
    world.overdue()
    (judged,) = fees.charge_due(DUE + timedelta(days=1), AT)
    assert judged.charged is not None
    assert judged.charged.issue_on == TODAY


def test_a_late_instalment_alone_bears_the_fee(world: World) -> None:
    charging(world, PERCENT)
    parts = tuple(instalments.equal_parts(TOTAL, 3, first_on=TODAY))
    draft = invoices.draft(world.acme.id, replace(content(), parts=parts), by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    run(TODAY + timedelta(days=1))
    assert the_fee(invoice).minor == 19_40


# Waiving


def test_a_fee_that_had_no_effect_is_waived_by_a_void(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    run()
    charge = fees.waive(the_fee(invoice).id, reason=" Paid in good faith ", by=world.sam, at=AT)
    assert (charge.waived_by, charge.waive_reason) == ("Sam Reyes", "Paid in good faith")
    assert invoices.get(charge.fee_invoice_id).status == "void"
    assert booked("debit") == booked("credit") == 40_00
    assert [one.charged for one in run()] == [None]
    assert not check.broken()


def test_a_fee_that_was_paid_is_waived_by_a_credit_note(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    run()
    document = invoices.get(the_fee(invoice).fee_invoice_id)
    came(document, 40_00, TODAY)
    fees.waive(the_fee(invoice).id, reason="A favour", by=world.sam, at=AT)
    after = invoices.get(document.id)
    assert (after.status, after.credited_minor, after.balance_minor) == ("issued", 40_00, 0)
    assert not check.broken()


def test_a_fee_is_waived_once_and_with_a_reason(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    run()
    charge = the_fee(invoice)
    with pytest.raises(Invalid):
        fees.waive(charge.id, reason=" ", by=world.sam, at=AT)
    fees.waive(charge.id, reason="A favour", by=world.sam, at=AT)
    with pytest.raises(fees.FeeWaived):
        fees.waive(charge.id, reason="Again", by=world.sam, at=AT)
    with pytest.raises(fees.NoSuchFee):
        fees.waive(charge.id + 1, reason="None", by=world.sam, at=AT)


def test_a_fee_that_is_written_off_is_waived_once_that_is_reversed(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    run()
    charge = the_fee(invoice)
    write_offs.create(charge.fee_invoice_id, reason="Gone", by=world.sam, at=AT)
    with pytest.raises(credit_notes.InvoiceWrittenOff):
        fees.waive(charge.id, reason="A favour", by=world.sam, at=AT)
    assert the_fee(invoice).waived_at is None
    write_offs.reverse(charge.fee_invoice_id, reason="To waive it", by=world.sam, at=AT)
    fees.waive(charge.id, reason="A favour", by=world.sam, at=AT)
    assert credits.available(world.acme.id, "GBP") == []
    assert not check.broken()


def test_a_waive_that_is_refused_leaves_the_fee_as_it_was(world: World) -> None:
    charging(world, FLAT)
    invoice = world.overdue()
    run()
    attempted(invoices.get(the_fee(invoice).fee_invoice_id), by=world.alice)
    with pytest.raises(invoices.InvoiceBeingPaid):
        fees.waive(the_fee(invoice).id, reason="A favour", by=world.sam, at=AT)
    assert the_fee(invoice).waived_at is None
    assert not check.broken()


def test_a_waived_fee_makes_room_under_the_cap_but_is_not_charged_again(world: World) -> None:
    charging(world, replace(YEARLY, cap_minor=8_00))
    invoice = world.overdue()
    run(DUE + timedelta(days=31))
    fees.waive(the_fee(invoice).id, reason="A favour", by=world.sam, at=AT + timedelta(days=20))
    run(DUE + timedelta(days=61))
    first, second = fees.of(invoice.id)
    assert (second.from_on, second.minor) == (first.until_on, 7_65)


def test_a_fee_that_was_voided_or_credited_by_other_means_no_longer_counts_to_the_cap(world: World) -> None:
    charging(world, replace(YEARLY, cap_minor=8_00))
    invoice = world.overdue()
    run(DUE + timedelta(days=31))
    invoices.void(the_fee(invoice).fee_invoice_id, reason="Agreed by phone", by=world.sam, at=AT + timedelta(days=20))
    run(DUE + timedelta(days=61))
    first, second = fees.of(invoice.id)
    assert (second.from_on, second.minor) == (first.until_on, 7_65)


def test_interest_keeps_to_its_cap_over_all_its_documents(world: World) -> None:
    charging(world, replace(YEARLY, cap_minor=10_00))
    invoice = world.overdue()
    for periods in range(1, 5):
        run(DUE + timedelta(days=1 + 30 * periods))
    assert [charge.minor for charge in fees.of(invoice.id)] == [7_65, 2_35]
    assert not check.broken()
