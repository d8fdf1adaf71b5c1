"""What stands in the database before a page is asked for, and how often the page asks it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from billing.db import database
from billing.tables import Attempt, Document, PlannedAllocation
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from billing.tables import Invoice
    from tests.web_fixtures import Client
    from tests.world import World


def draw(issued: Invoice) -> None:
    """The worker drew the invoice's PDF."""
    Document.insert(
        invoice=issued.id, media_type="application/pdf", sha256="0" * 64, size=4, content=b"%PDF", stored_at=AT
    ).execute()


def paying(issued: Invoice, world: World, status: str = "open") -> None:
    """Alice opened the payment page of an invoice."""
    Attempt.insert(
        id="PAY-AAAA-AAAA-AAAA", customer=issued.customer_id, payer=world.alice.key, payer_name=world.alice.name,
        currency="GBP", minor=issued.total_minor, status=status, nonce="n", created_at=AT, expires_at=AT,
    ).execute()  # fmt: skip
    PlannedAllocation.insert(attempt="PAY-AAAA-AAAA-AAAA", invoice=issued.id, minor=issued.total_minor).execute()


def statements(browser: Client, path: str) -> int:
    """How many statements a page takes."""
    with counted() as seen:
        assert browser.get(path).status_code == 200
    return len(seen)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that run inside."""
    seen: list[str] = []

    def note(event: Any) -> None:
        if not event.sql.lstrip().upper().startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")):
            seen.append(event.sql)

    real = database.obj
    real.query_hooks.append(note)
    try:
        yield seen
    finally:
        real.query_hooks.remove(note)
