"""Every answer's security headers, CSRF on every unsafe method, and limits on what is read at all.

ASVS 5.0 3.3, 3.4, 3.5.1, 4.1.3, 5.2.1.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, abort, current_app, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from web import web
from web.limits import coarse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from billing.settings import Settings

MEBIBYTE = 1024 * 1024
LONGEST_QUERY = 8_192
LONGEST_REPORT = 16_384
KEPT_REPORTS = 100
REPORTED = ("document-uri", "effective-directive", "blocked-uri", "source-file")
YEAR_SECONDS = 365 * 24 * 3600
SESSION_COOKIE = "remit"

__all__ = ["CSRFError", "csrf", "register"]

csrf = CSRFProtect()
log = logging.getLogger("remit.security")


def register(app: Flask, settings: Settings) -> None:
    """Set the limits, the cookie rules and the headers of an application."""
    app.config.update(
        SECRET_KEY=settings.secret_key,
        TRUSTED_HOSTS=list(settings.trusted_hosts) or None,
        MAX_CONTENT_LENGTH=2 * MEBIBYTE,
        MAX_FORM_MEMORY_SIZE=MEBIBYTE,
        MAX_FORM_PARTS=5_000,
        SESSION_COOKIE_NAME=cookie_name(settings, SESSION_COOKIE),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session; a stale token gets words, see web/errors.py
        WTF_CSRF_METHODS={"POST", "PUT", "PATCH", "DELETE"},
    )
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # the documented way to wrap an application
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies, x_host=settings.proxies
        )
    app.url_map.converters["int"] = RowId
    policy = content_policy(settings.stripe_checkout_origin)
    app.extensions["remit.csp_reports"] = deque(maxlen=KEPT_REPORTS)
    app.before_request(refuse_unreadable)
    csrf.init_app(app)

    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "same-origin")  # CSRF over HTTPS needs the Referer
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        if settings.production:
            headers.setdefault("Strict-Transport-Security", f"max-age={2 * YEAR_SECONDS}; includeSubDomains")
        headers.setdefault("Cache-Control", "no-store")  # what may be kept says so itself
        return response


def cookie_name(settings: Settings, name: str) -> str:
    """The cookie's name, bound to this host and HTTPS in production (RFC 6265bis `__Host-`)."""
    return f"__Host-{name}" if settings.secure else name


def content_policy(checkout: str) -> str:
    """The Content-Security-Policy. The form that leads to the payment page must be allowed to redirect there."""
    parts = urlsplit(checkout)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            f"form-action 'self' {parts.scheme}://{parts.netloc}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "object-src 'none'",
            "manifest-src 'self'",
            "report-uri /csp-report",
        )
    )


class RowId(IntegerConverter):
    """`<int:...>` in a rule: what no row can be numbered is no page, instead of an error of the database."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **{"max": 2**31 - 1, **kwargs})  # type: ignore[arg-type]  # passed on as they come


def refuse_unreadable() -> None:
    """Refuse over-long queries, and NUL wherever text comes in: PostgreSQL cannot store it, so neither may."""
    if len(request.query_string) > LONGEST_QUERY:
        abort(414)
    if any("\0" in text for text in _texts()):
        abort(400)


def _texts() -> Iterator[str]:
    yield request.path
    for values in (request.args, *([request.form] if request.method == "POST" else [])):
        for key, value in values.items(multi=True):
            yield from (key, value)


@web.post("/csp-report")
@csrf.exempt  # a browser sends it by itself, without a token
@coarse("30 per minute")
def csp_report() -> tuple[str, int]:
    """Write down what a page was kept from doing, so that a test or an operator sees it."""
    if (request.content_length or 0) > LONGEST_REPORT:
        abort(413)
    document = request.get_json(force=True, silent=True)
    report = document.get("csp-report") if isinstance(document, dict) else None
    if isinstance(report, dict):
        facts = {name: str(report.get(name, ""))[:200] for name in REPORTED}
        current_app.extensions["remit.csp_reports"].append(facts)
        log.warning("csp report", extra={"facts": facts})
    return "", 204
