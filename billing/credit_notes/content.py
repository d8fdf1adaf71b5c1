"""What a credit note is to say: how much of an invoice, why, and where its value goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from billing.errors import Invalid

if TYPE_CHECKING:
    from decimal import Decimal

Shape = Literal["full", "lines", "amount"]

LONGEST_REASON = 500
REASONS = {
    "error": "Billing error",
    "return": "Returned goods",
    "goodwill": "Goodwill",
    "retro_discount": "Discount agreed later",
    "cancellation": "Cancelled order",
    "early_payment": "Early-payment discount",
    "fee_waived": "Fee waived",
    "other": "Other",
}
BY_PEOPLE = tuple(code for code in REASONS if code not in {"early_payment", "fee_waived"})
REFUND_METHODS = {
    "original": "Back to the card or bank it came from",
    "bank": "By bank transfer",
    "cheque": "By cheque",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePart:
    """What is credited of one line of the invoice: so many of its quantity, or so much net (minor units)."""

    line_id: int
    quantity: Decimal | None = None
    net_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPart:
    """What goes back to the customer: minor units, how, and for "original" which payment it goes back through."""

    minor: int
    method: str
    payment_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """Where the value goes: (invoice id, minor) pairs in order, then a refund; the rest stays customer credit."""

    invoices: tuple[tuple[int, int], ...] = ()
    refund: RefundPart | None = None

    @property
    def minor(self) -> int:
        """What they take together."""
        return sum(minor for _, minor in self.invoices) + (self.refund.minor if self.refund else 0)

    def stored(self) -> dict[str, Any]:
        """As the row keeps it while it waits, and for good."""
        refund = self.refund
        return {
            "invoices": [list(pair) for pair in self.invoices],
            "refund": refund and {"minor": refund.minor, "method": refund.method, "payment_id": refund.payment_id},
        }


def destinations_of(stored: dict[str, Any]) -> Destinations:
    """What a row keeps."""
    refund = stored.get("refund")
    return Destinations(
        invoices=tuple((int(invoice_id), int(minor)) for invoice_id, minor in stored.get("invoices", ())),
        refund=RefundPart(**refund) if refund else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditContent:
    """Everything the form asks for. `gross_minor` is for the shape "amount", `lines` for "lines".

    Without destinations the invoice itself is credited as far as it owes, and the rest stays customer credit.
    """

    shape: Shape
    reason_code: str
    reason: str
    lines: tuple[LinePart, ...] = ()
    gross_minor: int = 0
    destinations: Destinations | None = None


def refuse_what_is_wrong(content: CreditContent) -> None:
    """Raise Invalid with the words for each field that needs no look at the invoice."""
    problems: dict[str, str] = {}
    if content.reason_code not in REASONS:
        problems["reason_code"] = "Choose a reason"
    if not 1 <= len(content.reason.strip()) <= LONGEST_REASON:
        problems["reason"] = f"Say why, in {LONGEST_REASON} characters at most. The customer reads it."
    if content.shape == "amount" and content.gross_minor <= 0:
        problems["amount"] = "Enter the amount to credit, with tax"
    if content.shape == "lines" and not content.lines:
        problems["lines"] = "Enter a quantity or an amount for at least one line"
    if len({part.line_id for part in content.lines}) != len(content.lines):
        problems["lines"] = "Each line is credited once in a credit note"
    if problems:
        raise Invalid(problems)
