"""Where lives happen: an emptied database for each, with the cast in it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from billing import db, links
from tests import databases
from tests.simulation import cast
from tests.world import BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Fresh = Callable[[], AbstractContextManager[object]]


@contextmanager
def sqlite(folder: Path) -> Iterator[Fresh]:
    """A copy of one filled file for each life. Its commits do not wait for the disk: no power is cut here."""
    links.use(SECRET_KEY, BASE_URL)
    with databases.sqlite_template(folder) as template:
        filled = databases.filled_template(template, cast.fill)

        @contextmanager
        def fresh() -> Iterator[object]:
            with databases.fresh_sqlite(filled, folder) as here:
                db.execute("PRAGMA synchronous = OFF")
                yield here
            for rest in ("-wal", "-shm"):
                Path(f"{folder}/remit.db{rest}").unlink(missing_ok=True)

        yield fresh


@contextmanager
def postgres(real: db.Real, url: str) -> Iterator[Fresh]:
    """The same database for each life, emptied and filled anew."""
    links.use(SECRET_KEY, BASE_URL)
    yield lambda: databases.emptied_postgres(real, url, cast.fill)


@contextmanager
def of_its_own(kind: str) -> Iterator[Fresh]:
    """An arena for a process of its own."""
    if kind == "sqlite":
        folder = Path(
            tempfile.mkdtemp(prefix="remit-simulation-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        try:
            with sqlite(folder) as fresh:
                yield fresh
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    with (
        databases.postgres_server() as server,
        databases.migrated_postgres(server) as url,
        databases.opened_postgres(url) as real,
        postgres(real, url) as fresh,
    ):
        yield fresh
