"""Mailed links: what opening one does, and what it never does; and asking for a new one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import links
from billing.actors import SYSTEM
from billing.tables import Contact, Invoice, Link, Mail
from tests.portal.scenes import statements
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.actors import Actor
    from tests.web_fixtures import Client, MovedClock
    from tests.world import World

OVER = links.LIFETIME + timedelta(days=1)


def link_of(invoice: Invoice) -> Link:
    found: Link = Link.select().where(Link.invoice == invoice.id).order_by(Link.created_at, Link.id).get()
    return found


def fresh_mails() -> list[Mail]:
    return list(Mail.select().where(Mail.event == "invoice_link").order_by(Mail.id))


def test_a_link_leads_to_its_invoice_and_the_token_leaves_the_address(client: Client, world: World) -> None:
    invoice = world.issued()
    reply = client.get(f"/i/{links.token(link_of(invoice).id)}")
    assert reply.status_code == 303
    assert reply.headers["Location"] == f"/invoices/{invoice.number}"
    page = client.get(reply.headers["Location"])
    assert page.status_code == 200
    assert "For Acme Ltd" in page.text


def test_opening_a_link_writes_nothing(client: Client, world: World) -> None:
    token = links.token(link_of(world.issued()).id)
    with statements() as ran:
        client.get(f"/i/{token}", follow_redirects=True)
    assert ran
    assert [sql for sql in ran if not sql.startswith("SELECT")] == []


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "A" * 5_000, "..%2f..%2fetc"])
def test_an_unknown_token_is_a_calm_404(client: Client, world: World, token: str) -> None:
    reply = client.get(f"/i/{token}")
    assert reply.status_code in {400, 404}
    assert "We cannot find that page" in reply.text or reply.status_code == 400


def test_a_revoked_link_reads_as_an_unknown_one(client: Client, world: World) -> None:
    link = link_of(world.issued())
    links.revoke(link, by=SYSTEM, at=AT)
    revoked, unknown = client.get(f"/i/{links.token(link.id)}"), client.get(f"/i/{'A' * 43}")
    assert revoked.status_code == unknown.status_code == 404
    assert "This link does not open anything" in revoked.text
    assert revoked.text.replace(links.token(link.id), "") == unknown.text.replace("A" * 43, "")


def test_revoking_counts_at_once_for_a_browser_that_opened_the_link(
    guest_of: Callable[[Invoice], Client], world: World
) -> None:
    invoice = world.issued()
    guest = guest_of(invoice)
    assert guest.get(f"/invoices/{invoice.number}").status_code == 200
    for link in Link.select().where(Link.invoice == invoice.id):
        links.revoke(link, by=SYSTEM, at=AT)
    assert guest.get(f"/invoices/{invoice.number}").status_code == 303


def test_a_link_opens_one_invoice_and_no_other(guest_of: Callable[[Invoice], Client], world: World) -> None:
    guest = guest_of(world.issued())
    other = world.issued()
    assert guest.get(f"/invoices/{other.number}").status_code == 303
    assert guest.get(f"/invoices/{other.number}.pdf").status_code == 303
    assert guest.get("/invoices").status_code == 303


def test_two_links_open_two_invoices(guest_of: Callable[[Invoice], Client], world: World) -> None:
    first, second = world.issued(), world.issued(world.globex)
    guest = guest_of(first)
    guest.get(f"/i/{links.token(link_of(second).id)}")
    assert guest.get(f"/invoices/{first.number}").status_code == 200
    assert guest.get(f"/invoices/{second.number}").status_code == 200


def test_a_signed_in_person_keeps_their_own_page_after_opening_a_link(
    sign_in_as: Callable[[Actor], Client], world: World
) -> None:
    mine, not_mine = world.issued(), world.issued(world.globex)
    alice = sign_in_as(world.alice)
    for invoice in (mine, not_mine):
        alice.get(f"/i/{links.token(link_of(invoice).id)}")
    assert "All invoices" in alice.get(f"/invoices/{mine.number}").text
    assert "For Globex Ltd" in alice.get(f"/invoices/{not_mine.number}").text


def test_an_expired_link_offers_a_new_one_and_tells_nothing(client: Client, world: World, now: MovedClock) -> None:
    invoice = world.issued()
    now.forward(OVER)
    reply = client.get(f"/i/{links.token(link_of(invoice).id)}")
    assert reply.status_code == 410
    assert "This link has expired" in reply.text
    assert "Send a new link" in reply.text
    for secret in (str(invoice.number), "Acme", link_of(invoice).recipient):
        assert secret not in reply.text


def test_a_new_link_goes_to_the_same_recipient_and_opens(client: Client, world: World, now: MovedClock) -> None:
    old = link_of(world.issued())
    now.forward(OVER)
    reply = client.post("/links/new", data={"token": links.token(old.id)})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/links/new")
    assert "Check your email" in client.get("/links/new").text
    (mail,) = fresh_mails()
    assert (mail.recipient, mail.invoice_id) == (old.recipient, old.invoice_id)
    fresh = client.get(f"/i/{links.token(mail.context['link_id'])}")
    assert fresh.status_code == 303


def test_new_links_are_mailed_once_an_hour_at_most(client: Client, world: World, now: MovedClock) -> None:
    token = links.token(link_of(world.issued()).id)
    now.set(AT + OVER)
    for _ in range(3):
        client.post("/links/new", data={"token": token})
    assert len(fresh_mails()) == 1
    now.forward(links.RENEWED_EVERY)
    client.post("/links/new", data={"token": token})
    assert len(fresh_mails()) == 2
    assert Link.select().where(Link.created_at > AT).count() == 2, "no link is made that was not mailed"


def test_asking_for_a_new_link_answers_the_same_for_every_token(client: Client, world: World, now: MovedClock) -> None:
    good, revoked = link_of(world.issued()), link_of(world.issued())
    expired_of_nobody = link_of(world.issued(world.globex))
    Contact.update(receives_invoices=False).where(Contact.customer == world.globex.id).execute()
    links.revoke(revoked, by=SYSTEM, at=AT)
    still_good = client.post("/links/new", data={"token": links.token(good.id)})
    now.forward(OVER)
    answers = [
        client.post("/links/new", data={"token": token})
        for token in ("", "nonsense", links.token(revoked.id), links.token(expired_of_nobody.id))
    ]
    assert {(reply.status_code, reply.headers["Location"], reply.text) for reply in [still_good, *answers]} == {
        (303, "/links/new", still_good.text)
    }
    assert fresh_mails() == []


def test_asking_for_a_new_link_needs_the_token_of_the_form(client: Client, world: World) -> None:
    assert client.post("/links/new", data={"token": "x"}, csrf=False).status_code == 400
