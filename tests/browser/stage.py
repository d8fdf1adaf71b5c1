"""One installation in which every page has something to show: the cast, an invoice in each state, and a payment too.

It stands at the tests' moment, on SQLite; web server and sandbox are processes. Nothing changes it but the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING

from billing import customers, invoices, links, sessions, sign_in, users
from billing.actors import SYSTEM
from billing.tables import Link, User
from tests.browser import stage_cards, stage_credits, stage_fees, stage_money_back, stage_received
from tests.portal import scenes
from tests.web_fixtures import COOKIES
from tests.world import AT, line, make_world
from web.demo.mail_catcher import keep

if TYPE_CHECKING:
    from pathlib import Path

    from billing.actors import Actor
    from billing.tables import Customer, Invoice
    from tests.world import World

MANY = 45  # drafts, so that the admin's list has a next page


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is signed in with which cookie, which links a guest opened, and what the names in addresses stand for."""

    cookies: dict[str, dict[str, str]]
    opened: tuple[str, ...]
    names: dict[str, str]


def arrange(folder: Path) -> Scene:
    """Fill the database of this process, which is empty and migrated."""
    world = make_world()
    for minutes in range(2, 12, 2):  # five codes in a quarter of an hour are all there are
        sign_in.ask_code("often@acme.example", address="192.0.2.9", at=AT - timedelta(minutes=minutes))
    newcomer, busy = _customer("Newcomer"), _customer("Initech")
    hooli = _customer("Hooli")
    tried = world.overdue(hooli)  # before all others: numbers follow the dates
    found = _invoices(world)
    for number in range(MANY):
        world.draft(busy, line(f"Service {number}", "1", "120.00"))
    names = {name: str(invoice.number) for name, invoice in found.items()}
    names |= {f"{name}_id": str(invoice.id) for name, invoice in found.items()}
    names |= _attempts(world, found)
    draft = world.draft(world.acme, line(), line("Coffee beans", "12.5", "18.40", 0))
    names["credit"] = f"payment-{scenes.kept(world.acme, 25_000).id}"
    late = links.create(found["open"], recipient="late@acme.example", at=AT - timedelta(days=500))
    mails = folder / "mail"
    mails.mkdir()
    mail = keep(mails, a_mail(), recipients=["alice@acme.example"])
    names |= {
        "draft_id": str(draft.id),
        "acme_id": str(world.acme.id),
        "newcomer_id": str(newcomer.id),
        "late": links.token(late),
        "mail": mail.name,
    }
    both = users.create_customer_user("both@acme.example", "Bo Both", [world.acme.id, newcomer.id], by=SYSTEM, at=AT)
    fresh = users.create_customer_user("new@newcomer.example", "Nia New", [newcomer.id], by=SYSTEM, at=AT)
    lost = users.create_customer_user("lost@acme.example", "Lou Lost", [], by=SYSTEM, at=AT)
    hanna = users.create_customer_user("hanna@hooli.example", "Hanna Ho", [hooli.id], by=SYSTEM, at=AT)
    names |= stage_cards.arrange(world, hooli, users.actor(hanna), tried)
    umbrella = _customer("Umbrella")
    uma = users.create_customer_user("uma@umbrella.example", "Uma Umber", [umbrella.id], by=SYSTEM, at=AT)
    names |= stage_fees.arrange(world, umbrella, users.actor(uma), found["overdue"])
    wayne = _customer("Wayne")
    wanda = users.create_customer_user("wanda@wayne.example", "Wanda Way", [wayne.id], by=SYSTEM, at=AT)
    names |= stage_credits.arrange(world, wayne, users.actor(wanda))
    names |= stage_money_back.arrange(world, _customer("Soylent"))
    names |= stage_received.arrange(world, _customer("Stark"))
    people = {name: _cookie(_user(getattr(world, name))) for name in ("alice", "gina", "sam", "vic")}
    people |= {"both": _cookie(both), "newcomer": _cookie(fresh), "lost": _cookie(lost), "hanna": _cookie(hanna)}
    people["uma"] = _cookie(uma)
    opened = tuple(_link(found[name]) for name in ("paid", "void", "busy", "open"))
    return Scene(people | {"guest": {}, "nobody": {}}, opened, names)


def _invoices(world: World) -> dict[str, Invoice]:
    """One of each state, all of Acme but Globex's only one, which is paid."""
    lines = (
        line(),
        line("Coffee beans, washed, from one farm high in the mountains", "12.5", "18.40", 0),
        line("Training", "3", "65.00", discount=invoices.DiscountContent(kind="percent", value=100_000)),
    )
    found = {"overdue": world.overdue()}  # the oldest first: numbers follow the dates
    found |= {name: world.issued(world.acme, *lines) for name in ("open", "busy", "processing", "declined", "mine")}
    found |= {name: world.issued() for name in ("paid", "partly", "doomed", "changed", "begun")}
    found["void"] = invoices.void(found.pop("doomed").id, reason="Made twice", by=world.sam, at=AT)
    scenes.paid(found["partly"], 40_000, by=world.alice)
    scenes.paid(world.issued(world.globex), by=world.gina)
    return found


def _attempts(world: World, found: dict[str, Invoice]) -> dict[str, str]:
    """A payment in each state."""
    busy, declined = found["busy"], found["declined"]
    received = scenes.attempted(found["paid"], by=world.alice, status="succeeded")
    scenes.paid(found["paid"], by=world.alice, attempt=received)
    attempts = {
        "received": received,
        "on_its_way": scenes.attempted(found["processing"], by=world.alice, status="processing"),
        "checking": scenes.attempted(found["begun"], by=world.alice),
        "not_paid_yet": scenes.attempted(busy, by=world.bob, url="http://127.0.0.1:9/c/pay/cs_1", checked_at=AT),
        "declined_once": scenes.attempted(
            declined, by=world.alice, url="http://127.0.0.1:9/c/pay/cs_2", checked_at=AT, failure="card_declined"
        ),
        "mine_open": scenes.attempted(found["mine"], by=world.alice, url="http://127.0.0.1:9/c/pay/cs_3"),
        "cancelled": scenes.attempted(found["open"], by=world.alice, status="expired", failure="cancelled"),
        "failed": scenes.attempted(found["partly"], by=world.alice, status="failed", failure="card_declined"),
    }
    return {name: attempt.id for name, attempt in attempts.items()}


def a_mail() -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Invoice", "billing@alderfinch.example", "alice@acme.example"
    message["Date"] = "Sun, 22 Nov 2026 10:00:00 +0000"
    message.set_content("Pay here:\nhttp://localhost/i/abc\n")
    html = '<html lang="en"><head><title>Invoice</title></head><body><p>Pay</p></body></html>'
    message.add_alternative(html, subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="Invoice.pdf")
    return message.as_bytes()


def _customer(name: str) -> Customer:
    """A customer with one contact, beside the cast."""
    return customers.create(
        customers.CustomerDetails(
            name=name,
            legal_name=f"{name} Ltd",
            address=("1 New Street", "Leeds LS1 4AP"),
            country="GB",
            currency="GBP",
            contacts=(customers.ContactDetails(name="Nia New", email=f"nia@{name.lower()}.example"),),
        ),
        by=SYSTEM,
        at=AT,
    )


def _user(actor: Actor) -> User:
    assert actor.user_id is not None, "a person of the cast"
    return users.get(actor.user_id)


def _cookie(user: User) -> dict[str, str]:
    """What a browser carries after signing in."""
    theirs = users.customers_of(user.id)
    face: sessions.Face = "admin" if user.role else "portal"
    only = theirs[0].id if len(theirs) == 1 else None
    return {COOKIES[face]: sessions.start(user, face, at=AT, customer_id=only)}


def _link(invoice: Invoice) -> str:
    """The token of the link that was mailed to Alice."""
    link: Link = Link.get((Link.invoice == invoice.id) & (Link.recipient == "alice@acme.example"))
    return links.token(link.id)
