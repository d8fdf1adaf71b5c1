"""The way of the Tab key through a page, and whether each stop on it can be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.browser.watching import SETTLED

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST_STOPS = 120
# A ring may be drawn by what the control stands in (an amount with its sign, a choice, a card that is one link), and
# Chromium itself draws the one of the calendar button, the last of the stops inside a date field.
STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const rings = (look) => look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2;
  const ring = [at, at.closest(".affix"), at.closest(".choice")].some((one) => one && rings(getComputedStyle(one)))
    || rings(getComputedStyle(at, "::after")) || (at.type === "date" && !at.matches(":focus-visible"));
  const box = at.getClientRects()[0];
  const top = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const clear = Boolean(top) && (at.contains(top) || top.contains(at));
  return {words: (at.ariaLabel || at.innerText || at.id || at.tagName).trim().slice(0, 60), id: at.id, ring, clear};
}"""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the focus is: its words, whether a ring of 2 px shows it, and whether nothing lies over it."""

    words: str
    id: str
    ring: bool
    clear: bool


def tab(page: Page) -> Stop | None:
    """Press Tab once; None where the focus left the page."""
    page.keyboard.press("Tab")
    found = page.evaluate(STOP)
    if found and not (found["ring"] and found["clear"]):
        page.evaluate(SETTLED)  # it may still be moving into place
        found = page.evaluate(STOP)
    return None if found is None else Stop(**found)


def stops(page: Page) -> list[Stop]:
    """Every stop from the top of the page to its end."""
    found: list[Stop] = []
    while len(found) < MOST_STOPS:
        stop = tab(page)
        if stop is None:
            break
        found.append(stop)
    return found


def unseen(found: list[Stop]) -> list[str]:
    """The stops that nobody could see."""
    return [f"{stop.words}: ring {stop.ring}, clear {stop.clear}" for stop in found if not (stop.ring and stop.clear)]
