"""Fixtures every test may ask for. A test that asks for `database` runs once on each database."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from billing import db, links
from tests import databases
from tests.world import AT, BASE_URL, SECRET_KEY, World, find_world, make_world

pytest_plugins = ["tests.web_fixtures", "tests.contracts.recordings"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.databases import TestDatabase

CHROMIUM_SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database sqlite` or `--database postgres` runs one half of the suite while working."""
    parser.addoption("--database", choices=["sqlite", "postgres", "both"], default="both")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `database` on both, or on one where its room says that any will do."""
    if "database" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        kinds = ["sqlite", "postgres"] if chosen == "both" else [chosen]
        if metafunc.definition.get_closest_marker("any_database"):
            kinds = kinds[:1]
        metafunc.parametrize("database", kinds, indirect=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with databases.sqlite_template(tmp_path_factory.mktemp("sqlite")) as path:
        yield path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with databases.postgres_server() as server, databases.migrated_postgres(server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Iterator[db.Real]:
    with databases.opened_postgres(postgres_url) as real:
        yield real


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestDatabase]:
    links.use(SECRET_KEY, BASE_URL)
    fill = make_world if "world" in request.fixturenames else None
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        if fill is not None:
            template = databases.filled_template(template, fill)
        with databases.fresh_sqlite(template, tmp_path) as fresh:
            yield fresh
    else:
        real, url = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_url")
        with databases.emptied_postgres(real, url, fill) as emptied:
            yield emptied


@pytest.fixture
def world(database: TestDatabase) -> World:
    """The cast, in the database, where the fixture `database` has put it."""
    return find_world()


@pytest.fixture
def at() -> datetime:
    """The moment the tests happen at: 22 November 2026, 10:00 UTC."""
    return AT


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium, else Playwright's own. Missing: a failure where CI is set, a skip elsewhere.

    One for all tests of a process: two Playwrights in one do not work.
    """
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_SWITCHES)
        except PlaywrightError as missing:
            if "CI" in os.environ:
                raise
            pytest.skip(f"Chromium is missing: apt-get install chromium ({missing.message.splitlines()[0]})")
        yield browser
        browser.close()
