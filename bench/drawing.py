"""Paper drawn for the first time: CPU of the warm renderer and its children, beside bare xhtml2pdf."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench.ground import snapshot_of
from bench.paper import BarePaper
from bench.results import Line
from bench.servers import PROC, family, reaped_cpu_seconds
from billing import clock
from billing.rendering import invoice_html

if TYPE_CHECKING:
    from bench.ground import Ground

SIZES = {5: (4, 100.0), 100: (1, 500.0)}  # lines: how often in a round (a tick is 10 ms), and the goal in ms


def measure(ground: Ground) -> list[Line]:
    """Row 5, without its neighbours."""
    return [line for lines, (times, goal) in SIZES.items() for line in _drawn(ground, lines, times, goal)]


def _drawn(ground: Ground, lines: int, times: int, goal: float) -> list[Line]:
    html = invoice_html(snapshot_of(ground.large, lines))
    at = clock.now()

    def draw() -> bytes:
        return ground.renderer.render(html, title="Invoice", author="Alder & Finch Ltd", at=at, lines=lines)

    size = len(draw())
    pid = _warm_process()
    ours, floor, wall = [], [], []
    with BarePaper() as paper:
        for _ in range(ground.rounds):
            began, began_cpu = time.perf_counter(), reaped_cpu_seconds(pid)
            for _ in range(times):
                draw()
            ours.append((reaped_cpu_seconds(pid) - began_cpu) * 1000 / times)
            wall.append((time.perf_counter() - began) * 1000 / times)
            floor.append(paper.cpu_ms(lines, times))
    cpu, bare = statistics.median(ours), statistics.median(floor)
    return [
        Line(row=5, what=f"PDF of {lines} lines: CPU of the renderer", ours=cpu, unit="ms", floor=bare, goal=goal),
        Line(row=5, what=f"PDF of {lines} lines: wall", ours=statistics.median(wall), unit="ms"),
        Line(row=5, what=f"PDF of {lines} lines: size", ours=size / 1000, unit="KB"),
    ]


def _warm_process() -> int:
    """The renderer's warm process, which is our child."""
    for pid in family(_own()):
        if b"billing.rendering" in (PROC / str(pid) / "cmdline").read_bytes():
            return pid
    raise LookupError("the renderer runs in a process of its own")


def _own() -> int:
    return int((PROC / "self").readlink().name)
