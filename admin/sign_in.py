"""The billing team's sign-in, apart from the customers': by email and password, with a cookie of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request, url_for

from admin import admin
from billing import clock, emails, sign_in
from web import forms, hx
from web import sign_in as browser
from web.limits import coarse
from web.paths import network_address, own_path
from web.people import anybody, person

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue
    from werkzeug.wrappers import Response

FORM = ("admin/sign_in/password.html", "admin/sign_in/_password.html")


@admin.route("/login", methods=["GET", "POST"], endpoint="sign_in")
@anybody
@coarse("60 per minute")
def ask_password() -> ResponseReturnValue:
    """Take email and password."""
    if person().kind == "staff":
        return hx.go(onward())
    if request.method == "GET":
        return forms.show(*FORM, email="", onward=onward())
    email = emails.plain(request.form.get("email", ""))
    forms.shown_again(*FORM, email=email, onward=onward())
    password = request.form.get("password", "")
    user = sign_in.with_password(email, password, "admin", address=network_address(), at=clock.now())
    response = hx.go(onward())
    browser.let_in(response, user, "admin")
    return response


@admin.post("/logout", endpoint="sign_out")
@anybody
def leave() -> Response:
    """Sign out: the session row ends."""
    response = hx.go(url_for(".sign_in"))
    browser.let_out(response, "admin")
    return response


def onward() -> str:
    """Where to go once signed in: a page of the admin that was asked for, or its first one."""
    home = url_for("admin.home")
    asked = own_path(request.values.get("next"), home)
    return asked if asked.startswith("/admin/") else home
