"""The sandbox's time: whole seconds since 1970 UTC, as Stripe counts it, plus an offset the tests may set."""

from __future__ import annotations

import time


def real_now() -> float:
    """The machine's own time in seconds, for signatures and retries, which no offset may move."""
    return time.time()


def now(offset_seconds: int = 0) -> int:
    """The sandbox's time in whole seconds."""
    return int(real_now()) + offset_seconds
