"""Mailed links on the invoice's page: an admin ends one, and whoever has it open is out at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from billing import links
from billing.tables import AuditRow, Link, LinkRevocation
from tests.admin.typed import words
from tests.web_fixtures import fresh_form_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from billing.actors import Actor
    from tests.web_fixtures import Client
    from tests.world import World


def test_an_admin_revokes_one_link_and_the_other_still_opens(
    app: Flask, world: World, sign_in_as: Callable[[Actor], Client]
) -> None:
    issued, sam = world.issued(), sign_in_as(world.sam)
    alices, bobs = Link.select().where(Link.invoice == issued.id).order_by(Link.recipient)
    guest = cast("Client", app.test_client())
    assert guest.get(f"/i/{links.token(alices.id)}").status_code == 303
    page = sam.get(f"/admin/invoices/{issued.id}")
    path = f"/admin/invoices/{issued.id}/links/{alices.id}/revoke"
    assert f'action="{path}" method="post"' in page.text
    assert "The link mailed to alice@acme.example stops opening" in words(page)

    for hx in (False, True):  # the second time it is over already
        reply = sam.post(path, data={"form_id": fresh_form_id()}, hx=hx)
        assert reply.headers["HX-Redirect" if hx else "Location"] == f"/admin/invoices/{issued.id}"
    after = sam.get(f"/admin/invoices/{issued.id}")
    assert "The link mailed to alice@acme.example no longer opens anything." in words(after)
    assert words(after).count("Link revoked · ") == 1
    assert path not in after.text
    assert f"/links/{bobs.id}/revoke" in after.text

    assert guest.get(f"/invoices/{issued.number}").status_code == 303, "to the sign-in"
    assert guest.get(f"/i/{links.token(alices.id)}").status_code == 404
    assert guest.get(f"/i/{links.token(bobs.id)}").status_code == 303
    assert [(row.link_id, row.by) for row in LinkRevocation.select()] == [(alices.id, world.sam.key)]
    assert AuditRow.select().where(AuditRow.action == "link.revoked").count() == 1


def test_whoever_only_looks_is_offered_no_revoking(world: World, sign_in_as: Callable[[Actor], Client]) -> None:
    issued = world.issued()
    link = Link.select().where(Link.invoice == issued.id).first()
    for who in (world.vic, world.ada):
        browser = sign_in_as(who)
        assert "/revoke" not in browser.get(f"/admin/invoices/{issued.id}").text
        path = f"/admin/invoices/{issued.id}/links/{link.id}/revoke"
        assert browser.post(path, data={"form_id": fresh_form_id()}).status_code == 403
    assert not LinkRevocation.select().exists()
