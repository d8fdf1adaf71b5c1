"""The warm parent: libraries and fonts loaded once, one forked child for each document.

Started by `python -m billing.rendering`; requests come on standard input, replies leave on standard output.
It ends when its user's end of the pipe closes, by whatever death, and takes its child along.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from billing.rendering import child, protocol

PR_SET_PDEATHSIG = 1  # prctl(2): the signal a process gets when its parent dies
LOOK_AROUND_SECONDS = 1.0  # how often we look whether our user still lives, should the pipe not tell
REPLY_SECONDS = 30.0  # how long the user may take to send the rest of a request, or to read a reply
GARBAGE_THRESHOLD = 50_000  # objects between collections: a child is short-lived, and its memory is bounded
MOST_LETTERS = 300  # of a refusal's facts
LARGEST_FILE_BYTES = 64 * 1024 * 1024

libc = ctypes.CDLL(None, use_errno=True)


class UserGone(Exception):  # noqa: N818 - a fact, not a defect
    """Whoever asked for documents is not there any more."""


def main(scratch: Path) -> None:
    """Serve documents until standard input ends; `scratch` is a folder of our own, removed at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the user, who then closes the pipe
    signal.signal(signal.SIGTERM, _leave)
    user = os.getppid()
    requests, replies = _take_standard_streams()
    child.load()
    gc.collect()
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.freeze()  # what is loaded now stays in pages shared with every child
    tempfile.tempdir = str(scratch)
    try:
        protocol.send(replies, b"", until=time.monotonic() + REPLY_SECONDS)  # ready
        while True:
            _wait_for(requests, user)
            request = json.loads(protocol.receive(requests, until=time.monotonic() + REPLY_SECONDS))
            answer, pdf = _serve(request, requests, user)
            for part in (json.dumps(answer).encode(), pdf):
                protocol.send(replies, part, until=time.monotonic() + REPLY_SECONDS)
    except (UserGone, protocol.Ended, protocol.TooLate):
        pass  # nobody waits for an answer
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _take_standard_streams() -> tuple[int, int]:
    """Keep the pipes for ourselves, so that no library can write between two frames."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    os.set_blocking(replies, False)
    return requests, replies


def _leave(_signal: int, _stack: object) -> NoReturn:
    sys.exit(0)


def _wait_for(requests: int, user: int) -> None:
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    while not poll.poll(LOOK_AROUND_SECONDS * 1000):
        _assert_alive(user)


def _assert_alive(user: int) -> None:
    """A copy of the pipe may outlive its user in a process it forked; a changed parent proves the death."""
    if os.getppid() != user:
        raise UserGone


def _serve(request: dict[str, Any], requests: int, user: int) -> tuple[dict[str, Any], bytes]:
    """Draw one document in a child, which does not outlive this call."""
    until = time.monotonic() + request["seconds"]
    drawn, drawing = os.pipe()
    us = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_the_child(request, drawing, us)
    os.close(drawing)
    ended = False  # closing its end of the pipe is the last thing a child does
    written = b""
    try:
        written = _collect(drawn, requests, user, until=until)
        ended = True
    except protocol.TooLate:
        pass
    finally:
        if not ended:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(drawn)
        _empty(tempfile.gettempdir())
    head, _, pdf = written.partition(b"\n")
    if head and status == 0:
        return json.loads(head), pdf
    out_of_time = not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU)
    return {"refused": "time" if out_of_time else "crash", "facts": f"wait status {status}"}, b""


def _collect(drawn: int, requests: int, user: int, *, until: float) -> bytes:
    """All that the child writes until it closes its end. Raises TooLate, or UserGone where nobody waits."""
    poll = select.poll()
    poll.register(drawn, select.POLLIN)
    poll.register(requests, 0)  # tells of its other end being closed, and nothing else
    parts: list[bytes] = []
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise protocol.TooLate
        ready = dict(poll.poll(min(left, LOOK_AROUND_SECONDS) * 1000))
        if requests in ready:
            raise UserGone
        _assert_alive(user)
        if drawn in ready:
            part = os.read(drawn, protocol.CHUNK_BYTES)
            if not part:
                return b"".join(parts)
            parts.append(part)


def _empty(scratch: str) -> None:
    """A child that was killed could not tidy up after itself."""
    for left_over in Path(scratch).iterdir():
        if left_over.is_dir():
            shutil.rmtree(left_over, ignore_errors=True)
        else:
            left_over.unlink(missing_ok=True)


def _be_the_child(request: dict[str, Any], drawing: int, parent: int) -> NoReturn:
    """Draw under limits, write the answer, and end without running any of the parent's exits."""
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _set_limits(seconds=request["seconds"], memory_bytes=request["memory_bytes"])
        answer, pdf = _answer(request)
        with open(drawing, "wb") as pipe:
            pipe.write(json.dumps(answer).encode() + b"\n" + pdf)
        os._exit(0)
    finally:
        os._exit(1)


def _set_limits(*, seconds: float, memory_bytes: int) -> None:
    """Bound CPU seconds, resident memory, and files; leave no core behind.

    Linux bounds address space only. What is mapped already but not resident (libraries, arenas) is added, so
    that resident memory can grow to `memory_bytes` and not beyond.
    """
    mapped, resident = (int(pages) for pages in Path("/proc/self/statm").read_text().split()[:2])
    space = (mapped - resident) * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    cpu_seconds = max(1, round(seconds))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE_BYTES, LARGEST_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        pdf, warnings = child.draw(request)
    except (MemoryError, SystemError) as refused:  # the second is the first, where C code forgot to say so
        return {"refused": "memory", "facts": str(refused)[:MOST_LETTERS]}, b""
    except Exception as refused:  # noqa: BLE001 - whatever the library says about a document is its refusal
        return {"refused": "document", "facts": f"{type(refused).__name__}: {refused}"[:MOST_LETTERS]}, b""
    return {"refused": None, "warnings": warnings}, pdf
