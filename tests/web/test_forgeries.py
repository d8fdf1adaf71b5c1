"""Ten thousand deliveries that nobody with our secret signed: none is accepted, and none leaves a trace."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from flask.testing import FlaskClient

from billing import clock, gateway, stripe_events
from billing.tables import AuditRow, Payment, StripeEvent
from tests.billing import paying
from tests.world import AT

if TYPE_CHECKING:
    from flask import Flask

    from tests.world import World

FORGERIES = 10_000
HEX = "0123456789abcdef"

Delivery = tuple[bytes, str]
Forger = "Callable[[random.Random, bytes, str], Delivery]"


def flip_a_bit(chance: random.Random, payload: bytes, header: str) -> Delivery:
    index = chance.randrange(len(payload))
    return payload[:index] + bytes([payload[index] ^ (1 << chance.randrange(8))]) + payload[index + 1 :], header


def change_a_digit(chance: random.Random, payload: bytes, header: str) -> Delivery:
    index = chance.randrange(header.index("v1=") + 3, len(header))
    digit = chance.choice([mark for mark in HEX if mark != header[index]])
    return payload, header[:index] + digit + header[index + 1 :]


def cut_it_short(chance: random.Random, payload: bytes, header: str) -> Delivery:
    return payload[: chance.randrange(len(payload))], header


def move_its_time(chance: random.Random, payload: bytes, header: str) -> Delivery:
    stamp, _, rest = header.partition(",")
    moved = int(stamp.removeprefix("t=")) + chance.choice([-1, 1]) * chance.randrange(1, 200)
    return payload, f"t={moved},{rest}"


def sign_with_another_secret(chance: random.Random, payload: bytes, header: str) -> Delivery:
    return payload, paying.signed(payload.decode(), f"whsec_{chance.random()}", at=clock.real_now())


def send_an_old_one(chance: random.Random, payload: bytes, header: str) -> Delivery:
    del header
    old = clock.real_now().timestamp() - chance.randrange(301, 10_000_000)
    return payload, paying.signed(payload.decode(), at=AT.fromtimestamp(old, AT.tzinfo))


def send_one_from_the_future(chance: random.Random, payload: bytes, header: str) -> Delivery:
    late = clock.real_now().timestamp() + chance.randrange(360, 10_000_000)
    return payload, paying.signed(payload.decode(), at=AT.fromtimestamp(late, AT.tzinfo))


def change_the_amount_of_a_signed_one(chance: random.Random, payload: bytes, header: str) -> Delivery:
    event = json.loads(payload)
    event["data"]["object"]["amount"] = chance.randrange(10**9)
    return json.dumps(event).encode(), header


def invent_a_header(chance: random.Random, payload: bytes, header: str) -> Delivery:
    parts = [f"t={int(clock.real_now().timestamp())}", "v1=", f"v0={chance.getrandbits(256):064x}", "v1=00", ",", "="]
    return payload, ",".join(chance.choices(parts, k=chance.randrange(5)))


FORGERS = (
    flip_a_bit, change_a_digit, cut_it_short, move_its_time, sign_with_another_secret, send_an_old_one,
    send_one_from_the_future, change_the_amount_of_a_signed_one, invent_a_header,
)  # fmt: skip


def behind(body: bytes, header: str) -> int:
    """The status the door would answer."""
    at = clock.real_now()
    try:
        return 200 if stripe_events.receive(body, header, at=at, real_at=at) else 500
    except gateway.BadSignature:
        return 400


def test_ten_thousand_forged_deliveries_are_refused(app: Flask, world: World) -> None:
    gateway.use(paying.Sandbox("http://127.0.0.1:9").gateway())
    event = {
        "id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": int(AT.timestamp()),
        "livemode": False, "api_version": "2026-10-28.endive",
        "data": {"object": {"id": "pi_1", "object": "payment_intent", "amount": 116_400}},
    }  # fmt: skip
    payload = json.dumps(event).encode()
    chance, door = random.Random(3), FlaskClient(app)
    before = AuditRow.select().count()
    answers: dict[int, int] = {}
    for number in range(FORGERIES):
        forger = FORGERS[number % len(FORGERS)]
        header = paying.signed(payload.decode(), at=clock.real_now())
        body, forged = forger(chance, payload, header)
        if number % 5 == 0:  # the others knock at what stands behind the door, which costs less time
            status = door.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": forged}).status_code
        else:
            status = behind(body, forged)
        answers[status] = answers.get(status, 0) + 1
    gateway.use(None)
    assert answers == {400: FORGERIES}
    assert not StripeEvent.select().exists()
    assert not Payment.select().exists()
    assert AuditRow.select().count() == before
