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
from billing.check.queries import QUERIES
from billing.db import execute
from billing.tables import CreditNote, Document, Invoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Broken:
    """One invariant that does not hold, and one fact that shows it."""

    invariant: str
    words: str


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
    for note in CreditNote.select().where(CreditNote.status == "issued").iterator():
        if hashlib.sha256(json.dumps(note.frozen, sort_keys=True).encode()).hexdigest() != note.frozen_sha256:
            found.append(Broken("I5", f"Credit note {note.number} does not say what was frozen."))
        elif (note.frozen["number"], note.frozen["total_minor"]) != (note.number, note.total_minor):
            found.append(Broken("I5", f"Credit note {note.number} shows another number or total than it froze."))
    return found


def _documents() -> list[Broken]:
    """I5: the stored bytes are the bytes that were drawn."""
    return [
        Broken("I5", f"The stored PDF {document.id} was changed.")
        for document in Document.select().iterator()
        if hashlib.sha256(bytes(document.content)).hexdigest() != document.sha256
    ]
