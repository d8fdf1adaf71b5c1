"""Counts that no machine can blur: statements, plans and writes are the same at 5 invoices and at 300."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from bench.statements import Ran, counted
from billing import clock, customers, db, documents, gateway, invoices, payments, stripe_events
from billing.actors import SYSTEM
from billing.tables import StripeEvent
from tests.billing import paying
from tests.portal.scenes import attempted, paid
from tests.world import AT, TODAY, line
from web.demo.seed_gateway import Remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from billing.actors import Actor
    from billing.tables import Customer, Invoice
    from tests.databases import TestDatabase
    from tests.web_fixtures import Client
    from tests.world import World

FEW, MANY = 5, 300
MOST_STATEMENTS = {
    "portal list": 5,
    "portal list, all": 5,
    "portal list, overdue": 5,
    "portal list, paid": 5,
    "portal list, later page": 5,
    "portal list, searched": 5,
    "portal list, fragment": 4,
    "invoice page": 8,
    "invoice page of a guest": 6,
    "pay page": 16,
    "credits": 10,
    "past payments": 7,
    "stored PDF": 4,
    "stored PDF, known": 3,
    "issue": 20,
    "issue to two recipients": 21,
    "payment recorded": 42,
    "webhook repeat": 2,
}
EVENT = {
    "id": "evt_repeated",
    "object": "event",
    "type": "customer.updated",
    "api_version": "2026-10-28.endive",
    "created": int(AT.timestamp()),
    "livemode": False,
    "data": {"object": {"id": "cus_1", "object": "customer"}},
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted at FEW and at MANY invoices, and what a plan at MANY would read from end to end."""

    few: dict[str, Ran]
    many: dict[str, Ran]
    read_whole: dict[str, list[str]]


class DrawsNothing:
    """Draws without drawing: the bytes are not what is counted."""

    def render(self, html: str, *, title: str, **_: object) -> bytes:
        return f"%PDF-1.7 {title}".encode()


@dataclass(frozen=True, slots=True)
class Scene:
    """Acme with a number of invoices, and who asks for them."""

    world: World
    alice: Client
    guest: Client
    partly_paid: Invoice
    one_recipient: Customer
    came: Remembered = field(default_factory=Remembered)

    def counted(self) -> dict[str, Ran]:
        """Every page and every call, once each."""
        number = self.partly_paid.number
        paper = f"/invoices/{number}.pdf"
        tag = self.alice.get(paper).headers["ETag"]
        gets: dict[str, tuple[Client, str, dict[str, Any], int]] = {
            "portal list": (self.alice, "/invoices", {}, 200),
            "portal list, all": (self.alice, "/invoices?tab=all", {}, 200),
            "portal list, overdue": (self.alice, "/invoices?tab=overdue", {}, 200),
            "portal list, paid": (self.alice, "/invoices?tab=paid", {}, 200),
            "portal list, later page": (self.alice, f"/invoices?after={TODAY}~3", {}, 200),
            "portal list, searched": (self.alice, "/invoices?q=inv", {}, 200),
            "portal list, fragment": (self.alice, "/invoices?q=inv", {"hx": True}, 200),
            "invoice page": (self.alice, f"/invoices/{number}", {}, 200),
            "invoice page of a guest": (self.guest, f"/invoices/{number}", {}, 200),
            "pay page": (self.alice, f"/invoices/{number}/pay", {}, 200),
            "credits": (self.alice, "/credits", {}, 200),
            "past payments": (self.alice, "/payments", {}, 200),
            "stored PDF": (self.alice, paper, {}, 200),
            "stored PDF, known": (self.alice, paper, {"headers": {"If-None-Match": tag}}, 304),
        }
        found = {}
        for name, (client, path, more, status) in gets.items():
            with counted(steps=True) as found[name]:
                reply = client.get(path, **more)
            assert reply.status_code == status, f"{name}: {reply.status}"
        return found | {
            "issue": self._issued(self.one_recipient),
            "issue to two recipients": self._issued(self.world.globex),
            "payment recorded": self._paid(),
            "webhook repeat": self._repeated(),
        }

    def _issued(self, customer: Customer) -> Ran:
        draft = self.world.draft(customer, *(line(f"Service visit {place}") for place in range(5)))
        with counted(steps=True) as ran:
            invoices.issue(draft.id, on=TODAY, version=draft.version, by=self.world.sam, at=AT)
        return ran

    def _paid(self) -> Ran:
        invoice = self.world.issued()
        gateway.use(self.came)
        intent_id = self.came.pay(attempted(invoice, by=self.world.alice), "Visa ending 4242", AT)
        with counted(steps=True) as ran:
            payment = payments.settle(intent_id, at=AT)
        assert payment is not None, "the money came"
        return ran

    def _repeated(self) -> Ran:
        gateway.use(paying.Sandbox("http://127.0.0.1:9").gateway())
        deliver()
        with counted(steps=True) as ran:
            deliver()
        return ran


def deliver() -> None:
    payload = json.dumps(EVENT)
    done = stripe_events.receive(payload.encode(), paying.signed(payload), at=AT, real_at=AT)
    assert done, "Stripe need not send it again"


_known: dict[str, Figures] = {}


@pytest.fixture
def figures(database: TestDatabase, world: World, request: pytest.FixtureRequest) -> Iterator[Figures]:
    """The figures of this database, counted once for all tests here."""
    if database.kind not in _known:
        _known[database.kind] = _count(
            world,
            request.getfixturevalue("sign_in_as"),
            request.getfixturevalue("guest_of"),
        )
    yield _known[database.kind]
    gateway.use(None)


def _count(world: World, sign_in_as: Callable[[Actor], Client], guest_of: Callable[[Invoice], Client]) -> Figures:
    for _ in range(2):
        world.overdue()
    partly_paid, whole = world.issued(), world.issued()
    world.issued()
    paid(partly_paid, 10_00, by=world.alice)
    paid(whole, by=world.alice)
    documents.draw_due(DrawsNothing(), lambda _: "", at=clock.now())
    details = customers.CustomerDetails(
        name="Initech",
        legal_name="Initech Ltd",
        address=("1 Mill Lane",),
        country="GB",
        currency="GBP",
        contacts=(customers.ContactDetails(name="Ines Moor", email="ines@initech.example"),),
    )
    one_recipient = customers.create(details, by=SYSTEM, at=AT)
    scene = Scene(world, sign_in_as(world.alice), guest_of(partly_paid), partly_paid, one_recipient)
    few = scene.counted()
    with db.transaction():
        for place in range(MANY - FEW):
            invoice = world.issued()
            if place % 3 == 0:
                paid(invoice, by=world.alice)
    many = scene.counted()
    return Figures(few, many, {name: ran.whole_tables_read() for name, ran in many.items()})


def test_nothing_runs_more_statements_with_more_invoices(figures: Figures) -> None:
    few, many = ({name: ran.count for name, ran in found.items()} for found in (figures.few, figures.many))
    assert many == few


def test_every_page_and_call_stays_within_its_number_of_statements(figures: Figures) -> None:
    assert figures.many.keys() == MOST_STATEMENTS.keys()
    over = {name: ran.count for name, ran in figures.many.items() if ran.count > MOST_STATEMENTS[name]}
    assert not over


def test_no_statement_reads_a_growing_table_from_end_to_end(figures: Figures) -> None:
    assert {name: read for name, read in figures.read_whole.items() if read} == {}


@pytest.mark.usefixtures("world")
def test_a_statement_that_reads_a_whole_table_is_noticed() -> None:
    with counted() as ran:
        db.execute("SELECT COUNT(*) FROM invoice i WHERE i.notes LIKE ?", ("%late%",))
        db.execute("SELECT s.name FROM seller s JOIN invoice i ON i.id = ?", (1,))
    assert [read.partition(":")[0] for read in ran.whole_tables_read()] == ["invoice"]


def test_issuing_and_settling_take_no_more_steps_with_more_invoices(figures: Figures, database: TestDatabase) -> None:
    if database.kind != "sqlite":
        pytest.skip("PostgreSQL counts no steps; the plans speak for it")
    for name in ("invoice page", "stored PDF", "issue", "payment recorded", "webhook repeat"):
        assert figures.many[name].steps <= 1.2 * figures.few[name].steps, name


@pytest.mark.usefixtures("world")
def test_a_repeated_webhook_writes_nothing(database: TestDatabase) -> None:
    gateway.use(paying.Sandbox("http://127.0.0.1:9").gateway())
    deliver()
    before = _rows(database)
    with counted() as ran:
        deliver()
    gateway.use(None)
    assert StripeEvent.select().count() == 1
    assert ran.rows_written == 0
    assert _rows(database) == before


def _rows(database: TestDatabase) -> list[tuple[Any, ...]]:
    """The event as it is stored; on PostgreSQL with the transaction that wrote it last."""
    version = "" if database.kind == "sqlite" else "xmin::text, ctid::text, "
    return list(db.execute(f"SELECT {version}id, status, attempts, error, received_at FROM stripe_event").fetchall())
