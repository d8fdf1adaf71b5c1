"""Who did what, when: an append-only chain in which each row's hash covers the row before it.

Called last in every transaction: its head row is the last lock taken.
"""

from __future__ import annotations

import hashlib
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from billing.db import lock
from billing.tables import AuditHead, AuditRow

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

request_id: ContextVar[str] = ContextVar("request_id", default="")


def record(action: str, subject: str, *, by: Actor, at: datetime, facts: dict[str, Any] | None = None) -> None:
    """Chain one row: an action such as "invoice.issued" on a subject such as "invoice:12"."""
    head = lock(AuditHead.select().where(AuditHead.id == 1)).get()
    row = {
        "sequence": head.sequence + 1,
        "at": at,
        "actor": f"{by.key} {by.name}",
        "action": action,
        "subject": subject,
        "facts": json.dumps(facts or {}, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        "request_id": request_id.get(),
        "previous_hash": head.hash,
    }
    row["hash"] = _hash(row)
    AuditRow.insert(row).execute()
    AuditHead.update(sequence=row["sequence"], hash=row["hash"]).where(AuditHead.id == 1).execute()


def verify() -> list[str]:
    """What is wrong with the chain, a sentence each; empty when every row follows from the one before."""
    previous, expected = "", 1
    for row in AuditRow.select().order_by(AuditRow.sequence).dicts().iterator():
        if row["sequence"] != expected or row["previous_hash"] != previous:
            return [f"Audit row {row['sequence']} does not follow row {expected - 1}."]
        if _hash(row) != row["hash"]:
            return [f"Audit row {row['sequence']} was changed."]
        previous, expected = row["hash"], expected + 1
    head = AuditHead.get_by_id(1)
    if (head.sequence, head.hash) != (expected - 1, previous):
        return [f"The audit head says row {head.sequence}; the last row is {expected - 1}."]
    return []


def _hash(row: dict[str, Any]) -> str:
    covered = [
        str(row["sequence"]),
        row["at"].isoformat(timespec="microseconds"),
        row["actor"],
        row["action"],
        row["subject"],
        row["facts"],
        row["request_id"],
        row["previous_hash"],
    ]
    return hashlib.sha256("\x1f".join(covered).encode()).hexdigest()
