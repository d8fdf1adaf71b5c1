"""The floor of writes: the same rows by raw sqlite3 in one durable transaction, with no guard and no rule looking on.

It runs on a copy of the books whose triggers are dropped, so balances are moved by hand.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

AT = "2026-11-22T09:00:00.000000Z"
AUDIT = """INSERT INTO audit_row (sequence, at, actor, action, subject, facts, request_id, previous_hash, hash)
    VALUES (?, ?, ?, ?, ?, ?, '', ?, ?)"""
MAIL = """INSERT INTO mail (event, key, recipient, recipient_name, context, customer_id, invoice_id, message_id, state,
    attempts, due_at, error, queued_at) VALUES (?, ?, ?, '', '{}', ?, ?, ?, 'queued', 0, ?, '', ?)"""
LINK = """INSERT INTO link (id, invoice_id, recipient, token_hash, created_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?)"""
POSTING = "INSERT INTO posting (ref, kind, effective_on, posted_at) VALUES (?, ?, ?, ?)"
TRANSFER = """INSERT INTO transfer (posting_id, debit, credit, minor, currency, customer_id, invoice_id, payment_id,
    effective_on, posted_at) VALUES (?, ?, ?, ?, 'GBP', ?, ?, ?, ?, ?)"""
ACTIVITY = """INSERT INTO activity (invoice_id, sequence, kind, facts, customer_sees, actor, at)
    SELECT ?, COALESCE(MAX(sequence), 0) + 1, ?, '{}', 1, 'Sam', ? FROM activity WHERE invoice_id = ?"""


class RawBooks:
    """One connection to an unguarded copy, as durable as the product's own."""

    def __init__(self, path: Path, today: date) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self._day = today.isoformat()
        run = self.connection.execute
        run("PRAGMA journal_mode = wal")
        run("PRAGMA synchronous = full")
        for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            run(f"DROP TRIGGER {name}")

    def close(self) -> None:
        """Let the file go."""
        self.connection.close()

    def issue(self, invoice_id: int) -> None:
        """Number, snapshot, books, link, mail, history and audit of one draft."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        customer, net, tax, total = run(
            "SELECT customer_id, net_minor, tax_minor, total_minor FROM invoice WHERE id = ?", (invoice_id,)
        ).fetchone()
        lines = run("SELECT * FROM invoice_line WHERE invoice_id = ? ORDER BY position", (invoice_id,)).fetchall()
        taxes = run("SELECT * FROM invoice_tax WHERE invoice_id = ?", (invoice_id,)).fetchall()
        seller = run("SELECT * FROM seller").fetchone()
        buyer = run("SELECT * FROM customer WHERE id = ?", (customer,)).fetchone()
        email = run("SELECT email FROM contact WHERE customer_id = ?", (customer,)).fetchone()[0]
        (value,) = run(
            "INSERT INTO counter (key, value) VALUES ('RAW', 1)"
            " ON CONFLICT (key) DO UPDATE SET value = value + 1 RETURNING value"
        ).fetchone()
        number = f"RAW-{value:04d}"
        frozen = json.dumps({"seller": seller, "buyer": buyer, "lines": lines, "taxes": taxes, "number": number})
        run(
            "UPDATE invoice SET status = 'issued', number = ?, series = 'RAW', series_number = ?, position = ?,"
            " issue_on = ?, due_on = ?, issued_at = ?, frozen = ?, frozen_sha256 = ?, balance_minor = ? WHERE id = ?",
            (number, value, value, self._day, self._day, AT, frozen, _sha(frozen), total, invoice_id),
        )
        posting = run(POSTING, (f"raw:{number}", "invoice_issued", self._day, AT)).lastrowid
        for account, minor in (("revenue", net), ("tax_payable", tax)):
            run(TRANSFER, (posting, "receivable", account, minor, customer, invoice_id, None, self._day, AT))
        run(
            "UPDATE customer_balance SET receivable_minor = receivable_minor + ? WHERE customer_id = ?",
            (total, customer),
        )
        run("INSERT INTO rendering (invoice_id, state, attempts, due_at, error) VALUES (?, 'queued', 0, ?, '')",
            (invoice_id, AT))  # fmt: skip
        link = secrets.token_hex(12)
        run(LINK, (link, invoice_id, email, _sha(link), AT, AT))
        run(MAIL, ("invoice_issued", f"raw:{number}", email, customer, invoice_id, secrets.token_hex(16), AT, AT))
        run(ACTIVITY, (invoice_id, "issued", AT, invoice_id))
        self._audit("invoice.issued", f"invoice:{invoice_id}")
        run("COMMIT")

    def pay(self, invoice_id: int, reference: str) -> None:
        """A payment of all that an invoice owes: payment, allocation, books, receipt, history and audit."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        customer, minor = run("SELECT customer_id, balance_minor FROM invoice WHERE id = ?", (invoice_id,)).fetchone()
        payment = run(
            "INSERT INTO payment (reference, intent_id, customer_id, currency, minor, fee_minor, method, received_at)"
            " VALUES (?, ?, ?, 'GBP', ?, 20, 'Visa', ?)",
            (reference, f"pi_{reference}", customer, minor, AT),
        ).lastrowid
        run("INSERT INTO allocation (payment_id, invoice_id, minor, reason, ref, at) VALUES (?, ?, ?, 'payment', ?, ?)",
            (payment, invoice_id, minor, reference, AT))  # fmt: skip
        legs: tuple[tuple[Any, ...], ...] = (
            ("card_clearing", "customer_credit", minor, customer, None),
            ("customer_credit", "receivable", minor, customer, invoice_id),
            ("card_fees", "card_clearing", 20, None, None),
        )
        for place, leg in enumerate(legs):
            posting = run(POSTING, (f"{reference}:{place}", "payment", self._day, AT)).lastrowid
            run(TRANSFER, (posting, *leg, payment, self._day, AT))
        run("UPDATE invoice SET balance_minor = 0, paid_at = ? WHERE id = ?", (AT, invoice_id))
        run(
            "UPDATE customer_balance SET receivable_minor = receivable_minor - ? WHERE customer_id = ?",
            (minor, customer),
        )
        run(MAIL, ("receipt", reference, "alice@x.example", customer, None, secrets.token_hex(16), AT, AT))
        run(ACTIVITY, (invoice_id, "paid", AT, invoice_id))
        self._audit("payment.received", f"payment:{payment}")
        run("COMMIT")

    def _audit(self, action: str, subject: str) -> None:
        run = self.connection.execute
        sequence, previous = run("SELECT sequence, hash FROM audit_head").fetchone()
        own = _sha(f"{sequence} {previous} {action} {subject}")
        run(AUDIT, (sequence + 1, AT, "user:1 Sam", action, subject, "{}", previous, own))
        run("UPDATE audit_head SET sequence = ?, hash = ?", (sequence + 1, own))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
