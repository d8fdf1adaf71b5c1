"""What the database itself refuses, whoever asks: raw SQL that would break an invariant, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from peewee import IntegrityError

from billing import ledger
from billing.db import database as connected
from billing.db import is_sqlite, transaction
from billing.tables import Allocation, Attempt, Invoice, Payment, PlannedAllocation
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.world import World

Z = "'2026-11-22T10:00:00.000000Z'"

REFUSED = {
    # Invariant I5, An issued document never changes
    "change an issued total": "UPDATE invoice SET total_minor = 1, net_minor = 1, lines_minor = 1, tax_minor = 0",
    "change an issued number": "UPDATE invoice SET number = 'X' WHERE id = 1",
    "change an issued due date": "UPDATE invoice SET due_on = '2027-01-01' WHERE id = 1",
    "change what was frozen": "UPDATE invoice SET frozen = '{}' WHERE id = 1",
    "move an invoice to another customer": "UPDATE invoice SET customer_id = 2 WHERE id = 1",
    "delete an issued invoice": "DELETE FROM invoice WHERE id = 1",
    "add a line to an issued invoice": (
        "INSERT INTO invoice_line (invoice_id, position, description, detail, quantity, unit, unit_price,"
        " discount_kind, discount_value, tax_category, tax_rate_ppm, tax_reason, gross_minor, discount_minor, net_minor)"
        " VALUES (1, 9, 'x', '', '1', '', '1', '', 0, 'S', 200000, '', 1, 0, 1)"
    ),
    "change an issued line": "UPDATE invoice_line SET description = 'Something else' WHERE invoice_id = 1",
    "delete an issued line": "DELETE FROM invoice_line WHERE invoice_id = 1",
    "change an issued tax": "UPDATE invoice_tax SET reason = 'none' WHERE invoice_id = 1",
    "delete an issued tax": "DELETE FROM invoice_tax WHERE invoice_id = 1",
    # Invariant I3, I11, States and balances
    "turn an issued invoice into a draft": "UPDATE invoice SET status = 'draft' WHERE id = 1",
    "invent a status": "UPDATE invoice SET status = 'paid' WHERE id = 1",
    "void without reversing": "UPDATE invoice SET status = 'void', voided_at = issued_at, void_reason = 'x' WHERE id = 1",
    "void what money was applied to": "UPDATE invoice SET status = 'void', voided_at = issued_at WHERE id = 2",
    "wipe a balance": "UPDATE invoice SET balance_minor = 0 WHERE id = 1",
    "lower a balance a little": "UPDATE invoice SET balance_minor = balance_minor - 1 WHERE id = 1",
    "begin as issued": (
        "INSERT INTO invoice (customer_id, status, number, series, series_number, position, currency, issue_on, due_on,"
        " terms_days, po, subject, notes, discount_kind, discount_value, rounding_rule, lines_minor, discount_minor,"
        " net_minor, tax_minor, total_minor, balance_minor, search_text, frozen, version, created_at, issued_at,"
        " void_reason) VALUES (1, 'issued', 'INV-2026-0077', 'INV-2026', 77, 77, 'GBP', '2026-11-22', '2026-11-22',"
        f" 0, '', '', '', '', 0, 'per_tax_group', 0, 0, 0, 0, 0, 0, '', '{{}}', 1, {Z}, {Z}, '')"
    ),
    # Invariant I6, Numbers
    "skip a number": "UPDATE counter SET value = value + 2",
    "give a number back": "UPDATE counter SET value = value - 1",
    "delete a counter": "DELETE FROM counter",
    "issue with a made-up number": (
        "UPDATE invoice SET status = 'issued', number = 'INV-2026-0099', series = 'INV-2026', series_number = 99,"
        f" position = 99, issue_on = '2026-11-22', due_on = '2026-11-22', issued_at = {Z}, frozen = '{{}}' WHERE id = 3"
    ),
    # Invariant I1, The ledger
    "change a transfer": "UPDATE transfer SET minor = 1",
    "delete a transfer": "DELETE FROM transfer",
    "change a posting": "UPDATE posting SET kind = 'x'",
    "delete a posting": "DELETE FROM posting",
    "post twice": f"INSERT INTO posting (ref, kind, effective_on, posted_at) VALUES ('invoice:1:issue', 'x', '2026-11-22', {Z})",
    "transfer nothing": (
        "INSERT INTO transfer (posting_id, debit, credit, minor, currency, effective_on, posted_at)"
        f" VALUES (1, 'card_fees', 'card_clearing', 0, 'GBP', '2026-11-22', {Z})"
    ),
    "transfer to the same account": (
        "INSERT INTO transfer (posting_id, debit, credit, minor, currency, effective_on, posted_at)"
        f" VALUES (1, 'card_fees', 'card_fees', 5, 'GBP', '2026-11-22', {Z})"
    ),
    "transfer to an account that is not there": (
        "INSERT INTO transfer (posting_id, debit, credit, minor, currency, effective_on, posted_at)"
        f" VALUES (1, 'pocket', 'card_clearing', 5, 'GBP', '2026-11-22', {Z})"
    ),
    "pay an invoice from another customer's books": (
        "INSERT INTO transfer (posting_id, debit, credit, minor, currency, customer_id, invoice_id, effective_on, posted_at)"
        f" VALUES (1, 'customer_credit', 'receivable', 5, 'GBP', 2, 1, '2026-11-22', {Z})"
    ),
    "owe less than nothing": (
        "INSERT INTO transfer (posting_id, debit, credit, minor, currency, customer_id, invoice_id, effective_on, posted_at)"
        f" VALUES (1, 'customer_credit', 'receivable', 99999999, 'GBP', 1, 1, '2026-11-22', {Z})"
    ),
    # Invariant I4, I7, Payments
    "change what came": "UPDATE payment SET minor = minor + 1",
    "delete a payment": "DELETE FROM payment",
    "apply more than came": (
        f"INSERT INTO allocation (payment_id, minor, reason, ref, at) VALUES (1, 1, 'more', 'more', {Z})"
    ),
    "change an allocation": "UPDATE allocation SET minor = 1",
    "delete an allocation": "DELETE FROM allocation",
    "book one payment intent twice": (
        "INSERT INTO payment (reference, intent_id, customer_id, currency, minor, method, received_at)"
        f" VALUES ('PAY-2', 'pi_1', 1, 'GBP', 5, 'card', {Z})"
    ),
    "raise an attempt": "UPDATE attempt SET minor = minor + 1",
    "forget that an attempt succeeded": "UPDATE attempt SET status = 'failed'",
    "change a plan": "UPDATE planned_allocation SET minor = 1",
    # Invariant I12, Audit and history
    "change the audit": "UPDATE audit_row SET actor = 'nobody'",
    "delete the audit": "DELETE FROM audit_row",
    "add to the audit out of turn": (
        "INSERT INTO audit_row (sequence, at, actor, action, subject, facts, request_id, previous_hash, hash)"
        f" VALUES (999, {Z}, 'x', 'x', 'x', '{{}}', '', '', 'x')"
    ),
    "move the head of the audit": "UPDATE audit_head SET hash = 'x'",
    "change the history": "UPDATE activity SET actor = 'nobody'",
    "delete the history": "DELETE FROM activity",
    # I14 and parties
    "delete a customer who was billed": "DELETE FROM customer WHERE id = 1",
    "bill a customer who is not there": "UPDATE invoice SET customer_id = 99 WHERE id = 3",
    "delete a mail": "DELETE FROM mail",
    "send a mail to somebody else": "UPDATE mail SET recipient = 'eve@evil.example'",
    "accept a mail without a moment": "UPDATE mail SET state = 'accepted'",
    "change a link": "UPDATE link SET token_hash = 'x'",
    "capital letters in an email": "UPDATE contact SET email = upper(email)",
    "invent a role": "UPDATE users SET role = 'god' WHERE id = 1",
}

REPLACED = (
    "invoice",
    "posting",
    "transfer",
    "payment",
    "allocation",
    "audit_row",
    "audit_head",
    "activity",
    "mail",
    "link",
)


@pytest.fixture
def books(world: World) -> World:
    """Invoice 1 is open, invoice 2 was paid in part, invoice 3 is a draft."""
    world.issued()
    paid = world.issued()
    world.draft()
    with transaction():
        Attempt.insert(
            id="PAY-1", customer=world.acme.id, payer="user:4", payer_name="Alice", currency="GBP", minor=500,
            status="succeeded", nonce="n", created_at=AT, expires_at=AT,
        ).execute()  # fmt: skip
        PlannedAllocation.insert(attempt="PAY-1", invoice=paid.id, minor=500).execute()
        payment = Payment.insert(
            reference="PAY-1", intent_id="pi_1", attempt="PAY-1", customer=world.acme.id, currency="GBP", minor=500,
            method="card", received_at=AT,
        ).execute()  # fmt: skip
        Allocation.insert(payment=payment, invoice=paid.id, minor=500, reason="plan", ref="a", at=AT).execute()
        legs = [
            ledger.Leg(
                debit=ledger.CARD_CLEARING, credit=ledger.CUSTOMER_CREDIT, minor=500, currency="GBP",
                customer_id=world.acme.id, payment_id=payment,
            ),
            ledger.Leg(
                debit=ledger.CUSTOMER_CREDIT, credit=ledger.RECEIVABLE, minor=500, currency="GBP",
                customer_id=world.acme.id, invoice_id=paid.id, payment_id=payment,
            ),
        ]  # fmt: skip
        ledger.post("payment:1", "payment", legs, on=TODAY, at=AT)
    return world


def test_the_database_refuses_every_statement_that_would_break_an_invariant(books: World) -> None:
    before = _rows()
    assert [what for what, statement in REFUSED.items() if not _is_refused(statement)] == []
    assert _rows() == before


def test_no_row_is_replaced_or_truncated(books: World) -> None:
    statement = "INSERT OR REPLACE INTO {0} SELECT * FROM {0}" if is_sqlite() else "TRUNCATE {0} CASCADE"
    before = _rows()
    assert [table for table in REPLACED if not _is_refused(statement.format(table))] == []
    assert _rows() == before


def _is_refused(statement: str) -> bool:
    """Try it in a savepoint that is rolled back either way."""
    with connected.atomic() as savepoint:
        try:
            with connected.atomic():
                connected.execute_sql(statement)
        except IntegrityError:
            return True
        savepoint.rollback()
    return False


def test_the_balance_follows_the_ledger_and_nothing_else(books: World) -> None:
    assert Invoice.get_by_id(2).balance_minor == Invoice.get_by_id(2).total_minor - 500


def _rows() -> list[tuple[object, ...]]:
    """Enough of the database to see that nothing moved."""
    tables = (
        "invoice",
        "invoice_line",
        "invoice_tax",
        "transfer",
        "payment",
        "allocation",
        "audit_row",
        "mail",
        "counter",
    )
    return [
        tuple(row) for table in tables for row in connected.execute_sql(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    ]
