"""Timing that survives a busy machine: rounds that alternate between the contenders, medians, CPU before wall."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call costs: medians over the rounds, in milliseconds."""

    cpu_ms: float
    wall_ms: float


def interleaved(contenders: Mapping[str, Callable[[], object]], *, rounds: int, calls: int) -> dict[str, Cost]:
    """The cost of a call of each contender: A B C, A B C ..., `calls` in a row, this process's CPU alone."""
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()  # caches are warm, templates compiled
    for _ in range(rounds):
        for name, call in contenders.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            for _ in range(calls):
                call()
            cpu[name].append((time.process_time() - began_cpu) * 1000 / calls)
            wall[name].append((time.perf_counter() - began) * 1000 / calls)
    return {name: Cost(statistics.median(cpu[name]), statistics.median(wall[name])) for name in contenders}
