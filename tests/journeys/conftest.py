"""Each journey runs on each database; the processes of a database are started once, and each has its own invoice."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests import databases
from tests.browser.watching import watched
from tests.journeys import walks
from tests.journeys.house import House, house

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `at_work` on both databases, or on the one that was chosen."""
    if "at_work" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        kinds = ["sqlite", "postgres"] if chosen == "both" else [chosen]
        metafunc.parametrize("at_work", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def at_work(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> Iterator[House]:
    """Remit at work on a database of its own, set up by its first admin in a browser."""
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), folder / 'remit.db')}"
        else:
            url = stack.enter_context(databases.migrated_postgres(request.getfixturevalue("postgres_url")))
        at_work = stack.enter_context(house(url, folder))
        words = ("users", "create-admin", "--email", walks.SAM, "--name", "Sam Reyes")
        assert "may sign in" in at_work.flask(*words, REMIT_PASSWORD=walks.PASSWORD)
        with watched(chromium) as context:
            page = context.new_page()
            walks.sign_in(page, at_work)
            at_work.wrong_at_first.extend(walks.set_up(page))
        yield at_work
        assert "The books are in order" in at_work.flask("check"), "after every journey"
        assert at_work.troubles() == []
