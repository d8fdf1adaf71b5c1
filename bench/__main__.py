"""`./dev bench`: make the books, measure, print one table, and with --write put it into docs/performance.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import drawing, endurance, pages, results, serving, weight, writes
from bench.books import SIZES
from bench.filling import ZONE
from bench.ground import prepared
from billing import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.ground import Ground
    from bench.results import Line

ROUNDS, QUICK_ROUNDS = 9, 3
MIXED, QUICK_MIXED = 5_000, 500


def main(words: list[str]) -> int:
    """Measure; 0 when it was measured, whether the goals are met or not."""
    asked = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers and scratch files go too
    began, load = time.monotonic(), results.load_average()
    usual = ("T", "S") if asked.quick else ("S", "M")
    sizes = (SIZES[asked.small or usual[0]], SIZES[asked.large or usual[1]])
    rounds = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="remit-bench-") as scratch:
        folder = Path(scratch)
        kept = asked.books or folder
        kept.mkdir(parents=True, exist_ok=True)
        _say(f"Making books of {sizes[0].invoices:,} and {sizes[1].invoices:,} invoices ...", began)
        ports = (asked.port, asked.port + 1)
        with prepared(
            folder=folder, kept=kept, sizes=sizes, rounds=rounds, ports=ports, server=asked.database
        ) as ground:
            for name, measure in _parts(asked).items():
                if asked.only and name not in asked.only:
                    continue
                _say(f"Measuring {name} ...", began)
                lines += measure(ground)
    measured = "\n\n".join(
        [
            results.circumstances(
                day=clock.today(ZONE),
                database="PostgreSQL" if asked.database else "SQLite",
                sizes=" and ".join(
                    f"{size.name} = {size.customers:,} customers, {size.invoices:,} invoices" for size in sizes
                ),
                rounds=rounds,
                load=(load, results.load_average()),
                seconds=time.monotonic() - began,
            ),
            results.table(lines),
        ]
    )
    print(measured)
    if asked.write:
        results.write(measured)
    return 0


def _parts(asked: argparse.Namespace) -> dict[str, Callable[[Ground], list[Line]]]:
    mixed = QUICK_MIXED if asked.quick else MIXED
    return {
        "pages": pages.measure,
        "writes": writes.measure,
        "paper": drawing.measure,
        "weight": weight.measure,
        "serving": lambda ground: serving.measure(ground, asked.targets),
        "endurance": lambda ground: endurance.measure(ground, mixed=mixed),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds on small books: whether it runs, no more")
    parser.add_argument(
        "--only", action="append", choices=["pages", "writes", "paper", "weight", "serving", "endurance"]
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--rounds", type=int, help=f"how many rounds ({ROUNDS})")
    parser.add_argument("--small", choices=SIZES, help="the smaller books (S)")
    parser.add_argument("--large", choices=SIZES, help="the larger books (M)")
    parser.add_argument("--books", type=Path, help="a folder that keeps the books for the next run of the day")
    parser.add_argument("--database", help="a PostgreSQL server on which databases may be made: ours is measured there")
    parser.add_argument("--targets", type=Path, help="other servers to be measured in the same rounds, see docs")
    parser.add_argument("--port", type=int, default=8640, help="the first of two free ports (8640)")
    return parser


def _say(words: str, began: float) -> None:
    print(f"{time.monotonic() - began:5.0f} s  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
