"""What crediting refuses, each with its facts and its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import formatting
from billing.errors import Conflict, Missing, Refusal

if TYPE_CHECKING:
    from billing.tables import Invoice, InvoiceLine

NOT_FOUND = "We cannot find that credit note."


class NoSuchCreditNote(Missing):
    """No credit note has that id, or it is another customer's."""

    def __init__(self) -> None:
        super().__init__(NOT_FOUND)


class InvoiceNotCreditable(Conflict):
    """A draft is edited and a void invoice had no effect: neither is credited."""

    def __init__(self, invoice: Invoice) -> None:
        words = "A draft is edited, not credited." if invoice.status == "draft" else "A void invoice is not credited."
        super().__init__(words)
        self.invoice = invoice


class InvoiceWrittenOff(Conflict):
    """What was given up is not credited as well: the customer would get money for what it never paid."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"Invoice {invoice.number} is written off. Reverse the write-off first.")
        self.invoice = invoice


class NothingLeftToCredit(Conflict):
    """Credit notes, issued or waiting, took all of the invoice."""

    def __init__(self, invoice: Invoice) -> None:
        super().__init__(f"Nothing is left to credit on invoice {invoice.number}.")
        self.invoice = invoice


class CreditExceedsInvoice(Conflict):
    """More than what is left of the invoice."""

    def __init__(self, invoice: Invoice, *, asked_minor: int, left_minor: int) -> None:
        left = formatting.money(left_minor, invoice.currency)
        super().__init__(f"Only {left} of invoice {invoice.number} is left to credit.", field="amount")
        self.asked_minor = asked_minor
        self.left_minor = left_minor


class NotALineOfInvoice(Refusal):
    """The form names a line the invoice does not have."""

    def __init__(self, line_id: int) -> None:
        super().__init__("This line is not on the invoice. Reload the page.", field="lines")
        self.line_id = line_id


class CreditExceedsLine(Conflict):
    """More than what is left of one line, in quantity or in money."""

    def __init__(self, line: InvoiceLine, *, left: str, field: str) -> None:
        super().__init__(f"Only {left} of “{line.description}” is left to credit.", field=field)
        self.line = line


class CreditExceedsGroup(Conflict):
    """More than what is left of one tax group, such as after a credit of a plain amount."""

    def __init__(self, *, words: str, left_minor: int, currency: str) -> None:
        left = formatting.money(max(left_minor, 0), currency)
        super().__init__(f"Only {left} net at {words} is left to credit on this invoice.", field="lines")
        self.left_minor = left_minor


class NothingCredited(Refusal):
    """What was entered comes to nothing."""

    def __init__(self) -> None:
        super().__init__("This credits nothing. Enter a quantity or an amount above zero.", field="lines")


class RestCancelsOut(Conflict):
    """The credit would take the invoice's whole total, and leave lines that cancel each other out."""

    def __init__(self) -> None:
        super().__init__("This takes the whole total but not every line. Credit the whole invoice instead.")


class DestinationsExceedCredit(Refusal):
    """More is sent somewhere than the credit note is worth."""

    def __init__(self, *, asked_minor: int, total_minor: int, currency: str) -> None:
        asked, total = (formatting.money(minor, currency) for minor in (asked_minor, total_minor))
        super().__init__(f"{asked} is sent somewhere, but the credit note comes to {total}.", field="destination")
        self.asked_minor = asked_minor
        self.total_minor = total_minor


class DestinationNotOpen(Conflict):
    """An invoice that the value should go to does not owe so much, or is not this customer's."""

    def __init__(self, invoice: Invoice | None, *, asked_minor: int) -> None:
        if invoice is None:
            words = "An invoice that this credit should pay cannot be found. Reload the page."
        else:
            owed = formatting.money(invoice.balance_minor, invoice.currency)
            words = f"Invoice {invoice.number} owes {owed}. Enter that or less."
        super().__init__(words, field=f"to-{invoice.id}" if invoice else "destination")
        self.asked_minor = asked_minor


class NothingToRefund(Refusal):
    """A refund without an amount or a way."""

    def __init__(self) -> None:
        super().__init__("Choose how the money goes back, and how much of it.", field="refund_by")
