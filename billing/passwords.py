"""Passwords: hashed by argon2id, compared at equal cost, and refused where they are easily guessed.

Length decides, not composition: 8 to 128 characters of any kind, none of the common ones (ASVS 5.0 6.2).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from billing.errors import Refusal

SHORTEST = 8
LONGEST = 128
COMMON = Path(__file__).with_name("common_passwords.txt")

# RFC 9106, second recommended choice with less parallelism: 64 MiB and three passes.
CAREFUL = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=2, type=Type.ID)
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=Type.ID)
_chosen = [CAREFUL]


class WeakPassword(Refusal):
    """A password that would be guessed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="password")


def use_cheap_hashes() -> None:
    """Hash in a millisecond from now on: for tests and seeds, never where people sign in for real."""
    _chosen[0] = CHEAP
    _decoy.cache_clear()


def hashed(password: str) -> str:
    """The argon2id hash to store, with its salt and parameters inside."""
    return _chosen[0].hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the stored password. Without a stored hash it costs as much and says no (ASVS 6.3.8)."""
    if len(password) > LONGEST:
        password = ""
    try:
        right = _chosen[0].verify(stored or _decoy(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's, and is worth making anew."""
    return _chosen[0].check_needs_rehash(stored)


def refuse_weak(password: str, *, known_words: tuple[str, ...] = ()) -> None:
    """Raise WeakPassword for one too short or long, common, of one or two signs, or among `known_words`.

    `known_words` are what an attacker knows already: the person's email and name, the seller's name.
    """
    if len(password) < SHORTEST:
        raise WeakPassword(f"Use {SHORTEST} characters or more. A few words in a row work well")
    if len(password) > LONGEST:
        raise WeakPassword(f"Use {LONGEST} characters or fewer")
    bare = _bare(password)
    known = {_bare(word) for words in known_words for word in (words, words.partition("@")[0])}
    if bare in known - {""}:
        raise WeakPassword("That is too close to your name or email address. Choose something else")
    if len(set(password)) < 3 or bare in _common() or bare.rstrip("0123456789") in _common():
        raise WeakPassword("That is one of the most common passwords. Choose something else")


def _normal(password: str) -> str:
    """One form for one text, whichever keyboard typed it (NIST SP 800-63B 3.1.1.2); nothing is cut off."""
    return unicodedata.normalize("NFKC", password)


def _bare(text: str) -> str:
    return re.sub(r"[\s._!?@#$*-]", "", unicodedata.normalize("NFKC", text).casefold())


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text().split())


@cache
def _decoy() -> str:
    return hashed("what nobody's password is")
