"""A siege: people work without pause, and random processes are killed at random moments, batch after batch."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from billing import sessions
from billing.tables import User
from tests.kills.people import Browser, Notebook, Pair
from tests.kills.premises import Premises
from tests.kills.verdict import doubles, drain, pronounce
from tests.servers import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from billing.actors import Actor
    from tests.databases import TestDatabase
    from tests.world import World

VICTIMS = {"web process": 74, "web master": 8, "worker": 18}  # of a hundred kills
LONGEST_STORY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many kills, in batches of how many, under how many pairs of people, so far apart as a rule.

    The first victims may be named, so that a short siege has some of each. No batch begins after `longest_seconds`.
    """

    kills: int
    batch: int
    pairs: int
    apart_seconds: float
    is_drained: bool = True
    seed: int = 1
    first: tuple[str, ...] = ()
    longest_seconds: float = float("inf")


@dataclass
class Toll:
    """What was planned, fired and seen dead, by victim, and what people were promised meanwhile."""

    planned: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    seen_dead: Counter[str] = field(default_factory=Counter)
    notebook: Notebook = field(default_factory=Notebook)
    doubled_mails: int = 0
    seconds: float = 0.0

    @property
    def promises(self) -> Counter[str]:
        return Counter(promise.what for promise in self.notebook.promises)


def lay(database: TestDatabase, world: World, folder: Path, plan: Plan, *, tell: Callable[[str], None] = print) -> Toll:
    """Lay siege as planned, and look at everything after every batch. Raises AssertionError where anything is lost."""
    toll, began, dice = Toll(), time.monotonic(), random.Random(plan.seed)
    with Premises(database.url, folder) as premises, _people(premises, world, plan, toll.notebook) as people:
        left = plan.kills
        while left and time.monotonic() - began < plan.longest_seconds:
            now = min(plan.batch, left)
            toll.planned += now
            people.work()
            for _ in range(now):
                _kill(premises, toll, dice, plan)
            people.rest()
            pronounce(premises, toll.notebook)
            left -= now
            tell(f"{toll.fired.total()} kills, {len(toll.notebook.promises)} promises, all kept")
        assert toll.seen_dead == toll.fired
        assert toll.fired.total() == toll.planned
        if plan.is_drained:
            drain(premises)
            pronounce(premises, toll.notebook)
        toll.doubled_mails = doubles(premises)
    toll.seconds = time.monotonic() - began
    return toll


def _kill(premises: Premises, toll: Toll, dice: random.Random, plan: Plan) -> None:
    """Wait until people are at work again, and for a random moment; kill a random victim, and see it die of that."""
    answered = toll.notebook.answered_in_all()
    until("somebody is answered", lambda: toll.notebook.answered_in_all() > answered)
    time.sleep(dice.random() * 2 * plan.apart_seconds)
    (victim,) = dice.choices(list(VICTIMS), list(VICTIMS.values()))
    victim = dict(enumerate(plan.first)).get(toll.fired.total(), victim)
    if victim == "web process":
        pids = until("a web process is there", premises.web_processes)
        toll.fired[victim] += 1
        toll.seen_dead[victim] += premises.kill_web_process(dice.choice(pids))
    else:
        part = premises.web if victim == "web master" else premises.worker
        toll.fired[victim] += 1
        toll.seen_dead[victim] += part.kill() == -signal.SIGKILL


@dataclass
class _People:
    may_go_on: threading.Event
    idle: list[threading.Event]

    def work(self) -> None:
        for each in self.idle:
            each.clear()
        self.may_go_on.set()

    def rest(self) -> None:
        """Let every story come to its end."""
        self.may_go_on.clear()
        until("everybody is done", lambda: all(each.is_set() for each in self.idle), seconds=LONGEST_STORY_SECONDS)


@contextmanager
def _people(premises: Premises, world: World, plan: Plan, notebook: Notebook) -> Iterator[_People]:
    may_go_on, over = threading.Event(), threading.Event()
    customers = ((world.acme, world.alice), (world.globex, world.gina))
    idle = [threading.Event() for _ in range(plan.pairs)]
    threads = []
    for number in range(plan.pairs):
        customer, payer = customers[number % len(customers)]
        dice = random.Random(plan.seed * 1_000 + number)
        clerk = Browser(premises.base, "admin", _token(world.sam, "admin", premises, None), notebook, dice)
        theirs = Browser(premises.base, "portal", _token(payer, "portal", premises, customer.id), notebook, dice)
        pair = Pair(number, customer.id, clerk, theirs, premises.bank, notebook, dice)
        threads.append(threading.Thread(target=pair.live, args=(may_go_on, over, idle[number]), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield _People(may_go_on, idle)
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=LONGEST_STORY_SECONDS)


def _token(person: Actor, face: sessions.Face, premises: Premises, customer_id: int | None) -> str:
    user: User = User.get_by_id(person.user_id)
    return sessions.start(user, face, at=premises.now(), customer_id=customer_id)
