"""What the customer's people are mailed: that a charge comes, and that one did not come about and what is next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from billing import cards, links, outbox
from billing.autopay import notice
from billing.autopay.choosing import candidates, due_by, to_tell
from billing.cards import consent as consents
from billing.db import lock, transaction
from billing.tables import Customer, Invoice

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.tables import Autopay, AutopayRun


def tell_upcoming(on: date, *, at: datetime) -> int:
    """Mail of what will be charged, so that it is known notice.AHEAD before; once per invoice, due day and person.

    Gives how many mails. What is told too late for its due day is charged later, on the day the mail names.
    """
    queued = 0
    for invoice in candidates(on + notice.AHEAD + timedelta(days=1)):
        consent = cards.live(invoice.customer_id)
        if consent is not None and to_tell(invoice, consent, on) is not None:
            queued += _tell_one(invoice.id, on, at=at)
    return queued


def tell_failure(run: AutopayRun, invoice: Invoice, consent: Autopay, facts: dict[str, Any], *, at: datetime) -> None:
    """Why it was not charged, and a way to pay; in the caller's transaction."""
    for email, name in consents.people_of(consent):
        key = f"autopay-failed:{run.run_key}:{email}"
        if not outbox.is_queued(key):
            link_id = links.create(invoice, recipient=email, at=at)
            _queue("autopay_failed", email, name, key, facts | {"link_id": link_id}, invoice, at=at)


def _tell_one(invoice_id: int, on: date, *, at: datetime) -> int:
    """Tell everybody who was not told yet of the same day."""
    queued = 0
    with transaction():
        owner = Invoice.get_by_id(invoice_id).customer_id
        lock(Customer.select(Customer.id).where(Customer.id == owner)).get()
        invoice, consent = Invoice.get_by_id(invoice_id), cards.live(owner)
        told = to_tell(invoice, consent, on) if consent is not None else None
        if consent is None or told is None:
            return 0
        due, charged_on = told
        for email, name in consents.people_of(consent):
            key = notice.key(invoice, due, consent, charged_on, email)
            if outbox.is_queued(key):
                continue
            context = {
                "minor": due_by(invoice, charged_on),
                "on": charged_on.isoformat(),
                "card": consent.card.words,
                "link_id": links.create(invoice, recipient=email, at=at),
            }
            _queue(notice.EVENT, email, name, key, context, invoice, at=at)
            queued += 1
    return queued


def _queue(
    event: str, to: str, name: str, key: str, context: dict[str, Any], invoice: Invoice, *, at: datetime
) -> None:
    outbox.queue(
        event,
        to=to,
        to_name=name,
        key=key,
        context=context | {"invoice_id": invoice.id},
        at=at,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
    )
