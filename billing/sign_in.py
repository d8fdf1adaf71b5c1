"""Signing in: by a mailed 6-digit code (a customer's people) or by password (they and staff).

Tries are rows counted by email and by address, never by cookie; a limit lifts by the clock (ASVS 6.3.1).
Whether an email is known shows neither in the words nor in the time it takes (ASVS 6.3.8).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from billing import emails, outbox, passwords, users
from billing.db import after_commit, execute, is_sqlite, transaction
from billing.errors import Refusal
from billing.tables import SignInCode, Try, User

if TYPE_CHECKING:
    from datetime import datetime

    from billing.sessions import Face

CODE_MINUTES = 10  # ASVS 6.5.5
CODE_TRIES = 5
CODE_DIGITS = 6
RESEND_AFTER = timedelta(seconds=30)
KEPT_TRIES = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` tries within `window`."""

    most: int
    window: timedelta


# An email is limited over a day too: five codes of five tries each quarter of an hour would add up.
LIMITS: dict[str, tuple[Limit, ...]] = {
    "code_asked.address": (Limit(60, timedelta(hours=1)),),
    "code_asked.email": (Limit(5, timedelta(minutes=15)), Limit(20, timedelta(days=1))),
    "code_tried.address": (Limit(100, timedelta(hours=1)),),
    "code_tried.email": (Limit(10, timedelta(minutes=15)), Limit(60, timedelta(days=1))),
    "password.address": (Limit(60, timedelta(minutes=15)),),
    "password.email": (Limit(10, timedelta(minutes=15)),),
}


class TooManyTries(Refusal):
    """The limit is reached; it lifts by itself after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"Too many tries. Wait {_in_words(wait)} or use the link in your email.")


class WrongCode(Refusal):
    """Wrong, old or used, for a known or an unknown email: the same words."""

    def __init__(self) -> None:
        super().__init__("That code is not right. Check the email, or get a new code.", field="code")


class WrongPassword(Refusal):
    """Wrong, or no such person: the same words."""

    def __init__(self) -> None:
        super().__init__("That email and password do not belong together. Check both.", field="password")


def ask_code(email: str, *, address: str, at: datetime) -> None:
    """Mail a code to a customer's person; for anybody else do nothing that shows. Raises TooManyTries.

    A new code ends the one before it. `address` is the network address that asks. Known or not, it takes one
    commit and wakes the worker, so that the time it takes tells nothing either.
    """
    email = emails.plain(email)
    with transaction():
        if _asked_just_now(email, at):
            return  # a double click; the code that was mailed is good
        _count("code_asked", email=email, address=address, at=at)
        user = users.by_email(email)
        if user is not None and user.role is None and user.disabled_at is None:
            _mail_code(user, at)
        else:
            for listener in outbox.wake:
                after_commit(listener)


def with_code(email: str, typed: str, *, address: str, at: datetime) -> User:
    """The person whose newest mailed code this is, which is used up. Raises WrongCode, TooManyTries."""
    email = emails.plain(email)
    digits = "".join(sign for sign in typed if sign.isascii() and sign.isdigit())
    with transaction():
        _count("code_tried", email=email, address=address, at=at)
        newest: SignInCode | None = (
            SignInCode.select().where(SignInCode.email == email).order_by(SignInCode.id.desc()).first()
        )
        expected = newest.code_hash if newest else _hash("", "")
        right = hmac.compare_digest(_hash(email, digits), expected)
        user = _use(newest, right=right, at=at) if newest else None
        if user is not None:
            _forget("code_tried", email)
    if user is None:
        raise WrongCode  # after the commit: the try is counted
    return user


def with_password(email: str, password: str, face: Face, *, address: str, at: datetime) -> User:
    """The person this email and password belong to, at their face. Raises WrongPassword, TooManyTries."""
    email = emails.plain(email)
    _count("password", email=email, address=address, at=at)
    user = users.by_email(email)
    known = user is not None and user.disabled_at is None and (user.role is not None) == (face == "admin")
    right = passwords.matches(user.password_hash if user is not None and known else None, password)
    if user is None or not right:
        raise WrongPassword
    _forget("password", email)
    if passwords.is_outdated(user.password_hash or ""):
        users.renew_hash(user, password)
    return user


def forget_old(*, at: datetime) -> int:
    """Remove tries that no limit looks at any more; for the worker."""
    with transaction():
        return int(Try.delete().where(Try.at < at - KEPT_TRIES).execute())


def _mail_code(user: User, at: datetime) -> None:
    code = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
    code_id = SignInCode.insert(
        email=user.email,
        user=user.id,
        code_hash=_hash(user.email, code),
        created_at=at,
        expires_at=at + timedelta(minutes=CODE_MINUTES),
    ).execute()
    outbox.queue(
        "sign_in_code",
        to=user.email,
        to_name=user.name,
        key=f"sign_in_code:{code_id}",
        context={"code": code, "minutes": CODE_MINUTES, "purpose": "sign_in"},
        at=at,
    )


def _asked_just_now(email: str, at: datetime) -> bool:
    mine = (Try.kind == "code_asked.email") & (Try.key == email) & (Try.at > at - RESEND_AFTER) & (Try.at <= at)
    return bool(Try.select(Try.id).where(mine).exists())


def _use(code: SignInCode, *, right: bool, at: datetime) -> User | None:
    """Count the try and use the code up, in one guarded statement each, so that of many at once one wins."""
    live = (
        (SignInCode.id == code.id)
        & SignInCode.used_at.is_null()
        & (SignInCode.expires_at > at)
        & (SignInCode.tries < CODE_TRIES)
    )
    used = {"used_at": at} if right else {}
    moved = SignInCode.update(tries=SignInCode.tries + 1, **used).where(live).execute()
    if moved != 1 or not right:
        return None
    user: User | None = User.get_or_none((User.id == code.user_id) & User.disabled_at.is_null())
    return user if user is not None and user.role is None else None


def _count(kind: str, *, email: str, address: str, at: datetime) -> None:
    """Count one try under both keys, unless a limit is reached: a refused try does not prolong the wait."""
    with transaction():
        for part, key in (("address", address), ("email", email[: emails.LONGEST])):
            _alone(f"{kind}.{part}:{key}")
            wait = _wait(f"{kind}.{part}", key, at)
            if wait is not None:
                raise TooManyTries(wait)
            Try.insert(kind=f"{kind}.{part}", key=key, at=at).execute()


def _wait(kind: str, key: str, at: datetime) -> timedelta | None:
    """How long until one more try is allowed; None when it is now."""
    for limit in LIMITS[kind]:
        mine = (Try.kind == kind) & (Try.key == key) & (Try.at > at - limit.window) & (Try.at <= at)
        newest = Try.select(Try.at).where(mine).order_by(Try.at.desc()).limit(limit.most)
        tries: list[datetime] = [counted.at for counted in newest]
        if len(tries) == limit.most:
            return tries[-1] + limit.window - at
    return None


def _forget(kind: str, email: str) -> None:
    """The right person came: what was tried under this email counts no more. The address stays counted."""
    with transaction():
        Try.delete().where((Try.kind == f"{kind}.email") & (Try.key == email)).execute()


def _alone(name: str) -> None:
    """Count one at a time per key, address before email so that none wait in a ring. SQLite writes are alone."""
    if not is_sqlite():
        execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", (name,))


def _in_words(wait: timedelta) -> str:
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    if minutes >= 90:
        return f"{-(-minutes // 60)} hours"
    return "1 minute" if minutes == 1 else f"{minutes} minutes"


def _hash(email: str, code: str) -> str:
    return hashlib.sha256(f"{email}\x1f{code}".encode()).hexdigest()
