"""How every page of the sandbox is sent: it runs nothing, and may lead only where it says."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Response, render_template


def page(template: str, *, status: int = 200, targets: tuple[str, ...] = (), **facts: object) -> Response:
    """A page that runs nothing. `targets` are the origins its forms may lead to, redirects included."""
    reply = Response(render_template(template, **facts), status, content_type="text/html; charset=utf-8")
    actions = " ".join(("'self'", *targets))
    reply.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {actions}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    reply.headers["Cache-Control"] = "no-store"
    return reply


def origins(url: str) -> tuple[str, ...]:
    """The origin of a URL, for the page's policy: Chromium checks a form's redirects too."""
    parts = urlsplit(url)
    return (f"{parts.scheme}://{parts.netloc}",) if parts.netloc else ()
