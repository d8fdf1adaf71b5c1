"""What templates may say: figures and days in the reader's locale, who is here, and the seller's name.

Pages compute nothing. Money goes through `{{ minor | money(currency) }}` and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g, request

from billing import clock, formatting, inbox, seller, sessions
from billing.tables import Seller
from web import people, submissions
from web.preferences import THEME_COOKIE, THEMES

if TYPE_CHECKING:
    from datetime import date, datetime

    from flask import Flask

    from billing.settings import Settings

PORTAL_NAV = (
    ("invoices", "portal.invoices", "receipt-text", "Invoices"),
    ("payments", "portal.payments", "check", "Payments"),
    ("credits", "portal.credits", "wallet", "Credits"),
    ("cards", "portal.cards", "credit-card", "Payment methods"),
)
ADMIN_NAV = (
    ("invoices", "admin.invoices", "receipt-text", "Invoices"),
    ("payments", "admin.payments", "landmark", "Payments"),
    ("inbox", "admin.inbox", "inbox", "Money inbox"),
    ("credit_notes", "admin.credit_notes", "file-minus", "Credit notes"),
    ("approvals", "admin.approvals", "shield-check", "Approvals"),
    ("customers", "admin.customers", "users", "Customers"),
    ("settings", "admin.settings", "settings", "Settings"),
)
ROLES = {"admin": "Admin", "approver": "Approver", "viewer": "Can look"}
FRESH = {"name": "Remit", "legal_name": "Remit", "tax_id": "", "email": "", "locale": "en_GB", "time_zone": "UTC"}


def register(app: Flask, settings: Settings) -> None:
    """Give every template its filters, globals and what it says about the person."""
    environment = app.jinja_env
    environment.filters.update(
        money=money,
        money_parts=money_parts,
        unit_price=unit_price,
        quantity=quantity,
        rate=rate,
        day=day,
        moment=moment,
        ago=ago,
        relative_due=relative_due,
    )
    environment.globals.update(
        seller=current_seller,
        person=people.person,
        form_id=submissions.form_id,
        today=today,
        demo=settings.demo,
        portal_nav=_known(app, PORTAL_NAV),
        admin_nav=_known(app, ADMIN_NAV),
        waiting_counts=waiting_counts,
    )
    app.context_processor(about_the_person)


def current_seller() -> Seller:
    """The seller, read once per request; a nameless stand-in on a fresh installation."""
    if "remit_seller" not in g:
        g.remit_seller = seller.find() or Seller(**FRESH)
    found: Seller = g.remit_seller
    return found


def today() -> date:
    """The seller's calendar day, the same for the whole request."""
    if "remit_today" not in g:
        g.remit_today = clock.today(current_seller().time_zone)
    found: date = g.remit_today
    return found


def waiting_counts() -> dict[str, int | str]:
    """How much waits for the billing team, by the entry of the navigation that leads there."""
    most = inbox.MOST_COUNTED
    return {key: count if count <= most else f"{most}+" for key, count in inbox.counts().items()}


def speak(locale: str) -> None:
    """Write figures and days of this request in `locale`: a page about one document speaks as the document does."""
    g.remit_locale = locale


def locale() -> str:
    """The locale of the page's document, else the reader's: the customer's at the portal, the seller's elsewhere."""
    if "remit_locale" not in g:
        customer = people.person().customer if people.face() == "portal" else None
        speak(customer.locale if customer else current_seller().locale)
    spoken: str = g.remit_locale
    return spoken


def money(minor: int, currency: str, *, code: bool = False) -> str:
    """Minor units in the reader's locale: £1,923.48."""
    return formatting.money(minor, currency, locale=locale(), code=code)


def money_parts(minor: int, currency: str, *, code: bool = False) -> formatting.MoneyParts:
    """The same in two parts, so that the minor part may be set smaller."""
    return formatting.money_parts(minor, currency, locale=locale(), code=code)


def unit_price(value: str, currency: str) -> str:
    """A price with all its decimals: £0.0125."""
    return formatting.unit_price(value, currency, locale=locale())


def quantity(value: str) -> str:
    """A quantity without idle zeros: 12, 1,234.5."""
    return formatting.quantity(value, locale=locale())


def rate(ppm: int) -> str:
    """Parts per million as per cent: 20%."""
    return formatting.rate(ppm, locale=locale())


def day(on: date, style: formatting.DayStyle = "medium") -> str:
    """A calendar day: 16 Nov 2026."""
    return formatting.day(on, style, locale=locale())


def moment(at: datetime, *, show_zone: bool = False) -> str:
    """An instant in the seller's zone: Today, 10:42; else 16 Nov 2026, 10:42."""
    zone = current_seller().time_zone
    return formatting.moment(at, zone, locale=locale(), today=today(), show_zone=show_zone)


def ago(at: datetime) -> str:
    """How long before now an instant was: 1 minute ago."""
    return formatting.ago(at, clock.now(), locale=locale())


def relative_due(due_on: date, on: date | None = None) -> str:
    """When it falls due, seen from `on` or from today: Due in 5 days, 6 days overdue."""
    return formatting.relative_due(due_on, on or today(), locale=locale())


def about_the_person() -> dict[str, Any]:
    """What the layouts say about who is here."""
    theme = request.cookies.get(THEME_COOKIE, "system")
    said: dict[str, Any] = {"theme": theme if theme in THEMES else "system"}
    if "remit_plain" in g:
        return said
    person = people.person()
    if person.user is not None:
        said["signed_in_as"] = person.user.email
    if person.kind == "staff" and person.user is not None:
        said |= {"staff_name": person.user.name, "staff_role": ROLES.get(person.role or "", "")}
    if person.kind == "customer":
        said["customer_name"] = person.customer.name if person.customer else ""
        said["may_switch"] = person.session is not None and sessions.may_switch(person.session)
    return said | {"guest": person.kind == "guest"}


def _known(app: Flask, entries: tuple[tuple[str, str, str, str], ...]) -> list[tuple[str, str, str, str]]:
    return [entry for entry in entries if entry[1] in app.view_functions]
