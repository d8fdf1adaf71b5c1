"""Everything said in the scenes is what Stripe could say: by the Python library's classes and by the Node library's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox import shapes
from stripe_sandbox.operations import OPERATIONS
from tests.contracts import judges, literals

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contracts.literals import Said
    from tests.contracts.node_types import Types

EVENTS = {
    "charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn", "charge.dispute.updated", "charge.failed", "charge.pending", "charge.refunded",
    "charge.succeeded", "checkout.session.async_payment_failed", "checkout.session.async_payment_succeeded",
    "checkout.session.completed", "checkout.session.expired", "customer.created", "customer.updated",
    "payment_intent.canceled", "payment_intent.created", "payment_intent.payment_failed",
    "payment_intent.processing", "payment_intent.requires_action", "payment_intent.succeeded",
    "payment_method.attached", "payment_method.automatically_updated", "payment_method.detached", "refund.created",
    "refund.failed", "refund.updated", "setup_intent.canceled", "setup_intent.created",
    "setup_intent.requires_action", "setup_intent.setup_failed", "setup_intent.succeeded",
}  # fmt: skip


def test_the_scenes_say_everything_there_is_to_say(said: list[Said]) -> None:
    operations = {f"{operation.method} {operation.template}" for operation in OPERATIONS}
    assert {one["operation"] for one in said if one["kind"] == "request"} == operations
    told = {one["body"]["type"] for one in said if one["body"].get("object") == "event"}
    assert told == EVENTS
    kinds = {one["body"]["object"] for one in said if one["kind"] == "object"}
    assert kinds == {*shapes.LEFT_OUT, "item", "payment_method"}


def test_the_python_library_knows_every_word(said: list[Said]) -> None:
    wrong = {literals.type_of(one): problems for one in said if (problems := judges.python(one))}
    assert wrong == {}


def test_the_node_library_knows_every_word(said: list[Said], node: Types, tmp_path: Path) -> None:
    wrong = node.problems(said, tmp_path)
    assert {literals.type_of(said[number]): words for number, words in wrong.items()} == {}
    assert len(said) > 200, "the scenes were played"
