"""Signed-in browsers: the cookie of each face, over the rows of billing/sessions. The only import of Flask-Login.

Flask-Login asks us who comes with each request; its own cookies and its session keys are never used, because a
copied one would outlive the sign-out (ASVS 5.0 7.4.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Request, current_app, request, session
from flask_login import LoginManager, current_user

from billing import clock, sessions
from web.security import cookie_name

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.wrappers import Response

    from billing.sessions import Face
    from billing.settings import Settings
    from billing.tables import User
    from web.people import Person

_EXTENSION = "remit.session_cookies"


def register(app: Flask, settings: Settings) -> None:
    """Ask for the person of a request when somebody wants to know, once."""
    from web import people

    manager = LoginManager()
    manager.session_protection = None  # it would tie a session to a network address
    manager.anonymous_user = lambda: people.NOBODY
    manager.unauthorized_handler(people.ask_to_sign_in)

    @manager.request_loader
    def load(_: Request) -> Person:
        return people.load()

    manager.init_app(app, add_context_processor=False)
    app.config["REMEMBER_COOKIE_NAME"] = cookie_name(settings, "remit_unused")
    app.extensions[_EXTENSION] = {
        "portal": (cookie_name(settings, "remit_portal"), settings.secure),
        "admin": (cookie_name(settings, "remit_admin"), settings.secure),
    }


def current() -> object:
    """The person of the request, out of Flask-Login's proxy."""
    return current_user._get_current_object()  # noqa: SLF001 - Werkzeug's documented way to leave a proxy


def token(face: Face) -> str:
    """The session token this browser brought for a face; empty where it brought none."""
    return request.cookies.get(_cookie(face)[0], "")


def let_in(response: Response, user: User, face: Face, *, customer_id: int | None = None, kept: bool = False) -> None:
    """Begin a session with a fresh token and a fresh CSRF secret, and end the one this browser had (ASVS 7.2.4)."""
    now = clock.now()
    if token(face):
        sessions.end(token(face), at=now)
    session.clear()
    name, secure = _cookie(face)
    response.set_cookie(
        name,
        sessions.start(user, face, at=now, customer_id=customer_id, kept=kept),
        max_age=int(sessions.KEPT_AGE.total_seconds()) if kept else None,
        secure=secure,
        httponly=True,
        samesite="Lax",
    )


def let_out(response: Response, face: Face) -> None:
    """End the session row, so that a copied cookie opens nothing, and empty the browser (ASVS 7.4.1, 14.3.1)."""
    if token(face):
        sessions.end(token(face), at=clock.now())
    session.clear()
    name, secure = _cookie(face)
    response.delete_cookie(name, secure=secure, httponly=True, samesite="Lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def _cookie(face: Face) -> tuple[str, bool]:
    found: tuple[str, bool] = current_app.extensions[_EXTENSION][face]
    return found
