"""How the renderer and its warm parent talk: frames of bytes, each behind its length.

A frame is four bytes of length, big-endian, then that many bytes. A request is one frame of JSON; a reply is
one frame of JSON and one frame of PDF bytes, empty where the document was refused.
"""

from __future__ import annotations

import os
import select
import time

# No frame grows past this: a 10,000-line invoice is about 4 MB of HTML and 3 MB of PDF.
LARGEST_FRAME_BYTES = 64 * 1024 * 1024
LENGTH_BYTES = 4
CHUNK_BYTES = 1024 * 1024


class Ended(Exception):  # noqa: N818 - a fact about the pipe, caught beside it
    """The other side closed the pipe, or died."""


class TooLate(Exception):  # noqa: N818 - a fact about the pipe, caught beside it
    """The other side did not answer before the deadline."""


def frame(payload: bytes) -> bytes:
    """The payload behind its length."""
    assert len(payload) <= LARGEST_FRAME_BYTES, "a frame holds at most 64 MB"
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def send(fd: int, payload: bytes, *, until: float) -> None:
    """Write one frame before the monotonic instant `until`.

    Raises Ended or TooLate. The descriptor must not block, or a full pipe would hide the deadline.
    """
    rest = memoryview(frame(payload))
    while rest:
        _wait(fd, select.POLLOUT, until=until)
        try:
            written = os.write(fd, rest[:CHUNK_BYTES])
        except BlockingIOError:
            continue
        except OSError as broken:
            raise Ended from broken
        rest = rest[written:]


def receive(fd: int, *, until: float) -> bytes:
    """Read one frame before the monotonic instant `until`. Raises Ended or TooLate."""
    length = int.from_bytes(_read_exactly(fd, LENGTH_BYTES, until=until), "big")
    if length > LARGEST_FRAME_BYTES:
        raise Ended
    return _read_exactly(fd, length, until=until)


def _read_exactly(fd: int, size: int, *, until: float) -> bytes:
    parts: list[bytes] = []
    while size:
        _wait(fd, select.POLLIN, until=until)
        try:
            part = os.read(fd, min(size, CHUNK_BYTES))
        except BlockingIOError:
            continue
        except OSError as broken:
            raise Ended from broken
        if not part:
            raise Ended
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _wait(fd: int, event: int, *, until: float) -> None:
    """Sleep until the descriptor is ready or hung up; poll knows no upper bound on descriptor numbers."""
    left = until - time.monotonic()
    if left <= 0:
        raise TooLate
    poll = select.poll()
    poll.register(fd, event)
    if not poll.poll(left * 1000):
        raise TooLate
