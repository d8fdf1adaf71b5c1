"""Credit notes: what they come to, who issues them, and where their value goes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from billing import check, credit_notes, customers, documents, seller
from billing.credit_notes import CreditContent, Destinations, LinePart
from billing.errors import Invalid
from billing.tables import Invoice, Mail, Seller
from tests.world import AT, line

if TYPE_CHECKING:
    from tests.world import World


def full(reason: str = "Billed twice") -> CreditContent:
    return CreditContent(shape="full", reason_code="error", reason=reason)


def of_amount(minor: int, destinations: Destinations | None = None) -> CreditContent:
    return CreditContent(
        shape="amount", reason_code="goodwill", reason="For the wait", gross_minor=minor, destinations=destinations
    )


def again(invoice: Invoice) -> Invoice:
    now: Invoice = Invoice.get_by_id(invoice.id)
    return now


def test_a_full_credit_takes_the_whole_invoice_back(world: World) -> None:
    invoice = world.issued()
    note = credit_notes.create(invoice.id, full(), by=world.sam, at=AT)
    assert (note.status, note.number, note.total_minor, note.free_minor) == ("issued", "CN-2026-0001", 116_400, 0)
    assert (again(invoice).balance_minor, again(invoice).credited_minor) == (0, 116_400)
    assert customers.balance(world.acme.id, "GBP").receivable_minor == 0
    assert documents.state(documents.credit_note(note.id)) == "queued"
    assert Mail.select().where(Mail.event == "credit_note_issued").count() == 2
    assert not check.broken()
