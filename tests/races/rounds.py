"""Rounds: many processes meet again and again, each on a connection of its own, and tell what came of it and when.

A race proves something only where it happened. So every deed carries its two instants, whoever always comes first
begins a little later next time, and a watcher sees who stands waiting for whom in the database itself.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from billing import db, links
from billing.errors import Conflict, Missing, Refusal
from billing.gateway import OutcomeUnknown
from tests.races.racing import PATIENCE_SECONDS
from tests.world import BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases import TestDatabase

_fork = multiprocessing.get_context("fork")
LOOK_EVERY_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Size:
    """So many processes, so many times."""

    clients: int
    rounds: int


class Deed(NamedTuple):
    """What one client did in one round: its answer, and from when until when it was at it (monotonic seconds).

    A refusal is told as the web would: "409 NotEnoughLeft". What nobody should ever see is a 500 with its words.
    """

    client: int
    what: str
    began: float
    ended: float


Round = list[Deed]


@dataclass(frozen=True, slots=True)
class Lean:
    """One side, client 0 as a rule, plays against the other. Where client 0 says one of `first`, its side came first,
    and waits next time.
    """

    first: frozenset[str]
    step_seconds: float = 0.002
    side: Callable[[int], bool] = lambda client: client == 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A race that is set up: what a client does in a round, and what must be so in the end.

    `arrive` is called once in each process, `before` in client 0 before each round. `judge` gives what it saw in words.
    """

    act: Callable[[int, int], str]
    judge: Callable[[list[Round]], str]
    arrive: Callable[[], None] = lambda: None
    before: Callable[[int], None] = lambda _turn: None
    lean: Lean | None = None


@dataclass
class Watched:
    """How many were seen waiting in the database while another was in it."""

    most: int = 0
    looks: int = 0
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Met:
    """How often a race really was one.

    `rounds` in which at least two were at it at once, `most` at one instant, `beaten` who were refused though they had
    begun before the round's first success was over: without the guard they would have done it too.
    """

    rounds: int
    most: int
    beaten: int


@dataclass
class Played:
    """All rounds of a race, with what was seen meanwhile."""

    rounds: list[Round] = field(default_factory=list)
    watched: Watched = field(default_factory=Watched)
    seconds: float = 0.0

    @property
    def met(self) -> Met:
        """How often they met."""
        crowds = [_crowd(deeds) for deeds in self.rounds]
        return Met(
            rounds=sum(crowd > 1 for crowd in crowds),
            most=max(crowds, default=0),
            beaten=sum(_beaten(deeds) for deeds in self.rounds),
        )


def play(database: TestDatabase, size: Size, scene: Scene) -> Played:
    """Play all rounds of a scene, and watch the database meanwhile."""
    barrier, answers, wait = _fork.Barrier(size.clients), _fork.Queue(), _fork.Value("d", 0.0)
    db.database.close()
    runners = [
        _fork.Process(target=_run, args=(database.url, client, size, scene, barrier, answers, wait), daemon=True)
        for client in range(size.clients)
    ]
    began = time.monotonic()
    try:
        for runner in runners:
            runner.start()
        with _watching(database) as watched:
            told = [answers.get(timeout=PATIENCE_SECONDS * 4) for _ in runners]
        for runner in runners:
            runner.join(timeout=PATIENCE_SECONDS)
    finally:
        for runner in runners:
            runner.kill()  # nothing where it ended by itself
        db.database.connect(reuse_if_open=True)
    broken = [deeds for deeds in told if isinstance(deeds, str)]
    assert not broken, broken
    rounds = [sorted(deeds, key=lambda deed: deed.began) for deeds in zip(*told, strict=True)]
    return Played(rounds, watched, time.monotonic() - began)


def answers_of(rounds: list[Round]) -> dict[str, int]:
    """How often each answer was given, the first word or two of it."""
    found: dict[str, int] = {}
    for deed in (deed for deeds in rounds for deed in deeds):
        words = " ".join(deed.what.split(" ")[:2]) if deed.what[:3].isdigit() else deed.what.split(" ")[0]
        found[words] = found.get(words, 0) + 1
    return dict(sorted(found.items()))


def troubles(rounds: list[Round]) -> list[str]:
    """What a person would have seen as a defect of ours: locks, deadlocks, anything without a name."""
    return sorted({deed.what for deeds in rounds for deed in deeds if deed.what.startswith("500")})


def said_by(error: Exception) -> str:
    """What the web answers to an exception: its status, and its name."""
    name = type(error).__name__
    if not isinstance(error, Refusal):
        return f"500 {name}: {error}"
    if isinstance(error, OutcomeUnknown):
        return f"503 {name}"
    status = 404 if isinstance(error, Missing) else 409 if isinstance(error, Conflict) else 422
    return f"{status} {name}"


def _run(url: str, client: int, size: Size, scene: Scene, barrier: Any, answers: Any, wait: Any) -> None:
    try:
        db.use(db.open_database(url))
        links.use(SECRET_KEY, BASE_URL)
        scene.arrive()
        with db.connection():
            answers.put([_turn(turn, client, scene, barrier, wait) for turn in range(size.rounds)])
    except BaseException as error:
        barrier.abort()
        answers.put(f"client {client}: {type(error).__name__}: {error}")
        raise


def _turn(turn: int, client: int, scene: Scene, barrier: Any, wait: Any) -> Deed:
    if client == 0:
        scene.before(turn)
    barrier.wait(timeout=PATIENCE_SECONDS)
    if scene.lean is not None:
        patience = wait.value if scene.lean.side(client) else -wait.value
        time.sleep(max(patience, 0.0) * random.Random(turn * 1_000 + client).random() * 2)
    began = time.monotonic()
    try:
        what = scene.act(turn, client)
    except Exception as error:  # noqa: BLE001 - whatever comes is what the race is judged by
        what = said_by(error)
    ended = time.monotonic()
    if client == 0 and scene.lean is not None:
        wait.value += scene.lean.step_seconds if what in scene.lean.first else -scene.lean.step_seconds
    return Deed(client, what, began, ended)


def _crowd(deeds: Round) -> int:
    """The most that were at it at one instant."""
    instants = sorted([(deed.began, 1) for deed in deeds] + [(deed.ended, -1) for deed in deeds])
    now = most = 0
    for _, step in instants:
        now += step
        most = max(most, now)
    return most


def _beaten(deeds: Round) -> int:
    done = [deed.ended for deed in deeds if not deed.what[:3].isdigit()]
    return sum(deed.what[:3].isdigit() and deed.began < min(done) for deed in deeds) if done else 0


@contextmanager
def _watching(database: TestDatabase) -> Iterator[Watched]:
    """Look into the database again and again: who waits there for somebody else?"""
    watched, over = Watched(), threading.Event()
    watch = _watch_sqlite if database.kind == "sqlite" else _watch_postgres
    watcher = threading.Thread(target=watch, args=(database.url, watched, over), daemon=True)
    watcher.start()
    try:
        yield watched
    finally:
        over.set()
        watcher.join(timeout=10)


def _watch_sqlite(url: str, watched: Watched, over: threading.Event) -> None:
    """Writers take turns at a lock on a file; the system lists who stands in line ("->")."""
    turn = Path(f"{url.removeprefix('sqlite:///')}.turn")
    locks = Path("/proc/locks")
    while not over.wait(LOOK_EVERY_SECONDS):
        if turn.exists() and locks.exists():
            inode = f":{turn.stat().st_ino} "
            lines = [line.split() for line in locks.read_text().splitlines() if "->" in line and inode in line]
            _saw(watched, len({words[5] for words in lines}))  # by process: a list this long is not read in one go


def _watch_postgres(url: str, watched: Watched, over: threading.Event) -> None:
    """The server knows who waits for whose row."""
    with psycopg.connect(url, autocommit=True) as connection:
        while not over.wait(LOOK_EVERY_SECONDS):
            found = connection.execute(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            _saw(watched, found[0] if found else 0)


def _saw(watched: Watched, waiting: int) -> None:
    watched.looks += 1
    watched.seen += waiting > 0
    watched.most = max(watched.most, waiting)
