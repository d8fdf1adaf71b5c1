"""What the tests of the portal share: every statement of a request, and money that came."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from billing import allocations, ledger, payments
from billing.db import database, transaction
from billing.invoices import add_activity
from billing.tables import Attempt, Chargeback, Payment, PlannedAllocation, Refund
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from billing.actors import Actor
    from billing.tables import Customer, Invoice


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL that runs inside, in order."""
    ran: list[str] = []

    def hook(event: Any) -> None:
        ran.append(event.sql)

    database.obj.query_hooks.append(hook)
    try:
        yield ran
    finally:
        database.obj.query_hooks.remove(hook)


def paid(
    invoice: Invoice, minor: int | None = None, *, by: Actor, at: datetime = AT, attempt: Attempt | None = None
) -> Payment:
    """Money that came for an invoice and was applied to it: all that is owed, or as much as given."""
    minor = minor or invoice.total_minor
    with transaction():
        payment: Payment = Payment.create(
            reference=attempt.id if attempt else payments.new_reference(),
            attempt=attempt,
            customer=invoice.customer_id,
            currency=invoice.currency,
            minor=minor,
            method="Visa ending 4242",
            received_at=at,
        )
        came = ledger.Leg(
            debit=ledger.CARD_CLEARING,
            credit=ledger.CUSTOMER_CREDIT,
            minor=minor,
            currency=invoice.currency,
            customer_id=invoice.customer_id,
            payment_id=payment.id,
        )
        ledger.post(f"payment:{payment.id}", "payment_received", [came], on=TODAY, at=at)
        allocations.apply(payment, invoice.id, minor, ref=f"payment:{payment.id}", on=TODAY, at=at)
        facts = {"payment": payment.reference, "minor": minor, "currency": payment.currency, "method": payment.method}
        add_activity(invoice.id, "paid", by=by, at=at, facts=facts)
    return payment


def kept(customer: Customer, minor: int = 5_000, *, reason: str = "paid_ahead", at: datetime = AT) -> Payment:
    """Money of a customer that was not applied to anything."""
    with transaction():
        payment: Payment = Payment.create(
            reference=payments.new_reference(),
            customer=customer.id,
            currency=customer.currency,
            minor=minor,
            method="Visa ending 4242",
            received_at=at,
            kept_reason=reason,
        )
        came = ledger.Leg(
            debit=ledger.CARD_CLEARING,
            credit=ledger.CUSTOMER_CREDIT,
            minor=minor,
            currency=customer.currency,
            customer_id=customer.id,
            payment_id=payment.id,
        )
        ledger.post(f"payment:{payment.id}", "payment_received", [came], on=TODAY, at=at)
    now: Payment = Payment.get_by_id(payment.id)
    return now


def attempted(invoice: Invoice, *, by: Actor, status: str = "open", **columns: Any) -> Attempt:
    """Somebody is on the payment page of an invoice."""
    reference = payments.new_reference()
    attempt: Attempt = Attempt.create(
        id=reference,
        customer=invoice.customer_id,
        payer=by.key,
        payer_name=by.name,
        currency=invoice.currency,
        minor=invoice.balance_minor,
        status=status,
        nonce=reference,
        session_id=f"cs_{reference}",
        intent_id=f"pi_{reference}" if status == "processing" else None,
        created_at=AT,
        expires_at=AT + payments.planning.PAGE_LIFETIME,
        force_insert=True,
        **columns,
    )
    PlannedAllocation.create(attempt=attempt.id, invoice=invoice.id, minor=invoice.balance_minor)
    return attempt


def refunded(payment: Payment, status: str, minor: int = 1_000) -> None:
    """A refund as the customer may read of it."""
    Refund.insert(
        reference=f"REF-{status}", customer=payment.customer_id, payment=payment.id, currency=payment.currency,
        minor=minor, method="bank", status=status, reason="Asked for", created_at=AT, created_by="Sam Reyes",
    ).execute()  # fmt: skip


def charged_back(payment: Payment, id_: str, status: str, withdrawn_minor: int) -> None:
    """A chargeback of all of a payment, of which it holds this much now."""
    Chargeback.insert(
        id=id_, payment=payment.id, status=status, minor=payment.minor, currency=payment.currency,
        withdrawn_minor=withdrawn_minor, reason="fraudulent", is_refundable=False, opened_at=AT, checked_at=AT,
    ).execute()  # fmt: skip
