"""Documents that wait to be drawn: due, claimed, given up for a while, and stored."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from billing import documents
from billing.errors import Refusal
from billing.tables import Rendering
from tests.world import AT, Pen

if TYPE_CHECKING:
    from tests.world import World


class Torn(Pen):
    """Refuses every page, and looks meanwhile whether somebody else could take it."""

    def __init__(self) -> None:
        self.could_be_taken: list[bool] = []

    def render(self, html: str, **_: object) -> bytes:
        self.could_be_taken.append(documents.is_any_due(AT))
        raise Refusal("No paper today.")


def page(_snapshot: dict[str, object]) -> str:
    return "<p>Invoice</p>"


def test_a_document_is_due_once_it_is_queued_and_no_more_when_it_is_stored(world: World) -> None:
    assert not documents.is_any_due(AT)
    invoice = world.issued()
    assert not documents.is_any_due(AT - timedelta(seconds=1))
    assert documents.is_any_due(AT)
    assert documents.draw_due(Pen(), page, at=AT) == 1
    assert documents.state(documents.invoice(invoice.id)) == "stored"
    assert not documents.is_any_due(AT + timedelta(days=1))


def test_a_document_being_drawn_is_nobody_elses_until_its_lease_is_over(world: World) -> None:
    world.issued()
    Rendering.update(state="drawing", lease_until=AT + documents.LEASE).execute()
    assert not documents.is_any_due(AT + documents.LEASE)
    assert documents.is_any_due(AT + documents.LEASE + timedelta(seconds=1))


def test_a_document_that_was_refused_waits_before_it_is_due_again(world: World) -> None:
    world.issued()
    torn = Torn()
    assert documents.draw_due(torn, page, at=AT) == 0
    assert torn.could_be_taken == [False]
    assert not documents.is_any_due(AT + timedelta(seconds=59))
    assert documents.is_any_due(AT + timedelta(seconds=60))
    assert Rendering.get().error == "No paper today."
