"""Crediting: a credit is put to use on an invoice by staff, or whole payments are made of credit by its customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import allocations, audit, clock, credits, early_discounts, seller
from billing.db import lock, transaction
from billing.tables import Customer, Invoice

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor
    from billing.credits import CreditKey


def apply_credit(key: CreditKey, invoice_id: int, minor: int, *, customer_id: int, by: Actor, at: datetime) -> Invoice:
    """Staff applies `minor` (> 0) of a credit to an open invoice of the same customer; gives the invoice as it stands.

    An early-payment discount that it earns is credited. A customer's own choice is a plan: pay_by_credit. Raises
    Missing, NoSuchCredit, CreditHeld, NotEnoughLeft, AllocationExceedsOpenBalance.
    """
    with transaction():
        lock(Customer.select(Customer.id).where(Customer.id == customer_id)).get_or_none()
        lock(Invoice.select(Invoice.id).where(Invoice.id == invoice_id)).get_or_none()
        source = credits.source_of(key)
        if source.customer_id != customer_id:
            raise credits.NoSuchCredit
        credit = credits.credit_of(allocations.lock_source(source))
        if credit.available_minor < minor <= credit.free_minor:
            raise credits.CreditHeld(credit)
        credits.apply_locked(source, invoice_id, minor, by=by, at=at)
        early_discounts.take_if_earned(invoice_id, paid_on=clock.day_of(at, seller.get().time_zone), by=by, at=at)
        facts = {"credit": str(key), "minor": minor, "currency": source.currency}
        audit.record("credit.applied", f"invoice:{invoice_id}", by=by, at=at, facts=facts)
    after: Invoice = Invoice.get_by_id(invoice_id)
    return after
