"""Saved cards, the wish to save one, and autopay: its consent and its runs."""

from __future__ import annotations

from peewee import AutoField, BooleanField, DateField, ForeignKeyField, IntegerField, TextField

from billing.tables.base import Instant, Table
from billing.tables.invoices import Invoice
from billing.tables.parties import Customer


class Card(Table):
    """A saved way to pay, kept by Stripe; here only its id and what a person may see of it ("Visa ending 4242")."""

    id = AutoField()
    customer_id: int
    customer = ForeignKeyField(Customer, backref="cards")
    stripe_id = TextField(unique=True)
    kind = TextField()  # Stripe's type: card, sepa_debit, us_bank_account
    words = TextField()
    expires_on = DateField(null=True)  # the first day on which it no longer works
    added_by = TextField()
    added_at = Instant()
    default_since = Instant(null=True)  # the newest is the customer's usual card
    removed_at = Instant(null=True)


class CardSetup(Table):
    """One wish to save a card, committed before Stripe is called; its id is the key of that call."""

    id = TextField(primary_key=True)
    customer_id: int
    customer = ForeignKeyField(Customer)
    nonce = TextField(unique=True)
    asked_by = TextField()
    asked_by_name = TextField()
    turns_on_autopay = BooleanField()
    consent = TextField(default="")
    ip = TextField(default="")
    status = TextField(default="created")  # created, open, succeeded, failed, expired
    session_id = TextField(null=True, unique=True)
    url = TextField(null=True)
    card_id: int | None
    card = ForeignKeyField(Card, null=True)
    created_at = Instant()
    expires_at = Instant()


class Autopay(Table):
    """A customer's consent that invoices are charged to a card when due. At most one is live."""

    id = AutoField()
    customer_id: int
    customer = ForeignKeyField(Customer, backref="autopays")
    card_id: int
    card = ForeignKeyField(Card)
    consent = TextField()
    consent_version = TextField()
    consented_by = TextField()
    consented_at = Instant()
    ip = TextField()
    ended_at = Instant(null=True)
    ended_because = TextField(default="")


class AutopayRun(Table):
    """One try to charge one invoice. `run_key` ("invoice:due day:consent:try") makes a second such try impossible."""

    id = AutoField()
    run_key = TextField(unique=True)
    invoice_id: int
    invoice = ForeignKeyField(Invoice)
    attempt = TextField(unique=True, column_name="attempt_id")
    try_number = IntegerField()
    outcome = TextField(default="")  # "" (not known yet), paid, processing, declined, needs_person, stopped, mistake
    next_on = DateField(null=True)
    at = Instant()
