"""The page that most people see once: the button in sight, little to load, one clean sheet on paper."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from pypdf import PdfReader

from tests.journeys.paper import plain

if TYPE_CHECKING:
    from tests.browser.conftest import Stage

pytestmark = pytest.mark.browser

HEAVIEST_BYTES = 45_000
FOLDS = [(1280, 640), (390, 664), (360, 640)]


@pytest.mark.parametrize(("width", "height"), FOLDS)
@pytest.mark.parametrize("state", ["open", "overdue"])
def test_the_pay_button_is_in_sight_at_once(stage: Stage, width: int, height: int, state: str) -> None:
    person = "guest" if state == "open" else "alice"
    context = stage.context_as(person, width=width, height=height)
    page = context.new_page()
    page.goto(f"/invoices/{stage.scene.names[state]}")
    page.evaluate("document.fonts.ready")
    button = page.get_by_role("button", name="Pay £")
    box = button.bounding_box()
    assert box is not None
    context.close()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= height


def test_the_page_is_light_to_load(stage: Stage) -> None:
    context = stage.context_as("guest")
    page = context.new_page()
    wire = context.new_cdp_session(page)
    kinds: dict[str, str] = {}
    bytes_of: dict[str, int] = {}

    def answered(told: dict[str, Any]) -> None:
        kinds[told["requestId"]] = f"{told['type']} {told['response']['url'].removeprefix(stage.base)}"

    def loaded(told: dict[str, Any]) -> None:
        bytes_of[told["requestId"]] = int(told["encodedDataLength"])

    wire.on("Network.responseReceived", answered)
    wire.on("Network.loadingFinished", loaded)
    wire.send("Network.enable")
    page.goto(f"/invoices/{stage.scene.names['open']}", wait_until="networkidle")
    context.close()
    loads = {kinds[key]: size for key, size in bytes_of.items() if not kinds[key].startswith("Font")}
    print(loads, sum(loads.values()))
    assert len(loads) >= 4, "the page, its styles and its scripts"
    assert sum(loads.values()) <= HEAVIEST_BYTES, loads


def test_on_paper_it_is_one_clean_sheet_even_from_the_dark(stage: Stage) -> None:
    context = stage.context_as("guest")
    page = context.new_page()
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(f"/invoices/{stage.scene.names['open']}")
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    shown = [page.get_by_role("button", name="Pay £").is_visible(), page.locator("header.top").is_visible()]
    sheets = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    text = plain(" ".join(sheet.extract_text() for sheet in sheets))
    total = page.get_by_text("Amount due").last.locator("..").locator("dd").inner_text()
    context.close()
    assert len(sheets) == 1
    assert shown == [False, False]
    assert background in {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}
    assert plain(total) in text
    assert stage.scene.names["open"] in text
    assert "Activity" not in text
