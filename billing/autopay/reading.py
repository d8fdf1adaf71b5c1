"""What autopay did so far, for the pages of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from billing.tables import Attempt, AutopayRun, Card

if TYPE_CHECKING:
    from datetime import date, datetime

MOST_SHOWN = 50

# Why a charge did not come about, after "because".
WHY = {
    "insufficient_funds": "there was not enough money on the card",
    "expired_card": "the card has expired",
    "authentication_required": "your bank wants you to confirm the payment",
    "lost_card": "the bank does not accept this card any more",
    "stolen_card": "the bank does not accept this card any more",
    "pickup_card": "the bank does not accept this card any more",
    "do_not_try_again": "the bank does not accept this card any more",
    "amount_too_small": "so small an amount cannot be charged to a card",
    "mistake": "the payment provider refused the request",
    "never_opened": "the payment provider did not answer in time",
}
DECLINED = "the bank declined it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One try: what was to be charged to which card, what came of it, why, and the next day it is tried."""

    try_number: int
    outcome: str
    why: str
    minor: int
    currency: str
    card_words: str
    reference: str
    next_on: date | None
    at: datetime


def runs_of(invoice_id: int) -> list[Told]:
    """The tries to charge an invoice, newest first."""
    rows: Any = (  # a joined row carries what Peewee's types do not know
        AutopayRun.select(AutopayRun, Attempt, Card)
        .join(Attempt, on=(AutopayRun.attempt == Attempt.id), attr="tried")
        .join(Card)
        .where(AutopayRun.invoice == invoice_id)
        .order_by(AutopayRun.id.desc())
        .limit(MOST_SHOWN)
    )
    return [
        Told(
            try_number=row.try_number,
            outcome=row.outcome,
            why=WHY.get(row.tried.failure, DECLINED) if row.tried.failure else "",
            minor=row.tried.minor,
            currency=row.tried.currency,
            card_words=row.tried.card.words,
            reference=row.attempt,
            next_on=row.next_on,
            at=row.at,
        )
        for row in rows
    ]


def last_run(invoice_id: int) -> Told | None:
    """The newest try to charge an invoice."""
    found = runs_of(invoice_id)
    return found[0] if found else None
