"""Instalments and late fees beside an invoice, as the customer reads them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from billing import fees, instalments
from web import filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from billing.tables import Activity, Invoice


def beside(invoice: Invoice, events: Sequence[Activity]) -> dict[str, Any]:
    """The parts it is paid in, the fees on it that are open, and what it is about where it is a fee itself."""
    early = invoice.frozen.get("early")
    return {
        "parts": instalments.of(invoice),
        "fees": [charge for charge in fees.of(invoice.id, events) if charge.fee_invoice.balance_minor],
        "charge": fees.charge_of(invoice),
        "early": early | {"until": date.fromisoformat(early["until"])} if early else None,
        "on": filters.today(),
    }
