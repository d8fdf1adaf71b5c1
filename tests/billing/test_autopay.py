"""Autopay, by the real stripe library against the sandbox: charged once when due, tried again as agreed, told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import autopay, cards, check, comparing, credits, gateway, invoices, outbox, payments, refunds
from billing.db import transaction
from billing.instalments import PartContent
from billing.tables import Activity, Attempt, AutopayRun, Card, Invoice, Mail, Payment
from tests.billing import paying
from tests.billing.money_back import paid
from tests.billing.saved import save_card
from tests.servers_sandbox import ASKS_ALWAYS
from tests.world import AT, TODAY, content, line
from web import letters

if TYPE_CHECKING:
    from tests.billing.paying import Sandbox
    from tests.world import World


@pytest.fixture
def card(world: World, sandbox: Sandbox) -> Card:
    """Acme's card, which pays what falls due."""
    return save_card(world, sandbox, autopay_consent="I agree.")


def run_on(day: int) -> autopay.Ran:
    """The worker's tick of the day so many days from today: it tells what comes, then charges."""
    at = AT + timedelta(days=day)
    autopay.tell_upcoming(at.date(), at=at)
    return autopay.run_due(at.date(), at=at)


def outcomes(invoice: Invoice) -> list[str]:
    rows = AutopayRun.select().where(AutopayRun.invoice == invoice.id).order_by(AutopayRun.id)
    return [row.outcome for row in rows]


def owed(invoice: Invoice) -> int:
    return int(Invoice.get_by_id(invoice.id).balance_minor)


def told(event: str) -> list[dict[str, object]]:
    return [mail.context for mail in Mail.select().where(Mail.event == event).order_by(Mail.recipient)]


def test_what_is_due_is_charged_once(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice, later = world.overdue(), world.issued()
    assert run_on(0).paid == 1
    assert (owed(invoice), owed(later)) == (0, later.total_minor)
    assert run_on(0) == autopay.Ran()
    payment = Payment.get()
    assert payment.method == "Visa ending 4242"
    assert Attempt.get_by_id(payment.attempt_id).kind == "autopay"
    assert len(sandbox.objects("charge")) == 1
    assert {mail.recipient for mail in Mail.select().where(Mail.event == "receipt")} == {
        "alice@acme.example",
        "bob@acme.example",
    }


def test_each_invoice_is_charged_on_its_own_day(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.issued()
    assert run_on(27) == run_on(29) == autopay.Ran()
    assert run_on(30).paid == 1
    assert owed(invoice) == 0


def test_nothing_is_charged_without_consent(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice, theirs = world.overdue(), world.overdue(world.globex)
    cards.withdraw(world.acme.id, by=world.bob, at=AT)
    assert run_on(0) == autopay.Ran()
    assert (owed(invoice), owed(theirs)) == (invoice.total_minor, theirs.total_minor)
    assert sandbox.objects("payment_intent") == []


def test_an_invoice_left_out_is_not_charged(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    autopay.skip(invoice.id, customer_id=world.acme.id, skips=True, by=world.alice, at=AT)
    assert autopay.coming(Invoice.get_by_id(invoice.id), TODAY) is None
    assert run_on(0) == autopay.Ran()
    autopay.skip(invoice.id, customer_id=world.acme.id, skips=False, by=world.alice, at=AT)
    assert run_on(0).paid == 1


def test_what_was_given_back_is_not_charged_again_unasked(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.issued()
    payment = paid(world, sandbox, invoice)
    source = credits.CreditKey("payment", payment.id)
    refunds.request(
        source=source,
        minor=20_000,
        method="original",
        reason="Half came",
        from_invoice_id=invoice.id,
        by=world.sam,
        at=AT,
    )
    assert autopay.coming(invoices.get(invoice.id), TODAY) is None
    autopay.skip(invoice.id, customer_id=world.acme.id, skips=False, by=world.alice, at=AT)
    assert autopay.coming(invoices.get(invoice.id), TODAY) is not None


def test_an_invoice_somebody_is_paying_waits(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    page = paying.begin(invoice, world.bob)
    assert run_on(0) == autopay.Ran()
    payments.cancel(page, by=world.bob, at=AT)
    assert run_on(0).paid == 1


def test_a_soft_decline_is_tried_again_after_3_5_and_7_days_and_then_no_more(
    world: World, sandbox: Sandbox, card: Card
) -> None:
    invoice = world.overdue()
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="insufficient_funds")
    tried = [day for day in range(40) if run_on(day) != autopay.Ran()]
    assert tried == [0, 3, 8, 15]
    assert outcomes(invoice) == ["declined", "declined", "declined", "stopped"]
    assert len(sandbox.objects("payment_intent")) == 4
    assert cards.live(world.acme.id) is not None, "other invoices are still charged"
    failed = [context for context in told("autopay_failed") if context["outcome"] == "declined"]
    assert failed[0]["next_on"] == (TODAY + timedelta(days=3)).isoformat()
    assert len(told("autopay_failed")) == 8
    assert owed(invoice) == invoice.total_minor


def test_a_try_made_before_its_day_is_not_told_as_still_to_come(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.issued()
    assert invoice.next_due_on is not None
    early = (invoice.next_due_on - TODAY).days
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="do_not_honor")
    run_on(early - 3)
    assert run_on(early).declined == 1
    coming = autopay.coming(Invoice.get_by_id(invoice.id), TODAY)
    assert coming is not None
    assert (coming.on, coming.try_number) == (invoice.next_due_on + timedelta(days=3), 2)


def test_a_try_that_pays_ends_the_tries(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="do_not_honor")
    assert run_on(0).declined == 1
    coming = autopay.coming(Invoice.get_by_id(invoice.id), TODAY)
    assert coming is not None
    assert (coming.on, coming.try_number) == (TODAY + timedelta(days=3), 2)
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="")
    assert run_on(3).paid == 1
    assert outcomes(invoice) == ["declined", "paid"]


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "pickup_card"])
def test_a_hard_decline_turns_autopay_off(world: World, sandbox: Sandbox, card: Card, code: str) -> None:
    invoice, other = world.overdue(), world.overdue()
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code=code)
    assert run_on(0).stopped == 1
    assert cards.live(world.acme.id) is None
    assert (outcomes(invoice), outcomes(other)) == (["stopped"], [])
    assert [context["is_off"] for context in told("autopay_failed")] == [True, True]
    assert told("autopay_ended") == [], "one mail says it all"
    assert run_on(3) == autopay.Ran()


def test_a_card_that_needs_its_holder_brings_a_way_to_pay_by_mail(world: World, sandbox: Sandbox) -> None:
    save_card(world, sandbox, ASKS_ALWAYS, autopay_consent="I agree.")
    invoice = world.overdue()
    assert run_on(0).needs_person == 1
    assert [context["outcome"] for context in told("autopay_failed")] == ["needs_person", "needs_person"]
    assert all(context["link_id"] for context in told("autopay_failed"))
    assert cards.live(world.acme.id) is not None
    assert all(run_on(day) == autopay.Ran() for day in range(20))
    page = paying.begin(invoice, world.alice, at=AT)
    assert page.url, "the payer may pay on the page"


@pytest.mark.parametrize("after", [True, False])
def test_an_answer_that_was_lost_is_asked_for_under_the_same_key(
    world: World, sandbox: Sandbox, card: Card, *, after: bool
) -> None:
    invoice = world.overdue()
    sandbox.control("calls", failing=1, failing_after=after)
    assert run_on(0).unanswered == 1
    assert outcomes(invoice) == [""]
    sandbox.control("calls", failing=0, failing_after=False)
    assert run_on(0).paid == 1
    assert outcomes(invoice) == ["paid"]
    assert owed(invoice) == 0
    assert len(sandbox.objects("charge")) == 1
    assert check.broken() == []


def test_a_rate_limit_is_no_answer_either(world: World, sandbox: Sandbox, card: Card) -> None:
    invoices = [world.overdue() for _ in range(5)]
    sandbox.control("calls", failing=50, failing_status=429)
    assert run_on(0).unanswered == 3, "the provider is left in peace"
    sandbox.control("calls", failing=0)
    assert run_on(0).paid == 5
    assert sum(owed(invoice) for invoice in invoices) == 0


def test_nobody_else_pays_while_the_answer_is_not_known(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    sandbox.control("calls", failing=1, failing_after=True)
    run_on(0)
    with pytest.raises(payments.OnItsWay):
        paying.begin(invoice, world.alice)


def test_an_answer_that_was_lost_for_a_day_is_looked_for_and_never_asked_again(
    world: World, sandbox: Sandbox, card: Card
) -> None:
    invoice = world.overdue()
    sandbox.control("calls", failing=1, failing_after=True)
    assert run_on(0).unanswered == 1
    sandbox.control("calls", failing=0, failing_after=False)
    assert run_on(1).paid == 1
    assert len(sandbox.objects("charge")) == 1
    assert owed(invoice) == 0


def test_the_webhook_that_came_before_the_answer_books_it(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    sandbox.control("calls", failing=1, failing_after=True)
    run_on(0)
    event = next(event for event in sandbox.objects("event") if event["type"] == "payment_intent.succeeded")
    assert paying.deliver(event)
    assert owed(invoice) == 0
    assert run_on(0).paid == 1
    assert outcomes(invoice) == ["paid"]


def test_the_news_of_a_decline_that_came_first_counts_once(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="insufficient_funds")
    sandbox.control("calls", failing=1, failing_after=True)
    run_on(0)
    event = next(event for event in sandbox.objects("event") if event["type"] == "payment_intent.payment_failed")
    assert paying.deliver(event)
    assert run_on(0).declined == 1
    assert outcomes(invoice) == ["declined"]
    assert len(told("autopay_failed")) == 2


def test_what_is_too_small_for_a_card_is_left_to_its_payer_and_told(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue(world.acme, line(quantity="1", unit_price="0.29", rate_ppm=0))
    assert run_on(0).stopped == 1
    assert outcomes(invoice) == ["stopped"]
    assert {(context["why"], context["is_off"]) for context in told("autopay_failed")} == {("amount_too_small", False)}
    assert cards.live(world.acme.id) is not None
    assert run_on(1) == autopay.Ran()


def test_a_card_removed_behind_our_back_ends_autopay(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    sandbox.client().v1.payment_methods.detach(card.stripe_id)
    assert run_on(0).mistake == 1
    assert cards.live(world.acme.id) is None
    assert owed(invoice) == invoice.total_minor
    seen = Activity.select().where((Activity.invoice == invoice.id) & (Activity.kind == "autopay_failed"))
    assert [row.customer_sees for row in seen] == [False]
    assert run_on(1) == autopay.Ran()


def test_a_new_card_tries_again_what_the_old_one_could_not_pay(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="lost_card")
    assert run_on(0).stopped == 1
    save_card(world, sandbox, "5555555555554444", autopay_consent="I agree.")
    assert run_on(0).paid == 1
    assert Payment.get().method == "Mastercard ending 4444"
    assert owed(invoice) == 0


def test_two_workers_make_one_try(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    paying.at_once(4, lambda: autopay.run_due(TODAY, at=AT))
    assert len(sandbox.objects("charge")) == 1
    assert autopay.run_due(TODAY, at=AT).mistake == 0
    assert outcomes(invoice) == ["paid"]
    assert owed(invoice) == 0


def test_a_customer_sees_what_would_be_charged_and_when(world: World, sandbox: Sandbox, card: Card) -> None:
    late, later = world.overdue(), world.issued()
    planned = autopay.schedule(world.acme.id, TODAY)
    assert [(row.number, row.on) for row in planned] == [(late.number, TODAY), (later.number, later.due_on)]
    assert autopay.schedule(world.globex.id, TODAY) == []


def test_no_call_to_the_provider_is_made_with_the_books_locked(world: World, sandbox: Sandbox, card: Card) -> None:
    from billing.db import database

    world.overdue()
    real, seen = gateway.current(), []

    class Watching(type(real)):  # type: ignore[misc]  # the class of the gateway in use
        def charge(self, *args: object, **kwargs: object) -> object:
            seen.append(database.in_transaction())
            return super().charge(*args, **kwargs)

    real.__class__ = Watching  # watched, not replaced
    run_on(0)
    assert seen == [False]


def letters_of(event: str) -> list[letters.Letter]:
    return [letters.write(mail) for mail in Mail.select().where(Mail.event == event).order_by(Mail.id)]


def test_the_mails_of_autopay_say_what_happened_and_what_comes_next(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    later = world.issued()
    first = letters_of("autopay_on")[0]
    assert first.subject == "Autopay is on: Visa ending 4242 pays your invoices from Alder & Finch"
    assert "I agree." in first.text
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="insufficient_funds")
    run_on(0)
    at = AT + timedelta(days=27)
    autopay.tell_upcoming(at.date(), at=at)
    upcoming = letters_of("autopay_upcoming")[0]
    assert upcoming.subject.startswith("£1,164.00 will be charged on Tuesday 22 December 2026: ")
    assert str(later.number) in upcoming.subject
    failed = letters_of("autopay_failed")[0]
    assert failed.subject == f"Not charged: £1,164.00 for invoice {invoice.number} from Alder & Finch"
    assert "because there was not enough money on the card" in failed.text
    assert "We try again on Wednesday 25 November" in failed.text
    assert "/i/" in failed.text
    cards.withdraw(world.acme.id, by=world.bob, at=AT)
    ended = letters_of("autopay_ended")[0]
    assert "Why: turned off by Bob Hale" in ended.text
    with pytest.raises(letters.NotNeeded):
        letters_of("autopay_upcoming")


def test_a_notice_that_was_dropped_is_no_promise_and_is_made_again(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.issued(on=TODAY - timedelta(days=28), at=AT - timedelta(days=28))
    assert autopay.tell_upcoming(TODAY, at=AT) == 2
    page = paying.begin(invoice, world.alice)
    for mail in outbox.claim_due(AT):
        if mail.event == "autopay_upcoming":
            with pytest.raises(letters.NotNeeded) as moot:
                letters.write(mail)
            outbox.drop(mail, str(moot.value), AT)
    payments.cancel(page, by=world.alice, at=AT)
    assert run_on(3) == autopay.Ran(), "nobody was told"
    assert {context["on"] for context in told("autopay_upcoming")} == {"2026-11-25", "2026-11-28"}
    assert run_on(6).paid == 1


def test_at_another_account_of_the_provider_nothing_is_charged(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.overdue()
    later = world.issued(on=TODAY - timedelta(days=28), at=AT - timedelta(days=28))
    assert autopay.work(TODAY, at=AT).paid == 1
    assert len(told("autopay_upcoming")) == 2
    sandbox.control("account", id="acct_another")
    at = AT + timedelta(days=2)
    with pytest.raises(comparing.StrangeGateway):
        autopay.work(at.date(), at=at)
    assert (owed(invoice), owed(later)) == (0, later.total_minor)
    assert cards.live(world.acme.id) is not None


def test_the_check_names_a_removed_card_that_still_pays(world: World, sandbox: Sandbox, card: Card) -> None:
    with pytest.raises(LookupError), transaction():
        Card.update(removed_at=AT).execute()
        assert [found.words for found in check.broken()] == [
            f"Card {card.stripe_id} was removed and still pays by itself."
        ]
        raise LookupError
    assert check.broken() == []


@pytest.mark.parametrize("end", ["settle", "fail"])
def test_a_debit_is_on_its_way_for_days_and_then_paid_or_tried_again(world: World, sandbox: Sandbox, end: str) -> None:
    wish = cards.start_setup(world.acme.id, nonce="n-1", by=world.alice, at=AT, autopay_consent="I agree.")
    sandbox.pay(str(wish.url), "", method="bacs_debit")
    cards.check(wish, at=AT)
    invoice = world.overdue()
    assert run_on(0).processing == 1
    assert run_on(1) == autopay.Ran(), "nothing is charged beside it"
    sandbox.control(f"payments/{Attempt.get().intent_id}/{end}")
    payments.sweep(AT + timedelta(days=2))
    if end == "settle":
        assert run_on(2).paid == 1
        assert owed(invoice) == 0
    else:
        assert run_on(2).declined == 1
        assert run_on(4) == autopay.Ran()
        assert run_on(5).processing == 1
        assert outcomes(invoice) == ["declined", "processing"]


def test_each_instalment_is_charged_on_its_day(world: World, sandbox: Sandbox, card: Card) -> None:
    parts = (
        PartContent(due_on=TODAY + timedelta(days=5), minor=400_00),
        PartContent(due_on=TODAY + timedelta(days=20), minor=764_00),
    )
    draft = invoices.draft(world.acme.id, replace(content(), parts=parts), by=world.sam, at=AT)
    invoice = invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    assert [row.minor for row in autopay.schedule(world.acme.id, TODAY)] == [400_00, 764_00]
    assert run_on(2) == run_on(4) == autopay.Ran()
    assert run_on(5).paid == 1
    assert owed(invoice) == 764_00
    assert run_on(17) == run_on(19) == autopay.Ran()
    assert run_on(20).paid == 1
    assert owed(invoice) == 0
