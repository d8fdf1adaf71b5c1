"""What the mails about money that goes back, or did not come, are told: to the customer, chargebacks to the seller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billing import chargebacks, formatting, links, payments, refunds
from billing.tables import Attempt, Invoice

if TYPE_CHECKING:
    from billing.tables import Mail

WAYS = {
    "bank": " by bank transfer",
    "cheque": " by cheque",
    "cash": " in cash",
    "other": "",
}
IN_DAYS = "It takes 5 to 10 days to show."


def refund(mail: Mail) -> dict[str, Any]:
    """A refund that left, or came back."""
    row = refunds.get(mail.context["refund_id"])
    facts = [("Reference", row.reference), ("Of", row.source)]
    if row.invoice_number:
        facts.append(("Invoice", row.invoice_number))
    link_id = mail.context.get("link_id")
    by_card = row.method == "original"
    return {
        "minor": row.minor,
        "currency": row.currency,
        "way": f" to {row.card}" if by_card else WAYS[row.method],
        "when": IN_DAYS if by_card else "",
        "facts": facts,
        "link": links.url(link_id) if link_id else "",
    }


def bounce(mail: Mail, *, locale: str) -> dict[str, Any]:
    """A bank debit that did not come, for whoever paid; what is left to pay is said as it is now."""
    attempt: Attempt = Attempt.get_by_id(mail.context["attempt_id"])
    found = list(Invoice.select().where(Invoice.id.in_(payments.invoice_ids_of(attempt.id))).order_by(Invoice.position))
    link_id = mail.context["link_id"]
    alone = links.plain_url(str(found[0].number)) if len(found) == 1 else links.page_url("/invoices")
    return {
        "minor": attempt.minor,
        "currency": attempt.currency,
        "facts": [
            ("Reference", attempt.id),
            *((f"Invoice {invoice.number}", _still_owed(invoice, locale)) for invoice in found),
        ],
        "link": links.url(link_id) if link_id else alone,
    }


def _still_owed(invoice: Invoice, locale: str) -> str:
    if not invoice.balance_minor or invoice.next_due_on is None:
        return "nothing left to pay"
    due = formatting.day(invoice.next_due_on, "long", locale=locale)
    return f"{formatting.money(invoice.balance_minor, invoice.currency, locale=locale)} to pay, due {due}"


def chargeback(mail: Mail, *, time_zone: str, locale: str) -> dict[str, Any]:
    """A chargeback that was opened, for whoever answers it."""
    row = chargebacks.get(mail.context["chargeback_id"])
    taken = row.withdrawn_minor > 0
    deadline = ""
    if row.respond_by is not None and row.needs_answer:
        deadline = f"Answer by {formatting.moment(row.respond_by, time_zone, locale=locale)}"
    story = (
        "Your customer’s bank took this payment back. The invoices it paid are open again."
        if taken
        else "Your customer’s bank asks about this payment. Nothing was taken so far."
    )
    facts = [("Payment", row.payment_reference), ("Reason", row.reason.replace("_", " "))]
    if row.invoices:
        facts.append(("Invoices", ", ".join(number for _, number in row.invoices)))
    if deadline:
        facts.append(("Deadline", deadline.removeprefix("Answer by ")))
    return {
        "minor": row.minor,
        "currency": row.currency,
        "who": f", {row.customer_name}" if row.customer_name else "",
        "taken": taken,
        "story": story,
        "deadline": deadline,
        "facts": facts,
        "link": links.page_url(f"/admin/chargebacks/{row.id}"),
    }
