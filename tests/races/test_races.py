"""Every race, short: few processes, few rounds. `./dev races` runs them at full size (docs/reliability.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.billing import paying
from tests.races.all_races import RACES
from tests.races.rounds import Size
from tests.races.scenes import Stage, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase
    from tests.races.scenes import Race
    from tests.world import World

SHORT = Size(clients=8, rounds=6)

pytestmark = pytest.mark.race


@pytest.fixture(scope="module")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paying.Sandbox]:
    with paying.running(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_race(database: TestDatabase, world: World, sandbox_process: paying.Sandbox, race: Race) -> None:
    ran = run(race, database, Stage(world, sandbox_process, SHORT))
    print(f"{ran.outcome}; {ran.played.met}; {ran.played.watched}; {ran.answers}")
