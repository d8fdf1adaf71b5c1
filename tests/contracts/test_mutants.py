"""The contracts can fail: every small lie is caught by one judge or the other, and neither catches them all."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.contracts import judges

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contracts.literals import Said
    from tests.contracts.node_types import Types

GONE = object()


@dataclass(frozen=True)
class Mutant:
    """One lie: `at` is the path to what is changed in the first body that `where` finds."""

    lie: str
    where: Callable[[Said], bool]
    at: tuple[str | int, ...]
    value: object
    seen_by: frozenset[str]

    def of(self, said: list[Said]) -> Said:
        """The lie, told."""
        lying = copy.deepcopy(next(one for one in said if self.where(one)))
        node: Any = lying["body"]
        for step in self.at[:-1]:
            node = node[step]
        if self.value is GONE:
            del node[self.at[-1]]
        else:
            node[self.at[-1]] = self.value
        return lying


def _object(kind: str, **equal: object) -> Callable[[Said], bool]:
    wanted = {"object": kind, **equal}
    return lambda one: one["kind"] == "object" and all(one["body"].get(n) == v for n, v in wanted.items())


def _request(operation: str, name: str) -> Callable[[Said], bool]:
    return lambda one: one.get("operation") == operation and name in one["body"]


PYTHON, NODE, BOTH = frozenset({"python"}), frozenset({"node"}), frozenset({"python", "node"})
CHECKOUT = _request("POST /v1/checkout/sessions", "line_items")
WITHDRAWN = _object("dispute", status="lost")
CREATED = _object("event", type="charge.dispute.created")
MUTANTS = (
    Mutant("an unknown field", _object("charge"), ("colour",), "red", BOTH),
    Mutant("a field left out", _object("refund"), ("amount",), GONE, BOTH),
    Mutant("a nullable field left out", _object("payment_intent"), ("last_payment_error",), GONE, NODE),
    Mutant("null where a field must be absent", WITHDRAWN, ("payment_method_details",), None, NODE),
    Mutant("null where there is always a value", _object("charge"), ("livemode",), None, BOTH),
    Mutant("a word no status has", _object("payment_intent"), ("status",), "succeded", PYTHON),
    Mutant("a word no dispute has", WITHDRAWN, ("status",), "loosed", PYTHON),
    Mutant("text for a number", _object("balance_transaction"), ("amount",), "500", BOTH),
    Mutant("a broken number", _object("balance_transaction"), ("fee",), 10.5, PYTHON),
    Mutant("a number for a note", _object("customer"), ("metadata",), {"id": 1}, NODE),
    Mutant("a wrong movement inside a dispute", WITHDRAWN, ("balance_transactions", 0, "net"), None, BOTH),
    Mutant("a card without its brand", _object("payment_method", type="card"), ("card", "brand"), GONE, BOTH),
    Mutant("an event nobody sends", CREATED, ("type",), "charge.dispute.creatd", BOTH),
    Mutant("an event without its object's amount", CREATED, ("data", "object", "amount"), GONE, BOTH),
    Mutant("a setup without its usage", _object("setup_intent"), ("usage",), GONE, BOTH),
    Mutant("a parameter that is gone", CHECKOUT, ("payment_method_types",), ["card"], BOTH),
    Mutant("a mode Checkout lacks", CHECKOUT, ("mode",), "paymnt", PYTHON),
    Mutant("a line without currency", CHECKOUT, ("line_items", 0, "price_data", "currency"), GONE, BOTH),
    Mutant("a word for a number", _request("POST /v1/refunds", "amount"), ("amount",), "all", BOTH),
)


@pytest.fixture(scope="module")
def caught(said: list[Said], node: Types, tmp_path_factory: pytest.TempPathFactory) -> dict[str, frozenset[str]]:
    """{lie: who saw it}; the compiler judges all of them in one go."""
    told = [mutant.of(said) for mutant in MUTANTS]
    scratch: Path = tmp_path_factory.mktemp("mutants")
    by_node = node.problems(told, scratch)
    return {
        mutant.lie: frozenset(
            name for name, is_seen in (("python", bool(judges.python(one))), ("node", number in by_node)) if is_seen
        )
        for number, (mutant, one) in enumerate(zip(MUTANTS, told, strict=True))
    }


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.lie.replace(" ", "_"))
def test_a_lie_is_caught(caught: dict[str, frozenset[str]], mutant: Mutant) -> None:
    assert caught[mutant.lie] == mutant.seen_by


def test_each_judge_sees_what_the_other_does_not(caught: dict[str, frozenset[str]]) -> None:
    assert all(caught.values())
    assert {PYTHON, NODE} <= set(caught.values())
