"""How a server starts, what it holds after thousands of requests, and whether drawing paper makes its pages wait."""

from __future__ import annotations

import statistics
import threading
import time
from typing import TYPE_CHECKING

from bench.books import BIG
from bench.loader import Job, run
from bench.results import Line
from bench.servers import first_answer_seconds
from bench.serving import floor, load, ours
from bench.visitor import FRAGMENT, Request
from bench.writes import drafts, issue
from billing import clock, db, documents
from billing.rendering import invoice_html

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bench.ground import Ground
    from bench.servers import Server

STARTS = 5
DRAWN_AT_ONCE = 8
LONGEST_STALL_MS = 1_000.0  # a person notices a page that waits for a second
MIX = {"pages": 60, "fragments": 20, "paper": 12, "known paper": 8}  # per cent of the requests
DIFFERENT_INVOICES = 200


def measure(ground: Ground, *, mixed: int) -> list[Line]:
    """Rows 5 (beside its neighbours), 16 and 17."""
    lines = [*_starts(ground)]
    with ours(ground) as server:
        lines += _memory(ground, server, mixed)
        lines += _stall(ground, server)
    return lines


def _starts(ground: Ground) -> list[Line]:
    """From the start of the process to the first page, the sign-in: by the clock on the wall, and CPU."""
    floor_request = Request("/list", headers=(("Cookie", ground.floor_cookie),))
    found, least = [], []
    for _ in range(min(STARTS, ground.rounds)):
        found.append(_started(lambda: ours(ground), Request("/login")))
        least.append(_started(lambda: floor(ground), floor_request))
    (seconds, cpu), (floor_seconds, floor_cpu) = (
        map(statistics.median, zip(*of, strict=True)) for of in (found, least)
    )
    words = "start to the first 200"
    return [
        Line(row=17, what=f"{words}: wall", ours=seconds, unit="s", floor=floor_seconds, goal=1.0),
        Line(row=17, what=f"{words}: CPU of all its processes", ours=cpu, unit="s", floor=floor_cpu),
    ]


def _started(serving: Callable[[], AbstractContextManager[Server]], request: Request) -> tuple[float, float]:
    """Seconds on the wall and of CPU."""
    began = time.perf_counter()
    with serving() as server:
        return first_answer_seconds(server, request.path, request.all_headers(), began), server.cpu_seconds()


def _memory(ground: Ground, server: Server, mixed: int) -> list[Line]:
    """PSS of master and workers after so many mixed requests, and what as many more add."""
    jobs = _mixed_jobs(ground, server, mixed)
    after = []
    for _ in range(2):
        for job in jobs:
            figures = run(job)
            if figures.wrong:
                raise RuntimeError(f"{figures.wrong} wrong answers to {job.paths[0]}")
        after.append(server.memory_mb())
    first, second = after
    return [
        Line(row=16, what=f"memory (PSS) after {mixed:,} mixed requests, two workers", ours=first, unit="MB", goal=160),
        Line(row=16, what=f"memory added by {mixed:,} more", ours=100 * (second - first) / first, unit="%", goal=2),
    ]


def _mixed_jobs(ground: Ground, server: Server, mixed: int) -> list[Job]:
    town = ground.large
    town.use()
    rows = db.execute(
        "SELECT number FROM invoice WHERE customer_id = ? AND number IS NOT NULL ORDER BY position DESC LIMIT ?",
        (BIG, DIFFERENT_INVOICES),
    ).fetchall()
    lists = ["/invoices", "/invoices?tab=all", "/invoices?tab=paid", "/invoices?tab=overdue", "/invoices?q=march"]
    fragments = [f"/invoices?tab=all&q={word}" for word in ("may", "june", "po", "inv", "deliveries")]
    paper = f"/invoices/{town.number}.pdf"
    tag = ground.visitor.get(town.get(paper)).headers["ETag"]
    headers = town.get("/").all_headers()
    asked = {
        "pages": (lists * 20 + [f"/invoices/{number}" for (number,) in rows], {}, 200),
        "fragments": (fragments, FRAGMENT, 200),
        "paper": ([paper], {}, 200),
        "known paper": ([paper], {"If-None-Match": tag}, 304),
    }
    return [
        Job(
            base=server.base,
            paths=paths,
            headers=headers | more,
            clients=8,
            requests=mixed * MIX[kind] // 100,
            expect=[status],
        )
        for kind, (paths, more, status) in asked.items()
    ]


def _stall(ground: Ground, server: Server) -> list[Line]:
    """Eight fresh invoices are drawn as the worker draws them, while a customer reads the list from the same books."""
    request = ground.large.get("/invoices")
    quiet = load(server, request, clients=1, requests=100)
    for invoice_id in drafts(ground.large, DRAWN_AT_ONCE):
        issue(invoice_id)
    drawn: list[int] = []

    def draw() -> None:
        with db.connection():
            drawn.append(documents.draw_due(ground.renderer, invoice_html, at=clock.now(), limit=DRAWN_AT_ONCE))

    drawing = threading.Thread(target=draw)
    drawing.start()
    meanwhile = []
    while drawing.is_alive():
        meanwhile.append(load(server, request, clients=1, requests=30))
    drawing.join()
    assert drawn == [DRAWN_AT_ONCE], "all eight were drawn"
    worst = max(figures.worst_ms for figures in meanwhile)
    p95 = statistics.median(figures.p95_ms for figures in meanwhile)
    words = "portal list while 8 PDFs are drawn"
    return [
        Line(row=5, what=f"{words}: slowest page", ours=worst, unit="ms", goal=LONGEST_STALL_MS),
        Line(row=5, what=f"{words}: p95 (p95 without them: {quiet.p95_ms:.3g} ms)", ours=p95, unit="ms"),
    ]
