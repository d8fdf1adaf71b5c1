"""The sandbox's settings, from the environment, and what it refuses to start with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"  # never another: no money moves here, and nobody else need see it


class Refused(SystemExit):
    """The sandbox will not start, and says why."""


@dataclass(frozen=True)
class Settings:
    """How this sandbox runs."""

    port: int = 8421
    database: str = "var/sandbox.db"
    secret_key: str = "sk_test_sandbox"  # noqa: S105 - opens nothing but this sandbox
    webhook_secrets: tuple[str, ...] = ("whsec_sandbox",)
    webhook_url: str = "http://localhost:8000/webhooks/stripe"
    is_strict: bool = False
    record_to: str = ""
    past: str = ""

    @property
    def base_url(self) -> str:
        """Where the sandbox can be reached."""
        return f"http://{HOST}:{self.port}"


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings, or Refused."""
    given = os.environ if environment is None else environment
    if "production" in {given.get("REMIT_ENV"), given.get("APP_ENV")}:
        raise Refused("The Stripe sandbox does not run in production.")
    usual = Settings()
    settings = Settings(
        port=_port(given.get("SANDBOX_PORT"), usual.port),
        database=given.get("SANDBOX_DB") or usual.database,
        secret_key=given.get("STRIPE_SECRET_KEY") or usual.secret_key,
        webhook_secrets=_secrets(given.get("STRIPE_WEBHOOK_SECRETS")) or usual.webhook_secrets,
        webhook_url=given.get("SANDBOX_WEBHOOK_URL", usual.webhook_url),
        is_strict=given.get("SANDBOX_STRICT") == "1",
        record_to=given.get("SANDBOX_RECORD", ""),
        past=given.get("SANDBOX_PAST", ""),
    )
    if not settings.secret_key.startswith("sk_test_"):
        raise Refused("The Stripe sandbox accepts test keys only: STRIPE_SECRET_KEY must begin with sk_test_.")
    if settings.webhook_url and not is_webhook_url(settings.webhook_url):
        raise Refused("SANDBOX_WEBHOOK_URL must be an http:// address.")
    return settings


def _port(text: str | None, usual: int) -> int:
    if not text:
        return usual
    if not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise Refused("SANDBOX_PORT must be a number from 1 to 65535.")
    return int(text)


def _secrets(text: str | None) -> tuple[str, ...]:
    """The signing secrets, newest first; both sign while one replaces the other."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def is_webhook_url(url: str) -> bool:
    """True for an address the sandbox can deliver to."""
    parts = urlsplit(url)
    return parts.scheme == "http" and bool(parts.hostname)
