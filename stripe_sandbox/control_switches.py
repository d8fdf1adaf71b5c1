"""The switches of the control plane: what each may be set to, and how a field is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from stripe_sandbox import account, faults, settings
from stripe_sandbox.errors import Json, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_COPIES = 50
FARTHEST_SECONDS = 10 * 366 * 86_400
DEFAULTS: dict[str, object] = {
    "paused": False, "dropping": False, "duplicate": 1, "shuffle": False, "at_once": False,
    "before_response": False, "fault_path": "", "slow_seconds": 0.0, "failing_status": 500,
    "failing_after": False, "wrong_mode": False, "account_id": account.USUAL_ID,
}  # fmt: skip


def flag(value: object) -> bool:
    """True or false, from JSON or from a form."""
    if value in {True, "true", "1", "on"}:
        return True
    if value in {False, "false", "0", "off", ""}:
        return False
    raise ParameterError(f"Not true or false: {value!r}")


def count(most: int, *, least: int = 0) -> Callable[[object], int]:
    """A reader of whole numbers."""

    def read(value: object) -> int:
        number = int(str(value))
        if not least <= number <= most:
            raise ParameterError(f"Not a number from {least} to {most}: {value!r}")
        return number

    return read


def seconds(most: float) -> Callable[[object], float]:
    """A reader of spans, in either direction."""

    def read(value: object) -> float:
        number = float(str(value))
        if not -most <= number <= most:
            raise ParameterError(f"Not within {most} seconds: {value!r}")
        return number

    return read


def url(value: object) -> str:
    """An address events can be sent to, or nothing."""
    if value and not settings.is_webhook_url(str(value)):
        raise ParameterError(f"Not an http address: {value!r}")
    return str(value)


# What each address may set: {field: (switch, how to read it)}.
SWITCHES: dict[str, dict[str, tuple[str, Callable[[object], Any]]]] = {
    "webhooks": {
        "url": ("webhook_url", url),
        "paused": ("paused", flag),
        "dropping": ("dropping", flag),
        "duplicate": ("duplicate", count(MOST_COPIES)),
        "shuffle": ("shuffle", flag),
        "at_once": ("at_once", flag),
        "before_response": ("before_response", flag),
        "wrong_mode": ("wrong_mode", flag),
    },
    "calls": {
        "path": ("fault_path", str),
        "slow": ("slow_calls", count(1_000)),
        "slow_seconds": ("slow_seconds", seconds(faults.LONGEST_SECONDS)),
        "failing": ("failing_calls", count(1_000)),
        "failing_status": ("failing_status", count(599)),
        "failing_after": ("failing_after", flag),
    },
    "account": {"id": ("account_id", str)},
    "clock": {"offset_seconds": ("clock_offset_seconds", lambda value: int(seconds(FARTHEST_SECONDS)(value)))},
}


def given() -> Json:
    """What was sent, by a test or by the page."""
    if request.is_json:
        sent = request.get_json(silent=True)
        if not isinstance(sent, dict):
            raise ParameterError("Send a JSON object.")
        return sent
    return {name: value for name, value in request.form.items() if name != "from_page"}


def read(readers: Mapping[str, Callable[[object], Any]]) -> Json:
    """The fields that were sent, each by its reader; a form's empty field was not filled in.

    Raises ParameterError for an unknown field or an unreadable value.
    """
    found: Json = {}
    for name, value in given().items():
        if name not in readers:
            known = ", ".join(readers) or "none"
            raise ParameterError(f"Unknown field: {name}. Known: {known}")
        if value == "" and not request.is_json and readers[name] is not str:
            continue
        try:
            found[name] = readers[name](value)
        except ValueError:
            raise ParameterError(f"Not a number: {value!r}") from None
    return found
