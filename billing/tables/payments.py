"""Payments: the decision to pay, the money that came, where it went, and Stripe's events."""

from __future__ import annotations

from peewee import AutoField, BigIntegerField, BooleanField, ForeignKeyField, IntegerField, TextField

from billing.tables.base import Instant, Table
from billing.tables.cards import Card
from billing.tables.credits import CreditNote
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
    kind = TextField(default="checkout")  # checkout, saved_card, autopay
    card_id: int | None
    card = ForeignKeyField(Card, null=True)


class PlannedAllocation(Table):
    """What an attempt is meant to pay; frozen with it."""

    id = AutoField()
    attempt_id: str
    attempt = ForeignKeyField(Attempt, backref="planned")
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="planned")
    minor = BigIntegerField()


class Payment(Table):
    """Money that came: a fact. `customer` is null while nobody knows whose it is.

    `free_minor` is what is not applied, refunded or taken back. `waiting` asks staff to look, for `kept_reason`.
    """

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
    kind = TextField(default="gateway")  # gateway, manual
    free_minor = BigIntegerField(default=0)
    kept_reason = TextField(default="")
    waiting = BooleanField(default=False)
    bank_reference = TextField(default="")  # what the payer wrote
    payer = TextField(default="")  # who paid, as the bank names them
    recorded_by = TextField(default="")  # who recorded it by hand
    reversed_at = Instant(null=True)
    reverse_reason = TextField(default="")


class PlannedCredit(Table):
    """Credit that is applied together with an attempt's money; frozen with it. From a payment or a credit note."""

    id = AutoField()
    attempt_id: str
    attempt = ForeignKeyField(Attempt, backref="planned_credits")
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="planned_credits")
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True)
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True)
    minor = BigIntegerField()


class Allocation(Table):
    """Value of a payment or a credit note applied to an invoice (> 0) or taken back (< 0): an opinion, append-only."""

    id = AutoField()
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True, backref="allocations")
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True, backref="allocations")
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="allocations")
    minor = BigIntegerField()
    reason = TextField()  # payment, credit, unapplied, refund, chargeback, reversal
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
