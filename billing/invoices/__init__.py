"""Invoices: drafted and edited freely, issued once and for good, voided only where nothing happened yet.

Issue freezes the document; what comes later (payments, its balance, who saw it) is written beside it.
"""

from billing.invoices.activities import activities, add_activity
from billing.invoices.content import DiscountContent, DraftContent, LineContent, preview
from billing.invoices.drafting import InvoiceChanged, InvoiceNotDraft, ReplacementWaits, draft, edit, remove_draft
from billing.invoices.issuing import IssueDateInFuture, NobodyToMail, ReplacementNotAlone, issue, preview_of_issue
from billing.invoices.listing import (
    ADMIN_TABS,
    MOST_COUNTED,
    PORTAL_TABS,
    CurrencySum,
    InvoicePage,
    InvoiceRow,
    PortalSummary,
    admin_counts,
    admin_page,
    portal_page,
    portal_summary,
)
from billing.invoices.reading import NOT_FOUND, for_customer, get, lines, record_view, taxes
from billing.invoices.status import is_overdue, status_of
from billing.invoices.voiding import InvoiceBeingPaid, InvoiceHasEffect, InvoiceNotIssued, refuse_void, void

__all__ = [
    "ADMIN_TABS",
    "MOST_COUNTED",
    "NOT_FOUND",
    "PORTAL_TABS",
    "CurrencySum",
    "DiscountContent",
    "DraftContent",
    "InvoiceBeingPaid",
    "InvoiceChanged",
    "InvoiceHasEffect",
    "InvoiceNotDraft",
    "InvoiceNotIssued",
    "InvoicePage",
    "InvoiceRow",
    "IssueDateInFuture",
    "LineContent",
    "NobodyToMail",
    "PortalSummary",
    "ReplacementNotAlone",
    "ReplacementWaits",
    "activities",
    "add_activity",
    "admin_counts",
    "admin_page",
    "draft",
    "edit",
    "for_customer",
    "get",
    "is_overdue",
    "issue",
    "lines",
    "portal_page",
    "portal_summary",
    "preview",
    "preview_of_issue",
    "record_view",
    "refuse_void",
    "remove_draft",
    "status_of",
    "taxes",
    "void",
]
