"""Coarse limits on how often an address may ask, by Flask-Limiter: a wall against floods, not the sign-in rule.

Tries of codes and passwords are counted in the database (billing/sign_in.py). In memory per process; in Redis
where several machines serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flask import current_app
from flask_limiter import Limiter

from web.paths import network_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from billing.settings import Settings

View = TypeVar("View", bound="Callable[..., object]")

SWITCH = "COARSE_LIMITS"  # in an application's own configuration: one limiter serves them all
_limiter = Limiter(network_address)


def register(app: Flask, settings: Settings) -> None:
    """Count in Redis where there is one. Tests turn the limits off and on themselves."""
    app.config.update(
        RATELIMIT_STORAGE_URI=settings.redis_url or "memory://",
        RATELIMIT_HEADERS_ENABLED=True,  # without it a 429 has no Retry-After
        RATELIMIT_SWALLOW_ERRORS=True,  # a lost Redis must not stop the payments
    )
    app.config[SWITCH] = settings.environment != "test"
    _limiter.init_app(app)


def coarse(limit: str) -> Callable[[View], View]:
    """Limit a route to, say, "60 per minute" for each address; more is answered 429."""

    def decorate(view: View) -> View:
        limited: View = _limiter.limit(limit, exempt_when=_is_off)(view)  # type: ignore[assignment]  # the same view, wrapped
        return limited

    return decorate


def _is_off() -> bool:
    return not current_app.config[SWITCH]
