"""Users and passwords: who may be added, what is refused, and that nobody is both staff and customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import passwords, sessions, users
from billing.actors import SYSTEM
from billing.errors import Missing, Refusal
from billing.tables import AuditRow, User

if TYPE_CHECKING:
    from datetime import datetime

    from tests.world import World

GOOD = "three wet boots outside"

passwords.use_cheap_hashes()


def test_staff_are_added_with_a_hashed_password_and_an_audit_row(world: World, at: datetime) -> None:
    user = users.create_staff(" New@AlderFinch.example ", "Noa Lind", "viewer", GOOD, by=world.sam, at=at)
    assert (user.email, user.role) == ("new@alderfinch.example", "viewer")
    assert user.password_hash is not None
    assert user.password_hash.startswith("$argon2id$")
    assert GOOD not in user.password_hash
    row = AuditRow.select().order_by(AuditRow.id.desc()).get()
    assert (row.action, row.subject) == ("user.created", f"user:{user.id}")
    assert users.actor(user).kind == "staff"


def test_a_customers_person_may_belong_to_several_customers(world: World, at: datetime) -> None:
    ids = [world.acme.id, world.globex.id]
    user = users.create_customer_user("both@example.com", "Bea Both", ids, by=world.sam, at=at)
    assert [customer.name for customer in users.customers_of(user.id)] == ["Acme", "Globex"]
    assert users.actor(user).kind == "customer"


@pytest.mark.parametrize("email", ["", "a@b", "a b@example.com", "a@example.com,b@example.com", "<a@example.com>"])
def test_what_is_no_email_is_refused(world: World, at: datetime, email: str) -> None:
    with pytest.raises(Refusal) as refusal:
        users.create_staff(email, "Noa", "viewer", GOOD, by=world.sam, at=at)
    assert refusal.value.field == "email"


def test_one_email_signs_in_one_person(world: World, at: datetime) -> None:
    before = User.select().count()
    with pytest.raises(users.EmailTaken):
        users.create_staff("ALICE@acme.example", "Al", "admin", GOOD, by=world.sam, at=at)
    assert User.select().count() == before


def test_unknown_users_are_missing(world: World) -> None:
    assert world
    with pytest.raises(Missing):
        users.get(10_000)
    assert users.by_email("nobody@example.com") is None


def test_a_new_password_ends_every_session(world: World, at: datetime) -> None:
    sam = users.get(world.sam.user_id or 0)
    token = sessions.start(sam, "admin", at=at)
    users.set_password(sam, GOOD, by=world.sam, at=at)
    assert sessions.find(token, "admin", at=at) is None
    assert passwords.matches(users.get(sam.id).password_hash, GOOD)


def test_a_weak_new_password_changes_nothing(world: World, at: datetime) -> None:
    sam = users.get(world.sam.user_id or 0)
    token = sessions.start(sam, "admin", at=at)
    with pytest.raises(passwords.WeakPassword):
        users.set_password(sam, "Sam Reyes", by=world.sam, at=at)
    assert sessions.find(token, "admin", at=at) is not None


def test_disabling_twice_is_told_once(world: World, at: datetime) -> None:
    sam = users.get(world.sam.user_id or 0)
    for _ in range(2):
        users.disable(sam, by=SYSTEM, at=at)
    assert AuditRow.select().where(AuditRow.action == "user.disabled").count() == 1


def test_a_customers_person_never_gets_a_role(world: World, at: datetime) -> None:
    with pytest.raises(Refusal):
        users.change_role(users.get(world.alice.user_id or 0), "admin", by=world.sam, at=at)
    assert users.get(world.alice.user_id or 0).role is None


@pytest.mark.parametrize(
    "weak",
    [
        "", "1234567", "short", "password", "Password1", "PASSWORD123", "p@ssw0rd", "qwertyuiop", "qwertyuiop99",
        "aaaaaaaaaaaa", "abababababab", "12345678", "iloveyou!", "wel.come123", "Summer2026", "x" * 129,
    ],
)  # fmt: skip
def test_guessable_passwords_are_refused(weak: str) -> None:
    with pytest.raises(passwords.WeakPassword) as refusal:
        passwords.refuse_weak(weak)
    assert refusal.value.field == "password"


@pytest.mark.parametrize("weak", ["sam.reyes", "SamReyes", "sam@alder.example", "Sam Reyes!"])
def test_ones_own_name_is_no_password(weak: str) -> None:
    with pytest.raises(passwords.WeakPassword, match="too close"):
        passwords.refuse_weak(weak, known_words=("sam.reyes@alder.example", "Sam Reyes", "sam@alder.example"))


@pytest.mark.parametrize("good", ["éàü∑ 日本語 ok", "a very long pass phrase " * 5, "tr0ub4dor&3x", "xk9 mvq2"])
def test_any_signs_make_a_password(good: str) -> None:
    passwords.refuse_weak(good)
    assert passwords.matches(passwords.hashed(good), good)


@given(st.text(min_size=1, max_size=128))
def test_a_hash_matches_its_password_and_no_shorter_one(password: str) -> None:
    stored = passwords.hashed(password)
    assert passwords.matches(stored, password)
    assert not passwords.matches(stored, password + "x")  # nothing is cut off


def test_the_same_text_from_another_keyboard_is_the_same_password() -> None:
    assert passwords.matches(passwords.hashed("caf\u00e9 noir"), "cafe\u0301 noir")


def test_nobodys_password_is_never_right() -> None:
    assert not passwords.matches(None, "what nobody's password is")
    assert not passwords.matches("no hash at all", GOOD)


def test_a_cheap_hash_is_outdated_for_careful_ones() -> None:
    assert not passwords.is_outdated(passwords.hashed(GOOD))
    assert passwords.is_outdated(passwords.CAREFUL.hash(GOOD))
