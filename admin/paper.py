"""A frozen snapshot as the page draws it: the document's own words, figures and locale, its days as days."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.rendering.pages import CATEGORY_WORDS
from web import filters


def paper(snapshot: dict[str, Any]) -> dict[str, Any]:
    """What the document template needs, from what issuing froze or would freeze; the page speaks as it does."""
    filters.speak(snapshot["locale"])
    return snapshot | {
        "issue_on": date.fromisoformat(snapshot["issue_on"]),
        "due_on": date.fromisoformat(snapshot["due_on"]),
        "taxes": [group | {"words": CATEGORY_WORDS.get(group["category"])} for group in snapshot["taxes"]],
    }
