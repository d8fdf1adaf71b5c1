"""Payments: a person decides to pay, the provider takes the money, and one function books what came.

An attempt is committed before the provider is called, and its id is the key of that call. Whatever tells of
money (webhook, return page, poll, sweep) ends in settle(), which books it once. Money is never refused: what
cannot be applied is kept as the customer's credit, or in suspense, with its reason.
"""

from billing.payments.checkout import (
    BeingPaid,
    OnItsWay,
    cancel,
    decide,
    make_way,
    pay_by_credit,
    release,
    start_checkout,
    take_over,
)
from billing.payments.opening import customer_ref
from billing.payments.planning import (
    Ahead,
    AlreadyPaid,
    AmountChanged,
    CreditChanged,
    CreditUse,
    InvoiceCancelled,
    MixedCurrencies,
    Plan,
    Planned,
    TooLittle,
    TooManyInvoices,
)
from billing.payments.quoting import Quote, QuotedCredit, QuotedLine, Wish, chosen, quote
from billing.payments.reading import (
    AppliedPayment,
    Outcome,
    Receipt,
    Unallocated,
    attempt_for,
    for_invoice,
    in_flight,
    in_flight_on,
    invoice_ids_of,
    last_of,
    outcome,
    receipt,
    unallocated,
    unfinished,
)
from billing.payments.receipts import Recipient, contacts_of, queue_receipt
from billing.payments.references import new_reference
from billing.payments.settling import PAID_AHEAD, settle, sync_session, take_session
from billing.payments.sweeping import Swept, check, close_excessive, sweep, sync

__all__ = [
    "PAID_AHEAD",
    "Ahead",
    "AlreadyPaid",
    "AmountChanged",
    "AppliedPayment",
    "BeingPaid",
    "CreditChanged",
    "CreditUse",
    "InvoiceCancelled",
    "MixedCurrencies",
    "OnItsWay",
    "Outcome",
    "Plan",
    "Planned",
    "Quote",
    "QuotedCredit",
    "QuotedLine",
    "Receipt",
    "Recipient",
    "Swept",
    "TooLittle",
    "TooManyInvoices",
    "Unallocated",
    "Wish",
    "attempt_for",
    "cancel",
    "check",
    "chosen",
    "close_excessive",
    "contacts_of",
    "customer_ref",
    "decide",
    "for_invoice",
    "in_flight",
    "in_flight_on",
    "invoice_ids_of",
    "last_of",
    "make_way",
    "new_reference",
    "outcome",
    "pay_by_credit",
    "queue_receipt",
    "quote",
    "receipt",
    "release",
    "settle",
    "start_checkout",
    "sweep",
    "sync",
    "sync_session",
    "take_over",
    "take_session",
    "unallocated",
    "unfinished",
]
