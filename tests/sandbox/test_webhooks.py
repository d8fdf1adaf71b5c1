"""Events reach the application signed, in good and in bad weather."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import stripe

from tests.sandbox.conftest import Receiver
from tests.servers_sandbox import WEBHOOK_SECRETS, Bank, stripe_client, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    NewSession = Callable[..., stripe.checkout.Session]

PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "checkout.session.completed",
]


def waiting(bank: Bank) -> int:
    found: int = bank.read("state")["deliveries"]["waiting"]
    return found


def paid(bank: Bank, session: stripe.checkout.Session) -> None:
    assert session.url
    assert bank.pay(session.url).status_code == 303


def test_a_payment_is_told_in_signed_events(bank: Bank, receiver: Receiver, new_session: NewSession) -> None:
    paid(bank, new_session())
    wait_for(lambda: len(receiver.received) == 4, what="four events")
    assert receiver.types == PAID
    event: Any = receiver.events[-1]
    assert (event.livemode, event.api_version) == (False, "2026-10-28.endive")
    assert event.data.object.payment_status == "paid"
    assert event.request.id is None


def test_both_secrets_sign_and_junk_does_not_matter(bank: Bank, receiver: Receiver, api: stripe.StripeClient) -> None:
    api.v1.customers.create({"name": "Acme"}, {"idempotency_key": "told"})
    wait_for(lambda: receiver.received, what="an event")
    body, signature = receiver.received[0]
    assert (signature.count("v1="), signature.count("v0=")) == (2, 1)
    for secret in WEBHOOK_SECRETS:
        opened: Any = Receiver.opened(body, signature, secret)
        assert opened.request.idempotency_key == "told"
    with pytest.raises(stripe.SignatureVerificationError):
        Receiver.opened(body + b" ", signature)
    with pytest.raises(stripe.SignatureVerificationError):
        Receiver.opened(body, signature, "whsec_other")


def test_an_event_is_tried_again_until_it_is_heard(bank: Bank, receiver: Receiver, api: stripe.StripeClient) -> None:
    receiver.answers = [500, 302]
    api.v1.customers.create({"name": "Acme"})
    wait_for(lambda: waiting(bank) == 0 and len(receiver.received) == 3, what="the third try")
    assert {event.id for event in receiver.events} == {bank.objects("event")[0]["id"]}
    assert [one["status"] for one in bank.read("deliveries")["data"]] == [200, 302, 500]
    assert bank.objects("event")[0]["pending_webhooks"] == 0


def test_events_that_were_heard_can_be_told_from_those_that_were_not(
    bank: Bank, receiver: Receiver, api: stripe.StripeClient
) -> None:
    api.v1.customers.create({"name": "Acme"})
    wait_for(lambda: receiver.received and waiting(bank) == 0, what="the first event")
    bank.control("webhooks", dropping=True)
    api.v1.customers.create({"name": "Globex"})
    unheard = api.v1.events.list({"delivery_success": False}).data
    heard = api.v1.events.list({"delivery_success": True}).data
    assert [[event.data.object["name"] for event in part] for part in (heard, unheard)] == [["Acme"], ["Globex"]]
    assert bank.read("state")["deliveries"]["dropped"] == 1
    assert len(receiver.received) == 1


def test_paused_events_wait_and_come_after_resume(bank: Bank, receiver: Receiver, new_session: NewSession) -> None:
    bank.control("webhooks", paused=True)
    paid(bank, new_session())
    assert waiting(bank) == 4
    assert receiver.received == []
    bank.control("webhooks", paused=False)
    wait_for(lambda: len(receiver.received) == 4, what="the paused events")


def test_waiting_events_can_be_lost_for_good(bank: Bank, receiver: Receiver, new_session: NewSession) -> None:
    bank.control("webhooks", paused=True)
    paid(bank, new_session())
    bank.control("webhooks", drop_waiting=True, paused=False)
    assert bank.read("state")["deliveries"] == {"waiting": 0, "delivered": 0, "given_up": 0, "dropped": 4}
    assert receiver.received == []


@pytest.mark.parametrize("pace", ["one_by_one", "at_once"])
def test_duplicates_are_the_same_event_sent_again(
    bank: Bank, receiver: Receiver, api: stripe.StripeClient, pace: str
) -> None:
    bank.control("webhooks", duplicate=5, at_once=pace == "at_once")
    api.v1.customers.create({"name": "Acme"})
    wait_for(lambda: len(receiver.received) == 5, what="five copies")
    assert len({event.id for event in receiver.events}) == 1


def test_a_shuffled_burst_arrives_in_reverse(bank: Bank, receiver: Receiver, new_session: NewSession) -> None:
    bank.control("webhooks", shuffle=True)
    paid(bank, new_session())
    wait_for(lambda: len(receiver.received) == 4, what="the burst")
    assert receiver.types == PAID[::-1]


def test_an_event_can_be_sent_again(bank: Bank, receiver: Receiver, api: stripe.StripeClient) -> None:
    api.v1.customers.create({"name": "Acme"})
    wait_for(lambda: receiver.received, what="the event")
    event = bank.objects("event")[0]
    bank.control(f"events/{event['id']}/resend")
    wait_for(lambda: len(receiver.received) == 2, what="the event again")
    assert [found.id for found in receiver.events] == [event["id"]] * 2


def test_an_event_may_arrive_before_the_answer_that_caused_it(
    bank: Bank, receiver: Receiver, api: stripe.StripeClient
) -> None:
    seen: list[str] = []
    bank.control("webhooks", before_response=True)
    with stripe_client(bank.base_url) as inner:

        def look(event: stripe.Event) -> None:
            intent: Any = event.data.object
            if event.type == "payment_intent.succeeded":
                seen.append(inner.v1.payment_intents.retrieve(intent.id).status)

        receiver.on_event = look
        api.v1.payment_intents.create(
            {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "off_session": True, "confirm": True}
        )
        assert receiver.failures == []
        assert seen == ["succeeded"], "the receiver looked the payment up while the call was still open"
        assert len(receiver.received) == 3


def test_a_receiver_that_is_away_gets_its_events_when_it_is_back(
    bank: Bank, receiver: Receiver, api: stripe.StripeClient
) -> None:
    bank.control("webhooks", url="http://127.0.0.1:9/closed")
    api.v1.customers.create({"name": "Acme"})
    wait_for(lambda: bank.read("deliveries")["data"], what="a failed try")
    assert bank.read("deliveries")["data"][-1]["status"] == 0
    bank.control("webhooks", url=receiver.url)
    wait_for(lambda: receiver.received, what="the event")
    assert receiver.types == ["customer.created"]


def test_events_wait_while_there_is_nowhere_to_send_them(
    bank: Bank, receiver: Receiver, api: stripe.StripeClient
) -> None:
    bank.control("webhooks", paused=True)
    api.v1.customers.create({"name": "Acme"})
    bank.control("webhooks", paused=False, url="")
    api.v1.customers.create({"name": "Globex"})
    assert waiting(bank) == 1
    bank.control("webhooks", url=receiver.url)
    wait_for(lambda: receiver.received, what="the first event")
    assert [event.data.object["name"] for event in receiver.events] == ["Acme"]


def test_the_timer_expires_sessions_and_says_so(bank: Bank, receiver: Receiver, new_session: NewSession) -> None:
    session = new_session()
    bank.control("clock", offset_seconds=25 * 3600)
    wait_for(lambda: receiver.received, what="the expiry")
    event: Any = receiver.events[0]
    assert (event.type, event.data.object.id) == ("checkout.session.expired", session.id)


def test_an_event_of_the_other_mode_can_be_sent_on_purpose(
    bank: Bank, receiver: Receiver, api: stripe.StripeClient
) -> None:
    bank.control("webhooks", wrong_mode=True)
    customer = api.v1.customers.create({"name": "Acme"})
    wait_for(lambda: receiver.received, what="the event")
    event: Any = receiver.events[0]
    assert (event.livemode, event.data.object.livemode, event.data.object.id) == (True, True, customer.id)
    assert api.v1.events.retrieve(event.id).livemode is False
    bank.control("webhooks", wrong_mode=False)
    bank.control(f"events/{event.id}/resend")
    wait_for(lambda: len(receiver.received) == 2, what="the event as it is")
    assert receiver.events[1].livemode is False
