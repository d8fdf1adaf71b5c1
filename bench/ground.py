"""Where everything is measured: scratch copies of the books at two sizes, one application, one signed-in customer."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bench import filling, visitor
from bench.books import BIG
from bench.floors import COOKIE, Floor
from bench.visitor import Request, Visitor
from billing import clock, db, documents, invoices
from billing.rendering import Renderer, invoice_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from bench.books import Size

PARTLY_PAID = """SELECT id, number FROM invoice WHERE customer_id = ? AND balance_minor > 0
    AND balance_minor < total_minor ORDER BY id DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Town:
    """The books at one size: the database, who is signed in, and the invoice that is looked at."""

    size: Size
    url: str
    real: Any
    token: str
    invoice_id: int
    number: str

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(urlsplit(self.url).path[1:])

    def use(self) -> None:
        """Speak to this database from now on."""
        db.use(self.real)

    def get(self, path: str) -> Request:
        """A request of the signed-in customer."""
        return Request(path, self.token)


@dataclass(frozen=True, slots=True)
class Ground:
    """What every measurement is given. The floor is SQLite always; without --database it shares our own books."""

    folder: Path
    small: Town
    large: Town
    floor_small: Town
    floor_large: Town
    app: Flask
    visitor: Visitor
    floor: Floor
    renderer: Renderer
    rounds: int
    ports: tuple[int, int]

    @property
    def floor_cookie(self) -> str:
        """How the floor knows who is there: by the same session."""
        return f"{COOKIE}={self.floor_large.token}"


@contextmanager
def prepared(
    *, folder: Path, kept: Path, sizes: tuple[Size, Size], rounds: int, ports: tuple[int, int], server: str | None
) -> Iterator[Ground]:
    """Make or find the books in `kept`, copy them to `folder`, sign in, and draw the document that is served.

    `server` is a PostgreSQL server on which databases are made for our side and dropped afterwards.
    """
    pristine = [filling.sqlite_books(size, kept) for size in sizes]
    copies = [folder / "small.db", folder / "large.db"]
    for source, copy in zip(pristine, copies, strict=True):
        shutil.copyfile(source, copy)
    with Renderer() as renderer, ExitStack() as stack:
        app = visitor.application(f"sqlite:///{copies[0]}", folder)
        small, large = (_town(size, f"sqlite:///{copy}", renderer) for size, copy in zip(sizes, copies, strict=True))
        document = folder / "document.pdf"
        document.write_bytes(documents.content(documents.invoice(large.invoice_id)))
        floor = Floor(large.path, document)
        floor_small, floor_large = small, large
        if server:
            urls = [stack.enter_context(filling.postgres_books(server, size)) for size in sizes]
            small, large = (_town(size, url, renderer) for size, url in zip(sizes, urls, strict=True))
        for town in {small, large, floor_small, floor_large}:
            stack.callback(town.real.close_all)
        yield Ground(
            folder=folder,
            small=small,
            large=large,
            floor_small=floor_small,
            floor_large=floor_large,
            app=app,
            visitor=Visitor(app),
            floor=floor,
            renderer=renderer,
            rounds=rounds,
            ports=ports,
        )


def snapshot_of(town: Town, lines: int) -> dict[str, Any]:
    """The snapshot of the invoice that is looked at, with so many lines."""
    town.use()
    frozen: dict[str, Any] = json.loads(json.dumps(invoices.get(town.invoice_id).frozen))
    frozen["lines"] = [
        frozen["lines"][place % len(frozen["lines"])] | {"position": place + 1} for place in range(lines)
    ]
    return frozen


def copy_of(town: Town, path: Path) -> Path:
    """The database as it stands, in a file of its own."""
    with sqlite3.connect(town.path) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()
    return path


def _town(size: Size, url: str, renderer: Renderer) -> Town:
    real = db.open_database(url)
    db.use(real)
    real.connect(reuse_if_open=True)  # stays open: a pooled connection as a thread of the server has it
    token = visitor.sign_in()
    invoice_id, number = db.execute(PARTLY_PAID, (BIG,)).fetchone()
    with db.transaction():
        documents.queue(documents.invoice(invoice_id), at=clock.now())
    drawn = documents.draw_due(renderer, invoice_html, at=clock.now())
    assert drawn == 1, "the document of the invoice was drawn"
    return Town(size, url, real, token, invoice_id, number)
