"""One draft, issued by many at once, is one invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from billing import invoices
from tests.races.racing import kinds, race
from tests.world import AT, TODAY

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.world import World

ISSUERS = 8

pytestmark = pytest.mark.race


def test_one_draft_issued_by_many_at_once_is_issued_once(database: TestDatabase, world: World) -> None:
    draft = world.draft()

    def issue(_: int) -> str | None:
        return invoices.issue(draft.id, on=TODAY, version=1, by=world.sam, at=AT).number

    answers = race(database.url, ISSUERS, issue)
    assert [answer for answer in answers if isinstance(answer, str)] == ["INV-2026-0001"]
    assert sum(answer == "InvoiceNotDraft" for answer in kinds(answers)) == ISSUERS - 1
