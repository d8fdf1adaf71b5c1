"""Idempotency keys: the same request twice is done once and answered twice alike.

Source: docs.stripe.com/api/idempotent_requests. A key remembers the first answer for 24
hours, errors of execution included; it does not remember a refused parameter, for then nothing was begun.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stripe_sandbox.errors import ApiError, Json, ParameterError

if TYPE_CHECKING:
    from stripe_sandbox.store import Store

LONGEST_KEY = 255
KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Replay:
    """The answer given the first time."""

    status: int
    text: str
    request_id: str


def begin(store: Store, key: str, *, path: str, params: Json, request_id: str) -> Replay | None:
    """Claim a key, or return what it answered before.

    Raises ApiError: 400 where the key was used for something else, 409 while its request is under way.
    """
    if len(key) > LONGEST_KEY:
        raise ParameterError(f"Idempotency keys can be up to {LONGEST_KEY} characters.")
    fingerprint = hashlib.sha256(json.dumps([path, params], sort_keys=True).encode()).hexdigest()
    with store.transaction():
        store.changed("DELETE FROM idempotency WHERE began_at <= ?", (store.now() - KEPT_SECONDS,))
        claimed = store.changed(
            "INSERT OR IGNORE INTO idempotency (key, fingerprint, path, began_at, request_id) VALUES (?, ?, ?, ?, ?)",
            (key, fingerprint, path, store.now(), request_id),
        )
        if claimed:
            return None
        known = store.rows("SELECT * FROM idempotency WHERE key = ?", (key,))[0]
    if known["path"] != path:
        raise _misused(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{path}' vs '{known['path']}'). Try using a key other than '{key}' if you meant to execute a "
            "different request."
        )
    if known["fingerprint"] != fingerprint:
        raise _misused(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
    if known["status"] is None:
        raise ApiError(
            "There is currently another in-progress request using this Idempotent Key (that probably means you "
            f"submitted twice, and the other request is still going through): {key}. Please try again later.",
            status=409,
            code="idempotency_key_in_use",
        )
    return Replay(known["status"], known["body"], known["request_id"])


def _misused(message: str) -> ApiError:
    return ApiError(message, kind="idempotency_error")


def keep(store: Store, key: str, *, status: int, text: str) -> None:
    """Remember the answer, in the same transaction as the effects."""
    store.changed("UPDATE idempotency SET status = ?, body = ? WHERE key = ?", (status, text, key))


def forget(store: Store, key: str) -> None:
    """Nothing was begun: the key is free again."""
    store.changed("DELETE FROM idempotency WHERE key = ? AND status IS NULL", (key,))
