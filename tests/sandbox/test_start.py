"""How the process starts, refuses to start, and remembers."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stripe_sandbox import settings
from tests.sandbox.conftest import session_terms
from tests.servers_sandbox import (
    DISPUTED,
    ROOT,
    SECRET_KEY,
    WEBHOOK_SECRETS,
    Bank,
    environment,
    free_port,
    start_sandbox,
    stop_sandbox,
    stripe_client,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"REMIT_ENV": "production"}, "does not run in production"),
        ({"REMIT_ENV": "demo", "APP_ENV": "production"}, "does not run in production"),
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, "test keys only"),
        ({"SANDBOX_PORT": "http"}, "SANDBOX_PORT"),
        ({"SANDBOX_WEBHOOK_URL": "https://example.com/hook"}, "http://"),
    ],
)
def test_it_refuses_what_would_not_be_a_sandbox(given: dict[str, str], words: str) -> None:
    with pytest.raises(settings.Refused, match=words):
        settings.from_environment(given)


def test_it_reads_its_settings_from_the_environment() -> None:
    found = settings.from_environment(
        {
            "REMIT_ENV": "demo",
            "SANDBOX_PORT": "8500",
            "STRIPE_WEBHOOK_SECRETS": "whsec_a, whsec_b",
            "SANDBOX_WEBHOOK_URL": "",
        }
    )
    assert (found.port, found.webhook_secrets, found.webhook_url) == (8500, ("whsec_a", "whsec_b"), "")
    assert found.base_url == "http://127.0.0.1:8500"
    assert settings.from_environment({}).port == 8421


def test_the_process_itself_will_not_start_in_production(tmp_path: Path) -> None:
    given = environment(free_port(), tmp_path / "s.db", "", SECRET_KEY, WEBHOOK_SECRETS)
    ended = subprocess.run(
        [sys.executable, "-m", "stripe_sandbox"],
        cwd=ROOT,
        env=given | {"REMIT_ENV": "production"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode != 0
    assert "does not run in production" in ended.stderr
    assert not (tmp_path / "s.db").exists()


def test_a_restart_keeps_everything_even_a_paused_webhook(tmp_path: Path) -> None:
    port, path = free_port(), tmp_path / "sandbox.db"
    bank = Bank(f"http://127.0.0.1:{port}")
    terms: Any = session_terms()
    process = start_sandbox(port, path, webhook_url="http://127.0.0.1:9/closed")
    bank.control("webhooks", paused=True)
    with stripe_client(bank.base_url) as client:
        session = client.v1.checkout.sessions.create(terms, {"idempotency_key": "kept"})
    assert session.url
    bank.pay(session.url, DISPUTED)
    before = bank.read("state")
    process.kill()
    process.wait()
    process = start_sandbox(port, path, webhook_url="http://127.0.0.1:9/closed")
    after = bank.read("state")
    assert {k: v for k, v in after.items() if k != "now"} == {k: v for k, v in before.items() if k != "now"}
    assert after["deliveries"]["waiting"] == 6
    with stripe_client(bank.base_url) as client:
        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
        assert [dispute.status for dispute in client.v1.disputes.list().data] == ["needs_response"]
        assert client.v1.checkout.sessions.create(terms, {"idempotency_key": "kept"}).id == session.id
    stop_sandbox(process)
