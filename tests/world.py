"""The cast and the makers: Acme and Globex are billed; Sam bills, Ada approves, Vic reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from billing import customers, invoices, seller
from billing.actors import SYSTEM, Actor
from billing.tables import Customer, Membership, User

if TYPE_CHECKING:
    from billing.tables import Invoice

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TODAY = AT.date()
BASE_URL = "http://localhost:8000"
SECRET_KEY = "a secret of the tests, 40 characters long"

SELLER = seller.SellerDetails(
    name="Alder & Finch",
    legal_name="Alder & Finch Ltd",
    address=("Unit 4, The Old Brewery", "Bristol BS1 6QF", "United Kingdom"),
    country="GB",
    tax_id="GB 318 4427 09",
    registration="Registered in England 09312345",
    email="billing@alderfinch.example",
    phone="0117 496 0120",
    bank=(("Sort code", "20-45-77"), ("Account", "6317 0942")),
    currency="GBP",
    time_zone="Europe/London",
    terms_text="Payment is due within 30 days.",
)


def line(
    description: str = "Espresso machine lease",
    quantity: str = "2",
    unit_price: str = "485.00",
    rate_ppm: int = 200_000,
    *,
    discount: invoices.DiscountContent | None = None,
) -> invoices.LineContent:
    """One line at a standard rate, or zero-rated where the rate is 0."""
    return invoices.LineContent(
        description=description,
        quantity=Decimal(quantity),
        unit_price=Decimal(unit_price),
        tax_category="S" if rate_ppm else "Z",
        tax_rate_ppm=rate_ppm,
        discount=discount or invoices.DiscountContent(),
    )


def content(
    *lines: invoices.LineContent, subject: str = "October services", po: str = "88213"
) -> invoices.DraftContent:
    """What a draft says; one line of 970.00 net where none is given."""
    return invoices.DraftContent(lines=lines or (line(),), subject=subject, po=po)


@dataclass(frozen=True, slots=True)
class World:
    """Two customers with two contacts and two people each, and three of the seller's staff."""

    acme: Customer
    globex: Customer
    sam: Actor
    ada: Actor
    vic: Actor
    alice: Actor  # of Acme
    bob: Actor  # of Acme
    gina: Actor  # of Globex

    def draft(self, customer: Customer | None = None, *lines: invoices.LineContent) -> Invoice:
        """A draft for Acme, or for the customer given."""
        return invoices.draft((customer or self.acme).id, content(*lines), by=self.sam, at=AT)

    def issued(
        self,
        customer: Customer | None = None,
        *lines: invoices.LineContent,
        on: date = TODAY,
        at: datetime = AT,
    ) -> Invoice:
        """An invoice of 1,164.00 to Acme issued today, or as given."""
        invoice = invoices.draft((customer or self.acme).id, content(*lines), by=self.sam, at=at)
        return invoices.issue(invoice.id, on=on, version=invoice.version, by=self.sam, at=at)

    def overdue(self, customer: Customer | None = None, *lines: invoices.LineContent) -> Invoice:
        """An invoice that was due 20 days ago."""
        at = AT - timedelta(days=50)
        return self.issued(customer, *lines, on=at.date(), at=at)


class Pen:
    """Draws any page as the same few bytes, for tests that are not about paper."""

    def render(self, html: str, **_: object) -> bytes:
        return b"%PDF-1.7 " + html.encode()


def make_world() -> World:
    """Fill an empty, migrated database with the cast."""
    seller.save(SELLER, version=0, by=SYSTEM, at=AT)
    acme = _customer("Acme", "alice@acme.example", "bob@acme.example")
    globex = _customer("Globex", "gina@globex.example", "greg@globex.example")
    _person("sam@alderfinch.example", "Sam Reyes", role="admin")
    _person("ada@alderfinch.example", "Ada Osei", role="approver")
    _person("vic@alderfinch.example", "Vic Lund", role="viewer")
    _person("alice@acme.example", "Alice Poole", customer=acme)
    _person("bob@acme.example", "Bob Hale", customer=acme)
    _person("gina@globex.example", "Gina Marsh", customer=globex)
    return find_world()


def find_world() -> World:
    """The cast of a database that make_world filled."""
    people = {user.email.split("@")[0]: _actor(user) for user in User.select()}
    named = {customer.name: customer for customer in Customer.select()}
    cast = {name: people[name] for name in ("sam", "ada", "vic", "alice", "bob", "gina")}
    return World(acme=named["Acme"], globex=named["Globex"], **cast)


def _customer(name: str, *emails: str) -> Customer:
    return customers.create(
        customers.CustomerDetails(
            name=name,
            legal_name=f"{name} Ltd",
            address=("12 Harbour Street", "Falmouth TR11 3XA", "United Kingdom"),
            country="GB",
            currency="GBP",
            contacts=tuple(customers.ContactDetails(name=email.split("@")[0].title(), email=email) for email in emails),
        ),
        by=SYSTEM,
        at=AT,
    )


def _person(email: str, name: str, *, role: str | None = None, customer: Customer | None = None) -> None:
    """A person who may sign in; a customer's contacts may already."""
    user = User.get_or_none(User.email == email) or User.create(email=email, name=name, role=role, created_at=AT)
    User.update(name=name).where(User.id == user.id).execute()
    if customer:
        assert Membership.select().where((Membership.user == user.id) & (Membership.customer == customer.id)).exists()


def _actor(user: User) -> Actor:
    return Actor("staff" if user.role else "customer", f"user:{user.id}", user.name, user.id)
