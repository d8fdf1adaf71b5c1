"""Mails to the billing team itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billing import outbox, seller
from billing.tables import Mail
from tests.world import AT
from web import letters

if TYPE_CHECKING:
    from tests.world import World


def test_who_decides_reads_what_the_threshold_was_and_is(world: World) -> None:
    for over_minor in (50_000, None):
        policy = seller.SellerPolicy(approval_over_minor=over_minor)
        seller.save_policy(policy, version=seller.get().version, by=world.sam, at=AT)
    mail = Mail.get((Mail.event == outbox.APPROVAL_LOOSENED) & (Mail.recipient == "ada@alderfinch.example"))
    letter = letters.write(mail)
    assert letter.subject == "Approvals: Sam Reyes changed when a second person is asked"
    for words in ("Above £500.00", "Never", "Sam Reyes", "/admin/settings/payments"):
        assert words in letter.text
        assert words in letter.html
