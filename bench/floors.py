"""The floor: the least that the same answer costs with sqlite3 and Jinja on the same rows, and nothing around it.

As a WSGI application it serves over HTTP what it also answers in one process. It asks who is there, since every
answer of the product does; it has no CSRF, no headers of security, no locale, no log, no limits and no layout.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Answer = tuple[str, list[tuple[str, str]], bytes]

PAGE = """<!doctype html><html lang="en"><head><title>{% block title %}Invoices{% endblock %}</title></head><body>
<main>{% block main %}{% endblock %}</main></body></html>"""
LIST = """{% extends "page" %}{% block main %}<h1>Invoices</h1><table>
{% for number, subject, status, issue_on, due_on, total, balance in rows %}
<tr><td><a href="/invoices/{{ number }}">{{ number }}</a> {{ subject }}</td><td>{{ issue_on }}</td><td>{{ due_on }}</td>
<td>{{ status }}</td><td>{{ balance | money }} of {{ total | money }}</td>
<td><a href="/invoices/{{ number }}#pay">Pay</a> <a href="/invoices/{{ number }}.pdf">PDF</a></td></tr>
{% endfor %}</table>{% endblock %}"""
INVOICE = """{% extends "page" %}{% block main %}<h1>{{ paper.number }}</h1><p>{{ paper.seller.legal_name }}</p>
<p>{{ paper.buyer.legal_name }}</p><table>{% for line in paper.lines %}<tr><td>{{ line.description }}</td>
<td>{{ line.quantity }}</td><td>{{ line.unit_price }}</td><td>{{ line.net_minor | money }}</td></tr>{% endfor %}</table>
<dl>{% for tax in paper.taxes %}<dt>{{ tax.category }}</dt><dd>{{ tax.tax_minor | money }}</dd>{% endfor %}
<dt>Total</dt><dd>{{ paper.total_minor | money }}</dd>
{% for minor, method in came %}<dt>{{ method }}</dt><dd>{{ minor | money }}</dd>{% endfor %}
<dt>Due</dt><dd>{{ balance | money }}</dd></dl>
<ol>{% for kind, at in events %}<li>{{ kind }} {{ at }}</li>{% endfor %}</ol>{% endblock %}"""

WHO = "SELECT customer_id FROM session WHERE token_hash = ? AND ended_at IS NULL"
PAGE_OF_LIST = """SELECT number, subject, status, issue_on, due_on, total_minor, balance_minor FROM invoice
    WHERE customer_id = ? AND balance_minor > 0 ORDER BY next_due_on, id LIMIT 25"""
ONE = "SELECT id, frozen, balance_minor FROM invoice WHERE number = ? AND customer_id = ?"
CAME = "SELECT a.minor, p.method FROM allocation a JOIN payment p ON p.id = a.payment_id WHERE a.invoice_id = ?"
EVENTS = "SELECT kind, at FROM activity WHERE invoice_id = ? AND customer_sees ORDER BY sequence DESC LIMIT 100"
COOKIE = "floor"


def _money(minor: int) -> str:
    return f"£{minor / 100:,.2f}"


class Floor:
    """A WSGI application over the database file; `document` is a PDF to be read from disk."""

    def __init__(self, database: Path, document: Path) -> None:
        self.database = database
        self.document = document
        self._own = threading.local()
        environment = Environment(autoescape=True)
        environment.filters["money"] = _money
        page = environment.from_string(PAGE)
        sources = {"list": LIST, "invoice": INVOICE}
        self._templates = {
            name: environment.from_string(source.replace('"page"', "page"), globals={"page": page})
            for name, source in sources.items()
        }

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Serve one request."""
        status, headers, body = self.answer(environ["PATH_INFO"], environ.get("HTTP_COOKIE", ""))
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def answer(self, path: str, cookies: str) -> Answer:
        """/list, /invoices/<number> or /document, for whom the cookie says."""
        _, _, token = cookies.partition(f"{COOKIE}=")
        connection = self.connection()
        who = connection.execute(WHO, (hashlib.sha256(token.encode()).hexdigest(),)).fetchone()
        if who is None:
            return "404 Not Found", [("Content-Type", "text/plain")], b""
        if path == "/list":
            return self._page("list", rows=connection.execute(PAGE_OF_LIST, who).fetchall())
        if path == "/document":
            return "200 OK", [("Content-Type", "application/pdf")], self.document.read_bytes()
        id_, frozen, balance = connection.execute(ONE, (path.removeprefix("/invoices/"), who[0])).fetchone()
        return self._page(
            "invoice",
            paper=json.loads(frozen),
            balance=balance,
            came=connection.execute(CAME, (id_,)).fetchall(),
            events=connection.execute(EVENTS, (id_,)).fetchall(),
        )

    def _page(self, template: str, **context: object) -> Answer:
        body = self._templates[template].render(context).encode()
        return "200 OK", [("Content-Type", "text/html; charset=utf-8")], body

    def connection(self) -> sqlite3.Connection:
        """This thread's own, which stays open."""
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = sqlite3.connect(self.database, isolation_level=None)
        return found


def serve() -> Floor:
    """What gunicorn loads; BENCH_FLOOR_DATABASE and BENCH_FLOOR_DOCUMENT name the files."""
    return Floor(Path(os.environ["BENCH_FLOOR_DATABASE"]), Path(os.environ["BENCH_FLOOR_DOCUMENT"]))
