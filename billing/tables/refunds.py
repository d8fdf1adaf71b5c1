"""Money that goes back: refunds, chargebacks, and what the comparison with Stripe found."""

from __future__ import annotations

from peewee import AutoField, BigIntegerField, BooleanField, ForeignKeyField, TextField

from billing.tables.base import Instant, Table
from billing.tables.credits import CreditNote
from billing.tables.invoices import Invoice
from billing.tables.parties import Customer
from billing.tables.payments import Payment


class Refund(Table):
    """Money given back. Its value leaves `credit_note` where that is set, else `payment`.

    `payment` is also the charge that is given back where `method` is "original"; `invoice` is the invoice the money
    was taken off for it. Committed before Stripe is called; `reference` is the key of that call.
    """

    id = AutoField()
    reference = TextField(unique=True)  # REF-XXXX-XXXX-XXXX
    customer_id: int | None
    customer = ForeignKeyField(Customer, null=True, backref="refunds")
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True, backref="refunds")
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True, backref="refunds")
    invoice_id: int | None
    invoice = ForeignKeyField(Invoice, null=True, backref="refunds")
    currency = TextField()
    minor = BigIntegerField()
    method = TextField()  # original, bank, cheque, cash, other
    status = TextField()  # awaiting, created, pending, succeeded, failed, declined
    stripe_id = TextField(null=True, unique=True)
    reason = TextField()
    failure = TextField(default="")
    needs_review = BooleanField(default=False)  # made outside Remit, so a person should look where it was taken from
    created_at = Instant()
    created_by = TextField()
    settled_at = Instant(null=True)


class Chargeback(Table):
    """The payer's bank takes a payment back (Stripe calls it a dispute). Not a customer's dispute of an invoice."""

    id = TextField(primary_key=True)  # dp_...
    payment_id: int
    payment = ForeignKeyField(Payment, backref="chargebacks")
    status = TextField()  # Stripe's ten words
    reason = TextField()
    currency = TextField()
    minor = BigIntegerField()
    withdrawn_minor = BigIntegerField(default=0)  # what its movements took and have not given back
    is_refundable = BooleanField()
    respond_by = Instant(null=True)
    opened_at = Instant()
    closed_at = Instant(null=True)
    checked_at = Instant()


class ChargebackMovement(Table):
    """A balance transaction of a chargeback: negative took the money, positive gave it back. Booked once each."""

    id = TextField(primary_key=True)  # txn_...
    chargeback_id: str
    chargeback = ForeignKeyField(Chargeback, backref="movements")
    minor = BigIntegerField()  # signed, without the fee
    fee_minor = BigIntegerField()  # what it cost (negative: given back)
    currency = TextField()
    at = Instant()


class GatewayDifference(Table):
    """A balance transaction of Stripe that the books do not explain; `id` is its id, or ours where Stripe lacks it."""

    id = TextField(primary_key=True)
    kind = TextField()
    words = TextField()
    minor = BigIntegerField()
    currency = TextField()
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True)
    found_at = Instant()
    resolved_at = Instant(null=True)
    resolved_by = TextField(default="")
    note = TextField(default="")
