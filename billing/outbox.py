"""Mail that must leave: queued in the transaction of the event it tells of, claimed by lease, sent once.

A row holds the event and its frozen context; words and PDF are made at delivery. "Accepted" means that the
recipient's mail server, or ours, took the message.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from peewee import fn

from billing.db import after_commit, lock_free, transaction
from billing.tables import Document, Invoice, Mail

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LEASE = timedelta(seconds=120)
MOST_TRIES = 12
LONGEST_WAIT = timedelta(hours=6)
NEEDS_PDF = "invoice_issued"  # its mail carries the PDF, so it waits until the PDF is stored

wake: list[Callable[[], None]] = []  # called after each commit that queued something


def queue(
    event: str,
    *,
    to: str,
    key: str,
    context: dict[str, Any],
    at: datetime,
    to_name: str = "",
    customer_id: int | None = None,
    invoice_id: int | None = None,
) -> int | None:
    """Queue one message to one recipient, inside the caller's transaction; None where `key` is queued already."""
    if Mail.select(Mail.id).where(Mail.key == key).exists():
        return None
    mail = Mail.insert(
        event=event,
        key=key,
        recipient=to,
        recipient_name=to_name,
        context=context,
        customer=customer_id,
        invoice=invoice_id,
        message_id=secrets.token_urlsafe(24),
        due_at=at,
        queued_at=at,
    ).execute()
    for listener in wake:
        after_commit(listener)
    return int(mail)


def claim_due(at: datetime, *, limit: int = 20) -> list[Mail]:
    """Lease what is due for LEASE, so that one worker sends it; a worker that dies leaves it to the next."""
    due = _due(at)
    if not due.exists():
        return []
    token = secrets.token_hex(16)
    with transaction():
        ids = [mail.id for mail in lock_free(_due(at).order_by(Mail.due_at, Mail.id).limit(limit))]
        if not ids:
            return []
        Mail.update(
            state="sending", lease_until=at + LEASE, lease_token=token, attempts=Mail.attempts + 1
        ).where(Mail.id.in_(ids)).execute()
    return list(Mail.select().where(Mail.lease_token == token).order_by(Mail.id))


def accepted(mail: Mail, at: datetime) -> bool:
    """The server took it. False where the lease was lost meanwhile. The invoice it carried counts as sent."""
    with transaction():
        finished = _finish(mail, state="accepted", accepted_at=at, error="")
        if finished and mail.event == NEEDS_PDF:
            Invoice.update(sent_at=at).where(
                (Invoice.id == mail.invoice_id) & Invoice.sent_at.is_null()
            ).execute()
    return finished


def retry_later(mail: Mail, error: str, at: datetime) -> bool:
    """Not this time: wait twice as long as before, up to LONGEST_WAIT; give up after MOST_TRIES."""
    if mail.attempts >= MOST_TRIES:
        return _finish(mail, state="dead", error=error[:500])
    wait = min(timedelta(seconds=15 * 2**mail.attempts), LONGEST_WAIT)
    return _finish(mail, state="queued", due_at=at + wait, error=error[:500])


def refused(mail: Mail, error: str) -> bool:
    """The server will never take it (a 5xx answer)."""
    return _finish(mail, state="refused", error=error[:500])


def waiting() -> int:
    """How many messages have not left yet."""
    return int(Mail.select(fn.COUNT(Mail.id)).where(Mail.state.in_(["queued", "sending"])).scalar())


def _due(at: datetime) -> Any:  # noqa: ANN401 - a Peewee query
    drawn = Document.select(Document.id).where(Document.invoice == Mail.invoice)
    return Mail.select(Mail.id).where(
        Mail.state.in_(["queued", "sending"])
        & (Mail.due_at <= at)
        & ((Mail.state == "queued") | (Mail.lease_until < at))
        & ((Mail.event != NEEDS_PDF) | fn.EXISTS(drawn))
    )


def _finish(mail: Mail, **values: Any) -> bool:  # noqa: ANN401 - columns of Mail
    with transaction():
        moved = (
            Mail.update(lease_until=None, lease_token=None, **values)
            .where((Mail.id == mail.id) & (Mail.lease_token == mail.lease_token))
            .execute()
        )
    return bool(moved)
