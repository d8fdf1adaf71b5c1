"""The composition root: wires everything, decides nothing. `create_app(settings)` makes the web application."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flask import Flask, g, request

from admin import admin
from billing import startup
from billing.db import database
from billing.settings import Settings, SettingsRefused
from portal import portal
from web import assets, errors, filters, guest, health, hx, limits, logs, preferences, security, sign_in, web

if TYPE_CHECKING:
    from types import ModuleType

# Modules that mount themselves on the application where they are part of the installation.
MOUNTED = ("web.stripe_webhook", "web.commands", "web.demo.mail_page")
NEEDS_NO_DATABASE = frozenset({"static", "web.healthz"})

__all__ = ["create_app", "health", "preferences"]


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings, or the environment's. Raises SettingsRefused, a sentence per reason."""
    settings = settings or Settings.from_environment(os.environ)
    reasons = settings.refusals()
    if reasons:
        raise SettingsRefused(reasons)
    startup.start(settings)
    app = Flask(__name__, static_folder=None)
    app.config.update(TESTING=settings.environment == "test")
    app.extensions["remit.settings"] = settings
    mounted = [import_module(name) for name in MOUNTED if find_spec(name)]
    logs.register(app, settings)
    connect_per_request(app)
    security.register(app, settings)
    limits.register(app, settings)
    hx.register(app)
    guest.register(app, settings)
    sign_in.register(app, settings)
    errors.register(app)
    assets.register(app, development=not settings.production)
    for blueprint in (web, portal, admin):
        app.register_blueprint(blueprint)
    mount(app, settings, mounted)
    filters.register(app, settings)
    return app


def connect_per_request(app: Flask) -> None:
    """Take a pooled connection for each request that may need one, and give it back; never one it found open."""

    @app.before_request
    def take() -> None:
        if request.endpoint not in NEEDS_NO_DATABASE:
            g.connected = database.connect(reuse_if_open=True)

    @app.teardown_request
    def give_back(_: BaseException | None) -> None:
        if g.pop("connected", False):
            database.close()


def mount(app: Flask, settings: Settings, modules: list[ModuleType]) -> None:
    """Let each module add its routes or commands; the component page is for those who build pages."""
    for module in modules:
        register = getattr(module, "register", None)
        if register is not None:
            register(app, settings)
    if not settings.production and find_spec("web.kit"):
        app.register_blueprint(import_module("web.kit").kit)
