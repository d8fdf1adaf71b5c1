"""Credit notes with their lines and taxes, write-offs, and what a second person must approve."""

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
from billing.tables.invoices import Invoice, InvoiceLine
from billing.tables.parties import Customer
from billing.tables.people import User


class CreditNote(Table):
    """A document that takes back (part of) an invoice. It never changes; `free_minor` is what is not applied yet.

    Amounts are positive minor units of `currency` (EN 16931, type 381). `destinations` says where its value goes.
    """

    id = AutoField()
    customer_id: int
    customer = ForeignKeyField(Customer, backref="credit_notes")
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="credit_notes")
    replacement_id: int | None
    replacement = ForeignKeyField(Invoice, null=True, backref="replaced_by")
    status = TextField(default="awaiting")  # awaiting, issued, declined
    shape = TextField()  # full, lines, amount
    reason_code = TextField()
    reason = TextField()
    destinations = JSONField()
    number = TextField(null=True, unique=True)
    series = TextField(null=True)
    series_number = BigIntegerField(null=True)
    currency = TextField()
    issue_on = DateField(null=True)
    net_minor = BigIntegerField()
    tax_minor = BigIntegerField()
    total_minor = BigIntegerField()
    free_minor = BigIntegerField(default=0)
    frozen = JSONField(null=True)
    frozen_sha256 = TextField(null=True)
    created_at = Instant()
    created_by = TextField()
    issued_at = Instant(null=True)


class CreditNoteLine(Table):
    """One line of a credit note, at the rate of the invoice's line; `invoice_line` is null for a plain amount."""

    id = AutoField()
    credit_note_id: int
    credit_note = ForeignKeyField(CreditNote, backref="lines")
    position = IntegerField()
    invoice_line_id: int | None
    invoice_line = ForeignKeyField(InvoiceLine, null=True)
    description = TextField()
    quantity = TextField()
    unit = TextField(default="")
    unit_price = TextField()
    tax_category = TextField()
    tax_rate_ppm = IntegerField()
    tax_reason = TextField(default="")
    net_minor = BigIntegerField()


class CreditNoteTax(Table):
    """One tax group of a credit note; all credit notes of an invoice sum to its groups, the last takes the rest."""

    id = AutoField()
    credit_note_id: int
    credit_note = ForeignKeyField(CreditNote, backref="taxes")
    position = IntegerField()
    category = TextField()
    rate_ppm = IntegerField()
    reason = TextField(default="")
    base_minor = BigIntegerField()
    tax_minor = BigIntegerField()


class WriteOff(Table):
    """A debt given up for now: its history stays, and it is reversed where money comes after all."""

    id = AutoField()
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="write_offs")
    minor = BigIntegerField()
    currency = TextField()
    reason = TextField()
    status = TextField(default="awaiting")  # awaiting, written_off, declined, reversed
    created_by = TextField()
    created_at = Instant()
    reversed_at = Instant(null=True)
    reverse_reason = TextField(default="")


class Approval(Table):
    """What waits for, or got, the word of a second person. About one credit note, refund or write-off."""

    id = AutoField()
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True, unique=True)
    refund = IntegerField(null=True, column_name="refund_id", unique=True)
    write_off_id: int | None
    write_off = ForeignKeyField(WriteOff, null=True, unique=True)
    customer_id: int | None
    customer = ForeignKeyField(Customer, null=True)
    minor = BigIntegerField()
    currency = TextField()
    requested_by_id: int
    requested_by = ForeignKeyField(User, backref="requests")
    requested_at = Instant()
    decided_by_id: int | None
    decided_by = ForeignKeyField(User, null=True, backref="decisions")
    decided_at = Instant(null=True)
    approved = BooleanField(null=True)
    note = TextField(default="")
