"""A past for a new sandbox: payments that are said to have come before it began, so that they can be given back.

`SANDBOX_PAST` names a JSON file with one row a payment: {"intent", "charge", "attempt_id", "amount", "fee",
"currency", "card", "created"}; amounts in minor units, `card` a test card's number, `created` in Unix seconds. It is
read once, by a sandbox that knows nothing yet. Nobody is told by webhook: the past was told when it happened.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_sandbox import cards, payment_intents, payment_methods
from stripe_sandbox.settings import Refused

if TYPE_CHECKING:
    from stripe_sandbox.errors import Json
    from stripe_sandbox.store import Store

EXPIRES = (12, 2034)
NEEDED = ("intent", "charge", "attempt_id", "amount", "fee", "currency", "card", "created")


def remember(store: Store, file: str) -> int:
    """Lay the payments of a file into an empty store; gives how many. Raises Refused for a file it cannot read."""
    if not file or store.rows("SELECT 1 FROM objects LIMIT 1"):
        return 0
    try:
        rows = json.loads(Path(file).read_text(encoding="utf-8"))
        wrong = [row for row in rows if set(row) != set(NEEDED) or row["card"] not in cards.BY_NUMBER]
    except (OSError, ValueError, TypeError) as problem:
        raise Refused(f"SANDBOX_PAST cannot be read: {problem}") from None
    if wrong:
        raise Refused(f"SANDBOX_PAST has a row that cannot be remembered: {wrong[0]}")
    with store.transaction():
        for row in rows:
            _lay(store, row)
        store.changed("DELETE FROM objects WHERE kind = 'event'")
        store.changed("DELETE FROM deliveries")
        store.emitted.clear()
    return len(rows)


def _lay(store: Store, row: Json) -> None:
    """One payment by card, made the usual way and then given its own ids, fee and time."""
    before = int(store.rows("SELECT COALESCE(MAX(seq), 0) AS seq FROM objects")[0]["seq"])
    terms = {
        "amount": row["amount"],
        "currency": row["currency"],
        "metadata": {"attempt_id": row["attempt_id"]},
    }
    intent = payment_intents.new(store, terms)
    method = payment_methods.new_card(store, row["card"], expires=EXPIRES)
    payment_intents.pay(store, intent, method, is_authenticated=True)
    charge_id = store.get("payment_intent", intent["id"])["latest_charge"]
    made = store.rows("SELECT id, body FROM objects WHERE seq > ? AND kind <> 'event'", (before,))
    for kept in made:
        text = str(kept["body"]).replace(intent["id"], row["intent"]).replace(charge_id, row["charge"])
        body = json.loads(text)
        body["created"] = row["created"]
        if body["object"] == "balance_transaction":
            body |= {"fee": row["fee"], "net": body["amount"] - row["fee"], "status": "available"}
            body["fee_details"][0]["amount"] = row["fee"]
            body["available_on"] = row["created"]
        store.changed(
            "UPDATE objects SET id = ?, created = ?, body = ? WHERE id = ?",
            (body["id"], row["created"], json.dumps(body), kept["id"]),
        )
