"""Money recorded by hand: split as its payer said, kept with its reason, taken out again when it bounced."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import check, credits, formatting, inbox, invoices, payments, write_offs
from billing.errors import Invalid, Missing
from billing.payments import Planned, Received
from billing.tables import CustomerBalance, Document, Invoice, Mail, Payment, Rendering
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.world import World


def came(world: World, minor: int = 116_400, *parts: tuple[int, int], **facts: object) -> Received:
    """A bank transfer from Acme today, or as given."""
    usual = Received(
        customer_id=world.acme.id,
        minor=minor,
        currency="GBP",
        method="Bank transfer",
        received_on=TODAY,
        bank_reference="INV",
        parts=tuple(Planned(invoice_id, part) for invoice_id, part in parts),
        rest_is_credit=True,
    )
    return replace(usual, **facts)  # type: ignore[arg-type]  # facts are fields of Received


def balance(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def test_one_transfer_pays_several_invoices_and_the_rest_is_credit(world: World) -> None:
    first, second = world.issued(), world.issued()

    payment = payments.record(came(world, 200_000, (first.id, 116_400), (second.id, 50_000)), by=world.sam, at=AT)

    assert (balance(first), balance(second), payment.free_minor) == (0, 66_400, 33_600)
    assert (payment.kind, payment.waiting, payment.kept_reason, payment.recorded_by) == (
        "manual",
        False,
        payments.PAID_AHEAD,
        "Sam Reyes",
    )
    assert CustomerBalance.get(CustomerBalance.customer == world.acme.id).credit_minor == 33_600
    assert Rendering.select().where(Rendering.payment == payment.id).count() == 1
    assert {mail.recipient for mail in Mail.select().where(Mail.payment == payment.id)} == {
        "alice@acme.example",
        "bob@acme.example",
    }
    assert not Document.select().exists()
    assert check.broken() == []


def test_what_nobody_split_waits_in_the_inbox(world: World) -> None:
    payment = payments.record(came(world, rest_is_credit=False), by=world.sam, at=AT)
    assert (payment.waiting, payment.kept_reason, payment.free_minor) == (True, "not_split", 116_400)
    assert [one.payment.id for one in inbox.waiting()] == [payment.id]


def test_money_of_an_unknown_payer_waits_in_suspense_until_somebody_says_whose_it_is(world: World) -> None:
    payment = payments.record(came(world, 5_000, customer_id=None, payer="ACME LTD"), by=world.sam, at=AT)
    assert (payment.customer_id, payment.waiting, payment.kept_reason) == (None, True, "payer_unknown")
    assert not CustomerBalance.select().where(CustomerBalance.credit_minor > 0).exists()

    found = payments.assign_customer(payment.id, world.acme.id, by=world.sam, at=AT)

    assert (found.customer_id, found.free_minor) == (world.acme.id, 5_000)
    assert CustomerBalance.get(CustomerBalance.customer == world.acme.id).credit_minor == 5_000
    with pytest.raises(payments.PayerKnown):
        payments.assign_customer(payment.id, world.globex.id, by=world.sam, at=AT)
    assert check.broken() == []


def test_a_bounced_cheque_reopens_what_it_paid(world: World) -> None:
    invoice = world.issued()
    payment = payments.record(came(world, 120_000, (invoice.id, 116_400), method="Cheque"), by=world.sam, at=AT)

    reversed_ = payments.reverse(payment.id, reason="The cheque was returned.", by=world.sam, at=AT)

    assert (balance(invoice), reversed_.free_minor, reversed_.reversed_at) == (116_400, 0, AT)
    assert Invoice.get_by_id(invoice.id).paid_at is None
    assert invoices.activities(invoice.id, customer_sees_only=True)[0].kind == "payment_reversed"
    with pytest.raises(payments.ReversedAlready):
        payments.reverse(payment.id, reason="Again.", by=world.sam, at=AT)
    assert check.broken() == []


def test_credit_that_was_moved_elsewhere_is_taken_back_too(world: World) -> None:
    invoice = world.issued()
    payment = payments.record(came(world, 50_000), by=world.sam, at=AT)
    payments.apply_credit(
        credits.key_of_source(payment), invoice.id, 30_000, customer_id=world.acme.id, by=world.sam, at=AT
    )

    payments.reverse(payment.id, reason="Typed twice.", by=world.sam, at=AT)

    assert balance(invoice) == 116_400
    assert check.broken() == []


def test_the_same_money_is_not_recorded_twice_without_saying_so(world: World) -> None:
    first = payments.record(came(world), by=world.sam, at=AT)
    with pytest.raises(payments.LooksTheSame) as refusal:
        payments.record(came(world), by=world.sam, at=AT + timedelta(hours=1))
    assert refusal.value.payment.id == first.id
    assert payments.record(came(world), by=world.sam, at=AT, anyway=True).id != first.id
    assert payments.record(came(world, bank_reference="other"), by=world.sam, at=AT).id != first.id


def test_a_written_off_invoice_that_is_paid_owes_again_first(world: World) -> None:
    invoice = world.issued()
    write_offs.create(invoice.id, reason="Gone out of business.", by=world.sam, at=AT)

    payments.record(came(world, 116_400, (invoice.id, 116_400)), by=world.sam, at=AT)

    after = Invoice.get_by_id(invoice.id)
    assert (after.balance_minor, after.written_off_minor) == (0, 0)
    assert check.broken() == []


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"minor": 0}, "amount"),
        ({"minor": -5}, "amount"),
        ({"minor": 10**16}, "amount"),
        ({"currency": "XXX"}, "currency"),
        ({"method": "Barter"}, "method"),
        ({"received_on": TODAY + timedelta(days=1)}, "received_on"),
        ({"bank_reference": "x" * 201}, "bank_reference"),
        ({"payer": "x" * 201}, "payer"),
    ],
)
def test_wrong_words_are_told_at_their_field(world: World, facts: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        payments.record(came(world, **facts), by=world.sam, at=AT)  # type: ignore[arg-type]  # wrong on purpose
    assert set(refusal.value.problems) == {field}
    assert not Payment.select().exists()


def test_parts_are_refused_where_they_exceed_the_money_or_the_invoice_and_nothing_is_written(world: World) -> None:
    invoice = world.issued()
    with pytest.raises(Invalid, match="more than the amount"):
        payments.record(came(world, 100, (invoice.id, 101)), by=world.sam, at=AT)
    with pytest.raises(Invalid) as refusal:
        payments.record(came(world, 200_000, (invoice.id, 116_401)), by=world.sam, at=AT)
    assert set(refusal.value.problems) == {f"part-{invoice.id}"}
    assert not Payment.select().exists()


def test_nobody_pays_another_customers_invoice(world: World) -> None:
    theirs = world.issued(world.globex)
    with pytest.raises(Missing):
        payments.record(came(world, 1_000, (theirs.id, 1_000)), by=world.sam, at=AT)
    assert not Payment.select().exists()


def test_without_words_the_invoice_the_reference_names_comes_first_then_the_oldest_due(world: World) -> None:
    old, middle, new = world.overdue(), world.issued(), world.issued()
    plan = payments.spread(world.acme.id, "GBP", 300_000, reference=f"payment for {new.number} thank you")
    assert [(one.invoice_id, one.minor) for one in plan] == [(new.id, 116_400), (old.id, 116_400), (middle.id, 67_200)]


def test_the_receipt_is_not_mailed_where_staff_says_so(world: World) -> None:
    payment = payments.record(came(world, mails_receipt=False), by=world.sam, at=AT)
    assert Rendering.select().where(Rendering.payment == payment.id).exists()
    assert not Mail.select().where(Mail.payment == payment.id).exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 116_400), min_size=1, max_size=4), st.integers(0, 50_000))
def test_any_split_adds_up(world: World, parts: list[int], more: int) -> None:
    paid = [world.issued() for _ in parts]
    pairs = [(invoice.id, part) for invoice, part in zip(paid, parts, strict=True)]
    payment = payments.record(came(world, sum(parts) + more, *pairs), by=world.sam, at=AT, anyway=True)
    assert [balance(invoice) for invoice in paid] == [116_400 - part for part in parts]
    assert payment.free_minor == more
    assert check.broken() == []


def test_the_words_of_a_twin_name_amount_and_reference(world: World) -> None:
    first = payments.record(came(world), by=world.sam, at=AT)
    with pytest.raises(payments.LooksTheSame, match=first.reference) as refusal:
        payments.record(came(world), by=world.sam, at=AT)
    assert formatting.money(116_400, "GBP") in refusal.value.message


def test_an_invoice_is_paid_since_its_money_came_and_never_since_before_it_was_billed(world: World) -> None:
    earlier, used, third, ahead = world.overdue(), world.overdue(), world.overdue(), world.issued()
    payments.record(came(world, 116_400, (earlier.id, 116_400)), by=world.sam, at=AT)
    assert Invoice.get_by_id(earlier.id).paid_at == datetime(2026, 11, 22, tzinfo=UTC)

    old = replace(came(world, 300_000), received_on=TODAY - timedelta(days=60))
    key = credits.key_of_source(payments.record(old, by=world.sam, at=AT))
    payments.apply_credit(key, used.id, 116_400, customer_id=world.acme.id, by=world.sam, at=AT)
    assert Invoice.get_by_id(used.id).paid_at == AT, "credit pays when it is used"

    meant = [Planned(ahead.id, 116_400)]
    inbox.apply(key.id, meant, customer_id=world.acme.id, by=world.sam, at=AT + timedelta(days=3))
    assert Invoice.get_by_id(ahead.id).paid_at == ahead.issued_at
    waiting = payments.record(came(world, 116_400, bank_reference="Q4"), by=world.sam, at=AT)
    inbox.apply(
        waiting.id, [Planned(third.id, 116_400)], customer_id=world.acme.id, by=world.sam, at=AT + timedelta(days=3)
    )
    assert Invoice.get_by_id(third.id).paid_at == waiting.received_at, "money of the inbox came for it"
