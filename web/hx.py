"""HTMX 4: which requests are its own, and the three ways to answer them. The only place that imports flask-htmx.

A state change loads the page (`go`), an error or a preview swaps a fragment (`respond`); without JavaScript the
same routes answer with whole pages and 303.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import make_response, redirect, render_template, request
from flask_htmx import HTMX

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.wrappers import Response as AnyResponse

_htmx = HTMX()


def register(app: Flask) -> None:
    """Give the templates `htmx`, and every answer the headers it depends on."""
    _htmx.init_app(app)

    @app.after_request
    def vary(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.vary.update(("HX-Request", "HX-Request-Type", "Cookie"))
        return response


def is_htmx() -> bool:
    """Whether HTMX sent this request, for a fragment or for a whole page."""
    return bool(_htmx) and not _htmx.history_restore_request


def wants_fragment() -> bool:
    """Whether a part of the page is to be swapped: never for boosted links, whole pages or the Back button."""
    return is_htmx() and request.headers.get("HX-Request-Type") == "partial"


def current_path() -> str:
    """The path and query of the page a person looks at: HTMX tells it, otherwise it is this request's own."""
    told: str | None = _htmx.current_url if is_htmx() else None
    if told is None:
        return request.full_path.removesuffix("?")
    _, _, after_scheme = told.partition("://")
    return "/" + after_scheme.partition("/")[2].partition("#")[0]


def respond(template: str, partial: str, status: int = 200, **context: Any) -> Response:  # noqa: ANN401 - a template's context
    """The page, or only its part where that is to be swapped. `partial` is a `_x.html` the page includes.

    Templates see `alone`: true for the part without its page, which then brings its own `<title>` with errors.
    """
    alone = wants_fragment()
    return make_response(render_template(partial if alone else template, alone=alone, **context), status)


def go(url: str) -> AnyResponse:
    """After a change: load `url`. HTMX follows HX-Redirect (also to another origin), a browser follows 303."""
    if not is_htmx():
        return redirect(url, 303)
    response = make_response("", 200)
    response.headers["HX-Redirect"] = url
    return response


def toast(response: Response, message: str) -> Response:
    """Let the page say `message` for a moment; it must only repeat what the page shows."""
    response.headers["HX-Trigger"] = json.dumps({"toast": {"message": message}})
    return response


def into_messages(response: Response) -> Response:
    """Swap this answer into the page's message region, wherever the request wanted it."""
    response.headers["HX-Retarget"] = "#messages"
    response.headers["HX-Reswap"] = "innerHTML"
    return response
