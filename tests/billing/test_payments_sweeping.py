"""Catching up: what no webhook told us is found out anyway, and finding it out twice changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import gateway, invoices, payments, stripe_events
from billing.errors import Missing
from billing.tables import Attempt, Invoice, Mail, Payment, StripeEvent, Transfer
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox
    from tests.world import World

LATER = AT + timedelta(minutes=10)


def everything() -> list[Any]:
    return [
        list(table.select().order_by(table.id).dicts())
        for table in (Attempt, Payment, Invoice, Mail, Transfer, StripeEvent)
    ]


def unchecked(rows: list[Any]) -> list[Any]:
    """The same without the moments when somebody looked."""
    return [[{**row, "checked_at": None} for row in table] for table in rows]


def test_a_sweep_settles_what_no_webhook_told(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt))
    swept = payments.sweep(LATER)
    assert (swept.asked, swept.moved, swept.unanswered) == (1, 1, 0)
    assert paying.again(attempt).status == "succeeded"
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_reconciling_twice_changes_nothing(world: World, sandbox: Sandbox) -> None:
    paid, still_open = world.issued(), world.issued()
    sandbox.pay(paying.page(paying.begin(paid, world.alice, nonce="a")))
    paying.begin(still_open, world.alice, nonce="b")
    caught, swept = stripe_events.reconcile(LATER)
    assert caught.missed > 0
    assert swept.unanswered == 0
    before = everything()
    caught, swept = stripe_events.reconcile(LATER)
    assert (caught.missed, caught.retried, caught.failed, swept.moved) == (0, 0, 0, 0)
    assert unchecked(everything()) == unchecked(before)


def test_a_crash_between_the_call_and_its_answer_is_made_good(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(world.issued(), world.alice)
    assert payments.sweep(AT + timedelta(seconds=30)).asked == 0  # the request may still be under way
    assert payments.sweep(LATER).moved == 1
    attempt = Attempt.get()
    assert attempt.status == "open"
    assert attempt.session_id == sandbox.objects("checkout.session")[0]["id"]
    assert sandbox.state()["sessions_created"] == 1


def test_a_key_too_old_to_repeat_is_looked_up_instead(world: World, sandbox: Sandbox) -> None:
    sandbox.control("calls", path="/v1/checkout/sessions", failing=2, failing_status=500)
    made, never_made = world.issued(), world.issued()
    for invoice, nonce in ((made, "a"), (never_made, "b")):
        with pytest.raises(gateway.OutcomeUnknown):
            paying.begin(invoice, world.alice, nonce=nonce)
    known = Attempt.get(Attempt.nonce == "a")
    sandbox.client().v1.checkout.sessions.create(
        {
            "mode": "payment",
            "client_reference_id": known.id,
            "success_url": "http://localhost:8000/",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "gbp", "unit_amount": 500, "product_data": {"name": "x"}},
                }
            ],
        }
    )
    calls = sandbox.state()["sessions_created"]
    payments.sweep(AT + timedelta(hours=23, minutes=30))
    assert sandbox.state()["sessions_created"] == calls
    assert paying.again(known).session_id == sandbox.objects("checkout.session")[0]["id"]
    lost = Attempt.get(Attempt.nonce == "b")
    assert (lost.status, lost.failure) == ("failed", "never_opened")


def test_pages_that_are_over_are_closed(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    later = AT + timedelta(hours=2)
    sandbox.reset_clock(later)
    assert payments.sweep(later).moved == 1
    assert paying.again(attempt).status == "expired"


def test_one_attempt_without_an_answer_does_not_stop_the_others(world: World, sandbox: Sandbox) -> None:
    first, second = world.issued(), world.issued()
    attempts = [paying.begin(invoice, world.alice, nonce=nonce) for invoice, nonce in ((first, "a"), (second, "b"))]
    for attempt in attempts:
        sandbox.pay(paying.page(attempt))
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=503)
    swept = payments.sweep(LATER)
    assert (swept.asked, swept.moved, swept.unanswered) == (2, 1, 1)
    assert payments.sweep(LATER).moved == 1
    assert {paying.again(attempt).status for attempt in attempts} == {"succeeded"}


def test_reconciling_goes_on_where_events_cannot_be_listed(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    sandbox.pay(paying.page(attempt))
    sandbox.control("calls", path="/v1/events", failing=1, failing_status=500)
    caught, swept = stripe_events.reconcile(LATER)
    assert (caught.missed, swept.moved) == (0, 1)
    assert paying.again(attempt).status == "succeeded"


def test_the_return_page_finds_the_truth_while_webhooks_are_silent(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    assert payments.outcome(attempt, at=AT + timedelta(minutes=1)).state == "checking"
    sandbox.pay(paying.page(attempt))
    checked = payments.check(attempt, at=AT + timedelta(minutes=1))
    assert checked.status == "succeeded"
    told = payments.outcome(checked, at=AT + timedelta(minutes=1))
    assert told.state == "received"
    assert told.receipt is not None
    assert [(row.number, row.minor, row.balance_minor) for row in told.receipt.applied] == [
        ("INV-2026-0001", 116_400, 0)
    ]


def test_an_unpaid_page_is_said_to_be_open_only_right_after_looking(world: World, sandbox: Sandbox) -> None:
    attempt = payments.check(paying.begin(world.issued(), world.alice), at=AT + timedelta(seconds=10))
    assert payments.outcome(attempt, at=AT + timedelta(seconds=11)).state == "open"
    assert payments.outcome(attempt, at=AT + timedelta(minutes=5)).state == "checking"


def test_looking_is_limited_and_never_fails_a_waiting_person(world: World, sandbox: Sandbox) -> None:
    attempt = payments.check(paying.begin(world.issued(), world.alice), at=AT)
    before = sandbox.state()["calls_by_path"].get("GET /v1/checkout/sessions/{session}", 0)
    for _ in range(5):
        attempt = payments.check(attempt, at=AT + timedelta(seconds=1))
    assert sandbox.state()["calls_by_path"].get("GET /v1/checkout/sessions/{session}", 0) == before
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500)
    assert payments.check(attempt, at=AT + timedelta(seconds=9)).status == "open"


def test_an_attempt_is_shown_to_its_customer_and_to_its_very_own_guest(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    guest = paying.guest_of(invoice)
    attempt = paying.begin(invoice, guest)
    assert payments.attempt_for(attempt.id, customer_id=world.acme.id).id == attempt.id
    assert payments.attempt_for(attempt.id, payer=guest.key).id == attempt.id
    with pytest.raises(Missing):
        payments.attempt_for(attempt.id, customer_id=world.globex.id)
    with pytest.raises(Missing):
        payments.attempt_for(attempt.id, payer="link:other")
    with pytest.raises(Missing):
        payments.attempt_for("PAY-0000-0000-0000", customer_id=world.acme.id)


def test_an_invoice_shows_what_was_paid_on_it(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt))
    payments.sync(attempt, at=AT)
    (row,) = payments.applied_on(invoice.id)
    assert (row.reference, row.minor, row.currency, row.method) == (
        attempt.id,
        116_400,
        "GBP",
        "Visa ending 4242",
    )
    assert payments.in_flight(invoice.id) is None


def test_a_page_that_asks_for_more_than_is_due_by_now_is_closed(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    lost = paying.begin(invoice, world.alice, nonce="a")
    Attempt.update(status="expired").where(Attempt.id == lost.id).execute()  # as if its closing were lost
    second = paying.begin(invoice, world.bob, nonce="b")
    sandbox.pay(paying.page(lost))
    assert lost.session_id is not None
    payments.sync_session(lost.session_id, at=AT)
    assert payments.sweep(LATER).moved == 1
    assert (paying.again(second).status, paying.again(second).failure) == ("superseded", "paid_otherwise")
    assert sandbox.objects("checkout.session")[0]["status"] == "expired"
    assert Payment.select().count() == 1


def test_a_page_of_another_account_blocks_an_invoice_no_longer_than_its_time(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.reset()
    assert payments.sweep(LATER).unanswered == 1
    swept = payments.sweep(attempt.expires_at)
    assert (swept.moved, swept.unanswered) == (1, 0)
    assert paying.again(attempt).failure == "unknown_page"


def test_staff_may_void_an_invoice_whose_page_the_provider_forgot(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    paying.begin(invoice, world.alice)
    sandbox.reset()
    assert payments.release(invoice.id, by=world.sam, at=LATER) == []
    assert invoices.void(invoice.id, reason="Sent twice", by=world.sam, at=LATER).status == "void"
