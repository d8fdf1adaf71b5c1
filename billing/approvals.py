"""Approvals: above the seller's threshold, a second person decides on credit notes, refunds and write-offs.

What is asked for waits in its own noun; the row here says who asked and who decided. Nobody decides their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from billing import formatting, seller
from billing.db import execute, lock
from billing.errors import Conflict, Missing
from billing.tables import Approval, User
from billing.tables.base import Instant

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

Kind = Literal["credit_note", "refund", "write_off"]

DECIDING_ROLES = seller.DECIDING_ROLES
LONGEST_NOTE = 500
MOST_SHOWN = 200

_instant = Instant().python_value


class OwnRequest(Conflict):
    """Whoever asked for it cannot decide it."""

    def __init__(self, approval: Approval) -> None:
        super().__init__("You asked for this yourself. Somebody else decides it.")
        self.approval = approval


class MayNotDecide(Conflict):
    """Only approvers and admins decide."""

    def __init__(self) -> None:
        super().__init__("Only an approver or an admin can decide this.")


class NoSuchApproval(Missing):
    """Nothing with that id was ever asked for."""

    def __init__(self) -> None:
        super().__init__("We cannot find that request.")


class AlreadyDecided(Conflict):
    """Somebody decided it meanwhile, or it never waited."""

    def __init__(self, approval: Approval | None) -> None:
        words = "This does not wait for an approval."
        if approval is not None and approval.decided_by is not None:
            outcome = "approved" if approval.approved else "declined"
            words = f"{approval.decided_by.name} has {outcome} this already."
        super().__init__(words)
        self.approval = approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One row of the queue: who asks for what, and why. `method` is a refund's, `replacement_id` a correction's."""

    id: int
    kind: Kind
    subject_id: int
    customer_id: int | None
    customer_name: str
    invoice_id: int | None
    invoice_number: str
    minor: int
    currency: str
    reason_code: str
    reason: str
    method: str
    replacement_id: int | None
    requested_by_id: int
    requested_by: str
    requested_at: datetime


def needed(minor: int, currency: str, *, by: Actor | None = None) -> bool:
    """Whether that much (> 0, minor units) takes a second person.

    Where a threshold is set it is in the seller's currency, so other currencies always do; the system never does.
    """
    if by is not None and by.kind == "system":
        return False
    selling = seller.get()
    if selling.approval_over_minor is None:
        return False
    return currency != selling.currency or minor > selling.approval_over_minor


def request(
    *,
    minor: int,
    currency: str,
    customer_id: int | None,
    by: Actor,
    at: datetime,
    credit_note_id: int | None = None,
    refund_id: int | None = None,
    write_off_id: int | None = None,
) -> Approval:
    """Ask for a second person, inside the caller's transaction. One of the three ids says what it is about."""
    assert by.kind == "staff", "only staff asks for approvals"
    assert by.user_id is not None, "staff signed in"
    approval: Approval = Approval.create(
        credit_note=credit_note_id,
        refund=refund_id,
        write_off=write_off_id,
        customer=customer_id,
        minor=minor,
        currency=currency,
        requested_by=by.user_id,
        requested_at=at,
    )
    return approval


def decide(
    *,
    approved: bool,
    note: str,
    by: Actor,
    at: datetime,
    credit_note_id: int | None = None,
    refund_id: int | None = None,
    write_off_id: int | None = None,
) -> Approval:
    """Mark what a second person decided, inside the transaction of the noun's own verb, which does the rest.

    Raises AlreadyDecided, OwnRequest, MayNotDecide.
    """
    assert len(note) <= LONGEST_NOTE, "the form limits it"
    approval = about(credit_note_id=credit_note_id, refund_id=refund_id, write_off_id=write_off_id)
    if approval is None:
        raise AlreadyDecided(None)
    approval = lock(Approval.select().where(Approval.id == approval.id)).get()
    if approval.decided_at is not None:
        raise AlreadyDecided(approval)
    if approval.requested_by_id == by.user_id:
        raise OwnRequest(approval)
    if not may_decide(by):
        raise MayNotDecide
    Approval.update(decided_by=by.user_id, decided_at=at, approved=approved, note=note).where(
        (Approval.id == approval.id) & Approval.decided_at.is_null()
    ).execute()
    decided: Approval = Approval.get_by_id(approval.id)
    return decided


def about(
    *, credit_note_id: int | None = None, refund_id: int | None = None, write_off_id: int | None = None
) -> Approval | None:
    """The approval of one credit note, refund or write-off, if one was ever asked for."""
    given = {"credit_note": credit_note_id, "refund": refund_id, "write_off": write_off_id}
    named = {name: id_ for name, id_ in given.items() if id_ is not None}
    assert len(named) == 1, "an approval is about one thing"
    (name, id_), *_ = named.items()
    found: Approval | None = Approval.get_or_none(getattr(Approval, name) == id_)
    return found


def may_decide(by: Actor) -> bool:
    """Whether this person's role decides at all."""
    user: User | None = User.get_or_none((User.id == by.user_id) & User.disabled_at.is_null())
    return user is not None and user.role in DECIDING_ROLES


def words_of(approval: Approval) -> str:
    """What became of it, in a sentence for staff."""
    asked = f"{approval.requested_by.name} asked for approval of {formatting.money(approval.minor, approval.currency)}"
    if approval.decided_by is None:
        return f"{asked}. Nobody has decided yet."
    outcome = "approved" if approval.approved else "declined"
    note = f": {approval.note}" if approval.note else ""
    return f"{asked}. {approval.decided_by.name} {outcome} it{note}."


def get(approval_id: int) -> Waiting:
    """One that waits. Raises NoSuchApproval, AlreadyDecided."""
    found = _rows("a.id = ? AND a.decided_at IS NULL", (approval_id,))
    if not found:
        decided: Approval | None = Approval.get_or_none(Approval.id == approval_id)
        raise NoSuchApproval if decided is None else AlreadyDecided(decided)
    return found[0]


def waiting() -> list[Waiting]:
    """What waits for a second person, oldest first, at most MOST_SHOWN."""
    return _rows("a.decided_at IS NULL", ())


def _rows(where: str, values: tuple[Any, ...]) -> list[Waiting]:
    found = execute(  # the only words put in are the two conditions above and a constant limit
        f"""SELECT a.id, a.credit_note_id, a.refund_id, a.write_off_id, a.customer_id, COALESCE(k.name, ''),
            i.id, COALESCE(i.number, ''), a.minor, a.currency, COALESCE(c.reason_code, ''),
            COALESCE(c.reason, r.reason, w.reason, ''), COALESCE(r.method, ''), c.replacement_id,
            a.requested_by_id, u.name, a.requested_at
        FROM approval a JOIN users u ON u.id = a.requested_by_id
        LEFT JOIN credit_note c ON c.id = a.credit_note_id
        LEFT JOIN refund r ON r.id = a.refund_id
        LEFT JOIN write_off w ON w.id = a.write_off_id
        LEFT JOIN credit_note n ON n.id = r.credit_note_id
        LEFT JOIN invoice i ON i.id = COALESCE(c.invoice_id, r.invoice_id, n.invoice_id, w.invoice_id)
        LEFT JOIN customer k ON k.id = a.customer_id
        WHERE {where} ORDER BY a.id LIMIT {MOST_SHOWN}""",  # noqa: S608 - constants, see above
        values,
    ).fetchall()
    return [_waiting(*row) for row in found]


def _waiting(
    id_: int,
    note_id: int | None,
    refund_id: int | None,
    write_off_id: int | None,
    *rest: Any,  # noqa: ANN401 - columns
) -> Waiting:
    named: list[tuple[Kind, int | None]] = [
        ("credit_note", note_id), ("refund", refund_id), ("write_off", write_off_id),
    ]  # fmt: skip
    kind, subject_id = next((name, given) for name, given in named if given is not None)
    (customer_id, customer_name, invoice_id, number, minor, currency, code, reason, method, replacement_id, asker_id,
     asker, at) = rest  # fmt: skip
    return Waiting(
        id=id_,
        kind=kind,
        subject_id=subject_id,
        customer_id=customer_id,
        customer_name=customer_name,
        invoice_id=invoice_id,
        invoice_number=number,
        minor=int(minor),
        currency=currency,
        reason_code=code,
        reason=reason,
        method=method,
        replacement_id=replacement_id,
        requested_by_id=asker_id,
        requested_by=asker,
        requested_at=cast("datetime", _instant(at)),
    )
