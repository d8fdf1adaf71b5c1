"""Invoices for the billing team: the list, and one invoice with all that happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, request, url_for

from admin import admin, fees
from admin.paper import paper
from admin.settings import selling
from billing import clock, corrections, credit_notes, customers, invoices, outbox, payments, write_offs
from web import hx
from web.filters import current_seller, today
from web.people import person, staff_only

if TYPE_CHECKING:
    from datetime import date, datetime

    from flask.typing import ResponseReturnValue

    from billing.tables import Invoice

TAB_WORDS = {
    "all": "All", "draft": "Draft", "open": "Open", "overdue": "Overdue", "paid": "Paid", "credited": "Credited",
    "written_off": "Written off", "void": "Void",
}  # fmt: skip
MOST_NAMED = 20  # customers whose name a search may match
LONGEST_SEARCH = 100


@admin.context_processor
def said_everywhere() -> dict[str, Any]:
    """Whether the page may offer changes (each is checked again where it is made), and an instant's day."""
    return {"may_change": person().role == "admin", "on_day": _on_day}


@admin.get("/invoices", endpoint="invoices")
@staff_only
def show_list() -> ResponseReturnValue:
    """Everybody's invoices, by tab, searched by the beginning of a number or by a customer's name."""
    selling()
    tab = request.args.get("tab", "all")
    tab = tab if tab in invoices.ADMIN_TABS else "all"
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    named = customers.page(q=q, limit=MOST_NAMED) if q and not q[-1].isdigit() else []
    page = invoices.admin_page(
        tab=tab, on=today(), q=q, customer_ids=[customer.id for customer in named], after=request.args.get("after")
    )
    return hx.respond(
        "admin/invoices/list.html",
        "admin/invoices/_results.html",
        page=page,
        tab=tab,
        q=q,
        tabs=_tabs(tab, q),
        tab_words=TAB_WORDS,
        home_currency=selling().currency,
    )


@admin.get("/invoices/<int:invoice_id>", endpoint="invoice")
@staff_only
def show_invoice(invoice_id: int) -> ResponseReturnValue:
    """One invoice: the document, where it stands, whom it reached, what happened."""
    invoice = invoices.get(invoice_id)
    if invoice.status == "draft":
        snapshot = invoices.preview_of_issue(invoice, on=invoice.issue_on or today())
        return render_template("admin/invoices/draft.html", invoice=invoice, paper=paper(snapshot))
    activities = invoices.activities(invoice_id, customer_sees_only=False)
    return render_template(
        "admin/invoices/show.html",
        invoice=invoice,
        paper=paper(invoice.frozen),
        **_standing(invoice),
        **fees.beside(invoice, activities),
        activities=activities,
        deliveries=outbox.for_invoice(invoice_id),
    )


def _standing(invoice: Invoice) -> dict[str, Any]:
    """What was paid, who is paying, and what the badge says."""
    attempt = payments.in_flight(invoice.id) if invoice.balance_minor else None
    processing = attempt is not None and attempt.status == "processing"
    notes = [note for note in credit_notes.for_invoice(invoice.id, issued_only=False) if note.status != "declined"]
    return {
        "status": invoices.status_of(invoice, today(), processing=processing),
        "overdue": invoices.is_overdue(invoice, today()),
        "attempt": attempt,
        "applied": payments.applied_on(invoice.id) if invoice.balance_minor != invoice.total_minor else [],
        "may_void": invoice.status == "issued" and invoice.balance_minor == invoice.total_minor and not notes,
        "notes": notes,
        "write_off": write_offs.waiting_on(invoice),
        "replacements": corrections.replacements(invoice.id),
    }


def _on_day(at: datetime) -> date:
    return clock.day_of(at, current_seller().time_zone)


def _tabs(current: str, q: str) -> list[dict[str, Any]]:
    counts = invoices.admin_counts(on=today())
    return [
        {
            "label": words,
            "href": url_for(".invoices", tab=tab, q=q or None),
            "current": tab == current,
            "count": "1,000+" if counts[tab] > invoices.listing.MOST_COUNTED else counts[tab],
        }
        for tab, words in TAB_WORDS.items()
    ]
