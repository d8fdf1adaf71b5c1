"""kill -9 of the worker at its worst moments: afterwards everything is sent and drawn once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import outbox
from billing.tables import Document, Invoice, Mail, Rendering
from tests import servers
from tests.servers import Catcher, until
from tests.world import AT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import TestDatabase
    from tests.world import World

AFTER_LEASES = AT + timedelta(minutes=5)


def all_accepted() -> bool:
    return not Mail.select().where(Mail.state != "accepted").exists()


def test_killed_between_commit_and_mail_everything_is_sent_once(
    database: TestDatabase, world: World, tmp_path: Path
) -> None:
    invoices = [world.issued(), world.issued(world.globex)]
    victim: list[int] = []

    def kill_at_hello(stage: str, _recipient: str) -> str | None:
        if stage == "hello" and victim:
            os.kill(victim.pop(), signal.SIGKILL)
        return None

    with Catcher(script=kill_at_hello) as catcher:
        told = servers.environment(database.url, tmp_path, mail_port=catcher.port, now=AT)
        with servers.worker(told, tmp_path) as first:
            victim.append(first.pid)
            assert first.ended() == -signal.SIGKILL, "the fault fired"
        assert catcher.caught == []
        assert Mail.select().where(Mail.state == "sending").count() == 1

        servers.set_clock(tmp_path, AFTER_LEASES)
        with servers.worker(told, tmp_path) as second:
            until("all mail is accepted", all_accepted)
            assert second.stop() == 0

    sent = Counter(one.recipient for one in catcher.caught)
    assert sent == dict.fromkeys(
        ("alice@acme.example", "bob@acme.example", "gina@globex.example", "greg@globex.example"), 1
    )
    assert len({one.message_id for one in catcher.caught}) == 4
    assert all(Invoice.get_by_id(invoice.id).sent_at for invoice in invoices)


def test_killed_in_the_middle_of_a_drawing_it_is_drawn_and_sent_once(
    database: TestDatabase, world: World, tmp_path: Path
) -> None:
    invoice = world.issued()
    with Catcher() as catcher:
        told = servers.environment(database.url, tmp_path, mail_port=catcher.port, now=AT)
        with servers.worker(told, tmp_path) as first:
            until("the drawing is under way", lambda: Rendering.select().where(Rendering.state == "drawing").exists())
            assert first.kill() == -signal.SIGKILL
        assert Rendering.get().state == "drawing", "the fault fired in the middle"
        assert not Document.select().exists()
        assert catcher.caught == [], "no mail leaves without its PDF"

        servers.set_clock(tmp_path, AFTER_LEASES)
        with servers.worker(told, tmp_path) as second:
            until("all mail is accepted", all_accepted)
            assert second.stop() == 0

    assert Document.select().where(Document.invoice == invoice.id).count() == 1
    assert Rendering.get().state == "stored"
    assert Counter(one.recipient for one in catcher.caught) == {"alice@acme.example": 1, "bob@acme.example": 1}
    stored = bytes(Document.get().content)
    assert all(one.attachments()[0][2] == stored for one in catcher.caught)


def test_killed_after_the_server_took_the_message_the_double_carries_the_same_message_id(
    database: TestDatabase, world: World, tmp_path: Path
) -> None:
    world.issued()
    victim: list[int] = []

    def kill_once_taken(stage: str, _recipient: str) -> str | None:
        if stage == "taken" and victim:
            os.kill(victim.pop(), signal.SIGKILL)
        return None

    with Catcher(script=kill_once_taken) as catcher:
        told = servers.environment(database.url, tmp_path, mail_port=catcher.port, now=AT)
        with servers.worker(told, tmp_path) as first:
            victim.append(first.pid)
            assert first.ended() == -signal.SIGKILL, "the fault fired"
        assert len(catcher.caught) == 1
        assert Mail.select().where(Mail.state == "accepted").count() == 0, "nobody heard the 250"

        servers.set_clock(tmp_path, AFTER_LEASES)
        with servers.worker(told, tmp_path) as second:
            until("all mail is accepted", all_accepted)
            assert second.stop() == 0

    doubled = catcher.caught[0].recipient
    assert Counter(one.recipient for one in catcher.caught) == {"alice@acme.example": 1, "bob@acme.example": 1} | {
        doubled: 2
    }
    assert len({one.message_id for one in catcher.to(doubled)}) == 1
    assert outbox.waiting() == 0
