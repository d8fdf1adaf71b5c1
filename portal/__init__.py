"""The customer's face: parse, one domain call, reply. No rules, no SQL."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, url_for

from web.people import anybody, ask_to_sign_in, guard

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

portal = Blueprint("portal", __name__)
portal.before_request(guard(ask_to_sign_in))


@portal.get("/")
@anybody
def home() -> Response:
    """The invoices, which ask for sign-in where they must."""
    return redirect(url_for("portal.invoices"))


for _noun in iter_modules(__path__):
    import_module(f"{__name__}.{_noun.name}")
