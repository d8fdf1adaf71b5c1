"""Customers: the businesses that are billed, and the contacts who receive their mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peewee import fn

from billing import audit, emails, formatting, money, users
from billing.db import transaction
from billing.errors import Conflict, Invalid, Missing
from billing.tables import Contact, Customer, CustomerBalance, Invoice

if TYPE_CHECKING:
    from datetime import datetime

    from billing.actors import Actor


class CustomerChanged(Conflict):
    """Two people edited one customer at once."""

    def __init__(self) -> None:
        super().__init__("Somebody changed this customer meanwhile. Check the details and save again.")


class CurrencyInUse(Conflict):
    """A customer with invoices keeps its currency."""

    def __init__(self, currency: str) -> None:
        super().__init__(f"This customer has invoices in {currency}, so its currency stays.", field="currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDetails:
    """A person who receives mail for a customer."""

    name: str
    email: str
    receives_invoices: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDetails:
    """Everything the customer form asks for. `late_fees` says whether the seller's rule is for this customer too."""

    name: str
    legal_name: str
    address: tuple[str, ...]
    country: str
    currency: str
    locale: str = "en_GB"
    tax_id: str = ""
    terms_days: int = 30
    late_fees: bool = True
    contacts: tuple[ContactDetails, ...] = ()


def get(customer_id: int) -> Customer:
    """One customer. Raises Missing."""
    customer: Customer | None = Customer.get_or_none(Customer.id == customer_id)
    if customer is None:
        raise Missing("We cannot find that customer.")
    return customer


def contacts(customer_id: int) -> list[Contact]:
    """The customer's contacts, in the order they were added."""
    mine = (Contact.customer == customer_id) & Contact.removed_at.is_null()
    return list(Contact.select().where(mine).order_by(Contact.id))


def recipients(customer_id: int) -> list[Contact]:
    """The contacts to whom invoices are mailed."""
    return [contact for contact in contacts(customer_id) if contact.receives_invoices]


def page(*, after: str = "", q: str = "", limit: int = 50) -> list[Customer]:
    """Customers by name, from the one after `after` (a "name|id" key), whose name contains `q`."""
    query = Customer.select().order_by(Customer.search_name, Customer.id).limit(limit + 1)
    if q:
        query = query.where(Customer.search_name.contains(q.casefold()))
    if after:
        name, _, last_id = after.rpartition("|")
        beyond = (Customer.search_name == name) & (Customer.id > int(last_id or 0))
        query = query.where((Customer.search_name > name) | beyond)
    return list(query)


def everyone(limit: int = 1000) -> list[Customer]:
    """The first customers by name, for the list a draft chooses from."""
    return list(Customer.select().order_by(Customer.search_name, Customer.id).limit(limit))


def balance(customer_id: int, currency: str) -> CustomerBalance:
    """What the customer owes and has in credit; zeros where nothing was ever booked."""
    found: CustomerBalance | None = CustomerBalance.get_or_none(
        (CustomerBalance.customer == customer_id) & (CustomerBalance.currency == currency)
    )
    return found or CustomerBalance(customer=customer_id, currency=currency, receivable_minor=0, credit_minor=0)


def balances(customer_ids: list[int]) -> dict[int, list[CustomerBalance]]:
    """The balances of several customers in one statement."""
    found: dict[int, list[CustomerBalance]] = {}
    for row in CustomerBalance.select().where(CustomerBalance.customer.in_(customer_ids)):
        found.setdefault(row.customer_id, []).append(row)
    return found


def create(details: CustomerDetails, *, by: Actor, at: datetime) -> Customer:
    """Add a customer with its contacts. Raises Invalid with the words for each field."""
    _refuse_what_is_wrong(details)
    with transaction():
        customer = Customer.create(created_at=at, **_columns(details))
        facts = {"name": details.name, **_set_contacts(customer.id, details.contacts, at=at)}
        audit.record("customer.created", f"customer:{customer.id}", by=by, at=at, facts=facts)
    return customer


def edit(customer_id: int, details: CustomerDetails, *, version: int, by: Actor, at: datetime) -> Customer:
    """Change a customer. Issued documents keep what was frozen into them. Raises CustomerChanged, CurrencyInUse."""
    _refuse_what_is_wrong(details)
    with transaction():
        before = get(customer_id)
        if before.currency != details.currency and Invoice.select().where(Invoice.customer == customer_id).exists():
            raise CurrencyInUse(before.currency)
        moved = (
            Customer.update(version=Customer.version + 1, **_columns(details))
            .where((Customer.id == customer_id) & (Customer.version == version))
            .execute()
        )
        if moved != 1:
            raise CustomerChanged
        people = _set_contacts(customer_id, details.contacts, at=at)
        facts = {"before": before.legal_name, "after": details.legal_name, **people}
        audit.record("customer.edited", f"customer:{customer_id}", by=by, at=at, facts=facts)
    return get(customer_id)


def count() -> int:
    """How many customers there are, up to 1,001."""
    first = Customer.select(Customer.id).limit(1001)
    return int(first.select(fn.COUNT(1)).from_(first).scalar() or 0)


def _columns(details: CustomerDetails) -> dict[str, object]:
    return {
        "name": details.name,
        "legal_name": details.legal_name,
        "search_name": details.name.casefold(),
        "address": list(details.address),
        "country": details.country.upper(),
        "tax_id": details.tax_id,
        "currency": details.currency,
        "locale": details.locale,
        "terms_days": details.terms_days,
        "late_fees": details.late_fees,
    }


def _set_contacts(customer_id: int, wanted: tuple[ContactDetails, ...], *, at: datetime) -> dict[str, list[str]]:
    """Add, change and take away contacts by email, and tell who may now sign in and who no longer may.

    The row of one who is gone stays, since mailed links name it.
    """
    known = {contact.email: contact for contact in Contact.select().where(Contact.customer == customer_id)}
    let_in, let_out = [], []
    for contact in wanted:
        email = emails.plain(contact.email)
        values = {"name": contact.name, "receives_invoices": contact.receives_invoices, "removed_at": None}
        found = known.pop(email, None)
        if found is None:
            Contact.insert(customer=customer_id, email=email, **values).execute()
        else:
            Contact.update(values).where(Contact.id == found.id).execute()
        if users.let_in(email, contact.name, customer_id, at=at):
            let_in.append(email)
    for gone in known.values():
        if gone.removed_at is None:
            Contact.update(receives_invoices=False, removed_at=at).where(Contact.id == gone.id).execute()
            if users.let_out(gone.email, customer_id):
                let_out.append(gone.email)
    return {"let_in": let_in, "let_out": let_out}


def _refuse_what_is_wrong(details: CustomerDetails) -> None:
    required = {"name": "Enter the customer's name", "legal_name": "Enter the customer's legal name"}
    problems = {field: words for field, words in required.items() if not 1 <= len(getattr(details, field)) <= 200}
    if details.legal_name == details.name:  # one empty field, one problem: the legal name follows the name
        problems.pop("legal_name", None)
    if not details.address:
        problems["address"] = "Enter the customer's address"
    if not formatting.is_country(details.country.upper()):
        problems["country"] = "Enter a two-letter country code, like GB"
    if details.currency not in money.CURRENCIES:
        problems["currency"] = "Choose a currency"
    if not 0 <= details.terms_days <= 365:
        problems["terms_days"] = "Enter a number of days from 0 to 365"
    seen: set[str] = set()
    for index, contact in enumerate(details.contacts):
        if not emails.is_email(contact.email):
            problems[f"contacts-{index}-email"] = "Enter an email address, like name@example.com"
        elif emails.plain(contact.email) in seen:
            problems[f"contacts-{index}-email"] = "This email address is listed twice"
        seen.add(emails.plain(contact.email))
    if problems:
        raise Invalid(problems)
