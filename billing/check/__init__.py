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

    from peewee import Expression


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
    return [
        *_frozen("Invoice", Invoice, Invoice.status != "draft"),
        *_frozen("Credit note", CreditNote, CreditNote.status == "issued"),
    ]


def _frozen(word: str, table: type[Invoice | CreditNote], issued: Expression) -> Iterator[Broken]:
    columns = (table.number, table.total_minor, table.frozen, table.frozen_sha256)
    for number, total_minor, frozen, sha256 in table.select(*columns).where(issued).tuples().iterator():
        if hashlib.sha256(json.dumps(frozen, sort_keys=True).encode()).hexdigest() != sha256:
            yield Broken("I5", f"{word} {number} does not say what was frozen.")
        elif (frozen["number"], frozen["total_minor"]) != (number, total_minor):
            yield Broken("I5", f"{word} {number} shows another number or total than it froze.")


def _documents() -> list[Broken]:
    """I5: the stored bytes are the bytes that were drawn."""
    return [
        Broken("I5", f"The stored PDF {document.id} was changed.")
        for document in Document.select().iterator()
        if hashlib.sha256(bytes(document.content)).hexdigest() != document.sha256
    ]
