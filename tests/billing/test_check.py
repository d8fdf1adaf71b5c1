"""`flask check` finds nothing in sound books, and names what was tampered with behind the guards' back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import check, credit_notes, documents, invoices, write_offs
from billing.db import database as connected
from billing.db import is_sqlite
from tests.world import AT, Pen

if TYPE_CHECKING:
    from tests.world import World


def test_sound_books_break_nothing(world: World) -> None:
    world.issued()
    world.draft()
    invoices.void(world.issued(world.globex).id, reason="Twice", by=world.sam, at=AT)
    documents.draw_due(Pen(), lambda _: "page", at=AT)
    assert check.broken() == []


@pytest.mark.parametrize(
    ("invariant", "tampering"),
    [
        ("I2", "UPDATE invoice SET balance_minor = balance_minor - 1"),
        ("I2", "UPDATE customer_balance SET receivable_minor = receivable_minor + 1"),
        ("I2", "UPDATE customer_balance SET credit_minor = 5"),
        ("I3", "UPDATE invoice SET paid_at = issued_at"),
        ("I5", "UPDATE invoice_line SET gross_minor = gross_minor + 1, net_minor = net_minor + 1"),
        ("I5", "UPDATE invoice SET frozen_sha256 = 'x'"),
        ("I5", "UPDATE document SET sha256 = '{zeros}'"),
        ("I6", "UPDATE invoice SET series_number = 7"),
        ("I6", "UPDATE counter SET value = 9"),
        ("I11", "UPDATE activity SET to_status = 'void'"),
        ("I12", "UPDATE audit_row SET actor = 'nobody' WHERE sequence = 2"),
        ("I12", "DELETE FROM audit_row WHERE sequence = 3"),
        ("I12", "UPDATE audit_head SET hash = 'x'"),
    ],
)
def test_tampering_is_named(world: World, invariant: str, tampering: str) -> None:
    world.issued()
    documents.draw_due(Pen(), lambda _: "page", at=AT)
    _without_guards(tampering.replace("{zeros}", "0" * 64))
    assert invariant in {found.invariant for found in check.broken()}


def test_a_credit_note_of_what_was_written_off_is_named(world: World) -> None:
    given_up, credited = world.issued(), world.issued()
    write_offs.create(given_up.id, reason="Insolvent", by=world.sam, at=AT)
    note = credit_notes.issue_amount(credited.id, 100, reason_code="goodwill", reason="Sorry", by=world.sam, at=AT)
    assert check.broken() == []
    _without_guards(f"UPDATE credit_note SET invoice_id = {given_up.id}")
    told = f"Credit note {note.number} was issued while its invoice was written off."
    assert told in [found.words for found in check.broken()]


def _without_guards(statement: str) -> None:
    """Do what only somebody with the database's own keys could do: lift the triggers, tamper."""
    if is_sqlite():
        names = connected.execute_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            connected.execute_sql(f"DROP TRIGGER {name}")
    else:
        connected.execute_sql("SET session_replication_role = replica")
    connected.execute_sql(statement)
