"""The notice before a charge: nothing is charged that the page of the consent did not show, or a mail foretold.

The mail is the promise: the day it names stands with it for good, and the card is not charged before that day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from billing import clock, seller
from billing.tables import Mail

if TYPE_CHECKING:
    from billing.tables import Autopay, Invoice

EVENT = "autopay_upcoming"
AHEAD = timedelta(days=3)  # the consent's own words
ONE_DAY = timedelta(days=1)


def day_after(on: date, due: date) -> date:
    """The day on which a cycle is charged whose notice goes out on a day."""
    return max(due, on + AHEAD)


def key(invoice: Invoice, due: date, consent: Autopay, on: date, email: str) -> str:
    """What makes a second mail to one person of the same charge on the same day impossible."""
    return f"{_beginning(invoice, due, consent)}{on}:{email}"


def first_day(invoice: Invoice, due: date, consent: Autopay, on: date) -> date | None:
    """The day from which a cycle may be charged; None until somebody was told. What was dropped told nobody."""
    if _was_agreed_to(invoice, due, consent, on):
        return due
    mails = Mail.select(Mail.key, Mail.context).where(
        (Mail.invoice == invoice.id) & (Mail.event == EVENT) & Mail.dropped_at.is_null()
    )
    about = _beginning(invoice, due, consent)
    return min((date.fromisoformat(mail.context["on"]) for mail in mails if mail.key.startswith(about)), default=None)


def _was_agreed_to(invoice: Invoice, due: date, consent: Autopay, on: date) -> bool:
    """Whether the page of the consent said "today" of it; the worker may come after midnight, and no later.

    What is open again weeks after, by a chargeback or a bounce, was not shown there.
    """
    if invoice.issued_at is None or invoice.issued_at > consent.consented_at:
        return False
    agreed_on = clock.day_of(consent.consented_at, seller.get().time_zone)
    return due <= agreed_on and on <= agreed_on + ONE_DAY


def _beginning(invoice: Invoice, due: date, consent: Autopay) -> str:
    return f"autopay-upcoming:{invoice.id}:{due}:{consent.id}:"
