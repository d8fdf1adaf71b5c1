"""What is asked of Stripe once a change stands in the database: never inside its transaction, and never undoing it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from billing import clock, credit_notes, payments, refunds
from billing.db import after_commit

if TYPE_CHECKING:
    from billing.tables import CreditNote, Refund

log = logging.getLogger("remit.refunds")


def after_refund(refund: Refund) -> None:
    """Send a refund that goes back through Stripe, once it is committed."""
    if refund.status == "created":
        after_commit(lambda: _send([refund]))


def after_credit_note(note: CreditNote) -> None:
    """Of an issued one: close pages that ask for more than is owed by now, and send the refunds it makes."""
    paid = [invoice_id for invoice_id, _ in credit_notes.destinations_of(note.destinations).invoices]

    def follow() -> None:
        payments.close_excessive(list(dict.fromkeys([note.invoice_id, *paid])), at=clock.now())
        _send(credit_notes.unsent_refunds(note))

    if note.status == "issued":
        after_commit(follow)


def _send(unsent: list[Refund]) -> None:
    for refund in unsent:
        try:
            refunds.send(refund, at=clock.now())
        except Exception:  # it stays "created", and the worker sends it under the same key
            log.exception("refund %s is not sent yet", refund.reference)
