"""The provider's page of an attempt: whatever happens between the call and its answer, it is made once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import db, gateway, money, payments, stripe_gateway
from billing.errors import Refusal
from billing.payments import opening, planning
from billing.tables import Attempt as Attempts
from billing.tables import Customer, PlannedAllocation
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox
    from tests.world import World


def sessions_of(sandbox: Sandbox) -> int:
    return int(sandbox.state()["sessions_created"])


def test_the_attempt_stands_before_stripe_is_called(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500)
    invoice = world.issued()
    with pytest.raises(gateway.OutcomeUnknown) as refusal:
        paying.begin(invoice, world.alice)
    assert "will not be charged twice" in refusal.value.message
    attempt = Attempts.get()
    assert (attempt.status, attempt.session_id) == ("created", None)
    assert PlannedAllocation.get().minor == 116_400


def test_trying_again_after_a_lost_answer_finds_the_page_that_was_made(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    invoice = world.issued()
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(invoice, world.alice)
    assert sessions_of(sandbox) == 1
    attempt = paying.begin(invoice, world.alice)
    assert attempt.url == sandbox.objects("checkout.session")[0]["url"]
    assert sessions_of(sandbox) == 1
    assert Attempts.select().count() == 1


def test_a_failure_stripe_keeps_answering_is_looked_behind(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(invoice, world.alice)
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500)
    attempt = paying.begin(invoice, world.alice, at=AT + timedelta(minutes=5))
    assert attempt.session_id == sandbox.objects("checkout.session")[0]["id"]


def test_a_slow_stripe_costs_a_person_five_seconds_at_most(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", slow=1, slow_seconds=8)
    invoice = world.issued()
    with pytest.raises(gateway.OutcomeUnknown) as refusal:
        paying.begin(invoice, world.alice)
    assert refusal.value.cause.startswith("APIConnectionError")


def test_a_customer_stripe_forgot_is_made_again(world: World, sandbox: Sandbox) -> None:
    Customer.update(stripe_id="cus_gone").where(Customer.id == world.acme.id).execute()
    attempt = paying.begin(world.issued(), world.alice)
    assert attempt.status == "open"
    assert Customer.get_by_id(world.acme.id).stripe_id == sandbox.objects("customer")[0]["id"]


def test_only_a_signed_in_person_is_a_customer_at_stripe_and_only_once(world: World, sandbox: Sandbox) -> None:
    first, second, third = world.issued(), world.issued(), world.issued()
    paying.begin(first, paying.guest_of(first), nonce="g")
    assert sandbox.objects("checkout.session")[0]["customer"] is None
    assert Customer.get_by_id(world.acme.id).stripe_id is None
    paying.begin(second, world.alice, nonce="a")
    paying.begin(third, world.bob, nonce="b")
    known = Customer.get_by_id(world.acme.id).stripe_id
    assert [session["customer"] for session in sandbox.objects("checkout.session")[:2]] == [known, known]
    assert len(sandbox.objects("customer")) == 1


def test_a_wrong_key_is_our_trouble_not_the_payers(world: World, sandbox: Sandbox) -> None:
    wrong = stripe_gateway.client("sk_test_wrong", api_base=sandbox.base, patient=False)
    gateway.use(stripe_gateway.StripeGateway(wrong, livemode=False, webhook_secrets=(), site="http://x.test"))
    with pytest.raises(Refusal) as refusal:
        paying.begin(world.issued(), world.alice)
    assert refusal.value.message.startswith("Card payment does not work at the moment.")
    assert Attempts.get().status == "failed"


def test_an_attempt_too_old_to_be_opened_makes_room(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500)
    invoice = world.issued()
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(invoice, world.alice, nonce="a")
    later = AT + timedelta(minutes=35)
    sandbox.reset_clock(later)
    attempt = paying.begin(invoice, world.alice, nonce="a", at=later)
    assert attempt.status == "open"
    assert {row.status for row in Attempts.select()} == {"failed", "open"}


def test_a_page_made_before_the_settings_changed_is_found(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    invoice = world.issued()
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(invoice, world.alice)
    gateway.use(sandbox.gateway(site="https://pay.alderfinch.example"))
    attempt = paying.begin(invoice, world.alice)
    assert attempt.session_id == sandbox.objects("checkout.session")[0]["id"]
    assert sessions_of(sandbox) == 1


def test_an_amount_that_no_card_takes_is_given_up_and_keeps_nobody_waiting(world: World, sandbox: Sandbox) -> None:
    """Decided by an earlier version, which asked about the sum alone."""
    Customer.update(currency="KWD").where(Customer.id == world.acme.id).execute()
    plan = payments.Plan(customer_id=world.acme.id, planned=(), ahead=payments.Ahead("KWD", 5_125))
    with db.transaction():
        pressed, asked, closed = [
            planning.record(plan, nonce=nonce, payer=world.alice, currency="KWD", at=AT) for nonce in ("a", "b", "c")
        ]
    with pytest.raises(money.NotPayableByStripe):
        opening.open_page(pressed, at=AT)
    now = [paying.again(pressed), payments.check(asked, at=AT), payments.cancel(closed, by=world.alice, at=AT)]
    assert {(attempt.status, attempt.failure) for attempt in now} == {("failed", "amount_not_exact")}
    assert sessions_of(sandbox) == 0


def test_more_than_twenty_invoices_are_one_line_of_the_same_sum(world: World, sandbox: Sandbox) -> None:
    many = [world.issued() for _ in range(opening.MOST_LINES + 1)]
    attempt = payments.start_checkout(
        customer_id=world.acme.id,
        planned=[payments.Planned(invoice.id, invoice.total_minor) for invoice in many],
        nonce="n",
        payer=world.alice,
        at=AT,
    )
    (shown,) = sandbox.client().v1.checkout.sessions.line_items.list(str(attempt.session_id)).data
    assert (shown.description, shown.amount_total) == ("21 invoices", attempt.minor)
