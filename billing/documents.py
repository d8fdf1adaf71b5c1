"""Documents: the PDF of an invoice, a credit note or a receipt, drawn once by the worker and served from store.

A row of Rendering asks for it in the transaction of its event; a worker claims it by lease, draws it outside any
transaction, and stores bytes and SHA-256 together. A second drawing of the same document changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol

from peewee import IntegrityError

from billing.db import lock_free, transaction
from billing.errors import Refusal
from billing.tables import CreditNote, Document, Invoice, Payment, Rendering

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from peewee import ModelSelect

LEASE = timedelta(seconds=180)
MOST_TRIES = 5
LONGEST_ERROR = 500
KILLED = "Each worker that drew it ended before it could say what came of it."

log = logging.getLogger(__name__)


class Draws(Protocol):
    """What draws a page into a PDF: billing.rendering.Renderer."""

    def render(self, html: str, *, title: str, author: str, at: datetime, lines: int) -> bytes:
        """The PDF's bytes, or a refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Paper:
    """Which document: of an invoice, of a credit note, or the receipt of a payment."""

    kind: Literal["invoice", "credit_note", "payment"]
    id: int


def invoice(invoice_id: int) -> Paper:
    """The paper of an issued invoice."""
    return Paper("invoice", invoice_id)


def credit_note(credit_note_id: int) -> Paper:
    """The paper of an issued credit note."""
    return Paper("credit_note", credit_note_id)


def receipt(payment_id: int) -> Paper:
    """The receipt of a payment."""
    return Paper("payment", payment_id)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What is known of a stored document without reading its bytes."""

    media_type: str
    sha256: str
    size: int


class DocumentNotReady(Refusal):
    """The PDF is still being drawn, or could not be drawn."""

    def __init__(self) -> None:
        super().__init__("The PDF is being prepared. Try again in a moment.")


def queue(paper: Paper, *, at: datetime, snapshot: dict[str, Any] | None = None) -> None:
    """Ask for a PDF, inside the caller's transaction. A receipt brings the snapshot it is drawn from."""
    assert (snapshot is None) == (paper.kind != "payment"), "invoices and credit notes keep their own snapshot"
    Rendering.insert(**{paper.kind: paper.id}, due_at=at, snapshot=snapshot).execute()


def stored(paper: Paper) -> StoredDocument:
    """What is stored of it. Raises DocumentNotReady."""
    row = (
        Document.select(Document.media_type, Document.sha256, Document.size)
        .where(_is(Document, paper))
        .tuples()
        .first()
    )
    if row is None:
        raise DocumentNotReady
    return StoredDocument(*row)


def content(paper: Paper) -> bytes:
    """The bytes themselves. Raises DocumentNotReady."""
    row = Document.select(Document.content).where(_is(Document, paper)).tuples().first()
    if row is None:
        raise DocumentNotReady
    return bytes(row[0])


def state(paper: Paper) -> str:
    """queued, drawing, stored or failed; "" where none was asked for."""
    found = Rendering.select(Rendering.state).where(_is(Rendering, paper)).tuples().first()
    return str(found[0]) if found else ""


def retry_failed(at: datetime) -> int:
    """Ask again, with all tries, for what could not be drawn; gives how many. For when its cause is gone."""
    with transaction():
        again = Rendering.update(state="queued", attempts=0, due_at=at).where(Rendering.state == "failed")
        return int(again.execute())


def is_any_due(at: datetime) -> bool:
    """Whether a document waits to be drawn, or was left half drawn by a worker that died."""
    return bool(_due(at).exists())


def draw_due(renderer: Draws, page: Callable[[dict[str, object]], str], *, at: datetime, limit: int = 20) -> int:
    """Draw what is due, one document at a time; gives how many were stored.

    `page` makes the HTML of a frozen snapshot. A refusal is kept with the row and tried again later, MOST_TRIES times.
    So is a defect, such as a page that cannot be written: it must neither hold up the others nor be tried for ever.
    """
    drawn = 0
    for _ in range(limit):
        rendering = _claim(at)
        if rendering is None:
            break
        paper = _paper_of(rendering)
        try:
            title, snapshot, made_at = _sheet(paper, rendering)
            content_ = renderer.render(
                page(snapshot),
                title=title,
                author=snapshot["seller"]["legal_name"],
                at=made_at,
                lines=len(snapshot["lines"]),
            )
        except Refusal as refusal:
            _postpone(rendering, refusal.message, at)
        except Exception as defect:
            log.exception("the document of %s %s cannot be drawn", paper.kind, paper.id)
            _postpone(rendering, f"{type(defect).__name__}: {defect}", at)
        else:
            drawn += _store(rendering, paper, content_, at)
    return drawn


def _is(table: type[Document | Rendering], paper: Paper) -> bool:
    return getattr(table, paper.kind) == paper.id  # type: ignore[no-any-return]  # Peewee's expression


def _paper_of(rendering: Rendering) -> Paper:
    if rendering.invoice_id is not None:
        return invoice(rendering.invoice_id)
    if rendering.credit_note_id is not None:
        return credit_note(rendering.credit_note_id)
    assert rendering.payment_id is not None, "a rendering is of one document"
    return receipt(rendering.payment_id)


def _sheet(paper: Paper, rendering: Rendering) -> tuple[str, dict[str, Any], datetime]:
    """The title of a document, the snapshot it is drawn from, and the moment it is of."""
    if paper.kind == "invoice":
        issued: Invoice = Invoice.get_by_id(paper.id)
        return f"Invoice {issued.number}", issued.frozen, issued.issued_at
    if paper.kind == "credit_note":
        note: CreditNote = CreditNote.get_by_id(paper.id)
        return f"Credit note {note.number}", note.frozen, note.issued_at
    payment: Payment = Payment.get_by_id(paper.id)
    return f"Receipt {payment.reference}", rendering.snapshot, payment.received_at


def _due(at: datetime) -> ModelSelect[Rendering]:
    is_free = (Rendering.state == "queued") | (Rendering.lease_until < at)
    return Rendering.select(Rendering.id, Rendering.attempts).where(
        Rendering.state.in_(["queued", "drawing"]) & (Rendering.due_at <= at) & is_free
    )


def _claim(at: datetime) -> Rendering | None:
    if not is_any_due(at):
        return None
    token = secrets.token_hex(16)
    with transaction():
        found = lock_free(_due(at).order_by(Rendering.due_at, Rendering.id).limit(1)).first()
        if found is None:
            return None
        if found.attempts >= MOST_TRIES:
            Rendering.update(state="failed", lease_token=None, error=KILLED).where(Rendering.id == found.id).execute()
        else:
            Rendering.update(
                state="drawing", lease_until=at + LEASE, lease_token=token, attempts=Rendering.attempts + 1
            ).where(Rendering.id == found.id).execute()
    claimed: Rendering | None = Rendering.get_or_none(Rendering.lease_token == token)
    return claimed


def _store(rendering: Rendering, paper: Paper, content_: bytes, at: datetime) -> int:
    with transaction():
        try:
            with transaction():  # a savepoint: another worker may have stored the very same bytes
                Document.insert(
                    **{paper.kind: paper.id},
                    media_type="application/pdf",
                    sha256=hashlib.sha256(content_).hexdigest(),
                    size=len(content_),
                    content=content_,
                    stored_at=at,
                ).execute()
            added = 1
        except IntegrityError:
            added = 0
        Rendering.update(state="stored", lease_until=None, lease_token=None, error="").where(
            Rendering.id == rendering.id
        ).execute()
    return added


def _postpone(rendering: Rendering, error: str, at: datetime) -> None:
    state_ = "failed" if rendering.attempts >= MOST_TRIES else "queued"
    with transaction():
        Rendering.update(
            state=state_,
            due_at=at + timedelta(seconds=30 * 2**rendering.attempts),
            lease_until=None,
            lease_token=None,
            error=error[:LONGEST_ERROR],
        ).where((Rendering.id == rendering.id) & (Rendering.lease_token == rendering.lease_token)).execute()
