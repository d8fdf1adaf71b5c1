"""Forms that act once: a view marked `@once` runs its verb and keeps its outcome in one transaction.

A second sending finds the outcome, also where both ran at once and the first stood in its way. A refused or invalid
one leaves nothing behind, so it may be corrected and sent again under the same id. Not for views that speak to Stripe:
those carry the attempt's own nonce.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import abort, make_response, request
from peewee import IntegrityError

from billing import clock, submissions
from billing.db import transaction
from billing.errors import Refusal
from web import hx, people

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

FIELD = "form_id"
_MADE_HERE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_NOT_CONTENT = {FIELD, "csrf_token"}

View = TypeVar("View", bound="Callable[..., Any]")


class _NothingDone(Exception):  # noqa: N818 - carries an answer out of its transaction, which then rolls back
    def __init__(self, response: Response) -> None:
        self.response = response


def form_id() -> str:
    """The id for a form: the one it was sent with where it is shown again with its errors, else a new one."""
    sent = request.form.get(FIELD, "") if request.method == "POST" else ""
    return sent if _MADE_HERE.fullmatch(sent) else secrets.token_urlsafe(18)


def sent_before() -> str | None:
    """Where this very form led when it was sent first; None while it is new.

    For a view that must look at what its form already changed, or speak to Stripe, before its part that acts once.
    """
    key = request.form.get(FIELD, "")
    return _outcome(key) if _MADE_HERE.fullmatch(key) else None


def once(view: View) -> View:
    """Let the form of this view act once. Put it nearest to the view, below the route and who may open it."""

    @wraps(view)
    def sent(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a view's own arguments and answer
        if request.method != "POST":
            return view(*args, **kwargs)
        key = request.form.get(FIELD, "")
        if not _MADE_HERE.fullmatch(key):
            abort(400)
        try:
            return _first(key, lambda: make_response(view(*args, **kwargs)))
        except (_NothingDone, Refusal, IntegrityError) as stopped:
            # Another process may have committed the same form meanwhile, and what it did is what stood in the way here.
            outcome = _outcome(key)
            if outcome is not None:
                return hx.go(outcome)
            if isinstance(stopped, _NothingDone):
                return stopped.response
            raise

    return cast("View", sent)


def _first(key: str, act: Callable[[], Response]) -> AnyResponse:
    with transaction():
        before = _outcome(key)
        if before is not None:
            return hx.go(before)
        response = act()
        led_to = response.headers.get("HX-Redirect") or response.headers.get("Location")
        if response.status_code >= 400 or led_to is None:
            raise _NothingDone(response)
        submissions.keep(key, **_whose(), outcome=led_to, at=clock.now())
        return response


def _outcome(key: str) -> str | None:
    return submissions.first_outcome(key, **_whose())


def _whose() -> dict[str, str]:
    """Who sent what: the person, and a hash of the address and every field in its order."""
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_CONTENT]
    content = repr((request.method, request.path, fields))
    return {
        "person": people.person().actor.key,
        "request_hash": hashlib.sha256(content.encode()).hexdigest(),
    }
