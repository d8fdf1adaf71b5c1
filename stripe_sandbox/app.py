"""The composition root: memory, webhooks, the three doors (`/v1`, the payer's pages, the control plane)."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from stripe_sandbox import api, control, currencies, hosted_page, pages, past
from stripe_sandbox.errors import ApiError
from stripe_sandbox.settings import HOST, Settings
from stripe_sandbox.store import Store
from stripe_sandbox.webhooks import Dispatcher
from stripe_sandbox.witness import Witness

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class Sandbox:
    """What runs: the web application, and the thread behind it."""

    app: Flask
    store: Store
    dispatcher: Dispatcher


def create(settings: Settings) -> Sandbox:
    """Put the parts together; the dispatcher is not yet started."""
    store = Store(
        settings.database,
        base_url=settings.base_url,
        webhook_url=settings.webhook_url,
        witness=Witness(settings.is_strict, settings.record_to),
    )
    past.remember(store, settings.past)
    dispatcher = Dispatcher(store, settings.webhook_secrets)
    app = Flask("stripe_sandbox")
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["TRUSTED_HOSTS"] = [HOST, "localhost"]
    app.jinja_env.filters["money"] = currencies.words
    app.register_blueprint(api.blueprint(store, settings.secret_key, dispatcher))
    app.register_blueprint(hosted_page.blueprint(store))
    app.register_blueprint(control.blueprint(store, settings.base_url))
    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(Exception, broken)
    app.after_request(label)
    return Sandbox(app, store, dispatcher)


def refused(problem: HTTPException) -> ResponseReturnValue:
    """Nothing here answers that address."""
    is_unknown = problem.code in {404, 405}
    if is_unknown and not request.path.startswith("/v1"):
        return pages.page("missing.html", status=404)
    known = f"Unrecognized request URL ({request.method}: {request.path})."
    status = 404 if is_unknown else problem.code or 500
    words = f"{known} The sandbox serves only what its README lists." if status == 404 else str(problem.description)
    return ApiError(words, status=status).body, status


def broken(problem: Exception) -> ResponseReturnValue:
    """A defect of the sandbox itself: told on its own console, and to the caller as Stripe would."""
    traceback.print_exception(problem, file=sys.stderr)
    return ApiError("The sandbox has a defect; see its output.", status=500, kind="api_error").body, 500


def label(reply: Response) -> Response:
    """No reply can be mistaken for Stripe's."""
    reply.headers["X-Sandbox"] = "not-stripe"
    reply.headers["X-Content-Type-Options"] = "nosniff"
    reply.headers["Referrer-Policy"] = "no-referrer"
    return reply
