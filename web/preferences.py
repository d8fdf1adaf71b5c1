"""What a browser remembers about its reader: the look, light or dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import abort, current_app, request

from web import hx, web
from web.paths import referring_path
from web.people import anybody

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

THEMES = ("system", "light", "dark")
THEME_COOKIE = "remit_theme"
YEAR_SECONDS = 365 * 24 * 3600


@web.post("/prefs/theme")
@anybody
def theme() -> Response:
    """Keep the chosen look, by a plain form."""
    chosen = request.form.get("theme", "")
    if chosen not in THEMES:
        abort(422)
    response = hx.go(referring_path("/"))
    response.set_cookie(
        THEME_COOKIE,
        chosen,
        max_age=YEAR_SECONDS,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response
