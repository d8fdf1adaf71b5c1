"""Who asks: the scope of a mailed link, a link beside a session, and cookies that nobody signed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from billing import links, users
from billing.actors import SYSTEM
from billing.tables import ALL, Link
from tests.world import AT
from web.guest import MOST_LINKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from billing.actors import Actor
    from billing.tables import Invoice
    from tests.web_fixtures import Client, MovedClock
    from tests.world import World


def link_of(invoice: Invoice) -> Link:
    link: Link = Link.select().where(Link.invoice == invoice.id).order_by(Link.recipient).get()
    return link


def page(invoice: Invoice) -> str:
    return f"/invoices/{invoice.number}"


def test_a_link_opens_its_invoice_and_leaves_the_address(world: World, client: Client) -> None:
    invoice = world.issued()
    opened = client.get(f"/i/{links.token(link_of(invoice).id)}")
    assert (opened.status_code, opened.location) == (303, page(invoice))
    reply = client.get(opened.location)
    assert reply.status_code == 200
    assert str(invoice.number) in reply.text
    assert ">Sign in<" in reply.text


def test_opening_a_link_writes_nothing(world: World, client: Client) -> None:
    invoice = world.issued()
    before = [table.select().count() for table in ALL]
    for _ in range(3):
        client.get(f"/i/{links.token(link_of(invoice).id)}", follow_redirects=True)
    assert [table.select().count() for table in ALL] == before
    assert type(invoice).get_by_id(invoice.id).viewed_at is None


def test_the_links_cookie_is_out_of_reach_of_scripts(world: World, client: Client) -> None:
    reply = client.get(f"/i/{links.token(link_of(world.issued()).id)}")
    (cookie,) = [line for line in reply.headers.getlist("Set-Cookie") if line.startswith("remit_link=")]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


def test_a_guest_sees_that_invoice_and_nothing_else(world: World, guest_of: Callable[[Invoice], Client]) -> None:
    invoice, other = world.issued(), world.issued()
    browser = guest_of(invoice)
    assert browser.get(page(invoice)).status_code == 200
    for path in (page(other), "/invoices", "/customer", "/admin/invoices"):
        assert browser.get(path).status_code == 303, path


def test_a_revoked_link_closes_at_once(world: World, guest_of: Callable[[Invoice], Client]) -> None:
    invoice = world.issued()
    browser = guest_of(invoice)
    links.revoke(Link.get_by_id(scope_of(browser)), by=SYSTEM, at=AT)
    assert browser.get(page(invoice)).status_code == 303


def scope_of(browser: Client) -> str:
    """The id of the link this browser opened, out of its signed cookie."""
    name, serializer, _ = browser.application.extensions["remit.link_cookie"]
    cookie = browser.get_cookie(name, domain="localhost")
    assert cookie is not None
    return cast("str", serializer.loads(cookie.value)[-1][1])


def test_an_expired_link_closes_by_the_clock(
    world: World, guest_of: Callable[[Invoice], Client], now: MovedClock
) -> None:
    invoice = world.issued()
    browser = guest_of(invoice)
    now.forward(timedelta(days=399))
    assert browser.get(page(invoice)).status_code == 200
    now.forward(timedelta(days=2))
    assert browser.get(page(invoice)).status_code == 303


def test_a_browser_remembers_the_newest_few_links(world: World, client: Client) -> None:
    invoices = [world.issued() for _ in range(MOST_LINKS + 1)]
    for invoice in invoices:
        client.get(f"/i/{links.token(link_of(invoice).id)}")
    assert client.get(page(invoices[0])).status_code == 303
    assert [client.get(page(invoice)).status_code for invoice in invoices[1:]] == [200] * MOST_LINKS


def test_no_other_signed_cookie_stands_in_for_a_links(world: World, app: Flask, client: Client) -> None:
    invoice = world.issued()
    stolen = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # Flask's own cookie
    scope = [[invoice.number, link_of(invoice).id]]
    for forged in (stolen.dumps(scope), stolen.dumps(scope)[:-2] + "AA", "x.y.z", "", "é"):
        client.set_cookie("remit_link", forged)
        assert client.get(page(invoice)).status_code == 303


@pytest.mark.parametrize("token", ["qq8", "q8" * 21, "q8" * 2500, "..%2f..%2fetc%2fpasswd"])
def test_tokens_that_open_nothing_read_the_same(world: World, client: Client, token: str) -> None:
    assert world
    reply = client.get(f"/i/{token}")
    assert reply.status_code == 404
    assert token not in reply.text


def test_a_customer_sees_their_own_by_session_and_a_forwarded_one_by_its_link(
    world: World, sign_in_as: Callable[[Actor], Client]
) -> None:
    own, foreign = world.issued(), world.issued(world.globex)
    browser = sign_in_as(world.alice)
    assert browser.get(page(foreign)).status_code == 404
    browser.get(f"/i/{links.token(link_of(foreign).id)}")
    assert browser.get(page(foreign)).status_code == 200
    assert browser.get(page(own)).status_code == 200
    assert "alice@acme.example" in browser.get(page(own)).text
    assert browser.get("/invoices").status_code == 200


def test_a_link_to_ones_own_invoice_keeps_one_signed_in(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    own = world.issued()
    browser = sign_in_as(world.alice)
    browser.get(f"/i/{links.token(link_of(own).id)}")
    assert "Signed in as" in browser.get(page(own)).text


def test_signing_out_forgets_the_links_too(world: World, guest_of: Callable[[Invoice], Client]) -> None:
    invoice = world.issued()
    browser = guest_of(invoice)
    browser.post("/logout")
    assert browser.get(page(invoice)).status_code == 303


def test_a_person_without_a_chosen_customer_chooses_first(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    browser = sign_in_as(world.alice)
    users.remove_membership(users.get(world.alice.user_id or 0), world.acme.id, by=SYSTEM, at=AT)
    reply = browser.get("/invoices?tab=paid")
    assert (reply.status_code, reply.location) == (303, "/customer?next=/invoices?tab%3Dpaid")


def test_a_page_costs_one_statement_to_know_who_asks(
    world: World, app: Flask, sign_in_as: Callable[[Actor], Client]
) -> None:
    from billing.db import database
    from web import people

    browser = sign_in_as(world.alice)
    cookie = browser.get_cookie("remit_portal", domain="localhost")
    assert cookie is not None
    statements: list[str] = []
    with app.test_request_context("/invoices", headers={"Cookie": f"remit_portal={cookie.value}"}):
        database.obj.query_hooks.append(lambda event: statements.append(event.sql))
        try:
            asker = people.person()
            again = people.person()
        finally:
            database.obj.query_hooks.pop()
    assert asker is again
    assert asker.customer_id == world.acme.id
    assert asker.actor.key == world.alice.key
    assert len(statements) == 1
