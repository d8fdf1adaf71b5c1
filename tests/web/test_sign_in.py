"""Signing in and out as a browser does it, at both faces, with and without HTMX."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from billing import sessions, users
from billing.actors import SYSTEM
from billing.tables import Mail, Session, Try
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client, MovedClock
    from tests.world import World

ALICE = "alice@acme.example"
SAM = "sam@alderfinch.example"
GOOD = "three wet boots outside"


def mailed_code() -> str:
    code: str = Mail.select().where(Mail.event == "sign_in_code").order_by(Mail.id.desc()).get().context["code"]
    return code


def portal_session(client: Client) -> str:
    cookie = client.get_cookie("remit_portal", domain="localhost")
    return cookie.value if cookie else ""


def by_code(client: Client, email: str = ALICE, onward: str = "", **form: str) -> str:
    """Sign in by code and tell where it leads."""
    asked = client.post("/login", data={"email": email, "next": onward})
    assert asked.status_code == 303
    entered = client.post("/login/code", data={"code": mailed_code(), "next": onward, **form})
    assert entered.status_code == 303, entered.text
    return entered.location


def test_a_customer_signs_in_by_the_mailed_code(world: World, client: Client) -> None:
    assert world
    page = client.get("/login")
    assert page.status_code == 200
    assert "Sign in to Alder &amp; Finch" in page.text
    assert by_code(client) == "/"
    row = sessions.find(portal_session(client), "portal", at=AT)
    assert row is not None
    assert row.user.email == ALICE


def test_the_code_page_reads_the_same_for_a_stranger(world: World, client: Client) -> None:
    assert world
    pages = []
    for email in (ALICE, "stranger@acme.example"):
        browser = client.application.test_client()
        reply = browser.post("/login", data={"email": email})
        assert reply.status_code == 303
        assert reply.location == "/login/code?next=/"
        pages.append(browser.get(reply.location).text.replace(email, "EMAIL"))
    assert "If <strong>EMAIL</strong> has access, we sent a" in pages[0]
    assert without_tokens(pages[0]) == without_tokens(pages[1])


def without_tokens(page: str) -> str:
    """The page without its CSRF tokens, which differ for every browser."""
    import re

    page = re.sub(r'name="csrf_token" value="[^"]*"', "", page)
    return re.sub(r"hx-headers:inherited='[^']*'", "", page)


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World, client: Client) -> None:
    assert world
    client.post("/login", data={"email": ALICE})
    reply = client.post("/login/code", data={"code": mailed_code()})
    (cookie,) = [line for line in reply.headers.getlist("Set-Cookie") if line.startswith("remit_portal=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age" not in cookie  # ends with the browser, unless it is to be kept


def test_keep_me_signed_in_lasts_thirty_days(world: World, client: Client, now: MovedClock) -> None:
    assert world
    by_code(client, keep="1")
    for _ in range(3):
        now.forward(timedelta(days=9))
        assert client.get("/customer").status_code == 200
    now.forward(timedelta(days=3, seconds=1))
    assert client.get("/customer").status_code == 303


def test_a_wrong_code_is_said_beside_the_field_and_in_the_summary(world: World, client: Client) -> None:
    assert world
    client.post("/login", data={"email": ALICE})
    wrong = f"{(int(mailed_code()) + 1) % 1_000_000:06}"
    reply = client.post("/login/code", data={"code": wrong})
    assert reply.status_code == 422
    assert "<title>Error: Enter the code" in reply.text
    assert reply.text.count("That code is not right. Check the email, or get a new code.") == 2
    assert 'href="#code"' in reply.text


def test_htmx_gets_only_the_form_back_and_goes_on_by_hx_redirect(world: World, client: Client) -> None:
    assert world
    asked = client.post("/login", data={"email": ALICE}, hx=True)
    assert (asked.status_code, asked.headers["HX-Redirect"]) == (200, "/login/code?next=/")
    wrong = client.post("/login/code", data={"code": "1"}, hx=True)
    assert wrong.status_code == 422
    assert "<html" not in wrong.text
    assert wrong.text.lstrip().startswith("<title>Error: Enter the code")
    right = client.post("/login/code", data={"code": mailed_code()}, hx=True)
    assert (right.status_code, right.headers["HX-Redirect"]) == (200, "/")


def test_the_code_page_without_an_email_asks_for_it(client: Client) -> None:
    reply = client.get("/login/code")
    assert (reply.status_code, reply.location) == (303, "/login?next=/")


def test_too_many_tries_are_said_with_the_wait(world: World, client: Client, now: MovedClock) -> None:
    assert world
    for _ in range(5):
        client.post("/login", data={"email": ALICE})
        now.forward(timedelta(minutes=1))
    reply = client.post("/login", data={"email": ALICE})
    assert reply.status_code == 422
    assert "Too many tries. Wait 10 minutes or use the link in your email." in reply.text


def test_throwing_the_cookies_away_does_not_lift_a_limit(world: World, client: Client, now: MovedClock) -> None:
    assert world
    for _ in range(5):
        client.application.test_client().post("/login", data={"email": ALICE})
        now.forward(timedelta(minutes=1))
    assert client.application.test_client().post("/login", data={"email": ALICE}).status_code == 422


def test_a_forwarded_for_header_is_not_believed_without_a_proxy(world: World, client: Client) -> None:
    assert world
    for number in range(60):
        client.post(
            "/login", data={"email": f"p{number}@example.com"}, headers={"X-Forwarded-For": f"192.0.2.{number}"}
        )
    reply = client.post("/login", data={"email": "last@example.com"}, headers={"X-Forwarded-For": "198.51.100.1"})
    assert reply.status_code == 422


def test_a_customer_with_a_password_signs_in_by_it(world: World, client: Client) -> None:
    users.set_password(users.get(world.alice.user_id or 0), GOOD, by=SYSTEM, at=AT)
    assert client.get("/login/password").status_code == 200
    wrong = client.post("/login/password", data={"email": ALICE, "password": "not this"})
    assert wrong.status_code == 422
    assert "not this" not in wrong.text
    assert f'value="{ALICE}"' in wrong.text
    right = client.post("/login/password", data={"email": ALICE, "password": GOOD})
    assert (right.status_code, right.location) == (303, "/")


def test_staff_sign_in_at_admin_only(world: World, client: Client) -> None:
    users.set_password(users.get(world.sam.user_id or 0), GOOD, by=SYSTEM, at=AT)
    at_portal = client.post("/login/password", data={"email": SAM, "password": GOOD})
    assert at_portal.status_code == 422
    reply = client.post("/admin/login", data={"email": SAM, "password": GOOD, "next": "/admin/customers"})
    assert (reply.status_code, reply.location) == (303, "/admin/customers")
    assert client.get("/customer").status_code == 303  # the portal does not know them


def test_a_customer_does_not_sign_in_at_admin(world: World, client: Client) -> None:
    users.set_password(users.get(world.alice.user_id or 0), GOOD, by=SYSTEM, at=AT)
    reply = client.post("/admin/login", data={"email": ALICE, "password": GOOD})
    assert reply.status_code == 422
    assert Session.select().count() == 0


def test_a_copied_cookie_opens_nothing_after_signing_out(world: World, client: Client) -> None:
    assert world
    by_code(client)
    copied = portal_session(client)
    thief = cast("Client", client.application.test_client())
    thief.carry("portal", copied)
    assert thief.get("/customer").status_code == 200
    reply = client.post("/logout")
    assert (reply.status_code, reply.location) == (303, "/login")
    assert reply.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert portal_session(client) == ""
    assert thief.get("/customer").status_code == 303


def test_signing_in_renews_session_and_csrf_token(world: World, client: Client) -> None:
    assert world
    by_code(client)
    first, token = portal_session(client), client.csrf_token()
    client.post("/logout")
    by_code_later(client)
    assert portal_session(client) != first
    assert sessions.find(first, "portal", at=AT) is None
    assert client.post("/prefs/theme", data={"theme": "dark", "csrf_token": token}, csrf=False).status_code == 400


def by_code_later(client: Client) -> None:
    Session.update(seen_at=AT).execute()
    Try.delete().execute()
    by_code(client)


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/invoices?tab=paid", "/invoices?tab=paid"),
        ("/invoices/INV-2026-0001", "/invoices/INV-2026-0001"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("////evil.example", "/"),
        ("evil", "/"),
        ("/%0d%0aSet-Cookie:x=1", "/%0d%0aSet-Cookie:x=1"),
        ("/invoices\r\nX: y", "/"),
        ("/" + "x" * 600, "/"),
    ],
)
def test_signing_in_leads_only_to_this_site(world: World, client: Client, asked: str, leads_to: str) -> None:
    assert world
    assert by_code(client, onward=asked) == leads_to


def test_a_person_of_several_customers_chooses_one(world: World, client: Client) -> None:
    user = users.get(world.alice.user_id or 0)
    users.add_membership(user, world.globex.id, by=SYSTEM, at=AT)
    assert by_code(client, onward="/invoices") == "/customer?next=/invoices"
    page = client.get("/customer?next=/invoices")
    assert "Whose invoices?" in page.text
    assert "Acme" in page.text
    assert "Globex" in page.text
    chosen = client.post("/customer", data={"customer_id": world.globex.id, "next": "/invoices"})
    assert (chosen.status_code, chosen.location) == (303, "/invoices")
    row = sessions.find(portal_session(client), "portal", at=AT)
    assert row is not None
    acting_for = sessions.acting_for(row)
    assert acting_for is not None
    assert acting_for.name == "Globex"


@pytest.mark.parametrize("customer", ["globex", "missing", "words"])
def test_nobody_acts_for_a_customer_of_others(
    world: World, sign_in_as: Callable[[Actor], Client], customer: str
) -> None:
    browser = sign_in_as(world.alice)
    value = {"globex": str(world.globex.id), "missing": "999999", "words": "x'--"}[customer]
    reply = browser.post("/customer", data={"customer_id": value})
    assert reply.status_code == 404
    assert "Acme" in browser.get("/customer").text


def test_a_person_without_customers_is_told_so(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    users.remove_membership(users.get(world.alice.user_id or 0), world.acme.id, by=SYSTEM, at=AT)
    page = sign_in_as(world.alice).get("/customer")
    assert page.status_code == 200
    assert "no customer is connected to this email" in page.text


def test_whoever_is_signed_in_skips_the_form(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    assert sign_in_as(world.alice).get("/login").location == "/"
    assert sign_in_as(world.sam).get("/admin/login?next=/admin/customers").location == "/admin/customers"


def test_looking_at_pages_makes_no_session(world: World, client: Client) -> None:
    assert world
    for path in ("/login", "/login/password", "/admin/login", "/customer"):
        client.get(path)
    assert Session.select().count() == 0


def test_a_session_nobody_needs_a_fragment_of_leads_to_the_sign_in(world: World, client: Client) -> None:
    assert world
    reply = client.get("/customer", hx=True, headers={"HX-Current-URL": "http://localhost/invoices?tab=paid#top"})
    assert reply.status_code == 401
    assert reply.headers["HX-Redirect"] == "/login?next=/invoices?tab%3Dpaid"
    assert reply.text == ""


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(client: Client) -> None:
    reply = client.post("/customer", headers={"Referer": "http://localhost/invoices/INV-1"})
    assert (reply.status_code, reply.location) == (303, "/login?next=/invoices/INV-1")
    foreign = client.post("/customer", headers={"Referer": "http://evil.example/invoices/INV-1"})
    assert foreign.location == "/login"


def test_only_a_person_of_several_customers_may_change_it(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    assert "Change customer" not in sign_in_as(world.gina).get("/invoices").text
    users.add_membership(users.get(world.alice.user_id or 0), world.globex.id, by=SYSTEM, at=AT)
    page = sign_in_as(world.alice).get("/invoices").text
    assert "Change customer" in page
    assert "Acme" in page  # for whom one acts is shown
