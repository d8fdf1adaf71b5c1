"""Who signs in: users, their memberships at customers, sessions, codes, and tries that are counted."""

from __future__ import annotations

from peewee import AutoField, ForeignKeyField, IntegerField, TextField

from billing.tables.base import Instant, Table
from billing.tables.parties import Customer


class User(Table):
    """A person who may sign in. `role` is admin, approver or viewer for staff, and null for a customer's people."""

    id = AutoField()
    email = TextField(unique=True)  # lower-cased
    name = TextField()
    role = TextField(null=True)
    password_hash = TextField(null=True)
    created_at = Instant()
    disabled_at = Instant(null=True)

    class Meta:
        table_name = "users"  # "user" is a reserved word of PostgreSQL


class Membership(Table):
    """A user may act for a customer; one email may belong to several customers."""

    id = AutoField()
    user_id: int
    user = ForeignKeyField(User, backref="memberships")
    customer_id: int
    customer = ForeignKeyField(Customer, backref="memberships")


class Session(Table):
    """A signed-in browser. The cookie holds a random token; only its SHA-256 is stored."""

    id = AutoField()
    token_hash = TextField(unique=True)
    user_id: int
    user = ForeignKeyField(User, backref="sessions")
    customer_id: int | None
    customer = ForeignKeyField(Customer, null=True)  # the active one, for a customer's people
    face = TextField()  # portal or admin
    created_at = Instant()
    seen_at = Instant()
    expires_at = Instant()
    ended_at = Instant(null=True)


class SignInCode(Table):
    """A mailed 6-digit code, hashed; ten minutes, few tries, used once."""

    id = AutoField()
    email = TextField(index=True)
    user_id: int
    user = ForeignKeyField(User)
    code_hash = TextField()
    created_at = Instant()
    expires_at = Instant()
    tries = IntegerField(default=0)
    used_at = Instant(null=True)


class Try(Table):
    """One counted try of something that is limited, by a key such as an email or an address."""

    id = AutoField()
    kind = TextField()
    key = TextField()
    at = Instant()


class Submission(Table):
    """A form that was sent: its id was made with the page, and its outcome is kept for good."""

    id = TextField(primary_key=True)
    person = TextField()
    request_hash = TextField()
    outcome = TextField()  # where the first answer led
    at = Instant()
