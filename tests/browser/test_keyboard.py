"""By keyboard alone, every stop on the way shows its ring, with nothing lying over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.focus import stops, unseen

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = pytest.mark.browser

PAGES = [
    ("guest", "/invoices/{open}", 8),
    ("alice", "/invoices", 20),
    ("nobody", "/login", 3),
    ("sam", "/admin/invoices/new", 20),
    ("sam", "/admin/invoices/{draft_id}/issue", 8),
    ("sam", "/admin/invoices/{changed_id}/void", 8),
]


@pytest.mark.parametrize(("person", "address", "fewest"), PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_every_stop_is_seen(stage: Stage, person: str, address: str, fewest: int, width: int) -> None:
    page, complaints = stage.page_as(person)
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(stage.base + address.format(**stage.scene.names))
    page.evaluate("document.activeElement.blur()")
    found = stops(page)
    assert len(found) >= fewest
    assert unseen(found) == []
    assert complaints == []
