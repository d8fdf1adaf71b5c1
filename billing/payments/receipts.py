"""Receipts: what a payment did, frozen when it was settled, drawn as a PDF and mailed to whoever paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from billing import allocations, clock, documents, outbox, seller
from billing.tables import Contact, Customer, Invoice, Link, PlannedCredit, User

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.tables import Attempt, Payment

TEMPLATE = "receipt-1"


class Recipient(NamedTuple):
    """Who gets the receipt; `link_id` lets a guest's mail lead to their one invoice."""

    to: str
    name: str
    link_id: str | None = None


def queue_receipt(payment: Payment, recipients: Sequence[Recipient] = (), *, at: datetime) -> None:
    """Freeze what a payment did, ask for its PDF, and mail it once per recipient. In the caller's transaction.

    For money of a known customer, once: after it was applied. Nobody is mailed where nobody is named.
    """
    assert payment.customer_id is not None, "a receipt says who paid"
    documents.queue(documents.receipt(payment.id), at=at, snapshot=_snapshot(payment))
    for recipient in recipients:
        outbox.queue(
            "receipt",
            to=recipient.to,
            to_name=recipient.name,
            key=f"receipt:{payment.id}:{recipient.to}",
            context={"payment_id": payment.id, "link_id": recipient.link_id},
            at=at,
            customer_id=payment.customer_id,
            payment_id=payment.id,
        )


def tell_payer(payment: Payment, attempt: Attempt, *, at: datetime) -> None:
    """The receipt, once, to whoever paid."""
    queue_receipt(payment, who_paid(attempt), at=at)


def who_paid(attempt: Attempt) -> list[Recipient]:
    """The person who pays, at their own address or at the one the link was mailed to.

    What the customer's own rule pays is told to all who receive its invoices.
    """
    kind, _, payer_id = attempt.payer.partition(":")
    if kind == "user":
        user: User = User.get_by_id(int(payer_id))
        return [Recipient(user.email, user.name)]
    if kind == "link":
        return [Recipient(Link.get_by_id(payer_id).recipient, attempt.payer_name, payer_id)]
    return contacts_of(attempt.customer_id)


def contacts_of(customer_id: int) -> list[Recipient]:
    """Everybody at a customer who receives its invoices."""
    found = Contact.select().where(
        (Contact.customer == customer_id) & Contact.receives_invoices & Contact.removed_at.is_null()
    )
    return [Recipient(contact.email, contact.name) for contact in found.order_by(Contact.id)]


def _snapshot(payment: Payment) -> dict[str, Any]:
    """Everything the receipt says, as it is now. Days are ISO 8601 texts, money is minor units of `currency`."""
    buying: Customer = Customer.get_by_id(payment.customer_id)
    selling = seller.get()
    applied = allocations.standing(payment)
    credited = _credit_used(payment)
    found = Invoice.select().where(Invoice.id.in_([*applied, *credited])).order_by(Invoice.position)
    return {
        "template": TEMPLATE,
        "locale": buying.locale,
        "reference": payment.reference,
        "bank_reference": payment.bank_reference,
        "received_on": clock.day_of(payment.received_at, selling.time_zone).isoformat(),
        "minor": payment.minor,
        "currency": payment.currency,
        "method": payment.method,
        "kept_minor": payment.minor - sum(applied.values()),
        "seller": {
            "name": selling.name,
            "legal_name": selling.legal_name,
            "address": selling.address,
            "tax_id": selling.tax_id,
            "registration": selling.registration,
            "email": selling.email,
            "phone": selling.phone,
        },
        "buyer": {
            "name": buying.name,
            "legal_name": buying.legal_name,
            "address": buying.address,
            "tax_id": buying.tax_id,
        },
        "lines": [
            {
                "number": invoice.number,
                "subject": invoice.subject,
                "paid_minor": applied.get(invoice.id, 0),
                "credit_minor": credited.get(invoice.id, 0),
                "balance_minor": invoice.balance_minor,
            }
            for invoice in found
        ],
    }


def _credit_used(payment: Payment) -> dict[int, int]:
    """The credit that was applied together with the money: minor units by invoice, as planned and still standing."""
    used: dict[int, int] = {}
    if payment.attempt_id is None:
        return used
    for row in PlannedCredit.select().where(PlannedCredit.attempt == payment.attempt_id):
        source = row.payment or row.credit_note
        assert source is not None, "a planned credit names its source"
        standing = min(row.minor, allocations.applied_to(source, row.invoice_id))
        if standing:
            used[row.invoice_id] = used.get(row.invoice_id, 0) + standing
    return used
