"""One life of the business: a fresh database, its cast, a bank and an oracle; what holds is checked after each step."""

from __future__ import annotations

import logging
import random
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar
from unittest import mock

from hypothesis.stateful import RuleBasedStateMachine, invariant

from billing import check, gateway, seller
from billing.db import execute
from billing.errors import Refusal
from tests.simulation import cast
from tests.simulation.bank import PlayBank
from tests.simulation.counts import COUNTS
from tests.simulation.follower import Follower, day_of
from tests.simulation.oracle import Oracle
from tests.world import AT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    from tests.simulation.follower import Intention

Value = TypeVar("Value")
Thing = TypeVar("Thing")

TICK = timedelta(seconds=7)
LEAPS = (
    timedelta(hours=1),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=4),
    timedelta(days=12),
    timedelta(days=33),
)

# What must not change where the domain says no. Attempts and their audit may: a page in the way is closed first.
MONEY = (
    "SELECT (SELECT COUNT(*) FROM transfer), (SELECT COUNT(*) FROM posting), (SELECT COUNT(*) FROM allocation),"
    " (SELECT COALESCE(SUM(value), 0) FROM counter), (SELECT COUNT(*) FROM refund), (SELECT COUNT(*) FROM credit_note),"
    " (SELECT COUNT(*) FROM payment), (SELECT COUNT(*) FROM write_off)"
)
BOOKS = (
    f"{MONEY}, (SELECT hash FROM audit_head), (SELECT COUNT(*) FROM activity), (SELECT COUNT(*) FROM mail),"
    " (SELECT COUNT(*) FROM invoice), (SELECT COALESCE(SUM(version), 0) FROM invoice),"
    " (SELECT COUNT(*) FROM instalment),"
    " (SELECT COUNT(*) FROM approval WHERE decided_at IS NULL), (SELECT COUNT(*) FROM submission),"
    " (SELECT COUNT(*) FROM rendering)"
)

# What the bank's own trouble looks like: nothing was decided, so the same may be asked again.
NO_ANSWER = (gateway.OutcomeUnknown,)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Value]):
    """What a verb gave, or how it refused."""

    value: Value | None
    refusal: Refusal | None

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.refusal is None

    @property
    def given(self) -> Value:
        """What it gave, where it was carried out."""
        assert self.value is not None, "it gives something"
        return self.value


class Troubles(logging.Handler):
    """What the product logs with a traceback, because it went on: here that is a defect. All else is not shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0]:
            self.found.append(self.format(record))

    def __enter__(self) -> Self:
        logger = logging.getLogger("billing")
        logger.addHandler(self)
        logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("billing")
        logger.removeHandler(self)
        logger.propagate = True


class Life(RuleBasedStateMachine):
    """What all rules stand on."""

    fresh: ClassVar[Callable[[], AbstractContextManager[object]]]

    def __init__(self) -> None:
        super().__init__()
        self._ends = ExitStack()
        self._ends.enter_context(type(self).fresh())
        # References are random; here they are the same in every replay, since ties are sorted by them.
        self._ends.enter_context(mock.patch.object(secrets, "choice", random.Random(1).choice))
        self.cast = cast.find()
        self.sam, self.ada = self.cast.world.sam, self.cast.world.ada
        self.bank, self.oracle = PlayBank(), Oracle()
        gateway.use(self.bank)
        self._ends.callback(gateway.use, None)
        self.now = AT
        self.bank.at = self.now
        self.follower = Follower(self.oracle, self.bank)
        self._unchecked = True
        self._log = Troubles()
        self._ends.enter_context(self._log)

    def teardown(self) -> None:
        """Give the database back."""
        self._ends.close()

    # Asking the domain.

    def ask(
        self,
        operation: str,
        do: Callable[[], Value],
        *,
        keeps: str = BOOKS,
        must: bool = False,
        meant: Intention | None = None,
    ) -> Answer[Value]:
        """Ask for something, count it, and where it is refused prove that nothing had changed.

        `must`: the domain has no reason to refuse, but for a bank without an answer. `meant` is what an attempt that
        is made by it is to do. Payments that were booked meanwhile are followed.
        """
        self.tick()
        self._unchecked = True
        before = execute(keeps).fetchone()
        self.bank.asked_about.clear()
        value, said_no = None, None
        try:
            value = do()
        except Refusal as refusal:
            said_no = refusal
        self.bank.fault = ""
        if said_no is not None or getattr(value, "unanswered", False):
            self.bank.untold |= self.bank.asked_about  # it may have been asked about in vain
        self.follower.learn(meant)
        booked = self.follower.follow()
        if said_no is None:
            COUNTS.note_done(operation)
            return Answer(value, None)
        assert type(said_no) is not Refusal, f"{operation}: a refusal without a name: {said_no}"
        assert said_no.message, "a refusal has words"
        assert not must or isinstance(said_no, NO_ANSWER), f"{operation} was refused: {said_no!r}"
        if not booked:
            assert execute(keeps).fetchone() == before, f"{operation} was refused ({said_no!r}) and left a trace"
        COUNTS.note_refused(operation, type(said_no).__name__)
        return Answer(None, said_no)

    def happens(self, event: str) -> None:
        """Something in the world outside, which the domain does not know yet."""
        self.tick()
        COUNTS.note_outside(event)

    def tick(self) -> None:
        """What was asked before has been followed by now, so it is judged; then time goes on."""
        self.all_holds()
        self.now += TICK
        self.bank.at = self.now

    @property
    def today(self) -> date:
        """The seller's day."""
        return day_of(self.now)

    def needs_two(self, minor: int, currency: str) -> bool:
        """Whether that much takes a second person, by the seller's threshold in its own currency."""
        threshold = seller.get().approval_over_minor
        return threshold is not None and (currency != "GBP" or minor > threshold)

    def pick(self, things: Sequence[Thing], which: int) -> Thing:
        """One of several."""
        return things[which % len(things)]

    # What holds after every step.

    @invariant()
    def all_holds(self) -> None:
        """After each operation: every invariant recomputed from the rows; the oracle, to the unit; the bank's balance.

        What happens outside touches no row, so there is nothing to judge after it.
        """
        if not self._unchecked:
            return
        self._unchecked = False
        self.follower.follow()
        assert not self._log.found, self._log.found
        assert not check.broken(), check.broken()
        found = self.oracle.differences()
        assert not found, "\n".join(found)
        self._the_bank_agrees()

    def _the_bank_agrees(self) -> None:
        """Where all is told, the bank's own balance is what the ledger says stands there."""
        unsent = "SELECT 1 FROM refund WHERE method = 'original' AND status = 'created'"
        if self.bank.untold or execute(unsent).fetchone():
            return
        rows = execute(
            "SELECT currency, SUM(minor) FROM v_ledger_legs WHERE account = 'card_clearing' GROUP BY currency"
        )
        booked = {currency: int(minor) for currency, minor in sorted(rows.fetchall()) if minor}
        assert booked == self.bank.balance(), f"booked {booked}, at the bank {self.bank.balance()}"

    def clock_moves(self, leap: int) -> None:
        """An hour, or months."""
        self.now += self.pick(LEAPS, leap)
        self.happens("clock moves")
