"""Pressing Pay: one decision, one attempt, one page, whoever presses and however often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import gateway, invoices, money, payments
from billing.errors import Missing, Refusal
from billing.tables import Attempt as Attempts
from billing.tables import AuditRow, Customer, Invoice
from tests.billing import paying
from tests.world import AT, line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.tables import Attempt
    from tests.billing.paying import Sandbox
    from tests.world import World


def sessions_of(sandbox: Sandbox) -> int:
    return int(sandbox.state()["sessions_created"])


def test_paying_opens_the_providers_page_for_exactly_the_balance(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    assert (attempt.status, attempt.minor, attempt.currency) == ("open", 116_400, "GBP")
    session = sandbox.objects("checkout.session")[0]
    assert session["url"] == attempt.url
    assert (session["amount_total"], session["currency"]) == (116_400, "gbp")
    assert session["client_reference_id"] == attempt.id
    assert session["success_url"] == f"http://localhost:8000/payments/{attempt.id}?returned=1"
    assert session["cancel_url"] == f"http://localhost:8000/invoices/{invoice.number}"


@pytest.mark.race
def test_fifty_clicks_make_one_attempt_and_one_page(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    sandbox.control("calls", path="/v1/checkout/sessions", slow=1, slow_seconds=0.5)
    pages = paying.at_once(50, lambda: paying.begin(invoice, world.alice).url)
    assert pages == [sandbox.objects("checkout.session")[0]["url"]] * 50
    assert Attempts.select().count() == 1
    assert sessions_of(sandbox) == 1


def test_the_same_person_gets_the_open_page_from_a_second_tab(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    first = paying.begin(invoice, world.alice, nonce="tab-1")
    second = paying.begin(invoice, world.alice, nonce="tab-2")
    assert second.url == first.url
    assert sessions_of(sandbox) == 1


def test_somebody_else_is_told_who_pays_and_may_take_over(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    alices = paying.begin(invoice, world.alice, nonce="a")
    with pytest.raises(payments.BeingPaid) as refusal:
        paying.begin(invoice, world.bob, nonce="b")
    assert refusal.value.attempt.payer_name == "Alice Poole"
    assert refusal.value.attempt.created_at == AT
    bobs = payments.take_over(
        alices.id,
        customer_id=invoice.customer_id,
        planned=[payments.Planned(invoice.id, invoice.total_minor)],
        nonce="b",
        payer=world.bob,
        at=AT,
    )
    assert bobs.url != alices.url
    assert (paying.again(alices).status, paying.again(alices).failure) == ("superseded", "taken_over")
    reply = sandbox.pay(paying.page(alices))
    assert reply.headers["Location"].startswith("/c/pay/")  # the closed page takes no money
    assert not sandbox.objects("payment_intent")
    assert AuditRow.select().where(AuditRow.action == "payment.closed").count() == 1


def test_whoever_cannot_pay_themselves_closes_nobodys_page(world: World, sandbox: Sandbox) -> None:
    invoice, other, theirs = world.issued(), world.issued(), world.issued(world.globex)
    alices = paying.begin(invoice, world.alice, nonce="a")
    guests = paying.begin(other, paying.guest_of(other), nonce="g")
    whole = payments.Planned(invoice.id, 116_400)
    plans = (
        ([payments.Planned(invoice.id, 100_000)], "b", payments.AmountChanged),
        ([whole, payments.Planned(theirs.id, 116_400)], "b", Missing),
        ([whole, payments.Planned(other.id, 116_400)], "b", payments.BeingPaid),
        ([whole], "a", Missing),
    )
    for planned, nonce, refusal in plans:
        with pytest.raises(refusal):
            payments.take_over(
                alices.id, customer_id=world.acme.id, planned=planned, nonce=nonce, payer=world.bob, at=AT
            )
        assert paying.again(alices).status == "open"
        assert {session["status"] for session in sandbox.objects("checkout.session")} == {"open"}
    assert paying.again(guests).status == "open"
    assert Attempts.select().count() == 2


def test_taking_over_twice_with_one_form_makes_one_page(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    alices = paying.begin(invoice, world.alice, nonce="a")

    def take() -> Attempt:
        return payments.take_over(
            alices.id,
            customer_id=world.acme.id,
            planned=[payments.Planned(invoice.id, 116_400)],
            nonce="b",
            payer=world.bob,
            at=AT,
        )

    first = take()
    assert take().id == first.id
    sandbox.pay(paying.page(first))
    payments.sync(first, at=AT)
    assert take().id == first.id, "the form that paid leads to its payment"
    assert sessions_of(sandbox) == 2


def test_taking_over_from_somebody_who_just_paid_settles_it_instead(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    alices = paying.begin(invoice, world.alice, nonce="a")
    sandbox.pay(paying.page(alices))
    with pytest.raises(payments.AlreadyPaid) as refusal:
        payments.take_over(
            alices.id,
            customer_id=invoice.customer_id,
            planned=[payments.Planned(invoice.id, invoice.total_minor)],
            nonce="b",
            payer=world.bob,
            at=AT,
        )
    assert "was paid already, on 22 Nov 2026, 10:00. You have not been charged again" in refusal.value.message
    assert paying.again(alices).status == "succeeded"
    assert Attempts.select().count() == 1


def test_a_guest_never_gets_a_signed_in_persons_page(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    paying.begin(invoice, world.alice, nonce="a")
    with pytest.raises(payments.BeingPaid):
        paying.begin(invoice, paying.guest_of(invoice), nonce="g")
    assert sessions_of(sandbox) == 1


def test_another_amount_than_shown_is_refused_with_the_new_one(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    with pytest.raises(payments.AmountChanged) as refusal:
        payments.start_checkout(
            customer_id=invoice.customer_id,
            planned=[payments.Planned(invoice.id, 100_000)],
            nonce="n",
            payer=world.alice,
            at=AT,
        )
    assert refusal.value.message == (
        "The balance changed to £1,164.00 while this page was open. Check it and pay again."
    )
    assert (refusal.value.asked_minor, refusal.value.open_minor) == (100_000, 116_400)
    assert not Attempts.select().exists()
    assert sessions_of(sandbox) == 0


def test_a_strangers_a_missing_and_a_draft_invoice_read_the_same(world: World, sandbox: Sandbox) -> None:
    theirs, draft = world.issued(world.globex), world.draft()
    words = set()
    for invoice_id in (theirs.id, draft.id, 999_999):
        with pytest.raises(Missing) as refusal:
            payments.start_checkout(
                customer_id=world.acme.id,
                planned=[payments.Planned(invoice_id, 116_400)],
                nonce="n",
                payer=world.alice,
                at=AT,
            )
        words.add(refusal.value.message)
    assert len(words) == 1
    assert sessions_of(sandbox) == 0


def test_somebody_elses_form_opens_nothing(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    paying.begin(invoice, world.alice, nonce="hers")
    with pytest.raises(Missing):
        paying.begin(invoice, world.bob, nonce="hers")
    assert sessions_of(sandbox) == 1


def test_a_void_invoice_is_not_paid(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT)
    with pytest.raises(payments.InvoiceCancelled):
        paying.begin(invoice, world.alice)
    assert sessions_of(sandbox) == 0


def test_voiding_waits_until_the_open_page_is_closed(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    with pytest.raises(invoices.InvoiceBeingPaid):
        invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT)
    assert payments.release(invoice.id, by=world.sam, at=AT) == []
    assert invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT).status == "void"
    sandbox.pay(paying.page(attempt))
    assert not sandbox.objects("payment_intent")


def test_voiding_loses_to_a_payment_that_was_made(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    sandbox.pay(paying.page(paying.begin(invoice, world.alice)))
    assert payments.release(invoice.id, by=world.sam, at=AT) == []
    with pytest.raises(invoices.InvoiceHasEffect):
        invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT)
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


@pytest.mark.race
def test_of_voiding_and_paying_at_once_exactly_one_wins(world: World, sandbox: Sandbox) -> None:
    winners = set()
    for number in range(8):
        invoice = world.issued()
        chosen = iter(("pay", "void"))

        def act(invoice: Invoice = invoice, chosen: Iterator[str] = chosen, nonce: str = f"n-{number}") -> str:
            if next(chosen) == "pay":
                return paying.begin(invoice, world.alice, nonce=nonce).status
            payments.release(invoice.id, by=world.sam, at=AT)
            return invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT).status

        outcomes = paying.at_once(2, act)
        is_void = Invoice.get_by_id(invoice.id).status == "void"
        is_payable = any(attempt.status == "open" for attempt in payments.unfinished(invoice.id))
        assert is_void != is_payable, outcomes
        winners.add("void" if is_void else "pay")
        assert sum(isinstance(outcome, Refusal) for outcome in outcomes) <= 1, outcomes
        assert all(isinstance(outcome, Refusal | str) for outcome in outcomes), outcomes
    print("won:", winners)


def test_an_amount_too_small_for_cards_is_said_so(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued(None, line(quantity="1", unit_price="0.20", rate_ppm=0))
    with pytest.raises(gateway.TooSmall) as refusal:
        paying.begin(invoice, world.alice)
    assert refusal.value.message.startswith("£0.20 is too small to be paid by card.")
    assert Attempts.get().status == "failed"
    assert not payments.unfinished(invoice.id)
    assert not sandbox.objects("checkout.session")


@pytest.mark.parametrize(
    ("currency", "unit_price", "minor", "at_stripe"),
    [("JPY", "1500", 1_500, 1_500), ("KWD", "12.340", 12_340, 12_340), ("ISK", "900", 900, 90_000)],
)
def test_every_currency_reaches_stripe_in_its_own_units(
    world: World, sandbox: Sandbox, currency: str, unit_price: str, minor: int, at_stripe: int
) -> None:
    Customer.update(currency=currency).where(Customer.id == world.acme.id).execute()
    invoice = world.issued(None, line(quantity="1", unit_price=unit_price, rate_ppm=0))
    assert invoice.total_minor == minor
    attempt = paying.begin(invoice, world.alice)
    assert sandbox.objects("checkout.session")[0]["amount_total"] == at_stripe
    sandbox.pay(paying.page(attempt))
    payments.sync(attempt, at=AT)
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_an_amount_stripe_cannot_carry_exactly_makes_no_attempt(world: World, sandbox: Sandbox) -> None:
    Customer.update(currency="KWD").where(Customer.id == world.acme.id).execute()
    invoice = world.issued(None, line(quantity="1", unit_price="12.345", rate_ppm=0))
    with pytest.raises(money.NotPayableByStripe):
        paying.begin(invoice, world.alice)
    assert not Attempts.select().exists()
    assert sessions_of(sandbox) == 0


def test_parts_that_no_card_takes_exactly_are_paid_as_the_one_sum_they_come_to(world: World, sandbox: Sandbox) -> None:
    Customer.update(currency="KWD").where(Customer.id == world.acme.id).execute()
    both = [world.issued(None, line(quantity="1", unit_price=price, rate_ppm=0)) for price in ("5.125", "4.875")]
    attempt = payments.start_checkout(
        customer_id=world.acme.id,
        planned=[payments.Planned(invoice.id, invoice.total_minor) for invoice in both],
        nonce="n",
        payer=world.alice,
        at=AT,
    )
    (shown,) = sandbox.client().v1.checkout.sessions.line_items.list(str(attempt.session_id)).data
    assert (shown.description, shown.amount_total) == ("2 invoices", 10_000)
    sandbox.pay(paying.page(attempt))
    payments.sync(attempt, at=AT)
    assert [Invoice.get_by_id(invoice.id).balance_minor for invoice in both] == [0, 0]


def test_several_invoices_are_paid_in_one_page(world: World, sandbox: Sandbox) -> None:
    chosen = [world.issued(), world.issued(None, line(quantity="1", unit_price="10.00", rate_ppm=0))]
    attempt = payments.start_checkout(
        customer_id=world.acme.id,
        planned=[payments.Planned(invoice.id, invoice.total_minor) for invoice in chosen],
        nonce="n",
        payer=world.alice,
        at=AT,
    )
    assert attempt.minor == 117_400
    sandbox.pay(paying.page(attempt))
    payments.sync(attempt, at=AT)
    assert [Invoice.get_by_id(invoice.id).balance_minor for invoice in chosen] == [0, 0]
    assert payments.outcome(paying.again(attempt), at=AT).numbers == ("INV-2026-0001", "INV-2026-0002")


def test_one_payment_is_in_one_currency(world: World, sandbox: Sandbox) -> None:
    first = world.issued()
    Customer.update(currency="EUR").where(Customer.id == world.acme.id).execute()
    second = world.issued()
    with pytest.raises(payments.MixedCurrencies):
        payments.start_checkout(
            customer_id=world.acme.id,
            planned=[payments.Planned(invoice.id, invoice.total_minor) for invoice in (first, second)],
            nonce="n",
            payer=world.alice,
            at=AT,
        )
    assert sessions_of(sandbox) == 0


def test_a_payer_may_change_their_mind(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    with pytest.raises(Missing):
        payments.cancel(attempt, by=world.bob, at=AT)
    cancelled = payments.cancel(attempt, by=world.alice, at=AT)
    assert (cancelled.status, cancelled.failure) == ("expired", "cancelled")
    assert sandbox.objects("checkout.session")[0]["status"] == "expired"
    afresh = paying.begin(invoice, world.alice)  # the same form, from the Back button
    assert afresh.id != attempt.id
    assert afresh.status == "open"


def test_cancelling_what_was_paid_keeps_the_payment(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    sandbox.pay(paying.page(attempt))
    assert payments.cancel(attempt, by=world.alice, at=AT).status == "succeeded"


def test_a_page_whose_time_is_over_makes_room(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    first = paying.begin(invoice, world.alice)
    later = AT + timedelta(minutes=61)
    sandbox.reset_clock(later)
    second = paying.begin(invoice, world.bob, nonce="b", at=later)
    assert paying.again(first).status == "expired"
    assert second.status == "open"


def test_a_page_with_little_time_left_is_replaced(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    first = paying.begin(invoice, world.alice, nonce="a")
    later = AT + timedelta(minutes=57)
    sandbox.reset_clock(later)
    second = paying.begin(invoice, world.alice, nonce="b", at=later)
    assert second.id != first.id
    assert (paying.again(first).status, paying.again(first).failure) == ("superseded", "replaced")


def test_money_on_its_way_keeps_others_from_paying(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt), method="bacs_debit")
    assert payments.sync(attempt, at=AT).status == "processing"
    with pytest.raises(payments.OnItsWay) as refusal:
        paying.begin(invoice, world.bob, nonce="b")
    assert refusal.value.message.startswith("£1,164.00 is on its way for this already.")
    assert refusal.value.message.endswith("You do not need to pay again.")
    found = payments.in_flight(invoice.id)
    assert found is not None
    assert found.id == attempt.id


def test_who_waits_for_a_part_is_told_that_the_rest_is_paid_later(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    part = payments.start_checkout(
        customer_id=invoice.customer_id,
        planned=[payments.Planned(invoice.id, 10_000, invoice.total_minor)],
        nonce="a",
        payer=world.alice,
        at=AT,
    )
    assert payments.in_flight_on([invoice.id], at=AT)[invoice.id].is_part
    sandbox.pay(paying.page(part), method="bacs_debit")
    payments.sync(part, at=AT)
    with pytest.raises(payments.OnItsWay) as refusal:
        paying.begin(invoice, world.bob, nonce="b")
    assert refusal.value.message.endswith("We email you when it arrives. You can pay the rest then.")


def test_without_a_gateway_nothing_begins(world: World) -> None:
    invoice = world.issued()
    gateway.use(None)
    with pytest.raises(gateway.NoGateway):
        paying.begin(invoice, world.alice)
    assert not Attempts.select().exists()
