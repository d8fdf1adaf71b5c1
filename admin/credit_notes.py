"""Credit notes: the list, one with where its value went, and the form that credits an invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, render_template, request, url_for

from admin import admin, credit_form, reading
from admin.afterwards import after_credit_note
from admin.paper import credit_paper
from admin.settings import selling
from billing import approvals, clock, credit_notes, customers, documents, invoices, money, payments, refunds
from billing import credits as customer_credits
from billing.db import after_commit
from billing.errors import Refusal
from web import downloads, forms, hx
from web.filters import today
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask import Response
    from flask.typing import ResponseReturnValue

    from admin.credit_form import TypedCredit
    from billing.credit_notes import Preview, Remainder
    from billing.invoices import InvoiceRow
    from billing.tables import CreditNote

FORM = ("admin/credit_notes/credit.html", "admin/credit_notes/_credit.html")
PAGE = "admin/credit_notes/show.html"
USES = (PAGE, "admin/credit_notes/_uses.html")
MOST_NAMED = 20
LONGEST_SEARCH = 100
MOST_OPEN = 50


@admin.get("/credit-notes", endpoint="credit_notes")
@staff_only
def show_list() -> ResponseReturnValue:
    """Everybody's credit notes, newest first, searched by number or by a customer's name."""
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    named = customers.page(q=q, limit=MOST_NAMED) if q and not q[-1].isdigit() else []
    page = credit_notes.page(q=q, customer_ids=[one.id for one in named], after=request.args.get("after"))
    return hx.respond(
        "admin/credit_notes/list.html",
        "admin/credit_notes/_results.html",
        q=q,
        page=page,
        reasons=credit_notes.REASONS,
        home_currency=selling().currency,
    )


@admin.get("/credit-notes/<int:credit_note_id>", endpoint="credit_note")
@staff_only
def show_credit_note(credit_note_id: int) -> ResponseReturnValue:
    """One credit note: the document, where its value went, what is left."""
    note = credit_notes.get(credit_note_id)
    return render_template(PAGE, problems=[], errors={}, **_shown(note))


@admin.get("/credit-notes/<int:credit_note_id>.pdf", endpoint="credit_note_pdf")
@staff_only
def download(credit_note_id: int) -> Response:
    """The stored bytes, or 304 where the browser has them. One that waits has no document."""
    note = credit_notes.get(credit_note_id)
    if note.number is None:
        raise credit_notes.NoSuchCreditNote
    return downloads.pdf(documents.credit_note(credit_note_id), f"Credit-note-{note.number}")


@admin.post("/credit-notes/<int:credit_note_id>/apply", endpoint="apply_credit_note")
@staff_role("admin")
@once
def apply(credit_note_id: int) -> ResponseReturnValue:
    """Let it pay an open invoice of the same customer."""
    note = credit_notes.get(credit_note_id)
    forms.shown_again(*USES, **_shown(note, asked="apply"))
    invoice_id, minor = reading.number(request.form.get("invoice_id", "")), _amount(note)
    key, at = customer_credits.key_of_source(note), clock.now()
    after = payments.apply_credit(key, invoice_id, minor, customer_id=note.customer_id, by=person().actor, at=at)
    after_commit(lambda: payments.close_excessive([invoice_id], at=at))
    flash(f"{after.number} is paid with it as far as you said.", "success")
    return hx.go(url_for(".credit_note", credit_note_id=credit_note_id))


@admin.post("/credit-notes/<int:credit_note_id>/take-back", endpoint="take_back_credit_note")
@staff_role("admin")
@once
def take_back(credit_note_id: int) -> ResponseReturnValue:
    """Take it off an invoice again, which owes that again."""
    note = credit_notes.get(credit_note_id)
    forms.shown_again(*USES, **_shown(note, asked="take_back"))
    invoice_id, minor = reading.number(request.form.get("invoice_id", "")), _amount(note)
    reason = request.form.get("reason", "").replace("\r\n", "\n")
    key = customer_credits.key_of_source(note)
    after = customer_credits.take_back(key, invoice_id, minor, reason=reason, by=person().actor, at=clock.now())
    flash(f"{after.number} owes that again, and the credit is free.", "success")
    return hx.go(url_for(".credit_note", credit_note_id=credit_note_id))


@admin.route("/invoices/<int:invoice_id>/credit", methods=["GET", "POST"], endpoint="credit_invoice")
@staff_role("admin")
@once
def credit_invoice(invoice_id: int) -> ResponseReturnValue:
    """Credit an invoice: at once, or once a second person approved it."""
    left = credit_notes.creditable(invoice_id)
    if request.method == "GET":
        return forms.show(*FORM, **_form(_blank(left), left, None))
    typed = credit_form.sent(request.form)
    forms.shown_again(*FORM, **_form(typed, left, None))
    content = credit_form.content(typed, left, locale=selling().locale)
    preview = credit_notes.propose(invoice_id, content, by=person().actor, at=clock.now())
    if request.form.get("then") == "preview":
        return forms.show(*FORM, **_form(typed, left, preview))
    forms.shown_again(*FORM, **_form(typed, left, preview))
    note = credit_notes.create(invoice_id, content, by=person().actor, at=clock.now())
    after_credit_note(note)
    flash(_created(note), "success")
    return hx.go(url_for(".credit_note", credit_note_id=note.id))


@admin.post("/invoices/<int:invoice_id>/credit/preview", endpoint="preview_credit")
@staff_role("admin")
def preview_credit(invoice_id: int) -> ResponseReturnValue:
    """What the form comes to while somebody fills it in. Nothing is saved."""
    left, typed = credit_notes.creditable(invoice_id), credit_form.sent(request.form)
    preview, words = _tried(typed, left)
    shown = _form(typed, left, preview) | {"unfinished": words}
    return hx.respond(
        "admin/credit_notes/credit.html", "admin/credit_notes/_preview.html", problems=[], errors={}, **shown
    )


def _tried(typed: TypedCredit, left: Remainder) -> tuple[Preview | None, str]:
    """The preview, or why there is none yet; reasons may still be missing."""
    if not typed.reason_code or not typed.reason.strip():
        typed = credit_form.with_stand_ins(typed)
    try:
        content = credit_form.content(typed, left, locale=selling().locale)
        return credit_notes.propose(left.invoice.id, content, by=person().actor, at=clock.now()), ""
    except Refusal as refusal:
        return None, refusal.message


def _blank(left: Remainder) -> TypedCredit:
    asked = request.args.get("shape", "")
    shape = asked if asked in credit_form.SHAPES else "full"
    return credit_form.sent({"shape": shape, "destination": credit_form.PROPOSAL, "invoice": str(left.invoice.id)})


def _form(typed: TypedCredit, left: Remainder, preview: Preview | None) -> dict[str, Any]:
    invoice = left.invoice
    if preview is None and not request.form:
        preview, _ = _tried(typed, left)
    return {
        "typed": typed,
        "left": left,
        "invoice": invoice,
        "preview": preview,
        "unfinished": "",
        "reasons": [(code, credit_notes.REASONS[code]) for code in credit_notes.BY_PEOPLE],
        "open_invoices": _open_invoices(invoice.customer_id, invoice.currency),
        "refund_ways": _refund_ways(invoice.id),
        "earlier": credit_notes.for_invoice(invoice.id, issued_only=False),
    }


def _refund_ways(invoice_id: int) -> list[tuple[str, str]]:
    """How money may go back: through each payment that stands on the invoice, or otherwise."""
    found = credit_notes.payments_of(invoice_id)
    ways = [
        (f"original-{payment.id}", f"Back to {payment.method}, {payment.reference}")
        for payment, _ in found
        if payment.intent_id is not None
    ]
    return [*ways, ("bank", "By bank transfer"), ("cheque", "By cheque")]


def _open_invoices(customer_id: int, currency: str) -> list[InvoiceRow]:
    page = invoices.portal_page(customer_id, tab="open", on=today(), limit=MOST_OPEN)
    return [row for row in page.rows if row.currency == currency]


def _amount(note: CreditNote) -> int:
    return money.read(request.form.get("amount", ""), note.currency, locale=selling().locale, field="amount")


def _shown(note: CreditNote, *, asked: str = "") -> dict[str, Any]:
    approval = approvals.about(credit_note_id=note.id)
    credit = customer_credits.credit_of(note) if note.status == "issued" else None
    return {
        "note": note,
        "paper": credit_paper(note.frozen) if note.frozen else None,
        "lines": [] if note.frozen else credit_notes.lines(note.id),
        "reason_words": credit_notes.REASONS[note.reason_code],
        "applied": credit_notes.applied(note.id),
        "refunds": [row for row in refunds.for_invoice(note.invoice_id) if row.status != "declined"],
        "credit": credit,
        "open_invoices": _open_invoices(note.customer_id, note.currency) if credit and credit.available_minor else [],
        "approval": approvals.words_of(approval) if approval else "",
        "may_decide": approval is not None
        and approval.decided_at is None
        and approval.requested_by_id != person().actor.user_id
        and person().role in approvals.DECIDING_ROLES,
        "approval_id": approval.id if approval else None,
        "asked": asked,
        "typed": request.form,
    }


def _created(note: CreditNote) -> str:
    if note.status == "awaiting":
        return "The credit note waits for a second person. See Approvals."
    return f"{note.number} is issued. Its PDF is being drawn, then it is mailed."
