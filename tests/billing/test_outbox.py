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


def test_a_mail_nobody_was_there_to_take_loses_no_try_however_long_that_lasts(world: World) -> None:
    _queue()
    at = AT
    for _ in range(3 * outbox.MOST_TRIES):
        (mail,) = outbox.claim_due(at)
        assert outbox.put_back(mail, "ConnectionRefusedError", at)
        assert Mail.get().due_at == at + outbox.SERVER_WAIT
        at = Mail.get().due_at
    assert (Mail.get().state, Mail.get().attempts, Mail.get().error) == ("queued", 0, "ConnectionRefusedError")
    assert not outbox.put_back(mail, "too late", at), "its lease is over"


def test_only_the_dead_get_all_tries_again(world: World) -> None:
    for key in ("dead", "refused", "waiting"):
        _queue(key)
    Mail.update(state="dead", attempts=outbox.MOST_TRIES).where(Mail.key == "dead").execute()
    Mail.update(state="refused", attempts=3).where(Mail.key == "refused").execute()
    later = AT + timedelta(days=9)
    assert outbox.retry_dead(later) == 1
    now = {mail.key: (mail.state, mail.attempts, mail.due_at) for mail in Mail.select()}
    assert now == {"dead": ("queued", 0, later), "refused": ("refused", 3, AT), "waiting": ("queued", 0, AT)}


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


def test_a_document_whose_page_cannot_be_written_is_given_up_with_its_words_and_may_be_asked_for_again(
    world: World,
) -> None:
    world.issued()

    def broken(_: object) -> str:
        raise KeyError("no such part of the page")

    at = AT
    for tries in range(1, documents.MOST_TRIES + 1):
        assert documents.draw_due(Pen(), broken, at=at) == 0
        assert Rendering.get().attempts == tries
        at = max(at, Rendering.get().due_at)
    assert (Rendering.get().state, Rendering.get().error) == ("failed", "KeyError: 'no such part of the page'")
    assert documents.draw_due(Pen(), lambda _: "page", at=at + timedelta(days=1)) == 0

    assert documents.retry_failed(at) == 1
    assert documents.retry_failed(at) == 0
    assert documents.draw_due(Pen(), lambda _: "page", at=at) == 1
    assert (Rendering.get().state, Rendering.get().error) == ("stored", "")


def test_a_document_that_cannot_be_written_does_not_hold_up_the_next(world: World) -> None:
    bad, good = world.issued(), world.issued()

    def page(frozen: dict[str, object]) -> str:
        assert frozen["number"] != bad.number
        return "page"

    assert documents.draw_due(Pen(), page, at=AT) == 1
    assert documents.stored(documents.invoice(good.id)).size > 0


class _Dies:
    """Takes its worker with it."""

    def render(self, html: str, **_: object) -> bytes:
        raise SystemExit(html)
