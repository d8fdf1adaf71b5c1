"""The editor: writing a draft, with totals that the server works out while somebody types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import flash, request, url_for

from admin import admin, draft_form, reading, tax_choices
from admin.settings import selling
from billing import clock, customers, dates, instalments, invoices
from billing.errors import Invalid
from billing.rendering.pages import CATEGORY_WORDS
from web import forms, hx
from web.filters import today
from web.people import person, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from admin.draft_form import Terms, TypedDraft
    from billing.tables import Customer, Invoice

PAGE = "admin/invoices/edit.html"
DEPOSIT_PPM = 300_000
FORM = (PAGE, "admin/invoices/_editor.html")


@admin.route("/invoices/new", methods=["GET", "POST"], endpoint="new_invoice")
@staff_role("admin")
@once
def new_invoice() -> ResponseReturnValue:
    """Write a new draft."""
    if request.method == "GET":
        return forms.show(*FORM, **_editor(_blank(), None))
    typed = draft_form.sent(request.form).said()
    forms.shown_again(*FORM, **_editor(typed, None))
    customer = _customer_of(typed)
    if customer is None:
        raise Invalid({"customer_id": "Choose a customer"})
    content = typed.content(_terms(None, customer))
    return _onward(invoices.draft(customer.id, content, by=person().actor, at=clock.now()))


@admin.route("/invoices/<int:invoice_id>/edit", methods=["GET", "POST"], endpoint="edit_invoice")
@staff_role("admin")
@once
def edit_invoice(invoice_id: int) -> ResponseReturnValue:
    """Change a draft."""
    invoice = _draft(invoice_id)
    if request.method == "GET":
        parts = instalments.of_draft(invoice)
        typed = draft_form.stored(invoice, invoices.lines(invoice_id), parts, locale=selling().locale)
        return forms.show(*FORM, **_editor(typed, invoice))
    typed = draft_form.sent(request.form).said()
    forms.shown_again(*FORM, **_editor(typed, invoice))
    content, version = typed.content(_terms(invoice, None)), reading.number(typed.version)
    return _onward(invoices.edit(invoice_id, content, version=version, by=person().actor, at=clock.now()))


@admin.post("/invoices/lines", endpoint="invoice_lines")
@staff_role("admin")
def change_lines() -> ResponseReturnValue:
    """Add a line, remove one, or draw them anew after a tax was chosen. Nothing is saved."""
    typed = draft_form.sent(request.form)
    if "remove" in request.form:
        typed = typed.without_line(reading.number(request.form["remove"]))
    if "add" in request.form:
        typed = typed.with_line(draft_form.TypedLine(tax=typed.lines[-1].tax, rate=typed.lines[-1].rate))
    return _redrawn("admin/invoices/_lines_changed.html", typed, added="add" in request.form)


@admin.post("/invoices/schedule", endpoint="invoice_schedule")
@staff_role("admin")
def change_schedule() -> ResponseReturnValue:
    """Add a part or remove one, split the total, ask for a deposit, or drop the schedule. Nothing is saved."""
    typed, unknown = draft_form.sent(request.form), ""
    if "remove_part" in request.form:
        typed = typed.without_part(reading.number(request.form["remove_part"]))
    elif "add_part" in request.form:
        typed = typed.with_part(draft_form.TypedPart())
    elif "no_parts" in request.form:
        typed = typed.with_schedule(())
    else:
        parts = _proposed(typed)
        typed = typed.with_schedule(parts) if parts else typed
        unknown = "" if parts else "Enter the items first: the total is not known yet"
    return _redrawn("admin/invoices/_schedule.html", typed, added_part="add_part" in request.form, unknown=unknown)


@admin.post("/invoices/totals", endpoint="invoice_totals")
@staff_role("admin")
def work_out_totals() -> ResponseReturnValue:
    """What stands in the editor comes to this much. Nothing is saved."""
    return _redrawn("admin/invoices/_totals_changed.html", draft_form.sent(request.form))


@admin.post("/invoices/<int:invoice_id>/delete", endpoint="remove_draft")
@staff_role("admin")
@once
def remove_draft(invoice_id: int) -> ResponseReturnValue:
    """Throw a draft away."""
    version = reading.number(request.form.get("version", ""))
    invoices.remove_draft(invoice_id, version=version, by=person().actor, at=clock.now())
    flash("The draft is removed.", "success")
    return hx.go(url_for(".invoices", tab="draft"))


def _onward(invoice: Invoice) -> ResponseReturnValue:
    if request.form.get("then") == "review":
        page = ".review_correction" if invoice.replaces_id else ".review_invoice"
        return hx.go(url_for(page, invoice_id=invoice.id))
    flash("The draft is saved.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice.id))


def _redrawn(partial: str, typed: TypedDraft, **context: Any) -> ResponseReturnValue:  # noqa: ANN401 - a template's context
    number = reading.number(request.form.get("invoice_id", ""))
    invoice = _draft(number) if number > 0 else None
    return forms.show(PAGE, partial, **_editor(typed, invoice), **context)


def _proposed(typed: TypedDraft) -> tuple[draft_form.TypedPart, ...]:
    """Equal parts a month apart, or a deposit and the rest; none while the total is not known."""
    number = reading.number(request.form.get("invoice_id", ""))
    terms = _terms(_draft(number) if number > 0 else None, _customer_of(typed))
    typed = typed.with_schedule(())
    (content, problems), total_minor = typed.read(terms), draft_form.total_minor(typed, terms)
    if problems or not total_minor:
        return ()
    first_on = content.due_on or dates.due_on(content.issue_on or today(), content.terms_days)
    count = reading.number(request.form.get("split", ""))
    if instalments.FEWEST_PARTS <= count <= instalments.MOST_PARTS:
        parts = instalments.equal_parts(total_minor, count, first_on=first_on)
    else:
        parts = instalments.with_deposit(DEPOSIT_PPM, rest_on=first_on)
    return draft_form.as_typed(parts, terms.currency, terms.locale)


def _draft(invoice_id: int) -> Invoice:
    """A draft. Raises Missing, InvoiceNotDraft."""
    invoice = invoices.get(invoice_id)
    if invoice.status != "draft":
        raise invoices.InvoiceNotDraft(invoice)
    return invoice


def _blank() -> TypedDraft:
    line = draft_form.TypedLine(tax=tax_choices.usual(selling().country))
    rate, days = draft_form.early_terms(selling().early_ppm, selling().early_days, locale=selling().locale)
    return draft_form.TypedDraft(
        customer_id=request.args.get("customer", ""), lines=(line,), early_rate=rate, early_days=days
    )


def _customer_of(typed: TypedDraft) -> Customer | None:
    number = reading.number(typed.customer_id)
    return customers.get(number) if number > 0 else None


def _terms(invoice: Invoice | None, customer: Customer | None) -> Terms:
    return draft_form.Terms(
        currency=invoice.currency if invoice else customer.currency if customer else selling().currency,
        rounding_rule=invoice.rounding_rule if invoice else selling().rounding_rule,
        terms_days=customer.terms_days if customer else invoice.terms_days if invoice else selling().terms_days,
        locale=selling().locale,
    )


def _editor(typed: TypedDraft, invoice: Invoice | None) -> dict[str, Any]:
    """What the editor shows: everything typed, what it comes to, and whom it is for."""
    customer = invoice.customer if invoice else _customer_of(typed)
    terms = _terms(invoice, customer)
    chosen = [line.tax for line in typed.lines]
    return {
        "typed": typed,
        "invoice": invoice,
        "customer": customer,
        "everyone": [] if invoice else _choosable(customer),
        "tax_words": CATEGORY_WORDS,
        "balance": customers.balance(customer.id, customer.currency) if customer else None,
        "recipients": customers.recipients(customer.id) if customer else [],
        "currency": terms.currency,
        "terms_days": terms.terms_days,
        "figures": draft_form.figures(typed, terms),
        "taxes": tax_choices.choices(selling().country, chosen=chosen, locale=terms.locale),
    }


def _choosable(customer: Customer | None) -> list[tuple[int, str]]:
    """The customers to choose from, with the one already chosen wherever it stands in the alphabet."""
    known = [(found.id, found.name) for found in customers.everyone()]
    chosen = [(customer.id, customer.name)] if customer else []
    return [*(pair for pair in chosen if pair not in known), *known]
