"""Real processes and a real mail server for tests: worker, web and sandbox, started and ended by the test.

Nothing here waits by sleeping for a fixed time: `until` looks again and again, and fails with words in the end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiosmtpd.controller import Controller

from tests.world import BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 40.0


def free_port() -> int:
    """A port nobody listens at, at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, holds: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS, every: float = 0.01) -> Any:
    """Look, `every` so many seconds, until `holds` gives something true, and give it; else fail with `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


@dataclass(frozen=True, slots=True)
class Caught:
    """One message that the server took."""

    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None, "every mail has a text part"
        return str(part.get_content())

    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None, "every mail has an HTML part"
        return str(part.get_content())

    def attachments(self) -> list[tuple[str, str, bytes]]:
        return [
            (str(part.get_filename()), part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]  # bytes, as it is no multipart
            for part in self.message.iter_attachments()
        ]


@dataclass
class Catcher:
    """An SMTP server in this process. `script(stage, recipient)` may answer for it at "hello", "rcpt" and "data"."""

    port: int = field(default_factory=free_port)
    script: Callable[[str, str], str | None] = lambda _stage, _recipient: None
    tls: ssl.SSLContext | None = None
    caught: list[Caught] = field(default_factory=list)
    _controller: Controller | None = None

    def start(self) -> Self:
        options: dict[str, Any] = {"tls_context": self.tls, "require_starttls": True} if self.tls else {}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self._controller.start()
        return self

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def handle_EHLO(self, _s: SMTP, session: Session, _e: Envelope, host: str, answers: list[str]) -> list[str]:  # noqa: N802
        session.host_name = host
        self.script("hello", "")
        return answers

    async def handle_RCPT(self, _s: SMTP, _c: Session, envelope: Envelope, to: str, _o: list[str]) -> str:  # noqa: N802
        answer = self.script("rcpt", to)
        if answer:
            return answer
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _s: SMTP, _c: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        recipient = envelope.rcpt_tos[0]
        refusal = self.script("data", recipient)
        if refusal and not refusal.startswith("250"):
            return refusal
        message = BytesParser(policy=policy.default).parsebytes(envelope.content)
        self.caught.append(Caught(recipient, message))
        self.script("taken", recipient)
        return "250 Taken"

    def to(self, recipient: str) -> list[Caught]:
        return [one for one in self.caught if one.recipient == recipient]


@dataclass
class Running:
    """One process of ours, with what it said."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    ports: list[int] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> int:
        """SIGKILL; gives the return code, -9."""
        self.process.kill()
        return self.process.wait(10)

    def ended(self, *, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; gives the return code."""
        return self.process.wait(seconds)

    def stop(self, *, seconds: float = PATIENCE_SECONDS) -> int:
        """SIGTERM; gives the return code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def running(name: str, command: list[str], environment: dict[str, str], folder: Path) -> Iterator[Running]:
    """A process that does not outlive the test."""
    log = folder / f"{name}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    one = Running(name, process, log)
    try:
        yield one
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        if process.poll() is None:
            process.kill()
        process.wait(10)


def environment(
    database_url: str,
    folder: Path,
    *,
    mail_port: int = 1,
    base_url: str = BASE_URL,
    now: datetime | None = None,
    **more: str,
) -> dict[str, str]:
    """What a process of ours is told: this database, this folder, this mail server, and perhaps this moment."""
    given = {
        "REMIT_ENV": "development",
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "PUBLIC_BASE_URL": base_url,
        "TRUSTED_HOSTS": "localhost,127.0.0.1",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(mail_port),
        "MAIL_TLS": "none",
        "MAIL_SENDER": "billing@alderfinch.example",
        "REMIT_DATA_DIR": str(folder),
        "PYTHONUNBUFFERED": "1",
    }
    if now is not None:
        given["REMIT_NOW_FILE"] = str(set_clock(folder, now))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "REMIT_", "MAIL_"))}
    return kept | given | more


def set_clock(folder: Path, now: datetime) -> Path:
    """Move the clock of every process that was told of this folder; several threads may do so at once."""
    file = folder / "now"
    unfinished = folder / f"now.{threading.get_ident()}.part"
    unfinished.write_text(now.isoformat())
    unfinished.rename(file)
    return file


@contextmanager
def worker(environment: dict[str, str], folder: Path) -> Iterator[Running]:
    """The worker."""
    with running("worker", [sys.executable, "-m", "web.worker"], environment, folder) as one:
        yield one


@contextmanager
def sandbox(environment: dict[str, str], folder: Path, *, port: int) -> Iterator[Running]:
    """The Stripe sandbox at a port; SANDBOX_WEBHOOK_URL and the Stripe settings are the environment's."""
    own = {"SANDBOX_PORT": str(port), "SANDBOX_DB": str(folder / "sandbox.db")}
    with running("sandbox", [sys.executable, "-m", "stripe_sandbox"], environment | own, folder) as one:
        until("the sandbox answers", lambda: answers(port) or _died(one))
        yield one


@contextmanager
def web(environment: dict[str, str], folder: Path, *, port: int, threads: int = 8) -> Iterator[Running]:
    """The web server, as the demo runs it."""
    command = [
        *(sys.executable, "-m", "gunicorn", "app:create_app()", "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", str(threads), "--no-control-socket"),
    ]
    with running("web", command, environment, folder) as one:
        until("the web server answers", lambda: answers(port) or _died(one))
        yield one


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _died(one: Running) -> bool:
    if one.process.poll() is not None:
        raise AssertionError(f"the {one.name} ended with {one.process.returncode}:\n{one.said()[-3000:]}")
    return False
