"""Who does something: every verb takes its actor as `by`, and the books remember it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or the system. `key` is stable ("user:7", "link:12", "system"); `name` is what people read."""

    kind: Literal["staff", "customer", "guest", "system"]
    key: str
    name: str
    user_id: int | None = None


SYSTEM = Actor("system", "system", "Remit")
