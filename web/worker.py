"""The worker: draws what is to be drawn, sends what is to be sent, looks after payments.

The truth is in rows, claimed by lease. huey only says "look now": every minute, at the start, and after each
commit that queued something. It delivers at most once, so a wake-up may be lost: a minute, never a mail.
Run it with `python -m web.worker`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from huey import RedisHuey, SqliteHuey, crontab
from huey.serializer import SignedSerializer

from billing import (
    autopay,
    clock,
    comparing,
    db,
    documents,
    fees,
    outbox,
    seller,
    sessions,
    sign_in,
    startup,
    stripe_events,
)
from billing.errors import Refusal
from billing.rendering import Renderer, invoice_html
from billing.settings import Settings, SettingsRefused
from web import mail

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_FILE = "wake-ups.db"
LOOK = "look"
THREADS = 3  # so that neither a slow drawing nor a slow mail server holds up the other, nor the sweep
LONGEST_POLL_SECONDS = 0.5
LAST_WORK_SECONDS = 25  # what a stop waits for: a mail or a drawing under way

log = logging.getLogger("remit.worker")


class Alone:
    """Work that runs once at a time. Whoever asks while it runs has it run once more afterwards."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._turn = threading.Lock()
        self._asked = threading.Event()

    def __call__(self) -> None:
        """Do the work, or leave it to whoever is at it."""
        self._asked.set()
        while self._asked.is_set() and self._turn.acquire(blocking=False):
            try:
                self._asked.clear()
                self._work()
            finally:
                self._turn.release()


def draw_all(
    renderer: Renderer, *, stopping: Callable[[], bool] = lambda: False, drawn: Callable[[], object] = lambda: None
) -> tuple[int, int]:
    """Draw every document that is due; gives how many were stored and how many could not be drawn.

    `drawn` is called after each, so that its mail need not wait for the others.
    """
    stored = failed = 0
    while not stopping() and documents.is_any_due(clock.now()):
        try:
            one = documents.draw_due(renderer, invoice_html, at=clock.now(), limit=1)
        except Exception:  # such as a disk that is full: its lease runs out, and it is tried again
            log.exception("a document cannot be stored")
            one = 0
        stored += one
        failed += 1 - one
        if one:
            drawn()
    return stored, failed


class Work:
    """What the worker does; each part looks for what is due and does all of it."""

    def __init__(self, settings: Settings, renderer: Renderer, stopping: Callable[[], bool]) -> None:
        self.settings = settings
        self.renderer = renderer
        self.stopping = stopping
        self.render_documents = Alone(self._render_documents)
        self.deliver_mail = Alone(self._deliver_mail)
        self.sweep_payments = Alone(self._sweep_payments)
        self.compare_books = Alone(self._compare_books)
        self.forget_old = Alone(self._forget_old)
        self.charge_late_fees = Alone(self._charge_late_fees)
        self.run_autopay = Alone(self._run_autopay)
        self.drawn: Callable[[], object] = self.deliver_mail

    def _render_documents(self) -> None:
        with db.connection():
            draw_all(self.renderer, stopping=self.stopping, drawn=self.drawn)

    def _deliver_mail(self) -> None:
        run = mail.deliver_due(self.settings, stopping=self.stopping)
        if run.refused or run.later:
            log.warning("mail: %d accepted, %d refused, %d to be tried again", run.accepted, run.refused, run.later)

    def _sweep_payments(self) -> None:
        if self.settings.stripe_secret_key:
            with db.connection():
                try:
                    caught, swept = stripe_events.reconcile(clock.now())
                except comparing.StrangeGateway as refusal:
                    log.error("%s", refusal.message)  # noqa: TRY400 - an answer, not a defect
                else:
                    log.info("payments: %s, %s", caught, swept)

    def _compare_books(self) -> None:
        """Once a day: lost chargebacks that an appeal may have won, then Stripe's own list against the books."""
        if not self.settings.stripe_secret_key:
            return
        with db.connection():
            try:
                stripe_events.reconcile(clock.now(), days=comparing.USUAL_DAYS)
                log.info("compared: %s", comparing.compare(clock.now()))
            except Refusal as refusal:
                log.warning("the books could not be compared: %s", refusal)

    def _run_autopay(self) -> None:
        if not self.settings.stripe_secret_key:
            return
        with db.connection():
            selling, at = seller.find(), clock.now()
            if selling is None:
                return
            try:
                log.info("autopay: %s", autopay.work(clock.day_of(at, selling.time_zone), at=at))
            except comparing.StrangeGateway as refusal:
                log.error("%s", refusal.message)  # noqa: TRY400 - an answer, not a defect

    def _charge_late_fees(self) -> None:
        with db.connection():
            charged = fees.charge_today(clock.now())
            if charged:
                log.info("late fees: %s", ", ".join(str(document.number) for document in charged))

    def _forget_old(self) -> None:
        with db.connection():
            at = clock.now()
            log.info("forgotten: %d tries, %d sessions", sign_in.forget_old(at=at), sessions.forget_old(at=at))


def queue_of(settings: Settings) -> Any:  # noqa: ANN401 - huey has no types
    """The wake-ups of this installation: a small file, or Redis where several machines share them.

    huey stores pickles, so each carries our signature and a forged one is thrown away unread (ASVS 1.5.2).
    """
    signed = SignedSerializer(settings.secret_key, salt="remit wake-ups")
    if settings.redis_url:
        return RedisHuey("remit", url=settings.redis_url, results=False, serializer=signed)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = str(settings.data_dir / QUEUE_FILE)
    return SqliteHuey("remit", filename=file, fsync=False, results=False, serializer=signed)


def wake_on_commit(settings: Settings) -> None:
    """In a web process or a command: wake the worker after each commit that queued something."""

    @cache
    def ask() -> Any:  # noqa: ANN401 - huey has no types
        return queue_of(settings).task(name=LOOK)(_only_the_worker_looks)

    def wake() -> None:
        try:
            ask()()
        except Exception:  # the row is safe in the database, and the worker looks every minute
            log.exception("the worker could not be woken")

    outbox.wake[:] = [wake]


def _only_the_worker_looks() -> None:
    raise AssertionError("a web process sends wake-ups and carries none out")


def run(settings: Settings) -> None:
    """Work until SIGTERM; what is under way is finished, up to LAST_WORK_SECONDS."""
    huey = queue_of(settings)
    consumer = huey.create_consumer(
        workers=THREADS,
        initial_delay=0.05,
        max_delay=LONGEST_POLL_SECONDS,
        scheduler_interval=1,
        graceful_signal="TERM",
        shutdown_timeout=LAST_WORK_SECONDS,
    )
    with Renderer() as renderer:
        _declare(huey, Work(settings, renderer, consumer.stop_flag.is_set))
        consumer.run()


def _declare(huey: Any, work: Work) -> None:  # noqa: ANN401 - huey has no types
    """Name the tasks, and ask for everything once: rows may have waited while nobody worked."""
    render = huey.task(name="render_documents")(work.render_documents)
    deliver = huey.task(name="deliver_mail")(work.deliver_mail)
    work.drawn = deliver  # in another thread: a slow mail server does not hold up the drawing
    sweep = huey.task(name="sweep_payments")(work.sweep_payments)
    compare = huey.task(name="compare_books")(work.compare_books)

    def look() -> None:
        render()
        deliver()

    ask = huey.task(name=LOOK)(look)
    huey.periodic_task(crontab(minute="*"), name="every_minute")(look)
    huey.periodic_task(crontab(minute="*/10"), name="every_ten_minutes")(work.sweep_payments)
    huey.periodic_task(crontab(minute="5-59/10"), name="autopay_every_ten_minutes")(work.run_autopay)
    huey.periodic_task(crontab(minute="17"), name="every_hour")(work.forget_old)
    huey.periodic_task(crontab(minute="29"), name="fees_every_hour")(work.charge_late_fees)
    huey.periodic_task(crontab(minute="41", hour="3"), name="every_night")(work.compare_books)
    outbox.wake[:] = [ask]
    huey.storage.flush_queue()
    ask()
    sweep()
    compare()


def main() -> int:
    """Read the settings from the environment and run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for chatty in ("huey", "stripe"):  # one line for each call to Stripe would bury what matters
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment(os.environ)
        reasons = settings.refusals()
        if not reasons:
            startup.start(settings, patient=True)
    except SettingsRefused as refused:
        reasons = refused.reasons
    if reasons:
        log.error("the worker does not start: %s", " ".join(reasons))
        return 2
    run(settings)
    return 0


if __name__ == "__main__":
    from web import worker  # noqa: PLW0406 - under its own name, by which web processes ask for its tasks

    sys.exit(worker.main())
