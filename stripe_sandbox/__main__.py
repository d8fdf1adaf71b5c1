"""`python -m stripe_sandbox`: serve until interrupted."""

from __future__ import annotations

import logging
import signal
import sys
from typing import TYPE_CHECKING

import stripe
from werkzeug.serving import make_server

from stripe_sandbox import app, settings

if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Start, say where, and stop cleanly on Ctrl-C or SIGTERM."""
    wanted = settings.from_environment()
    sandbox = app.create(wanted)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        server = make_server(settings.HOST, wanted.port, sandbox.app, threaded=True)
    except OSError as problem:
        raise settings.Refused(f"Port {wanted.port} is not free: {problem}") from None
    signal.signal(signal.SIGTERM, _interrupted)
    sandbox.dispatcher.start()
    print(f"Stripe SANDBOX (not Stripe, no money moves) on {wanted.base_url}, API {stripe.api_version}")
    print(f"Webhooks go to {wanted.webhook_url or 'nowhere'}; control at {wanted.base_url}/_sandbox/")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        sandbox.dispatcher.stop()
        sandbox.dispatcher.join(timeout=2)
        sandbox.store.close()


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
