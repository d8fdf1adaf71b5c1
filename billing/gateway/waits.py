"""How long we wait before the provider is asked again, and what asking about everything unfinished came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LET_THE_REQUEST_FINISH = timedelta(minutes=1)  # whoever made the row is asking at this moment
KEY_LIFETIME = timedelta(hours=23)  # the provider forgets a key after 24 h; a forgotten key would pay again
SLACK = timedelta(minutes=10)  # between our clock and the provider's


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep came to: how many were asked about, how many moved, how many nobody could answer for."""

    asked: int = 0
    moved: int = 0
    unanswered: int = 0
