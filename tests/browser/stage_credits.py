"""Wayne of the stage, whose invoices were credited, corrected and written off, and what waits for a second person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import corrections, credit_notes, invoices, write_offs
from billing.credit_notes import CreditContent, Destinations
from billing.tables import Seller
from tests.portal import scenes
from tests.world import AT, content, line

if TYPE_CHECKING:
    from billing.actors import Actor
    from billing.tables import Customer, Invoice
    from tests.world import World


def arrange(world: World, wayne: Customer, payer: Actor) -> dict[str, str]:
    """Fill in credit notes of each kind; gives what addresses name."""
    partly, kept, given_up, wrong, paid, rows = (_issued(world, wayne) for _ in range(6))
    scenes.paid(paid, by=payer)
    credit_notes.create(partly.id, _amount(24_000), by=world.sam, at=AT)
    left = credit_notes.create(kept.id, _amount(10_000, Destinations()), by=world.sam, at=AT)
    write_offs.create(given_up.id, reason="Insolvent since October", by=world.sam, at=AT)
    draft = corrections.start(wrong.id, by=world.sam, at=AT)
    scenes.paid(wrong, 30_000, by=payer)
    draft = invoices.edit(draft.id, content(line(unit_price="400")), version=draft.version, by=world.sam, at=AT)
    Seller.update(approval_over_minor=50_000).execute()
    waiting = credit_notes.create(rows.id, _amount(90_000), by=world.ada, at=AT)
    write_offs.create(_issued(world, wayne).id, reason="Gone away", by=world.sam, at=AT)
    Seller.update(approval_over_minor=None).execute()
    return {
        "credited_id": str(partly.id),
        "note_id": str(credit_notes.for_invoice(partly.id)[0].id),
        "kept_id": str(left.id),
        "awaiting_id": str(waiting.id),
        "given_up_id": str(given_up.id),
        "wrong_id": str(wrong.id),
        "replacement_id": str(draft.id),
        "paid_by_card_id": str(paid.id),
    }


def _issued(world: World, wayne: Customer) -> Invoice:
    return world.issued(
        wayne, line(), line("Coffee beans, washed, from one farm high in the mountains", "12.5", "18.40", 0)
    )


def _amount(minor: int, destinations: Destinations | None = None) -> CreditContent:
    return CreditContent(
        shape="amount", reason_code="goodwill", reason="The machine came a week late.", gross_minor=minor,
        destinations=destinations,
    )  # fmt: skip
