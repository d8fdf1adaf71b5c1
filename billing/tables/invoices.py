"""Invoices, their lines and taxes, and what happened to them."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    DateField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from billing.tables.base import Instant, Table
from billing.tables.parties import Customer
from billing.tables.people import User


class Invoice(Table):
    """A draft has no number; an issued one never changes but for its status and balance (a trigger sees to it).

    Money is whole minor units of `currency`. `frozen` is the snapshot every later page and PDF is drawn from.
    `position` grows with every issue (year * 10**9 + number) and is what lists are ordered and paged by.
    """

    id = AutoField()
    customer_id: int
    customer = ForeignKeyField(Customer, backref="invoices")
    status = TextField(default="draft")  # draft, issued, void
    number = TextField(null=True, unique=True)
    series = TextField(null=True)
    series_number = BigIntegerField(null=True)
    position = BigIntegerField(null=True, unique=True)
    currency = TextField()
    issue_on = DateField(null=True)
    due_on = DateField(null=True)
    terms_days = IntegerField()
    po = TextField(default="")
    subject = TextField(default="")
    notes = TextField(default="")
    discount_kind = TextField(default="")  # "", percent, fixed
    discount_value = BigIntegerField(default=0)  # ppm or minor units
    rounding_rule = TextField()
    lines_minor = BigIntegerField(default=0)
    discount_minor = BigIntegerField(default=0)
    net_minor = BigIntegerField(default=0)
    tax_minor = BigIntegerField(default=0)
    total_minor = BigIntegerField(default=0)
    balance_minor = BigIntegerField(default=0)
    search_text = TextField(default="")  # casefolded number, subject, PO
    frozen = JSONField(null=True)
    frozen_sha256 = TextField(null=True)
    version = IntegerField(default=1)
    created_at = Instant()
    created_by_id: int | None
    created_by = ForeignKeyField(User, null=True)
    issued_at = Instant(null=True)
    sent_at = Instant(null=True)  # when the first mail of it was accepted
    paid_at = Instant(null=True)
    voided_at = Instant(null=True)
    void_reason = TextField(default="")
    viewed_at = Instant(null=True)
    kind = TextField(default="invoice")  # invoice, late_fee, interest
    about_id: int | None
    about = ForeignKeyField("self", null=True, backref="fees")  # the overdue invoice a fee is about
    replaces_id: int | None
    replaces = ForeignKeyField("self", null=True, backref="replacements")  # the credited invoice this one corrects
    early_days = IntegerField(default=0)  # paid within so many days of issue ...
    early_ppm = IntegerField(default=0)  # ... it costs this much less
    next_due_on = DateField(null=True)  # of the first instalment not yet paid, else the due date
    parts = IntegerField(default=0)  # how many instalments; 0 where all is due on one day
    credited_minor = BigIntegerField(default=0)  # by issued credit notes
    refunded_minor = BigIntegerField(default=0)  # of what was paid on it
    written_off_minor = BigIntegerField(default=0)
    skips_autopay = BooleanField(default=False)  # its customer pays this one another way


class InvoiceLine(Table):
    """One line. Quantity and unit price are decimal strings and may carry more decimals than the currency."""

    id = AutoField()
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="lines")
    position = IntegerField()
    description = TextField()
    detail = TextField(default="")
    quantity = TextField()
    unit = TextField(default="")
    unit_price = TextField()
    discount_kind = TextField(default="")
    discount_value = BigIntegerField(default=0)
    tax_category = TextField()
    tax_rate_ppm = IntegerField()
    tax_reason = TextField(default="")
    gross_minor = BigIntegerField()
    discount_minor = BigIntegerField()
    net_minor = BigIntegerField()


class InvoiceTax(Table):
    """One tax group of an invoice: EN 16931 computes its tax once, from its base."""

    id = AutoField()
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="taxes")
    position = IntegerField()
    category = TextField()
    rate_ppm = IntegerField()
    reason = TextField(default="")
    base_minor = BigIntegerField()
    tax_minor = BigIntegerField()


class Instalment(Table):
    """One part of an invoice's schedule; all of them sum to its total. Frozen at issue.

    On a draft the first part may have no day yet: it is due on the day of issue. `ppm` is the share it was typed as.
    """

    id = AutoField()
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="instalments")
    position = IntegerField()
    due_on = DateField(null=True)
    ppm = IntegerField(null=True)
    minor = BigIntegerField()


class FeeCharge(Table):
    """A late fee or interest that was charged on an overdue invoice, by a document of its own, for [from, until)."""

    id = AutoField()
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="charges")
    kind = TextField()  # late_fee, interest
    from_on = DateField()
    until_on = DateField()
    fee_invoice_id: int
    fee_invoice = ForeignKeyField(Invoice, unique=True, backref="charge")
    minor = BigIntegerField()
    words = TextField()  # how it was computed, as the customer reads it
    waived_at = Instant(null=True)
    waived_by = TextField(default="")
    waive_reason = TextField(default="")


class Activity(Table):
    """What happened to an invoice, in order, for good. `to_status` is set where its status changed."""

    id = AutoField()
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="activities")
    sequence = IntegerField()
    kind = TextField()
    from_status = TextField(null=True)
    to_status = TextField(null=True)
    facts = JSONField()
    customer_sees = BooleanField()
    actor = TextField()
    at = Instant()


class Counter(Table):
    """The last number given in a series; raised in the transaction that uses it, so that no hole is left."""

    key = TextField(primary_key=True)
    value = BigIntegerField()
    last_on = DateField(null=True)  # numbers follow issue dates
