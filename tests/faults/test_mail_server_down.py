"""The mail server is away: nothing counts as sent, nothing is lost, and afterwards everything is sent once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import outbox
from billing.settings import Settings
from billing.tables import Document, Invoice, Mail
from tests import servers
from tests.servers import Catcher, until
from tests.world import AT, SECRET_KEY
from web.worker import wake_on_commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import TestDatabase
    from tests.world import World


def test_while_it_is_down_nothing_is_marked_sent_and_once_up_all_is_sent_once(
    database: TestDatabase, world: World, tmp_path: Path
) -> None:
    invoices = [world.issued(), world.issued(world.globex), world.issued()]
    catcher = Catcher()  # its port is known, and nobody listens there yet
    told = servers.environment(database.url, tmp_path, mail_port=catcher.port, now=AT)
    with servers.worker(told, tmp_path) as working:
        until("the PDFs are stored", lambda: Document.select().count() == 3)
        until("a delivery was tried", lambda: Mail.select().where(Mail.error != "").exists())
        tried = Mail.get(Mail.error != "")
        assert "refused" in tried.error.lower(), "the fault fired: the connection was refused"
        assert tried.state == "queued"
        assert tried.due_at > AT
        assert not Mail.select().where(Mail.state == "accepted").exists()
        assert not any(Invoice.get_by_id(invoice.id).sent_at for invoice in invoices)

        with catcher:
            servers.set_clock(tmp_path, AT + timedelta(hours=8))
            wake_on_commit(Settings(secret_key=SECRET_KEY, data_dir=tmp_path))
            try:
                outbox.wake[0]()
            finally:
                outbox.wake.clear()
            until("all mail is accepted", lambda: not Mail.select().where(Mail.state != "accepted").exists())
        assert working.stop() == 0

    sent = Counter((one.recipient, one.subject) for one in catcher.caught)
    assert len(sent) == 6
    assert set(sent.values()) == {1}
