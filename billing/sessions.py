"""Sessions: a signed-in browser, kept on the server. The browser holds a random token, we only its SHA-256.

Begun at sign-in with a fresh token, ended by sign-out, by idleness, by age, by a new password or by disabling
the user (ASVS 5.0 chapter 7). Finding one changes nothing; `touch` is the one write a GET may make (RFC 9110 9.2.1).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from peewee import JOIN, Expression, fn

from billing.db import transaction
from billing.errors import Missing
from billing.prepared import Prepared, Slot
from billing.tables import Customer, Membership, Session, User

if TYPE_CHECKING:
    from datetime import datetime

    from peewee import ModelSelect

Face = Literal["portal", "admin"]

TOKEN_BYTES = 32
LONGEST_TOKEN = 64
IDLE: dict[str, timedelta] = {"portal": timedelta(days=14), "admin": timedelta(hours=2)}
AGE: dict[str, timedelta] = {"portal": timedelta(hours=12), "admin": timedelta(hours=12)}
KEPT_AGE = timedelta(days=30)  # "keep me signed in on this device", portal only
TOUCHED_EVERY = timedelta(minutes=5)
KEPT_ROWS = timedelta(days=90)


def start(user: User, face: Face, *, at: datetime, customer_id: int | None = None, kept: bool = False) -> str:
    """Begin a session and give its token, 256 random bits. `kept` makes it last KEPT_AGE instead of AGE."""
    assert (user.role is not None) == (face == "admin"), "staff sign in at admin, others at the portal"
    assert not (kept and face == "admin"), "staff sessions are never kept"
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction():
        Session.insert(
            token_hash=_hash(token),
            user=user.id,
            customer=customer_id,
            face=face,
            created_at=at,
            seen_at=at,
            expires_at=at + (KEPT_AGE if kept else AGE[face]),
        ).execute()
    return token


def find(token: str, face: Face, *, at: datetime) -> Session | None:
    """The live session of a token with its `user`, and what `acting_for` and `may_switch` tell, in one statement.

    What changed since sign-in counts at once: a disabled user, a changed role, an ended membership.
    """
    if not token or len(token) > LONGEST_TOKEN:
        return None
    return _LIVE[face].first(token_hash=_hash(token), at=at, seen_after=at - IDLE[face])


def acting_for(session: Session) -> Customer | None:
    """The customer a found session acts for; None before one is chosen, or where the membership ended."""
    customer: Customer | None = getattr(session, "acting_for", None)
    return customer


def may_switch(session: Session) -> bool:
    """Whether the person of a found session belongs to several customers."""
    return int(getattr(session, "memberships", 0)) > 1


def touch(session: Session, *, at: datetime) -> None:
    """Remember that the browser was seen, at most every TOUCHED_EVERY."""
    if at - session.seen_at >= TOUCHED_EVERY:
        with transaction():
            Session.update(seen_at=at).where((Session.id == session.id) & (Session.seen_at < at)).execute()


def choose_customer(session: Session, customer_id: int, *, at: datetime) -> None:
    """Act for another of the user's customers from now on. Raises Missing for one that is not theirs."""
    with transaction():
        mine = (Membership.user == session.user_id) & (Membership.customer == customer_id)
        if not Membership.select(Membership.id).where(mine).exists():
            raise Missing("We cannot find that customer.")
        Session.update(customer=customer_id, seen_at=at).where(Session.id == session.id).execute()


def end(token: str, *, at: datetime) -> None:
    """End one session: a copied cookie opens nothing from now on (ASVS 7.4.1)."""
    with transaction():
        live = (Session.token_hash == _hash(token)) & Session.ended_at.is_null()
        Session.update(ended_at=at).where(live).execute()


def end_all(user_id: int, *, at: datetime) -> int:
    """End every session of a user, and say how many."""
    with transaction():
        live = (Session.user == user_id) & Session.ended_at.is_null()
        return int(Session.update(ended_at=at).where(live).execute())


def forget_old(*, at: datetime) -> int:
    """Remove rows of sessions that were over KEPT_ROWS ago; for the worker."""
    with transaction():
        removed = Session.delete().where(Session.expires_at < at - KEPT_ROWS).execute()
    return int(removed)


def _memberships() -> ModelSelect[Membership]:
    return Membership.select(fn.COUNT(Membership.id)).where(Membership.user == Session.user)


def _is_member() -> Expression:
    belongs = (Membership.user == Session.user) & (Membership.customer == Session.customer)
    return (Customer.id == Session.customer) & fn.EXISTS(Membership.select(Membership.id).where(belongs))


def _live(face: Face) -> ModelSelect[Session]:
    return (
        Session.select(Session, User, Customer, _memberships().alias("memberships"))
        .join_from(Session, User)
        .join_from(Session, Customer, JOIN.LEFT_OUTER, on=_is_member(), attr="acting_for")
        .where(
            (Session.token_hash == Slot("token_hash").node())
            & (Session.face == face)
            & Session.ended_at.is_null()
            & (Session.expires_at > Slot("at", Session.expires_at).node())
            & (Session.seen_at > Slot("seen_after", Session.seen_at).node())
            & User.disabled_at.is_null()
            & (User.role.is_null(face == "portal"))
        )
    )


_LIVE: dict[Face, Prepared[Session]] = {
    "portal": Prepared(lambda: _live("portal")),
    "admin": Prepared(lambda: _live("admin")),
}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
