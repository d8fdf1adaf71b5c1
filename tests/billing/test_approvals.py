"""Approvals: what takes a second person, and who that may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from peewee import DatabaseError

from billing import approvals, credit_notes, db, outbox, seller
from billing.actors import SYSTEM
from billing.tables import Approval, CreditNote, Mail, Seller, User
from tests.world import AT

if TYPE_CHECKING:
    from tests.world import World


def waiting_note(world: World) -> CreditNote:
    Seller.update(approval_over_minor=10_000).execute()
    said = credit_notes.CreditContent(shape="full", reason_code="error", reason="Billed twice")
    return credit_notes.create(world.issued().id, said, by=world.sam, at=AT)


@pytest.mark.parametrize(
    ("threshold", "minor", "currency", "expected"),
    [
        (None, 10**12, "GBP", False),
        (None, 10**12, "EUR", False),
        (10_000, 10_000, "GBP", False),
        (10_000, 10_001, "GBP", True),
        (0, 1, "GBP", True),
        (10_000, 1, "EUR", True),
    ],
)
def test_above_the_threshold_and_in_other_currencies_two_are_needed(
    world: World, threshold: int | None, minor: int, currency: str, *, expected: bool
) -> None:
    Seller.update(approval_over_minor=threshold).execute()
    assert approvals.needed(minor, currency) is expected
    assert approvals.needed(minor, currency, by=world.sam) is expected
    assert not approvals.needed(minor, currency, by=SYSTEM)


def test_nobody_decides_their_own(world: World) -> None:
    note = waiting_note(world)
    for approved in (True, False):
        with pytest.raises(approvals.OwnRequest):
            credit_notes.decide(note.id, approved=approved, note="", by=world.sam, at=AT)
    with pytest.raises(DatabaseError), db.transaction():
        Approval.update(decided_by=world.sam.user_id, decided_at=AT, approved=True).execute()
    assert approvals.waiting()[0].requested_by_id == world.sam.user_id


def test_a_viewer_a_customer_and_somebody_disabled_decide_nothing(world: World) -> None:
    note = waiting_note(world)
    User.update(disabled_at=AT).where(User.id == world.ada.user_id).execute()
    for who in (world.vic, world.alice, world.ada, SYSTEM):
        with pytest.raises(approvals.MayNotDecide):
            credit_notes.decide(note.id, approved=True, note="", by=who, at=AT)
    assert CreditNote.get_by_id(note.id).status == "awaiting"


def test_an_admin_decides_what_somebody_else_asked_for(world: World) -> None:
    User.update(role="admin").where(User.id == world.ada.user_id).execute()
    note = waiting_note(world)
    credit_notes.decide(note.id, approved=True, note="Checked", by=world.ada, at=AT)
    approval = approvals.about(credit_note_id=note.id)
    assert approval is not None
    assert (approval.approved, approval.note, approval.decided_by_id) == (True, "Checked", world.ada.user_id)
    assert approvals.words_of(approval).endswith("Ada Osei approved it: Checked.")


def test_what_was_decided_is_no_longer_in_the_queue(world: World) -> None:
    note = waiting_note(world)
    (row,) = approvals.waiting()
    assert approvals.get(row.id) == row
    assert "Nobody has decided yet" in approvals.words_of(Approval.get())
    credit_notes.decide(note.id, approved=False, note="", by=world.ada, at=AT)
    assert approvals.waiting() == []
    with pytest.raises(approvals.AlreadyDecided, match="Ada Osei has declined this already"):
        approvals.get(row.id)
    with pytest.raises(approvals.NoSuchApproval):
        approvals.get(999_999)


def threshold(world: World, minor: int | None) -> list[str]:
    """Sam sets the threshold; gives who was mailed about it."""
    told = Mail.event == outbox.APPROVAL_LOOSENED
    before = Mail.select().where(told).count()
    policy = seller.SellerPolicy(approval_over_minor=minor)
    seller.save_policy(policy, version=seller.get().version, by=world.sam, at=AT)
    return [mail.recipient for mail in Mail.select().where(told).order_by(Mail.id)][before:]


def test_whoever_decides_is_told_each_time_that_less_takes_a_second_person(world: World) -> None:
    deciders = ["sam@alderfinch.example", "ada@alderfinch.example"]
    assert threshold(world, 50_000) == []
    assert threshold(world, 10_000) == []
    assert threshold(world, 10_001) == deciders
    assert threshold(world, None) == deciders
    assert threshold(world, None) == []
    assert threshold(world, 0) == []
    User.update(disabled_at=AT).where(User.id == world.ada.user_id).execute()
    assert threshold(world, None) == ["sam@alderfinch.example"]
