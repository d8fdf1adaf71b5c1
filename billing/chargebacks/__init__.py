"""Chargebacks: the payer's bank takes a payment back (Stripe calls it a dispute), or asks whether it should.

What is booked follows the movements of the money alone, each once by its own id; a status is only a word for people.
Money that was taken comes off the invoices it paid; money that comes back is the customer's credit, and staff decides.
"""

from billing.chargebacks.reading import (
    CLOSED,
    NEEDS_ANSWER,
    ChargebackRow,
    NoSuchChargeback,
    for_customer,
    for_payment,
    get,
    open_on,
    page,
)
from billing.chargebacks.syncing import WON, sweep, sync_dispute

__all__ = [
    "CLOSED",
    "NEEDS_ANSWER",
    "WON",
    "ChargebackRow",
    "NoSuchChargeback",
    "for_customer",
    "for_payment",
    "get",
    "open_on",
    "page",
    "sweep",
    "sync_dispute",
]
