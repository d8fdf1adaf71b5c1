"""Quotes and plans: several invoices, parts, credit first, money ahead; exactly what was shown, or a refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from billing import check, credit_notes, credits, invoices, payments, write_offs
from billing.allocations import AllocationExceedsOpenBalance
from billing.credit_notes import CreditContent
from billing.db import transaction
from billing.errors import Invalid, Missing
from billing.invoices import InvoiceBeingPaid
from billing.tables import Attempt, CreditNote, Invoice, Mail, Payment, PlannedAllocation, Rendering, Seller
from tests.billing import paying
from tests.portal.scenes import attempted, kept, paid
from tests.world import AT, TODAY, content, line

if TYPE_CHECKING:
    from billing.payments import Quote
    from tests.billing.paying import Sandbox
    from tests.world import World

WHOLE = 116_400


def quoted(world: World, *wishes: payments.Wish, use: set[credits.CreditKey] | None = None, besides: str = "") -> Quote:
    return payments.quote(world.acme.id, list(wishes), use=use, at=AT, besides=besides)


def begin(quote: Quote, world: World, nonce: str = "n-1") -> Attempt:
    plan = quote.plan
    return payments.start_checkout(
        customer_id=plan.customer_id, planned=plan.planned, uses=plan.uses, nonce=nonce, payer=world.alice, at=AT
    )


def settled(sandbox: Sandbox, attempt: Attempt) -> Payment:
    sandbox.pay(paying.page(attempt))
    payment = payments.settle(sandbox.objects("payment_intent")[0]["id"], at=AT)
    assert payment is not None
    assert check.broken() == []
    return Payment.get_by_id(payment.id)


def balance_of(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def free_of(payment: Payment) -> int:
    return int(Payment.get_by_id(payment.id).free_minor)


def test_a_quote_spends_the_oldest_credit_on_what_falls_due_first(world: World) -> None:
    late, soon = world.overdue(), world.issued()
    old, new = kept(world.acme, 100_000), kept(world.acme, 50_000)
    quote = quoted(world, payments.Wish(soon.id), payments.Wish(late.id))
    assert [line_.invoice.id for line_ in quote.lines] == [late.id, soon.id]
    assert [(str(use.key), use.invoice_id, use.minor) for use in quote.plan.uses] == [
        (f"payment-{old.id}", late.id, 100_000),
        (f"payment-{new.id}", late.id, 16_400),
        (f"payment-{new.id}", soon.id, 33_600),
    ]
    assert [(line_.credit_minor, line_.pay_minor, line_.left_minor) for line_ in quote.lines] == [
        (WHOLE, 0, 0),
        (33_600, 82_800, 0),
    ]
    assert (quote.pay_minor, quote.credit_minor) == (82_800, 150_000)


def test_a_credit_that_is_switched_off_is_not_used(world: World) -> None:
    invoice = world.issued()
    old, new = kept(world.acme, 1_000), kept(world.acme, 2_000)
    quote = quoted(world, payments.Wish(invoice.id), use={credits.CreditKey("payment", new.id)})
    assert [(item.credit.key.id, item.chosen, item.used_minor) for item in quote.credits] == [
        (old.id, False, 0),
        (new.id, True, 2_000),
    ]
    assert quoted(world, payments.Wish(invoice.id), use=set()).pay_minor == WHOLE


def test_a_part_leaves_the_rest_and_a_quote_writes_nothing(world: World) -> None:
    invoice = world.issued()
    quote = quoted(world, payments.Wish(invoice.id, 40_000))
    assert (quote.pay_minor, quote.lines[0].left_minor) == (40_000, 76_400)
    assert Attempt.select().count() == 0


@pytest.mark.parametrize("minor", [0, 99, WHOLE + 1])
def test_too_little_and_too_much_are_said_beside_the_field(world: World, minor: int) -> None:
    invoice = world.issued()
    with pytest.raises(Invalid) as refused:
        quoted(world, payments.Wish(invoice.id, minor))
    assert list(refused.value.problems) == [f"amount-{invoice.number}"]


def test_the_least_part_is_the_sellers_but_the_rest_may_always_be_paid(world: World) -> None:
    Seller.update(least_part_minor=50_000).execute()
    invoice = world.issued()
    paid(invoice, 100_000, by=world.alice)
    assert quoted(world, payments.Wish(invoice.id, 16_400)).pay_minor == 16_400
    with pytest.raises(Invalid):
        quoted(world, payments.Wish(invoice.id, 16_399))


def test_strangers_drafts_and_other_currencies_are_refused(world: World) -> None:
    mine, other = world.issued(), world.issued(world.globex)
    with pytest.raises(Missing):
        quoted(world, payments.Wish(mine.id), payments.Wish(other.id))
    with pytest.raises(Missing):
        quoted(world, payments.Wish(world.draft().id))


def test_the_seal_changes_with_anything_that_was_shown(world: World) -> None:
    invoice = world.issued()
    first = quoted(world, payments.Wish(invoice.id))
    assert quoted(world, payments.Wish(invoice.id)).seal == first.seal
    assert quoted(world, payments.Wish(invoice.id, 50_000)).seal != first.seal
    kept(world.acme, 1_000)
    assert quoted(world, payments.Wish(invoice.id)).seal != first.seal
    assert quoted(world, payments.Wish(invoice.id), use=set()).seal == first.seal
    paid(invoice, 10_000, by=world.alice)
    assert quoted(world, payments.Wish(invoice.id, 50_000)).seal != first.seal


def test_three_invoices_and_a_credit_are_paid_as_planned(world: World, sandbox: Sandbox) -> None:
    chosen = [world.issued() for _ in range(3)]
    credit = kept(world.acme, 20_000)
    quote = quoted(world, *(payments.Wish(invoice.id) for invoice in chosen))
    attempt = begin(quote, world)
    assert attempt.minor == 3 * WHOLE - 20_000
    payment = settled(sandbox, attempt)
    assert [balance_of(invoice) for invoice in chosen] == [0, 0, 0]
    assert (free_of(payment), free_of(credit)) == (0, 0)
    snapshot = Rendering.get(Rendering.payment == payment.id).snapshot
    assert [(row["paid_minor"], row["credit_minor"], row["balance_minor"]) for row in snapshot["lines"]] == [
        (96_400, 20_000, 0),
        (WHOLE, 0, 0),
        (WHOLE, 0, 0),
    ]
    assert Mail.get(Mail.event == "receipt").payment_id == payment.id


def test_a_part_and_then_the_rest(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    settled(sandbox, begin(quoted(world, payments.Wish(invoice.id, 40_000)), world))
    assert balance_of(invoice) == 76_400
    settled(sandbox, begin(quoted(world, payments.Wish(invoice.id)), world, nonce="n-2"))
    assert balance_of(invoice) == 0


def test_credit_used_elsewhere_meanwhile_leaves_that_part_open(world: World, sandbox: Sandbox) -> None:
    invoice, other = world.issued(), world.issued()
    credit = kept(world.acme, 20_000)
    attempt = begin(quoted(world, payments.Wish(invoice.id)), world)
    with pytest.raises(credits.CreditHeld):
        payments.apply_credit(
            credits.CreditKey("payment", credit.id),
            other.id,
            20_000,
            customer_id=world.acme.id,
            by=world.bob,
            at=AT,
        )
    credits_taken(credit, other, world)
    payment = settled(sandbox, attempt)
    assert (balance_of(invoice), free_of(payment)) == (20_000, 0)


def credits_taken(credit: Payment, invoice: Invoice, world: World) -> None:
    """Staff's own verbs are not kept from a credit by a plan."""
    with transaction():
        credits.apply_locked(credit, invoice.id, credit.free_minor, by=world.sam, at=AT)


def test_credit_is_held_by_an_open_page_and_free_when_it_is_cancelled(world: World, sandbox: Sandbox) -> None:
    first, second = world.issued(), world.issued()
    kept(world.acme, 20_000)
    attempt = begin(quoted(world, payments.Wish(first.id)), world)
    assert quoted(world, payments.Wish(second.id)).credits == ()
    assert quoted(world, payments.Wish(first.id), besides=attempt.id).credit_minor == 20_000
    payments.cancel(attempt, by=world.alice, at=AT)
    assert quoted(world, payments.Wish(second.id)).credit_minor == 20_000


def test_a_plan_with_spent_credit_is_refused(world: World, sandbox: Sandbox) -> None:
    first, second = world.issued(), world.issued()
    kept(world.acme, 20_000)
    stale = quoted(world, payments.Wish(second.id))
    begin(quoted(world, payments.Wish(first.id)), world)
    with pytest.raises(payments.CreditChanged):
        begin(stale, world, nonce="n-2")
    assert Attempt.select().count() == 1


def test_a_strangers_credit_is_not_found(world: World, sandbox: Sandbox) -> None:
    invoice, theirs = world.issued(), kept(world.globex, 20_000)
    with pytest.raises(credits.NoSuchCredit):
        payments.start_checkout(
            customer_id=world.acme.id,
            planned=[payments.Planned(invoice.id, 96_400)],
            uses=[payments.CreditUse(credits.CreditKey("payment", theirs.id), invoice.id, 20_000)],
            nonce="n-1",
            payer=world.alice,
            at=AT,
        )


def test_the_same_plan_again_is_the_same_page_and_another_plan_replaces_it(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    kept(world.acme, 20_000)
    first = begin(quoted(world, payments.Wish(invoice.id)), world)
    again = begin(quoted(world, payments.Wish(invoice.id), besides=first.id), world, nonce="n-2")
    assert again.id == first.id
    other = begin(quoted(world, payments.Wish(invoice.id), use=set()), world, nonce="n-3")
    assert other.minor == WHOLE
    assert paying.again(first).status == "superseded"


def test_a_changed_balance_refuses_the_plan(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    quote = quoted(world, payments.Wish(invoice.id, 50_000))
    paid(invoice, 10_000, by=world.bob)
    with pytest.raises(payments.AmountChanged):
        begin(quote, world)


def test_a_plan_above_the_balance_or_below_the_least_part_is_refused(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    for minor, refusal in ((WHOLE + 1, AllocationExceedsOpenBalance), (99, payments.TooLittle)):
        with pytest.raises(refusal):
            payments.start_checkout(
                customer_id=world.acme.id,
                planned=[payments.Planned(invoice.id, minor, WHOLE)],
                nonce="n-1",
                payer=world.alice,
                at=AT,
            )
    assert Attempt.select().count() == 0


def test_credit_alone_pays_at_once_without_the_provider_and_once(world: World) -> None:
    invoice = world.issued(world.acme, line(quantity="1", unit_price="100.00"))
    credit = kept(world.acme, 50_000)
    plan = quoted(world, payments.Wish(invoice.id)).plan
    for _ in range(2):
        payments.pay_by_credit(plan, nonce="nonce-of-sixteen-1", payer=world.alice, at=AT)
    assert (balance_of(invoice), free_of(credit)) == (0, 38_000)
    assert Attempt.select().count() == 0
    assert check.broken() == []


def test_credit_alone_waits_for_who_is_paying(world: World) -> None:
    invoice = world.issued()
    kept(world.acme, WHOLE)
    plan = quoted(world, payments.Wish(invoice.id)).plan
    attempted(invoice, by=world.bob)
    with pytest.raises(payments.BeingPaid):
        payments.pay_by_credit(plan, nonce="nonce-of-sixteen-1", payer=world.alice, at=AT)
    assert balance_of(invoice) == WHOLE


def test_money_ahead_is_credit_and_nobody_need_look(world: World, sandbox: Sandbox) -> None:
    attempt = payments.start_checkout(
        customer_id=world.acme.id,
        planned=(),
        ahead=payments.Ahead("GBP", 25_000),
        nonce="n-1",
        payer=world.alice,
        at=AT,
    )
    payment = settled(sandbox, attempt)
    assert (payment.free_minor, payment.kept_reason, payment.waiting) == (25_000, "paid_ahead", False)
    assert payments.credit_in(world.acme.id, "GBP") == 25_000
    assert Rendering.get(Rendering.payment == payment.id).snapshot["kept_minor"] == 25_000


def test_the_same_form_of_money_ahead_opens_one_page(world: World, sandbox: Sandbox) -> None:
    def press() -> Attempt:
        return payments.start_checkout(
            customer_id=world.acme.id, planned=(), ahead=payments.Ahead("GBP", 25_000),
            nonce="n-1", payer=world.alice, at=AT,
        )  # fmt: skip

    assert press().id == press().id
    with pytest.raises(payments.TooLittle):
        payments.start_checkout(
            customer_id=world.acme.id, planned=(), ahead=payments.Ahead("GBP", 99),
            nonce="n-2", payer=world.alice, at=AT,
        )  # fmt: skip


def test_a_page_that_asks_for_more_than_is_owed_with_its_credit_is_closed(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    kept(world.acme, 60_000)
    attempt = begin(quoted(world, payments.Wish(invoice.id, 100_000)), world)
    paid(invoice, 16_400, by=world.bob)
    payments.close_excessive([invoice.id], at=AT)
    assert paying.again(attempt).status == "open"
    paid(Invoice.get_by_id(invoice.id), 1, by=world.bob)
    payments.close_excessive([invoice.id], at=AT)
    assert (paying.again(attempt).status, paying.again(attempt).failure) == ("superseded", "paid_otherwise")


def test_an_invoice_that_credit_alone_pays_counts_as_being_paid(world: World, sandbox: Sandbox) -> None:
    first, second = world.overdue(), world.issued()
    kept(world.acme, WHOLE)
    attempt = begin(quoted(world, payments.Wish(first.id), payments.Wish(second.id)), world)
    assert [found.id for found in payments.unfinished(first.id)] == [attempt.id]
    flights = payments.in_flight_on([first.id, second.id], at=AT)
    assert {invoice_id: flight.id for invoice_id, flight in flights.items()} == {
        first.id: attempt.id,
        second.id: attempt.id,
    }
    assert payments.invoice_ids_of(attempt.id) == [first.id, second.id]


def test_a_guest_sees_no_credit(world: World) -> None:
    invoice = world.issued()
    kept(world.acme, 20_000)
    quote = payments.quote(world.acme.id, [payments.Wish(invoice.id)], use=None, at=AT, for_guest=True)
    assert (quote.credits, quote.pay_minor) == ((), WHOLE)


def test_paying_early_saves_and_the_credit_note_settles_the_rest(world: World, sandbox: Sandbox) -> None:
    draft = invoices.draft(world.acme.id, replace(content(), early_days=10, early_ppm=20_000), by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    quote = quoted(world, payments.Wish(invoice.id))
    line_ = quote.lines[0]
    assert (line_.pay_minor, line_.discount_minor, line_.left_minor) == (114_072, 2_328, 0)
    payment = settled(sandbox, begin(quote, world))
    assert (balance_of(invoice), free_of(payment)) == (0, 0)
    assert CreditNote.get().total_minor == 2_328


def test_paying_early_with_credit_alone_saves_too(world: World) -> None:
    draft = invoices.draft(world.acme.id, replace(content(), early_days=10, early_ppm=20_000), by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    credit = kept(world.acme, 120_000)
    plan = quoted(world, payments.Wish(invoice.id)).plan
    payments.pay_by_credit(plan, nonce="nonce-of-sixteen-1", payer=world.alice, at=AT)
    assert (balance_of(invoice), free_of(credit)) == (0, 120_000 - 114_072)
    assert check.broken() == []


def test_what_is_paid_by_credit_alone_is_under_way_like_the_rest_of_its_payment(world: World, sandbox: Sandbox) -> None:
    covered, paid_by_debit = world.overdue(), world.issued()
    kept(world.acme, WHOLE)
    attempt = begin(quoted(world, payments.Wish(covered.id), payments.Wish(paid_by_debit.id)), world)
    assert [planned.invoice_id for planned in PlannedAllocation.select()] == [paid_by_debit.id]
    with pytest.raises(InvoiceBeingPaid):
        invoices.void(covered.id, reason="Ordered twice", by=world.sam, at=AT)
    with pytest.raises(InvoiceBeingPaid):
        write_offs.create(covered.id, reason="They will not pay", by=world.sam, at=AT)
    sandbox.pay(paying.page(attempt), method="bacs_debit")
    payments.sync(attempt, at=AT)
    rows = invoices.portal_page(world.acme.id, tab="open", on=TODAY).rows
    assert [row.shown_status(TODAY) for row in rows] == ["processing", "processing"]


def test_nothing_to_pay_is_told_as_what_it_is(world: World) -> None:
    credited, given_up = world.issued(), world.issued()
    full = CreditContent(shape="full", reason_code="goodwill", reason="As agreed")
    credit_notes.create(credited.id, full, by=world.sam, at=AT)
    write_offs.create(given_up.id, reason="Gone", by=world.sam, at=AT)
    for invoice, words in ((credited, "was credited in full"), (given_up, "Nothing is owed on invoice")):
        with pytest.raises(payments.AlreadyPaid) as refusal:
            quoted(world, payments.Wish(invoice.id))
        assert words in refusal.value.message
        assert "was paid" not in refusal.value.message
