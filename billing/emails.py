"""Email addresses: how they are stored, compared and recognised."""

from __future__ import annotations

import re

LONGEST = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
_SHAPE = re.compile(r"[^@\s<>\"',;:]{1,64}@[^@\s<>\"',;:]+\.[^@\s<>\"',;:.]{2,}")


def plain(text: str) -> str:
    """The form an address is stored and looked up in: no spaces round it, lower case."""
    return text.strip().lower()


def is_email(text: str) -> bool:
    """Whether the text has the shape of an address; only a mail tells whether it is one."""
    return len(text) <= LONGEST and _SHAPE.fullmatch(plain(text)) is not None
