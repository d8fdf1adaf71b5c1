"""What the worker holds to turn HTML into PDF: one warm process of its own, replaced whenever it dies.

Every wait has an end, so a document that would take for ever is a refusal and the next one is drawn.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from billing.errors import Refusal
from billing.rendering import protocol
from billing.rendering.limits import Limits, limits_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

ROOT = Path(__file__).resolve().parents[2]
STARTING_SECONDS = 60.0  # a cold disk, a busy machine
GRACE_SECONDS = 5.0  # beyond the document's own limit, for the warm parent to kill its child and say so
CLOSING_SECONDS = 5.0

# The drawing process is given none of our settings: keys and addresses stay out of its reach.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "PYTHONHASHSEED")

log = logging.getLogger(__name__)


class RenderRefused(Refusal):
    """The document was not drawn. `reason` is time, memory, document or crash; `facts` are for the log."""

    def __init__(self, reason: str, facts: str = "") -> None:
        super().__init__("The PDF is not available. Please try again, or contact us.")
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True)
class Rendered:
    """A finished PDF, and what the library complained about while drawing it (nothing, for our own pages)."""

    pdf: bytes
    warnings: tuple[str, ...]


class Renderer:
    """Draws one document at a time; threads take turns. Close it, or use it in a `with`."""

    def __init__(self, *, limits: Callable[[int], Limits] = limits_for) -> None:
        self._limits = limits
        self._warm: subprocess.Popen[bytes] | None = None
        self._scratch = ""
        self._turn = threading.Lock()
        _renderers.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def render(self, html: str, *, title: str, author: str, at: datetime, lines: int) -> bytes:
        """The PDF of a page of HTML, dated `at` (aware): equal bytes for equal arguments.

        `lines` is the number of invoice lines: limits grow with it. Never in a web request or a transaction.
        Raises RenderRefused.
        """
        return self.draw(html, title=title, author=author, at=at, lines=lines).pdf

    def draw(self, html: str, *, title: str, author: str, at: datetime, lines: int) -> Rendered:
        """As `render`, with the library's warnings beside the bytes."""
        assert at.tzinfo is not None, "an instant is aware"
        limits = self._limits(lines)
        request = {"html": html, "title": title, "author": author, "at": at.isoformat(), **vars(limits)}
        with self._turn:
            answer, pdf = self._ask(json.dumps(request).encode(), seconds=limits.seconds)
        if answer["refused"]:
            log.warning("PDF %r refused: %s %s", title, answer["refused"], answer["facts"])
            raise RenderRefused(answer["refused"], answer["facts"])
        for warning in answer["warnings"]:
            log.warning("PDF %r: %s", title, warning)
        return Rendered(pdf, tuple(answer["warnings"]))

    def close(self) -> None:
        """End the warm process. Calling it twice does no harm, and a later render starts a new one."""
        with self._turn:
            self._drop()

    def _ask(self, request: bytes, *, seconds: float) -> tuple[dict[str, Any], bytes]:
        """One exchange; where the warm process turns out to be dead, a second one with its successor."""
        for last in (False, True):
            try:
                return self._exchange(request, seconds=seconds)
            except protocol.TooLate:
                self._drop()
                return {"refused": "time", "facts": "the warm process did not answer"}, b""
            except protocol.Ended:
                self._drop()
                if last:
                    return {"refused": "crash", "facts": "the warm process died twice"}, b""
            except BaseException:
                self._drop()  # half a conversation lies in the pipes
                raise
        raise AssertionError("two tries, each of which returns or raises")

    def _exchange(self, request: bytes, *, seconds: float) -> tuple[dict[str, Any], bytes]:
        questions, answers = self._running()
        until = time.monotonic() + seconds + GRACE_SECONDS
        protocol.send(questions, request, until=until)
        answer: dict[str, Any] = json.loads(protocol.receive(answers, until=until))
        return answer, protocol.receive(answers, until=until)

    def _running(self) -> tuple[int, int]:
        """Where to write to and read from the warm process, started if there is none."""
        if self._warm is None or self._warm.poll() is not None:
            self._drop()
            self._scratch = tempfile.mkdtemp(prefix="remit-pdf-")
            self._warm = subprocess.Popen(
                [sys.executable, "-m", "billing.rendering", self._scratch],
                cwd=ROOT,
                env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        warm = self._warm
        assert warm.stdin is not None, "it was started with pipes"
        assert warm.stdout is not None, "it was started with pipes"
        questions, answers = warm.stdin.fileno(), warm.stdout.fileno()
        if os.get_blocking(questions):  # new: wait until its libraries and fonts are loaded
            os.set_blocking(answers, False)
            protocol.receive(answers, until=time.monotonic() + STARTING_SECONDS)
            os.set_blocking(questions, False)
        return questions, answers

    def _drop(self) -> None:
        """Close the pipes, at which the warm process ends; kill it where it does not."""
        warm, self._warm = self._warm, None
        if warm is None:
            return
        for pipe in (warm.stdin, warm.stdout):
            assert pipe is not None, "it was started with pipes"
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            warm.wait(CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            warm.kill()
            warm.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)  # it does so itself, unless it was killed

    def _forget(self) -> None:
        """In a forked copy of the user: the warm process belongs to the original, and so does its turn."""
        self._warm = None
        self._turn = threading.Lock()


_renderers: weakref.WeakSet[Renderer] = weakref.WeakSet()


def _forget_in_a_forked_copy() -> None:
    for renderer in _renderers:
        renderer._forget()  # noqa: SLF001 - the same module


os.register_at_fork(after_in_child=_forget_in_a_forked_copy)
