"""The money inbox: what waits, what may be done with it and why, and a person who does it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from billing import allocations, check, credits, inbox, payments
from billing.errors import Missing
from billing.payments import Planned, Received
from billing.tables import Invoice, Payment
from tests.world import AT, TODAY, line

if TYPE_CHECKING:
    from tests.world import World


def money(world: World, minor: int, **facts: object) -> Payment:
    usual = Received(
        customer_id=world.acme.id,
        minor=minor,
        currency="GBP",
        method="Bank transfer",
        received_on=TODAY,
        mails_receipt=False,
    )
    received = replace(usual, **facts)  # type: ignore[arg-type]  # facts are fields of Received
    return payments.record(received, by=world.sam, at=AT, anyway=True)


def balance(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def test_what_waits_is_told_with_its_reason_oldest_first_and_page_by_page(world: World) -> None:
    first, second = money(world, 100), money(world, 200, customer_id=None)
    rows = inbox.waiting()
    assert [(row.payment.id, row.free_minor, row.why) for row in rows] == [
        (first.id, 100, "Nobody has said yet what it is for."),
        (second.id, 200, "Nobody has said yet whose it is."),
    ]
    assert rows[0].customer == world.acme
    assert rows[1].customer is None
    assert [row.payment.id for row in inbox.waiting(after=first.id)] == [second.id]
    assert [row.payment.id for row in inbox.waiting(limit=1)] == [first.id]


def test_an_invoice_the_reference_names_comes_first_even_if_it_is_the_youngest(world: World) -> None:
    world.overdue()
    named = world.issued()
    payment = money(world, 50_000, bank_reference=f"your {str(named.number).lower()}")
    best = inbox.suggestions(payment)[0]
    assert best.why == f"The reference names {named.number}."
    assert [(part.number, part.minor, part.left_minor) for part in best.paid] == [(named.number, 50_000, 66_400)]


def test_invoices_that_add_up_to_the_amount_are_found(world: World) -> None:
    one = world.issued(None, line(quantity="1", unit_price="100.00"))
    world.issued(None, line(quantity="1", unit_price="70.00"))
    three = world.issued(None, line(quantity="1", unit_price="30.00"))
    payment = money(world, 15_600)  # 120.00 + 36.00
    best = inbox.suggestions(payment)[0]
    assert best.why == f"The amount equals {one.number} + {three.number}."
    assert best.rest_minor == 0


def test_a_single_invoice_that_owes_the_amount_is_named(world: World) -> None:
    world.issued()
    wanted = world.issued(None, line(quantity="1", unit_price="25.00"))
    assert inbox.suggestions(money(world, 3_000))[0].why == f"The amount is what {wanted.number} owes."


def test_without_a_hint_the_oldest_due_comes_first_and_the_rest_stays_credit(world: World) -> None:
    old, new = world.overdue(), world.issued()
    (only,) = inbox.suggestions(money(world, 250_000))
    assert [part.number for part in only.paid] == [old.number, new.number]
    assert (only.rest_minor, only.why) == (250_000 - 2 * 116_400, "The oldest due first.")


def test_an_unknown_payer_is_guessed_by_the_reference_and_by_the_name(world: World) -> None:
    theirs = world.issued(world.globex)
    world.issued()
    payment = money(world, 116_400, customer_id=None, payer="ACME Limited", bank_reference=f"re {theirs.number}")
    found = inbox.suggestions(payment)
    assert [one.customer_name for one in found] == ["Globex", "Acme"]
    assert found[0].why.startswith(f"Globex was billed {theirs.number}. The reference names")
    assert found[1].why.startswith("The payer's name is like Acme.")


def test_another_customers_invoice_is_never_suggested_for_money_whose_owner_is_known(world: World) -> None:
    theirs = world.issued(world.globex)
    assert inbox.suggestions(money(world, 116_400, bank_reference=str(theirs.number))) == []


def test_a_person_applies_a_suggestion_and_it_leaves_the_inbox(world: World) -> None:
    invoice = world.issued()
    payment = money(world, 116_400)
    (best,) = inbox.suggestions(payment)
    plan = [Planned(part.invoice_id, part.minor) for part in best.paid]

    after = inbox.apply(payment.id, plan, customer_id=best.customer_id, by=world.sam, at=AT)

    assert (after.free_minor, after.waiting, balance(invoice)) == (0, False, 0)
    assert inbox.waiting() == []
    with pytest.raises(inbox.NothingFree):
        inbox.apply(payment.id, plan, customer_id=best.customer_id, by=world.sam, at=AT)
    assert check.broken() == []


def test_applying_gives_an_unknown_payers_money_to_the_customer(world: World) -> None:
    invoice = world.issued()
    payment = money(world, 20_000, customer_id=None)
    after = inbox.apply(payment.id, [Planned(invoice.id, 20_000)], customer_id=world.acme.id, by=world.sam, at=AT)
    assert (after.customer_id, balance(invoice)) == (world.acme.id, 96_400)
    assert check.broken() == []


def test_it_is_applied_whole_or_not_at_all(world: World) -> None:
    first, second = world.issued(), world.issued()
    payment = money(world, 150_000, customer_id=None)
    plan = [Planned(first.id, 100_000), Planned(second.id, 116_401)]
    with pytest.raises((allocations.NotEnoughLeft, allocations.AllocationExceedsOpenBalance)):
        inbox.apply(payment.id, plan, customer_id=world.acme.id, by=world.sam, at=AT)
    assert (balance(first), Payment.get_by_id(payment.id).customer_id) == (116_400, None)
    with pytest.raises(Missing):
        inbox.apply(payment.id, [Planned(first.id, 1)], customer_id=world.globex.id, by=world.sam, at=AT)
    assert Payment.get_by_id(payment.id).customer_id is None


def test_what_was_applied_can_be_taken_back_and_applied_again(world: World) -> None:
    wrong, right = world.issued(), world.issued()
    payment = money(world, 116_400)
    key = credits.key_of_source(payment)
    inbox.apply(payment.id, [Planned(wrong.id, 116_400)], customer_id=world.acme.id, by=world.sam, at=AT)
    credits.take_back(key, wrong.id, 116_400, reason="The other one.", by=world.sam, at=AT)
    inbox.apply(payment.id, [Planned(right.id, 116_400)], customer_id=world.acme.id, by=world.sam, at=AT)
    inbox_rows = allocations.standing(Payment.get_by_id(payment.id))
    assert (balance(wrong), balance(right), inbox_rows) == (116_400, 0, {right.id: 116_400})
    assert check.broken() == []


def test_money_that_was_looked_at_stays_credit_and_leaves_the_inbox(world: World) -> None:
    payment = money(world, 700)
    after = inbox.keep_as_credit(payment.id, by=world.sam, at=AT)
    assert (after.free_minor, after.waiting) == (700, False)
    assert inbox.waiting() == []
