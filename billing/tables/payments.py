"""Payments: the decision to pay, the money that came, where it went, and Stripe's events."""

from __future__ import annotations

from peewee import AutoField, BigIntegerField, BooleanField, ForeignKeyField, IntegerField, TextField

from billing.tables.base import Instant, Table
from billing.tables.invoices import Invoice
from billing.tables.parties import Customer

UNFINISHED = ("created", "open", "processing")  # the states of an attempt that may still bring money


class Attempt(Table):
    """One decision to pay, committed before Stripe is called. Its id is the idempotency key and the reference.

    `payer` names who decided ("user:7", "link:12"); `nonce` was made with the page, so a double click finds it.
    """

    id = TextField(primary_key=True)  # PAY-XXXX-XXXX-XXXX
    customer_id: int
    customer = ForeignKeyField(Customer)
    payer = TextField()
    payer_name = TextField()
    currency = TextField()
    minor = BigIntegerField()
    status = TextField(default="created")  # created, open, processing, succeeded, failed, expired, superseded
    nonce = TextField(unique=True)
    session_id = TextField(null=True, unique=True)
    url = TextField(null=True)
    intent_id = TextField(null=True, unique=True)
    failure = TextField(default="")
    created_at = Instant()
    expires_at = Instant()
    checked_at = Instant(null=True)


class PlannedAllocation(Table):
    """What an attempt is meant to pay; frozen with it."""

    id = AutoField()
    attempt_id: str
    attempt = ForeignKeyField(Attempt, backref="planned")
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="planned")
    minor = BigIntegerField()


class Payment(Table):
    """Money that came: a fact. `customer` is null while nobody knows whose it is."""

    id = AutoField()
    reference = TextField(unique=True)
    intent_id = TextField(null=True, unique=True)
    charge_id = TextField(null=True, unique=True)
    attempt_id: str | None
    attempt = ForeignKeyField(Attempt, null=True, unique=True)
    customer_id: int | None
    customer = ForeignKeyField(Customer, null=True, backref="payments")
    currency = TextField()
    minor = BigIntegerField()
    fee_minor = BigIntegerField(null=True)
    method = TextField()  # "Visa ending 4242"
    received_at = Instant()


class Allocation(Table):
    """Where a payment's money went: an opinion, append-only. Without an invoice it is credit, with its reason."""

    id = AutoField()
    payment_id: int
    payment = ForeignKeyField(Payment, backref="allocations")
    invoice_id: int | None
    invoice = ForeignKeyField(Invoice, null=True, backref="allocations")
    minor = BigIntegerField()
    reason = TextField()
    ref = TextField(unique=True)
    at = Instant()


class StripeEvent(Table):
    """A webhook delivery, stored before it is acted on; one row per event, however often it comes."""

    id = TextField(primary_key=True)
    type = TextField()
    object_id = TextField()
    livemode = BooleanField()
    api_version = TextField()
    status = TextField(default="received")  # received, processed, ignored, failed, wrong_mode
    attempts = IntegerField(default=0)
    error = TextField(default="")
    payload = TextField()
    created_at = Instant()
    received_at = Instant()
