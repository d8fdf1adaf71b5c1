"""Mailed links: one document each, hashed, expiring, revocable, and over when the secret changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import links
from billing.errors import Missing
from billing.tables import Link, Mail
from tests.world import AT, BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world import World


@pytest.fixture
def link(world: World) -> Iterator[Link]:
    world.issued()
    yield Link.select().order_by(Link.recipient).first()
    links.use(SECRET_KEY, BASE_URL)


def test_a_token_opens_its_invoice_and_only_its_hash_is_stored(link: Link) -> None:
    token = links.token(link.id)
    assert len(token) == 43
    assert links.open_link(token, at=AT).invoice_id == link.invoice_id
    assert token not in str(list(Link.select().dicts()))
    assert links.url(link.id) == f"{BASE_URL}/i/{token}"


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "../../etc/passwd", "\x00", "é" * 50])
def test_an_unknown_token_opens_nothing(link: Link, token: str) -> None:
    with pytest.raises(Missing):
        links.open_link(token, at=AT)


def test_a_revoked_link_reads_like_an_unknown_one(link: Link, world: World) -> None:
    links.revoke(link, by=world.sam, at=AT)
    links.revoke(link, by=world.sam, at=AT)
    with pytest.raises(Missing):
        links.open_link(links.token(link.id), at=AT)
    assert links.still_open(link.id, at=AT) is None
    assert not links.renew(links.token(link.id), at=AT + timedelta(days=500))


def test_an_expired_link_is_renewed_to_the_same_recipient_once_in_a_while(link: Link) -> None:
    late = AT + links.LIFETIME
    token = links.token(link.id)
    assert not links.renew(token, at=AT), "it still opens"
    with pytest.raises(links.LinkExpired):
        links.open_link(token, at=late)
    assert links.renew(token, at=late)
    assert not links.renew(token, at=late)
    mail = Mail.get(Mail.event == "invoice_link")
    assert mail.recipient == link.recipient
    assert links.open_link(links.token(mail.context["link_id"]), at=late).invoice_id == link.invoice_id


def test_changing_the_secret_ends_every_link_and_each_can_be_renewed(link: Link) -> None:
    old = links.token(link.id)
    links.use("another secret of the tests, long enough", BASE_URL)
    with pytest.raises(links.LinkExpired):
        links.open_link(old, at=AT)
    assert links.renew(old, at=AT)
    fresh = Mail.get(Mail.event == "invoice_link").context["link_id"]
    assert links.open_link(links.token(fresh), at=AT).invoice_id == link.invoice_id
