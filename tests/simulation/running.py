"""Running lives: in batches, each by a seed of its own, so that a batch that fails is replayed alone."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.business import Business

if TYPE_CHECKING:
    from tests.simulation.arena import Fresh

LIVES, STEPS = 25, 150


def batch(fresh: Fresh, number: int, *, lives: int = LIVES, steps: int = STEPS, shrinks: bool = False) -> None:
    """So many lives of so many steps, the same ones for the same number. Raises whatever does not hold.

    Hypothesis prints the life that shows it step by step; where it `shrinks` it looks, for minutes, for the shortest.
    """
    machine = type("Business", (Business,), {"fresh": staticmethod(fresh)})
    # Hypothesis mixes numbers that stand in the modules loaded so far into what it draws: other imports, other lives.
    with patch.object(HypothesisProvider, "_maybe_draw_constant", lambda *_, **__: None):
        run_state_machine_as_test(
            seed(number)(machine),
            settings=settings(
                max_examples=lives,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                derandomize=False,
                print_blob=False,
                phases=(Phase.generate, *([Phase.shrink] if shrinks else [])),
                suppress_health_check=list(HealthCheck),
            ),
        )
