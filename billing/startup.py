"""What every process does first: open the database, learn the secret and the address, know how to be paid.

In production a database that may lose what it said was committed is refused: a payment in it could be forgotten.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from peewee import PeeweeException, PostgresqlDatabase

from billing import comparing, db, gateway, links, stripe_gateway
from billing.errors import Refusal
from billing.settings import SettingsRefused

if TYPE_CHECKING:
    from billing.settings import Settings

LONGEST_CONNECT_SECONDS = 5

log = logging.getLogger(__name__)


class Unsafe(NamedTuple):
    """A question to the database, the answers that are refused, and the words for them."""

    question: str
    answers: tuple[str, ...]
    words: str


POSTGRES = (
    Unsafe(
        "SHOW fsync",
        ("off",),
        "PostgreSQL runs with fsync off: a power cut could destroy the books. Set fsync = on.",
    ),
    Unsafe(
        "SHOW synchronous_commit",
        ("off",),
        "PostgreSQL runs with synchronous_commit off: a power cut could take payments with it. "
        "Set synchronous_commit = on, also for Remit's role and database.",
    ),
)
SQLITE = (
    Unsafe(
        "PRAGMA synchronous",
        ("0", "1"),
        "SQLite runs with synchronous below FULL: a power cut could take payments with it.",
    ),
    Unsafe("PRAGMA foreign_keys", ("0",), "SQLite runs with foreign keys off: the books could lose their parts."),
)


def start(settings: Settings, *, patient: bool = False) -> None:
    """Make this process speak to the settings' database and to Stripe, and mint and know its links.

    `patient` is for the worker and commands: nobody waits for the answer, so Stripe is retried and given more time.
    Raises SettingsRefused in production, where the database does not keep what it commits, and where the key of Stripe
    is another customer's than the one whose money is in the books.
    """
    if settings.production:
        reasons = unsafe(settings.database_url)
        if reasons:
            raise SettingsRefused(reasons)
    db.use(db.open_database(settings.database_url))
    links.use(settings.secret_key, settings.public_base_url)
    gateway.use(stripe_gateway.from_settings(settings, patient=patient))
    if settings.production and settings.stripe_secret_key:
        _refuse_strange_gateway()


def _refuse_strange_gateway() -> None:
    """Stripe that does not answer, and tables that are not laid yet, stop nobody: the worker asks again."""
    try:
        with db.connection():
            comparing.recognise()
    except comparing.StrangeGateway as refusal:
        raise SettingsRefused([refusal.message]) from refusal
    except (Refusal, PeeweeException) as error:
        log.warning("Stripe could not be asked who we are: %s", type(error).__name__)


def unsafe(url: str) -> list[str]:
    """Why the database at `url` must not keep money, a sentence each, asked over a connection of its own.

    One that does not answer stops nobody here: readiness says so, and its restart need not be waited for.
    """
    probe = db.open_database(url)
    questions = SQLITE
    if isinstance(probe, PostgresqlDatabase):
        questions = POSTGRES
        probe.connect_params["connect_timeout"] = LONGEST_CONNECT_SECONDS
    elif not Path(probe.database).exists():  # asking it would make the file; what we set is the same in memory
        probe = db.open_database("sqlite:///:memory:")
    try:
        with probe.connection_context():
            return [one.words for one in questions if _answer(probe, one.question) in one.answers]
    except PeeweeException as error:
        log.warning("the database could not be asked whether it keeps what it commits: %s", type(error).__name__)
        return []
    finally:
        probe.close_all()


def _answer(probe: db.Real, question: str) -> str:
    (said,) = probe.execute_sql(question).fetchone()  # type: ignore[no-untyped-call]  # Peewee ships no types
    return str(said)
