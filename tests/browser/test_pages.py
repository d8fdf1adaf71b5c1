"""Every page in light, in dark and on the narrowest phone: no violation, no sideways scroll, no complaint, no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.pages import NO_PAGES, ROWS, Row
from tests.browser.watching import at_desk, judged, stored
from tests.web_fixtures import make_app

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = pytest.mark.browser


def test_every_page_has_its_row_and_every_row_its_page(stage: Stage) -> None:
    assert stage.base, "the stage leaves a database behind that an application may be made on"
    shown = {
        rule.endpoint
        for rule in make_app(environment="demo").url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.endpoint not in NO_PAGES
    }
    assert sorted(shown - {row.endpoint for row in ROWS}) == [], "add rows to tests/browser/pages.py"
    assert sorted({row.endpoint for row in ROWS} - shown - {""}) == [], "these rows have no route any more"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_page_serves_everybody(stage: Stage, row: Row) -> None:
    page, complaints = stage.page_as(row.person)
    at_desk(page, "light")
    reply = page.goto(stage.base + row.address.format(**stage.scene.names))
    assert reply is not None
    assert reply.status == row.status, page.locator("body").inner_text()[:500]
    if row.act is not None:
        row.act(page)
    assert judged(page) == []
    assert complaints == []
    assert stored(page) == 0
