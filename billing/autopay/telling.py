"""What the customer's people are mailed: that a charge comes, and that one did not come about and what is next."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from billing import cards, links, outbox, payments
from billing.autopay.choosing import candidates, due_by
from billing.cards import consent as consents
from billing.db import transaction

if TYPE_CHECKING:
    from datetime import date, datetime

    from billing.tables import Autopay, AutopayRun, Invoice

TOLD_DAYS = 3  # before the charge


def tell_upcoming(on: date, *, at: datetime) -> int:
    """Mail of what will be charged within TOLD_DAYS, once per invoice, due day and person; gives how many mails."""
    queued = 0
    for invoice in candidates(on + timedelta(days=1), on + timedelta(days=TOLD_DAYS + 1)):
        with transaction():
            consent = cards.live(invoice.customer_id)
            if consent is not None and not payments.unfinished(invoice.id):
                queued += _tell_one(invoice, consent, at=at)
    return queued


def tell_failure(run: AutopayRun, invoice: Invoice, consent: Autopay, facts: dict[str, Any], *, at: datetime) -> None:
    """Why it was not charged, and a way to pay; in the caller's transaction."""
    for email, name in consents.people_of(consent):
        key = f"autopay-failed:{run.run_key}:{email}"
        if not outbox.is_queued(key):
            link_id = links.create(invoice, recipient=email, at=at)
            _queue("autopay_failed", email, name, key, facts | {"link_id": link_id}, invoice, at=at)


def _tell_one(invoice: Invoice, consent: Autopay, *, at: datetime) -> int:
    due_on = invoice.next_due_on
    assert due_on is not None, "an open invoice falls due"
    queued = 0
    for email, name in consents.people_of(consent):
        key = f"autopay-upcoming:{invoice.id}:{due_on}:{consent.id}:{email}"
        if outbox.is_queued(key):
            continue
        context = {
            "minor": due_by(invoice, due_on),
            "on": due_on.isoformat(),
            "card": consent.card.words,
            "link_id": links.create(invoice, recipient=email, at=at),
        }
        _queue("autopay_upcoming", email, name, key, context, invoice, at=at)
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
