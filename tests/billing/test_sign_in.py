"""Signing in: codes used once, tries counted, limits that lift by the clock, and nothing told to strangers."""

from __future__ import annotations

import statistics
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from billing import db, outbox, passwords, sign_in, users
from billing.actors import SYSTEM
from billing.sign_in import TooManyTries, WrongCode, WrongPassword
from billing.tables import Mail, SignInCode, Try, User

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.world import World

ALICE = "alice@acme.example"
SAM = "sam@alderfinch.example"
HOME = "192.0.2.1"
GOOD = "three wet boots outside"
MINUTE = timedelta(minutes=1)


def mailed_codes() -> list[str]:
    return [mail.context["code"] for mail in Mail.select().where(Mail.event == "sign_in_code").order_by(Mail.id)]


def ask(email: str, at: datetime, address: str = HOME) -> None:
    sign_in.ask_code(email, address=address, at=at)


def enter(email: str, code: str, at: datetime, address: str = HOME) -> User:
    return sign_in.with_code(email, code, address=address, at=at)


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_the_mailed_code_signs_in_once(world: World, at: datetime) -> None:
    assert world
    ask(" Alice@Acme.example", at)
    (code,) = mailed_codes()
    assert len(code) == 6
    assert enter(ALICE, f"{code[:3]} {code[3:]}", at + MINUTE).email == ALICE
    with pytest.raises(WrongCode):
        enter(ALICE, code, at + MINUTE)


def test_the_code_is_stored_hashed_and_mailed_to_its_person(world: World, at: datetime) -> None:
    assert world
    ask(ALICE, at)
    mail = Mail.get()
    assert (mail.recipient, mail.event) == (ALICE, "sign_in_code")
    assert mail.context == {"code": mail.context["code"], "minutes": 10, "purpose": "sign_in"}
    assert mail.context["code"] not in str(SignInCode.get().__data__)


def test_a_code_ends_after_ten_minutes(world: World, at: datetime) -> None:
    assert world
    ask(ALICE, at)
    with pytest.raises(WrongCode):
        enter(ALICE, mailed_codes()[0], at + 10 * MINUTE)


def test_a_new_code_ends_the_one_before(world: World, at: datetime) -> None:
    assert world
    ask(ALICE, at)
    ask(ALICE, at + MINUTE)
    first, second = mailed_codes()
    if first != second:
        with pytest.raises(WrongCode):
            enter(ALICE, first, at + MINUTE)
    assert enter(ALICE, second, at + MINUTE).email == ALICE


def test_a_double_click_mails_one_code(world: World, at: datetime) -> None:
    assert world
    for seconds in (0, 1, 29):
        ask(ALICE, at + timedelta(seconds=seconds))
    assert len(mailed_codes()) == 1
    ask(ALICE, at + timedelta(seconds=30))
    assert len(mailed_codes()) == 2


def test_five_wrong_tries_use_a_code_up(world: World, at: datetime) -> None:
    assert world
    ask(ALICE, at)
    (code,) = mailed_codes()
    for _ in range(5):
        with pytest.raises(WrongCode):
            enter(ALICE, other(code), at)
    with pytest.raises(WrongCode):
        enter(ALICE, code, at)


@pytest.mark.parametrize("email", ["stranger@example.com", SAM, "not an email", "x" * 5000])
def test_no_code_is_mailed_to_strangers_and_staff_and_nothing_shows_it(world: World, at: datetime, email: str) -> None:
    assert world
    ask(email, at)
    assert mailed_codes() == []
    with pytest.raises(WrongCode) as refusal:
        enter(email, "123456", at)
    ask(ALICE, at)
    with pytest.raises(WrongCode) as known:
        enter(ALICE, other(mailed_codes()[0]), at)
    assert refusal.value.message == known.value.message


def test_a_disabled_person_gets_no_code_and_uses_none(world: World, at: datetime) -> None:
    ask(ALICE, at)
    users.disable(users.get(world.alice.user_id or 0), by=SYSTEM, at=at)
    with pytest.raises(WrongCode):
        enter(ALICE, mailed_codes()[0], at)
    ask(ALICE, at + MINUTE)
    assert len(mailed_codes()) == 1


@pytest.mark.parametrize("email", [ALICE, "stranger@example.com"])
def test_asking_is_limited_by_email_alike_for_known_and_unknown(world: World, at: datetime, email: str) -> None:
    assert world
    for minute in range(5):
        ask(email, at + minute * MINUTE, address=f"192.0.2.{minute}")
    with pytest.raises(TooManyTries, match="Wait 10 minutes or use the link in your email"):
        ask(email, at + 5 * MINUTE, address="192.0.2.99")


def test_the_limit_lifts_by_the_clock_however_often_one_tries_meanwhile(world: World, at: datetime) -> None:
    assert world
    for minute in range(5):
        ask(ALICE, at + minute * MINUTE)
    for minute in range(5, 15):
        with pytest.raises(TooManyTries):
            ask(ALICE, at + minute * MINUTE)
    ask(ALICE, at + 15 * MINUTE)
    assert len(mailed_codes()) == 6


def test_a_day_has_at_most_twenty_codes(world: World, at: datetime) -> None:
    assert world
    sent, waits = 0, []
    for quarter in range(8):
        for minute in range(5):
            try:
                ask(ALICE, at + (quarter * 16 + minute) * MINUTE)
                sent += 1
            except TooManyTries as refusal:
                waits.append(refusal.wait)
    assert sent == 20
    assert max(waits) > timedelta(hours=20)
    ask(ALICE, at + timedelta(days=1, minutes=1))


def test_guessing_codes_is_limited_whatever_the_address(world: World, at: datetime) -> None:
    assert world
    for number in range(10):
        with pytest.raises(WrongCode):
            enter("stranger@example.com", "000000", at, address=f"192.0.2.{number}")
    with pytest.raises(TooManyTries):
        enter("stranger@example.com", "000000", at, address="192.0.2.99")


def test_an_address_is_limited_whatever_the_email(world: World, at: datetime) -> None:
    assert world
    for number in range(60):
        ask(f"person{number}@example.com", at)
    with pytest.raises(TooManyTries):
        ask("another@example.com", at)
    ask("another@example.com", at, address="198.51.100.7")


def with_password(email: str, password: str, at: datetime, address: str = HOME) -> User:
    return sign_in.with_password(email, password, "admin", address=address, at=at)


@pytest.fixture
def sams_password(world: World, at: datetime) -> str:
    users.set_password(users.get(world.sam.user_id or 0), GOOD, by=SYSTEM, at=at)
    return GOOD


def test_the_password_signs_in_at_its_own_face(world: World, at: datetime, sams_password: str) -> None:
    assert with_password("SAM@alderfinch.example", sams_password, at).id == world.sam.user_id
    with pytest.raises(WrongPassword):
        sign_in.with_password(SAM, sams_password, "portal", address=HOME, at=at)


@pytest.mark.parametrize("email", [SAM, ALICE, "vic@alderfinch.example", "stranger@example.com"])
def test_wrong_passwords_and_unknown_people_read_the_same(at: datetime, sams_password: str, email: str) -> None:
    assert sams_password
    with pytest.raises(WrongPassword) as refusal:
        with_password(email, "not this one", at)
    assert refusal.value.message == WrongPassword().message


def test_a_disabled_person_has_no_password(world: World, at: datetime, sams_password: str) -> None:
    users.disable(users.get(world.sam.user_id or 0), by=SYSTEM, at=at)
    with pytest.raises(WrongPassword):
        with_password(SAM, sams_password, at)


def test_guessing_passwords_is_limited_and_the_right_one_waits_too(at: datetime, sams_password: str) -> None:
    for number in range(10):
        with pytest.raises(WrongPassword):
            with_password(SAM, "not this one", at, address=f"192.0.2.{number}")
    with pytest.raises(TooManyTries):
        with_password(SAM, sams_password, at)
    assert with_password(SAM, sams_password, at + 15 * MINUTE).email == SAM


def test_the_right_password_forgives_the_wrong_ones_before_it(at: datetime, sams_password: str) -> None:
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongPassword):
                with_password(SAM, "not this one", at)
        assert with_password(SAM, sams_password, at).email == SAM
    assert Try.select().where(Try.kind == "password.email").count() == 0
    assert Try.select().where(Try.kind == "password.address").count() == 30


def test_old_tries_are_forgotten(world: World, at: datetime) -> None:
    assert world
    ask(ALICE, at)
    assert sign_in.forget_old(at=at + timedelta(days=2)) == 0
    assert sign_in.forget_old(at=at + timedelta(days=2, seconds=1)) == 2


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """What `count` threads got that began together, each with a connection of its own."""
    barrier, outcomes = threading.Barrier(count), []

    def run(number: int) -> None:
        with db.connection():
            barrier.wait()
            try:
                outcomes.append(act(number))
            except Exception as refusal:  # noqa: BLE001 - what it got is what the test asks
                outcomes.append(type(refusal))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_many_who_enter_the_code_at_once_one_comes_in(world: World, at: datetime) -> None:
    assert world
    ask(ALICE, at)
    (code,) = mailed_codes()
    outcomes = at_once(8, lambda number: enter(ALICE, code, at, address=f"192.0.2.{number}").email)
    assert sorted(map(str, outcomes)) == sorted([ALICE] + [str(WrongCode)] * 7)


def test_guesses_at_once_are_all_counted(world: World, at: datetime) -> None:
    assert world
    outcomes = at_once(16, lambda number: enter("stranger@example.com", "1", at, address=f"192.0.2.{number}"))
    assert outcomes.count(WrongCode) == 10
    assert outcomes.count(TooManyTries) == 6


def test_an_unknown_email_takes_as_long_as_a_wrong_password(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hashes of the real cost, so that what they cost outweighs everything else."""
    careful = [passwords.CAREFUL]
    monkeypatch.setattr(passwords, "_chosen", careful)
    passwords._decoy.cache_clear()
    users.set_password(users.get(world.sam.user_id or 0), GOOD, by=SYSTEM, at=at)
    passwords.matches(None, "the stand-in is made once")

    def cpu(email: str) -> float:
        times = []
        for _ in range(3):
            before = time.process_time()
            with pytest.raises(WrongPassword):
                with_password(email, "not this one", at)
            times.append(time.process_time() - before)
        return statistics.median(times)

    known, unknown = cpu(SAM), cpu("stranger@example.com")
    passwords._decoy.cache_clear()
    assert 0.5 < known / unknown < 2, (known, unknown)


def test_asking_wakes_the_worker_for_known_and_unknown_alike(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world
    woken: list[str] = []
    for email in (ALICE, "stranger@example.com", SAM):
        monkeypatch.setattr(outbox, "wake", [lambda email=email: woken.append(email)])
        ask(email, at)
    assert woken == [ALICE, "stranger@example.com", SAM]


def test_an_old_hash_is_made_anew_at_the_next_sign_in(world: World, at: datetime) -> None:
    old = passwords.CAREFUL.hash(GOOD)
    User.update(password_hash=old).where(User.id == world.sam.user_id).execute()
    assert with_password(SAM, GOOD, at).id == world.sam.user_id
    renewed = users.get(world.sam.user_id or 0).password_hash
    assert renewed is not None
    assert not passwords.is_outdated(renewed)
    assert with_password(SAM, GOOD, at).id == world.sam.user_id
