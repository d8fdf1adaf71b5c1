"""A production start: a database that may lose what it committed is refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from billing import db, gateway, startup
from billing.settings import Settings, SettingsRefused
from tests.servers import free_port
from tests.world import SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from billing.settings import Environment


def settings_for(url: str, environment: Environment = "production") -> Settings:
    return Settings(
        environment=environment,
        database_url=url,
        secret_key=SECRET_KEY,
        public_base_url="https://pay.example.com",
        stripe_secret_key="sk_test_of_the_tests",
        stripe_webhook_secrets=("whsec_of_the_tests",),
    )


@pytest.fixture
def started() -> Iterator[None]:
    """What a start changes in this process is put back."""
    before = db.database.obj
    yield
    if db.database.obj is not before and db.database.obj is not None:
        db.database.obj.close_all()
    db.database.initialize(before)
    gateway.use(None)


@pytest.fixture
def unsafe_postgres(postgres_url: str) -> str:
    """A server that does not wait for the disk, as the tests' own."""
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SHOW fsync").fetchone()
    if row != ("off",):
        pytest.skip("TEST_POSTGRES_URL names a server with fsync on")
    return postgres_url


@pytest.mark.usefixtures("started")
def test_postgres_that_may_lose_commits_is_refused_in_production_and_nowhere_else(unsafe_postgres: str) -> None:
    before = db.database.obj
    with pytest.raises(SettingsRefused) as refusal:
        startup.start(settings_for(unsafe_postgres))
    assert [reason.split(":")[0] for reason in refusal.value.reasons] == [
        "PostgreSQL runs with fsync off",
        "PostgreSQL runs with synchronous_commit off",
    ]
    assert db.database.obj is before
    startup.start(settings_for(unsafe_postgres, "test"))


@pytest.mark.parametrize(("value", "refused"), [("off", True), ("local", False), ("on", False)])
def test_postgres_is_asked_for_what_holds_for_our_own_connections(
    unsafe_postgres: str, value: str, *, refused: bool
) -> None:
    said = " ".join(startup.unsafe(f"{unsafe_postgres}&options=-csynchronous_commit%3D{value}"))
    assert ("synchronous_commit" in said) == refused
    assert "fsync" in said


@pytest.mark.usefixtures("started")
def test_a_database_that_does_not_answer_is_left_to_readiness(caplog: pytest.LogCaptureFixture) -> None:
    startup.start(settings_for(f"postgresql://remit@127.0.0.1:{free_port()}/remit"))
    assert "could not be asked" in caplog.text


@pytest.mark.parametrize(
    ("pragma", "value", "words"),
    [("synchronous", "normal", "synchronous below FULL"), ("foreign_keys", 0, "foreign keys off")],
)
@pytest.mark.parametrize("exists", [True, False])
def test_sqlite_that_may_lose_commits_or_parts_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pragma: str, value: str | int, words: str, *, exists: bool
) -> None:
    file = tmp_path / "remit.db"
    if exists:
        file.touch()
    monkeypatch.setitem(db.SQLITE_PRAGMAS, pragma, value)
    with pytest.raises(SettingsRefused, match=words) as refusal:
        startup.start(settings_for(f"sqlite:///{file}"))
    assert len(refusal.value.reasons) == 1


@pytest.mark.usefixtures("started")
def test_sqlite_as_we_open_it_starts_and_is_not_made_by_asking(tmp_path: Path) -> None:
    file = tmp_path / "none" / "remit.db"
    startup.start(settings_for(f"sqlite:///{file}"))
    assert not file.parent.exists()
