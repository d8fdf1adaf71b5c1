"""Pages and stored paper, asked in one process: statements, CPU beside the floor, small books beside large ones."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from bench.books import BIG
from bench.results import Line
from bench.rounds import interleaved
from bench.statements import counted, traced
from bench.visitor import FRAGMENT
from billing import clock, db, invoices

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.ground import Ground, Town
    from bench.rounds import Cost
    from bench.visitor import Reply, Request

CALLS = 8  # of each contender in a round
GZIP_LEVEL = 6  # what a proxy in front uses by default
TABS = {"all": "position IS NOT NULL", "overdue": "balance_minor > 0 AND next_due_on < ?"}
PAGE_SIZE = 25


def measure(ground: Ground) -> list[Line]:
    """Rows 1 to 4 and 6, without the network."""
    return [*_lists(ground), *_depth(ground), *_invoice(ground), *_fragment(ground), *_stored_paper(ground)]


def _lists(ground: Ground) -> list[Line]:
    cost, count, least = _beside_floor(ground, "/invoices", "/list")
    _, whole = _counted(ground, ground.large.get("/invoices"))
    return [
        Line(row=1, what="portal list: statements", ours=count, unit="", floor=least, goal=4),
        Line(row=1, what="portal list: tables read whole", ours=len(whole), unit="", goal=0),
        Line(
            row=1,
            what="portal list: CPU in process",
            ours=cost["ours"].cpu_ms,
            unit="ms",
            floor=cost["floor"].cpu_ms,
            goal=2.5,
        ),
        _growth(1, "portal list", ground, cost),
    ]


def _invoice(ground: Ground) -> list[Line]:
    cost, count, least = _beside_floor(ground, f"/invoices/{ground.large.number}", f"/invoices/{ground.large.number}")
    return [
        Line(row=3, what="invoice page, partly paid: statements", ours=count, unit="", floor=least, goal=6),
        Line(
            row=3,
            what="invoice page, partly paid: CPU in process",
            ours=cost["ours"].cpu_ms,
            unit="ms",
            floor=cost["floor"].cpu_ms,
            goal=2.5,
        ),
        _growth(3, "invoice page", ground, cost),
    ]


def _depth(ground: Ground) -> list[Line]:
    """The last but one page of a tab beside its first, and the first overdue page beside the first open one."""
    town = ground.large
    town.use()
    deep = {tab: _key_of_last_page(tab) for tab in TABS}
    asked = {
        "open": town.get("/invoices"),
        "overdue": town.get("/invoices?tab=overdue"),
        "overdue, deep": town.get(f"/invoices?tab=overdue&after={deep['overdue']}"),
        "all": town.get("/invoices?tab=all"),
        "all, deep": town.get(f"/invoices?tab=all&after={deep['all']}"),
    }
    cost = interleaved(
        {name: _asking(ground, town, request) for name, request in asked.items()}, rounds=ground.rounds, calls=CALLS
    )
    pairs = (
        ("overdue filter to no filter", "overdue", "open"),
        ("last page of overdue to its first", "overdue, deep", "overdue"),
        ("last page of all to its first", "all, deep", "all"),
    )
    lines = [
        Line(row=2, what=f"{words}: CPU", ours=cost[one].cpu_ms / cost[other].cpu_ms, unit="x", goal=1.15)
        for words, one, other in pairs
    ]
    if not db.is_sqlite():  # PostgreSQL counts no steps
        return lines
    steps = {key: _steps_of_page(key) for key in (None, deep["all"])}
    steps_words = "last page of all to its first: steps of SQLite"
    return [*lines, Line(row=2, what=steps_words, ours=steps[deep["all"]] / steps[None], unit="x", goal=1.15)]


def _fragment(ground: Ground) -> list[Line]:
    request = ground.large.get("/invoices?q=inv")
    whole = _ask(ground, ground.large, request)
    part = _ask(ground, ground.large, request.but(**{name.replace("-", "_"): text for name, text in FRAGMENT.items()}))
    assert len(part.body) < len(whole.body), "the fragment is the page without its layout"
    share = 100 * len(part.body) / len(whole.body)
    return [
        Line(row=4, what="fragment of 25 rows: share of the page", ours=share, unit="%", goal=70),
        Line(row=4, what="fragment of 25 rows: gz", ours=packed(part.body) / 1000, unit="KB", goal=3),
    ]


def _stored_paper(ground: Ground) -> list[Line]:
    path = f"/invoices/{ground.large.number}.pdf"
    cost, count, least = _beside_floor(ground, path, "/document")
    tag = _ask(ground, ground.large, ground.large.get(path)).headers["ETag"]
    again = ground.large.get(path).but(If_None_Match=tag)
    assert _ask(ground, ground.large, again).status == 304, "the browser has it already"
    known = interleaved({"304": _asking(ground, ground.large, again)}, rounds=ground.rounds, calls=CALLS)
    return [
        Line(row=6, what="stored PDF: statements", ours=count, unit="", floor=least),
        Line(
            row=6,
            what="stored PDF: CPU in process",
            ours=cost["ours"].cpu_ms,
            unit="ms",
            floor=cost["floor"].cpu_ms,
            goal=1.2,
        ),
        Line(row=6, what="stored PDF, 304: CPU in process", ours=known["304"].cpu_ms, unit="ms", goal=0.9),
    ]


def packed(body: bytes) -> int:
    """Bytes as a proxy would send them."""
    return len(gzip.compress(body, GZIP_LEVEL, mtime=0))


def _beside_floor(ground: Ground, path: str, floor_path: str) -> tuple[dict[str, Cost], int, int]:
    """The cost of a path at both sizes and of the floor's answer, and how many statements each takes."""
    small_path = path.replace(ground.large.number, ground.small.number)
    contenders: dict[str, Callable[[], object]] = {
        "ours": _asking(ground, ground.large, ground.large.get(path)),
        "floor": lambda: ground.floor.answer(floor_path, ground.floor_cookie),
        "small": _asking(ground, ground.small, ground.small.get(small_path)),
    }
    cost = interleaved(contenders, rounds=ground.rounds, calls=CALLS)
    count, _ = _counted(ground, ground.large.get(path))
    with traced(ground.floor.connection()) as ran:
        contenders["floor"]()
    return cost, count, len(ran)


def _growth(row: int, what: str, ground: Ground, cost: dict[str, Cost]) -> Line:
    words = f"{what}: CPU at {ground.large.size.name} to {ground.small.size.name}"
    return Line(row=row, what=words, ours=cost["ours"].cpu_ms / cost["small"].cpu_ms, unit="x", goal=1.2)


def _counted(ground: Ground, request: Request) -> tuple[int, list[str]]:
    ground.large.use()
    with counted() as ran:
        assert ground.visitor.get(request).status == 200, request.path
    return ran.count, ran.whole_tables_read()


def _asking(ground: Ground, town: Town, request: Request) -> Callable[[], object]:
    assert _ask(ground, town, request).status in {200, 304}, request.path
    return lambda: _ask(ground, town, request)


def _ask(ground: Ground, town: Town, request: Request) -> Reply:
    town.use()
    return ground.visitor.get(request)


def _key_of_last_page(tab: str) -> str:
    """The key after which the last whole page of a tab of the big customer begins."""
    today = clock.now().date().isoformat()
    where, descending = TABS[tab], tab == "all"
    keys = "position" if descending else "next_due_on, id"
    order = "position" if descending else "next_due_on DESC, id DESC"  # from the end
    values = (BIG,) if descending else (BIG, today)
    row = db.execute(
        f"SELECT {keys} FROM invoice WHERE customer_id = ? AND {where} ORDER BY {order} LIMIT 1 OFFSET {PAGE_SIZE}",
        values,
    ).fetchone()
    assert row is not None, "the big customer has more than a page"
    return "~".join(str(part) for part in row)


def _steps_of_page(after: str | None) -> int:
    with counted(steps=True) as ran:
        page = invoices.portal_page(BIG, tab="all", on=clock.now().date(), after=after)
    assert len(page.rows) == PAGE_SIZE, "a whole page"
    return ran.steps
