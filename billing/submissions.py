"""Forms that were sent: each carries an id made with its page, and its first outcome is kept for good.

Sent twice, by a double click or after a lost answer, it leads where it led first and does nothing again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing.errors import Conflict
from billing.tables import Submission

if TYPE_CHECKING:
    from datetime import datetime


class SentDifferently(Conflict):
    """The same form id with other content, or from somebody else."""

    def __init__(self) -> None:
        super().__init__("This form was sent before with other content. Reload the page and enter it again.")


def first_outcome(form_id: str, *, person: str, request_hash: str) -> str | None:
    """Where the form led when it was sent first; None if it never was. Raises SentDifferently."""
    sent: Submission | None = Submission.get_or_none(Submission.id == form_id)
    if sent is None:
        return None
    if (sent.person, sent.request_hash) != (person, request_hash):
        raise SentDifferently
    outcome: str = sent.outcome
    return outcome


def keep(form_id: str, *, person: str, request_hash: str, outcome: str, at: datetime) -> None:
    """Keep an outcome inside the transaction that brought it about; a second one with this id cannot commit."""
    Submission.insert(id=form_id, person=person, request_hash=request_hash, outcome=outcome, at=at).execute()
