"""Users: the people who sign in. Staff carry a role; a customer's people carry memberships instead.

Nobody is both. A user is disabled, never removed: the books name who did what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from peewee import IntegrityError

from billing import audit, emails, passwords, sessions
from billing.actors import Actor
from billing.db import transaction
from billing.errors import Conflict, Missing, Refusal
from billing.tables import Customer, Membership, User

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from peewee import Expression

Role = Literal["admin", "approver", "viewer"]


class EmailTaken(Conflict):
    """Somebody signs in with this email already."""

    def __init__(self) -> None:
        super().__init__("Somebody signs in with this email address already", field="email")


def get(user_id: int) -> User:
    """One user. Raises Missing."""
    user: User | None = User.get_or_none(User.id == user_id)
    if user is None:
        raise Missing("We cannot find that person.")
    return user


def by_email(email: str) -> User | None:
    """The user who signs in with this email, in whatever case it is typed; disabled ones too."""
    user: User | None = User.get_or_none(User.email == emails.plain(email))
    return user


def actor(user: User) -> Actor:
    """The user as the one who does something."""
    return Actor("staff" if user.role else "customer", f"user:{user.id}", user.name, user.id)


def customers_of(user_id: int) -> list[Customer]:
    """The customers a user may act for, by name."""
    return list(
        Customer.select().join(Membership).where(Membership.user == user_id).order_by(Customer.search_name, Customer.id)
    )


def create_staff(email: str, name: str, role: Role, password: str, *, by: Actor, at: datetime) -> User:
    """Add a person of the billing team. Raises WeakPassword, EmailTaken, Refusal."""
    assert role in {"admin", "approver", "viewer"}, "a role is one of the three"
    _refuse_what_is_wrong(email, name)
    passwords.refuse_weak(password, known_words=(email, name))
    password_hash = passwords.hashed(password)  # before the transaction: it takes a third of a second
    with transaction():
        user = _insert(email, name, role=role, password_hash=password_hash, at=at)
        audit.record("user.created", f"user:{user.id}", by=by, at=at, facts={"role": role})
    return user


def create_customer_user(
    email: str,
    name: str,
    customer_ids: Sequence[int],
    *,
    by: Actor,
    at: datetime,
    password: str | None = None,
) -> User:
    """Let a person sign in for one or more customers, by mailed code, and by password where one is given."""
    _refuse_what_is_wrong(email, name)
    password_hash = None
    if password is not None:
        passwords.refuse_weak(password, known_words=(email, name))
        password_hash = passwords.hashed(password)
    with transaction():
        user = _insert(email, name, role=None, password_hash=password_hash, at=at)
        for customer_id in customer_ids:
            Membership.insert(user=user.id, customer=customer_id).execute()
        audit.record("user.created", f"user:{user.id}", by=by, at=at, facts={"customers": list(customer_ids)})
    return user


def let_in(email: str, name: str, customer_id: int, *, at: datetime) -> bool:
    """Let a contact sign in for its customer, by mailed code; says whether that is new.

    Inside the caller's transaction, which records it in its own audit row. One email may belong to several
    customers. Staff stay staff: they see every customer by their role.
    """
    user = by_email(email) or _insert_or_find(email, name or email, at=at)
    if user.role is not None or Membership.select().where(_belongs(user.id, customer_id)).exists():
        return False
    Membership.insert(user=user.id, customer=customer_id).execute()
    return True


def let_out(email: str, customer_id: int) -> bool:
    """A contact who is gone sees that customer no more, from the next request on; says whether that is new."""
    user = by_email(email)
    return user is not None and bool(Membership.delete().where(_belongs(user.id, customer_id)).execute())


def add_membership(user: User, customer_id: int, *, by: Actor, at: datetime) -> None:
    """Let a customer's person act for one more customer. A second time changes nothing."""
    assert user.role is None, "staff see every customer by their role"
    with transaction():
        if Membership.select().where(_belongs(user.id, customer_id)).exists():
            return
        Membership.insert(user=user.id, customer=customer_id).execute()
        audit.record("user.joined", f"user:{user.id}", by=by, at=at, facts={"customer_id": customer_id})


def remove_membership(user: User, customer_id: int, *, by: Actor, at: datetime) -> None:
    """End it; the next request of an open session no longer sees that customer (ASVS 8.3.2)."""
    with transaction():
        if Membership.delete().where(_belongs(user.id, customer_id)).execute():
            audit.record("user.left", f"user:{user.id}", by=by, at=at, facts={"customer_id": customer_id})


def change_role(user: User, role: Role, *, by: Actor, at: datetime) -> None:
    """Give a person of the team another role; it applies to their next request."""
    with transaction():
        moved = User.update(role=role).where((User.id == user.id) & User.role.is_null(False)).execute()
        if moved != 1:
            raise Refusal("Only people of the billing team have a role.", field="role")
        audit.record("user.role", f"user:{user.id}", by=by, at=at, facts={"before": user.role, "after": role})


def disable(user: User, *, by: Actor, at: datetime) -> None:
    """Let a person sign in no more, and end their sessions. A second time changes nothing."""
    with transaction():
        moved = User.update(disabled_at=at).where((User.id == user.id) & User.disabled_at.is_null()).execute()
        if moved:
            sessions.end_all(user.id, at=at)
            audit.record("user.disabled", f"user:{user.id}", by=by, at=at)


def set_password(user: User, password: str, *, by: Actor, at: datetime) -> None:
    """Give a new password and end every session of the user (ASVS 7.4.3). Raises WeakPassword."""
    passwords.refuse_weak(password, known_words=(user.email, user.name))
    password_hash = passwords.hashed(password)
    with transaction():
        User.update(password_hash=password_hash).where(User.id == user.id).execute()
        sessions.end_all(user.id, at=at)
        audit.record("user.password", f"user:{user.id}", by=by, at=at)


def renew_hash(user: User, password: str) -> None:
    """Store the same password under today's parameters; unless it was changed meanwhile. Ends no session."""
    password_hash = passwords.hashed(password)
    with transaction():
        same = (User.id == user.id) & (User.password_hash == user.password_hash)
        User.update(password_hash=password_hash).where(same).execute()


def _insert(email: str, name: str, *, role: Role | None, password_hash: str | None, at: datetime) -> User:
    if by_email(email) is not None:
        raise EmailTaken
    return User.create(
        email=emails.plain(email), name=name.strip(), role=role, password_hash=password_hash, created_at=at
    )


def _insert_or_find(email: str, name: str, *, at: datetime) -> User:
    """A new user, or the one whom somebody else added at this very moment."""
    try:
        with transaction():  # a savepoint, so that the caller's transaction lives on
            return _insert(email, name, role=None, password_hash=None, at=at)
    except (IntegrityError, EmailTaken):
        return User.get(User.email == emails.plain(email))


def _belongs(user_id: int, customer_id: int) -> Expression:
    return (Membership.user == user_id) & (Membership.customer == customer_id)


def _refuse_what_is_wrong(email: str, name: str) -> None:
    if not emails.is_email(email):
        raise Refusal("Enter an email address, like name@example.com", field="email")
    if not 1 <= len(name.strip()) <= 200:
        raise Refusal("Enter a name", field="name")
