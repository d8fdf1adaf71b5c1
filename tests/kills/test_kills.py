"""kill -9 of web and worker under load, a few times: no promise is lost or kept twice. `./dev kills` goes on longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kills.siege import VICTIMS, Plan, lay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import TestDatabase
    from tests.world import World

SHORT = Plan(
    kills=10, batch=10, pairs=3, apart_seconds=0.1, is_drained=False, first=("web process", "worker", "web master")
)

pytestmark = pytest.mark.race


def test_no_promise_is_lost_or_kept_twice_when_processes_are_killed(
    database: TestDatabase, world: World, tmp_path: Path
) -> None:
    toll = lay(database, world, tmp_path, SHORT)
    print(f"{dict(toll.fired)}, {dict(toll.promises)}, {toll.notebook.lost_answers} answers lost")
    assert toll.seen_dead.total() == SHORT.kills
    assert set(toll.seen_dead) == set(VICTIMS)
    assert len(toll.notebook.promises) > SHORT.kills, "people were at work"
