"""`./dev races`: every race at full size on both databases, real processes at a barrier, and one table of what came.

Ends with 1 where a race did not happen, was lost by both sides, or left books that do not balance.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from billing import links
from tests import databases
from tests.billing import paying
from tests.races.all_races import RACES
from tests.races.rounds import Size
from tests.races.scenes import Stage, run
from tests.world import BASE_URL, SECRET_KEY, find_world, make_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.databases import TestDatabase
    from tests.races.scenes import Race, Ran

    Fresh = Callable[[], AbstractContextManager[TestDatabase]]

CLIENTS, ROUNDS = 50, 200
KINDS = ("sqlite", "postgres")


def main(words: list[str]) -> int:
    """Run them; 0 where every race was won by the books."""
    asked = _parser().parse_args(words)
    size = Size(clients=asked.clients, rounds=asked.rounds)
    chosen = [race for race in RACES if not asked.only or race.name in asked.only]
    lost = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the sandbox and the database go too
    logging.disable(logging.ERROR)  # what the worker would warn of is what these races are about
    links.use(SECRET_KEY, BASE_URL)
    with tempfile.TemporaryDirectory(prefix="remit-races-") as scratch, paying.running(Path(scratch)) as sandbox:
        for kind in KINDS if asked.database == "both" else (asked.database,):
            print(f"{kind}: {size.clients} clients x {size.rounds} rounds", flush=True)
            with FRESH[kind](Path(scratch)) as fresh:
                lost += sum(not _ran(race, fresh, sandbox, size) for race in chosen)
    print(f"{lost} races lost" if lost else "all races won", flush=True)
    return min(lost, 1)


def _ran(race: Race, fresh: Fresh, sandbox: paying.Sandbox, size: Size) -> bool:
    """Run one race on an emptied database, and print what came of it."""
    began = time.monotonic()
    try:
        with fresh() as database:
            ran = run(race, database, Stage(find_world(), sandbox, size))
    except AssertionError as lost:
        print(f"  {race.name:<21} LOST: {lost}", flush=True)
        return False
    print(f"  {race.name:<21} {told(ran, time.monotonic() - began)}", flush=True)
    return True


def told(ran: Ran, seconds: float) -> str:
    """A race in words: what came of it, how often it really was one, and what everybody was answered."""
    met, watched = ran.played.met, ran.played.watched
    answers = ", ".join(f"{count} {answer}" for answer, count in ran.answers.items())
    return (
        f"{seconds:5.0f} s  {ran.outcome}\n"
        f"{'':24}met in {met.rounds} rounds, up to {met.most} at once; {met.beaten} refused who had begun in time;"
        f" up to {watched.most} stood waiting in the database ({watched.seen} of {watched.looks} looks)\n"
        f"{'':24}answers: {answers}"
    )


@contextmanager
def _sqlite(scratch: Path) -> Iterator[Fresh]:
    with databases.sqlite_template(scratch) as template:
        filled = databases.filled_template(template, make_world)

        @contextmanager
        def fresh() -> Iterator[TestDatabase]:
            with (
                tempfile.TemporaryDirectory(dir=scratch) as folder,
                databases.fresh_sqlite(filled, Path(folder)) as database,
            ):
                yield database

        yield fresh


@contextmanager
def _postgres(_: Path) -> Iterator[Fresh]:
    with ExitStack() as opened:
        url = opened.enter_context(databases.migrated_postgres(opened.enter_context(databases.postgres_server())))
        real = opened.enter_context(databases.opened_postgres(url))
        yield lambda: databases.emptied_postgres(real, url, make_world)


FRESH: dict[str, Callable[[Path], AbstractContextManager[Fresh]]] = {"sqlite": _sqlite, "postgres": _postgres}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev races", description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS, help="processes that meet (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often they meet (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=[race.name for race in RACES], help="this race alone")
    parser.add_argument("--database", choices=[*KINDS, "both"], default="both")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
