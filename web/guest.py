"""The scope of a mailed link: a signed cookie that names the documents a browser may see, and signs nobody in.

It makes no row (RFC 9110 9.2.1). Each request asks anew whether the link still opens, so revoking one counts at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import current_app, g, request
from flask.sessions import SecureCookieSessionInterface

from billing import clock, links

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.wrappers import Response

    from billing.settings import Settings
    from billing.tables import Link

MOST_LINKS = 8
LIFETIME_SECONDS = 90 * 24 * 3600
_EXTENSION = "remit.link_cookie"


class _LinkCookie(SecureCookieSessionInterface):
    """Flask's own signing with a salt of its own: no other cookie can stand in for this one (ASVS 9.2.2)."""

    salt = "remit-link"


def register(app: Flask, settings: Settings) -> None:
    """Learn the cookie's name and its signature."""
    serializer = _LinkCookie().get_signing_serializer(app)
    assert serializer is not None, "the secret comes first"
    name = "__Host-remit_link" if settings.secure else "remit_link"
    app.extensions[_EXTENSION] = (name, serializer, settings.secure)


def open_scope(response: Response, link: Link) -> None:
    """Let this browser see the link's invoice from now on, besides the newest few it could see already."""
    name, serializer, secure = current_app.extensions[_EXTENSION]
    number = link.invoice.number
    assert number is not None, "only an issued invoice has a link"
    scope = {known: link_id for known, link_id in _scope().items() if known != number}
    scope[number] = link.id
    newest = dict(list(scope.items())[-MOST_LINKS:])
    response.set_cookie(
        name,
        serializer.dumps(list(newest.items())),
        max_age=LIFETIME_SECONDS,
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def close_scope(response: Response) -> None:
    """Forget every link in this browser."""
    name, _, secure = current_app.extensions[_EXTENSION]
    response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax")


def link_for(number: str) -> Link | None:
    """The opened link to the invoice of this number, while it still opens."""
    link_id = _scope().get(number)
    return _still_open(link_id) if link_id else None


def scoped_link(invoice_id: int) -> Link | None:
    """The opened link to this invoice, while it still opens."""
    for link_id in reversed(_scope().values()):
        link = _still_open(link_id)
        if link is not None and link.invoice_id == invoice_id:
            return link
    return None


def newest_link() -> Link | None:
    """The link opened last, while it still opens."""
    link_ids = list(_scope().values())
    return _still_open(link_ids[-1]) if link_ids else None


def _scope() -> dict[str, str]:
    """Number to link id, the newest last; empty for a cookie that we did not sign."""
    name, serializer, _ = current_app.extensions[_EXTENSION]
    signed, content = serializer.loads_unsafe(request.cookies.get(name, ""))
    return dict(content) if signed else {}


def _still_open(link_id: str) -> Link | None:
    known: dict[str, Link | None] = g.setdefault("remit_links", {})
    if link_id not in known:
        known[link_id] = links.still_open(link_id, at=clock.now())
    return known[link_id]
