"""An installation at work, whose web and worker are killed and started again at once.

The listening socket is ours and is handed to the web server, as systemd does: while it is away, callers wait in line.
Its clock is ours too, so that leases of the dead run out when we say so.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from billing import gateway, stripe_gateway
from tests import servers
from tests.servers import ROOT, Catcher, answers, free_port, until
from tests.servers_sandbox import SECRET_KEY, WEBHOOK_SECRETS, Bank

if TYPE_CHECKING:
    from types import TracebackType

WEB_PROCESSES, THREADS = 2, 8
TICK_SECONDS = 0.05
SEEN_DEAD_WITHIN_SECONDS = 60.0


@dataclass
class Part:
    """The web server's master, or the worker: one process, started as often as it dies."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    passed: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    logs: list[Path] = field(default_factory=list)

    def start(self) -> None:
        log = self.folder / f"{self.name}-{len(self.logs)}.log"
        self.logs.append(log)
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=out, stderr=subprocess.STDOUT,
                pass_fds=self.passed,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self.process is not None, "it was started"
        return self.process.pid

    def kill(self) -> int:
        """Kill -9, and its exit status as its parent sees it; it is started again at once."""
        assert self.process is not None, "it was started"
        os.kill(self.process.pid, signal.SIGKILL)
        status = self.process.wait(SEEN_DEAD_WITHIN_SECONDS)
        self.start()
        return status

    def children(self) -> list[int]:
        """The processes it started: the web processes."""
        assert self.process is not None, "it was started"
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(word) for word in listed.read_text().split()]

    def says(self, words: str) -> bool:
        """Whether these words stand in what it wrote since it was started last."""
        return words in self.logs[-1].read_text(errors="replace")

    def end(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def tail(self) -> str:
        return self.logs[-1].read_text(errors="replace")[-3_000:] if self.logs else ""


class Premises:
    """Web, worker, card provider and mail server over one database; a context manager."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url, self.folder = database_url, folder
        self.mails = Catcher()
        self.port, self.bank_port = free_port(), free_port()
        self.base, self.bank = f"http://127.0.0.1:{self.port}", Bank(f"http://127.0.0.1:{self.bank_port}")
        self._ahead = timedelta()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._stack = ExitStack()
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self._socket.set_inheritable(True)
        self.told = servers.environment(
            database_url,
            folder,
            mail_port=self.mails.port,
            base_url=f"http://localhost:{self.port}",
            now=self.now(),
            STRIPE_SECRET_KEY=SECRET_KEY,
            STRIPE_WEBHOOK_SECRETS=",".join(WEBHOOK_SECRETS),
            STRIPE_API_BASE=self.bank.base_url,
            SANDBOX_WEBHOOK_URL=f"{self.base}/webhooks/stripe",
            TRUSTED_PROXIES="1",
            NO_PROXY="localhost,127.0.0.1",
        )
        listening = self._socket.fileno()
        self.web = Part("web", _gunicorn(listening), self.told, folder, (listening,))
        self.worker = Part("worker", [sys.executable, "-m", "web.worker"], self.told, folder)

    def __enter__(self) -> Self:
        self._ticker.start()
        self._stack.enter_context(self.mails)
        self._stack.enter_context(servers.sandbox(self.told, self.folder, port=self.bank_port))
        for part in (self.web, self.worker):
            self._stack.callback(part.end)
            part.start()
        until("the web server answers", lambda: answers(self.port) and self.web_processes())
        gateway.use(
            stripe_gateway.StripeGateway(
                stripe_gateway.client(SECRET_KEY, api_base=self.bank.base_url, patient=True),
                livemode=False,
                webhook_secrets=WEBHOOK_SECRETS,
                site=f"http://localhost:{self.port}",
            )
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        gateway.use(None)
        if error is not None:
            error.add_note(f"The web server said:\n{self.web.tail()}\nThe worker said:\n{self.worker.tail()}")
        self._stack.close()
        self._over.set()
        self._ticker.join()
        self._socket.close()

    def now(self) -> datetime:
        """The instant of the installation."""
        return datetime.now(UTC) + self._ahead

    def forward(self, by: timedelta) -> None:
        """Time passes, here and at the card provider."""
        self._ahead += by
        servers.set_clock(self.folder, self.now())
        self.bank.control("clock", offset_seconds=int(self._ahead.total_seconds()))

    def web_processes(self) -> list[int]:
        """The processes that answer, once they are there."""
        try:
            return self.web.children()
        except FileNotFoundError:
            return []

    def kill_web_process(self, pid: int) -> bool:
        """Kill -9 of one process that answers; whether its parent saw it die of that."""
        os.kill(pid, signal.SIGKILL)
        words = f"(pid:{pid}) was sent SIGKILL"
        until(f"the web server sees {pid} die", lambda: self.web.says(words), seconds=SEEN_DEAD_WITHIN_SECONDS)
        return True

    def _tick(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            servers.set_clock(self.folder, self.now())


def _gunicorn(listening: int) -> list[str]:
    """As docs/operating.md starts it, but that the application is read once: a new process is there at once."""
    return [
        *(sys.executable, "-m", "gunicorn", "app:create_app()", "--bind", f"fd://{listening}", "--preload"),
        *("--workers", str(WEB_PROCESSES), "--worker-class", "gthread", "--threads", str(THREADS)),
        *("--graceful-timeout", "5", "--no-control-socket"),
    ]
