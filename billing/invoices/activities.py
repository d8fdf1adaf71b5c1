"""What happened to an invoice, in order and for good: the timeline both sides read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from billing.db import execute, is_sqlite
from billing.tables import Activity

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor

_NEXT = """INSERT INTO activity (invoice_id, sequence, kind, from_status, to_status, facts, customer_sees, actor, at)
    SELECT ?, COALESCE(MAX(sequence), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM activity WHERE invoice_id = ?"""


def add_activity(
    invoice_id: int,
    kind: str,
    *,
    by: Actor,
    at: datetime,
    facts: dict[str, Any] | None = None,
    customer_sees: bool = True,
    from_status: str | None = None,
    to_status: str | None = None,
) -> None:
    """Add one event under the caller's lock of the invoice. Kinds: drafted, edited, issued, viewed, paid, voided ..."""
    instant = Activity.at.db_value(at)
    execute(
        _NEXT if is_sqlite() else _NEXT.replace("?, ?, ?, ? FROM", "CAST(? AS JSONB), ?, ?, ? FROM"),
        (
            invoice_id,
            kind,
            from_status,
            to_status,
            json.dumps(facts or {}),
            customer_sees,
            by.name,
            instant,
            invoice_id,
        ),
    )


def activities(invoice_id: int, *, customer_sees_only: bool) -> list[Activity]:
    """The timeline, newest first: all of it for staff, what concerns the customer for the customer."""
    query = Activity.select().where(Activity.invoice == invoice_id).order_by(Activity.sequence.desc()).limit(100)
    if customer_sees_only:
        query = query.where(Activity.customer_sees)
    return list(query)
