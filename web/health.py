"""Whether this process lives, and whether it may be sent requests. No secrets, no session, no cookie."""

from __future__ import annotations

import logging

from peewee import PeeweeException

from billing import migrations
from billing.db import database
from web import web
from web.people import anybody

PLAIN = {"Content-Type": "text/plain; charset=utf-8"}

log = logging.getLogger("remit.health")


@web.get("/healthz")
@anybody
def healthz() -> tuple[str, int, dict[str, str]]:
    """The process answers."""
    return "ok\n", 200, PLAIN


@web.get("/readyz")
@anybody
def readyz() -> tuple[str, int, dict[str, str]]:
    """The database answers and has every migration."""
    try:
        database.execute_sql("SELECT 1")
        missing = migrations.pending(database.obj)
    except PeeweeException as error:
        log.warning("not ready: %s", type(error).__name__)
        return "database\n", 503, PLAIN | {"Retry-After": "5"}
    if missing:
        return f"migrations: {len(missing)} pending, run migrate\n", 503, PLAIN | {"Retry-After": "5"}
    return "ok\n", 200, PLAIN
