"""The outbox: queued once, claimed by one, given back by the dead, and given up after enough tries."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing import documents, outbox
from billing.tables import Mail, Rendering
from tests.world import AT, Pen

if TYPE_CHECKING:
    from tests.world import World


def _queue(key: str = "k", event: str = "receipt") -> int | None:
    return outbox.queue(event, to="alice@acme.example", key=key, context={"code": "123456"}, at=AT)


def test_one_key_is_queued_once(world: World) -> None:
    assert _queue() is not None
    assert _queue() is None
    assert outbox.waiting() == 1


def test_a_claimed_mail_is_claimed_by_nobody_else_until_its_lease_ends(world: World) -> None:
    _queue()
    assert len(outbox.claim_due(AT)) == 1
    assert outbox.claim_due(AT) == []
    assert len(outbox.claim_due(AT + outbox.LEASE + timedelta(seconds=1))) == 1


def test_one_who_lost_the_lease_cannot_finish(world: World) -> None:
    _queue()
    (slow,) = outbox.claim_due(AT)
    (quick,) = outbox.claim_due(AT + outbox.LEASE + timedelta(seconds=1))
    assert not outbox.accepted(slow, AT)
    assert outbox.accepted(quick, AT)
    assert Mail.get().state == "accepted"


def test_each_wait_is_longer_and_the_last_try_ends_it(world: World) -> None:
    _queue()
    at, waits = AT, []
    while claimed := outbox.claim_due(at):
        outbox.retry_later(claimed[0], "451 later", at)
        due_at = Mail.get().due_at
        waits.append(due_at - at)
        at = max(due_at, at)
    assert Mail.get().state == "dead"
    assert len(waits) == outbox.MOST_TRIES
    assert waits[:-1] == sorted(waits[:-1])
    assert max(waits) <= outbox.LONGEST_WAIT


def test_a_mail_that_kills_its_workers_is_given_up(world: World) -> None:
    _queue()
    at = AT
    for _ in range(outbox.MOST_TRIES):
        assert outbox.claim_due(at), "each worker dies with it"
        at += outbox.LEASE + timedelta(seconds=1)
    assert outbox.claim_due(at) == []
    assert (Mail.get().state, Mail.get().error) == ("dead", outbox.KILLED)


def test_a_refused_mail_is_not_tried_again(world: World) -> None:
    _queue()
    (mail,) = outbox.claim_due(AT)
    outbox.refused(mail, "550 no such user")
    assert Mail.get().state == "refused"
    assert outbox.claim_due(AT + timedelta(days=9)) == []


def test_a_sign_in_code_is_forgotten_once_it_left(world: World) -> None:
    _queue(event="sign_in_code")
    (mail,) = outbox.claim_due(AT)
    outbox.accepted(mail, AT)
    assert Mail.get().context == {}


def test_an_invoice_is_mailed_once_its_pdf_is_stored(world: World) -> None:
    world.issued()
    assert outbox.claim_due(AT) == []
    assert documents.draw_due(Pen(), lambda _: "page", at=AT) == 1
    assert len(outbox.claim_due(AT)) == 2


def test_a_document_that_kills_its_workers_is_given_up(world: World) -> None:
    world.issued()
    at = AT
    for _ in range(documents.MOST_TRIES):
        try:
            documents.draw_due(_Dies(), lambda _: "page", at=at)
        except SystemExit:
            at += documents.LEASE + timedelta(seconds=1)
    assert documents.draw_due(Pen(), lambda _: "page", at=at) == 0
    assert (Rendering.get().state, Rendering.get().error) == ("failed", documents.KILLED)


class _Dies:
    """Takes its worker with it."""

    def render(self, html: str, **_: object) -> bytes:
        raise SystemExit(html)
