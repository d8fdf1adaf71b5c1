"""The demo: mails are caught and shown, the business adds up, and the launcher keeps its house in order."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
import sys
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from billing import check, db, instalments, users
from billing.tables import Attempt, Customer, Invoice, Mail, Payment
from tests import databases, servers
from tests.servers import free_port, running, until
from tests.web_fixtures import make_app
from tests.world import AT
from web.demo import seed, seed_words
from web.demo.mail_catcher import keep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from tests.databases import TestDatabase
    from tests.servers import Running
    from tests.web_fixtures import MovedClock

PORTS = ("REMIT_PORT", "REMIT_SANDBOX_PORT", "REMIT_MAIL_PORT")
PARTS = ("", "/html", "/attachments/0")
HOSTILE = '<script>alert(1)</script><a href="http://localhost:8000/i/abc">View</a>'


def a_mail(
    *, html: str = '<html><head></head><body><a href="http://localhost:8000/i/abc">View</a></body></html>'
) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Invoice <b>INV-1</b>: £5.00"
    message["From"] = "Alder & Finch <billing@alderfinch.example>"
    message["To"] = "Alice <alice@acme.example>"
    message["Date"] = "Sun, 22 Nov 2026 10:00:00 +0000"
    message.set_content("Pay here:\nhttp://localhost:8000/i/abc\n")
    message.add_alternative(html, subtype="html")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename='x"; evil.pdf')
    return message.as_bytes(policy=policy.SMTP)


def pages(folder: Path, **settings: Any) -> FlaskClient:
    return make_app(data_dir=folder, **settings).test_client()


@pytest.fixture
def demo(database: TestDatabase, tmp_path: Path) -> FlaskClient:
    assert database, "the pages name the seller"
    (tmp_path / "mail").mkdir()
    return pages(tmp_path, environment="demo")


def test_the_catcher_keeps_a_message_before_it_says_250(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "web.demo.mail_catcher", "--folder", str(tmp_path / "mail"), "--port", str(port)]
    with running("catcher", command, dict(os.environ), tmp_path) as catcher:
        until("it listens", lambda: servers.answers(port))
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as connection:
            connection.sendmail("a@b.example", ["c@d.example"], a_mail())
            (kept,) = (tmp_path / "mail").glob("*.eml")
        assert kept.read_bytes().startswith(b"X-Envelope-To: c@d.example\r\n")
        assert catcher.stop() == 0


def test_the_list_shows_what_was_caught_newest_first(demo: FlaskClient, tmp_path: Path) -> None:
    assert "No mail yet" in demo.get("/demo/mail").get_data(as_text=True)
    first = keep(tmp_path / "mail", a_mail(), recipients=["alice@acme.example"])
    second = keep(tmp_path / "mail", a_mail(), recipients=["alice@acme.example"])
    text = demo.get("/demo/mail").get_data(as_text=True)
    assert text.index(second.name) < text.index(first.name)
    assert "Invoice &lt;b&gt;INV-1&lt;/b&gt;: £5.00" in text


def test_a_mail_shows_its_links_and_frames_its_html_where_nothing_can_run(demo: FlaskClient, tmp_path: Path) -> None:
    name = keep(tmp_path / "mail", a_mail(html=HOSTILE), recipients=["alice@acme.example"]).name

    page = demo.get(f"/demo/mail/{name}")
    text = page.get_data(as_text=True)
    assert 'href="http://localhost:8000/i/abc"' in text
    assert "<script>alert" not in text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]

    framed = demo.get(f"/demo/mail/{name}/html")
    policy = framed.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "allow-scripts" not in policy
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_an_attachment_is_downloaded_under_a_plain_name(demo: FlaskClient, tmp_path: Path) -> None:
    name = keep(tmp_path / "mail", a_mail(), recipients=["alice@acme.example"]).name
    answer = demo.get(f"/demo/mail/{name}/attachments/0")
    assert answer.data == b"%PDF-1.7"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x-evil.pdf"'
    assert demo.get(f"/demo/mail/{name}/attachments/1").status_code == 404


@pytest.mark.parametrize(
    "name", ["../secrets.json", "..%2fsecrets.json", "x.eml", "20261122T100000.000000-deadbeef.eml"]
)
def test_no_other_file_can_be_read(demo: FlaskClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "secrets.json").write_text("top secret")


def test_production_has_no_such_page(database: TestDatabase, tmp_path: Path) -> None:
    assert database, "an application has a database"
    production = pages(
        tmp_path,
        environment="production",
        secret_key="0aB3kf92mPqz71LLxx-hhTTr5521qqPPzzAA",
        public_base_url="https://pay.example",
        mail_sender="billing@alderfinch.example",
        stripe_secret_key="sk_test_of_the_tests",
        stripe_webhook_secrets=("whsec_of_the_tests",),
    )
    assert not [rule.rule for rule in production.application.url_map.iter_rules() if "demo" in rule.rule]
    assert production.get("/demo/mail", headers={"Host": "localhost"}).status_code == 404


@pytest.fixture
def planted(database: TestDatabase, now: MovedClock, tmp_path: Path) -> TestDatabase:
    assert now, "the business is as old as the clock says"
    plant(tmp_path)
    return database


def plant(folder: Path, number: int = 1) -> None:
    seed.plant(
        customers_wanted=9,
        invoices_wanted=30,
        seed=number,
        staff_password="amber-basin-birch-cedar-11",
        customer_password="olive-orchid-pebble-pepper-22",
        folder=folder,
    )


def test_the_business_adds_up_and_has_an_invoice_in_every_state(planted: TestDatabase) -> None:
    assert planted
    assert check.broken() == []
    assert Customer.select().count() == 9
    assert {row.status for row in Invoice.select(Invoice.status).distinct()} == {"draft", "issued", "void"}
    dated = {
        (one.balance_minor == 0, one.balance_minor < one.total_minor, str(one.due_on) < str(AT.date()))
        for one in Invoice.select().where(Invoice.status == "issued")
    }
    assert {True, False} == {is_paid for is_paid, _, _ in dated}
    assert (False, True, True) in dated, "partly paid and overdue"
    assert (False, False, True) in dated, "overdue"
    assert (False, False, False) in dated, "open"
    in_parts = [one for one in Invoice.select().where(Invoice.parts > 0) if one.balance_minor < one.total_minor]
    assert in_parts
    for one in in_parts:
        assert {part.settled_minor for part in instalments.of(one)} <= {
            0,
            *(part.minor for part in instalments.of(one)),
        }
    assert {one.currency for one in Customer.select()} == {"GBP", "EUR", "JPY"}
    assert {attempt.status for attempt in Attempt.select()} == {"succeeded"}

    sam, ines = users.by_email(seed_words.STAFF_EMAIL), users.by_email(seed_words.CUSTOMER_EMAIL)
    assert sam is not None
    assert ines is not None
    assert sam.role == "admin"
    assert [customer.name for customer in users.customers_of(ines.id)] == [seed_words.FIRST_CUSTOMER]

    fresh, past = Mail.select().where(Mail.state == "queued"), Mail.select().where(Mail.state == "accepted")
    assert len(fresh) + len(past) == Mail.select().count()
    assert all((AT - mail.queued_at).days <= seed.FRESH_DAYS for mail in fresh), "the fresh ones leave for real"
    assert {mail.error for mail in past} == {seed.NOT_SENT}, "the others say that they never did"


def test_the_same_seed_makes_the_same_business(
    planted: TestDatabase, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    before = business()
    assert len(before) > 30
    again = tmp_path / "again"
    again.mkdir()
    real = db.database.obj
    with databases.fresh_sqlite(request.getfixturevalue("sqlite_template"), again):
        plant(again)
        assert business() == before, f"planted on {planted.kind}, then on SQLite"
    db.use(real)


def business() -> list[tuple[object, ...]]:
    invoices = Invoice.select(
        Invoice.number, Invoice.customer, Invoice.total_minor, Invoice.balance_minor, Invoice.issue_on, Invoice.due_on
    ).order_by(Invoice.id)
    payments = Payment.select(Payment.minor, Payment.received_at, Payment.method).order_by(Payment.id)
    return [*invoices.tuples(), *payments.tuples()]


@contextmanager
def launched(folder: Path) -> Iterator[Running]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "DATABASE_", "REMIT_"))
    }
    ports = {name: str(free_port()) for name in PORTS}
    told = (
        kept | ports | {"REMIT_DATA_DIR": str(folder / "demo"), "REMIT_DEMO_INVOICES": "4", "REMIT_DEMO_CUSTOMERS": "2"}
    )
    with running("demo", [sys.executable, "-u", "-m", "web.demo.launcher"], told, folder) as one:
        until(
            "the demo is up or has ended", lambda: "Ctrl-C" in one.said() or one.process.poll() is not None, seconds=120
        )
        assert one.process.poll() is None, one.said()
        one.ports = [int(port) for port in ports.values()]
        yield one


def test_the_launcher_starts_all_and_stops_all_and_a_second_start_keeps_the_data(tmp_path: Path) -> None:
    with launched(tmp_path) as first:
        assert all(servers.answers(port) for port in first.ports)
        said = first.said()
        for words in (
            f"http://localhost:{first.ports[0]}",
            seed_words.STAFF_EMAIL,
            seed_words.SECOND_EMAIL,
            seed_words.CUSTOMER_EMAIL,
            "/demo/mail",
            "4242 4242 4242 4242",
        ):
            assert words in said
        assert first.stop() == 0
        assert not any(servers.answers(port) for port in first.ports)
    kept = (tmp_path / "demo" / "secrets.json").read_text()
    assert (tmp_path / "demo" / "secrets.json").stat().st_mode & 0o077 == 0

    with launched(tmp_path) as second:
        assert "The business is there already." in second.said()
        assert (tmp_path / "demo" / "secrets.json").read_text() == kept
        parts = [int(pid) for pid in Path(f"/proc/{second.pid}/task/{second.pid}/children").read_text().split()]
        assert len(parts) == 4
        os.kill(
            next(pid for pid in parts if b"mail_catcher" in Path(f"/proc/{pid}/cmdline").read_bytes()), signal.SIGKILL
        )
        assert second.ended() == 1
        assert "The mail catcher ended with code -9" in second.said()
        assert "Catching mail on" in second.said(), "its last words"
        assert not any(servers.answers(port) for port in second.ports)


def test_a_taken_port_is_told_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = dict(os.environ) | {"REMIT_PORT": str(port), "REMIT_DATA_DIR": str(tmp_path)}
        with running("demo", [sys.executable, "-m", "web.demo.launcher"], told, tmp_path) as one:
            assert one.ended() == 1
            assert f"Port {port} is taken" in one.said()


def test_a_live_key_is_refused(tmp_path: Path) -> None:
    told = dict(os.environ) | {"STRIPE_SECRET_KEY": "sk_live_never", "REMIT_DATA_DIR": str(tmp_path)}
    for name in PORTS:
        told[name] = str(free_port())
    with running("demo", [sys.executable, "-m", "web.demo.launcher"], told, tmp_path) as one:
        assert one.ended() == 1
        assert "live key" in one.said()
        assert "sk_live_never" not in one.said()
