"""Health, the look, the log, formats and HTMX: the small things that every page stands on."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import TYPE_CHECKING

import pytest
from flask import render_template_string

from billing import migrations
from web import filters, hx, logs
from web.paths import own_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World


def test_the_process_answers_without_a_cookie(client: Client) -> None:
    reply = client.get("/healthz")
    assert (reply.status_code, reply.text) == (200, "ok\n")
    assert "Set-Cookie" not in reply.headers


def test_ready_means_migrated(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(migrations, "pending", lambda _: ["0009_later"])
    reply = client.get("/readyz")
    assert (reply.status_code, reply.text) == (503, "migrations: 1 pending, run migrate\n")


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_the_look_is_kept_and_leads_back(world: World, client: Client, theme: str) -> None:
    assert world
    reply = client.post("/prefs/theme", data={"theme": theme}, headers={"Referer": "http://localhost/login?next=/x"})
    assert (reply.status_code, reply.location) == (303, "/login?next=/x")
    shown = client.get("/login").text
    assert (f'data-theme="{theme}"' in shown) == (theme != "system")


def test_a_look_that_is_none_is_refused(client: Client) -> None:
    assert client.post("/prefs/theme", data={"theme": '"><script>'}).status_code == 422
    client.set_cookie("remit_theme", '"><script>')
    assert "<script>" not in client.get("/nowhere").text


def test_the_look_never_leads_to_another_site(client: Client) -> None:
    reply = client.post("/prefs/theme", data={"theme": "dark"}, headers={"Referer": "http://evil.example/login"})
    assert reply.location == "/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a?b=c&d=%20", "/a?b=c&d=%20"), ("", "-"), (None, "-"), ("a", "-"), ("//a", "-"), ("/\\a", "-"),
        ("/a\\b", "-"), ("/a b", "-"), ("/a\n", "-"), ("/é", "-"), ("http://a/", "-"), ("/" + "a" * 500, "-"),
    ],
)  # fmt: skip
def test_only_paths_of_this_site_are_followed(text: str | None, expected: str) -> None:
    assert own_path(text, "-") == expected


def test_a_fragment_is_wanted_only_by_a_targeted_swap(app: Flask) -> None:
    cases = [
        ({}, False, False),
        ({"HX-Request": "true", "HX-Request-Type": "partial"}, True, True),
        ({"HX-Request": "true", "HX-Request-Type": "full"}, True, False),
        ({"HX-Request": "true"}, True, False),
        ({"HX-History-Restore-Request": "true", "HX-Request-Type": "full"}, False, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true", "HX-Request-Type": "partial"}, False, False),
        ({"HX-Request-Type": "partial"}, False, False),
    ]
    for headers, is_htmx, fragment in cases:
        with app.test_request_context(headers=headers):
            assert (hx.is_htmx(), hx.wants_fragment()) == (is_htmx, fragment), headers


def test_after_a_change_the_browser_loads_and_htmx_is_told_to(app: Flask) -> None:
    with app.test_request_context():
        plain = hx.go("https://checkout.stripe.com/x")
    assert (plain.status_code, plain.location) == (303, "https://checkout.stripe.com/x")
    with app.test_request_context(headers={"HX-Request": "true", "HX-Request-Type": "partial"}):
        swapped = hx.go("https://checkout.stripe.com/x")
    assert (swapped.status_code, swapped.headers["HX-Redirect"]) == (200, "https://checkout.stripe.com/x")


def test_a_toast_is_an_event_of_htmx(app: Flask) -> None:
    with app.test_request_context():
        reply = hx.toast(app.make_response(""), "14 invoices sent\r\nX: y")
    assert json.loads(reply.headers["HX-Trigger"]) == {"toast": {"message": "14 invoices sent\r\nX: y"}}


def test_figures_read_in_the_readers_locale(world: World, app: Flask) -> None:
    assert world
    words = (
        "{{ 192348 | money('GBP') }}|{{ 5 | money('JPY') }}|{{ 120000 | money('CAD', code=true) }}"
        "|{{ '0.0125' | unit_price('GBP') }}"
        "|{{ '2.500' | quantity }}|{{ 55000 | rate }}|{{ on | day }}|{{ on | day('long') }}|{{ on | relative_due }}"
    )
    with app.test_request_context("/login"):
        text = render_template_string(words, on=date(2026, 11, 27))
    assert text.replace("\u00a0", " ") == (
        "£1,923.48|JP¥5|$1,200.00 CAD|£0.0125|2.5|5.5%|27 Nov 2026|27 November 2026|Due in 5 days"
    )


def test_a_customers_own_locale_counts_at_the_portal(
    world: World, app: Flask, sign_in_as: Callable[[Actor], Client]
) -> None:
    type(world.acme).update(locale="de_DE").where(type(world.acme).id == world.acme.id).execute()
    browser = sign_in_as(world.alice)
    cookie = browser.get_cookie("remit_portal", domain="localhost")
    assert cookie is not None
    with app.test_request_context("/invoices", headers={"Cookie": f"remit_portal={cookie.value}"}):
        assert filters.money(123456, "EUR").replace("\u00a0", " ") == "1.234,56 €"
    with app.test_request_context("/login"):
        assert filters.money(123456, "EUR") == "€1,234.56"


def test_a_fresh_installation_shows_its_sign_in(client: Client) -> None:
    page = client.get("/admin/login")
    assert page.status_code == 200
    assert "Remit" in page.text


def test_a_log_line_cannot_be_forged_and_shows_no_link(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.LogRecord("remit.x", logging.INFO, "", 0, 'GET /i/abcDEF_-123 done\n{"level": "x"}', None, None)
    record.facts = {"path": "a\r\nb"}
    line = logs.JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["event"] == 'GET /i/[token] done\n{"level": "x"}'
    assert caplog.records == []


def test_each_request_writes_one_line_without_query_or_token(
    world: World, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert world
    with caplog.at_level(logging.INFO, "remit.access"):
        reply = client.get("/i/tokentokentoken?next=/secret")
    (record,) = [record for record in caplog.records if record.name == "remit.access"]
    facts = record.facts  # type: ignore[attr-defined]  # given as `extra`
    assert facts["path"] == "/i/[token]"
    assert facts["status"] == reply.status_code
    assert "tokentoken" not in str(facts)
    assert "secret" not in str(facts)
    assert len(reply.headers["X-Request-Id"]) == 10
