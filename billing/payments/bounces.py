"""Bounces: a bank debit that was on its way and did not come. Whoever paid hears of it, and how to pay again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import outbox
from billing.payments.receipts import who_paid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.tables import Attempt

EVENT = "payment_bounced"


def tell_payer(attempt: Attempt, invoice_ids: Sequence[int], *, at: datetime) -> None:
    """Mail that nothing came of these invoices' payment, once per person, in the caller's transaction.

    Of autopay's own tries autopay tells, with what it does next.
    """
    if attempt.kind == "autopay":
        return
    for recipient in who_paid(attempt):
        outbox.queue(
            EVENT,
            to=recipient.to,
            to_name=recipient.name,
            key=f"payment-bounced:{attempt.id}:{recipient.to}",
            context={"attempt_id": attempt.id, "link_id": recipient.link_id},
            at=at,
            customer_id=attempt.customer_id,
            invoice_id=invoice_ids[0] if len(invoice_ids) == 1 else None,
        )
