"""The billing team's face: parse, one domain call, reply. No rules, no SQL."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, url_for

from web.people import ask_to_sign_in, guard, staff_only

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

admin = Blueprint("admin", __name__, url_prefix="/admin")
admin.before_request(guard(ask_to_sign_in))


@admin.get("/")
@staff_only
def home() -> Response:
    """The invoices: the first thing a billing team looks at."""
    return redirect(url_for("admin.invoices"))


for _noun in iter_modules(__path__):
    import_module(f"{__name__}.{_noun.name}")
