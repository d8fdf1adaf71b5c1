"""The inbox: signed or refused, stored before it is acted on, answered "done" only when done."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from billing import gateway, payments, stripe_events
from billing.tables import Invoice, Payment, StripeEvent
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox
    from tests.world import World


def event(kind: str = "customer.updated", **more: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": int(AT.timestamp()),
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "cus_1", "object": "customer"}},
    } | more


def take(payload: str, signature: str | None) -> bool:
    return stripe_events.receive(payload.encode(), signature, at=AT, real_at=AT)


def test_a_delivery_is_kept_and_what_we_do_not_use_is_ignored(world: World, sandbox: Sandbox) -> None:
    assert paying.deliver(event())
    row = StripeEvent.get()
    assert (row.id, row.type, row.object_id, row.status, row.attempts) == (
        "evt_1",
        "customer.updated",
        "cus_1",
        "ignored",
        1,
    )
    assert json.loads(row.payload) == event()


def test_either_secret_opens_while_one_replaces_the_other(world: World, sandbox: Sandbox) -> None:
    payload = json.dumps(event())
    assert take(payload, paying.signed(payload, paying.OLD_SECRET))
    assert take(payload, paying.signed(payload, paying.NEW_SECRET))
    junk_first = paying.signed(payload).replace("v1=", "v0=x,v1=00,v1=")
    assert take(payload, junk_first)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_delivery_of_the_last_five_minutes_is_taken(world: World, sandbox: Sandbox, seconds: int) -> None:
    payload = json.dumps(event())
    assert take(payload, paying.signed(payload, at=AT + timedelta(seconds=seconds)))


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_an_old_delivery_and_one_from_the_future_are_refused(world: World, sandbox: Sandbox, seconds: int) -> None:
    payload = json.dumps(event())
    with pytest.raises(gateway.BadSignature):
        take(payload, paying.signed(payload, at=AT + timedelta(seconds=seconds)))
    assert not StripeEvent.select().exists()


def test_what_is_not_signed_by_us_leaves_no_trace(world: World, sandbox: Sandbox) -> None:
    payload = json.dumps(event("payment_intent.succeeded"))
    stamp = int(AT.timestamp())
    for signature in (
        None,
        "",
        "t=,v1=",
        "nonsense",
        f"t={stamp}",
        f"t={stamp},v1=",
        f"t={stamp},v0=abc",
        paying.signed(payload, "whsec_other"),
        paying.signed(payload, ""),
        paying.signed(payload + " "),
        paying.signed(payload).replace("v1=", "v0="),
    ):
        with pytest.raises(gateway.BadSignature):
            take(payload, signature)
    assert not StripeEvent.select().exists()


def test_a_thousand_forgeries_are_refused(world: World, sandbox: Sandbox) -> None:
    payload = json.dumps(event("payment_intent.succeeded")).encode()
    signature = paying.signed(payload.decode())
    chance = random.Random(11)
    refused = 0
    for _ in range(1_000):
        if chance.random() < 0.5:
            index = chance.randrange(len(payload))
            changed = bytes([payload[index] ^ (1 << chance.randrange(8))])
            forged, header = payload[:index] + changed + payload[index + 1 :], signature
        else:
            index = chance.randrange(len(signature) - 64, len(signature))
            digit = chance.choice([mark for mark in "0123456789abcdef" if mark != signature[index]])
            forged, header = payload, signature[:index] + digit + signature[index + 1 :]
        try:
            stripe_events.receive(forged, header, at=AT, real_at=AT)
        except gateway.BadSignature:
            refused += 1
    assert refused == 1_000
    assert not StripeEvent.select().exists()


@pytest.mark.parametrize(
    "payload",
    ["", "{", "[]", "null", '"text"', '{"object": "v2.core.event"}', '{"object": "event"}', "{}"],
)
def test_what_is_signed_but_no_event_is_refused(world: World, sandbox: Sandbox, payload: str) -> None:
    with pytest.raises(gateway.BadSignature):
        take(payload, paying.signed(payload))


def test_bytes_that_are_no_text_are_refused(world: World, sandbox: Sandbox) -> None:
    with pytest.raises(gateway.BadSignature):
        stripe_events.receive(b"\xff\xfe", paying.signed("x"), at=AT, real_at=AT)


def test_an_event_of_the_other_mode_is_kept_and_never_acted_on(world: World, sandbox: Sandbox) -> None:
    intent = sandbox.client().v1.payment_intents.create(
        {"amount": 500, "currency": "gbp", "payment_method": "pm_card_visa", "off_session": True, "confirm": True}
    )
    live = event(
        "payment_intent.succeeded",
        livemode=True,
        data={"object": {"id": intent.id, "object": "payment_intent"}},
    )
    assert paying.deliver(live)
    assert paying.deliver(live)
    assert StripeEvent.get().status == "wrong_mode"
    assert not Payment.select().exists()


@pytest.mark.race
def test_one_delivery_twenty_times_at_once_books_once(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    sandbox.pay(paying.page(paying.begin(invoice, world.alice)))
    succeeded = next(found for found in sandbox.objects("event") if found["type"] == "payment_intent.succeeded")
    answers = paying.at_once(20, lambda: paying.deliver(succeeded))
    assert answers == [True] * 20
    assert Payment.select().count() == 1
    assert StripeEvent.select().count() == 1
    assert StripeEvent.get().status == "processed"
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_a_webhook_may_come_before_our_own_call_returned(world: World, sandbox: Sandbox) -> None:
    """The row stands before the call, so the event finds it; the late answer then takes nothing back."""
    invoice = world.issued()
    sandbox.control("calls", path="/v1/checkout/sessions", failing=1, failing_status=500, failing_after=True)
    with pytest.raises(gateway.OutcomeUnknown):
        paying.begin(invoice, world.alice)
    sandbox.pay(sandbox.objects("checkout.session")[0]["url"])
    assert all(paying.deliver(found) for found in sandbox.objects("event"))
    attempt = paying.begin(invoice, world.alice)
    assert attempt.status == "succeeded"
    assert Invoice.get_by_id(invoice.id).balance_minor == 0
    assert Payment.select().count() == 1


def test_what_cannot_be_done_now_is_asked_for_again(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    sandbox.pay(paying.page(paying.begin(invoice, world.alice)))
    succeeded = next(found for found in sandbox.objects("event") if found["type"] == "payment_intent.succeeded")
    sandbox.control("calls", path="/v1/payment_intents", failing=1, failing_status=500)
    assert not paying.deliver(succeeded)
    row = StripeEvent.get()
    assert (row.status, row.attempts) == ("failed", 1)
    assert "APIError 500" in row.error
    assert paying.deliver(succeeded)
    assert (StripeEvent.get().status, StripeEvent.get().attempts) == ("processed", 2)
    assert Invoice.get_by_id(invoice.id).balance_minor == 0


def test_what_failed_is_tried_again_by_the_sweep(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt))
    succeeded = next(found for found in sandbox.objects("event") if found["type"] == "payment_intent.succeeded")
    sandbox.control("calls", path="/v1/payment_intents", failing=1, failing_status=500)
    assert not paying.deliver(succeeded)
    caught = stripe_events.sweep(AT + timedelta(minutes=5))
    assert (caught.retried, caught.failed) == (1, 0)
    assert paying.only_event("payment_intent.succeeded").status == "processed"
    assert paying.again(attempt).status == "succeeded"


def test_an_event_about_nothing_we_can_find_stays_to_be_looked_at(world: World, sandbox: Sandbox) -> None:
    ghost = event("payment_intent.succeeded", data={"object": {"id": "pi_ghost", "object": "payment_intent"}})
    assert not paying.deliver(ghost)
    row = StripeEvent.get()
    assert row.status == "failed"
    assert "resource_missing" in row.error
    assert not Payment.select().exists()


def test_a_replayed_delivery_has_no_second_effect(world: World, sandbox: Sandbox) -> None:
    invoice = world.issued()
    attempt = paying.begin(invoice, world.alice)
    sandbox.pay(paying.page(attempt))
    told = sandbox.objects("event")
    for _ in range(3):
        assert all(paying.deliver(found) for found in told)
    assert Payment.select().count() == 1
    assert {row.attempts for row in StripeEvent.select()} == {1}
    assert payments.outcome(paying.again(attempt), at=AT).state == "received"
