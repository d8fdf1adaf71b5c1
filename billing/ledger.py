"""Double entry: every business event is one posting of transfers, each from a credit to a debit account.

A transfer is balanced by construction. Rows are only ever added, and a trigger moves the balances kept on
invoices and customers with each of them, so no balance can part from the books.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing.money import MAX_MINOR
from billing.tables import Posting, Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

RECEIVABLE = "receivable"
REVENUE = "revenue"
TAX_PAYABLE = "tax_payable"
CUSTOMER_CREDIT = "customer_credit"
CARD_CLEARING = "card_clearing"
CARD_FEES = "card_fees"
SUSPENSE = "suspense"
BANK = "bank"
BAD_DEBT = "bad_debt"
FEE_INCOME = "fee_income"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """`minor` (> 0, minor units of `currency`) moves from the `credit` account to the `debit` account."""

    debit: str
    credit: str
    minor: int
    currency: str
    customer_id: int | None = None
    invoice_id: int | None = None
    payment_id: int | None = None
    credit_note_id: int | None = None


def post(ref: str, kind: str, legs: Sequence[Leg], *, on: date, at: datetime) -> int:
    """Book one event, inside the caller's transaction, and give back the posting's id.

    `ref` names the event for good ("invoice:12:issue"); a second posting of it raises IntegrityError.
    `on` is the day it counts for, `at` the moment it was booked.
    """
    assert legs, "a posting moves something"
    for leg in legs:
        assert isinstance(leg.minor, int), "money is whole minor units"
        assert 0 < leg.minor <= MAX_MINOR, "a transfer moves a positive amount"
        assert leg.debit != leg.credit, "a transfer moves between two accounts"
        assert RECEIVABLE not in {leg.debit, leg.credit} or leg.invoice_id, "a receivable belongs to an invoice"
    posting = Posting.insert(ref=ref, kind=kind, effective_on=on, posted_at=at).execute()
    Transfer.insert_many(
        [
            {
                "posting": posting,
                "debit": leg.debit,
                "credit": leg.credit,
                "minor": leg.minor,
                "currency": leg.currency,
                "customer": leg.customer_id,
                "invoice": leg.invoice_id,
                "payment": leg.payment_id,
                "credit_note": leg.credit_note_id,
                "effective_on": on,
                "posted_at": at,
            }
            for leg in legs
        ]
    ).execute()
    return int(posting)


def posted(ref: str) -> bool:
    """Whether an event is in the books."""
    return bool(Posting.select(Posting.id).where(Posting.ref == ref).exists())
