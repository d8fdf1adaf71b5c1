"""Money that came outside Stripe, on the stage: split, waiting with and without a customer, reversed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import inbox, payments, write_offs
from billing.payments import Planned, Received
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from billing.tables import Customer, Payment
    from tests.world import World


def arrange(world: World, stark: Customer) -> dict[str, str]:
    """A customer who pays by bank: what the names in addresses stand for."""
    first, second, gone = (world.issued(stark) for _ in range(3))
    write_offs.create(gone.id, reason="Not worth a letter.", by=world.sam, at=AT)
    split = _came(world, stark, 100_000, Planned(first.id, 50_000), bank_reference=f"RE {first.number}")
    inbox.take_back(split.id, first.id, 20_000, reason="Meant for the other one", by=world.sam, at=AT)
    bounced = _came(world, stark, 30_000, Planned(second.id, 30_000))
    payments.reverse(bounced.id, reason="The cheque was returned unpaid.", by=world.sam, at=AT)
    waits = _came(world, stark, 116_400, bank_reference=f"Order 77 / {second.number} / many thanks")
    unknown = _came(world, None, 50_000, payer="STARK LIMITED")
    stranger = _came(world, None, 1_234, payer="A N Other")
    return {
        "stark_id": str(stark.id),
        "split_id": str(split.id),
        "bounced_id": str(bounced.id),
        "waits_id": str(waits.id),
        "unknown_id": str(unknown.id),
        "stranger_id": str(stranger.id),
    }


def _came(
    world: World, customer: Customer | None, minor: int, *parts: Planned, bank_reference: str = "", payer: str = ""
) -> Payment:
    received = Received(
        customer_id=customer.id if customer else None,
        minor=minor,
        currency="GBP",
        method="Bank transfer",
        received_on=TODAY,
        bank_reference=bank_reference,
        payer=payer,
        parts=parts,
        mails_receipt=False,
    )
    return payments.record(received, by=world.sam, at=AT)
