"""What a person reads when the answer is no: refusals, wrong addresses, stale pages, and trouble of ours.

The domain refuses with words; only here do they become 404, 409 and 422. HTMX gets a notice for the page's
message region, a browser a whole page. No answer tells what went wrong inside.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import g, make_response, render_template, request
from peewee import InterfaceError, InternalError, OperationalError
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException

from billing.audit import request_id
from billing.documents import DocumentNotReady
from billing.errors import Conflict, Missing, Refusal
from billing.gateway import OutcomeUnknown
from web import forms, hx, paths
from web.security import CSRFError

if TYPE_CHECKING:
    from flask import Flask, Response

RETRY_AFTER_SECONDS = "5"
STALE = "This page was open for a long time. Reload it and try again."
UNSURE = "We could not confirm this. Try again: you will not be charged twice."
LOOK_ONLY = "You can look at this, but your role does not allow changes. Ask an admin."
TOO_OFTEN = "Too many requests from your network. Wait a minute and try again."
TRY_LATER = (DocumentNotReady, OutcomeUnknown)
PAGES = frozenset({400, 403, 404, 405, 409, 413, 422, 429, 500, 503})

log = logging.getLogger("remit.errors")


def register(app: Flask) -> None:
    """Answer every kind of no."""
    app.register_error_handler(Refusal, on_refusal)
    app.register_error_handler(CSRFError, on_stale_page)
    app.register_error_handler(HTTPException, on_http_error)
    for trouble in (OperationalError, InterfaceError, InternalError, MaxConnectionsExceeded):
        app.register_error_handler(trouble, on_database_trouble)
    app.register_error_handler(500, on_defect)


def on_refusal(refusal: Refusal) -> Response:
    """The domain said no, in words fit to show."""
    form = forms.refused(refusal)
    if form is not None:
        return form
    if isinstance(refusal, TRY_LATER):
        return later(refusal.message)
    status = 404 if isinstance(refusal, Missing) else 409 if isinstance(refusal, Conflict) else 422
    return answer(status, words=refusal.message)


def on_stale_page(_: CSRFError) -> Response:
    """The form's token is none of this session's: an old page as a rule, a forgery at worst."""
    log.warning("csrf refused")
    return answer(400, words=STALE)


def on_http_error(error: HTTPException) -> Response | HTTPException:
    """Werkzeug's own refusals, with their headers (Allow, Retry-After) and our words."""
    if error.response is not None or error.code is None or error.code < 400:
        return error
    response = answer(error.code, words={403: LOOK_ONLY, 429: TOO_OFTEN}.get(error.code, ""))
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def on_database_trouble(error: Exception) -> Response:
    """Locked, full, gone or out of connections: nothing was saved, and a later try may work."""
    log.error("database trouble", exc_info=error)  # with every cause: the last message alone can mislead
    return later(UNSURE if request.method == "POST" else "")


def on_defect(error: Exception) -> Response:
    """A defect of ours. The reference finds it in the log."""
    log.error("defect", exc_info=getattr(error, "original_exception", None) or error)
    return answer(500, words="")


def later(words: str) -> Response:
    """503: the same request may well be answered in a moment."""
    response = answer(503, words=words)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def answer(status: int, *, words: str) -> Response:
    """The notice or the page of a status, with the refusal's own `words` where there are any."""
    page = status if status in PAGES else 400 if status < 500 else 500
    g.remit_plain = True  # the page asks nothing more of a database that may be gone
    if hx.wants_fragment() and words:
        return hx.into_messages(make_response(render_template("errors/_notice.html", words=words), status))
    body = render_template(f"errors/{page}.html", words=words, reference=request_id.get(), home=_home(), back=_back())
    return make_response(body, status)


def _back() -> str:
    """The page of ours that led here, where it is another one; "" where it is not known."""
    back = paths.referring_path("")
    return "" if back.partition("?")[0] == request.path else back


def _home() -> str:
    """Where a lost person starts again. Written out: for a foreign host no address can be built."""
    return "/admin/" if request.path.startswith("/admin/") else "/"
