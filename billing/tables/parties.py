"""Who bills and who is billed: the seller, customers and their contacts."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BooleanField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from billing.tables.base import Instant, Table


class Seller(Table):
    """The one business of this installation; row 1."""

    id = AutoField()
    name = TextField()
    legal_name = TextField()
    address = JSONField()  # list of lines
    country = TextField()
    tax_id = TextField(default="")
    registration = TextField(default="")
    email = TextField()
    phone = TextField(default="")
    bank = JSONField()  # list of [label, value], printed as given
    currency = TextField()
    time_zone = TextField()
    locale = TextField()
    terms_days = IntegerField()
    terms_text = TextField(default="")
    rounding_rule = TextField()
    number_prefix = TextField()
    credit_prefix = TextField(default="CN")  # of credit notes' numbers
    least_part_minor = BigIntegerField(default=100)  # the least a customer may pay on an invoice, unless it is the rest
    approval_over_minor = BigIntegerField(null=True)  # credits, refunds and write-offs above it take two; null: never
    late_fee = JSONField(default=dict)  # the rule; {} where none is charged
    early_days = IntegerField(default=0)  # early-payment discount of new invoices: 2/10 net 30 is 10 days ...
    early_ppm = IntegerField(default=0)  # ... and 20,000 ppm
    gateway_identity = TextField(default="")  # who we are at the card provider, learnt once
    compared_at = Instant(null=True)  # when its list was last compared with the books, and all of it answered
    methods = JSONField(default=list)  # names of the seller's own ways to be paid, besides the usual ones
    version = IntegerField(default=1)


class Customer(Table):
    """A business that is billed. Balances per currency stand in CustomerBalance."""

    id = AutoField()
    name = TextField()
    legal_name = TextField()
    search_name = TextField()  # casefolded, for both databases alike
    address = JSONField()
    country = TextField()
    tax_id = TextField(default="")
    currency = TextField()
    locale = TextField()
    terms_days = IntegerField()
    stripe_id = TextField(null=True, unique=True)
    late_fees = BooleanField(default=True)  # whether late fees and interest are charged to it
    version = IntegerField(default=1)
    created_at = Instant()


class Contact(Table):
    """A person at a customer who receives its mail; the email is lower-cased."""

    id = AutoField()
    customer_id: int
    customer = ForeignKeyField(Customer, backref="contacts")
    name = TextField()
    email = TextField()
    receives_invoices = BooleanField(default=True)
    removed_at = Instant(null=True)


class CustomerBalance(Table):
    """What a customer owes and has in credit, per currency. Written by ledger.post alone."""

    customer_id: int
    customer = ForeignKeyField(Customer, backref="balances")
    currency = TextField()
    receivable_minor = BigIntegerField(default=0)
    credit_minor = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("customer", "currency")
