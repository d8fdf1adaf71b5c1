"""A sandbox that begins with a past: what came before can be looked up and given back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stripe_sandbox import past
from stripe_sandbox.settings import Refused
from stripe_sandbox.store import Store

if TYPE_CHECKING:
    from pathlib import Path

ROW = {
    "intent": "pi_seed_000001",
    "charge": "ch_seed_000001",
    "attempt_id": "PAY-SEED-0000-0001",
    "amount": 116_400,
    "fee": 1_766,
    "currency": "gbp",
    "card": "5555555555554444",
    "created": 1_760_000_000,
}


def told(folder: Path, rows: object) -> str:
    file = folder / "past.json"
    file.write_text(json.dumps(rows))
    return str(file)


def test_a_payment_of_the_past_is_known_with_its_charge_its_fee_and_its_day(tmp_path: Path) -> None:
    store = Store(tmp_path / "sandbox.db", base_url="http://127.0.0.1:8421", webhook_url="http://127.0.0.1:9/hook")

    assert past.remember(store, told(tmp_path, [ROW])) == 1

    intent = store.get("payment_intent", "pi_seed_000001")
    charge = store.get("charge", intent["latest_charge"])
    movement = store.get("balance_transaction", charge["balance_transaction"])
    assert (intent["status"], intent["amount_received"], intent["metadata"]) == (
        "succeeded",
        116_400,
        {"attempt_id": "PAY-SEED-0000-0001"},
    )
    assert (charge["id"], charge["payment_intent"], charge["created"]) == (
        "ch_seed_000001",
        "pi_seed_000001",
        1_760_000_000,
    )
    assert (movement["amount"], movement["fee"], movement["net"]) == (116_400, 1_766, 114_634)
    assert movement["source"] == "ch_seed_000001"
    assert not store.where("event"), "nobody is told of the past"
    assert not store.rows("SELECT 1 FROM deliveries")
    store.close()


def test_a_sandbox_that_knows_something_is_left_as_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "sandbox.db", base_url="http://127.0.0.1:8421")
    file = told(tmp_path, [ROW])
    past.remember(store, file)

    assert past.remember(store, file) == 0
    assert past.remember(store, "") == 0
    store.close()


@pytest.mark.parametrize("rows", [[{"intent": "pi_1"}], [ROW | {"card": "4111111111111111"}], "nonsense", 7])
def test_a_past_that_cannot_be_read_stops_the_start(tmp_path: Path, rows: object) -> None:
    store = Store(tmp_path / "sandbox.db", base_url="http://127.0.0.1:8421")
    with pytest.raises(Refused):
        past.remember(store, told(tmp_path, rows))
    store.close()
