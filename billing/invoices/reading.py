"""Finding invoices: by id for staff, by number through its customer for everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.db import lock, transaction
from billing.errors import Missing
from billing.invoices.activities import add_activity
from billing.tables import Customer, Invoice, InvoiceLine, InvoiceTax

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

NOT_FOUND = "We cannot find that invoice."


def get(invoice_id: int) -> Invoice:
    """One invoice with its customer, for staff. Raises Missing."""
    found: Invoice | None = (
        Invoice.select(Invoice, Customer).join(Customer).where(Invoice.id == invoice_id).get_or_none()
    )
    if found is None:
        raise Missing(NOT_FOUND)
    return found


def for_customer(customer_id: int, number: str) -> Invoice:
    """A customer's own issued invoice. A draft, a stranger's and an unknown one are Missing alike (ASVS 8.2.2)."""
    found: Invoice | None = Invoice.get_or_none((Invoice.number == number) & (Invoice.customer == customer_id))
    if found is None:
        raise Missing(NOT_FOUND)
    return found


def lines(invoice_id: int, *, first: int = 1, limit: int = 10_000) -> list[InvoiceLine]:
    """The lines in order, from position `first`."""
    return list(
        InvoiceLine.select()
        .where((InvoiceLine.invoice == invoice_id) & (InvoiceLine.position >= first))
        .order_by(InvoiceLine.position)
        .limit(limit)
    )


def taxes(invoice_id: int) -> list[InvoiceTax]:
    """The tax groups in their printed order."""
    return list(InvoiceTax.select().where(InvoiceTax.invoice == invoice_id).order_by(InvoiceTax.position))


def record_view(invoice_id: int, *, by: Actor, at: datetime) -> None:
    """A person looked at it: the first view counts, later ones change nothing (SETTLED 2)."""
    with transaction():
        invoice = lock(Invoice.select(Invoice.id, Invoice.viewed_at).where(Invoice.id == invoice_id)).get()
        if invoice.viewed_at is None:
            Invoice.update(viewed_at=at).where(Invoice.id == invoice_id).execute()
            add_activity(invoice_id, "viewed", by=by, at=at, customer_sees=False)
