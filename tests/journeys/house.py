"""The whole of Remit as it runs: web, worker, sandbox and mail server, each a process or a server of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests import servers
from tests.servers import ROOT, Catcher, Running, free_port, until
from tests.servers_sandbox import SECRET_KEY, WEBHOOK_SECRETS, Bank

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Caught

MOST_WORDS = 3_000  # of a log, told beside a failure


@dataclass(frozen=True, slots=True)
class House:
    """One installation at work. `told` is the environment that its commands are given too.

    `wrong_at_first` is what was wrong with its pages while it was empty.
    """

    base: str
    bank: Bank
    mails: Catcher
    web: Running
    worker: Running
    told: dict[str, str]
    wrong_at_first: list[str] = field(default_factory=list)

    def flask(self, *words: str, **more: str) -> str:
        """What a command of the installation says; it must succeed."""
        command = [sys.executable, "-m", "flask", "--app", "app", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.told | more, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def mail(self, subject: str, about: str) -> Caught:
        """The one mail with these words in its subject, and these in its text; waits until it has come."""

        def come() -> list[Caught]:
            return [mail for mail in self.mails.caught if subject in mail.subject and about in mail.text()]

        found: list[Caught] = until(f"a mail {subject!r} about {about}", come)
        assert len(found) == 1, "it is sent once"
        return found[0]

    def troubles(self) -> list[str]:
        """What the processes said that no journey should make them say: errors, and reports of the content policy."""
        said = self.web.said().splitlines() + self.worker.said().splitlines()
        marks = ('"level": "error"', "csp report", "csp-report", "Traceback", " ERROR ")
        return [line for line in said if any(mark in line for mark in marks)]


@contextmanager
def house(database_url: str, folder: Path) -> Iterator[House]:
    """Start everything on an empty, migrated database, at ports of its own."""
    web_port, bank_port = free_port(), free_port()
    base, bank = f"http://localhost:{web_port}", Bank(f"http://127.0.0.1:{bank_port}")
    with ExitStack() as running:
        mails = running.enter_context(Catcher())
        told = servers.environment(
            database_url,
            folder,
            mail_port=mails.port,
            base_url=base,
            STRIPE_SECRET_KEY=SECRET_KEY,
            STRIPE_WEBHOOK_SECRETS=",".join(WEBHOOK_SECRETS),
            STRIPE_API_BASE=bank.base_url,
            SANDBOX_WEBHOOK_URL=f"http://127.0.0.1:{web_port}/webhooks/stripe",
            NO_PROXY="localhost,127.0.0.1",
        )
        worker = running.enter_context(servers.worker(told, folder))
        running.enter_context(servers.sandbox(told, folder, port=bank_port))
        web = running.enter_context(servers.web(told, folder, port=web_port))
        try:
            yield House(base, bank, mails, web, worker, told)
        except BaseException as failure:
            failure.add_note(f"The web server said:\n{web.said()[-MOST_WORDS:]}")
            raise
        assert worker.process.poll() is None, f"the worker ended:\n{worker.said()[-3000:]}"
