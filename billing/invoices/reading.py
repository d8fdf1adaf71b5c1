"""Finding invoices: by id for staff, by number through its customer for everybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing.db import lock, transaction
from billing.errors import Missing
from billing.invoices.activities import add_activity
from billing.prepared import Prepared, Slot
from billing.tables import Customer, Invoice, InvoiceLine, InvoiceTax, PlannedAllocation, PlannedCredit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from billing.actors import Actor

NOT_FOUND = "We cannot find that invoice."

_WITH_CUSTOMER = Prepared(
    lambda: Invoice.select(Invoice, Customer).join(Customer).where(Invoice.id == Slot("invoice_id").node())
)
_THEIRS = Prepared(
    lambda: Invoice.select().where(
        (Invoice.number == Slot("number").node()) & (Invoice.customer == Slot("customer_id").node())
    )
)
_LINES = Prepared(
    lambda: (
        InvoiceLine.select()
        .where((InvoiceLine.invoice == Slot("invoice_id").node()) & (InvoiceLine.position >= Slot("first").node()))
        .order_by(InvoiceLine.position)
        .limit(Slot("limit").node())
    )
)
_TAXES = Prepared(
    lambda: InvoiceTax.select().where(InvoiceTax.invoice == Slot("invoice_id").node()).order_by(InvoiceTax.position)
)


def get(invoice_id: int) -> Invoice:
    """One invoice with its customer, for staff. Raises Missing."""
    found = _WITH_CUSTOMER.first(invoice_id=invoice_id)
    if found is None:
        raise Missing(NOT_FOUND)
    return found


def for_customer(customer_id: int, number: str) -> Invoice:
    """A customer's own issued invoice. A draft, a stranger's and an unknown one are Missing alike (ASVS 8.2.2)."""
    found = _THEIRS.first(number=number, customer_id=customer_id)
    if found is None:
        raise Missing(NOT_FOUND)
    return found


def lines(invoice_id: int, *, first: int = 1, limit: int = 10_000) -> list[InvoiceLine]:
    """The lines in order, from position `first`."""
    return _LINES.rows(invoice_id=invoice_id, first=first, limit=limit)


def taxes(invoice_id: int) -> list[InvoiceTax]:
    """The tax groups in their printed order."""
    return _TAXES.rows(invoice_id=invoice_id)


def record_view(invoice_id: int, *, by: Actor, at: datetime) -> None:
    """A person looked at it: the first view counts, later ones change nothing (docs/decisions.md)."""
    with transaction():
        invoice = lock(Invoice.select(Invoice.id, Invoice.viewed_at).where(Invoice.id == invoice_id)).get()
        if invoice.viewed_at is None:
            Invoice.update(viewed_at=at).where(Invoice.id == invoice_id).execute()
            add_activity(invoice_id, "viewed", by=by, at=at, customer_sees=False)


def planning_on(invoice_ids: Sequence[int]) -> Any:  # noqa: ANN401 - a Peewee query
    """The ids of the attempts that mean to pay on any of these invoices, with money or with credit, as a query."""
    ids = list(invoice_ids)
    paid = PlannedAllocation.select(PlannedAllocation.attempt).where(PlannedAllocation.invoice.in_(ids))
    credited = PlannedCredit.select(PlannedCredit.attempt).where(PlannedCredit.invoice.in_(ids))
    return paid | credited
