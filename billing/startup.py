"""What every process does first: open the database and learn the secret and the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import db, links

if TYPE_CHECKING:
    from billing.settings import Settings


def start(settings: Settings) -> None:
    """Make this process speak to the settings' database, and mint and know its links."""
    db.use(db.open_database(settings.database_url))
    links.use(settings.secret_key, settings.public_base_url)
