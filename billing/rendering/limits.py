"""How much time and memory one document may take: it grows with the number of its lines.

10 s and 512 MB up to 200 lines, 120 s and 1 GB for 10,000 lines, and a straight line between. Nothing gets
more than that, so a document of many more lines is refused rather than left to run.
"""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024
SMALL_LINES, SMALL_SECONDS, SMALL_BYTES = 200, 10.0, 512 * MB
LARGE_LINES, LARGE_SECONDS, LARGE_BYTES = 10_000, 120.0, 1024 * MB


@dataclass(frozen=True)
class Limits:
    """What one render may take: wall and CPU seconds alike, and bytes of resident memory."""

    seconds: float
    memory_bytes: int


def limits_for(lines: int) -> Limits:
    """The limits of a document of so many lines."""
    assert lines >= 0, "a document has no fewer than no lines"
    share = min(max(lines - SMALL_LINES, 0) / (LARGE_LINES - SMALL_LINES), 1.0)
    return Limits(
        seconds=SMALL_SECONDS + share * (LARGE_SECONDS - SMALL_SECONDS),
        memory_bytes=SMALL_BYTES + int(share * (LARGE_BYTES - SMALL_BYTES)),
    )
