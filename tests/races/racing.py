"""Many processes on one database, let go at once; each tells what came of it."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from billing import db, links
from tests.world import BASE_URL, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Failed:
    """A runner's exception, by its name and words, since exceptions themselves do not travel."""

    kind: str
    words: str


_fork = multiprocessing.get_context("fork")
PATIENCE_SECONDS = 400


def race(url: str, runners: int, run: Callable[[int], Any]) -> list[Any]:
    """Run `run(number)` in `runners` processes at once, each with a connection of its own; give their answers.

    An exception in a runner is given as Failed, so that a test may assert that none was shown.
    """
    barrier, answers = _fork.Barrier(runners), _fork.Queue()
    db.database.close()
    started = [
        _fork.Process(target=_runner, args=(url, number, barrier, answers, run), daemon=True)
        for number in range(runners)
    ]
    for process in started:
        process.start()
    try:
        found = [answers.get(timeout=PATIENCE_SECONDS) for _ in started]
        for process in started:
            process.join(timeout=PATIENCE_SECONDS)
    finally:
        for process in started:
            process.kill()  # nothing where it ended by itself; else it would race the next test
        db.database.connect(reuse_if_open=True)
    return found


def kinds(answers: list[Any]) -> list[str]:
    """The names of the exceptions among the answers."""
    return [answer.kind for answer in answers if isinstance(answer, Failed)]


def _runner(url: str, number: int, barrier: Any, answers: Any, run: Callable[[int], Any]) -> None:
    db.use(db.open_database(url))
    links.use(SECRET_KEY, BASE_URL)
    with db.connection():
        barrier.wait(timeout=PATIENCE_SECONDS)
        try:
            answer = run(number)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the answer the test looks at
            answer = Failed(type(error).__name__, str(error))
    answers.put(answer)
