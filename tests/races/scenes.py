"""What every race is given, and what must hold after each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from billing import check, gateway, payments
from tests.billing import paying
from tests.races.rounds import answers_of, play, troubles

if TYPE_CHECKING:
    from collections.abc import Callable

    from billing.tables import Attempt
    from tests.billing.paying import Sandbox
    from tests.databases import TestDatabase
    from tests.races.rounds import Played, Scene, Size
    from tests.world import World

TRIES = 40


@dataclass(frozen=True, slots=True)
class Stage:
    """The cast, the card provider, and how many are to meet how often."""

    world: World
    sandbox: Sandbox
    size: Size

    def go_there(self) -> None:
        """In a new process: call the sandbox on connections of its own, not on those it was born with."""
        paying.http.close()
        paying.use(self.sandbox)

    def calls_of(self, path: str) -> int:
        """How often an address of the provider was called."""
        return sum(count for name, count in self.sandbox.state()["calls_by_path"].items() if path in name)


@dataclass(frozen=True, slots=True)
class Race:
    """One race of docs/reliability.md: its name, its number there ("" where it has none), and how it is set up."""

    name: str
    number: str
    words: str
    prepare: Callable[[Stage], Scene]


@dataclass(frozen=True, slots=True)
class Ran:
    """A race that was run: how it was played, what came of it in words, and how often each answer was given."""

    played: Played
    outcome: str
    answers: dict[str, int]


def run(race: Race, database: TestDatabase, stage: Stage) -> Ran:
    """Run a race, and see that nobody met a defect, that it was a race at all, and that the books are right."""
    stage.sandbox.reset()
    paying.use(stage.sandbox)
    try:
        scene = race.prepare(stage)
        played = play(database, stage.size, scene)
        assert troubles(played.rounds) == []
        outcome = scene.judge(played.rounds)
        met = played.met
        assert met.rounds >= stage.size.rounds / 2, f"they met in {met.rounds} rounds alone"
        assert played.watched.seen, f"nobody was seen waiting in {played.watched.looks} looks into the database"
        assert check.broken() == []
    finally:
        stage.sandbox.control("calls", slow=0)
        gateway.use(None)
    return Ran(played, outcome, answers_of(played.rounds))


def insist(press: Callable[[], Attempt]) -> Attempt:
    """Press, and again where the page said that nobody knows yet and to try again."""
    for _ in range(TRIES):
        try:
            return press()
        except gateway.OutcomeUnknown:
            continue
    return press()


def sweep_pages(stage: Stage) -> int:
    """What the worker's sweep does to pages that ask for too much; gives how many are still open at the provider."""
    from tests.world import AT

    payments.sweep(AT)
    listed = stage.sandbox.client().v1.checkout.sessions.list({"limit": 100, "status": "open"})
    return sum(1 for _ in listed.auto_paging_iter())
