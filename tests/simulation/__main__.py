"""`./dev simulate`: the long run, its table, and its verdict."""

from __future__ import annotations

import argparse
import sys
import time
from itertools import count

from tests.simulation import arena
from tests.simulation.business import EVERYTHING
from tests.simulation.counts import COUNTS
from tests.simulation.running import batch

LONG = 100_000  # from so many operations on, each must have come about
LEAST = 100  # so often
MOST = 1.5  # times as many operations are lived through where something is still too rare


def main() -> int:
    """0 where everything held and, in a long run, everything happened often enough."""
    wanted = _arguments()
    kinds = ["sqlite", "postgres"] if wanted.database == "both" else [wanted.database]
    return max(_run(kind, wanted.operations, wanted.seed, shrinks=wanted.shrink) for kind in kinds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev simulate", description="Random lives of a business; what must hold holds."
    )
    parser.add_argument("--operations", type=int, default=LONG, help="how much the domain is asked for (100,000)")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch of lives")
    parser.add_argument("--shrink", action="store_true", help="look for the shortest life that fails; takes minutes")
    return parser.parse_args()


def _run(kind: str, operations: int, first_seed: int, *, shrinks: bool) -> int:
    COUNTS.clear()
    began = time.monotonic()
    with arena.of_its_own(kind) as fresh:
        for number in count(first_seed):
            try:
                batch(fresh, number, shrinks=shrinks)
            except BaseException:
                print(f"\nFAILED on {kind} after {COUNTS.operations:,} operations. The same lives again:")
                print(f"  ./dev simulate --database {kind} --seed {number} --operations 1 --shrink\n", flush=True)
                raise
            if COUNTS.operations >= operations and not (_too_few(operations) and COUNTS.operations < MOST * operations):
                break
            print(f"{kind}: {COUNTS.operations:,} operations, batch {number} held", file=sys.stderr, flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{kind}: {COUNTS.operations:,} operations in {minutes:.1f} minutes, seeds {first_seed} to {number}\n")
    print(COUNTS.table())
    missing = _too_few(operations)
    if missing:
        print(f"\nFAILED: fewer than {LEAST} times: {', '.join(missing)}")
    else:
        print("\nEvery invariant held after each operation.")
    return 1 if missing else 0


def _too_few(operations: int) -> list[str]:
    return COUNTS.too_few(EVERYTHING, LEAST) if operations >= LONG else []


if __name__ == "__main__":
    sys.exit(main())
