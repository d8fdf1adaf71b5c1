"""Applying money: never more than an invoice needs, and never to one that needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import allocations, db, invoices
from billing.tables import Allocation, Payment, Posting
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.world import World


def payment_of(world: World, minor: int) -> Payment:
    made: Payment = Payment.create(
        reference="PAY-TEST", customer=world.acme.id, currency="GBP", minor=minor, method="Card", received_at=AT
    )
    return made


def test_no_more_is_applied_than_an_invoice_needs(world: World) -> None:
    invoice, payment = world.issued(), payment_of(world, 200_000)
    before = Posting.select().count()
    with pytest.raises(allocations.AllocationExceedsOpenBalance) as refusal, db.transaction():
        allocations.apply(payment, invoice.id, 116_401, ref="r", on=TODAY, at=AT)
    assert refusal.value.message == "Enter £1,164.00 or less. That is the most you owe on this invoice"
    assert (refusal.value.asked_minor, refusal.value.open_minor) == (116_401, 116_400)
    assert not Allocation.select().exists()
    assert Posting.select().count() == before


def test_nothing_is_applied_to_a_void_invoice(world: World) -> None:
    invoice, payment = world.issued(), payment_of(world, 116_400)
    invoices.void(invoice.id, reason="Ordered twice", by=world.sam, at=AT)
    with pytest.raises(allocations.AllocationExceedsOpenBalance), db.transaction():
        allocations.apply(payment, invoice.id, 116_400, ref="r", on=TODAY, at=AT)
    assert not Allocation.select().exists()
