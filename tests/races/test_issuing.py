"""Race 34: many issuers, some of whom roll back, leave no gap and no double in the numbers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from billing import check, invoices
from billing.db import execute, transaction
from billing.tables import Counter, Invoice, InvoiceLine, InvoiceTax
from tests.races.racing import Failed, kinds, race
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.world import World

ISSUERS = 32
ROUNDS = 50
ROLLED_BACK = 0.3

pytestmark = pytest.mark.race


def test_issuers_who_roll_back_leave_no_gap_and_no_double(database: TestDatabase, world: World) -> None:
    drafts = _drafts(world, ISSUERS * ROUNDS)

    def issue_many(number: int) -> tuple[int, int]:
        dice = random.Random(number)
        issued = rolled_back = 0
        for draft_id in drafts[number::ISSUERS]:
            while not _issue_or_roll_back(draft_id, world, gives_up=dice.random() < ROLLED_BACK):
                rolled_back += 1
            issued += 1
        return issued, rolled_back

    answers = race(database.url, ISSUERS, issue_many)
    assert [answer for answer in answers if isinstance(answer, Failed)] == []
    issued, rolled_back = (sum(column) for column in zip(*answers, strict=True))
    print(f"{issued} issued, {rolled_back} rolled back after taking a number")
    assert issued == ISSUERS * ROUNDS
    assert rolled_back > ISSUERS * ROUNDS * ROLLED_BACK / 2, "the fault fired"
    numbers = [row.series_number for row in Invoice.select().order_by(Invoice.series_number)]
    assert numbers == list(range(1, issued + 1))
    assert Counter.get_by_id("INV-2026").value == issued
    assert check.broken() == []


def _drafts(world: World, wanted: int) -> list[int]:
    """So many drafts, all copies of one, since only their issue is raced."""
    first = world.draft()
    for table in (Invoice, InvoiceLine, InvoiceTax):
        own = table._meta.table_name
        columns = [field.column_name for field in table._meta.sorted_fields if field.name != "id"]
        copied = ", ".join("n.id" if name == "invoice_id" else f"c.{name}" for name in columns)
        names = ", ".join(columns)
        if table is Invoice:
            for _ in range(wanted - 1):
                execute(f"INSERT INTO {own} ({names}) SELECT {copied} FROM {own} c WHERE c.id = ?", (first.id,))
        else:
            execute(
                f"INSERT INTO {own} ({names}) SELECT {copied} FROM {own} c, invoice n"
                " WHERE c.invoice_id = ? AND n.id <> ?",
                (first.id, first.id),
            )
    return [row[0] for row in execute("SELECT id FROM invoice ORDER BY id").fetchall()]


def _issue_or_roll_back(invoice_id: int, world: World, *, gives_up: bool) -> bool:
    """Issue, or fail after the number was taken."""
    with transaction() as unit:
        invoices.issue(invoice_id, on=TODAY, version=1, by=world.sam, at=AT)
        if gives_up:
            unit.rollback()
    return not gives_up


def test_one_draft_issued_by_many_at_once_is_issued_once(database: TestDatabase, world: World) -> None:
    draft = world.draft()

    def issue(_: int) -> str | None:
        return invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT).number

    answers = race(database.url, 16, issue)
    assert [answer for answer in answers if isinstance(answer, str)] == ["INV-2026-0001"]
    assert sum(answer == "InvoiceNotDraft" for answer in kinds(answers)) == 15


def test_a_draft_edited_while_it_is_issued_has_one_winner(database: TestDatabase, world: World) -> None:
    edited = 0
    for _ in range(10):
        draft = world.draft()

        def act(number: int, invoice_id: int = draft.id) -> str:
            if number % 2:
                invoices.edit(invoice_id, content(), version=1, by=world.sam, at=AT)
                return "edited"
            invoices.issue(invoice_id, on=TODAY, version=1, by=world.sam, at=AT)
            return "issued"

        answers = race(database.url, 4, act)
        wins = [answer for answer in answers if isinstance(answer, str)]
        assert len(wins) == 1
        assert set(kinds(answers)) <= {"InvoiceChanged", "InvoiceNotDraft"}
        edited += wins[0] == "edited"
    print(f"{edited} of 10 rounds went to the edit")
    assert check.broken() == []
