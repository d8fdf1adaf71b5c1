"""The records every verb writes: ledger, outbox, audit, links and stored documents."""

from __future__ import annotations

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    DateField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from billing.tables.base import Instant, Table
from billing.tables.credits import CreditNote
from billing.tables.invoices import Invoice
from billing.tables.parties import Contact, Customer
from billing.tables.payments import Payment


class LedgerAccount(Table):
    """An account of the books, such as receivable or revenue."""

    code = TextField(primary_key=True)
    name = TextField()
    side = TextField()  # debit or credit: where its balance usually stands


class Posting(Table):
    """One business event in the books. `ref` is unique, so that posting twice is impossible."""

    id = AutoField()
    ref = TextField(unique=True)
    kind = TextField()
    effective_on = DateField()
    posted_at = Instant()


class Transfer(Table):
    """Money from the credit account to the debit account: balanced by construction. Append-only."""

    id = AutoField()
    posting_id: int
    posting = ForeignKeyField(Posting, backref="transfers")
    debit = ForeignKeyField(LedgerAccount, column_name="debit", backref="debits")
    credit = ForeignKeyField(LedgerAccount, column_name="credit", backref="credits")
    minor = BigIntegerField()
    currency = TextField()
    customer_id: int | None
    customer = ForeignKeyField(Customer, null=True)
    invoice_id: int | None
    invoice = ForeignKeyField(Invoice, null=True)
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True)
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True)
    effective_on = DateField()
    posted_at = Instant()


class Mail(Table):
    """One message to one recipient. It holds the event and its frozen context; words are made at delivery."""

    id = AutoField()
    event = TextField()  # the folder under templates/email
    key = TextField(unique=True)  # what makes queuing the same mail twice impossible
    recipient = TextField()
    recipient_name = TextField(default="")
    context = JSONField()
    customer_id: int | None
    customer = ForeignKeyField(Customer, null=True)
    invoice_id: int | None
    invoice = ForeignKeyField(Invoice, null=True)
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True)
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True)
    message_id = TextField(unique=True)
    state = TextField(default="queued")  # queued, sending, accepted, refused, dead
    attempts = IntegerField(default=0)
    due_at = Instant()
    lease_until = Instant(null=True)
    lease_token = TextField(null=True)
    error = TextField(default="")
    queued_at = Instant()
    accepted_at = Instant(null=True)
    dropped_at = Instant(null=True)  # it is refused by us: what it tells is no longer so


class Rendering(Table):
    """A PDF to draw, of one document, claimed by lease. `stored` once the bytes are in Document."""

    id = AutoField()
    invoice_id: int | None
    invoice = ForeignKeyField(Invoice, null=True, unique=True)
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True, unique=True)
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True, unique=True)
    state = TextField(default="queued")  # queued, drawing, stored, failed
    attempts = IntegerField(default=0)
    due_at = Instant()
    lease_until = Instant(null=True)
    lease_token = TextField(null=True)
    error = TextField(default="")
    snapshot = JSONField(null=True)  # what a receipt says; invoices and credit notes keep their own


class Document(Table):
    """The bytes of an invoice, of a credit note, or of a payment's receipt; kept once and for good."""

    id = AutoField()
    invoice_id: int | None
    invoice = ForeignKeyField(Invoice, null=True, unique=True)
    credit_note_id: int | None
    credit_note = ForeignKeyField(CreditNote, null=True, unique=True)
    payment_id: int | None
    payment = ForeignKeyField(Payment, null=True, unique=True)
    media_type = TextField()
    sha256 = TextField()
    size = BigIntegerField()
    content = BlobField()
    stored_at = Instant()


class Link(Table):
    """A mailed link to one invoice. Its token is an HMAC of its id; only the token's SHA-256 is stored."""

    id = TextField(primary_key=True)
    invoice_id: int
    invoice = ForeignKeyField(Invoice, backref="links")
    contact_id: int | None
    contact = ForeignKeyField(Contact, null=True)
    recipient = TextField()
    token_hash = TextField(unique=True)
    created_at = Instant()
    expires_at = Instant()


class LinkRevocation(Table):
    """A link that no longer opens."""

    id = AutoField()
    link_id: str
    link = ForeignKeyField(Link, unique=True)
    at = Instant()
    by = TextField()


class AuditRow(Table):
    """Who did what, chained: `hash` covers the row and the hash before it."""

    id = AutoField()
    sequence = IntegerField(unique=True)
    at = Instant()
    actor = TextField()
    action = TextField()
    subject = TextField()
    facts = TextField()  # canonical JSON, exactly as hashed
    request_id = TextField(default="")
    previous_hash = TextField()
    hash = TextField()


class AuditHead(Table):
    """The end of the chain; one row, locked last."""

    id = AutoField()
    sequence = IntegerField()
    hash = TextField()
