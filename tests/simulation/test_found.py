"""What the simulation found, each as the shortest story that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import chargebacks, check, comparing, customers, gateway, payments, refunds
from billing.credits import CreditKey
from billing.tables import Payment, Refund
from tests.simulation.bank import PlayBank
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World


@pytest.fixture
def bank(world: World) -> Iterator[PlayBank]:
    assert world.acme, "the cast is there"
    playing = PlayBank()
    playing.at = AT
    gateway.use(playing)
    yield playing
    gateway.use(None)
    assert not check.broken()


def from_a_stranger(bank: PlayBank) -> Payment:
    """100.00 of nobody."""
    came = payments.settle(bank.stranger(reference="", customer_ref=None, minor=10_000, currency="GBP"), at=AT)
    assert came is not None
    return came


def refund_of(payment: Payment, minor: int, world: World) -> str:
    made = refunds.request(
        source=CreditKey("payment", payment.id), minor=minor, method="original", reason="Asked", by=world.sam, at=AT
    )
    return str(made.reference)


def test_a_refund_that_fails_after_its_payer_was_found_is_the_payers_credit(bank: PlayBank, world: World) -> None:
    payment = from_a_stranger(bank)
    bank.refunds_take_days = True
    refund_of(payment, 4_000, world)
    refunds.send_due(AT.replace(hour=12))
    payments.assign_customer(payment.id, world.acme.id, by=world.sam, at=AT)
    (sent,) = bank.refunds
    bank.fail(sent)
    refunds.sync(sent, at=AT)
    assert customers.balance(world.acme.id, "GBP").credit_minor == 10_000


def test_a_chargeback_won_after_its_payer_was_found_is_the_payers_credit(bank: PlayBank, world: World) -> None:
    payment = from_a_stranger(bank)
    asked = bank.ask_back(str(payment.intent_id), 4_000)
    chargebacks.sync_dispute(asked, at=AT)
    payments.assign_customer(payment.id, world.acme.id, by=world.sam, at=AT)
    assert customers.balance(world.acme.id, "GBP").credit_minor == 6_000
    bank.close(asked, "won", gives_back=True)
    chargebacks.sync_dispute(asked, at=AT)
    assert customers.balance(world.acme.id, "GBP").credit_minor == 10_000


def test_a_refund_in_the_dashboard_waits_for_ours_that_was_never_sent(bank: PlayBank, world: World) -> None:
    payment = from_a_stranger(bank)
    refund_of(payment, 8_000, world)
    elsewhere = bank.refund_elsewhere(str(payment.intent_id), 10_000)
    with pytest.raises(gateway.OutcomeUnknown):
        refunds.sync(elsewhere, at=AT)
    refunds.send_due(AT.replace(hour=12))  # ours has nothing left to give back, so it fails
    refunds.sync(elsewhere, at=AT)
    assert Payment.get_by_id(payment.id).free_minor == 0
    assert bank.balance() == {"GBP": -320}  # the fee of the card


def test_a_refund_that_came_back_before_its_answer_was_heard_is_one_refund(bank: PlayBank, world: World) -> None:
    payment = from_a_stranger(bank)
    refund_of(payment, 4_000, world)
    bank.fault = "lost after"
    refunds.send_due(AT.replace(hour=12))
    (sent,) = bank.refunds
    bank.fail(sent)
    refunds.send_due(AT.replace(hour=13))
    refunds.sync(sent, at=AT.replace(hour=14))
    assert [(row.stripe_id, row.status) for row in Refund.select()] == [(sent, "failed")]
    assert comparing.compare(AT.replace(hour=15)).differences == 0
