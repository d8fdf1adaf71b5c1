"""The tables by noun. Constraints and triggers stand in billing/migrations, which is the truth of the schema."""

from __future__ import annotations

from billing.tables.base import Instant, Table
from billing.tables.invoices import Activity, Counter, Invoice, InvoiceLine, InvoiceTax
from billing.tables.parties import Contact, Customer, CustomerBalance, Seller
from billing.tables.payments import Allocation, Attempt, Payment, PlannedAllocation, StripeEvent
from billing.tables.people import Membership, Session, SignInCode, Submission, Try, User
from billing.tables.records import (
    AuditHead,
    AuditRow,
    Document,
    LedgerAccount,
    Link,
    LinkRevocation,
    Mail,
    Posting,
    Rendering,
    Transfer,
)

ALL: list[type[Table]] = [
    Seller, Customer, Contact, CustomerBalance,
    User, Membership, Session, SignInCode, Try, Submission,
    Counter, Invoice, InvoiceLine, InvoiceTax, Activity,
    Attempt, PlannedAllocation, Payment, Allocation, StripeEvent,
    LedgerAccount, Posting, Transfer, Mail, Rendering, Document, Link, LinkRevocation, AuditRow, AuditHead,
]

__all__ = [
    "ALL",
    "Activity",
    "Allocation",
    "Attempt",
    "AuditHead",
    "AuditRow",
    "Contact",
    "Counter",
    "Customer",
    "CustomerBalance",
    "Document",
    "Instant",
    "Invoice",
    "InvoiceLine",
    "InvoiceTax",
    "LedgerAccount",
    "Link",
    "LinkRevocation",
    "Mail",
    "Membership",
    "Payment",
    "PlannedAllocation",
    "Posting",
    "Rendering",
    "Seller",
    "Session",
    "SignInCode",
    "StripeEvent",
    "Submission",
    "Table",
    "Transfer",
    "Try",
    "User",
]
