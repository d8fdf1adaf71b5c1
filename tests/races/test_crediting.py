"""Credits, corrections, write-offs and issues of one customer at once: no more than the invoice, and no deadlock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import check, corrections, credit_notes, invoices, write_offs
from billing.credit_notes import CreditContent
from billing.tables import CreditNote, Invoice
from tests.races.racing import kinds, race
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.world import World

RUNNERS = 12

pytestmark = pytest.mark.race


def part(minor: int) -> CreditContent:
    return CreditContent(shape="amount", reason_code="goodwill", reason="A part", gross_minor=minor)


def test_many_at_once_credit_no_more_than_the_invoice(database: TestDatabase, world: World) -> None:
    invoice = world.issued()

    def credit(_: int) -> str | None:
        return credit_notes.create(invoice.id, part(20_000), by=world.sam, at=AT).number

    answers = race(database.url, RUNNERS, credit)
    numbers = sorted(answer for answer in answers if isinstance(answer, str))
    assert numbers == [f"CN-2026-{number:04d}" for number in range(1, 6)]
    assert set(kinds(answers)) == {"CreditExceedsInvoice"}
    assert Invoice.get_by_id(invoice.id).credited_minor == 100_000
    assert check.broken() == []


def test_every_verb_of_one_customer_at_once_waits_for_the_others(database: TestDatabase, world: World) -> None:
    wrong = [world.issued() for _ in range(3)]
    drafts = [corrections.start(invoice.id, by=world.sam, at=AT) for invoice in wrong]
    fresh = [world.draft() for _ in range(3)]
    owed = [world.issued() for _ in range(6)]

    def act(number: int) -> str:
        kind, which = divmod(number, 3)
        if kind == 0:
            draft = drafts[which]
            corrections.confirm(
                draft.id, reason_code="error", reason="Wrong", version=draft.version, by=world.sam, at=AT
            )
        elif kind == 1:
            invoices.issue(fresh[which].id, on=TODAY, version=1, by=world.sam, at=AT)
        elif kind == 2:
            credit_notes.create(owed[which].id, part(1_000), by=world.sam, at=AT)
        else:
            write_offs.create(owed[3 + which].id, reason="Insolvent", by=world.sam, at=AT)
        return "done"

    assert race(database.url, RUNNERS, act) == ["done"] * RUNNERS
    assert CreditNote.select().where(CreditNote.status == "issued").count() == 6
    assert check.broken() == []
