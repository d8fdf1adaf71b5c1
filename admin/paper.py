"""A frozen snapshot as the page draws it: the document's own words, figures and locale, its days as days."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.rendering.pages import CATEGORY_WORDS, UNSAID
from web import filters


def paper(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What the document template needs, from what issuing froze or would freeze; the page speaks as it does."""
    filters.speak(snapshot["locale"])
    return (
        UNSAID
        | snapshot
        | {
            "issue_on": date.fromisoformat(snapshot["issue_on"]),
            "due_on": date.fromisoformat(snapshot["due_on"]),
            "taxes": [group | {"words": CATEGORY_WORDS.get(group["category"])} for group in snapshot["taxes"]],
            "early": _with_days(snapshot.get("early")),
            "schedule": [_with_days(part) for part in snapshot.get("schedule", [])],
        }
    )


def credit_paper(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The same of a credit note."""
    filters.speak(snapshot["locale"])
    invoice = snapshot["invoice"]
    return snapshot | {
        "issue_on": date.fromisoformat(snapshot["issue_on"]),
        "invoice": invoice | {"issue_on": date.fromisoformat(invoice["issue_on"])},
        "taxes": [group | {"words": CATEGORY_WORDS.get(group["category"])} for group in snapshot["taxes"]],
    }


def _with_days(said: dict[str, Any] | None) -> dict[str, Any] | None:
    """A part of the snapshot with its days as days."""
    if said is None:
        return None
    return {name: date.fromisoformat(value) if name in {"until", "due_on"} else value for name, value in said.items()}
