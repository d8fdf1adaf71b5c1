"""One line of JSON per request and per event, safe to search and to ship: no secrets, no forged lines.

JSON escapes every line break, query strings are left out, and `/i/<token>` is written `/i/[token]` (ASVS 14.2.1,
16.2.5, 16.4.1). Each line carries the request's id, which error pages and the audit chain show too.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from typing import TYPE_CHECKING

from flask import g, request

from billing import clock
from billing.audit import request_id

if TYPE_CHECKING:
    from flask import Flask, Response

    from billing.settings import Settings

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing that is misread aloud
LONGEST = 500
QUIET = ("/healthz", "/readyz", "/static/")

_TOKEN = re.compile(r"/i/[^/?#\s\"']+")

log = logging.getLogger("remit.access")


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, request id, words, and the facts given as `extra={"facts": {...}}`."""
        line: dict[str, object] = {
            "at": clock.now().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": request_id.get(),
            "event": redacted(record.getMessage()),
        }
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["trace"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str)


def redacted(text: str) -> str:
    """The text without the tokens of document links."""
    return _TOKEN.sub("/i/[token]", text)


def register(app: Flask, settings: Settings) -> None:
    """Name each request, time it, and write its line."""
    logger = logging.getLogger("remit")
    logger.setLevel(logging.INFO)
    if settings.environment != "test" and not any(isinstance(h.formatter, JsonLines) for h in logger.handlers):
        lines = logging.StreamHandler()
        lines.setFormatter(JsonLines())
        logger.addHandler(lines)
        logger.propagate = False

    @app.before_request
    def name() -> None:
        g.began = time.perf_counter()
        request_id.set("".join(secrets.choice(ALPHABET) for _ in range(10)))

    @app.after_request
    def write(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id.get()
        if not request.path.startswith(QUIET):
            log.info("request", extra={"facts": _facts(response)})
        return response


def _facts(response: Response) -> dict[str, object]:
    person = g.get("_login_user")  # whom the request asked for already; the log itself asks nothing
    return {
        "method": request.method,
        "path": redacted(request.path)[:LONGEST],
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.get("began", time.perf_counter())) * 1000, 1),
        "person": person.actor.key if person is not None else "",
        "address": request.remote_addr or "",
    }
