"""Refunds: money given back, of a payment's credit, of what was applied to an invoice, or of a credit note.

A refund is committed before the card provider is called, and its reference is the key of that call. What the
provider says later (sent, arrived, failed) moves it forward only; one that failed gives its value back as credit.
"""

from billing.refunds.reading import (
    METHODS,
    Method,
    Place,
    RefundRow,
    charges,
    for_customer,
    for_invoice,
    for_payment,
    get,
    page,
    places,
    refundable,
    to_review,
)
from billing.refunds.refusals import (
    ChargebackOpen,
    NoSuchRefund,
    NotGivenBackExactly,
    NotGivenBackThatWay,
    NothingLeftToRefund,
    RefundDecided,
    RefundExceedsPayment,
    SentInFuture,
)
from billing.refunds.requesting import decide, reason_of, request, reviewed
from billing.refunds.sending import send, send_again, send_due, sync

__all__ = [
    "METHODS",
    "ChargebackOpen",
    "Method",
    "NoSuchRefund",
    "NotGivenBackExactly",
    "NotGivenBackThatWay",
    "NothingLeftToRefund",
    "Place",
    "RefundDecided",
    "RefundExceedsPayment",
    "RefundRow",
    "SentInFuture",
    "charges",
    "decide",
    "for_customer",
    "for_invoice",
    "for_payment",
    "get",
    "page",
    "places",
    "reason_of",
    "refundable",
    "request",
    "reviewed",
    "send",
    "send_again",
    "send_due",
    "sync",
    "to_review",
]
