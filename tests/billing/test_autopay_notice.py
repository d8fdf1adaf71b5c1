"""The notice before a charge: what nobody was shown or told is not charged, however soon it falls due."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import autopay, cards, chargebacks, invoices
from billing.db import transaction
from billing.instalments import PartContent
from billing.tables import AutopayRun, Card, Invoice, Mail
from tests.billing.money_back import paid
from tests.billing.saved import save_card
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from datetime import date, datetime

    from tests.billing.paying import Sandbox
    from tests.world import World

NEXT_DAY = AT + timedelta(days=1)


@pytest.fixture
def card(world: World, sandbox: Sandbox) -> Card:
    """Acme's card, which pays what falls due."""
    return save_card(world, sandbox, autopay_consent="I agree.")


def day(days: int) -> date:
    return TODAY + timedelta(days=days)


def due_in(world: World, days: int, *, at: datetime = NEXT_DAY) -> Invoice:
    """An invoice to Acme that falls due so many days after its issue."""
    draft = invoices.draft(world.acme.id, replace(content(), terms_days=days), by=world.sam, at=at)
    return invoices.issue(draft.id, on=at.date(), version=draft.version, by=world.sam, at=at)


def tell(days: int) -> int:
    return autopay.tell_upcoming(day(days), at=AT + timedelta(days=days))


def tick(days: int) -> autopay.Ran:
    """What the worker does on that day: it tells, then charges."""
    tell(days)
    return autopay.run_due(day(days), at=AT + timedelta(days=days))


def days_charged(until: int) -> list[int]:
    return [days for days in range(until) if tick(days).paid]


def told() -> list[tuple[str, object, object]]:
    mails = Mail.select().where(Mail.event == "autopay_upcoming").order_by(Mail.recipient)
    return [(mail.recipient.split("@")[0], mail.context["on"], mail.context["minor"]) for mail in mails]


def coming(invoice: Invoice, days: int) -> date | None:
    found = autopay.coming(Invoice.get_by_id(invoice.id), day(days))
    return found.on if found else None


def test_the_charge_is_told_three_days_before_and_once(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = world.issued()
    assert (tell(26), tell(27), tell(27)) == (0, 2, 0)
    assert told() == [(name, str(invoice.due_on), invoice.total_minor) for name in ("alice", "bob")]


@pytest.mark.parametrize(("terms_days", "charged_on"), [(0, 3), (1, 3), (2, 3), (3, 3), (4, 4)])
def test_what_falls_due_soon_after_its_issue_is_charged_three_days_after_the_mail(
    world: World, sandbox: Sandbox, card: Card, *, terms_days: int, charged_on: int
) -> None:
    invoice = due_in(world, terms_days)
    assert coming(invoice, 1) == day(1 + charged_on), "the page tells the day before the mail does"
    assert tick(1) == autopay.Ran()
    assert days_charged(10) == [1 + charged_on]
    assert {on for _, on, _ in told()} == {str(day(1 + charged_on))}
    assert coming(invoice, 1) is None


def test_an_invoice_due_on_the_day_of_the_consent_but_issued_after_it_is_told_first(
    world: World, sandbox: Sandbox, card: Card
) -> None:
    due_in(world, 0, at=AT + timedelta(minutes=1))
    assert days_charged(10) == [3]


def test_the_day_that_was_told_stands(world: World, sandbox: Sandbox, card: Card) -> None:
    invoice = due_in(world, 0)
    assert (tell(1), tell(2), tell(3)) == (2, 0, 0)
    assert [coming(invoice, days) for days in (1, 2, 3)] == [day(4)] * 3


def test_a_worker_that_was_down_tells_first_and_charges_later(world: World, sandbox: Sandbox, card: Card) -> None:
    world.issued()
    assert [days for days in range(35, 45) if tick(days).paid] == [38]
    assert {on for _, on, _ in told()} == {str(day(38))}


def test_what_the_consents_page_called_due_today_is_charged_without_a_mail(
    world: World, sandbox: Sandbox, card: Card
) -> None:
    invoice = world.overdue()
    assert [row.on for row in autopay.schedule(world.acme.id, TODAY)] == [TODAY]
    assert coming(invoice, 0) == TODAY
    assert tick(1).paid == 1, "the worker may come after midnight"
    assert told() == []


def test_what_is_open_again_later_is_told_before_it_is_charged(world: World, sandbox: Sandbox, card: Card) -> None:
    world.overdue()
    assert [days for days in range(9, 20) if tick(days).paid] == [12]
    assert {on for _, on, _ in told()} == {str(day(12))}


def test_the_page_of_the_consent_shows_the_day_after_the_notice(world: World, sandbox: Sandbox) -> None:
    soon = due_in(world, 1, at=AT)
    assert [row.on for row in autopay.schedule(world.acme.id, TODAY)] == [day(3)]
    save_card(world, sandbox, autopay_consent="I agree.")
    assert [row.on for row in autopay.next_charges(world.acme.id, TODAY, limit=5)] == [day(3)]
    assert days_charged(9) == [3]
    assert Invoice.get_by_id(soon.id).balance_minor == 0


def test_another_consent_tells_again(world: World, sandbox: Sandbox, card: Card) -> None:
    due_in(world, 2)
    tick(1)
    cards.withdraw(world.acme.id, by=world.bob, at=AT + timedelta(days=2))
    with transaction():
        cards.give(card, text="I agree.", ip="", by=world.bob, at=AT + timedelta(days=2))
    assert [days for days in range(2, 12) if tick(days).paid] == [5]
    assert AutopayRun.select().count() == 1


def test_a_later_instalment_is_told_while_an_earlier_one_is_still_owed(
    world: World, sandbox: Sandbox, card: Card
) -> None:
    parts = (PartContent(due_on=day(5), minor=400_00), PartContent(due_on=day(9), minor=764_00))
    draft = invoices.draft(world.acme.id, replace(content(), parts=parts), by=world.sam, at=AT)
    invoices.issue(draft.id, on=TODAY, version=draft.version, by=world.sam, at=AT)
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="do_not_honor")
    assert [days for days in range(9) if tick(days).declined] == [5, 8]
    assert {(on, minor) for _, on, minor in told()} == {(str(day(5)), 400_00), (str(day(9)), 1164_00)}
    sandbox.control(f"payment_methods/{card.stripe_id}/decline", code="")
    assert tick(9).paid == 1


def test_what_a_bank_took_back_is_left_out_until_its_customer_takes_it_in_and_then_waits_for_the_notice(
    world: World, sandbox: Sandbox, card: Card
) -> None:
    invoice = world.overdue()
    asked_back = sandbox.control(f"payments/{paid(world, sandbox, invoice).intent_id}/dispute")["id"]
    chargebacks.sync_dispute(asked_back, at=AT)
    assert coming(invoice, 0) is None
    assert tick(1) == tick(5) == autopay.Ran()
    sandbox.control(f"disputes/{asked_back}/lose")
    chargebacks.sync_dispute(asked_back, at=AT + timedelta(days=6))
    assert tick(8) == autopay.Ran(), "left out by itself"
    autopay.skip(invoice.id, customer_id=world.acme.id, skips=False, by=world.alice, at=AT + timedelta(days=8))
    assert [days for days in range(9, 20) if tick(days).paid] == [12]
    assert {on for _, on, _ in told()} == {str(day(12))}
