"""What a document says: everything it was issued with, so that no later change of seller or customer can reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing import instalments, links
from billing.invoices.terms import early_discount, early_until
from billing.tables import Invoice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from billing.instalments import PartContent
    from billing.tables import CreditNoteTax, Customer, InvoiceLine, InvoiceTax, Seller
    from billing.tables.base import Table

TEMPLATE = "invoice-1"
SELLER = ("name", "legal_name", "address", "tax_id", "registration", "email", "phone")
BUYER = ("name", "legal_name", "address", "tax_id")
LINE = ("position", "description", "detail", "quantity", "unit", "unit_price", "gross_minor", "discount_minor",
        "net_minor", "tax_category", "tax_rate_ppm")  # fmt: skip
TAX = ("category", "rate_ppm", "reason", "base_minor", "tax_minor")
DOCUMENT = ("kind", "po", "subject", "notes", "currency", "rounding_rule",
            "lines_minor", "discount_minor", "net_minor", "tax_minor", "total_minor")  # fmt: skip


def snapshot_of(
    invoice: Invoice,
    selling: Seller,
    buying: Customer,
    document_lines: list[InvoiceLine],
    groups: list[InvoiceTax],
    parts: list[PartContent],
    *,
    number: str,
    on: date,
    due_on: date,
) -> dict[str, Any]:
    """What an invoice says when it is issued `on` this day; without a number where it is only previewed."""
    return facts_of(invoice, DOCUMENT) | {
        "template": TEMPLATE,
        "about": _about(invoice),
        "replaces": invoice.replaces.number if invoice.replaces_id else "",
        "number": number,
        "issue_on": on.isoformat(),
        "due_on": due_on.isoformat(),
        "terms": selling.terms_text,
        "locale": buying.locale,
        "seller": facts_of(selling, (*SELLER, "bank")),
        "buyer": facts_of(buying, BUYER),
        "lines": [facts_of(line, LINE) for line in document_lines],
        "taxes": taxes_of(groups),
        "early": _early(invoice, on),
        "schedule": [
            {"due_on": (part.due_on or on).isoformat(), "minor": minor}
            for part, minor in zip(parts, instalments.amounts(parts, invoice.total_minor), strict=True)
        ],
        "address": links.plain_url(number) if number else "",
    }


def facts_of(row: Table, columns: Sequence[str]) -> dict[str, Any]:
    """These columns of a row, by their names."""
    return {column: getattr(row, column) for column in columns}


def taxes_of(groups: Sequence[InvoiceTax | CreditNoteTax]) -> list[dict[str, Any]]:
    """The tax groups of an invoice or a credit note, in their order."""
    return [facts_of(group, TAX) for group in groups]


def _about(invoice: Invoice) -> dict[str, Any] | None:
    """The overdue invoice that a fee is about."""
    if invoice.about_id is None:
        return None
    about: Invoice = Invoice.get_by_id(invoice.about_id)
    assert about.due_on is not None, "an issued invoice is dated"
    return {"number": about.number, "due_on": about.due_on.isoformat()}


def _early(invoice: Invoice, on: date) -> dict[str, Any] | None:
    """What paying early saves, and until when."""
    saved_minor = early_discount(invoice.total_minor, invoice.early_ppm)
    if not saved_minor:
        return None
    return {
        "days": invoice.early_days,
        "ppm": invoice.early_ppm,
        "until": early_until(on, invoice.early_days).isoformat(),
        "saved_minor": saved_minor,
        "pay_minor": invoice.total_minor - saved_minor,
    }
