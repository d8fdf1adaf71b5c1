"""What every process does first: open the database, learn the secret and the address, know how to be paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import db, gateway, links, stripe_gateway

if TYPE_CHECKING:
    from billing.settings import Settings


def start(settings: Settings, *, patient: bool = False) -> None:
    """Make this process speak to the settings' database and to Stripe, and mint and know its links.

    `patient` is for the worker and commands: nobody waits for the answer, so Stripe is retried and given more time.
    """
    db.use(db.open_database(settings.database_url))
    links.use(settings.secret_key, settings.public_base_url)
    gateway.use(stripe_gateway.from_settings(settings, patient=patient))
