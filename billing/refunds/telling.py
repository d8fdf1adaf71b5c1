"""Who hears of a refund: the person who paid, else whoever receives the customer's invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from billing import customers, outbox
from billing.tables import Attempt, Link, Payment, Refund, User

if TYPE_CHECKING:
    from datetime import datetime


class Reader(NamedTuple):
    """An address, a name, and the mailed link that this person came by, if any."""

    to: str
    name: str
    link_id: str | None


def sent(refund: Refund, *, at: datetime) -> None:
    """The money is on its way to them."""
    _tell("refund_sent", refund, at=at)


def failed(refund: Refund, *, at: datetime) -> None:
    """It came back. Whoever was never told that it left is not told that it failed."""
    if any(outbox.is_queued(_key("refund_sent", refund, reader)) for reader in readers(refund)):
        _tell("refund_failed", refund, at=at)


def readers(refund: Refund) -> list[Reader]:
    """Who is told of it."""
    payment: Payment | None = refund.payment
    attempt: Attempt | None = payment.attempt if payment is not None else None
    if attempt is not None:
        kind, _, payer_id = attempt.payer.partition(":")
        if kind == "user":
            user: User = User.get_by_id(int(payer_id))
            return [Reader(user.email, user.name, None)]
        link: Link | None = Link.get_or_none(Link.id == payer_id)
        if link is not None:
            return [Reader(link.recipient, attempt.payer_name, link.id)]
    if refund.customer_id is None:
        return []
    return [Reader(contact.email, contact.name, None) for contact in customers.recipients(refund.customer_id)]


def _tell(event: str, refund: Refund, *, at: datetime) -> None:
    for reader in readers(refund):
        outbox.queue(
            event,
            to=reader.to,
            to_name=reader.name,
            key=_key(event, refund, reader),
            context={"refund_id": refund.id, "link_id": reader.link_id},
            at=at,
            customer_id=refund.customer_id,
            invoice_id=refund.invoice_id,
            payment_id=refund.payment_id,
        )


def _key(event: str, refund: Refund, reader: Reader) -> str:
    return f"{event}:{refund.id}:{reader.to}"
