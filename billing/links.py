"""Mailed links: each opens one invoice and nothing else, and signs nobody in.

A token is an HMAC of the link's id, so that a mail can be rendered at delivery; only its SHA-256 is stored.
Opening a link changes nothing. Revoking one is a row (docs/decisions.md; ASVS 5.0 6.5, 11.5).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from peewee import fn

from billing import audit, outbox
from billing.db import lock, transaction
from billing.errors import Missing, Refusal
from billing.tables import Invoice, Link, LinkRevocation

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor
    from billing.tables import Contact

LIFETIME = timedelta(days=400)
RENEWED_EVERY = timedelta(hours=1)
_key: list[bytes] = []
_base: list[str] = []


class LinkExpired(Refusal):
    """The link is known, but over; a new one can be mailed to the same recipient."""

    def __init__(self, link: Link) -> None:
        super().__init__("This link has expired. We can send a new one to the email address this invoice was sent to.")
        self.link = link


def use(secret_key: str, base_url: str) -> None:
    """Derive the key of link tokens from the installation's secret, and learn the address it is reached at."""
    _key[:] = [hmac.digest(secret_key.encode(), b"remit document link", "sha256")]
    _base[:] = [base_url]


def create(invoice: Invoice, *, recipient: str, at: datetime, contact: Contact | None = None) -> str:
    """A link to one invoice for one recipient, inside the caller's transaction; gives its id."""
    link_id = secrets.token_hex(12)
    Link.insert(
        id=link_id,
        invoice=invoice.id,
        contact=contact.id if contact else None,
        recipient=recipient,
        token_hash=_hash(token(link_id)),
        created_at=at,
        expires_at=at + LIFETIME,
    ).execute()
    return link_id


def token(link_id: str) -> str:
    """The 43 URL-safe characters that open a link."""
    assert _key, "links.use comes first"
    return base64.urlsafe_b64encode(hmac.digest(_key[0], f"link:{link_id}".encode(), "sha256")).rstrip(b"=").decode()


def url(link_id: str) -> str:
    """The address that is mailed to one recipient."""
    return f"{_base[0]}/i/{token(link_id)}"


def plain_url(number: str) -> str:
    """The address of an invoice without a token, as printed on its PDF; opening it asks for sign-in."""
    return f"{_base[0]}/invoices/{number}"


def page_url(path: str) -> str:
    """The address of a page of ours, such as "/cards"; opening it asks for sign-in."""
    return f"{_base[0]}{path}"


def open_link(text: str, *, at: datetime) -> Link:
    """The link a token opens. Raises Missing for unknown and revoked ones alike, LinkExpired when it is over."""
    link = Link.get_or_none(Link.token_hash == _hash(text[:100]))
    if link is None or _revoked(link.id):
        raise Missing("This link does not open anything. Check the link in your email.")
    if _is_over(link, text, at):
        raise LinkExpired(link)
    return link


def still_open(link_id: str, *, at: datetime) -> Link | None:
    """The link of a scope cookie with its invoice, while it still opens; in one statement, since every page asks."""
    revoked = LinkRevocation.select(LinkRevocation.id).where(LinkRevocation.link == Link.id)
    link: Link | None = (
        Link.select(Link, Invoice)
        .join(Invoice)
        .where((Link.id == link_id) & (Link.expires_at > at) & ~fn.EXISTS(revoked))
        .get_or_none()
    )
    return link


def renew(text: str, *, at: datetime) -> bool:
    """Mail a fresh link to whom the expired one of this token was mailed; the caller says the same words always.

    Nothing is mailed for a token that is unknown, revoked or still good, to a contact who receives no invoices any
    more, or a second time within RENEWED_EVERY. Says whether a mail was queued, for tests and logs alone.
    """
    old = Link.get_or_none(Link.token_hash == _hash(text[:100]))
    if old is None or not _is_over(old, text, at) or _revoked(old.id):
        return False
    if old.contact is not None and not old.contact.receives_invoices:
        return False
    key = f"invoice_link:{old.id}:{int(at.timestamp() // RENEWED_EVERY.total_seconds())}"
    with transaction():
        lock(Link.select().where(Link.id == old.id)).get()
        if outbox.is_queued(key):
            return False
        fresh = create(old.invoice, recipient=old.recipient, contact=old.contact, at=at)
        outbox.queue(
            "invoice_link",
            to=old.recipient,
            to_name=old.contact.name if old.contact else "",
            key=key,
            context={"invoice_id": old.invoice_id, "link_id": fresh},
            at=at,
            customer_id=old.invoice.customer_id,
            invoice_id=old.invoice_id,
        )
    return True


def of_invoice(invoice_id: int, link_id: str) -> Link:
    """One link of an invoice, for staff. Raises Missing."""
    link: Link | None = Link.get_or_none((Link.id == link_id) & (Link.invoice == invoice_id))
    if link is None:
        raise Missing("We cannot find that link.")
    return link


def revoke(link: Link, *, by: Actor, at: datetime) -> None:
    """End a link, which then is not renewed either. A second time changes nothing."""
    with transaction():
        lock(Link.select().where(Link.id == link.id)).get()
        if not _revoked(link.id):
            LinkRevocation.insert(link=link.id, at=at, by=by.key).execute()
            audit.record("link.revoked", f"link:{link.id}", by=by, at=at, facts={"invoice_id": link.invoice_id})


def _is_over(link: Link, text: str, at: datetime) -> bool:
    """Its time is up, or the installation's secret was changed since: both end in a fresh link, mailed on request."""
    return link.expires_at <= at or not hmac.compare_digest(token(link.id).encode(), text.encode())


def _revoked(link_id: str) -> bool:
    return bool(LinkRevocation.select(LinkRevocation.id).where(LinkRevocation.link == link_id).exists())


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
