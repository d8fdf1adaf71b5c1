"""What a person reads when the answer is no: the right status, our words, and nothing from inside."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

import pytest
from peewee import OperationalError

from billing.db import database as proxy
from billing.errors import Conflict, Invalid, Missing, Refusal
from tests.web_fixtures import Client, make_app
from web import forms
from web.people import anybody

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from billing.actors import Actor
    from tests.databases import TestDatabase
    from tests.world import World

REFUSALS = {
    "missing": Missing("We cannot find that thing."),
    "conflict": Conflict("Somebody was faster."),
    "refusal": Refusal("That does not fit."),
    "invalid": Invalid({"name": "Enter a name", "email": "Enter an email"}),
    "locked": OperationalError("database is locked /var/secret.db"),
    "defect": RuntimeError("secret inside"),
}


@pytest.fixture
def trying(database: TestDatabase) -> Client:
    """A browser at an application that refuses in every way, at /try/<kind>."""
    assert database
    made = make_app()
    made.config["TESTING"] = False

    @anybody
    def refuse(kind: str) -> str:
        raise REFUSALS[kind]

    @anybody
    def form(kind: str) -> str:
        forms.shown_again("portal/sign_in/email.html", "portal/sign_in/_email.html", email="typed", onward="/")
        raise REFUSALS[kind]

    made.add_url_rule("/try/<kind>", "refuse", refuse, methods=["GET", "POST"])
    made.add_url_rule("/form/<kind>", "form", form, methods=["GET", "POST"])
    return cast("Client", made.test_client())


@pytest.mark.parametrize(
    ("kind", "status"),
    [("missing", 404), ("conflict", 409), ("refusal", 422), ("invalid", 422), ("locked", 503), ("defect", 500)],
)
def test_each_kind_of_no_has_its_status_and_a_page(trying: Client, kind: str, status: int) -> None:
    reply = trying.get(f"/try/{kind}")
    assert reply.status_code == status
    assert reply.mimetype == "text/html"
    assert "<h1" in reply.text
    assert "secret" not in reply.text
    assert "Traceback" not in reply.text


@pytest.mark.parametrize("kind", ["missing", "conflict", "refusal"])
def test_the_refusals_own_words_are_shown(trying: Client, kind: str) -> None:
    words = str(REFUSALS[kind])
    assert words in trying.get(f"/try/{kind}").text
    part = trying.post(f"/try/{kind}", hx=True)
    assert words in part.text
    assert "<html" not in part.text
    assert part.headers["HX-Retarget"] == "#messages"
    assert 'role="alert"' in part.text


def test_trouble_of_the_database_asks_to_try_again_and_promises_no_double_charge(trying: Client) -> None:
    reply = trying.post("/try/locked")
    assert reply.headers["Retry-After"] == "5"
    assert "Try again: you will not be charged twice" in reply.text


def test_the_first_cause_is_logged_with_the_reference(trying: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "remit.errors"):
        reply = trying.get("/try/defect")
    reference = reply.headers["X-Request-Id"]
    assert reference in reply.text
    assert "secret inside" in caplog.text


def test_a_refused_form_comes_back_as_it_was_typed(trying: Client) -> None:
    for kind, status, words in (("refusal", 422, "That does not fit."), ("conflict", 409, "Somebody was faster.")):
        reply = trying.post(f"/form/{kind}")
        assert reply.status_code == status
        assert words in reply.text
        assert 'value="typed"' in reply.text
    several = trying.post("/form/invalid", hx=True)
    assert several.status_code == 422
    assert "Enter a name" in several.text
    assert 'href="#email"' in several.text
    assert "<html" not in several.text
    assert trying.post("/form/missing").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/healthz", 405), ("DELETE", "/login", 405), ("GET", "/prefs/theme", 405)],
)
def test_wrong_addresses_and_methods_get_our_page(client: Client, method: str, path: str, status: int) -> None:
    reply = client.open(path, method=method)
    assert reply.status_code == status
    assert "text/html" in reply.content_type
    assert ("Allow" in reply.headers) == (status == 405)


def test_a_lost_database_is_503_and_recovers_by_itself(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(proxy.obj, "execute_sql", gone)
        for path in ("/login", "/admin/login", "/readyz"):
            reply = client.get(path)
            assert (reply.status_code, reply.headers["Retry-After"]) == (503, "5")
        assert client.get("/healthz").status_code == 200
    assert client.get("/login").status_code == 200


def test_a_viewer_is_told_that_looking_is_all(app: Flask, world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    unsafe = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "POST" in (rule.methods or ())
    ]
    rule = next(rule for rule in unsafe if not rule.arguments and "sign" not in rule.endpoint)
    for actor in (world.vic, world.ada):
        reply = sign_in_as(actor).post(rule.rule)
        assert reply.status_code == 403
        assert "your role does not allow changes" in reply.text
