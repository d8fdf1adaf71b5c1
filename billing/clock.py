"""The only place that asks the time.

`REMIT_NOW_FILE` names a file that holds an ISO 8601 instant and is read at each call, so that anyone can move
the clock from outside. Start-up refuses it in production mode.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

NOW_FILE_VARIABLE = "REMIT_NOW_FILE"


def now() -> datetime:
    """The instant, aware, in UTC."""
    path = os.environ.get(NOW_FILE_VARIABLE)
    if path:
        return datetime.fromisoformat(Path(path).read_text().strip()).astimezone(UTC)
    return real_now()


def real_now() -> datetime:
    """The machine's own instant, which no file moves: for the age of a signature made by somebody else's clock."""
    return datetime.now(UTC)


def day_of(at: datetime, zone: str) -> date:
    """The calendar day of an instant in a time zone such as "Europe/London"."""
    assert at.tzinfo is not None, "an instant is aware"
    return at.astimezone(ZoneInfo(zone)).date()


def today(zone: str) -> date:
    """The calendar day it is now in the seller's time zone."""
    return day_of(now(), zone)
