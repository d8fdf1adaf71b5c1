"""The short run of the simulation; the long one is `./dev simulate` (docs/simulation.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation import arena
from tests.simulation.business import EVERYTHING
from tests.simulation.counts import COUNTS, Counts
from tests.simulation.running import batch

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.databases import TestDatabase


SEED, LIVES, STEPS = 20261122, 5, 100


def test_a_few_lives_leave_the_books_in_order(
    database: TestDatabase, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    COUNTS.clear()
    if database.kind == "sqlite":
        folder = tmp_path / "lives"
        folder.mkdir()
        with arena.sqlite(folder) as fresh:
            batch(fresh, SEED, lives=LIVES, steps=STEPS)
    else:
        real, url = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_url")
        with arena.postgres(real, url) as fresh:
            batch(fresh, SEED, lives=LIVES, steps=STEPS)
    assert COUNTS.operations > 200
    assert len(COUNTS.done) > 30
    assert COUNTS.refused


def test_a_life_is_the_same_however_often_it_is_lived(tmp_path: Path) -> None:
    told = []
    with arena.sqlite(tmp_path) as fresh:
        for _ in range(2):
            COUNTS.clear()
            batch(fresh, 7, lives=2, steps=30)
            told.append(COUNTS.table())
    assert told[0] == told[1]


def test_a_long_run_says_what_hardly_happened() -> None:
    counts = Counts()
    for _ in range(3):
        counts.note_done("draft")
    counts.note_refused("void", "InvoiceHasEffect")
    assert counts.too_few(("draft", "void"), 3) == ["void"]
    assert counts.operations == 4
    assert "InvoiceHasEffect 1" in counts.table()


def test_everything_that_must_happen_is_named_once() -> None:
    assert len(set(EVERYTHING)) == len(EVERYTHING)
