"""What the mails to the billing team itself are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing import formatting, links

if TYPE_CHECKING:
    from billing.tables import Mail


def approval_loosened(mail: Mail, *, locale: str) -> dict[str, Any]:
    """Less takes a second person than before, for everybody who decides on what does."""
    told = mail.context
    before, after = (
        "Never" if minor is None else f"Above {formatting.money(minor, told['currency'], locale=locale)}"
        for minor in (told["before_minor"], told["over_minor"])
    )
    return {
        "by": told["by"],
        "after": after,
        "facts": [("Before", before), ("Now", after), ("Changed by", told["by"])],
        "link": links.page_url("/admin/settings/payments"),
    }
