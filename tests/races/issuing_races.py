"""Races 34 and 35: issuers who roll back leave no gap and no double, and an edit against an issue has one winner."""

from __future__ import annotations

import random
from collections import Counter as Count
from typing import TYPE_CHECKING

from billing import invoices
from billing.db import execute, transaction
from billing.tables import Counter, Invoice, InvoiceLine, InvoiceTax
from tests.races.rounds import Lean, Scene
from tests.races.scenes import Race
from tests.world import AT, TODAY, content

if TYPE_CHECKING:
    from tests.races.rounds import Round
    from tests.races.scenes import Stage
    from tests.world import World

ROLLED_BACK = 0.3


def issuers_who_roll_back(stage: Stage) -> Scene:
    """Everybody issues a draft of their own; some give up after they took a number, and try again."""
    world, size = stage.world, stage.size
    drafts = drafts_of(world, size.clients * size.rounds)

    def issue(turn: int, client: int) -> str:
        dice, tries = random.Random(turn * size.clients + client), 0
        while not _issue_or_roll_back(
            drafts[turn * size.clients + client], world, gives_up=dice.random() < ROLLED_BACK
        ):
            tries += 1
        return f"issued after {tries}"

    def judge(rounds: list[Round]) -> str:
        issued = size.clients * size.rounds
        rolled_back = sum(int(deed.what.removeprefix("issued after ")) for deeds in rounds for deed in deeds)
        assert rolled_back > issued * ROLLED_BACK / 2, "the fault fired"
        numbers = [row.series_number for row in Invoice.select().order_by(Invoice.series_number)]
        assert numbers == list(range(1, issued + 1))
        assert Counter.get_by_id("INV-2026").value == issued
        return f"{issued} issued, {rolled_back} rolled back after taking a number"

    return Scene(issue, judge)


def edit_or_issue(stage: Stage) -> Scene:
    """One issues the draft that others change."""
    world, drafts = stage.world, drafts_of(stage.world, stage.size.rounds)

    def act(turn: int, client: int) -> str:
        if client == 0:
            invoices.issue(drafts[turn], on=TODAY, version=1, by=world.sam, at=AT)
            return "issued"
        invoices.edit(drafts[turn], content(), version=1, by=world.sam, at=AT)
        return "edited"

    def judge(rounds: list[Round]) -> str:
        won = Count[str]()
        for deeds in rounds:
            came = Count(deed.what for deed in deeds)
            assert came["issued"] + came["edited"] == 1, "one wins"
            assert set(came) <= {"issued", "edited", "409 InvoiceChanged", "409 InvoiceNotDraft"}
            won["issued"] += came["issued"]
        assert Invoice.select().where(Invoice.status == "issued").count() == won["issued"]
        return f"{won['issued']} rounds went to the issue, {len(rounds) - won['issued']} to an edit"

    return Scene(act, judge, lean=Lean(frozenset({"issued"})))


def drafts_of(world: World, wanted: int) -> list[int]:
    """So many drafts, all copies of one, since only their issue is raced."""
    first = world.draft()
    with transaction():
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


ISSUING = (
    Race("issuing", "34", "issuers take numbers, and some roll back", issuers_who_roll_back),
    Race("edit-or-issue", "35", "a draft is issued while others change it", edit_or_issue),
)
