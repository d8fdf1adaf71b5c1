"""A signed-in customer who asks the application in this very process, configured as in production.

Requests come as from a proxy, each from another network, so that the limits count as they do in real use.
"""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench.books import BIG, email_of
from bench.filling import BASE_URL, SECRET_KEY
from bench.loader import NETWORKS, network
from billing import clock, sessions, users
from billing.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from flask import Flask

HOST = urlsplit(BASE_URL).netloc
WEBHOOK_SECRET = "whsec_of_the_benchmark"  # noqa: S105 - signs nothing but the benchmark's own deliveries
COOKIE = "__Host-remit_portal"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One request, to be sent over and over."""

    path: str
    token: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def all_headers(self) -> dict[str, str]:
        """The headers as a browser and a proxy send them, without the network address."""
        own = {"Host": HOST, "X-Forwarded-Proto": "https", "Accept": "text/html", "Accept-Encoding": "gzip"}
        if self.token:
            own["Cookie"] = f"{COOKIE}={self.token}"
        return own | dict(self.headers)

    def but(self, **headers: str) -> Request:
        """The same with more headers; an underscore in a name stands for a hyphen."""
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return replace(self, headers=(*self.headers, *more))


def settings_for(url: str, data_dir: Path) -> dict[str, str]:
    """The environment of a production process over this database, behind one proxy, that reaches nobody outside."""
    return {
        "REMIT_ENV": "production",
        "DATABASE_URL": url,
        "SECRET_KEY": SECRET_KEY,
        "PUBLIC_BASE_URL": BASE_URL,
        "TRUSTED_HOSTS": HOST,
        "TRUSTED_PROXIES": "1",
        "STRIPE_SECRET_KEY": "sk_test_of_the_benchmark",
        "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "MAIL_SENDER": "billing@alderfinch.example",
        "REMIT_DATA_DIR": str(data_dir),
    }


def application(url: str, data_dir: Path) -> Flask:
    """The application as in production; what it logs is written, and thrown away."""
    import logging

    from app import create_app

    made = create_app(Settings.from_environment(settings_for(url, data_dir)))
    for handler in logging.getLogger("remit").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(io.StringIO())
    return made


def sign_in(customer: int = BIG) -> str:
    """The token of a fresh session of the customer's person, in the database in use."""
    user = users.by_email(email_of(customer))
    assert user is not None, "every customer of the books has a person"
    return sessions.start(user, "portal", at=clock.now(), customer_id=customer)


class Visitor:
    """Sends requests to a WSGI application in this process and reads the answers to the end."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._networks = itertools.cycle(network(number) for number in range(NETWORKS))

    def get(self, request: Request) -> Reply:
        """Send one request."""
        return self._send(request, "GET", b"")

    def post(self, request: Request, body: bytes) -> Reply:
        """Send one request with a body."""
        return self._send(request, "POST", body)

    def _send(self, request: Request, method: str, body: bytes) -> Reply:
        path, _, query = request.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_X_FORWARDED_FOR": next(self._networks),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        for name, value in request.all_headers().items():
            environ["HTTP_" + name.upper().replace("-", "_")] = value
        began: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _: object = None, /) -> Callable[[bytes], object]:
            began.extend((status, headers))
            return began.append

        answer = self._app(environ, start)
        try:
            content = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        return Reply(int(began[0].split()[0]), dict(began[1]), content)
