"""Mail that must leave: queued in the transaction of the event it tells of, claimed by lease, sent once.

A row holds the event and its frozen context; words and PDF are made at delivery. "Accepted" means that the
recipient's mail server, or ours, took the message.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from peewee import fn

from billing.db import after_commit, execute, is_sqlite, lock_free, transaction
from billing.tables import Document, Invoice, Mail
from billing.tables.base import Instant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LEASE = timedelta(seconds=120)
MOST_TRIES = 12
LONGEST_WAIT = timedelta(hours=6)
SERVER_WAIT = timedelta(minutes=1)
KILLED = "Each worker that took it ended before it could say what came of it."
SECRET = frozenset({"sign_in_code"})  # what these said is forgotten once they left
ISSUED = "invoice_issued"
CORRECTED = "invoice_corrected"  # a new invoice and the credit note of the one it replaces
APPROVAL_LOOSENED = "approval_loosened"
# These carry a PDF, so they wait until it is stored: the event, and the column of what the PDF is of.
NEEDS_PDF = (
    (ISSUED, "invoice"),
    (CORRECTED, "invoice"),
    (CORRECTED, "credit_note"),
    ("credit_note_issued", "credit_note"),
    ("receipt", "payment"),
)

MOST_SHOWN = 200

wake: list[Callable[[], None]] = []  # called after each commit that queued something

_instant = Instant().python_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One mail of an invoice as staff sees it, with the PDF it may wait for and the link it carries, if any."""

    event: str
    recipient: str
    recipient_name: str
    state: str  # queued, sending, accepted, refused, dead, dropped
    error: str
    due_at: datetime
    accepted_at: datetime | None
    pdf_state: str  # of the invoice's drawing: queued, drawing, stored, failed
    link_id: str | None
    link_expires_at: datetime | None
    link_revoked_at: datetime | None


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
    credit_note_id: int | None = None,
    payment_id: int | None = None,
) -> int | None:
    """Queue one message to one recipient, inside the caller's transaction; None where `key` is queued already."""
    if is_queued(key):
        return None
    mail = Mail.insert(
        event=event,
        key=key,
        recipient=to,
        recipient_name=to_name,
        context=context,
        customer=customer_id,
        invoice=invoice_id,
        credit_note=credit_note_id,
        payment=payment_id,
        message_id=secrets.token_urlsafe(24),
        due_at=at,
        queued_at=at,
    ).execute()
    for listener in wake:
        after_commit(listener)
    return int(mail)


def is_queued(key: str) -> bool:
    """Whether a message with this key was ever queued."""
    return bool(Mail.select(Mail.id).where(Mail.key == key).exists())


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
        mine = Mail.id.in_(ids)
        Mail.update(state="dead", lease_token=None, error=KILLED).where(mine & (Mail.attempts >= MOST_TRIES)).execute()
        Mail.update(state="sending", lease_until=at + LEASE, lease_token=token, attempts=Mail.attempts + 1).where(
            mine & (Mail.state != "dead")
        ).execute()
    return list(Mail.select().where(Mail.lease_token == token).order_by(Mail.id))


def accepted(mail: Mail, at: datetime) -> bool:
    """The server took it. False where the lease was lost meanwhile. The invoice it carried counts as sent."""
    with transaction():
        finished = _finish(mail, state="accepted", accepted_at=at, error="")
        if finished and mail.event in SECRET:
            Mail.update(context={}).where(Mail.id == mail.id).execute()
        if finished and mail.event in {ISSUED, CORRECTED}:
            Invoice.update(sent_at=at).where((Invoice.id == mail.invoice_id) & Invoice.sent_at.is_null()).execute()
    return finished


def retry_later(mail: Mail, error: str, at: datetime) -> bool:
    """Not this time: wait twice as long as before, up to LONGEST_WAIT; give up after MOST_TRIES."""
    if mail.attempts >= MOST_TRIES:
        return _finish(mail, state="dead", error=error[:500])
    wait = min(timedelta(seconds=15 * 2**mail.attempts), LONGEST_WAIT)
    return _finish(mail, state="queued", due_at=at + wait, error=error[:500])


def put_back(mail: Mail, error: str, at: datetime) -> bool:
    """Nobody was there to take it, which is not the mail's doing: the try does not count, however long it lasts."""
    return _finish(mail, state="queued", attempts=max(mail.attempts - 1, 0), due_at=at + SERVER_WAIT, error=error[:500])


def retry_dead(at: datetime) -> int:
    """Give all tries again to the mails that were given up; gives how many. For when their cause is gone."""
    with transaction():
        return int(Mail.update(state="queued", attempts=0, due_at=at).where(Mail.state == "dead").execute())


def refused(mail: Mail, error: str) -> bool:
    """The server will never take it (a 5xx answer)."""
    return _finish(mail, state="refused", error=error[:500])


def drop(mail: Mail, why: str, at: datetime) -> bool:
    """What it tells is no longer so: it is not sent. `why` is for staff."""
    return _finish(mail, state="refused", error=why[:500], dropped_at=at)


def for_invoice(invoice_id: int) -> list[Delivery]:
    """The mails of an invoice in the order they were queued, at most MOST_SHOWN, in one statement."""
    its_link = "json_extract(m.context, '$.link_id')" if is_sqlite() else "m.context ->> 'link_id'"
    found = execute(  # the only words put in are one of two constants and a constant limit
        f"""SELECT m.event, m.recipient, m.recipient_name,
            CASE WHEN m.dropped_at IS NULL THEN m.state ELSE 'dropped' END, m.error, m.due_at, m.accepted_at,
            COALESCE(r.state, ''), l.id, l.expires_at, v.at
        FROM mail m
        LEFT JOIN rendering r ON r.invoice_id = m.invoice_id
        LEFT JOIN link l ON l.id = {its_link}
        LEFT JOIN link_revocation v ON v.link_id = l.id
        WHERE m.invoice_id = ? ORDER BY m.id LIMIT {MOST_SHOWN}""",  # noqa: S608 - constants, see above
        (invoice_id,),
    ).fetchall()
    return [
        Delivery(
            event=event,
            recipient=recipient,
            recipient_name=name,
            state=state,
            error=error,
            due_at=_known(due),
            accepted_at=_instant(accepted),
            pdf_state=pdf_state,
            link_id=link_id,
            link_expires_at=_instant(expires),
            link_revoked_at=_instant(revoked),
        )
        for event, recipient, name, state, error, due, accepted, pdf_state, link_id, expires, revoked in found
    ]


def _known(value: datetime | str) -> datetime:
    at = _instant(value)
    assert at is not None, "a column that is never null"
    return at


def waiting() -> int:
    """How many messages have not left yet."""
    return int(Mail.select(fn.COUNT(Mail.id)).where(Mail.state.in_(["queued", "sending"])).scalar())


def _due(at: datetime) -> Any:  # noqa: ANN401 - a Peewee query
    return Mail.select(Mail.id).where(
        Mail.state.in_(["queued", "sending"])
        & (Mail.due_at <= at)
        & ((Mail.state == "queued") | (Mail.lease_until < at))
        & reduce(and_, map(_waits_no_more, NEEDS_PDF))
    )


def _waits_no_more(need: tuple[str, str]) -> Any:  # noqa: ANN401 - a Peewee expression
    event, paper = need
    drawn = Document.select(Document.id).where(getattr(Document, paper) == getattr(Mail, paper))
    is_about_none = getattr(Mail, paper).is_null()  # a receipt of before receipts were drawn
    return (Mail.event != event) | is_about_none | fn.EXISTS(drawn)


def _finish(mail: Mail, **values: Any) -> bool:  # noqa: ANN401 - columns of Mail
    with transaction():
        moved = (
            Mail.update(lease_until=None, lease_token=None, **values)
            .where((Mail.id == mail.id) & (Mail.lease_token == mail.lease_token))
            .execute()
        )
    return bool(moved)
