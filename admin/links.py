"""Mailed links, seen from the billing team: each can be ended, for when it reached the wrong eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import flash, url_for

from admin import admin
from billing import clock, links
from web import hx
from web.people import person, staff_role
from web.submissions import once

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


@admin.post("/invoices/<int:invoice_id>/links/<link_id>/revoke", endpoint="revoke_link")
@staff_role("admin")
@once
def revoke(invoice_id: int, link_id: str) -> ResponseReturnValue:
    """End one link of an invoice. Ending it again changes nothing."""
    link = links.of_invoice(invoice_id, link_id)
    links.revoke(link, by=person().actor, at=clock.now())
    flash(f"The link mailed to {link.recipient} no longer opens anything.", "success")
    return hx.go(url_for(".invoice", invoice_id=invoice_id))
