"""`flask check`: recompute the invariants of docs/invariants.md from the rows themselves.

Each check is one statement or one walk that must find nothing; what it finds is told in a sentence.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from billing import audit
from billing.db import execute
from billing.tables import Document, Invoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEDGER_BALANCE = (
    "COALESCE((SELECT SUM(CASE WHEN t.debit = 'receivable' THEN t.minor"
    " WHEN t.credit = 'receivable' THEN -t.minor ELSE 0 END) FROM transfer t WHERE t.invoice_id = i.id), 0)"
)
APPLIED = "COALESCE((SELECT SUM(a.minor) FROM allocation a WHERE a.invoice_id = i.id), 0)"


@dataclass(frozen=True, slots=True)
class Broken:
    """One invariant that does not hold, and one fact that shows it."""

    invariant: str
    words: str


# Each row: the invariant, the words (the first column of the answer is put in), and a query that finds nothing.
QUERIES = (
    ("I1", "Posting {} moves nothing.",
     "SELECT p.ref FROM posting p LEFT JOIN transfer t ON t.posting_id = p.id WHERE t.id IS NULL"),
    ("I1", "Transfer {} does not carry the dates of its posting.",
     ("SELECT t.id FROM transfer t JOIN posting p ON p.id = t.posting_id"
     " WHERE t.effective_on <> p.effective_on OR t.posted_at <> p.posted_at")),
    ("I1", "The legs in {} do not add up to nothing.",
     "SELECT currency FROM v_ledger_legs GROUP BY currency HAVING SUM(minor) <> 0"),
    ("I2", "Invoice {} shows a balance that the ledger does not.",
     f"SELECT i.number FROM invoice i WHERE i.balance_minor <> {LEDGER_BALANCE}"),
    ("I2", "Customer {} shows a receivable that is not the sum of its invoices.",
     ("SELECT b.customer_id FROM customer_balance b WHERE b.receivable_minor <> COALESCE((SELECT SUM(i.balance_minor)"
     " FROM invoice i WHERE i.customer_id = b.customer_id AND i.currency = b.currency), 0)")),
    ("I2", "Customer {} shows a credit that the ledger does not.",
     ("SELECT b.customer_id FROM customer_balance b WHERE b.credit_minor <> COALESCE((SELECT SUM("
     "CASE WHEN t.credit = 'customer_credit' THEN t.minor WHEN t.debit = 'customer_credit' THEN -t.minor ELSE 0 END)"
     " FROM transfer t WHERE t.customer_id = b.customer_id AND t.currency = b.currency), 0)")),
    ("I3", "Invoice {} owes less than nothing, or more than its total.",
     "SELECT number FROM invoice WHERE balance_minor < 0 OR balance_minor > total_minor"),
    ("I3", "Invoice {} is void and still owes or was paid.",
     f"SELECT i.number FROM invoice i WHERE i.status = 'void' AND (i.balance_minor <> 0 OR {APPLIED} <> 0)"),
    ("I3", "Invoice {} is paid or not, but its payment date says otherwise.",
     "SELECT number FROM invoice WHERE status = 'issued' AND (balance_minor = 0) <> (paid_at IS NOT NULL)"),
    ("I4", "Payment {} is applied beyond what came, or not wholly explained.",
     ("SELECT p.reference FROM payment p WHERE p.minor <>"
     " COALESCE((SELECT SUM(a.minor) FROM allocation a WHERE a.payment_id = p.id), 0)")),
    ("I4", "Allocation {} crosses customers or currencies.",
     ("SELECT a.ref FROM allocation a JOIN payment p ON p.id = a.payment_id JOIN invoice i ON i.id = a.invoice_id"
     " WHERE i.customer_id <> p.customer_id OR i.currency <> p.currency")),
    ("I4", "Invoice {} has allocations that its ledger does not show.",
     f"SELECT i.number FROM invoice i WHERE i.status = 'issued' AND i.total_minor - i.balance_minor <> {APPLIED}"),
    ("I5", "Invoice {} has lines that do not add up to it.",
     ("SELECT i.number FROM invoice i WHERE i.status <> 'draft' AND (i.lines_minor <>"
     " (SELECT SUM(l.net_minor) FROM invoice_line l WHERE l.invoice_id = i.id)"
     " OR i.tax_minor <> (SELECT SUM(x.tax_minor) FROM invoice_tax x WHERE x.invoice_id = i.id)"
     " OR i.net_minor <> (SELECT SUM(x.base_minor) FROM invoice_tax x WHERE x.invoice_id = i.id))")),
    ("I6", "Series {} has a hole or a double.",
     ("SELECT series FROM invoice WHERE status <> 'draft' GROUP BY series"
     " HAVING COUNT(*) <> MAX(series_number) OR MIN(series_number) <> 1 OR COUNT(DISTINCT series_number) <> COUNT(*)")),
    ("I6", "Series {} does not end where its counter stands.",
     ("SELECT c.key FROM counter c WHERE c.value <>"
     " COALESCE((SELECT MAX(series_number) FROM invoice WHERE series = c.key), 0)")),
    ("I6", "Invoice {} is dated before the number before it.",
     ("SELECT b.number FROM invoice a JOIN invoice b ON b.series = a.series AND b.series_number = a.series_number + 1"
     " WHERE b.issue_on < a.issue_on")),
    ("I7", "Payment {} is not in the ledger once, whole.",
     ("SELECT p.reference FROM payment p LEFT JOIN (SELECT payment_id, SUM(minor) AS came FROM transfer"
     " WHERE debit = 'card_clearing' GROUP BY payment_id) t ON t.payment_id = p.id"
     " WHERE p.minor <> COALESCE(t.came, 0)")),
    ("I7", "Attempt {} succeeded without a payment.",
     ("SELECT a.id FROM attempt a WHERE a.status = 'succeeded'"
     " AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.attempt_id = a.id)")),
    ("I9", "Mail {} was accepted without a moment.",
     "SELECT key FROM mail WHERE (state = 'accepted') <> (accepted_at IS NOT NULL)"),
    ("I11", "Invoice {} lacks the history of its status.",
     ("SELECT i.number FROM invoice i WHERE i.status <> 'draft' AND i.status <> COALESCE((SELECT a.to_status"
     " FROM activity a WHERE a.invoice_id = i.id AND a.to_status IN ('issued', 'void')"
        " ORDER BY a.sequence DESC LIMIT 1), '')")),
    ("I11", "Invoice {} has a hole in its history.",
     "SELECT invoice_id FROM activity GROUP BY invoice_id HAVING COUNT(*) <> MAX(sequence)"),
    ("I14", "Link {} opens an invoice of another customer's contact.",
     ("SELECT l.id FROM link l JOIN contact c ON c.id = l.contact_id JOIN invoice i ON i.id = l.invoice_id"
     " WHERE c.customer_id <> i.customer_id")),
    ("I17", "The suspense account holds less than nothing in {}.",
     "SELECT currency FROM v_ledger_legs WHERE account = 'suspense' GROUP BY currency HAVING SUM(minor) > 0"),
)  # fmt: skip


def broken(*, first_only: bool = False) -> list[Broken]:
    """Everything that does not hold, or the first of it; empty when the books are in order."""
    found: list[Broken] = []
    for check in _checks():
        found += check()
        if found and first_only:
            break
    return found


def count() -> int:
    """How many invariants are recomputed."""
    return len(QUERIES) + 3


def _checks() -> Iterator[Callable[[], list[Broken]]]:
    for invariant, words, query in QUERIES:
        yield partial(_found, invariant, words, query)
    yield _snapshots
    yield _documents
    yield _audit_chain


def _found(invariant: str, words: str, query: str) -> list[Broken]:
    return [Broken(invariant, words.format(row[0])) for row in execute(f"{query} LIMIT 20").fetchall()]


def _audit_chain() -> list[Broken]:
    """I12: every row follows from the one before."""
    return [Broken("I12", words) for words in audit.verify()]


def _snapshots() -> list[Broken]:
    """I5: what was frozen is what was hashed, and says the totals of the row."""
    found = []
    for invoice in Invoice.select().where(Invoice.status != "draft").iterator():
        if hashlib.sha256(json.dumps(invoice.frozen, sort_keys=True).encode()).hexdigest() != invoice.frozen_sha256:
            found.append(Broken("I5", f"Invoice {invoice.number} does not say what was frozen."))
        elif (invoice.frozen["number"], invoice.frozen["total_minor"]) != (invoice.number, invoice.total_minor):
            found.append(Broken("I5", f"Invoice {invoice.number} shows another number or total than it froze."))
    return found


def _documents() -> list[Broken]:
    """I5: the stored bytes are the bytes that were drawn."""
    return [
        Broken("I5", f"The PDF of invoice {document.invoice_id} was changed.")
        for document in Document.select().iterator()
        if hashlib.sha256(bytes(document.content)).hexdigest() != document.sha256
    ]
