"""Settings from the environment, and what a production start refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

from billing.clock import NOW_FILE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

Environment = Literal["production", "demo", "test", "development"]
MailTls = Literal["none", "starttls", "ssl"]

SHORTEST_SECRET = 32
LIVE_KEYS = ("sk_live_", "rk_live_")
STRIPE_CHECKOUT = "https://checkout.stripe.com"


class SettingsRefused(Exception):  # noqa: N818 - a refusal to start, said in whole sentences
    """The settings do not allow a start; `reasons` says each in a sentence."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of one process. Secrets are left out of its repr."""

    environment: Environment = "production"
    database_url: str = "sqlite:///var/remit.db"
    secret_key: str = field(default="", repr=False)
    public_base_url: str = ""
    trusted_hosts: tuple[str, ...] = ()
    mail_server: str = "localhost"
    mail_port: int = 25
    mail_username: str = ""
    mail_password: str = field(default="", repr=False)
    mail_tls: MailTls = "starttls"
    mail_sender: str = ""
    mail_ca_file: str = ""
    stripe_secret_key: str = field(default="", repr=False)
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    stripe_api_base: str | None = None
    stripe_checkout_origin: str = STRIPE_CHECKOUT
    redis_url: str | None = None
    data_dir: Path = Path("var")
    proxies: int = 0
    debug: bool = False
    now_file: str = ""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings; raise SettingsRefused where a word cannot be understood."""
        environment = env.get("REMIT_ENV", "production")
        tls = env.get("MAIL_TLS", "starttls")
        problems = []
        if environment not in {"production", "demo", "test", "development"}:
            problems.append(f"REMIT_ENV must be production, demo, test or development, not {environment!r}.")
        if tls not in {"none", "starttls", "ssl"}:
            problems.append(f"MAIL_TLS must be none, starttls or ssl, not {tls!r}.")
        problems += [
            f"{name} must be a whole number, not {env[name]!r}."
            for name in ("MAIL_PORT", "TRUSTED_PROXIES")
            if not env.get(name, "0").isdecimal()
        ]
        if problems:
            raise SettingsRefused(problems)
        api_base = env.get("STRIPE_API_BASE") or None
        return cls(
            environment=cast("Environment", environment),
            database_url=env.get("DATABASE_URL", "sqlite:///var/remit.db"),
            secret_key=env.get("SECRET_KEY", ""),
            public_base_url=env.get("PUBLIC_BASE_URL", "").rstrip("/"),
            trusted_hosts=_listed(env.get("TRUSTED_HOSTS", "")),
            mail_server=env.get("MAIL_SERVER", "localhost"),
            mail_port=int(env.get("MAIL_PORT", "25")),
            mail_username=env.get("MAIL_USERNAME", ""),
            mail_password=env.get("MAIL_PASSWORD", ""),
            mail_tls=cast("MailTls", tls),
            mail_sender=env.get("MAIL_SENDER", ""),
            mail_ca_file=env.get("MAIL_CA_FILE", ""),
            stripe_secret_key=env.get("STRIPE_SECRET_KEY", ""),
            stripe_webhook_secrets=_listed(env.get("STRIPE_WEBHOOK_SECRETS", "")),
            stripe_api_base=api_base,
            stripe_checkout_origin=env.get("STRIPE_CHECKOUT_ORIGIN") or api_base or STRIPE_CHECKOUT,
            redis_url=env.get("REDIS_URL") or None,
            data_dir=Path(env.get("REMIT_DATA_DIR", "var")),
            proxies=int(env.get("TRUSTED_PROXIES", "0")),
            debug=env.get("FLASK_DEBUG", "0") not in {"", "0"},
            now_file=env.get(NOW_FILE_VARIABLE, ""),
        )

    @property
    def production(self) -> bool:
        """Whether real money moves here."""
        return self.environment == "production"

    @property
    def demo(self) -> bool:
        """Whether this is the demo, with its ribbon and its mail page."""
        return self.environment == "demo"

    @property
    def secure(self) -> bool:
        """Whether cookies may and must be bound to HTTPS."""
        return self.production

    def refusals(self) -> list[str]:
        """Why a start is refused, a sentence each; empty when it may start."""
        reasons = []
        if len(self.secret_key) < SHORTEST_SECRET:
            reasons.append(f"SECRET_KEY is missing or shorter than {SHORTEST_SECRET} characters.")
        if not self.public_base_url:
            reasons.append("PUBLIC_BASE_URL is missing: links in mails would lead nowhere.")
        if not self.trusted_hosts:
            reasons.append("TRUSTED_HOSTS is missing: any Host header would be believed.")
        if self.stripe_api_base and self.stripe_secret_key.startswith(LIVE_KEYS):
            reasons.append("A live Stripe key must never be sent to STRIPE_API_BASE.")
        if self.stripe_secret_key and not self.stripe_webhook_secrets:
            reasons.append("STRIPE_WEBHOOK_SECRETS is missing: webhooks could not be verified.")
        if self.production:
            reasons += self._production_refusals()
        return reasons

    def _production_refusals(self) -> list[str]:
        reasons = []
        if len(set(self.secret_key)) < 10 or self.secret_key.lower().startswith(("change", "secret", "default")):
            reasons.append(
                "SECRET_KEY looks like an example. Make one with "
                "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        if self.debug:
            reasons.append("FLASK_DEBUG is on.")
        if self.now_file:
            reasons.append(f"{NOW_FILE_VARIABLE} is set: only tests may move the clock.")
        if urlsplit(self.public_base_url).scheme != "https":
            reasons.append("PUBLIC_BASE_URL must begin with https:// so that cookies and links are safe.")
        if not self.stripe_secret_key:
            reasons.append("STRIPE_SECRET_KEY is missing.")
        if self.stripe_api_base:
            reasons.append("STRIPE_API_BASE is for the sandbox only.")
        if not self.mail_sender:
            reasons.append("MAIL_SENDER is missing.")
        if self.mail_tls == "none" and self.mail_server not in {"localhost", "127.0.0.1", "::1"}:
            reasons.append("MAIL_TLS=none is only for a mail server on this machine.")
        return reasons


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
