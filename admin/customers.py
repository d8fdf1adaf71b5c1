"""Customers: whom we bill, who receives their mail, and what they owe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import flash, render_template, request, url_for

from admin import admin, reading
from admin.settings import LOCALES, selling
from billing import clock, customers, invoices, money
from web import forms, hx
from web.filters import today
from web.people import person, staff_only, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from billing.tables import Customer

PAGE = "admin/customers/edit.html"
FORM = (PAGE, "admin/customers/_form.html")
PER_PAGE = 50
LONGEST_SEARCH = 100
NO_LATE_FEES = "no_late_fees"  # a box: who is not asked is charged as the rule says
MOST_CONTACTS = 50
TEXTS = ("name", "legal_name", "address", "country", "tax_id", "currency", "locale", "terms_days")
_CONTACT_FIELD = re.compile(r"contacts-([0-9]{1,3})-[a-z_]+")
_KEY = re.compile(r".{0,200}\|[0-9]{1,9}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedContact:
    """A row of the contacts as it was typed."""

    name: str = ""
    email: str = ""
    receives_invoices: bool = True


@admin.get("/customers", endpoint="customers")
@staff_only
def show_list() -> ResponseReturnValue:
    """Customers by name, each with what it owes."""
    q = request.args.get("q", "").strip()[:LONGEST_SEARCH]
    after = request.args.get("after", "")
    after = after if _KEY.fullmatch(after) else ""
    found = customers.page(after=after, q=q, limit=PER_PAGE)
    rows = found[:PER_PAGE]
    return hx.respond(
        "admin/customers/list.html",
        "admin/customers/_results.html",
        q=q,
        after=after,
        rows=rows,
        balances=customers.balances([customer.id for customer in rows]),
        next_key=f"{rows[-1].search_name}|{rows[-1].id}" if len(found) > PER_PAGE else None,
    )


@admin.get("/customers/<int:customer_id>", endpoint="customer")
@staff_only
def show_customer(customer_id: int) -> ResponseReturnValue:
    """One customer: what it owes, who receives its mail, its invoices."""
    customer = customers.get(customer_id)
    page = invoices.admin_page(
        tab="all", on=today(), customer_ids=[customer_id], after=request.args.get("after"), limit=25
    )
    return render_template(
        "admin/customers/show.html",
        customer=customer,
        contacts=customers.contacts(customer_id),
        balances=customers.balances([customer_id]).get(customer_id, []),
        page=page,
        home_currency=customer.currency,
    )


@admin.route("/customers/new", methods=["GET", "POST"], endpoint="new_customer")
@staff_role("admin")
@once
def new_customer() -> ResponseReturnValue:
    """Add a customer with its contacts."""
    if request.method == "GET":
        return forms.show(*FORM, **_shown(_usual(), [TypedContact()], None))
    typed, contacts = _sent()
    forms.shown_again(*FORM, **_shown(typed, contacts, None))
    if "add" in request.form:
        return _with_a_row(typed, contacts, None)
    customer = customers.create(_read(typed, contacts), by=person().actor, at=clock.now())
    flash(f"{customer.name} is added.", "success")
    return hx.go(url_for(".customer", customer_id=customer.id))


@admin.route("/customers/<int:customer_id>/edit", methods=["GET", "POST"], endpoint="edit_customer")
@staff_role("admin")
@once
def edit_customer(customer_id: int) -> ResponseReturnValue:
    """Change a customer. Issued invoices keep what they say."""
    customer = customers.get(customer_id)
    if request.method == "GET":
        return forms.show(*FORM, **_shown(*_stored(customer), customer))
    typed, contacts = _sent()
    forms.shown_again(*FORM, **_shown(typed, contacts, customer))
    if "add" in request.form:
        return _with_a_row(typed, contacts, customer)
    version = reading.number(typed["version"])
    customers.edit(customer_id, _read(typed, contacts), version=version, by=person().actor, at=clock.now())
    flash("The customer is saved. Invoices issued before keep what they say.", "success")
    return hx.go(url_for(".customer", customer_id=customer_id))


def _with_a_row(
    typed: Mapping[str, str], contacts: list[TypedContact], customer: Customer | None
) -> ResponseReturnValue:
    """The form with a contact row more. Nothing is saved."""
    return forms.show(*FORM, **_shown(typed, [*contacts, TypedContact()][:MOST_CONTACTS], customer), added=True)


def _sent() -> tuple[dict[str, str], list[TypedContact]]:
    typed = {name: request.form.get(name, "").replace("\r\n", "\n") for name in (*TEXTS, "version", NO_LATE_FEES)}
    numbers = sorted({int(match[1]) for name in request.form if (match := _CONTACT_FIELD.fullmatch(name))})
    contacts = [
        TypedContact(
            name=request.form.get(f"contacts-{number}-name", ""),
            email=request.form.get(f"contacts-{number}-email", ""),
            receives_invoices=f"contacts-{number}-receives_invoices" in request.form,
        )
        for number in numbers
    ]
    if "add" not in request.form:
        contacts = [contact for contact in contacts if (contact.name + contact.email).strip()]
    return typed, contacts or [TypedContact()]


def _read(typed: Mapping[str, str], contacts: list[TypedContact]) -> customers.CustomerDetails:
    found = reading.Reading()
    usual = selling().terms_days
    terms_days = found.take(
        "terms_days", lambda: reading.days(typed["terms_days"], "terms_days", otherwise=usual), usual
    )
    found.refuse_problems()
    plain = {name: typed[name].strip() for name in TEXTS if name not in {"terms_days", "address"}}
    return customers.CustomerDetails(
        **plain | {"legal_name": plain["legal_name"] or plain["name"], "country": plain["country"].upper()},
        address=reading.rows(typed["address"]),
        terms_days=terms_days,
        late_fees=not typed[NO_LATE_FEES],
        contacts=tuple(
            customers.ContactDetails(
                name=contact.name.strip() or contact.email.partition("@")[0],
                email=contact.email.strip(),
                receives_invoices=contact.receives_invoices,
            )
            for contact in contacts
            if (contact.name + contact.email).strip()
        ),
    )


def _usual() -> dict[str, str]:
    """What a new customer begins with: the seller's own country, currency and terms."""
    own = selling()
    kept = {"country": own.country, "currency": own.currency, "locale": own.locale, "terms_days": str(own.terms_days)}
    return dict.fromkeys(TEXTS, "") | kept | {"version": "0", NO_LATE_FEES: ""}


def _stored(customer: Customer) -> tuple[dict[str, str], list[TypedContact]]:
    typed = {name: str(getattr(customer, name)) for name in (*TEXTS, "version")}
    contacts = [
        TypedContact(name=contact.name, email=contact.email, receives_invoices=contact.receives_invoices)
        for contact in customers.contacts(customer.id)
    ]
    typed |= {"address": "\n".join(customer.address), NO_LATE_FEES: "" if customer.late_fees else "1"}
    return typed, contacts or [TypedContact()]


def _shown(typed: Mapping[str, str], contacts: list[TypedContact], customer: Customer | None) -> dict[str, Any]:
    return {
        "typed": typed,
        "contacts": contacts,
        "customer": customer,
        "currencies": [(code, code) for code in money.CURRENCIES],
        "locales": LOCALES,
    }
