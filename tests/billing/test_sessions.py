"""Sessions: found by their token alone, over when they should be, and never after sign-out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import sessions, users
from billing.actors import SYSTEM
from billing.errors import Missing
from billing.tables import Session

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor
    from tests.world import World

SECOND = timedelta(seconds=1)


def begin(actor: Actor, at: datetime, *, customer_id: int | None = None, kept: bool = False) -> str:
    assert actor.user_id is not None
    user = users.get(actor.user_id)
    return sessions.start(user, "admin" if user.role else "portal", at=at, customer_id=customer_id, kept=kept)


def test_a_session_tells_who_and_for_whom(world: World, at: datetime) -> None:
    token = begin(world.alice, at, customer_id=world.acme.id)
    found = sessions.find(token, "portal", at=at)
    assert found is not None
    assert found.user.email == "alice@acme.example"
    acting_for = sessions.acting_for(found)
    assert acting_for is not None
    assert acting_for.name == "Acme"


def test_the_row_does_not_hold_the_token(world: World, at: datetime) -> None:
    token = begin(world.sam, at)
    row = Session.get()
    assert token not in str(row.__data__)
    assert len(row.token_hash) == 64
    assert len(token) == 43  # 256 bits


@pytest.mark.parametrize("wrong", ["", "x", "x" * 43, "x" * 5000])
def test_another_token_finds_nothing(world: World, at: datetime, wrong: str) -> None:
    begin(world.sam, at)
    assert sessions.find(wrong, "admin", at=at) is None


def test_a_session_is_of_one_face_only(world: World, at: datetime) -> None:
    assert sessions.find(begin(world.sam, at), "portal", at=at) is None
    assert sessions.find(begin(world.alice, at), "admin", at=at) is None


@pytest.mark.parametrize(
    ("who", "kept", "lasts"),
    [("sam", False, timedelta(hours=12)), ("alice", False, timedelta(hours=12)), ("alice", True, timedelta(days=30))],
)
def test_a_session_ends_by_age_however_busy(
    world: World, at: datetime, who: str, *, kept: bool, lasts: timedelta
) -> None:
    token = begin(getattr(world, who), at, kept=kept)
    face: sessions.Face = "admin" if who == "sam" else "portal"
    moment = at
    while moment + timedelta(hours=1) < at + lasts:
        moment += timedelta(hours=1)
        found = sessions.find(token, face, at=moment)
        assert found is not None, moment
        sessions.touch(found, at=moment)
    assert sessions.find(token, face, at=at + lasts - SECOND) is not None
    assert sessions.find(token, face, at=at + lasts) is None


def test_an_idle_session_ends(world: World, at: datetime) -> None:
    admin, portal = begin(world.sam, at), begin(world.alice, at, kept=True)
    assert sessions.find(admin, "admin", at=at + timedelta(hours=2) - SECOND) is not None
    assert sessions.find(admin, "admin", at=at + timedelta(hours=2)) is None
    assert sessions.find(portal, "portal", at=at + timedelta(days=14)) is None


def test_being_seen_is_written_at_most_every_five_minutes(world: World, at: datetime) -> None:
    token = begin(world.sam, at)
    for minutes, expected in ((4, 0), (5, 5), (9, 5), (11, 11)):
        moment = at + timedelta(minutes=minutes)
        found = sessions.find(token, "admin", at=moment)
        assert found is not None
        sessions.touch(found, at=moment)
        assert Session.get().seen_at == at + timedelta(minutes=expected)


def test_an_ended_session_opens_nothing(world: World, at: datetime) -> None:
    token, other = begin(world.sam, at), begin(world.sam, at)
    sessions.end(token, at=at)
    assert sessions.find(token, "admin", at=at) is None
    assert sessions.find(other, "admin", at=at) is not None
    assert sessions.end_all(world.sam.user_id or 0, at=at) == 1
    assert sessions.find(other, "admin", at=at) is None


def test_a_disabled_user_is_out_at_once(world: World, at: datetime) -> None:
    token = begin(world.sam, at)
    users.disable(users.get(world.sam.user_id or 0), by=SYSTEM, at=at)
    assert sessions.find(token, "admin", at=at) is None


def test_a_changed_role_counts_at_once(world: World, at: datetime) -> None:
    token = begin(world.sam, at)
    users.change_role(users.get(world.sam.user_id or 0), "viewer", by=SYSTEM, at=at)
    found = sessions.find(token, "admin", at=at)
    assert found is not None
    assert found.user.role == "viewer"


def test_an_ended_membership_counts_at_once(world: World, at: datetime) -> None:
    token = begin(world.alice, at, customer_id=world.acme.id)
    users.remove_membership(users.get(world.alice.user_id or 0), world.acme.id, by=SYSTEM, at=at)
    found = sessions.find(token, "portal", at=at)
    assert found is not None
    assert sessions.acting_for(found) is None


def test_one_acts_only_for_customers_one_belongs_to(world: World, at: datetime) -> None:
    token = begin(world.alice, at, customer_id=world.acme.id)
    found = sessions.find(token, "portal", at=at)
    assert found is not None
    with pytest.raises(Missing):
        sessions.choose_customer(found, world.globex.id, at=at)
    users.add_membership(users.get(world.alice.user_id or 0), world.globex.id, by=SYSTEM, at=at)
    sessions.choose_customer(found, world.globex.id, at=at)
    again = sessions.find(token, "portal", at=at)
    assert again is not None
    acting_for = sessions.acting_for(again)
    assert acting_for is not None
    assert acting_for.name == "Globex"


def test_staff_never_begin_a_session_at_the_portal(world: World, at: datetime) -> None:
    with pytest.raises(AssertionError, match="staff sign in at admin"):
        sessions.start(users.get(world.sam.user_id or 0), "portal", at=at)


def test_rows_long_over_are_removed(world: World, at: datetime) -> None:
    begin(world.sam, at)
    assert sessions.forget_old(at=at + timedelta(days=90)) == 0
    assert sessions.forget_old(at=at + timedelta(days=91)) == 1
