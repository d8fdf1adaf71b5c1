"""The look by itself: the real templates, styles and scripts on an application without records."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response, render_template, render_template_string, request
from werkzeug.serving import make_server

from billing import formatting
from web import assets
from web.kit import kit

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; manifest-src 'self'"
)

SELLER = SimpleNamespace(
    name="Alder & Finch", legal_name="Alder & Finch Ltd", tax_id="GB 318 4427 09", email="billing@alderfinch.example"
)
PORTAL_NAV = [("invoices", "portal.invoices", "receipt-text", "Invoices")]
ADMIN_NAV = [
    ("invoices", "admin.invoices", "receipt-text", "Invoices"),
    ("customers", "admin.customers", "users", "Customers"),
    ("settings", "admin.settings", "settings", "Settings"),
]
DOORS = {
    "portal.invoices": "/invoices",
    "portal.sign_in": "/login",
    "portal.sign_out": "/logout",
    "admin.invoices": "/admin/invoices",
    "admin.customers": "/admin/customers",
    "admin.settings": "/admin/settings",
    "admin.sign_out": "/admin/logout",
    "web.theme": "/prefs/theme",
    "demo.mail": "/demo/mail",
}


PEOPLE = {
    "customer_name": "Brightwater Cafés",
    "signed_in_as": "accounts@brightwater.example",
    "staff_name": "Priya Shah",
    "staff_role": "Billing admin",
}


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """Templates that only these tests draw, by name; the tests add their own."""
    return {}


@pytest.fixture(scope="session")
def look(pages: dict[str, str]) -> Flask:
    """An application with the look and no records; /pages/<name> draws a template of `pages`."""
    app = Flask("look", root_path=str(assets.FOLDER.parent), static_folder=None)
    app.secret_key = "only for the look"
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    assets.register(app, development=True)
    app.register_blueprint(kit)
    app.extensions["posts"] = []
    app.jinja_env.filters |= {
        "money": formatting.money,
        "money_parts": formatting.money_parts,
        "day": formatting.day,
        "moment": lambda at: formatting.moment(at, "Europe/London"),
    }
    app.jinja_env.globals |= {
        "seller": lambda: SELLER,
        "portal_nav": PORTAL_NAV,
        "admin_nav": ADMIN_NAV,
        "waiting_counts": dict,
        "csrf_token": lambda: "token-of-the-look",
    }
    app.context_processor(lambda: {name: request.args.get(name) for name in ("theme", "guest", "demo")} | PEOPLE)
    for endpoint, rule in DOORS.items():
        app.add_url_rule(rule, endpoint=endpoint, view_func=lambda: "", methods=["GET", "POST"])

    @app.get("/pages/<name>")
    def page(name: str) -> str:
        return render_template_string(pages[name], nav="invoices")

    @app.get("/errors/<int:code>")
    def error(code: int) -> tuple[str, int]:
        return render_template(f"errors/{code}.html", home="/invoices", reference="8F3K"), code

    @app.post("/seen")
    def seen() -> tuple[str, int]:
        app.extensions["posts"].append(request.headers.get("X-CSRFToken"))
        return "", 204

    @app.post("/refuse")
    def refuse() -> tuple[str, int]:
        return render_template_string(pages["refused"]), 422

    @app.post("/fail")
    def fail() -> tuple[str, int]:
        return "nobody reads this", 500

    @app.after_request
    def strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


@pytest.fixture(scope="session")
def address(look: Flask) -> Iterator[str]:
    """Where the look answers, for a browser."""
    server = make_server("127.0.0.1", 0, look, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
