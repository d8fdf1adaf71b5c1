"""The worker wakes, works and stops; the wake-ups hold no truth."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from billing import db, outbox
from billing.settings import Settings
from billing.tables import Document, Mail
from tests import servers
from tests.servers import Catcher, until
from tests.world import SECRET_KEY
from web import worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import TestDatabase
    from tests.world import World


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield Settings(environment="test", secret_key=SECRET_KEY, data_dir=tmp_path)
    outbox.wake.clear()


def wake_ups(folder: Path) -> int:
    with sqlite3.connect(folder / worker.QUEUE_FILE) as queue:
        return int(queue.execute("SELECT count(*) FROM task").fetchone()[0])


def test_work_asked_for_while_it_runs_runs_once_more() -> None:
    begun, go_on = threading.Event(), threading.Event()
    times = []

    def work() -> None:
        times.append(1)
        begun.set()
        assert go_on.wait(10)

    alone = worker.Alone(work)
    at_it = threading.Thread(target=alone)
    at_it.start()
    assert begun.wait(10)
    for _ in range(5):
        alone()  # returns at once
    go_on.set()
    at_it.join(10)
    assert len(times) == 2


def test_a_commit_that_queued_mail_wakes_the_worker_and_a_rollback_does_not(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    worker.wake_on_commit(settings)
    world.issued()
    assert wake_ups(tmp_path) >= 1

    before = wake_ups(tmp_path)
    with pytest.raises(RuntimeError, match="changed my mind"), db.transaction():
        world.issued()
        raise RuntimeError("changed my mind")
    assert wake_ups(tmp_path) == before


def test_a_wake_up_that_cannot_be_written_breaks_nothing(world: World, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / worker.QUEUE_FILE).mkdir()
    worker.wake_on_commit(settings)
    invoice = world.issued()
    assert invoice.number
    assert outbox.waiting() == 2


def test_a_forged_wake_up_is_thrown_away_unread(settings: Settings) -> None:
    queue = worker.queue_of(settings)
    queue.storage.enqueue(b"cos\nsystem\n(S'touch /tmp/forged'\ntR.")
    with pytest.raises(ValueError, match=r"not found|mismatch"):
        queue.dequeue()


def test_it_draws_and_mails_what_is_issued_while_it_runs_and_stops_when_told(
    database: TestDatabase, world: World, settings: Settings, tmp_path: Path
) -> None:
    with Catcher() as catcher:
        told = servers.environment(database.url, tmp_path, mail_port=catcher.port)
        with servers.worker(told, tmp_path) as working:
            world.issued()
            until("the first mails", lambda: len(catcher.caught) == 2)
            worker.wake_on_commit(settings)
            world.issued(world.globex)
            until("the mails of the second", lambda: len(catcher.caught) == 4, seconds=20)
            assert working.stop() == 0
    until("all is written down", lambda: Mail.select().where(Mail.state == "accepted").count() == 4)
    assert Document.select().count() == 2


def test_it_does_not_start_with_settings_that_are_refused(tmp_path: Path) -> None:
    told = servers.environment("sqlite:////nowhere.db", tmp_path) | {"SECRET_KEY": "short"}
    with servers.worker(told, tmp_path) as refused:
        assert refused.ended() == 2
        assert "SECRET_KEY is missing or shorter" in refused.said()
