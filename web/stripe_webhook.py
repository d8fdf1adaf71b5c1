"""The door for Stripe's deliveries: raw bytes in, one status out; the rules are billing/stripe_events.py's.

200 says "dealt with", 500 "send it again", 400 "nobody we know signed this". No session, no CSRF token, no page.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, request

from billing import clock, stripe_events
from billing.gateway import BadSignature
from web.people import anybody
from web.security import csrf

if TYPE_CHECKING:
    from flask import Flask

    from billing.settings import Settings

webhooks = Blueprint("webhooks", __name__)
log = logging.getLogger("remit.webhooks")


def register(app: Flask, _: Settings) -> None:
    """Mount the door. What is signed with our secret needs no token of a form."""
    csrf.exempt(webhooks)
    app.register_blueprint(webhooks)


@webhooks.post("/webhooks/stripe")
@anybody
def stripe_webhook() -> Response:
    """Take one delivery."""
    payload = request.get_data(cache=False)
    if len(payload) > stripe_events.LARGEST_PAYLOAD:
        abort(413)
    try:
        done = stripe_events.receive(
            payload, request.headers.get("Stripe-Signature"), at=clock.now(), real_at=clock.real_now()
        )
    except BadSignature as refusal:
        log.warning("delivery refused: %s, %d bytes", refusal.why, len(payload))
        return Response("", 400)
    return Response("", 200 if done else 500)
