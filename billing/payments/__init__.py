"""Payments: a person decides to pay, the provider takes the money, and one function books what came.

An attempt is committed before the provider is called, and its id is the key of that call. Whatever tells of
money (webhook, return page, poll, sweep) ends in settle(), which books it once. Money is never refused: what
cannot be applied is kept as the customer's credit, or in suspense, with its reason.
"""

from billing.payments.checkout import (
    AlreadyPaid,
    AmountChanged,
    BeingPaid,
    InvoiceCancelled,
    MixedCurrencies,
    OnItsWay,
    Planned,
    cancel,
    release,
    start_checkout,
    take_over,
)
from billing.payments.reading import (
    AppliedPayment,
    Outcome,
    Receipt,
    Unallocated,
    attempt_for,
    for_invoice,
    in_flight,
    invoice_ids_of,
    last_of,
    outcome,
    receipt,
    unallocated,
    unfinished,
)
from billing.payments.references import new_reference
from billing.payments.settling import settle, sync_session
from billing.payments.sweeping import Swept, check, close_excessive, sweep, sync

__all__ = [
    "AlreadyPaid",
    "AmountChanged",
    "AppliedPayment",
    "BeingPaid",
    "InvoiceCancelled",
    "MixedCurrencies",
    "OnItsWay",
    "Outcome",
    "Planned",
    "Receipt",
    "Swept",
    "Unallocated",
    "attempt_for",
    "cancel",
    "check",
    "close_excessive",
    "for_invoice",
    "in_flight",
    "invoice_ids_of",
    "last_of",
    "new_reference",
    "outcome",
    "receipt",
    "release",
    "settle",
    "start_checkout",
    "sweep",
    "sync",
    "sync_session",
    "take_over",
    "unallocated",
    "unfinished",
]
