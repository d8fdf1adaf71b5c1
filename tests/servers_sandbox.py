"""Start the Stripe sandbox as the process it is, and do there what payers, banks and the dashboard do.

For any test that pays. The sandbox answers only on 127.0.0.1; nothing here leaves the machine.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import stripe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "sk_test_sandbox"
WEBHOOK_SECRETS = ("whsec_new", "whsec_old")
GOOD, DECLINED, NO_FUNDS, EXPIRED = "4242424242424242", "4000000000000002", "4000000000009995", "4000000000000069"
AUTHENTICATES, ASKS_ALWAYS, FAILS_LATER = "4000002500003155", "4000002760003184", "4000000000000341"
DISPUTED, ASKED_ABOUT, REFUNDS_SLOWLY = "4000000000000259", "4000000000001976", "4000000000007726"
LOST_CARD, STOLEN_CARD = "4000000000009987", "4000000000009979"
STARTS_WITHIN_SECONDS = 30.0


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_sandbox(
    port: int,
    db_path: Path | str,
    webhook_url: str = "",
    secret_key: str = SECRET_KEY,
    webhook_secrets: tuple[str, ...] = WEBHOOK_SECRETS,
) -> subprocess.Popen[bytes]:
    """The running process, ready to answer. Stop it with `stop_sandbox`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stripe_sandbox"],
        cwd=ROOT,
        env=environment(port, db_path, webhook_url, secret_key, webhook_secrets),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the sandbox ended with {process.returncode}")
        try:
            with http() as browser:
                if browser.get(f"http://127.0.0.1:{port}/_sandbox/state", timeout=2).ok:
                    return process
        except requests.ConnectionError:
            time.sleep(0.02)
    stop_sandbox(process)
    raise TimeoutError("the sandbox did not answer in time")


def environment(
    port: int, db_path: Path | str, webhook_url: str, secret_key: str, webhook_secrets: tuple[str, ...]
) -> dict[str, str]:
    """The settings of one sandbox."""
    return {name: value for name, value in os.environ.items() if name != "REMIT_ENV"} | {
        "SANDBOX_PORT": str(port),
        "SANDBOX_DB": str(db_path),
        "SANDBOX_WEBHOOK_URL": webhook_url,
        "STRIPE_SECRET_KEY": secret_key,
        "STRIPE_WEBHOOK_SECRETS": ",".join(webhook_secrets),
        "SANDBOX_STRICT": "1",
    }


def stop_sandbox(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and see that it does."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def http() -> requests.Session:
    """A plain HTTP client that asks no proxy."""
    browser = requests.Session()
    browser.trust_env = False
    return browser


@contextmanager
def stripe_client(base_url: str, secret_key: str = SECRET_KEY, *, retries: int = 2) -> Iterator[stripe.StripeClient]:
    """The real library, pointed at the sandbox, its connections closed at the end."""
    stripe.enable_telemetry = False
    with http() as session:
        yield stripe.StripeClient(
            secret_key,
            stripe_version=stripe.api_version,
            max_network_retries=retries,
            base_addresses={"api": base_url},
            http_client=stripe.RequestsClient(timeout=(3.05, 20), session=session),
        )


@dataclass
class Bank:
    """A running sandbox, seen by a payer and by the control plane."""

    base_url: str

    def control(self, path: str, /, **facts: Any) -> dict[str, Any]:
        """POST to the control plane; `path` is what follows `/_sandbox/`."""
        with http() as browser:
            answer = browser.post(f"{self.base_url}/_sandbox/{path}", json=facts, timeout=20)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def read(self, path: str) -> dict[str, Any]:
        """GET from the control plane."""
        with http() as browser:
            answer = browser.get(f"{self.base_url}/_sandbox/{path}", timeout=20)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def get(self, address: str) -> requests.Response:
        """A page, redirects not followed."""
        with http() as browser:
            return browser.get(self._full(address), allow_redirects=False, timeout=20)

    def submit(self, address: str, **fields: str) -> requests.Response:
        """A form as a browser without JavaScript sends it, redirects not followed."""
        with http() as browser:
            return browser.post(self._full(address), data=fields, allow_redirects=False, timeout=20)

    def pay(self, session_url: str, number: str = GOOD, **fields: str) -> requests.Response:
        """Fill the hosted page's form with a card and send it."""
        filled = {"email": "ada@example.com", "method": "card", "number": number, "expiry": "12/34", "cvc": "123",
                  "name": "Ada Lovelace"}  # fmt: skip
        return self.submit(session_url, **(filled | fields))

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind as the API would show it, newest first."""
        found: list[dict[str, Any]] = self.read(f"objects?kind={kind}")["data"]
        return found

    def _full(self, address: str) -> str:
        return address if "://" in address else self.base_url + address


def wait_for(holds: Callable[[], object], *, what: str, seconds: float = 10.0) -> None:
    """Come back as soon as `holds()` is true; fail in words when it does not become so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain: {what}")
