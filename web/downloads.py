"""A stored PDF as a download, the same from both faces. Who may have it is decided before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, make_response, render_template, request

from billing import documents

if TYPE_CHECKING:
    from billing.documents import Paper, StoredDocument

RETRY_AFTER_SECONDS = "10"


def pdf(paper: Paper, name: str) -> Response:
    """The bytes as they were drawn once; 304 where the browser has them. Raises DocumentNotReady."""
    stored = documents.stored(paper)
    if request.if_none_match.contains_weak(stored.sha256):
        response = Response(status=304)
    else:
        response = Response(documents.content(paper))
    return _as_download(response, stored, f"{name}.pdf")


def not_ready(template: str, **context: Any) -> Response:  # noqa: ANN401 - a template's context
    """Say that the worker draws it just now, or could not, and when to ask again."""
    response = make_response(render_template(template, **context), 503)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def _as_download(response: Response, stored: StoredDocument, name: str) -> Response:
    """Make a download of it that no browser shows as a page of ours (ASVS 5.0 3.2.1, 5.4.1; RFC 6266)."""
    response.mimetype = stored.media_type
    response.set_etag(stored.sha256)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cache-Control"] = "private, no-cache"  # kept by this browser alone, shown only after asking us
    response.vary.add("Cookie")
    return response
