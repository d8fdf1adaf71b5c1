"""Trouble on demand: the next calls may be slow, fail before anything is done, or lose their answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_sandbox.errors import ApiError

if TYPE_CHECKING:
    from stripe_sandbox.store import Store

LONGEST_SECONDS = 120.0


@dataclass(frozen=True)
class Fault:
    """What shall go wrong with one call. `loses_answer`: the work is done, the caller hears a failure."""

    delay_seconds: float = 0.0
    status: int = 0
    loses_answer: bool = False

    @property
    def refusal(self) -> ApiError | None:
        """What the caller hears instead of the answer."""
        if not self.status:
            return None
        kind, code = ("invalid_request_error", "rate_limit") if self.status == 429 else ("api_error", None)
        return ApiError("The sandbox was asked to fail this call.", status=self.status, kind=kind, code=code)


def take(store: Store, path: str) -> Fault:
    """The fault for a call to `path`, one fewer being left afterwards."""
    with store.transaction():
        if not path.startswith(str(store.switch("fault_path", ""))):
            return Fault()
        return Fault(
            delay_seconds=float(store.switch("slow_seconds", 0.0)) if _one(store, "slow_calls") else 0.0,
            status=int(store.switch("failing_status", 500)) if _one(store, "failing_calls") else 0,
            loses_answer=bool(store.switch("failing_after", default=False)),
        )


def _one(store: Store, name: str) -> bool:
    left = int(store.switch(name, 0))
    if left > 0:
        store.turn(name, left - 1)
    return left > 0
