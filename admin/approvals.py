"""Approvals: what waits for a second person, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import abort, flash, render_template, request, url_for

from admin import admin
from admin.afterwards import after_credit_note, after_refund
from billing import approvals, clock, corrections, credit_notes, refunds, write_offs
from web import hx
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flask.typing import ResponseReturnValue

    from billing.actors import Actor
    from billing.approvals import Waiting


@admin.get("/approvals", endpoint="approvals")
@staff_only
def show_list() -> ResponseReturnValue:
    """The queue, oldest first: what would happen, who asked, and the decision for who may make it."""
    mine = person().actor.user_id
    return render_template(
        "admin/approvals/list.html",
        waiting=approvals.waiting(),
        reasons=credit_notes.REASONS,
        mine=mine,
        may_decide=person().role in approvals.DECIDING_ROLES,
    )


@admin.post("/approvals/<int:approval_id>", endpoint="decide_approval")
@staff_role(*approvals.DECIDING_ROLES)
@once
def decide(approval_id: int) -> ResponseReturnValue:
    """Approve or decline; nobody decides their own."""
    waiting = approvals.get(approval_id)
    approved, note = decision_sent()
    DECIDE[waiting.kind](waiting, approved=approved, note=note, by=person().actor, at=clock.now())
    flash("Approved. It is done." if approved else "Declined. Whoever asked sees your note.", "success")
    return hx.go(url_for(".approvals"))


def decision_sent() -> tuple[bool, str]:
    """Whether the form approves, and its note; 400 where it was sent without one of its two buttons."""
    decision = request.form.get("decision", "")
    if decision not in {"approve", "decline"}:
        abort(400)
    return decision == "approve", request.form.get("note", "").strip()[: approvals.LONGEST_NOTE]


def _credit_note(waiting: Waiting, *, approved: bool, note: str, by: Actor, at: datetime) -> None:
    after_credit_note(corrections.decide(waiting.subject_id, approved=approved, note=note, by=by, at=at))


def _refund(waiting: Waiting, *, approved: bool, note: str, by: Actor, at: datetime) -> None:
    after_refund(refunds.decide(waiting.subject_id, approved=approved, note=note, by=by, at=at))


def _write_off(waiting: Waiting, *, approved: bool, note: str, by: Actor, at: datetime) -> None:
    write_offs.decide(waiting.subject_id, approved=approved, note=note, by=by, at=at)


DECIDE: dict[str, Callable[..., None]] = {"credit_note": _credit_note, "refund": _refund, "write_off": _write_off}
