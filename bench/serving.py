"""Pages over HTTP: gunicorn as in production beside the floor and any other server, in the same rounds."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.loader import Job, run
from bench.results import Line
from bench.servers import Server, gunicorn
from bench.visitor import Request, settings_for

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from bench.ground import Ground
    from bench.loader import Load

REQUESTS = {1: 40, 8: 160}  # clients: requests of a job


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is asked for over HTTP: the row it belongs to and its goals."""

    row: int
    words: str
    cpu_ms: float
    least_per_second: float | None = None
    status: int = 200


PAGES = {
    "list": Page(1, "portal list", 2.5, least_per_second=700),
    "invoice": Page(3, "invoice page", 2.5),
    "pdf": Page(6, "stored PDF", 1.2),
    "pdf_304": Page(6, "stored PDF, 304", 0.9, status=304),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A server in the rounds, and what is asked of it: a request for each page it has."""

    name: str
    server: Server
    pages: dict[str, Request]


@dataclass
class Figures:
    """What the rounds of one page of one server came to, by so many clients."""

    loads: list[Load] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def median(self, figure: str) -> float:
        """The median over the rounds of a figure of Load."""
        return float(statistics.median(getattr(load, figure) for load in self.loads))

    @property
    def cpu_ms(self) -> float:
        """CPU of a request, over all rounds."""
        return self.cpu_seconds * 1000 / max(1, sum(load.requests for load in self.loads))


Key = tuple[str, str, int]  # target, page, clients


def ours(ground: Ground) -> AbstractContextManager[Server]:
    """The product over the large books."""
    environment = settings_for(ground.large.url, ground.folder)
    return gunicorn("app:create_app()", environment, port=ground.ports[0], folder=ground.folder)


def floor(ground: Ground) -> AbstractContextManager[Server]:
    """The floor over the same file."""
    environment = {
        "BENCH_FLOOR_DATABASE": str(ground.floor.database),
        "BENCH_FLOOR_DOCUMENT": str(ground.floor.document),
    }
    return gunicorn("bench.floors:serve()", environment, port=ground.ports[1], folder=ground.folder)


def measure(ground: Ground, targets_file: Path | None) -> list[Line]:
    """Rows 1, 3 and 6 over the network of this machine."""
    with ExitStack() as stack:
        targets = [
            Target("ours", stack.enter_context(ours(ground)), _our_pages(ground)),
            Target("floor", stack.enter_context(floor(ground)), _floor_pages(ground)),
        ]
        others = read_targets(targets_file) if targets_file else []
        found = _rounds([*targets, *others], ground.rounds)
    return [line for name, page in PAGES.items() for line in _told(name, page, found, [other.name for other in others])]


def read_targets(file: Path) -> list[Target]:
    """Other servers: a JSON list of {"name", "base", "pid", "pages": {"list": {"path", "headers"}, ...}}."""
    return [
        Target(
            name=entry["name"],
            server=Server(entry["base"], entry["pid"]),
            pages={
                page: Request(
                    asked["path"], headers=tuple((_as_its_own(entry["base"]) | asked.get("headers", {})).items())
                )
                for page, asked in entry["pages"].items()
            },
        )
        for entry in json.loads(file.read_text())
    ]


def _as_its_own(base: str) -> dict[str, str]:
    """What another server must be told instead of our own name and of a proxy before us."""
    return {"Host": urlsplit(base).netloc, "X-Forwarded-Proto": "http"}


def load(server: Server, request: Request, *, clients: int, requests: int, status: int = 200) -> Load:
    """One job; an answer with any other status stops the benchmark, since it would not be what is measured."""
    job = Job(
        base=server.base,
        paths=[request.path],
        headers=request.all_headers(),
        clients=clients,
        requests=requests,
        expect=[status],
    )
    figures = run(job)
    if figures.wrong:
        raise RuntimeError(
            f"{server.base}{request.path}: {figures.wrong} of {figures.requests} answers were not {status}"
        )
    return figures


def _our_pages(ground: Ground) -> dict[str, Request]:
    town = ground.large
    town.use()
    paper = town.get(f"/invoices/{town.number}.pdf")
    tag = ground.visitor.get(paper).headers["ETag"]
    return {
        "list": town.get("/invoices"),
        "invoice": town.get(f"/invoices/{town.number}"),
        "pdf": paper,
        "pdf_304": paper.but(If_None_Match=tag),
    }


def _floor_pages(ground: Ground) -> dict[str, Request]:
    paths = {"list": "/list", "invoice": f"/invoices/{ground.large.number}", "pdf": "/document"}
    return {page: Request(path, headers=(("Cookie", ground.floor_cookie),)) for page, path in paths.items()}


def _rounds(targets: list[Target], rounds: int) -> dict[Key, Figures]:
    found: dict[Key, Figures] = defaultdict(Figures)
    for target in targets:  # every thread has its connection, every template is compiled
        for name, request in target.pages.items():
            load(target.server, request, clients=8, requests=64, status=PAGES[name].status)
    for _ in range(rounds):
        for name, page in PAGES.items():
            for clients, requests in REQUESTS.items():
                for target in targets:
                    if name not in target.pages:
                        continue
                    figures = found[target.name, name, clients]
                    before = target.server.cpu_seconds()
                    asked = target.pages[name]
                    figures.loads.append(
                        load(target.server, asked, clients=clients, requests=requests, status=page.status)
                    )
                    figures.cpu_seconds += target.server.cpu_seconds() - before
    return found


def _told(name: str, page: Page, found: dict[Key, Figures], others: list[str]) -> list[Line]:
    def line(
        words: str, clients: int, figure: str, unit: str, goal: float | None = None, *, at_least: bool = False
    ) -> Line:
        def of(target: str) -> float | None:
            figures = found.get((target, name, clients))
            if figures is None:
                return None
            return figures.cpu_ms if figure == "cpu_ms" else figures.median(figure)

        measured = of("ours")
        assert measured is not None, "our own pages are all asked for"
        return Line(
            row=page.row,
            what=f"{page.words} over HTTP, {clients} client{'s' if clients > 1 else ''}: {words}",
            ours=measured,
            unit=unit,
            goal=goal,
            at_least=at_least,
            floor=of("floor"),
            targets={other: value for other in others if (value := of(other)) is not None},
        )

    return [
        line("CPU of a request", 1, "cpu_ms", "ms", page.cpu_ms),
        line("p50", 1, "p50_ms", "ms"),
        line("p95", 1, "p95_ms", "ms"),
        line("requests/s", 8, "per_second", "/s", page.least_per_second, at_least=True),
        line("CPU of a request", 8, "cpu_ms", "ms"),
        line("p50", 8, "p50_ms", "ms"),
        line("p95", 8, "p95_ms", "ms"),
        line("bytes of an answer", 1, "bytes", "B"),
    ]
