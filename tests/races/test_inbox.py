"""Several people give the same money a place at once: it is applied once, whatever each of them chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import check, inbox, payments
from billing.payments import Planned, Received
from billing.tables import Allocation, Invoice, Payment
from tests.races.racing import kinds, race
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.world import World

PEOPLE = 6
LATER = {"NothingFree", "NotEnoughLeft", "AllocationExceedsOpenBalance", "PayerKnown"}

pytestmark = pytest.mark.race


def came(world: World, customer_id: int | None) -> Payment:
    received = Received(
        customer_id=customer_id,
        minor=116_400,
        currency="GBP",
        method="Bank transfer",
        received_on=TODAY,
        mails_receipt=False,
    )
    return payments.record(received, by=world.sam, at=AT)


def test_the_same_money_applied_by_many_at_once_is_applied_once(database: TestDatabase, world: World) -> None:
    owing = [world.issued() for _ in range(2)]
    payment = came(world, world.acme.id)

    def apply(number: int) -> int:
        plan = [Planned(owing[number % 2].id, 116_400)]
        return inbox.apply(payment.id, plan, customer_id=world.acme.id, by=world.sam, at=AT).free_minor

    answers = race(database.url, PEOPLE, apply)

    assert [answer for answer in answers if isinstance(answer, int)] == [0]
    assert len(kinds(answers)) == PEOPLE - 1
    assert set(kinds(answers)) <= LATER, answers
    assert sorted(Invoice.get_by_id(invoice.id).balance_minor for invoice in owing) == [0, 116_400]
    assert Allocation.select().count() == 1
    assert check.broken() == []


def test_money_of_nobody_becomes_one_customers(database: TestDatabase, world: World) -> None:
    owing = [world.issued(), world.issued(world.globex)]
    payment = came(world, None)

    def apply(number: int) -> int:
        invoice = owing[number % 2]
        plan = [Planned(invoice.id, 116_400)]
        return inbox.apply(payment.id, plan, customer_id=invoice.customer_id, by=world.sam, at=AT).free_minor

    answers = race(database.url, PEOPLE, apply)

    assert [answer for answer in answers if isinstance(answer, int)] == [0]
    assert set(kinds(answers)) <= LATER, answers
    assert sorted(Invoice.get_by_id(invoice.id).balance_minor for invoice in owing) == [0, 116_400]
    assert check.broken() == []


@pytest.mark.parametrize("known", [True, False], ids=["of a customer", "of nobody known"])
def test_the_same_money_recorded_by_many_at_once_is_recorded_once(
    database: TestDatabase, world: World, *, known: bool
) -> None:
    customer_id = world.acme.id if known else None

    answers = race(database.url, PEOPLE, lambda _: came(world, customer_id).minor)

    assert [answer for answer in answers if isinstance(answer, int)] == [116_400]
    assert kinds(answers) == ["LooksTheSame"] * (PEOPLE - 1)
    assert Payment.select().count() == 1
    assert check.broken() == []
