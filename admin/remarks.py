"""What is worth a look before an invoice goes out. A remark stops nobody; what must not be, the domain refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

WITH_BUYERS_TAX_ID = frozenset({"AE", "K"})  # EN 16931 BR-AE-02, BR-IC-02: the buyer is named by a tax number
WEEKEND = {5: "Saturday", 6: "Sunday"}


def before_issue(
    *,
    buyer: str,
    buyer_tax_id: str,
    seller_tax_id: str,
    categories: Collection[str],
    due_on: date,
    total_minor: int,
) -> list[str]:
    """The remarks, the weightiest first. `categories` are those of the invoice's taxes."""
    remarks = []
    if not buyer_tax_id and WITH_BUYERS_TAX_ID.intersection(categories):
        remarks.append(f"{buyer} has no VAT number. Reverse charge and EU supplies need it on the invoice.")
    if not seller_tax_id and categories:
        remarks.append("Your own VAT number is missing. Add it in Settings.")
    if not buyer_tax_id and not WITH_BUYERS_TAX_ID.intersection(categories):
        remarks.append(f"No VAT number is known for {buyer}.")
    if due_on.weekday() in WEEKEND:
        remarks.append(f"The due date is a {WEEKEND[due_on.weekday()]}.")
    if not total_minor:
        remarks.append("The total is zero, so it counts as paid at once.")
    return remarks
