"""Every route, as every person, for every kind of thing, plainly and by HTMX: tests/access_rows.py says who gets what.

A route without a row fails. Each request runs in a transaction that is rolled back; a GET must not have written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import pytest

from billing import approvals, credit_notes, db, gateway, invoices, links, stripe_gateway
from billing.actors import SYSTEM
from billing.tables import Attempt, Card, CardSetup, FeeCharge, Invoice, Link, PlannedAllocation
from tests.access_rows import PEOPLE, ROWS, Outcome
from tests.billing import money_back
from tests.portal import scenes
from tests.web_fixtures import Client, fresh_form_id, settings_of_tests
from tests.world import AT
from web.people import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from tests.world import World

ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPEN_BY_NATURE = ("static", "web.csp_report", "kit.", "demo.")  # no session, or not there in production
SIGN_IN = {"portal": "/login", "admin": "/admin/login"}
IDENTITY = ("Location", "HX-Redirect", "Content-Type", "Cache-Control", "Retry-After", "WWW-Authenticate", "ETag")


@dataclass(frozen=True, slots=True)
class Case:
    """One question: this person asks for this thing by this rule."""

    method: str
    rule: str
    endpoint: str
    thing: str
    person: str
    hx: bool
    path: str
    arguments: dict[str, str]

    @property
    def face(self) -> str:
        return "admin" if self.rule.startswith("/admin") else "portal"

    def __str__(self) -> str:
        return f"{self.method} {self.rule} [{self.thing}] as {self.person}{' by HTMX' if self.hx else ''}"


def rules_of(app: Flask) -> dict[tuple[str, str], str]:
    """Every (method, rule) of the application, and its endpoint."""
    return {
        (method, rule.rule): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in METHODS
        if method in (rule.methods or ())
    }


def test_every_route_has_its_rows_and_every_row_its_route(app: Flask) -> None:
    known = rules_of(app)
    assert sorted(known.keys() - ROWS.keys()) == [], "add rows to tests/access_rows.py"
    assert sorted(ROWS.keys() - known.keys()) == [], "these rows have no route any more"


def test_every_row_speaks_of_every_person(app: Flask) -> None:
    for (method, rule), row in ROWS.items():
        tables = row.values() if "<" in rule else [row]
        for table in tables:
            assert set(cast("dict[str, Outcome]", table)) == set(PEOPLE), (method, rule)


def test_every_view_says_who_may_open_it(app: Flask) -> None:
    silent = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if not hasattr(view, MARK) and not endpoint.startswith(OPEN_BY_NATURE)
    ]
    assert silent == [], "decorate these with @customer_only, @staff_only, ... or @anybody"


def test_a_view_without_a_mark_is_closed(app: Flask, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint, path in (("portal.home", "/"), ("admin.home", "/admin/")):
        monkeypatch.setitem(app.view_functions, endpoint, lambda: "open")
        reply = client.get(path)
        assert reply.status_code == 303
        assert "login" in reply.location


def things(world: World) -> dict[str, dict[str, str]]:
    """What the arguments of a rule are filled with, by the name of the thing."""
    issued, other, voidable, draft = world.issued(), world.issued(), world.issued(), world.draft()
    void = invoices.void(voidable.id, reason="Made twice", by=world.sam, at=AT)
    over = links.create(other, recipient="late@acme.example", at=AT - timedelta(days=500))
    revoked = links.create(other, recipient="gone@acme.example", at=AT)
    links.revoke(Link.get_by_id(revoked), by=SYSTEM, at=AT)
    said = credit_notes.CreditContent(shape="amount", reason_code="goodwill", reason="Sorry", gross_minor=100)
    credited = credit_notes.create(world.issued().id, said, by=world.sam, at=AT)
    waiting = credit_notes.create(world.issued().id, said, by=world.sam, at=AT)
    asked = approvals.request(
        minor=100, currency="GBP", customer_id=world.acme.id, by=world.sam, at=AT, credit_note_id=waiting.id
    )
    return {
        "issued": {"number": str(issued.number), "invoice_id": str(issued.id), "link_id": link_of(issued).id},
        "other": {"number": str(other.number), "invoice_id": str(other.id)},
        "void": {"number": str(void.number), "invoice_id": str(void.id), "link_id": link_of(void).id},
        "draft": {"number": f"draft-{draft.id}", "invoice_id": str(draft.id), "link_id": link_of(issued).id},
        "crossed": {"invoice_id": str(issued.id), "link_id": link_of(other).id},
        "fee": {"fee_charge_id": str(fee_on(issued, other))},
        "acme": {"customer_id": str(world.acme.id)},
        "alices": {"attempt_id": attempt("PAY-AAAA-AAAA-AAAA", issued, world.alice.key)},
        "guests": {"attempt_id": attempt("PAY-BBBB-BBBB-BBBB", issued, f"link:{link_of(issued).id}")},
        "kept": kept(world),
        "card": {"card_id": str(saved_card(world))},
        "saving": {"setup_id": saving(world)},
        **money_back.things(world),
        "open": {"token": links.token(link_of(issued).id)},
        "over": {"token": links.token(over)},
        "revoked": {"token": links.token(revoked)},
        "credited": {"credit_note_id": str(credited.id)},
        "asked": {"approval_id": str(asked.id)},
        "unknown": {
            "approval_id": "999999",
            "number": "INV-2026-9999",
            "invoice_id": "999999",
            "customer_id": "999999",
            "fee_charge_id": "999999",
            "attempt_id": "PAY-ZZZZ-ZZZZ-ZZZZ",
            "token": "x" * 43,
            "link_id": "0" * 24,
            "name": "unknown.eml",
            "index": "7",
            "card_id": "999999",
            "setup_id": "CARD-0000",
            "key": "credit_note-999999",
            "reference": "PAY-ZZZZ-ZZZZ-ZZZZ",
            "payment_id": "999999",
            "credit_note_id": "999999",
            "refund_id": "999999",
            "chargeback_id": "dp_unknown",
            "difference_id": "txn_unknown",
            "filename": "unknown.css",
        },
    }


def saved_card(world: World) -> int:
    """A card of Acme's."""
    card: Card = Card.create(
        customer=world.acme.id, stripe_id="pm_1", kind="card", words="Visa ending 4242", added_by="", added_at=AT
    )
    return int(card.id)


def saving(world: World) -> str:
    """A wish of Acme's to save a card, whose page is over: it needs no provider."""
    CardSetup.insert(
        id="CARD-AAAA", customer=world.acme.id, nonce=fresh_form_id(), asked_by=world.alice.key,
        asked_by_name="Alice Poole", turns_on_autopay=False, status="expired", created_at=AT,
        expires_at=AT + timedelta(hours=1),
    ).execute()  # fmt: skip
    return "CARD-AAAA"


def kept(world: World) -> dict[str, str]:
    """Money of Acme's that no invoice needed."""
    payment = scenes.kept(world.acme)
    return {"key": f"payment-{payment.id}", "reference": payment.reference}


def fee_on(overdue: Invoice, document: Invoice) -> int:
    """A late fee on one invoice, of which another is the document."""
    days = {"from_on": AT.date(), "until_on": AT.date() + timedelta(days=1)}
    charge = FeeCharge.insert(
        invoice=overdue.id, kind="late_fee", fee_invoice=document.id, minor=document.total_minor, words="Late", **days
    )
    return int(charge.execute())


def link_of(invoice: Invoice) -> Link:
    link: Link | None = Link.get_or_none((Link.invoice == invoice.id) & (Link.recipient == "alice@acme.example"))
    assert link is not None, "an issued invoice was mailed"
    return link


def attempt(reference: str, invoice: Invoice, payer: str) -> str:
    """A payment that was cancelled: its page needs no provider."""
    Attempt.insert(
        id=reference, customer=invoice.customer_id, payer=payer, payer_name="Somebody", currency="GBP",
        minor=invoice.total_minor, status="failed", failure="cancelled", nonce=fresh_form_id(), created_at=AT,
        expires_at=AT + timedelta(hours=1),
    ).execute()  # fmt: skip
    PlannedAllocation.insert(attempt=reference, invoice=invoice.id, minor=invoice.total_minor).execute()
    return reference


@pytest.fixture
def filled(app: Flask, world: World) -> Iterator[dict[str, dict[str, str]]]:
    """The things, on an installation that takes cards from a provider nobody reaches."""
    assert app, "the application chooses its gateway first"
    keys = {"stripe_secret_key": "sk_test_x", "stripe_webhook_secrets": ("whsec_x",)}
    gateway.use(stripe_gateway.from_settings(settings_of_tests(**keys, stripe_api_base="http://127.0.0.1:9")))
    yield things(world)
    gateway.use(None)


@pytest.fixture
def browsers(
    app: Flask, world: World, filled: dict[str, dict[str, str]], sign_in_as: Callable[[Actor], Client]
) -> dict[str, Client]:
    """A browser of each person."""
    everybody = {name: cast("Client", app.test_client()) for name in ("nobody", "guest", "other_guest")}
    for name, opened in (("guest", ("void", "issued")), ("other_guest", ("other",))):
        for thing in opened:
            token = links.token(link_of(Invoice.get_by_id(int(filled[thing]["invoice_id"]))).id)
            assert everybody[name].get(f"/i/{token}").status_code == 303
    return everybody | {name: sign_in_as(getattr(world, name)) for name in ("alice", "gina", "vic", "ada", "sam")}


def cases(app: Flask, filled: dict[str, dict[str, str]], face: str) -> Iterator[tuple[Case, Outcome]]:
    """Every question of a face, and what the rows answer."""
    for (method, rule), endpoint in sorted(rules_of(app).items()):
        if rule.startswith("/admin") != (face == "admin") or (method, rule) not in ROWS:
            continue
        names = ARGUMENT.findall(rule)
        row = cast("dict[str, Any]", ROWS[method, rule])
        for thing, table in row.items() if names else [("", row)]:
            values = {name: filled[thing][name] for name in names}
            path = "".join(values.get(part, part) for part in ARGUMENT.split(rule))
            for person, hx in product(PEOPLE, (False, True)):
                yield Case(method, rule, endpoint, thing, person, hx, path, values), table[person]


def ask(browser: Client, case: Case) -> tuple[TestResponse, bool]:
    """The answer, and whether the database was written to; then all is as it was."""
    copy = cast("Client", browser.application.test_client())
    copy._cookies = dict(browser._cookies or {})
    data = {"form_id": fresh_form_id()} if case.method != "GET" else None
    with db.database.atomic() as transaction:
        before = written()
        reply = copy.open(case.path, method=case.method, data=data, hx=case.hx, headers=page_of(case))
        wrote = written() != before
        transaction.rollback()
    return reply, wrote


def page_of(case: Case) -> dict[str, str]:
    """HTMX tells which page it stands on."""
    return {"HX-Current-URL": f"http://localhost{case.path}"} if case.hx else {}


def written() -> object:
    """Grows with every write of this connection, or of this transaction on PostgreSQL."""
    if db.is_sqlite():
        return db.database.obj.connection().total_changes
    return db.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()


def got(case: Case, reply: TestResponse) -> Outcome:
    """The answer in the words of the rows."""
    login = SIGN_IN[case.face]
    led_to = reply.headers.get("HX-Redirect", "") if case.hx else reply.headers.get("Location", "")
    asked_to_sign_in = reply.status_code == (401 if case.hx else 303) and led_to.partition("?")[0] == login
    if asked_to_sign_in and ".sign_" not in case.endpoint:
        return "sign in"
    return {403: "no", 404: "missing"}.get(reply.status_code, reply.status_code)


def as_expected(case: Case, reply: TestResponse, expected: Outcome) -> bool:
    """Whether the answer is the row's."""
    outcome = got(case, reply)
    if expected == "yes":
        return isinstance(outcome, int) and outcome < 500 and outcome != 401
    if case.hx and expected == 303:
        return outcome in {200, 303}  # HX-Redirect
    return expected in {outcome, reply.status_code}


def told(case: Case, reply: TestResponse) -> str:
    """Everything the answer tells but what differs by design: the request's id, tokens, and the address asked for."""
    text = reply.text.replace(reply.headers["X-Request-Id"], "ID")
    text = re.sub(r'(name="csrf_token" value=|"X-CSRFToken": )"[^"]*"', "TOKEN", text)
    headers = tuple(reply.headers.get(name, "") for name in IDENTITY)
    seen = repr((reply.status_code, headers, text)).replace(case.path, "PATH")
    for value in case.arguments.values():
        seen = seen.replace(value, "ARGUMENT") if len(value) > 3 else seen  # row 1 is no word of its own
    return seen


@pytest.mark.parametrize("face", ["portal", "admin"])
def test_everybody_gets_what_the_rows_say_and_nothing_else(
    app: Flask, filled: dict[str, dict[str, str]], browsers: dict[str, Client], face: str
) -> None:
    wrong, writing, asked = [], [], 0
    answers: dict[tuple[str, str, str, bool], dict[str, str]] = {}
    for case, expected in cases(app, filled, face):
        reply, wrote = ask(browsers[case.person], case)
        asked += 1
        if not as_expected(case, reply, expected):
            wrong.append(f"{case}: {got(case, reply)} instead of {expected}")
        if case.method == "GET" and wrote:
            writing.append(str(case))
        if expected in {"missing", "sign in", "no"}:
            by_thing = answers.setdefault((case.method, case.rule, case.person, case.hx), {})
            by_thing[case.thing] = told(case, reply)
    assert not wrong, "\n".join(wrong)
    assert not writing, "GET changes nothing:\n" + "\n".join(writing)
    telling = [key for key, by_thing in answers.items() if len(set(by_thing.values())) > 1]
    assert not telling, f"these answers tell a stranger's thing from none: {telling}"
    assert asked > 200, "the rows were asked"
