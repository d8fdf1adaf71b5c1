"""Drafts: written, edited under a version check, and thrown away; they have no number and no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from billing import audit, customers, instalments, seller
from billing.db import lock, transaction
from billing.errors import Conflict
from billing.invoices.content import refuse_what_is_wrong
from billing.invoices.reading import get
from billing.tables import CreditNote, Invoice, InvoiceLine, InvoiceTax

if TYPE_CHECKING:
    from datetime import datetime

    from billing import tax
    from billing.actors import Actor
    from billing.invoices.content import DraftContent


class InvoiceNotDraft(Conflict):
    """Only a draft can be edited, issued or removed."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"Invoice {invoice.number} is issued and cannot change any more.")
        self.invoice = invoice


class InvoiceChanged(Conflict):
    """Somebody saved this draft while the page was open."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__("Somebody changed this draft while the page was open. Check it and save again.")
        self.invoice = invoice


class ReplacementWaits(Conflict):
    """The draft corrects an invoice, and the credit note that goes with it waits for approval."""

    def __init__(self) -> None:
        super().__init__("The correction this draft belongs to waits for approval, so the draft cannot be removed yet.")


def draft(
    customer_id: int,
    content: DraftContent,
    *,
    by: Actor,
    at: datetime,
    kind: str = "invoice",
    about: Invoice | None = None,
    replaces: Invoice | None = None,
) -> Invoice:
    """Write a draft in the customer's currency, or in that of the invoice it is `about` or `replaces`.

    `kind` is late_fee or interest where it is about an overdue invoice. Raises Missing, Invalid with the words for
    each field.
    """
    assert (kind == "invoice") == (about is None), "a fee is about an invoice, and nothing else is"
    customer = customers.get(customer_id)
    other = about or replaces
    assert other is None or other.customer_id == customer_id, "what it is about is the same customer's"
    currency = other.currency if other else customer.currency
    rule = replaces.rounding_rule if replaces else seller.get().rounding_rule
    totals = refuse_what_is_wrong(content, currency=currency, rounding_rule=rule)
    with transaction():
        invoice = Invoice.create(
            customer=customer.id,
            currency=currency,
            rounding_rule=rule,
            kind=kind,
            about=about,
            replaces=replaces,
            created_at=at,
            created_by=by.user_id,
            **_columns(content, totals),
        )
        _write_lines(invoice.id, content, totals)
        if content.parts:
            instalments.write(invoice.id, content.parts, totals.total_minor)
        audit.record(
            "invoice.drafted",
            f"invoice:{invoice.id}",
            by=by,
            at=at,
            facts={"total_minor": totals.total_minor},
        )
    return get(invoice.id)


def edit(invoice_id: int, content: DraftContent, *, version: int, by: Actor, at: datetime) -> Invoice:
    """Replace what a draft says. Raises Missing, Invalid, InvoiceNotDraft, InvoiceChanged."""
    invoice = get(invoice_id)
    totals = refuse_what_is_wrong(content, currency=invoice.currency, rounding_rule=invoice.rounding_rule)
    with transaction():
        moved = (
            Invoice.update(version=Invoice.version + 1, **_columns(content, totals))
            .where((Invoice.id == invoice_id) & (Invoice.status == "draft") & (Invoice.version == version))
            .execute()
        )
        if moved != 1:
            raise_why_not(invoice_id)
        InvoiceLine.delete().where(InvoiceLine.invoice == invoice_id).execute()
        InvoiceTax.delete().where(InvoiceTax.invoice == invoice_id).execute()
        _write_lines(invoice_id, content, totals)
        if content.parts or invoice.parts:
            instalments.write(invoice_id, content.parts, totals.total_minor)
        audit.record(
            "invoice.edited",
            f"invoice:{invoice_id}",
            by=by,
            at=at,
            facts={"before_minor": invoice.total_minor, "after_minor": totals.total_minor},
        )
    return get(invoice_id)


def remove_draft(invoice_id: int, *, version: int, by: Actor, at: datetime) -> None:
    """Throw a draft away; the audit keeps that it was there.

    Raises InvoiceNotDraft, InvoiceChanged, ReplacementWaits.
    """
    with transaction():
        invoice = lock(Invoice.select().where(Invoice.id == invoice_id)).get_or_none()
        if invoice is None or invoice.status != "draft" or invoice.version != version:
            raise_why_not(invoice_id)
        if CreditNote.select(CreditNote.id).where(CreditNote.replacement == invoice_id).exists():
            raise ReplacementWaits
        InvoiceLine.delete().where(InvoiceLine.invoice == invoice_id).execute()
        InvoiceTax.delete().where(InvoiceTax.invoice == invoice_id).execute()
        instalments.write(invoice_id, (), 0)
        Invoice.delete().where(Invoice.id == invoice_id).execute()
        audit.record(
            "invoice.removed",
            f"invoice:{invoice_id}",
            by=by,
            at=at,
            facts={"total_minor": invoice.total_minor},
        )


def raise_why_not(invoice_id: int) -> NoReturn:
    """Say why a guarded update of a draft touched no row."""
    invoice = get(invoice_id)
    if invoice.status != "draft":
        raise InvoiceNotDraft(invoice)
    raise InvoiceChanged(invoice)


def _columns(content: DraftContent, totals: tax.Totals) -> dict[str, object]:
    return {
        "terms_days": content.terms_days,
        "issue_on": content.issue_on,
        "due_on": content.due_on,
        "po": content.po,
        "subject": content.subject,
        "notes": content.notes,
        "discount_kind": content.discount.kind,
        "discount_value": content.discount.value,
        "early_days": content.early_days,
        "early_ppm": content.early_ppm,
        "parts": len(content.parts),
        "lines_minor": totals.lines_minor,
        "discount_minor": totals.discount_minor,
        "net_minor": totals.net_minor,
        "tax_minor": totals.tax_minor,
        "total_minor": totals.total_minor,
        "search_text": f"{content.subject} {content.po}".casefold().strip(),
    }


def _write_lines(invoice_id: int, content: DraftContent, totals: tax.Totals) -> None:
    if content.lines:
        InvoiceLine.insert_many(
            [
                {
                    "invoice": invoice_id,
                    "position": position,
                    "description": line.description.strip(),
                    "detail": line.detail,
                    "quantity": format(line.quantity, "f"),
                    "unit": line.unit,
                    "unit_price": format(line.unit_price, "f"),
                    "discount_kind": line.discount.kind,
                    "discount_value": line.discount.value,
                    "tax_category": line.tax_category,
                    "tax_rate_ppm": line.tax_rate_ppm,
                    "tax_reason": line.tax_reason,
                    "gross_minor": total.gross_minor,
                    "discount_minor": total.discount_minor,
                    "net_minor": total.net_minor,
                }
                for position, (line, total) in enumerate(zip(content.lines, totals.lines, strict=True), start=1)
            ]
        ).execute()
    if totals.groups:
        InvoiceTax.insert_many(
            [
                {
                    "invoice": invoice_id,
                    "position": position,
                    "category": group.category,
                    "rate_ppm": group.rate_ppm,
                    "reason": group.reason,
                    "base_minor": group.base_minor,
                    "tax_minor": group.tax_minor,
                }
                for position, group in enumerate(totals.groups, start=1)
            ]
        ).execute()
