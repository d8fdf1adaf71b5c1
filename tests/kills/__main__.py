"""`./dev kills`: a long siege on both databases, and one table of what was killed, promised and kept.

Ends with 1 where a promise was lost or kept twice, or the books are wrong.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from billing import links
from tests import databases
from tests.kills.siege import VICTIMS, Plan, lay
from tests.world import BASE_URL, SECRET_KEY, find_world, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase
    from tests.kills.siege import Toll

KILLS, BATCH, PAIRS, APART_SECONDS = 1_000, 25, 6, 0.3
KINDS = ("sqlite", "postgres")


def main(words: list[str]) -> int:
    """Kill as often as asked on each database; 0 where every promise was kept."""
    asked = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the processes under siege go too
    links.use(SECRET_KEY, BASE_URL)
    logging.disable(logging.ERROR)  # what a sweep finds after a kill is what is looked for
    plan = Plan(
        kills=asked.kills,
        batch=BATCH,
        pairs=asked.pairs,
        apart_seconds=APART_SECONDS,
        seed=asked.seed,
        longest_seconds=asked.minutes * 60 if asked.minutes else float("inf"),
    )
    for kind in KINDS if asked.database == "both" else (asked.database,):
        print(f"{kind}: {plan.kills} kills under {plan.pairs} pairs of people", flush=True)
        with tempfile.TemporaryDirectory(prefix="remit-kills-") as scratch, _database(kind, Path(scratch)) as database:
            try:
                toll = lay(
                    database, find_world(), Path(scratch), plan, tell=lambda line: print(f"  {line}", flush=True)
                )
            except AssertionError as lost:
                print(f"  LOST: {lost}", *getattr(lost, "__notes__", []), sep="\n", flush=True)
                return 1
        print(table(toll), flush=True)
    return 0


def table(toll: Toll) -> str:
    """The siege in a table."""
    promises, book = toll.promises, toll.notebook
    rows = [
        ("kill -9 of", "fired", "seen dead"),
        *((victim, str(toll.fired[victim]), str(toll.seen_dead[victim])) for victim in VICTIMS),
        (f"of {toll.planned} planned", str(toll.fired.total()), str(toll.seen_dead.total())),
        ("", "", ""),
        ("promised", "answered", "kept once"),
        *((what, str(count), str(count)) for what, count in sorted(promises.items())),
        ("in all", str(promises.total()), str(promises.total())),
    ]
    lines = [f"  {name:<18}{first:>10}{second:>12}" for name, first, second in rows]
    answers = ", ".join(f"{count} {words}" for words, count in sorted(book.answers.items()))
    return "\n".join(
        [
            *lines,
            f"  {book.lost_answers} answers never came, and their forms were sent again; {answers}",
            f"  {toll.doubled_mails} mails came twice, under one Message-ID; {toll.seconds:.0f} s",
        ]
    )


@contextmanager
def _database(kind: str, scratch: Path) -> Iterator[TestDatabase]:
    """An empty database of that kind, with the cast in it."""
    with ExitStack() as opened:
        if kind == "sqlite":
            template = opened.enter_context(databases.sqlite_template(scratch))
            filled = databases.filled_template(template, make_world)
            yield opened.enter_context(databases.fresh_sqlite(filled, scratch))
        else:
            server = opened.enter_context(databases.postgres_server())
            url = opened.enter_context(databases.migrated_postgres(server))
            real = opened.enter_context(databases.opened_postgres(url))
            yield opened.enter_context(databases.emptied_postgres(real, url, make_world))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="on each database (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="begin no batch of kills after so long (default: no end)")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of people at work (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same victims and stories (default: %(default)s)")
    parser.add_argument("--database", choices=[*KINDS, "both"], default="both")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
