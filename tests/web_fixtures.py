"""The web as tests use it: `app`, `client`, `sign_in_as`, `open_link` and `now`, on the database of the test.

CSRF is on. A client adds a real token to what it posts, unless the test says `csrf=False`; `hx=True` asks as HTMX
does. Forms that act once need a `form_id`: take one from `fresh_form_id()`.
"""

from __future__ import annotations

import secrets
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import flask
import pytest
from flask.testing import FlaskClient
from flask_wtf.csrf import generate_csrf

from billing import clock, db, links, passwords, sessions, users
from billing.settings import Settings
from billing.tables import Link
from tests.world import AT, BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

    from billing.actors import Actor
    from billing.tables import Invoice
    from tests.databases import TestDatabase

HX = {"HX-Request": "true", "HX-Request-Type": "partial"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
COOKIES = {"portal": "remit_portal", "admin": "remit_admin"}


class Client(FlaskClient):
    """A browser without scripts: it keeps cookies and sends the form's CSRF token."""

    def open(self, *args: Any, csrf: bool = True, hx: bool = False, **kwargs: Any) -> TestResponse:
        """One request. `hx` sends it as HTMX would, for a fragment."""
        headers = dict(kwargs.pop("headers", None) or {})
        if hx:
            headers = HX | headers
        if csrf and kwargs.get("method") in UNSAFE:
            headers.setdefault("X-CSRFToken", self.csrf_token())
        return super().open(*args, headers=headers, **kwargs)

    def csrf_token(self) -> str:
        """A token that belongs to this browser's session."""
        with self.session_transaction() as session:
            secret = session.setdefault("csrf_token", secrets.token_hex(20))
        with self.application.test_request_context():
            flask.session["csrf_token"] = secret
            return cast("str", generate_csrf())

    def carry(self, face: sessions.Face, token: str) -> None:
        """Carry a session's token, as after signing in."""
        self.set_cookie(COOKIES[face], token, domain="localhost", path="/")


class MovedClock:
    """The clock of the test, read from a file by every process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(AT)

    def set(self, at: datetime) -> None:
        """It is `at` from now on."""
        self.path.write_text(at.isoformat())

    def forward(self, by: timedelta) -> None:
        """Time passes."""
        self.set(clock.now() + by)


def settings_of_tests(**changes: Any) -> Settings:
    """The settings of the tests, changed as given."""
    values: dict[str, Any] = {
        "environment": "test",
        "database_url": "sqlite:///:memory:",
        "secret_key": SECRET_KEY,
        "public_base_url": BASE_URL,
        "trusted_hosts": ("localhost", "127.0.0.1"),
        "stripe_checkout_origin": "http://127.0.0.1:8421",
    }
    return Settings(**(values | changes))


def make_app(**changes: Any) -> Flask:
    """An application with these settings, on the database the test has open."""
    from app import create_app

    real = db.database.obj
    passwords.use_cheap_hashes()
    made = create_app(settings_of_tests(**changes))
    made.test_client_class = Client
    db.use(real)
    links.use(SECRET_KEY, BASE_URL)
    return made


@cache
def shared_app() -> Flask:
    """One application for all tests of a process: its templates are compiled once."""
    return make_app()


def fresh_form_id() -> str:
    """An id as a page gives its form."""
    return secrets.token_urlsafe(18)


@pytest.fixture
def now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    """The clock stands at AT until the test moves it."""
    path = tmp_path / "now"
    monkeypatch.setenv(clock.NOW_FILE_VARIABLE, str(path))
    return MovedClock(path)


@pytest.fixture
def app(database: TestDatabase, now: MovedClock) -> Iterator[Flask]:
    """The application, on the test's database and at the test's moment."""
    assert database, "the database comes first"
    assert now.path, "and the clock"
    made = shared_app()
    made.extensions["remit.csp_reports"].clear()
    yield made
    assert not made.extensions["remit.csp_reports"], "a page broke the content policy"


@pytest.fixture
def client(app: Flask) -> Client:
    """A browser in which nobody signed in."""
    return cast("Client", app.test_client())


@pytest.fixture
def sign_in_as(app: Flask) -> Callable[[Actor], Client]:
    """Give a new browser in which this person of the cast is signed in, at their own face."""

    def signed_in(actor: Actor) -> Client:
        assert actor.user_id is not None, "a person of the cast"
        user = users.get(actor.user_id)
        theirs = users.customers_of(user.id)
        face: sessions.Face = "admin" if user.role else "portal"
        browser = cast("Client", app.test_client())
        browser.carry(face, sessions.start(user, face, at=clock.now(), customer_id=theirs[0].id if theirs else None))
        return browser

    return signed_in


@pytest.fixture
def guest_of(app: Flask) -> Callable[[Invoice], Client]:
    """Give a new browser that opened a mailed link to this invoice."""

    def opened(invoice: Invoice) -> Client:
        link = Link.select().where(Link.invoice == invoice.id).order_by(Link.created_at).first()
        assert link is not None, "the invoice was mailed"
        browser = cast("Client", app.test_client())
        reply = browser.get(f"/i/{links.token(link.id)}")
        assert reply.status_code == 303, reply.status
        return browser

    return opened
