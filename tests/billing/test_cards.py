"""Saved cards, by the real stripe library against the sandbox: saved, renewed, paid with, and removed."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import cards, check, gateway, payments
from billing.db import transaction
from billing.errors import Missing
from billing.tables import Attempt, Autopay, Card, CardSetup, Invoice, Mail, Payment
from tests.billing import paying
from tests.billing.saved import away, paid_ahead_of, paid_by, save_card, saved_method
from tests.servers_sandbox import ASKS_ALWAYS, AUTHENTICATES, DECLINED, FAILS_LATER
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox
    from tests.world import World


def test_a_card_is_saved_on_the_providers_page(world: World, sandbox: Sandbox) -> None:
    wish = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT)
    assert wish.status == "open"
    assert cards.for_customer(world.acme.id) == []
    assert sandbox.pay(str(wish.url)).status_code == 303
    assert cards.check(wish, at=AT).status == "succeeded"
    (card,) = cards.for_customer(world.acme.id)
    assert card.full_words == "Visa ending 4242, expires 12/2034"
    assert (card.added_by, card.is_usual, card.pays_automatically) == ("Alice Poole", True, False)
    assert cards.for_customer(world.globex.id) == []
    assert sandbox.objects("charge") == []


def test_a_double_click_finds_the_same_page(world: World, sandbox: Sandbox) -> None:
    first = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT)
    assert cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT).id == first.id
    assert len(sandbox.objects("checkout.session")) == 1
    with pytest.raises(Missing):
        cards.start_setup(world.globex.id, nonce="n-1", by=world.gina, at=AT)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 0, 1), (2, 2, 1)])
def test_news_of_a_saved_card_may_come_in_any_order(world: World, sandbox: Sandbox, order: tuple[int, ...]) -> None:
    wish = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT, autopay_consent="I agree.", ip="::1")
    sandbox.pay(str(wish.url))
    events = [event for event in reversed(sandbox.objects("event")) if event["type"] in SAVING]
    assert [event["type"] for event in events] == list(SAVING)
    for index in order:
        assert paying.deliver(events[index])
    (card,) = cards.for_customer(world.acme.id)
    assert card.pays_automatically
    assert card.added_by == "Alice Poole"
    assert Autopay.select().count() == 1


SAVING = ("payment_method.attached", "setup_intent.succeeded", "checkout.session.completed")


def test_a_card_that_was_saved_unheard_of_is_found_by_the_sweep(world: World, sandbox: Sandbox) -> None:
    wish = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT)
    sandbox.pay(str(wish.url))
    assert cards.sweep(AT) == 0
    assert cards.usual(world.acme.id) is not None
    assert cards.sweep(AT) == 0
    assert CardSetup.get_by_id(wish.id).status == "succeeded"


def test_a_card_saved_with_a_payment_is_known(world: World, sandbox: Sandbox) -> None:
    attempt = paying.begin(world.issued(), world.alice)
    sandbox.pay(paying.page(attempt), save="1")
    attached = [event for event in sandbox.objects("event") if event["type"] == "payment_method.attached"]
    assert len(attached) == 1
    assert paying.deliver(attached[0])
    assert paying.deliver(attached[0])
    (card,) = cards.for_customer(world.acme.id)
    assert card.words == "Visa ending 4242"
    payments.sync(attempt, at=AT)


def test_a_strangers_card_of_the_same_stripe_books_is_left_alone(world: World, sandbox: Sandbox) -> None:
    stranger = sandbox.client().v1.customers.create({"name": "Somebody else"})
    method = saved_method(sandbox, stranger.id)
    assert cards.keep(method, at=AT) is None
    assert Card.select().count() == 0


def test_a_renewed_card_reads_as_it_is_now(world: World, sandbox: Sandbox) -> None:
    card = save_card(world, sandbox)
    sandbox.control(f"payment_methods/{card.stripe_id}/renew", exp_month=3, exp_year=2041, last4="1881")
    assert paying.deliver(sandbox.objects("event")[0])
    (now,) = cards.for_customer(world.acme.id)
    assert now.full_words == "Visa ending 1881, expires 03/2041"


def test_a_removed_card_is_gone_at_the_provider_and_its_autopay_over(world: World, sandbox: Sandbox) -> None:
    card = save_card(world, sandbox, autopay_consent="I agree.")
    cards.remove(card.id, customer_id=world.acme.id, by=world.bob, at=AT)
    assert cards.for_customer(world.acme.id) == []
    assert cards.live(world.acme.id) is None
    assert gateway.current().saved_method(card.stripe_id).customer_ref is None
    told = Mail.select().where(Mail.event == "autopay_ended")
    assert {mail.recipient for mail in told} == {"alice@acme.example", "bob@acme.example"}
    assert all(mail.context["why"] == "Visa ending 4242 was removed by Bob Hale" for mail in told)
    assert paying.deliver(sandbox.objects("event")[0])  # payment_method.detached
    assert told.count() == 2
    with pytest.raises(Missing):
        cards.remove(card.id, customer_id=world.acme.id, by=world.bob, at=AT)


@pytest.mark.parametrize("how", ["here", "there"])
def test_a_card_removed_while_somebody_consents_to_it_pays_nothing_by_itself(
    world: World, sandbox: Sandbox, how: str
) -> None:
    card = save_card(world, sandbox)
    has_agreed, is_asked_for = threading.Event(), threading.Event()

    def consents() -> None:
        with transaction():
            words = cards.find(card.id, customer_id=world.acme.id).full_words
            text = cards.consent_text(world.acme.id, words)
            cards.turn_on(card.id, customer_id=world.acme.id, agreed=text, ip="", by=world.alice, at=AT)
            has_agreed.set()
            is_asked_for.wait(1)  # the other one cannot come past the lock

    def removes() -> None:
        has_agreed.wait(10)
        if how == "here":
            cards.remove(card.id, customer_id=world.acme.id, by=world.bob, at=AT)
        else:
            sandbox.client().v1.payment_methods.detach(card.stripe_id)
            cards.keep(card.stripe_id, at=AT)
        is_asked_for.set()

    turns = iter([consents, removes])

    def takes_a_turn() -> None:
        next(turns)()

    assert paying.at_once(2, takes_a_turn) == [None, None]
    assert cards.live(world.acme.id) is None
    assert check.broken() == []


def test_nobody_consents_to_a_card_that_has_expired(world: World, sandbox: Sandbox) -> None:
    card = save_card(world, sandbox)
    Card.update(expires_on=TODAY).execute()
    text = cards.consent_text(world.acme.id, cards.find(card.id, customer_id=world.acme.id).full_words)
    with pytest.raises(cards.CardExpired, match="Visa ending 4242 has expired"):
        cards.turn_on(card.id, customer_id=world.acme.id, agreed=text, ip="", by=world.alice, at=AT)
    Card.update(expires_on=TODAY + timedelta(days=1)).execute()
    text = cards.consent_text(world.acme.id, cards.find(card.id, customer_id=world.acme.id).full_words)
    cards.turn_on(card.id, customer_id=world.acme.id, agreed=text, ip="", by=world.alice, at=AT)
    assert cards.live(world.acme.id) is not None


def test_a_card_detached_elsewhere_is_gone_here(world: World, sandbox: Sandbox) -> None:
    card = save_card(world, sandbox, autopay_consent="I agree.")
    sandbox.client().v1.payment_methods.detach(card.stripe_id)
    assert paying.deliver(sandbox.objects("event")[0])
    assert cards.for_customer(world.acme.id) == []
    ended = cards.last_ended(world.acme.id)
    assert ended is not None
    assert ended.ended_because == "Visa ending 4242 was removed"


def test_another_customers_card_can_neither_be_removed_nor_paid_with(world: World, sandbox: Sandbox) -> None:
    card = save_card(world, sandbox)
    theirs = world.issued(world.globex)
    with pytest.raises(Missing):
        cards.remove(card.id, customer_id=world.globex.id, by=world.gina, at=AT)
    with pytest.raises(Missing):
        paid_by(card, theirs, world.gina)
    assert len(cards.for_customer(world.acme.id)) == 1


def test_a_person_pays_with_a_saved_card_in_one_step(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    attempt = paid_by(card, invoice, world.alice)
    assert (attempt.status, attempt.kind, attempt.card_id) == ("succeeded", "saved_card", card.id)
    payment = Payment.get(Payment.attempt == attempt.id)
    assert (payment.minor, payment.method) == (invoice.total_minor, "Visa ending 4242")
    assert Invoice.get_by_id(invoice.id).balance_minor == 0
    assert paid_by(card, invoice, world.alice).id == attempt.id, "a double click finds the same payment"
    assert len(sandbox.objects("charge")) == 1


def test_a_guest_cannot_pay_with_a_saved_card(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    with pytest.raises(Missing):
        paid_by(card, invoice, paying.guest_of(invoice))
    assert Attempt.select().count() == 0
    assert sandbox.objects("payment_intent") == []


def test_a_declined_card_says_so_and_another_try_is_another_attempt(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox, number=FAILS_LATER), world.issued()
    with pytest.raises(cards.CardRefused, match="You have not been charged"):
        paid_by(card, invoice, world.alice)
    assert Attempt.get().status == "failed"
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="insufficient_funds")
    with pytest.raises(cards.CardRefused, match="has not enough money on it"):
        paid_by(card, invoice, world.alice, nonce="n-2")
    assert payments.start_checkout(
        customer_id=world.acme.id,
        planned=[payments.Planned(invoice.id, invoice.total_minor)],
        nonce="n-3",
        payer=world.alice,
        at=AT,
    ).url
    assert Invoice.get_by_id(invoice.id).balance_minor == invoice.total_minor


@pytest.mark.parametrize(("outcome", "status"), [("complete", "succeeded"), ("fail", "failed")])
def test_the_bank_asks_its_customer_and_the_answer_counts(
    world: World, sandbox: Sandbox, outcome: str, status: str
) -> None:
    card, invoice = save_card(world, sandbox, number=AUTHENTICATES), world.issued()
    attempt = paid_by(card, invoice, world.alice)
    assert attempt.status == "open"
    assert "/c/authenticate/" in str(attempt.url)
    answer = away(str(attempt.url), outcome)
    assert f"/payments/{attempt.id}?returned=1&payment_intent=" in answer
    assert payments.check(attempt, at=AT.replace(minute=1)).status == status
    assert (Invoice.get_by_id(invoice.id).balance_minor == 0) == (outcome == "complete")


def test_a_question_of_the_bank_that_nobody_answers_is_called_back(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox, number=ASKS_ALWAYS), world.issued()
    attempt = paid_by(card, invoice, world.alice)
    payments.sweep(AT.replace(hour=10, minute=30))
    assert paying.again(attempt).status == "open"
    payments.sweep(AT.replace(hour=12))
    assert paying.again(attempt).status in {"expired", "superseded"}
    assert [intent["status"] for intent in sandbox.objects("payment_intent")] == ["canceled"]


def test_a_payer_who_changes_their_mind_at_the_banks_question_pays_another_way(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox, number=ASKS_ALWAYS), world.issued()
    asked = paid_by(card, invoice, world.alice)
    page = paying.begin(invoice, world.alice, nonce="n-2")
    assert page.kind == "checkout"
    assert paying.again(asked).status == "superseded"
    assert [intent["status"] for intent in sandbox.objects("payment_intent")] == ["canceled"]


def test_an_answer_that_was_lost_is_found_by_sending_the_form_again(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    sandbox.control("calls", failing=1, failing_after=True)
    with pytest.raises(gateway.OutcomeUnknown):
        paid_by(card, invoice, world.alice)
    assert paid_by(card, invoice, world.alice).status == "succeeded"
    assert len(sandbox.objects("charge")) == 1


def test_an_answer_that_was_lost_is_found_by_the_sweep(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    sandbox.control("calls", failing=1, failing_after=True)
    with pytest.raises(gateway.OutcomeUnknown):
        paid_by(card, invoice, world.alice)
    payments.sweep(AT.replace(minute=2))
    assert Invoice.get_by_id(invoice.id).balance_minor == 0
    assert check.broken() == []


def test_a_call_that_never_arrived_is_given_up_uncharged(world: World, sandbox: Sandbox) -> None:
    card, invoice = save_card(world, sandbox), world.issued()
    sandbox.control("calls", failing=1)
    with pytest.raises(gateway.OutcomeUnknown):
        paid_by(card, invoice, world.alice)
    payments.sweep(AT.replace(minute=2))
    assert Attempt.get().status == "failed"
    assert Attempt.get().failure == "never_opened"
    assert sandbox.objects("charge") == []


def test_money_is_paid_ahead_with_a_saved_card(world: World, sandbox: Sandbox) -> None:
    attempt = paid_ahead_of(save_card(world, sandbox), 50_00, world.alice)
    assert attempt.status == "succeeded"
    assert Payment.get().free_minor == 50_00


def test_a_card_the_bank_refuses_is_not_saved(world: World, sandbox: Sandbox) -> None:
    wish = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT)
    assert sandbox.pay(str(wish.url), DECLINED).status_code == 402
    assert cards.check(wish, at=AT).status == "open"
    assert cards.for_customer(world.acme.id) == []
