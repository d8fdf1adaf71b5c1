"""`./dev demo`: web, worker, Stripe sandbox and mail catcher as four processes under one roof.

All start together, one that dies ends all, and Ctrl-C or SIGTERM stops them in order. Data and secrets live
in var/demo/; the secrets are made at the first start, so that no two demos share them.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from web.demo import seed_words
from web.demo.seed_gateway import PAST_FILE

if TYPE_CHECKING:
    from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
STARTING_SECONDS = 60
STOPPING_SECONDS = 30
LAST_WORDS = 15  # lines of its log that a process is remembered by
LIVE_KEYS = ("sk_live_", "rk_live_")


class CannotStart(Exception):  # noqa: N818 - a sentence for the reader, not a defect
    """Why the demo does not start or go on, in words for the person at the terminal."""


class Stopped(BaseException):
    """Somebody asked the demo to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where each process listens; REMIT_PORT, REMIT_SANDBOX_PORT and REMIT_MAIL_PORT say otherwise."""

    web: int
    sandbox: int
    mail: int

    @classmethod
    def from_environment(cls) -> Ports:
        """The usual ports, or the ones somebody chose."""
        return cls(
            web=int(os.environ.get("REMIT_PORT", "8000")),
            sandbox=int(os.environ.get("REMIT_SANDBOX_PORT", "8421")),
            mail=int(os.environ.get("REMIT_MAIL_PORT", "8425")),
        )


@dataclass(slots=True)
class Part:
    """One process of the demo, and the log it writes."""

    name: str
    command: list[str]
    port: int | None
    log: Path
    running: subprocess.Popen[bytes] | None = None

    def start(self, environment: dict[str, str]) -> None:
        """Start it in a session of its own: Ctrl-C reaches the launcher alone, which stops all in order."""
        with self.log.open("wb") as log:
            self.running = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_up(self) -> bool:
        """Whether it answers at its port, or runs where it has none."""
        return self.port is None or _answers(self.port)

    def refuse_death(self) -> None:
        """Raise CannotStart with its last words where it has ended by itself."""
        if self.running is not None and self.running.poll() is not None:
            words = self.log.read_text(errors="replace").splitlines()[-LAST_WORDS:]
            said = "\n".join(f"  {line}" for line in words) or "  (it said nothing)"
            raise CannotStart(
                f"The {self.name} ended with code {self.running.returncode}:\n{said}\nIn full: {self.log}"
            )


def main(arguments: list[str]) -> int:
    """Set up, start, wait, stop. 0 after a stop somebody asked for, 1 after a death or a refusal.

    `flask NAME ...` runs one command of the application on the demo's data instead.
    """
    if arguments[:1] == ["flask"]:
        _become_flask(arguments[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    parts: list[Part] = []
    try:
        folder = _folder()
        ports = Ports.from_environment()
        _refuse_taken(ports)
        kept = _secrets(folder)
        environment = os.environ | _environment(folder, ports, kept)
        _prepare(environment, kept)
        if (folder / PAST_FILE).exists():  # the seed's payments, so that the sandbox can give them back
            environment |= {"SANDBOX_PAST": str(folder / PAST_FILE)}
        parts = _parts(folder, ports, environment)
        _start(parts, environment)
        print(_welcome(folder, ports, kept), flush=True)
        _watch(parts)
    except CannotStart as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    except Stopped:
        print("\nStopping ...", flush=True)
        return 0
    finally:
        _stop_all(parts)


def _folder() -> Path:
    return Path(os.environ.get("REMIT_DATA_DIR", ROOT / "var" / "demo")).resolve()


def _become_flask(arguments: list[str]) -> NoReturn:
    folder = _folder()
    environment = os.environ | _environment(folder, Ports.from_environment(), _secrets(folder))
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", "flask", "--app", "app", *arguments], environment)  # noqa: S606 - no shell


def _environment(folder: Path, ports: Ports, kept: dict[str, str]) -> dict[str, str]:
    """The settings of every process. A Stripe test key from outside leads to Stripe, none to the sandbox."""
    address = f"http://localhost:{ports.web}"
    settings = {
        "REMIT_ENV": "demo",
        "DATABASE_URL": os.environ.get("DATABASE_URL", f"sqlite:///{folder}/remit.db"),
        "SECRET_KEY": kept["secret_key"],
        "PUBLIC_BASE_URL": address,
        "TRUSTED_HOSTS": f"localhost:{ports.web},127.0.0.1:{ports.web},localhost,127.0.0.1",
        "MAIL_SERVER": HOST,
        "MAIL_PORT": str(ports.mail),
        "MAIL_TLS": "none",
        "MAIL_USERNAME": "",
        "MAIL_SENDER": seed_words.SELLER_EMAIL,
        "REMIT_DATA_DIR": str(folder),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "localhost,127.0.0.1",
        "no_proxy": "localhost,127.0.0.1",
    }
    key = os.environ.get("STRIPE_SECRET_KEY", "")
    if key.startswith(LIVE_KEYS):
        raise CannotStart("STRIPE_SECRET_KEY is a live key. The demo moves no money: unset it, or use a test key.")
    if not key:
        settings |= {
            "STRIPE_SECRET_KEY": kept["stripe_secret_key"],
            "STRIPE_WEBHOOK_SECRETS": kept["stripe_webhook_secret"],
            "STRIPE_API_BASE": f"http://{HOST}:{ports.sandbox}",
            "SANDBOX_PORT": str(ports.sandbox),
            "SANDBOX_DB": str(folder / "sandbox.db"),
            "SANDBOX_WEBHOOK_URL": f"{address}/webhooks/stripe",
        }
    return settings


def _secrets(folder: Path) -> dict[str, str]:
    """What this demo alone knows: made at the first start, readable by its owner only."""
    file = folder / "secrets.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = {
            "secret_key": secrets.token_urlsafe(48),
            "stripe_secret_key": f"sk_test_{secrets.token_hex(24)}",
            "stripe_webhook_secret": f"whsec_{secrets.token_hex(24)}",
            "staff_password": seed_words.password(),
            "customer_password": seed_words.password(),
        }
        unfinished = file.with_suffix(".part")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(made, indent=2))
        unfinished.rename(file)
    found: dict[str, str] = json.loads(file.read_text())
    return found


def _prepare(environment: dict[str, str], kept: dict[str, str]) -> None:
    """Lay the tables and fill them, each in a process that shows its progress here."""
    passwords = {
        "REMIT_DEMO_STAFF_PASSWORD": kept["staff_password"],
        "REMIT_DEMO_CUSTOMER_PASSWORD": kept["customer_password"],
    }
    size = [
        *("--customers", os.environ.get("REMIT_DEMO_CUSTOMERS", "40")),
        *("--invoices", os.environ.get("REMIT_DEMO_INVOICES", "400")),
    ]
    for words in (["migrate"], ["seed", "--where-empty", *size]):
        command = [sys.executable, "-m", "flask", "--app", "app", *words]
        with subprocess.Popen(command, cwd=ROOT, env=environment | passwords) as running:
            if running.wait() != 0:
                raise CannotStart(f"The demo cannot be prepared: `flask {' '.join(words)}` failed, see above.")


def _parts(folder: Path, ports: Ports, environment: dict[str, str]) -> list[Part]:
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    python = sys.executable
    gunicorn = [
        *(python, "-m", "gunicorn", "app:create_app()"),
        *("--bind", f"{HOST}:{ports.web}", "--worker-class", "gthread", "--workers", "1", "--threads", "8"),
        *("--no-control-socket", "--graceful-timeout", "10"),
    ]
    catcher = [
        *(python, "-m", "web.demo.mail_catcher"),
        *("--folder", str(folder / "mail"), "--port", str(ports.mail)),
    ]
    parts = [
        Part("mail catcher", catcher, ports.mail, logs / "mail.log"),
        Part("worker", [python, "-m", "web.worker"], None, logs / "worker.log"),
        Part("web server", gunicorn, ports.web, logs / "web.log"),
    ]
    if "STRIPE_API_BASE" in environment:
        sandbox = Part("sandbox", [python, "-m", "stripe_sandbox"], ports.sandbox, logs / "sandbox.log")
        parts.insert(0, sandbox)
    return parts


def _start(parts: list[Part], environment: dict[str, str]) -> None:
    """Start all and wait until each answers."""
    print("Starting ", end="", flush=True)
    for part in parts:
        part.start(environment)
    until = time.monotonic() + STARTING_SECONDS
    for part in parts:
        while not part.is_up():
            part.refuse_death()
            if time.monotonic() > until:
                raise CannotStart(f"The {part.name} does not answer at port {part.port}. See {part.log}")
            time.sleep(0.05)
        part.refuse_death()
        print(f"{part.name} ... ", end="", flush=True)
    print("up.", flush=True)


def _watch(parts: list[Part]) -> NoReturn:
    """Wait for a death or a stop."""
    while True:
        for part in parts:
            part.refuse_death()
        time.sleep(0.3)


def _stop_all(parts: list[Part]) -> None:
    """The web server first, so that nobody is served by half a demo; each may finish what it is at."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    running = [part.running for part in reversed(parts) if part.running is not None]
    for process in running:
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + STOPPING_SECONDS
    for process in running:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _welcome(folder: Path, ports: Ports, kept: dict[str, str]) -> str:
    address = f"http://localhost:{ports.web}"
    staff, second, customer = seed_words.STAFF_EMAIL, seed_words.SECOND_EMAIL, seed_words.CUSTOMER_EMAIL
    return f"""
  Remit demo            {address}
  No money moves: cards are paid at a sandbox, and every mail is caught.

  Billing team          {address}/admin/login
                        {staff}   {kept["staff_password"]}
  A second person       {second}, with the same password; approves what one person alone may not do
  Customer              {address}/login
                        {customer}   {kept["customer_password"]}
  Caught mails          {address}/demo/mail

  Test cards            4242 4242 4242 4242   pays
                        4000 0025 0000 3155   asks for authentication
                        4000 0000 0000 9995   declined: insufficient funds
                        any future date, any CVC

  Ctrl-C stops it; the next start keeps the data. To begin anew, remove
  {folder}.
"""


def _refuse_taken(ports: Ports) -> None:
    for name, port in (
        ("REMIT_PORT", ports.web),
        ("REMIT_SANDBOX_PORT", ports.sandbox),
        ("REMIT_MAIL_PORT", ports.mail),
    ):
        if _answers(port):
            raise CannotStart(f"Port {port} is taken. Stop what listens there, or choose another: {name}={port + 1}")


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
