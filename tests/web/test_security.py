"""Headers, cookies, tokens and limits: what every answer carries and what no request gets past."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, cast

import pytest

from app import create_app
from billing.settings import SettingsRefused
from tests.web_fixtures import Client, make_app, settings_of_tests
from web.limits import SWITCH
from web.paths import network_address
from web.people import anybody
from web.security import content_policy

if TYPE_CHECKING:
    from flask import Flask

    from tests.databases import TestDatabase
    from tests.world import World

PRODUCTION = {
    "environment": "production",
    "secret_key": "Zk3-q9T_vLw8RxY2mNc5bHs7dJf4gPa6-uE1iO0tKyQ",
    "public_base_url": "https://pay.example.com",
    "trusted_hosts": ("pay.example.com",),
    "stripe_secret_key": "sk_test_x",
    "stripe_webhook_secrets": ("whsec_x",),
    "mail_sender": "billing@example.com",
    "stripe_checkout_origin": "https://checkout.stripe.com",
}


@pytest.fixture
def secure(database: TestDatabase) -> Client:
    """A browser at an installation in production mode, over HTTPS."""
    assert database
    made = make_app(**PRODUCTION)
    return cast("Client", made.test_client())


@pytest.mark.parametrize("path", ["/login", "/admin/login", "/healthz", "/nowhere", "/static/nowhere"])
def test_every_answer_carries_the_headers(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "form-action 'self' http://127.0.0.1:8421;" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in headers


def test_pages_are_not_kept_and_vary_by_htmx_and_cookie(client: Client) -> None:
    reply = client.get("/login")
    assert reply.headers["Cache-Control"] == "no-store"
    assert {"HX-Request", "HX-Request-Type", "Cookie"} <= set(reply.vary)


def test_the_policy_names_the_payment_page() -> None:
    policy = content_policy("https://checkout.stripe.com/c/pay")
    assert "form-action 'self' https://checkout.stripe.com;" in policy
    assert policy.endswith("report-uri /csp-report")


def test_production_binds_cookies_to_https_and_this_host(secure: Client) -> None:
    reply = secure.get("/login", base_url="https://pay.example.com")
    assert reply.status_code == 200
    assert reply.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    (cookie,) = reply.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-remit=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_production_has_neither_component_page_nor_demo_mail(secure: Client) -> None:
    for path in ("/kit", "/demo/mail"):
        assert secure.get(path, base_url="https://pay.example.com").status_code == 404


def test_a_foreign_host_is_not_believed(secure: Client) -> None:
    for path in ("/login", "/healthz", "/"):
        reply = secure.get(path, base_url="https://evil.example")
        assert reply.status_code == 400
        assert "evil.example" not in reply.text


def test_over_https_the_referer_must_be_this_host(secure: Client) -> None:
    base = "https://pay.example.com"
    page = secure.get("/login", base_url=base).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    data = {"theme": "dark", "csrf_token": token[1]}
    for referrer, status in ((None, 400), ("https://evil.example/", 400), (f"{base}/login", 303)):
        headers = {"Referer": referrer} if referrer else {}
        reply = secure.post("/prefs/theme", data=data, base_url=base, headers=headers, csrf=False)
        assert reply.status_code == status, referrer


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret_key": "short"},
        {"trusted_hosts": ()},
        {"public_base_url": ""},
        {"debug": True},
        {"stripe_webhook_secrets": ()},
    ],
)
def test_an_unsafe_production_does_not_start(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsRefused) as refusal:
        create_app(settings_of_tests(**{**PRODUCTION, **wrong}))
    assert refusal.value.reasons


def unsafe_rules(app: Flask) -> list[tuple[str, str]]:
    exempt = {"web.csp_report", "webhooks.stripe_webhook"}
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:int:)?[^>]+>", "1", rule.rule)
        found += [
            (method, path)
            for method in sorted((rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"})
            if rule.endpoint not in exempt
        ]
    return found


def test_every_unsafe_route_refuses_a_missing_altered_or_foreign_token(world: World, app: Flask) -> None:
    assert world
    rules = unsafe_rules(app)
    assert len(rules) >= 8
    stranger = cast("Client", app.test_client())
    foreign = stranger.csrf_token()
    for method, path in rules:
        browser = cast("Client", app.test_client())
        altered = browser.csrf_token()[:-3] + "AAA"
        for token in (None, "", altered, foreign):
            data = {} if token is None else {"csrf_token": token}
            reply = browser.open(path, method=method, data=data, csrf=False)
            assert reply.status_code == 400, (method, path, token)


@pytest.mark.parametrize("override", [{"X-HTTP-Method-Override": "POST"}, {"X-Method-Override": "POST"}])
def test_no_header_turns_a_get_into_a_post(client: Client, override: dict[str, str]) -> None:
    assert client.get("/prefs/theme", headers=override).status_code == 405
    assert client.open("/prefs/theme", method="TRACE", csrf=False).status_code == 405


def test_an_old_page_is_told_to_reload(client: Client) -> None:
    words = "This page was open for a long time. Reload it and try again."
    whole = client.post("/prefs/theme", csrf=False)
    assert (whole.status_code, words in whole.text, "<html" in whole.text) == (400, True, True)
    part = client.post("/prefs/theme", csrf=False, hx=True)
    assert (part.status_code, words in part.text, "<html" in part.text) == (400, True, False)
    assert part.headers["HX-Retarget"] == "#messages"
    assert part.headers["HX-Reswap"] == "innerHTML"


def test_a_big_body_is_refused_before_it_is_read(client: Client) -> None:
    body = io.BytesIO(b"email=" + b"x" * (3 * 1024 * 1024))
    reply = client.post("/login", input_stream=body, content_type="application/x-www-form-urlencoded", csrf=False)
    assert reply.status_code == 413
    assert body.tell() == 0


def test_many_small_parts_are_refused(client: Client) -> None:
    data = {f"field{number}": (None, "x") for number in range(6_000)}
    body = (
        b"".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nx\r\n'.encode() for name in data)
        + b"--b--\r\n"
    )
    reply = client.post("/login", data=body, content_type="multipart/form-data; boundary=b", csrf=False)
    assert reply.status_code == 413


def test_a_long_query_is_refused(client: Client) -> None:
    assert client.get("/login?next=/" + "x" * 10_000).status_code == 414


@pytest.mark.parametrize("path", ["/login?next=%00", "/%00", "/login?%00=1", "/invoices/%00"])
def test_nul_is_refused_in_addresses(client: Client, path: str) -> None:
    assert client.get(path).status_code == 400


def test_nul_is_refused_in_forms(client: Client) -> None:
    assert client.post("/login", data={"email": "a\0@example.com"}).status_code == 400
    assert client.post("/login", data={"email\0": "a@example.com"}).status_code == 400


@pytest.mark.parametrize("number", ["2147483648", "99999999999999999999", "-1", "1.5", "NaN"])
def test_what_no_row_is_numbered_is_no_page(app: Flask, client: Client, number: str) -> None:
    readable = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    path = re.sub(r"<(int:)?[^>]+>", number, next(rule for rule in readable if "<int:" in rule))
    assert client.get(path).status_code == 404


def test_a_csp_report_is_written_down_and_bounded(app: Flask, client: Client) -> None:
    report = {
        "csp-report": {
            "document-uri": "http://localhost/login",
            "effective-directive": "img-src",
            "blocked-uri": "x" * 900,
        }
    }
    reply = client.post("/csp-report", json=report, csrf=False)
    assert reply.status_code == 204
    (facts,) = app.extensions["remit.csp_reports"]
    assert facts["effective-directive"] == "img-src"
    assert len(facts["blocked-uri"]) == 200
    for junk in (b"", b"[]", b"{", b"\xff", b'{"csp-report": 3}'):
        assert (
            client.post("/csp-report", data=junk, content_type="application/csp-report", csrf=False).status_code == 204
        )
    assert (
        client.post("/csp-report", data=b"x" * 20_000, content_type="application/csp-report", csrf=False).status_code
        == 413
    )
    app.extensions["remit.csp_reports"].clear()


def test_a_flood_from_one_address_is_stopped_with_the_wait(
    app: Flask, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, SWITCH, True)
    browser = cast("Client", app.test_client())
    # One limiter counts for the whole process, so each run of this test has an address of its own.
    elsewhere = {"REMOTE_ADDR": "192.0.2.77" if database.kind == "sqlite" else "192.0.2.76"}
    replies = [browser.get("/login", environ_overrides=elsewhere) for _ in range(61)]
    assert [reply.status_code for reply in replies] == [200] * 60 + [429]
    assert 0 < int(replies[-1].headers["Retry-After"]) <= 60
    assert "Too many requests from your network" in replies[-1].text
    assert browser.get("/login", environ_overrides={"REMOTE_ADDR": "192.0.2.78"}).status_code == 200


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "198.51.100.7"), (2, "192.0.2.66")])
def test_as_many_proxies_are_believed_as_are_trusted(database: TestDatabase, proxies: int, seen: str) -> None:
    assert database
    made = make_app(proxies=proxies)
    made.add_url_rule("/who", "who", anybody(network_address))
    reply = made.test_client().get("/who", headers={"X-Forwarded-For": "192.0.2.66, 198.51.100.7"})
    assert reply.text == seen
