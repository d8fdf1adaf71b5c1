"""The reference a customer reads out on the telephone: PAY-8F3K-27QX-M4DT."""

from __future__ import annotations

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O or U
GROUPS, GROUP = 3, 4


def new_reference() -> str:
    """A random reference of 60 bits. It names a payment, and opens nothing."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(["PAY", *groups])
